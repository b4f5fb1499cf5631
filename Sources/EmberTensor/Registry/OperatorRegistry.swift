import EmberRuntime

/// An operator that can be called by name.
public struct Operator: Sendable {
  public let schema: OperatorSchema
  /// The qualified name of the operator that this is a second name of, or the in-place form; nil for others.
  public fileprivate(set) var original: String?
  private let body: @Sendable ([OperatorValue]) throws -> [OperatorValue]
  /// What is called instead where an argument is of a kind that a package brought with it.
  fileprivate var opaqueBody: (@Sendable ([OperatorValue]) throws -> [OperatorValue])?

  init(_ schema: OperatorSchema, body: @escaping @Sendable ([OperatorValue]) throws -> [OperatorValue]) {
    self.schema = schema
    self.body = body
  }

  /// Calls the operator. Arguments are in the schema's order with positional ones first; what is missing takes its default.
  ///
  /// Everything that does not fit, and every error of the operation, is thrown.
  public func callAsFunction(_ positional: [OperatorValue] = [], _ named: KeyValuePairs<String, OperatorValue> = [:]) throws -> [OperatorValue] {
    try call(positional, named.map { ($0.key, $0.value) })
  }

  public func call(_ positional: [OperatorValue], _ named: [(name: String, value: OperatorValue)]) throws -> [OperatorValue] {
    do { return try callIfAccepted(positional, named) } catch let error as OperatorArgumentError { throw error.error }
  }

  /// As `call`; throws `OperatorArgumentError` where another overload may take the arguments.
  func callIfAccepted(_ positional: [OperatorValue], _ named: [(name: String, value: OperatorValue)]) throws -> [OperatorValue] {
    let values: [OperatorValue]
    do throws(EmberError) { values = try bind(positional, named) } catch { throw OperatorArgumentError(error: error) }
    if let opaqueBody, values.contains(where: \.isOpaque) { return try catchingErrors { try opaqueBody(values) } }
    return try callBody(values)
  }

  /// Calls the operator's own function with one value for each of the schema's arguments.
  public func callBody(_ values: [OperatorValue]) throws -> [OperatorValue] { try catchingErrors { try body(values) } }

  /// One value for each of the schema's arguments, types not yet looked at.
  private func bind(_ positional: [OperatorValue], _ named: [(name: String, value: OperatorValue)]) throws(EmberError) -> [OperatorValue] {
    func failure(_ message: String) -> EmberError { EmberError(.value, in: schema.qualifiedName, "\(message); declared as \(schema.declaration)") }
    var bound = [OperatorValue?](repeating: nil, count: schema.arguments.count)
    for (i, value) in positional.enumerated() {
      guard i < bound.count, !schema.arguments[i].isKeywordOnly else { throw failure("\(positional.count) positional arguments are too many") }
      bound[i] = value
    }
    for (name, value) in named {
      guard let i = schema.arguments.firstIndex(where: { $0.name == name }) else { throw failure("there is no argument \(name)") }
      if bound[i] != nil { throw failure("argument \(name) is given twice") }
      bound[i] = value
    }
    var values: [OperatorValue] = []
    for (argument, value) in zip(schema.arguments, bound) {
      guard let value = value ?? argument.defaultValue else { throw failure("argument \(argument.name) is missing") }
      values.append(value)
    }
    return values
  }
}

/// Operators by ATen name and overload: what importers of foreign graphs, the C front end and the conformance runner call.
///
/// ```swift
/// let registry = OperatorRegistry()
/// registry.addTensorOperators()
/// let sum = try registry.call("aten::add.Tensor", [.tensor(a), .tensor(b)], ["alpha": .real(2)])
/// ```
public struct OperatorRegistry: Sendable {
  private var operators: [String: Operator] = [:]
  /// Overloads by name, in order of registration.
  private var overloads: [String: [String]] = [:]

  public init() {}

  /// All qualified names, sorted.
  public var names: [String] { operators.keys.sorted() }

  /// The operator of a qualified name, `aten::sum.dim_IntList`.
  public subscript(qualifiedName: String) -> Operator? { operators[qualifiedName] }

  /// The overloads of a name, `aten::sum`, in order of registration.
  public func overloads(of name: String) -> [Operator] { (overloads[name] ?? []).compactMap { operators[$0] } }

  /// Adds an operator of one result. The function's parameters are the schema's arguments, in order and type by type.
  ///
  /// - Precondition: the declaration parses, is not yet taken, and fits the function: these are a programmer's mistakes.
  public mutating func add<each Parameter: OperatorArgument, Output: OperatorResult>(
    _ declaration: String, _ body: @escaping @Sendable (repeat each Parameter) throws -> Output
  ) {
    let schema = Self.schema(declaration)
    Self.checkParameters(schema, repeat (each Parameter).self)
    Self.checkResults(schema, Output.self)
    add(
      Operator(schema) { values in
        var reader = ArgumentReader(schema: schema, values: values)
        return [try body(repeat try reader.next((each Parameter).self)).operatorValue]
      })
  }

  /// Adds an operator of several results, which the function returns as a tuple without labels.
  public mutating func add<each Parameter: OperatorArgument, each Output: OperatorResult>(
    _ declaration: String, _ body: @escaping @Sendable (repeat each Parameter) throws -> (repeat each Output)
  ) {
    let schema = Self.schema(declaration)
    Self.checkParameters(schema, repeat (each Parameter).self)
    Self.checkResults(schema, repeat (each Output).self)
    add(
      Operator(schema) { values in
        var reader = ArgumentReader(schema: schema, values: values)
        let results = try body(repeat try reader.next((each Parameter).self))
        var list: [OperatorValue] = []
        repeat list.append((each results).operatorValue)
        return list
      })
  }

  /// Gives an operator that is there a second function, for calls in which an argument is of a kind that a package brings with
  /// it (`OperatorValue.opaque`): sparse tensors. It receives the operator and one value for each of the schema's arguments.
  ///
  /// - Precondition: the operator is there and has no such function yet.
  public mutating func extend(
    _ qualifiedName: String, _ body: @escaping @Sendable (_ original: Operator, _ values: [OperatorValue]) throws -> [OperatorValue]
  ) {
    guard let original = operators[qualifiedName] else { preconditionFailure("there is no operator \(qualifiedName) to extend") }
    precondition(original.opaqueBody == nil, "operator \(qualifiedName) is extended twice")
    operators[qualifiedName]!.opaqueBody = { values in try body(original, values) }
  }

  private static func schema(_ declaration: String) -> OperatorSchema {
    do { return try OperatorSchema(declaration) } catch { preconditionFailure("\(error)") }
  }

  private static func checkParameters<each Parameter: OperatorArgument>(_ schema: OperatorSchema, _ types: repeat (each Parameter).Type) {
    var position = 0
    for type in repeat each types {
      precondition(position < schema.arguments.count, "\(schema.declaration): the function has more parameters")
      let argument = schema.arguments[position]
      precondition(type.represents(argument.kind), "\(schema.declaration): \(argument.name) is \(type) in the function")
      position += 1
    }
    precondition(position == schema.arguments.count, "\(schema.declaration): the function has fewer parameters")
  }

  private static func checkResults<each Output: OperatorResult>(_ schema: OperatorSchema, _ types: repeat (each Output).Type) {
    var position = 0
    for type in repeat each types {
      precondition(position < schema.results.count, "\(schema.declaration): the function has more results")
      precondition(type.represents(result: schema.results[position].kind), "\(schema.declaration): result \(position) is \(type)")
      position += 1
    }
    precondition(position == schema.results.count, "\(schema.declaration): the function has fewer results")
  }

  private mutating func add(_ made: Operator) {
    let name = made.schema.qualifiedName
    precondition(operators[name] == nil, "operator \(name) is registered twice")
    operators[name] = made
    overloads[made.schema.name, default: []].append(name)
  }

  /// Adds an operator under another name, with the same overload.
  mutating func add(_ original: Operator, named name: String) {
    let declaration = name + original.schema.declaration.dropFirst(original.schema.name.count)
    let names = original.schema.arguments.map(\.name)
    var alias = Operator(Self.schema(declaration)) { values in try original.callIfAccepted([], Array(zip(names, values))) }
    alias.original = original.original ?? original.schema.qualifiedName
    add(alias)
  }

  /// Adds an operator that calls another one and turns its results into its own.
  mutating func add(
    _ original: Operator, named name: String, overload: String,
    _ finish: @escaping @Sendable (_ results: [OperatorValue], _ values: [OperatorValue]) throws -> [OperatorValue]
  ) {
    let names = original.schema.arguments.map(\.name)
    let qualified = overload.isEmpty ? name : "\(name).\(overload)"
    let declaration = qualified + original.schema.declaration.dropFirst(original.schema.qualifiedName.count)
    var made = Operator(Self.schema(declaration)) { values in
      try finish(original.callIfAccepted([], Array(zip(names, values))), values)
    }
    made.original = original.original ?? original.schema.qualifiedName
    add(made)
  }

  /// Calls an operator by its qualified name, or by its name alone if one of its overloads takes the arguments.
  public func call(_ name: String, _ positional: [OperatorValue] = [], _ named: KeyValuePairs<String, OperatorValue> = [:]) throws -> [OperatorValue] {
    try call(name, positional, named.map { ($0.key, $0.value) })
  }

  public func call(_ name: String, _ positional: [OperatorValue], _ named: [(name: String, value: OperatorValue)]) throws -> [OperatorValue] {
    // `aten::sum` is an overload of its own, and the name of all: it goes first.
    let exact = operators[name]
    if let exact, exact.schema.name != name || overloads[name]?.count == 1 { return try exact.call(positional, named) }
    let candidates = (exact.map { [$0] } ?? []) + overloads(of: name).filter { $0.schema.qualifiedName != name }
    guard !candidates.isEmpty else { throw EmberError(.unsupported, in: name, "there is no operator of this name") }
    var first: (any Error)?
    for candidate in candidates {
      do {
        return try candidate.callIfAccepted(positional, named)
      } catch let error as OperatorArgumentError {
        first = first ?? error.error
      }
    }
    throw first!
  }
}

/// An argument of the wrong type: another overload may take it.
struct OperatorArgumentError: Error, CustomStringConvertible {
  let error: EmberError
  var description: String { error.description }
}

private struct ArgumentReader {
  let schema: OperatorSchema
  let values: [OperatorValue]
  var position = 0

  mutating func next<Parameter: OperatorArgument>(_: Parameter.Type) throws -> Parameter {
    let argument = schema.arguments[position]
    let value = values[position]
    position += 1
    guard let read = Parameter.read(value, as: argument.kind) else {
      throw OperatorArgumentError(
        error: EmberError(.value, in: schema.qualifiedName, "argument \(argument.name) must be \(argument.kind), not \(value.kind)"))
    }
    return read
  }
}
