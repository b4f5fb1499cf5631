import CCUDA
import EmberRuntime
import Synchronization

/// A word of host memory that kernels write when they meet an index outside of a dimension, instead of reading there.
final class ErrorWord: Sendable {
  /// Laid out as `DeviceError` of the kernels.
  private struct Contents {
    var code: Int32
    var operation: Int32
    var position: Int64
    var value: Int64
    var extent: Int64
  }

  private let address: UInt
  private let operations = Mutex<[StaticString]>([])
  private let watched = Atomic(false)

  init(driver: Driver) throws(CUDAUnavailable) {
    var pointer: UnsafeMutableRawPointer?
    // 3: portable among contexts, and mapped into the device's addresses.
    let status = driver.functions.pointee.allocate_host(&pointer, MemoryLayout<Contents>.stride, 3)
    guard status == 0, let pointer else { throw CUDAUnavailable("no pinned host memory: \(driver.text(status))") }
    pointer.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<Contents>.stride)
    address = UInt(bitPattern: pointer)
  }

  var pointer: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: address)! }

  /// True if a kernel that may report was launched since the last look.
  var isWatched: Bool { watched.load(ordering: .relaxed) }

  /// A kernel that may report is about to run.
  func watch() { watched.store(true, ordering: .relaxed) }

  /// The number of an operation's name, for a launch that may report.
  func number(of operation: StaticString) -> Int32 {
    watch()
    // Every launch that may report comes here: literals are told apart by their addresses.
    return operations.withLock {
      if let known = $0.firstIndex(where: { $0.utf8Start == operation.utf8Start }) { return Int32(known) }
      $0.append(operation)
      return Int32($0.count - 1)
    }
  }

  /// What was reported, if anything; forgotten then. Call after waiting for the device.
  func take() -> EmberError? {
    watched.store(false, ordering: .relaxed)
    if ember_cuda_read_word(pointer) == 0 { return nil }
    let found = pointer.load(as: Contents.self)
    pointer.storeBytes(of: 0, as: Int32.self)
    let name = operations.withLock { Int(found.operation) < $0.count ? "\($0[Int(found.operation)])" : "kernel" }
    let noticed = "(noticed when the device was waited for; the operation ran earlier)"
    if found.code == 2 {
      return EmberError(
        .value, in: name,
        found.value < 0
          ? "the weights of row \(found.position) are all 0 \(noticed)"
          : "weight \(found.value) of row \(found.position) is negative, infinite or NaN \(noticed)")
    }
    return EmberError(
      .index, in: name,
      "index \(found.value) at position \(found.position) is outside of a dimension of \(found.extent) "
        + noticed)
  }
}
