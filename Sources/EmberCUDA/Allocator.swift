import CCUDA
import EmberRuntime
import Synchronization

/// Device memory in cached blocks. What is freed is given out again at once: work on a stream runs in order, so whoever gets the block
/// next uses it after whoever had it before. Blocks are kept apart by the stream that they were asked for on.
final class Allocator: Sendable {
  /// A pool's name: a stream, or a recorded graph that owns its memory.
  typealias Pool = UInt

  private struct Block {
    var bytes: Int
    var pool: Pool
  }

  private struct State {
    var free: [Key: [UInt]] = [:]
    var blocks: [UInt: Block] = [:]
    var statistics = CUDA.MemoryStatistics()
    var cap = 0
    /// Memory asked for while a graph is recorded belongs to it.
    var graphPool: Pool?
    /// Pools of graphs that are gone: what is still in use of them goes back to the device.
    var closed: Set<Pool> = []

    /// Removes the free blocks of some pools.
    mutating func takeFree(of isChosen: (Pool) -> Bool) -> [UInt] {
      var addresses: [UInt] = []
      for (key, list) in free where isChosen(key.pool) {
        addresses += list
        statistics.cachedBytes -= key.bytes * list.count
        free[key] = nil
      }
      for address in addresses { blocks[address] = nil }
      return addresses
    }
  }

  private struct Key: Hashable {
    var bytes: Int
    var pool: Pool
  }

  private let state = Mutex(State())
  private let driver: Driver
  private let context: UInt
  private let device: Device

  init(driver: Driver, context: UnsafeMutableRawPointer, device: Device) {
    self.driver = driver
    self.context = UInt(bitPattern: context)
    self.device = device
  }

  /// Sizes that are cached: powers of two up to 1 MiB with three steps between, above it multiples of 2 MiB with an eighth to spare.
  static func rounded(_ bytes: Int) -> Int {
    if bytes <= 512 { return 512 }
    let unit = bytes <= 1 << 20 ? max(512, (1 << (Int.bitWidth - 1 - bytes.leadingZeroBitCount)) / 4) : max(2 << 20, largeUnit(bytes))
    return (bytes + unit - 1) / unit * unit
  }

  private static func largeUnit(_ bytes: Int) -> Int { (1 << (Int.bitWidth - 1 - bytes.leadingZeroBitCount)) / 8 }

  func allocate(_ bytes: Int, pool: Pool) throws(EmberError) -> UnsafeMutableRawPointer {
    let size = Self.rounded(bytes)
    enum Outcome { case memory(UInt), full, none(Pool) }
    let outcome = state.withLock { state -> Outcome in
      let pool = state.graphPool ?? pool
      state.statistics.allocations += 1
      // Also of what is cached: the cap is on what tensors hold.
      if state.cap > 0, state.statistics.liveBytes + size > state.cap { return .full }
      if let address = state.free[Key(bytes: size, pool: pool)]?.popLast() {
        state.statistics.cacheHits += 1
        state.statistics.cachedBytes -= size
        state.statistics.liveBytes += size
        state.statistics.peakLiveBytes = max(state.statistics.peakLiveBytes, state.statistics.liveBytes)
        return .memory(address)
      }
      return .none(pool)
    }
    switch outcome {
    case .memory(let address): return UnsafeMutableRawPointer(bitPattern: address)!
    case .full: throw failure(bytes, "the cap set by CUDA.setMemoryCap")
    case .none(let pool):
      if let pointer = fresh(size, pool) { return pointer }
      releaseCached()
      if let pointer = fresh(size, pool) { return pointer }
      throw failure(bytes, "the device's memory")
    }
  }

  private func fresh(_ size: Int, _ pool: Pool) -> UnsafeMutableRawPointer? {
    _ = ember_cuda_use_context(driver.functions, UnsafeMutableRawPointer(bitPattern: context))
    var pointer: UnsafeMutableRawPointer?
    guard driver.functions.pointee.allocate(&pointer, size) == 0, let pointer else { return nil }
    state.withLock {
      $0.blocks[UInt(bitPattern: pointer)] = Block(bytes: size, pool: pool)
      $0.statistics.deviceAllocations += 1
      $0.statistics.liveBytes += size
      $0.statistics.peakLiveBytes = max($0.statistics.peakLiveBytes, $0.statistics.liveBytes)
    }
    return pointer
  }

  func deallocate(_ pointer: UnsafeMutableRawPointer) {
    let address = UInt(bitPattern: pointer)
    let isClosed = state.withLock { state -> Bool in
      guard let block = state.blocks[address] else { return false }
      state.statistics.liveBytes -= block.bytes
      if state.closed.contains(block.pool) {
        state.blocks[address] = nil
        return true
      }
      state.statistics.cachedBytes += block.bytes
      state.free[Key(bytes: block.bytes, pool: block.pool), default: []].append(address)
      return false
    }
    if isClosed { giveBack([address]) }
  }

  /// Gives what is cached back to the device, except what belongs to recorded graphs. Freeing waits for the device.
  func releaseCached() { giveBack(state.withLock { $0.takeFree { !Self.isGraph($0) } }) }

  /// The recording is gone.
  func closeGraph(_ pool: Pool) {
    giveBack(
      state.withLock { state in
        state.closed.insert(pool)
        return state.takeFree { $0 == pool }
      })
  }

  private func giveBack(_ addresses: [UInt]) {
    if addresses.isEmpty { return }
    _ = ember_cuda_use_context(driver.functions, UnsafeMutableRawPointer(bitPattern: context))
    for address in addresses { _ = driver.functions.pointee.deallocate(UnsafeMutableRawPointer(bitPattern: address)) }
  }

  /// Streams are even addresses, graphs odd numbers.
  private static func isGraph(_ pool: Pool) -> Bool { pool & 1 == 1 }

  func beginGraph(_ pool: Pool) { state.withLock { $0.graphPool = pool } }
  var isRecording: Bool { state.withLock { $0.graphPool != nil } }
  func endGraph() { state.withLock { $0.graphPool = nil } }

  var statistics: CUDA.MemoryStatistics { state.withLock { $0.statistics } }
  func resetPeak() { state.withLock { $0.statistics.peakLiveBytes = $0.statistics.liveBytes } }
  func setCap(_ bytes: Int) { state.withLock { $0.cap = max(0, bytes) } }

  private func failure(_ bytes: Int, _ limit: String) -> EmberError {
    let s = statistics
    var available = 0
    var total = 0
    _ = driver.functions.pointee.memory_info(&available, &total)
    return EmberError(
      .memory, in: "allocate",
      "\(device): \(bytes) bytes do not fit into \(limit); Ember holds \(s.liveBytes) bytes in tensors and \(s.cachedBytes) cached; "
        + "\(available) of the device's \(total) bytes are free")
  }
}
