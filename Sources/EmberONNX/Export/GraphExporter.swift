import EmberGraph
import EmberRuntime
import EmberTensor

/// Writes a graph, captured at one or several sizes, as nodes of ONNX.
final class GraphExporter {
  let options: ONNXExportOptions
  /// The same graph at different sizes; the first one is what is written, the others tell what depends on the sizes.
  let graphs: [Graph]
  let sizes: CaptureSizes
  let dynamicExtents: [DynamicExtent]
  /// Names of parameters and buffers, and of modules.
  private let stateNames: [ObjectIdentifier: String]
  private let moduleNames: [ObjectIdentifier: String]

  private(set) var nodes: [Onnx_NodeProto] = []
  private(set) var initializers: [String: Tensor] = [:]
  private(set) var initializerOrder: [String] = []
  private var values: [Graph.Value: ExportedValue] = [:]
  private var usedNames = Set<String>()
  private var scalars: [String: String] = [:]
  private var vectors: [[Int]: String] = [:]
  private var numbers: [Extent: String] = [:]
  /// Where an extent that varies can be read from.
  private var extentSources: [Extent: (name: String, axis: Int)] = [:]
  /// Values that a call or the function's caller reads.
  let readValues: Set<Graph.Value>
  /// Values by the position of the call that makes them.
  let producers: [Graph.Value: Int]
  private(set) var usesOwnDomain = false

  init(
    _ graphs: [Graph], sizes: CaptureSizes, dynamicExtents: [DynamicExtent], stateNames: [ObjectIdentifier: String],
    moduleNames: [ObjectIdentifier: String], options: ONNXExportOptions
  ) throws {
    self.options = options
    self.graphs = graphs
    self.sizes = sizes
    self.dynamicExtents = dynamicExtents
    self.stateNames = stateNames
    self.moduleNames = moduleNames
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
      for (a, b) in zip(first.nodes, other.nodes) where a.call.name != b.call.name || a.inputs != b.inputs || a.outputs != b.outputs {
        throw EmberError(
          .value, in: "exportONNX",
          "\(place(of: a)): what is computed depends on the dynamic extents (elsewhere it is \(b.call.name)); leave fewer of them open")
      }
      guard first.nodes.count == other.nodes.count, first.outputs == other.outputs, first.constants.keys == other.constants.keys,
        first.reads.map(\.value) == other.reads.map(\.value)
      else {
        throw EmberError(.value, in: "exportONNX", "how much is computed depends on the dynamic extents; leave fewer of them open")
      }
    }
  }

  /// What a call is, in words.
  func place(of node: Graph.Node) -> String {
    let module = node.owner.flatMap { moduleNames[$0] } ?? ""
    return module.isEmpty ? node.call.name : "\(node.call.name) in '\(module)'"
  }

  func shape(of value: Graph.Value) -> [Extent] {
    graphs[0].forms[value].shape.indices.map { d in Extent(graphs.map { $0.forms[value].shape[d] }) }
  }

  func elementType(_ dtype: DType) throws -> ONNXElementType {
    guard let type = ONNXElementType(dtype) else { throw EmberError(.dtype, in: "exportONNX", "ONNX has no elements of \(dtype)") }
    return type
  }

  // MARK: The graph

  func run() throws -> Onnx_GraphProto {
    let graph = graphs[0]
    var proto = Onnx_GraphProto()
    proto.name = options.graphName
    guard graph.writes.isEmpty else {
      throw EmberError(
        .value, in: "exportONNX",
        "the graph changes \(graph.writes.count) parameters or buffers (\(graph.writes.map { stateNames[ObjectIdentifier($0.cell)] ?? "?" }.joined(separator: ", "))), "
          + "which ONNX cannot say; is the model in training mode?")
    }
    for (i, input) in graph.inputs.enumerated() {
      let name = unique(i < options.inputNames.count ? options.inputNames[i] : graph.inputs.count == 1 ? "input" : "input_\(i)")
      define(input, name)
      proto.input.append(try port(values[input]!))
    }
    for read in graph.reads {
      guard read.part == .value else { throw EmberError(.value, in: "exportONNX", "the graph reads gradients of parameters") }
      let name = unique(stateNames[ObjectIdentifier(read.cell)] ?? "state")
      addInitializer(name, Tracer.suspended { read.cell.value })
      define(read.value, name)
    }
    for position in graph.nodes.indices { try export(position) }
    for (i, output) in graph.outputs.enumerated() {
      let wanted = unique(i < options.outputNames.count ? options.outputNames[i] : graph.outputs.count == 1 ? "output" : "output_\(i)")
      let value = try self.value(output)
      if !rename(value.name, to: wanted, reserved: proto.output.map(\.name)) {
        nodes.append(makeNode("Identity", [value.name], [:], [wanted], name: wanted, domain: ""))
      }
      proto.output.append(try port(ExportedValue(name: wanted, dtype: value.dtype, shape: value.shape)))
    }
    prune(proto.output.map(\.name))
    proto.node = nodes
    return proto
  }

  /// Gives a node's output another name. False where no node makes it, or it is an output already.
  private func rename(_ old: String, to new: String, reserved: [String]) -> Bool {
    guard !reserved.contains(old), nodes.contains(where: { $0.output.contains(old) }) else { return false }
    for i in nodes.indices {
      nodes[i].input = nodes[i].input.map { $0 == old ? new : $0 }
      nodes[i].output = nodes[i].output.map { $0 == old ? new : $0 }
    }
    for (value, known) in values where known.name == old {
      values[value] = ExportedValue(name: new, dtype: known.dtype, shape: known.shape)
    }
    return true
  }

  /// Removes nodes and initialisers that no output depends on.
  private func prune(_ outputs: [String]) {
    var needed = Set(outputs)
    var kept: [Onnx_NodeProto] = []
    for node in nodes.reversed() where node.output.contains(where: needed.contains) {
      kept.append(node)
      needed.formUnion(node.input)
    }
    nodes = kept.reversed()
    initializerOrder.removeAll { !needed.contains($0) }
  }

  private func export(_ position: Int) throws {
    let node = graphs[0].nodes[position], site = ExportSite(exporter: self, position: position)
    let names: [String?]
    if let form = node.call.subject as? any ONNXExportable {
      do {
        names = try form.export(site)
      } catch let error as EmberError where error.operation != "exportONNX" {
        throw site.refusal(error.message)
      }
    } else if options.isPortable {
      throw site.refusal("ONNX has no such operation, and Ember no composition of ONNX's for it")
    } else {
      names = try exportInOwnDomain(site)
    }
    for (output, name) in zip(node.outputs, names) { if let name { define(output, name) } }
  }

  /// A node of the domain `ember`, with the attributes that are numbers.
  private func exportInOwnDomain(_ site: ExportSite) throws -> [String?] {
    usesOwnDomain = true
    let inputs = try site.node.inputs.map { try $0.map { try value($0).name } ?? "" }
    let outputs = site.node.outputs.map { _ in unique("ember/\(site.callName)") }
    var proto = makeNode(site.callName, inputs, [:], outputs, name: outputs[0], domain: "ember")
    for child in Mirror(reflecting: site.node.call.subject).children {
      guard let label = child.label else { continue }
      switch child.value {
      case let value as Int: proto.attribute.append(ExportAttribute.int(value).proto(label))
      case let value as Bool: proto.attribute.append(ExportAttribute.int(value ? 1 : 0).proto(label))
      case let value as [Int]: proto.attribute.append(ExportAttribute.ints(value).proto(label))
      case let value as Double: proto.attribute.append(ExportAttribute.float(value).proto(label))
      case let value as String: proto.attribute.append(ExportAttribute.text(value).proto(label))
      default: break
      }
    }
    nodes.append(proto)
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
    for (axis, extent) in shape.enumerated() where extent.fixed == nil && extentSources[extent] == nil {
      extentSources[extent] = (name, axis)
    }
  }

  /// An input or output of the model: extents that are no fixed number have a name, or none.
  private func port(_ value: ExportedValue) throws -> Onnx_ValueInfoProto {
    var port = Onnx_ValueInfoProto()
    port.name = value.name
    port.type.tensorType.elemType = Int32(try elementType(value.dtype).rawValue)
    port.type.tensorType.shape.dim = value.shape.map { extent in
      var dimension = Onnx_TensorShapeProto.Dimension()
      if let fixed = extent.fixed {
        dimension.dimValue = Int64(fixed)
      } else if let known = dynamicExtents.first(where: { $0.extent == extent }) {
        dimension.dimParam = known.name
      }
      return dimension
    }
    return port
  }

  // MARK: Nodes

  func unique(_ name: String) -> String {
    if usedNames.insert(name).inserted { return name }
    var number = 1
    while !usedNames.insert("\(name)_\(number)").inserted { number += 1 }
    return "\(name)_\(number)"
  }

  func emit(
    _ operation: String, _ inputs: [String?], _ attributes: KeyValuePairs<String, ExportAttribute>, outputs: Int, owner: ObjectIdentifier?
  ) -> [String] {
    let module = owner.flatMap { moduleNames[$0] } ?? ""
    let base = module.isEmpty ? operation : "\(module)/\(operation)"
    let results = (0..<outputs).map { _ in unique(base) }
    nodes.append(makeNode(operation, inputs.map { $0 ?? "" }, attributes, results, name: results[0], domain: ""))
    return results
  }

  private func makeNode(
    _ operation: String, _ inputs: [String], _ attributes: KeyValuePairs<String, ExportAttribute>, _ outputs: [String], name: String,
    domain: String
  ) -> Onnx_NodeProto {
    var node = Onnx_NodeProto()
    node.opType = operation
    node.name = name
    if !domain.isEmpty { node.domain = domain }
    node.input = inputs
    while node.input.last == "" { node.input.removeLast() }
    node.output = outputs
    node.attribute = attributes.map { $1.proto($0) }
    return node
  }

  // MARK: Constants and extents

  private func addInitializer(_ name: String, _ tensor: Tensor) {
    initializers[name] = tensor.detach()
    initializerOrder.append(name)
  }

  func constant(_ tensor: Tensor) -> String {
    let name = unique("constant")
    addInitializer(name, tensor)
    return name
  }

  func scalar(_ value: Scalar, _ dtype: DType) -> String {
    let key = "\(dtype) \(value) \(value.doubleValue.sign)"
    if let known = scalars[key] { return known }
    let name = constant(Tensor.full([], value, dtype: dtype))
    scalars[key] = name
    return name
  }

  func ints(_ values: [Int]) -> String {
    if let known = vectors[values] { return known }
    let name = constant(Tensor(values, dtype: .int64))
    vectors[values] = name
    return name
  }

  /// An int64 vector; what varies is computed from the shapes of values.
  func vector(_ extents: [Extent], owner: ObjectIdentifier?) throws -> String {
    let fixed = extents.map(\.fixed)
    if !fixed.contains(nil) { return ints(fixed.map { $0! }) }
    var parts: [String] = [], run: [Int] = []
    for extent in extents {
      if let fixed = extent.fixed {
        run.append(fixed)
        continue
      }
      if !run.isEmpty { parts.append(ints(run)) }
      run = []
      parts.append(try number(extent, owner))
    }
    if !run.isEmpty { parts.append(ints(run)) }
    return parts.count == 1 ? parts[0] : emit("Concat", parts, ["axis": .int(0)], outputs: 1, owner: owner)[0]
  }

  /// A number that varies, as a vector of one.
  private func number(_ extent: Extent, _ owner: ObjectIdentifier?) throws -> String {
    if let known = numbers[extent] { return known }
    let name: String
    if let source = extentSources[extent] {
      name = emit("Shape", [source.name], ["start": .int(source.axis), "end": .int(source.axis + 1)], outputs: 1, owner: owner)[0]
    } else if let polynomial = sizes.polynomial(extent.samples) {
      var terms: [String] = []
      for (set, coefficient) in polynomial.sorted(by: { $0.key > $1.key }) {
        var factors = try dynamicExtents.indices.filter { set & 1 << $0 != 0 }.map { try number(dynamicExtents[$0].extent, owner) }
        if coefficient != 1 || factors.isEmpty { factors.append(ints([coefficient])) }
        terms.append(factors.dropFirst().reduce(factors[0]) { emit("Mul", [$0, $1], [:], outputs: 1, owner: owner)[0] })
      }
      name = terms.dropFirst().reduce(terms[0]) { emit("Add", [$0, $1], [:], outputs: 1, owner: owner)[0] }
    } else {
      let names = dynamicExtents.map { "\($0.name) = \($0.extent.samples)" }.joined(separator: ", ")
      throw EmberError(.value, in: "exportONNX", "a number that is \(extent.samples) for \(names) follows from no shape")
    }
    numbers[extent] = name
    return name
  }
}
