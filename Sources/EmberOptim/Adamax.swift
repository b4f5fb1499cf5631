import EmberRuntime
import EmberTensor

/// Adam with the largest gradient in place of the second moment (Kingma and Ba, 2015, arXiv:1412.6980, section 7.1), as
/// `torch.optim.Adamax`.
open class Adamax: GroupOptimizer<Adamax.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The length of a step.
    public var learningRate: Double
    /// How much of the average of the gradient and of its largest absolute value a step keeps, each from 0 to below 1.
    public var betas: (Double, Double)
    /// Added to the absolute value of the gradient before the maximum.
    public var epsilon: Double
    /// This times the parameter is added to the gradient: L2 regularisation.
    public var weightDecay: Double
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 0,
      maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.betas = betas
      self.epsilon = epsilon
      self.weightDecay = weightDecay
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("beta1", \.betas.0), ("beta2", \.betas.1), ("eps", \.epsilon), ("weight_decay", \.weightDecay),
        ("maximize", \.maximize.asNumber),
      ]
    }
    public static var momentum: WritableKeyPath<Options, Double>? { \.betas.0 }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("Adamax")
      try checks.notNegative("learningRate", learningRate)
      try checks.betas(betas)
      try checks.notNegative("epsilon", epsilon)
      try checks.notNegative("weightDecay", weightDecay)
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay, maximize: maximize))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] { [StateTensor("exp_avg"), StateTensor("exp_inf")] }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    let rate = o.learningRate / Adam.corrections(o.betas, update.state.step).0
    Self.rule(
      [update.value, update.state["exp_avg"], update.state["exp_inf"]], reading: [update.gradient],
      [o.maximize ? -1 : 1, o.weightDecay, 1 - o.betas.0, o.betas.1, o.epsilon, rate])
  }

  private static let rule = PointwiseUpdate("adamax", targets: 3, parameters: 6) { x, inputs, numbers in
    let gradient = numbers[0] * inputs[0] + numbers[1] * x[0]
    let average = x[1] + (gradient - x[1]) * numbers[2]
    let largest = maximum(x[2] * numbers[3], abs(gradient) + numbers[4])
    return [x[0] - numbers[5] * (average / largest), average, largest]
  }
}
