import ArgumentParser
import EmberFormats
import EmberRuntime
import EmberTensor
import EmberTorchScript

/// What the `--input` options of a command give to a method of a TorchScript module.
struct ScriptInputs {
  static let help: ArgumentHelp =
    "A value for the next argument, or NAME=VALUE: a .npy file, a shape (1x3x224x224, 1x16:int64), a number, none; several for a list."

  private(set) var arguments: [(argument: TorchScriptArgument, value: TorchScriptValue)] = []

  /// - Parameter texts: the options in order.
  init(_ texts: [String], for method: String, of module: TorchScriptModule) throws {
    guard let declared = module.methods.first(where: { $0.name == method })?.arguments else {
      let methods = module.methods.map(\.name).joined(separator: ", ")
      throw ValidationError("The module has no method \(method); there are: \(methods.isEmpty ? "none" : methods).")
    }
    var given: [String: TorchScriptValue] = [:], next = 0
    for text in texts {
      if let equals = text.firstIndex(of: "="), let named = declared.first(where: { $0.name == text[..<equals] }) {
        given[named.name] = try Self.value(text[text.index(after: equals)...], named.type, named.name)
        continue
      }
      while next < declared.count, given[declared[next].name] != nil { next += 1 }
      guard next < declared.count else {
        throw ValidationError("There is no argument for '\(text)'; \(method) takes \(Self.described(declared)).")
      }
      given[declared[next].name] = try Self.value(text[...], declared[next].type, declared[next].name)
    }
    for argument in declared {
      if let value = given[argument.name] {
        arguments.append((argument, value))
      } else if !argument.hasDefault {
        throw ValidationError("The argument \(argument.name) is missing; \(method) takes \(Self.described(declared)).")
      }
    }
  }

  static func described(_ arguments: [TorchScriptArgument]) -> String {
    arguments.isEmpty ? "nothing" : arguments.map { "\($0.name): \($0.type)\($0.hasDefault ? " (optional)" : "")" }.joined(separator: ", ")
  }

  /// Whether a file may be a TorchScript archive: those are zip archives, ONNX files are not.
  static func isArchive(_ path: String) throws -> Bool {
    try FileBytes.mapping(path, in: "open").withBytes { $0.count >= 4 && $0.starts(with: [0x50, 0x4B, 3, 4]) }
  }

  /// The tensors in all arguments, in order, with names: `x`, or `states_0` for what a list holds.
  var tensors: [(name: String, tensor: Tensor)] {
    arguments.flatMap { argument, value in
      value.tensors.map { ($0.name.isEmpty ? argument.name : "\(argument.name)_\($0.name)", $0.tensor) }
    }
  }

  /// Calls the method with other tensors in the places of `tensors`.
  func call(_ method: String, of module: TorchScriptModule, with tensors: [Tensor]) throws -> TorchScriptValue {
    var rest = tensors[...]
    // Arguments after one that is left out are given by name.
    return try module.call(method, named: arguments.map { ($0.argument.name, $0.value.replacingTensors(from: &rest)) })
  }

  // MARK: Values

  private static func value(_ text: Substring, _ type: String, _ name: String) throws -> TorchScriptValue {
    func refused(_ what: String) -> ValidationError { ValidationError("The argument \(name) is \(type); '\(text)' is \(what).") }
    func inner(_ container: String) -> String? {
      type.hasPrefix(container + "[") ? String(type.dropFirst(container.count + 1).dropLast()) : nil
    }
    if let wrapped = inner("Optional") { return text.lowercased() == "none" ? .none : try value(text, wrapped, name) }
    func parts() -> [Substring] { text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false) }
    if let element = inner("List") { return .list(try parts().map { try value($0, element, name) }) }
    if let elements = inner("Tuple") {
      let types = Self.outermostParts(elements), given = parts()
      guard types.count == given.count else { throw refused("\(given.count) values; separate them by commas") }
      return .tuple(try zip(given, types).map { try value($0, $1, name) })
    }
    if let types = inner("Dict").map(outermostParts), types.count == 2 {
      return .dictionary(
        try parts().map { part in
          guard let colon = part.firstIndex(of: "=") else { throw refused("no list of KEY=VALUE") }
          return (try value(part[..<colon], types[0], name), try value(part[part.index(after: colon)...], types[1], name))
        })
    }
    switch type {
    case "int":
      guard let number = Int(text) else { throw refused("no int") }
      return .integer(number)
    case "float":
      guard let number = Double(text) else { throw refused("no float") }
      return .real(number)
    case "number":
      if let number = Int(text) { return .integer(number) }
      guard let number = Double(text) else { throw refused("no number") }
      return .real(number)
    case "bool":
      guard let flag = Bool(text.lowercased()) else { throw refused("neither true nor false") }
      return .bool(flag)
    case "str": return .string(String(text))
    case "Tensor", "Any":
      if text.hasSuffix(".npy") { return .tensor(try NPY.load(String(text))) }
      guard let tensor = try Self.zeros(text) else { throw refused("neither a .npy file nor a shape such as 1x3x224x224 or 1x16:int64") }
      return .tensor(tensor)
    default: throw ValidationError("The argument \(name) is \(type), which the command line cannot give.")
    }
  }

  /// Zeros of a shape: `2x3`, `2x3:int64`, `:float32` for a tensor without dimensions.
  private static func zeros(_ text: Substring) throws -> Tensor? {
    let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let dtype = halves.count < 2 ? .float32 : DType(name: String(halves[1])) else { return nil }
    var shape: [Int] = []
    for part in halves[0].split(separator: "x", omittingEmptySubsequences: false) where halves.count < 2 || !halves[0].isEmpty {
      guard let extent = Int(part), extent >= 0 else { return nil }
      shape.append(extent)
    }
    return try catchingErrors { Tensor.zeros(shape, dtype: dtype) }
  }

  /// The types in `Tensor, List[int]`, separated by commas outside of brackets.
  private static func outermostParts(_ text: String) -> [String] {
    var parts = [""], depth = 0
    for character in text {
      if character == "," && depth == 0 {
        parts.append("")
        continue
      }
      depth += character == "[" ? 1 : character == "]" ? -1 : 0
      if character != " " { parts[parts.count - 1].append(character) }
    }
    return parts
  }
}
