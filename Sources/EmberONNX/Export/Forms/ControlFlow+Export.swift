import EmberGraph
import EmberRuntime
import EmberTensor

extension ExportSite {
  /// The graphs that a call holds, at all sizes.
  fileprivate func graphs<Call>(_ own: Call, _ graph: (Call) -> Graph) -> [Graph] {
    exporter.graphs.map { graph($0.nodes[position].call.subject as! Call) }
  }

  /// A graph inside of this node. `ports`: its inputs, like these values. `write` adds its nodes and returns its outputs.
  fileprivate func body(
    _ name: String, _ ports: [ExportedValue], _ write: (ExportScope) throws -> [ExportedValue]
  ) throws -> ExportAttribute {
    let scope = ExportScope(inside: exporter.scope)
    var proto = Onnx_GraphProto()
    proto.name = exporter.file.unique(name)
    proto.input = try ports.map(exporter.port)
    for output in try write(scope) {
      let name = exporter.file.unique("\(proto.name)_output")
      scope.giveName(name, to: output.name, reserved: proto.output.map(\.name))
      proto.output.append(try exporter.port(ExportedValue(name: name, dtype: output.dtype, shape: output.shape)))
    }
    scope.prune(proto.output.map(\.name))
    proto.node = scope.nodes
    return .graph(proto)
  }

  /// A value of its own for the input of a body.
  fileprivate func port(_ name: String, like value: ExportedValue, dropping dimensions: Int = 0) -> ExportedValue {
    ExportedValue(name: exporter.file.unique(name), dtype: value.dtype, shape: Array(value.shape.dropFirst(dimensions)))
  }

  /// The one element of a truth value, as ONNX's conditions want it.
  fileprivate func condition(_ value: ExportedValue, in scope: ExportScope) throws -> String {
    var name = value.name
    func emit(_ operation: String, _ inputs: [String], _ attributes: KeyValuePairs<String, ExportAttribute>) -> String {
      scope.emit(operation, inputs, attributes, outputs: 1, owner: node.owner)[0]
    }
    if value.dtype != .bool { name = emit("Cast", [name], ["to": .int(ONNXElementType.bool.rawValue)]) }
    return value.rank == 0 ? name : emit("Reshape", [name, ints([])], [:])
  }
}

extension CondCall: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let predicate = try site.condition(site.input(0), in: site.exporter.scope)
    let all = try (1..<site.inputCount).map { try site.input($0).name }
    let own = Array(all.prefix(inputCount)), rest = Array(all.dropFirst(inputCount))
    func branch(_ name: String, _ graphs: [Graph], _ inputs: [String]) throws -> ExportAttribute {
      try site.body(name, []) { try GraphExporter(graphs, in: $0).inline(inputs) }
    }
    let then = try branch("then", site.graphs(self) { $0.graphs.0 }, own + Array(rest.prefix(liftedCount)))
    let otherwise = try branch("else", site.graphs(self) { $0.graphs.1 }, own + Array(rest.dropFirst(liftedCount)))
    return site.emit("If", [predicate], ["then_branch": then, "else_branch": otherwise], outputs: site.node.outputs.count)
  }
}

extension WhileCall: ONNXExportable {
  /// The test is made before the loop, and at the end of each round.
  func export(_ site: ExportSite) throws -> [String?] {
    let carry = try (0..<carryCount).map { try site.input($0) }
    let lifted = try (carryCount..<site.inputCount).map { try site.input($0).name }
    let ofTest = Array(lifted.prefix(liftedCount)), ofStep = Array(lifted.dropFirst(liftedCount))
    func test(_ values: [String], _ scope: ExportScope) throws -> String {
      let result = try GraphExporter(site.graphs(self) { $0.graphs.0 }, in: scope).inline(values + ofTest)[0]
      return try site.condition(result, in: scope)
    }
    let begins = try test(carry.map(\.name), site.exporter.scope)
    let round = ExportedValue(name: site.exporter.file.unique("round"), dtype: .int64, shape: [])
    let goesOn = ExportedValue(name: site.exporter.file.unique("goes_on"), dtype: .bool, shape: [])
    let ports = carry.map { site.port("carried", like: $0) }
    let body = try site.body("body", [round, goesOn] + ports) { scope in
      let next = try GraphExporter(site.graphs(self) { $0.graphs.1 }, in: scope).inline(ports.map(\.name) + ofStep)
      return [ExportedValue(name: try test(next.map(\.name), scope), dtype: .bool, shape: [])] + next
    }
    return site.emit("Loop", [nil, begins] + carry.map(\.name), ["body": body], outputs: carryCount)
  }
}

extension ScanCall: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let carry = try (0..<carryCount).map { try site.input($0) }
    let sequences = try (carryCount..<(carryCount + sequenceCount)).map { try site.input($0) }
    let lifted = try ((carryCount + sequenceCount)..<site.inputCount).map { try site.input($0).name }
    let ports = carry.map { site.port("carried", like: $0) } + sequences.map { site.port("slice", like: $0, dropping: 1) }
    let body = try site.body("body", ports) { scope in
      try GraphExporter(site.graphs(self) { $0.graph }, in: scope).inline(ports.map(\.name) + lifted)
    }
    return site.emit(
      "Scan", (carry + sequences).map(\.name), ["body": body, "num_scan_inputs": .int(sequenceCount)], outputs: site.node.outputs.count)
  }
}
