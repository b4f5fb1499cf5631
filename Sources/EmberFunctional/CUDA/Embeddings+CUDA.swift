import EmberCUDA
import EmberRuntime
import EmberTensor

extension EmbeddingBag {
  static let cudaKernel: @Sendable (EmbeddingBag, [Tensor], Tensor?, [Tensor]) -> Void = { op, x, weights, y in
    let reduction: BagReduction = op.mode == .sum ? .sum : op.mode == .mean ? .mean : .maximum
    (y[0].backend as! CUDABackend).embeddingBag(
      reduction, table: x[0].operand, indices: x[1].operand, offsets: x[2].operand, weights: weights?.operand, padding: op.padding,
      into: y[0].operand, winners: y.count > 1 ? y[1].operand : nil)
  }
}
