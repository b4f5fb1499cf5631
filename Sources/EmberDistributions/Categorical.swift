import EmberRuntime
import EmberTensor

/// One of several categories, 0, 1, …, by their probabilities.
public struct Categorical: EnumerableDistribution {
  /// [batch..., categories], adding up to 1.
  public let probabilities: Tensor
  /// Their logarithms.
  public let logits: Tensor
  private let checks: Checks

  /// - Parameter probabilities: [batch..., categories], 0 or more; they need not add up to 1.
  public init(probabilities: Tensor, validate: Bool = true) {
    checks = Checks("Categorical", validate)
    guard Self.hasCategories(probabilities) else {
      (self.probabilities, logits) = (probabilities, probabilities)
      return
    }
    checks.parameter("probabilities", probabilities, .nonNegative)
    let total = probabilities.sum(-1, keepDim: true)
    checks.parameter("the sum of probabilities", total, .positive)
    self.probabilities = probabilities / total
    logits = self.probabilities.clampedProbability.log()
  }

  /// - Parameter logits: [batch..., categories], logarithms of the probabilities, up to a term of each distribution.
  public init(logits: Tensor, validate: Bool = true) {
    checks = Checks("Categorical", validate)
    guard Self.hasCategories(logits) else {
      (self.logits, probabilities) = (logits, logits)
      return
    }
    checks.parameter("logits", logits, .real)
    self.logits = logits - logits.logSumExp(-1, keepDim: true)
    probabilities = logits.softmax(-1)
  }

  private init(_ probabilities: Tensor, _ logits: Tensor, _ checks: Checks) {
    (self.probabilities, self.logits, self.checks) = (probabilities, logits, checks)
  }

  private static func hasCategories(_ parameter: Tensor) -> Bool {
    if ErrorScopes.hasFailed { return false }
    if parameter.rank > 0, parameter.size(-1) > 0, parameter.dtype.isFloatingPoint { return true }
    raise(
      EmberError(
        .shape, in: "Categorical", "parameters \(parameter.dtype)\(parameter.shape); they must be floating point, [..., categories]"))
    return false
  }

  public var categories: Int { probabilities.size(-1) }
  public var batchShape: [Int] { Array(probabilities.shape.dropLast()) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .integers(0...max(categories - 1, 0)) }
  /// The categories have no order: NaN.
  public var mean: Tensor { probabilities.sum(-1).withoutValue }
  public var variance: Tensor { mean }
  /// int64.
  public var mode: Tensor { probabilities.argmax(-1) }

  /// int64.
  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad {
      let count = sampleShape.reduce(1, *)
      if count == 0 || batchShape.contains(0) { return Tensor.zeros(sampleShape + batchShape, dtype: .int64, on: probabilities.device) }
      let rows = probabilities.detach().reshape([-1, categories])
      return rows.multinomial(count, replacement: true, generator: generator).t().reshape(sampleShape + batchShape)
    }
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    if ErrorScopes.hasFailed { return value }
    guard let shape = broadcastShapes([Array(value.shape), batchShape]) else { return value }
    let index = value.to(.int64).expand(shape).unsqueeze(-1)
    return logits.expand(shape + [categories]).gather(dim: -1, index: index).squeeze(-1)
  }

  public func entropy() -> Tensor {
    let finite = logits.clamp(min: .real(logits.dtype == .float64 ? -1e300 : logits.dtype == .float16 ? -65504 : -3e38))
    return -(finite * probabilities).sum(-1)
  }

  public func enumerateSupport(expand: Bool) -> Tensor {
    let values = Tensor.arange(categories, on: probabilities.device).reshape([categories] + batchShape.map { _ in 1 })
    return expand ? values.expand([categories] + batchShape) : values
  }

  public func expanded(to batchShape: [Int]) -> Categorical {
    Categorical(probabilities.expand(batchShape + [categories]), logits.expand(batchShape + [categories]), checks)
  }
}
