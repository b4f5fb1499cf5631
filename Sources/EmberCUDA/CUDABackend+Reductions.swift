import EmberRuntime

/// As the kernels' `Ending`: what the end of a reduction needs beside its state.
private struct Ending: BitwiseCopyable {
  var count: Int64
  /// A norm's order, a variance's correction.
  var parameter = 0.0
  var squareRoot: Int64 = 0
}

/// A reduction as the kernels know it: the name of its template, what it accumulates in, and the size of its state.
private struct ReductionKernel {
  var operation: StaticString
  var accumulator: DType
  var stateSize: Int
}

extension CUDABackend {
  public func reduce(_ reduction: Reduction, _ input: AxisOperand, into output: Operand) -> Bool {
    let from = input.operand.dtype, to = output.dtype
    guard from.isReducible, to.isReducible, let kernel = Self.kernel(reduction, from, to) else { return false }
    var output = output
    if reduction == .argmax || reduction == .argmin { output.dtype = .int64 }
    run(kernel, input, output, second: nil, Ending(count: Int64(input.count)))
    return true
  }

  public func extreme(maximum: Bool, _ input: AxisOperand, values: Operand, indices: Operand) -> Bool {
    let dtype = input.operand.dtype
    guard dtype.isReducible, !dtype.isComplex else { return false }
    let kernel = ReductionKernel(
      operation: maximum ? "MaximumWithPosition" : "MinimumWithPosition", accumulator: dtype.orderedAccumulator, stateSize: 16)
    run(kernel, input, values, second: indices.pointer, Ending(count: Int64(input.count)))
    return true
  }

  public func variance(_ input: AxisOperand, correction: Double, squareRoot: Bool, variance: Operand, mean: Operand?) -> Bool {
    let dtype = input.operand.dtype
    guard dtype.isReducible, dtype.category >= .floatingPoint else { return false }
    let accumulator = Self.sumAccumulator(dtype, dtype)
    run(
      ReductionKernel(operation: "Variance", accumulator: accumulator, stateSize: accumulator.size + 2 * accumulator.realType.size), input,
      variance, second: mean?.pointer, Ending(count: Int64(input.count), parameter: correction, squareRoot: squareRoot ? 1 : 0))
    return true
  }

  public func norm(_ input: AxisOperand, p: Double, into output: Operand) -> Bool {
    let dtype = input.operand.dtype
    guard dtype.isReducible, dtype.category >= .floatingPoint, output.dtype.isReducible, output.dtype.isFloatingPoint else { return false }
    let accumulator = Self.sumAccumulator(dtype, output.dtype).realType
    let operation: StaticString =
      switch p {
      case 0: "CountNonzero"
      case 1: "SumAbsolute"
      case 2: "EuclideanNorm"
      case .infinity: "MaximumAbsolute"
      case -.infinity: "MinimumAbsolute"
      default: "PowerNorm"
      }
    run(
      ReductionKernel(operation: operation, accumulator: accumulator, stateSize: p == 0 ? 8 : accumulator.size), input, output, second: nil,
      Ending(count: Int64(input.count), parameter: p))
    return true
  }

  /// Where sums run: integers stay integers unless the result is floating.
  private static func sumAccumulator(_ from: DType, _ to: DType) -> DType {
    let real: DType =
      if from.category >= .floatingPoint {
        from.realType == .float64 || to.realType == .float64 ? .float64 : .float32
      } else {
        to.category >= .floatingPoint ? .float64 : .int64
      }
    return from.isComplex ? real.complexType : real
  }

  /// Nil where the reduction has no meaning for the dtypes.
  private static func kernel(_ reduction: Reduction, _ from: DType, _ to: DType) -> ReductionKernel? {
    let sum = sumAccumulator(from, to)
    let isIntegral = to.category <= .integer
    // Numbers do not lose their fraction or their imaginary part on the way.
    let keepsKind = !(from.category >= .floatingPoint && isIntegral) && (!from.isComplex || to.isComplex)
    func summing(_ operation: StaticString, _ accumulator: DType) -> ReductionKernel {
      ReductionKernel(operation: operation, accumulator: accumulator, stateSize: accumulator.size)
    }
    func ordering(_ operation: StaticString, stateSize: Int? = nil) -> ReductionKernel? {
      if from.isComplex { return nil }
      return ReductionKernel(
        operation: operation, accumulator: from.orderedAccumulator, stateSize: stateSize ?? from.orderedAccumulator.size)
    }
    switch reduction {
    case .sum: return keepsKind ? summing("Sum", sum) : nil
    case .mean: return keepsKind && !isIntegral ? summing("Mean", sum) : nil
    case .nanSum:
      if from.isComplex || !keepsKind { return nil }
      return summing(from.isFloatingPoint ? "NanSum" : "Sum", sum)
    // Parts of complex products cancel: they take twice the precision.
    case .product: return keepsKind ? summing("Product", from.isComplex ? .complex128 : sum) : nil
    case .sumOfSquares:
      return from.isComplex ? (to.isComplex ? nil : summing("SumOfSquares", sum.realType)) : keepsKind ? summing("SumOfSquares", sum) : nil
    case .sumAbsolute: return from.isComplex && to.isComplex ? nil : summing("SumAbsolute", sum.realType)
    case .maximum: return ordering("Maximum")
    case .minimum: return ordering("Minimum")
    case .argmax: return ordering("ArgMax", stateSize: 16)
    case .argmin: return ordering("ArgMin", stateSize: 16)
    case .any: return ReductionKernel(operation: "Any", accumulator: .int64, stateSize: 8)
    case .all: return ReductionKernel(operation: "All", accumulator: .int64, stateSize: 8)
    case .countNonzero: return ReductionKernel(operation: "CountNonzero", accumulator: .int64, stateSize: 8)
    case .logSumExp:
      if from.isComplex || !to.isFloatingPoint { return nil }
      return ReductionKernel(operation: "LogSumExp", accumulator: sum, stateSize: 2 * sum.size)
    }
  }

  // MARK: Layout

  private func run(_ kernel: ReductionKernel, _ input: AxisOperand, _ output: Operand, second: UnsafeMutableRawPointer?, _ ending: Ending) {
    if input.outer == 0 || input.inner == 0 { return }
    var input = input
    // Outputs along one axis may lie along either: across the axis if that is where neighbours are.
    if input.inner == 1, input.outer > 1, abs(input.strides.0) < abs(input.strides.1) {
      input = AxisOperand(input.operand, outer: 1, count: input.count, inner: input.outer, strides: (0, input.strides.1, input.strides.0))
    }
    if input.inner > 1, abs(input.strides.2) <= abs(input.strides.1) {
      runColumns(kernel, input, output, second: second, ending)
    } else {
      runRows(kernel, input, output, second: second, ending)
    }
  }

  private func runRows(
    _ kernel: ReductionKernel, _ input: AxisOperand, _ output: Operand, second: UnsafeMutableRawPointer?, _ ending: Ending
  ) {
    let dtype = input.operand.dtype, rows = input.outer * input.inner
    let width = input.vectorWidth(16 / dtype.size, along: (input.strides.1, input.strides.0, input.strides.2))
    let units = (input.count + width - 1) / width, blocksAtOnce = 8 * multiprocessorCount
    // Threads to a row; whole blocks for long rows, and where there are too few to occupy the device with warps.
    let lanes = units <= 2 ? 1 : units <= 8 ? 4 : units <= 512 && (units <= 128 || rows >= blocksAtOnce) ? 32 : 256
    var pieces = 1
    if lanes == 256, rows < blocksAtOnce / 2 { pieces = max(1, min(blocksAtOnce / rows, input.count / (256 * 4 * width))) }
    var piece = max(input.count, 1)
    if pieces > 1 {
      let even = 256 * width
      piece = ((input.count + pieces - 1) / pieces + even - 1) / even * even
      pieces = (input.count + piece - 1) / piece
    }
    inPieces(kernel, pieces, outputs: rows, output, second: second, ending) { partials in
      launch(
        .reduce, "reduce_rows",
        [.name(kernel.operation), .type(kernel.accumulator), .type(dtype), .type(output.dtype), .number(width), .number(lanes)],
        blocks: (rows + 256 / lanes - 1) / (256 / lanes), blocksY: pieces, threads: 256
      ) {
        $0.add(input.operand.pointer)
        $0.add(input)
        $0.add(output.pointer)
        $0.add(second)
        $0.addBytes(of: ending)
        $0.add(partials)
        $0.add(Int64(piece))
      }
    }
  }

  private func runColumns(
    _ kernel: ReductionKernel, _ input: AxisOperand, _ output: Operand, second: UnsafeMutableRawPointer?, _ ending: Ending
  ) {
    let dtype = input.operand.dtype
    let width = input.vectorWidth(
      min(4, 16 / dtype.size), along: (input.strides.2, input.strides.0, input.strides.1), dividing: input.inner)
    let block = ColumnBlock(outer: input.outer, count: input.count, columns: (input.inner + width - 1) / width)
    var pieces = max(1, min(4 * multiprocessorCount / block.blocks, input.count / (8 * block.rows), 65535))
    let piece = max(1, (input.count + pieces - 1) / pieces)
    pieces = max(1, (input.count + piece - 1) / piece)
    inPieces(kernel, pieces, outputs: input.outer * input.inner, output, second: second, ending) { partials in
      launch(
        .reduce, "reduce_columns",
        [.name(kernel.operation), .type(kernel.accumulator), .type(dtype), .type(output.dtype), .number(width)],
        blocks: block.blocks, blocksY: pieces, threads: 256, sharedBytes: 256 * width * kernel.stateSize
      ) {
        $0.add(input.operand.pointer)
        $0.add(input)
        $0.add(output.pointer)
        $0.add(second)
        $0.addBytes(of: ending)
        $0.add(partials)
        $0.add(Int64(piece))
        $0.add(Int32(block.laneBits))
        $0.add(Int32(block.rowBits))
      }
    }
  }

  /// Gives a launch room for the states of several pieces of each output, and joins them after it.
  private func inPieces(
    _ kernel: ReductionKernel, _ pieces: Int, outputs: Int, _ output: Operand, second: UnsafeMutableRawPointer?, _ ending: Ending,
    _ launchPieces: (UnsafeMutableRawPointer?) -> Void
  ) {
    if pieces == 1 { return launchPieces(nil) }
    withScratch(pieces * outputs * kernel.stateSize) { partials in
      launchPieces(partials)
      let lanes = pieces > 128 ? 256 : 32
      launch(
        .reduce, "reduce_pieces", [.name(kernel.operation), .type(kernel.accumulator), .type(output.dtype), .number(lanes)],
        blocks: (outputs + 256 / lanes - 1) / (256 / lanes), threads: 256
      ) {
        $0.add(partials)
        $0.add(Int64(outputs))
        $0.add(Int64(pieces))
        $0.add(output.pointer)
        $0.add(second)
        $0.addBytes(of: ending)
      }
    }
  }
}

/// How a block of 256 threads is laid over columns: neighbours across, threads along the axis, and the rest over outer positions.
struct ColumnBlock {
  /// Powers of two.
  let laneBits: Int
  let rowBits: Int
  let blocks: Int
  var rows: Int { 1 << rowBits }

  /// `columns`: of one outer position, counted in what a thread takes.
  init(outer: Int, count: Int, columns: Int) {
    func bits(_ n: Int, atMost limit: Int) -> Int {
      var bits = 0
      while bits < limit, 1 << bits < n { bits += 1 }
      return bits
    }
    // A warp reads neighbours; more threads along the axis than it has elements for would idle.
    let across = bits(columns, atMost: 5)
    rowBits = bits((count + 3) / 4, atMost: 8 - across)
    laneBits = bits(columns, atMost: 8 - rowBits)
    let groups = 256 >> (laneBits + rowBits)
    blocks = ((columns + (1 << laneBits) - 1) >> laneBits) * ((outer + groups - 1) / groups)
  }
}

extension AxisOperand {
  /// The most elements, at most `limit`, that one access may move along a stride of 1; 1 unless rows that are the other two strides apart
  /// stay aligned.
  func vectorWidth(_ limit: Int, along strides: (unit: Int, Int, Int), dividing extent: Int? = nil) -> Int {
    let size = operand.dtype.size
    let isAligned =
      limit > 1 && strides.unit == 1 && strides.1 % limit == 0 && strides.2 % limit == 0 && (extent ?? 0) % limit == 0
      && UInt(bitPattern: operand.pointer) % UInt(limit * size) == 0
    return isAligned ? limit : 1
  }
}

extension DType {
  /// What reductions read: everything but 8-bit floats and half-precision complex numbers.
  var isReducible: Bool { rawValue <= DType.complex128.rawValue || (isStorageOnly && isInteger) }

  /// The type that elements are compared in.
  var orderedAccumulator: DType {
    switch self {
    case .float64: .float64
    case .float16, .bfloat16, .float32: .float32
    case .int64, .uint32, .uint64: .int64
    default: .int32
    }
  }
}
