import CEmberKernels
import EmberRuntime

/// Evenly spaced numbers, and patterns made of them.
enum RangeKernel {
  case integers(start: Int64, step: Int64)
  case reals(start: Double, step: Double)
  case between(start: Double, end: Double)

  var dtype: DType { if case .integers = self { .int64 } else { .float64 } }

  /// Kernel, result.
  static let kernels = KernelTable<@Sendable (RangeKernel, Tensor) -> Void>("arange", cpu: cpuKernel, cuda: cudaKernel)

  private static let cpuKernel: @Sendable (RangeKernel, Tensor) -> Void = { kernel, y in
    guard let pointer = y.body.pointer else { return }
    let count = Int64(y.elementCount)
    switch kernel {
    case .integers(let start, let step): ember_range_i64(pointer.assumingMemoryBound(to: Int64.self), count, start, step)
    case .reals(let start, let step): ember_range_f64(pointer.assumingMemoryBound(to: Double.self), count, start, step)
    case .between(let start, let end): ember_linspace_f64(pointer.assumingMemoryBound(to: Double.self), count, start, end)
    }
  }

  func callAsFunction(_ operation: String, _ count: Int, on device: Device) throws(EmberError) -> Tensor {
    let result = try Tensor.empty(shape: try checkedShape([count], in: operation), dtype: dtype, on: try Backends.backend(for: device))
    if let kernel = try? Self.kernels.kernel(on: device) {
      kernel(self, result)
    } else if result.backend.holdsData {
      // A device without a kernel of its own gets the numbers from the host.
      return try self(operation, count, on: .cpu).to(device)
    }
    return result
  }
}

extension Tensor {
  /// 0, 1, … end - 1 as int64.
  public static func arange(_ end: Int, on device: Device = .cpu) -> Tensor {
    attempt { () throws(EmberError) in try RangeKernel.integers(start: 0, step: 1)("arange", Swift.max(0, end), on: device) }
  }

  /// start, start + step, … below `end` (above, for a negative step); float32 if any number is real, else int64.
  public static func arange(_ start: Scalar, _ end: Scalar, step: Scalar = 1, dtype: DType? = nil, on device: Device = .cpu) -> Tensor {
    attempt { () throws(EmberError) in
      let isReal = [start, end, step].contains { $0.category == .floatingPoint }
      let target = dtype ?? (isReal ? .float32 : .int64)
      guard !target.isComplex else { throw EmberError(.dtype, in: "arange", "has no complex form; \(target) was asked for") }
      let from = start.doubleValue, to = end.doubleValue, by = step.doubleValue
      guard from.isFinite, to.isFinite, by.isFinite, by != 0 else {
        throw EmberError(.value, in: "arange", "no range from \(start) to \(end) by \(step); all must be finite and the step not 0")
      }
      guard from == to || (from < to) == (by > 0) else {
        throw EmberError(.value, in: "arange", "a step of \(step) does not lead from \(start) to \(end)")
      }
      guard isReal || target.isFloatingPoint else {
        let first = start.integerValue ?? 0, last = end.integerValue ?? 0, stride = step.integerValue ?? 1
        let distance = last.subtractingReportingOverflow(first)
        let whole = distance.partialValue.dividedReportingOverflow(by: stride)
        guard !distance.overflow, !whole.overflow else {
          throw EmberError(.memory, in: "arange", "from \(start) to \(end) there are more numbers than can be counted")
        }
        let rest = distance.partialValue % stride
        return try RangeKernel.integers(start: first, step: stride)("arange", Int(whole.partialValue) + (rest == 0 ? 0 : 1), on: device)
          .to(target)
      }
      let length = ((to - from) / by).rounded(.up)
      guard length < 1e15 else {
        throw EmberError(.memory, in: "arange", "\(length) numbers from \(start) to \(end) are more than can be held")
      }
      // Integers count from and by the numbers' integer parts, but as often as the numbers themselves allow.
      let isWhole = target.category <= .integer
      let first = isWhole ? from.rounded(.towardZero) : from, stride = isWhole ? by.rounded(.towardZero) : by
      return try RangeKernel.reals(start: first, step: stride)("arange", Int(length), on: device).to(target)
    }
  }

  /// `count` numbers evenly spaced from `start` to `end`, both included. Computed from both ends, as PyTorch does.
  ///
  /// Float32 unless a dtype is given; integer dtypes take the ends' integer parts, and complex ends need a complex dtype.
  public static func linspace(_ start: Scalar, _ end: Scalar, count: Int, dtype: DType? = nil, on device: Device = .cpu) -> Tensor {
    attempt { () throws(EmberError) in
      let isComplex = start.category == .complex || end.category == .complex
      let target = dtype ?? (isComplex ? .complex64 : .float32)
      guard !isComplex || target.isComplex else {
        throw EmberError(.dtype, in: "linspace", "numbers between \(start) and \(end) do not fit \(target); use a complex dtype")
      }
      guard target.isComplex, isComplex else { return try spaced("linspace", start, end, count, target, device).to(target) }
      let real = try spaced("linspace", .real(start.doubleValue), .real(end.doubleValue), count, .float64, device)
      let imaginary = try spaced("linspace", .real(start.imaginaryPart), .real(end.imaginaryPart), count, .float64, device)
      return complex(real, imaginary).to(target)
    }
  }

  /// The same between numbers that are variables, not literals.
  public static func linspace<Number: TensorElement>(
    _ start: Number, _ end: Number, count: Int, dtype: DType? = nil, on device: Device = .cpu
  ) -> Tensor {
    linspace(start.scalar, end.scalar, count: count, dtype: dtype, on: device)
  }

  /// `base` to the powers `linspace(start, end)`.
  public static func logspace(
    _ start: Scalar, _ end: Scalar, count: Int, base: Double = 10, dtype: DType? = nil, on device: Device = .cpu
  ) -> Tensor {
    attempt { () throws(EmberError) in
      let isComplex = start.category == .complex || end.category == .complex
      let target = dtype ?? (isComplex ? .complex64 : .float32)
      guard !isComplex || target.isComplex else {
        throw EmberError(.dtype, in: "logspace", "powers between \(start) and \(end) do not fit \(target); use a complex dtype")
      }
      if isComplex { return (Scalar.real(base) ** linspace(start, end, count: count, dtype: .complex128, on: device)).to(target) }
      return (Scalar.real(base) ** (try spaced("logspace", start, end, count, target, device))).to(target)
    }
  }

  /// float64 numbers between real ones, truncated first where the result will be of integers.
  private static func spaced(
    _ operation: String, _ start: Scalar, _ end: Scalar, _ count: Int, _ target: DType, _ device: Device
  ) throws(EmberError) -> Tensor {
    guard count >= 0 else { throw EmberError(.value, in: operation, "a count of \(count); it must not be negative") }
    func limit(_ number: Scalar) -> Double { target.category <= .integer ? number.doubleValue.rounded(.towardZero) : number.doubleValue }
    return try RangeKernel.between(start: limit(start), end: limit(end))(operation, count, on: device)
  }

  /// Ones on the diagonal, zeros elsewhere.
  public static func eye(_ rows: Int, _ columns: Int? = nil, dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    let columns = columns ?? rows
    guard rows >= 0, columns >= 0 else { return refuse(.value, "eye", "\(rows) rows and \(columns) columns; neither may be negative") }
    return (arange(rows, on: device).unsqueeze(1) .== arange(columns, on: device).unsqueeze(0)).to(dtype)
  }

  /// Rows and columns, [2, n], of the elements on and below a diagonal: `offset` 0 is the main one, higher ones are above it.
  public static func trilIndices(_ rows: Int, _ columns: Int, offset: Int = 0, dtype: DType = .int64, on device: Device = .cpu) -> Tensor {
    triangle("tril_indices", rows, columns, dtype, device) { row, column in column - row .<= .integer(Int64(offset)) }
  }

  /// Rows and columns, [2, n], of the elements on and above a diagonal.
  public static func triuIndices(_ rows: Int, _ columns: Int, offset: Int = 0, dtype: DType = .int64, on device: Device = .cpu) -> Tensor {
    triangle("triu_indices", rows, columns, dtype, device) { row, column in column - row .>= .integer(Int64(offset)) }
  }

  private static func triangle(
    _ operation: String, _ rows: Int, _ columns: Int, _ dtype: DType, _ device: Device, _ belongs: (Tensor, Tensor) -> Tensor
  ) -> Tensor {
    guard rows >= 0, columns >= 0 else { return refuse(.value, operation, "\(rows) rows and \(columns) columns; neither may be negative") }
    let mask = belongs(arange(rows, on: device).unsqueeze(1), arange(columns, on: device).unsqueeze(0))
    return mask.nonzero().t().contiguous().to(dtype)
  }
}
