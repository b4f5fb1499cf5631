import EmberTensor

// Names that somebody who comes from PyTorch types first: the compiler says what they are called here.

extension Distribution {
  @available(*, unavailable, renamed: "logProbability(_:)")
  public func log_prob(_ value: Tensor) -> Tensor { fatalError() }
  @available(*, unavailable, renamed: "batchShape")
  public var batch_shape: [Int] { fatalError() }
  @available(*, unavailable, renamed: "eventShape")
  public var event_shape: [Int] { fatalError() }
  @available(*, unavailable, renamed: "expanded(to:)")
  public func expand(_ batchShape: [Int]) -> Self { fatalError() }
}

extension EnumerableDistribution {
  @available(*, unavailable, renamed: "enumerateSupport(expand:)")
  public func enumerate_support(expand: Bool = true) -> Tensor { fatalError() }
}

// Parameters by position and by PyTorch's names.

extension Normal {
  @available(*, unavailable, renamed: "init(location:scale:)")
  public init(_ loc: any DistributionParameter, _ scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(location:scale:)")
  public init(loc: any DistributionParameter, scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "location")
  public var loc: Tensor { fatalError() }
}

extension LogNormal {
  @available(*, unavailable, renamed: "init(location:scale:)")
  public init(_ loc: any DistributionParameter, _ scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(location:scale:)")
  public init(loc: any DistributionParameter, scale: any DistributionParameter) { fatalError() }
}

extension Laplace {
  @available(*, unavailable, renamed: "init(location:scale:)")
  public init(_ loc: any DistributionParameter, _ scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(location:scale:)")
  public init(loc: any DistributionParameter, scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "location")
  public var loc: Tensor { fatalError() }
}

extension Gumbel {
  @available(*, unavailable, renamed: "init(location:scale:)")
  public init(_ loc: any DistributionParameter, _ scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(location:scale:)")
  public init(loc: any DistributionParameter, scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "location")
  public var loc: Tensor { fatalError() }
}

extension Cauchy {
  @available(*, unavailable, renamed: "init(location:scale:)")
  public init(_ loc: any DistributionParameter, _ scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(location:scale:)")
  public init(loc: any DistributionParameter, scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "location")
  public var loc: Tensor { fatalError() }
}

extension HalfNormal {
  @available(*, unavailable, renamed: "init(scale:)")
  public init(_ scale: any DistributionParameter) { fatalError() }
}

extension Uniform {
  @available(*, unavailable, renamed: "init(low:high:)")
  public init(_ low: any DistributionParameter, _ high: any DistributionParameter) { fatalError() }
}

extension Exponential {
  @available(*, unavailable, renamed: "init(rate:)")
  public init(_ rate: any DistributionParameter) { fatalError() }
}

extension Gamma {
  @available(*, unavailable, renamed: "init(concentration:rate:)")
  public init(_ concentration: any DistributionParameter, _ rate: any DistributionParameter) { fatalError() }
}

extension Beta {
  @available(*, unavailable, renamed: "init(concentration1:concentration0:)")
  public init(_ concentration1: any DistributionParameter, _ concentration0: any DistributionParameter) { fatalError() }
}

extension StudentT {
  @available(*, unavailable, renamed: "init(degreesOfFreedom:)")
  public init(_ df: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(degreesOfFreedom:location:)")
  public init(_ df: any DistributionParameter, _ loc: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(degreesOfFreedom:location:scale:)")
  public init(_ df: any DistributionParameter, _ loc: any DistributionParameter, _ scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(degreesOfFreedom:)")
  public init(df: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(degreesOfFreedom:location:)")
  public init(df: any DistributionParameter, loc: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(degreesOfFreedom:location:scale:)")
  public init(df: any DistributionParameter, loc: any DistributionParameter, scale: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "degreesOfFreedom")
  public var df: Tensor { fatalError() }
  @available(*, unavailable, renamed: "location")
  public var loc: Tensor { fatalError() }
}

extension Bernoulli {
  @available(*, unavailable, renamed: "init(probabilities:)")
  public init(_ probs: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(probabilities:)")
  public init(probs: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "probabilities")
  public var probs: Tensor { fatalError() }
}

extension Geometric {
  @available(*, unavailable, renamed: "init(probabilities:)")
  public init(_ probs: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "init(probabilities:)")
  public init(probs: any DistributionParameter) { fatalError() }
  @available(*, unavailable, renamed: "probabilities")
  public var probs: Tensor { fatalError() }
}

extension Categorical {
  @available(*, unavailable, renamed: "init(probabilities:)")
  public init(_ probs: Tensor) { fatalError() }
  @available(*, unavailable, renamed: "init(probabilities:)")
  public init(probs: Tensor) { fatalError() }
  @available(*, unavailable, renamed: "probabilities")
  public var probs: Tensor { fatalError() }
}

extension Dirichlet {
  @available(*, unavailable, renamed: "init(concentration:)")
  public init(_ concentration: Tensor) { fatalError() }
}

extension Independent {
  @available(*, unavailable, renamed: "base")
  public var base_dist: Base { fatalError() }
  @available(*, unavailable, renamed: "reinterpretedBatchDimensions")
  public var reinterpreted_batch_ndims: Int { fatalError() }
}

@available(*, unavailable, renamed: "klDivergence(_:_:)")
public func kl_divergence(_ p: any Distribution, _ q: any Distribution) -> Tensor { fatalError() }
