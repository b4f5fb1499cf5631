import EmberRuntime

// Operations on all members of a batch at once: products, convolutions, poolings, normalisations, losses. Most of them know a batch
// themselves; where parameters differ among the members as well, members become groups or channels.

extension MatMul {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    let rank = max(batch.shape(0).rank, batch.shape(1).rank)
    guard rank < maximumRank else { return nil }
    return [apply(MatMul(), batch.aligned(0, rank: rank), batch.aligned(1, rank: rank))]
  }
}

extension LinearOperation {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    if batch.isShared(1), batch.isShared(2) {
      return apply(LinearOperation(), [batch[0], batch.asIs(1), batch.isPresent(2) ? batch.asIs(2) : nil])
    }
    let shape = batch.shape(0), weight = batch.shape(1)
    // Rows of each member times its own matrix; wrong shapes are left to the members, who say so.
    guard shape.rank >= 1, weight.rank == 2, shape[-1] == weight[1], !batch.isPresent(2) || batch.shape(2) == [weight[0]] else {
      return nil
    }
    let rows = shape.product(0..<(shape.rank - 1)), x = batch.asIs(0)
    let y = apply(MatMul(), x.reshape((batch.isShared(0) ? [] : [batch.size]) + [rows, shape[-1]]), batch.asIs(1).mT)
    let biased = batch.isPresent(2) ? y + batch[2].unsqueeze(1) : y
    return [biased.reshape([batch.size] + Array(shape.dropLast()) + [weight[0]])]
  }
}

extension OperationBatch {
  /// Input `i` [n, ...] of all members as one batch [members · n, ...].
  fileprivate func merged(_ i: Int) -> Tensor { self[i].reshape([-1] + Array(shape(i).dropFirst())) }

  /// Input `i` [n, channels, ...] of all members, side by side: [n, members · channels, ...].
  fileprivate func channelsMerged(_ i: Int) -> Tensor {
    let own = shape(i)
    let order = [1, 0] + Array(2..<(own.rank + 1))
    return self[i].permute(order).reshape([own[0], size * own[1]] + Array(own.dropFirst(2)))
  }

  /// [members · n, ...] back to [members, n, ...].
  fileprivate func split(_ merged: Tensor) -> Tensor {
    merged.isPoisoned ? merged : merged.reshape([size, merged.size(0) / size] + Array(merged.shape.dropFirst()))
  }

  /// [n, members · channels, ...] back to [members, n, channels, ...].
  fileprivate func channelsSplit(_ merged: Tensor) -> Tensor {
    if merged.isPoisoned { return merged }
    let parts = merged.reshape([merged.size(0), size, merged.size(1) / size] + Array(merged.shape.dropFirst(2)))
    return parts.permute([1, 0] + Array(2..<parts.rank))
  }
}

extension ConvolutionGeometry {
  /// Members side by side as groups that do not see each other.
  fileprivate func grouped(_ members: Int) -> ConvolutionGeometry {
    var result = self
    result.groups *= members
    return result
  }
}

extension Convolution {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.size > 0 else { return nil }
    if batch.isShared(1), batch.isShared(2) {
      return [batch.split(apply(self, [batch.merged(0), batch.asIs(1), batch.isPresent(2) ? batch.asIs(2) : nil])[0])]
    }
    let moved = Convolution(geometry: geometry.grouped(batch.size))
    return [batch.channelsSplit(apply(moved, [batch.channelsMerged(0), batch.merged(1), batch.ifPresent(2)?.reshape(-1)])[0])]
  }
}

extension ConvolutionBackwardInput {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.size > 0 else { return nil }
    if batch.isShared(1) { return [batch.split(apply(self, batch.merged(0), batch.asIs(1)))] }
    let moved = ConvolutionBackwardInput(geometry: geometry.grouped(batch.size))
    return [batch.channelsSplit(apply(moved, batch.channelsMerged(0), batch.merged(1)))]
  }
}

extension ConvolutionBackwardWeight {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.size > 0 else { return nil }
    let moved = ConvolutionBackwardWeight(geometry: geometry.grouped(batch.size), withBias: withBias)
    return apply(moved, [batch.channelsMerged(0), batch.channelsMerged(1)], count: withBias ? 2 : 1).map(batch.split)
  }
}

extension MaxPool {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.shape(0).rank < maximumRank else { return nil }
    return apply(self, [batch[0]], count: withIndices || isAdaptive ? 2 : 1)
  }
}

extension MaxPoolBackward {
  func batched(_ batch: OperationBatch) -> [Tensor]? { [apply(self, batch[0], batch[1])] }
}

extension AveragePool {
  package func batched(_ batch: OperationBatch) -> [Tensor]? { [apply(self, batch[0])] }
}

extension LayerNormOperation {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    let rank = batch.shape(0).rank
    guard batch.isShared(1), batch.isShared(2) else { return nil }
    guard rank >= normalized.count, rank < maximumRank else { return nil }
    let all = apply(self, [batch[0], batch.isPresent(1) ? batch.asIs(1) : nil, batch.isPresent(2) ? batch.asIs(2) : nil], count: 3)
    return [all[0]] + all.dropFirst().map { $0.isPoisoned ? $0 : $0.reshape(batch.size, rowCount(batch.shape(0))) }
  }

  private func rowCount(_ shape: Shape) -> Int { shape.product(0..<(shape.rank - normalized.count)) }
}

extension RMSNormOperation {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    let shape = batch.shape(0), outer = shape.rank - normalized.count
    guard shape.rank < maximumRank else { return nil }
    // Weights of their own scale the result afterwards, which would round a 16-bit float twice.
    let weightsDiffer = batch.isPresent(1) && !batch.isShared(1), x = batch[0]
    if weightsDiffer, x.dtype.size == 2 { return nil }
    let all = apply(self, [x, batch.isPresent(1) && !weightsDiffer ? batch.asIs(1) : nil], count: 2)
    if all[0].isPoisoned { return all }
    let scaled = weightsDiffer ? all[0] * batch.aligned(1, rank: shape.rank) : all[0]
    return [scaled, all[1].reshape(batch.size, shape.product(0..<outer))]
  }
}

extension GroupNormOperation {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.size > 0, batch.shape(0).rank >= 2, batch.isShared(1), batch.isShared(2) else { return nil }
    return apply(self, [batch.merged(0), batch.isPresent(1) ? batch.asIs(1) : nil, batch.isPresent(2) ? batch.asIs(2) : nil], count: 3)
      .map(batch.split)
  }
}

extension BatchNormOperation {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.size > 0, batch.shape(0).rank >= 2 else { return nil }
    let all = apply(self, [batch.channelsMerged(0)] + (1..<batch.count).map { batch.ifPresent($0)?.reshape(-1) }, count: 4)
    return [batch.channelsSplit(all[0])] + all.dropFirst().map(batch.split)
  }
}

extension ClassLoss {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    let shape = batch.shape(0)
    guard batch.size > 0, batch.isShared(2), shape.rank >= 1, reduction != .batchMean,
      batch.shape(1) == shape.removing(shape.rank == 1 ? 0 : 1)
    else { return nil }
    // Each position's loss, of all members in one batch; the reduction is each member's own.
    let positions = ClassLoss(isLogarithmic: isLogarithmic, reduction: .none, ignoreIndex: ignoreIndex, labelSmoothing: labelSmoothing)
    let extents = shape.rank == 1 ? [batch.size, shape[0]] : [batch.size * shape[0]] + Array(shape.dropFirst())
    let weight = batch.isPresent(2) ? batch.asIs(2) : nil
    let labels = batch[1].reshape([extents[0]] + Array(extents.dropFirst(2)))
    let all = apply(positions, [batch[0].reshape(extents), labels, weight], count: 3)
    if all[0].isPoisoned { return all }
    let losses = all[0].reshape([batch.size] + Array(batch.shape(1)))
    let logSumExp = all[1].reshape([batch.size] + (isLogarithmic ? [0] : Array(batch.shape(1))))
    let total = totalWeight(batch[1], weight, batch.size)
    if reduction == .none { return [losses, logSumExp, total] }
    let sum = losses.reshape(batch.size, -1).sum(1)
    return [reduction == .sum ? sum : sum / total.to(sum.dtype), logSumExp, total]
  }

  /// The sum of the weights of each member's labels, float64.
  private func totalWeight(_ labels: Tensor, _ weight: Tensor?, _ size: Int) -> Tensor {
    let flat = labels.to(.int64).reshape(size, -1)
    let counts = flat .!= Scalar.integer(Int64(ignoreIndex))
    guard let weight else { return counts.to(.float64).sum(1) }
    let safe = flat.maskedFill(!counts, 0)
    let weights = weight.detach().to(.float64).indexSelect(0, safe.reshape(-1)).reshape(Array(safe.shape))
    return (weights * counts.to(.float64)).sum(1)
  }
}
