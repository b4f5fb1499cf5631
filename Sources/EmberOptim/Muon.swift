import EmberRuntime
import EmberTensor

/// Momentum whose step is made orthogonal, for the matrices of hidden layers (Jordan et al., 2024), as `torch.optim.Muon`. Other
/// parameters belong to another optimizer, AdamW for instance.
open class Muon: GroupOptimizer<Muon.Options> {
  /// How the learning rate depends on a matrix' shape [rows, columns].
  public enum RateAdjustment: Int, Sendable, CaseIterable {
    /// √max(1, rows / columns).
    case original
    /// 0.2 √max(rows, columns): the root mean square of AdamW's steps, so that its learning rates serve (Liu et al., 2025,
    /// arXiv:2502.16982).
    case matchRMSAdamW
    /// √(rows / columns).
    case spectralUnclamped

    func factor(_ rows: Int, _ columns: Int) -> Double {
      switch self {
      case .original: max(1, Double(rows) / Double(max(columns, 1))).squareRoot()
      case .matchRMSAdamW: 0.2 * Double(max(rows, columns)).squareRoot()
      case .spectralUnclamped: (Double(rows) / Double(max(columns, 1))).squareRoot()
      }
    }
  }

  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The length of a step.
    public var learningRate: Double
    /// This times the learning rate is what the parameter shrinks by in a step, apart from the gradient.
    public var weightDecay: Double
    /// How much of the last direction a step keeps.
    public var momentum: Double
    /// Looks ahead by the momentum; Sutskever et al., 2013.
    public var nesterov: Bool
    /// Coefficients of x, x³ and x⁵ in the Newton–Schulz iteration.
    public var coefficients: (Double, Double, Double)
    /// The least norm that matrices are divided by.
    public var epsilon: Double
    /// Newton–Schulz iterations.
    public var iterations: Int
    /// How the rate depends on the shape of the matrix.
    public var adjustment: RateAdjustment

    public init(
      learningRate: Double = 1e-3, weightDecay: Double = 0.1, momentum: Double = 0.95, nesterov: Bool = true,
      coefficients: (Double, Double, Double) = (3.4445, -4.7750, 2.0315), epsilon: Double = 1e-7, iterations: Int = 5,
      adjustment: RateAdjustment = .original
    ) {
      self.learningRate = learningRate
      self.weightDecay = weightDecay
      self.momentum = momentum
      self.nesterov = nesterov
      self.coefficients = coefficients
      self.epsilon = epsilon
      self.iterations = iterations
      self.adjustment = adjustment
    }

    private var adjustmentNumber: Double {
      get { Double(adjustment.rawValue) }
      set { adjustment = Int(exactly: newValue).flatMap(RateAdjustment.init) ?? .original }
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("weight_decay", \.weightDecay), ("momentum", \.momentum), ("nesterov", \.nesterov.asNumber),
        ("ns_coefficient1", \.coefficients.0), ("ns_coefficient2", \.coefficients.1), ("ns_coefficient3", \.coefficients.2),
        ("eps", \.epsilon), ("ns_steps", \.iterations.asNumber), ("adjust_lr_fn", \.adjustmentNumber),
      ]
    }
    public static var momentum: WritableKeyPath<Options, Double>? { \.momentum }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("Muon")
      try checks.notNegative("learningRate", learningRate)
      try checks.notNegative("weightDecay", weightDecay)
      try checks.notNegative("momentum", momentum)
      try checks.require("iterations", Double(iterations), iterations >= 0 && iterations < 100, "0 or more and less than 100")
    }

    public func validate(_ value: Tensor) throws(EmberError) {
      try OptionChecks("Muon").isReal(value)
      guard value.rank == 2 else {
        throw EmberError(.shape, in: "Muon", "a parameter \(value.summary); only matrices have orthogonal steps, give others to AdamW")
      }
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-3, weightDecay: Double = 0.1, momentum: Double = 0.95, nesterov: Bool = true,
    coefficients: (Double, Double, Double) = (3.4445, -4.7750, 2.0315), epsilon: Double = 1e-7, iterations: Int = 5,
    adjustment: RateAdjustment = .original
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, weightDecay: weightDecay, momentum: momentum, nesterov: nesterov, coefficients: coefficients,
          epsilon: epsilon, iterations: iterations, adjustment: adjustment))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] { [StateTensor("momentum_buffer")] }

  override open func plan(_ update: inout ParameterUpdate, _ o: Options) {
    let gradient = update.gradient
    guard gradient.rank == 2, gradient.elementCount > 0 else { return }
    let buffer = update.state["momentum_buffer"].lerp(gradient, weight: .real(1 - o.momentum))
    update.state.tensors["momentum_buffer"] = buffer
    let direction = o.nesterov ? gradient.lerp(buffer, weight: .real(o.momentum)) : buffer
    update.planned = [Self.orthogonal(direction, o).contiguous()]
  }

  /// A matrix with the singular vectors of `x` and singular values near 1, in bfloat16.
  private static func orthogonal(_ x: Tensor, _ o: Options) -> Tensor {
    let isTall = x.size(0) > x.size(1)
    var y = x.to(.bfloat16)
    if isTall { y = y.t() }
    y = y / y.norm().clamp(min: .real(o.epsilon))
    let (a, b, c) = o.coefficients
    for _ in 0..<o.iterations {
      let gram = y.matmul(y.t())
      y = y.addmm(gram.addmm(gram, gram, beta: .real(b), alpha: .real(c)), y, beta: .real(a))
    }
    return isTall ? y.t() : y
  }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    guard let direction = update.planned.first else { return }
    let rate = o.learningRate * o.adjustment.factor(update.value.size(0), update.value.size(1))
    Self.rule([update.value], reading: [direction], [1 - o.learningRate * o.weightDecay, rate])
  }

  private static let rule = PointwiseUpdate("muon", targets: 1, parameters: 2) { x, inputs, numbers in
    [x[0] * numbers[0] - numbers[1] * inputs[0]]
  }
}
