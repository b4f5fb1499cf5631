/// Makes text of tokens: a step gets all tokens and hands on what it made of each.
protocol TokenDecoder: Sendable {
  func decode(_ tokens: [String]) -> [String]
}

struct TokenDecoderSequence: TokenDecoder {
  let steps: [any TokenDecoder]
  func decode(_ tokens: [String]) -> [String] { steps.reduce(tokens) { $1.decode($0) } }
}

/// Bytes from their printable characters. A token that holds others stands for itself.
struct ByteLevelDecoder: TokenDecoder {
  func decode(_ tokens: [String]) -> [String] {
    [String(decoding: tokens.flatMap { ByteCharacters.decode($0) ?? Array($0.utf8) }, as: UTF8.self)]
  }
}

/// WordPiece: what continues a word is joined to it.
struct WordPieceDecoder: TokenDecoder {
  let prefix: String
  let cleansUp: Bool

  func decode(_ tokens: [String]) -> [String] {
    tokens.enumerated().map { i, token in
      var text = token
      if i > 0 {
        let continues = token.utf8.starts(with: prefix.utf8)
        text = continues ? String(decoding: token.utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : " " + token
      }
      return cleansUp ? Self.cleanedUp(text) : text
    }
  }

  /// Without the spaces that English does not have before signs and contractions.
  static func cleanedUp(_ text: String) -> String {
    let pairs = [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"),
      (" 've", "'ve"), (" 're", "'re"),
    ]
    return pairs.reduce(text) { $0.utf8.contains(0x20) ? Replace(pattern: .text($1.0), content: $1.1).normalize($0) : $0 }
  }
}

/// Marked ends of words become spaces.
struct WordEndDecoder: TokenDecoder {
  let suffix: String

  func decode(_ tokens: [String]) -> [String] {
    tokens.enumerated().map { i, token in
      Replace(pattern: .text(suffix), content: i == tokens.count - 1 ? "" : " ").normalize(token)
    }
  }
}

struct MetaspaceDecoder: TokenDecoder {
  let replacement: Unicode.Scalar
  let dropsFirst: Bool

  func decode(_ tokens: [String]) -> [String] {
    tokens.enumerated().map { i, token in
      var text = String(token.unicodeScalars.map { $0 == replacement ? " " : $0 })
      if i == 0, dropsFirst, token.unicodeScalars.first == replacement { text.unicodeScalars.removeFirst() }
      return text
    }
  }
}

/// Tokens that stand for bytes become characters; bytes that make none become �, one each.
struct ByteFallbackDecoder: TokenDecoder {
  func decode(_ tokens: [String]) -> [String] {
    var result: [String] = []
    var bytes: [UInt8] = []
    func finish() {
      if let text = String(validating: bytes, as: UTF8.self) {
        if !bytes.isEmpty { result.append(text) }
      } else {
        result += bytes.map { _ in "\u{FFFD}" }
      }
      bytes = []
    }
    for token in tokens {
      if let byte = ByteFallback.byte(token) {
        bytes.append(byte)
      } else {
        finish()
        result.append(token)
      }
    }
    finish()
    return result
  }
}

struct FuseDecoder: TokenDecoder {
  func decode(_ tokens: [String]) -> [String] { [tokens.joined()] }
}

/// Takes away at most so many of a character at the ends of each token.
struct StripDecoder: TokenDecoder {
  let content: Unicode.Scalar
  let start, stop: Int

  func decode(_ tokens: [String]) -> [String] {
    tokens.map { token in
      var scalars = Array(token.unicodeScalars)
      scalars.removeFirst(Swift.min(start, scalars.prefix { $0 == content }.count))
      scalars.removeLast(Swift.min(stop, scalars.reversed().prefix { $0 == content }.count))
      return String(scalars)
    }
  }
}

struct ReplaceDecoder: TokenDecoder {
  let replacing: Replace
  func decode(_ tokens: [String]) -> [String] { tokens.map(replacing.normalize) }
}

/// Tokens of a recogniser of speech: repeated ones count once, blanks not at all.
struct CTCDecoder: TokenDecoder {
  let blank, wordDelimiter: String
  let cleansUp: Bool

  func decode(_ tokens: [String]) -> [String] {
    var last: String?
    var result: [String] = []
    for token in tokens {
      defer { last = token }
      if token == last { continue }
      var text = Replace(pattern: .text(blank), content: "").normalize(token)
      if cleansUp { text = Replace(pattern: .text(wordDelimiter), content: " ").normalize(WordPieceDecoder.cleanedUp(text)) }
      if !text.isEmpty { result.append(text) }
    }
    return result
  }
}
