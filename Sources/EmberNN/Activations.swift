import EmberFunctional
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

open class Sigmoid: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.sigmoid() }
}

open class Tanh: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.tanh() }
}

/// x where positive, else alpha · (eˣ - 1)
open class ELU: Module, Layer {
  private let alpha: Double
  public init(alpha: Double = 1) {
    self.alpha = alpha
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.elu(alpha: alpha) }
  open override var settings: String { "alpha=\(alpha)" }
}

/// log(1 + eᵝˣ) / β
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
