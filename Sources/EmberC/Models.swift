import CEmber
import EmberONNX
import EmberRuntime
import EmberTensor

/// A model behind a handle, and the descriptions of its inputs and outputs that C programs look at.
///
/// Running does not change a model, and its parameters are in cells that several threads may read.
private final class LoadedModel: @unchecked Sendable {
  let model: ONNXModel
  let inputs: [ember_model_port]
  let outputs: [ember_model_port]
  /// What the descriptions point at.
  private let texts: [UnsafeMutablePointer<CChar>]
  private let sizes: [UnsafeMutablePointer<Int64>]

  init(_ model: ONNXModel) {
    self.model = model
    var texts: [UnsafeMutablePointer<CChar>] = [], sizes: [UnsafeMutablePointer<Int64>] = []
    func described(_ port: ONNXModel.Port) -> ember_model_port {
      var description = ember_model_port()
      texts.append(copiedText(port.name))
      description.name = UnsafePointer(texts[texts.count - 1])
      description.is_required = port.isRequired
      if let dtype = port.elementType?.dtype {
        description.is_tensor = true
        description.type = ember_scalar_type(dtype)
      }
      if let shape = port.shape {
        let extents = UnsafeMutablePointer<Int64>.allocate(capacity: Swift.max(1, shape.count))
        for (i, extent) in shape.enumerated() { (extents + i).initialize(to: Int64(extent ?? -1)) }
        sizes.append(extents)
        description.has_sizes = true
        description.sizes = UnsafePointer(extents)
        description.rank = shape.count
      }
      return description
    }
    inputs = model.inputs.map(described)
    outputs = model.outputs.map(described)
    self.texts = texts
    self.sizes = sizes
  }

  deinit {
    for text in texts { ember_string_release(text) }
    for extents in sizes { extents.deallocate() }
  }
}

private func model(_ handle: OpaquePointer?) throws(FaceError) -> LoadedModel {
  unsafeDowncast(try HandleTable.shared.object(handle, .model, "model"), to: LoadedModel.self)
}

@implementation @c public func ember_model_load(
  _ path: UnsafePointer<CChar>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  tell("ember_model_load", out) {
    let path = try text(path, "path")
    return try HandleTable.shared.add(LoadedModel(catchingErrors { try ONNXModel(path) }), .model)
  }
}

@implementation @c public func ember_model_load_data(
  _ data: UnsafeRawPointer?, _ byte_count: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  tell("ember_model_load_data", out) {
    let bytes = try list(data?.assumingMemoryBound(to: UInt8.self), byte_count, "data")
    return try HandleTable.shared.add(LoadedModel(catchingErrors { try ONNXModel(bytes: Array(bytes)) }), .model)
  }
}

@implementation @c public func ember_model_retain(_ model: OpaquePointer?) -> ember_status {
  call("ember_model_retain") { try HandleTable.shared.retain(model, .model) }
}

@implementation @c public func ember_model_release(_ model: OpaquePointer?) -> ember_status {
  call("ember_model_release") { if model != nil { try HandleTable.shared.release(model, .model) } }
}

@implementation @c public func ember_model_input_count(_ model: OpaquePointer?, _ out: UnsafeMutablePointer<Int>?) -> ember_status {
  tell("ember_model_input_count", out) { try EmberC.model(model).inputs.count }
}

@implementation @c public func ember_model_output_count(_ model: OpaquePointer?, _ out: UnsafeMutablePointer<Int>?) -> ember_status {
  tell("ember_model_output_count", out) { try EmberC.model(model).outputs.count }
}

private func port(_ ports: [ember_model_port], _ index: Int) throws(FaceError) -> ember_model_port {
  guard ports.indices.contains(index) else {
    throw FaceError(.count, "there is no number \(UInt(bitPattern: index)); the model has \(ports.count)")
  }
  return ports[index]
}

@implementation @c public func ember_model_input(
  _ model: OpaquePointer?, _ index: Int, _ out: UnsafeMutablePointer<ember_model_port>?
) -> ember_status {
  tell("ember_model_input", out) { try port(EmberC.model(model).inputs, index) }
}

@implementation @c public func ember_model_output(
  _ model: OpaquePointer?, _ index: Int, _ out: UnsafeMutablePointer<ember_model_port>?
) -> ember_status {
  tell("ember_model_output", out) { try port(EmberC.model(model).outputs, index) }
}

// MARK: - Running

/// What an input of a model is given as.
private func onnxValue(_ value: OperatorValue, for port: ONNXModel.Port) throws(FaceError) -> ONNXValue {
  switch value {
  case .none: return .absent
  case .tensor(let tensor):
    if let type = port.elementType, type.isNarrow { return .narrow(ONNXNarrowTensor(tensor, type)) }
    return .tensor(tensor)
  case .string, .list:
    if port.elementType == .string {
      var shape: [Int] = [], elements: [String] = []
      try flatten(value, depth: 0, &shape, &elements, port.name)
      return .strings(ONNXStrings(shape: shape, elements))
    }
    guard case .list(let items) = value else { break }
    var sequence: [ONNXValue] = []
    for item in items { sequence.append(try onnxValue(item, for: port)) }
    return .sequence(sequence)
  default: break
  }
  throw FaceError(.value, "the input '\(port.name)' cannot be a \(value.kind); give a tensor, texts, a list or none")
}

/// Texts in nested lists, all of one shape.
private func flatten(
  _ value: OperatorValue, depth: Int, _ shape: inout [Int], _ elements: inout [String], _ name: String
) throws(FaceError) {
  switch value {
  case .string(let text) where depth == shape.count: elements.append(text)
  case .list(let items) where depth < shape.count ? shape[depth] == items.count : elements.isEmpty:
    if depth == shape.count { shape.append(items.count) }
    for item in items { try flatten(item, depth: depth + 1, &shape, &elements, name) }
  default: throw FaceError(.value, "the input '\(name)' must be texts, or lists of texts of one length and depth")
  }
}

private func operatorValue(_ output: ONNXValue) -> OperatorValue {
  switch output {
  case .tensor(let tensor): .tensor(tensor)
  case .narrow(let narrow): .tensor(narrow.tensor)
  case .strings(let strings): nested(strings.elements[...], strings.shape[...])
  case .sequence(let items): .list(items.map { operatorValue($0) })
  case .absent: .none
  }
}

private func nested(_ elements: ArraySlice<String>, _ shape: ArraySlice<Int>) -> OperatorValue {
  guard let extent = shape.first else { return .string(elements.first ?? "") }
  let rest = shape.dropFirst(), size = rest.reduce(1, *)
  return .list(
    (0..<extent).map { i in
      let start = elements.startIndex + i * size
      return nested(elements[start..<(start + size)], rest)
    })
}

@implementation @c public func ember_model_run(
  _ model: OpaquePointer?, _ inputs: UnsafePointer<ember_value>?, _ input_count: Int, _ outputs: UnsafeMutablePointer<ember_value>?,
  _ output_capacity: Int, _ output_count: UnsafeMutablePointer<Int>?
) -> ember_status {
  call("ember_model_run") {
    let loaded = try EmberC.model(model), ports = loaded.model.inputs, output_count = try required(output_count, "output_count")
    var given = [ONNXValue?](repeating: nil, count: ports.count), isNamed = false
    for (place, input) in try list(inputs, input_count, "inputs").enumerated() {
      var index = place
      if let name = input.name {
        let name = try text(name, "an input's name")
        isNamed = true
        guard let found = ports.firstIndex(where: { $0.name == name }) else {
          let names = ports.map { "'\($0.name)'" }.joined(separator: ", ")
          throw FaceError(.value, "there is no input '\(name)'; the model has \(names)")
        }
        index = found
      } else if isNamed {
        throw FaceError(.value, "an input without a name follows one with a name")
      }
      guard index < ports.count else { throw FaceError(.value, "\(input_count) inputs are too many; the model has \(ports.count)") }
      guard given[index] == nil else { throw FaceError(.value, "the input '\(ports[index].name)' is given twice") }
      given[index] = try onnxValue(operatorValue(input), for: ports[index])
    }
    guard loaded.outputs.count <= output_capacity else {
      output_count.pointee = loaded.outputs.count
      throw FaceError(.count, "the model has \(loaded.outputs.count) outputs; there is room for \(output_capacity)")
    }
    let target = try loaded.outputs.isEmpty ? nil : required(outputs, "outputs")
    let results = try noGrad { try loaded.model.evaluate(given) }
    for (i, value) in try taggedValues(results.map { operatorValue($0) }).enumerated() {
      target![i] = value
      target![i].name = loaded.outputs[i].name
    }
    output_count.pointee = results.count
  }
}
