import EmberRuntime
import EmberTensor

/// Blocks one after the other, and perhaps a normalisation at the end. Parameters `layers.0.self_attn.in_proj_weight`, …, `norm.weight`.
open class TransformerEncoder: Module, Layer {
  public final let layers: ModuleList<TransformerEncoderLayer>
  public final let norm: LayerNorm?

  /// Blocks of one kind.
  ///
  /// - Parameter layer: what all blocks are copies of, with its settings and values; itself it is none of them. A block of a class of your
  ///   own, which cannot be copied, is an error: make as many as you want and pass `layers`.
  public convenience init(_ layer: TransformerEncoderLayer, _ count: Int, norm: LayerNorm? = nil) {
    if Swift.type(of: layer) != TransformerEncoderLayer.self {
      raise(
        EmberError(
          .unsupported, in: "TransformerEncoder",
          "\(Swift.type(of: layer)) cannot be copied \(count) times; pass layers: (0..<\(count)).map { _ in \(Swift.type(of: layer))(…) }"))
    }
    self.init(layers: (0..<count).map { _ in layer.copied() }, norm: norm)
  }

  /// Blocks as they are given, perhaps of classes of your own.
  public init(layers: [TransformerEncoderLayer], norm: LayerNorm? = nil) {
    self.layers = ModuleList(layers)
    self.norm = norm
    super.init()
  }

  open func forward(_ input: Tensor) -> Tensor { encoded(input, mask: nil, keyPaddingMask: nil, isCausal: false) }

  /// Masks as in `TransformerEncoderLayer`.
  public final func callAsFunction(_ input: Tensor, mask: Tensor?, keyPaddingMask: Tensor? = nil, isCausal: Bool = false) -> Tensor {
    withHooks(input) { encoded($0, mask: mask, keyPaddingMask: keyPaddingMask, isCausal: isCausal) }
  }

  private func encoded(_ input: Tensor, mask: Tensor?, keyPaddingMask: Tensor?, isCausal: Bool) -> Tensor {
    var x = input
    // Without masks a block is called as a layer is, so that one that overrides no more than `forward(_:)` serves as well.
    let isPlain = mask == nil && keyPaddingMask == nil && !isCausal
    for layer in layers { x = isPlain ? layer(x) : layer(x, mask: mask, keyPaddingMask: keyPaddingMask, isCausal: isCausal) }
    return norm?(x) ?? x
  }
}

/// Blocks of a decoder one after the other, and perhaps a normalisation at the end.
open class TransformerDecoder: Module, Layer {
  public final let layers: ModuleList<TransformerDecoderLayer>
  public final let norm: LayerNorm?

  /// Blocks of one kind.
  ///
  /// - Parameter layer: what all blocks are copies of, with its settings and values; itself it is none of them. A block of a class of your
  ///   own, which cannot be copied, is an error: make as many as you want and pass `layers`.
  public convenience init(_ layer: TransformerDecoderLayer, _ count: Int, norm: LayerNorm? = nil) {
    if Swift.type(of: layer) != TransformerDecoderLayer.self {
      raise(
        EmberError(
          .unsupported, in: "TransformerDecoder",
          "\(Swift.type(of: layer)) cannot be copied \(count) times; pass layers: (0..<\(count)).map { _ in \(Swift.type(of: layer))(…) }"))
    }
    self.init(layers: (0..<count).map { _ in layer.copied() }, norm: norm)
  }

  /// Blocks as they are given, perhaps of classes of your own.
  public init(layers: [TransformerDecoderLayer], norm: LayerNorm? = nil) {
    self.layers = ModuleList(layers)
    self.norm = norm
    super.init()
  }

  /// Of (target, memory).
  open func forward(_ input: (Tensor, Tensor)) -> Tensor { decoded(input) }

  /// Masks as in `TransformerDecoderLayer`.
  public final func callAsFunction(
    _ target: Tensor, _ memory: Tensor, targetMask: Tensor? = nil, memoryMask: Tensor? = nil, targetKeyPaddingMask: Tensor? = nil,
    memoryKeyPaddingMask: Tensor? = nil, targetIsCausal: Bool = false, memoryIsCausal: Bool = false
  ) -> Tensor {
    withHooks((target, memory)) {
      decoded(
        $0, targetMask: targetMask, memoryMask: memoryMask, targetKeyPaddingMask: targetKeyPaddingMask,
        memoryKeyPaddingMask: memoryKeyPaddingMask, targetIsCausal: targetIsCausal, memoryIsCausal: memoryIsCausal)
    }
  }

  private func decoded(
    _ input: (target: Tensor, memory: Tensor), targetMask: Tensor? = nil, memoryMask: Tensor? = nil, targetKeyPaddingMask: Tensor? = nil,
    memoryKeyPaddingMask: Tensor? = nil,
    targetIsCausal: Bool = false, memoryIsCausal: Bool = false
  ) -> Tensor {
    var x = input.target
    let memory = input.memory
    for layer in layers {
      x = layer(
        x, memory, targetMask: targetMask, memoryMask: memoryMask, targetKeyPaddingMask: targetKeyPaddingMask,
        memoryKeyPaddingMask: memoryKeyPaddingMask, targetIsCausal: targetIsCausal, memoryIsCausal: memoryIsCausal)
    }
    return norm?(x) ?? x
  }
}

extension TransformerEncoderLayer {
  fileprivate func copied() -> TransformerEncoderLayer { copyingValues { another() } }
}

extension TransformerDecoderLayer {
  fileprivate func copied() -> TransformerDecoderLayer { copyingValues { another() } }
}

extension Module {
  /// A module of the same structure with this one's values. A copy draws nothing, as PyTorch's deep copies.
  fileprivate func copyingValues<Other: Module>(_ make: () -> Other) -> Other {
    let other = withRandomSeed(0, make)
    for (own, new) in zip(parameters(), other.parameters()) {
      new.value = own.value.detach()
      new.requiresGrad = own.requiresGrad
    }
    return other.train(isTraining)
  }
}

/// An encoder and a decoder; Vaswani et al., arXiv:1706.03762. Source and target [length, batch, features], or [batch, length, features]
/// with `batchFirst`, or without a batch.
open class Transformer: Module, Layer {
  public final let encoder: TransformerEncoder
  public final let decoder: TransformerDecoder
  public final let features: Int
  private final let batchFirst: Bool

  public init(
    features: Int = 512, heads: Int = 8, encoderLayers: Int = 6, decoderLayers: Int = 6, feedforward: Int = 2048, dropout: Double = 0.1,
    activation: TransformerActivation = .relu, layerNormEps: Double = 1e-5, batchFirst: Bool = false, normFirst: Bool = false,
    bias: Bool = true,
    dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.features = features
    self.batchFirst = batchFirst
    func norm() -> LayerNorm { LayerNorm(features, eps: layerNormEps, bias: bias, dtype: dtype, on: device) }
    encoder = TransformerEncoder(
      TransformerEncoderLayer(
        features, heads, feedforward: feedforward, dropout: dropout, activation: activation, layerNormEps: layerNormEps,
        batchFirst: batchFirst,
        normFirst: normFirst, bias: bias, dtype: dtype, on: device), encoderLayers, norm: norm())
    decoder = TransformerDecoder(
      TransformerDecoderLayer(
        features, heads, feedforward: feedforward, dropout: dropout, activation: activation, layerNormEps: layerNormEps,
        batchFirst: batchFirst,
        normFirst: normFirst, bias: bias, dtype: dtype, on: device), decoderLayers, norm: norm())
    super.init()
    for cell in parameters() where cell.value.rank > 1 { Init.xavierUniform(cell) }
  }

  /// Of (source, target).
  open func forward(_ input: (Tensor, Tensor)) -> Tensor { run(input) }

  public final func callAsFunction(
    _ source: Tensor, _ target: Tensor, sourceMask: Tensor? = nil, targetMask: Tensor? = nil, memoryMask: Tensor? = nil,
    sourceKeyPaddingMask: Tensor? = nil, targetKeyPaddingMask: Tensor? = nil, memoryKeyPaddingMask: Tensor? = nil,
    sourceIsCausal: Bool = false,
    targetIsCausal: Bool = false, memoryIsCausal: Bool = false
  ) -> Tensor {
    withHooks((source, target)) {
      run(
        $0, sourceMask: sourceMask, targetMask: targetMask, memoryMask: memoryMask, sourceKeyPaddingMask: sourceKeyPaddingMask,
        targetKeyPaddingMask: targetKeyPaddingMask, memoryKeyPaddingMask: memoryKeyPaddingMask, sourceIsCausal: sourceIsCausal,
        targetIsCausal: targetIsCausal, memoryIsCausal: memoryIsCausal)
    }
  }

  private func run(
    _ input: (source: Tensor, target: Tensor), sourceMask: Tensor? = nil, targetMask: Tensor? = nil, memoryMask: Tensor? = nil,
    sourceKeyPaddingMask: Tensor? = nil, targetKeyPaddingMask: Tensor? = nil, memoryKeyPaddingMask: Tensor? = nil,
    sourceIsCausal: Bool = false,
    targetIsCausal: Bool = false, memoryIsCausal: Bool = false
  ) -> Tensor {
    let (source, target) = input
    let isBatched = source.rank == 3, batch = batchFirst ? 0 : 1
    guard
      ErrorScopes.hasFailed
        || source.rank == target.rank && source.rank >= 2 && source.shape[-1] == features && target.shape[-1] == features
          && (!isBatched || source.shape[batch] == target.shape[batch])
    else {
      raise(
        EmberError(
          .shape, in: "Transformer",
          "source \(source.dtype)\(source.shape) and target \(target.dtype)\(target.shape); "
            + "both must have \(features) features and the same batch"
        ))
      return target
    }
    let memory = encoder(source, mask: sourceMask, keyPaddingMask: sourceKeyPaddingMask, isCausal: sourceIsCausal)
    return decoder(
      target, memory, targetMask: targetMask, memoryMask: memoryMask, targetKeyPaddingMask: targetKeyPaddingMask,
      memoryKeyPaddingMask: memoryKeyPaddingMask, targetIsCausal: targetIsCausal, memoryIsCausal: memoryIsCausal)
  }

  /// The mask that hides later places: 0 up to the diagonal, -∞ above it; [size, size].
  public static func generateSquareSubsequentMask(_ size: Int, dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    Tensor.full([size, size], .real(-.infinity), dtype: dtype, on: device).triu(1)
  }
}
