import EmberTensor

/// A loss: a layer of (prediction, target).
open class Loss: Module {
  public final let reduction: LossReduction
  init(reduction: LossReduction) {
    self.reduction = reduction
    super.init()
  }
  open override var settings: String { "reduction=\(reduction.rawValue)" }
}

extension Layer where Input == (Tensor, Tensor) {
  /// `loss(prediction, target)` for `loss((prediction, target))`.
  public func callAsFunction(_ input: Tensor, _ target: Tensor, file: StaticString = #fileID, line: Int = #line) -> Output {
    callAsFunction((input, target), file: file, line: line)
  }
}

/// Cross entropy of logits [batch, classes, ...] with labels [batch, ...] or probabilities; see `Tensor.crossEntropy`.
open class CrossEntropyLoss: Loss, Layer {
  private let _weight: Buffer?
  private let ignoreIndex: Int
  private let labelSmoothing: Double

  public init(weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean, labelSmoothing: Double = 0) {
    _weight = weight.map { Buffer(wrappedValue: $0) }
    self.ignoreIndex = ignoreIndex
    self.labelSmoothing = labelSmoothing
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor {
    input.0.crossEntropy(
      input.1, weight: _weight?.wrappedValue, ignoreIndex: ignoreIndex, reduction: reduction, labelSmoothing: labelSmoothing)
  }
}

/// The negative log-likelihood of log-probabilities; see `Tensor.nllLoss`.
open class NLLLoss: Loss, Layer {
  private let _weight: Buffer?
  private let ignoreIndex: Int

  public init(weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean) {
    _weight = weight.map { Buffer(wrappedValue: $0) }
    self.ignoreIndex = ignoreIndex
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor {
    input.0.nllLoss(input.1, weight: _weight?.wrappedValue, ignoreIndex: ignoreIndex, reduction: reduction)
  }
}

/// Binary cross entropy of probabilities; see `Tensor.binaryCrossEntropy`.
open class BCELoss: Loss, Layer {
  private let _weight: Buffer?

  public init(weight: Tensor? = nil, reduction: LossReduction = .mean) {
    _weight = weight.map { Buffer(wrappedValue: $0) }
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor {
    input.0.binaryCrossEntropy(input.1, weight: _weight?.wrappedValue, reduction: reduction)
  }
}

/// Binary cross entropy of logits; see `Tensor.binaryCrossEntropyWithLogits`.
open class BCEWithLogitsLoss: Loss, Layer {
  private let _weight: Buffer?
  private let _posWeight: Buffer?

  public init(weight: Tensor? = nil, posWeight: Tensor? = nil, reduction: LossReduction = .mean) {
    _weight = weight.map { Buffer(wrappedValue: $0) }
    _posWeight = posWeight.map { Buffer(wrappedValue: $0) }
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor {
    input.0.binaryCrossEntropyWithLogits(
      input.1, weight: _weight?.wrappedValue, posWeight: _posWeight?.wrappedValue, reduction: reduction)
  }
}

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
