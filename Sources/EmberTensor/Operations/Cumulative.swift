import EmberRuntime

package struct Cumulative: UnaryOperation {
  package static let name = "cumulative"
  package let scan: Scan
  package let dimension: Int
  package let dtype: DType?
  package var callName: String { scan == .sum ? "cumsum" : "cumprod" }
  package var saved: SavedTensors { scan == .sum ? [] : [.input0, .output] }

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let axis = try DenseAxis(x, dimension, in: callName)
    let y = try Tensor.empty(shape: x.body.shape, dtype: dtype ?? (x.dtype.category <= .integer ? .int64 : x.dtype), like: x)
    if x.backend.holdsData, y.elementCount > 0 {
      try checkRan(x.backend.scan(scan, axis.operand, reverse: false, into: y.operand, indices: nil), callName, x, y)
    }
    return y
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let g = gradient.to(context.inputDType(0))
    if g.rank == 0 || g.elementCount == 0 { return g }
    if scan == .sum { return g.flip(dimension).cumsum(dimension).flip(dimension) }
    // d/dx_i of Σ_k g_k y_k: sums of g·y from i on, over x_i; by explicit products where an element is zero.
    let x = context.input(0)
    let y = context.output()
    let hasZero = noGrad { (x .== 0).holdsSomewhere(unknown: true) }
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
    let outer = shape.product(0..<self.dimension)
    let count = shape[unchecked: self.dimension]
    let inner = shape.product((self.dimension + 1)..<shape.rank)
    operand = AxisOperand(source.operand, outer: outer, count: count, inner: inner, strides: (count * inner, inner, 1))
  }
}

/// Running maximum or minimum along a dimension, and where it was found.
struct RunningExtreme: VariadicOperation {
  static let name = "cummax"
  let saved: SavedTensors = .output(1)
  let maximum: Bool
  let dimension: Int
  var undifferentiableOutputs: Set<Int> { [1] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    let operation = maximum ? "cummax" : "cummin"
    if x.dtype.isComplex { throw EmberError(.dtype, in: operation, "complex numbers have no order: \(x.summary)") }
    let axis = try DenseAxis(x, dimension, in: operation)
    let values = try Tensor.empty(shape: x.body.shape, dtype: x.dtype, like: x)
    let indices = try Tensor.empty(shape: x.body.shape, dtype: .int64, like: x)
    if x.backend.holdsData, x.elementCount > 0 {
      let ran = x.backend.scan(maximum ? .maximum : .minimum, axis.operand, reverse: false, into: values.operand, indices: indices.operand)
      try checkRan(ran, Self.name, x, values)
    }
    return [values, indices]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    [gradients[0].map { scatterBack($0, context.output(1), context.inputShape(0), dimension, keeps: true) }]
  }
}

/// log Σ exp of the elements up to each position.
struct CumulativeLogSumExp: UnaryOperation {
  static let name = "logcumsumexp"
  let saved: SavedTensors = [.input0, .output]
  let dimension: Int
  /// Up to the end instead of from the beginning.
  let reverse: Bool

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard x.dtype.isDifferentiable else {
      throw EmberError(.dtype, in: Self.name, "\(x.summary) is not floating point; convert with .to(.float32)")
    }
    let axis = try DenseAxis(x, dimension, in: Self.name)
    let y = try Tensor.empty(shape: x.body.shape, dtype: x.dtype, like: x)
    if x.backend.holdsData, y.elementCount > 0 {
      try checkRan(x.backend.scan(.logSumExp, axis.operand, reverse: reverse, into: y.operand, indices: nil), Self.name, x, y)
    }
    return y
  }

  /// x_i receives Σ_k g_k exp(x_i - y_k): by sums in logarithms too, positive and negative gradients apart, complex ones by
  /// the complex logarithm.
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(ExponentialSpread(dimension: dimension, reverse: !reverse), [gradient, context.input(0), context.output()], count: 1)[0]
  }
}

/// Σ g_k conj(exp(x_i - y_k)) over k = i, i + 1, … (or, not in reverse, up to i) for inputs g, x, y: what x_i receives in `logcumsumexp`.
///
/// Linear in g, as its derivative must know, though it is computed by sums in logarithms: positive and negative elements of g apart,
/// complex ones by the complex logarithm.
private struct ExponentialSpread: VariadicOperation {
  static let name = "logcumsumexp_backward"
  let saved: SavedTensors = [.input(0), .input(1), .input(2), .output(0)]
  let dimension: Int
  let reverse: Bool

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let g = inputs[0]!, x = inputs[1]!, y = inputs[2]!
    func spread(_ logarithm: Tensor) -> Tensor {
      (apply(CumulativeLogSumExp(dimension: dimension, reverse: reverse), logarithm - y) + x).exp()
    }
    if x.dtype.isComplex { return [noGrad { spread(g.conj().log()).conj() }] }
    return [
      noGrad {
        let low = Scalar.real(-.infinity)
        return spread(g.log().maskedFill(g .<= 0, low)) - spread((-g).log().maskedFill(g .>= 0, low))
      }
    ]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let c = gradients[0] else { return [nil, nil, nil] }
    let g = context.input(0), x = context.input(1), y = context.input(2)
    // The transposed sum has the roles of x and y exchanged, and goes the other way.
    let transposed = apply(ExponentialSpread(dimension: dimension, reverse: !reverse), [c, -y.conj(), -x.conj()], count: 1)[0]
    return [transposed, c.conj() * context.output(0), -g * transposed.conj()]
  }

  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard let dimension = batch.dimension(dimension) else { return nil }
    return apply(ExponentialSpread(dimension: dimension, reverse: reverse), [batch[0], batch[1], batch[2]], count: 1)
  }
}

extension Tensor {
  /// The sums of the elements up to each position of a dimension. Integers are summed as int64.
  public func cumsum(_ dim: Int, dtype: DType? = nil) -> Tensor { accumulated(.sum, dim, dtype) }
  /// The products of the elements up to each position of a dimension. Integers are multiplied as int64.
  public func cumprod(_ dim: Int, dtype: DType? = nil) -> Tensor { accumulated(.product, dim, dtype) }

  private func accumulated(_ scan: Scan, _ dim: Int, _ dtype: DType?) -> Tensor {
    // In a real dtype only the real parts count.
    let source = dtype.map { self.dtype.isComplex && !$0.isComplex } ?? false ? real : self
    return apply(Cumulative(scan: scan, dimension: dim, dtype: dtype), source)
  }

  /// The largest elements up to each position of a dimension, and where they were found.
  public func cummax(_ dim: Int) -> (values: Tensor, indices: Tensor) {
    let all = apply(RunningExtreme(maximum: true, dimension: dim), [self], count: 2)
    return (all[0], all[1])
  }

  /// The smallest elements up to each position of a dimension, and where they were found.
  public func cummin(_ dim: Int) -> (values: Tensor, indices: Tensor) {
    let all = apply(RunningExtreme(maximum: false, dimension: dim), [self], count: 2)
    return (all[0], all[1])
  }

  /// log Σ exp of the elements up to each position of a dimension, without overflow.
  public func logCumSumExp(_ dim: Int) -> Tensor { apply(CumulativeLogSumExp(dimension: dim, reverse: false), self) }
}

extension OperatorRegistry {
  mutating func addCumulative() {
    add("aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor") { (x: Tensor, dim: Int, dtype: DType?) in
      x.cumsum(dim, dtype: dtype)
    }
    add("aten::cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor") { (x: Tensor, dim: Int, dtype: DType?) in
      x.cumprod(dim, dtype: dtype)
    }
    add("aten::cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)") { (x: Tensor, dim: Int) in
      let (values, indices) = x.cummax(dim)
      return (values, indices)
    }
    add("aten::cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)") { (x: Tensor, dim: Int) in
      let (values, indices) = x.cummin(dim)
      return (values, indices)
    }
    add("aten::logcumsumexp(Tensor self, int dim) -> Tensor") { (x: Tensor, dim: Int) in x.logCumSumExp(dim) }
  }
}
