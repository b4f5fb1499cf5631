/// Tokens of one or two texts, with what marks their beginnings and ends around them.
struct TokenTemplate: Sendable {
  enum Part: Sendable {
    case text(isSecond: Bool, type: Int)
    case tokens([Int], type: Int)
  }

  var single: [Part]
  var pair: [Part]

  static let plain = TokenTemplate(single: [.text(isSecond: false, type: 0)], pair: [.text(isSecond: false, type: 0), .text(isSecond: true, type: 1)])

  /// How many tokens are added to one text, or to two.
  func addedCount(isPair: Bool) -> Int {
    (isPair ? pair : single).reduce(0) { if case .tokens(let numbers, _) = $1 { $0 + numbers.count } else { $0 } }
  }

  /// The template without the tokens that it adds.
  var withoutMarks: TokenTemplate {
    func texts(_ parts: [Part]) -> [Part] { parts.filter { if case .text = $0 { true } else { false } } }
    return TokenTemplate(single: texts(single), pair: texts(pair))
  }

  func apply(_ first: [Int], _ second: [Int]?) -> TokenizedText {
    var result = TokenizedText()
    for part in second == nil ? single : pair {
      switch part {
      case .text(let isSecond, let type): result.append(isSecond ? second ?? [] : first, type: type, isSpecial: false)
      case .tokens(let numbers, let type): result.append(numbers, type: type, isSpecial: true)
      }
    }
    return result
  }
}

/// A text as numbers.
public struct TokenizedText: Sendable, Hashable {
  /// Token numbers.
  public internal(set) var numbers: [Int] = []
  /// Which of two texts each token belongs to: 0 or 1.
  public internal(set) var types: [Int] = []
  /// 1 for tokens that count, 0 for padding.
  public internal(set) var attentionMask: [Int] = []
  /// Whether a token was put there by the tokenizer: it marks a beginning or an end, or it is padding.
  public internal(set) var isSpecial: [Bool] = []

  public var count: Int { numbers.count }

  mutating func append(_ tokens: [Int], type: Int, isSpecial special: Bool) {
    numbers += tokens
    types += Array(repeating: type, count: tokens.count)
    attentionMask += Array(repeating: 1, count: tokens.count)
    isSpecial += Array(repeating: special, count: tokens.count)
  }

  mutating func pad(to length: Int, with token: Int, type: Int, onLeft: Bool) {
    let missing = length - count
    if missing <= 0 { return }
    func padded<T>(_ values: [T], _ value: T) -> [T] {
      let padding = Array(repeating: value, count: missing)
      return onLeft ? padding + values : values + padding
    }
    numbers = padded(numbers, token)
    types = padded(types, type)
    attentionMask = padded(attentionMask, 0)
    isSpecial = padded(isSpecial, true)
  }
}
