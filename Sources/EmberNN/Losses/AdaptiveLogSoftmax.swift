import EmberRuntime
import EmberTensor

/// A softmax over many classes of uneven frequency in parts: frequent ones in the head, rarer ones in clusters with fewer features; Grave et al.,
/// arXiv:1609.04309. Classes are to be numbered by falling frequency.
///
/// Of inputs [batch, features] and labels [batch], or of one sample without the batch.
open class AdaptiveLogSoftmaxWithLoss: Module, Layer {
  public final let inFeatures: Int
  public final let classes: Int
  /// Where clusters end; the last one at the number of classes.
  public final let cutoffs: [Int]
  public final let head: Linear
  public final let tail: ModuleList<Sequential>

  /// - Parameters:
  ///   - cutoffs: ends of the head and of all clusters but the last, rising.
  ///   - divValue: by what the features of each further cluster are divided.
  public init(
    _ inFeatures: Int, _ classes: Int, cutoffs: [Int], divValue: Double = 4, headBias: Bool = false, dtype: DType = .float32, on device: Device = .cpu
  ) {
    let isRising = zip(cutoffs, cutoffs.dropFirst()).allSatisfy { $0 < $1 }
    if cutoffs.isEmpty || !isRising || cutoffs[0] < 1 || cutoffs.last! > classes - 1 {
      raise(
        EmberError(
          .value, in: "AdaptiveLogSoftmaxWithLoss", "cutoffs \(cutoffs); they must rise, each from 1 to \(classes - 1), and there must be at least one"))
    }
    self.inFeatures = inFeatures
    self.classes = classes
    let ends = cutoffs + [classes]
    self.cutoffs = ends
    head = Linear(inFeatures, (ends.first ?? 1) + ends.count - 1, bias: headBias, dtype: dtype, on: device)
    tail = ModuleList(
      (0..<Swift.max(ends.count - 1, 0)).map { i in
        var divisor = 1.0
        for _ in 0...i { divisor *= divValue }
        let hidden = Int(Double(inFeatures) / divisor)
        return Sequential(
          Linear(inFeatures, hidden, bias: false, dtype: dtype, on: device),
          Linear(hidden, Swift.max(ends[i + 1] - ends[i], 0), bias: false, dtype: dtype, on: device))
      })
    super.init()
  }

  /// The log-probability of each sample's label, and their negative mean.
  open func forward(_ input: (Tensor, Tensor)) -> (output: Tensor, loss: Tensor) {
    let (x, target) = input
    guard x.rank == target.rank + 1, x.rank == 1 || x.rank == 2, x.rank == 1 || x.shape[0] == target.shape[0], x.shape[-1] == inFeatures else {
      let message = "input \(x.dtype)\(x.shape) and labels \(target.dtype)\(target.shape); they must be [batch, \(inFeatures)] and [batch], or [\(inFeatures)] and a number"
      if !ErrorScopes.hasFailed { raise(EmberError(.shape, in: "AdaptiveLogSoftmaxWithLoss", message)) }
      return (x, x)
    }
    if x.rank == 1 {
      let (output, loss) = forward((x.unsqueeze(0), target.unsqueeze(0)))
      return (output.squeeze(0), loss)
    }
    let labels = target.to(.int64)
    let outside = ((labels .< 0) | (labels .>= .integer(Int64(classes)))).any()
    if outside.item(as: Bool.self) {
      raise(EmberError(.index, in: "AdaptiveLogSoftmaxWithLoss", "a label lies outside of 0 ..< \(classes)"))
      return (x, x)
    }
    let headLogits = head(x).logSoftmax(1)
    // Where a label lies in a cluster, the head's part is the cluster's own entry.
    var position = labels.clamp(max: .integer(Int64(cutoffs[0] - 1)))
    var local = Tensor.zeros([x.shape[0]], dtype: x.dtype, on: x.device)
    for i in 0..<tail.count {
      let (low, high) = (cutoffs[i], cutoffs[i + 1])
      let rows = ((labels .>= .integer(Int64(low))) & (labels .< .integer(Int64(high)))).nonzero().flatten(0, -1)
      if rows.elementCount == 0 { continue }
      let own = tail[i](x.indexSelect(0, rows)).logSoftmax(1)
      let chosen = own.gather(dim: 1, index: (labels.indexSelect(0, rows) - .integer(Int64(low))).unsqueeze(1)).squeeze(1)
      local = local.indexAdd(dim: 0, index: rows, source: chosen)
      position = position.indexFill(dim: 0, index: rows, value: .integer(Int64(cutoffs[0] + i)))
    }
    let output = headLogits.gather(dim: 1, index: position.unsqueeze(1)).squeeze(1) + local
    return (output, -output.mean())
  }

  /// Log-probabilities of all classes, [batch, classes].
  public final func logProbabilities(_ input: Tensor) -> Tensor {
    let headLogits = head(input).logSoftmax(1)
    var parts = [headLogits.narrow(1, start: 0, length: cutoffs[0])]
    for i in 0..<tail.count { parts.append(tail[i](input).logSoftmax(1) + headLogits.narrow(1, start: cutoffs[0] + i, length: 1)) }
    return cat(parts, dim: 1)
  }

  /// The likeliest class of each sample.
  public final func predict(_ input: Tensor) -> Tensor { logProbabilities(input).argmax(1) }
}
