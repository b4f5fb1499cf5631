import EmberNN
import EmberRuntime
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
    activation: (any Layer<Tensor, Tensor>)?, on device: Device
  ) {
    let convolution = Conv2d(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: (kernelSize - 1) / 2, groups: groups, bias: false,
      on: device)
    super.init([convolution, BatchNorm2d(outChannels, on: device)] + (activation.map { [$0] } ?? []))
  }
}

/// Convolution without a bias that has ⌈input / stride⌉ outputs each way, as TensorFlow pads: of an odd number of zeros the larger half
/// comes after the input, which `Conv2d` cannot say.
final class SamePaddedConvolution: Conv2d {
  private let step: Int

  init(_ inChannels: Int, _ outChannels: Int, kernelSize: Int, stride: Int = 1, groups: Int = 1, on device: Device) {
    step = stride
    super.init(
      inChannels, outChannels, kernelSize: kernelSize, stride: stride, padding: stride == 1 ? (kernelSize - 1) / 2 : 0, groups: groups,
      bias: false, on: device)
  }

  override func forward(_ input: Tensor) -> Tensor {
    guard step > 1, input.rank >= 2 else { return super.forward(input) }
    let amounts = (1...2).flatMap { i in
      let extent = input.shape[input.rank - i], kernel = weight.shape[4 - i]
      let total = Swift.max(((extent + step - 1) / step - 1) * step + kernel - extent, 0)
      return [total / 2, total - total / 2]
    }
    return super.forward(amounts.allSatisfy { $0 == 0 } ? input : input.pad(amounts))
  }
}

/// In training, leaves out what a block adds, for each member of the batch with probability `p`, and divides by 1 - p otherwise; Huang et
/// al., arXiv:1603.09382. As `torchvision.ops.StochasticDepth` with mode "row".
final class StochasticDepth: Module, Layer {
  private let p: Double

  init(_ p: Double) {
    self.p = p
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor {
    guard isTraining, p > 0 else { return input }
    let kept = Tensor.ones([input.shape[0]] + Array(repeating: 1, count: input.rank - 1), dtype: input.dtype, on: input.device)
    return input * kept.dropout(p, training: true)
  }

  override var settings: String { "p=\(p)" }
}

/// The multiple of 8 nearest to a number of channels, and not more than a tenth smaller.
func channelsRoundedToEights(_ channels: Double) -> Int {
  let nearest = Swift.max(8, Int(channels + 4) / 8 * 8)
  return Double(nearest) < 0.9 * channels ? nearest + 8 : nearest
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
