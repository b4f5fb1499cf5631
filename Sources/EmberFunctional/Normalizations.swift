import EmberRuntime
import EmberTensor

extension Tensor {
  /// self · (mean of self² over the last dimensions, `normalizedShape`, + eps)^-½ · weight; Zhang and Sennrich, arXiv:1910.07467.
  ///
  /// - Parameter eps: by default the distance from 1 to the next number of the type that is computed in.
  public func rmsNorm(_ normalizedShape: [Int], weight: Tensor? = nil, eps: Double? = nil) -> Tensor {
    guard mayRunSlowly("rms_norm", [self, weight]) else { return .poison }
    return attempt { () throws(EmberError) in
      guard dtype.category >= .floatingPoint else {
        throw EmberError(.dtype, in: "rms_norm", "\(summary) is not floating point; convert with .to(.float32)")
      }
      guard !normalizedShape.isEmpty, rank >= normalizedShape.count, Array(shape.suffix(normalizedShape.count)) == normalizedShape else {
        throw EmberError(.shape, in: "rms_norm", "input \(summary) does not end in the normalized shape \(normalizedShape)")
      }
      if let weight, Array(weight.shape) != normalizedShape {
        throw EmberError(.shape, in: "rms_norm", "weight \(weight.summary) for the normalized shape \(normalizedShape)")
      }
      let epsilon = eps ?? (dtype.realType == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne))
      if [.float16, .bfloat16, .float32, .float64].contains(dtype), weight == nil || weight!.dtype == dtype,
        (try? RMSNormOperation.kernels.kernel(on: device)) != nil
      {
        return apply(RMSNormOperation(normalized: normalizedShape, epsilon: epsilon), [self, weight], count: 2)[0]
      }
      // Complex numbers, weights of another dtype, devices without a kernel.
      let wide = dtype == .float16 || dtype == .bfloat16 ? to(.float32) : self
      let dims = Array((rank - normalizedShape.count)..<rank)
      var y = wide * ((wide * wide).mean(dims, keepDim: true) + Scalar.real(epsilon)).rsqrt()
      if let weight { y = y * weight }
      return y.to(dtype)
    }
  }

  /// Each channel of each item of [batch, channels, ...] normalised by its own mean and biased variance; Ulyanov et al., arXiv:1607.08022.
  public func instanceNorm(weight: Tensor? = nil, bias: Tensor? = nil, eps: Double = 1e-5) -> Tensor {
    guard mayRun("instance_norm", self) else { return .poison }
    guard rank >= 3, shape.dropFirst(2).reduce(1, *) != 1 else {
      raise(
        EmberError(.shape, in: "instance_norm", "input \(summary): it must be [batch, channels, ...] with more than one value per channel"))
      return .poison
    }
    return groupNorm(shape[1], weight: weight, bias: bias, eps: eps)
  }

  /// self / (k + alpha · the mean of self² over `size` neighbouring channels)^beta; Krizhevsky et al., 2012.
  ///
  /// Self is [batch, channels, ...]; channels beyond the first and last count as 0.
  public func localResponseNorm(_ size: Int, alpha: Double = 1e-4, beta: Double = 0.75, k: Double = 1) -> Tensor {
    guard mayRun("local_response_norm", self) else { return .poison }
    guard rank >= 3, size > 0 else {
      raise(
        EmberError(
          rank >= 3 ? .value : .shape, in: "local_response_norm",
          "input \(summary) with size \(size): it must be [batch, channels, ...] and the size positive"))
      return .poison
    }
    if elementCount == 0 { return self }
    let squares = (self * self).reshape([shape[0], 1, shape[1], -1]).pad([0, 0, size / 2, (size - 1) / 2])
    let means = squares.avgPool2d([size, 1], stride: 1).reshape(Array(shape))
    return self / (means * Scalar.real(alpha) + Scalar.real(k)).pow(.real(beta))
  }

  /// A normalisation whose parameters may be float32 where self is a 16-bit float: it then runs in float32.
  fileprivate func withParameters(_ parameters: [Tensor?], _ body: (Tensor) -> [Tensor]) -> [Tensor] {
    guard dtype == .float16 || dtype == .bfloat16, parameters.contains(where: { $0?.dtype == .float32 }) else { return body(self) }
    var results = body(to(.float32))
    results[0] = results[0].to(dtype)
    return results
  }

  /// Batch normalisation with ATen's results: output, saved mean and reciprocal deviation (empty outside of training).
  fileprivate func batchNormalized(
    _ weight: Tensor?, _ bias: Tensor?, _ mean: Tensor?, _ variance: Tensor?, training: Bool, eps: Double
  ) throws(EmberError) -> [Tensor] {
    let results = withParameters([weight, bias, mean]) { x -> [Tensor] in
      if training {
        let (y, mean, variance) = x.batchNorm(weight: weight, bias: bias, eps: eps)
        return [y, mean, (variance + Scalar.real(eps)).rsqrt()]
      }
      guard let mean, let variance else {
        raise(EmberError(.value, in: "batch_norm", "running_mean and running_var must be given outside of training"))
        return [.poison, .poison, .poison]
      }
      let empty = Tensor.zeros([0], dtype: x.dtype, on: x.device)
      return [x.batchNorm(mean: mean, variance: variance, weight: weight, bias: bias, eps: eps), empty, empty]
    }
    let statistics = (weight ?? bias ?? mean)?.dtype ?? dtype
    return [results[0], results[1].to(statistics), results[2].to(statistics)]
  }

  /// `torch.nn.functional.batch_norm`: also takes inputs without elements.
  fileprivate func batchNormOfFunction(
    _ mean: Tensor?, _ variance: Tensor?, _ weight: Tensor?, _ bias: Tensor?, _ training: Bool, _ eps: Double
  ) throws(EmberError) -> Tensor {
    guard training ? eps > 0 : eps >= 0 else {
      throw EmberError(.value, in: "batch_norm", "eps \(eps); it must be positive in training, else not negative")
    }
    if elementCount == 0, rank >= 1 {
      var y = clone()
      if let weight { y = y * weight.sum() }
      if let bias { y = y + bias.sum() }
      return y
    }
    return try batchNormalized(weight, bias, mean, variance, training: training, eps: eps)[0]
  }
}

extension OperatorRegistry {
  mutating func addNormalizations() {
    addFunctionsOfNormalization()
    addNativeNormalizations()
  }

  private mutating func addFunctionsOfNormalization() {
    add(
      "torch.nn.functional.batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, "
        + "Tensor? bias=None, bool training=False, float momentum=0.1, float eps=1e-05) -> Tensor"
    ) { (x: Tensor, mean: Tensor?, variance: Tensor?, weight: Tensor?, bias: Tensor?, training: Bool, _: Double, eps: Double) in
      try x.batchNormOfFunction(mean, variance, weight, bias, training, eps)
    }
    add(
      "torch.nn.functional.instance_norm(Tensor input, Tensor? running_mean=None, Tensor? running_var=None, "
        + "Tensor? weight=None, Tensor? bias=None, bool use_input_stats=True, float momentum=0.1, "
        + "float eps=1e-05) -> Tensor"
    ) { (x: Tensor, mean: Tensor?, variance: Tensor?, weight: Tensor?, bias: Tensor?, usesInput: Bool, _: Double, eps: Double) in
      if usesInput { return x.withParameters([weight, bias]) { [$0.instanceNorm(weight: weight, bias: bias, eps: eps)] }[0] }
      return try x.batchNormalized(weight, bias, mean, variance, training: false, eps: eps)[0]
    }
    add(
      "torch.nn.functional.layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, "
        + "float eps=1e-05) -> Tensor"
    ) {
      (x: Tensor, normalized: [Int], weight: Tensor?, bias: Tensor?, eps: Double) in
      x.withParameters([weight, bias]) { [$0.layerNorm(normalized, weight: weight, bias: bias, eps: eps)] }[0]
    }
    add("torch.nn.functional.group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor") {
      (x: Tensor, groups: Int, weight: Tensor?, bias: Tensor?, eps: Double) in
      if x.rank >= 2, groups > 0 {
        let values = x.shape[0] * x.shape[1] / groups * x.shape.dropFirst(2).reduce(1, *)
        guard values != 1, x.shape[1] > 0 else {
          throw EmberError(
            .value, in: "group_norm", "input \(x.summary) with \(groups) groups: there must be channels, and more than one value per group")
        }
      }
      return x.withParameters([weight, bias]) { [$0.groupNorm(groups, weight: weight, bias: bias, eps: eps)] }[0]
    }
    add("torch.nn.functional.rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor") {
      (x: Tensor, normalized: [Int], weight: Tensor?, eps: Double?) in x.rmsNorm(normalized, weight: weight, eps: eps)
    }
    add("aten::rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor") {
      (x: Tensor, normalized: [Int], weight: Tensor?, eps: Double?) in x.rmsNorm(normalized, weight: weight, eps: eps)
    }
    add(
      "aten::layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
        + "bool cudnn_enable=True) -> Tensor"
    ) {
      (x: Tensor, normalized: [Int], weight: Tensor?, bias: Tensor?, eps: Double, _: Bool) in
      x.withParameters([weight, bias]) { [$0.layerNorm(normalized, weight: weight, bias: bias, eps: eps)] }[0]
    }
    add(
      "aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
        + "bool cudnn_enabled=True) -> Tensor"
    ) {
      (x: Tensor, groups: Int, weight: Tensor?, bias: Tensor?, eps: Double, _: Bool) in
      x.withParameters([weight, bias]) { [$0.groupNorm(groups, weight: weight, bias: bias, eps: eps)] }[0]
    }
    add("torch.nn.functional.local_response_norm(Tensor input, int size, float alpha=0.0001, float beta=0.75, float k=1.0) -> Tensor") {
      (x: Tensor, size: Int, alpha: Double, beta: Double, k: Double) in x.localResponseNorm(size, alpha: alpha, beta: beta, k: k)
    }
  }

  private mutating func addNativeNormalizations() {
    add(
      "aten::native_layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, "
        + "float eps) -> (Tensor, Tensor, Tensor)"
    ) {
      (x: Tensor, normalized: [Int], weight: Tensor?, bias: Tensor?, eps: Double) in
      let all = x.withParameters([weight, bias]) { $0.layerNormWithStatistics(normalized, weight, bias, eps: eps) }
      let shape = Array(x.shape.dropLast(normalized.count)) + normalized.map { _ in 1 }
      let statistics = weight?.dtype ?? x.dtype
      return (all[0], all[1].reshape(shape).to(statistics), all[2].reshape(shape).to(statistics))
    }
    add(
      "aten::native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, "
        + "float eps) -> (Tensor, Tensor, Tensor)"
    ) { (x: Tensor, weight: Tensor?, bias: Tensor?, batch: Int, channels: Int, spatial: Int, groups: Int, eps: Double) in
      guard try checkedShape([batch, channels, spatial], in: "native_group_norm").elementCount == x.elementCount else {
        throw EmberError(
          .shape, in: "native_group_norm", "input \(x.summary) is not [\(batch), \(channels), ...] with \(spatial) values per channel")
      }
      let all = x.reshape([batch, channels, spatial]).withParameters([weight, bias]) {
        $0.groupNormWithStatistics(groups, weight, bias, eps: eps)
      }
      let statistics = weight?.dtype ?? x.dtype
      guard x.requiresGrad, groups > 0, channels % groups == 0 else {
        return (all[0].reshape(Array(x.shape)), all[1].to(statistics), all[2].to(statistics))
      }
      // The kernel's statistics carry no history; these do.
      let grouped = x.reshape([batch, groups, -1])
      let rstd = (grouped.var([2], correction: 0) + Scalar.real(eps)).rsqrt()
      return (all[0].reshape(Array(x.shape)), grouped.mean(2).to(statistics), rstd.to(statistics))
    }
    add(
      "aten::native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
        + "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)"
    ) { (x: Tensor, weight: Tensor?, bias: Tensor?, mean: Tensor?, variance: Tensor?, training: Bool, _: Double, eps: Double) in
      let all = try x.batchNormalized(weight, bias, mean, variance, training: training, eps: eps)
      return (all[0], all[1], all[2])
    }
    add(
      "aten::_native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, "
        + "Tensor running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)"
    ) { (x: Tensor, weight: Tensor?, bias: Tensor?, mean: Tensor, variance: Tensor, training: Bool, _: Double, eps: Double) in
      let all = try x.batchNormalized(weight, bias, mean, variance, training: training, eps: eps)
      return (all[0], all[1], all[2])
    }
    add(
      "aten::_native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, "
        + "float momentum, float eps) -> (Tensor, Tensor, Tensor)"
    ) {
      (x: Tensor, weight: Tensor?, bias: Tensor?, _: Bool, _: Double, eps: Double) in
      let all = try x.batchNormalized(weight, bias, nil, nil, training: true, eps: eps)
      return (all[0], all[1], all[2])
    }
    add(
      "aten::_batch_norm_with_update(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, "
        + "Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor, Tensor)"
    ) { (x: Tensor, weight: Tensor?, bias: Tensor?, mean: Tensor, variance: Tensor, _: Double, eps: Double) in
      let all = try x.batchNormalized(weight, bias, mean, variance, training: true, eps: eps)
      return (all[0], all[1], all[2], Tensor.zeros([0], dtype: .uint8, on: x.device))
    }
  }
}
