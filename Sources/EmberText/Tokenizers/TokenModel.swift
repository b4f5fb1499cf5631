import Synchronization

/// Finds tokens in a word.
protocol TokenModel: Sendable {
  var vocabulary: TokenVocabulary { get }
  func tokens(of word: String) -> [Int]
}

/// A text that equals another one only if its bytes do. Strings of Swift are equal as soon as they look the same, whichever
/// characters they are composed of; tokens are not.
struct ExactText: Hashable, Sendable {
  let text: String

  init(_ text: String) {
    var text = text
    text.makeContiguousUTF8()
    self.text = text
  }

  static func == (a: ExactText, b: ExactText) -> Bool {
    a.text.utf8.count == b.text.utf8.count && a.text.utf8.elementsEqual(b.text.utf8)
  }

  func hash(into hasher: inout Hasher) {
    let isDone: Void? = text.utf8.withContiguousStorageIfAvailable { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    if isDone == nil { for byte in text.utf8 { hasher.combine(byte) } }
  }
}

/// Tokens by number and the reverse.
struct TokenVocabulary: Sendable {
  private(set) var numbers: [ExactText: Int]
  private(set) var tokens: [Int: String]

  init(_ entries: some Sequence<(token: String, number: Int)>) {
    numbers = [:]
    tokens = [:]
    for (token, number) in entries { add(token, number) }
  }

  mutating func add(_ token: String, _ number: Int) {
    numbers[ExactText(token)] = number
    tokens[number] = token
  }

  subscript(token: String) -> Int? { numbers[ExactText(token)] }
  subscript(number: Int) -> String? { tokens[number] }
  var count: Int { numbers.count }
}

/// What a model has found for words that came before; thrown away when it is full.
final class WordCache: Sendable {
  private let words = Mutex<[ExactText: [Int]]>([:])
  private static let limit = 20_000

  func tokens(of word: String, orElse find: (String) -> [Int]) -> [Int] {
    // Long words are rare, and would make the cache large.
    if word.utf8.count > 256 { return find(word) }
    let key = ExactText(word)
    if let known = words.withLock({ $0[key] }) { return known }
    let found = find(word)
    words.withLock {
      if $0.count >= Self.limit { $0.removeAll(keepingCapacity: true) }
      $0[key] = found
    }
    return found
  }
}

/// Byte strings by their prefixes: finds those of its entries that a text begins with.
struct ByteTrie: Sendable {
  private var edges: [UInt64: Int32] = [:]
  private var values: [Int32] = [-1]

  mutating func insert(_ bytes: some Sequence<UInt8>, _ value: Int) {
    var node: Int32 = 0
    for byte in bytes {
      let edge = UInt64(node) << 8 | UInt64(byte)
      if let next = edges[edge] {
        node = next
      } else {
        node = Int32(values.count)
        edges[edge] = node
        values.append(-1)
      }
    }
    values[Int(node)] = Int32(value)
  }

  /// Calls `body` with the end and the value of every entry that `bytes` has at `start`, the shortest first.
  func forEachMatch(_ bytes: [UInt8], from start: Int, _ body: (_ end: Int, _ value: Int) -> Void) {
    var node: Int32 = 0
    var position = start
    while position < bytes.count, let next = edges[UInt64(node) << 8 | UInt64(bytes[position])] {
      node = next
      position += 1
      if values[Int(node)] >= 0 { body(position, Int(values[Int(node)])) }
    }
  }
}

/// One token a word.
struct WordLevelModel: TokenModel {
  let vocabulary: TokenVocabulary
  let unknown: Int?
  func tokens(of word: String) -> [Int] { (vocabulary[word] ?? unknown).map { [$0] } ?? [] }
}

/// BERT's model: the longest token that a word begins with, then the longest of those that continue words, and so on. A word of which some part
/// is no token is unknown as a whole.
struct WordPieceModel: TokenModel {
  let vocabulary: TokenVocabulary
  private let unknown: Int?
  private let longestWord: Int
  private var beginnings = ByteTrie(), continuations = ByteTrie()

  init(_ vocabulary: TokenVocabulary, unknown: String, continuation prefix: String, longestWord: Int) {
    self.vocabulary = vocabulary
    self.unknown = vocabulary[unknown]
    self.longestWord = longestWord
    for (token, number) in vocabulary.numbers {
      beginnings.insert(token.text.utf8, number)
      if token.text.utf8.starts(with: prefix.utf8) { continuations.insert(token.text.utf8.dropFirst(prefix.utf8.count), number) }
    }
  }

  func tokens(of word: String) -> [Int] {
    let failed = unknown.map { [$0] } ?? []
    if word.unicodeScalars.count > longestWord { return failed }
    let bytes = Array(word.utf8)
    var result: [Int] = []
    var position = 0
    while position < bytes.count {
      var best: (end: Int, value: Int)?
      (position == 0 ? beginnings : continuations).forEachMatch(bytes, from: position) { best = ($0, $1) }
      guard let best else { return failed }
      result.append(best.value)
      position = best.end
    }
    return result
  }
}

/// SentencePiece's unigram language model (Kudo, arXiv:1804.10959): the likeliest division of a word into tokens.
struct UnigramModel: TokenModel {
  let vocabulary: TokenVocabulary
  private let scores: [Double]
  private let unknown: Int?
  private let fallsBackToBytes: Bool
  private let unknownScore: Double
  private var trie = ByteTrie()
  private let cache = WordCache()

  init(_ entries: [(token: String, score: Double)], unknown: Int?, fallsBackToBytes: Bool) {
    vocabulary = TokenVocabulary(entries.enumerated().map { (token: $1.token, number: $0) })
    scores = entries.map(\.score)
    self.unknown = unknown
    self.fallsBackToBytes = fallsBackToBytes
    unknownScore = (scores.min() ?? 0) - 10
    for (i, entry) in entries.enumerated() where !entry.token.isEmpty { trie.insert(entry.token.utf8, i) }
  }

  func tokens(of word: String) -> [Int] { cache.tokens(of: word, orElse: find) }

  private func find(_ word: String) -> [Int] {
    let bytes = Array(word.utf8)
    // The best way to every position: its score, where its last token begins, and that token's number (-1: unknown).
    var best = [(score: Double, start: Int, token: Int)](repeating: (-.infinity, -1, -1), count: bytes.count + 1)
    best[0].score = 0
    var start = 0
    while start < bytes.count {
      let length = bytes[start] < 0x80 ? 1 : bytes[start] < 0xE0 ? 2 : bytes[start] < 0xF0 ? 3 : 4
      var hasSingle = false
      trie.forEachMatch(bytes, from: start) { end, token in
        let score = best[start].score + scores[token]
        if best[end].start < 0 || score > best[end].score { best[end] = (score, start, token) }
        if end == start + length { hasSingle = true }
      }
      if !hasSingle {
        let end = Swift.min(start + length, bytes.count), score = best[start].score + unknownScore
        if best[end].start < 0 || score > best[end].score { best[end] = (score, start, -1) }
      }
      start += length
    }
    var parts: [(start: Int, end: Int, token: Int)] = []
    var end = bytes.count
    while end > 0 {
      let (_, start, token) = best[end]
      // Neighbours that are unknown become one.
      if token < 0 || token == unknown, let last = parts.last, last.token < 0 {
        parts[parts.count - 1].start = start
      } else {
        parts.append((start, end, token == unknown ? -1 : token))
      }
      end = start
    }
    return parts.reversed().flatMap { part -> [Int] in
      if part.token >= 0 { return [part.token] }
      let unknownBytes = bytes[part.start..<part.end]
      if fallsBackToBytes {
        let numbers = unknownBytes.compactMap { vocabulary[ByteFallback.token($0)] }
        if numbers.count == unknownBytes.count { return numbers }
      }
      return unknown.map { [$0] } ?? []
    }
  }
}

/// Tokens that stand for single bytes: `<0x0A>`.
enum ByteFallback {
  static func token(_ byte: UInt8) -> String { tokens[Int(byte)] }

  static func byte(_ token: String) -> UInt8? {
    guard token.utf8.count == 6, token.hasPrefix("<0x"), token.hasSuffix(">") else { return nil }
    return UInt8(token.dropFirst(3).dropLast(), radix: 16)
  }

  private static let tokens = (0..<256).map { byte in
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x" + (digits.count < 2 ? "0" : "") + digits + ">"
  }
}
