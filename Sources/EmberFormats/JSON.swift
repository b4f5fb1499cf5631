import EmberRuntime

/// A JSON value. The parser is strict (RFC 8259), refuses duplicate keys, and bounds nesting and so the stack.
package indirect enum JSON {
  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([JSON])
  case object([JSONMember])

  package var text: String? { if case .string(let value) = self { value } else { nil } }
  package var items: [JSON]? { if case .array(let list) = self { list } else { nil } }
  package var members: [JSONMember]? { if case .object(let list) = self { list } else { nil } }
  /// A whole number written as such.
  package var integer: Int? { if case .number(let digits) = self { Int(digits) } else { nil } }

  /// The value of a name in an object.
  package subscript(key: String) -> JSON? {
    guard case .object(let list) = self else { return nil }
    return list.first { $0.key == key }?.value
  }

  /// A number, or one of the strings that stand for what JSON cannot write: nan, inf, -inf.
  package var real: Double? {
    switch self {
    case .number(let digits): Double(digits)
    case .string("nan"): .nan
    case .string("inf"): .infinity
    case .string("-inf"): -.infinity
    default: nil
    }
  }

  package var flag: Bool? { if case .bool(let value) = self { value } else { nil } }

  package static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONSyntaxError) -> JSON {
    var parser = JSONParser(bytes: bytes)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    if parser.position != bytes.count { throw parser.error("something follows the value") }
    return value
  }

  /// The value that a file holds.
  package static func load(_ path: String, in operation: String, limit: Int = 1 << 30) throws -> JSON {
    let file = try FileBytes.reading(path, in: operation, limit: limit)
    return try file.withBytes { try parse($0, source: path, in: operation) }
  }

  /// The value of bytes; errors name the source.
  package static func parse(_ bytes: UnsafeRawBufferPointer, source: String, in operation: String) throws(EmberError) -> JSON {
    do throws(JSONSyntaxError) { return try parse(bytes) } catch {
      throw EmberError(.file, in: operation, "\(source): not valid JSON: \(error.message) at byte \(error.position)")
    }
  }

  /// A string literal.
  package static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

/// A name and its value in an object.
package struct JSONMember {
  package let key: String
  package let value: JSON

  package init(key: String, value: JSON) {
    self.key = key
    self.value = value
  }
}

/// Where a text stops being JSON.
package struct JSONSyntaxError: Error {
  package let position: Int
  package let message: String
}

private struct JSONParser {
  let bytes: UnsafeRawBufferPointer
  var position = 0

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  func error(_ message: String) -> JSONSyntaxError { JSONSyntaxError(position: position, message: message) }
  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  mutating func expect(_ byte: UInt8) throws(JSONSyntaxError) {
    guard next == byte else { throw error("'\(Character(Unicode.Scalar(byte)))' expected") }
    position += 1
  }

  mutating func accept(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  mutating func word(_ text: StaticString, _ value: JSON) throws(JSONSyntaxError) -> JSON {
    for i in 0..<text.utf8CodeUnitCount { try expect(text.utf8Start[i]) }
    return value
  }

  mutating func value(depth: Int) throws(JSONSyntaxError) -> JSON {
    if depth > 64 { throw error("nested too deeply") }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return try object(depth)
    case UInt8(ascii: "["): return try array(depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case nil: throw error("the text ends early")
    default: return .number(try number())
    }
  }

  mutating func object(_ depth: Int) throws(JSONSyntaxError) -> JSON {
    position += 1
    var members: [JSONMember] = []
    // By bytes: strings of Swift are equal if they look the same, however their characters are composed.
    var seen: Set<[UInt8]> = []
    skipSpace()
    if accept(UInt8(ascii: "}")) { return .object(members) }
    while true {
      skipSpace()
      let key = try string()
      if !seen.insert(Array(key.utf8)).inserted { throw error("the name \(JSON.quoted(key)) appears twice") }
      skipSpace()
      try expect(UInt8(ascii: ":"))
      members.append(JSONMember(key: key, value: try value(depth: depth + 1)))
      skipSpace()
      if accept(UInt8(ascii: "}")) { return .object(members) }
      try expect(UInt8(ascii: ","))
    }
  }

  mutating func array(_ depth: Int) throws(JSONSyntaxError) -> JSON {
    position += 1
    var items: [JSON] = []
    skipSpace()
    if accept(UInt8(ascii: "]")) { return .array(items) }
    while true {
      items.append(try value(depth: depth + 1))
      skipSpace()
      if accept(UInt8(ascii: "]")) { return .array(items) }
      try expect(UInt8(ascii: ","))
    }
  }

  mutating func digits() throws(JSONSyntaxError) {
    guard let first = next, first >= 0x30, first <= 0x39 else { throw error("a value expected") }
    while let digit = next, digit >= 0x30, digit <= 0x39 { position += 1 }
  }

  mutating func number() throws(JSONSyntaxError) -> String {
    let start = position
    _ = accept(UInt8(ascii: "-"))
    if accept(UInt8(ascii: "0")) {
      if let digit = next, digit >= 0x30, digit <= 0x39 { throw error("a number must not begin with 0") }
    } else {
      try digits()
    }
    if accept(UInt8(ascii: ".")) { try digits() }
    if accept(UInt8(ascii: "e")) || accept(UInt8(ascii: "E")) {
      if !accept(UInt8(ascii: "+")) { _ = accept(UInt8(ascii: "-")) }
      try digits()
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  mutating func string() throws(JSONSyntaxError) -> String {
    try expect(UInt8(ascii: "\""))
    var text: [UInt8] = []
    while true {
      guard let byte = next else { throw error("the text ends inside a string") }
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else { throw error("a string is not UTF-8") }
        return string
      case UInt8(ascii: "\\"): try escape(&text)
      case 0..<0x20: throw error("a control character in a string")
      default: text.append(byte)
      }
    }
  }

  mutating func escape(_ text: inout [UInt8]) throws(JSONSyntaxError) {
    guard let byte = next else { throw error("the text ends inside a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(8)
    case UInt8(ascii: "f"): text.append(12)
    case UInt8(ascii: "n"): text.append(10)
    case UInt8(ascii: "r"): text.append(13)
    case UInt8(ascii: "t"): text.append(9)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if code >= 0xD800, code < 0xDC00 {
        try expect(UInt8(ascii: "\\"))
        try expect(UInt8(ascii: "u"))
        let low = try hexadecimal()
        guard low >= 0xDC00, low < 0xE000 else { throw error("half a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw error("half a surrogate pair") }
      text.append(contentsOf: Array(String(Character(scalar)).utf8))
    default: throw error("an unknown escape")
    }
  }

  mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("four hexadecimal digits expected")
      }
      code = code << 4 + UInt32(digit)
      position += 1
    }
    return code
  }
}
