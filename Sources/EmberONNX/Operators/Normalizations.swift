import EmberFunctional
import EmberRuntime
import EmberTensor

/// Layers that bring numbers to a common scale.
extension OperatorTable {
  mutating func addNormalizations() {
    add("BatchNormalization") { call in try batchNormalization(call) }
    add("InstanceNormalization") { call in
      let x = try call.tensor(0)
      return x.instanceNorm(weight: try call.tensor(1), bias: try call.tensor(2), eps: try call.double("epsilon", 1e-5))
    }
    add("GroupNormalization", since: 18) { call in
      let x = try call.tensor(0, minimumRank: 2), groups = try call.required(try call.int("num_groups"), "num_groups")
      var scale = try call.tensor(1), bias = try call.tensor(2)
      guard groups > 0, x.shape[1] % groups == 0 else { throw call.failure("\(groups) groups of \(describe(x))", .shape) }
      // Before version 21 each group had one scale.
      if call.version < 21 {
        scale = scale.repeatInterleave(x.shape[1] / groups)
        bias = bias.repeatInterleave(x.shape[1] / groups)
      }
      return try call.stashed(x) { $0.groupNorm(groups, weight: scale.to($0.dtype), bias: bias.to($0.dtype), eps: try call.double("epsilon", 1e-5)) }
    }
    add("LayerNormalization", since: 17) { call in
      let x = try call.tensor(0, minimumRank: 1), scale = try call.tensor(1), bias = try call.optionalTensor(2)
      let axis = try call.wrapped(try call.int("axis", -1), x.rank), eps = try call.double("epsilon", 1e-5)
      let shape = Array(x.shape[axis...]), axes = Array(axis..<x.rank)
      let stashed = x.dtype == .float64 ? x : x.to(try call.elementType("stash_type")?.dtype ?? .float32)
      let isPlain = Array(scale.shape) == shape && (bias.map { Array($0.shape) == shape } ?? true)
      let y: Tensor
      if isPlain {
        y = stashed.layerNorm(shape, weight: scale.to(stashed.dtype), bias: bias?.to(stashed.dtype), eps: eps)
      } else {
        let product = stashed.layerNorm(shape, eps: eps) * scale.to(stashed.dtype)
        y = bias.map { product + $0.to(stashed.dtype) } ?? product
      }
      guard call.wants(1) || call.wants(2) else { return [y.to(x.dtype)] }
      let (variance, mean) = stashed.varMean(axes, correction: 0, keepDim: true)
      return [y.to(x.dtype), mean, (variance + eps).rsqrt()]
    }
    add("RMSNormalization", since: 23) { call in
      let x = try call.tensor(0, minimumRank: 1), scale = try call.tensor(1)
      let axis = try call.wrapped(try call.int("axis", -1), x.rank), eps = try call.double("epsilon", 1e-5)
      return try call.stashed(x) { $0.rmsNorm(Array(x.shape[axis...]), eps: eps) } * scale
    }
    add("LpNormalization") { call in
      let x = try call.tensor(0), axis = try call.wrapped(try call.int("axis", -1), x.rank)
      let p = try call.int("p", 2)
      guard p == 1 || p == 2 else { throw call.failure("p is \(p); it is 1 or 2") }
      let norm = p == 1 ? x.abs().sum(axis, keepDim: true) : x.square().sum(axis, keepDim: true).sqrt()
      return x / norm.maskedFill(norm .== 0, 1)
    }
    add("MeanVarianceNormalization", since: 9) { call in
      let x = try call.tensor(0), axes = try call.wrapped(try call.ints("axes") ?? [0, 2, 3], x.rank)
      let centred = x - x.mean(axes, keepDim: true)
      return centred / (centred.square().mean(axes, keepDim: true).sqrt() + 1e-9)
    }
    add("LRN") { call in
      let x = try call.tensor(0, minimumRank: 2), size = try call.required(try call.int("size"), "size")
      guard size > 0, size < 1 << 20 else { throw call.failure("a size of \(size)") }
      let alpha = try call.double("alpha", 1e-4), beta = try call.double("beta", 0.75), bias = try call.double("bias", 1)
      var margins = Array(repeating: 0, count: 2 * x.rank)
      margins[2 * (x.rank - 2)] = (size - 1) / 2
      margins[2 * (x.rank - 2) + 1] = size / 2
      let sums = x.square().pad(margins, value: 0).unfold(1, size: size, step: 1).sum(-1)
      return x / (sums * (alpha / Double(size)) + bias) ** beta
    }
  }
}

extension OperatorCall {
  /// Computes in the precision that `stash_type` asks for, float32 if it says nothing.
  fileprivate func stashed(_ x: Tensor, _ body: (Tensor) throws -> Tensor) throws -> Tensor {
    let dtype = x.dtype == .float64 ? .float64 : try elementType("stash_type")?.dtype ?? .float32
    return try body(x.to(dtype)).to(x.dtype)
  }
}

private func batchNormalization(_ call: OperatorCall) throws -> [Tensor?] {
  let x = try call.tensor(0), eps = try call.double("epsilon", 1e-5)
  let parameters = try (1...4).map { try call.tensor($0) }
  let trains = try call.version >= 14 && call.flag("training_mode")
  if call.version < 9, try call.int("spatial", 1) == 0 {
    // Each element has statistics of its own.
    let (scale, bias, mean, variance) = (parameters[0], parameters[1], parameters[2], parameters[3])
    return [(x - mean) / (variance + eps).sqrt() * scale + bias]
  }
  let wide = parameters.map { $0.dtype.size }.max()! > x.dtype.size ? x.to(parameters[0].dtype) : x
  let (scale, bias) = (parameters[0].to(wide.dtype), parameters[1].to(wide.dtype))
  guard trains else {
    let y = wide.batchNorm(mean: parameters[2].to(wide.dtype), variance: parameters[3].to(wide.dtype), weight: scale, bias: bias, eps: eps)
    return [y.to(x.dtype)]
  }
  let axes = (0..<x.rank).filter { $0 != 1 }
  let (variance, mean) = wide.varMean(axes, correction: 0)
  let momentum = try call.double("momentum", 0.9)
  let y = wide.batchNorm(weight: scale, bias: bias, eps: eps).output
  func moved(_ old: Tensor, _ new: Tensor) -> Tensor { (old * momentum + new.to(old.dtype) * (1 - momentum)).to(old.dtype) }
  return [y.to(x.dtype), moved(parameters[2], mean), moved(parameters[3], variance)]
}
