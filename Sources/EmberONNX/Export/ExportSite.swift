import EmberGraph
import EmberRuntime
import EmberTensor
internal import FoundationEssentials

/// An operation that ONNX can say.
protocol ONNXExportable {
  /// Adds the nodes that compute this operation; returns a name for each output, nil for those that ONNX does not give.
  func export(_ site: ExportSite) throws -> [String?]
}

/// A value of the graph as the file knows it.
struct ExportedValue {
  let name: String
  let dtype: DType
  let shape: [Extent]
  var rank: Int { shape.count }
}

/// A value of an attribute.
enum ExportAttribute {
  case int(Int), ints([Int]), float(Double), text(String), texts([String]), tensor(Tensor), graph(Onnx_GraphProto)

  func proto(_ name: String) -> Onnx_AttributeProto {
    var proto = Onnx_AttributeProto()
    proto.name = name
    switch self {
    case .int(let value): (proto.type, proto.i) = (.int, Int64(value))
    case .ints(let values): (proto.type, proto.ints) = (.ints, values.map { Int64($0) })
    case .float(let value): (proto.type, proto.f) = (.float, Float(value))
    case .text(let value): (proto.type, proto.s) = (.string, Data(value.utf8))
    case .texts(let values): (proto.type, proto.strings) = (.strings, values.map { Data($0.utf8) })
    case .graph(let value): (proto.type, proto.g) = (.graph, value)
    case .tensor(let value): (proto.type, proto.t) = (.tensor, TensorEncoder.proto(value, name: ""))
    }
    return proto
  }
}

/// One call of the graph while it is exported: what its form asks, and what it adds.
struct ExportSite {
  let exporter: GraphExporter
  let position: Int

  var node: Graph.Node { exporter.graphs[0].nodes[position] }
  var opset: Int { exporter.options.opset }
  var callName: String { node.call.name }

  // MARK: Inputs and outputs

  /// Input `i`, which must be there.
  func input(_ i: Int) throws -> ExportedValue { try exporter.value(node.inputs[i]!) }
  func inputIfPresent(_ i: Int) throws -> ExportedValue? { try i < node.inputs.count ? node.inputs[i].map(exporter.value) : nil }
  var inputCount: Int { node.inputs.count }

  /// The shape of output `i`.
  func outputShape(_ i: Int = 0) -> [Extent] { exporter.shape(of: node.outputs[i]) }
  func outputDType(_ i: Int = 0) -> DType { exporter.graphs[0].forms[node.outputs[i]].dtype }
  /// Whether anything reads output `i`.
  func isUsed(_ i: Int) -> Bool { i < node.outputs.count && exporter.readValues.contains(node.outputs[i]) }

  /// A number among the operation's attributes, in all captures.
  func extent<Subject>(_ own: Subject, _ number: (Subject) -> Int) -> Extent {
    Extent(exporter.graphs.map { number($0.nodes[position].call.subject as! Subject) })
  }

  /// An error that names the operation and where it stands.
  func refusal(_ reason: String) -> EmberError {
    EmberError(.value, in: "exportONNX", "\(exporter.place(of: node)): \(reason)")
  }

  // MARK: Nodes

  /// Adds a node; returns the names of its outputs. Inputs that are nil are left out.
  func emit(_ operation: String, _ inputs: [String?], _ attributes: KeyValuePairs<String, ExportAttribute> = [:], outputs: Int) -> [String] {
    exporter.emit(operation, inputs, attributes, outputs: outputs, owner: node.owner)
  }

  /// The same for one output.
  func emit(_ operation: String, _ inputs: String?..., attributes: KeyValuePairs<String, ExportAttribute> = [:]) -> String {
    emit(operation, inputs, attributes, outputs: 1)[0]
  }

  // MARK: Constants

  /// An int64 vector.
  func ints(_ values: [Int]) -> String { exporter.ints(values) }
  /// A tensor without dimensions.
  func scalar(_ value: Scalar, _ dtype: DType) -> String { exporter.scalar(value, dtype) }
  func constant(_ tensor: Tensor) -> String { exporter.constant(tensor) }
  /// An int64 vector whose elements may depend on dynamic extents.
  func vector(_ extents: [Extent]) throws -> String {
    do { return try exporter.vector(extents, owner: node.owner) } catch let error as EmberError { throw refusal(error.message) }
  }

  /// An int64 tensor without dimensions.
  func scalarExtent(_ extent: Extent) throws -> String {
    if let fixed = extent.fixed { return scalar(.integer(Int64(fixed)), .int64) }
    return emit("Squeeze", try vector([extent]), ints([0]))
  }

  func cast(_ name: String, from source: DType, to target: DType) throws -> String {
    if source == target { return name }
    return emit("Cast", name, attributes: ["to": .int(try exporter.elementType(target).rawValue)])
  }

  // MARK: What many forms need

  func reshape(_ name: String, from shape: [Extent]? = nil, to target: [Extent]) throws -> String {
    let hasEmpty = target.contains { $0.fixed == 0 }
    var unknown = 0
    var extents: [Extent] = []
    for (i, extent) in target.enumerated() {
      if extent.fixed != nil || hasEmpty {
        extents.append(extent)
      } else if let shape, i < shape.count, shape[i] == extent {
        extents.append(Extent(0, like: extent))
      } else if unknown == 0 {
        unknown += 1
        extents.append(Extent(-1, like: extent))
      } else {
        extents.append(extent)
      }
    }
    return emit("Reshape", name, try vector(extents), attributes: hasEmpty ? ["allowzero": .int(1)] : [:])
  }

  func transpose(_ name: String, _ order: [Int]) -> String {
    order == Array(order.indices) ? name : emit("Transpose", name, attributes: ["perm": .ints(order)])
  }

  func squeeze(_ name: String, _ axes: [Int]) -> String { axes.isEmpty ? name : emit("Squeeze", name, ints(axes)) }
  func unsqueeze(_ name: String, _ axes: [Int]) -> String { axes.isEmpty ? name : emit("Unsqueeze", name, ints(axes)) }

  /// A reduction: its axes became an input in operator set 13 for sums and in 18 for the others.
  func reduce(_ operation: String, _ name: String, _ axes: [Int], keepsDimensions: Bool) -> String {
    let keeps: ExportAttribute = .int(keepsDimensions ? 1 : 0)
    if axes.isEmpty { return emit(operation, name, attributes: ["keepdims": keeps]) }
    if opset >= 18 || operation == "ReduceSum" { return emit(operation, name, ints(axes), attributes: ["keepdims": keeps]) }
    return emit(operation, name, attributes: ["axes": .ints(axes), "keepdims": keeps])
  }

  /// 0, 1, …, count - 1 as int64.
  func range(_ count: Extent) throws -> String {
    if let fixed = count.fixed { return constant(Tensor((0..<fixed).map { $0 })) }
    return emit("Range", scalar(0, .int64), try scalarExtent(count), scalar(1, .int64))
  }

  /// The dimension `axis` of a tensor of `rank` dimensions multiplied by a matrix [new, old].
  func multiply(_ name: String, rank: Int, axis: Int, by matrix: Tensor) -> String {
    let transposed = constant(matrix.mT.contiguous())
    if axis == rank - 1 { return emit("MatMul", name, transposed) }
    var order = Array(0..<rank)
    order.swapAt(axis, rank - 1)
    return transpose(emit("MatMul", transpose(name, order), transposed), order)
  }
}
