import EmberRuntime

/// A part of a text on its way to becoming tokens.
struct TextPiece {
  var text: String
  /// Whether it stands at the beginning of the text.
  var isFirst: Bool
}

/// Cuts pieces of text into words, within which a model finds its tokens.
protocol PreTokenizer: Sendable {
  /// Throws if more becomes of the text than is allowed.
  func split(_ pieces: [TextPiece], _ allowance: inout TextAllowance) throws(EmberError) -> [TextPiece]
}

/// What makes a text no more than a few times longer, in time in proportion to it.
protocol PlainPreTokenizer: PreTokenizer {
  func split(_ pieces: [TextPiece]) -> [TextPiece]
}

extension PlainPreTokenizer {
  func split(_ pieces: [TextPiece], _ allowance: inout TextAllowance) throws(EmberError) -> [TextPiece] {
    let result = split(pieces)
    try allowance.check(result.reduce(0) { $0 + $1.text.utf8.count })
    return result
  }
}

extension PreTokenizer {
  /// Cuts each piece at the ranges that `find` returns.
  func split<Failure: Error>(
    _ pieces: [TextPiece], _ behavior: SplitBehavior, at find: (String) throws(Failure) -> [Range<String.Index>]
  ) throws(Failure) -> [TextPiece] {
    var result: [TextPiece] = []
    for piece in pieces {
      for range in try behavior.ranges(of: piece.text, matches: find(piece.text)) where !range.isEmpty {
        result.append(TextPiece(text: String(piece.text[range]), isFirst: piece.isFirst && range.lowerBound == piece.text.startIndex))
      }
    }
    return result
  }

  /// Cuts each piece into runs of what `isMatch` holds for and what it does not, or into single matches.
  func split(_ pieces: [TextPiece], _ behavior: SplitBehavior, where isMatch: (Unicode.Scalar) -> Bool) -> [TextPiece] {
    split(pieces, behavior) { text in
      let scalars = text.unicodeScalars
      return scalars.indices.compactMap { isMatch(scalars[$0]) ? $0..<scalars.index(after: $0) : nil }
    }
  }
}

/// What becomes of the places that a text is cut at.
enum SplitBehavior: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  func ranges(of text: String, matches: [Range<String.Index>]) -> [Range<String.Index>] {
    var parts: [(range: Range<String.Index>, isMatch: Bool)] = []
    var end = text.startIndex
    for match in matches {
      if end < match.lowerBound { parts.append((end..<match.lowerBound, false)) }
      parts.append((match, true))
      end = match.upperBound
    }
    if end < text.endIndex { parts.append((end..<text.endIndex, false)) }
    var result: [Range<String.Index>] = []
    var wasMatch = false
    switch self {
    case .removed: return parts.filter { !$0.isMatch }.map(\.range)
    case .isolated: return parts.map(\.range)
    case .contiguous:
      for (range, isMatch) in parts {
        if isMatch == wasMatch, let last = result.popLast() { result.append(last.lowerBound..<range.upperBound) } else { result.append(range) }
        wasMatch = isMatch
      }
      return result
    case .mergedWithPrevious:
      for (range, isMatch) in parts {
        if isMatch, !wasMatch, let last = result.popLast() { result.append(last.lowerBound..<range.upperBound) } else { result.append(range) }
        wasMatch = isMatch
      }
      return result
    case .mergedWithNext:
      for (range, isMatch) in parts.reversed() {
        if isMatch, !wasMatch, let last = result.popLast() { result.append(range.lowerBound..<last.upperBound) } else { result.append(range) }
        wasMatch = isMatch
      }
      return result.reversed()
    }
  }
}

struct PreTokenizerSequence: PreTokenizer {
  let steps: [any PreTokenizer]

  func split(_ pieces: [TextPiece], _ allowance: inout TextAllowance) throws(EmberError) -> [TextPiece] {
    var result = pieces
    for step in steps { result = try step.split(result, &allowance) }
    return result
  }
}

struct SplitAtSpaces: PlainPreTokenizer {
  func split(_ pieces: [TextPiece]) -> [TextPiece] { split(pieces, .removed) { $0.properties.isWhitespace } }
}

/// Spaces vanish, words and runs of other characters stay.
struct SplitWords: PlainPreTokenizer {
  func split(_ pieces: [TextPiece]) -> [TextPiece] {
    let parts = split(pieces, .removed) { $0.properties.isWhitespace }
    return split(parts, .contiguous) { !ScalarSet.wordOrJoiner.contains($0) }
  }
}

struct BertPreTokenizer: PlainPreTokenizer {
  func split(_ pieces: [TextPiece]) -> [TextPiece] {
    split(split(pieces, .removed) { $0.properties.isWhitespace }, .isolated, where: SplitPunctuation.isPunctuation)
  }
}

struct SplitPunctuation: PlainPreTokenizer {
  var behavior = SplitBehavior.isolated

  func split(_ pieces: [TextPiece]) -> [TextPiece] { split(pieces, behavior, where: Self.isPunctuation) }

  /// What Unicode calls so, and ASCII's signs, some of which Unicode calls symbols.
  static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
    case 0..<0x80: return false
    default:
      let number = UnicodeEdition.bertCategory(scalar).number
      return number >= 11 && number <= 17
    }
  }
}

struct SplitDigits: PlainPreTokenizer {
  let isIndividual: Bool

  func split(_ pieces: [TextPiece]) -> [TextPiece] {
    split(pieces, isIndividual ? .isolated : .contiguous) {
      if $0.value < 0x80 { return $0.value >= 0x30 && $0.value <= 0x39 }
      return $0.properties.generalCategory.number >= 8 && $0.properties.generalCategory.number <= 10
    }
  }
}

struct SplitAtCharacter: PlainPreTokenizer {
  let delimiter: Unicode.Scalar
  func split(_ pieces: [TextPiece]) -> [TextPiece] { split(pieces, .removed) { $0 == delimiter } }
}

struct SplitAtPattern: PreTokenizer {
  let pattern: TextPattern
  let behavior: SplitBehavior
  /// Whether what matches are the words, not the places between them.
  let isInverted: Bool

  func split(_ pieces: [TextPiece], _ allowance: inout TextAllowance) throws(EmberError) -> [TextPiece] {
    try split(pieces, behavior) { (text: String) throws(EmberError) -> [Range<String.Index>] in
      let matches = try pattern.matches(in: text, &allowance)
      if !isInverted { return matches }
      var gaps: [Range<String.Index>] = []
      var end = text.startIndex
      for match in matches {
        if end < match.lowerBound { gaps.append(end..<match.lowerBound) }
        end = match.upperBound
      }
      if end < text.endIndex { gaps.append(end..<text.endIndex) }
      return gaps
    }
  }
}

/// Pieces of a fixed number of characters.
struct SplitByLength: PlainPreTokenizer {
  let length: Int

  func split(_ pieces: [TextPiece]) -> [TextPiece] {
    split(pieces, .isolated) { text in
      var result: [Range<String.Index>] = []
      var start = text.startIndex
      while start < text.endIndex {
        let end = text.unicodeScalars.index(start, offsetBy: length, limitedBy: text.endIndex) ?? text.endIndex
        result.append(start..<end)
        start = end
      }
      return result
    }
  }
}

/// SentencePiece's way with spaces: they become a visible character, and words begin with it.
struct Metaspace: PlainPreTokenizer {
  enum PrependScheme: String, Sendable { case always, first, never }

  var replacement: Unicode.Scalar = "▁"
  var prependScheme = PrependScheme.always
  var splits = true

  func split(_ pieces: [TextPiece]) -> [TextPiece] {
    let marked = pieces.map { piece in
      var text = String(piece.text.unicodeScalars.map { $0 == " " ? replacement : $0 })
      if text.unicodeScalars.first != replacement, prependScheme == .always || (prependScheme == .first && piece.isFirst) {
        text = String(Character(replacement)) + text
      }
      return TextPiece(text: text, isFirst: piece.isFirst)
    }
    return splits ? split(marked, .mergedWithNext) { $0 == replacement } : marked
  }
}

/// GPT-2's way: words by a fixed pattern, and each byte as a printable character.
struct ByteLevelPreTokenizer: PlainPreTokenizer {
  var addsPrefixSpace = true
  var splitsWords = true

  func split(_ pieces: [TextPiece]) -> [TextPiece] {
    let spaced = pieces.map { piece in
      TextPiece(text: addsPrefixSpace && piece.text.utf8.first != 0x20 ? " " + piece.text : piece.text, isFirst: piece.isFirst)
    }
    let words = splitsWords ? split(spaced, .isolated, at: Self.words) : spaced
    return words.map { TextPiece(text: ByteCharacters.encode($0.text), isFirst: $0.isFirst) }
  }

  private enum Kind { case letter, number, space, other }

  private static func kind(_ scalar: Unicode.Scalar) -> Kind {
    switch scalar.value {
    case 0x41...0x5A, 0x61...0x7A: return .letter
    case 0x30...0x39: return .number
    case 0x20, 0x9...0xD: return .space
    case 0..<0x80: return .other
    default:
      if scalar.properties.isWhitespace { return .space }
      let number = scalar.properties.generalCategory.number
      return number <= 4 ? .letter : number >= 8 && number <= 10 ? .number : .other
    }
  }

  /// GPT-2's pattern, written out: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
  static func words(of text: String) -> [Range<String.Index>] {
    let scalars = text.unicodeScalars
    var result: [Range<String.Index>] = []
    var start = scalars.startIndex
    while start < scalars.endIndex {
      var end = scalars.index(after: start)
      defer {
        result.append(start..<end)
        start = end
      }
      if scalars[start] == "'" {
        let rest = text[end...].utf8
        if let ending = ["s", "t", "re", "ve", "m", "ll", "d"].first(where: { rest.starts(with: $0.utf8) }) {
          end = text.utf8.index(end, offsetBy: ending.utf8.count)
          continue
        }
      }
      var current = kind(scalars[start])
      if scalars[start] == " ", end < scalars.endIndex, kind(scalars[end]) != .space {
        current = kind(scalars[end])
        end = scalars.index(after: end)
      }
      var last = start
      while end < scalars.endIndex, kind(scalars[end]) == current {
        last = end
        end = scalars.index(after: end)
      }
      // The last of several spaces belongs to what follows, or stands alone.
      if current == .space, end < scalars.endIndex, last > start { end = last }
    }
    return result
  }
}

/// GPT-2's printable character for every byte.
enum ByteCharacters {
  /// Those that are printable in Latin-1 stand for themselves; the others are numbered from 256.
  static let scalars: [Unicode.Scalar] = {
    var next: UInt32 = 256
    return (UInt32(0)..<256).map { byte in
      if (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174 { return Unicode.Scalar(byte)! }
      defer { next += 1 }
      return Unicode.Scalar(next)!
    }
  }()

  private static let bytes = Dictionary(uniqueKeysWithValues: scalars.enumerated().map { ($1, UInt8($0)) })

  static func encode(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count * 2)
    for byte in text.utf8 { result.unicodeScalars.append(scalars[Int(byte)]) }
    return result
  }

  /// The bytes that a token stands for; nil if a character of it stands for none.
  static func decode(_ text: String) -> [UInt8]? {
    var result: [UInt8] = []
    for scalar in text.unicodeScalars {
      guard let byte = bytes[scalar] else { return nil }
      result.append(byte)
    }
    return result
  }
}
