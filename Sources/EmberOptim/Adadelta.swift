import EmberRuntime
import EmberTensor

/// Steps in units of the parameter, from running averages of squared gradients and of squared steps (Zeiler, 2012, arXiv:1212.5701), as
/// `torch.optim.Adadelta`.
open class Adadelta: GroupOptimizer<Adadelta.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// What the step that the rule finds is multiplied by.
    public var learningRate: Double
    /// How much of the running averages a step keeps.
    public var rho: Double
    /// Added to the averages under both roots.
    public var epsilon: Double
    /// This times the parameter is added to the gradient: L2 regularisation.
    public var weightDecay: Double
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 1, rho: Double = 0.9, epsilon: Double = 1e-6, weightDecay: Double = 0, maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.rho = rho
      self.epsilon = epsilon
      self.weightDecay = weightDecay
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("rho", \.rho), ("eps", \.epsilon), ("weight_decay", \.weightDecay), ("maximize", \.maximize.asNumber),
      ]
    }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("Adadelta")
      try checks.notNegative("learningRate", learningRate)
      try checks.require("rho", rho, rho >= 0 && rho <= 1, "between 0 and 1")
      try checks.notNegative("epsilon", epsilon)
      try checks.notNegative("weightDecay", weightDecay)
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1, rho: Double = 0.9, epsilon: Double = 1e-6, weightDecay: Double = 0,
    maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, rho: rho, epsilon: epsilon, weightDecay: weightDecay, maximize: maximize))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] {
    [StateTensor("square_avg"), StateTensor("acc_delta")]
  }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    Self.rule(
      [update.value, update.state["square_avg"], update.state["acc_delta"]], reading: [update.gradient],
      [o.maximize ? -1 : 1, o.weightDecay, o.rho, 1 - o.rho, o.epsilon, o.learningRate])
  }

  private static let rule = PointwiseUpdate("adadelta", targets: 3, parameters: 6) { x, inputs, numbers in
    let (keep, add, epsilon) = (numbers[2], numbers[3], numbers[4])
    let gradient = numbers[0] * inputs[0] + numbers[1] * x[0]
    let square = x[1] * keep + gradient * gradient * add
    let move = sqrt(x[2] + epsilon) / sqrt(square + epsilon) * gradient
    return [x[0] - numbers[5] * move, square, x[2] * keep + move * move * add]
  }
}
