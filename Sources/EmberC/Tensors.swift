import CEmber
import EmberRuntime
import EmberTensor

// MARK: - Making

@implementation @c public func ember_tensor_from_data(
  _ data: UnsafeRawPointer?, _ byte_count: Int, _ type: ember_scalar_type, _ sizes: UnsafePointer<Int64>?, _ rank: Int,
  _ device: ember_device, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_from_data", out) {
    let dtype = try dtype(type), device = try EmberC.device(device), shape = try EmberC.sizes(sizes, rank)
    let bytes = try list(data?.assumingMemoryBound(to: UInt8.self), byte_count, "data")
    return Tensor(bytes: UnsafeRawBufferPointer(bytes), shape: shape, dtype: dtype, on: device)
  }
}

@implementation @c public func ember_tensor_wrap(
  _ data: UnsafeRawPointer?, _ type: ember_scalar_type, _ sizes: UnsafePointer<Int64>?, _ strides: UnsafePointer<Int64>?, _ rank: Int,
  _ device: ember_device, _ release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?, _ context: UnsafeMutableRawPointer?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  tell("ember_tensor_wrap", out) {
    let context = UInt(bitPattern: context)
    return try handle(
      of: foreignTensor(
        at: data, dtype(type), EmberC.sizes(sizes, rank), strides: strides.map { try EmberC.sizes($0, rank, "strides") },
        on: EmberC.device(device), in: "ember_tensor_wrap"
      ) { release?(UnsafeMutableRawPointer(bitPattern: context)) })
  }
}

@implementation @c public func ember_tensor_zeros(
  _ type: ember_scalar_type, _ sizes: UnsafePointer<Int64>?, _ rank: Int, _ device: ember_device,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_zeros", out) { try Tensor.zeros(EmberC.sizes(sizes, rank), dtype: dtype(type), on: EmberC.device(device)) }
}

@implementation @c public func ember_tensor_ones(
  _ type: ember_scalar_type, _ sizes: UnsafePointer<Int64>?, _ rank: Int, _ device: ember_device,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_ones", out) { try Tensor.ones(EmberC.sizes(sizes, rank), dtype: dtype(type), on: EmberC.device(device)) }
}

@implementation @c public func ember_tensor_full(
  _ number: UnsafePointer<ember_value>?, _ type: ember_scalar_type, _ sizes: UnsafePointer<Int64>?, _ rank: Int, _ device: ember_device,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_full", out) {
    let value = try operatorValue(required(number, "number").pointee)
    guard let scalar = value.scalar else { throw FaceError(.value, "number is a \(value.kind)") }
    return try Tensor.full(EmberC.sizes(sizes, rank), scalar, dtype: dtype(type), on: EmberC.device(device))
  }
}

@implementation @c public func ember_tensor_rand(
  _ type: ember_scalar_type, _ sizes: UnsafePointer<Int64>?, _ rank: Int, _ device: ember_device, _ generator: OpaquePointer?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_rand", out) {
    try Tensor.rand(
      EmberC.sizes(sizes, rank), dtype: dtype(type), on: EmberC.device(device),
      generator: generator == nil ? nil : EmberC.generator(generator))
  }
}

@implementation @c public func ember_tensor_randn(
  _ type: ember_scalar_type, _ sizes: UnsafePointer<Int64>?, _ rank: Int, _ device: ember_device, _ generator: OpaquePointer?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_randn", out) {
    try Tensor.randn(
      EmberC.sizes(sizes, rank), dtype: dtype(type), on: EmberC.device(device),
      generator: generator == nil ? nil : EmberC.generator(generator))
  }
}

@implementation @c public func ember_tensor_retain(_ tensor: OpaquePointer?) -> ember_status {
  call("ember_tensor_retain") { try HandleTable.shared.retain(tensor, .tensor) }
}

@implementation @c public func ember_tensor_release(_ tensor: OpaquePointer?) -> ember_status {
  call("ember_tensor_release") { if tensor != nil { try HandleTable.shared.release(tensor, .tensor) } }
}

// MARK: - Properties

@implementation @c public func ember_tensor_rank(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<Int>?) -> ember_status {
  tell("ember_tensor_rank", out) { try EmberC.tensor(tensor).rank }
}

/// Writes the numbers of a shape, strides, … to an array of the caller's.
func write(_ numbers: some Collection<Int>, to target: UnsafeMutablePointer<Int64>?, _ capacity: Int) throws(FaceError) {
  guard numbers.count <= capacity else {
    throw FaceError(.count, "there are \(numbers.count) dimensions; the array has room for \(capacity)")
  }
  if numbers.isEmpty { return }
  let target = try required(target, "the array")
  for (i, number) in numbers.enumerated() { target[i] = Int64(number) }
}

@implementation @c public func ember_tensor_sizes(
  _ tensor: OpaquePointer?, _ sizes: UnsafeMutablePointer<Int64>?, _ capacity: Int
) -> ember_status {
  call("ember_tensor_sizes") { try write(EmberC.tensor(tensor).shape, to: sizes, capacity) }
}

@implementation @c public func ember_tensor_strides(
  _ tensor: OpaquePointer?, _ strides: UnsafeMutablePointer<Int64>?, _ capacity: Int
) -> ember_status {
  call("ember_tensor_strides") { try write(EmberC.tensor(tensor).strides.array, to: strides, capacity) }
}

@implementation @c public func ember_tensor_element_count(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<Int>?) -> ember_status {
  tell("ember_tensor_element_count", out) { try EmberC.tensor(tensor).elementCount }
}

@implementation @c public func ember_tensor_scalar_type(
  _ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<ember_scalar_type>?
) -> ember_status {
  tell("ember_tensor_scalar_type", out) { try ember_scalar_type(EmberC.tensor(tensor).dtype) }
}

@implementation @c public func ember_tensor_device(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<ember_device>?) -> ember_status {
  tell("ember_tensor_device", out) { try ember_device(EmberC.tensor(tensor).device) }
}

@implementation @c public func ember_tensor_is_contiguous(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<Bool>?) -> ember_status {
  tell("ember_tensor_is_contiguous", out) { try EmberC.tensor(tensor).isContiguous }
}

// MARK: - Reading

@implementation @c public func ember_tensor_data(
  _ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<UnsafeRawPointer?>?
) -> ember_status {
  tell("ember_tensor_data", out) {
    let tensor = try EmberC.tensor(tensor)
    return try tensor.elementCount == 0 ? nil : UnsafeRawPointer(address(of: tensor, in: "ember_tensor_data"))
  }
}

/// Where a tensor's first element is, with nothing left to be computed.
func address(of tensor: Tensor, in operation: String) throws -> UnsafeMutableRawPointer? {
  guard tensor.backend.holdsData else { throw EmberError(.device, in: operation, "\(tensor.summary) has no elements to read") }
  try catchingErrors { tensor.backend.synchronize() }
  return tensor.operand.pointer
}

@implementation @c public func ember_tensor_copy_data(
  _ tensor: OpaquePointer?, _ destination: UnsafeMutableRawPointer?, _ byte_count: Int
) -> ember_status {
  call("ember_tensor_copy_data") {
    let tensor = try EmberC.tensor(tensor)
    let needed = tensor.elementCount * tensor.dtype.size
    guard needed == byte_count else { throw FaceError(.count, "\(tensor.summary) takes \(needed) bytes, not \(byte_count)") }
    try catchingErrors {
      try tensor.detach().withBytes { bytes in
        if needed > 0 { try required(destination, "destination").copyMemory(from: bytes.baseAddress!, byteCount: needed) }
      }
    }
  }
}

@implementation @c public func ember_tensor_item(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<ember_value>?) -> ember_status {
  tell("ember_tensor_item", out) {
    let tensor = try EmberC.tensor(tensor)
    return try taggedValue(
      catchingErrors {
        switch tensor.dtype.category {
        case .bool: .bool(try tensor.itemOrThrow(as: Bool.self))
        case .integer: .integer(try tensor.itemOrThrow(as: Int.self))
        case .floatingPoint: .real(try tensor.itemOrThrow(as: Double.self))
        case .complex: try tensor.itemOrThrow(as: Complex<Double>.self).scalar.operatorValue
        }
      })
  }
}

@implementation @c public func ember_tensor_description(
  _ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> ember_status {
  tell("ember_tensor_description", out) {
    let tensor = try EmberC.tensor(tensor)
    return copiedText(try catchingErrors { tensor.description })
  }
}

// MARK: - Conversions

@implementation @c public func ember_tensor_to_device(
  _ tensor: OpaquePointer?, _ device: ember_device, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_to_device", out) { try EmberC.tensor(tensor).to(EmberC.device(device)) }
}

@implementation @c public func ember_tensor_to_scalar_type(
  _ tensor: OpaquePointer?, _ type: ember_scalar_type, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_to_scalar_type", out) { try EmberC.tensor(tensor).to(dtype(type)) }
}

@implementation @c public func ember_tensor_contiguous(
  _ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_contiguous", out) { try EmberC.tensor(tensor).contiguous() }
}

@implementation @c public func ember_tensor_clone(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> ember_status {
  call("ember_tensor_clone", out) { try EmberC.tensor(tensor).clone() }
}

// MARK: - Indexing

/// What stands between the brackets.
private func tensorIndices(_ indices: UnsafePointer<ember_value>?, _ count: Int) throws -> [TensorIndex] {
  try list(indices, count, "indices").map { tagged in
    let value = try operatorValue(tagged)
    switch value {
    case .integer(let position): return .position(position)
    case .none: return .insertion
    case .ellipsis: return .remainder
    case .slice(let start, let end, let step): return .range(start: start, end: end, step: step ?? 1)
    case .tensor(let tensor): return .tensor(tensor)
    default:
      if let positions = value.integers { return .tensor(Tensor(positions)) }
      throw FaceError(.value, "a \(value.kind) is no index; give an integer, a slice, an ellipsis, none, a tensor or a list of integers")
    }
  }
}

@implementation @c public func ember_tensor_index(
  _ tensor: OpaquePointer?, _ indices: UnsafePointer<ember_value>?, _ count: Int, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_index", out) { try EmberC.tensor(tensor)[indices: tensorIndices(indices, count)] }
}

@implementation @c public func ember_tensor_index_put(
  _ tensor: OpaquePointer?, _ indices: UnsafePointer<ember_value>?, _ count: Int, _ source: OpaquePointer?,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_index_put", out) {
    var result = try EmberC.tensor(tensor)
    result[indices: try tensorIndices(indices, count)] = try EmberC.tensor(source, "source")
    return result
  }
}
