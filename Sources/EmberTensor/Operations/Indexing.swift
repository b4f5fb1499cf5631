import EmberRuntime

// MARK: - Along one dimension

package struct IndexSelect: BinaryOperation {
  package static let name = "index_select"
  package let saved: SavedTensors = .input1
  package let dimension: Int
  /// Whether negative indices count from the end; otherwise they are a mistake.
  var countsFromEnd = true

  package func forward(_ x: Tensor, _ index: Tensor) throws(EmberError) -> Tensor {
    let axis = try DenseAxis(x, dimension, in: "index_select")
    guard index.dtype == .int64 || index.dtype == .int32 else {
      throw EmberError(.dtype, in: "index_select", "the index must be int64 or int32, not \(index.summary)")
    }
    let index = try checkedIndex(index, in: "index_select").dense()
    guard index.rank <= 1 else { throw EmberError(.shape, in: "index_select", "the index must have one dimension, not \(index.summary)") }
    let count = index.elementCount
    let y = try Tensor.empty(shape: x.rank == 0 ? Shape() : x.body.shape.replacing(axis.dimension, with: count), dtype: x.dtype, like: x)
    if x.backend.holdsData,
      let bad = x.backend.indexSelect(axis.operand, index: index.operand, countsFromEnd: countsFromEnd, into: y.operand)
    {
      throw badIndex("index_select", index, bad, axis.operand.count, x)
    }
    return y
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let shape = context.inputShape(0)
    let zeros = Tensor.zeros(Array(shape), dtype: gradient.dtype, on: gradient.device)
    return (zeros.indexAdd(dim: dimension, index: context.input(1), source: gradient), nil)
  }
}

/// Indices as int64.
package func checkedIndex(_ index: Tensor, in operation: String) throws(EmberError) -> Tensor {
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
    let x = inputs[0]!
    let index = try checkedIndex(inputs[1]!, in: "index_add").dense()
    let source = inputs[2]!
    if x.dtype == .complex32 {
      // Kernels add in the wider type.
      let wide = try forward([noGrad { x.to(.complex64) }, index, noGrad { source.dtype == x.dtype ? source.to(.complex64) : source }])[0]
      return [noGrad { wide.to(.complex32) }]
    }
    let result = try Contiguous().forward(x)
    let axis = try DenseAxis(result, dimension, in: "index_add")
    let expected = x.rank == 0 ? Shape() : x.body.shape.replacing(axis.dimension, with: index.elementCount)
    guard source.body.shape == expected, source.dtype == x.dtype else {
      throw EmberError(
        .shape, in: "index_add",
        "source \(source.summary) for \(x.summary) with \(index.elementCount) indices; it must be \(x.dtype)\(expected)")
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

package struct Gather: BinaryOperation {
  package static let name = "gather"
  package let saved: SavedTensors = .input1
  package let dimension: Int

  package func forward(_ x: Tensor, _ index: Tensor) throws(EmberError) -> Tensor {
    let dimension = try wrapDimension(self.dimension, x.rank, in: "gather")
    if index.elementCount == 0 { return try Tensor.empty(shape: index.body.shape, dtype: x.dtype, like: x) }
    guard index.dtype == .int64 else { throw EmberError(.dtype, in: "gather", "the index must be int64, not \(index.summary)") }
    guard index.rank == x.rank,
      (0..<x.rank).allSatisfy({ $0 == dimension || index.body.shape[unchecked: $0] <= x.body.shape[unchecked: $0] })
    else {
      throw EmberError(
        .shape, in: "gather",
        "index \(index.summary) for \(x.summary); it must have as many dimensions, none larger but dimension \(dimension)")
    }
    let y = try Tensor.empty(shape: index.body.shape, dtype: x.dtype, like: x)
    guard x.backend.holdsData, y.elementCount > 0 else { return y }
    let (px, pindex, py) =
      x.rank == 0 ? (x.operand.asVector, index.operand.asVector, y.operand.asVector) : (x.operand, index.operand, y.operand)
    if let bad = x.backend.gather(px, dimension: dimension, index: pindex, into: py) {
      throw badIndex("gather", index, bad, px.shape[dimension], x)
    }
    return y
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let zeros = Tensor.zeros(Array(context.inputShape(0)), dtype: gradient.dtype, on: gradient.device)
    if gradient.elementCount == 0 { return (zeros, nil) }
    return (zeros.scatterAdd(dim: dimension, index: context.input(1), source: gradient), nil)
  }
}

extension Operand {
  /// A 0-dimensional operand as a vector of one.
  var asVector: Operand { Operand(pointer: pointer, dtype: dtype, shape: [1], strides: Strides([1])) }
}

package struct Scatter: VariadicOperation {
  package static let name = "scatter"
  package let saved: SavedTensors = .input1
  package let mode: ScatterMode
  package let dimension: Int

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    let index = inputs[1]!
    let source = inputs[2]!
    guard index.dtype == .int64 || index.elementCount == 0 else {
      throw EmberError(.dtype, in: "scatter", "the index must be int64, not \(index.summary)")
    }
    guard source.dtype == x.dtype else {
      throw EmberError(.dtype, in: "scatter", "source \(source.summary) and self \(x.summary) must have one dtype")
    }
    let dimension = try wrapDimension(self.dimension, x.rank, in: "scatter")
    guard
      index.elementCount == 0
        || (index.rank == x.rank && source.rank == x.rank
          && (0..<x.rank).allSatisfy({
            index.body.shape[unchecked: $0] <= source.body.shape[unchecked: $0]
              && ($0 == dimension || index.body.shape[unchecked: $0] <= x.body.shape[unchecked: $0])
          }))
    else {
      throw EmberError(
        .shape, in: "scatter", "index \(index.summary), source \(source.summary), self \(x.summary): the index must fit into both")
    }
    let result = try Contiguous().forward(x)
    guard x.backend.holdsData, index.elementCount > 0 else { return [result] }
    let parts = [result.operand, index.operand, source.operand].map { x.rank == 0 ? $0.asVector : $0 }
    if let bad = x.backend.scatter(mode, into: parts[0], dimension: dimension, index: parts[1], source: parts[2]) {
      throw badIndex("scatter", index, bad, parts[0].shape[dimension], x)
    }
    return [result]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
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
      result = apply(
        ViewBackward(
          view: Slice(dimension: i, start: 0, count: result.shape[i], step: 1), shape: result.shape.replacing(i, with: shape[i])), result)
    }
    return result
  }
}

// MARK: - Index tensors for several dimensions: x[i, j, :]

/// Reads blocks of x at positions given by index tensors for some of its dimensions.
package struct IndexGet: VariadicOperation {
  package static let name = "index"
  /// Dimensions that the index tensors are for, ascending.
  package let dimensions: [Int]
  package let saved: SavedTensors = SavedTensors.inputs.subtracting(.input0)

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
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

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let indices = dimensions.indices.map { context.input($0 + 1) }
    guard let g = gradients[0] else { return [nil] }
    let zeros = Tensor.zeros(Array(context.inputShape(0)), dtype: g.dtype, on: g.device)
    return [apply(IndexPut(dimensions: dimensions, accumulate: true), [zeros, g] + indices)[0]] + indices.map { _ in nil }
  }
}

/// x with blocks replaced by (or increased by) those of a source.
package struct IndexPut: VariadicOperation {
  package static let name = "index_put"
  package let dimensions: [Int]
  package let accumulate: Bool
  package let saved: SavedTensors = SavedTensors.inputs.subtracting([.input0, .input1])

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let result = try Contiguous().forward(inputs[0]!)
    try write(inputs[1]!, to: result, inputs.dropFirst(2).map { $0! })
    return [result]
  }

  /// Writes into memory that only the caller sees.
  func write(_ source: Tensor, to target: Tensor, _ indices: [Tensor]) throws(EmberError) {
    let plan = try IndexPlan(target, indices, dimensions)
    guard source.body.shape.broadcast(with: plan.resultShape) == plan.resultShape else {
      throw EmberError(
        .shape, in: "index_put", "values \(source.summary) do not fill the indexed shape \(plan.resultShape) of \(target.summary)")
    }
    guard target.backend.holdsData, plan.resultShape.elementCount > 0 else { return }
    let typed = source.dtype == target.dtype ? source : try Cast(dtype: target.dtype).forward(source)
    let full = try Expand(shape: Array(plan.resultShape)).forward(typed)
    let blocks = try plan.blocked(full).dense()
    let blockCount = plan.block.shape.elementCount
    target.backend.putBlocks(
      into: plan.block, offsets: plan.offsets!.operand,
      source: Operand(
        pointer: blocks.body.pointer, dtype: target.dtype, shape: plan.block.shape, strides: plan.block.shape.contiguousStrides),
      sourceStride: blockCount, accumulate: accumulate)
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil] }
    let indices = dimensions.indices.map { context.input($0 + 2) }
    var own: Tensor?
    if context.needs(0) {
      own =
        accumulate
        ? g : apply(IndexPut(dimensions: dimensions, accumulate: false), [g, Tensor.zeros([], dtype: g.dtype, on: g.device)] + indices)[0]
    }
    let source: Tensor? =
      context.needs(1)
      ? apply(IndexGet(dimensions: dimensions), [g] + indices)[0].sum(to: context.inputShape(1)).to(context.inputDType(1)) : nil
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
    var shape = Shape()
    var strides = Strides()
    for i in 0..<x.rank where !dimensions.contains(i) {
      shape.append(x.body.shape[unchecked: i])
      strides.append(x.body.strides[i])
    }
    block = Operand(pointer: x.body.pointer, dtype: x.dtype, shape: shape, strides: strides)
    // Neighbouring indexed dimensions are replaced where they stood, separate ones move to the front (NumPy's rule).
    let isAdjacent = zip(dimensions, dimensions.dropFirst()).allSatisfy { $1 == $0 + 1 }
    position = isAdjacent ? dimensions[0] : 0
    indexRank = common.rank
    guard shape.rank + common.rank <= maximumRank else {
      throw EmberError(.shape, in: "index", "the result would have more than \(maximumRank) dimensions")
    }
    resultShape = Shape(Array(shape[0..<position]) + Array(common) + Array(shape[position...]))
    blockedShape = Shape(Array(common) + Array(shape))
    guard x.backend.holdsData else {
      offsets = nil
      return
    }
    let made = try Tensor.empty(shape: common, dtype: .int64, like: x)
    if let bad = x.backend.indexOffsets(
      operands.map(\.operand), sizes: dimensions.map { x.body.shape[unchecked: $0] }, strides: dimensions.map { x.body.strides[$0] },
      into: made.operand)
    {
      throw badIndex("index", operands[bad.array], bad.position, x.body.shape[unchecked: dimensions[bad.array]], x)
    }
    offsets = made
  }

  /// [indices..., block...] as the result's shape.
  func arranged(_ blocks: Tensor) throws(EmberError) -> Tensor {
    let r = indexRank
    let total = blockedShape.rank
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

extension Tensor {
  /// Positions `index` of a dimension.
  public func indexSelect(_ dim: Int, _ index: Tensor) -> Tensor { apply(IndexSelect(dimension: dim), self, index) }
  /// self with `alpha · source` added at positions `index` of a dimension.
  public func indexAdd(dim: Int, index: Tensor, source: Tensor, alpha: Scalar = 1) -> Tensor {
    guard mayRunSlowly("index_add", [self, index, source]) else { return .poison }
    if rank == 0, source.rank <= 1 { return asVector { $0.indexAdd(dim: dim, index: index, source: source.flatten(), alpha: alpha) } }
    let added = source.rank == 0 && rank == 1 ? source.reshape([1]) : source
    if case .complex = alpha { return indexAdd(dim: dim, index: index, source: added * alpha) }
    return apply(IndexAdd(dimension: dim, alpha: alpha.doubleValue), [self, index.atLeast1D(), added])[0]
  }

  /// A 0-dimensional tensor seen as a vector of one for a function that needs a dimension.
  private func asVector(_ body: (Tensor) -> Tensor) -> Tensor {
    let vector = reshape([1])
    // What failed has no dimension either, and would be seen as a vector again and again.
    return vector.isPoisoned ? vector : body(vector).reshape([])
  }

  /// out[i][j] = self[index[i][j]][j] for dimension 0, and so on. The index is int64 or int32, in no other dimension larger than self.
  public func gather(dim: Int, index: Tensor) -> Tensor {
    guard mayRunSlowly("gather", [self, index]) else { return .poison }
    let index = index.dtype == .int32 ? index.to(.int64) : index
    if rank == 0, index.rank == 1 { return reshape([1]).gather(dim: dim, index: index) }
    if rank == 1, index.rank == 0 { return gather(dim: dim, index: index.reshape([1])).reshape([]) }
    return apply(Gather(dimension: dim), self, index)
  }

  /// self[index[i][j]][j] = source[i][j] for dimension 0, and so on. The last of several that name one place wins.
  public func scatter(dim: Int, index: Tensor, source: Tensor) -> Tensor { scatter(.set, dim, index, source) }
  /// The same with one number for all places, converted to this dtype.
  public func scatter(dim: Int, index: Tensor, value: Scalar) -> Tensor {
    guard let value = value.converted(to: dtype) else {
      return refuse(.dtype, "scatter", "\(value) does not fit into \(summary)", beside: self)
    }
    return scatter(.set, dim, index, Tensor(value, dtype: dtype, on: device).expand(Array(index.shape)))
  }
  /// self[index[i][j]][j] += source[i][j] for dimension 0, and so on.
  public func scatterAdd(dim: Int, index: Tensor, source: Tensor) -> Tensor { scatter(.add, dim, index, source) }

  func scatter(_ mode: ScatterMode, _ dim: Int, _ index: Tensor, _ source: Tensor) -> Tensor {
    guard mayRunSlowly("scatter", [self, index, source]) else { return .poison }
    let index = index.dtype == .int32 ? index.to(.int64) : index
    if rank == 0, index.rank == 1 || source.rank == 1 {
      return asVector { $0.scatter(mode, dim, index.atLeast1D(), source.atLeast1D()) }
    }
    let isVector = rank == 1
    return apply(
      Scatter(mode: mode, dimension: dim), [self, isVector ? index.atLeast1D() : index, isVector ? source.atLeast1D() : source])[0]
  }

  /// The coordinates of the elements that are not zero, [count, rank].
  public func nonzero() -> Tensor {
    guard mayRun("nonzero", self) else { return .poison }
    return attempt { () throws(EmberError) in
      try checkReadable(in: "nonzero")
      guard backend.holdsData else {
        throw EmberError(.device, in: "nonzero", "the result's shape depends on data, which \(summary) does not have")
      }
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
      return refuse(.shape, "masked_select", "a mask \(mask.summary) for \(summary); it must be bool and broadcast", beside: self)
    }
    let position = mask.expand(Array(shape)).flatten().nonzero().flatten()
    return expand(Array(shape)).flatten().indexSelect(0, position)
  }
}

extension OperatorRegistry {
  mutating func addIndexing() {
    add("aten::index_select(Tensor self, int dim, Tensor index) -> Tensor") { (x: Tensor, dim: Int, index: Tensor) in
      x.indexSelect(dim, index)
    }
    add("aten::index_select.out(Tensor self, int dim, Tensor index, *, Tensor(a!) out) -> Tensor(a!)") {
      (x: Tensor, dim: Int, index: Tensor, out: Tensor) in try written(x.indexSelect(dim, index), to: out, in: "index_select")
    }
    add("aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, source: Tensor, alpha: Scalar) in
      x.indexAdd(dim: dim, index: index, source: source, alpha: alpha)
    }
    add("aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, _: Bool) in
      x.gather(dim: dim, index: index)
    }
    add("aten::gather.out(Tensor self, int dim, Tensor index, *, bool sparse_grad=False, Tensor(a!) out) -> Tensor(a!)") {
      (x: Tensor, dim: Int, index: Tensor, _: Bool, out: Tensor) in try written(x.gather(dim: dim, index: index), to: out, in: "gather")
    }
    add("aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, source: Tensor) in
      x.scatter(dim: dim, index: index, source: source)
    }
    add("aten::scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, value: Scalar) in
      x.scatter(dim: dim, index: index, value: value)
    }
    add("aten::scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, source: Tensor) in
      x.scatterAdd(dim: dim, index: index, source: source)
    }
    add("aten::masked_select(Tensor self, Tensor mask) -> Tensor") { (x: Tensor, mask: Tensor) in x.maskedSelect(mask) }
    add("aten::masked_select.out(Tensor self, Tensor mask, *, Tensor(a!) out) -> Tensor(a!)") { (x: Tensor, mask: Tensor, out: Tensor) in
      try written(x.maskedSelect(mask), to: out, in: "masked_select")
    }
  }
}

extension Tensor {
  /// The elements (or blocks) at positions given by index tensors for some dimensions, ascending, as `x[i, :, j]` reads them.
  package func taking(_ indices: [(dimension: Int, index: Tensor)]) -> Tensor {
    apply(IndexGet(dimensions: indices.map(\.dimension)), [self] + indices.map(\.index))[0]
  }

  /// This tensor with `values` added at the positions that `taking` reads; a position that occurs twice gets both.
  package func adding(_ values: Tensor, at indices: [(dimension: Int, index: Tensor)]) -> Tensor {
    apply(IndexPut(dimensions: indices.map(\.dimension), accumulate: true), [self, values] + indices.map(\.index))[0]
  }
}
