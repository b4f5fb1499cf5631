import EmberRuntime
import EmberTensor

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

extension ScriptValue {
  /// The value as `str` and `format` print it: numbers as PyTorch's C++ does, which is not always Python's way.
  func text(in machine: Machine) throws -> String {
    if case .string(let text) = self { return text }
    var writer = TextWriter()
    try writer.write(self)
    try machine.charge(writer.text.utf8.count)
    return writer.text
  }
}

private struct TextWriter {
  private(set) var text = ""
  private static let limit = 1 << 20

  mutating func write(_ value: ScriptValue, depth: Int = 0) throws {
    guard text.utf8.count < Self.limit, depth < recursionLimit else {
      throw ScriptFailure(.memory, "a text of more than \(Self.limit) characters, or of values nested more than \(recursionLimit) deep")
    }
    switch value {
    case .none: text += "None"
    case .bool(let flag): text += flag ? "True" : "False"
    case .integer(let number): text += String(number)
    case .real(let number): text += scriptText(of: number)
    case .complex(let real, let imaginary):
      text += scriptText(of: real) + (imaginary < 0 ? "-" : "+") + scriptText(of: abs(imaginary)) + "j"
    case .string(let string): text += string
    case .device(let device): text += device.description
    case .tensor(let reference): text += try reference.value.description
    case .list(let list): try write(list.items, "[", "]", depth)
    case .tuple(let tuple): try write(tuple.items, "(", tuple.items.count == 1 ? ",)" : ")", depth)
    case .dictionary(let dictionary):
      text += "{"
      for (i, pair) in dictionary.pairs.enumerated() {
        if i > 0 { text += ", " }
        try write(pair.key, depth: depth + 1)
        text += ": "
        try write(pair.value, depth: depth + 1)
      }
      text += "}"
    case .object(let object): text += "<\(object.type.name) object>"
    case .enumeration(let member): text += "Enum<\(member.type.name).\(member.name)>"
    case .function(let function): text += "<function \(function.name)>"
    case .type(let type): text += "<class \(type.name)>"
    case .generator: text += "<torch.Generator>"
    }
  }

  private mutating func write(_ items: [ScriptValue], _ open: String, _ close: String, _ depth: Int) throws {
    text += open
    for (i, item) in items.enumerated() {
      if i > 0 { text += ", " }
      try write(item, depth: depth + 1)
    }
    text += close
  }
}

/// A number as PyTorch's `IValue` prints it: whole ones with a bare point, others with 17 digits.
private func scriptText(of number: Double) -> String {
  if number.isInfinite { return number < 0 ? "-inf" : "inf" }
  if number.isNaN { return "nan" }
  if abs(number) < 1e10, number == number.rounded() { return (number.sign == .minus && number == 0 ? "-" : "") + "\(Int(number))." }
  return formatted(number, "%.17g")
}

/// A number by a pattern of C's.
func formatted(_ number: any CVarArg, _ pattern: String) -> String {
  withVaList([number]) { arguments in
    var buffer = [CChar](repeating: 0, count: 400)
    let count = Int(vsnprintf(&buffer, buffer.count, pattern, arguments))
    return String(decoding: buffer.prefix(max(0, min(count, buffer.count - 1))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
