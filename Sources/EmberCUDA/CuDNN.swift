import CCUDA
import EmberRuntime
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// cuDNN's graph API. Optional: without it Ember's own kernels do the work.
final class CuDNN: @unchecked Sendable {
  let functions: UnsafePointer<ember_cudnn>
  let path: String
  /// 92600 for 9.26.0.
  let version: Int

  private init() throws(CUDAUnavailable) {
    if LibrarySearch.environment("EMBER_CUDNN") == "0" { throw CUDAUnavailable("switched off by EMBER_CUDNN=0") }
    // Engines that compile at run time look NVRTC up by name, which finds one that is open.
    _ = NVRTC.shared
    let library = try LibrarySearch.open(stem: "libcudnn", majors: [9])
    let table = UnsafeMutablePointer<ember_cudnn>.allocate(capacity: 1)
    table.initialize(to: ember_cudnn())
    if let missing = ember_cuda_load_cudnn(library.handle, table) {
      throw CUDAUnavailable("\(library.path) has no \(String(cString: missing)); install cuDNN 9")
    }
    functions = UnsafePointer(table)
    path = library.path
    version = Int(table.pointee.version())
  }

  static let shared: Result<CuDNN, CUDAUnavailable> = {
    do throws(CUDAUnavailable) { return .success(try CuDNN()) } catch {
      explain("\(error)")
      return .failure(error)
    }
  }()

  /// What a status means, with the library's own last words.
  func text(_ status: Int32) -> String {
    let name = functions.pointee.error_string(status).map { String(cString: $0) } ?? "status \(status)"
    var letters = [CChar](repeating: 0, count: 512)
    functions.pointee.last_error(&letters, letters.count)
    letters[511] = 0
    let reason = letters.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    return reason.isEmpty ? name : "\(name): \(reason)"
  }

  static let explains = Atomic(LibrarySearch.environment("EMBER_DEBUG").flatMap { Int($0) }.map { $0 > 0 } ?? false)

  /// Says on standard error why cuDNN was not used, or how; under EMBER_DEBUG.
  static func explain(_ text: @autoclosure () -> String) {
    guard explains.load(ordering: .relaxed) else { return }
    writeToStandardError("ember: cuDNN: \(text())\n")
  }
}

/// A descriptor of the graph API: attributes are set, then it is finished. Destroyed with its object.
final class CuDNNDescriptor {
  let pointer: UnsafeMutableRawPointer
  private let library: CuDNN
  private let name: String
  /// The descriptors that this one refers to.
  private var parts: [CuDNNDescriptor] = []

  /// `kind`: of what cuDNN calls a descriptor type; `name`: for errors.
  init(_ kind: Int, _ name: String, _ library: CuDNN) throws(CUDAUnavailable) {
    var pointer: UnsafeMutableRawPointer?
    let status = library.functions.pointee.descriptor_create(Int32(kind), &pointer)
    guard status == 0, let pointer else { throw CUDAUnavailable("no descriptor of \(name): \(library.text(status))") }
    self.pointer = pointer
    self.library = library
    self.name = name
  }

  deinit { _ = library.functions.pointee.descriptor_destroy(pointer) }

  /// Elements must have the size that cuDNN documents for the type: 8 bytes for integers, 4 for enumerations.
  func set<T: BitwiseCopyable>(_ attribute: Int, _ type: Int, _ values: [T]) throws(CUDAUnavailable) {
    let status = values.withUnsafeBufferPointer {
      library.functions.pointee.descriptor_set(pointer, Int32(attribute), Int32(type), Int64(values.count), $0.baseAddress)
    }
    if status != 0 { throw CUDAUnavailable("\(name), attribute \(attribute): \(library.text(status))") }
  }

  func set(_ attribute: Int, integers: [Int]) throws(CUDAUnavailable) {
    try set(attribute, EMBER_CUDNN_TYPE_INT64, integers.map(Int64.init))
  }

  func set(_ attribute: Int, pointers: [UnsafeMutableRawPointer?], type: Int = EMBER_CUDNN_TYPE_POINTER) throws(CUDAUnavailable) {
    try set(attribute, type, pointers.map { UInt(bitPattern: $0) })
  }

  func set(_ attribute: Int, _ descriptors: [CuDNNDescriptor]) throws(CUDAUnavailable) {
    try set(attribute, pointers: descriptors.map(\.pointer), type: EMBER_CUDNN_TYPE_DESCRIPTOR)
    parts += descriptors
  }

  /// A number in the type that operations on elements of `computeType` take.
  func set(_ attribute: Int, _ number: Double, computeType: Int) throws(CUDAUnavailable) {
    if computeType == EMBER_CUDNN_DOUBLE { try set(attribute, EMBER_CUDNN_TYPE_DOUBLE, [number]) } else {
      try set(attribute, EMBER_CUDNN_TYPE_FLOAT, [Float(number)])
    }
  }

  @discardableResult
  func finish() throws(CUDAUnavailable) -> CuDNNDescriptor {
    let status = library.functions.pointee.descriptor_finalize(pointer)
    if status != 0 { throw CUDAUnavailable("\(name): \(library.text(status))") }
    return self
  }

  /// Up to `capacity` elements of an attribute.
  func get<T: BitwiseCopyable>(_ attribute: Int, _ type: Int, capacity: Int, filling zero: T) throws(CUDAUnavailable) -> [T] {
    var values = [T](repeating: zero, count: capacity)
    var count: Int64 = 0
    let status = values.withUnsafeMutableBufferPointer {
      library.functions.pointee.descriptor_get(pointer, Int32(attribute), Int32(type), Int64(capacity), &count, $0.baseAddress)
    }
    if status != 0 { throw CUDAUnavailable("\(name), reading attribute \(attribute): \(library.text(status))") }
    return Array(values.prefix(Int(count)))
  }

  /// How many elements an attribute has.
  func count(_ attribute: Int, _ type: Int) throws(CUDAUnavailable) -> Int {
    var count: Int64 = 0
    let status = library.functions.pointee.descriptor_get(pointer, Int32(attribute), Int32(type), 0, &count, nil)
    if status != 0 { throw CUDAUnavailable("\(name), counting attribute \(attribute): \(library.text(status))") }
    return Int(count)
  }

  /// Fills given descriptors, which must exist, with those that an attribute holds.
  func get(_ attribute: Int, into descriptors: [CuDNNDescriptor]) throws(CUDAUnavailable) -> Int {
    var pointers = descriptors.map { UInt(bitPattern: $0.pointer) }
    var count: Int64 = 0
    let status = pointers.withUnsafeMutableBufferPointer {
      library.functions.pointee.descriptor_get(
        pointer, Int32(attribute), Int32(EMBER_CUDNN_TYPE_DESCRIPTOR), Int64(descriptors.count), &count, $0.baseAddress)
    }
    if status != 0 { throw CUDAUnavailable("\(name), reading attribute \(attribute): \(library.text(status))") }
    return min(Int(count), descriptors.count)
  }
}
