import CCUDA
import EmberRuntime

/// The arguments of a launch, packed as the device reads them: each at its alignment.
package struct LaunchArguments {
  fileprivate let buffer: UnsafeMutableRawPointer
  fileprivate(set) var count = 0
  fileprivate let errors: ErrorWord
  static let capacity = 4096

  fileprivate mutating func append<T: BitwiseCopyable>(_ value: T) {
    let alignment = MemoryLayout<T>.alignment
    count = (count + alignment - 1) & ~(alignment - 1)
    precondition(count + MemoryLayout<T>.size <= Self.capacity, "a kernel takes at most 4096 bytes of arguments")
    buffer.storeBytes(of: value, toByteOffset: count, as: T.self)
    count += MemoryLayout<T>.size
  }

  /// Where a struct of this alignment begins.
  package mutating func align(_ alignment: Int) { count = (count + alignment - 1) & ~(alignment - 1) }
  package mutating func add(_ pointer: UnsafeMutableRawPointer?) { append(UInt64(UInt(bitPattern: pointer))) }
  package mutating func add(_ value: Int32) { append(value) }
  package mutating func add(_ value: UInt32) { append(value) }
  package mutating func add(_ value: Int64) { append(value) }
  package mutating func add(_ value: UInt64) { append(value) }
  package mutating func add(_ value: Float) { append(value) }
  package mutating func add(_ value: Double) { append(value) }
  package mutating func add(_ value: Bool) { append(UInt8(value ? 1 : 0)) }
  package mutating func addBytes(of value: some BitwiseCopyable) { append(value) }

  /// `count` bytes as they are, at an alignment.
  package mutating func add(bytes: UnsafeRawPointer, count size: Int, alignment: Int) {
    count = (count + alignment - 1) & ~(alignment - 1)
    precondition(count + size <= Self.capacity, "a kernel takes at most 4096 bytes of arguments")
    buffer.advanced(by: count).copyMemory(from: bytes, byteCount: size)
    count += size
  }

  /// As the kernels' `Axis`.
  package mutating func add(_ axis: AxisOperand) {
    for value in [axis.outer, axis.count, axis.inner, axis.strides.0, axis.strides.1, axis.strides.2] { append(Int64(value)) }
  }

  /// As the kernels' `Layout<strides.count>`. Fewer than 2³¹ elements.
  package mutating func add(_ shape: Shape, _ strides: [Strides]) {
    var layout = DeviceLayout(shape)
    count = (count + 7) & ~7
    append(layout.head)
    for one in strides {
      for d in 0..<maximumRank { layout.steps[d] = d < shape.rank ? Int64(one[d]) : 0 }
      append(layout.steps)
    }
  }

  /// As the kernels' pair `DeviceError *errors, i32 operation`.
  package mutating func addErrorWord(_ operation: StaticString) {
    add(errors.pointer)
    add(errors.number(of: operation))
  }
}

/// The parts of the kernels' `Layout`.
struct DeviceLayout {
  struct Head: BitwiseCopyable {
    var rank: Int32
    var extents = InlineArray<8, UInt32>(repeating: 1)
    var multipliers = InlineArray<8, UInt32>(repeating: 0)
    var shifts = InlineArray<8, UInt32>(repeating: 0)
  }
  var head: Head
  var steps = InlineArray<8, Int64>(repeating: 0)

  init(_ shape: Shape) {
    head = Head(rank: Int32(shape.rank))
    for d in 0..<shape.rank {
      let extent = UInt32(truncatingIfNeeded: shape[unchecked: d])
      head.extents[d] = extent
      (head.multipliers[d], head.shifts[d]) = Self.divisor(extent)
    }
  }

  /// x / extent = (umulhi(x, multiplier) + x) >> shift for x < 2³¹ (Granlund and Montgomery, "Division by invariant integers", 1994).
  static func divisor(_ extent: UInt32) -> (multiplier: UInt32, shift: UInt32) {
    var shift: UInt32 = 0
    while UInt64(1) << UInt64(shift) < UInt64(extent) { shift += 1 }
    let multiplier = ((UInt64(1) << 32) * ((UInt64(1) << UInt64(shift)) - UInt64(extent))) / UInt64(max(extent, 1)) + 1
    return (UInt32(truncatingIfNeeded: multiplier), shift)
  }
}

extension CUDABackend {
  /// What every kernel can have; more is asked for when it is loaded.
  private static let usualSharedBytes = 48 << 10

  /// Launches a kernel, compiling it first if it is new. Errors are raised; the outputs then hold what they held.
  ///
  /// - Parameters:
  ///   - kernel: its name without template arguments.
  ///   - threads: of a block, a multiple of 32.
  ///   - sharedBytes: dynamic shared memory of a block.
  ///   - overlaps: the kernel may begin before the launch in front of it has ended, where the device can do that; it calls
  ///     `wait_for_previous` before it reads or writes what that one does.
  package func launch(
    _ source: KernelSource, _ kernel: StaticString, _ parameters: [TemplateArgument] = [], blocks: Int, blocksY: Int = 1, blocksZ: Int = 1,
    threads: Int, sharedBytes: Int = 0, overlaps: Bool = false, _ arguments: (inout LaunchArguments) -> Void
  ) {
    if blocks == 0 || blocksY == 0 || blocksZ == 0 { return }
    let key = KernelCache.Key.own(
      source, name: UInt(bitPattern: kernel.utf8Start), parameters, sharedBytes: max(sharedBytes, Self.usualSharedBytes))
    guard
      let function = cache.known(key)
        ?? compile(
          key: key, source: { source.text },
          name: parameters.isEmpty ? "\(kernel)" : "\(kernel)<\(parameters.map(\.text).joined(separator: ", "))>", sharedBytes: sharedBytes)
    else { return }
    launch(
      function, kernel, grid: (UInt32(blocks), UInt32(blocksY), UInt32(blocksZ)), threads: threads, sharedBytes: sharedBytes,
      overlaps: overlaps && takesOverlap, arguments)
  }

  func launch(
    _ function: UnsafeMutableRawPointer, _ name: StaticString, grid: (UInt32, UInt32, UInt32), threads: Int, sharedBytes: Int = 0,
    overlaps: Bool = false, _ arguments: (inout LaunchArguments) -> Void
  ) {
    let status = withUnsafeTemporaryAllocation(byteCount: LaunchArguments.capacity, alignment: 16) { buffer in
      var packed = LaunchArguments(buffer: buffer.baseAddress!, errors: errors)
      arguments(&packed)
      var grid = grid
      return withUnsafeBytes(of: &grid) {
        ember_cuda_launch(
          driver.functions, context, function, $0.baseAddress!.assumingMemoryBound(to: UInt32.self), UInt32(threads), UInt32(sharedBytes),
          stream,
          packed.buffer, packed.count, overlaps)
      }
    }
    if status != 0 { check(status, "\(name)") }
  }

  /// Makes a kernel and remembers it. Nil, with the error raised, if it does not compile.
  func compile(key: KernelCache.Key?, source: () -> String, name: String, sharedBytes: Int) -> UnsafeMutableRawPointer? {
    do throws(CUDAUnavailable) {
      let function = try cache.make(source: source(), kernel: name)
      if sharedBytes > Self.usualSharedBytes {
        check(
          driver.functions.pointee.function_set_attribute(function, Int32(EMBER_CUDA_MAX_DYNAMIC_SHARED_BYTES), Int32(sharedBytes)), name)
      }
      if let key { cache.add(key, function) }
      return function
    } catch {
      raise(EmberError(.unsupported, in: name, "\(device): \(error)"))
      return nil
    }
  }
}

extension CUDABackend {
  /// Launches a kernel of a source that is not the project's own.
  package func launch(
    source: String, kernel: String, blocks: Int, threads: Int, sharedBytes: Int, _ arguments: (inout LaunchArguments) -> Void
  ) {
    if blocks == 0 { return }
    let key = KernelCache.Key.user(source: source, name: kernel, sharedBytes: max(sharedBytes, Self.usualSharedBytes))
    let text = { KernelSource.text(of: ["prelude"]) + "\n#line 1 \"source\"\n" + source }
    guard let function = cache.known(key) ?? compile(key: key, source: text, name: kernel, sharedBytes: sharedBytes) else { return }
    launch(function, "kernel of a user", grid: (UInt32(blocks), 1, 1), threads: threads, sharedBytes: sharedBytes, arguments)
  }
}
