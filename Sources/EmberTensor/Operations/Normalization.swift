import CEmberKernels
import EmberRuntime

extension DType {
  /// The type of means, reciprocal deviations and losses of tensors of this type.
  package var statistics: DType { self == .float64 ? .float64 : .float32 }
}

/// - Parameter parameters: the dtype of the others; nil: that of x.
func checkNormalized(
  _ x: Tensor, _ others: [(String, Tensor?)], shape: Shape, parameters: DType? = nil, in name: String
) throws(EmberError) {
  guard [.float16, .bfloat16, .float32, .float64].contains(x.dtype) else {
    throw EmberError(.dtype, in: name, "input \(x.summary) is not floating point; convert with .to(.float32)")
  }
  let dtype = parameters ?? x.dtype
  for case let (label, tensor?) in others where tensor.body.shape != shape || tensor.dtype != dtype {
    throw EmberError(.shape, in: name, "\(label) \(tensor.summary) for input \(x.summary); it must be \(dtype)\(shape)")
  }
}

/// The gradients of y = (x - mean) · rstd · w + b from that of y, in tensor operations: for gradients of gradients.
///
/// x is [..]; the statistics are taken over `dims`; `weight` broadcasts to x; parameters gather over `parameterDims`.
/// Ioffe and Szegedy, arXiv:1502.03167; Ba, Kiros and Hinton, arXiv:1607.06450.
private func normalizationGradients(
  _ dy: Tensor, _ x: Tensor, _ weight: Tensor?, mean fixedMean: Tensor? = nil, rstd fixedRstd: Tensor? = nil, epsilon: Double, dims: [Int],
  parameterDims: [Int]
) -> (x: Tensor, weight: Tensor, bias: Tensor) {
  let mean = fixedMean ?? x.mean(dims, keepDim: true)
  let centred = x - mean
  let rstd = fixedRstd ?? (centred.square().mean(dims, keepDim: true) + epsilon).rsqrt()
  let normal = centred * rstd
  let g = weight.map { dy * $0 } ?? dy
  let dx: Tensor
  if fixedMean == nil {
    dx = rstd * (g - g.mean(dims, keepDim: true) - normal * (g * normal).mean(dims, keepDim: true))
  } else {
    dx = g * rstd
  }
  return (dx, (dy * normal).sum(parameterDims), dy.sum(parameterDims))
}

/// y = (x - mean) / √(variance + ε) · weight + bias over rows of the last dimensions. Also yields mean and reciprocal deviation of each
/// row.
package struct LayerNormOperation: VariadicOperation {
  package static let name = "layer_norm"
  static let kernels = KernelTable<@Sendable (Tensor, Tensor?, Tensor?, Double, [Tensor], Int, Int) -> Void>(
    name,
    cpu: { x, w, b, epsilon, y, rows, n in
      ember_layer_norm(
        Int32(x.dtype.rawValue), x.body.pointer, w?.body.pointer, b?.body.pointer, epsilon, y[0].body.pointer, y[1].body.pointer,
        y[2].body.pointer,
        Int64(rows), Int64(n))
    },
    cuda: cudaKernel)
  /// Arguments: dy, x, mean, rstd; weight; dx, dweight, dbias; rows, n.
  static let backwardKernels = KernelTable<@Sendable ([Tensor], Tensor?, [Tensor?], Int, Int) -> Void>(
    "layer_norm_backward",
    cpu: { x, w, d, rows, n in
      ember_layer_norm_backward(
        Int32(x[0].dtype.rawValue), x[0].body.pointer, x[1].body.pointer, x[2].body.pointer, x[3].body.pointer, w?.body.pointer,
        d[0]?.body.pointer, d[1]?.body.pointer, d[2]?.body.pointer, Int64(rows), Int64(n))
    },
    cuda: cudaBackwardKernel)
  package let saved: SavedTensors = [.input0, .input1, .output(1), .output(2)]
  package let normalized: [Int]
  package let epsilon: Double
  /// The dtype of y; nil: that of x. Only kernels of a GPU write another.
  package var result: DType?
  package var undifferentiableOutputs: Set<Int> { [1, 2] }

  private func split(_ shape: Shape) -> (rows: Int, n: Int) {
    (shape.product(0..<(shape.rank - normalized.count)), normalized.reduce(1, *))
  }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!, shape = x.body.shape
    guard !normalized.isEmpty, shape.rank >= normalized.count, Array(shape.suffix(normalized.count)) == normalized else {
      throw EmberError(.shape, in: Self.name, "input \(x.summary) does not end in the normalized shape \(normalized)")
    }
    try checkNormalized(x, [("weight", inputs[1]), ("bias", inputs[2])], shape: Shape(normalized), in: Self.name)
    let (rows, n) = split(shape)
    let y = try Tensor.empty(shape: shape, dtype: result ?? x.dtype, like: x)
    let mean = try Tensor.empty(shape: [rows], dtype: x.dtype.statistics, like: x)
    let rstd = try Tensor.empty(shape: [rows], dtype: x.dtype.statistics, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 {
      kernel(try x.dense(), try inputs[1]?.dense(), try inputs[2]?.dense(), epsilon, [y, mean, rstd], rows, n)
    }
    return [y, mean, rstd]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil, nil] }
    let x = context.input(0), weight = context.inputIfPresent(1)
    let (rows, n) = split(context.inputShape(0))
    if context.isRecording || x.elementCount == 0 {
      let all = normalizationGradients(
        g.to(x.dtype).reshape([rows, n]), x.reshape([rows, n]), weight?.reshape([n]), epsilon: epsilon, dims: [1], parameterDims: [0])
      return [
        all.x.reshape(Array(context.inputShape(0))), context.needs(1) ? all.weight.reshape(normalized) : nil,
        context.needs(2) ? all.bias.reshape(normalized) : nil,
      ]
    }
    return attempt(3) { () throws(EmberError) in
      let shapes = [x.body.shape, Shape(normalized), Shape(normalized)]
      let results = try emptyGradients(shapes, context, like: x)
      if let kernel = try Self.backwardKernels.kernel(on: x.device) {
        kernel([try g.dense(), try x.dense(), context.output(1), context.output(2)], try weight?.dense(), results, rows, n)
      }
      return results
    }
  }
}

/// y = x / √(mean of x² + ε) · weight over rows of the last dimensions. Also yields the reciprocal root of each row.
///
/// Shapes and dtypes were checked; x is float16, bfloat16, float32 or float64, and the weight of the same dtype.
package struct RMSNormOperation: VariadicOperation {
  package static let name = "rms_norm"
  package static let kernels = KernelTable<@Sendable (Tensor, Tensor?, Double, [Tensor], Int, Int) -> Void>(
    name,
    cpu: { x, w, epsilon, y, rows, n in
      ember_rms_norm(
        Int32(x.dtype.rawValue), x.body.pointer, w?.body.pointer, epsilon, y[0].body.pointer, y[1].body.pointer, Int64(rows), Int64(n))
    },
    cuda: cudaKernel)
  /// Arguments: dy, x, rstd; weight; dx, dweight; rows, n.
  package static let backwardKernels = KernelTable<@Sendable ([Tensor], Tensor?, [Tensor?], Int, Int) -> Void>(
    "rms_norm_backward",
    cpu: { x, w, d, rows, n in
      ember_rms_norm_backward(
        Int32(x[0].dtype.rawValue), x[0].body.pointer, x[1].body.pointer, x[2].body.pointer, w?.body.pointer, d[0]?.body.pointer,
        d[1]?.body.pointer, Int64(rows), Int64(n))
    },
    cuda: cudaBackwardKernel)
  package let saved: SavedTensors = [.input0, .input1, .output(1)]
  package let normalized: [Int]
  package let epsilon: Double
  package var undifferentiableOutputs: Set<Int> { [1] }

  package init(normalized: [Int], epsilon: Double) {
    self.normalized = normalized
    self.epsilon = epsilon
  }

  private func split(_ shape: Shape) -> (rows: Int, n: Int) {
    (shape.product(0..<(shape.rank - normalized.count)), normalized.reduce(1, *))
  }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    let (rows, n) = split(x.body.shape)
    let y = try Tensor.empty(shape: x.body.shape, dtype: x.dtype, like: x)
    let rstd = try Tensor.empty(shape: [rows], dtype: x.dtype.statistics, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 {
      kernel(try x.dense(), try inputs[1]?.dense(), epsilon, [y, rstd], rows, n)
    }
    return [y, rstd]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil] }
    let x = context.input(0), weight = context.inputIfPresent(1)
    let (rows, n) = split(context.inputShape(0))
    if context.isRecording || x.elementCount == 0 {
      let flat = x.reshape([rows, n]), dy = g.reshape([rows, n])
      let rstd = (flat.square().mean(1, keepDim: true) + epsilon).rsqrt()
      let normal = flat * rstd
      let scaled = weight.map { dy * $0.reshape([n]) } ?? dy
      let dx = rstd * (scaled - normal * (scaled * normal).mean(1, keepDim: true))
      return [dx.reshape(Array(context.inputShape(0))), context.needs(1) ? (dy * normal).sum(0).reshape(normalized) : nil]
    }
    return attempt(2) { () throws(EmberError) in
      let results = try emptyGradients([x.body.shape, Shape(normalized)], context, like: x)
      if let kernel = try Self.backwardKernels.kernel(on: x.device) {
        kernel([try g.dense(), try x.dense(), context.output(1)], try weight?.dense(), results, rows, n)
      }
      return results
    }
  }
}

/// Memory for the gradients that are wanted.
private func emptyGradients(_ shapes: [Shape], _ context: DerivativeContext, like x: Tensor) throws(EmberError) -> [Tensor?] {
  var results: [Tensor?] = []
  for (i, shape) in shapes.enumerated() { results.append(context.needs(i) ? try Tensor.empty(shape: shape, dtype: x.dtype, like: x) : nil) }
  return results
}

/// Normalisation over each of `groups` groups of channels of x [batch, channels, ...]; Wu and He, arXiv:1803.08494.
package struct GroupNormOperation: VariadicOperation {
  package static let name = "group_norm"
  /// The numbers: batch, channels, spatial, groups.
  static let kernels = KernelTable<@Sendable (Tensor, Tensor?, Tensor?, Double, [Tensor], [Int]) -> Void>(
    name,
    cpu: { x, w, b, epsilon, y, n in
      ember_group_norm(
        Int32(x.dtype.rawValue), x.body.pointer, w?.body.pointer, b?.body.pointer, epsilon, y[0].body.pointer, y[1].body.pointer,
        y[2].body.pointer,
        Int64(n[0]), Int64(n[1]), Int64(n[2]), Int64(n[3]))
    },
    cuda: cudaKernel)
  static let backwardKernels = KernelTable<@Sendable ([Tensor], Tensor?, [Tensor?], [Int]) -> Void>(
    "group_norm_backward",
    cpu: { x, w, d, n in
      ember_group_norm_backward(
        Int32(x[0].dtype.rawValue), x[0].body.pointer, x[1].body.pointer, x[2].body.pointer, x[3].body.pointer, w?.body.pointer,
        d[0]?.body.pointer, d[1]?.body.pointer, d[2]?.body.pointer, Int64(n[0]), Int64(n[1]), Int64(n[2]), Int64(n[3]))
    },
    cuda: cudaBackwardKernel)
  package let saved: SavedTensors = [.input0, .input1, .output(1), .output(2)]
  package let groups: Int
  package let epsilon: Double
  package var undifferentiableOutputs: Set<Int> { [1, 2] }

  private func numbers(_ shape: Shape) -> [Int] { [shape[0], shape[1], shape.product(2..<shape.rank), groups] }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!, shape = x.body.shape
    guard shape.rank >= 2, groups > 0, shape[1] % groups == 0 else {
      throw EmberError(
        .shape, in: Self.name,
        "input \(x.summary) with \(groups) groups: it must be [batch, channels, ...] with channels that divide into the groups")
    }
    try checkNormalized(x, [("weight", inputs[1]), ("bias", inputs[2])], shape: [shape[1]], in: Self.name)
    let y = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    let mean = try Tensor.empty(shape: [shape[0], groups], dtype: x.dtype.statistics, like: x)
    let rstd = try Tensor.empty(shape: [shape[0], groups], dtype: x.dtype.statistics, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 {
      kernel(try x.dense(), try inputs[1]?.dense(), try inputs[2]?.dense(), epsilon, [y, mean, rstd], numbers(shape))
    }
    return [y, mean, rstd]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil, nil] }
    let x = context.input(0), weight = context.inputIfPresent(1), n = numbers(context.inputShape(0))
    if context.isRecording || x.elementCount == 0 {
      let shape = [n[0], groups, n[1] / groups, n[2]]
      let all = normalizationGradients(
        g.reshape(shape), x.reshape(shape), weight?.reshape([groups, n[1] / groups, 1]), epsilon: epsilon, dims: [2, 3],
        parameterDims: [0, 3])
      return [
        all.x.reshape(Array(context.inputShape(0))), context.needs(1) ? all.weight.reshape([n[1]]) : nil,
        context.needs(2) ? all.bias.reshape([n[1]]) : nil,
      ]
    }
    return attempt(3) { () throws(EmberError) in
      let results = try emptyGradients([x.body.shape, [n[1]], [n[1]]], context, like: x)
      if let kernel = try Self.backwardKernels.kernel(on: x.device) {
        kernel([try g.dense(), try x.dense(), context.output(1), context.output(2)], try weight?.dense(), results, n)
      }
      return results
    }
  }
}

/// Normalisation of each channel of x [batch, channels, ...] by the batch's statistics (training) or given ones.
///
/// Inputs: x, weight?, bias?, and without `training` mean and variance. Outputs: y, mean, biased variance, rstd.
package struct BatchNormOperation: VariadicOperation {
  package static let name = "batch_norm"
  /// Operation; x; weight; bias; mean, variance, rstd, y; batch, channels, spatial.
  static let kernels = KernelTable<@Sendable (BatchNormOperation, Tensor, Tensor?, Tensor?, [Tensor], [Int]) -> Void>(
    name,
    cpu: { op, x, w, b, y, n in
      ember_batch_norm(
        Int32(x.dtype.rawValue), op.training, x.body.pointer, w?.body.pointer, b?.body.pointer, op.epsilon, y[0].body.pointer,
        y[1].body.pointer,
        y[2].body.pointer, y[3].body.pointer, Int64(n[0]), Int64(n[1]), Int64(n[2]))
    },
    cuda: cudaKernel)
  static let backwardKernels = KernelTable<@Sendable ([Tensor], Tensor?, [Tensor?], [Int], Bool) -> Void>(
    "batch_norm_backward",
    cpu: { x, w, d, n, training in
      ember_batch_norm_backward(
        Int32(x[0].dtype.rawValue), training, x[0].body.pointer, x[1].body.pointer, x[2].body.pointer, x[3].body.pointer, w?.body.pointer,
        d[0]?.body.pointer, d[1]?.body.pointer, d[2]?.body.pointer, Int64(n[0]), Int64(n[1]), Int64(n[2]))
    },
    cuda: cudaBackwardKernel)
  package let saved: SavedTensors = [.input0, .input1, .output(1), .output(3)]
  package let training: Bool
  package let epsilon: Double
  package var undifferentiableOutputs: Set<Int> { [1, 2, 3] }

  private func numbers(_ shape: Shape) -> [Int] { [shape[0], shape[1], shape.product(2..<shape.rank)] }

  /// For kernels: where channels lie last, they are the columns of a matrix.
  private func numbers(_ shape: Shape, _ format: MemoryFormat) -> [Int] {
    let n = numbers(shape)
    return format == .channelsLast ? [n[0] * n[2], n[1], 1] : n
  }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!, shape = x.body.shape
    guard shape.rank >= 2 else { throw EmberError(.shape, in: Self.name, "input \(x.summary): it must be [batch, channels, ...]") }
    let n = numbers(shape), channels: Shape = [n[1]], statistics = x.dtype.statistics
    try checkNormalized(
      x, [("weight", inputs[1]), ("bias", inputs[2])], shape: channels,
      parameters: x.takesWideParameters && inputs[1]?.dtype == .float32 ? .float32 : nil, in: Self.name)
    let mean: Tensor, variance: Tensor
    if training {
      if n[0] * n[2] == 1 {
        throw EmberError(.value, in: Self.name, "input \(x.summary) has one value per channel; training needs more, to have a variance")
      }
      mean = try Tensor.empty(shape: channels, dtype: statistics, like: x)
      variance = try Tensor.empty(shape: channels, dtype: statistics, like: x)
    } else {
      let given = (inputs[3]!, inputs[4]!)
      for (label, value) in [("mean", given.0), ("variance", given.1)] where value.body.shape != channels {
        throw EmberError(.shape, in: Self.name, "\(label) \(value.summary) for input \(x.summary); it must be \(channels)")
      }
      mean = try given.0.to(statistics).dense()
      variance = try given.1.to(statistics).dense()
    }
    let rstd = try Tensor.empty(shape: channels, dtype: statistics, like: x)
    let format = x.keptFormat
    let y = try Tensor.empty(shape: shape, dtype: x.dtype, like: x, format)
    if let kernel = try Self.kernels.kernel(on: x.device) {
      kernel(
        self, try x.dense(format), try inputs[1]?.dense(), try inputs[2]?.dense(), [mean, variance, rstd, y], numbers(shape, format))
    }
    return [y, mean, variance, rstd]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return Array(repeating: nil, count: training ? 3 : 5) }
    let x = context.input(0), weight = context.inputIfPresent(1), n = numbers(context.inputShape(0))
    if context.isRecording || x.elementCount == 0 {
      let perChannel = [1, n[1], 1]
      let all = normalizationGradients(
        g.reshape(n), x.reshape(n), weight?.reshape(perChannel),
        mean: training ? nil : context.output(1).detach().to(x.dtype).reshape(perChannel),
        rstd: training ? nil : context.output(3).detach().to(x.dtype).reshape(perChannel), epsilon: epsilon, dims: [0, 2],
        parameterDims: [0, 2])
      return [
        all.x.to(x.dtype).reshape(Array(context.inputShape(0))), context.needs(1) ? all.weight : nil, context.needs(2) ? all.bias : nil,
      ]
    }
    return attempt(3) { () throws(EmberError) in
      let format = x.keptFormat, parameters = weight?.dtype ?? x.dtype
      let results = [
        context.needs(0) ? try Tensor.empty(shape: x.body.shape, dtype: x.dtype, like: x, format) : nil,
        context.needs(1) ? try Tensor.empty(shape: [n[1]], dtype: parameters, like: x) : nil,
        context.needs(2) ? try Tensor.empty(shape: [n[1]], dtype: parameters, like: x) : nil,
      ]
      if let kernel = try Self.backwardKernels.kernel(on: x.device) {
        kernel(
          [try g.dense(format), try x.dense(format), context.output(1), context.output(3)], try weight?.dense(), results,
          numbers(x.body.shape, format), training)
      }
      return results
    }
  }
}

extension Tensor {
  /// (self - mean) / √(variance + eps) · weight + bias, with mean and biased variance over the last dimensions, `normalizedShape`.
  ///
  /// - Parameter dtype: of the result, by default self's own. What a product in mixed precision reads next is written as it reads it in
  ///   one pass (`Autocast.productDType`), not converted in a second.
  public func layerNorm(
    _ normalizedShape: [Int], weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5, dtype: DType? = nil
  ) -> Tensor {
    var operation = LayerNormOperation(normalized: normalizedShape, epsilon: eps)
    let narrows = dtype == .float16 || dtype == .bfloat16
    if device.type == .cuda, self.dtype == .float32, narrows { operation.result = dtype }
    let y = apply(operation, [self, weight, bias], count: 3)[0]
    return dtype.map { y.to($0) } ?? y
  }

  /// The same over each of `groups` groups of channels of [batch, channels, ...]; weight and bias have one element per channel.
  public func groupNorm(_ groups: Int, weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5) -> Tensor {
    apply(GroupNormOperation(groups: groups, epsilon: eps), [self, weight, bias], count: 3)[0]
  }

  /// Each channel of [batch, channels, ...] normalised by its own mean and biased variance over the batch, which are returned too
  /// (without history, float32 or, for float64 tensors, float64) for running statistics.
  public func batchNorm(weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5) -> (output: Tensor, mean: Tensor, variance: Tensor)
  {
    if isHalf(besides: weight, bias) {
      let (y, mean, variance) = to(.float32).batchNorm(weight: weight, bias: bias, eps: eps)
      return (y.to(dtype), mean, variance)
    }
    let all = apply(BatchNormOperation(training: true, epsilon: eps), [self, weight, bias], count: 4)
    return (all[0], all[1], all[2])
  }

  /// Each channel of [batch, channels, ...] normalised by the given mean and variance, which take no gradient.
  public func batchNorm(mean: Tensor, variance: Tensor, weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5) -> Tensor {
    if isHalf(besides: weight, bias) {
      return to(.float32).batchNorm(mean: mean, variance: variance, weight: weight, bias: bias, eps: eps).to(dtype)
    }
    return apply(BatchNormOperation(training: false, epsilon: eps), [self, weight, bias, mean.detach(), variance.detach()], count: 4)[0]
  }

  /// 16-bit numbers beside parameters of float32, as under autocast, where kernels do not take both.
  private func isHalf(besides weight: Tensor?, _ bias: Tensor?) -> Bool {
    (dtype == .float16 || dtype == .bfloat16) && (weight ?? bias)?.dtype == .float32 && !(takesWideParameters && weight != nil)
  }

  /// Kernels of a GPU normalise 16-bit numbers with parameters of float32.
  fileprivate var takesWideParameters: Bool { device.type == .cuda && (dtype == .float16 || dtype == .bfloat16) }
}

extension Tensor {
  /// `layerNorm` with the mean and reciprocal deviation of each row, [rows].
  package func layerNormWithStatistics(_ normalizedShape: [Int], _ weight: Tensor?, _ bias: Tensor?, eps: Double) -> [Tensor] {
    apply(LayerNormOperation(normalized: normalizedShape, epsilon: eps), [self, weight, bias], count: 3)
  }

  /// `groupNorm` with the mean and reciprocal deviation of each group, [batch, groups].
  package func groupNormWithStatistics(_ groups: Int, _ weight: Tensor?, _ bias: Tensor?, eps: Double) -> [Tensor] {
    apply(GroupNormOperation(groups: groups, epsilon: eps), [self, weight, bias], count: 3)
  }
}
