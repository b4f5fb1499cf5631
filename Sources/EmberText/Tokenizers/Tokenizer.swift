import EmberFormats
import EmberRuntime

/// Text to token numbers and back, as a model was trained with them: the pipeline of Hugging Face's `tokenizers` (normalise, cut into
/// words, find tokens, add marks), read from a tokenizer.json.
///
/// ```swift
/// let tokenizer = try Tokenizer(contentsOf: "model/tokenizer.json")
/// let numbers = tokenizer.encode("Ember glows.").numbers
/// let text = tokenizer.decode(numbers)
/// ```
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
  ) {
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
    rawFinder = AddedTokenFinder(addedTokens.filter { !$0.isNormalized }) { $0.content }
    normalizedFinder = AddedTokenFinder(addedTokens.filter(\.isNormalized)) { normalizer?.normalize($0.content) ?? $0.content }
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
  public func encode(_ text: String, and second: String? = nil, addsSpecialTokens: Bool = true) -> TokenizedText {
    encode([(text, second)], addsSpecialTokens: addsSpecialTokens)[0]
  }

  /// The numbers of a batch of texts, padded to one length if `padding` says so.
  public func encode(_ texts: [String], addsSpecialTokens: Bool = true) -> [TokenizedText] {
    encode(texts.map { ($0, nil) }, addsSpecialTokens: addsSpecialTokens)
  }

  private func encode(_ texts: [(String, String?)], addsSpecialTokens: Bool) -> [TokenizedText] {
    let template = addsSpecialTokens ? template : template.withoutMarks
    var results = texts.map { first, second in
      var firstNumbers = numbers(of: first), secondNumbers = second.map(numbers)
      truncate(&firstNumbers, &secondNumbers, added: template.addedCount(isPair: second != nil))
      return template.apply(firstNumbers, secondNumbers)
    }
    if let padding {
      let multiple = Swift.max(1, padding.multiple)
      let longest = (padding.length ?? results.map(\.count).max() ?? 0) + multiple - 1
      for i in results.indices { results[i].pad(to: longest / multiple * multiple, with: padding.token, type: padding.type, onLeft: padding.isOnLeft) }
    }
    return results
  }

  /// The tokens of a text without marks around them.
  private func numbers(of text: String) -> [Int] {
    var result: [Int] = []
    var isFirst = true
    for part in rawFinder.split(Substring(text)) {
      switch part {
      case .token(let number): result.append(number)
      case .text(let raw):
        let normalized = normalizer?.normalize(String(raw)) ?? String(raw)
        // A text whose first character is taken away does not begin where it began.
        if let first = raw.unicodeScalars.first, normalizer?.normalize(String(Character(first))).isEmpty ?? false { isFirst = false }
        for part in normalizedFinder.split(Substring(normalized)) {
          switch part {
          case .token(let number): result.append(number)
          case .text(let text):
            let piece = TextPiece(text: String(text), isFirst: isFirst)
            for word in preTokenizer?.split([piece]) ?? [piece] { result += model.tokens(of: word.text) }
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
  public func decode(_ numbers: some Sequence<Int>, skipsSpecialTokens: Bool = true) -> String {
    let tokens = numbers.compactMap { skipsSpecialTokens && specialNumbers.contains($0) ? nil : vocabulary[$0] }
    return decoder?.decode(tokens).joined() ?? tokens.joined(separator: " ")
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

  public mutating func append(_ number: Int) -> String {
    tokens.append(number)
    return advance(isLast: false)
  }

  /// What was held back.
  public mutating func finish() -> String { advance(isLast: true) }

  private mutating func advance(isLast: Bool) -> String {
    let text = tokenizer.decode(tokens)
    if !isLast, text.unicodeScalars.last == "\u{FFFD}" { return "" }
    guard text.utf8.count > shown.utf8.count, text.utf8.starts(with: shown.utf8) else { return "" }
    let new = String(decoding: text.utf8.dropFirst(shown.utf8.count), as: UTF8.self)
    // A later token is decoded after the last one before it, so that spaces come out as they would in the whole text.
    tokens = [tokens[tokens.count - 1]]
    shown = tokenizer.decode(tokens)
    return new
  }
}
