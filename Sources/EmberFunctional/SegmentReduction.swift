import CEmberFunctional
import EmberRuntime
import EmberTensor

/// How `segmentReduce` gathers a segment.
public enum SegmentReduction: String, Sendable {
  case sum, mean, max, min, prod

  fileprivate var mode: ember_segment_mode {
    switch self {
    case .sum: EMBER_SEGMENT_SUM
    case .mean: EMBER_SEGMENT_MEAN
    case .max: EMBER_SEGMENT_MAXIMUM
    case .min: EMBER_SEGMENT_MINIMUM
    case .prod: EMBER_SEGMENT_PRODUCT
    }
  }

  /// What an empty segment yields.
  fileprivate var neutral: Double {
    switch self {
    case .sum: 0
    case .mean: 0
    case .max: -.infinity
    case .min: .infinity
    case .prod: 1
    }
  }
}

/// Reductions of consecutive rows of x [rows, inner].
struct SegmentReduce: UnaryOperation {
  static let name = "segment_reduce"
  static let kernels = KernelTable<@Sendable (SegmentReduce, Tensor, Tensor) -> Void>(
    name,
    cpu: { op, x, y in
      ember_segment_reduce(
        Int32(x.dtype.rawValue), Int32(op.reduction.mode.rawValue), x.operand.pointer, op.starts, op.ends, op.initial, y.operand.pointer,
        Int64(op.starts.count), Int64(x.shape[1]))
    }, cuda: cudaKernel)
  let reduction: SegmentReduction
  let starts: [Int64]
  let ends: [Int64]
  let initial: Double
  let saved: SavedTensors = [.input0, .output]

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let y = try Tensor.empty(shape: [starts.count, x.shape[1]], dtype: x.dtype, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 { kernel(self, try x.dense(), y) }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let x = context.input(0), y = context.output()
    // For each row that lies in a segment: its number, and the segment's.
    var rows: [Int64] = [], segments: [Int64] = [], sizes: [Double] = []
    for (segment, (start, end)) in zip(starts, ends).enumerated() where end > start {
      rows += start..<end
      segments += Array(repeating: Int64(segment), count: Int(end - start))
      sizes += Array(repeating: Double(end - start), count: Int(end - start))
    }
    let row = Tensor(rows, on: x.device), segment = Tensor(segments, on: x.device)
    let g = gradient.indexSelect(0, segment), part = x.indexSelect(0, row)
    let change: Tensor
    switch reduction {
    case .sum: change = g
    case .mean: change = g / Tensor(sizes, dtype: x.dtype, on: x.device).unsqueeze(1)
    case .max, .min:
      // Elements that tie share the gradient.
      let isChosen = (part .== y.indexSelect(0, segment)).to(x.dtype).detach()
      let counts = Tensor.zeros(like: gradient.detach()).indexAdd(dim: 0, index: segment, source: isChosen).clamp(min: 1)
      change = g * isChosen / counts.indexSelect(0, segment)
    case .prod:
      // The product of the others: by division, but for zeros.
      let isZero = part .== 0
      let zeros = Tensor.zeros(like: gradient.detach()).indexAdd(dim: 0, index: segment, source: isZero.to(x.dtype)).indexSelect(0, segment)
      let nonzero = SegmentReduce(reduction: .prod, starts: starts, ends: ends, initial: initial)
      let others = apply(nonzero, x.maskedFill(x .== 0, 1)).indexSelect(0, segment)
      let ofNonzero = (others / part.maskedFill(isZero, 1)).maskedFill(zeros .> 0, 0)
      let ofZero = others.maskedFill(zeros .> 1, 0)
      change = g * `where`(isZero, ofZero, ofNonzero)
    }
    return Tensor.zeros(like: x.detach()).indexAdd(dim: 0, index: row, source: change)
  }
}

extension Tensor {
  /// Reductions of segments of a dimension, whose lengths are given: [outer..., segments, inner...].
  ///
  /// - Parameters:
  ///   - lengths: int64 [outer..., segments]; or give `offsets` [outer..., segments + 1], where segments begin and the last one ends.
  ///   - initial: takes part in each reduction. Without, empty segments yield the neutral element, means NaN.
  ///   - unsafe: does not demand that the lengths add up to the extent.
  public func segmentReduce(
    _ reduction: SegmentReduction, lengths: Tensor? = nil, offsets: Tensor? = nil, axis: Int = 0, unsafe: Bool = false,
    initial: Double? = nil
  ) -> Tensor {
    let name = "segment_reduce"
    guard mayRunSlowly(name, [self, lengths, offsets]) else { return .poison }
    return attempt { () throws(EmberError) in
      guard rank > 0, dtype.isFloatingPoint, !dtype.isStorageOnly, (lengths == nil) != (offsets == nil), let given = lengths ?? offsets
      else {
        throw EmberError(
          .value, in: name, "\(summary): it must be floating point with at least one dimension; give either lengths or offsets")
      }
      let axis = try wrapDimension(axis, rank, in: name)
      guard given.rank == axis + 1, given.dtype.isInteger, given.shape.dropLast().elementsEqual(shape[0..<axis]) else {
        throw EmberError(.shape, in: name, "\(lengths == nil ? "offsets" : "lengths") \(given.summary) for dimension \(axis) of \(summary)")
      }
      let extent = shape[axis], outer = shape.product(0..<axis), inner = shape.product((axis + 1)..<rank)
      let width = given.shape[-1], numbers = given.to(.int64).elements(as: Int64.self)
      var starts: [Int64] = [], ends: [Int64] = []
      for item in 0..<outer {
        let row = numbers[(item * width)..<((item + 1) * width)], base = Int64(item * extent)
        var bounds = Array(row)
        if lengths != nil {
          guard row.allSatisfy({ $0 >= 0 && $0 <= Int64(extent) }) else {
            throw EmberError(.value, in: name, "lengths \(Array(row)) must not be negative, nor larger than \(extent)")
          }
          bounds = row.reduce(into: [0]) { $0.append($0.last! + $1) }
          guard unsafe || bounds.last! == Int64(extent) else {
            throw EmberError(.value, in: name, "lengths \(Array(row)) must add up to \(extent)")
          }
        }
        guard let last = bounds.last, bounds[0] >= 0, last <= Int64(extent), zip(bounds, bounds.dropFirst()).allSatisfy({ $0 <= $1 }) else {
          throw EmberError(.value, in: name, "segments at \(bounds) do not lie in an extent of \(extent)")
        }
        for (start, end) in zip(bounds, bounds.dropFirst()) {
          starts.append(base + start)
          ends.append(base + end)
        }
      }
      let computing: DType = dtype == .float64 ? .float64 : .float32
      let operation = SegmentReduce(reduction: reduction, starts: starts, ends: ends, initial: initial ?? reduction.neutral)
      var y = apply(operation, to(computing).reshape([outer * extent, inner]))
      if reduction == .mean, initial == nil {
        let isEmpty = Tensor(zip(starts, ends).map { $0 == $1 }, on: device).unsqueeze(1)
        y = y.maskedFill(isEmpty, .real(.nan))
      }
      let segments = outer == 0 ? (lengths == nil ? Swift.max(width - 1, 0) : width) : starts.count / outer
      return y.to(dtype).reshape(Array(shape[0..<axis]) + [segments] + Array(shape[(axis + 1)...]))
    }
  }
}

extension OperatorRegistry {
  mutating func addSegmentReduction() {
    let arguments =
      "Tensor data, str reduce, *, Tensor? lengths=None, Tensor? indices=None, Tensor? offsets=None, int axis=0, "
      + "bool unsafe=False, Scalar? initial=None"
    for name in ["aten::segment_reduce", "torch._segment_reduce"] {
      add("\(name)(\(arguments)) -> Tensor") {
        (x: Tensor, word: String, lengths: Tensor?, indices: Tensor?, offsets: Tensor?, axis: Int, unsafe: Bool, initial: Scalar?) in
        guard let reduction = SegmentReduction(rawValue: word), indices == nil else {
          throw EmberError(
            .value, in: "segment_reduce", "reduction \"\(word)\"; it must be sum, mean, max, min or prod, and indices must not be given")
        }
        return x.segmentReduce(reduction, lengths: lengths, offsets: offsets, axis: axis, unsafe: unsafe, initial: initial?.real)
      }
    }
  }
}
