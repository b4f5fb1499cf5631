import CEmberKernels
import EmberRuntime
import EmberTensor

/// Stochastic gradient descent with momentum (Sutskever et al., 2013), as `torch.optim.SGD`.
open class SGD: GroupOptimizer<SGD.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The length of a step.
    public var learningRate: Double
    /// How much of the last direction a step keeps.
    public var momentum: Double
    /// The part of the gradient that does not join the momentum.
    public var dampening: Double
    /// This times the parameter is added to the gradient: L2 regularisation.
    public var weightDecay: Double
    /// Looks ahead by the momentum; Sutskever et al., 2013.
    public var nesterov: Bool
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0, nesterov: Bool = false,
      maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.momentum = momentum
      self.dampening = dampening
      self.weightDecay = weightDecay
      self.nesterov = nesterov
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("momentum", \.momentum), ("dampening", \.dampening), ("weight_decay", \.weightDecay),
        ("nesterov", \.nesterov.asNumber), ("maximize", \.maximize.asNumber),
      ]
    }
    public static var momentum: WritableKeyPath<Options, Double>? { \.momentum }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("SGD")
      try checks.notNegative("learningRate", learningRate)
      try checks.notNegative("momentum", momentum)
      try checks.notNegative("weightDecay", weightDecay)
      try checks.require("momentum with nesterov", momentum, !nesterov || momentum > 0, "positive")
      try checks.require("dampening with nesterov", dampening, !nesterov || dampening == 0, "0")
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, momentum: momentum, dampening: dampening, weightDecay: weightDecay, nesterov: nesterov,
          maximize: maximize))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] {
    options.momentum == 0 ? [] : [StateTensor("momentum_buffer")]
  }

  override open func apply(_ updates: inout [ParameterUpdate], _ o: Options) {
    for run in updates.runs({ $0.state.isFresh == $1.state.isFresh && usesKernel($0.value) == usesKernel($1.value) }) {
      guard usesKernel(updates[run.lowerBound].value) else {
        for i in run { apply(&updates[i], o) }
        continue
      }
      let options = ember_sgd_options(
        learning_rate: o.learningRate, momentum: o.momentum, dampening: o.dampening, weight_decay: o.weightDecay, nesterov: o.nesterov,
        maximize: o.maximize, first_step: updates[run.lowerBound].state.isFresh)
      updates[run].step(OptimizerSteps.sgd, states: o.momentum == 0 ? [] : ["momentum_buffer"], options)
    }
  }

  /// The rule on devices without that kernel. The buffer begins as the first gradient.
  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    let sign = o.maximize ? -1.0 : 1
    guard o.momentum != 0 else { return Self.plain([update.value], reading: [update.gradient], [o.learningRate, o.weightDecay, sign]) }
    let isFirst = update.state.isFresh
    Self.withMomentum(
      [update.value, update.state["momentum_buffer"]], reading: [update.gradient],
      [
        o.learningRate, o.weightDecay, sign, isFirst ? 0 : o.momentum, isFirst ? 1 : 1 - o.dampening, o.nesterov ? 1 : 0,
        o.nesterov ? o.momentum : 1,
      ])
  }

  func usesKernel(_ value: Tensor) -> Bool { value.hasKernel(of: OptimizerSteps.sgd) }

  private static let plain = PointwiseUpdate("sgd", targets: 1, parameters: 3) { x, inputs, numbers in
    [x[0] - numbers[0] * (numbers[2] * inputs[0] + numbers[1] * x[0])]
  }

  private static let withMomentum = PointwiseUpdate("sgd", targets: 2, parameters: 7) { x, inputs, numbers in
    let (rate, decay, sign, momentum, keep) = (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4])
    let gradient = sign * inputs[0] + decay * x[0]
    let buffer = momentum * x[1] + keep * gradient
    return [x[0] - rate * (numbers[5] * gradient + numbers[6] * buffer), buffer]
  }
}
