import EmberRuntime
import EmberTensor

// Gamma variates, and what comes of them.

/// Of the time until several things have happened, each of which may happen at any moment.
public struct Gamma: ReparameterizedDistribution {
  /// How many; not only whole numbers.
  public let concentration: Tensor
  public let rate: Tensor
  private let checks: Checks

  public init(
    concentration: any DistributionParameter, rate: any DistributionParameter, validate: Bool = true
  ) {
    checks = Checks("Gamma", validate)
    let all = broadcastParameters("Gamma", concentration, rate)
    (self.concentration, self.rate) = (all[0], all[1])
    checks.parameter("concentration", self.concentration, .positive)
    checks.parameter("rate", self.rate, .positive)
  }

  public var batchShape: [Int] { Array(concentration.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .nonNegative }
  public var mean: Tensor { concentration / rate }
  public var variance: Tensor { concentration / rate.square() }
  public var mode: Tensor { ((concentration - 1) / rate).clamp(min: 0) }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    concentration.expand(shape(of: sampleShape)).standardGamma(generator: generator) / rate
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return xlogy(concentration, rate) + xlogy(concentration - 1, value) - rate * value - concentration.lgamma()
  }

  public func entropy() -> Tensor {
    concentration - rate.log() + concentration.lgamma() + (1 - concentration) * concentration.digamma()
  }

  /// The probability of a value that is not larger. Its inverse has no closed form.
  public func cdf(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return igamma(concentration, rate * value)
  }

  public func expanded(to batchShape: [Int]) -> Gamma {
    Gamma(concentration: concentration.expand(batchShape), rate: rate.expand(batchShape), validate: checks.isOn)
  }
}

/// Of probabilities of several categories.
public struct Dirichlet: ReparameterizedDistribution {
  /// [batch..., categories].
  public let concentration: Tensor
  private let checks: Checks

  public init(concentration: Tensor, validate: Bool = true) {
    checks = Checks("Dirichlet", validate)
    self.concentration = concentration
    if concentration.rank == 0 {
      raise(
        EmberError(.shape, in: "Dirichlet", "a concentration \(concentration.dtype)\(concentration.shape); it must be [..., categories]"))
    }
    checks.parameter("concentration", concentration, .positive)
  }

  public var batchShape: [Int] { Array(concentration.shape.dropLast()) }
  public var eventShape: [Int] { Array(concentration.shape.suffix(1)) }
  public var support: Constraint { .simplex }
  public var mean: Tensor { concentration / concentration.sum(-1, keepDim: true) }
  public var variance: Tensor { mean * (1 - mean) / (concentration.sum(-1, keepDim: true) + 1) }
  /// Where all concentrations are below 1 every corner is one; PyTorch names the first. NaN where the largest is 1.
  public var mode: Tensor {
    let above = (concentration - 1).clamp(min: 0)
    let corner = (Tensor.arange(concentration.size(-1), on: concentration.device) .== 0).to(concentration.dtype)
    return `where`((concentration .< 1).all([-1], keepDim: true), corner, above / above.sum(-1, keepDim: true))
  }

  /// Gamma variates, divided by their sum; in double precision, as small concentrations make very small ones.
  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let draws = concentration.to(.float64).expand(shape(of: sampleShape)).standardGamma(generator: generator)
    return (draws / draws.sum(-1, keepDim: true)).to(concentration.dtype)
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return xlogy(concentration - 1, value).sum(-1) + concentration.sum(-1).lgamma() - concentration.lgamma().sum(-1)
  }

  public func entropy() -> Tensor {
    let total = concentration.sum(-1), categories = Double(eventShape.last ?? 0)
    return concentration.lgamma().sum(-1) - total.lgamma() - (categories - total) * total.digamma()
      - ((concentration - 1) * concentration.digamma()).sum(-1)
  }

  public func expanded(to batchShape: [Int]) -> Dirichlet {
    Dirichlet(concentration: concentration.expand(batchShape + eventShape), validate: checks.isOn)
  }
}

/// Of a probability: the Dirichlet distribution of two categories.
public struct Beta: ReparameterizedDistribution {
  /// Of 1, and of 0.
  public let concentration1: Tensor
  public let concentration0: Tensor
  private let checks: Checks
  private var both: Dirichlet { Dirichlet(concentration: stack([concentration1, concentration0], dim: -1), validate: false) }

  public init(
    concentration1: any DistributionParameter, concentration0: any DistributionParameter, validate: Bool = true
  ) {
    checks = Checks("Beta", validate)
    let all = broadcastParameters("Beta", concentration1, concentration0)
    (self.concentration1, self.concentration0) = (all[0], all[1])
    checks.parameter("concentration1", self.concentration1, .positive)
    checks.parameter("concentration0", self.concentration0, .positive)
  }

  public var batchShape: [Int] { Array(concentration1.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .unitInterval }
  public var mean: Tensor { concentration1 / (concentration1 + concentration0) }
  public var variance: Tensor {
    let total = concentration1 + concentration0
    return concentration1 * concentration0 / (total.square() * (total + 1))
  }
  /// 1 where both concentrations are below 1; NaN where the larger is 1.
  public var mode: Tensor { both.mode.select(-1, 0) }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    both.rsample(sampleShape, generator: generator).select(-1, 0)
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    return both.logProbability(stack([value, 1 - value], dim: -1))
  }

  public func entropy() -> Tensor { both.entropy() }
  public func expanded(to batchShape: [Int]) -> Beta {
    Beta(concentration1: concentration1.expand(batchShape), concentration0: concentration0.expand(batchShape), validate: checks.isOn)
  }
}

/// Of the mean of a few normal numbers, measured by their own deviation (Student, 1908).
public struct StudentT: ReparameterizedDistribution {
  public let degreesOfFreedom: Tensor
  public let location: Tensor
  public let scale: Tensor
  private let checks: Checks

  public init(
    degreesOfFreedom: any DistributionParameter, location: any DistributionParameter = 0.0, scale: any DistributionParameter = 1.0,
    validate: Bool = true
  ) {
    checks = Checks("StudentT", validate)
    let all = broadcastParameters("StudentT", degreesOfFreedom, location, scale)
    (self.degreesOfFreedom, self.location, self.scale) = (all[0], all[1], all[2])
    checks.parameter("degreesOfFreedom", self.degreesOfFreedom, .positive)
    checks.parameter("location", self.location, .real)
    checks.parameter("scale", self.scale, .positive)
  }

  public var batchShape: [Int] { Array(location.shape) }
  public var eventShape: [Int] { [] }
  public var support: Constraint { .real }
  public var mean: Tensor { `where`(degreesOfFreedom .> 1, location, location.withoutValue) }
  public var variance: Tensor {
    let finite = scale.square() * degreesOfFreedom / (degreesOfFreedom - 2)
    let infinite = Tensor.full(Array(location.shape), .real(.infinity), dtype: location.dtype, on: location.device)
    return `where`(degreesOfFreedom .> 2, finite, `where`(degreesOfFreedom .> 1, infinite, location.withoutValue))
  }
  public var mode: Tensor { location }

  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    let shape = shape(of: sampleShape)
    let normal = Tensor.randn(shape, dtype: location.dtype, on: location.device, generator: generator)
    let square = (degreesOfFreedom / 2).expand(shape).standardGamma(generator: generator) * 2
    return location + scale * normal * (degreesOfFreedom / square).sqrt()
  }

  private var logNormalizer: Tensor {
    scale.log() + 0.5 * degreesOfFreedom.log() + 0.57236494292470008707 + (0.5 * degreesOfFreedom).lgamma()
      - (0.5 * (degreesOfFreedom + 1)).lgamma()
  }

  public func logProbability(_ value: Tensor) -> Tensor {
    checks.value(value, of: self)
    let distance = (value - location) / scale
    return -0.5 * (degreesOfFreedom + 1) * (distance.square() / degreesOfFreedom).log1p() - logNormalizer
  }

  public func entropy() -> Tensor {
    let half = 0.5 * (degreesOfFreedom + 1)
    return half * (half.digamma() - (0.5 * degreesOfFreedom).digamma()) + logNormalizer
  }

  public func expanded(to batchShape: [Int]) -> StudentT {
    StudentT(
      degreesOfFreedom: degreesOfFreedom.expand(batchShape), location: location.expand(batchShape), scale: scale.expand(batchShape),
      validate: checks.isOn)
  }
}
