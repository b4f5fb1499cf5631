import EmberFunctional
import EmberRuntime
import EmberTensor

/// The function between the two linear layers of a transformer's block.
public enum TransformerActivation: Sendable {
  case relu, gelu
  case function(@Sendable (Tensor) -> Tensor)

  func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .relu: x.relu()
    case .gelu: x.gelu()
    case .function(let function): function(x)
    }
  }
}

/// The settings that blocks of transformers share.
public struct TransformerBlockOptions: Sendable {
  public var feedforward: Int
  public var dropout: Double
  public var activation: TransformerActivation
  public var layerNormEps: Double
  public var batchFirst: Bool
  public var normFirst: Bool
  public var bias: Bool
  public var dtype: DType
  public var device: Device
}

/// A block of an encoder: self-attention and a two-layer network, each added to its input and normalised after, or with `normFirst` before;
/// Vaswani et al., arXiv:1706.03762. [length, batch, features], [batch, length, features] with `batchFirst`, or [length, features].
open class TransformerEncoderLayer: Module, Layer {
  public final let selfAttn: MultiheadAttention
  public final let linear1: Linear
  public final let linear2: Linear
  public final let norm1: LayerNorm
  public final let norm2: LayerNorm
  private final let dropout, dropout1, dropout2: Dropout
  private final let options: TransformerBlockOptions
  private final let heads: Int

  public init(
    _ features: Int, _ heads: Int, feedforward: Int = 2048, dropout: Double = 0.1, activation: TransformerActivation = .relu,
    layerNormEps: Double = 1e-5, batchFirst: Bool = false, normFirst: Bool = false, bias: Bool = true, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    options = TransformerBlockOptions(
      feedforward: feedforward, dropout: dropout, activation: activation, layerNormEps: layerNormEps, batchFirst: batchFirst,
      normFirst: normFirst,
      bias: bias, dtype: dtype, device: device)
    self.heads = heads
    selfAttn = MultiheadAttention(features, heads, dropout: dropout, bias: bias, batchFirst: batchFirst, dtype: dtype, on: device)
    linear1 = Linear(features, feedforward, bias: bias, dtype: dtype, on: device)
    self.dropout = Dropout(dropout)
    linear2 = Linear(feedforward, features, bias: bias, dtype: dtype, on: device)
    norm1 = LayerNorm(features, eps: layerNormEps, bias: bias, dtype: dtype, on: device)
    norm2 = LayerNorm(features, eps: layerNormEps, bias: bias, dtype: dtype, on: device)
    dropout1 = Dropout(dropout)
    dropout2 = Dropout(dropout)
    super.init()
  }

  /// Another block of the same settings, without memory: no number is drawn for it.
  func another() -> TransformerEncoderLayer {
    TransformerEncoderLayer(
      selfAttn.embedDim, heads, feedforward: options.feedforward, dropout: options.dropout, activation: options.activation,
      layerNormEps: options.layerNormEps, batchFirst: options.batchFirst, normFirst: options.normFirst, bias: options.bias,
      dtype: options.dtype,
      on: .meta)
  }

  final var batchFirst: Bool { options.batchFirst }

  open func forward(_ input: Tensor) -> Tensor { forward(input, mask: nil, keyPaddingMask: nil, isCausal: false) }

  /// - Parameters:
  ///   - mask: [length, length] or [batch · heads, length, length]; true where a place must not be seen, or numbers to add.
  ///   - keyPaddingMask: [batch, length]; true where the input is padding.
  ///   - isCausal: says that `mask` is the causal one.
  public final func callAsFunction(_ input: Tensor, mask: Tensor?, keyPaddingMask: Tensor? = nil, isCausal: Bool = false) -> Tensor {
    withHooks(input) { forward($0, mask: mask, keyPaddingMask: keyPaddingMask, isCausal: isCausal) }
  }

  /// What the block computes; for a class of your own to override.
  open func forward(_ input: Tensor, mask: Tensor?, keyPaddingMask: Tensor?, isCausal: Bool) -> Tensor {
    func attention(_ x: Tensor) -> Tensor {
      dropout1(selfAttn(x, x, x, keyPaddingMask: keyPaddingMask, needWeights: false, mask: mask, isCausal: isCausal).output)
    }
    func network(_ x: Tensor) -> Tensor { dropout2(linear2(dropout(options.activation(linear1(x))))) }
    if options.normFirst {
      let x = input + attention(norm1(input))
      return x + network(norm2(x))
    }
    let x = norm1(input + attention(input))
    return norm2(x + network(x))
  }
}

/// A block of a decoder: self-attention, attention to the encoder's output, and a two-layer network.
open class TransformerDecoderLayer: Module, Layer {
  public final let selfAttn: MultiheadAttention
  public final let multiheadAttn: MultiheadAttention
  public final let linear1: Linear
  public final let linear2: Linear
  public final let norm1: LayerNorm
  public final let norm2: LayerNorm
  public final let norm3: LayerNorm
  private final let dropout, dropout1, dropout2, dropout3: Dropout
  private final let options: TransformerBlockOptions
  private final let heads: Int

  public init(
    _ features: Int, _ heads: Int, feedforward: Int = 2048, dropout: Double = 0.1, activation: TransformerActivation = .relu,
    layerNormEps: Double = 1e-5, batchFirst: Bool = false, normFirst: Bool = false, bias: Bool = true, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    options = TransformerBlockOptions(
      feedforward: feedforward, dropout: dropout, activation: activation, layerNormEps: layerNormEps, batchFirst: batchFirst,
      normFirst: normFirst,
      bias: bias, dtype: dtype, device: device)
    self.heads = heads
    selfAttn = MultiheadAttention(features, heads, dropout: dropout, bias: bias, batchFirst: batchFirst, dtype: dtype, on: device)
    multiheadAttn = MultiheadAttention(features, heads, dropout: dropout, bias: bias, batchFirst: batchFirst, dtype: dtype, on: device)
    linear1 = Linear(features, feedforward, bias: bias, dtype: dtype, on: device)
    self.dropout = Dropout(dropout)
    linear2 = Linear(feedforward, features, bias: bias, dtype: dtype, on: device)
    func norm() -> LayerNorm { LayerNorm(features, eps: layerNormEps, bias: bias, dtype: dtype, on: device) }
    norm1 = norm()
    norm2 = norm()
    norm3 = norm()
    dropout1 = Dropout(dropout)
    dropout2 = Dropout(dropout)
    dropout3 = Dropout(dropout)
    super.init()
  }

  /// Another block of the same settings, without memory: no number is drawn for it.
  func another() -> TransformerDecoderLayer {
    TransformerDecoderLayer(
      selfAttn.embedDim, heads, feedforward: options.feedforward, dropout: options.dropout, activation: options.activation,
      layerNormEps: options.layerNormEps, batchFirst: options.batchFirst, normFirst: options.normFirst, bias: options.bias,
      dtype: options.dtype,
      on: .meta)
  }

  final var batchFirst: Bool { options.batchFirst }

  /// Of (target, memory).
  open func forward(_ input: (Tensor, Tensor)) -> Tensor {
    forward(
      input, targetMask: nil, memoryMask: nil, targetKeyPaddingMask: nil, memoryKeyPaddingMask: nil, targetIsCausal: false,
      memoryIsCausal: false)
  }

  /// Masks as in `TransformerEncoderLayer`: of the target, and of the memory as the target sees it.
  public final func callAsFunction(
    _ target: Tensor, _ memory: Tensor, targetMask: Tensor? = nil, memoryMask: Tensor? = nil, targetKeyPaddingMask: Tensor? = nil,
    memoryKeyPaddingMask: Tensor? = nil, targetIsCausal: Bool = false, memoryIsCausal: Bool = false
  ) -> Tensor {
    withHooks((target, memory)) {
      forward(
        $0, targetMask: targetMask, memoryMask: memoryMask, targetKeyPaddingMask: targetKeyPaddingMask,
        memoryKeyPaddingMask: memoryKeyPaddingMask, targetIsCausal: targetIsCausal, memoryIsCausal: memoryIsCausal)
    }
  }

  /// What the block computes; for a class of your own to override.
  open func forward(
    _ input: (target: Tensor, memory: Tensor), targetMask: Tensor?, memoryMask: Tensor?, targetKeyPaddingMask: Tensor?,
    memoryKeyPaddingMask: Tensor?, targetIsCausal: Bool, memoryIsCausal: Bool
  ) -> Tensor {
    let (target, memory) = input
    func attention(_ x: Tensor) -> Tensor {
      dropout1(
        selfAttn(x, x, x, keyPaddingMask: targetKeyPaddingMask, needWeights: false, mask: targetMask, isCausal: targetIsCausal).output)
    }
    func cross(_ x: Tensor) -> Tensor {
      dropout2(
        multiheadAttn(
          x, memory, memory, keyPaddingMask: memoryKeyPaddingMask, needWeights: false, mask: memoryMask, isCausal: memoryIsCausal
        ).output)
    }
    func network(_ x: Tensor) -> Tensor { dropout3(linear2(dropout(options.activation(linear1(x))))) }
    if options.normFirst {
      var x = target + attention(norm1(target))
      x = x + cross(norm2(x))
      return x + network(norm3(x))
    }
    var x = norm1(target + attention(target))
    x = norm2(x + cross(x))
    return norm3(x + network(x))
  }
}
