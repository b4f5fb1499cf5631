import EmberRuntime
import EmberTensor
internal import FoundationEssentials
internal import SwiftProtobuf

/// Turns the messages of a file into graphs that can be evaluated: names become places, attributes values, operators functions.
///
/// Whatever is wrong with a graph that can be seen without running it is an error here.
final class GraphBuilder {
  /// How deep graphs and functions may lie inside one another, so that evaluation fits any thread's stack.
  static let maximumDepth = 64

  /// The attribute that a `Gradient` node gets: the part of the graph that it differentiates.
  static let differentiatedPart = "differentiated part"

  private let decoder: TensorDecoder
  private let operators: OperatorTable
  private let functionMessages: [FunctionKey: Onnx_FunctionProto]
  private var functions: [FunctionKey: ONNXFunction] = [:]
  /// Functions that are being built, each called by the one before it.
  private var calls: [FunctionKey] = []
  private var depth = 0

  private struct FunctionKey: Hashable {
    let domain: String
    let name: String
    let overload: String
  }

  /// The names of one graph.
  private final class Scope {
    let outer: Scope?
    var slots: [String: Int] = [:]
    var captures: [ONNXCapture] = []
    var slotCount = 0

    init(in outer: Scope?) { self.outer = outer }

    func newSlot() -> Int {
      slotCount += 1
      return slotCount - 1
    }

    /// The place of a name here, or of the value that comes in from around.
    func find(_ name: String) -> Int? {
      if let slot = slots[name] { return slot }
      guard let position = outer?.find(name) else { return nil }
      let slot = newSlot()
      slots[name] = slot
      captures.append(ONNXCapture(name: name, outer: position, inner: slot))
      return slot
    }
  }

  init(decoder: TensorDecoder, operators: OperatorTable, functions messages: [Onnx_FunctionProto]) throws {
    self.decoder = decoder
    self.operators = operators
    var byKey: [FunctionKey: Onnx_FunctionProto] = [:]
    for message in messages {
      let key = FunctionKey(domain: normalized(message.domain), name: message.name, overload: message.overload)
      guard byKey.updateValue(message, forKey: key) == nil else { throw bad("the function '\(message.name)' is defined twice") }
    }
    functionMessages = byKey
  }

  // MARK: Graphs

  func mainGraph(_ message: Onnx_GraphProto, versions: [String: Int]) throws -> ONNXGraph {
    try graph(message, in: nil, versions: versions)
  }

  private func graph(_ message: Onnx_GraphProto, in outer: Scope?, versions: [String: Int]) throws -> ONNXGraph {
    try descending(into: "graph '\(message.name)'") {
      let scope = Scope(in: outer)
      var constants: [(place: ONNXPlace, value: ONNXValue)] = []
      func define(_ name: String) throws -> ONNXPlace {
        let slot = scope.newSlot()
        guard scope.slots.updateValue(slot, forKey: name) == nil else { throw bad("'\(name)' is made twice in graph '\(message.name)'") }
        return ONNXPlace(name: name, slot: slot)
      }
      var inputs: [ONNXPlace] = []
      for input in message.input { inputs.append(try define(input.name)) }
      // An initialiser may give an input its default.
      let inputNames = Set(message.input.map(\.name))
      func addConstant(_ name: String, _ value: ONNXValue) throws {
        if inputNames.contains(name), !constants.contains(where: { $0.place.name == name }) {
          constants.append((ONNXPlace(name: name, slot: scope.slots[name]!), value))
        } else {
          constants.append((try define(name), value))
        }
      }
      for tensor in message.initializer { try addConstant(tensor.name, try decoder.value(tensor)) }
      for tensor in message.sparseInitializer { try addConstant(tensor.values.name, try decoder.value(tensor)) }
      let nodes = try nodes(message.node, in: scope, versions: versions, graph: message.name)
      var outputs: [ONNXPlace] = []
      for output in message.output {
        guard let slot = scope.find(output.name) else {
          throw bad("the output '\(output.name)' of graph '\(message.name)' is made by nothing")
        }
        outputs.append(ONNXPlace(name: output.name, slot: slot))
      }
      return finished(
        message.name, scope, inputs, message.input.map { valueType($0.type) }, outputs, message.output.map { valueType($0.type) },
        constants, nodes)
    }
  }

  private func finished(
    _ name: String, _ scope: Scope, _ inputs: [ONNXPlace], _ inputTypes: [ONNXValueType], _ outputs: [ONNXPlace],
    _ outputTypes: [ONNXValueType], _ constants: [(place: ONNXPlace, value: ONNXValue)], _ nodes: [ONNXNode]
  ) -> ONNXGraph {
    var nodes = nodes, innerDepth = 0
    var seen = Set(outputs.map(\.slot))
    for i in nodes.indices.reversed() {
      var used = Set(nodes[i].inputs.compactMap { $0 })
      used.formUnion(nodes[i].outputs.compactMap { $0 })
      for graph in nodes[i].attributes.values.flatMap(\.graphs) {
        used.formUnion(graph.captures.map(\.outer))
        innerDepth = max(innerDepth, graph.depth)
      }
      if case .function(let function) = nodes[i].body { innerDepth = max(innerDepth, function.body.depth) }
      nodes[i].released = used.subtracting(seen).sorted()
      seen.formUnion(used)
    }
    return ONNXGraph(
      name: name, inputs: inputs, inputTypes: inputTypes, outputs: outputs, outputTypes: outputTypes, constants: constants, nodes: nodes,
      captures: scope.captures, slotCount: scope.slotCount, depth: innerDepth + 1)
  }

  private func nodes(_ messages: [Onnx_NodeProto], in scope: Scope, versions: [String: Int], graph: String) throws -> [ONNXNode] {
    var nodes: [ONNXNode] = []
    nodes.reserveCapacity(messages.count)
    for message in messages {
      let label = message.name.isEmpty ? message.opType : "\(message.opType) '\(message.name)'"
      var inputs: [Int?] = []
      for name in message.input {
        if name.isEmpty {
          inputs.append(nil)
          continue
        }
        guard let slot = scope.find(name) else {
          let isLater = messages.contains { $0.output.contains(name) }
          throw bad(
            "node \(label) of graph '\(graph)' reads '\(name)', which "
              + (isLater ? "is made only after it: nodes are out of order, or depend on one another in a circle" : "nothing makes"))
        }
        inputs.append(slot)
      }
      let domain = normalized(message.domain)
      let key = FunctionKey(domain: domain, name: message.opType, overload: message.overload)
      var body: ONNXNode.Body?, version = versions[domain] ?? 0
      if functionMessages[key] != nil {
        body = .function(try function(key))
      } else {
        guard versions[domain] != nil else {
          throw bad("node \(label): the file names no version of the operator set '\(domain)'")
        }
        body = operators.entry(message.opType, domain: domain, version: version).map { .operator($0) }
      }
      guard let body else {
        throw EmberError(
          .unsupported, in: "onnx",
          "node \(label): there is no operator \(message.opType) in version \(version) of the operator set '\(domain.isEmpty ? "ai.onnx" : domain)'"
        )
      }
      if version == 0 { version = 1 }
      var attributes: [String: ONNXAttribute] = [:], hasReferences = false
      for attribute in message.attribute {
        let decoded = try self.attribute(attribute, in: scope, versions: versions, node: label)
        if case .reference = decoded { hasReferences = true }
        guard attributes.updateValue(decoded, forKey: attribute.name) == nil else {
          throw bad("node \(label) has the attribute '\(attribute.name)' twice")
        }
      }
      if domain == "ai.onnx.preview.training", message.opType == "Gradient" {
        let part = try differentiatedPart(attributes, among: messages.prefix(nodes.count), node: label)
        attributes[Self.differentiatedPart] = .graph(try self.graph(part, in: scope, versions: versions))
      }
      var outputs: [Int?] = []
      for name in message.output {
        if name.isEmpty {
          outputs.append(nil)
          continue
        }
        let slot = scope.newSlot()
        guard scope.slots.updateValue(slot, forKey: name) == nil else { throw bad("'\(name)' is made twice in graph '\(graph)'") }
        outputs.append(slot)
      }
      nodes.append(
        ONNXNode(
          name: message.name, operation: message.opType, domain: domain, version: version, inputs: inputs, outputs: outputs,
          attributes: attributes, hasReferences: hasReferences, body: body))
    }
    return nodes
  }

  /// What leads from the values `xs` and `zs` to the value `y` of a node's attributes, as a graph of its own.
  private func differentiatedPart(
    _ attributes: [String: ONNXAttribute], among nodes: ArraySlice<Onnx_NodeProto>, node: String
  ) throws -> Onnx_GraphProto {
    guard case .strings(let xs)? = attributes["xs"], case .string(let y)? = attributes["y"] else {
      throw bad("node \(node): it needs the attributes xs and y")
    }
    var inputs = xs
    if case .strings(let zs)? = attributes["zs"] { inputs += zs }
    var part = Onnx_GraphProto(), wanted: Set = [y], chosen: [Onnx_NodeProto] = []
    for message in nodes.reversed() where !wanted.isDisjoint(with: message.output) {
      wanted.formUnion(message.input.filter { !inputs.contains($0) })
      chosen.append(message)
    }
    part.name = "gradient of \(y)"
    part.node = chosen.reversed()
    part.input = inputs.map { name in
      var port = Onnx_ValueInfoProto()
      port.name = name
      return port
    }
    var output = Onnx_ValueInfoProto()
    output.name = y
    part.output = [output]
    return part
  }

  // MARK: Functions

  private func function(_ key: FunctionKey) throws -> ONNXFunction {
    if let known = functions[key] { return known }
    guard !calls.contains(key) else {
      throw bad("the function '\(key.name)' calls itself, by way of \(calls.map(\.name).joined(separator: ", "))")
    }
    calls.append(key)
    defer { calls.removeLast() }
    let message = functionMessages[key]!
    return try descending(into: "function '\(key.name)'") {
      let scope = Scope(in: nil)
      var inputs: [ONNXPlace] = [], outputs: [ONNXPlace] = []
      for name in message.input {
        let slot = scope.newSlot()
        guard scope.slots.updateValue(slot, forKey: name) == nil else { throw bad("function '\(key.name)' has the input '\(name)' twice") }
        inputs.append(ONNXPlace(name: name, slot: slot))
      }
      let versions = try operatorVersions(message.opsetImport)
      let nodes = try nodes(message.node, in: scope, versions: versions, graph: message.name)
      for name in message.output {
        guard let slot = scope.find(name) else { throw bad("the output '\(name)' of function '\(key.name)' is made by nothing") }
        outputs.append(ONNXPlace(name: name, slot: slot))
      }
      var defaults: [String: ONNXAttribute] = [:]
      for attribute in message.attributeProto {
        defaults[attribute.name] = try self.attribute(attribute, in: scope, versions: versions, node: "function '\(key.name)'")
      }
      let body = finished(
        message.name, scope, inputs, inputs.map { _ in .other }, outputs, outputs.map { _ in .other }, [], nodes)
      let function = ONNXFunction(name: message.name, body: body, defaults: defaults)
      functions[key] = function
      return function
    }
  }

  private func descending<Result>(into what: String, _ body: () throws -> Result) throws -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else {
      throw bad("\(what) lies more than \(Self.maximumDepth) graphs and functions deep")
    }
    return try body()
  }

  // MARK: Attributes and types

  private func attribute(
    _ message: Onnx_AttributeProto, in scope: Scope, versions: [String: Int], node: String
  ) throws -> ONNXAttribute {
    if !message.refAttrName.isEmpty { return .reference(message.refAttrName) }
    func text(_ data: Data) -> String { String(decoding: data, as: UTF8.self) }
    switch message.hasType ? message.type : likelyType(message) {
    case .int: return .int(Int(message.i))
    case .float: return .float(message.f)
    case .string: return .string(text(message.s))
    case .ints: return .ints(message.ints.map { Int($0) })
    case .floats: return .floats(message.floats)
    case .strings: return .strings(message.strings.map(text))
    case .tensor: return .value(try decoder.value(message.t))
    case .tensors: return .values(try message.tensors.map { try decoder.value($0) })
    case .sparseTensor: return .value(try decoder.value(message.sparseTensor))
    case .sparseTensors: return .values(try message.sparseTensors.map { try decoder.value($0) })
    case .graph: return .graph(try graph(message.g, in: scope, versions: versions))
    case .graphs: return .graphs(try message.graphs.map { try graph($0, in: scope, versions: versions) })
    case .typeProto: return .type(valueType(message.tp))
    case .typeProtos: return .types(message.typeProtos.map(valueType))
    case .undefined: throw bad("node \(node): the attribute '\(message.name)' has no type")
    }
  }

  /// Old files leave the type out.
  private func likelyType(_ message: Onnx_AttributeProto) -> Onnx_AttributeProto.AttributeType {
    if message.hasI { return .int }
    if message.hasF { return .float }
    if message.hasS { return .string }
    if message.hasT { return .tensor }
    if message.hasG { return .graph }
    if !message.floats.isEmpty { return .floats }
    if !message.strings.isEmpty { return .strings }
    if !message.tensors.isEmpty { return .tensors }
    if !message.graphs.isEmpty { return .graphs }
    return .ints
  }

  private func valueType(_ message: Onnx_TypeProto) -> ONNXValueType {
    switch message.value {
    case .tensorType(let tensor):
      .tensor(ONNXElementType(rawValue: Int(tensor.elemType)), tensor.hasShape ? tensor.shape.dim.map(dimension) : nil)
    case .sparseTensorType(let tensor):
      .tensor(ONNXElementType(rawValue: Int(tensor.elemType)), tensor.hasShape ? tensor.shape.dim.map(dimension) : nil)
    case .sequenceType(let sequence): .sequence(valueType(sequence.elemType))
    case .optionalType(let optional): .optional(valueType(optional.elemType))
    case .mapType, .opaqueType, nil: .other
    }
  }

  private func dimension(_ message: Onnx_TensorShapeProto.Dimension) -> ONNXDimension {
    switch message.value {
    case .dimValue(let extent): .fixed(Int(extent))
    case .dimParam(let name): .named(name)
    case nil: .unknown
    }
  }
}

extension ONNXAttribute {
  var graphs: [ONNXGraph] {
    switch self {
    case .graph(let graph): [graph]
    case .graphs(let graphs): graphs
    default: []
    }
  }
}

/// The standard operator set has two names.
func normalized(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }

/// Versions by domain. A file without any is of the first.
func operatorVersions(_ imports: [Onnx_OperatorSetIdProto]) throws -> [String: Int] {
  var versions: [String: Int] = imports.isEmpty ? ["": 1] : [:]
  for entry in imports {
    guard entry.version >= 1, entry.version < 1 << 31 else {
      throw bad("version \(entry.version) of the operator set '\(entry.domain)'")
    }
    versions[normalized(entry.domain)] = Int(entry.version)
  }
  return versions
}

/// An error in a file.
func bad(_ message: String) -> EmberError { EmberError(.file, in: "onnx", message) }
