import EmberRuntime
import EmberTensor

/// A tensor over memory of someone else's, which is read only. `address` is that of the element at 0, 0, …; strides may be 0 or negative.
///
/// Elements that are not aligned are copied. `release` is called when the memory is no longer used, unless this throws.
func foreignTensor(
  at address: UnsafeRawPointer?, _ dtype: DType, _ sizes: [Int], strides: [Int]?, on device: Device, in operation: String,
  release: @escaping @Sendable () -> Void
) throws -> Tensor {
  let shape = try checkedShape(sizes, in: operation)
  guard device.type != .meta else { throw EmberError(.device, in: operation, "meta has no memory that could be shared") }
  if shape.elementCount == 0 {
    let tensor = try catchingErrors { Tensor.empty(sizes, dtype: dtype, on: device) }
    release()
    return tensor
  }
  guard let address else { throw FaceError(.null, "the address of \(shape.elementCount) elements is null") }
  let steps = strides.map { Strides($0) } ?? shape.contiguousStrides
  let span = try Span(of: shape, steps, in: operation)
  // Complex numbers are as aligned as their parts.
  let alignment = UInt(dtype.realType.size)
  if UInt(bitPattern: address) % alignment != 0 {
    guard device.type == .cpu else { throw EmberError(.value, in: operation, "elements that are not aligned to \(alignment) bytes") }
    let tensor = try catchingErrors { copied(address, dtype, shape, steps) }
    release()
    return tensor
  }
  let first = UnsafeMutableRawPointer(mutating: address) + span.lowest * dtype.size
  // Whether the memory is given back is this function's to say until it succeeds.
  let lease = Lease(release)
  let memory = try catchingErrors { Tensor(foreign: first, shape: [span.count], dtype: dtype, on: device) { lease.end() } }
  lease.begin()
  return memory.view(shape, steps, offset: -span.lowest)
}

/// The positions that a shape and strides reach, in elements from the first.
private struct Span {
  var lowest = 0, highest = 0
  var count: Int { highest - lowest + 1 }

  init(of shape: Shape, _ strides: Strides, in operation: String) throws(EmberError) {
    for i in 0..<shape.rank {
      let (distance, overflow) = strides[i].multipliedReportingOverflow(by: shape[unchecked: i] - 1)
      // Far less than what overflows when eight of them are added and multiplied by an element's size.
      guard !overflow, distance.magnitude < 1 << 52 else {
        throw EmberError(.value, in: operation, "strides \(strides) of \(shape) reach further than memory")
      }
      if distance < 0 { lowest += distance } else { highest += distance }
    }
  }
}

/// Memory that is given back once its tensor was made.
private final class Lease: @unchecked Sendable {
  private let release: @Sendable () -> Void
  private var isHeld = false

  init(_ release: @escaping @Sendable () -> Void) { self.release = release }
  /// Before the tensor is handed out, so that no other thread sees this.
  func begin() { isHeld = true }
  func end() { if isHeld { release() } }
}

/// Elements anywhere in memory, one by one.
private func copied(_ address: UnsafeRawPointer, _ dtype: DType, _ shape: Shape, _ strides: Strides) -> Tensor {
  let size = dtype.size, count = shape.elementCount
  let bytes = [UInt8](unsafeUninitializedCapacity: count * size) { buffer, initialized in
    var position = [Int](repeating: 0, count: shape.rank)
    for i in 0..<count {
      var offset = 0
      for d in 0..<shape.rank { offset += position[d] * strides[d] }
      (buffer.baseAddress! + i * size).initialize(from: (address + offset * size).assumingMemoryBound(to: UInt8.self), count: size)
      var d = shape.rank - 1
      while d >= 0 {
        position[d] += 1
        if position[d] < shape[unchecked: d] { break }
        position[d] = 0
        d -= 1
      }
    }
    initialized = count * size
  }
  return bytes.withUnsafeBytes { Tensor(bytes: $0, shape: Array(shape), dtype: dtype) }
}
