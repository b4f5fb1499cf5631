import EmberFunctional
public import EmberNN
public import EmberRuntime
public import EmberTensor

/// A picture as a row of patches, read by a transformer; Dosovitskiy et al., arXiv:2010.11929. [batch, 3, size, size] to [batch, classes].
///
/// Parameters are named as in timm's `vit_*_patch*` models, whose weights load by name: `blocks.0.attn.qkv.weight`.
///
/// ```swift
/// let classifier: ImageClassifier = try Hub.load("hf:timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k")
/// let model = VisionTransformer(.small, classes: 10)   // to be trained
/// ```
open class VisionTransformer: Module, Layer {
  /// The sizes of a network; `.tiny` to `.large` are the published ones.
  public struct Configuration: Sendable, Hashable {
    /// What the head sees.
    public enum Pooling: Sendable {
      /// The features of a token of its own that stands before the patches.
      case token
      /// The mean of the patches' features, normalised afterwards (`fc_norm`).
      case average
    }

    /// Height and width of the pictures.
    public var imageSize = 224
    /// Height and width of a patch.
    public var patchSize = 16
    /// Features of a patch.
    public var width = 768
    /// The number of blocks.
    public var depth = 12
    public var heads = 12
    /// Features between the two layers of a block's network.
    public var innerWidth = 3072
    public var hasQKVBias = true
    public var pooling = Pooling.token
    public var normEps = 1e-6
    /// Of the features after positions are added, after the layers of a block, and before the head.
    public var dropout = 0.0
    public var attentionDropout = 0.0
    /// The probability with which the last block's additions are left out in training; that of the others grows up to it.
    public var stochasticDepth = 0.0

    public init() {}

    private init(width: Int, depth: Int, heads: Int) {
      self.width = width
      self.depth = depth
      self.heads = heads
      innerWidth = 4 * width
    }

    public static let tiny = Configuration(width: 192, depth: 12, heads: 3)
    public static let small = Configuration(width: 384, depth: 12, heads: 6)
    public static let base = Configuration(width: 768, depth: 12, heads: 12)
    public static let large = Configuration(width: 1024, depth: 24, heads: 16)
  }

  public let configuration: Configuration
  @Parameter private var clsToken: Tensor
  @Parameter private var posEmbed: Tensor
  private let patchEmbed: PatchEmbedding
  private let posDrop: Dropout
  private let blocks: [VisionTransformerBlock]
  private let norm: LayerNorm?
  private let fcNorm: LayerNorm?
  private let headDrop: Dropout
  private let head: Linear

  /// - Parameter device: `.meta` for a model whose weights will be assigned (`loadStateDict(_:strict:assign:)`).
  public init(_ configuration: Configuration = .base, classes: Int = 1000, channels: Int = 3, on device: Device = .cpu) {
    var problems: [String] = []
    let (width, heads, size, patch) = (configuration.width, configuration.heads, configuration.imageSize, configuration.patchSize)
    if heads < 1 || width < 1 || width % Swift.max(heads, 1) != 0 {
      problems.append("a width of \(width) does not divide among \(heads) heads")
    }
    if patch < 1 || size < 1 || size % Swift.max(patch, 1) != 0 || size / Swift.max(patch, 1) > 1 << 16 {
      problems.append("pictures of \(size) do not divide into patches of \(patch), at most 65536 a side")
    }
    if configuration.depth < 0 { problems.append("a depth of \(configuration.depth); it is the number of blocks") }
    // Inside of `catchingErrors` a network without a value goes on.
    let c = problems.isEmpty ? configuration : Configuration()
    if !problems.isEmpty { raise(EmberError(.value, in: "VisionTransformer", problems.joined(separator: "; "))) }
    self.configuration = c
    let side = c.imageSize / c.patchSize
    clsToken = Tensor.zeros([1, 1, c.width], on: device)
    posEmbed = Tensor.zeros([1, side * side + 1, c.width], on: device)
    patchEmbed = PatchEmbedding(channels, c.width, patchSize: c.patchSize, on: device)
    posDrop = Dropout(c.dropout)
    blocks = (0..<c.depth).map { i in
      VisionTransformerBlock(c, drop: c.stochasticDepth * Double(i) / Double(Swift.max(c.depth - 1, 1)), on: device)
    }
    norm = c.pooling == .token ? LayerNorm([c.width], eps: c.normEps, on: device) : nil
    fcNorm = c.pooling == .average ? LayerNorm([c.width], eps: c.normEps, on: device) : nil
    headDrop = Dropout(c.dropout)
    head = Linear(c.width, classes, on: device)
    super.init()
    if device == .meta { return }
    Init.truncatedNormal($posEmbed, std: 0.02)
    Init.normal($clsToken, mean: 0, std: 1e-6)
    for case let layer as Linear in modules() {
      Init.truncatedNormal(layer.$weight, std: 0.02)
      if let bias = layer.biasCell { Init.zeros(bias) }
    }
  }

  open func forward(_ input: Tensor) -> Tensor {
    let size = configuration.imageSize
    guard ErrorScopes.hasFailed || (input.rank == 4 && input.shape[2] == size && input.shape[3] == size) else {
      raise(
        EmberError(
          .shape, in: "VisionTransformer",
          "input \(input.dtype)\(input.shape); it must be [batch, channels, \(size), \(size)]: positions are learnt"))
      return .poison
    }
    let patches = patchEmbed(input)
    let token = clsToken.expand([patches.shape[0], 1, configuration.width])
    var x = posDrop(cat([token, patches], dim: 1) + posEmbed)
    for block in blocks { x = block(x) }
    if let norm { x = norm(x) }
    let pooled = configuration.pooling == .token ? x.select(1, 0) : x.narrow(1, start: 1, length: x.shape[1] - 1).mean([1])
    return head(headDrop(fcNorm.map { $0(pooled) } ?? pooled))
  }
}

/// [batch, channels, height, width] to [batch, patches, width], row by row.
private final class PatchEmbedding: Module, Layer {
  private let proj: Conv2d

  init(_ channels: Int, _ width: Int, patchSize: Int, on device: Device) {
    proj = Conv2d(channels, width, kernelSize: patchSize, stride: patchSize, on: device)
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor { proj(input).flatten(2).transpose(1, 2) }
}

/// Attention and a network of two layers, each normalised before and added to its input.
private final class VisionTransformerBlock: Module, Layer {
  private let norm1: LayerNorm
  private let attn: VisionAttention
  private let dropPath: StochasticDepth
  private let norm2: LayerNorm
  private let mlp: VisionPerceptron

  init(_ c: VisionTransformer.Configuration, drop: Double, on device: Device) {
    norm1 = LayerNorm([c.width], eps: c.normEps, on: device)
    attn = VisionAttention(c, on: device)
    dropPath = StochasticDepth(drop)
    norm2 = LayerNorm([c.width], eps: c.normEps, on: device)
    mlp = VisionPerceptron(c, on: device)
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor {
    let x = input + dropPath(attn(norm1(input)))
    return x + dropPath(mlp(norm2(x)))
  }
}

private final class VisionAttention: Module, Layer {
  private let qkv: Linear
  private let proj: Linear
  private let projDrop: Dropout
  private let heads: Int
  private let dropout: Double

  init(_ c: VisionTransformer.Configuration, on device: Device) {
    qkv = Linear(c.width, 3 * c.width, bias: c.hasQKVBias, on: device)
    proj = Linear(c.width, c.width, on: device)
    projDrop = Dropout(c.dropout)
    heads = c.heads
    dropout = c.attentionDropout
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor {
    let shape = Array(input.shape)
    let parts = qkv(input).reshape([shape[0], shape[1], 3, heads, -1]).permute([2, 0, 3, 1, 4])
    let y = parts.select(0, 0).scaledDotProductAttention(parts.select(0, 1), parts.select(0, 2), dropout: isTraining ? dropout : 0)
    return projDrop(proj(y.permute([0, 2, 1, 3]).reshape(shape)))
  }
}

private final class VisionPerceptron: Module, Layer {
  private let fc1: Linear
  private let drop1: Dropout
  private let fc2: Linear
  private let drop2: Dropout

  init(_ c: VisionTransformer.Configuration, on device: Device) {
    fc1 = Linear(c.width, c.innerWidth, on: device)
    drop1 = Dropout(c.dropout)
    fc2 = Linear(c.innerWidth, c.width, on: device)
    drop2 = Dropout(c.dropout)
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor { drop2(fc2(drop1(fc1(input).gelu()))) }
}
