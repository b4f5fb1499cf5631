import CEmberKernels
import EmberRuntime

/// The CPU: C kernels for the best instruction set of the machine, on one thread pool.
public final class CPUBackend: Backend {
  public static let shared = CPUBackend()

  public var device: Device { .cpu }
  public var holdsData: Bool { true }

  private init() {}

  // MARK: Memory

  public func allocate(byteCount: Int) throws(EmberError) -> UnsafeMutableRawPointer? {
    if byteCount == 0 { return nil }
    if let pointer = ember_allocate(byteCount) { return pointer }
    var statistics = ember_allocator_stats()
    _ = ember_allocator_statistics(&statistics)
    throw EmberError(
      .memory, in: "allocate",
      "cpu: \(byteCount) bytes are not to be had; \(statistics.live_bytes) bytes are in use, \(statistics.cached_bytes) cached")
  }

  public func deallocate(_ pointer: UnsafeMutableRawPointer, byteCount: Int) { ember_deallocate(pointer, byteCount) }

  public func copyFromHost(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int) {
    destination.copyMemory(from: source, byteCount: byteCount)
  }

  public func copyToHost(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int) {
    destination.copyMemory(from: source, byteCount: byteCount)
  }

  public func copy(_ source: Operand, to destination: Operand) {
    let count = destination.shape.elementCount
    if count == 0 { return }
    // Small pieces are put together often; to plan such a copy takes longer than the copy.
    if count <= 1024, source.dtype == destination.dtype, source.shape.elementCount == count, source.isDense, destination.isDense {
      destination.pointer!.copyMemory(from: source.pointer!, byteCount: count * source.dtype.size)
      return
    }
    source.withKernelLayout { shape, sourceStrides in
      destination.withKernelLayout { _, destinationStrides in
        ember_copy(
          Int32(destination.dtype.rawValue), destination.pointer, destinationStrides, Int32(source.dtype.rawValue), source.pointer,
          sourceStrides, Int32(source.shape.rank), shape)
      }
    }
  }

  // MARK: Pointwise programs

  public func pointwise(
    _ program: PointwiseProgram, pointers: UnsafePointer<UnsafeMutableRawPointer?>, uniform: UnsafePointer<UInt8>, count: Int
  ) {
    ember_pointwise_flat(compiled(program), pointers, uniform, Int64(count))
  }

  public func pointwise(
    _ program: PointwiseProgram, pointers: UnsafePointer<UnsafeMutableRawPointer?>, strides: UnsafePointer<Strides>, shape: Shape
  ) {
    let operandCount = program.inputs.count + program.outputs.count
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: (operandCount + 1) * maximumRank) { numbers in
      withUnsafeTemporaryAllocation(of: UnsafePointer<Int64>?.self, capacity: operandCount) { rows in
        for operand in 0..<operandCount {
          let row = numbers.baseAddress! + operand * maximumRank
          for i in 0..<shape.rank { row[i] = Int64(strides[operand][i]) }
          rows[operand] = UnsafePointer(row)
        }
        let extents = numbers.baseAddress! + operandCount * maximumRank
        for i in 0..<shape.rank { extents[i] = Int64(shape[unchecked: i]) }
        ember_pointwise_strided(compiled(program), pointers, Int32(shape.rank), extents, rows.baseAddress)
      }
    }
  }

  func compiled(_ program: PointwiseProgram) -> UnsafePointer<ember_program> {
    UnsafePointer(program.artifact(for: .cpu) { CompiledProgram.make(program) }.assumingMemoryBound(to: ember_program.self))
  }

  // MARK: Matrix products

  public func matmul(_ product: MatrixProduct) {
    var epilogue = ember_gemm_epilogue(
      alpha: product.alpha, beta: product.beta, row_bias: nil, column_bias: product.columnBias, activation: product.activation.rawValue)
    if product.batch == 1 {
      ember_gemm(
        Int32(product.dtype.rawValue), Int64(product.rows), Int64(product.columns), Int64(product.depth), product.a,
        Int64(product.aStrides.1), Int64(product.aStrides.2), product.b, Int64(product.bStrides.1), Int64(product.bStrides.2),
        product.output, Int64(product.columns), &epilogue)
    } else {
      ember_gemm_batched(
        Int32(product.dtype.rawValue), Int64(product.batch), Int64(product.rows), Int64(product.columns), Int64(product.depth),
        product.a, Int64(product.aStrides.0), Int64(product.aStrides.1), Int64(product.aStrides.2), product.b,
        Int64(product.bStrides.0), Int64(product.bStrides.1), Int64(product.bStrides.2), product.output,
        Int64(product.rows * product.columns), Int64(product.columns), &epilogue)
    }
  }

  // MARK: Random numbers

  public func makeGeneratorState(seed: UInt64) -> any GeneratorState { MersenneTwister(seed: seed) }

  public func fill(_ output: Operand, from distribution: RandomDistribution, state: any GeneratorState) throws(EmberError) {
    guard let generator = state as? MersenneTwister else {
      throw EmberError(.device, in: "random", "the generator belongs to another device than cpu")
    }
    if output.shape.elementCount == 0 { return }
    if !generator.fill(output, from: distribution) {
      throw EmberError(.dtype, in: "random", "\(distribution) cannot be drawn as \(output.dtype)")
    }
  }
}

/// What is shared by all CPU work of the process.
public enum CPU {
  /// Number of threads that work on one operation. The default is the number of cores, or `EMBER_NUM_THREADS`.
  public static var threadCount: Int {
    get { Int(ember_thread_count()) }
    set { ember_set_thread_count(Int32(clamping: newValue)) }
  }

  /// Sets of kernels. `scalar` is the plain reference that the others are tested against.
  public enum InstructionSet: Int32, Sendable, CaseIterable {
    case scalar = 0
    case baseline, avx2, avx512
  }

  /// The instruction set of work started from the calling thread.
  public static var instructionSet: InstructionSet { InstructionSet(rawValue: ember_isa_current())! }

  /// Runs `body` with a given set of kernels, or returns nil if the machine does not have it.
  public static func with<Result>(_ set: InstructionSet, _ body: () throws -> Result) rethrows -> Result? {
    guard ember_isa_set(set.rawValue) else { return nil }
    defer { _ = ember_isa_set(-1) }
    return try body()
  }

  /// What the memory allocator holds and has done.
  public struct MemoryStatistics: Sendable, Hashable {
    public var liveBytes: Int
    public var peakLiveBytes: Int
    public var cachedBytes: Int
    public var allocations: Int
    public var cacheHits: Int
    public var systemAllocations: Int
  }

  public static var memoryStatistics: MemoryStatistics {
    var s = ember_allocator_stats()
    _ = ember_allocator_statistics(&s)
    return MemoryStatistics(
      liveBytes: Int(s.live_bytes), peakLiveBytes: Int(s.peak_live_bytes), cachedBytes: Int(s.cached_bytes),
      allocations: Int(s.allocations), cacheHits: Int(s.cache_hits), systemAllocations: Int(s.system_allocations))
  }

  /// Gives cached memory back to the system.
  public static func releaseCachedMemory() { ember_allocator_release() }
  /// Starts a new measurement of `peakLiveBytes`.
  public static func resetPeakMemory() { ember_allocator_reset_peak() }
  /// Limits the memory for tensors, in bytes; 0 for no limit. Beyond it an allocation is a `.memory` error.
  public static func setMemoryCap(_ bytes: Int) { ember_allocator_set_cap(max(0, bytes)) }
}

extension Operand {
  /// Extents and strides as the C kernels take them.
  package func withKernelLayout<Result>(_ body: (_ shape: UnsafePointer<Int64>, _ strides: UnsafePointer<Int64>) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: 2 * maximumRank) { numbers in
      for i in 0..<shape.rank {
        numbers[i] = Int64(shape[unchecked: i])
        numbers[maximumRank + i] = Int64(strides[i])
      }
      return body(numbers.baseAddress!, numbers.baseAddress! + maximumRank)
    }
  }

  package var kernelDType: Int32 { Int32(dtype.rawValue) }
}

/// A program in the form the C interpreter reads. Made once per program and kept for good, as programs are.
private enum CompiledProgram {
  static func make(_ program: PointwiseProgram) -> UnsafeMutableRawPointer {
    func copy<T>(_ values: [T]) -> UnsafeMutablePointer<T> {
      let pointer = UnsafeMutablePointer<T>.allocate(capacity: max(1, values.count))
      pointer.initialize(from: values, count: values.count)
      return pointer
    }
    let instructions = program.steps.map {
      ember_instruction(
        opcode: $0.opcode.rawValue, type: $0.type.rawValue, result_type: $0.resultType.rawValue, result: $0.result, a: $0.a, b: $0.b,
        c: $0.c)
    }
    let pointer = UnsafeMutablePointer<ember_program>.allocate(capacity: 1)
    pointer.initialize(
      to: ember_program(
        input_count: Int32(program.inputs.count), constant_count: Int32(program.constants.count),
        register_count: Int32(program.registerCount), instruction_count: Int32(instructions.count),
        output_count: Int32(program.outputs.count), input_dtype: UnsafePointer(copy(program.inputs.map(\.dtype.rawValue))),
        input_type: UnsafePointer(copy(program.inputs.map(\.type.rawValue))),
        constant_type: UnsafePointer(copy(program.constants.map(\.type.rawValue))),
        constants: UnsafePointer(copy(program.constants.map { scalar($0.value, $0.type) })),
        instructions: UnsafePointer(copy(instructions)),
        output_dtype: UnsafePointer(copy(program.outputs.map(\.dtype.rawValue))),
        output_type: UnsafePointer(copy(program.outputs.map(\.type.rawValue))),
        output_slot: UnsafePointer(copy(program.outputs.map(\.slot)))))
    return UnsafeMutableRawPointer(pointer)
  }

  static func scalar(_ value: Scalar, _ type: ComputeType) -> ember_scalar {
    var result = ember_scalar()
    withUnsafeMutableBytes(of: &result) { value.store(as: type, to: $0.baseAddress!) }
    return result
  }
}
