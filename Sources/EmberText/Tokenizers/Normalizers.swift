import EmberFormats
import EmberRuntime

/// What is done to a text before it is cut into pieces.
protocol Normalizer: Sendable {
  /// Throws if more becomes of the text than is allowed.
  func normalize(_ text: String, _ allowance: inout TextAllowance) throws(EmberError) -> String
}

/// What makes a text no more than a few times longer, in time in proportion to it.
protocol PlainNormalizer: Normalizer {
  func normalize(_ text: String) -> String
}

extension PlainNormalizer {
  func normalize(_ text: String, _ allowance: inout TextAllowance) throws(EmberError) -> String {
    let result = normalize(text)
    try allowance.check(result.utf8.count)
    return result
  }
}

extension NormalizationForm: PlainNormalizer {}

struct NormalizerSequence: Normalizer {
  let steps: [any Normalizer]

  func normalize(_ text: String, _ allowance: inout TextAllowance) throws(EmberError) -> String {
    var result = text
    for step in steps { result = try step.normalize(result, &allowance) }
    return result
  }
}

/// What BERT does: no control characters, plain spaces, spaces around Chinese characters, no accents, small letters.
struct BertNormalizer: PlainNormalizer {
  var cleansText = true
  var separatesChineseCharacters = true
  var stripsAccents = true
  var lowercases = true

  func normalize(_ text: String) -> String {
    var result = text
    if cleansText || separatesChineseCharacters {
      var scalars = String.UnicodeScalarView()
      for scalar in text.unicodeScalars {
        if cleansText {
          if scalar.value == 0 || scalar.value == 0xFFFD || Self.isControl(scalar) { continue }
          if scalar.properties.isWhitespace {
            scalars.append(" ")
            continue
          }
        }
        if separatesChineseCharacters, Self.isChinese(scalar.value) {
          scalars.append(contentsOf: [" ", scalar, " "])
        } else {
          scalars.append(scalar)
        }
      }
      result = String(scalars)
    }
    if stripsAccents {
      // Vowel signs of Indian scripts that take room of their own stay.
      let scalars = NormalizationForm.nfd.normalize(result).unicodeScalars
      result = String(scalars.filter { $0.value < 0x300 || UnicodeEdition.bertCategory($0) != .nonspacingMark })
    }
    return lowercases ? Lowercase().normalize(result) : result
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == "\t" || scalar == "\n" || scalar == "\r" { return false }
    switch UnicodeEdition.bertCategory(scalar) {
    case .control, .format, .privateUse, .surrogate: return true
    default: return false
    }
  }

  /// The blocks of CJK ideographs as BERT lists them: no kana, no Hangul.
  private static func isChinese(_ code: UInt32) -> Bool {
    switch code {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF,
      0x2F800...0x2FA1F:
      return true
    default: return false
    }
  }
}

struct Lowercase: PlainNormalizer {
  /// Letter by letter: a sigma at the end of a word is no special case.
  func normalize(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if scalar.value < 0x80 {
        result.unicodeScalars.append(
          scalar.value >= 0x41 && scalar.value <= 0x5A ? Unicode.Scalar(scalar.value + 32)! : scalar)
      } else {
        result += scalar.properties.lowercaseMapping
      }
    }
    return result
  }
}

/// Takes away all marks that go with a letter, where they are characters of their own (after NFD).
struct StripAccents: PlainNormalizer {
  func normalize(_ text: String) -> String {
    String(
      text.unicodeScalars.filter {
        $0.value < 0x300 || !(5...7).contains($0.properties.generalCategory.number) || !UnicodeEdition.accents.knows($0)
      })
  }
}

/// Takes away spaces at the ends.
struct StripSpaces: PlainNormalizer {
  var left = true, right = true

  func normalize(_ text: String) -> String {
    var scalars = Substring(text).unicodeScalars
    if left { while let first = scalars.first, first.properties.isWhitespace { scalars.removeFirst() } }
    if right { while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() } }
    return String(Substring(scalars))
  }
}

struct Replace: Normalizer {
  let pattern: TextPattern
  let content: String

  func normalize(_ text: String, _ allowance: inout TextAllowance) throws(EmberError) -> String {
    let ranges = try pattern.matches(in: text, &allowance)
    try allowance.check(Self.length(text, at: ranges, by: content))
    return Self.replaced(text, at: ranges, by: content)
  }

  /// The text with every place of another one replaced.
  static func replaced(_ text: String, every searched: String, by content: String) -> String {
    replaced(text, at: TextPattern.ranges(of: searched, in: text), by: content)
  }

  static func replaced(_ text: String, at ranges: [Range<String.Index>], by content: String) -> String {
    var result = ""
    var end = text.startIndex
    for range in ranges {
      result += text[end..<range.lowerBound]
      result += content
      end = range.upperBound
    }
    return result + text[end...]
  }

  /// The UTF-8 bytes of the result, without making it.
  static func length(_ text: String, at ranges: [Range<String.Index>], by content: String) -> Int {
    ranges.reduce(text.utf8.count) { $0 - text.utf8.distance(from: $1.lowerBound, to: $1.upperBound) + content.utf8.count }
  }
}

/// Begins a text, if there is any, with another one.
struct Prepend: PlainNormalizer {
  let prefix: String
  func normalize(_ text: String) -> String { text.isEmpty ? text : prefix + text }
}

/// The cleaning that machine translation is trained with (SentencePiece's nmt): no control characters, plain spaces.
struct TranslationCleaning: PlainNormalizer {
  func normalize(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x1...0x8, 0xB, 0xE...0x1F, 0x7F, 0x8F, 0x9F: continue
      case 0x9, 0xA, 0xC, 0xD, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: result.append(" ")
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}

/// Every byte as the printable character that stands for it (`ByteCharacters`).
struct ByteLevelNormalizer: PlainNormalizer {
  func normalize(_ text: String) -> String { ByteCharacters.encode(text) }
}

/// SentencePiece's table of replacements, compiled into a trie (a double array as Darts writes it) and texts.
struct CompiledReplacements: Normalizer {
  private let trie: [UInt32]
  private let replacements: [UInt8]

  init(base64 text: String) throws(EmberError) {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: "Tokenizer", "the precompiled table of the normalizer \(message)") }
    guard let bytes = Self.decode(base64: text), bytes.count >= 4 else { throw bad("is not base64") }
    func word(_ i: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[i + $1]) << (8 * $1) } }
    let size = Int(word(0))
    guard size % 4 == 0, size <= bytes.count - 4 else { throw bad("is truncated") }
    trie = (0..<size / 4).map { word(4 + 4 * $0) }
    replacements = Array(bytes[(4 + size)...])
  }

  func normalize(_ text: String, _ allowance: inout TextAllowance) throws(EmberError) -> String {
    var result = ""
    for character in text {
      try allowance.check(result.utf8.count)
      let whole = String(character)
      if whole.utf8.count < 6, let replacement = replacement(Array(whole.utf8)) {
        result += replacement
        continue
      }
      for scalar in character.unicodeScalars {
        if let replacement = replacement(Array(UTF8.encode(scalar)!)) { result += replacement } else { result.unicodeScalars.append(scalar) }
        try allowance.check(result.utf8.count)
      }
    }
    try allowance.check(result.utf8.count)
    return result
  }

  /// What the shortest prefix of the key that the trie knows is replaced by.
  private func replacement(_ key: [UInt8]) -> String? {
    func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & (1 << 9)) >> 6)) }
    guard let root = trie.first else { return nil }
    var node = offset(root)
    for byte in key {
      if byte == 0 { return nil }
      node ^= Int(byte)
      guard node < trie.count, trie[node] & (1 << 31 | 255) == UInt32(byte) else { return nil }
      let unit = trie[node]
      node ^= offset(unit)
      guard node < trie.count else { return nil }
      if unit >> 8 & 1 == 1 {
        let start = Int(trie[node] & (1 << 31 - 1))
        guard start < replacements.count else { return nil }
        return String(decoding: replacements[start...].prefix { $0 != 0 }, as: UTF8.self)
      }
    }
    return nil
  }

  private static func decode(base64 text: String) -> [UInt8]? {
    var result: [UInt8] = []
    var bits: UInt32 = 0, count = 0
    for byte in text.utf8 {
      let value: UInt8
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - 65
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - 71
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte + 4
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      case UInt8(ascii: "="): continue
      default: return nil
      }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 8 {
        count -= 8
        result.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    return result
  }
}
