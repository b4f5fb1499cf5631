import EmberCPU
import EmberCUDA
import EmberRuntime
import Synchronization

/// The devices of this process.
public enum Backends {
  static let cpu: any Backend = CPUBackend.shared
  static let meta: any Backend = MetaBackend.shared
  private static let registered = Mutex<[Device: any Backend]>([.cpu: CPUBackend.shared, .meta: MetaBackend.shared])

  /// Adds a device, or replaces it.
  public static func register(_ backend: any Backend) {
    registered.withLock { $0[backend.device] = backend }
  }

  /// The backend of a device, or an error that names the devices there are.
  public static func backend(for device: Device) throws(EmberError) -> any Backend {
    if device == .cpu { return cpu }
    let known = registered.withLock { $0 }
    if let backend = known[device] { return backend }
    let names = known.keys.map(\.description).sorted().joined(separator: ", ")
    if device.type == .cuda {
      let backend: CUDABackend
      do throws(EmberError) { backend = try CUDA.backend(Int(device.index), host: cpu) } catch {
        throw EmberError(.device, in: "device", "no device \(device) here; there are: \(names). \(error.message)")
      }
      let isNew = registered.withLock { $0.updateValue(backend, forKey: device) == nil }
      if isNew { DeviceErrors.register { backend.checkErrors() } }
      return backend
    }
    throw EmberError(.device, in: "device", "no device \(device) here; there are: \(names)")
  }
}

/// Tensors without elements: every operation computes its result's shape and dtype, and no kernel runs.
final class MetaBackend: Backend {
  static let shared = MetaBackend()
  var device: Device { .meta }
  var holdsData: Bool { false }

  func allocate(byteCount: Int) -> UnsafeMutableRawPointer? { nil }
  func deallocate(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {}
  func copyFromHost(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int) {}
  func copyToHost(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int) {}
  func copy(_ source: Operand, to destination: Operand) {}
  func pointwise(_ program: PointwiseProgram, pointers: UnsafePointer<UnsafeMutableRawPointer?>, uniform: UnsafePointer<UInt8>, count: Int)
  {}
  func pointwise(
    _ program: PointwiseProgram, pointers: UnsafePointer<UnsafeMutableRawPointer?>, strides: UnsafePointer<Strides>, shape: Shape
  ) {}
  func reduce(_ reduction: Reduction, _ input: AxisOperand, into output: Operand) -> Bool { true }
  func extreme(maximum: Bool, _ input: AxisOperand, values: Operand, indices: Operand) -> Bool { true }
  func variance(_ input: AxisOperand, correction: Double, squareRoot: Bool, variance: Operand, mean: Operand?) -> Bool { true }
  func norm(_ input: AxisOperand, p: Double, into output: Operand) -> Bool { true }
  func scan(_ scan: Scan, _ input: AxisOperand, reverse: Bool, into output: Operand, indices: Operand?) -> Bool { true }
  func softmax(_ input: AxisOperand, logarithm: Bool, into output: Operand) {}
  func softmaxBackward(gradient: AxisOperand, output: Operand, logarithm: Bool, into result: Operand) {}
  func sort(_ input: AxisOperand, descending: Bool, values: Operand, indices: Operand) -> Bool { true }
  func topK(_ input: AxisOperand, k: Int, largest: Bool, sorted: Bool, values: Operand, indices: Operand) -> Bool { true }
  func matmul(_ product: MatrixProduct) {}
  func gather(_ input: Operand, dimension: Int, index: Operand, into output: Operand) -> Int? { nil }
  func scatter(_ mode: ScatterMode, into target: Operand, dimension: Int, index: Operand, source: Operand) -> Int? { nil }
  func indexSelect(_ input: AxisOperand, index: Operand, countsFromEnd: Bool, into output: Operand) -> Int? { nil }
  func indexAdd(into target: AxisOperand, index: Operand, source: Operand, alpha: Double) -> Int? { nil }
  func indexOffsets(_ indices: [Operand], sizes: [Int], strides: [Int], into offsets: Operand) -> BadIndex? { nil }
  func takeBlocks(_ input: Operand, offsets: Operand, into output: Operand) {}
  func putBlocks(into target: Operand, offsets: Operand, source: Operand, sourceStride: Int, accumulate: Bool) {}
  func countNonzero(_ input: Operand) -> Int { 0 }
  func nonzero(_ input: Operand, count: Int, into output: Operand) {}
  func maskedSelect(_ input: Operand, mask: Operand, count: Int, into output: Operand) {}
  func makeGeneratorState(seed: UInt64) -> any GeneratorState { CPUBackend.shared.makeGeneratorState(seed: seed) }
  func fill(_ output: Operand, from distribution: RandomDistribution, state: any GeneratorState) {}
}
