import CEmberKernels
import EmberCUDA
import EmberRuntime

extension ConvolutionWindow {
  fileprivate init(_ c: ember_convolution) {
    self.init(spatialRank: Int(c.spatial_rank), stride: c.stride, padding: c.padding, dilation: c.dilation, groups: Int(c.groups))
  }
}

extension Convolution {
  /// Graphs apply activations and sums apart on a GPU.
  static let cudaKernel: @Sendable (ember_convolution, Tensor, Terms, Tensor) -> Void = { c, x, terms, y in
    precondition(terms.activation == .none && terms.addend == nil)
    (y.backend as! CUDABackend).convolution(
      ConvolutionWindow(c), x.operand, terms.weight.operand, bias: terms.bias?.operand, into: y.operand)
  }
}

extension ConvolutionBackwardInput {
  static let cudaKernel: @Sendable (ember_convolution, Tensor, Tensor, Tensor) -> Void = { c, dy, w, dx in
    (dx.backend as! CUDABackend).convolutionBackwardInput(ConvolutionWindow(c), dy.operand, w.operand, into: dx.operand)
  }
}

extension ConvolutionBackwardWeight {
  static let cudaKernel: @Sendable (ember_convolution, Tensor, Tensor, Tensor, Tensor?) -> Void = { c, x, dy, dw, db in
    (dw.backend as! CUDABackend).convolutionBackwardWeight(
      ConvolutionWindow(c), x.operand, dy.operand, into: dw.operand, bias: db?.operand)
  }
}
