import EmberCPU
import EmberRuntime
@testable import EmberTensor

extension Device {
  static let shifted = Device(DeviceType(rawValue: 6))
}

/// A second device: the CPU's kernels behind addresses that are shifted, so that whatever touches a tensor's memory without
/// asking the backend crashes at once.
final class ShiftedBackend: Backend {
  /// Beyond what user space can map, also after adding any offset.
  static let shift = 1 << 48

  private static let registered: Void = {
    Backends.register(ShiftedBackend())
    registerKernels()
  }()
  static func register() { _ = registered }

  let device = Device.shifted
  let holdsData = true
  private let cpu = CPUBackend.shared

  private func real(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? { pointer.map { $0 - Self.shift } }
  private func real(_ operand: Operand) -> Operand { shiftedBack(operand) }
  private func real(_ axis: AxisOperand) -> AxisOperand {
    AxisOperand(real(axis.operand), outer: axis.outer, count: axis.count, inner: axis.inner, strides: axis.strides)
  }

  func allocate(byteCount: Int) throws(EmberError) -> UnsafeMutableRawPointer? {
    try cpu.allocate(byteCount: byteCount).map { $0 + Self.shift }
  }
  func deallocate(_ pointer: UnsafeMutableRawPointer, byteCount: Int) { cpu.deallocate(pointer - Self.shift, byteCount: byteCount) }
  func copyFromHost(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int) {
    cpu.copyFromHost(source, to: destination - Self.shift, byteCount: byteCount)
  }
  func copyToHost(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int) {
    cpu.copyToHost(source - Self.shift, to: destination, byteCount: byteCount)
  }
  func copy(_ source: Operand, to destination: Operand) { cpu.copy(real(source), to: real(destination)) }

  private func real(_ program: PointwiseProgram, _ pointers: UnsafePointer<UnsafeMutableRawPointer?>) -> [UnsafeMutableRawPointer?] {
    let inputs = program.inputs.count, tensors = inputs - program.parameterCount
    return (0..<(inputs + program.outputs.count)).map { $0 >= tensors && $0 < inputs ? pointers[$0] : real(pointers[$0]) }
  }
  func pointwise(_ program: PointwiseProgram, pointers: UnsafePointer<UnsafeMutableRawPointer?>, uniform: UnsafePointer<UInt8>, count: Int)
  {
    real(program, pointers).withUnsafeBufferPointer { cpu.pointwise(program, pointers: $0.baseAddress!, uniform: uniform, count: count) }
  }
  func pointwise(
    _ program: PointwiseProgram, pointers: UnsafePointer<UnsafeMutableRawPointer?>, strides: UnsafePointer<Strides>, shape: Shape
  ) {
    real(program, pointers).withUnsafeBufferPointer { cpu.pointwise(program, pointers: $0.baseAddress!, strides: strides, shape: shape) }
  }

  func reduce(_ reduction: Reduction, _ input: AxisOperand, into output: Operand) -> Bool {
    cpu.reduce(reduction, real(input), into: real(output))
  }
  func extreme(maximum: Bool, _ input: AxisOperand, values: Operand, indices: Operand) -> Bool {
    cpu.extreme(maximum: maximum, real(input), values: real(values), indices: real(indices))
  }
  func variance(_ input: AxisOperand, correction: Double, squareRoot: Bool, variance: Operand, mean: Operand?) -> Bool {
    cpu.variance(real(input), correction: correction, squareRoot: squareRoot, variance: real(variance), mean: mean.map(real))
  }
  func norm(_ input: AxisOperand, p: Double, into output: Operand) -> Bool { cpu.norm(real(input), p: p, into: real(output)) }
  func scan(_ scan: Scan, _ input: AxisOperand, reverse: Bool, into output: Operand, indices: Operand?) -> Bool {
    cpu.scan(scan, real(input), reverse: reverse, into: real(output), indices: indices.map(real))
  }
  func softmax(_ input: AxisOperand, logarithm: Bool, into output: Operand) {
    cpu.softmax(real(input), logarithm: logarithm, into: real(output))
  }
  func softmaxBackward(gradient: AxisOperand, output: Operand, logarithm: Bool, into result: Operand) {
    cpu.softmaxBackward(gradient: real(gradient), output: real(output), logarithm: logarithm, into: real(result))
  }
  func sort(_ input: AxisOperand, descending: Bool, values: Operand, indices: Operand) -> Bool {
    cpu.sort(real(input), descending: descending, values: real(values), indices: real(indices))
  }
  func topK(_ input: AxisOperand, k: Int, largest: Bool, sorted: Bool, values: Operand, indices: Operand) -> Bool {
    cpu.topK(real(input), k: k, largest: largest, sorted: sorted, values: real(values), indices: real(indices))
  }
  func matmul(_ product: MatrixProduct) {
    var moved = product
    moved.a = real(product.a)
    moved.b = real(product.b)
    moved.output = real(product.output)
    moved.columnBias = real(product.columnBias)
    cpu.matmul(moved)
  }
  func gather(_ input: Operand, dimension: Int, index: Operand, into output: Operand) -> Int? {
    cpu.gather(real(input), dimension: dimension, index: real(index), into: real(output))
  }
  func scatter(_ mode: ScatterMode, into target: Operand, dimension: Int, index: Operand, source: Operand) -> Int? {
    cpu.scatter(mode, into: real(target), dimension: dimension, index: real(index), source: real(source))
  }
  func indexSelect(_ input: AxisOperand, index: Operand, countsFromEnd: Bool, into output: Operand) -> Int? {
    cpu.indexSelect(real(input), index: real(index), countsFromEnd: countsFromEnd, into: real(output))
  }
  func indexAdd(into target: AxisOperand, index: Operand, source: Operand, alpha: Double) -> Int? {
    cpu.indexAdd(into: real(target), index: real(index), source: real(source), alpha: alpha)
  }
  func indexOffsets(_ indices: [Operand], sizes: [Int], strides: [Int], into offsets: Operand) -> BadIndex? {
    cpu.indexOffsets(indices.map(real), sizes: sizes, strides: strides, into: real(offsets))
  }
  func takeBlocks(_ input: Operand, offsets: Operand, into output: Operand) {
    cpu.takeBlocks(real(input), offsets: real(offsets), into: real(output))
  }
  func putBlocks(into target: Operand, offsets: Operand, source: Operand, sourceStride: Int, accumulate: Bool) {
    cpu.putBlocks(into: real(target), offsets: real(offsets), source: real(source), sourceStride: sourceStride, accumulate: accumulate)
  }
  func countNonzero(_ input: Operand) -> Int { cpu.countNonzero(real(input)) }
  func nonzero(_ input: Operand, count: Int, into output: Operand) { cpu.nonzero(real(input), count: count, into: real(output)) }
  func maskedSelect(_ input: Operand, mask: Operand, count: Int, into output: Operand) {
    cpu.maskedSelect(real(input), mask: real(mask), count: count, into: real(output))
  }
  func makeGeneratorState(seed: UInt64) -> any GeneratorState { State(cpu.makeGeneratorState(seed: seed)) }
  func fill(_ output: Operand, from distribution: RandomDistribution, state: any GeneratorState) throws(EmberError) {
    try cpu.fill(real(output), from: distribution, state: (state as! State).state)
  }

  /// A state that only this device can draw from.
  private final class State: GeneratorState {
    let state: any GeneratorState
    init(_ state: any GeneratorState) { self.state = state }
    var bytes: [UInt8] { state.bytes }
    func restore(_ bytes: [UInt8]) -> Bool { state.restore(bytes) }
    func seed(_ seed: UInt64) { state.seed(seed) }
    func next() -> UInt64 { state.next() }
    func bernoulli(_ probabilities: Operand, into output: Operand) -> Bool {
      state.bernoulli(shiftedBack(probabilities), into: shiftedBack(output))
    }
    func draw(_ distribution: ElementDistribution, _ parameters: Operand, into output: Operand) -> Bool {
      state.draw(distribution, shiftedBack(parameters), into: shiftedBack(output))
    }
    func multinomial(_ weights: Operand, rows: Int, samples: Int, replacement: Bool, into output: Operand) -> Bool {
      state.multinomial(shiftedBack(weights), rows: rows, samples: samples, replacement: replacement, into: shiftedBack(output))
    }
  }
}

private func shiftedBack(_ operand: Operand) -> Operand {
  Operand(pointer: operand.pointer.map { $0 - ShiftedBackend.shift }, dtype: operand.dtype, shape: operand.shape, strides: operand.strides)
}

// MARK: - Kernels of single operations

extension Tensor {
  /// The same memory as the CPU's kernels may see it.
  fileprivate var onHost: Tensor {
    let memory = ForeignMemory(release: { [kept = body] in withExtendedLifetime(kept) {} })
    let whole = TensorBody(
      foreign: memory, at: body.memory.map { $0 - ShiftedBackend.shift }, byteCount: body.byteCount, dtype: .uint8,
      shape: Shape([body.byteCount]), on: CPUBackend.shared)
    return Tensor(TensorBody(viewing: whole, offset: body.offset, dtype: dtype, shape: body.shape, strides: body.strides))
  }
}

extension KernelTable {
  fileprivate func registerShifted(_ wrap: (Kernel) -> Kernel) {
    guard let kernel = try? kernel(on: .cpu) else { return }
    register(wrap(kernel), for: Device.shifted.type)
  }
}

extension ShiftedBackend {
  private static func registerKernels() {
    ClassLoss.kernels.registerShifted { run in
      { op, x, w, r, n in
        let results = ClassLoss.Results(
          losses: r.losses?.onHost, logSumExp: r.logSumExp.onHost, loss: r.loss?.onHost, weightSum: r.weightSum.onHost)
        return run(op, x.map(\.onHost), w?.onHost, results, n)
      }
    }
    ClassLoss.backwardKernels.registerShifted { run in
      { op, x, w, divisor, dx, n in run(op, x.map(\.onHost), w?.onHost, divisor?.onHost, dx.onHost, n) }
    }
    Convolution.kernels.registerShifted { run in { c, x, terms, y in run(c, x.onHost, terms.onHost, y.onHost) } }
    ConvolutionBackwardInput.kernels.registerShifted { run in { c, dy, w, dx in run(c, dy.onHost, w.onHost, dx.onHost) } }
    ConvolutionBackwardWeight.kernels.registerShifted { run in { c, x, dy, dw, db in run(c, x.onHost, dy.onHost, dw.onHost, db?.onHost) } }
    MaxPool.kernels.registerShifted { run in { p, x, y, indices, adaptive in run(p, x.onHost, y.onHost, indices?.onHost, adaptive) } }
    MaxPoolBackward.kernels.registerShifted { run in { p, op, dy, indices, dx in run(p, op, dy.onHost, indices.onHost, dx.onHost) } }
    AveragePool.kernels.registerShifted { run in { p, operation, x, y in run(p, operation, x.onHost, y.onHost) } }
    BatchNormOperation.kernels.registerShifted { run in
      { op, x, w, b, y, n in run(op, x.onHost, w?.onHost, b?.onHost, y.map(\.onHost), n) }
    }
    BatchNormOperation.backwardKernels.registerShifted { run in
      { x, w, d, n, training in run(x.map(\.onHost), w?.onHost, d.map { $0?.onHost }, n, training) }
    }
    LayerNormOperation.kernels.registerShifted { run in
      { x, w, b, epsilon, y, rows, n in run(x.onHost, w?.onHost, b?.onHost, epsilon, y.map(\.onHost), rows, n) }
    }
    LayerNormOperation.backwardKernels.registerShifted { run in
      { x, w, d, rows, n in run(x.map(\.onHost), w?.onHost, d.map { $0?.onHost }, rows, n) }
    }
    GroupNormOperation.kernels.registerShifted { run in
      { x, w, b, epsilon, y, n in run(x.onHost, w?.onHost, b?.onHost, epsilon, y.map(\.onHost), n) }
    }
    GroupNormOperation.backwardKernels.registerShifted { run in { x, w, d, n in run(x.map(\.onHost), w?.onHost, d.map { $0?.onHost }, n) } }
  }
}

extension Convolution.Terms {
  fileprivate var onHost: Self {
    Self(
      weight: weight.onHost, packedWeight: packedWeight?.onHost, bias: bias?.onHost, addend: addend?.onHost, activation: activation)
  }
}
