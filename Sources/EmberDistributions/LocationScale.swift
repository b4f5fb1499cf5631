import EmberRuntime
import EmberTensor

// Distributions with a place and a width, drawn by their inverse cumulative functions.

/// The exponential distribution on both sides of a place.
public struct Laplace: ReparameterizedDistribution, CumulativeDistribution {
  public let location: Tensor
  public let scale: Tensor
  private let checks: Checks

  public init(
    location: any DistributionParameter, scale: any DistributionParameter, validate: Bool = true
  ) {
    checks = Checks("Laplace", validate)
    let all = broadcastParameters("Laplace", location, scale)
    (self.location, self.scale) = (all[0], all[1])
    checks.parameter("location", self.location, .real)
    checks.parameter("scale", self.scale, .positive)
  }

  public var batchShape: [Int] { Array(location.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .real }
  public var mean: Tensor { location }
  public var variance: Tensor { 2 * scale.square() }
  public var mode: Tensor { location }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    icdf(Tensor.openUniform(shape(of: sampleShape), like: location, generator))
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return -(2 * scale).log() - (value - location).abs() / scale
  }

  public func entropy() -> Tensor { 1 + (2 * scale).log() }
  public func cdf(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    let distance = value - location
    return 0.5 - 0.5 * distance.sign() * (-distance.abs() / scale).expm1()
  }
  public func icdf(_ probability: Tensor) -> Tensor {
    let side = probability - 0.5
    return location - scale * side.sign() * (-2 * side.abs()).log1p()
  }
  public func expanded(to batchShape: [Int]) -> Laplace {
    Laplace(location: location.expand(batchShape), scale: scale.expand(batchShape), validate: checks.isOn)
  }
}

/// Of the time until something happens that may happen at any moment.
public struct Exponential: ReparameterizedDistribution, CumulativeDistribution {
  /// 1 / mean.
  public let rate: Tensor
  private let checks: Checks

  public init(rate: any DistributionParameter, validate: Bool = true) {
    checks = Checks("Exponential", validate)
    self.rate = broadcastParameters("Exponential", rate)[0]
    checks.parameter("rate", self.rate, .positive)
  }

  public var batchShape: [Int] { Array(rate.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .nonNegative }
  public var mean: Tensor { 1 / rate }
  public var variance: Tensor { 1 / rate.square() }
  public var mode: Tensor { Tensor.zeros(like: rate) }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    Tensor.zeros(shape(of: sampleShape), dtype: rate.dtype, on: rate.device).exponentialLike(generator: generator) / rate
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return rate.log() - rate * value
  }

  public func entropy() -> Tensor { 1 - rate.log() }
  public func cdf(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return -(-rate * value).expm1()
  }
  public func icdf(_ probability: Tensor) -> Tensor { -(-probability).log1p() / rate }
  public func expanded(to batchShape: [Int]) -> Exponential { Exponential(rate: rate.expand(batchShape), validate: checks.isOn) }
}

/// Of the largest of many numbers.
public struct Gumbel: ReparameterizedDistribution, CumulativeDistribution {
  public let location: Tensor
  public let scale: Tensor
  private let checks: Checks
  /// Euler's constant.
  static let euler = 0.57721566490153286061

  public init(
    location: any DistributionParameter, scale: any DistributionParameter, validate: Bool = true
  ) {
    checks = Checks("Gumbel", validate)
    let all = broadcastParameters("Gumbel", location, scale)
    (self.location, self.scale) = (all[0], all[1])
    checks.parameter("location", self.location, .real)
    checks.parameter("scale", self.scale, .positive)
  }

  public var batchShape: [Int] { Array(location.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .real }
  public var mean: Tensor { location + scale * Gumbel.euler }
  public var variance: Tensor { scale.square() * 1.64493406684822643647 }
  public var mode: Tensor { location }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    icdf(Tensor.openUniform(shape(of: sampleShape), like: location, generator))
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    let distance = (location - value) / scale
    return distance - distance.exp() - scale.log()
  }

  public func entropy() -> Tensor { scale.log() + (1 + Gumbel.euler) }
  public func cdf(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return (-((location - value) / scale).exp()).exp()
  }
  public func icdf(_ probability: Tensor) -> Tensor { location - scale * (-probability.log()).log() }
  public func expanded(to batchShape: [Int]) -> Gumbel {
    Gumbel(location: location.expand(batchShape), scale: scale.expand(batchShape), validate: checks.isOn)
  }
}

/// Of the ratio of two normal numbers; it has neither mean nor variance.
public struct Cauchy: ReparameterizedDistribution, CumulativeDistribution {
  /// The median.
  public let location: Tensor
  /// Half the width at half the height.
  public let scale: Tensor
  private let checks: Checks

  public init(
    location: any DistributionParameter, scale: any DistributionParameter, validate: Bool = true
  ) {
    checks = Checks("Cauchy", validate)
    let all = broadcastParameters("Cauchy", location, scale)
    (self.location, self.scale) = (all[0], all[1])
    checks.parameter("location", self.location, .real)
    checks.parameter("scale", self.scale, .positive)
  }

  public var batchShape: [Int] { Array(location.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .real }
  public var mean: Tensor { location.withoutValue }
  public var variance: Tensor { Tensor.full(Array(location.shape), .real(.infinity), dtype: location.dtype, on: location.device) }
  public var mode: Tensor { location }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    location + scale * Tensor.zeros(shape(of: sampleShape), dtype: location.dtype, on: location.device).cauchyLike(generator: generator)
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return -1.14472988584940017414 - scale.log() - ((value - location) / scale).square().log1p()
  }

  public func entropy() -> Tensor { scale.log() + 2.53102424696929079977 }
  public func cdf(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return ((value - location) / scale).atan() / Double.pi + 0.5
  }
  public func icdf(_ probability: Tensor) -> Tensor { (Double.pi * (probability - 0.5)).tan() * scale + location }
  public func expanded(to batchShape: [Int]) -> Cauchy {
    Cauchy(location: location.expand(batchShape), scale: scale.expand(batchShape), validate: checks.isOn)
  }
}
