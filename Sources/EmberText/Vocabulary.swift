/// Numbers for words, characters or whatever else a text is made of. Number 0 stands for everything unknown, if there is such a token.
public struct Vocabulary<Token: Hashable & Comparable & Sendable>: Sendable {
  /// By number.
  public let tokens: [Token]
  private let numbers: [Token: Int]
  private let unknown: Token?

  /// The tokens of a text, the most frequent first and equally frequent ones in order.
  ///
  /// - Parameters:
  ///   - unknown: stands for tokens that are not in the vocabulary.
  ///   - reserved: further tokens that are in it at any rate, after `unknown`.
  ///   - minimumCount: how often a token must occur.
  ///   - limit: the largest size.
  public init(
    counting text: some Sequence<Token>, unknown: Token? = nil, reserved: [Token] = [], minimumCount: Int = 1, limit: Int = .max
  ) {
    var counts: [Token: Int] = [:]
    for token in text { counts[token, default: 0] += 1 }
    let special = (unknown.map { [$0] } ?? []) + reserved
    for token in special { counts[token] = nil }
    let found = counts.filter { $0.value >= minimumCount }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
    self.init(special + found.prefix(Swift.max(0, limit - special.count)), unknown: unknown)
  }

  /// Tokens in the order of their numbers; of equal ones the first counts.
  public init(_ tokens: [Token], unknown: Token? = nil) {
    self.tokens = tokens
    self.unknown = unknown
    numbers = Dictionary(tokens.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  public var count: Int { tokens.count }

  /// The number of a token: that of `unknown` if it is not known, nil if there is no such number.
  public subscript(_ token: Token) -> Int? { numbers[token] ?? unknown.flatMap { numbers[$0] } }

  /// The numbers of a text's tokens. Unknown ones are left out where the vocabulary has no number for them.
  public func encode(_ text: some Sequence<Token>) -> [Int] { text.compactMap { self[$0] } }

  /// The tokens of numbers; numbers that are not in the vocabulary are left out.
  public func decode(_ numbers: some Sequence<Int>) -> [Token] { numbers.compactMap { tokens.indices.contains($0) ? tokens[$0] : nil } }
}
