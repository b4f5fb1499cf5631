import EmberRuntime

/// How `scatterReduce` and `indexReduce` combine what meets at one place.
public enum ScatterReduction: String, Sendable {
  case sum, prod, mean, amax, amin

  /// What changes nothing when it is combined.
  public func neutral(_ dtype: DType) -> Scalar {
    switch self {
    case .sum, .mean: 0
    case .prod: 1
    case .amax: dtype.isFloatingPoint ? .real(-.infinity) : dtype.leastInteger
    case .amin: dtype.isFloatingPoint ? .real(.infinity) : dtype.greatestInteger
    }
  }
}

/// self combined with `source` at the places that `index`, of the source's shape, names along a dimension.
struct ScatterReduce: VariadicOperation {
  static let name = "scatter_reduce"
  let reduction: ScatterReduction
  let dimension: Int
  /// Whether the elements of self take part.
  let includesSelf: Bool
  let saved: SavedTensors = [.input(0), .input(1), .input(2), .output]

  private var mode: ScatterMode {
    switch reduction {
    case .sum, .mean: .add
    case .prod: .multiply
    case .amax: .maximum
    case .amin: .minimum
    }
  }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    let index = inputs[1]!
    let source = inputs[2]!
    if x.dtype.isComplex, reduction == .amax || reduction == .amin {
      throw EmberError(.dtype, in: Self.name, "complex numbers have no order: \(x.summary)")
    }
    var start = x
    if !includesSelf, index.elementCount > 0 {
      let neutral = Tensor.full([], reduction.neutral(x.dtype), dtype: x.dtype, on: x.device)
      start = try Scatter(mode: .set, dimension: dimension).forward([x, index, neutral.expand(Array(index.shape))])[0]
    }
    let combined = try Scatter(mode: mode, dimension: dimension).forward([start, index, source])[0]
    guard reduction == .mean else { return [combined] }
    let counts = count(index, like: x, source.dtype)
    return [x.dtype.category <= .integer ? Pointwise.floorDivide(combined, counts) : combined / counts]
  }

  /// How many elements meet at each place, at least 1.
  private func count(_ index: Tensor, like x: Tensor, _ dtype: DType) -> Tensor {
    let start = includesSelf ? Tensor.ones(like: x, dtype: dtype) : Tensor.zeros(like: x, dtype: dtype)
    return start.scatterAdd(dim: dimension, index: index, source: Tensor.ones(like: index, dtype: dtype)).clamp(min: 1)
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil, nil] }
    let x = context.input(0)
    let index = context.input(1)
    let source = context.input(2)
    func gathered(_ tensor: Tensor) -> Tensor { tensor.gather(dim: dimension, index: index) }
    var own: Tensor
    var other: Tensor
    switch reduction {
    case .sum: (own, other) = (g, gathered(g))
    case .mean:
      let counts = count(index, like: x, g.dtype)
      (own, other) = (g / counts, gathered(g / counts))
    case .amax, .amin:
      // All that are equal to the extreme share the gradient evenly.
      let y = context.output()
      let ownHits = (x .== y).to(g.dtype)
      let otherHits = (source .== gathered(y)).to(g.dtype)
      let hits = (includesSelf ? ownHits : Tensor.zeros(like: ownHits)).scatterAdd(dim: dimension, index: index, source: otherHits)
      let share = g / hits.maskedFill(hits .== 0, 1)
      let base = includesSelf ? share : g
      (own, other) = (ownHits * base, otherHits * gathered(share))
    case .prod: (own, other) = productGradients(g, x, index, source)
    }
    if !includesSelf {
      let untouched = Tensor.ones(like: x, dtype: .bool).scatter(dim: dimension, index: index, value: false)
      own = (reduction == .amax || reduction == .amin || reduction == .prod ? g : own).maskedFill(!untouched, 0)
    }
    return [context.needs(0) ? own : nil, nil, context.needs(2) ? other : nil]
  }

  /// The product of the others: without the zeros, where there is none or only the element itself; 0 where there are more.
  private func productGradients(_ g: Tensor, _ x: Tensor, _ index: Tensor, _ source: Tensor) -> (Tensor, Tensor) {
    let sourceIsZero = source .== 0
    let safeSource = source.maskedFill(sourceIsZero, 1)
    let ownIsZero = x .== 0
    let start = includesSelf ? x.maskedFill(ownIsZero, 1) : Tensor.ones(like: x)
    let product = start.scatterReduce(dim: dimension, index: index, source: safeSource, .prod)
    let first = includesSelf ? ownIsZero.to(.int64) : Tensor.zeros(like: x, dtype: .int64)
    let zeros = first.scatterAdd(dim: dimension, index: index, source: sourceIsZero.to(.int64))
    func others(_ value: Tensor, _ isZero: Tensor, _ product: Tensor, _ zeros: Tensor) -> Tensor {
      (product / value).maskedFill(zeros .> isZero.to(.int64), 0).conj()
    }
    let own = g * others(start, ownIsZero, product, zeros)
    func gathered(_ tensor: Tensor) -> Tensor { tensor.gather(dim: dimension, index: index) }
    return (own, gathered(g) * others(safeSource, sourceIsZero, gathered(product), gathered(zeros)))
  }
}

extension DType {
  /// The least number of an integer type; false.
  var leastInteger: Scalar {
    switch self {
    case .bool: .bool(false)
    case .int8: .integer(Int64(Int8.min))
    case .int16: .integer(Int64(Int16.min))
    case .int32: .integer(Int64(Int32.min))
    case .int64: .integer(.min)
    default: .integer(0)
    }
  }

  /// The greatest number of an integer type; true.
  var greatestInteger: Scalar {
    switch self {
    case .bool: .bool(true)
    case .int8: .integer(Int64(Int8.max))
    case .uint8: .integer(Int64(UInt8.max))
    case .int16: .integer(Int64(Int16.max))
    case .uint16: .integer(Int64(UInt16.max))
    case .int32: .integer(Int64(Int32.max))
    case .uint32: .integer(Int64(UInt32.max))
    default: .integer(.max)
    }
  }
}

extension Tensor {
  /// self combined with `source` at the places that `index` names along a dimension: self[index[i][j]][j] with source[i][j] for
  /// dimension 0, and so on. The source is at least as large as the index.
  ///
  /// - Parameter includeSelf: whether the elements of self that are written to take part.
  public func scatterReduce(dim: Int, index: Tensor, source: Tensor, _ reduction: ScatterReduction, includeSelf: Bool = true) -> Tensor {
    guard mayRunSlowly("scatter_reduce", [self, index, source]) else { return .poison }
    if rank == 0 {
      guard index.rank <= 1, source.rank <= 1 else {
        return refuse(.shape, "scatter_reduce", "index \(index.summary) for \(summary)", beside: self)
      }
      let vector = reshape([1]).scatterReduce(
        dim: dim, index: index.atLeast1D(), source: source.atLeast1D(), reduction, includeSelf: includeSelf)
      return vector.reshape([])
    }
    return withDimension(dim, "scatter_reduce") { dim in
      let index = rank == 1 ? index.atLeast1D() : index
      let source = rank == 1 ? source.atLeast1D() : source
      guard source.dtype == dtype, index.dtype == .int64 || index.dtype == .int32 else {
        return refuse(
          .dtype, "scatter_reduce",
          "index \(index.summary) and source \(source.summary) for \(summary); the index must be int64, the source of self's dtype",
          beside: self)
      }
      if index.elementCount == 0 { return clone() }
      guard index.rank == rank, source.rank == rank, (0..<rank).allSatisfy({ index.shape[$0] <= source.shape[$0] }) else {
        return refuse(
          .shape, "scatter_reduce", "index \(index.summary) does not fit into source \(source.summary), or into \(summary)", beside: self)
      }
      var part = source
      for i in 0..<rank where source.shape[i] > index.shape[i] { part = part.narrow(i, start: 0, length: index.shape[i]) }
      return apply(ScatterReduce(reduction: reduction, dimension: dim, includesSelf: includeSelf), [self, index.to(.int64), part])[0]
    }
  }

  /// self combined with the slices of `source` along a dimension at the positions `index`.
  public func indexReduce(dim: Int, index: Tensor, source: Tensor, _ reduction: ScatterReduction, includeSelf: Bool = true) -> Tensor {
    indexWrite("index_reduce", dim, index) { x, dim, index in
      let slices = x.rank == 1 ? source.atLeast1D() : source
      guard slices.dtype == dtype, slices.shape == x.shape.replacing(dim, with: index.elementCount), reduction != .sum else {
        return refuse(
          .shape, "index_reduce",
          "source \(source.summary) for \(index.elementCount) slices of \(summary) along dimension \(dim), by prod, mean, amax or amin",
          beside: self)
      }
      let places = index.reshape((0..<x.rank).map { $0 == dim ? index.elementCount : 1 }).expand(Array(slices.shape))
      return x.scatterReduce(dim: dim, index: places, source: slices, reduction, includeSelf: includeSelf)
    }
  }
}

extension OperatorRegistry {
  mutating func addScatterReductions() {
    @Sendable func reduction(_ name: String, in operation: String) throws(EmberError) -> ScatterReduction {
      guard let known = ScatterReduction(rawValue: name) else {
        throw EmberError(.value, in: operation, "reduce is \(name); it must be sum, prod, mean, amax or amin")
      }
      return known
    }
    add("aten::scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, source: Tensor, name: String, includeSelf: Bool) in
      x.scatterReduce(dim: dim, index: index, source: source, try reduction(name, in: "scatter_reduce"), includeSelf: includeSelf)
    }
    add("aten::index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, source: Tensor, name: String, includeSelf: Bool) in
      x.indexReduce(dim: dim, index: index, source: source, try reduction(name, in: "index_reduce"), includeSelf: includeSelf)
    }
    // The older names: `add` and `multiply`.
    @Sendable func older(_ name: String) throws(EmberError) -> ScatterReduction {
      guard name == "add" || name == "multiply" else {
        throw EmberError(.value, in: "scatter", "reduce is \(name); it must be add or multiply")
      }
      return name == "add" ? .sum : .prod
    }
    add("aten::scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, source: Tensor, name: String) in
      x.scatterReduce(dim: dim, index: index, source: source, try older(name))
    }
    add("aten::scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, value: Scalar, name: String) in
      let source = Tensor(value, dtype: x.dtype, on: x.device).expand(Array(index.shape))
      return x.scatterReduce(dim: dim, index: index, source: source, try older(name))
    }
  }
}
