import EmberFunctional
import EmberRuntime
import EmberTensor

/// max(x, 0)
open class ReLU: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.relu() }
}

/// min(max(x, 0), 6)
open class ReLU6: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.relu6() }
}

/// x where positive, else negativeSlope · x
open class LeakyReLU: Module, Layer {
  private let negativeSlope: Double
  public init(negativeSlope: Double = 0.01) {
    self.negativeSlope = negativeSlope
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.leakyReLU(negativeSlope: negativeSlope) }
  open override var settings: String { "negative_slope=\(negativeSlope)" }
}

/// x · Φ(x), or its approximation by tanh.
open class GELU: Module, Layer {
  private let approximate: Tensor.GELUApproximation
  public init(approximate: Tensor.GELUApproximation = .none) {
    self.approximate = approximate
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.gelu(approximate: approximate) }
  open override var settings: String { "approximate='\(approximate.rawValue)'" }
}

/// x · sigmoid(x)
open class SiLU: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.silu() }
}

/// 1 / (1 + exp(-x)).
open class Sigmoid: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.sigmoid() }
}

/// The hyperbolic tangent.
open class Tanh: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.tanh() }
}

/// eˣ over its sum along a dimension.
open class Softmax: Module, Layer {
  private let dimension: Int
  public init(_ dimension: Int) {
    self.dimension = dimension
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.softmax(dimension) }
  open override var settings: String { "dim=\(dimension)" }
}

/// The logarithm of softmax.
open class LogSoftmax: Module, Layer {
  private let dimension: Int
  public init(_ dimension: Int) {
    self.dimension = dimension
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.logSoftmax(dimension) }
  open override var settings: String { "dim=\(dimension)" }
}

/// exp(-x) over its sum: the softmax of -x.
open class Softmin: Module, Layer {
  private let dimension: Int
  public init(_ dimension: Int) {
    self.dimension = dimension
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.softmin(dimension) }
  open override var settings: String { "dim=\(dimension)" }
}

/// Softmax over the channels of [batch, channels, height, width] or [channels, height, width].
open class Softmax2d: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor {
    guard ErrorScopes.hasFailed || input.rank == 3 || input.rank == 4 else {
      raise(
        EmberError(
          .shape, in: "Softmax2d",
          "input \(input.dtype)\(input.shape); it must be [batch, channels, height, width] or [channels, height, width]"))
      return input
    }
    return input.softmax(-3)
  }
}

/// x where positive, else alpha · (eˣ - 1); Clevert et al., arXiv:1511.07289.
open class ELU: Module, Layer {
  private let alpha: Double
  public init(alpha: Double = 1) {
    self.alpha = alpha
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.elu(alpha: alpha) }
  open override var settings: String { "alpha=\(alpha)" }
}

/// max(0, x) + min(0, alpha · (exp(x / alpha) - 1)); Barron, arXiv:1704.07483.
open class CELU: Module, Layer {
  private let alpha: Double
  public init(alpha: Double = 1) {
    self.alpha = alpha
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.celu(alpha: .real(alpha)) }
  open override var settings: String { "alpha=\(alpha)" }
}

/// An ELU whose two constants keep mean and variance; Klambauer et al., arXiv:1706.02515.
open class SELU: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.selu() }
}

/// The first half of a dimension times the sigmoid of the second; Dauphin et al., arXiv:1612.08083.
open class GLU: Module, Layer {
  private let dimension: Int
  public init(_ dimension: Int = -1) {
    self.dimension = dimension
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.glu(dimension) }
  open override var settings: String { "dim=\(dimension)" }
}

/// x outside of ±lambda, 0 within.
open class Hardshrink: Module, Layer {
  private let lambda: Double
  public init(_ lambda: Double = 0.5) {
    self.lambda = lambda
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.hardShrink(.real(lambda)) }
  open override var settings: String { "\(lambda)" }
}

/// x moved towards 0 by lambda, 0 within ±lambda.
open class Softshrink: Module, Layer {
  private let lambda: Double
  public init(_ lambda: Double = 0.5) {
    self.lambda = lambda
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.softShrink(.real(lambda)) }
  open override var settings: String { "\(lambda)" }
}

/// x - tanh(x)
open class Tanhshrink: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.tanhShrink() }
}

/// min(max(x, minValue), maxValue)
open class Hardtanh: Module, Layer {
  private let minValue: Double
  private let maxValue: Double
  public init(minValue: Double = -1, maxValue: Double = 1) {
    if minValue >= maxValue {
      raise(EmberError(.value, in: "Hardtanh", "minValue \(minValue), maxValue \(maxValue); the first must be smaller"))
    }
    self.minValue = minValue
    self.maxValue = maxValue
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.hardTanh(min: .real(minValue), max: .real(maxValue)) }
  open override var settings: String { "min_val=\(minValue), max_val=\(maxValue)" }
}

/// A sigmoid of three straight lines: relu6(x + 3) / 6.
open class Hardsigmoid: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.hardSigmoid() }
}

/// x · relu6(x + 3) / 6; Howard et al., arXiv:1905.02244.
open class Hardswish: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.hardSwish() }
}

/// log(sigmoid(x)), without overflow.
open class LogSigmoid: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.logSigmoid() }
}

/// x · tanh(softplus(x)); Misra, arXiv:1908.08681.
open class Mish: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.mish() }
}

/// log(1 + exp(beta · x)) / beta; x itself where beta · x is above `threshold`.
open class Softplus: Module, Layer {
  private let beta: Double
  private let threshold: Double
  public init(beta: Double = 1, threshold: Double = 20) {
    self.beta = beta
    self.threshold = threshold
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.softplus(beta: beta, threshold: threshold) }
  open override var settings: String { "beta=\(beta), threshold=\(threshold)" }
}

/// x / (1 + |x|)
open class Softsign: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.softSign() }
}

/// x where above `threshold`, else `value`.
open class Threshold: Module, Layer {
  private let threshold: Double
  private let value: Double
  public init(_ threshold: Double, _ value: Double) {
    self.threshold = threshold
    self.value = value
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.threshold(.real(threshold), .real(value)) }
  open override var settings: String { "threshold=\(threshold), value=\(value)" }
}

/// x where positive, else weight · x with a weight that is learnt, one for all or one a channel; He et al., arXiv:1502.01852.
open class PReLU: Module, Layer {
  @Parameter public final var weight: Tensor

  public init(_ parameters: Int = 1, initial: Double = 0.25, dtype: DType = .float32, on device: Device = .cpu) {
    weight = Tensor.full([parameters], .real(initial), dtype: dtype, on: device)
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.prelu(weight) }
  open override var settings: String { "num_parameters=\(weight.elementCount)" }
}

/// x where positive, else x times a slope: in training drawn for each element from `lower` to `upper`, in evaluation their mean; Xu et al.,
/// arXiv:1505.00853.
open class RReLU: Module, Layer {
  private let lower: Double
  private let upper: Double
  public final var generator: Generator?
  public init(lower: Double = 1.0 / 8, upper: Double = 1.0 / 3, generator: Generator? = nil) {
    self.lower = lower
    self.upper = upper
    self.generator = generator
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.rrelu(lower, upper, training: isTraining, generator: generator) }
  open override var settings: String { "lower=\(lower), upper=\(upper)" }
}
