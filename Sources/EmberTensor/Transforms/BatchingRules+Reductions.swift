import EmberRuntime

// Operations on all members of a batch at once: what works along dimensions.

extension OperationBatch {
  /// The single input and the dimensions of a reduction (none: all); a scalar counts as a vector of one.
  fileprivate func reduced(_ list: [Int]) -> (x: Tensor, dimensions: [Int])? {
    let rank = shape(0).rank
    if rank == 0 { return list.allSatisfy { $0 == 0 || $0 == -1 } ? (self[0].reshape([size, 1]), [1]) : nil }
    guard !list.isEmpty else { return (self[0], Array(1...rank)) }
    return dimensions(list).map { (self[0], $0) }
  }

  /// A scalar keeps no dimension.
  fileprivate func keeps(_ keepsDimensions: Bool) -> Bool { keepsDimensions && shape(0).rank > 0 }
}

extension Reduce {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    batch.reduced(dimensions).map { x, dims in
      [apply(Reduce(reduction: reduction, dimensions: dims, keepsDimensions: batch.keeps(keepsDimensions), dtype: dtype), x)]
    }
  }
}

extension Variance {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    batch.reduced(dimensions).map { x, dims in
      [apply(Variance(dimensions: dims, correction: correction, keepsDimensions: batch.keeps(keepsDimensions), squareRoot: squareRoot), x)]
    }
  }
}

extension Extreme {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    batch.dimension(dimension).map {
      apply(Extreme(maximum: maximum, dimension: $0, keepsDimension: keepsDimension), [batch[0]], count: 2)
    }
  }
}

extension Cumulative {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    batch.dimension(dimension).map { [apply(Cumulative(scan: scan, dimension: $0, dtype: dtype), batch[0])] }
  }
}

extension Softmax {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    batch.dimension(dimension).map { [apply(Softmax(logarithm: logarithm, dimension: $0), batch[0])] }
  }
}

extension Sort {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    batch.dimension(dimension).map { apply(Sort(dimension: $0, descending: descending), [batch[0]], count: 2) }
  }
}

extension TopK {
  package func batched(_ batch: OperationBatch) -> [Tensor]? {
    batch.dimension(dimension).map { apply(TopK(k: k, dimension: $0, largest: largest, sorted: sorted), [batch[0]], count: 2) }
  }
}
