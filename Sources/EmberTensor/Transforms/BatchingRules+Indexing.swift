import EmberRuntime

// Operations on all members of a batch at once: what reads and writes at positions given by tensors.

extension IndexSelect {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard let moved = batch.dimension(dimension) else { return nil }
    if batch.isShared(1) { return [batch[0].indexSelect(moved, batch.asIs(1))] }
    guard batch.shape(1).rank == 1, batch.shape(0).rank < maximumRank else { return nil }
    // Positions that differ among the members are pairs of member and position.
    return readPairs(batch, IndexGet(dimensions: [moved - 1]))
  }
}

extension IndexAdd {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard let moved = batch.dimension(dimension) else { return nil }
    if batch.isShared(1) { return [batch[0].indexAdd(dim: moved, index: batch.asIs(1), source: batch[2], alpha: .real(alpha))] }
    guard batch.shape(1).rank == 1, batch.shape(2) == batch.shape(0).replacing(moved - 1, with: batch.shape(1)[0]) else { return nil }
    let source = alpha == 1 ? batch[2] : batch[2] * alpha
    return writePairs(batch, target: 0, indices: [1], source: source, IndexPut(dimensions: [moved - 1], accumulate: true))
  }
}

extension Gather {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard let moved = batch.dimension(dimension), batch.shape(1).rank == batch.shape(0).rank else { return nil }
    return [batch[0].gather(dim: moved, index: batch[1])]
  }
}

extension Scatter {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard let moved = batch.dimension(dimension), (1...2).allSatisfy({ batch.shape($0).rank == batch.shape(0).rank }) else { return nil }
    return apply(Scatter(mode: mode, dimension: moved), [batch[0], batch[1], batch[2]])
  }
}

extension EmbeddingLookup {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.isShared(0) else { return nil }
    return [apply(self, batch.asIs(0), batch[1])]
  }
}

extension IndexGet {
  package func batched(_ batch: OperationBatch) -> [Tensor]? { readPairs(batch, self) }
}

extension IndexPut {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    let indices = Array(2..<batch.count)
    guard let result = resultShape(batch, dimensions, target: 0, indices: indices), result.shape.rank < maximumRank,
      batch.shape(1).rank <= result.shape.rank
    else { return nil }
    let source = batch.aligned(1, rank: result.shape.rank).expand([batch.size] + Array(result.shape))
    return writePairs(batch, target: 0, indices: indices, source: source, self)
  }
}

/// What indexing makes of one member: its shape, where the dimensions of the indices are in it, and how many they are.
private func resultShape(
  _ batch: OperationBatch, _ dimensions: [Int], target: Int, indices: [Int]
) -> (shape: Shape, position: Int, indexRank: Int)? {
  var common = Shape()
  for i in indices {
    guard let wider = common.broadcast(with: batch.shape(i)) else { return nil }
    common = wider
  }
  let own = batch.shape(target)
  let rest = (0..<own.rank).filter { !dimensions.contains($0) }.map { own[unchecked: $0] }
  guard rest.count + common.rank <= maximumRank else { return nil }
  let isAdjacent = zip(dimensions, dimensions.dropFirst()).allSatisfy { $1 == $0 + 1 }
  let position = isAdjacent ? dimensions[0] : 0
  return (Shape(Array(rest[..<position]) + Array(common) + Array(rest[position...])), position, common.rank)
}

/// Indices with that of the member in front, for the tensor with the batch as its dimension 0.
private func pairs(_ batch: OperationBatch, _ indices: [Int], rank: Int, on device: Device) -> [Tensor] {
  [batch.members(rank: rank, on: device)] + indices.map { batch.aligned($0, rank: rank) }
}

/// How the dimensions [batch, before, index, after] of a member's result lie when read by pairs: [batch, index, before, after], since
/// indexed dimensions that are not neighbours move to the front. Nil where both are the same.
private func pairOrder(position: Int, indexRank: Int, rank: Int) -> [Int]? {
  if position == 0 { return nil }
  let start = 1 + position, end = start + indexRank
  return [0] + Array(start..<end) + Array(1..<start) + Array(end..<(1 + rank))
}

/// Reads blocks of input 0 at the positions of the other inputs.
private func readPairs(_ batch: OperationBatch, _ operation: IndexGet) -> [Tensor]? {
  let indices = Array(1..<batch.count)
  guard let result = resultShape(batch, operation.dimensions, target: 0, indices: indices), result.shape.rank < maximumRank else {
    return nil
  }
  let x = batch[0]
  let moved = IndexGet(dimensions: [0] + operation.dimensions.map { $0 + 1 })
  let y = apply(moved, [x] + pairs(batch, indices, rank: result.indexRank, on: x.device))[0]
  guard let order = pairOrder(position: result.position, indexRank: result.indexRank, rank: result.shape.rank) else { return [y] }
  var inverse = order
  for (i, dimension) in order.enumerated() { inverse[dimension] = i }
  return [y.isPoisoned ? y : y.permute(inverse)]
}

/// Writes blocks of `source` [batch, result of a member...] at the positions of some inputs.
private func writePairs(_ batch: OperationBatch, target: Int, indices: [Int], source: Tensor, _ operation: IndexPut) -> [Tensor]? {
  guard let result = resultShape(batch, operation.dimensions, target: target, indices: indices), !source.isPoisoned else { return nil }
  let x = batch[target]
  let moved = IndexPut(dimensions: [0] + operation.dimensions.map { $0 + 1 }, accumulate: operation.accumulate)
  let order = pairOrder(position: result.position, indexRank: result.indexRank, rank: result.shape.rank)
  let arranged = order.map { source.permute($0) } ?? source
  return apply(moved, [x, arranged] + pairs(batch, indices, rank: result.indexRank, on: x.device))
}
