import EmberRuntime
public import EmberTensor

/// How the next token is drawn from what a model thinks of all of them.
public struct Sampling: Sendable, Hashable {
  /// Divides the logits: below 1 likely tokens become likelier. 0 takes the likeliest one each time.
  public var temperature: Double
  /// Draws among this many likeliest tokens only.
  public var topK: Int?
  /// Draws among the fewest likeliest tokens that together have this probability (Holtzman et al., arXiv:1904.09751).
  public var topP: Double?

  public init(temperature: Double = 1, topK: Int? = nil, topP: Double? = nil) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
  }

  /// The likeliest token each time.
  public static let greedy = Sampling(temperature: 0)

  /// Token numbers [batch, 1] from logits [batch, vocabulary].
  public func draw(_ logits: Tensor, generator: Generator? = nil) -> Tensor {
    guard temperature > 0 else { return logits.argmax(-1, keepDim: true) }
    var scores = logits * Scalar.real(1 / temperature)
    if let topK, topK < scores.shape[-1] {
      let least = scores.topk(Swift.max(1, topK), dim: -1).values.narrow(-1, start: Swift.max(1, topK) - 1, length: 1)
      scores = scores.maskedFill(scores .< least, .real(-.infinity))
    }
    if let topP, topP < 1 {
      let (sorted, order) = scores.softmax(-1).sort(-1, descending: true)
      // A token stays if those before it have not reached the sum yet; the first one stays at any rate.
      let before = sorted.cumsum(-1) - sorted
      let kept = sorted.maskedFill(before .>= Scalar.real(Swift.max(topP, 1e-9)), 0)
      return order.gather(dim: -1, index: kept.multinomial(1, generator: generator))
    }
    return scores.softmax(-1).multinomial(1, generator: generator)
  }
}
