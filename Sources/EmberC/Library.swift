import CEmber
import EmberCPU
import EmberCUDA
import EmberRuntime

// Versions, names, devices, threads.

/// The version of the library, which the Python package shares (`Python/pyproject.toml`).
private let version: StaticString = "0.1.0"

/// Text that stays as long as the process.
private func constant(_ text: StaticString) -> UnsafePointer<CChar> {
  UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@implementation @c public func ember_version() -> UnsafePointer<CChar>? { constant(version) }
@implementation @c public func ember_abi_version() -> Int32 { EMBER_ABI_VERSION }

@implementation @c public func ember_status_name(_ status: ember_status) -> UnsafePointer<CChar>? {
  switch status {
  case EMBER_OK: constant("EMBER_OK")
  case EMBER_ERROR_SHAPE: constant("EMBER_ERROR_SHAPE")
  case EMBER_ERROR_INDEX: constant("EMBER_ERROR_INDEX")
  case EMBER_ERROR_DTYPE: constant("EMBER_ERROR_DTYPE")
  case EMBER_ERROR_DEVICE: constant("EMBER_ERROR_DEVICE")
  case EMBER_ERROR_VALUE: constant("EMBER_ERROR_VALUE")
  case EMBER_ERROR_MEMORY: constant("EMBER_ERROR_MEMORY")
  case EMBER_ERROR_UNSUPPORTED: constant("EMBER_ERROR_UNSUPPORTED")
  case EMBER_ERROR_KERNEL: constant("EMBER_ERROR_KERNEL")
  case EMBER_ERROR_FILE: constant("EMBER_ERROR_FILE")
  case EMBER_ERROR_NULL: constant("EMBER_ERROR_NULL")
  case EMBER_ERROR_HANDLE: constant("EMBER_ERROR_HANDLE")
  case EMBER_ERROR_COUNT: constant("EMBER_ERROR_COUNT")
  case EMBER_ERROR_OTHER: constant("EMBER_ERROR_OTHER")
  default: constant("no ember_status")
  }
}

@implementation @c public func ember_handle_count(_ out: UnsafeMutablePointer<Int>?) -> ember_status {
  tell("ember_handle_count", out) { HandleTable.shared.count }
}

// MARK: - Element types

/// Names as C strings, by raw value.
private nonisolated(unsafe) let typeNames: [UnsafePointer<CChar>] = DType.allCases.sorted { $0.rawValue < $1.rawValue }.map {
  UnsafePointer(copiedText($0.name))
}

@implementation @c public func ember_scalar_type_size(_ type: ember_scalar_type, _ out: UnsafeMutablePointer<Int>?) -> ember_status {
  tell("ember_scalar_type_size", out) { try dtype(type).size }
}

@implementation @c public func ember_scalar_type_name(
  _ type: ember_scalar_type, _ out: UnsafeMutablePointer<UnsafePointer<CChar>?>?
) -> ember_status {
  tell("ember_scalar_type_name", out) { typeNames[Int(try dtype(type).rawValue)] }
}

@implementation @c public func ember_scalar_type_from_name(
  _ name: UnsafePointer<CChar>?, _ out: UnsafeMutablePointer<ember_scalar_type>?
) -> ember_status {
  tell("ember_scalar_type_from_name", out) {
    let name = try text(name, "name")
    guard let dtype = DType(name: name) else { throw FaceError(.value, "there is no element type \(name)") }
    return ember_scalar_type(dtype)
  }
}

// MARK: - Devices

@implementation @c public func ember_device_count(_ type: ember_device_type, _ out: UnsafeMutablePointer<Int>?) -> ember_status {
  tell("ember_device_count", out) {
    switch try device(ember_device(type: type, index: 0)).type {
    case .cuda: CUDA.deviceCount
    default: 1
    }
  }
}

@implementation @c public func ember_cpu_thread_count(_ out: UnsafeMutablePointer<Int>?) -> ember_status {
  tell("ember_cpu_thread_count", out) { CPU.threadCount }
}

@implementation @c public func ember_set_cpu_thread_count(_ count: Int) -> ember_status {
  call("ember_set_cpu_thread_count") {
    guard count > 0, count <= 4096 else { throw FaceError(.value, "\(count) threads; from 1 to 4096 are allowed") }
    CPU.threadCount = count
  }
}
