import EmberTensor

/// ATen's operators as functions and methods in C++, from their declarations.
///
/// Left out are what C++ has no type for (indices, functions, arguments of any type), forms with an output to write to (tensors are
/// values), and what the headers say by hand. Layouts, memory formats and the like keep their defaults.
struct CppOperators {
  private let registry: OperatorRegistry

  init(_ registry: OperatorRegistry) { self.registry = registry }

  /// Written by hand in ember.hpp, because PyTorch's C++ has other forms of them than ATen.
  private static let byHand: Set = ["to", "index", "index_put", "index_put_", "item", "contiguous", "clone"]

  private static let keywords: Set = [
    "and", "bool", "char", "default", "delete", "double", "float", "int", "long", "new", "not", "or", "register", "short", "signed",
    "this", "union", "unsigned", "using", "xor",
  ]

  private static func header(_ what: String) -> String {
    """
    // \(what)
    // Made by `ember c-header`: changes belong into the operators' declarations or into Sources/EmberCommand/CppOperators.swift.

    """
  }

  /// What stands inside of class Tensor.
  var methods: String {
    var text = Self.header("Included inside of class ember::Tensor.")
    for overloads in families {
      for function in distinct(overloads.compactMap { CppFunction($0, isMethod: true) }) { text += function.text }
    }
    return text
  }

  /// What stands in the namespace.
  var functions: String {
    var text = Self.header("Included by ember.hpp.") + "#pragma once\n\nnamespace ember {\n\n"
    for overloads in families {
      for function in distinct(overloads.compactMap { CppFunction($0, isMethod: false) }) { text += function.text }
    }
    return text + "\n}  // namespace ember\n"
  }

  /// ATen's operators by name, overloads in the order in which they are tried.
  private var families: [[OperatorSchema]] {
    var seen: Set<String> = []
    return registry.names.compactMap { qualified in
      let name = registry[qualified]!.schema.name
      let plain = name.dropFirst("aten::".count)
      guard name.hasPrefix("aten::"), !plain.hasPrefix("_"), !Self.byHand.contains(String(plain)) else { return nil }
      guard seen.insert(name).inserted else { return nil }
      return registry.overloads(of: name).map(\.schema)
    }
  }

  /// Drops overloads that look the same in C++, and defaults that would leave a call between two.
  private func distinct(_ functions: [CppFunction]) -> [CppFunction] {
    var kept: [CppFunction] = []
    for var function in functions {
      let types = function.parameters.map(\.type)
      // How many arguments a call may have that fits another one just as well.
      let shared = kept.flatMap { other in
        let others = other.parameters.map(\.type)
        return (0...types.count).filter { count in
          count >= function.required && count >= other.required && count <= others.count && types.prefix(count) == others.prefix(count)
        }
      }
      if let most = shared.max() {
        if most == types.count { continue }
        function.required = most + 1
      }
      kept.append(function)
    }
    return kept
  }

  /// One overload in C++.
  private struct CppFunction {
    struct Parameter {
      var type: String
      var name: String
      var defaultValue: String?
    }

    let schema: OperatorSchema
    let isMethod: Bool
    private(set) var parameters: [Parameter] = []
    /// How many arguments a call must have.
    var required = 0
    /// The arguments of the call, as C++.
    private var arguments: [String] = []
    private var result = ""

    private var name: String { String(schema.name.dropFirst("aten::".count)) }
    private var isInPlace: Bool { name.hasSuffix("_") }

    /// Nil if there is no such form, or C++ has no type for it.
    init?(_ schema: OperatorSchema, isMethod: Bool) {
      self.schema = schema
      self.isMethod = isMethod
      guard let result = Self.resultType(schema) else { return nil }
      self.result = result
      let takesSelf = schema.arguments.first.map { $0.name == "self" && $0.kind.description == "Tensor" } ?? false
      if isMethod ? !takesSelf : isInPlace { return nil }
      let names = Set(schema.arguments.map(\.name))
      if names.contains("out") || keywords.contains(name) { return nil }
      let hasOptions = names.isSuperset(of: ["dtype", "layout", "device", "pin_memory"])
      var isNamed = false
      for (i, argument) in schema.arguments.enumerated() {
        if i == 0, isMethod {
          arguments.append("*this")
          continue
        }
        isNamed = isNamed || argument.isKeywordOnly
        if hasOptions, ["dtype", "layout", "device", "pin_memory", "requires_grad"].contains(argument.name) {
          if argument.name == "dtype" { parameters.append(Parameter(type: "const TensorOptions &", name: "options", defaultValue: "{}")) }
          if ["dtype", "device"].contains(argument.name) { arguments.append("{\"\(argument.name)\", options.\(argument.name)_opt()}") }
          if argument.name == "requires_grad" { arguments.append("{\"requires_grad\", options.requires_grad()}") }
          continue
        }
        guard let type = Self.parameterType(argument.kind), let value = Self.defaultValue(argument, type) else {
          // Left at its default, and what follows goes by name.
          guard argument.defaultValue != nil else { return nil }
          isNamed = true
          continue
        }
        let name = keywords.contains(argument.name) ? argument.name + "_" : argument.name
        parameters.append(Parameter(type: type, name: name, defaultValue: value.isEmpty ? nil : value))
        arguments.append(isNamed ? "{\"\(argument.name)\", \(name)}" : name)
      }
      required = (parameters.lastIndex { $0.defaultValue == nil } ?? -1) + 1
    }

    private static func resultType(_ schema: OperatorSchema) -> String? {
      let types = schema.results.map { result -> String? in
        switch result.kind.description {
        case "Tensor": "Tensor"
        case "Tensor?": "::std::optional<Tensor>"
        case "Tensor[]": "::std::vector<Tensor>"
        case "bool": "bool"
        case "int": "int64_t"
        case "float": "double"
        case "Scalar": "Scalar"
        default: nil
        }
      }
      guard !types.isEmpty, !types.contains(nil) else { return nil }
      return types.count == 1 ? types[0] : "::std::tuple<" + types.map { $0! }.joined(separator: ", ") + ">"
    }

    private static func parameterType(_ kind: OperatorSchema.Kind) -> String? {
      if kind.isList {
        switch (kind.base, kind.isOptional, kind.isOptionalList) {
        case ("int", false, false): return "IntList"
        case ("int", false, true): return "OptionalIntList"
        case ("Tensor", false, false): return "const ::std::vector<Tensor> &"
        case ("Tensor", true, false): return "const ::std::vector<::std::optional<Tensor>> &"
        case ("float", false, false): return "const ::std::vector<double> &"
        case ("float", false, true): return "const ::std::optional<::std::vector<double>> &"
        case ("Scalar", false, false): return "const ::std::vector<Scalar> &"
        default: return nil
        }
      }
      let plain: String
      switch kind.base {
      case "Tensor": return kind.isOptional ? "const ::std::optional<Tensor> &" : "const Tensor &"
      case "str": return kind.isOptional ? "const ::std::optional<::std::string> &" : "const ::std::string &"
      case "Generator": return kind.isOptional ? "const ::std::optional<Generator> &" : "const Generator &"
      case "int": plain = "int64_t"
      case "float": plain = "double"
      // A type of its own, so that `x.std(0)` means the dimension.
      case "bool": plain = "Bool"
      case "Scalar": plain = "Scalar"
      case "ScalarType": plain = "DType"
      case "Device": plain = "Device"
      default: return nil
      }
      return kind.isOptional ? "::std::optional<\(plain)>" : plain
    }

    /// The default as C++, empty if there is none; nil if it cannot be written.
    private static func defaultValue(_ argument: OperatorSchema.Argument, _ type: String) -> String? {
      guard let value = argument.defaultValue else { return "" }
      switch value {
      case .none: return "::std::nullopt"
      case .bool(let flag): return "\(flag)"
      case .integer(let number): return "\(number)"
      case .real(let number): return number.isInfinite ? (number < 0 ? "-" : "") + "::std::numeric_limits<double>::infinity()" : "\(number)"
      case .string(let text): return "\"\(text)\""
      case .dtype(let dtype): return "k" + dtype.name.prefix(1).uppercased() + dtype.name.dropFirst()
      case .list(let items):
        let numbers = items.compactMap(\.scalar)
        guard numbers.count == items.count else { return nil }
        return "{" + numbers.map { "\($0)" }.joined(separator: ", ") + "}"
      default: return nil
      }
    }

    var text: String {
      let declared = parameters.enumerated().map { i, parameter in
        let space = parameter.type.hasSuffix("&") ? "" : " "
        let value = i < required ? "" : parameter.defaultValue.map { " = \($0)" } ?? ""
        return parameter.type + space + parameter.name + value
      }
      let isMutating = isMethod && isInPlace && result == "Tensor"
      let call = "call<\(result)>(\"\(schema.qualifiedName)\", {\(arguments.joined(separator: ", "))})"
      let indent = isMethod ? "  " : ""
      let start = indent + (isMethod ? "" : "inline ") + (isMutating ? "Tensor &" : result + " ")
      let signature = start + name + "(" + declared.joined(separator: ", ") + ")" + (isMethod ? isMutating ? " &" : " const" : "")
      let body = isMutating ? "return assign(\(call));" : "return \(call);"
      if signature.count + body.count < 130 { return "\(signature) { \(body) }\n" }
      return Self.wrapped(signature + " {", indent: indent + "    ") + "\n" + Self.wrapped(indent + "  " + body, indent: indent + "    ")
        + "\n\(indent)}\n"
    }

    /// Breaks a long line after commas.
    private static func wrapped(_ line: String, indent: String) -> String {
      var lines: [String] = [], current = ""
      for piece in line.split(separator: ", ", omittingEmptySubsequences: false) {
        let next = current.isEmpty ? String(piece) : current + ", " + piece
        if next.count > 134, !current.isEmpty {
          lines.append(current + ",")
          current = indent + piece
        } else {
          current = next
        }
      }
      return (lines + [current]).joined(separator: "\n")
    }
  }
}
