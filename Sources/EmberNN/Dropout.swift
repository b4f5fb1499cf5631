import EmberFunctional
import EmberRuntime
import EmberTensor

/// What the dropouts share: a probability, and where the random numbers come from.
open class DropoutLayer: Module {
  public final let p: Double
  /// Nil: the default generator.
  public final var generator: Generator?

  public init(_ p: Double = 0.5, generator: Generator? = nil) {
    if !(0...1).contains(p) { raise(EmberError(.value, in: "dropout", "a probability of \(p); it must lie from 0 to 1")) }
    self.p = p
    self.generator = generator
    super.init()
  }
  open override var settings: String { "p=\(p), inplace=False" }
}

/// In training, each element set to 0 with probability `p`, the others divided by 1 - p; Srivastava et al., 2014.
open class Dropout: DropoutLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.dropout(p, training: isTraining, generator: generator) }
}

/// `Dropout` of whole channels of [batch, channels, length] or [channels, length].
open class Dropout1d: DropoutLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor {
    guard ErrorScopes.hasFailed || input.rank == 2 || input.rank == 3 else {
      raise(
        EmberError(
          .shape, in: "Dropout1d", "input \(input.dtype)\(input.shape); it must be [batch, channels, length] or [channels, length]"))
      return input
    }
    let batch = input.rank == 3 ? input : input.unsqueeze(0)
    let y = batch.featureDropout(p, training: isTraining, generator: generator)
    return input.rank == 3 ? y : y.squeeze(0)
  }
}

/// `Dropout` of whole channels of [batch, channels, height, width].
///
/// Of [batch, channels, length] each sample's rows are dropped, as PyTorch has it for the sake of old programs.
open class Dropout2d: DropoutLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.featureDropout(p, training: isTraining, generator: generator) }
}

/// `Dropout` of whole channels of [batch, channels, depth, height, width] or without the batch.
open class Dropout3d: DropoutLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor {
    // Whatever is not a batch of volumes counts as one sample, as in PyTorch.
    if input.rank == 5 { return input.featureDropout(p, training: isTraining, generator: generator) }
    return input.unsqueeze(0).featureDropout(p, training: isTraining, generator: generator).squeeze(0)
  }
}

/// `Dropout` that keeps mean and variance of inputs that are self-normalising, for use with `SELU`; Klambauer et al., arXiv:1706.02515.
open class AlphaDropout: DropoutLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.alphaDropout(p, training: isTraining, generator: generator) }
}

/// `AlphaDropout` of whole channels.
open class FeatureAlphaDropout: DropoutLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.featureAlphaDropout(p, training: isTraining, generator: generator) }
}
