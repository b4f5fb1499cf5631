import EmberRuntime
import EmberTensor

/// Steps whose sizes depend on signs only: larger while the gradient keeps its sign, smaller after it changed (Riedmiller and Braun, 1993),
/// as `torch.optim.Rprop`.
open class Rprop: GroupOptimizer<Rprop.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The first step size.
    public var learningRate: Double
    /// Factors of the step size after a change of sign, and without.
    public var etas: (Double, Double)
    /// The smallest and the largest step.
    public var stepSizes: (Double, Double)
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 1e-2, etas: (Double, Double) = (0.5, 1.2), stepSizes: (Double, Double) = (1e-6, 50), maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.etas = etas
      self.stepSizes = stepSizes
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("etaminus", \.etas.0), ("etaplus", \.etas.1), ("step_size_min", \.stepSizes.0),
        ("step_size_max", \.stepSizes.1), ("maximize", \.maximize.asNumber),
      ]
    }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("Rprop")
      try checks.notNegative("learningRate", learningRate)
      try checks.require("etas.0", etas.0, etas.0 > 0 && etas.0 < 1, "between 0 and 1")
      try checks.require("etas.1", etas.1, etas.1 > 1, "greater than 1")
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-2, etas: (Double, Double) = (0.5, 1.2), stepSizes: (Double, Double) = (1e-6, 50),
    maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, etas: etas, stepSizes: stepSizes, maximize: maximize))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] {
    [StateTensor("prev"), StateTensor("step_size", initial: options.learningRate)]
  }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    Self.rule(
      [update.value, update.state["prev"], update.state["step_size"]], reading: [update.gradient],
      [o.maximize ? -1 : 1, o.etas.0, o.etas.1, o.stepSizes.0, o.stepSizes.1])
  }

  private static let rule = PointwiseUpdate("rprop", targets: 3, parameters: 5) { x, inputs, numbers in
    let gradient = numbers[0] * inputs[0]
    let agreement = gradient * x[1]
    let factor = select(agreement .> 0, numbers[2], select(agreement .< 0, numbers[1], 1))
    let size = minimum(maximum(x[2] * factor, numbers[3]), numbers[4])
    // After a change of sign the parameter stays for one step.
    let used = select(agreement .< 0, 0, gradient)
    return [x[0] - sign(used) * size, used, size]
  }
}
