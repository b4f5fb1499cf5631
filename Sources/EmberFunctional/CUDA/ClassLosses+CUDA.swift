import EmberCUDA
import EmberTensor

extension MultilabelMargin {
  /// Labels that are no class are reported later: always true.
  static let cudaKernel: @Sendable (Tensor, Tensor, Tensor) -> Bool = { x, targets, y in
    (x.backend as! CUDABackend).multilabelMargin(x.operand, labels: targets.operand, into: y.operand)
    return true
  }
}

extension MultilabelMarginBackward {
  static let cudaKernel: @Sendable ([Tensor], Tensor) -> Void = { x, dx in
    (dx.backend as! CUDABackend).multilabelMarginBackward(
      gradient: x[0].operand, x[1].operand, labels: x[2].operand, into: dx.operand)
  }
}
