import EmberRuntime
import EmberTensor

/// The normal distribution.
public struct Normal: ReparameterizedDistribution, CumulativeDistribution {
  /// The mean.
  public let location: Tensor
  /// The standard deviation.
  public let scale: Tensor
  private let checks: Checks

  /// - Parameters:
  ///   - location, scale: broadcast to the batch's shape.
  ///   - validate: parameters and values outside of their range raise an error.
  public init(
    location: any DistributionParameter = 0.0, scale: any DistributionParameter = 1.0, validate: Bool = true
  ) {
    checks = Checks("Normal", validate)
    let all = broadcastParameters("Normal", location, scale)
    (self.location, self.scale) = (all[0], all[1])
    checks.parameter("location", self.location, .real)
    checks.parameter("scale", self.scale, .positive)
  }

  public var batchShape: [Int] { Array(location.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .real }
  public var mean: Tensor { location }
  public var variance: Tensor { scale.square() }
  public var mode: Tensor { location }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let noise = Tensor.randn(shape(of: sampleShape), dtype: location.dtype, on: location.device, generator: generator)
    return location + noise * scale
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return -((value - location).square() / (2 * variance)) - scale.log() - 0.91893853320467274178
  }

  public func entropy() -> Tensor { scale.log() + 1.41893853320467274178 }

  public func cdf(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return 0.5 * (1 + ((value - location) / scale * 0.70710678118654752440).erf())
  }

  public func icdf(_ probability: Tensor) -> Tensor { location + scale * (2 * probability - 1).erfinv() * 1.41421356237309504880 }

  public func expanded(to batchShape: [Int]) -> Normal {
    Normal(location: location.expand(batchShape), scale: scale.expand(batchShape), validate: checks.isOn)
  }
}

/// Of positive numbers whose logarithm is normal.
public struct LogNormal: ReparameterizedDistribution, CumulativeDistribution {
  /// The distribution of the logarithm.
  public let base: Normal
  private let checks: Checks

  public init(location: any DistributionParameter, scale: any DistributionParameter, validate: Bool = true) {
    checks = Checks("LogNormal", validate)
    base = Normal(location: location, scale: scale, validate: validate)
  }

  public var batchShape: [Int] { base.batchShape }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .positive }
  public var mean: Tensor { (base.location + base.variance / 2).exp() }
  public var variance: Tensor { base.variance.expm1() * (2 * base.location + base.variance).exp() }
  public var mode: Tensor { (base.location - base.variance).exp() }
  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor { base.rsample(sampleShape, generator: generator).exp() }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    let logarithm = value.log()
    return base.logProbability(logarithm) - logarithm
  }

  public func entropy() -> Tensor { base.entropy() + base.location }
  public func cdf(_ value: Tensor) -> Tensor { base.cdf(value.log()) }
  public func icdf(_ probability: Tensor) -> Tensor { base.icdf(probability).exp() }
  public func expanded(to batchShape: [Int]) -> LogNormal {
    LogNormal(location: base.location.expand(batchShape), scale: base.scale.expand(batchShape), validate: checks.isOn)
  }
}

/// Of the magnitudes of normal numbers of mean 0.
public struct HalfNormal: ReparameterizedDistribution, CumulativeDistribution {
  /// The standard deviation of the normal numbers.
  public let scale: Tensor
  private let checks: Checks
  private var base: Normal { Normal(location: Tensor.zeros(like: scale), scale: scale, validate: false) }

  public init(scale: any DistributionParameter, validate: Bool = true) {
    checks = Checks("HalfNormal", validate)
    self.scale = broadcastParameters("HalfNormal", scale)[0]
    checks.parameter("scale", self.scale, .positive)
  }

  public var batchShape: [Int] { Array(scale.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .nonNegative }
  public var mean: Tensor { scale * 0.79788456080286535588 }
  public var variance: Tensor { scale.square() * 0.36338022763241865692 }
  public var mode: Tensor { Tensor.zeros(like: scale) }
  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor { base.rsample(sampleShape, generator: generator).abs() }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    let density = base.logProbability(value) + 0.69314718055994530942
    return `where`(value .>= 0, density, Tensor.full([], .real(-.infinity), dtype: density.dtype, on: density.device))
  }

  public func entropy() -> Tensor { base.entropy() - 0.69314718055994530942 }
  public func cdf(_ value: Tensor) -> Tensor { 2 * base.cdf(value) - 1 }
  public func icdf(_ probability: Tensor) -> Tensor { base.icdf((probability + 1) / 2) }
  public func expanded(to batchShape: [Int]) -> HalfNormal { HalfNormal(scale: scale.expand(batchShape), validate: checks.isOn) }
}
