import CEmberFunctional
import EmberRuntime
import EmberTensor

/// What `multi_margin_loss` and others accept as integers of a loss: int64 positions.
private func labels(_ target: Tensor, _ name: String) throws(EmberError) -> Tensor {
  guard target.dtype == .int64 else { throw EmberError(.dtype, in: name, "target \(target.summary) must be int64") }
  return target
}

extension Tensor {
  /// Σ over the other classes i of max(0, margin - self[target] + self[i])ᵖ · weight[target] / classes.
  ///
  /// Self is [batch, classes] with target [batch], or [classes] with a single target. `p` is 1 or 2.
  public func multiMarginLoss(
    _ target: Tensor, p: Int = 1, margin: Double = 1, weight: Tensor? = nil, reduction: LossReduction = .mean
  ) -> Tensor {
    let name = "multi_margin_loss"
    guard mayRunSlowly(name, [self, target, weight]) else { return .poison }
    let cast = Autocast.asOne(name, [self, target, weight]) {
      $0[0]!.multiMarginLoss($0[1]!, p: p, margin: margin, weight: $0[2], reduction: reduction)
    }
    if let cast { return cast }
    return attempt { () throws(EmberError) in
      guard p == 1 || p == 2 else { throw EmberError(.value, in: name, "p = \(p); it must be 1 or 2") }
      guard dtype == .float32 || dtype == .float64 else {
        throw EmberError(.dtype, in: name, "input \(summary) must be float32 or float64")
      }
      guard rank <= 2, rank == 0 || shape[-1] > 0 else {
        throw EmberError(.shape, in: name, "input \(summary) must be [batch, classes] or [classes]")
      }
      let rows = rank == 2 ? shape[0] : 1, classes = rank == 0 ? 1 : shape[-1]
      guard target.rank <= 1, target.elementCount == rows else {
        throw EmberError(.shape, in: name, "target \(target.summary) for input \(summary); it must have \(rows) elements")
      }
      if let weight, weight.rank > 1 || weight.elementCount != classes || weight.dtype != dtype {
        throw EmberError(.shape, in: name, "weight \(weight.summary) for input \(summary); it must be \(dtype)[\(classes)]")
      }
      let positions = try labels(target, name).reshape([rows, 1])
      let x = reshape([rows, classes])
      let slack = x - x.gather(dim: 1, index: positions) + Scalar.real(margin)
      let isTarget = Tensor.arange(classes, on: device).reshape([1, classes]) .== positions
      var terms = slack.relu().maskedFill(isTarget, 0)
      if p == 2 { terms = terms.square() }
      if let weight { terms = terms * weight.reshape([classes]).indexSelect(0, positions.reshape([rows])).reshape([rows, 1]) }
      let losses = (terms.sum(1) / Scalar.real(Double(classes))).reshape(target.rank == 0 ? [] : [rows])
      return losses.reducedLoss(reduction, name)
    }
  }

  /// Σ over the targets t of a row and all classes i that are none of max(0, 1 - self[t] + self[i]) / classes.
  ///
  /// Self and target are [batch, classes] or [classes]; a row's targets (int64) end at the first -1.
  public func multilabelMarginLoss(_ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
    let name = "multilabel_margin_loss"
    guard mayRunSlowly(name, [self, target]) else { return .poison }
    if let result = Autocast.asOne(name, [self, target], { $0[0]!.multilabelMarginLoss($0[1]!, reduction: reduction) }) { return result }
    return attempt { () throws(EmberError) in
      guard dtype == .float32 || dtype == .float64 else {
        throw EmberError(.dtype, in: name, "input \(summary) must be float32 or float64")
      }
      guard rank <= 2, rank == 0 || shape[-1] > 0,
        shape == target.shape || (rank <= 1 && target.rank <= 1 && target.elementCount == elementCount)
      else {
        throw EmberError(.shape, in: name, "input \(summary) and target \(target.summary): both must be [batch, classes] or [classes]")
      }
      let classes = rank == 0 ? 1 : shape[-1], rows = rank == 2 ? shape[0] : 1
      let losses = apply(MultilabelMargin(), [reshape([rows, classes]), try labels(target, name).reshape([rows, classes])])[0]
      return losses.reshape(rank == 2 ? [rows] : []).reducedLoss(reduction, name)
    }
  }

  /// Cross entropy of the logits self · weightᵀ + bias: self is [batch, in] or [in], the weight [classes, ..., in].
  ///
  /// Further dimensions of the weight make several losses per item, as in `crossEntropy` of [batch, classes, ...].
  public func linearCrossEntropy(
    _ linearWeight: Tensor, _ target: Tensor, linearBias: Tensor? = nil, weight: Tensor? = nil, reduction: LossReduction = .mean,
    ignoreIndex: Int? = nil, labelSmoothing: Double = 0
  ) -> Tensor {
    let name = "linear_cross_entropy"
    guard mayRunSlowly(name, [self, linearWeight, target, linearBias, weight]) else { return .poison }
    return attempt { () throws(EmberError) in
      guard rank == 1 || rank == 2, linearWeight.rank >= 2, shape[-1] == linearWeight.shape[-1], rank == 2 || linearWeight.rank == 2 else {
        throw EmberError(
          .shape, in: name,
          "input \(summary) and weight \(linearWeight.summary): "
            + "[in] or [batch, in] goes with [classes, in], [batch, in] with [classes, ..., in]"
        )
      }
      let outputs = Array(linearWeight.shape.dropLast())
      if let linearBias, Array(linearBias.shape) != outputs {
        throw EmberError(.shape, in: name, "bias \(linearBias.summary) for weight \(linearWeight.summary); it must be \(outputs)")
      }
      let logitsShape = Array(shape.dropLast()) + outputs
      if ignoreIndex != nil, Array(target.shape) == logitsShape {
        throw EmberError(.value, in: name, "ignoreIndex goes with labels only, target \(target.summary) holds probabilities")
      }
      let logits = linear(linearWeight.reshape([-1, shape[-1]]), linearBias?.reshape([-1])).reshape(logitsShape)
      return logits.crossEntropy(
        target, weight: weight, ignoreIndex: ignoreIndex ?? -100, reduction: reduction, labelSmoothing: labelSmoothing)
    }
  }
}

/// The multi-label margin loss of rows. Inputs: x [rows, classes], targets int64 of the same shape.
struct MultilabelMargin: VariadicOperation {
  static let name = "multilabel_margin_loss"
  static let kernels = KernelTable<@Sendable (Tensor, Tensor, Tensor) -> Bool>(
    name,
    cpu: { x, targets, y in
      ember_multilabel_margin(
        Int32(x.dtype.rawValue), x.operand.pointer, targets.operand.pointer!.assumingMemoryBound(to: Int64.self), y.operand.pointer,
        Int64(x.shape[0]), Int64(x.shape[1]))
    },
    cuda: cudaKernel)
  let saved: SavedTensors = [.input0, .input1]

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!, targets = inputs[1]!
    let y = try Tensor.empty(shape: [x.shape[0]], dtype: x.dtype, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0, !kernel(try x.dense(), try targets.dense(), y) {
      throw EmberError(.index, in: Self.name, "target \(targets.summary) holds numbers outside of -1 ..< \(x.shape[1])")
    }
    return [y]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil] }
    return [apply(MultilabelMarginBackward(), [g, context.input(0).detach(), context.input(1)])[0], nil]
  }
}

/// The gradient of x: linear in that of the loss, constant in x but for its jumps.
struct MultilabelMarginBackward: VariadicOperation {
  static let name = "multilabel_margin_loss_backward"
  static let kernels = KernelTable<@Sendable ([Tensor], Tensor) -> Void>(
    name,
    cpu: { x, dx in
      ember_multilabel_margin_backward(
        Int32(dx.dtype.rawValue), x[0].operand.pointer, x[1].operand.pointer, x[2].operand.pointer!.assumingMemoryBound(to: Int64.self),
        dx.operand.pointer, Int64(dx.shape[0]), Int64(dx.shape[1]))
    },
    cuda: cudaKernel)
  let saved: SavedTensors = [.input(1), .input(2)]

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[1]!
    let dx = try Tensor.empty(shape: x.shape, dtype: x.dtype, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), dx.elementCount > 0 {
      kernel([try inputs[0]!.dense(), try x.dense(), try inputs[2]!.dense()], dx)
    }
    return [dx]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil, nil] }
    // With J(x) the matrix that took dy to dx row by row, the gradient of dy is the sum of g times what a gradient of 1 became.
    let ones = Tensor.ones([g.shape[0]], dtype: g.dtype, on: g.device)
    let jacobian = apply(MultilabelMarginBackward(), [ones, context.input(1).detach(), context.input(2)])[0]
    return [(g * jacobian).sum(1), nil, nil]
  }
}

extension OperatorRegistry {
  mutating func addClassLosses() {
    add(
      "torch.nn.functional.cross_entropy(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, "
        + "int ignore_index=-100, bool? reduce=None, str reduction='mean', float label_smoothing=0.0) -> Tensor"
    ) { (x: Tensor, target: Tensor, weight: Tensor?, average: Bool?, ignore: Int, reduce: Bool?, word: String, smoothing: Double) in
      let reduction = try LossReduction(average, reduce, word, in: "cross_entropy")
      return x.crossEntropy(target, weight: weight, ignoreIndex: ignore, reduction: reduction, labelSmoothing: smoothing)
    }
    add(
      "torch.nn.functional.nll_loss(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, "
        + "int ignore_index=-100, bool? reduce=None, str reduction='mean') -> Tensor"
    ) { (x: Tensor, target: Tensor, weight: Tensor?, average: Bool?, ignore: Int, reduce: Bool?, word: String) in
      x.nllLoss(target, weight: weight, ignoreIndex: ignore, reduction: try LossReduction(average, reduce, word, in: "nll_loss"))
    }
    add(
      "torch.nn.functional.multi_margin_loss(Tensor input, Tensor target, int p=1, float margin=1.0, "
        + "Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction='mean') -> Tensor"
    ) { (x: Tensor, target: Tensor, p: Int, margin: Double, weight: Tensor?, average: Bool?, reduce: Bool?, word: String) in
      let reduction = try LossReduction(average, reduce, word, in: "multi_margin_loss")
      return x.multiMarginLoss(target, p: p, margin: margin, weight: weight, reduction: reduction)
    }
    add(
      "torch.nn.functional.multilabel_margin_loss(Tensor input, Tensor target, bool? size_average=None, "
        + "bool? reduce=None, str reduction='mean') -> Tensor"
    ) { (x: Tensor, target: Tensor, average: Bool?, reduce: Bool?, word: String) in
      x.multilabelMarginLoss(target, reduction: try LossReduction(average, reduce, word, in: "multilabel_margin_loss"))
    }
    add(
      "torch.nn.functional.linear_cross_entropy(Tensor input, Tensor linear_weight, Tensor target, *, "
        + "Tensor? linear_bias=None, Tensor? weight=None, str reduction='mean', int? ignore_index=None, "
        + "float label_smoothing=0.0, Any? options=None) -> Tensor"
    ) {
      (
        x: Tensor, linearWeight: Tensor, target: Tensor, bias: Tensor?, weight: Tensor?, word: String, ignore: Int?, smoothing: Double,
        _: OperatorValue
      ) in
      let reduction = try LossReduction(word, in: "linear_cross_entropy")
      return x.linearCrossEntropy(
        linearWeight, target, linearBias: bias, weight: weight, reduction: reduction, ignoreIndex: ignore, labelSmoothing: smoothing)
    }
  }
}
