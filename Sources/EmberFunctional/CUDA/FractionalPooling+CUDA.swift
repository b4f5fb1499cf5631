import CEmberFunctional
import EmberCUDA
import EmberTensor

extension FractionalMaxPool {
  static let cudaKernel: @Sendable (ember_fractional_pooling, Tensor, Tensor, Tensor, Tensor) -> Void = { p, x, samples, y, indices in
    (x.backend as! CUDABackend).fractionalMaxPool(
      x.operand, samples: samples.operand, into: y.operand, indices: indices.operand,
      FractionalWindows(rank: Int(p.rank), planes: p.planes, input: p.input, output: p.output, kernel: p.kernel))
  }
}
