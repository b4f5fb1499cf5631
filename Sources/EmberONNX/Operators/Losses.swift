import EmberRuntime
import EmberTensor

/// Losses of classifications.
extension OperatorTable {
  mutating func addLosses() {
    add("NegativeLogLikelihoodLoss", since: 12) { call in
      try negativeLogLikelihood(call, try call.tensor(0))
    }
    add("SoftmaxCrossEntropyLoss", since: 12) { call in
      let logarithms = try call.tensor(0, minimumRank: 2).logSoftmax(1)
      return [try negativeLogLikelihood(call, logarithms), logarithms]
    }
  }
}

/// The loss of logarithms of probabilities [batch, classes, ...] and classes [batch, ...].
private func negativeLogLikelihood(_ call: OperatorCall, _ x: Tensor) throws -> Tensor {
  let target = try call.tensor(1).to(.int64), weight = try call.optionalTensor(2)
  guard x.rank >= 2, Array(target.shape) == [x.shape[0]] + Array(x.shape.dropFirst(2)) else {
    throw call.failure("\(describe(x)) with classes \(describe(target))", .shape)
  }
  let ignored = try call.int("ignore_index").map { target .== $0 }
  let classes = ignored.map { target.maskedFill($0, 0) } ?? target
  var factor = weight.map { $0.indexSelect(0, classes.reshape([classes.elementCount])).reshape(Array(classes.shape)) }
  if let ignored { factor = (factor ?? Tensor.ones(Array(target.shape), dtype: x.dtype, on: x.device)).maskedFill(ignored, 0) }
  let picked = -x.gather(dim: 1, index: classes.unsqueeze(1)).squeeze([1])
  let losses = factor.map { picked * $0 } ?? picked
  switch try call.string("reduction", oneOf: ["mean", "sum", "none"]) {
  case "none": return losses
  case "sum": return losses.sum()
  default: return factor.map { losses.sum() / $0.sum() } ?? losses.mean()
  }
}
