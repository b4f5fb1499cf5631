/// Byte pair encoding with a given vocabulary and given merges, as tokenizer.json and GGUF have it: of all neighbours in a word those merge first
/// whose merge comes first in the list.
struct BytePairModel: TokenModel {
  struct Options: Sendable {
    var unknown: String?
    /// What a token begins with that does not begin its word, and what one ends with that ends it.
    var continuation: String?
    var wordEnd: String?
    /// Whether neighbours that are unknown become one token.
    var fusesUnknown = false
    /// Whether unknown characters become tokens of their bytes.
    var fallsBackToBytes = false
    /// Whether a word that is a token is that token, whatever the merges say.
    var ignoresMergesOfTokens = false

    init() {}
  }

  let vocabulary: TokenVocabulary
  private let options: Options
  private let unknown: Int?
  /// By the numbers of two neighbours: the rank of their merge, and the number of the token that they become.
  private var merges: [UInt64: (rank: Int32, token: Int32)] = [:]
  private let cache = WordCache()

  /// - Parameter merges: pairs of tokens, the first to be merged first. Those whose tokens are not in the vocabulary are of no use and are left out.
  init(_ vocabulary: TokenVocabulary, merges pairs: some Sequence<(String, String)>, _ options: Options) {
    self.vocabulary = vocabulary
    self.options = options
    unknown = options.unknown.flatMap { vocabulary[$0] }
    let prefix = options.continuation?.utf8.count ?? 0
    for (rank, pair) in pairs.enumerated() {
      let tail = prefix == 0 ? pair.1 : String(decoding: pair.1.utf8.dropFirst(prefix), as: UTF8.self)
      guard let left = vocabulary[pair.0], let right = vocabulary[pair.1], let whole = vocabulary[pair.0 + tail] else { continue }
      let key = Self.key(left, right)
      if merges[key] == nil { merges[key] = (Int32(truncatingIfNeeded: rank), Int32(truncatingIfNeeded: whole)) }
    }
  }

  private static func key(_ left: Int, _ right: Int) -> UInt64 { UInt64(UInt32(truncatingIfNeeded: left)) << 32 | UInt64(UInt32(truncatingIfNeeded: right)) }

  func tokens(of word: String) -> [Int] {
    if options.ignoresMergesOfTokens, let token = vocabulary[word] { return [token] }
    return cache.tokens(of: word) { merged(characters(of: $0)) }
  }

  /// The tokens of single characters.
  private func characters(of word: String) -> [Int] {
    var result: [Int] = []
    var wasUnknown = false
    let scalars = word.unicodeScalars
    for index in scalars.indices {
      var text = String(Character(scalars[index]))
      if index > scalars.startIndex, let prefix = options.continuation { text = prefix + text }
      if let suffix = options.wordEnd, scalars.index(after: index) == scalars.endIndex { text += suffix }
      if let token = vocabulary[text] {
        result.append(token)
        wasUnknown = false
        continue
      }
      if options.fallsBackToBytes {
        let bytes = text.utf8.compactMap { vocabulary[ByteFallback.token($0)] }
        if bytes.count == text.utf8.count {
          result += bytes
          wasUnknown = false
          continue
        }
      }
      if let unknown, !(wasUnknown && options.fusesUnknown) { result.append(unknown) }
      wasUnknown = true
    }
    return result
  }

  /// A merge that may be done.
  private struct Candidate: Comparable {
    let rank: Int32, token: Int32
    let position: Int
    /// The tokens it was found between; if they are others by now, it is void.
    let left, right: Int

    static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.position) < (b.rank, b.position) }
  }

  private func merged(_ symbols: [Int]) -> [Int] {
    if symbols.count < 2 { return symbols }
    var tokens = symbols
    var next = Array(1...symbols.count), previous = Array(-1..<symbols.count - 1)
    var heap = Heap<Candidate>()
    func consider(_ left: Int) {
      guard left >= 0, next[left] < tokens.count else { return }
      let a = tokens[left], b = tokens[next[left]]
      if let merge = merges[Self.key(a, b)] {
        heap.push(Candidate(rank: merge.rank, token: merge.token, position: left, left: a, right: b))
      }
    }
    for i in 0..<symbols.count - 1 { consider(i) }
    while let best = heap.pop() {
      let left = best.position, right = next[left]
      guard tokens[left] == best.left, right < tokens.count, tokens[right] == best.right else { continue }
      tokens[left] = Int(best.token)
      tokens[right] = -1
      next[left] = next[right]
      if next[right] < tokens.count { previous[next[right]] = left }
      consider(previous[left])
      consider(left)
    }
    return tokens.filter { $0 >= 0 }
  }
}

/// A binary heap: the smallest element first.
struct Heap<Element: Comparable> {
  private var elements: [Element] = []

  mutating func push(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0, elements[child] < elements[(child - 1) / 2] {
      elements.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func pop() -> Element? {
    guard let first = elements.first else { return nil }
    let last = elements.removeLast()
    if elements.isEmpty { return first }
    elements[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= elements.count { break }
      if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
      if !(elements[child] < elements[parent]) { break }
      elements.swapAt(parent, child)
      parent = child
    }
    return first
  }
}
