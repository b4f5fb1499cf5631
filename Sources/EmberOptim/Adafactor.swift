import EmberRuntime
import EmberTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Adam without momentum whose second moments of a matrix are kept as one row and one column (Shazeer and Stern, 2018,
/// arXiv:1804.04235), as `torch.optim.Adafactor`.
open class Adafactor: GroupOptimizer<Adafactor.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The largest relative step; step t is at most 1/√t.
    public var learningRate: Double
    /// The power by which the share of a new gradient falls.
    public var beta2Decay: Double
    /// The least second moment, squared, nil for the dtype's own rounding error; and the least scale of a parameter.
    public var epsilons: (Double?, Double)
    /// The root mean square of a step is limited to this.
    public var clippingThreshold: Double
    /// This times the learning rate is what the parameter shrinks by in a step, apart from the gradient.
    public var weightDecay: Double
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 1e-2, beta2Decay: Double = -0.8, epsilons: (Double?, Double) = (nil, 1e-3), clippingThreshold: Double = 1,
      weightDecay: Double = 0, maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.beta2Decay = beta2Decay
      self.epsilons = epsilons
      self.clippingThreshold = clippingThreshold
      self.weightDecay = weightDecay
      self.maximize = maximize
    }

    /// -1 stands for the dtype's own.
    private var firstEpsilon: Double {
      get { epsilons.0 ?? -1 }
      set { epsilons.0 = newValue == -1 ? nil : newValue }
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("beta2_decay", \.beta2Decay), ("eps1", \.firstEpsilon), ("eps2", \.epsilons.1), ("d", \.clippingThreshold),
        ("weight_decay", \.weightDecay), ("maximize", \.maximize.asNumber),
      ]
    }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("Adafactor")
      try checks.notNegative("learningRate", learningRate)
      try checks.require("beta2Decay", beta2Decay, beta2Decay <= 0, "0 or less")
      try checks.notNegative("epsilons.0", epsilons.0 ?? 0)
      try checks.notNegative("epsilons.1", epsilons.1)
      try checks.require("clippingThreshold", clippingThreshold, clippingThreshold >= 1, "1 or more")
      try checks.notNegative("weightDecay", weightDecay)
    }

    public func validate(_ value: Tensor) throws(EmberError) { try OptionChecks("Adafactor").isReal(value) }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-2, beta2Decay: Double = -0.8, epsilons: (Double?, Double) = (nil, 1e-3),
    clippingThreshold: Double = 1, weightDecay: Double = 0, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, beta2Decay: beta2Decay, epsilons: epsilons, clippingThreshold: clippingThreshold,
          weightDecay: weightDecay, maximize: maximize))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] {
    guard value.rank > 1 else { return [StateTensor("variance")] }
    var row = Array(value.shape), column = Array(value.shape)
    row[value.rank - 1] = 1
    column[value.rank - 2] = 1
    return [StateTensor("row_var", shape: row), StateTensor("col_var", shape: column)]
  }

  /// The new second moments, what the estimate is divided by, and the size of the step, which depends on norms of the whole tensors.
  override open func plan(_ update: inout ParameterUpdate, _ o: Options) {
    let (value, gradient) = (update.value, update.gradient)
    let count = Double(value.elementCount)
    guard count > 0, value.backend.holdsData else { return }
    let step = Double(update.state.step), share = Scalar.real(pow(step, o.beta2Decay))
    let epsilon = o.epsilons.0 ?? value.dtype.roundingError
    let scale = max(o.epsilons.1, value.norm().item() / count.squareRoot()) * min(o.learningRate, 1 / step.squareRoot())
    let estimate: Tensor
    if value.rank > 1 {
      let row = update.state["row_var"].lerp(gradient.norm(2, [-1], keepDim: true).square() / Double(gradient.size(-1)), weight: share)
      let column = update.state["col_var"].lerp(gradient.norm(2, [-2], keepDim: true).square() / Double(gradient.size(-2)), weight: share)
      let mean = row.mean(-2, keepDim: true).clamp(min: .real(epsilon))
      estimate = row * column / mean
      update.state.tensors["row_var"] = row
      update.state.tensors["col_var"] = column
      update.planned = [row, column, mean]
    } else {
      let variance = update.state["variance"].lerp(gradient * gradient, weight: share)
      estimate = variance
      update.state.tensors["variance"] = variance
      update.planned = [variance]
    }
    let length = (estimate.clamp(min: .real(epsilon * epsilon)).rsqrt() * gradient).norm().item()
    let move = (o.maximize ? -scale : scale) / max(1, length / (count.squareRoot() * o.clippingThreshold))
    update.plannedNumbers = [1 - o.learningRate * o.weightDecay, epsilon * epsilon, move]
  }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    guard !update.planned.isEmpty else { return }
    let rule = update.value.rank > 1 ? Self.factoredRule : Self.rule
    rule([update.value], reading: [update.gradient] + update.planned, update.plannedNumbers)
  }

  private static let rule = PointwiseUpdate("adafactor", targets: 1, reading: 2, parameters: 3) { x, inputs, numbers in
    [x[0] * numbers[0] - numbers[2] * (inputs[0] / sqrt(maximum(inputs[1], numbers[1])))]
  }

  private static let factoredRule = PointwiseUpdate("adafactor", targets: 1, reading: 4, parameters: 3) { x, inputs, numbers in
    let estimate = inputs[1] * inputs[2] / inputs[3]
    return [x[0] * numbers[0] - numbers[2] * (inputs[0] / sqrt(maximum(estimate, numbers[1])))]
  }
}

extension DType {
  /// The distance from 1 to the next number.
  fileprivate var roundingError: Double {
    switch self {
    case .float64: 0x1p-52
    case .float16: 0x1p-10
    case .bfloat16: 0x1p-7
    default: 0x1p-23
    }
  }
}
