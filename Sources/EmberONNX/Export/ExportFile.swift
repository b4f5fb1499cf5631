import EmberGraph
import EmberRuntime
import EmberTensor

/// An extent of the inputs that is left open, and what it was in each capture.
struct DynamicExtent {
  let name: String
  let extent: Extent
}

/// What all graphs of one file share: names, initialisers, and what the dynamic extents are.
final class ExportFile {
  let options: ONNXExportOptions
  let sizes: CaptureSizes
  let dynamicExtents: [DynamicExtent]
  /// Names of parameters and buffers, and of modules.
  let stateNames: [ObjectIdentifier: String]
  let moduleNames: [ObjectIdentifier: String]
  /// Whether there is a node of the domain `ember`.
  var usesOwnDomain = false

  private(set) var initializers: [(name: String, tensor: Tensor)] = []
  private var usedNames = Set<String>()
  private var scalars: [String: String] = [:]
  private var vectors: [[Int]: String] = [:]
  private var states: [ObjectIdentifier: String] = [:]

  init(
    _ options: ONNXExportOptions, sizes: CaptureSizes, dynamicExtents: [DynamicExtent], stateNames: [ObjectIdentifier: String],
    moduleNames: [ObjectIdentifier: String]
  ) {
    self.options = options
    self.sizes = sizes
    self.dynamicExtents = dynamicExtents
    self.stateNames = stateNames
    self.moduleNames = moduleNames
  }

  /// The name, with a number behind it if it is taken.
  func unique(_ name: String) -> String {
    if usedNames.insert(name).inserted { return name }
    var number = 1
    while !usedNames.insert("\(name)_\(number)").inserted { number += 1 }
    return "\(name)_\(number)"
  }

  func elementType(_ dtype: DType) throws -> ONNXElementType {
    guard let type = ONNXElementType(dtype) else { throw EmberError(.dtype, in: "exportONNX", "ONNX has no elements of \(dtype)") }
    return type
  }

  /// A parameter or buffer.
  func initializer(of cell: StateCell) -> String {
    if let known = states[ObjectIdentifier(cell)] { return known }
    let name = add(Tracer.suspended { cell.value }, stateNames[ObjectIdentifier(cell)] ?? "state")
    states[ObjectIdentifier(cell)] = name
    return name
  }

  private func add(_ tensor: Tensor, _ wanted: String) -> String {
    let name = unique(wanted)
    initializers.append((name, tensor.detach()))
    return name
  }

  func constant(_ tensor: Tensor) -> String { add(tensor, "constant") }

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
}

/// The nodes of one graph of the file: the model's own, or a body of control flow, which sees what is around it.
final class ExportScope {
  let file: ExportFile
  var nodes: [Onnx_NodeProto] = []
  /// Numbers that vary, by what computes them here or around.
  private var numbers: [Extent: String]
  /// Where an extent that varies can be read from.
  private var extentSources: [Extent: (name: String, axis: Int)]

  init(_ file: ExportFile) {
    self.file = file
    numbers = [:]
    extentSources = [:]
  }

  /// A graph inside of another one.
  init(inside other: ExportScope) {
    file = other.file
    numbers = other.numbers
    extentSources = other.extentSources
  }

  /// A value that has an extent that varies.
  func note(_ extent: Extent, _ name: String, _ axis: Int) {
    if extentSources[extent] == nil { extentSources[extent] = (name, axis) }
  }

  // MARK: Nodes

  func emit(
    _ operation: String, _ inputs: [String?], _ attributes: KeyValuePairs<String, ExportAttribute>, outputs: Int, owner: ObjectIdentifier?
  ) -> [String] {
    let module = owner.flatMap { file.moduleNames[$0] } ?? ""
    let base = module.isEmpty ? operation : "\(module)/\(operation)"
    let results = (0..<outputs).map { _ in file.unique(base) }
    nodes.append(Self.makeNode(operation, inputs.map { $0 ?? "" }, attributes, results, name: results[0], domain: ""))
    return results
  }

  static func makeNode(
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

  /// Whether a node here makes the value.
  func makes(_ name: String) -> Bool { nodes.contains { $0.output.contains(name) } }

  /// Makes a value an output under a name of its own: by renaming it where a node here makes it and it is no output yet, else by a copy.
  /// Returns whether it was renamed.
  @discardableResult
  func giveName(_ new: String, to old: String, reserved: [String]) -> Bool {
    guard makes(old), !reserved.contains(old), !nodes.contains(where: { $0.capturedNames.contains(old) }) else {
      nodes.append(Self.makeNode("Identity", [old], [:], [new], name: new, domain: ""))
      return false
    }
    for i in nodes.indices {
      nodes[i].input = nodes[i].input.map { $0 == old ? new : $0 }
      nodes[i].output = nodes[i].output.map { $0 == old ? new : $0 }
    }
    for (extent, source) in extentSources where source.name == old { extentSources[extent] = (new, source.axis) }
    return true
  }

  /// Removes nodes that no output depends on.
  func prune(_ outputs: [String]) {
    var needed = Set(outputs)
    var kept: [Onnx_NodeProto] = []
    for node in nodes.reversed() where node.output.contains(where: needed.contains) {
      kept.append(node)
      needed.formUnion(node.input)
      needed.formUnion(node.capturedNames)
    }
    nodes = kept.reversed()
  }

  // MARK: Numbers that vary

  /// An int64 vector; what varies is computed from the shapes of values.
  func vector(_ extents: [Extent], owner: ObjectIdentifier?) throws -> String {
    let fixed = extents.map(\.fixed)
    if !fixed.contains(nil) { return file.ints(fixed.map { $0! }) }
    var parts: [String] = [], run: [Int] = []
    for extent in extents {
      if let fixed = extent.fixed {
        run.append(fixed)
        continue
      }
      if !run.isEmpty { parts.append(file.ints(run)) }
      run = []
      parts.append(try number(extent, owner))
    }
    if !run.isEmpty { parts.append(file.ints(run)) }
    return parts.count == 1 ? parts[0] : emit("Concat", parts, ["axis": .int(0)], outputs: 1, owner: owner)[0]
  }

  /// A number that varies, as a vector of one.
  private func number(_ extent: Extent, _ owner: ObjectIdentifier?) throws -> String {
    if let known = numbers[extent] { return known }
    func emit(_ operation: String, _ inputs: [String], _ attributes: KeyValuePairs<String, ExportAttribute> = [:]) -> String {
      self.emit(operation, inputs, attributes, outputs: 1, owner: owner)[0]
    }
    let name: String
    if let source = extentSources[extent] {
      name = emit("Shape", [source.name], ["start": .int(source.axis), "end": .int(source.axis + 1)])
    } else if let polynomial = file.sizes.polynomial(extent.samples) {
      var terms: [String] = []
      for (set, coefficient) in polynomial.terms.sorted(by: { $0.key > $1.key }) {
        let multiplied = file.dynamicExtents.indices.filter { set & 1 << $0 != 0 }
        var factors = try multiplied.map { try number(file.dynamicExtents[$0].extent, owner) }
        if coefficient != 1 || factors.isEmpty { factors.append(file.ints([coefficient])) }
        terms.append(factors.dropFirst().reduce(factors[0]) { emit("Mul", [$0, $1]) })
      }
      name = terms.dropFirst().reduce(terms[0]) { emit("Add", [$0, $1]) }
    } else {
      let names = file.dynamicExtents.map { "\($0.name) = \($0.extent.samples)" }.joined(separator: ", ")
      throw EmberError(.value, in: "exportONNX", "a number that is \(extent.samples) for \(names) follows from no shape")
    }
    numbers[extent] = name
    return name
  }
}

extension Onnx_NodeProto {
  /// The names that graphs inside of this node take from around it, among others.
  var capturedNames: Set<String> {
    attribute.reduce(into: []) { names, attribute in
      guard attribute.type == .graph else { return }
      for node in attribute.g.node {
        names.formUnion(node.input)
        names.formUnion(node.capturedNames)
      }
      names.formUnion(attribute.g.output.map(\.name))
    }
  }
}
