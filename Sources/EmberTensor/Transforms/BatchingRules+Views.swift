import EmberRuntime

// Operations on all members of a batch at once: what moves elements. Dimensions are one further back; what a rule does not cover
// (scalars, mistakes in the arguments) is left to the members one by one.

extension Reshape {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard let target = resolved(from: batch.shape(0)), target.rank < maximumRank else { return nil }
    return [batch[0].reshape([batch.size] + Array(target))]
  }
}

extension Permute {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard let moved = batch.dimensions(order) else { return nil }
    return [batch[0].permute([0] + moved)]
  }
}

extension Expand {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    let added = shape.count - batch.shape(0).rank
    guard added >= 0, shape.count < maximumRank, !shape.prefix(added).contains(-1) else { return nil }
    return [batch.aligned(0, rank: shape.count).expand([batch.size] + shape)]
  }
}

/// A view by dimensions, which are one further back where the batch is in front.
protocol MovableView: UnaryOperation {
  /// The same view of every member of a tensor with the batch in front.
  var behindBatch: Self { get }
}

extension Slice: MovableView {
  var behindBatch: Slice { Slice(dimension: dimension + 1, start: start, count: count, step: step) }
  package func batched(_ batch: OperationBatch) -> [Tensor]? { [apply(behindBatch, batch[0])] }
}

extension Split {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    apply(Split(dimension: dimension + 1, lengths: lengths), [batch[0]], count: lengths.count)
  }
}

extension Select: MovableView {
  var behindBatch: Select { Select(dimension: dimension + 1, index: index) }
  package func batched(_ batch: OperationBatch) -> [Tensor]? { [apply(behindBatch, batch[0])] }
}

extension Diagonal: MovableView {
  /// Dimensions counted from the end stay what they are.
  var behindBatch: Diagonal {
    Diagonal(offset: offset, first: first < 0 ? first : first + 1, second: second < 0 ? second : second + 1)
  }
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.dimensions([first, second]) != nil else { return nil }
    return [apply(behindBatch, batch[0])]
  }
}

extension ViewBackward {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard shape.rank < maximumRank, let view = view as? any MovableView else { return nil }
    func filled(_ view: some MovableView) -> Tensor {
      apply(ViewBackward<_>(view: view, shape: Shape([batch.size] + Array(shape))), batch[0])
    }
    return [filled(view.behindBatch)]
  }
}

extension Flip {
  package func batched(_ batch: OperationBatch) -> [Tensor]? { batch.dimensions(dimensions).map { [batch[0].flip($0)] } }
}

extension Concatenate {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    let present = (0..<batch.count).filter { batch.isPresent($0) }
    // Empty vectors may join anything: a case of its own.
    guard let first = present.first, present.allSatisfy({ batch.shape($0).rank == batch.shape(first).rank }),
      let moved = batch.dimension(dimension, of: first)
    else { return nil }
    return [cat(present.map { batch[$0] }, dim: moved)]
  }
}

extension Cast {
  package func batched(_ batch: OperationBatch) -> [Tensor]? { [apply(self, batch[0])] }
}

extension Contiguous {
  package func batched(_ batch: OperationBatch) -> [Tensor]? { [apply(self, batch[0])] }
}

extension Transfer {
  package func batched(_ batch: OperationBatch) -> [Tensor]? { [apply(self, batch[0])] }
}

extension Region {
  /// The same part of every member, in a dense tensor of members with `count` elements each.
  func behindBatch(_ size: Int, of count: Int) -> Region {
    Region(shape: Shape([size] + Array(shape)), strides: Strides([count] + (0..<shape.rank).map { strides[$0] }), offset: offset)
  }
}

extension RegionGet {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard region.shape.rank < maximumRank else { return nil }
    return [apply(RegionGet(region: region.behindBatch(batch.size, of: batch.shape(0).elementCount)), batch[0].contiguous())]
  }
}

extension RegionBackward {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard shape.rank < maximumRank, region.shape.rank < maximumRank else { return nil }
    let moved = RegionBackward(region: region.behindBatch(batch.size, of: shape.elementCount), shape: Shape([batch.size] + Array(shape)))
    return [apply(moved, batch[0])]
  }
}

extension RegionPut {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard dimensions.isEmpty, region.shape.rank < maximumRank, batch.shape(1).rank <= region.shape.rank else { return nil }
    let moved = RegionPut(region: region.behindBatch(batch.size, of: batch.shape(0).elementCount), dimensions: [])
    return apply(moved, [batch[0].contiguous(), batch.aligned(1, rank: region.shape.rank)])
  }
}

extension RegionClear {
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard dimensions.isEmpty, region.shape.rank < maximumRank else { return nil }
    let moved = RegionClear(region: region.behindBatch(batch.size, of: batch.shape(0).elementCount), dimensions: [])
    return apply(moved, [batch[0].contiguous()])
  }
}
