import CEmber
import EmberRuntime
import EmberSparse
import EmberTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

// What all functions of the header share: they catch every error, look at every argument, and write outputs last.

/// An error of the C interface itself, beside those of operations.
struct FaceError: Error {
  enum Kind {
    case null, handle, count, value, memory, unsupported, other

    var status: ember_status {
      switch self {
      case .null: EMBER_ERROR_NULL
      case .handle: EMBER_ERROR_HANDLE
      case .count: EMBER_ERROR_COUNT
      case .value: EMBER_ERROR_VALUE
      case .memory: EMBER_ERROR_MEMORY
      case .unsupported: EMBER_ERROR_UNSUPPORTED
      case .other: EMBER_ERROR_OTHER
      }
    }
  }

  let kind: Kind
  let message: String

  init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }
}

extension EmberError.Kind {
  fileprivate var status: ember_status {
    switch self {
    case .shape: EMBER_ERROR_SHAPE
    case .index: EMBER_ERROR_INDEX
    case .dtype: EMBER_ERROR_DTYPE
    case .device: EMBER_ERROR_DEVICE
    case .value, .poisoned: EMBER_ERROR_VALUE
    case .memory: EMBER_ERROR_MEMORY
    case .unsupported: EMBER_ERROR_UNSUPPORTED
    case .kernel: EMBER_ERROR_KERNEL
    case .file: EMBER_ERROR_FILE
    }
  }
}

/// The last error of each thread, as C strings that stay until the next one.
private final class LastError {
  private(set) var message = copiedText("")
  private(set) var operation = copiedText("")

  func set(_ message: String, in operation: String) {
    free(self.message)
    free(self.operation)
    self.message = copiedText(message)
    self.operation = copiedText(operation)
  }

  deinit {
    free(message)
    free(operation)
  }

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key) { object in
      // Darwin's parameter is not optional, Linux's is.
      let object: UnsafeMutableRawPointer? = object
      if let object { Unmanaged<LastError>.fromOpaque(object).release() }
    }
    return key
  }()

  /// The calling thread's.
  static var current: LastError {
    if let object = pthread_getspecific(key) { return Unmanaged<LastError>.fromOpaque(object).takeUnretainedValue() }
    let made = LastError()
    pthread_setspecific(key, Unmanaged.passRetained(made).toOpaque())
    return made
  }
}

@implementation @c public func ember_error_message() -> UnsafePointer<CChar>? { UnsafePointer(LastError.current.message) }
@implementation @c public func ember_error_operation() -> UnsafePointer<CChar>? { UnsafePointer(LastError.current.operation) }

/// Runs the body of a function of the header.
func call(_ name: StaticString, _ body: () throws -> Void) -> ember_status {
  do {
    try body()
    return EMBER_OK
  } catch let error as FaceError {
    LastError.current.set(error.message, in: "\(name)")
    return error.kind.status
  } catch let error as EmberError {
    LastError.current.set(error.message, in: error.operation)
    return error.kind.status
  } catch {
    LastError.current.set("\(error)", in: "\(name)")
    return EMBER_ERROR_OTHER
  }
}

/// The same for a function that computes one tensor.
func call(_ name: StaticString, _ out: UnsafeMutablePointer<OpaquePointer?>?, _ body: () throws -> Tensor) -> ember_status {
  call(name) {
    let out = try required(out, "out")
    out.pointee = try handle(of: catchingErrors(body))
  }
}

/// The same for a function that tells one thing.
func tell<Value>(_ name: StaticString, _ out: UnsafeMutablePointer<Value>?, _ body: () throws -> Value) -> ember_status {
  call(name) { try required(out, "out").pointee = try body() }
}

// MARK: - Arguments

func required<Pointer>(_ pointer: Pointer?, _ argument: StaticString) throws(FaceError) -> Pointer {
  guard let pointer else { throw FaceError(.null, "\(argument) is null") }
  return pointer
}

func tensor(_ handle: OpaquePointer?, _ argument: @autoclosure () -> String = "tensor") throws(FaceError) -> Tensor {
  unsafeDowncast(try HandleTable.shared.object(handle, .tensor, argument()), to: Held<Tensor>.self).value
}

func sparseTensor(_ handle: OpaquePointer?, _ argument: @autoclosure () -> String = "tensor") throws(FaceError) -> SparseTensor {
  unsafeDowncast(try HandleTable.shared.object(handle, .sparseTensor, argument()), to: Held<SparseTensor>.self).value
}

func generator(_ handle: OpaquePointer?) throws(FaceError) -> Generator {
  unsafeDowncast(try HandleTable.shared.object(handle, .generator, "generator"), to: Held<Generator>.self).value
}

func handle(of tensor: Tensor) throws(FaceError) -> OpaquePointer { try HandleTable.shared.add(Held(tensor), .tensor) }
func handle(of tensor: SparseTensor) throws(FaceError) -> OpaquePointer { try HandleTable.shared.add(Held(tensor), .sparseTensor) }
func handle(of generator: Generator) throws(FaceError) -> OpaquePointer { try HandleTable.shared.add(Held(generator), .generator) }

/// The elements of an array that the caller passed. Null is allowed where there are none.
func list<Element>(
  _ items: UnsafePointer<Element>?, _ count: Int, _ argument: StaticString
) throws(FaceError) -> UnsafeBufferPointer<Element> {
  guard count >= 0, count < 1 << 40 else { throw FaceError(.count, "\(argument) has an impossible length, \(UInt(bitPattern: count))") }
  if count > 0 { _ = try required(items, argument) }
  return UnsafeBufferPointer(start: items, count: count)
}

func sizes(_ items: UnsafePointer<Int64>?, _ rank: Int, _ argument: StaticString = "sizes") throws -> [Int] {
  guard rank >= 0, rank <= maximumRank else {
    throw FaceError(.count, "a rank of \(UInt(bitPattern: rank)); a tensor has at most \(maximumRank) dimensions")
  }
  return try list(items, rank, argument).map { Int($0) }
}

func text(_ characters: UnsafePointer<CChar>?, _ argument: StaticString) throws(FaceError) -> String {
  guard let text = String(validatingCString: try required(characters, argument)) else {
    throw FaceError(.value, "\(argument) is no text in UTF-8")
  }
  return text
}

func dtype(_ type: ember_scalar_type) throws(FaceError) -> DType {
  guard let raw = UInt8(exactly: type.rawValue), let dtype = DType(rawValue: raw) else {
    throw FaceError(.value, "\(type.rawValue) is no ember_scalar_type")
  }
  return dtype
}

func device(_ device: ember_device) throws(FaceError) -> Device {
  guard let raw = UInt8(exactly: device.type.rawValue), raw <= DeviceType.meta.rawValue, (0...255).contains(device.index) else {
    throw FaceError(.value, "type \(device.type.rawValue), index \(device.index) is no ember_device")
  }
  return Device(DeviceType(rawValue: raw), index: Int(device.index))
}

extension ember_scalar_type {
  init(_ dtype: DType) { self.init(rawValue: .init(dtype.rawValue)) }
}

extension ember_device {
  init(_ device: Device) {
    self.init(type: ember_device_type(rawValue: .init(device.type.rawValue)), index: Int32(device.index))
  }
}

/// Text for C, to be freed by `free`.
func copiedText(_ text: String) -> UnsafeMutablePointer<CChar> {
  let bytes = text.utf8CString
  let copy = malloc(bytes.count)!.bindMemory(to: CChar.self, capacity: bytes.count)
  bytes.withUnsafeBufferPointer { copy.initialize(from: $0.baseAddress!, count: bytes.count) }
  return copy
}

@implementation @c public func ember_string_release(_ text: UnsafeMutablePointer<CChar>?) { free(text) }
