import EmberRuntime
import EmberTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Adam that adapts its step only once the second moment is known well enough (Liu et al., 2020, arXiv:1908.03265), as
/// `torch.optim.RAdam`.
open class RAdam: GroupOptimizer<RAdam.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The length of a step.
    public var learningRate: Double
    /// How much of the averages of the gradient and of its square a step keeps, each from 0 to below 1.
    public var betas: (Double, Double)
    /// Added to the denominator.
    public var epsilon: Double
    /// This times the parameter is added to the gradient, or with `decoupled` times the rate taken from the parameter.
    public var weightDecay: Double
    /// Weight decay shrinks the parameter instead of joining the gradient.
    public var decoupled: Bool
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 0,
      decoupled: Bool = false, maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.betas = betas
      self.epsilon = epsilon
      self.weightDecay = weightDecay
      self.decoupled = decoupled
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("beta1", \.betas.0), ("beta2", \.betas.1), ("eps", \.epsilon), ("weight_decay", \.weightDecay),
        ("decoupled_weight_decay", \.decoupled.asNumber), ("maximize", \.maximize.asNumber),
      ]
    }
    public static var momentum: WritableKeyPath<Options, Double>? { \.betas.0 }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("RAdam")
      try checks.notNegative("learningRate", learningRate)
      try checks.betas(betas)
      try checks.notNegative("epsilon", epsilon)
      try checks.notNegative("weightDecay", weightDecay)
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0, decoupled: Bool = false, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay, decoupled: decoupled, maximize: maximize))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] { [StateTensor("exp_avg"), StateTensor("exp_avg_sq")] }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    let step = update.state.step
    let (correction1, correction2) = Adam.corrections(o.betas, step)
    var numbers = [
      o.decoupled ? 1 - o.learningRate * o.weightDecay : 1, o.decoupled ? 0 : o.weightDecay, o.maximize ? -1 : 1, 1 - o.betas.0, o.betas.1,
      1 - o.betas.1, o.learningRate / correction1,
    ]
    let targets = [update.value, update.state["exp_avg"], update.state["exp_avg_sq"]]
    // The length of a simple average that varies as much as this one does, now and in the end.
    let most = 2 / (1 - o.betas.1) - 1
    let now = most - 2 * Double(step) * pow(o.betas.1, Double(step)) / correction2
    guard now > 5 else { return Self.plainRule(targets, reading: [update.gradient], numbers) }
    let rectification = ((now - 4) * (now - 2) * most / ((most - 4) * (most - 2) * now)).squareRoot()
    numbers += [rectification * correction2.squareRoot(), o.epsilon]
    Self.adaptiveRule(targets, reading: [update.gradient], numbers)
  }

  private static let plainRule = PointwiseUpdate("radam", targets: 3, parameters: 7) { x, inputs, numbers in
    let moments = AdamMoments(x[0], x[1], x[2], gradient: inputs[0], numbers)
    return [moments.parameter - numbers[6] * moments.average, moments.average, moments.square]
  }

  private static let adaptiveRule = PointwiseUpdate("radam", targets: 3, parameters: 9) { x, inputs, numbers in
    let moments = AdamMoments(x[0], x[1], x[2], gradient: inputs[0], numbers)
    let adapted = numbers[7] / (sqrt(moments.square) + numbers[8])
    return [moments.parameter - numbers[6] * moments.average * adapted, moments.average, moments.square]
  }
}
