import EmberRuntime
import EmberTensor

/// Steps divided by the root of the sum of all squared gradients so far (Duchi, Hazan and Singer, 2011), as `torch.optim.Adagrad`.
open class Adagrad: GroupOptimizer<Adagrad.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The length of a step.
    public var learningRate: Double
    /// The rate is divided by 1 + (steps taken before) times this.
    public var learningRateDecay: Double
    /// This times the parameter is added to the gradient: L2 regularisation.
    public var weightDecay: Double
    /// What the sums of squares begin with.
    public var initialAccumulatorValue: Double
    /// Added to the denominator.
    public var epsilon: Double
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 1e-2, learningRateDecay: Double = 0, weightDecay: Double = 0, initialAccumulatorValue: Double = 0,
      epsilon: Double = 1e-10, maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.learningRateDecay = learningRateDecay
      self.weightDecay = weightDecay
      self.initialAccumulatorValue = initialAccumulatorValue
      self.epsilon = epsilon
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("lr_decay", \.learningRateDecay), ("weight_decay", \.weightDecay),
        ("initial_accumulator_value", \.initialAccumulatorValue), ("eps", \.epsilon), ("maximize", \.maximize.asNumber),
      ]
    }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("Adagrad")
      try checks.notNegative("learningRate", learningRate)
      try checks.notNegative("learningRateDecay", learningRateDecay)
      try checks.notNegative("weightDecay", weightDecay)
      try checks.notNegative("initialAccumulatorValue", initialAccumulatorValue)
      try checks.notNegative("epsilon", epsilon)
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-2, learningRateDecay: Double = 0, weightDecay: Double = 0,
    initialAccumulatorValue: Double = 0, epsilon: Double = 1e-10, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, learningRateDecay: learningRateDecay, weightDecay: weightDecay,
          initialAccumulatorValue: initialAccumulatorValue, epsilon: epsilon, maximize: maximize))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] {
    [StateTensor("sum", initial: options.initialAccumulatorValue)]
  }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    let rate = o.learningRate / (1 + Double(update.state.step - 1) * o.learningRateDecay)
    Self.rule([update.value, update.state["sum"]], reading: [update.gradient], [o.maximize ? -1 : 1, o.weightDecay, rate, o.epsilon])
  }

  private static let rule = PointwiseUpdate("adagrad", targets: 2, parameters: 4) { x, inputs, numbers in
    let gradient = numbers[0] * inputs[0] + numbers[1] * x[0]
    let sum = x[1] + gradient * gradient
    return [x[0] - numbers[2] * (gradient / (sqrt(sum) + numbers[3])), sum]
  }
}
