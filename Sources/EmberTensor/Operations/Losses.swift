import CEmberKernels
import EmberRuntime

/// How a loss is gathered from its elements.
public enum LossReduction: String, Sendable {
  /// One loss per element or position.
  case none
  /// The mean over elements; for class labels weighted by the labels' weights.
  case mean
  case sum
  /// The sum divided by the extent of the first dimension (Kullback-Leibler divergence only).
  case batchMean
}

// MARK: - Class labels

/// Cross entropy of logits (or, if `isLogarithmic`, negative likelihood of log-probabilities) with class labels.
///
/// loss = (1 - s) · w[t] · (-log p[t]) + s / classes · Σ over c of w[c] · (-log p[c]) with s = label smoothing (Szegedy et al.,
/// arXiv:1512.00567). Inputs: x [batch, classes, spatial...], labels int64 [batch, spatial...], weight [classes] or nil.
/// Outputs: the reduced loss, log-sum-exps [batch, spatial...], the sum of the labels' weights (float64).
struct ClassLoss: VariadicOperation {
  static let name = "cross_entropy"
  /// Where a forward pass writes.
  struct Results {
    /// Each position's loss, unless reduced, in the statistics type.
    let losses: Tensor?
    let logSumExp: Tensor
    /// The reduced loss, one element of x's dtype.
    let loss: Tensor?
    /// The sum of the labels' weights, one element of float64.
    let weightSum: Tensor
  }
  /// Operation; x, labels; weight; results; batch, classes, spatial. The position of a label that is no class, if the kernel waits until
  /// it knows; one that does not wait has its device report it.
  static let kernels = KernelTable<@Sendable (ClassLoss, [Tensor], Tensor?, Results, [Int]) -> Int?>(
    name,
    cpu: { op, x, w, results, n in
      let dtype = Int32(x[0].dtype.rawValue), labels = x[1].body.pointer?.assumingMemoryBound(to: Int64.self)
      let losses = results.losses?.body.pointer, ignored = Int64(op.ignoreIndex)
      let totals =
        op.isLogarithmic
        ? ember_nll_loss_forward(
          dtype, x[0].body.pointer, labels, w?.body.pointer, ignored, losses, Int64(n[0]), Int64(n[1]), Int64(n[2]))
        : ember_cross_entropy_forward(
          dtype, x[0].body.pointer, labels, w?.body.pointer, ignored, op.labelSmoothing, losses, results.logSumExp.body.pointer,
          Int64(n[0]), Int64(n[1]), Int64(n[2]))
      op.finish(results, loss: totals.loss, weight: totals.weight)
      return totals.bad_position < 0 ? nil : Int(totals.bad_position)
    },
    cuda: cudaKernel)
  /// Operation; gradient, x, labels, log-sum-exps; weight; what the gradient is divided by, one element of float64; result; batch, classes,
  /// spatial.
  static let backwardKernels = KernelTable<@Sendable (ClassLoss, [Tensor], Tensor?, Tensor?, Tensor, [Int]) -> Void>(
    "cross_entropy_backward",
    cpu: { op, x, w, divisor, dx, n in
      let dtype = Int32(dx.dtype.rawValue), labels = x[2].body.pointer?.assumingMemoryBound(to: Int64.self)
      let step: Int64 = op.reduction == .none ? 1 : 0
      let scale = divisor?.body.pointer.map { 1 / $0.load(as: Double.self) } ?? 1
      if op.isLogarithmic {
        ember_nll_loss_backward(
          dtype, x[0].body.pointer, step, scale, labels, w?.body.pointer, Int64(op.ignoreIndex), dx.body.pointer, Int64(n[0]), Int64(n[1]),
          Int64(n[2]))
      } else {
        ember_cross_entropy_backward(
          dtype, x[0].body.pointer, step, scale, x[1].body.pointer, labels, w?.body.pointer, Int64(op.ignoreIndex), op.labelSmoothing,
          x[3].body.pointer, dx.body.pointer, Int64(n[0]), Int64(n[1]), Int64(n[2]))
      }
    },
    cuda: cudaBackwardKernel)
  let saved: SavedTensors = [.input0, .input1, .input(2), .output(1), .output(2)]
  let isLogarithmic: Bool
  let reduction: LossReduction
  let ignoreIndex: Int
  var labelSmoothing = 0.0
  /// The dtype of the reduced loss where it is not x's.
  var lossDType: DType?
  var undifferentiableOutputs: Set<Int> { [1, 2] }

  var callName: String { isLogarithmic ? "nll_loss" : "cross_entropy" }

  private func numbers(_ shape: Shape) -> [Int] {
    shape.rank == 1 ? [1, shape[0], 1] : [shape[0], shape[1], shape.product(2..<shape.rank)]
  }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!, weight = inputs[2], shape = x.body.shape
    guard [.float16, .bfloat16, .float32, .float64].contains(x.dtype) else {
      throw EmberError(.dtype, in: callName, "input \(x.summary) is not floating point; convert with .to(.float32)")
    }
    let expected = shape.rank == 0 ? Shape() : shape.removing(shape.rank == 1 ? 0 : 1)
    guard shape.rank >= 1, inputs[1]!.body.shape == expected else {
      throw EmberError(
        .shape, in: callName,
        "input \(x.summary) and target \(inputs[1]!.summary): for input [batch, classes, ...] the target must be int64 [batch, ...]"
          + (shape.rank >= 1 ? ", here \(expected)" : ""))
    }
    guard inputs[1]!.dtype.isInteger else {
      throw EmberError(
        .dtype, in: callName, "target \(inputs[1]!.summary) with input \(x.summary): labels must be integers, int64 by preference")
    }
    let n = numbers(shape)
    if let weight, weight.body.shape != Shape([n[1]]) || weight.dtype != x.dtype {
      throw EmberError(.shape, in: callName, "weight \(weight.summary) for input \(x.summary); it must be \(x.dtype)[\(n[1])]")
    }
    if reduction == .batchMean { throw EmberError(.value, in: callName, "reduction batchMean; it must be none, mean or sum") }
    guard labelSmoothing >= 0, labelSmoothing <= 1 else {
      throw EmberError(.value, in: callName, "labelSmoothing \(labelSmoothing); it must be in 0 ... 1")
    }
    let labels = try inputs[1]!.to(.int64).dense()
    let statistics = x.dtype.statistics
    let losses = reduction == .none ? try Tensor.empty(shape: expected, dtype: statistics, like: x) : nil
    let logSumExp = try Tensor.empty(shape: isLogarithmic ? [0] : expected, dtype: statistics, like: x)
    let results = Results(
      losses: losses, logSumExp: logSumExp, loss: reduction == .none ? nil : try Tensor.empty(shape: [], dtype: lossDType ?? x.dtype, like: x),
      weightSum: try Tensor.empty(shape: [], dtype: .float64, like: x))
    if let kernel = try Self.kernels.kernel(on: x.device), expected.elementCount > 0 {
      if let position = kernel(self, [try x.dense(), labels], try weight?.dense(), results, n) {
        let label = labels.reshape([-1]).select(0, position).item(as: Int.self)
        throw EmberError(
          .index, in: callName,
          "label \(label) at position \(position) of target \(inputs[1]!.summary) is outside of 0 ..< \(n[1]), the classes of input "
            + "\(x.summary)"
            + "; to leave positions out, pass ignoreIndex: (now \(ignoreIndex))")
      }
    } else {
      finish(results, loss: 0, weight: 0)
    }
    return [results.loss ?? losses!.to(x.dtype), logSumExp, results.weightSum]
  }

  /// Writes the reduced loss and the sum of the labels' weights.
  private func finish(_ results: Results, loss: Double, weight: Double) {
    results.weightSum.fillMemory(.real(weight))
    results.loss?.fillMemory(.real(reduction == .mean ? loss / weight : loss))
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let gradient = gradients[0], context.needs(0) else { return [nil, nil, nil] }
    let x = context.input(0), labels = context.input(1).detach(), weight = context.inputIfPresent(2)?.detach(),
      n = numbers(context.inputShape(0))
    let total = context.output(2).detach()
    if context.isRecording || !x.backend.holdsData {
      return [
        written(gradient, x.reshape(n), labels.reshape([n[0], 1, n[2]]).to(.int64), weight, total, n).reshape(Array(x.shape)), nil, nil,
      ]
    }
    return attempt(3) { () throws(EmberError) in
      let dx = try Tensor.empty(shape: x.body.shape, dtype: x.dtype, like: x)
      if let kernel = try Self.backwardKernels.kernel(on: x.device), x.elementCount > 0 {
        let g = try gradient.to(x.dtype.statistics).dense()
        let operands = [g, try x.dense(), try labels.to(.int64).dense(), context.output(1)]
        kernel(self, operands, try weight?.dense(), reduction == .mean ? total : nil, dx, n)
      }
      return [dx, nil, nil]
    }
  }

  /// The derivative in tensor operations. With q the weights of the log-probabilities, loss = -Σ q·log p, so d/dx = p·Σq - q.
  private func written(_ gradient: Tensor, _ x: Tensor, _ labels: Tensor, _ weight: Tensor?, _ total: Tensor, _ n: [Int]) -> Tensor {
    let ignored = labels .== Scalar.integer(Int64(ignoreIndex))
    let safe = labels.maskedFill(ignored, 0)
    var q = Tensor.zeros(n, dtype: x.dtype, on: x.device).scatter(
      dim: 1, index: safe, source: Tensor.full([n[0], 1, n[2]], .real(1 - labelSmoothing), dtype: x.dtype, on: x.device))
    if labelSmoothing > 0 { q = q + labelSmoothing / Double(n[1]) }
    if let weight { q = q * weight.reshape([1, n[1], 1]) }
    q = q.maskedFill(ignored, 0)
    let spread = reduction == .none ? gradient.reshape([n[0], 1, n[2]]) : gradient.reshape([1, 1, 1])
    let g = reduction == .mean ? spread / total.to(x.dtype) : spread
    return isLogarithmic ? -(g * q) : g * (x.softmax(1) * q.sum(1, keepDim: true) - q)
  }
}

extension Tensor {
  /// Cross entropy of these logits [batch, classes, ...] (or [classes]) with labels [batch, ...], or with probabilities of self's shape.
  ///
  /// - Parameters:
  ///   - weight: one factor per class.
  ///   - ignoreIndex: positions with this label count nothing.
  ///   - labelSmoothing: the share of the target that is spread evenly over all classes.
  public func crossEntropy(
    _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean, labelSmoothing: Double = 0
  ) -> Tensor {
    if target.dtype.isFloatingPoint, !target.isPoisoned, !isPoisoned {
      if ignoreIndex >= 0 {
        raise(EmberError(.value, in: "cross_entropy", "ignoreIndex \(ignoreIndex) goes with labels; target \(target.summary) holds probabilities"))
        return .poison
      }
      return crossEntropy(probabilities: target, weight, reduction, labelSmoothing)
    }
    var operation = ClassLoss(isLogarithmic: false, reduction: reduction, ignoreIndex: ignoreIndex, labelSmoothing: labelSmoothing)
    // A GPU's kernel computes 16-bit logits in float32 by itself: under autocast it gives what a float32 copy of them would, without the copy.
    if isAutocastEnabled, device.type == .cuda, dtype == .bfloat16 || dtype == .float16, weight == nil, reduction != .none {
      operation.lossDType = .float32
      return withoutAutocast { apply(operation, [self, target, weight], count: 3)[0] }
    }
    return apply(operation, [self, target, weight], count: 3)[0]
  }

  private func crossEntropy(probabilities: Tensor, _ weight: Tensor?, _ reduction: LossReduction, _ smoothing: Double) -> Tensor {
    if let inputs = Autocast.converted("cross_entropy", [self, probabilities, weight]) {
      return inputs[0]!.crossEntropy(probabilities: inputs[1]!, inputs[2], reduction, smoothing)
    }
    guard shape == probabilities.shape, rank >= 1 else {
      raise(
        EmberError(
          .shape, in: "cross_entropy",
          "input \(summary) and class probabilities \(probabilities.summary) must have one shape; labels must be integers"))
      return .poison
    }
    let axis = rank == 1 ? 0 : 1
    let classes = body.shape[axis]
    var target = probabilities
    if smoothing > 0 { target = target * (1 - smoothing) + smoothing / Double(classes) }
    var terms = logSoftmax(axis) * target
    if let weight { terms = terms * weight.reshape([-1] + Array(repeating: 1, count: rank - 1 - axis)) }
    let losses = -terms.sum(axis)
    switch reduction {
    case .none: return losses
    case .sum: return losses.sum()
    default: return losses.sum() / Double(Swift.max(elementCount / Swift.max(classes, 1), 1))
    }
  }

  /// The negative log-likelihood -weight[label] · self[label] of these log-probabilities [batch, classes, ...].
  public func nllLoss(_ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100, reduction: LossReduction = .mean) -> Tensor {
    apply(ClassLoss(isLogarithmic: true, reduction: reduction, ignoreIndex: ignoreIndex), [self, target, weight], count: 3)[0]
  }
}

// MARK: - Losses of single elements

extension Pointwise {
  static let squaredError = Pointwise("mse_loss") { a, b in .unary(.square, a - b) }
  static let absoluteError = Pointwise("l1_loss") { a, b in abs(a - b) }
  static let smoothL1 = Pointwise("smooth_l1_loss", roles: [.value, .value], parameters: 1) { x, p in
    let d = abs(x[0] - x[1])
    return select(d .< p[0], 0.5 * d * d / p[0], d - 0.5 * p[0])
  }
  static let huber = Pointwise("huber_loss", roles: [.value, .value], parameters: 1) { x, p in
    let d = abs(x[0] - x[1])
    return select(d .<= p[0], 0.5 * d * d, p[0] * (d - 0.5 * p[0]))
  }
  /// Logarithms are cut off at -100 and the derivative's denominator at 1e-12, as in PyTorch.
  static let binaryCrossEntropy = Pointwise(
    "binary_cross_entropy", roles: [.value, .value],
    derivative: { x, _, _, g in
      let (p, t) = (x[0], x[1])
      return [
        g * (p - t) / EmberRuntime.maximum((1 - p) * p, 1e-12),
        g * (EmberRuntime.maximum(EmberRuntime.log(1 - p), -100) - EmberRuntime.maximum(EmberRuntime.log(p), -100)),
      ]
    }
  ) { x, _ in
    let (p, t) = (x[0], x[1])
    return (t - 1) * EmberRuntime.maximum(EmberRuntime.log1p(-p), -100) - t * EmberRuntime.maximum(EmberRuntime.log(p), -100)
  }
  /// (1 - t)·x + log(1 + e⁻ˣ), computed without overflow.
  static let binaryCrossEntropyWithLogits = Pointwise(
    "binary_cross_entropy_with_logits", roles: [.value, .value],
    derivative: { x, _, _, g in [g * (EmberRuntime.sigmoid(x[0]) - x[1]), -(g * x[0])] }
  ) { x, _ in
    (1 - x[1]) * x[0] + EmberRuntime.log1p(EmberRuntime.exp(-abs(x[0]))) - EmberRuntime.minimum(x[0], 0)
  }
  /// t · (log t - x), 0 where t is 0.
  static let divergence = Pointwise(
    "kl_div", roles: [.value, .value],
    derivative: { x, _, _, g in
      let t = x[1]
      return [-(g * t), select(t .== 0, 0, g * (EmberRuntime.log(t) + 1 - x[0]))]
    }
  ) { x, _ in select(x[1] .> 0, x[1] * (EmberRuntime.log(x[1]) - x[0]), select(x[1] .== 0, 0 * x[1], x[1] * EmberRuntime.log(x[1]))) }
  static let logDivergence = Pointwise("kl_div") { x, t in EmberRuntime.exp(t) * (t - x) }
}

extension Tensor {
  /// The mean of (self - target)². Shapes broadcast, with a warning: [n, 1] beside [n] is every pair.
  public func mseLoss(_ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
    warnUnlessShaped(as: target, "mse_loss")
    return Pointwise.squaredError(self, target).reducedLoss(reduction, "mse_loss")
  }

  /// The mean of |self - target|.
  public func l1Loss(_ target: Tensor, reduction: LossReduction = .mean) -> Tensor {
    warnUnlessShaped(as: target, "l1_loss")
    return Pointwise.absoluteError(self, target).reducedLoss(reduction, "l1_loss")
  }

  /// d² / (2·beta) where d = |self - target| < beta, else d - beta / 2; Girshick, arXiv:1504.08083.
  public func smoothL1Loss(_ target: Tensor, reduction: LossReduction = .mean, beta: Double = 1) -> Tensor {
    if beta < 0 {
      raise(EmberError(.value, in: "smooth_l1_loss", "beta \(beta); it must not be negative"))
      return .poison
    }
    warnUnlessShaped(as: target, "smooth_l1_loss")
    if beta == 0 { return Pointwise.absoluteError(self, target).reducedLoss(reduction, "smooth_l1_loss") }
    return Pointwise.smoothL1(self, target, ScalarParameters(.real(beta))).reducedLoss(reduction, "smooth_l1_loss")
  }

  /// d² / 2 where d = |self - target| ≤ delta, else delta · (d - delta / 2).
  public func huberLoss(_ target: Tensor, reduction: LossReduction = .mean, delta: Double = 1) -> Tensor {
    if delta <= 0 {
      raise(EmberError(.value, in: "huber_loss", "delta \(delta); it must be positive"))
      return .poison
    }
    warnUnlessShaped(as: target, "huber_loss")
    return Pointwise.huber(self, target, ScalarParameters(.real(delta))).reducedLoss(reduction, "huber_loss")
  }

  /// -(t·log p + (1 - t)·log(1 - p)) of these probabilities and targets of the same shape, times `weight`. On the CPU probabilities outside of
  /// 0...1 are errors, as in PyTorch; on a GPU, where looking at them would wait for it, their losses are NaN.
  public func binaryCrossEntropy(_ target: Tensor, weight: Tensor? = nil, reduction: LossReduction = .mean) -> Tensor {
    guard hasShape(of: target, "binary_cross_entropy") else { return .poison }
    if dtype != target.dtype, !isAutocastEnabled {
      return refuse(.dtype, "binary_cross_entropy", "input \(summary) and target \(target.summary) must have one dtype", beside: self)
    }
    if let weight, !weight.isPoisoned, weight.shape.broadcast(with: shape) != shape {
      return refuse(.shape, "binary_cross_entropy", "weight \(weight.summary) does not broadcast to input \(summary)", beside: self)
    }
    if device.type == .cpu {
      do throws(EmberError) {
        try checkElements("binary_cross_entropy", of: [self], bounds: []) { (inputs) throws(EmberError) in
          let x = inputs[0].detach()
          if x.elementCount == 0 { return }
          let least = x.amin().item(), largest = x.amax().item()
          if least >= 0, largest <= 1 { return }
          throw EmberError(
            .value, in: "binary_cross_entropy",
            "\(x.summary) has elements from \(least) to \(largest); probabilities lie between 0 and 1. Logits go to binaryCrossEntropyWithLogits")
        }
      } catch {
        raise(error)
        return .poison
      }
    }
    let losses = Pointwise.binaryCrossEntropy(self, target)
    return (weight.map { losses * $0 } ?? losses).reducedLoss(reduction, "binary_cross_entropy")
  }

  /// Binary cross entropy of sigmoid(self), stable for large logits. `posWeight` multiplies the loss of positive targets.
  public func binaryCrossEntropyWithLogits(
    _ target: Tensor, weight: Tensor? = nil, posWeight: Tensor? = nil, reduction: LossReduction = .mean
  ) -> Tensor {
    guard hasShape(of: target, "binary_cross_entropy_with_logits") else { return .poison }
    if let inputs = Autocast.converted("binary_cross_entropy_with_logits", [self, target, weight, posWeight]) {
      return inputs[0]!.binaryCrossEntropyWithLogits(inputs[1]!, weight: inputs[2], posWeight: inputs[3], reduction: reduction)
    }
    var losses: Tensor
    if let posWeight {
      losses = (1 - target) * self - ((posWeight - 1) * target + 1) * logSigmoid()
    } else {
      losses = Pointwise.binaryCrossEntropyWithLogits(self, target)
    }
    if let weight { losses = losses * weight }
    return losses.reducedLoss(reduction, "binary_cross_entropy_with_logits")
  }

  /// Kullback-Leibler divergence t · (log t - self) of these log-probabilities from a target distribution, or from its logarithm.
  public func klDiv(_ target: Tensor, reduction: LossReduction = .mean, logTarget: Bool = false) -> Tensor {
    let losses = logTarget ? Pointwise.logDivergence(self, target) : Pointwise.divergence(self, target)
    if reduction == .batchMean {
      return losses.sum() / Double(Swift.max(rank == 0 ? 1 : body.shape[0], 1))
    }
    return losses.reducedLoss(reduction, "kl_div")
  }

  /// For losses that broadcast: most of them mean tensors of one shape.
  package func warnUnlessShaped(as target: Tensor, _ name: String) {
    if shape == target.shape || isPoisoned || target.isPoisoned || ErrorScopes.hasFailed || shape.broadcast(with: target.shape) == nil { return }
    warn(
      .broadcasting, in: name,
      "input \(summary) and target \(target.summary) are broadcast; a loss of each element with its own target needs one shape (view, squeeze)")
  }

  private func hasShape(of target: Tensor, _ name: String) -> Bool {
    if isPoisoned || target.isPoisoned || shape == target.shape { return true }
    raise(EmberError(.shape, in: name, "input \(summary) and target \(target.summary) must have one shape"))
    return false
  }

  package func reducedLoss(_ reduction: LossReduction, _ name: String) -> Tensor {
    switch reduction {
    case .none: return self
    case .mean: return mean()
    case .sum: return sum()
    case .batchMean:
      raise(EmberError(.value, in: name, "reduction batchMean; it must be none, mean or sum"))
      return .poison
    }
  }
}
