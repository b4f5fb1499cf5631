import EmberNN
import EmberTensor

/// Where the picture enters a network made for 224 × 224, or for small pictures.
public enum VisionStem: Sendable {
  /// Reduces the picture at once: for 224 × 224.
  case large
  /// Keeps its size, as is usual for the 32 × 32 of CIFAR and for 28 × 28.
  case small
}

/// Convolution, batch normalisation and perhaps an activation: children 0, 1 and 2, as `torchvision.ops.Conv2dNormActivation` has them.
final class ConvolutionNormActivation: Sequential {
  init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: Int = 3, stride: Int = 1, groups: Int = 1,
    activation: (any Layer<Tensor, Tensor>)?
  ) {
    let convolution = Conv2d(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: (kernelSize - 1) / 2, groups: groups, bias: false)
    super.init([convolution, BatchNorm2d(outChannels)] + (activation.map { [$0] } ?? []))
  }
}

extension Module {
  /// He's initialisation of every convolution by the number of its outputs (arXiv:1502.01852), as torchvision's networks begin.
  final func initializeConvolutions() {
    for case let layer as Conv2d in modules() {
      Init.kaimingNormal(layer.$weight, mode: .fanOut, nonlinearity: .relu)
      if let bias = layer.biasCell { Init.zeros(bias) }
    }
  }
}
