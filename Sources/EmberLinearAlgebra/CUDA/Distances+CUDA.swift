import EmberCUDA
import EmberRuntime
import EmberTensor

extension DistanceKernels {
  static let cuda = DistanceKernels(
    forward: { p, a, b, distances in
      (distances.backend as! CUDABackend).distances(a.operand, b.operand, p: p, into: distances.operand)
    },
    backward: { p, a, b, distances, gradient, result in
      (result.backend as! CUDABackend).distancesBackward(
        a.operand, b.operand, distances: distances.operand, gradient: gradient.operand, p: p, into: result.operand)
    })
}
