import EmberCUDA
import EmberRuntime
import EmberTensor

extension SegmentReduce {
  static let cudaKernel: @Sendable (SegmentReduce, Tensor, Tensor) -> Void = { op, x, y in
    let gathering: SegmentGathering =
      switch op.reduction {
      case .sum: .sum
      case .mean: .mean
      case .max: .maximum
      case .min: .minimum
      case .prod: .product
      }
    (y.backend as! CUDABackend).segmentReduce(
      gathering, x.operand, starts: op.starts, ends: op.ends, initial: op.initial, into: y.operand)
  }
}
