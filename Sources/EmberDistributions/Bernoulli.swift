import EmberRuntime
import EmberTensor

/// 1 with a probability, else 0.
public struct Bernoulli: EnumerableDistribution {
  public let probabilities: Tensor
  /// log(p / (1 - p)).
  public let logits: Tensor
  private let checks: Checks

  public init(probabilities: any DistributionParameter, validate: Bool = true) {
    checks = Checks("Bernoulli", validate)
    self.probabilities = probabilities.tensor(like: nil)
    checks.parameter("probabilities", self.probabilities, .unitInterval)
    let p = self.probabilities.clampedProbability
    logits = p.log() - (-p).log1p()
  }

  public init(logits: any DistributionParameter, validate: Bool = true) {
    checks = Checks("Bernoulli", validate)
    self.logits = logits.tensor(like: nil)
    checks.parameter("logits", self.logits, .real)
    probabilities = self.logits.sigmoid()
  }

  private init(_ probabilities: Tensor, _ logits: Tensor, _ checks: Checks) {
    (self.probabilities, self.logits, self.checks) = (probabilities, logits, checks)
  }

  public var batchShape: [Int] { Array(probabilities.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .boolean }
  public var mean: Tensor { probabilities }
  public var variance: Tensor { probabilities * (1 - probabilities) }
  /// NaN where both values are equally probable.
  public var mode: Tensor {
    `where`(probabilities .== 0.5, probabilities.withoutValue, (probabilities .> 0.5).to(probabilities.dtype))
  }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad { probabilities.detach().expand(shape(of: sampleShape)).bernoulli(generator: generator) }
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    let value = value.to(logits.dtype)
    return value * logits.logSigmoid() + (1 - value) * (-logits).logSigmoid()
  }

  public func entropy() -> Tensor { -(probabilities * logits.logSigmoid() + (1 - probabilities) * (-logits).logSigmoid()) }

  public func enumerateSupport(expand: Bool) -> Tensor {
    let values = Tensor([0.0, 1.0], dtype: probabilities.dtype).to(probabilities.device)
    let shaped = values.reshape([2] + batchShape.map { _ in 1 })
    return expand ? shaped.expand([2] + batchShape) : shaped
  }

  public func expanded(to batchShape: [Int]) -> Bernoulli { Bernoulli(probabilities.expand(batchShape), logits.expand(batchShape), checks) }
}

/// The number of failures before the first success: 0, 1, 2, ….
public struct Geometric: Distribution {
  public let probabilities: Tensor
  private let checks: Checks

  public init(probabilities: any DistributionParameter, validate: Bool = true) {
    checks = Checks("Geometric", validate)
    self.probabilities = probabilities.tensor(like: nil)
    checks.parameter("probabilities", self.probabilities, .unitInterval)
    checks.parameter("probabilities", self.probabilities, .positive)
  }

  public init(logits: any DistributionParameter, validate: Bool = true) {
    self.init(probabilities: logits.tensor(like: nil).sigmoid(), validate: validate)
  }

  public var batchShape: [Int] { Array(probabilities.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .nonNegativeInteger }
  public var mean: Tensor { 1 / probabilities - 1 }
  public var variance: Tensor { (1 / probabilities - 1) / probabilities }
  public var mode: Tensor { Tensor.zeros(like: probabilities) }

  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad {
      let uniform = Tensor.openUniform(shape(of: sampleShape), like: probabilities, generator)
      return (uniform.log() / (-probabilities.detach()).log1p()).floor()
    }
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    // Certain success leaves no failures: 0 · log 0 is 0.
    return xlogy(value.to(probabilities.dtype), 1 - probabilities) + probabilities.log()
  }

  public func entropy() -> Tensor { -(xlogy(1 - probabilities, 1 - probabilities) + xlogy(probabilities, probabilities)) / probabilities }
  public func expanded(to batchShape: [Int]) -> Geometric {
    Geometric(probabilities: probabilities.expand(batchShape), validate: checks.isOn)
  }
}
