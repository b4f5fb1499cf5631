import CCUDA
import EmberRuntime
import Synchronization

/// An NVIDIA GPU. Everything is loaded at run time: the driver, the compiler of the kernels, libraries.
///
/// Work is queued on the calling thread's stream and runs in order; reading a value waits for it.
public final class CUDABackend: Backend, @unchecked Sendable {
  public let device: Device
  public var holdsData: Bool { true }

  let driver: Driver
  let context: UnsafeMutableRawPointer
  let allocator: Allocator
  let cache: KernelCache
  let errors: ErrorWord
  package let pinnedMemory: PinnedMemory
  private let ownStream: UnsafeMutableRawPointer
  let name: String
  let memoryBytes: Int
  let computeCapability: (major: Int, minor: Int)
  package let multiprocessorCount: Int
  /// Shared memory that one block can get.
  package let sharedBytesPerBlock: Int
  /// Whether a kernel can begin before the one in front of it has ended; EMBER_CUDA_OVERLAP=0 forbids it.
  let takesOverlap: Bool
  private let products = Mutex<ProductPlans?>(nil)

  /// The CPU, for what has no kernel here.
  let host: any Backend

  init(ordinal: Int, driver: Driver, host: any Backend) throws(CUDAUnavailable) {
    self.driver = driver
    device = .cuda(ordinal)
    self.host = host
    let functions = driver.functions.pointee
    func check(_ status: Int32, _ what: String) throws(CUDAUnavailable) {
      if status != 0 { throw CUDAUnavailable("cuda:\(ordinal): \(what): \(driver.text(status))") }
    }
    var handle: Int32 = 0
    try check(functions.device_get(&handle, Int32(ordinal)), "no such device")
    func attribute(_ number: Int) -> Int {
      var value: Int32 = 0
      _ = functions.device_attribute(&value, Int32(number), handle)
      return Int(value)
    }
    computeCapability = (attribute(Int(EMBER_CUDA_COMPUTE_MAJOR)), attribute(Int(EMBER_CUDA_COMPUTE_MINOR)))
    // Recordings keep such edges since CUDA 12.3.
    takesOverlap = computeCapability.major >= 9 && driver.version >= 12030 && LibrarySearch.environment("EMBER_CUDA_OVERLAP") != "0"
    multiprocessorCount = max(1, attribute(Int(EMBER_CUDA_MULTIPROCESSORS)))
    sharedBytesPerBlock = attribute(Int(EMBER_CUDA_SHARED_BYTES_OPT_IN))
    var letters = [CChar](repeating: 0, count: 256)
    _ = functions.device_name(&letters, 256, handle)
    name = letters.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    var bytes = 0
    _ = functions.device_memory(&bytes, handle)
    memoryBytes = bytes
    var context: UnsafeMutableRawPointer?
    try check(functions.retain_context(&context, handle), "no context")
    self.context = context!
    try check(ember_cuda_use_context(driver.functions, context), "no context")
    var stream: UnsafeMutableRawPointer?
    // 1: does not wait for the legacy stream.
    try check(functions.create_stream(&stream, 1, 0), "no stream")
    ownStream = stream!
    allocator = Allocator(driver: driver, context: context!, device: device)
    let (major, minor) = computeCapability
    cache = KernelCache(driver: driver, context: context!, architecture: "sm_\(major)\(minor)\(major >= 9 ? "a" : "")")
    errors = try ErrorWord(driver: driver)
    pinnedMemory = PinnedMemory(driver: driver, context: context!)
  }

  /// Where the calling thread's work is queued.
  package var stream: UnsafeMutableRawPointer { ember_cuda_thread_stream() ?? ownStream }

  /// The driver's answer to a call that only a broken device or driver refuses: raised, as there is nobody to return it to.
  func check(_ status: Int32, _ operation: String) {
    if status != 0 { raise(EmberError(.device, in: operation, "\(device): \(driver.text(status))")) }
  }

  func useContext() { _ = ember_cuda_use_context(driver.functions, context) }

  // MARK: Memory

  public func allocate(byteCount: Int) throws(EmberError) -> UnsafeMutableRawPointer? {
    if byteCount == 0 { return nil }
    return try allocator.allocate(byteCount, pool: UInt(bitPattern: stream))
  }

  public func deallocate(_ pointer: UnsafeMutableRawPointer, byteCount: Int) { allocator.deallocate(pointer) }

  public func copyFromHost(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int) {
    if byteCount == 0 { return }
    useContext()
    check(driver.functions.pointee.copy_to_device(destination, source, byteCount, stream), "copy to device")
    // Of pageable memory the driver has read everything when it returns, of pinned memory nothing.
    if pinnedMemory.holds(source) { check(driver.functions.pointee.synchronize_stream(stream), "copy to device") }
  }

  public func copyToHost(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int) {
    if byteCount > 0 {
      useContext()
      check(driver.functions.pointee.copy_to_host(destination, source, byteCount, stream), "copy to host")
    }
    synchronize()
  }

  /// Waits until all work of the calling thread's stream is done, and raises what kernels reported.
  public func synchronize() {
    useContext()
    check(driver.functions.pointee.synchronize_stream(stream), "synchronize")
    pinnedMemory.letGo()
    if let error = errors.take() { raise(error) }
  }

  /// Called when an error scope ends: only waits where a kernel may have reported something, and not while a graph is recorded, when
  /// nothing runs.
  package func checkErrors() { if errors.isWatched, !allocator.isRecording { synchronize() } }

  package func fillZero(_ pointer: UnsafeMutableRawPointer?, byteCount: Int) {
    guard let pointer, byteCount > 0 else { return }
    useContext()
    check(driver.functions.pointee.fill_bytes(pointer, 0, byteCount, stream), "fill")
  }

  package func copyBytes(_ source: UnsafeMutableRawPointer?, to destination: UnsafeMutableRawPointer?, byteCount: Int) {
    guard let source, let destination, byteCount > 0 else { return }
    useContext()
    check(driver.functions.pointee.copy_on_device(destination, source, byteCount, stream), "copy")
  }

  /// Memory for the time of a call: whatever is queued inside finishes before anybody else gets it. Nil after an out-of-memory error.
  @discardableResult
  package func withScratch<R>(_ byteCount: Int, _ body: (UnsafeMutableRawPointer) -> R) -> R? {
    do throws(EmberError) {
      let pointer = try allocator.allocate(max(byteCount, 1), pool: UInt(bitPattern: stream))
      defer { allocator.deallocate(pointer) }
      return body(pointer)
    } catch {
      raise(error)
      return nil
    }
  }

  func withProducts<R>(_ body: (inout ProductPlans?) -> sending R) -> R { products.withLock { body(&$0) } }
}
