import EmberRuntime

/// The declaration of an operator in ATen's notation:
/// `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor`.
///
/// Functions that exist in Python only are declared the same way under their qualified name: `torch.nn.functional.pad(…)`.
/// Annotations of aliasing, `Tensor(a!)`, are accepted and left out: values have no aliases here.
public struct OperatorSchema: Sendable {
  /// A type as ATen spells it.
  public struct Kind: Sendable, Hashable {
    /// `Tensor`, `int`, `float`, `bool`, `Scalar`, `str`, `ScalarType`, `Device`, `Layout`, `MemoryFormat`, `Generator`, `Function`, `Index`.
    public var base: String
    /// `int?`; of a list, whether an element may be none: `Tensor?[]`.
    public var isOptional = false
    public var isList = false
    /// `int[2]`: one number stands for that many.
    public var listCount: Int?
    /// `int[]?`
    public var isOptionalList = false

    public init(base: String, isOptional: Bool = false, isList: Bool = false, listCount: Int? = nil, isOptionalList: Bool = false) {
      self.base = base
      self.isOptional = isOptional
      self.isList = isList
      self.listCount = listCount
      self.isOptionalList = isOptionalList
    }

    public var acceptsNone: Bool { isList ? isOptionalList : isOptional }
  }

  public struct Argument: Sendable {
    public var name: String
    public var kind: Kind
    public var defaultValue: OperatorValue?
    public var isKeywordOnly: Bool
  }

  public struct Result: Sendable {
    /// Empty if it has none.
    public var name: String
    public var kind: Kind
  }

  /// Without the overload: `aten::sum`.
  public let name: String
  /// `dim_IntList`, or empty.
  public let overload: String
  public let arguments: [Argument]
  public let results: [Result]
  /// The declaration as it was given.
  public let declaration: String

  /// The name that finds exactly this overload: `aten::sum.dim_IntList`.
  public var qualifiedName: String { overload.isEmpty ? name : name + "." + overload }

  public init(_ declaration: String) throws(EmberError) {
    self.declaration = declaration
    var parser = SchemaParser(declaration)
    let fullName = parser.word(also: ":._")
    // `torch.fft.fft` has dots of its own; only ATen's form has overloads.
    if fullName.contains(":"), let dot = fullName.firstIndex(of: ".") {
      name = String(fullName[..<dot])
      overload = String(fullName[fullName.index(after: dot)...])
    } else {
      name = fullName
      overload = ""
    }
    var arguments: [Argument] = []
    var isKeywordOnly = false
    try parser.expect("(")
    while !parser.accept(")") {
      if parser.accept("*") {
        isKeywordOnly = true
      } else {
        let kind = try parser.kind()
        let argument = parser.word(also: "_")
        if argument.isEmpty { throw parser.error("an argument's name") }
        var value: OperatorValue?
        if parser.accept("=") { value = try parser.literal(for: kind) }
        arguments.append(Argument(name: argument, kind: kind, defaultValue: value, isKeywordOnly: isKeywordOnly))
      }
      if !parser.accept(",") {
        try parser.expect(")")
        break
      }
    }
    try parser.expect("->")
    var results: [Result] = []
    if parser.accept("(") {
      while !parser.accept(")") {
        let kind = try parser.kind()
        results.append(Result(name: parser.word(also: "_"), kind: kind))
        if !parser.accept(",") {
          try parser.expect(")")
          break
        }
      }
    } else {
      results.append(Result(name: "", kind: try parser.kind()))
    }
    if name.isEmpty || !parser.isAtEnd { throw parser.error("the end") }
    self.arguments = arguments
    self.results = results
  }
}

extension OperatorSchema.Kind: CustomStringConvertible {
  public var description: String {
    let element = base + (isOptional ? "?" : "")
    if !isList { return element }
    return element + "[\(listCount.map(String.init) ?? "")]" + (isOptionalList ? "?" : "")
  }
}

private struct SchemaParser {
  private let text: [Character]
  private var position = 0

  init(_ text: String) { self.text = Array(text) }

  var isAtEnd: Bool { position == text.count }

  func error(_ expected: String) -> EmberError {
    EmberError(.value, in: "schema", "\(String(text)): expected \(expected) at character \(position)")
  }

  private mutating func skipSpace() {
    while position < text.count, text[position] == " " { position += 1 }
  }

  mutating func accept(_ token: String) -> Bool {
    skipSpace()
    guard text[position...].starts(with: token) else { return false }
    position += token.count
    skipSpace()
    return true
  }

  mutating func expect(_ token: String) throws(EmberError) {
    if !accept(token) { throw error("\"\(token)\"") }
  }

  mutating func word(also: String) -> String {
    skipSpace()
    let start = position
    while position < text.count, text[position].isLetter || text[position].isNumber || also.contains(text[position]) { position += 1 }
    let result = String(text[start..<position])
    skipSpace()
    return result
  }

  mutating func kind() throws(EmberError) -> OperatorSchema.Kind {
    var base = word(also: "")
    if base.isEmpty { throw error("a type") }
    if base == "SymInt" { base = "int" }
    var kind = OperatorSchema.Kind(base: base)
    if accept("(") {
      // Aliasing: (a), (a!), (a -> *)
      while position < text.count, text[position] != ")" { position += 1 }
      try expect(")")
    }
    if accept("?") { kind.isOptional = true }
    if accept("[") {
      kind.isList = true
      kind.listCount = Int(word(also: ""))
      try expect("]")
      if accept("?") { kind.isOptionalList = true }
    }
    return kind
  }

  mutating func literal(for kind: OperatorSchema.Kind) throws(EmberError) -> OperatorValue {
    if accept("[") {
      var items: [OperatorValue] = []
      while !accept("]") {
        items.append(try literal(for: kind))
        if !accept(",") {
          try expect("]")
          break
        }
      }
      return .list(items)
    }
    if accept("\"") || accept("'") {
      let start = position
      while position < text.count, text[position] != "\"", text[position] != "'" { position += 1 }
      let value = String(text[start..<position])
      position += 1
      return .string(value)
    }
    let word = word(also: "._-+")
    switch word {
    case "None": return .none
    case "True": return .bool(true)
    case "False": return .bool(false)
    case "inf": return .real(.infinity)
    case "-inf": return .real(-.infinity)
    case "Mean": return .integer(1)
    case "long": return .dtype(.int64)
    case "contiguous_format", "preserve_format": return .memoryFormat(word)
    default: break
    }
    if let integer = Int(word) { return kind.base == "float" ? .real(Double(integer)) : .integer(integer) }
    if let real = Double(word) { return .real(real) }
    throw error("a default value of type \(kind)")
  }
}
