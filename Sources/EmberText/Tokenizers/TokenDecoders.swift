import EmberRuntime

/// Makes text of tokens: a step gets all tokens and hands on what it made of each.
protocol TokenDecoder: Sendable {
  /// Throws if more becomes of the tokens than is allowed.
  func decode(_ tokens: [String], _ allowance: inout TextAllowance) throws(EmberError) -> [String]
}

/// What makes tokens no more than a few times longer, in time in proportion to them.
protocol PlainTokenDecoder: TokenDecoder {
  func decode(_ tokens: [String]) -> [String]
}

extension PlainTokenDecoder {
  func decode(_ tokens: [String], _ allowance: inout TextAllowance) throws(EmberError) -> [String] {
    let result = decode(tokens)
    try allowance.check(result.reduce(0) { $0 + $1.utf8.count })
    return result
  }
}

struct TokenDecoderSequence: TokenDecoder {
  let steps: [any TokenDecoder]

  func decode(_ tokens: [String], _ allowance: inout TextAllowance) throws(EmberError) -> [String] {
    var result = tokens
    for step in steps { result = try step.decode(result, &allowance) }
    return result
  }
}

/// Bytes from their printable characters. A token that holds others stands for itself.
struct ByteLevelDecoder: PlainTokenDecoder {
  func decode(_ tokens: [String]) -> [String] {
    [String(decoding: tokens.flatMap { ByteCharacters.decode($0) ?? Array($0.utf8) }, as: UTF8.self)]
  }
}

/// WordPiece: what continues a word is joined to it.
struct WordPieceDecoder: PlainTokenDecoder {
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
    return pairs.reduce(text) { $0.utf8.contains(0x20) ? Replace.replaced($0, every: $1.0, by: $1.1) : $0 }
  }
}

/// Marked ends of words become spaces.
struct WordEndDecoder: PlainTokenDecoder {
  let suffix: String

  func decode(_ tokens: [String]) -> [String] {
    tokens.enumerated().map { i, token in
      Replace.replaced(token, every: suffix, by: i == tokens.count - 1 ? "" : " ")
    }
  }
}

/// The visible characters that stand for spaces become spaces; those of the first token vanish, wherever in it they are, if words were
/// begun with one.
struct MetaspaceDecoder: PlainTokenDecoder {
  let replacement: Unicode.Scalar
  let dropsFirst: Bool

  func decode(_ tokens: [String]) -> [String] {
    tokens.enumerated().map { i, token in
      String(token.unicodeScalars.compactMap { $0 == replacement ? (i == 0 && dropsFirst ? nil : " ") : $0 })
    }
  }
}

/// Tokens that stand for bytes become characters; bytes that make none become �, one each.
struct ByteFallbackDecoder: PlainTokenDecoder {
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

struct FuseDecoder: PlainTokenDecoder {
  func decode(_ tokens: [String]) -> [String] { [tokens.joined()] }
}

/// Takes away at most so many of a character at the ends of each token.
struct StripDecoder: PlainTokenDecoder {
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

  func decode(_ tokens: [String], _ allowance: inout TextAllowance) throws(EmberError) -> [String] {
    // All tokens together may not come to more.
    var left = allowance
    defer { allowance.steps = left.steps }
    var result: [String] = []
    for token in tokens {
      let text = try replacing.normalize(token, &left)
      try left.use(text.utf8.count)
      result.append(text)
    }
    return result
  }
}

/// Tokens of a recogniser of speech: repeated ones count once, blanks not at all.
struct CTCDecoder: PlainTokenDecoder {
  let blank, wordDelimiter: String
  let cleansUp: Bool

  func decode(_ tokens: [String]) -> [String] {
    var last: String?
    var result: [String] = []
    for token in tokens {
      defer { last = token }
      if token == last { continue }
      var text = Replace.replaced(token, every: blank, by: "")
      if cleansUp { text = Replace.replaced(WordPieceDecoder.cleanedUp(text), every: wordDelimiter, by: " ") }
      if !text.isEmpty { result.append(text) }
    }
    return result
  }
}
