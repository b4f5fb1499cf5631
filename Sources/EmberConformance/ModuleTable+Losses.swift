import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

extension ModuleTable {
  static let losses: [String: Maker] = [
    "MSELoss": { a in two(MSELoss(reduction: try a.reduction())) },
    "L1Loss": { a in two(L1Loss(reduction: try a.reduction())) },
    "SmoothL1Loss": { a in two(SmoothL1Loss(reduction: try a.reduction(), beta: try a.number("beta", 1))) },
    "HuberLoss": { a in two(HuberLoss(reduction: try a.reduction(), delta: try a.number("delta", 1))) },
    "KLDivLoss": { a in two(KLDivLoss(reduction: try a.reduction(), logTarget: try a.flag("log_target", false))) },
    "MultiLabelMarginLoss": { a in two(MultiLabelMarginLoss(reduction: try a.reduction())) },
    "SoftMarginLoss": { a in two(SoftMarginLoss(reduction: try a.reduction())) },
    "BCELoss": { a in two(BCELoss(weight: try a.tensor("weight"), reduction: try a.reduction())) },
    "BCEWithLogitsLoss": { a in two(BCEWithLogitsLoss(weight: try a.tensor("weight"), posWeight: try a.tensor("pos_weight"), reduction: try a.reduction())) },
    "MultiLabelSoftMarginLoss": { a in two(MultiLabelSoftMarginLoss(weight: try a.tensor("weight"), reduction: try a.reduction())) },
    "MultiMarginLoss": { a in two(MultiMarginLoss(p: try a.integer("p", 1), margin: try a.number("margin", 1), weight: try a.tensor("weight"), reduction: try a.reduction())) },
    "NLLLoss": { a in two(NLLLoss(weight: try a.tensor("weight"), ignoreIndex: try a.integer("ignore_index", -100), reduction: try a.reduction())) },
    "CrossEntropyLoss": { a in
      two(
        CrossEntropyLoss(
          weight: try a.tensor("weight"), ignoreIndex: try a.integer("ignore_index", -100), reduction: try a.reduction(),
          labelSmoothing: try a.number("label_smoothing", 0)))
    },
    "LinearCrossEntropyLoss": { a in
      a.ignore("options")
      return two(
        LinearCrossEntropyLoss(
          try a.size("in_features"), try a.size("num_classes"), outFeatures: try a.integers("out_features") ?? [], bias: try a.flag("bias", false),
          weight: try a.tensor("weight"), ignoreIndex: try a.integer(ifPresent: "ignore_index"), reduction: try a.reduction(),
          labelSmoothing: try a.number("label_smoothing", 0)))
    },
    "PoissonNLLLoss": { a in two(PoissonNLLLoss(logInput: try a.flag("log_input", true), full: try a.flag("full", false), eps: try a.number("eps", 1e-8), reduction: try a.reduction())) },
    "GaussianNLLLoss": { a in three(GaussianNLLLoss(full: try a.flag("full", false), eps: try a.number("eps", 1e-6), reduction: try a.reduction())) },
    "HingeEmbeddingLoss": { a in two(HingeEmbeddingLoss(margin: try a.number("margin", 1), reduction: try a.reduction())) },
    "CosineEmbeddingLoss": { a in three(CosineEmbeddingLoss(margin: try a.number("margin", 0), reduction: try a.reduction())) },
    "MarginRankingLoss": { a in three(MarginRankingLoss(margin: try a.number("margin", 0), reduction: try a.reduction())) },
    "TripletMarginLoss": { a in
      three(
        TripletMarginLoss(
          margin: try a.number("margin", 1), p: try a.number("p", 2), eps: try a.number("eps", 1e-6), swap: try a.flag("swap", false),
          reduction: try a.reduction()))
    },
    "TripletMarginWithDistanceLoss": { a in
      three(
        TripletMarginWithDistanceLoss(
          distance: try a.distance("distance_function"), margin: try a.number("margin", 1), swap: try a.flag("swap", false),
          reduction: try a.reduction()))
    },
    "CTCLoss": { a in
      let layer = CTCLoss(blank: try a.integer("blank", 0), reduction: try a.reduction(), zeroInfinity: try a.flag("zero_infinity", false))
      return MadeModule(module: layer) {
        let lengths = (try $0.integers("input_lengths"), try $0.integers("target_lengths"))
        return [.tensor(layer(try $0.tensor(0), try $0.tensor(1), inputLengths: lengths.0, targetLengths: lengths.1))]
      }
    },
    "AdaptiveLogSoftmaxWithLoss": { a in
      let layer = AdaptiveLogSoftmaxWithLoss(
        try a.size("in_features"), try a.size("n_classes"), cutoffs: try a.integers("cutoffs") ?? [], divValue: try a.number("div_value", 4),
        headBias: try a.flag("head_bias", false))
      return MadeModule(module: layer) {
        let result = layer((try $0.tensor(0), try $0.tensor(1)))
        return [.tensor(result.output), .tensor(result.loss)]
      }
    },
  ]
}

extension ModuleArguments {
  /// `reduction`, and the older words for it.
  fileprivate mutating func reduction() throws -> LossReduction {
    ignore("size_average", "reduce")
    let word = try text("reduction", "mean")
    guard let reduction = word == "batchmean" ? .batchMean : LossReduction(rawValue: word), word != "batchMean" else {
      throw EmberError(.value, in: owner, "reduction must be none, mean or sum, not '\(word)'")
    }
    return reduction
  }
}
