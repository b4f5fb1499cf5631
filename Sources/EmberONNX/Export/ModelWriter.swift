import EmberFormats
import EmberRuntime
import EmberTensor
internal import FoundationEssentials
internal import SwiftProtobuf

/// Tensors as `TensorProto`.
enum TensorEncoder {
  /// A header without data.
  static func header(_ tensor: Tensor, name: String) -> Onnx_TensorProto {
    var proto = Onnx_TensorProto()
    if !name.isEmpty { proto.name = name }
    proto.dataType = Int32(ONNXElementType(tensor.dtype)?.rawValue ?? 0)
    proto.dims = tensor.shape.map { Int64($0) }
    return proto
  }

  static func proto(_ tensor: Tensor, name: String) -> Onnx_TensorProto {
    var proto = header(tensor, name: name)
    proto.rawData = (try? tensor.withBytes { Data($0) }) ?? Data()
    return proto
  }
}

/// Writes a model, and beside it one file with its weights if they are large.
struct ModelWriter {
  let options: ONNXExportOptions

  /// Weights below this size stay in the model's file in any case.
  private static let smallestExternal = 1024
  /// Where external data begin: at a page, so that they can be mapped.
  private static let alignment = 4096

  func write(_ graph: Onnx_GraphProto, _ initializers: [(name: String, tensor: Tensor)], usesOwnDomain: Bool, to path: String) throws {
    var graph = graph
    let total = initializers.reduce(0) { $0 + $1.tensor.elementCount * $1.tensor.dtype.size }
    let isExternal: (Tensor) -> Bool = { tensor in
      total > options.externalDataLimit && tensor.elementCount * tensor.dtype.size >= Self.smallestExternal
    }
    for (name, tensor) in initializers where ONNXElementType(tensor.dtype) == nil {
      throw EmberError(.dtype, in: "exportONNX", "'\(name)' is \(tensor.dtype), which ONNX does not have")
    }
    let external = initializers.filter { isExternal($0.tensor) }
    if !external.isEmpty {
      let location = (path.split(separator: "/").last.map(String.init) ?? "model.onnx") + ".data"
      let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
      var places: [String: (offset: Int, length: Int)] = [:]
      try AtomicFile.write(to: folder + location, in: "exportONNX") { file in
        for (name, tensor) in external {
          let gap = (Self.alignment - file.position % Self.alignment) % Self.alignment
          if gap > 0 { try file.append(Array(repeating: 0, count: gap)) }
          let offset = file.position
          try tensor.withBytes { try file.append($0) }
          places[name] = (offset, file.position - offset)
        }
      }
      graph.initializer = initializers.map { name, tensor in
        guard let place = places[name] else { return TensorEncoder.proto(tensor, name: name) }
        var proto = TensorEncoder.header(tensor, name: name)
        proto.dataLocation = .external
        proto.externalData = [("location", location), ("offset", "\(place.offset)"), ("length", "\(place.length)")].map { key, value in
          var entry = Onnx_StringStringEntryProto()
          (entry.key, entry.value) = (key, value)
          return entry
        }
        return proto
      }
    } else {
      graph.initializer = initializers.map { TensorEncoder.proto($1, name: $0) }
    }
    var model = Onnx_ModelProto()
    // The version of the format in which the operator set appeared.
    model.irVersion = options.opset >= 21 ? 10 : options.opset >= 19 ? 9 : 8
    model.producerName = "Ember"
    model.graph = graph
    for (domain, version) in [("", options.opset)] + (usesOwnDomain ? [("ember", 1)] : []) {
      var entry = Onnx_OperatorSetIdProto()
      (entry.domain, entry.version) = (domain, Int64(version))
      model.opsetImport.append(entry)
    }
    let bytes: [UInt8]
    do { bytes = try model.serializedBytes() } catch {
      throw EmberError(.file, in: "exportONNX", "\(path): the model is too large for one file (\(error)); lower externalDataLimit")
    }
    try AtomicFile.write(to: path, in: "exportONNX") { try $0.append(bytes) }
  }
}
