import EmberRuntime
import EmberTensor

/// Of numbers between two bounds, all with one density.
public struct Uniform: ReparameterizedDistribution, CumulativeDistribution {
  public let low: Tensor
  public let high: Tensor
  private let checks: Checks

  public init(
    low: any DistributionParameter = 0.0, high: any DistributionParameter = 1.0, validate: Bool = true
  ) {
    checks = Checks("Uniform", validate)
    let all = broadcastParameters("Uniform", low, high)
    (self.low, self.high) = (all[0], all[1])
    checks.parameter("high - low", self.high - self.low, .positive)
  }

  public var batchShape: [Int] { Array(low.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .interval(low: low, high: high) }
  public var mean: Tensor { (low + high) / 2 }
  public var variance: Tensor { (high - low).square() / 12 }
  /// All values are equally probable: NaN.
  public var mode: Tensor { high.withoutValue }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    low + Tensor.rand(shape(of: sampleShape), dtype: low.dtype, on: low.device, generator: generator) * (high - low)
  }

  /// The upper bound itself has density 0.
  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return ((value .>= low) & (value .< high)).to(low.dtype).log() - (high - low).log()
  }

  public func entropy() -> Tensor { (high - low).log() }
  public func cdf(_ value: Tensor) -> Tensor { ((value - low) / (high - low)).clamp(min: 0, max: 1) }
  public func icdf(_ probability: Tensor) -> Tensor { low + probability * (high - low) }
  public func expanded(to batchShape: [Int]) -> Uniform {
    Uniform(low: low.expand(batchShape), high: high.expand(batchShape), validate: checks.isOn)
  }
}
