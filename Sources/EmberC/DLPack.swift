import CEmber
import EmberRuntime
import EmberTensor

// Exchange of memory with other libraries; see <ember/dlpack.h>.

extension DType {
  /// The type that DLPack describes, or nil.
  fileprivate init?(_ type: DLDataType) {
    guard type.lanes == 1, let match = DType.allCases.first(where: { $0.description(for: type.lanes) == type }) else { return nil }
    self = match
  }

  fileprivate func description(for lanes: UInt16 = 1) -> DLDataType {
    let code =
      switch self {
      case .bool: kDLBool
      case .uint8, .uint16, .uint32, .uint64: kDLUInt
      case .int8, .int16, .int32, .int64: kDLInt
      case .float16, .float32, .float64: kDLFloat
      case .bfloat16: kDLBfloat
      case .complex32, .complex64, .complex128: kDLComplex
      case .float8e4m3fn: kDLFloat8_e4m3fn
      case .float8e4m3fnuz: kDLFloat8_e4m3fnuz
      case .float8e5m2: kDLFloat8_e5m2
      case .float8e5m2fnuz: kDLFloat8_e5m2fnuz
      }
    return DLDataType(code: UInt8(code.rawValue), bits: UInt8(size * 8), lanes: lanes)
  }
}

private func == (a: DLDataType, b: DLDataType) -> Bool { a.code == b.code && a.bits == b.bits && a.lanes == b.lanes }

// MARK: - In

/// A handle of a tensor over what DLPack describes.
private func imported(_ foreign: DLTensor, in operation: String, release: @escaping @Sendable () -> Void) throws -> OpaquePointer {
  let device: Device
  switch foreign.device.device_type {
  case kDLCPU, kDLCUDAHost: device = .cpu
  case kDLCUDA, kDLCUDAManaged: device = .cuda(Int(foreign.device.device_id))
  default:
    throw EmberError(.device, in: operation, "DLPack's device type \(foreign.device.device_type.rawValue); CPU and CUDA can be shared")
  }
  guard let dtype = DType(foreign.dtype) else {
    throw EmberError(
      .dtype, in: operation,
      "DLPack's type of code \(foreign.dtype.code), \(foreign.dtype.bits) bits, \(foreign.dtype.lanes) lanes has no counterpart")
  }
  let rank = Int(foreign.ndim)
  let sizes = try EmberC.sizes(foreign.shape, rank, "shape")
  let strides = try foreign.strides.map { try EmberC.sizes($0, rank, "strides") }
  guard foreign.byte_offset < 1 << 56 else { throw FaceError(.value, "an offset of \(foreign.byte_offset) bytes") }
  let address = foreign.data.map { UnsafeRawPointer($0) + Int(foreign.byte_offset) }
  return try handle(of: foreignTensor(at: address, dtype, sizes, strides: strides, on: device, in: operation, release: release))
}

@implementation @c public func ember_tensor_from_dlpack(
  _ managed: UnsafeMutablePointer<DLManagedTensor>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  tell("ember_tensor_from_dlpack", out) {
    let managed = try required(managed, "managed"), address = UInt(bitPattern: managed)
    return try imported(managed.pointee.dl_tensor, in: "from_dlpack") {
      let managed = UnsafeMutablePointer<DLManagedTensor>(bitPattern: address)!
      managed.pointee.deleter?(managed)
    }
  }
}

@implementation @c public func ember_tensor_from_dlpack_versioned(
  _ managed: UnsafeMutablePointer<DLManagedTensorVersioned>?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  tell("ember_tensor_from_dlpack_versioned", out) {
    let managed = try required(managed, "managed"), address = UInt(bitPattern: managed)
    // What lies behind the version has another meaning in another major one.
    guard managed.pointee.version.major == DLPACK_MAJOR_VERSION else {
      throw EmberError(
        .unsupported, in: "from_dlpack", "DLPack \(managed.pointee.version.major).\(managed.pointee.version.minor); 1.x is understood")
    }
    return try imported(managed.pointee.dl_tensor, in: "from_dlpack") {
      let managed = UnsafeMutablePointer<DLManagedTensorVersioned>(bitPattern: address)!
      managed.pointee.deleter?(managed)
    }
  }
}

// MARK: - Out

/// What an exported structure stands on: the tensor, and the numbers that the structure points at.
private final class Export {
  let tensor: Tensor
  let numbers: UnsafeMutablePointer<Int64>
  let description: DLTensor

  init(_ tensor: Tensor) throws {
    let device: DLDevice
    switch tensor.device.type {
    case .cpu: device = DLDevice(device_type: kDLCPU, device_id: 0)
    case .cuda: device = DLDevice(device_type: kDLCUDA, device_id: Int32(tensor.device.index))
    default: throw EmberError(.device, in: "to_dlpack", "\(tensor.summary): memory on the CPU and on CUDA devices can be shared")
    }
    let rank = tensor.rank
    // The reader uses the memory without waiting for what still computes it.
    let data = try address(of: tensor, in: "to_dlpack")
    self.tensor = tensor
    numbers = .allocate(capacity: Swift.max(1, 2 * rank))
    for i in 0..<rank {
      (numbers + i).initialize(to: Int64(tensor.shape[i]))
      (numbers + rank + i).initialize(to: Int64(tensor.strides[i]))
    }
    description = DLTensor(
      data: data, device: device, ndim: Int32(rank), dtype: tensor.dtype.description(), shape: numbers, strides: numbers + rank,
      byte_offset: 0)
  }

  deinit { numbers.deallocate() }
}

@implementation @c public func ember_tensor_to_dlpack(
  _ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<UnsafeMutablePointer<DLManagedTensor>?>?
) -> ember_status {
  tell("ember_tensor_to_dlpack", out) {
    let tensor = try EmberC.tensor(tensor).detach()
    let export = try Export(catchingErrors { tensor.clone() })
    let managed = UnsafeMutablePointer<DLManagedTensor>.allocate(capacity: 1)
    managed.initialize(
      to: DLManagedTensor(dl_tensor: export.description, manager_ctx: Unmanaged.passRetained(export).toOpaque()) { managed in
        guard let managed, let context = managed.pointee.manager_ctx else { return }
        Unmanaged<Export>.fromOpaque(context).release()
        managed.deallocate()
      })
    return managed
  }
}

@implementation @c public func ember_tensor_to_dlpack_versioned(
  _ tensor: OpaquePointer?, _ copy: Bool, _ out: UnsafeMutablePointer<UnsafeMutablePointer<DLManagedTensorVersioned>?>?
) -> ember_status {
  tell("ember_tensor_to_dlpack_versioned", out) {
    let tensor = try EmberC.tensor(tensor).detach()
    let export = try Export(copy ? catchingErrors { tensor.clone() } : tensor)
    let version = DLPackVersion(major: UInt32(DLPACK_MAJOR_VERSION), minor: UInt32(DLPACK_MINOR_VERSION))
    let managed = UnsafeMutablePointer<DLManagedTensorVersioned>.allocate(capacity: 1)
    managed.initialize(
      to: DLManagedTensorVersioned(
        version: version, manager_ctx: Unmanaged.passRetained(export).toOpaque(),
        deleter: { managed in
          guard let managed, let context = managed.pointee.manager_ctx else { return }
          Unmanaged<Export>.fromOpaque(context).release()
          managed.deallocate()
        }, flags: copy ? UInt64(DLPACK_FLAG_BITMASK_IS_COPIED) : UInt64(DLPACK_FLAG_BITMASK_READ_ONLY), dl_tensor: export.description))
    return managed
  }
}
