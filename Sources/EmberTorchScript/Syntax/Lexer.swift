import EmberRuntime

enum Token: Equatable {
  case name(String)
  case integer(Int)
  case real(Double)
  case imaginary(Double)
  case string(String)
  /// An operator or a bracket.
  case symbol(String)
  case newLine, indent, dedent, end

  var text: String {
    switch self {
    case .name(let text), .symbol(let text): "\"\(text)\""
    case .integer(let value): "\(value)"
    case .real(let value), .imaginary(let value): "\(value)"
    case .string: "a string"
    case .newLine: "the end of the line"
    case .indent: "an indented line"
    case .dedent: "the end of the block"
    case .end: "the end of the file"
    }
  }
}

/// An error at a line of the archive's code; whoever knows the file's name completes it.
struct SyntaxError: Error {
  let line: Int
  let message: String
}

/// Divides a file of code into tokens; indentation becomes tokens of its own, as in Python.
struct Lexer {
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1
  private var openBrackets = 0
  private var indents = [0]
  private(set) var tokens: [(token: Token, line: Int)] = []

  /// Blocks within each other, at most.
  private static let indentLimit = 200

  static func tokens(of bytes: UnsafeRawBufferPointer) throws(SyntaxError) -> [(token: Token, line: Int)] {
    var lexer = Lexer(bytes: Array(bytes))
    try lexer.run()
    return lexer.tokens
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private func error(_ message: String) -> SyntaxError { SyntaxError(line: line, message: message) }

  private func byte(_ offset: Int = 0) -> UInt8 { position + offset < bytes.count ? bytes[position + offset] : 0 }

  private mutating func add(_ token: Token) { tokens.append((token, line)) }

  private mutating func run() throws(SyntaxError) {
    try measureIndent()
    while position < bytes.count {
      let next = bytes[position]
      switch next {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): position += 1
      case UInt8(ascii: "#"): while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
      case UInt8(ascii: "\\") where byte(1) == UInt8(ascii: "\n"):
        position += 2
        line += 1
      case UInt8(ascii: "\n"):
        if openBrackets == 0 { endLine() }
        position += 1
        line += 1
        if openBrackets == 0 { try measureIndent() }
      case UInt8(ascii: "\""), UInt8(ascii: "'"): try string(quote: next)
      case UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
      case UInt8(ascii: ".") where Self.isDigit(byte(1)): try number()
      default:
        if Self.isNameStart(next) { name() } else { try symbol() }
      }
    }
    endLine()
    while indents.count > 1 {
      indents.removeLast()
      add(.dedent)
    }
    add(.end)
  }

  private mutating func endLine() {
    switch tokens.last?.token {
    case nil, .newLine, .indent, .dedent: return
    default: add(.newLine)
    }
  }

  /// At the beginning of a line: compares its indentation with that of the line before; lines without contents do not count.
  private mutating func measureIndent() throws(SyntaxError) {
    var width = 0
    while true {
      switch byte() {
      case UInt8(ascii: " "): width += 1
      case UInt8(ascii: "\t"): width += 8 - width % 8
      case UInt8(ascii: "\r"): break
      case UInt8(ascii: "\n") where position < bytes.count:
        width = 0
        line += 1
        position += 1
        continue
      case UInt8(ascii: "#"):
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
        continue
      default:
        guard position < bytes.count else { return }
        if width > indents.last! {
          guard indents.count < Self.indentLimit else { throw error("blocks are nested more than \(Self.indentLimit) deep") }
          indents.append(width)
          add(.indent)
        }
        while width < indents.last! {
          indents.removeLast()
          add(.dedent)
        }
        guard width == indents.last! else { throw error("the indentation fits no block") }
        return
      }
      position += 1
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
  private static func isNameStart(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "_") || byte >= 128 || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
  }

  private mutating func name() {
    let start = position
    while position < bytes.count, Self.isNameStart(bytes[position]) || Self.isDigit(bytes[position]) { position += 1 }
    add(.name(String(decoding: bytes[start..<position], as: UTF8.self)))
  }

  private mutating func number() throws(SyntaxError) {
    let start = position
    if byte() == UInt8(ascii: "0"), byte(1) | 0x20 == UInt8(ascii: "x") {
      position += 2
      let digits = position
      while Self.isDigit(byte()) || byte() | 0x20 >= UInt8(ascii: "a") && byte() | 0x20 <= UInt8(ascii: "f") { position += 1 }
      guard let value = Int(String(decoding: bytes[digits..<position], as: UTF8.self), radix: 16) else { throw error("a number that is too large") }
      return add(.integer(value))
    }
    var isReal = false
    while Self.isDigit(byte()) { position += 1 }
    if byte() == UInt8(ascii: ".") {
      isReal = true
      position += 1
      while Self.isDigit(byte()) { position += 1 }
    }
    if byte() | 0x20 == UInt8(ascii: "e"), Self.isDigit(byte(1)) || (byte(1) == UInt8(ascii: "-") || byte(1) == UInt8(ascii: "+")) && Self.isDigit(byte(2)) {
      isReal = true
      position += 2
      while Self.isDigit(byte()) { position += 1 }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    if byte() == UInt8(ascii: "j") {
      position += 1
      guard let value = Double(text) else { throw error("\(text)j is no number") }
      return add(.imaginary(value))
    }
    if isReal {
      guard let value = Double(text) else { throw error("\(text) is no number") }
      return add(.real(value))
    }
    // The smallest integer is written as the negative of a number that does not fit.
    if text == "9223372036854775808", tokens.last?.token == .symbol("-") {
      tokens.removeLast()
      return add(.integer(.min))
    }
    guard let value = Int(text) else { throw error("\(text.prefix(40)) does not fit 64 bits") }
    add(.integer(value))
  }

  private mutating func string(quote: UInt8) throws(SyntaxError) {
    let isTriple = byte(1) == quote && byte(2) == quote
    position += isTriple ? 3 : 1
    var contents: [UInt8] = []
    while true {
      guard position < bytes.count, isTriple || byte() != UInt8(ascii: "\n") else { throw error("a string does not end") }
      let next = bytes[position]
      if next == quote, !isTriple || byte(1) == quote && byte(2) == quote {
        position += isTriple ? 3 : 1
        return add(.string(String(decoding: contents, as: UTF8.self)))
      }
      position += 1
      if next == UInt8(ascii: "\n") { line += 1 }
      guard next == UInt8(ascii: "\\") else {
        contents.append(next)
        continue
      }
      let escape = byte()
      position += 1
      switch escape {
      case UInt8(ascii: "n"): contents.append(10)
      case UInt8(ascii: "t"): contents.append(9)
      case UInt8(ascii: "r"): contents.append(13)
      case UInt8(ascii: "a"): contents.append(7)
      case UInt8(ascii: "b"): contents.append(8)
      case UInt8(ascii: "f"): contents.append(12)
      case UInt8(ascii: "v"): contents.append(11)
      case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): contents.append(escape)
      case UInt8(ascii: "\n"): line += 1
      case UInt8(ascii: "x"):
        // PyTorch writes every byte that is not printable, also those of other alphabets, as its number.
        let digits = String(decoding: bytes[position..<min(position + 2, bytes.count)], as: UTF8.self)
        guard let value = UInt8(digits, radix: 16) else { throw error("\\x\(digits) is no character") }
        position += 2
        contents.append(value)
      case UInt8(ascii: "0")...UInt8(ascii: "7"):
        var value = Int(escape - UInt8(ascii: "0"))
        for _ in 0..<2 where byte() >= UInt8(ascii: "0") && byte() <= UInt8(ascii: "7") {
          value = value * 8 + Int(byte() - UInt8(ascii: "0"))
          position += 1
        }
        contents.append(UInt8(truncatingIfNeeded: value))
      default: contents += [UInt8(ascii: "\\"), escape]
      }
    }
  }

  private static let longSymbols = ["**=", "//=", "->", "==", "!=", "<=", ">=", "<<", ">>", "//", "**", "+=", "-=", "*=", "/="].map { Array($0.utf8) }

  private mutating func symbol() throws(SyntaxError) {
    for symbol in Self.longSymbols where bytes[position...].starts(with: symbol) {
      position += symbol.count
      return add(.symbol(String(decoding: symbol, as: UTF8.self)))
    }
    let next = bytes[position]
    switch next {
    case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): openBrackets += 1
    case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
      guard openBrackets > 0 else { throw error("a closing bracket too many") }
      openBrackets -= 1
    default:
      guard ",:.;=+-*/%<>@&|^~".utf8.contains(next) else {
        throw error("a character that is not understood: \(String(decoding: [next], as: UTF8.self))")
      }
    }
    position += 1
    add(.symbol(String(decoding: [next], as: UTF8.self)))
  }
}
