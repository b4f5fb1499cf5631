import EmberFunctional
import EmberRuntime
import EmberTensor

/// A hinge for each class that is not the label's: max(0, margin - x[label] + x[class])ᵖ / classes.
open class MultiMarginLoss: Loss, Layer {
  private let p: Int
  private let margin: Double
  private let _weight: Buffer?

  public init(p: Int = 1, margin: Double = 1, weight: Tensor? = nil, reduction: LossReduction = .mean) {
    if p != 1 && p != 2 { raise(EmberError(.value, in: "MultiMarginLoss", "p = \(p); it must be 1 or 2")) }
    self.p = p
    self.margin = margin
    _weight = weight.map { Buffer(wrappedValue: $0) }
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor {
    input.0.multiMarginLoss(input.1, p: p, margin: margin, weight: _weight?.wrappedValue, reduction: reduction)
  }
}

/// A hinge between every label of a sample and every class that is none: labels [batch, classes], ended by -1.
open class MultiLabelMarginLoss: Loss, Layer {
  public override init(reduction: LossReduction = .mean) {
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.multilabelMarginLoss(input.1, reduction: reduction) }
}

/// Binary cross entropy of logits, averaged over the classes of each sample.
open class MultiLabelSoftMarginLoss: Loss, Layer {
  private let _weight: Buffer?

  public init(weight: Tensor? = nil, reduction: LossReduction = .mean) {
    _weight = weight.map { Buffer(wrappedValue: $0) }
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor {
    input.0.multilabelSoftMarginLoss(input.1, weight: _weight?.wrappedValue, reduction: reduction)
  }
}

/// Of distances: x where the target is 1, max(0, margin - x) where it is -1.
open class HingeEmbeddingLoss: Loss, Layer {
  private let margin: Double
  public init(margin: Double = 1, reduction: LossReduction = .mean) {
    self.margin = margin
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.hingeEmbeddingLoss(input.1, margin: margin, reduction: reduction) }
}

/// Of two vectors and a target: 1 - cosine where it is 1, max(0, cosine - margin) where it is -1.
open class CosineEmbeddingLoss: Loss, Layer {
  private let margin: Double
  public init(margin: Double = 0, reduction: LossReduction = .mean) {
    self.margin = margin
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor, Tensor)) -> Tensor {
    input.0.cosineEmbeddingLoss(input.1, input.2, margin: margin, reduction: reduction)
  }
}

/// Of two scores and a target: max(0, -target · (first - second) + margin); 1 says that the first should be larger, -1 the second.
open class MarginRankingLoss: Loss, Layer {
  private let margin: Double
  public init(margin: Double = 0, reduction: LossReduction = .mean) {
    self.margin = margin
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor, Tensor)) -> Tensor {
    input.0.marginRankingLoss(input.1, input.2, margin: margin, reduction: reduction)
  }
}

/// Of (anchor, positive, negative): max(0, |anchor - positive| - |anchor - negative| + margin); Balntas et al., BMVC 2016.
open class TripletMarginLoss: Loss, Layer {
  private let margin: Double
  private let p: Double
  private let eps: Double
  private let swap: Bool

  /// - Parameter swap: the positive's distance to the negative counts if it is the smaller one.
  public init(margin: Double = 1, p: Double = 2, eps: Double = 1e-6, swap: Bool = false, reduction: LossReduction = .mean) {
    if margin <= 0 { raise(EmberError(.value, in: "TripletMarginLoss", "a margin of \(margin); it must be positive")) }
    self.margin = margin
    self.p = p
    self.eps = eps
    self.swap = swap
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor, Tensor)) -> Tensor {
    input.0.tripletMarginLoss(input.1, input.2, margin: margin, p: p, eps: eps, swap: swap, reduction: reduction)
  }
}

/// `TripletMarginLoss` with any distance.
open class TripletMarginWithDistanceLoss: Loss, Layer {
  private let distance: (Tensor, Tensor) -> Tensor
  private let margin: Double
  private let swap: Bool

  /// - Parameter distance: nil: the distance of the vectors in the last dimension.
  public init(distance: ((Tensor, Tensor) -> Tensor)? = nil, margin: Double = 1, swap: Bool = false, reduction: LossReduction = .mean) {
    if margin <= 0 { raise(EmberError(.value, in: "TripletMarginWithDistanceLoss", "a margin of \(margin); it must be positive")) }
    self.distance = distance ?? { $0.pairwiseDistance($1) }
    self.margin = margin
    self.swap = swap
    super.init(reduction: reduction)
  }

  open func forward(_ input: (Tensor, Tensor, Tensor)) -> Tensor {
    input.0.tripletMarginLoss(input.1, input.2, margin: margin, swap: swap, reduction: reduction, distance: distance)
  }
}
