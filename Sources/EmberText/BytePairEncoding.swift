/// Text as numbers for pieces of words: byte pair encoding (Gage, 1994; Sennrich et al., arXiv:1508.07909) over bytes, so that every
/// text has an encoding, and decoding it gives the text back.
///
/// Numbers below 256 are bytes; every merge adds the next number. Merges stay within words; a space belongs to the word after it.
public struct BytePairEncoding: Sendable {
  /// The two numbers that merge into 256 + i.
  public let merges: [(left: Int, right: Int)]
  private let ranks: [Pair: Int]
  private let pieces: [[UInt8]]

  private struct Pair: Hashable { var left, right: Int }

  /// - Precondition: a merge joins numbers that are there before it.
  public init(merges: [(left: Int, right: Int)]) {
    var pieces = (0..<256).map { [UInt8($0)] }
    var ranks: [Pair: Int] = [:]
    for (i, merge) in merges.enumerated() {
      let known = 0..<pieces.count
      precondition(known.contains(merge.left) && known.contains(merge.right), "BytePairEncoding: merge \(i) joins numbers that come later")
      pieces.append(pieces[merge.left] + pieces[merge.right])
      if ranks[Pair(left: merge.left, right: merge.right)] == nil { ranks[Pair(left: merge.left, right: merge.right)] = i }
    }
    self.merges = merges
    self.ranks = ranks
    self.pieces = pieces
  }

  /// How many numbers there are.
  public var vocabularySize: Int { pieces.count }

  /// Learns from texts: the most frequent pair is merged, again and again; of equally frequent ones, the one with the smaller numbers.
  ///
  /// - Parameter vocabularySize: at most so many numbers; fewer if no pair occurs twice any more.
  public init(training texts: some Sequence<String>, vocabularySize: Int) {
    var counts: [[UInt8]: Int] = [:]
    for text in texts { for word in BytePairEncoding.words(of: text) { counts[Array(word.utf8), default: 0] += 1 } }
    var learner = Learner(counts)
    var merges: [(left: Int, right: Int)] = []
    while 256 + merges.count < vocabularySize, let pair = learner.mostFrequent() {
      learner.merge(pair, into: 256 + merges.count)
      merges.append((pair.left, pair.right))
    }
    self.init(merges: merges)
  }

  /// The numbers of a text.
  public func encode(_ text: String) -> [Int] {
    var result: [Int] = []
    for word in BytePairEncoding.words(of: text) {
      var symbols = word.utf8.map(Int.init)
      while symbols.count > 1 {
        var best = Int.max
        for i in 1..<symbols.count { best = Swift.min(best, ranks[Pair(left: symbols[i - 1], right: symbols[i])] ?? .max) }
        if best == .max { break }
        symbols = BytePairEncoding.merging(symbols, merges[best].left, merges[best].right, into: 256 + best)
      }
      result += symbols
    }
    return result
  }

  /// The text of numbers; numbers that do not exist are left out, bytes that are no text become �.
  public func decode(_ numbers: some Sequence<Int>) -> String {
    String(decoding: numbers.flatMap { pieces.indices.contains($0) ? pieces[$0] : [] }, as: UTF8.self)
  }

  private static func merging(_ symbols: [Int], _ left: Int, _ right: Int, into merged: Int) -> [Int] {
    var result: [Int] = []
    var i = 0
    while i < symbols.count {
      if i + 1 < symbols.count, symbols[i] == left, symbols[i + 1] == right {
        result.append(merged)
        i += 2
      } else {
        result.append(symbols[i])
        i += 1
      }
    }
    return result
  }

  /// Runs of letters, of digits, of spaces and of anything else, each with the space before it.
  public static func words(of text: String) -> [Substring] {
    enum Kind { case letters, digits, space, other }
    func kind(_ scalar: Unicode.Scalar) -> Kind {
      if scalar.properties.isWhitespace { return .space }
      // Accents that follow their letter belong to it.
      if scalar.properties.isAlphabetic || scalar.properties.canonicalCombiningClass != .notReordered { return .letters }
      return scalar.properties.numericType != nil ? .digits : .other
    }
    var words: [Substring] = []
    let scalars = text.unicodeScalars
    var start = scalars.startIndex
    while start < scalars.endIndex {
      var end = scalars.index(after: start)
      var current = kind(scalars[start])
      if scalars[start] == " ", end < scalars.endIndex, kind(scalars[end]) != .space {
        current = kind(scalars[end])
        end = scalars.index(after: end)
      }
      while end < scalars.endIndex, kind(scalars[end]) == current {
        // The last space of several belongs to the word that follows.
        let next = scalars.index(after: end)
        if current == .space, scalars[end] == " ", next < scalars.endIndex, kind(scalars[next]) != .space { break }
        end = next
      }
      words.append(text[start..<end])
      start = end
    }
    return words
  }

  /// Words as sequences of numbers, and how often each pair of neighbours occurs in them.
  private struct Learner {
    private var words: [(symbols: [Int], count: Int)]
    private var pairs: [Pair] = []
    private var positions: [Pair: Int] = [:]
    private var counts: [Int] = []
    /// Words in which a pair occurs, or did.
    private var occurrences: [Set<Int>] = []

    init(_ frequencies: [[UInt8]: Int]) {
      // In order, so that the numbering of pairs does not hang on hashes.
      words = frequencies.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { ($0.key.map(Int.init), $0.value) }
      for i in words.indices { count(i, 1) }
    }

    /// Adds the pairs of a word, or takes them away.
    private mutating func count(_ word: Int, _ sign: Int) {
      let (symbols, frequency) = words[word]
      for i in 1..<Swift.max(symbols.count, 1) {
        let pair = Pair(left: symbols[i - 1], right: symbols[i])
        let position: Int
        if let known = positions[pair] {
          position = known
        } else {
          position = pairs.count
          positions[pair] = position
          pairs.append(pair)
          counts.append(0)
          occurrences.append([])
        }
        counts[position] += sign * frequency
        if sign > 0 { occurrences[position].insert(word) }
      }
    }

    func mostFrequent() -> Pair? {
      var best = -1
      for i in counts.indices where counts[i] > 1 && (best < 0 || counts[i] >= counts[best]) {
        if best < 0 || counts[i] > counts[best] || (pairs[i].left, pairs[i].right) < (pairs[best].left, pairs[best].right) { best = i }
      }
      return best < 0 ? nil : pairs[best]
    }

    mutating func merge(_ pair: Pair, into merged: Int) {
      guard let position = positions[pair] else { return }
      let affected = occurrences[position]
      occurrences[position] = []
      for word in affected {
        count(word, -1)
        words[word].symbols = BytePairEncoding.merging(words[word].symbols, pair.left, pair.right, into: merged)
        count(word, 1)
      }
    }
  }
}
