import EmberFunctional
import EmberRuntime
import EmberTensor

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

/// A linear layer without bias and the cross entropy of its outputs in one: inputs [batch, features] with labels [batch] or probabilities.
///
/// The logits are made a part of the classes at a time where that saves memory; see `Tensor.linearCrossEntropy`.
open class LinearCrossEntropyLoss: Loss, Layer {
  public final let linear: Linear
  private let _weight: Buffer?
  private let ignoreIndex: Int?
  private let labelSmoothing: Double
  /// Extents that the classes are laid out in, for inputs whose targets have further dimensions; empty: just the classes.
  private let outFeatures: [Int]

  public init(
    _ inFeatures: Int, _ classes: Int, outFeatures: [Int] = [], bias: Bool = false, weight: Tensor? = nil, ignoreIndex: Int? = nil,
    reduction: LossReduction = .mean, labelSmoothing: Double = 0, dtype: DType = .float32, on device: Device = .cpu
  ) {
    if !(0...1).contains(labelSmoothing) {
      raise(EmberError(.value, in: "LinearCrossEntropyLoss", "labelSmoothing \(labelSmoothing); it must lie from 0 to 1"))
    }
    if let weight, weight.shape != [classes] {
      raise(EmberError(.shape, in: "LinearCrossEntropyLoss", "weight \(weight.dtype)\(weight.shape) for \(classes) classes; it must be [\(classes)]"))
    }
    linear = Linear(inFeatures, classes * outFeatures.reduce(1, *), bias: bias, dtype: dtype, on: device)
    _weight = weight.map { Buffer(wrappedValue: $0) }
    self.ignoreIndex = ignoreIndex
    self.labelSmoothing = labelSmoothing
    self.outFeatures = outFeatures
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor {
    let classes = linear.outFeatures / outFeatures.reduce(1, *)
    let matrix = outFeatures.isEmpty ? linear.weight : linear.weight.reshape([classes] + outFeatures + [linear.inFeatures])
    return input.0.linearCrossEntropy(
      matrix, input.1, linearBias: linear.bias.map { outFeatures.isEmpty ? $0 : $0.reshape([classes] + outFeatures) }, weight: _weight?.wrappedValue, reduction: reduction, ignoreIndex: ignoreIndex,
      labelSmoothing: labelSmoothing)
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

/// Connectionist temporal classification; Graves et al., ICML 2006. Log-probabilities [time, batch, classes] (or [time, classes]), labels
/// [batch, longest] or all in a row, and the lengths of both; see `Tensor.ctcLoss`.
open class CTCLoss: Loss, Layer {
  private let blank: Int
  private let zeroInfinity: Bool

  /// - Parameters:
  ///   - blank: the number of the class that stands for no label.
  ///   - zeroInfinity: losses of labels that cannot be aligned are 0 instead of infinite.
  public init(blank: Int = 0, reduction: LossReduction = .mean, zeroInfinity: Bool = false) {
    self.blank = blank
    self.zeroInfinity = zeroInfinity
    super.init(reduction: reduction)
  }

  open func forward(_ input: (logProbabilities: Tensor, targets: Tensor, inputLengths: [Int], targetLengths: [Int])) -> Tensor {
    input.logProbabilities.ctcLoss(
      input.targets, inputLengths: input.inputLengths, targetLengths: input.targetLengths, blank: blank, reduction: reduction,
      zeroInfinity: zeroInfinity)
  }

  public func callAsFunction(
    _ logProbabilities: Tensor, _ targets: Tensor, inputLengths: [Int], targetLengths: [Int], file: StaticString = #fileID, line: Int = #line
  ) -> Tensor {
    callAsFunction((logProbabilities, targets, inputLengths, targetLengths), file: file, line: line)
  }
}
