import EmberRuntime
import EmberTensor

/// Steps divided by the root of a running average of squared gradients (Hinton, 2012, lecture 6e; centred: Graves, 2013,
/// arXiv:1308.0850), as `torch.optim.RMSprop`.
open class RMSprop: GroupOptimizer<RMSprop.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The length of a step.
    public var learningRate: Double
    /// How much of the running averages a step keeps.
    public var alpha: Double
    /// Added to the denominator.
    public var epsilon: Double
    /// This times the parameter is added to the gradient: L2 regularisation.
    public var weightDecay: Double
    /// How much of the last direction a step keeps.
    public var momentum: Double
    /// Divides by the standard deviation instead: the running average of the gradient is taken off.
    public var centered: Bool
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 1e-2, alpha: Double = 0.99, epsilon: Double = 1e-8, weightDecay: Double = 0, momentum: Double = 0,
      centered: Bool = false, maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.alpha = alpha
      self.epsilon = epsilon
      self.weightDecay = weightDecay
      self.momentum = momentum
      self.centered = centered
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("alpha", \.alpha), ("eps", \.epsilon), ("weight_decay", \.weightDecay), ("momentum", \.momentum),
        ("centered", \.centered.asNumber), ("maximize", \.maximize.asNumber),
      ]
    }
    public static var momentum: WritableKeyPath<Options, Double>? { \.momentum }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("RMSprop")
      try checks.notNegative("learningRate", learningRate)
      try checks.notNegative("alpha", alpha)
      try checks.notNegative("epsilon", epsilon)
      try checks.notNegative("weightDecay", weightDecay)
      try checks.notNegative("momentum", momentum)
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-2, alpha: Double = 0.99, epsilon: Double = 1e-8, weightDecay: Double = 0,
    momentum: Double = 0, centered: Bool = false, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, alpha: alpha, epsilon: epsilon, weightDecay: weightDecay, momentum: momentum, centered: centered,
          maximize: maximize))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] {
    [StateTensor("square_avg")] + (options.momentum > 0 ? [StateTensor("momentum_buffer")] : [])
      + (options.centered ? [StateTensor("grad_avg")] : [])
  }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    let names = ["square_avg"] + (o.momentum > 0 ? ["momentum_buffer"] : []) + (o.centered ? ["grad_avg"] : [])
    let (plain, centered) =
      o.momentum > 0 ? (Self.momentumRule, Self.centeredMomentumRule) : (Self.plainRule, Self.centeredRule)
    let rule = o.centered ? centered : plain
    rule(
      [update.value] + names.map { update.state[$0] }, reading: [update.gradient],
      [o.maximize ? -1 : 1, o.weightDecay, o.alpha, 1 - o.alpha, o.epsilon, o.learningRate, o.momentum])
  }

  private static let plainRule = rule(momentum: false, centered: false)
  private static let centeredRule = rule(momentum: false, centered: true)
  private static let momentumRule = rule(momentum: true, centered: false)
  private static let centeredMomentumRule = rule(momentum: true, centered: true)

  private static func rule(momentum hasMomentum: Bool, centered: Bool) -> PointwiseUpdate {
    PointwiseUpdate("rmsprop", targets: 2 + (hasMomentum ? 1 : 0) + (centered ? 1 : 0), parameters: 7) { x, inputs, numbers in
      let (keep, add, epsilon, rate) = (numbers[2], numbers[3], numbers[4], numbers[5])
      let gradient = numbers[0] * inputs[0] + numbers[1] * x[0]
      let square = x[1] * keep + gradient * gradient * add
      let old = x[x.count - 1]
      let average = old + (gradient - old) * add
      let move = gradient / (sqrt(centered ? square - average * average : square) + epsilon)
      let buffer = hasMomentum ? x[2] * numbers[6] + move : move
      return [x[0] - rate * buffer, square] + (hasMomentum ? [buffer] : []) + (centered ? [average] : [])
    }
  }
}
