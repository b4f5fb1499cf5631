import EmberCUDA
import EmberRuntime
import EmberTensor

extension PairDistances {
  static let cudaKernel: @Sendable (Tensor, Tensor, Double) -> Void = { x, y, p in
    (y.backend as! CUDABackend).pairDistances(x.operand, p: p, into: y.operand)
  }

  static let cudaBackwardKernel: @Sendable ([Tensor], Tensor, Double) -> Void = { x, dx, p in
    (dx.backend as! CUDABackend).pairDistancesBackward(
      x[1].operand, distances: x[2].operand, gradient: x[0].operand, p: p, into: dx.operand)
  }
}
