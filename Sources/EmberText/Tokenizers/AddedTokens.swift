import EmberRuntime

/// A token that is found in a text before anything else happens to it.
public struct AddedToken: Sendable, Hashable {
  public var number: Int
  public var content: String
  /// Whether it must not be a part of a word.
  public var isSingleWord = false
  /// Whether it takes the spaces before or after it with it.
  public var takesSpacesBefore = false, takesSpacesAfter = false
  /// Whether it is looked for in the normalised text.
  public var isNormalized = false
  /// Whether it is a mark and no text, which `decode` leaves out.
  public var isSpecial = false

  public init(_ content: String, number: Int, isSpecial: Bool = false) {
    self.content = content
    self.number = number
    self.isSpecial = isSpecial
    isNormalized = !isSpecial
  }
}

/// Finds added tokens in texts: of those that begin at a place, the longest.
struct AddedTokenFinder: Sendable {
  enum Part { case text(Substring), token(Int) }

  private let tokens: [AddedToken]
  private var trie = ByteTrie()
  private var firstBytes: Set<UInt8> = []

  /// - Parameter text: what is looked for, for each token.
  init(_ tokens: [AddedToken], text: (AddedToken) throws(EmberError) -> String) throws(EmberError) {
    self.tokens = tokens
    for (i, token) in tokens.enumerated() {
      let content = try text(token)
      guard let first = content.utf8.first else { continue }
      trie.insert(content.utf8, i)
      firstBytes.insert(first)
    }
  }

  func split(_ text: Substring) -> [Part] {
    if firstBytes.isEmpty || text.isEmpty { return text.isEmpty ? [] : [.text(text)] }
    let bytes = Array(text.utf8)
    var parts: [Part] = []
    // Up to where the text has been cut.
    var done = 0, position = 0
    func piece(_ start: Int, _ end: Int) -> Substring {
      let utf8 = text.utf8
      return text[utf8.index(utf8.startIndex, offsetBy: start)..<utf8.index(utf8.startIndex, offsetBy: end)]
    }
    while position < bytes.count {
      guard firstBytes.contains(bytes[position]) else {
        position += 1
        continue
      }
      var longest: (end: Int, value: Int)?
      trie.forEachMatch(bytes, from: position) { longest = ($0, $1) }
      guard let (end, index) = longest else {
        position += 1
        continue
      }
      let token = tokens[index]
      let before = piece(done, position), after = piece(end, bytes.count)
      if token.isSingleWord {
        let isInWord = [piece(0, position).unicodeScalars.last, after.unicodeScalars.first].contains { $0.map(ScalarSet.wordOrJoiner.contains) ?? false }
        if isInWord {
          position = end
          continue
        }
      }
      var start = position, stop = end
      if token.takesSpacesBefore {
        for scalar in before.unicodeScalars.reversed() {
          guard scalar.properties.isWhitespace else { break }
          start -= UTF8.width(scalar)
        }
      }
      if token.takesSpacesAfter {
        for scalar in after.unicodeScalars {
          guard scalar.properties.isWhitespace else { break }
          stop += UTF8.width(scalar)
        }
      }
      if start > done { parts.append(.text(piece(done, start))) }
      parts.append(.token(token.number))
      done = stop
      position = stop
    }
    if done < bytes.count { parts.append(.text(piece(done, bytes.count))) }
    return parts
  }
}
