public import EmberNN
public import EmberRuntime
public import EmberTensor

/// Inverted residuals with linear bottlenecks; Sandler et al., arXiv:1801.04381. [batch, 3, height, width] to [batch, classes].
///
/// Parameters are named as in torchvision: `features.1.conv.0.0.weight`.
open class MobileNetV2: Module, Layer {
  private let features: Sequential
  private let classifier: Sequential

  /// - Parameters:
  ///   - widthMultiplier: scales the channels of every layer, rounded to multiples of 8.
  ///   - stem: `.small` leaves out the first two reductions, for pictures of 32 × 32.
  ///   - device: `.meta` for a model whose weights will be assigned (`loadStateDict(_:strict:assign:)`).
  public init(
    classes: Int = 1000, channels: Int = 3, widthMultiplier: Double = 1, stem: VisionStem = .large, dropout: Double = 0.2,
    on device: Device = .cpu
  ) {
    // Expansion, channels, repetitions and stride of the stages: table 2 of the paper.
    let stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    var inChannels = channelsRoundedToEights(32 * widthMultiplier)
    let last = channelsRoundedToEights(1280 * Swift.max(1, widthMultiplier))
    var layers: [any Layer<Tensor, Tensor>] = [
      ConvolutionNormActivation(channels, inChannels, stride: stem == .large ? 2 : 1, activation: ReLU6(), on: device)
    ]
    for (number, (expansion, planes, count, stride)) in stages.enumerated() {
      let outChannels = channelsRoundedToEights(Double(planes) * widthMultiplier)
      let isReducing = stem == .large || number != 1
      for i in 0..<count {
        let step = i == 0 && isReducing ? stride : 1
        layers.append(InvertedResidual(inChannels, outChannels, stride: step, expansion: expansion, on: device))
        inChannels = outChannels
      }
    }
    layers.append(ConvolutionNormActivation(inChannels, last, kernelSize: 1, activation: ReLU6(), on: device))
    features = Sequential(layers)
    classifier = Sequential(Dropout(dropout), Linear(last, classes, on: device))
    super.init()
    if device == .meta { return }
    initializeConvolutions()
    for case let layer as Linear in modules() {
      Init.normal(layer.$weight, mean: 0, std: 0.01)
      if let bias = layer.biasCell { Init.zeros(bias) }
    }
  }

  open func forward(_ input: Tensor) -> Tensor {
    classifier(features(input).adaptiveAvgPool2d(1).flatten(1))
  }
}

/// Widens, filters each channel, narrows; and adds the input where the shapes allow it.
private final class InvertedResidual: Module, Layer {
  let conv: Sequential
  private let isResidual: Bool

  init(_ inChannels: Int, _ outChannels: Int, stride: Int, expansion: Int, on device: Device) {
    let hidden = inChannels * expansion
    var layers: [any Layer<Tensor, Tensor>] = []
    if expansion != 1 { layers.append(ConvolutionNormActivation(inChannels, hidden, kernelSize: 1, activation: ReLU6(), on: device)) }
    layers += [
      ConvolutionNormActivation(hidden, hidden, stride: stride, groups: hidden, activation: ReLU6(), on: device),
      Conv2d(hidden, outChannels, kernelSize: 1, bias: false, on: device), BatchNorm2d(outChannels, on: device),
    ]
    conv = Sequential(layers)
    isResidual = stride == 1 && inChannels == outChannels
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor { isResidual ? input + conv(input) : conv(input) }
}
