import EmberRuntime
import EmberTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Adam with Nesterov momentum (Dozat, 2016), as `torch.optim.NAdam`.
open class NAdam: GroupOptimizer<NAdam.Options> {
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
    /// How fast the momentum approaches its final value.
    public var momentumDecay: Double
    /// Weight decay shrinks the parameter instead of joining the gradient.
    public var decoupled: Bool
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 0,
      momentumDecay: Double = 4e-3, decoupled: Bool = false, maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.betas = betas
      self.epsilon = epsilon
      self.weightDecay = weightDecay
      self.momentumDecay = momentumDecay
      self.decoupled = decoupled
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("beta1", \.betas.0), ("beta2", \.betas.1), ("eps", \.epsilon), ("weight_decay", \.weightDecay),
        ("momentum_decay", \.momentumDecay), ("decoupled_weight_decay", \.decoupled.asNumber), ("maximize", \.maximize.asNumber),
      ]
    }
    public static var momentum: WritableKeyPath<Options, Double>? { \.betas.0 }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("NAdam")
      try checks.notNegative("learningRate", learningRate)
      try checks.betas(betas)
      try checks.notNegative("epsilon", epsilon)
      try checks.notNegative("weightDecay", weightDecay)
      try checks.notNegative("momentumDecay", momentumDecay)
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0, momentumDecay: Double = 4e-3, decoupled: Bool = false, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay, momentumDecay: momentumDecay,
          decoupled: decoupled, maximize: maximize))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] { [StateTensor("exp_avg"), StateTensor("exp_avg_sq")] }

  override open func initialNumbers(_ options: Options) -> [String: Double] { ["mu_product": 1] }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    let step = Double(update.state.step)
    // The momentum grows from half of β₁ towards β₁.
    func momentum(_ step: Double) -> Double { o.betas.0 * (1 - 0.5 * pow(0.96, step * o.momentumDecay)) }
    let now = momentum(step), next = momentum(step + 1)
    let product = update.state.numbers["mu_product"]! * now
    update.state.numbers["mu_product"] = product
    Self.rule(
      [update.value, update.state["exp_avg"], update.state["exp_avg_sq"]], reading: [update.gradient],
      [
        o.decoupled ? 1 - o.learningRate * o.weightDecay : 1, o.decoupled ? 0 : o.weightDecay, o.maximize ? -1 : 1, 1 - o.betas.0,
        o.betas.1, 1 - o.betas.1, o.learningRate * (1 - now) / (1 - product), o.learningRate * next / (1 - product * next),
        1 / Adam.corrections(o.betas, update.state.step).1, o.epsilon,
      ])
  }

  private static let rule = PointwiseUpdate("nadam", targets: 3, parameters: 10) { x, inputs, numbers in
    let moments = AdamMoments(x[0], x[1], x[2], gradient: inputs[0], numbers)
    let denominator = sqrt(moments.square * numbers[8]) + numbers[9]
    let moved = moments.parameter - numbers[6] * (moments.gradient / denominator) - numbers[7] * (moments.average / denominator)
    return [moved, moments.average, moments.square]
  }
}
