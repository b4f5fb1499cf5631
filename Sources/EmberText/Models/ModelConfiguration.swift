import EmberFormats
import EmberRuntime

/// A config.json of Hugging Face's `transformers`, with errors that name the file.
struct ModelConfiguration {
  private let json: JSON
  let path: String

  init(contentsOf path: String) throws {
    json = try JSON.load(path, in: "config.json", limit: 1 << 26)
    self.path = path
  }

  func bad(_ message: String) -> EmberError { EmberError(.file, in: "config.json", "\(path): \(message)") }

  /// A number of things: 1 to a hundred million.
  func size(_ key: String, default standard: Int? = nil) throws -> Int {
    guard let value = json[key]?.integer ?? standard, (1...100_000_000).contains(value) else { throw bad("\(key) is missing or no size") }
    return value
  }

  func real(_ key: String) -> Double? { json[key]?.real }
  func text(_ key: String) -> String? { json[key]?.text }
  func flag(_ key: String) -> Bool? { json[key]?.flag }
  subscript(key: String) -> JSON? { json[key] }

  func activation(_ key: String) throws -> TextActivation {
    let name = text(key) ?? "gelu"
    let others: [String: TextActivation] = ["gelu_pytorch_tanh": .geluTanh, "gelu_fast": .geluTanh, "swish": .silu]
    guard let activation = TextActivation(rawValue: name) ?? others[name] else { throw bad("\(key) is \(name), which is not supported") }
    return activation
  }
}
