import CCUDA
import EmberRuntime
import Synchronization

/// Memory of the host that stays at its physical place, so that a GPU copies from and to it by itself while the CPU goes on.
///
/// Blocks are rounded up to powers of two and kept for the next request, because the driver takes milliseconds for each.
package final class PinnedMemory: @unchecked Sendable {
  /// A copy that may still be under way: whoever owns what it reads, and the mark behind it.
  private struct Pending: @unchecked Sendable {
    let event: CUDAEvent
    let memory: AnyObject
  }

  private struct State {
    /// Addresses of blocks that nobody uses, by size.
    var free: [Int: [UInt]] = [:]
    /// All blocks and their sizes.
    var blocks: [UInt: Int] = [:]
    var pending: [Pending] = []
  }

  private let driver: Driver
  private let context: UnsafeMutableRawPointer
  private let state = Mutex(State())

  init(driver: Driver, context: UnsafeMutableRawPointer) {
    self.driver = driver
    self.context = context
  }

  private static func rounded(_ byteCount: Int) -> Int { byteCount <= 4096 ? 4096 : 1 << (Int.bitWidth - (byteCount - 1).leadingZeroBitCount) }

  /// - Throws: a `.memory` error if the host has no more that can be pinned.
  package func allocate(byteCount: Int) throws(EmberError) -> UnsafeMutableRawPointer {
    let size = Self.rounded(byteCount)
    letGo()
    if let known = state.withLock({ $0.free[size]?.popLast() }) { return UnsafeMutableRawPointer(bitPattern: known)! }
    _ = ember_cuda_use_context(driver.functions, context)
    var pointer: UnsafeMutableRawPointer?
    // 1: pinned for all contexts.
    var status = driver.functions.pointee.allocate_host(&pointer, size, 1)
    if status != 0 {
      // What copies still hold may be enough.
      for copy in state.withLock({ $0.pending }) { copy.event.synchronize() }
      letGo()
      releaseCached()
      status = driver.functions.pointee.allocate_host(&pointer, size, 1)
    }
    guard status == 0, let pointer else {
      throw EmberError(.memory, in: "pinned", "the host has no \(size) bytes more that can be pinned: \(driver.text(status))")
    }
    state.withLock { $0.blocks[UInt(bitPattern: pointer)] = size }
    return pointer
  }

  /// Whether an address lies in a block.
  func holds(_ pointer: UnsafeRawPointer) -> Bool {
    let address = UInt(bitPattern: pointer)
    return state.withLock { $0.blocks.contains { address >= $0.key && address < $0.key + UInt($0.value) } }
  }

  package func deallocate(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
    state.withLock { $0.free[Self.rounded(byteCount), default: []].append(UInt(bitPattern: pointer)) }
  }

  /// Keeps whoever owns the memory of a copy until the copy is done.
  func keep(_ memory: AnyObject, until event: CUDAEvent) {
    letGo()
    let copy = Pending(event: event, memory: memory)
    state.withLock { $0.pending.append(copy) }
  }

  /// Forgets copies that are done.
  func letGo() {
    // What dies here may give its memory back, which takes the lock.
    let done = state.withLock { state -> [Pending] in
      if state.pending.isEmpty { return [] }
      let done = state.pending.filter { $0.event.hasHappened }
      if !done.isEmpty { state.pending.removeAll { one in done.contains { $0.event === one.event } } }
      return done
    }
    withExtendedLifetime(done) {}
  }

  func releaseCached() {
    let free = state.withLock { state -> [UInt] in
      let free = state.free.values.flatMap { $0 }
      state.free = [:]
      for address in free { state.blocks[address] = nil }
      return free
    }
    if free.isEmpty { return }
    _ = ember_cuda_use_context(driver.functions, context)
    for address in free { _ = driver.functions.pointee.deallocate_host(UnsafeMutableRawPointer(bitPattern: address)) }
  }
}

extension CUDABackend {
  /// Queues a copy from pinned memory, whose owner is kept until it is done. `waits`: comes back only then.
  package func copyFromPinned(
    _ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int, of owner: AnyObject, waits: Bool
  ) throws(EmberError) {
    let event = try mark()
    check(driver.functions.pointee.copy_to_device(destination, source, byteCount, stream), "copy to device")
    event.record()
    if waits { event.synchronize() } else { pinnedMemory.keep(owner, until: event) }
  }

  /// Queues a copy into pinned memory; it is there when the event has happened.
  package func copyToPinned(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int) throws(EmberError) -> CUDAEvent {
    let event = try mark()
    check(driver.functions.pointee.copy_to_host(destination, source, byteCount, stream), "copy to host")
    event.record()
    return event
  }

  /// The mark that will stand behind a copy, made first: a copy under way has to have one.
  private func mark() throws(EmberError) -> CUDAEvent {
    if allocator.isRecording {
      throw EmberError(.device, in: "to", "\(device): copies from and to the host cannot be recorded; make them before and after, or use CUDAGraph.copy")
    }
    return try CUDAEvent(backend: self)
  }
}
