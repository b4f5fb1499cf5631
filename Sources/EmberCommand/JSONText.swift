import EmberFormats
import EmberRuntime

/// Strings as JSON has them, for commands that other programs read and write.
enum JSONText {
  static func quoted(_ text: String) -> String { JSON.quoted(text) }

  /// Infinities and NaN, which JSON does not know, are null.
  static func number(_ value: some BinaryFloatingPoint & CustomStringConvertible) -> String { value.isFinite ? value.description : "null" }

  static func text(_ literal: String) throws -> String {
    let value = try Array(literal.utf8).withUnsafeBytes { try JSON.parse($0, source: "standard input", in: "ember") }
    guard let text = value.text else { throw EmberError(.value, in: "ember", "a line of standard input is no JSON string") }
    return text
  }
}
