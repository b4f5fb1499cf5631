/// What a device must be able to do. Everything above is written against this and knows no device.
///
/// A backend owns memory, copies, and the families of kernels that many operations share. An operation outside of the families
/// registers its own kernel per device (`KernelTable`) and never edits this protocol. Arguments were checked
/// by the operation; kernels may rely on shapes, dtypes and layouts as documented. Outputs are dense unless said otherwise.
public protocol Backend: AnyObject, Sendable {
  var device: Device { get }
  /// False for `meta`: tensors have no elements.
  var holdsData: Bool { get }

  // MARK: Memory

  /// Memory aligned to 64 bytes with arbitrary contents, or a `.memory` error that says how much was asked for.
  func allocate(byteCount: Int) throws(EmberError) -> UnsafeMutableRawPointer?
  func deallocate(_ pointer: UnsafeMutableRawPointer, byteCount: Int)
  func copyFromHost(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int)
  /// Waits until everything that writes `source` is complete.
  func copyToHost(_ source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, byteCount: Int)
  /// Copies any layout to any other of the same shape, with conversion of the element type.
  func copy(_ source: Operand, to destination: Operand)

  // MARK: Pointwise programs

  /// `pointers`: inputs, then outputs, all dense with `count` elements, except that an input whose `uniform` is 1 has a single one.
  /// The last `program.parameterCount` inputs are numbers in host memory.
  func pointwise(_ program: PointwiseProgram, pointers: UnsafePointer<UnsafeMutableRawPointer?>, uniform: UnsafePointer<UInt8>, count: Int)
  /// The same over strided operands of one shape.
  func pointwise(
    _ program: PointwiseProgram, pointers: UnsafePointer<UnsafeMutableRawPointer?>, strides: UnsafePointer<Strides>, shape: Shape)

  // MARK: Along one axis. False: there is no kernel for these dtypes, and nothing was done.

  func reduce(_ reduction: Reduction, _ input: AxisOperand, into output: Operand) -> Bool
  /// Largest or smallest elements and their first positions (int64).
  func extreme(maximum: Bool, _ input: AxisOperand, values: Operand, indices: Operand) -> Bool
  func variance(_ input: AxisOperand, correction: Double, squareRoot: Bool, variance: Operand, mean: Operand?) -> Bool
  /// The p-norm.
  func norm(_ input: AxisOperand, p: Double, into output: Operand) -> Bool
  /// Running operation over a dense input; `indices` for maximum and minimum.
  func scan(_ scan: Scan, _ input: AxisOperand, reverse: Bool, into output: Operand, indices: Operand?) -> Bool
  func softmax(_ input: AxisOperand, logarithm: Bool, into output: Operand)
  func softmaxBackward(gradient: AxisOperand, output: Operand, logarithm: Bool, into result: Operand)
  /// Stable sort of a dense input.
  func sort(_ input: AxisOperand, descending: Bool, values: Operand, indices: Operand) -> Bool
  func topK(_ input: AxisOperand, k: Int, largest: Bool, sorted: Bool, values: Operand, indices: Operand) -> Bool

  // MARK: Matrix products

  func matmul(_ product: MatrixProduct)

  // MARK: Indexing. Indices are int64; a function that returns a position found a bad index there and wrote nothing.

  func gather(_ input: Operand, dimension: Int, index: Operand, into output: Operand) -> Int?
  func scatter(_ mode: ScatterMode, into target: Operand, dimension: Int, index: Operand, source: Operand) -> Int?
  /// Dense rows of a dense input; negative indices count from the end.
  func indexSelect(_ input: AxisOperand, index: Operand, into output: Operand) -> Int?
  func indexAdd(into target: AxisOperand, index: Operand, source: Operand, alpha: Double) -> Int?
  /// Combines index tensors (broadcast to one shape) into element offsets.
  func indexOffsets(_ indices: [Operand], sizes: [Int], strides: [Int], into offsets: Operand) -> BadIndex?
  /// Reads a block (`input` without the indexed dimensions) at every offset into a dense output.
  func takeBlocks(_ input: Operand, offsets: Operand, into output: Operand)
  func putBlocks(into target: Operand, offsets: Operand, source: Operand, sourceStride: Int, accumulate: Bool)
  func countNonzero(_ input: Operand) -> Int
  /// Coordinates of the `count` nonzero elements, [count, rank].
  func nonzero(_ input: Operand, count: Int, into output: Operand)
  func maskedSelect(_ input: Operand, mask: Operand, count: Int, into output: Operand)

  // MARK: Random numbers

  /// The state behind a `Generator` on this device.
  func makeGeneratorState(seed: UInt64) -> any GeneratorState
  /// Fills a dense output.
  func fill(_ output: Operand, from distribution: RandomDistribution, state: any GeneratorState) throws(EmberError)
}

/// A tensor seen as [outer, count, inner] around one axis, with a stride each.
public struct AxisOperand {
  public var operand: Operand
  public var outer: Int
  public var count: Int
  public var inner: Int
  /// Strides of the three, in elements.
  public var strides: (Int, Int, Int)

  public init(_ operand: Operand, outer: Int, count: Int, inner: Int, strides: (Int, Int, Int)) {
    self.operand = operand
    self.outer = outer
    self.count = count
    self.inner = inner
    self.strides = strides
  }
}

/// Raw values are those of the C kernels' `ember_reduction`.
public enum Reduction: Int32, Sendable {
  case sum = 0
  case product, maximum, minimum, any, all, argmax, argmin, mean, logSumExp, nanSum, countNonzero, sumOfSquares, sumAbsolute
}

/// Raw values are those of the C kernels' `ember_scan_operation`.
public enum Scan: Int32, Sendable {
  case sum = 0
  case product, maximum, minimum, logSumExp
}

/// Raw values are those of the C kernels' `ember_scatter_mode`.
public enum ScatterMode: Int32, Sendable {
  case set = 0
  case add, multiply, maximum, minimum
}

/// A function that a product applies to its result while it is still in registers. Raw values as in C.
public enum Activation: Int32, Sendable {
  case none = 0
  case relu, gelu, geluTanh, sigmoid, tanh, silu
}

/// output = activation(alpha · a·b + beta · output + bias) for a batch of matrices.
public struct MatrixProduct {
  public var dtype: DType
  public var batch: Int
  public var rows: Int
  public var columns: Int
  public var depth: Int
  public var a: UnsafeMutableRawPointer?
  /// Batch, row and column strides, in elements; 0 shares one matrix among the batch.
  public var aStrides: (Int, Int, Int)
  public var b: UnsafeMutableRawPointer?
  public var bStrides: (Int, Int, Int)
  /// Dense [batch, rows, columns].
  public var output: UnsafeMutableRawPointer?
  public var alpha = 1.0
  /// 0 never reads the output.
  public var beta = 0.0
  /// [columns], or nil.
  public var columnBias: UnsafeMutableRawPointer?
  public var activation = Activation.none

  public init(
    dtype: DType, batch: Int, rows: Int, columns: Int, depth: Int, a: UnsafeMutableRawPointer?, aStrides: (Int, Int, Int),
    b: UnsafeMutableRawPointer?, bStrides: (Int, Int, Int), output: UnsafeMutableRawPointer?
  ) {
    self.dtype = dtype
    self.batch = batch
    self.rows = rows
    self.columns = columns
    self.depth = depth
    self.a = a
    self.aStrides = aStrides
    self.b = b
    self.bStrides = bStrides
    self.output = output
  }
}

/// Where an index tensor held a value outside of its dimension.
public struct BadIndex: Sendable {
  /// Which of the index tensors.
  public var array: Int
  /// Row-major position in the common index shape.
  public var position: Int

  public init(array: Int, position: Int) {
    self.array = array
    self.position = position
  }
}

/// What random numbers are drawn from.
public enum RandomDistribution: Sendable {
  /// low ≤ x < high
  case uniform(low: Double, high: Double)
  case normal(mean: Double, standardDeviation: Double)
  /// low ≤ x < high
  case integers(low: Int64, high: Int64)
  /// A permutation of 0..<n, into an int64 output.
  case permutation
  /// 0 or 1, with one probability for all.
  case bernoulli(probability: Double)
  case exponential(rate: Double)
  /// e to the power of a normal variate.
  case logNormal(mean: Double, standardDeviation: Double)
  case cauchy(median: Double, sigma: Double)
  /// The number of trials up to the first success.
  case geometric(probability: Double)
}

/// What random numbers are drawn from whose parameters differ by element.
public enum ElementDistribution: Sendable {
  /// Gamma variates of scale 1; the parameter is the shape.
  case gamma
}

/// A device's random state. Used by one thread at a time (the `Generator` that owns it sees to that).
public protocol GeneratorState: AnyObject {
  /// Everything needed to continue the stream elsewhere.
  var bytes: [UInt8] { get }
  /// Continues a saved stream; false, changing nothing, if the bytes are none.
  func restore(_ bytes: [UInt8]) -> Bool
  func seed(_ seed: UInt64)
  /// One 64-bit draw, for seeding other generators.
  func next() -> UInt64
  /// Draws 0 or 1 for each element of dense `probabilities`.
  func bernoulli(_ probabilities: Operand, into output: Operand) -> Bool
  /// Draws one number for each element of dense `parameters`, of their dtype. False if there is no kernel.
  func draw(_ distribution: ElementDistribution, _ parameters: Operand, into output: Operand) -> Bool
  /// Draws `samples` positions (int64) from each row of dense weights, [rows, categories]. False if a row's weights cannot be drawn from.
  func multinomial(_ weights: Operand, rows: Int, samples: Int, replacement: Bool, into output: Operand) -> Bool
}

extension GeneratorState {
  public func draw(_ distribution: ElementDistribution, _ parameters: Operand, into output: Operand) -> Bool { false }
}
