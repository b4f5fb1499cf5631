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
      if x.rank == 0 {
        // Of a tensor without dimensions 0 and -1 are both the same one.
        if dimensions.count > 1 { throw EmberError(.value, in: operation, "a dimension is given twice in \(dimensions)") }
        continue
      }
      if isReduced[i] { throw EmberError(.value, in: operation, "dimension \(dimension) is given twice in \(dimensions)") }
      isReduced[i] = true
    }
    var reduced = Shape()
    var kept = Shape()
    var list: [Int] = []
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
      let extent = x.body.shape[unchecked: i]
      let stride = x.body.strides[i]
      if extent == 1 { continue }
      if let last = groups.last, last.reduced == isReduced[i], last.stride == stride * extent {
        groups[groups.count - 1] = (last.extent * extent, stride, last.reduced)
      } else {
        groups.append((extent, stride, isReduced[i]))
      }
    }
    guard groups.filter(\.reduced).count <= 1, groups.count <= 3 else { return nil }
    var outer = (1, 0)
    var count = (1, 1)
    var inner = (1, 1)
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

/// Turns a backend's answer that it has no kernel into an error.
func checkRan(_ ran: Bool, _ operation: String, _ x: Tensor, _ result: Tensor) throws(EmberError) {
  if ran { return }
  throw EmberError(
    .dtype, in: operation, "is not defined for \(x.summary)" + (x.dtype == result.dtype ? "" : " with a result of \(result.dtype)")
      + "; convert with .to(.float32)")
}

/// Reductions whose derivative is written below by kind.
package struct Reduce: UnaryOperation {
  package static let name = "reduce"
  package let reduction: Reduction
  package let dimensions: [Int]
  package let keepsDimensions: Bool
  package let dtype: DType?

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

  package var callName: String { Self.named(reduction) }

  package var saved: SavedTensors {
    switch reduction {
    case .product, .maximum, .minimum, .logSumExp: [.input0, .output]
    case .nanSum, .sumOfSquares, .sumAbsolute: .input0
    default: []
    }
  }

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let operation = callName
    let plan = try ReductionPlan(x, dimensions, in: operation)
    let dtype = try resultDType(x, operation)
    if [.maximum, .minimum, .argmax, .argmin].contains(reduction) {
      if x.dtype.isComplex { throw EmberError(.dtype, in: operation, "complex numbers have no order: \(x.summary)") }
      if plan.operand.count == 0, plan.reduced.elementCount > 0 {
        throw EmberError(.shape, in: operation, "\(x.summary) has no elements along dimensions \(plan.dimensions) to choose from")
      }
    }
    if reduction == .nanSum, x.dtype.isComplex { throw EmberError(.dtype, in: operation, "\(x.summary) is complex; it must be real") }
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
      if let dtype {
        guard dtype.category >= .floatingPoint else {
          throw EmberError(.dtype, in: operation, "dtype \(dtype); it must be floating point or complex")
        }
        return dtype
      }
      if x.dtype.category <= .integer {
        if reduction == .logSumExp { return .float32 }
        throw EmberError(.dtype, in: operation, "\(x.summary) is not floating point; give dtype: or convert with .to(.float32)")
      }
      return x.dtype
    case .sumOfSquares, .sumAbsolute: return dtype ?? x.dtype.realType
    case .maximum, .minimum: return x.dtype
    }
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let shape = context.inputShape(0)
    var count = 1
    var kept = Array(shape)
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
    if x.rank == 0 { return g }
    let rest = (0..<x.rank).filter { !reduced.contains($0) }
    let order = rest + reduced
    let moved = x.permute(order)
    let flat = moved.reshape(Array(moved.shape.prefix(rest.count)) + [moved.shape.dropFirst(rest.count).reduce(1, *)])
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
package struct Extreme: VariadicOperation {
  package static let name = "max"
  package let saved: SavedTensors = [.output(1)]
  package let maximum: Bool
  package let dimension: Int
  package let keepsDimension: Bool
  package var callName: String { maximum ? "max" : "min" }
  package var undifferentiableOutputs: Set<Int> { [1] }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
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

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let gradient = gradients[0] else { return [nil] }
    return [scatterBack(gradient, context.output(1), context.inputShape(0), dimension, keeps: keepsDimension)]
  }
}

/// Zeros with `gradient` at `indices` along a dimension: the derivative of choosing elements.
func scatterBack(_ gradient: Tensor, _ indices: Tensor, _ shape: Shape, _ dimension: Int, keeps: Bool) -> Tensor {
  let zeros = Tensor.zeros(Array(shape), dtype: gradient.dtype, on: gradient.device)
  if shape.rank == 0 { return gradient.reshape([]) }
  return zeros.scatterAdd(
    dim: dimension, index: keeps ? indices : indices.unsqueeze(dimension), source: keeps ? gradient : gradient.unsqueeze(dimension))
}

package struct Variance: UnaryOperation {
  package static let name = "var"
  package var saved: SavedTensors { squareRoot ? [.input0, .output] : .input0 }
  package let dimensions: [Int]
  package let correction: Double
  package let keepsDimensions: Bool
  package let squareRoot: Bool
  package var callName: String { squareRoot ? "std" : "var" }

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
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

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let x = context.input(0)
    let reduced = dimensions.isEmpty ? Array(0..<x.rank) : dimensions.map { $0 < 0 ? $0 + max(x.rank, 1) : $0 }
    var kept = Array(x.shape)
    var count = 1
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
    let freedom = Double(count) - correction
    if dimensions.isEmpty, freedom <= 0 {
      // The divisor is 0: infinite, but undefined where an element is the mean.
      return g * Tensor.full(like: centred, .real(.infinity)).maskedFill(centred .== 0, .real(.nan))
    }
    return g * (2 / freedom) * centred
  }
}

// MARK: - Public functions. `dims` empty: over everything.

extension Tensor {
  func reduce(_ reduction: Reduction, _ dims: [Int], _ keepDim: Bool, _ dtype: DType? = nil) -> Tensor {
    // In a real dtype only the real parts count.
    if let dtype, self.dtype.isComplex, !dtype.isComplex { return real.reduce(reduction, dims, keepDim, dtype) }
    return apply(Reduce(reduction: reduction, dimensions: dims, keepsDimensions: keepDim, dtype: dtype), self)
  }

  /// The sum. Integers and bool are summed as int64 unless a dtype is given.
  public func sum(_ dims: [Int] = [], keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.sum, dims, keepDim, dtype) }
  /// The sum along a dimension.
  public func sum(_ dim: Int, keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.sum, [dim], keepDim, dtype) }
  /// The mean of floating-point or complex elements, or of others in the given dtype.
  public func mean(_ dims: [Int] = [], keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.mean, dims, keepDim, dtype) }
  /// The mean along a dimension.
  public func mean(_ dim: Int, keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.mean, [dim], keepDim, dtype) }
  /// The product. Integers and bool are multiplied as int64 unless a dtype is given.
  public func prod(_ dims: [Int] = [], keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.product, dims, keepDim, dtype) }
  /// The product along a dimension.
  public func prod(_ dim: Int, keepDim: Bool = false, dtype: DType? = nil) -> Tensor { reduce(.product, [dim], keepDim, dtype) }
  /// The largest elements; NaN if there is one. Equal ones share the gradient evenly.
  public func amax(_ dims: [Int] = [], keepDim: Bool = false) -> Tensor { reduce(.maximum, dims, keepDim) }
  /// The smallest elements; NaN if there is one. Equal ones share the gradient evenly.
  public func amin(_ dims: [Int] = [], keepDim: Bool = false) -> Tensor { reduce(.minimum, dims, keepDim) }
  /// Whether some element is not zero: bool, of uint8 uint8.
  public func any(_ dims: [Int] = [], keepDim: Bool = false) -> Tensor { reduce(.any, dims, keepDim) }
  /// Whether no element is zero: bool, of uint8 uint8.
  public func all(_ dims: [Int] = [], keepDim: Bool = false) -> Tensor { reduce(.all, dims, keepDim) }
  /// The first position of the largest element along a dimension; without one the position in row-major order.
  public func argmax(_ dim: Int? = nil, keepDim: Bool = false) -> Tensor { reduce(.argmax, dim.map { [$0] } ?? [], keepDim) }
  /// The first position of the smallest element along a dimension; without one the position in row-major order.
  public func argmin(_ dim: Int? = nil, keepDim: Bool = false) -> Tensor { reduce(.argmin, dim.map { [$0] } ?? [], keepDim) }
  /// log Σ exp x, without overflow. Integers become float32.
  public func logSumExp(_ dims: [Int] = [], keepDim: Bool = false) -> Tensor {
    guard dtype.isComplex, !isPoisoned else { return reduce(.logSumExp, dims, keepDim) }
    if elementCount == 0 { return exp().sum(dims, keepDim: keepDim).log() }
    // The largest real part is taken out, where it is finite.
    let largest = noGrad { detach().real.amax(dims, keepDim: true) }
    let shift = largest.maskedFill(!largest.isFinite, 0)
    let sum = (self - shift).exp().sum(dims, keepDim: true).log() + shift
    if keepDim { return sum }
    return sum.reshape(Array(noGrad { detach().real.amax(dims) }.shape))
  }

  /// log Σ exp x along a dimension.
  public func logSumExp(_ dim: Int, keepDim: Bool = false) -> Tensor { logSumExp([dim], keepDim: keepDim) }
  /// The sum of the elements that are not NaN.
  public func nansum(_ dims: [Int] = [], keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    if let dtype, dtype.category < .floatingPoint, self.dtype.isFloatingPoint {
      return maskedFill(isNaN, 0).to(dtype).sum(dims, keepDim: keepDim, dtype: dtype)
    }
    return reduce(.nanSum, dims, keepDim, dtype)
  }
  /// How many elements are not zero, as int64.
  public func countNonzero(_ dims: [Int] = []) -> Tensor { reduce(.countNonzero, dims, false) }
  /// The smallest and the largest elements, of all or along a dimension. Equal ones share the gradient evenly.
  public func aminmax(_ dim: Int? = nil, keepDim: Bool = false) -> (min: Tensor, max: Tensor) {
    let dims = dim.map { [$0] } ?? []
    return (amin(dims, keepDim: keepDim), amax(dims, keepDim: keepDim))
  }

  /// The mean of the elements that are not NaN.
  public func nanMean(_ dims: [Int] = [], keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    guard self.dtype.isDifferentiable || isPoisoned else {
      return refuse(.dtype, "nanmean", "\(summary) is not floating point; convert with .to(.float32)", beside: self)
    }
    let count = (!isNaN).sum(dims, keepDim: keepDim)
    return nansum(dims, keepDim: keepDim, dtype: dtype) / count
  }

  /// Variance and mean.
  public func varMean(_ dims: [Int] = [], correction: Double = 1, keepDim: Bool = false) -> (variance: Tensor, mean: Tensor) {
    (self.var(dims, correction: correction, keepDim: keepDim), mean(dims, keepDim: keepDim))
  }

  /// Standard deviation and mean.
  public func stdMean(_ dims: [Int] = [], correction: Double = 1, keepDim: Bool = false) -> (deviation: Tensor, mean: Tensor) {
    (std(dims, correction: correction, keepDim: keepDim), mean(dims, keepDim: keepDim))
  }

  /// The largest element of all.
  public func max() -> Tensor { amax() }
  /// The smallest element of all.
  public func min() -> Tensor { amin() }

  /// The largest elements along a dimension, and their first positions.
  public func max(_ dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    let all = apply(Extreme(maximum: true, dimension: dim, keepsDimension: keepDim), [self], count: 2)
    return (all[0], all[1])
  }

  /// The smallest elements along a dimension, and their first positions.
  public func min(_ dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    let all = apply(Extreme(maximum: false, dimension: dim, keepsDimension: keepDim), [self], count: 2)
    return (all[0], all[1])
  }

  /// The variance with divisor `count - correction`.
  public func `var`(_ dims: [Int] = [], correction: Double = 1, keepDim: Bool = false) -> Tensor {
    apply(Variance(dimensions: dims, correction: correction, keepsDimensions: keepDim, squareRoot: false), self)
  }

  /// The standard deviation, with the variance's divisor `count - correction`.
  public func std(_ dims: [Int] = [], correction: Double = 1, keepDim: Bool = false) -> Tensor {
    apply(Variance(dimensions: dims, correction: correction, keepsDimensions: keepDim, squareRoot: true), self)
  }

  /// Sums over what was broadcast, down to `shape`: the derivative of broadcasting.
  package func sum(to shape: Shape) -> Tensor {
    if self.shape == shape || isPoisoned { return self }
    if dtype == .complex32 { return to(.complex64).sum(to: shape).to(.complex32) }
    let added = rank - shape.rank
    var dims = Array(0..<added)
    for i in 0..<shape.rank where shape[unchecked: i] == 1 && self.shape[unchecked: added + i] != 1 { dims.append(added + i) }
    let summed = dims.isEmpty ? self : sum(dims, keepDim: true, dtype: dtype)
    return summed.reshape(Array(shape))
  }
}

extension OperatorRegistry {
  mutating func addReductions() {
    for (name, function) in [
      ("sum", { @Sendable in $0.sum($1, keepDim: $2, dtype: $3) }), ("mean", { @Sendable in $0.mean($1, keepDim: $2, dtype: $3) }),
    ]
      as [(String, @Sendable (Tensor, [Int], Bool, DType?) -> Tensor)]
    {
      let overload = name == "sum" ? "dim_IntList" : "dim"
      add("aten::\(name)(Tensor self, *, ScalarType? dtype=None) -> Tensor") { (x: Tensor, dtype: DType?) in function(x, [], false, dtype) }
      add("aten::\(name).\(overload)(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
        (x: Tensor, dims: [Int]?, keepDim: Bool, dtype: DType?) in function(x, dims ?? [], keepDim, dtype)
      }
    }
    add("aten::nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
      (x: Tensor, dims: [Int]?, keepDim: Bool, dtype: DType?) in x.nansum(dims ?? [], keepDim: keepDim, dtype: dtype)
    }
    add("aten::nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
      (x: Tensor, dims: [Int]?, keepDim: Bool, dtype: DType?) in x.nanMean(dims ?? [], keepDim: keepDim, dtype: dtype)
    }
    add("aten::prod(Tensor self, *, ScalarType? dtype=None) -> Tensor") { (x: Tensor, dtype: DType?) in x.prod(dtype: dtype) }
    add("aten::prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
      (x: Tensor, dim: Int, keepDim: Bool, dtype: DType?) in x.prod(dim, keepDim: keepDim, dtype: dtype)
    }
    for (name, function) in [("any", { @Sendable in $0.any($1, keepDim: $2) }), ("all", { @Sendable in $0.all($1, keepDim: $2) })]
      as [(String, @Sendable (Tensor, [Int], Bool) -> Tensor)]
    {
      add("aten::\(name)(Tensor self) -> Tensor") { (x: Tensor) in function(x, [], false) }
      add("aten::\(name).dim(Tensor self, int dim, bool keepdim=False) -> Tensor") { (x: Tensor, dim: Int, keepDim: Bool) in
        function(x, [dim], keepDim)
      }
      add("aten::\(name).dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor") { (x: Tensor, dims: [Int]?, keepDim: Bool) in
        // An empty list names no dimension here: every element stays for itself.
        if let dims, dims.isEmpty { return x.to(.bool).to(x.dtype == .uint8 ? .uint8 : .bool) }
        return function(x, dims ?? [], keepDim)
      }
    }
    add("aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor") { (x: Tensor, dims: [Int], keepDim: Bool) in
      x.logSumExp(dims, keepDim: keepDim)
    }
    add("aten::count_nonzero(Tensor self, int? dim=None) -> Tensor") { (x: Tensor, dim: Int?) in x.countNonzero(dim.map { [$0] } ?? []) }
    add("aten::count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor") { (x: Tensor, dims: [Int]) in x.countNonzero(dims) }
    addExtremes()
    addVariances()
  }

  private mutating func addExtremes() {
    for (name, function) in [("amax", { @Sendable in $0.amax($1, keepDim: $2) }), ("amin", { @Sendable in $0.amin($1, keepDim: $2) })]
      as [(String, @Sendable (Tensor, [Int], Bool) -> Tensor)]
    {
      add("aten::\(name)(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor") { (x: Tensor, dims: [Int], keepDim: Bool) in
        function(x, dims, keepDim)
      }
      add("aten::\(name).out(Tensor self, int[1] dim=[], bool keepdim=False, *, Tensor(a!) out) -> Tensor(a!)") {
        (x: Tensor, dims: [Int], keepDim: Bool, out: Tensor) in try written(function(x, dims, keepDim), to: out, in: name)
      }
    }
    add("aten::aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)") {
      (x: Tensor, dim: Int?, keepDim: Bool) in
      let (least, largest) = x.aminmax(dim, keepDim: keepDim)
      return (least, largest)
    }
    for (name, function) in [
      ("argmax", { @Sendable in $0.argmax($1, keepDim: $2) }), ("argmin", { @Sendable in $0.argmin($1, keepDim: $2) }),
    ]
      as [(String, @Sendable (Tensor, Int?, Bool) -> Tensor)]
    {
      add("aten::\(name)(Tensor self, int? dim=None, bool keepdim=False) -> Tensor") { (x: Tensor, dim: Int?, keepDim: Bool) in
        function(x, dim, keepDim)
      }
    }
    add("aten::max(Tensor self) -> Tensor") { (x: Tensor) in x.max() }
    add("aten::min(Tensor self) -> Tensor") { (x: Tensor) in x.min() }
    add("aten::max.other(Tensor self, Tensor other) -> Tensor") { (x: Tensor, y: Tensor) in maximum(x, y) }
    add("aten::min.other(Tensor self, Tensor other) -> Tensor") { (x: Tensor, y: Tensor) in minimum(x, y) }
    add("aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)") {
      (x: Tensor, dim: Int, keepDim: Bool) in
      let (values, indices) = x.max(dim, keepDim: keepDim)
      return (values, indices)
    }
    add("aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)") {
      (x: Tensor, dim: Int, keepDim: Bool) in
      let (values, indices) = x.min(dim, keepDim: keepDim)
      return (values, indices)
    }
  }

  /// `var`, `std` and the forms with the mean, each by the names of PyTorch's three ways to give the correction.
  private mutating func addVariances() {
    for (name, function) in [
      ("var", { @Sendable in $0.var($1, correction: $2, keepDim: $3) }), ("std", { @Sendable in $0.std($1, correction: $2, keepDim: $3) }),
    ] as [(String, @Sendable (Tensor, [Int], Double, Bool) -> Tensor)] {
      add("aten::\(name)(Tensor self, bool unbiased=True) -> Tensor") { (x: Tensor, unbiased: Bool) in
        function(x, [], unbiased ? 1 : 0, false)
      }
      add("aten::\(name).dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor") {
        (x: Tensor, dims: [Int]?, unbiased: Bool, keepDim: Bool) in function(x, dims ?? [], unbiased ? 1 : 0, keepDim)
      }
      add("aten::\(name).correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor") {
        (x: Tensor, dims: [Int]?, correction: Scalar?, keepDim: Bool) in function(x, dims ?? [], correction?.doubleValue ?? 1, keepDim)
      }
    }
    for (name, function) in [
      (
        "var_mean",
        { @Sendable in
          let (a, b) = $0.varMean($1, correction: $2, keepDim: $3)
          return (a, b)
        }
      ),
      (
        "std_mean",
        { @Sendable in
          let (a, b) = $0.stdMean($1, correction: $2, keepDim: $3)
          return (a, b)
        }
      ),
    ] as [(String, @Sendable (Tensor, [Int], Double, Bool) -> (Tensor, Tensor))] {
      add("aten::\(name)(Tensor self, bool unbiased=True) -> (Tensor, Tensor)") { (x: Tensor, unbiased: Bool) in
        function(x, [], unbiased ? 1 : 0, false)
      }
      add("aten::\(name).dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)") {
        (x: Tensor, dims: [Int]?, unbiased: Bool, keepDim: Bool) in function(x, dims ?? [], unbiased ? 1 : 0, keepDim)
      }
      add("aten::\(name).correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)") {
        (x: Tensor, dims: [Int]?, correction: Scalar?, keepDim: Bool) in function(x, dims ?? [], correction?.doubleValue ?? 1, keepDim)
      }
    }
  }
}
