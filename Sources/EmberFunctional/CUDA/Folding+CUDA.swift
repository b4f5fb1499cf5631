import CEmberFunctional
import EmberCUDA
import EmberRuntime
import EmberTensor

extension Folding {
  static let cudaKernel: @Sendable (ember_folding, Tensor, Tensor, Bool) -> Void = { folding, x, y, isFold in
    let geometry = FoldingGeometry(
      planes: folding.planes, image: folding.image, blocks: folding.blocks, kernel: folding.kernel, stride: folding.stride,
      padding: folding.padding, dilation: folding.dilation)
    let backend = y.backend as! CUDABackend
    if isFold { backend.fold(geometry, x.operand, into: y.operand) } else { backend.unfold(geometry, x.operand, into: y.operand) }
  }
}
