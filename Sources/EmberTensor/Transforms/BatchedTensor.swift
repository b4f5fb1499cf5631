import EmberRuntime

/// What a tensor inside `vmap` stands for: its values for all members of the batch.
///
/// The tensor's own shape is that of one member. Its history, if it has one, belongs to the computation on one member; the
/// physical tensor has a history of its own, that of the world around the `vmap`.
final class BatchedValue: Sendable {
  /// The batch comes first, unless the value is shared. May itself belong to a `vmap` further out.
  let physical: Tensor
  /// Which `vmap`: later ones, which lie further in, have larger numbers.
  let level: UInt64
  /// One value for the whole batch, without a dimension for it: something from outside that gets a history inside.
  let isShared: Bool

  init(_ physical: Tensor, level: UInt64, isShared: Bool) {
    self.physical = physical
    self.level = level
    self.isShared = isShared
  }
}

extension TensorBody {
  convenience init(batch: BatchedValue) {
    let physical = batch.physical.body
    let shape = batch.isShared ? physical.shape : physical.shape.removing(0)
    self.init(
      .member(batch), dtype: physical.dtype, shape: shape, strides: shape.contiguousStrides, isContiguous: false, on: physical.backend)
  }
}

extension Tensor {
  init(batched physical: Tensor, level: UInt64, isShared: Bool = false) {
    if physical.isPoisoned {
      self = .poison
    } else {
      self.init(TensorBody(batch: BatchedValue(physical, level: level, isShared: isShared)))
    }
  }

  /// The innermost `vmap` that this tensor belongs to; 0: none.
  var batchLevel: UInt64 { body.batch?.level ?? 0 }

  /// This tensor as one of `level`: what comes from further out is shared by the batch, and its history stays outside.
  func lifted(to level: UInt64) -> Tensor {
    batchLevel == level || isPoisoned ? self : Tensor(batched: self, level: level, isShared: true)
  }

  /// Whether gradients flow back from here, to inside of any `vmap` or outside.
  var hasHistory: Bool { node != nil || (body.batch?.physical.hasHistory ?? false) }

  /// The values for all members of all batches.
  package var wholePhysical: Tensor { body.batch?.physical.wholePhysical ?? value }

  /// The plain tensor behind values that all members share, or nil if members differ.
  var common: Tensor? {
    guard let batch = body.batch else { return self }
    return batch.isShared ? batch.physical.common : nil
  }

  /// The error of asking for the elements of a tensor that stands for several.
  package func checkReadable(in operation: String) throws(EmberError) {
    if body.trace != nil { throw TracedValue.unreadable(self, in: operation) }
    if body.batch == nil { return }
    throw EmberError(
      .value, in: operation,
      "\(summary) stands for every member of a batch inside vmap and has no elements of its own; keep to tensor operations "
        + "(`where` instead of if), or return the tensor from vmap and read it there")
  }

  /// Whether any element holds, of any member of a batch: for checks, and for derivatives that choose among formulas which agree.
  ///
  /// - Parameter unknown: the answer where there are no elements to ask, on `meta` and in graphs.
  package func holdsSomewhere(unknown: Bool = false) -> Bool {
    if !backend.holdsData || wholePhysical.body.trace != nil { return unknown }
    return noGrad { wholePhysical.any().item(as: Bool.self) }
  }
}
