import EmberRuntime

// MARK: - Along one dimension

struct IndexSelect: BinaryOperation {
  static let name = "index_select"
  let saved: SavedTensors = .input1
  let dimension: Int

  func forward(_ x: Tensor, _ index: Tensor) throws(EmberError) -> Tensor {
    let axis = try DenseAxis(x, dimension, in: "index_select")
    let index = try checkedIndex(index, in: "index_select").dense()
    guard index.rank <= 1 else { throw EmberError(.shape, in: "index_select", "the index must have one dimension, not \(index.summary)") }
    let count = index.elementCount
    let y = try Tensor.empty(shape: x.rank == 0 ? Shape() : x.body.shape.replacing(axis.dimension, with: count), dtype: x.dtype, like: x)
    if x.backend.holdsData, let bad = x.backend.indexSelect(axis.operand, index: index.operand, into: y.operand) {
      throw badIndex("index_select", index, bad, axis.operand.count, x)
    }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let shape = context.inputShape(0)
    let zeros = Tensor.zeros(Array(shape), dtype: gradient.dtype, on: gradient.device)
    return (zeros.indexAdd(dim: dimension, index: context.input(1), source: gradient), nil)
  }
}

/// Indices as int64.
func checkedIndex(_ index: Tensor, in operation: String) throws(EmberError) -> Tensor {
  switch index.dtype {
  case .int64: return index
  case .int32, .int16, .int8, .uint8: return index.to(.int64)
  default: throw EmberError(.dtype, in: operation, "the index must be of an integer type, not \(index.summary)")
  }
}

func badIndex(_ operation: String, _ index: Tensor, _ position: Int, _ extent: Int, _ x: Tensor) -> EmberError {
  let value = noGrad { index.value.reshape([-1]).select(0, position).item(as: Int.self) }
  return EmberError(.index, in: operation, "index \(value) at position \(position) is outside of 0 ..< \(extent), for \(x.summary)")
}

struct IndexAdd: VariadicOperation {
  static let name = "index_add"
  let saved: SavedTensors = .input1
  let dimension: Int
  let alpha: Double

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!, index = try checkedIndex(inputs[1]!, in: "index_add").dense(), source = inputs[2]!
    let result = try Contiguous().forward(x)
    let axis = try DenseAxis(result, dimension, in: "index_add")
    let expected = x.rank == 0 ? Shape() : x.body.shape.replacing(axis.dimension, with: index.elementCount)
    guard source.body.shape == expected, source.dtype == x.dtype else {
      throw EmberError(.shape, in: "index_add", "source \(source.summary) for \(x.summary) with \(index.elementCount) indices; it must be \(x.dtype)\(expected)")
    }
    let dense = try source.dense()
    if x.backend.holdsData, let bad = x.backend.indexAdd(into: axis.operand, index: index.operand, source: dense.operand, alpha: alpha) {
      throw badIndex("index_add", index, bad, axis.operand.count, x)
    }
    return [result]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil, nil] }
    let source: Tensor? = context.needs(2) ? g.indexSelect(dimension, context.input(1)) * alpha : nil
    return [g, nil, source]
  }
}

struct Gather: BinaryOperation {
  static let name = "gather"
  let saved: SavedTensors = .input1
  let dimension: Int

  func forward(_ x: Tensor, _ index: Tensor) throws(EmberError) -> Tensor {
    guard index.dtype == .int64 else { throw EmberError(.dtype, in: "gather", "the index must be int64, not \(index.summary)") }
    let dimension = try wrapDimension(self.dimension, x.rank, in: "gather")
    guard index.rank == x.rank, (0..<x.rank).allSatisfy({ $0 == dimension || index.body.shape[unchecked: $0] <= x.body.shape[unchecked: $0] }) else {
      throw EmberError(.shape, in: "gather", "index \(index.summary) for \(x.summary); it must have as many dimensions, none larger but dimension \(dimension)")
    }
    let y = try Tensor.empty(shape: index.body.shape, dtype: x.dtype, like: x)
    guard x.backend.holdsData, y.elementCount > 0 else { return y }
    let (px, pindex, py) = x.rank == 0 ? (x.operand.asVector, index.operand.asVector, y.operand.asVector) : (x.operand, index.operand, y.operand)
    if let bad = x.backend.gather(px, dimension: dimension, index: pindex, into: py) {
      throw badIndex("gather", index, bad, px.shape[dimension], x)
    }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let zeros = Tensor.zeros(Array(context.inputShape(0)), dtype: gradient.dtype, on: gradient.device)
    return (zeros.scatterAdd(dim: dimension, index: context.input(1), source: gradient), nil)
  }
}

extension Operand {
  /// A 0-dimensional operand as a vector of one.
  var asVector: Operand { Operand(pointer: pointer, dtype: dtype, shape: [1], strides: Strides([1])) }
}

struct Scatter: VariadicOperation {
  static let name = "scatter"
  let saved: SavedTensors = .input1
  let mode: ScatterMode
  let dimension: Int

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!, index = inputs[1]!, source = inputs[2]!
    guard index.dtype == .int64 else { throw EmberError(.dtype, in: "scatter", "the index must be int64, not \(index.summary)") }
    guard source.dtype == x.dtype else { throw EmberError(.dtype, in: "scatter", "source \(source.summary) and self \(x.summary) must have one dtype") }
    let dimension = try wrapDimension(self.dimension, x.rank, in: "scatter")
    guard index.elementCount == 0 || (index.rank == x.rank && source.rank == x.rank
      && (0..<x.rank).allSatisfy({ index.body.shape[unchecked: $0] <= source.body.shape[unchecked: $0]
        && ($0 == dimension || index.body.shape[unchecked: $0] <= x.body.shape[unchecked: $0]) }))
    else {
      throw EmberError(.shape, in: "scatter", "index \(index.summary), source \(source.summary), self \(x.summary): the index must fit into both")
    }
    let result = try Contiguous().forward(x)
    guard x.backend.holdsData, index.elementCount > 0 else { return [result] }
    let parts = [result.operand, index.operand, source.operand].map { x.rank == 0 ? $0.asVector : $0 }
    if let bad = x.backend.scatter(mode, into: parts[0], dimension: dimension, index: parts[1], source: parts[2]) {
      throw badIndex("scatter", index, bad, parts[0].shape[dimension], x)
    }
    return [result]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil, nil] }
    let index = context.input(1)
    let source: Tensor? = context.needs(2) ? scatterSource(g.gather(dim: dimension, index: index), context.inputShape(2)) : nil
    guard mode == .set else { return [g, nil, source] }
    let own: Tensor? = context.needs(0) ? g.scatter(dim: dimension, index: index, source: Tensor.zeros(like: index, dtype: g.dtype)) : nil
    return [own, nil, source]
  }

  /// The gradient of the part of the source that was used, as one of the whole source.
  private func scatterSource(_ g: Tensor, _ shape: Shape) -> Tensor {
    var result = g
    for i in 0..<shape.rank where result.shape[i] < shape[i] {
      result = apply(SliceBackward(slice: Slice(dimension: i, start: 0, count: result.shape[i], step: 1), shape: result.shape.replacing(i, with: shape[i])), result)
    }
    return result
  }
}

// MARK: - Index tensors for several dimensions: x[i, j, :]

/// Reads blocks of x at positions given by index tensors for some of its dimensions.
struct IndexGet: VariadicOperation {
  static let name = "index"
  /// Dimensions that the index tensors are for, ascending.
  let dimensions: [Int]
  let saved: SavedTensors = SavedTensors.inputs.subtracting(.input0)

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    let plan = try IndexPlan(x, inputs.dropFirst().map { $0! }, dimensions)
    let y = try Tensor.empty(shape: plan.resultShape, dtype: x.dtype, like: x)
    if x.backend.holdsData, y.elementCount > 0 {
      // Blocks come in a row, [indices..., block...]; the result wants the indices where the indexed dimensions were.
      let dense = try Tensor.empty(shape: plan.blockedShape, dtype: x.dtype, like: x)
      x.backend.takeBlocks(plan.block, offsets: plan.offsets!.operand, into: dense.operand)
      x.backend.copy(try plan.arranged(dense).operand, to: y.operand)
    }
    return [y]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let indices = dimensions.indices.map { context.input($0 + 1) }
    guard let g = gradients[0] else { return [nil] }
    let zeros = Tensor.zeros(Array(context.inputShape(0)), dtype: g.dtype, on: g.device)
    return [apply(IndexPut(dimensions: dimensions, accumulate: true), [zeros, g] + indices)[0]] + indices.map { _ in nil }
  }
}

/// x with blocks replaced by (or increased by) those of a source.
struct IndexPut: VariadicOperation {
  static let name = "index_put"
  let dimensions: [Int]
  let accumulate: Bool
  let saved: SavedTensors = SavedTensors.inputs.subtracting([.input0, .input1])

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let result = try Contiguous().forward(inputs[0]!)
    try write(inputs[1]!, to: result, inputs.dropFirst(2).map { $0! })
    return [result]
  }

  /// Writes into memory that only the caller sees.
  func write(_ source: Tensor, to target: Tensor, _ indices: [Tensor]) throws(EmberError) {
    let plan = try IndexPlan(target, indices, dimensions)
    guard source.body.shape.broadcast(with: plan.resultShape) == plan.resultShape else {
      throw EmberError(.shape, in: "index_put", "values \(source.summary) do not fill the indexed shape \(plan.resultShape) of \(target.summary)")
    }
    guard target.backend.holdsData, plan.resultShape.elementCount > 0 else { return }
    let typed = source.dtype == target.dtype ? source : try Cast(dtype: target.dtype).forward(source)
    let full = try Expand(shape: Array(plan.resultShape)).forward(typed)
    let blocks = try plan.blocked(full).dense()
    let blockCount = plan.block.shape.elementCount
    target.backend.putBlocks(
      into: plan.block, offsets: plan.offsets!.operand,
      source: Operand(pointer: blocks.body.pointer, dtype: target.dtype, shape: plan.block.shape, strides: plan.block.shape.contiguousStrides),
      sourceStride: blockCount, accumulate: accumulate)
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil] }
    let indices = dimensions.indices.map { context.input($0 + 2) }
    var own: Tensor?
    if context.needs(0) {
      own = accumulate ? g : apply(IndexPut(dimensions: dimensions, accumulate: false), [g, Tensor.zeros([], dtype: g.dtype, on: g.device)] + indices)[0]
    }
    let source: Tensor? = context.needs(1) ? apply(IndexGet(dimensions: dimensions), [g] + indices)[0].sum(to: context.inputShape(1)).to(context.inputDType(1)) : nil
    return [own, source] + indices.map { _ in nil }
  }
}

/// Where the blocks of an indexed tensor lie.
private struct IndexPlan {
  /// Element offsets of the blocks over the common index shape; nil on meta.
  let offsets: Tensor?
  /// The tensor without the indexed dimensions.
  let block: Operand
  let resultShape: Shape
  let blockedShape: Shape
  private let indexRank: Int
  /// Where the index dimensions stand in the result.
  private let position: Int

  init(_ x: Tensor, _ indices: [Tensor], _ dimensions: [Int]) throws(EmberError) {
    var common = Shape()
    for index in indices {
      guard let wider = common.broadcast(with: index.body.shape) else {
        throw EmberError(.shape, in: "index", "index tensors do not broadcast: \(indices.map(\.summary).joined(separator: ", "))")
      }
      common = wider
    }
    let operands = try indices.map { index throws(EmberError) in
      let expanded = try Expand(shape: Array(common)).forward(try checkedIndex(index, in: "index"))
      return expanded
    }
    var shape = Shape(), strides = Strides()
    for i in 0..<x.rank where !dimensions.contains(i) {
      shape.append(x.body.shape[unchecked: i])
      strides.append(x.body.strides[i])
    }
    block = Operand(pointer: x.body.pointer, dtype: x.dtype, shape: shape, strides: strides)
    // Neighbouring indexed dimensions are replaced where they stood, separate ones move to the front (NumPy's rule).
    let isAdjacent = zip(dimensions, dimensions.dropFirst()).allSatisfy { $1 == $0 + 1 }
    position = isAdjacent ? dimensions[0] : 0
    indexRank = common.rank
    guard shape.rank + common.rank <= maximumRank else { throw EmberError(.shape, in: "index", "the result would have more than \(maximumRank) dimensions") }
    resultShape = Shape(Array(shape[0..<position]) + Array(common) + Array(shape[position...]))
    blockedShape = Shape(Array(common) + Array(shape))
    guard x.backend.holdsData else {
      offsets = nil
      return
    }
    let made = try Tensor.empty(shape: common, dtype: .int64, like: x)
    if let bad = x.backend.indexOffsets(
      operands.map(\.operand), sizes: dimensions.map { x.body.shape[unchecked: $0] }, strides: dimensions.map { x.body.strides[$0] }, into: made.operand)
    {
      throw badIndex("index", operands[bad.array], bad.position, x.body.shape[unchecked: dimensions[bad.array]], x)
    }
    offsets = made
  }

  /// [indices..., block...] as the result's shape.
  func arranged(_ blocks: Tensor) throws(EmberError) -> Tensor {
    let r = indexRank, total = blockedShape.rank
    let order = Array(r..<(r + position)) + Array(0..<r) + Array((r + position)..<total)
    return try Permute(order: order).forward(blocks)
  }

  /// The reverse.
  func blocked(_ result: Tensor) throws(EmberError) -> Tensor {
    let total = blockedShape.rank
    let order = Array(position..<(position + indexRank)) + Array(0..<position) + Array((position + indexRank)..<total)
    return try Permute(order: order).forward(result)
  }
}

// MARK: - Sorting and searching

struct Sort: VariadicOperation {
  static let name = "sort"
  let saved: SavedTensors = .output(1)
  let dimension: Int
  let descending: Bool
  var undifferentiableOutputs: Set<Int> { [1] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    if x.dtype.isComplex { throw EmberError(.dtype, in: "sort", "complex numbers have no order: \(x.summary)") }
    let axis = try DenseAxis(x, dimension, in: "sort")
    let values = try Tensor.empty(shape: x.body.shape, dtype: x.dtype, like: x)
    let indices = try Tensor.empty(shape: x.body.shape, dtype: .int64, like: x)
    if x.backend.holdsData, x.elementCount > 0 {
      try checkRan(x.backend.sort(axis.operand, descending: descending, values: values.operand, indices: indices.operand), "sort", x, values)
    }
    return [values, indices]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    [gradients[0].map { scatterBack($0, context.output(1), context.inputShape(0), dimension, keeps: true) }]
  }
}

struct TopK: VariadicOperation {
  static let name = "topk"
  let saved: SavedTensors = .output(1)
  let k: Int
  let dimension: Int
  let largest: Bool
  let sorted: Bool
  var undifferentiableOutputs: Set<Int> { [1] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    if x.dtype.isComplex { throw EmberError(.dtype, in: "topk", "complex numbers have no order: \(x.summary)") }
    let axis = try DenseAxis(x, dimension, in: "topk")
    guard k >= 0, k <= axis.operand.count else {
      throw EmberError(.index, in: "topk", "k = \(k) of \(axis.operand.count) elements along dimension \(dimension) of \(x.summary)")
    }
    let shape = x.rank == 0 ? Shape() : x.body.shape.replacing(axis.dimension, with: k)
    let values = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    let indices = try Tensor.empty(shape: shape, dtype: .int64, like: x)
    if x.backend.holdsData, values.elementCount > 0 {
      try checkRan(
        x.backend.topK(axis.operand, k: k, largest: largest, sorted: sorted, values: values.operand, indices: indices.operand), "topk", x, values)
    }
    return [values, indices]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    [gradients[0].map { scatterBack($0, context.output(1), context.inputShape(0), dimension, keeps: true) }]
  }
}

extension Tensor {
  /// Positions `index` of a dimension.
  public func indexSelect(_ dim: Int, _ index: Tensor) -> Tensor { apply(IndexSelect(dimension: dim), self, index) }
  /// self with `alpha · source` added at positions `index` of a dimension.
  public func indexAdd(dim: Int, index: Tensor, source: Tensor, alpha: Double = 1) -> Tensor {
    apply(IndexAdd(dimension: dim, alpha: alpha), [self, index, source])[0]
  }
  /// out[i][j] = self[index[i][j]][j] for dimension 0, and so on.
  public func gather(dim: Int, index: Tensor) -> Tensor { apply(Gather(dimension: dim), self, index) }
  public func scatter(dim: Int, index: Tensor, source: Tensor) -> Tensor { apply(Scatter(mode: .set, dimension: dim), [self, index, source])[0] }
  public func scatterAdd(dim: Int, index: Tensor, source: Tensor) -> Tensor { apply(Scatter(mode: .add, dimension: dim), [self, index, source])[0] }

  /// self with `values` (broadcast) written to the positions that index tensors or masks give for the first dimensions.
  ///
  /// - Parameter accumulate: adds instead of replacing, also where a position comes several times. Without it, one of the values
  ///   for such a position stays.
  public func indexPut(_ indices: [Tensor], _ values: Tensor, accumulate: Bool = false) -> Tensor {
    guard mayRunSlowly("index_put", [self, values] + indices) else { return .poison }
    var positions: [Tensor] = []
    for index in indices {
      guard index.dtype == .bool else {
        positions.append(index)
        continue
      }
      let extents = Array(shape.dropFirst(positions.count).prefix(index.rank))
      guard index.rank > 0, Array(index.shape) == extents else {
        raise(EmberError(.shape, in: "index_put", "a mask \(index.summary) for dimensions \(positions.count)... of \(summary); its extents must agree"))
        return .poison
      }
      let coordinates = index.nonzero()
      positions += (0..<index.rank).map { coordinates.select(1, $0) }
    }
    guard !positions.isEmpty, positions.count <= rank else {
      raise(EmberError(.index, in: "index_put", "\(positions.count) index tensors for \(summary); give 1 to \(rank)"))
      return .poison
    }
    return apply(IndexPut(dimensions: Array(positions.indices), accumulate: accumulate), [self, values] + positions)[0]
  }

  /// Sorted values along a dimension, and where they came from. Stable; NaN counts as the largest.
  public func sort(_ dim: Int = -1, descending: Bool = false) -> (values: Tensor, indices: Tensor) {
    let all = apply(Sort(dimension: dim, descending: descending), [self], count: 2)
    return (all[0], all[1])
  }
  public func argsort(_ dim: Int = -1, descending: Bool = false) -> Tensor { sort(dim, descending: descending).indices }

  public func topk(_ k: Int, dim: Int = -1, largest: Bool = true, sorted: Bool = true) -> (values: Tensor, indices: Tensor) {
    let all = apply(TopK(k: k, dimension: dim, largest: largest, sorted: sorted), [self], count: 2)
    return (all[0], all[1])
  }

  /// The coordinates of the elements that are not zero, [count, rank].
  public func nonzero() -> Tensor {
    guard mayRun("nonzero", self) else { return .poison }
    return attempt { () throws(EmberError) in
      try checkReadable(in: "nonzero")
      guard backend.holdsData else { throw EmberError(.device, in: "nonzero", "the result's shape depends on data, which \(summary) does not have") }
      let count = backend.countNonzero(operand)
      let result = try Tensor.empty(shape: [count, rank], dtype: .int64, like: self)
      if count > 0, rank > 0 { backend.nonzero(operand, count: count, into: result.operand) }
      return result
    }
  }

  /// The elements where `mask` holds, in a row.
  public func maskedSelect(_ mask: Tensor) -> Tensor {
    guard mayRun("masked_select", self), mayRun("masked_select", mask) else { return .poison }
    guard let shape = self.shape.broadcast(with: mask.shape), mask.dtype == .bool else {
      raise(EmberError(.shape, in: "masked_select", "a mask \(mask.summary) for \(summary); it must be bool and broadcast"))
      return .poison
    }
    let position = mask.expand(Array(shape)).reshape([-1]).nonzero().reshape([-1])
    return expand(Array(shape)).reshape([-1]).indexSelect(0, position)
  }
}
