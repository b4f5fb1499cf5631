import EmberRuntime
import EmberTensor

// Losses that are functions of single elements or rows, gathered by a `LossReduction`. Shapes broadcast unless said otherwise.
extension Pointwise {
  /// exp(x) - t·x, or x - t·log(x + ε).
  static let poissonOfLogarithm = Pointwise("poisson_nll_loss", promotion: .floatingPoint) { x, t in EmberRuntime.exp(x) - t * x }
  static let poisson = Pointwise("poisson_nll_loss", roles: [.value, .value], parameters: 1, promotion: .floatingPoint) { x, p in
    x[0] - x[1] * EmberRuntime.log(x[0] + p[0])
  }
  /// Stirling's approximation of log t!, where t is larger than 1.
  static let stirling = Pointwise("poisson_nll_loss", promotion: .floatingPoint) { t in
    select(t .<= 1, 0, t * EmberRuntime.log(t) - t + 0.5 * EmberRuntime.log(6.283185307179586 * t))
  }
  /// x where t is 1, max(0, margin - x) where it is -1.
  static let hingeEmbedding = Pointwise("hinge_embedding_loss", roles: [.value, .value], parameters: 1) { x, p in
    select(x[1] .== 1, 0, EmberRuntime.maximum(p[0] - x[0], 0)) + select(x[1] .== -1, 0, x[0])
  }
  /// max(0, x), with derivative 1 at 0.
  static let positivePart = Pointwise(
    "clamp_min", roles: [.value], derivative: { x, _, _, g in [select(x[0] .>= 0, g, 0)] }
  ) { x, _ in EmberRuntime.maximum(x[0], 0) }
}

extension Tensor {
  /// |self - target|, each times its weight; the mean is the sum over the sum of the weights.
  public func l1Loss(_ target: Tensor, weight: Tensor, reduction: LossReduction = .mean) -> Tensor {
    warnUnlessShaped(as: target, "l1_loss")
    return (self - target).abs().weighted(weight, like: self, reduction, "l1_loss", dividing: true)
  }

  /// (self - target)², each times its weight; the mean is the sum over the sum of the weights.
  public func mseLoss(_ target: Tensor, weight: Tensor, reduction: LossReduction = .mean) -> Tensor {
    warnUnlessShaped(as: target, "mse_loss")
    return (self - target).square().weighted(weight, like: self, reduction, "mse_loss", dividing: true)
  }

  /// Huber's loss, each times its weight; the mean is that of the products.
  public func huberLoss(_ target: Tensor, weight: Tensor, reduction: LossReduction = .mean, delta: Double = 1) -> Tensor {
    if let result = Autocast.asOne(
      "huber_loss", [self, target, weight], { $0[0]!.huberLoss($0[1]!, weight: $0[2]!, reduction: reduction, delta: delta) })
    {
      return result
    }
    return huberLoss(target, reduction: .none, delta: delta).weighted(weight, like: self, reduction, "huber_loss", dividing: false)
  }

  private func weighted(_ weight: Tensor, like input: Tensor, _ reduction: LossReduction, _ name: String, dividing: Bool) -> Tensor {
    if !isPoisoned, weight.shape != input.shape {
      raise(EmberError(.shape, in: name, "weight \(weight.summary) for input \(input.summary); they must have one shape"))
      return .poison
    }
    let losses = self * weight
    return reduction == .mean && dividing ? losses.sum() / weight.sum() : losses.reducedLoss(reduction, name)
  }

  /// The negative log-likelihood of `target` under Poisson distributions whose rates (or, if `logInput`, their logarithms) are self.
  ///
  /// - Parameters:
  ///   - full: adds Stirling's approximation of log target! where target > 1.
  ///   - eps: keeps the logarithm of a rate of 0 finite; used without `logInput` only.
  public func poissonNLLLoss(
    _ target: Tensor, logInput: Bool = true, full: Bool = false, eps: Double = 1e-8, reduction: LossReduction = .mean
  ) -> Tensor {
    let cast = Autocast.asOne("poisson_nll_loss", [self, target]) {
      $0[0]!.poissonNLLLoss($0[1]!, logInput: logInput, full: full, eps: eps, reduction: reduction)
    }
    if let cast { return cast }
    var losses = logInput ? Pointwise.poissonOfLogarithm(self, target) : Pointwise.poisson(self, target, ScalarParameters(.real(eps)))
    if full { losses = losses + Pointwise.stirling(target) }
    return losses.reducedLoss(reduction, "poisson_nll_loss")
  }

  /// ½·(log v + (self - target)² / v) with v the variance, at least `eps`; `full` adds ½·log 2π.
  ///
  /// The variance has self's shape, that shape without its last dimension or with 1 in place of one extent, or broadcasts from one number.
  public func gaussianNLLLoss(
    _ target: Tensor, variance: Tensor, full: Bool = false, eps: Double = 1e-6, reduction: LossReduction = .mean
  ) -> Tensor {
    guard mayRun("gaussian_nll_loss", self), mayRun("gaussian_nll_loss", variance) else { return .poison }
    return attempt { () throws(EmberError) in
      var v = variance
      if v.shape != shape {
        if rank > 0, Array(shape.dropLast()) == Array(v.shape) {
          v = v.unsqueeze(-1)
        } else {
          let mismatches = zip(shape, v.shape).filter { $0 != $1 }
          guard v.rank == rank, mismatches.reduce(0, { $0 + $1.1 }) == 1 else {
            throw EmberError(.shape, in: "gaussian_nll_loss", "variance \(v.summary) does not fit input \(summary)")
          }
        }
      }
      if v.backend.holdsData, (v.detach() .< 0).holdsSomewhere() {
        throw EmberError(.value, in: "gaussian_nll_loss", "the variance has negative elements")
      }
      // The limit is not differentiated: gradients flow as if there were none.
      let raised = v.detach().clamp(min: .real(eps)) - v.detach()
      let safe = v + raised
      var losses = 0.5 * (safe.log() + (self - target).square() / safe)
      if full { losses = losses + 0.5 * 1.8378770664093453 }
      return losses.reducedLoss(reduction, "gaussian_nll_loss")
    }
  }

  /// log(1 + exp(-target·self)) for targets 1 and -1.
  public func softMarginLoss(_ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
    guard isFloatingPoint(of: "soft_margin_loss") else { return .poison }
    if let result = Autocast.asOne("soft_margin_loss", [self, target], { $0[0]!.softMarginLoss($0[1]!, reduction: reduction) }) {
      return result
    }
    guard isPoisoned || target.isPoisoned || shape.broadcast(with: target.shape) == shape else {
      raise(EmberError(.shape, in: "soft_margin_loss", "target \(target.summary) does not broadcast to input \(summary)"))
      return .poison
    }
    // Step by step, so that 16-bit numbers overflow where PyTorch's do.
    return (-target * self).exp().log1p().reducedLoss(reduction, "soft_margin_loss")
  }

  /// self where target is 1, max(0, margin - self) where it is -1.
  public func hingeEmbeddingLoss(_ target: Tensor, margin: Double = 1, reduction: LossReduction = .mean) -> Tensor {
    guard isFloatingPoint(of: "hinge_embedding_loss") else { return .poison }
    let cast = Autocast.asOne("hinge_embedding_loss", [self, target]) {
      $0[0]!.hingeEmbeddingLoss($0[1]!, margin: margin, reduction: reduction)
    }
    if let cast { return cast }
    return Pointwise.hingeEmbedding(self, target, ScalarParameters(.real(margin))).reducedLoss(reduction, "hinge_embedding_loss")
  }

  /// max(0, -target·(self - other) + margin): self should rank higher where target is 1, lower where it is -1.
  public func marginRankingLoss(_ other: Tensor, _ target: Tensor, margin: Double = 0, reduction: LossReduction = .mean) -> Tensor {
    guard mayRunSlowly("margin_ranking_loss", [self, other, target]) else { return .poison }
    let cast = Autocast.asOne("margin_ranking_loss", [self, other, target]) {
      $0[0]!.marginRankingLoss($0[1]!, $0[2]!, margin: margin, reduction: reduction)
    }
    if let cast { return cast }
    guard rank == other.rank, rank == target.rank else {
      raise(
        EmberError(
          .shape, in: "margin_ranking_loss", "\(summary), \(other.summary) and target \(target.summary) must have one number of dimensions")
      )
      return .poison
    }
    return Pointwise.positivePart(-target * (self - other) + Scalar.real(margin)).reducedLoss(reduction, "margin_ranking_loss")
  }

  /// 1 - cos where target is 1, max(0, cos - margin) where it is -1, with cos the cosine of corresponding rows.
  ///
  /// Self and other are [batch, features] with target [batch], or [features] with a 0-dimensional target.
  public func cosineEmbeddingLoss(_ other: Tensor, _ target: Tensor, margin: Double = 0, reduction: LossReduction = .mean) -> Tensor {
    let name = "cosine_embedding_loss"
    guard mayRunSlowly(name, [self, other, target]) else { return .poison }
    let cast = Autocast.asOne(name, [self, other, target]) {
      $0[0]!.cosineEmbeddingLoss($0[1]!, $0[2]!, margin: margin, reduction: reduction)
    }
    if let cast { return cast }
    guard target.rank <= 1, rank == target.rank + 1, other.rank == rank else {
      raise(
        EmberError(
          .shape, in: name,
          "\(summary), \(other.summary) and target \(target.summary): inputs [batch, features] go with a target [batch], [features] with []"
        ))
      return .poison
    }
    // Squared norms get a small number, so that the cosine of zero vectors is 0.
    let dot = (self * other).sum(-1)
    let epsilon = Scalar.real(1e-12)
    let cosine = dot / (((self * self).sum(-1) + epsilon) * ((other * other).sum(-1) + epsilon)).sqrt()
    let zeros = Tensor.zeros(like: cosine)
    let similar = `where`(target .== 1, 1 - cosine, zeros)
    let different = `where`(target .== -1, Pointwise.positivePart(cosine - Scalar.real(margin)), zeros)
    return (similar + different).reducedLoss(reduction, name)
  }

  fileprivate func isFloatingPoint(of name: String) -> Bool {
    if isPoisoned || dtype.isFloatingPoint { return true }
    raise(EmberError(.dtype, in: name, "input \(summary) is not floating point; convert with .to(.float32)"))
    return false
  }

  /// The mean over the last dimension of -(t·log σ(x) + (1 - t)·log(1 - σ(x))), each times its weight.
  public func multilabelSoftMarginLoss(_ target: Tensor, weight: Tensor? = nil, reduction: LossReduction = .mean) -> Tensor {
    guard isFloatingPoint(of: "multilabel_soft_margin_loss") else { return .poison }
    guard mayRunSlowly("multilabel_soft_margin_loss", [self, target]) else { return .poison }
    guard rank > 0 else {
      raise(EmberError(.shape, in: "multilabel_soft_margin_loss", "input \(summary) must have at least one dimension, of classes"))
      return .poison
    }
    var losses = -(target * logSigmoid() + (1 - target) * (-self).logSigmoid())
    if let weight { losses = losses * weight }
    return (losses.sum(-1) / Scalar.real(Double(shape[-1]))).reducedLoss(reduction, "multilabel_soft_margin_loss")
  }

  /// max(0, margin + d(self, positive) - d(self, negative)) with the p-norm of row differences as distance; Balntas et al., BMVC 2016.
  ///
  /// - Parameter swap: uses the smaller one of d(self, negative) and d(positive, negative).
  public func tripletMarginLoss(
    _ positive: Tensor, _ negative: Tensor, margin: Double = 1, p: Double = 2, eps: Double = 1e-6, swap: Bool = false,
    reduction: LossReduction = .mean
  ) -> Tensor {
    let cast = Autocast.asOne("triplet_margin_loss", [self, positive, negative]) {
      $0[0]!.tripletMarginLoss($0[1]!, $0[2]!, margin: margin, p: p, eps: eps, swap: swap, reduction: reduction)
    }
    if let cast { return cast }
    return tripletMarginLoss(positive, negative, margin: margin, swap: swap, reduction: reduction, name: "triplet_margin_loss") {
      $0.pairwiseDistance($1, p: p, eps: eps)
    }
  }

  /// `tripletMarginLoss` with any distance of two tensors.
  public func tripletMarginLoss(
    _ positive: Tensor, _ negative: Tensor, margin: Double = 1, swap: Bool = false, reduction: LossReduction = .mean,
    distance: (Tensor, Tensor) -> Tensor
  ) -> Tensor {
    let name = "triplet_margin_with_distance_loss"
    return tripletMarginLoss(positive, negative, margin: margin, swap: swap, reduction: reduction, name: name, distance)
  }

  private func tripletMarginLoss(
    _ positive: Tensor, _ negative: Tensor, margin: Double, swap: Bool, reduction: LossReduction, name: String,
    _ distance: (Tensor, Tensor) -> Tensor
  ) -> Tensor {
    guard mayRunSlowly(name, [self, positive, negative]) else { return .poison }
    guard rank == positive.rank, rank == negative.rank else {
      raise(
        EmberError(
          .shape, in: name,
          "anchor \(summary), positive \(positive.summary) and negative \(negative.summary) must have one number of dimensions"))
      return .poison
    }
    guard margin > 0 else {
      raise(EmberError(.value, in: name, "margin \(margin); it must be positive"))
      return .poison
    }
    var far = distance(self, negative)
    if swap { far = minimum(far, distance(positive, negative)) }
    return Pointwise.positivePart(distance(self, positive) - far + Scalar.real(margin)).reducedLoss(reduction, name)
  }
}

extension LossReduction {
  /// The reduction that the arguments of a function of `torch.nn.functional` mean; the first two are its older way to say it.
  init(_ sizeAverage: Bool?, _ reduce: Bool?, _ word: String, in name: String) throws(EmberError) {
    if sizeAverage != nil || reduce != nil {
      self = reduce == false ? .none : sizeAverage == false ? .sum : .mean
      return
    }
    try self.init(word, in: name)
  }

  init(_ word: String, in name: String) throws(EmberError) {
    switch word {
    case "none": self = .none
    case "mean": self = .mean
    case "sum": self = .sum
    default: throw EmberError(.value, in: name, "reduction \"\(word)\"; it must be none, mean or sum")
    }
  }

  /// ATen's numbers: 0 none, 1 mean, 2 sum.
  init(number: Int, in name: String) throws(EmberError) {
    guard (0...2).contains(number) else { throw EmberError(.value, in: name, "reduction \(number); it must be 0, 1 or 2") }
    self = [.none, .mean, .sum][number]
  }
}

extension OperatorRegistry {
  mutating func addElementLosses() {
    addDistanceLosses()
    addLikelihoodLosses()
    addMarginLosses()
  }

  private mutating func addDistanceLosses() {
    let legacy = "bool? size_average=None, bool? reduce=None, str reduction='mean'"
    add("torch.nn.functional.l1_loss(Tensor input, Tensor target, \(legacy), Tensor? weight=None) -> Tensor") {
      (x: Tensor, target: Tensor, average: Bool?, reduce: Bool?, word: String, weight: Tensor?) in
      let reduction = try LossReduction(average, reduce, word, in: "l1_loss")
      return weight.map { x.l1Loss(target, weight: $0, reduction: reduction) } ?? x.l1Loss(target, reduction: reduction)
    }
    add("torch.nn.functional.mse_loss(Tensor input, Tensor target, \(legacy), Tensor? weight=None) -> Tensor") {
      (x: Tensor, target: Tensor, average: Bool?, reduce: Bool?, word: String, weight: Tensor?) in
      let reduction = try LossReduction(average, reduce, word, in: "mse_loss")
      return weight.map { x.mseLoss(target, weight: $0, reduction: reduction) } ?? x.mseLoss(target, reduction: reduction)
    }
    add("torch.nn.functional.smooth_l1_loss(Tensor input, Tensor target, \(legacy), float beta=1.0) -> Tensor") {
      (x: Tensor, target: Tensor, average: Bool?, reduce: Bool?, word: String, beta: Double) in
      guard x.isFloatingPoint(of: "smooth_l1_loss") else { return x }
      return x.smoothL1Loss(target, reduction: try LossReduction(average, reduce, word, in: "smooth_l1_loss"), beta: beta)
    }
    add(
      "torch.nn.functional.huber_loss(Tensor input, Tensor target, str reduction='mean', float delta=1.0, "
        + "Tensor? weight=None) -> Tensor"
    ) {
      (x: Tensor, target: Tensor, word: String, delta: Double, weight: Tensor?) in
      guard x.isFloatingPoint(of: "huber_loss") else { return x }
      let reduction = try LossReduction(word, in: "huber_loss")
      return weight.map { x.huberLoss(target, weight: $0, reduction: reduction, delta: delta) }
        ?? x.huberLoss(target, reduction: reduction, delta: delta)
    }
    add("aten::l1_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor") { (x: Tensor, target: Tensor, reduction: Int) in
      x.l1Loss(target, reduction: try LossReduction(number: reduction, in: "l1_loss"))
    }
    add("aten::mse_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor") { (x: Tensor, target: Tensor, reduction: Int) in
      x.mseLoss(target, reduction: try LossReduction(number: reduction, in: "mse_loss"))
    }
    add("aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=Mean, float beta=1.0) -> Tensor") {
      (x: Tensor, target: Tensor, reduction: Int, beta: Double) in
      x.smoothL1Loss(target, reduction: try LossReduction(number: reduction, in: "smooth_l1_loss"), beta: beta)
    }
    add("aten::huber_loss(Tensor self, Tensor target, int reduction=Mean, float delta=1.0) -> Tensor") {
      (x: Tensor, target: Tensor, reduction: Int, delta: Double) in
      x.huberLoss(target, reduction: try LossReduction(number: reduction, in: "huber_loss"), delta: delta)
    }
  }

  private mutating func addLikelihoodLosses() {
    add(
      "torch.nn.functional.kl_div(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, "
        + "str reduction='mean', bool log_target=False) -> Tensor"
    ) { (x: Tensor, target: Tensor, average: Bool?, reduce: Bool?, word: String, logTarget: Bool) in
      let isBatchMean = average == nil && reduce == nil && word == "batchmean"
      let reduction = isBatchMean ? .batchMean : try LossReduction(average, reduce, word, in: "kl_div")
      return x.klDiv(target, reduction: reduction, logTarget: logTarget)
    }
    add(
      "torch.nn.functional.binary_cross_entropy(Tensor input, Tensor target, Tensor? weight=None, "
        + "bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor"
    ) { (x: Tensor, target: Tensor, weight: Tensor?, average: Bool?, reduce: Bool?, word: String) in
      x.binaryCrossEntropy(target, weight: weight, reduction: try LossReduction(average, reduce, word, in: "binary_cross_entropy"))
    }
    add(
      "torch.nn.functional.binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight=None, "
        + "bool? size_average=None, bool? reduce=None, str reduction='mean', Tensor? pos_weight=None) -> Tensor"
    ) { (x: Tensor, target: Tensor, weight: Tensor?, average: Bool?, reduce: Bool?, word: String, posWeight: Tensor?) in
      let reduction = try LossReduction(average, reduce, word, in: "binary_cross_entropy_with_logits")
      return x.binaryCrossEntropyWithLogits(target, weight: weight, posWeight: posWeight, reduction: reduction)
    }
    add(
      "torch.nn.functional.poisson_nll_loss(Tensor input, Tensor target, bool log_input=True, bool full=False, "
        + "bool? size_average=None, float eps=1e-08, bool? reduce=None, str reduction='mean') -> Tensor"
    ) { (x: Tensor, target: Tensor, logInput: Bool, full: Bool, average: Bool?, eps: Double, reduce: Bool?, word: String) in
      let reduction = try LossReduction(average, reduce, word, in: "poisson_nll_loss")
      return x.poissonNLLLoss(target, logInput: logInput, full: full, eps: eps, reduction: reduction)
    }
    add(
      "torch.nn.functional.gaussian_nll_loss(Tensor input, Tensor target, Any var, bool full=False, float eps=1e-06, "
        + "str reduction='mean') -> Tensor"
    ) { (x: Tensor, target: Tensor, variance: OperatorValue, full: Bool, eps: Double, word: String) in
      let reduction = try LossReduction(word, in: "gaussian_nll_loss")
      let given: Tensor
      if case .tensor(let tensor) = variance {
        given = tensor
      } else if let number = variance.scalar {
        given = Tensor.full(like: x, number)
      } else {
        throw EmberError(.value, in: "gaussian_nll_loss", "the variance must be a tensor or a number, not \(variance.kind)")
      }
      return x.gaussianNLLLoss(target, variance: given, full: full, eps: eps, reduction: reduction)
    }
  }

  private mutating func addMarginLosses() {
    let legacy = "bool? size_average=None, bool? reduce=None, str reduction='mean'"
    add("torch.nn.functional.soft_margin_loss(Tensor input, Tensor target, \(legacy)) -> Tensor") {
      (x: Tensor, target: Tensor, average: Bool?, reduce: Bool?, word: String) in
      x.softMarginLoss(target, reduction: try LossReduction(average, reduce, word, in: "soft_margin_loss"))
    }
    add("torch.nn.functional.hinge_embedding_loss(Tensor input, Tensor target, float margin=1.0, \(legacy)) -> Tensor") {
      (x: Tensor, target: Tensor, margin: Double, average: Bool?, reduce: Bool?, word: String) in
      x.hingeEmbeddingLoss(target, margin: margin, reduction: try LossReduction(average, reduce, word, in: "hinge_embedding_loss"))
    }
    add("torch.nn.functional.margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0, \(legacy)) -> Tensor") {
      (x: Tensor, other: Tensor, target: Tensor, margin: Double, average: Bool?, reduce: Bool?, word: String) in
      x.marginRankingLoss(other, target, margin: margin, reduction: try LossReduction(average, reduce, word, in: "margin_ranking_loss"))
    }
    add("torch.nn.functional.cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0, \(legacy)) -> Tensor") {
      (x: Tensor, other: Tensor, target: Tensor, margin: Double, average: Bool?, reduce: Bool?, word: String) in
      x.cosineEmbeddingLoss(other, target, margin: margin, reduction: try LossReduction(average, reduce, word, in: "cosine_embedding_loss"))
    }
    add("torch.nn.functional.multilabel_soft_margin_loss(Tensor input, Tensor target, Tensor? weight=None, \(legacy)) -> Tensor") {
      (x: Tensor, target: Tensor, weight: Tensor?, average: Bool?, reduce: Bool?, word: String) in
      let reduction = try LossReduction(average, reduce, word, in: "multilabel_soft_margin_loss")
      return x.multilabelSoftMarginLoss(target, weight: weight, reduction: reduction)
    }
    add(
      "torch.nn.functional.triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, "
        + "float p=2, float eps=1e-06, bool swap=False, \(legacy)) -> Tensor"
    ) {
      (
        anchor: Tensor, positive: Tensor, negative: Tensor, margin: Double, p: Double, eps: Double, swap: Bool, average: Bool?,
        reduce: Bool?, word: String
      ) in
      let reduction = try LossReduction(average, reduce, word, in: "triplet_margin_loss")
      return anchor.tripletMarginLoss(positive, negative, margin: margin, p: p, eps: eps, swap: swap, reduction: reduction)
    }
    add(
      "torch.nn.functional.triplet_margin_with_distance_loss(Tensor anchor, Tensor positive, Tensor negative, *, "
        + "Function? distance_function=None, float margin=1.0, bool swap=False, str reduction='mean') -> Tensor"
    ) { (anchor: Tensor, positive: Tensor, negative: Tensor, distance: OperatorValue, margin: Double, swap: Bool, word: String) in
      let reduction = try LossReduction(word, in: "triplet_margin_with_distance_loss")
      return anchor.tripletMarginLoss(positive, negative, margin: margin, swap: swap, reduction: reduction) { a, b in
        if case .function(let function) = distance { return function([a, b]) }
        return a.pairwiseDistance(b)
      }
    }
  }
}
