import EmberRuntime
import EmberTensor

/// What an operator is called with.
struct OperatorCall {
  let node: ONNXNode
  let inputs: [ONNXValue?]
  let attributes: [String: ONNXAttribute]
  let frame: Evaluation.Frame
  let evaluation: Evaluation

  /// The version of the node's operator set.
  var version: Int { node.version }
  var outputCount: Int { node.outputs.count }

  /// Whether somebody may read an output.
  func wants(_ output: Int) -> Bool { output < node.outputs.count && node.outputs[output] != nil }

  func failure(_ message: String, _ kind: EmberError.Kind = .value) -> EmberError { EmberError(kind, in: node.operation, message) }

  /// An input that has a name must have a value.
  func checkInputs() throws {
    for (i, slot) in node.inputs.enumerated() where slot != nil && inputs[i] == nil {
      throw failure("input \(i) has no value")
    }
  }

  // MARK: Inputs

  func has(_ i: Int) -> Bool { i < inputs.count && inputs[i] != nil }

  func value(_ i: Int) throws -> ONNXValue {
    guard i < inputs.count, let value = inputs[i] else { throw failure("input \(i) is missing") }
    return value
  }

  func tensor(_ i: Int) throws -> Tensor {
    let value = try value(i)
    guard case .tensor(let tensor) = value else { throw failure("input \(i) is \(value.summary), where a tensor is needed", .dtype) }
    return tensor
  }

  func optionalTensor(_ i: Int) throws -> Tensor? { has(i) ? try tensor(i) : nil }

  /// A tensor with at least so many dimensions.
  func tensor(_ i: Int, minimumRank: Int) throws -> Tensor {
    let tensor = try tensor(i)
    guard tensor.rank >= minimumRank else {
      throw failure("input \(i) is \(describe(tensor)); it needs at least \(minimumRank) dimensions", .shape)
    }
    return tensor
  }

  /// Every input from the given one on.
  func tensors(from first: Int = 0) throws -> [Tensor] { try (first..<max(first, inputs.count)).map { try tensor($0) } }

  func strings(_ i: Int) throws -> ONNXStrings {
    let value = try value(i)
    guard case .strings(let strings) = value else { throw failure("input \(i) is \(value.summary), where texts are needed", .dtype) }
    return strings
  }

  func sequence(_ i: Int) throws -> [ONNXValue] {
    let value = try value(i)
    guard case .sequence(let elements) = value else {
      throw failure("input \(i) is \(value.summary), where a sequence is needed", .dtype)
    }
    return elements
  }

  /// The elements of an input that is needed as numbers.
  func ints(_ i: Int) throws -> [Int] {
    let tensor = try tensor(i)
    guard tensor.dtype.isInteger else { throw failure("input \(i) is \(describe(tensor)), where integers are needed", .dtype) }
    guard tensor.elementCount <= 1 << 24 else { throw failure("input \(i) is \(describe(tensor)); it has too many elements", .shape) }
    return try tensor.elementsOrThrow(as: Int.self)
  }

  func optionalInts(_ i: Int) throws -> [Int]? { has(i) ? try ints(i) : nil }

  /// The only element of an integer input.
  func int(_ i: Int) throws -> Int {
    let elements = try ints(i)
    guard elements.count == 1 else { throw failure("input \(i) has \(elements.count) elements, where one is needed", .shape) }
    return elements[0]
  }

  func doubles(_ i: Int) throws -> [Double] {
    let tensor = try tensor(i)
    guard tensor.elementCount <= 1 << 24 else { throw failure("input \(i) is \(describe(tensor)); it has too many elements", .shape) }
    return try tensor.detach().elementsOrThrow(as: Double.self)
  }

  /// The only element of an input, as a number of its category.
  func scalar(_ i: Int) throws -> Scalar {
    let tensor = try tensor(i).detach()
    guard tensor.elementCount == 1 else { throw failure("input \(i) is \(describe(tensor)), where one number is needed", .shape) }
    switch tensor.dtype.category {
    case .bool: return .bool(try tensor.itemOrThrow(as: Bool.self))
    case .integer: return .integer(try tensor.itemOrThrow(as: Int64.self))
    case .floatingPoint: return .real(try tensor.itemOrThrow(as: Double.self))
    case .complex: throw failure("input \(i) is \(describe(tensor)), where a real number is needed", .dtype)
    }
  }

  func bool(_ i: Int) throws -> Bool {
    let tensor = try tensor(i)
    guard tensor.elementCount == 1 else { throw failure("input \(i) is \(describe(tensor)), where one truth value is needed", .shape) }
    return try tensor.itemOrThrow(as: Bool.self)
  }

  // MARK: Attributes

  private func mismatch(_ name: String, _ wanted: String) -> EmberError { failure("the attribute '\(name)' must be \(wanted)") }

  func int(_ name: String) throws -> Int? {
    switch attributes[name] {
    case nil: return nil
    case .int(let value): return value
    default: throw mismatch(name, "an integer")
    }
  }
  func int(_ name: String, _ fallback: Int) throws -> Int { try int(name) ?? fallback }
  func flag(_ name: String, _ fallback: Bool = false) throws -> Bool { try int(name).map { $0 != 0 } ?? fallback }

  func double(_ name: String) throws -> Double? {
    switch attributes[name] {
    case nil: return nil
    case .float(let value): return Double(value)
    case .int(let value): return Double(value)
    default: throw mismatch(name, "a number")
    }
  }
  func double(_ name: String, _ fallback: Double) throws -> Double { try double(name) ?? fallback }

  func string(_ name: String) throws -> String? {
    switch attributes[name] {
    case nil: return nil
    case .string(let value): return value
    default: throw mismatch(name, "a text")
    }
  }
  /// One of several texts; the first is what it is if it is left out.
  func string(_ name: String, oneOf allowed: [String]) throws -> String {
    guard let value = try string(name) else { return allowed[0] }
    guard allowed.contains(value) else { throw mismatch(name, "one of \(allowed.joined(separator: ", ")), not '\(value)'") }
    return value
  }

  func ints(_ name: String) throws -> [Int]? {
    switch attributes[name] {
    case nil: return nil
    case .ints(let values): return values
    // A list without elements has no type in old files.
    case .floats(let values) where values.isEmpty: return []
    default: throw mismatch(name, "a list of integers")
    }
  }

  func doubles(_ name: String) throws -> [Double]? {
    switch attributes[name] {
    case nil: return nil
    case .floats(let values): return values.map(Double.init)
    case .ints(let values): return values.map(Double.init)
    default: throw mismatch(name, "a list of numbers")
    }
  }

  func strings(_ name: String) throws -> [String]? {
    switch attributes[name] {
    case nil: return nil
    case .strings(let values): return values
    case .ints(let values) where values.isEmpty: return []
    default: throw mismatch(name, "a list of texts")
    }
  }

  func value(_ name: String) throws -> ONNXValue? {
    switch attributes[name] {
    case nil: return nil
    case .value(let value): return value
    default: throw mismatch(name, "a tensor")
    }
  }

  func graph(_ name: String) throws -> ONNXGraph? {
    switch attributes[name] {
    case nil: return nil
    case .graph(let graph): return graph
    default: throw mismatch(name, "a graph")
    }
  }

  func required<Value>(_ value: Value?, _ name: String) throws -> Value {
    guard let value else { throw failure("the attribute '\(name)' is missing") }
    return value
  }

  /// An element type given by number.
  func elementType(_ name: String) throws -> ONNXElementType? {
    guard let code = try int(name) else { return nil }
    guard let type = ONNXElementType(rawValue: code) else { throw failure("the attribute '\(name)' is the unknown type \(code)", .dtype) }
    return type
  }

  // MARK: Subgraphs

  func evaluate(_ graph: ONNXGraph, _ inputs: [ONNXValue?]) throws -> [ONNXValue] {
    guard inputs.count <= graph.inputs.count else {
      throw failure("the graph '\(graph.name)' takes \(graph.inputs.count) inputs, not \(inputs.count)")
    }
    return try evaluation.evaluate(graph, inputs, around: frame)
  }

  // MARK: Dimensions

  /// A dimension counted from the front.
  func wrapped(_ axis: Int, _ rank: Int) throws -> Int {
    guard axis >= -rank, axis < rank else { throw failure("axis \(axis) of a tensor of \(rank) dimensions", .index) }
    return axis < 0 ? axis + rank : axis
  }

  /// Different dimensions counted from the front.
  func wrapped(_ axes: [Int], _ rank: Int) throws -> [Int] {
    let result = try axes.map { try wrapped($0, rank) }
    guard Set(result).count == result.count else { throw failure("axes \(axes) of a tensor of \(rank) dimensions name one twice", .index) }
    return result
  }
}

func describe(_ tensor: Tensor) -> String { "\(tensor.dtype)\(tensor.shape)" }
