import EmberRuntime
import EmberTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Averaged stochastic gradient descent (Polyak and Juditsky, 1992), as `torch.optim.ASGD`. The state `ax` is the parameters' average.
open class ASGD: GroupOptimizer<ASGD.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The length of a step.
    public var learningRate: Double
    /// The term of decay.
    public var lambd: Double
    /// The power by which the learning rate falls.
    public var alpha: Double
    /// The step after which averaging begins.
    public var t0: Double
    /// This times the parameter is added to the gradient: L2 regularisation.
    public var weightDecay: Double
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 1e-2, lambd: Double = 1e-4, alpha: Double = 0.75, t0: Double = 1e6, weightDecay: Double = 0,
      maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.lambd = lambd
      self.alpha = alpha
      self.t0 = t0
      self.weightDecay = weightDecay
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("lambd", \.lambd), ("alpha", \.alpha), ("t0", \.t0), ("weight_decay", \.weightDecay),
        ("maximize", \.maximize.asNumber),
      ]
    }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("ASGD")
      try checks.notNegative("learningRate", learningRate)
      try checks.notNegative("lambd", lambd)
      try checks.notNegative("alpha", alpha)
      try checks.notNegative("weightDecay", weightDecay)
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-2, lambd: Double = 1e-4, alpha: Double = 0.75, t0: Double = 1e6,
    weightDecay: Double = 0, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, lambd: lambd, alpha: alpha, t0: t0, weightDecay: weightDecay, maximize: maximize))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] { [StateTensor("ax")] }

  override open func initialNumbers(_ options: Options) -> [String: Double] { ["eta": options.learningRate, "mu": 1] }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    let rate = update.state.numbers["eta"]!, share = update.state.numbers["mu"]!
    Self.rule(
      [update.value, update.state["ax"]], reading: [update.gradient],
      [o.maximize ? -1 : 1, o.weightDecay, 1 - o.lambd * rate, rate, share, 1 - share])
    let step = Double(update.state.step)
    update.state.numbers["eta"] = o.learningRate / pow(1 + o.lambd * o.learningRate * step, o.alpha)
    update.state.numbers["mu"] = 1 / max(1, step - o.t0)
  }

  private static let rule = PointwiseUpdate("asgd", targets: 2, parameters: 6) { x, inputs, numbers in
    let gradient = numbers[0] * inputs[0] + numbers[1] * x[0]
    let moved = x[0] * numbers[2] - numbers[3] * gradient
    return [moved, numbers[4] * moved + numbers[5] * x[1]]
  }
}
