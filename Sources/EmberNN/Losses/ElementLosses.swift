import EmberFunctional
import EmberRuntime
import EmberTensor

/// (prediction - target)²
open class MSELoss: Loss, Layer {
  public override init(reduction: LossReduction = .mean) {
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.mseLoss(input.1, reduction: reduction) }
}

/// |prediction - target|
open class L1Loss: Loss, Layer {
  public override init(reduction: LossReduction = .mean) {
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.l1Loss(input.1, reduction: reduction) }
}

/// Quadratic below `beta`, linear above; see `Tensor.smoothL1Loss`.
open class SmoothL1Loss: Loss, Layer {
  private let beta: Double
  public init(reduction: LossReduction = .mean, beta: Double = 1) {
    self.beta = beta
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.smoothL1Loss(input.1, reduction: reduction, beta: beta) }
}

/// Quadratic below `delta`, linear above; see `Tensor.huberLoss`.
open class HuberLoss: Loss, Layer {
  private let delta: Double
  public init(reduction: LossReduction = .mean, delta: Double = 1) {
    self.delta = delta
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.huberLoss(input.1, reduction: reduction, delta: delta) }
}

/// Kullback-Leibler divergence of log-probabilities from a target; see `Tensor.klDiv`.
open class KLDivLoss: Loss, Layer {
  private let logTarget: Bool
  public init(reduction: LossReduction = .mean, logTarget: Bool = false) {
    self.logTarget = logTarget
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.klDiv(input.1, reduction: reduction, logTarget: logTarget) }
}

/// The negative logarithm of a Poisson distribution's probability of the target, but for a constant; see `Tensor.poissonNLLLoss`.
open class PoissonNLLLoss: Loss, Layer {
  private let logInput: Bool
  private let full: Bool
  private let eps: Double

  /// - Parameters:
  ///   - logInput: the prediction is the logarithm of the mean.
  ///   - full: adds Stirling's approximation of the part that does not depend on the prediction.
  public init(logInput: Bool = true, full: Bool = false, eps: Double = 1e-8, reduction: LossReduction = .mean) {
    self.logInput = logInput
    self.full = full
    self.eps = eps
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor {
    input.0.poissonNLLLoss(input.1, logInput: logInput, full: full, eps: eps, reduction: reduction)
  }
}

/// The negative logarithm of a normal distribution's density at the target: of (mean, target, variance); see `Tensor.gaussianNLLLoss`.
open class GaussianNLLLoss: Loss, Layer {
  private let full: Bool
  private let eps: Double

  /// - Parameters:
  ///   - full: adds the constant log(2π) / 2.
  ///   - eps: the least variance.
  public init(full: Bool = false, eps: Double = 1e-6, reduction: LossReduction = .mean) {
    self.full = full
    self.eps = eps
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor, Tensor)) -> Tensor {
    input.0.gaussianNLLLoss(input.1, variance: input.2, full: full, eps: eps, reduction: reduction)
  }
}

/// log(1 + exp(-target · prediction)) for targets of 1 and -1.
open class SoftMarginLoss: Loss, Layer {
  public override init(reduction: LossReduction = .mean) {
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.softMarginLoss(input.1, reduction: reduction) }
}
