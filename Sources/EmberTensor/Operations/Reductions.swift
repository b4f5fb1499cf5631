import EmberRuntime

/// How a tensor is brought into the form [outer, count, inner] around the dimensions that are reduced.
struct ReductionPlan {
  let operand: AxisOperand
  /// Keeps a copy alive that had to be made.
  let source: Tensor
  /// The result's shape without and with the reduced dimensions as 1.
  let reduced: Shape
  let kept: Shape
  let dimensions: [Int]

  /// `dimensions` empty: all.
  init(_ x: Tensor, _ dimensions: [Int], in operation: String) throws(EmberError) {
    var isReduced = Array(repeating: dimensions.isEmpty, count: x.rank)
    for dimension in dimensions {
      let i = try wrapDimension(dimension, x.rank, in: operation)
      if x.rank == 0 { continue }
      if isReduced[i] { throw EmberError(.value, in: operation, "dimension \(dimension) is given twice in \(dimensions)") }
      isReduced[i] = true
    }
    var reduced = Shape(), kept = Shape(), list: [Int] = []
    for i in 0..<x.rank {
      let extent = x.body.shape[unchecked: i]
      kept.append(isReduced[i] ? 1 : extent)
      if isReduced[i] { list.append(i) } else { reduced.append(extent) }
    }
    self.reduced = reduced
    self.kept = kept
    self.dimensions = list
    if let axis = Self.axis(x, isReduced) {
      operand = axis
      source = x
      return
    }
    // The reduced dimensions are moved to the end and made dense.
    let order = (0..<x.rank).filter { !isReduced[$0] } + list
    let moved = try Permute(order: order).forward(x).dense()
    let outer = reduced.elementCount
    let count = list.reduce(1) { $0 * x.body.shape[unchecked: $1] }
    source = moved
    operand = AxisOperand(moved.operand, outer: outer, count: count, inner: 1, strides: (count, 1, 1))
  }

  /// The tensor as three strided axes without a copy, or nil if its dimensions do not fall into three even groups.
  private static func axis(_ x: Tensor, _ isReduced: [Bool]) -> AxisOperand? {
    var groups: [(extent: Int, stride: Int, reduced: Bool)] = []
    for i in 0..<x.rank {
      let extent = x.body.shape[unchecked: i], stride = x.body.strides[i]
      if extent == 1 { continue }
      if let last = groups.last, last.reduced == isReduced[i], last.stride == stride * extent {
        groups[groups.count - 1] = (last.extent * extent, stride, last.reduced)
      } else {
        groups.append((extent, stride, isReduced[i]))
      }
    }
    guard groups.filter(\.reduced).count <= 1, groups.count <= 3 else { return nil }
    var outer = (1, 0), count = (1, 1), inner = (1, 1)
    if let middle = groups.firstIndex(where: \.reduced) {
      count = (groups[middle].extent, groups[middle].stride)
      if middle > 1 || groups.count - middle > 2 { return nil }
      if middle == 1 { outer = (groups[0].extent, groups[0].stride) }
      if middle + 1 < groups.count { inner = (groups[middle + 1].extent, groups[middle + 1].stride) }
    } else {
      if groups.count > 1 { return nil }
      if let only = groups.first { outer = (only.extent, only.stride) }
    }
    return AxisOperand(x.operand, outer: outer.0, count: count.0, inner: inner.0, strides: (outer.1, count.1, inner.1))
  }
}

/// Reductions whose derivative is written below by kind.
struct Reduce: UnaryOperation {
  static let name = "reduce"
  let reduction: Reduction
  let dimensions: [Int]
  let keepsDimensions: Bool
  let dtype: DType?

  static func named(_ reduction: Reduction) -> String {
    switch reduction {
    case .sum: "sum"
    case .product: "prod"
    case .maximum: "amax"
    case .minimum: "amin"
    case .any: "any"
    case .all: "all"
    case .argmax: "argmax"
    case .argmin: "argmin"
    case .mean: "mean"
    case .logSumExp: "logsumexp"
    case .nanSum: "nansum"
    case .countNonzero: "count_nonzero"
    case .sumOfSquares: "sum_of_squares"
    case .sumAbsolute: "sum_absolute"
    }
  }

  var callName: String { Self.named(reduction) }

  var saved: SavedTensors {
    switch reduction {
    case .product, .maximum, .minimum, .logSumExp: [.input0, .output]
    case .nanSum, .sumOfSquares, .sumAbsolute: .input0
    default: []
    }
  }

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let operation = callName
    let plan = try ReductionPlan(x, dimensions, in: operation)
    let dtype = try resultDType(x, operation)
    if [.maximum, .minimum, .argmax, .argmin].contains(reduction) {
      if x.dtype.isComplex { throw EmberError(.dtype, in: operation, "complex numbers have no order: \(x.summary)") }
      if plan.operand.count == 0, plan.reduced.elementCount > 0 {
        throw EmberError(.shape, in: operation, "\(x.summary) has no elements along dimensions \(plan.dimensions) to choose from")
      }
    }
    let y = try Tensor.empty(shape: keepsDimensions ? plan.kept : plan.reduced, dtype: dtype, like: x)
    if x.backend.holdsData, y.elementCount > 0 {
      try checkRan(x.backend.reduce(reduction, plan.operand, into: y.operand), operation, x, y)
    }
    return y
  }

  private func resultDType(_ x: Tensor, _ operation: String) throws(EmberError) -> DType {
    switch reduction {
    case .argmax, .argmin, .countNonzero: return .int64
    case .any, .all: return x.dtype == .uint8 ? .uint8 : .bool
    case .sum, .product, .nanSum: return dtype ?? (x.dtype.category <= .integer ? .int64 : x.dtype)
    case .mean, .logSumExp:
      if let dtype { return dtype }
      if x.dtype.category <= .integer {
        if reduction == .logSumExp { return .float32 }
        throw EmberError(.dtype, in: operation, "\(x.summary) is not floating point; give dtype: or convert with .to(.float32)")
      }
      return x.dtype
    case .sumOfSquares, .sumAbsolute: return dtype ?? x.dtype.realType
    case .maximum, .minimum: return x.dtype
    }
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let shape = context.inputShape(0)
    var count = 1, kept = Array(shape)
    let reduced = dimensions.isEmpty ? Array(0..<shape.rank) : dimensions.map { $0 < 0 ? $0 + max(shape.rank, 1) : $0 }
    for i in reduced where i < shape.rank {
      count *= shape[i]
      kept[i] = 1
    }
    let g = gradient.to(context.inputDType(0)).reshape(kept)
    switch reduction {
    case .sum: return g.expand(Array(shape))
    case .mean: return (g / Double(count)).expand(Array(shape))
    case .nanSum: return g.expand(Array(shape)).maskedFill(context.input(0).isNaN, 0)
    case .product: return productDerivative(g, context.input(0), context.output().reshape(kept), reduced)
    case .maximum, .minimum:
      let mask = (context.input(0) .== context.output().reshape(kept)).to(g.dtype)
      return g * mask / mask.sum(reduced, keepDim: true)
    case .logSumExp: return g * (context.input(0) - context.output().reshape(kept)).exp()
    case .sumOfSquares: return g * (context.input(0) * 2)
    case .sumAbsolute: return g * context.input(0).sign()
    case .any, .all, .argmax, .argmin, .countNonzero: return nil
    }
  }

  /// The product of the others, also where elements are zero: exclusive products from both sides.
  private func productDerivative(_ g: Tensor, _ x: Tensor, _ y: Tensor, _ reduced: [Int]) -> Tensor {
    let rest = (0..<x.rank).filter { !reduced.contains($0) }
    let order = rest + reduced
    let moved = x.permute(order)
    let flat = moved.reshape(Array(moved.shape.prefix(rest.count)) + [-1])
    let n = flat.size(-1)
    if n == 0 { return Tensor.zeros(like: x) }
    let ones = Tensor.ones(Array(flat.shape.dropLast()) + [1], dtype: x.dtype, on: x.device)
    let before = cat([ones, flat.narrow(-1, start: 0, length: n - 1)], dim: -1).cumprod(-1)
    let after = cat([ones, flat.flip(-1).narrow(-1, start: 0, length: n - 1)], dim: -1).cumprod(-1).flip(-1)
    var inverse = Array(repeating: 0, count: order.count)
    for (i, dimension) in order.enumerated() { inverse[dimension] = i }
    return g * (before * after).reshape(Array(moved.shape)).permute(inverse).conj()
  }
}

/// Largest or smallest elements along a dimension, and where they are.
struct Extreme: VariadicOperation {
  static let name = "max"
  let saved: SavedTensors = [.output(1)]
  let maximum: Bool
  let dimension: Int
  let keepsDimension: Bool
  var callName: String { maximum ? "max" : "min" }
  var undifferentiableOutputs: Set<Int> { [1] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    if x.dtype.isComplex { throw EmberError(.dtype, in: callName, "complex numbers have no order: \(x.summary)") }
    let plan = try ReductionPlan(x, [dimension], in: callName)
    if plan.operand.count == 0 { throw EmberError(.shape, in: callName, "\(x.summary) has no elements along dimension \(dimension)") }
    let shape = keepsDimension ? plan.kept : plan.reduced
    let values = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    let indices = try Tensor.empty(shape: shape, dtype: .int64, like: x)
    if x.backend.holdsData, values.elementCount > 0 {
      try checkRan(x.backend.extreme(maximum: maximum, plan.operand, values: values.operand, indices: indices.operand), callName, x, values)
    }
    return [values, indices]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let gradient = gradients[0] else { return [nil] }
    return [scatterBack(gradient, context.output(1), context.inputShape(0), dimension, keeps: keepsDimension)]
  }
}

/// Zeros with `gradient` at `indices` along a dimension: the derivative of choosing elements.
func scatterBack(_ gradient: Tensor, _ indices: Tensor, _ shape: Shape, _ dimension: Int, keeps: Bool) -> Tensor {
  let zeros = Tensor.zeros(Array(shape), dtype: gradient.dtype, on: gradient.device)
  if shape.rank == 0 { return gradient.reshape([]) }
  return zeros.scatterAdd(dim: dimension, index: keeps ? indices : indices.unsqueeze(dimension), source: keeps ? gradient : gradient.unsqueeze(dimension))
}

struct Variance: UnaryOperation {
  static let name = "var"
  var saved: SavedTensors { squareRoot ? [.input0, .output] : .input0 }
  let dimensions: [Int]
  let correction: Double
  let keepsDimensions: Bool
  let squareRoot: Bool
  var callName: String { squareRoot ? "std" : "var" }

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard x.dtype.isDifferentiable else {
      throw EmberError(.dtype, in: callName, "\(x.summary) is not floating point; convert with .to(.float32)")
    }
    let plan = try ReductionPlan(x, dimensions, in: callName)
    let y = try Tensor.empty(shape: keepsDimensions ? plan.kept : plan.reduced, dtype: x.dtype.realType, like: x)
    if x.backend.holdsData, y.elementCount > 0 {
      try checkRan(
        x.backend.variance(plan.operand, correction: correction, squareRoot: squareRoot, variance: y.operand, mean: nil), callName, x, y)
    }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let x = context.input(0)
    let reduced = dimensions.isEmpty ? Array(0..<x.rank) : dimensions.map { $0 < 0 ? $0 + max(x.rank, 1) : $0 }
    var kept = Array(x.shape), count = 1
    for i in reduced where i < x.rank {
      count *= x.shape[i]
      kept[i] = 1
    }
    let centred = x - x.mean(reduced, keepDim: true)
    var g = gradient.reshape(kept)
    if squareRoot {
      let y = context.output().reshape(kept)
      g = (g / (y * 2)).maskedFill(y .== 0, 0)
    }
    return g * (2 / max(Double(count) - correction, 0)) * centred
  }
}

struct Cumulative: UnaryOperation {
  static let name = "cumulative"
  let scan: Scan
  let dimension: Int
  let dtype: DType?
  var callName: String { scan == .sum ? "cumsum" : "cumprod" }
  var saved: SavedTensors { scan == .sum ? [] : [.input0, .output] }

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let axis = try DenseAxis(x, dimension, in: callName)
    let y = try Tensor.empty(shape: x.body.shape, dtype: dtype ?? (x.dtype.category <= .integer ? .int64 : x.dtype), like: x)
    if x.backend.holdsData, y.elementCount > 0 {
      try checkRan(
        x.backend.scan(scan, axis.operand, reverse: false, into: y.operand, indices: nil), callName, x, y)
    }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let g = gradient.to(context.inputDType(0))
    if g.rank == 0 { return g }
    if scan == .sum { return g.flip(dimension).cumsum(dimension).flip(dimension) }
    // d/dx_i of Σ_k g_k y_k: sums of g·y from i on, over x_i; by explicit products where an element is zero.
    let x = context.input(0), y = context.output()
    let hasZero = noGrad { (x .== 0).holdsSomewhere }
    if !hasZero { return (g * y.conj()).flip(dimension).cumsum(dimension).flip(dimension) / x.conj() }
    let n = x.size(dimension)
    let pieces = (0..<n).map { i -> Tensor in
      let ones = Tensor.ones(like: x.narrow(dimension, start: i, length: 1))
      let before = i == 0 ? ones : x.narrow(dimension, start: 0, length: i).prod(dimension, keepDim: true)
      let tail = i + 1 == n ? ones : cat([ones, x.narrow(dimension, start: i + 1, length: n - i - 1)], dim: dimension).cumprod(dimension)
      return (g.narrow(dimension, start: i, length: n - i) * (before * tail).conj()).sum(dimension, keepDim: true)
    }
    return cat(pieces, dim: dimension)
  }
}

/// A dense tensor as [outer, n, inner] around one dimension.
struct DenseAxis {
  let source: Tensor
  let operand: AxisOperand
  let dimension: Int

  init(_ x: Tensor, _ dimension: Int, in operation: String) throws(EmberError) {
    self.dimension = try wrapDimension(dimension, x.rank, in: operation)
    source = try x.dense()
    if x.rank == 0 {
      operand = AxisOperand(source.operand, outer: 1, count: 1, inner: 1, strides: (1, 1, 1))
      return
    }
    let shape = x.body.shape
    let outer = shape.product(0..<self.dimension), count = shape[unchecked: self.dimension]
    let inner = shape.product((self.dimension + 1)..<shape.rank)
    operand = AxisOperand(source.operand, outer: outer, count: count, inner: inner, strides: (count * inner, inner, 1))
  }
}

/// Turns a backend's answer that it has no kernel into an error.
func checkRan(_ ran: Bool, _ operation: String, _ x: Tensor, _ result: Tensor) throws(EmberError) {
  if ran { return }
  throw EmberError(
    .dtype, in: operation, "is not defined for \(x.summary)" + (x.dtype == result.dtype ? "" : " with a result of \(result.dtype)")
      + "; convert with .to(.float32)")
}

struct Softmax: UnaryOperation {
  static let name = "softmax"
  let saved: SavedTensors = .output
  let logarithm: Bool
  let dimension: Int
  var callName: String { logarithm ? "log_softmax" : "softmax" }

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let operation = callName
    guard x.dtype.isFloatingPoint, !x.dtype.isStorageOnly else {
      throw EmberError(.dtype, in: operation, "\(x.summary): it must be float32, float64, float16 or bfloat16; convert with .to(.float32)")
    }
    let axis = try DenseAxis(x, dimension, in: operation)
    let y = try Tensor.empty(shape: x.body.shape, dtype: x.dtype, like: x)
    if x.backend.holdsData, y.elementCount > 0 { x.backend.softmax(axis.operand, logarithm: logarithm, into: y.operand) }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let y = context.output()
    if context.isRecording {
      // Written out, so that it can be differentiated again.
      if logarithm { return gradient - y.exp() * gradient.sum(dimension, keepDim: true) }
      let weighted = gradient * y
      return weighted - y * weighted.sum(dimension, keepDim: true)
    }
    return attempt { () throws(EmberError) in
      let axis = try DenseAxis(gradient.value, dimension, in: "softmax_backward")
      let result = try Tensor.empty(shape: y.body.shape, dtype: y.dtype, like: y)
      let dense = try y.dense()
      if y.backend.holdsData, result.elementCount > 0 {
        y.backend.softmaxBackward(gradient: axis.operand, output: dense.operand, logarithm: logarithm, into: result.operand)
      }
      return result
    }
  }
}

// MARK: - Public functions. `dims` empty: over everything.

extension Tensor {
  func reduce(_ reduction: Reduction, _ dims: [Int], _ keepDim: Bool, _ dtype: DType? = nil) -> Tensor {
    apply(Reduce(reduction: reduction, dimensions: dims, keepsDimensions: keepDim, dtype: dtype), self)
  }

  public func sum(_ dims: [Int] = [], keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.sum, dims, keepDim, dtype) }
  public func sum(_ dim: Int, keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.sum, [dim], keepDim, dtype) }
  public func mean(_ dims: [Int] = [], keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.mean, dims, keepDim, dtype) }
  public func mean(_ dim: Int, keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.mean, [dim], keepDim, dtype) }
  public func prod(_ dims: [Int] = [], keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.product, dims, keepDim, dtype) }
  public func prod(_ dim: Int, keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.product, [dim], keepDim, dtype) }
  public func amax(_ dims: [Int] = [], keepDim: Bool = false) -> Tensor { reduce(.maximum, dims, keepDim) }
  public func amin(_ dims: [Int] = [], keepDim: Bool = false) -> Tensor { reduce(.minimum, dims, keepDim) }
  public func any(_ dims: [Int] = [], keepDim: Bool = false) -> Tensor { reduce(.any, dims, keepDim) }
  public func all(_ dims: [Int] = [], keepDim: Bool = false) -> Tensor { reduce(.all, dims, keepDim) }
  public func argmax(_ dim: Int? = nil, keepDim: Bool = false) -> Tensor { reduce(.argmax, dim.map { [$0] } ?? [], keepDim) }
  public func argmin(_ dim: Int? = nil, keepDim: Bool = false) -> Tensor { reduce(.argmin, dim.map { [$0] } ?? [], keepDim) }
  public func logSumExp(_ dims: [Int], keepDim: Bool = false) -> Tensor { reduce(.logSumExp, dims, keepDim) }
  public func nansum(_ dims: [Int] = [], keepDim: Bool = false) -> Tensor { reduce(.nanSum, dims, keepDim) }
  public func countNonzero(_ dims: [Int] = []) -> Tensor { reduce(.countNonzero, dims, false) }
  /// The largest element of all.
  public func max() -> Tensor { amax() }
  public func min() -> Tensor { amin() }

  /// The largest elements along a dimension, and their first positions.
  public func max(_ dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    let all = apply(Extreme(maximum: true, dimension: dim, keepsDimension: keepDim), [self], count: 2)
    return (all[0], all[1])
  }

  public func min(_ dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    let all = apply(Extreme(maximum: false, dimension: dim, keepsDimension: keepDim), [self], count: 2)
    return (all[0], all[1])
  }

  /// The variance with divisor `count - correction`.
  public func `var`(_ dims: [Int] = [], correction: Double = 1, keepDim: Bool = false) -> Tensor {
    apply(Variance(dimensions: dims, correction: correction, keepsDimensions: keepDim, squareRoot: false), self)
  }

  public func std(_ dims: [Int] = [], correction: Double = 1, keepDim: Bool = false) -> Tensor {
    apply(Variance(dimensions: dims, correction: correction, keepsDimensions: keepDim, squareRoot: true), self)
  }

  public func cumsum(_ dim: Int, dtype: DType? = nil) -> Tensor { apply(Cumulative(scan: .sum, dimension: dim, dtype: dtype), self) }
  public func cumprod(_ dim: Int, dtype: DType? = nil) -> Tensor { apply(Cumulative(scan: .product, dimension: dim, dtype: dtype), self) }

  /// The Euclidean norm of all elements.
  public func norm() -> Tensor { reduce(.sumOfSquares, [], false).sqrt() }

  public func softmax(_ dim: Int) -> Tensor { apply(Softmax(logarithm: false, dimension: dim), self) }
  public func logSoftmax(_ dim: Int) -> Tensor { apply(Softmax(logarithm: true, dimension: dim), self) }

  /// Sums over what was broadcast, down to `shape`: the derivative of broadcasting.
  func sum(to shape: Shape) -> Tensor {
    if self.shape == shape || isPoisoned { return self }
    let added = rank - shape.rank
    var dims = Array(0..<added)
    for i in 0..<shape.rank where shape[unchecked: i] == 1 && self.shape[unchecked: added + i] != 1 { dims.append(added + i) }
    let summed = dims.isEmpty ? self : sum(dims, keepDim: true, dtype: dtype)
    return summed.reshape(Array(shape))
  }
}

extension OperatorRegistry {
  mutating func addReductions() {
    add("aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor") { (x: Tensor, dtype: DType?) in x.sum(dtype: dtype) }
    add("aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
      (x: Tensor, dim: [Int]?, keepDim: Bool, dtype: DType?) in x.sum(dim ?? [], keepDim: keepDim, dtype: dtype)
    }
    add("aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)") {
      (x: Tensor, dim: Int, keepDim: Bool) in
      let (values, indices) = x.max(dim, keepDim: keepDim)
      return (values, indices)
    }
  }
}
