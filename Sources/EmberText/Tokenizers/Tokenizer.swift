import EmberFormats
import EmberRuntime

/// Text to token numbers and back, as a model was trained with them: the pipeline of Hugging Face's `tokenizers` (normalise, cut into
/// words, find tokens, add marks), read from a tokenizer.json.
///
/// ```swift
/// let tokenizer = try Tokenizer(contentsOf: "model/tokenizer.json")
/// let numbers = try tokenizer.encode("Ember glows.").numbers
/// let text = try tokenizer.decode(numbers)
/// ```
///
/// Steps that make more than 64 times its length and a megabyte of a text, and regular expressions that go back without end, are errors of
/// kind `.value`.
public struct Tokenizer: Sendable {
  /// How long texts are cut.
  public struct Truncation: Sendable, Hashable {
    /// The largest number of tokens, those that mark beginnings and ends included.
    public var length: Int
    /// Whether the beginning of a text goes, not its end.
    public var isFromLeft = false
    public var strategy = Strategy.longestFirst

    /// Which of two texts is cut.
    public enum Strategy: String, Sendable { case longestFirst = "LongestFirst", onlyFirst = "OnlyFirst", onlySecond = "OnlySecond" }

    public init(length: Int) { self.length = length }
  }

  /// How texts of one batch come to one length.
  public struct Padding: Sendable, Hashable {
    /// Nil: that of the longest of a batch.
    public var length: Int?
    public var token: Int
    public var type = 0
    public var isOnLeft = false
    /// Lengths are rounded up to a multiple of this.
    public var multiple = 1

    public init(token: Int, length: Int? = nil) {
      self.token = token
      self.length = length
    }
  }

  public var truncation: Truncation?
  public var padding: Padding?
  public let addedTokens: [AddedToken]

  let normalizer: (any Normalizer)?
  let preTokenizer: (any PreTokenizer)?
  let model: any TokenModel
  let template: TokenTemplate
  let decoder: (any TokenDecoder)?
  /// Model's tokens and the added ones.
  private let vocabulary: TokenVocabulary
  private let specialNumbers: Set<Int>
  private let rawFinder: AddedTokenFinder
  private let normalizedFinder: AddedTokenFinder

  init(
    model: any TokenModel, normalizer: (any Normalizer)? = nil, preTokenizer: (any PreTokenizer)? = nil, template: TokenTemplate = .plain,
    decoder: (any TokenDecoder)? = nil, addedTokens: [AddedToken] = []
  ) throws(EmberError) {
    self.model = model
    self.normalizer = normalizer
    self.preTokenizer = preTokenizer
    self.template = template
    self.decoder = decoder
    self.addedTokens = addedTokens
    var vocabulary = model.vocabulary
    for token in addedTokens { vocabulary.add(token.content, token.number) }
    self.vocabulary = vocabulary
    specialNumbers = Set(addedTokens.filter(\.isSpecial).map(\.number))
    rawFinder = try AddedTokenFinder(addedTokens.filter { !$0.isNormalized }) { $0.content }
    let normalized = addedTokens.filter(\.isNormalized)
    var allowance = TextAllowance(for: normalized.reduce(0) { $0 + $1.content.utf8.count })
    normalizedFinder = try AddedTokenFinder(normalized) { (token: AddedToken) throws(EmberError) -> String in
      guard let normalizer else { return token.content }
      let text = try normalizer.normalize(token.content, &allowance)
      try allowance.use(text.utf8.count)
      return text
    }
  }

  /// How many tokens there are.
  public var vocabularySize: Int { vocabulary.count }

  /// The number of a token, nil if there is none of that name.
  public func number(of token: String) -> Int? { vocabulary[token] }

  /// The token of a number.
  public func token(_ number: Int) -> String? { vocabulary[number] }

  /// Whether a number is a mark and no text.
  public func isSpecial(_ number: Int) -> Bool { specialNumbers.contains(number) }

  /// The numbers of a text, or of two that belong together.
  ///
  /// - Parameter addsSpecialTokens: whether beginnings and ends are marked as the model was trained with.
  public func encode(_ text: String, and second: String? = nil, addsSpecialTokens: Bool = true) throws(EmberError) -> TokenizedText {
    try encode([(text, second)], addsSpecialTokens: addsSpecialTokens)[0]
  }

  /// The numbers of a batch of texts, padded to one length if `padding` says so.
  public func encode(_ texts: [String], addsSpecialTokens: Bool = true) throws(EmberError) -> [TokenizedText] {
    try encode(texts.map { ($0, nil) }, addsSpecialTokens: addsSpecialTokens)
  }

  private func encode(_ texts: [(String, String?)], addsSpecialTokens: Bool) throws(EmberError) -> [TokenizedText] {
    let template = addsSpecialTokens ? template : template.withoutMarks
    var results: [TokenizedText] = []
    for (first, second) in texts {
      var firstNumbers = try numbers(of: first), secondNumbers: [Int]?
      if let second { secondNumbers = try numbers(of: second) }
      truncate(&firstNumbers, &secondNumbers, added: template.addedCount(isPair: second != nil))
      results.append(template.apply(firstNumbers, secondNumbers))
    }
    if let padding {
      let multiple = Swift.max(1, padding.multiple)
      let longest = (padding.length ?? results.map(\.count).max() ?? 0) + multiple - 1
      for i in results.indices { results[i].pad(to: longest / multiple * multiple, with: padding.token, type: padding.type, onLeft: padding.isOnLeft) }
    }
    return results
  }

  /// The tokens of a text without marks around them.
  private func numbers(of text: String) throws(EmberError) -> [Int] {
    var allowance = TextAllowance(for: text.utf8.count)
    var result: [Int] = []
    var isFirst = true
    for part in rawFinder.split(Substring(text)) {
      switch part {
      case .token(let number): result.append(number)
      case .text(let raw):
        var normalized = String(raw)
        if let normalizer {
          normalized = try normalizer.normalize(normalized, &allowance)
          try allowance.use(normalized.utf8.count)
          // A text whose first character is taken away does not begin where it began.
          if let first = raw.unicodeScalars.first, try normalizer.normalize(String(Character(first)), &allowance).isEmpty {
            isFirst = false
          }
        }
        for part in normalizedFinder.split(Substring(normalized)) {
          switch part {
          case .token(let number): result.append(number)
          case .text(let text):
            let piece = TextPiece(text: String(text), isFirst: isFirst)
            guard let preTokenizer else {
              result += model.tokens(of: piece.text)
              break
            }
            for word in try preTokenizer.split([piece], &allowance) {
              try allowance.use(word.text.utf8.count)
              result += model.tokens(of: word.text)
            }
          }
          isFirst = false
        }
      }
      isFirst = false
    }
    return result
  }

  private func truncate(_ first: inout [Int], _ second: inout [Int]?, added: Int) {
    guard let truncation else { return }
    let room = Swift.max(0, truncation.length - added)
    func cut(_ tokens: inout [Int], to count: Int) {
      guard tokens.count > count else { return }
      tokens = Array(truncation.isFromLeft ? tokens.suffix(Swift.max(0, count)) : tokens.prefix(Swift.max(0, count)))
    }
    guard var other = second else { return cut(&first, to: room) }
    let excess = first.count + other.count - room
    if excess <= 0 { return }
    switch truncation.strategy {
    case .onlyFirst: cut(&first, to: first.count - excess)
    case .onlySecond: cut(&other, to: other.count - excess)
    case .longestFirst:
      // The longer one first, down to the length of the other; then both.
      var short = Swift.min(first.count, other.count), long = Swift.max(first.count, other.count)
      if short > room { long = short } else { long = Swift.max(short, room - short) }
      if short + long > room {
        short = room / 2
        long = short + room % 2
      }
      let isFirstLonger = first.count > other.count
      cut(&first, to: isFirstLonger ? long : short)
      cut(&other, to: isFirstLonger ? short : long)
    }
    second = other
  }

  /// The text of numbers. Numbers that do not exist are left out.
  ///
  /// - Parameter skipsSpecialTokens: leaves out marks.
  public func decode(_ numbers: some Sequence<Int>, skipsSpecialTokens: Bool = true) throws(EmberError) -> String {
    let tokens = numbers.compactMap { skipsSpecialTokens && specialNumbers.contains($0) ? nil : vocabulary[$0] }
    guard let decoder else { return tokens.joined(separator: " ") }
    var allowance = TextAllowance(for: tokens.reduce(0) { $0 + $1.utf8.count })
    return try decoder.decode(tokens, &allowance).joined()
  }
}

/// The text of tokens that come one at a time: `append` returns what is certain by now. Characters whose bytes are spread over several tokens
/// wait until they are whole.
public struct TokenStream {
  private let tokenizer: Tokenizer
  /// Tokens whose text is not certain, with those before them that it may hang on.
  private var tokens: [Int] = []
  /// What of their text has been returned.
  private var shown = ""

  public init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  public mutating func append(_ number: Int) throws(EmberError) -> String {
    tokens.append(number)
    return try advance(isLast: false)
  }

  /// What was held back.
  public mutating func finish() throws(EmberError) -> String { try advance(isLast: true) }

  private mutating func advance(isLast: Bool) throws(EmberError) -> String {
    let text = try tokenizer.decode(tokens)
    if !isLast, text.unicodeScalars.last == "\u{FFFD}" { return "" }
    guard text.utf8.count > shown.utf8.count, text.utf8.starts(with: shown.utf8) else { return "" }
    let new = String(decoding: text.utf8.dropFirst(shown.utf8.count), as: UTF8.self)
    // A later token is decoded after the last one before it, so that spaces come out as they would in the whole text.
    tokens = [tokens[tokens.count - 1]]
    shown = try tokenizer.decode(tokens)
    return new
  }
}
