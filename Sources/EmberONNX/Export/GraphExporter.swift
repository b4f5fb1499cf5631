import EmberGraph
import EmberRuntime
import EmberTensor

/// Writes a graph, captured at one or several sizes, as nodes of ONNX.
final class GraphExporter {
  let file: ExportFile
  /// Where nodes go: the model's graph, or the body of control flow.
  let scope: ExportScope
  /// The same graph at different sizes; the first one is what is written, the others tell what depends on the sizes.
  let graphs: [Graph]
  private var values: [Graph.Value: ExportedValue] = [:]
  /// Values that a call or the function's caller reads.
  let readValues: Set<Graph.Value>
  /// Values by the position of the call that makes them.
  let producers: [Graph.Value: Int]

  var options: ONNXExportOptions { file.options }

  init(_ graphs: [Graph], in scope: ExportScope) throws {
    file = scope.file
    self.scope = scope
    self.graphs = graphs
    var producers: [Graph.Value: Int] = [:]
    for (position, node) in graphs[0].nodes.enumerated() { for output in node.outputs { producers[output] = position } }
    self.producers = producers
    readValues = Set(graphs[0].nodes.flatMap { $0.inputs.compactMap { $0 } } + graphs[0].outputs)
    try checkAgreement()
  }

  /// The captures must be the same calls on the same values.
  private func checkAgreement() throws {
    let first = graphs[0]
    for other in graphs.dropFirst() {
      switch first.firstDifference(from: other) {
      case .call(let position):
        throw EmberError(
          .value, in: "exportONNX",
          "\(place(of: first.nodes[position])): what is computed depends on the dynamic extents (elsewhere it is "
            + "\(other.nodes[position].call.name)); leave fewer of them open, or give an example of another size")
      case .extent:
        throw EmberError(.value, in: "exportONNX", "how much is computed depends on the dynamic extents; leave fewer of them open")
      case nil: break
      }
    }
  }

  /// What a call is, in words.
  func place(of node: Graph.Node) -> String {
    let module = node.owner.flatMap { file.moduleNames[$0] } ?? ""
    return module.isEmpty ? node.call.name : "\(node.call.name) in '\(module)'"
  }

  func shape(of value: Graph.Value) -> [Extent] {
    graphs[0].forms[value].shape.indices.map { d in Extent(graphs.map { $0.forms[value].shape[d] }) }
  }

  func elementType(_ dtype: DType) throws -> ONNXElementType { try file.elementType(dtype) }

  // MARK: The graph

  /// The model's graph: inputs and outputs with the names that the options give.
  func run() throws -> Onnx_GraphProto {
    let graph = graphs[0]
    var proto = Onnx_GraphProto()
    proto.name = options.graphName
    for (i, input) in graph.inputs.enumerated() {
      let name = file.unique(i < options.inputNames.count ? options.inputNames[i] : graph.inputs.count == 1 ? "input" : "input_\(i)")
      define(input, name)
      proto.input.append(try port(values[input]!))
    }
    try exportNodes()
    for (i, output) in graph.outputs.enumerated() {
      let name = file.unique(i < options.outputNames.count ? options.outputNames[i] : graph.outputs.count == 1 ? "output" : "output_\(i)")
      let value = try self.value(output)
      if scope.giveName(name, to: value.name, reserved: proto.output.map(\.name)) {
        for (other, known) in values where known.name == value.name {
          values[other] = ExportedValue(name: name, dtype: known.dtype, shape: known.shape)
        }
      }
      proto.output.append(try port(ExportedValue(name: name, dtype: value.dtype, shape: value.shape)))
    }
    scope.prune(proto.output.map(\.name))
    proto.node = scope.nodes
    return proto
  }

  /// The nodes of a graph whose inputs are there already; returns its outputs.
  func inline(_ inputs: [String]) throws -> [ExportedValue] {
    for (input, name) in zip(graphs[0].inputs, inputs) { define(input, name) }
    try exportNodes()
    return try graphs[0].outputs.map(value)
  }

  private func exportNodes() throws {
    let graph = graphs[0]
    guard graph.writes.isEmpty else {
      let names = graph.writes.map { file.stateNames[ObjectIdentifier($0.cell)] ?? "one without name" }.joined(separator: ", ")
      throw EmberError(
        .value, in: "exportONNX",
        "the graph changes parameters or buffers (\(names)), which ONNX cannot say; is the model in training mode?")
    }
    for read in graph.reads {
      guard read.part == .value else { throw EmberError(.value, in: "exportONNX", "the graph reads gradients of parameters") }
      define(read.value, file.initializer(of: read.cell))
    }
    for position in graph.nodes.indices { try export(position) }
  }

  private func export(_ position: Int) throws {
    let node = graphs[0].nodes[position], site = ExportSite(exporter: self, position: position)
    var names: [String?]
    do {
      guard let form = node.call.subject as? any ONNXExportable else {
        throw site.refusal("ONNX has no such operation, and Ember no composition of ONNX's for it")
      }
      names = try form.export(site)
    } catch let error as EmberError {
      if options.isPortable { throw error.operation == "exportONNX" ? error : site.refusal(error.message) }
      names = try exportInOwnDomain(site)
    }
    for (output, name) in zip(node.outputs, names) { if let name { define(output, name) } }
  }

  /// A node of the domain `ember`, named by the operation, with its attributes that are numbers and texts.
  private func exportInOwnDomain(_ site: ExportSite) throws -> [String?] {
    file.usesOwnDomain = true
    let inputs = try site.node.inputs.map { try $0.map { try value($0).name } ?? "" }
    let outputs = site.node.outputs.map { _ in file.unique("ember/\(site.callName)") }
    var node = ExportScope.makeNode(site.callName, inputs, [:], outputs, name: outputs[0], domain: "ember")
    if let call = site.node.call.subject as? PointwiseCall {
      if call.parameters.count > 0 {
        let numbers = (0..<call.parameters.count).map { call.parameters[$0].doubleValue }
        node.attribute = [ExportAttribute.floats(numbers).proto("numbers")]
      }
    } else {
      for child in Mirror(reflecting: site.node.call.subject).children {
        let attribute: ExportAttribute? =
          switch child.value {
          case let value as Int: .int(value)
          case let value as Bool: .int(value ? 1 : 0)
          case let value as [Int]: .ints(value)
          case let value as Double: .float(value)
          case let value as String: .text(value)
          default: nil
          }
        if let label = child.label, let attribute { node.attribute.append(attribute.proto(label)) }
      }
    }
    scope.nodes.append(node)
    return outputs
  }

  // MARK: Values

  func value(_ value: Graph.Value) throws -> ExportedValue {
    if let known = values[value] { return known }
    if graphs[0].constants[value] != nil {
      define(value, try exportConstant(graphs.map { $0.constants[value]! }))
      return values[value]!
    }
    guard let producer = producers[value] else { throw EmberError(.value, in: "exportONNX", "the graph reads a value that nothing makes") }
    throw ExportSite(exporter: self, position: producer).refusal("ONNX does not give this result of it")
  }

  private func define(_ value: Graph.Value, _ name: String) {
    let form = graphs[0].forms[value], shape = shape(of: value)
    values[value] = ExportedValue(name: name, dtype: form.dtype, shape: shape)
    for (axis, extent) in shape.enumerated() where extent.fixed == nil { scope.note(extent, name, axis) }
  }

  /// An input or output of the model: extents that are no fixed number have a name, or none.
  func port(_ value: ExportedValue) throws -> Onnx_ValueInfoProto {
    var port = Onnx_ValueInfoProto()
    port.name = value.name
    port.type.tensorType.elemType = Int32(try elementType(value.dtype).rawValue)
    port.type.tensorType.shape.dim = value.shape.map { extent in
      var dimension = Onnx_TensorShapeProto.Dimension()
      if let fixed = extent.fixed {
        dimension.dimValue = Int64(fixed)
      } else if let known = file.dynamicExtents.first(where: { $0.extent == extent }) {
        dimension.dimParam = known.name
      }
      return dimension
    }
    return port
  }

  // MARK: Shorthands

  func emit(
    _ operation: String, _ inputs: [String?], _ attributes: KeyValuePairs<String, ExportAttribute>, outputs: Int, owner: ObjectIdentifier?
  ) -> [String] {
    scope.emit(operation, inputs, attributes, outputs: outputs, owner: owner)
  }

  func vector(_ extents: [Extent], owner: ObjectIdentifier?) throws -> String { try scope.vector(extents, owner: owner) }
  func constant(_ tensor: Tensor) -> String { file.constant(tensor) }
  func scalar(_ value: Scalar, _ dtype: DType) -> String { file.scalar(value, dtype) }
  func ints(_ values: [Int]) -> String { file.ints(values) }
}
