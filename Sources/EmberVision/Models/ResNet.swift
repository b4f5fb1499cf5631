public import EmberNN
public import EmberRuntime
public import EmberTensor

/// Residual networks; He, Zhang, Ren and Sun, arXiv:1512.03385. [batch, 3, height, width] to [batch, classes].
///
/// Parameters are named as in torchvision, so that its state dicts load: `layer1.0.conv1.weight`. As there, the stride of a bottleneck
/// lies in its 3 × 3 convolution ("ResNet v1.5").
///
/// ```swift
/// let model = ResNet.resNet18(classes: 10, stem: .small)   // for pictures of 32 × 32
/// ```
open class ResNet: Module, Layer {
  /// What the stages are built of: convolutions whose result is added to their input.
  public enum Block: Sendable {
    /// Two 3 × 3 convolutions.
    case basic
    /// 1 × 1, 3 × 3 and 1 × 1, the last to four times as many channels.
    case bottleneck

    var expansion: Int { self == .basic ? 1 : 4 }
  }

  private let conv1: Conv2d
  private let bn1: BatchNorm2d
  private let layer1: Sequential
  private let layer2: Sequential
  private let layer3: Sequential
  private let layer4: Sequential
  private let fc: Linear
  private let stem: VisionStem

  /// - Parameters:
  ///   - block: the kind of all blocks.
  ///   - depths: the number of blocks in each of the four stages.
  ///   - channels: of the picture.
  ///   - width: channels of the first stage; every further one has twice as many.
  ///   - groups, widthPerGroup: of the bottlenecks' 3 × 3 convolutions; ResNeXt (arXiv:1611.05431) and wide networks (arXiv:1605.07146)
  ///     set them.
  ///   - zeroInitResidual: every block begins as the identity (arXiv:1706.02677).
  ///   - device: `.meta` for a model whose weights will be assigned (`loadStateDict(_:strict:assign:)`).
  public init(
    _ block: Block, depths: [Int], classes: Int = 1000, channels: Int = 3, width: Int = 64, groups: Int = 1, widthPerGroup: Int = 64,
    stem: VisionStem = .large, zeroInitResidual: Bool = false, on device: Device = .cpu
  ) {
    precondition(depths.count == 4, "ResNet: \(depths.count) stages; there are four")
    self.stem = stem
    var inChannels = width
    func stage(_ number: Int) -> Sequential {
      let planes = width << number
      let blocks: [any Layer<Tensor, Tensor>] = (0..<depths[number]).map { i in
        let stride = number > 0 && i == 0 ? 2 : 1
        let outChannels = planes * block.expansion
        let downsample =
          stride != 1 || inChannels != outChannels
          ? Sequential(
            Conv2d(inChannels, outChannels, kernelSize: 1, stride: stride, bias: false, on: device),
            BatchNorm2d(outChannels, on: device)) : nil
        defer { inChannels = outChannels }
        switch block {
        case .basic: return BasicBlock(inChannels, planes, stride: stride, downsample: downsample, on: device)
        case .bottleneck:
          let inner = planes * widthPerGroup / 64 * groups
          return Bottleneck(inChannels, inner, outChannels, stride: stride, groups: groups, downsample: downsample, on: device)
        }
      }
      return Sequential(blocks)
    }
    switch stem {
    case .large: conv1 = Conv2d(channels, width, kernelSize: 7, stride: 2, padding: 3, bias: false, on: device)
    case .small: conv1 = Conv2d(channels, width, kernelSize: 3, padding: 1, bias: false, on: device)
    }
    bn1 = BatchNorm2d(width, on: device)
    layer1 = stage(0)
    layer2 = stage(1)
    layer3 = stage(2)
    layer4 = stage(3)
    fc = Linear((width << 3) * block.expansion, classes, on: device)
    super.init()
    if device == .meta { return }
    initializeConvolutions()
    if zeroInitResidual {
      for case let block as ResidualBlock in modules() { if let weight = block.lastNorm.weightCell { Init.zeros(weight) } }
    }
  }

  open func forward(_ input: Tensor) -> Tensor {
    var x = bn1(conv1(input)).relu()
    if stem == .large { x = x.maxPool2d(3, stride: 2, padding: 1) }
    x = layer4(layer3(layer2(layer1(x))))
    return fc(x.adaptiveAvgPool2d(1).flatten(1))
  }

  public static func resNet18(classes: Int = 1000, channels: Int = 3, stem: VisionStem = .large) -> ResNet {
    ResNet(.basic, depths: [2, 2, 2, 2], classes: classes, channels: channels, stem: stem)
  }

  public static func resNet34(classes: Int = 1000, channels: Int = 3, stem: VisionStem = .large) -> ResNet {
    ResNet(.basic, depths: [3, 4, 6, 3], classes: classes, channels: channels, stem: stem)
  }

  public static func resNet50(classes: Int = 1000, channels: Int = 3, stem: VisionStem = .large) -> ResNet {
    ResNet(.bottleneck, depths: [3, 4, 6, 3], classes: classes, channels: channels, stem: stem)
  }

  public static func resNet101(classes: Int = 1000, channels: Int = 3, stem: VisionStem = .large) -> ResNet {
    ResNet(.bottleneck, depths: [3, 4, 23, 3], classes: classes, channels: channels, stem: stem)
  }

  public static func resNet152(classes: Int = 1000, channels: Int = 3, stem: VisionStem = .large) -> ResNet {
    ResNet(.bottleneck, depths: [3, 8, 36, 3], classes: classes, channels: channels, stem: stem)
  }
}

/// What is added to a block's input.
private protocol ResidualBlock: Module {
  /// The normalisation whose weight scales what the block adds.
  var lastNorm: BatchNorm2d { get }
}

private final class BasicBlock: Module, Layer, ResidualBlock {
  let conv1: Conv2d
  let bn1: BatchNorm2d
  let conv2: Conv2d
  let bn2: BatchNorm2d
  let downsample: Sequential?
  var lastNorm: BatchNorm2d { bn2 }

  init(_ inChannels: Int, _ channels: Int, stride: Int, downsample: Sequential?, on device: Device) {
    conv1 = Conv2d(inChannels, channels, kernelSize: 3, stride: stride, padding: 1, bias: false, on: device)
    bn1 = BatchNorm2d(channels, on: device)
    conv2 = Conv2d(channels, channels, kernelSize: 3, padding: 1, bias: false, on: device)
    bn2 = BatchNorm2d(channels, on: device)
    self.downsample = downsample
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor {
    let x = bn2(conv2(bn1(conv1(input)).relu()))
    return (x + (downsample?(input) ?? input)).relu()
  }
}

private final class Bottleneck: Module, Layer, ResidualBlock {
  let conv1: Conv2d
  let bn1: BatchNorm2d
  let conv2: Conv2d
  let bn2: BatchNorm2d
  let conv3: Conv2d
  let bn3: BatchNorm2d
  let downsample: Sequential?
  var lastNorm: BatchNorm2d { bn3 }

  init(_ inChannels: Int, _ channels: Int, _ outChannels: Int, stride: Int, groups: Int, downsample: Sequential?, on device: Device) {
    conv1 = Conv2d(inChannels, channels, kernelSize: 1, bias: false, on: device)
    bn1 = BatchNorm2d(channels, on: device)
    conv2 = Conv2d(channels, channels, kernelSize: 3, stride: stride, padding: 1, groups: groups, bias: false, on: device)
    bn2 = BatchNorm2d(channels, on: device)
    conv3 = Conv2d(channels, outChannels, kernelSize: 1, bias: false, on: device)
    bn3 = BatchNorm2d(outChannels, on: device)
    self.downsample = downsample
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor {
    let x = bn3(conv3(bn2(conv2(bn1(conv1(input)).relu())).relu()))
    return (x + (downsample?(input) ?? input)).relu()
  }
}
