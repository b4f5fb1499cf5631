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

extension Normal {
  @available(*, unavailable, renamed: "init(location:scale:validate:)")
  public init(loc: Tensor, scale: Tensor) { fatalError() }
  @available(*, unavailable, renamed: "init(location:scale:validate:)")
  public init(_ loc: Tensor, _ scale: Tensor) { fatalError() }
}

extension Categorical {
  @available(*, unavailable, renamed: "init(probabilities:validate:)")
  public init(probs: Tensor) { fatalError() }
  @available(*, unavailable, renamed: "probabilities")
  public var probs: Tensor { fatalError() }
}

extension Bernoulli {
  @available(*, unavailable, renamed: "init(probabilities:validate:)")
  public init(probs: Tensor) { fatalError() }
  @available(*, unavailable, renamed: "probabilities")
  public var probs: Tensor { fatalError() }
}

@available(*, unavailable, renamed: "klDivergence(_:_:)")
public func kl_divergence(_ p: any Distribution, _ q: any Distribution) -> Tensor { fatalError() }
