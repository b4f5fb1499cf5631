import EmberFunctional
import EmberRuntime
import EmberTensor

/// What layers end with.
extension OperatorTable {
  mutating func addActivations() {
    add("Relu") { call in
      let x = try call.tensor(0)
      return x.relu().to(x.dtype)
    }
    add("LeakyRelu") { call in try call.tensor(0).leakyReLU(negativeSlope: try call.double("alpha", 0.01)) }
    add("ThresholdedRelu") { call in
      let x = try call.tensor(0)
      return x.maskedFill((x .> (try call.double("alpha", 1))).logicalNot(), 0)
    }
    add("PRelu") { call in
      let x = try call.tensor(0)
      var slope = try call.tensor(1)
      // Before version 7 a slope for each channel had one dimension.
      if call.version < 7, slope.rank == 1, x.rank > 2, slope.elementCount > 1 {
        slope = slope.reshape([slope.elementCount] + Array(repeating: 1, count: x.rank - 2))
      }
      return `where`(x.wide .< 0, x.wide * slope.wide, x.wide).to(x.dtype)
    }
    add("Elu") { call in try call.tensor(0).elu(alpha: try call.double("alpha", 1)) }
    add("Selu") { call in
      let isOld = call.version < 6
      let alpha = try call.double("alpha", isOld ? 1.6732 : 1.67326319217681884765625)
      let gamma = try call.double("gamma", isOld ? 1.0507 : 1.05070102214813232421875)
      return try call.tensor(0).elu(alpha: .real(alpha), scale: .real(gamma), inputScale: 1)
    }
    add("Celu", since: 12) { call in try call.tensor(0).celu(alpha: .real(try call.double("alpha", 1))) }
    add("Gelu", since: 20) { call in
      try call.tensor(0).gelu(approximate: try call.string("approximate", oneOf: ["none", "tanh"]) == "tanh" ? .tanh : .none)
    }
    add("HardSigmoid") { call in
      (try call.tensor(0) * (try call.double("alpha", 0.2)) + (try call.double("beta", 0.5))).clamp(min: 0.0, max: 1.0)
    }
    add("HardSwish", since: 14) { call in
      let x = try call.tensor(0)
      return x * (x * (1.0 / 6) + 0.5).clamp(min: 0.0, max: 1.0)
    }
    add("Mish", since: 18) { call in try call.tensor(0).mish() }
    add("Swish", since: 24) { call in
      let x = try call.tensor(0)
      return x * (x * (try call.double("alpha", 1))).sigmoid()
    }
    add("SwiGLU", since: 28) { call in
      let gate = try call.tensor(0), value = try call.tensor(1)
      guard gate.shape == value.shape else { throw call.failure("\(describe(gate)) and \(describe(value)); both must have one shape", .shape) }
      return gate * (gate * (try call.double("alpha", 1))).sigmoid() * value
    }
    add("Softplus") { call in try call.tensor(0).softplus() }
    add("Softsign") { call in try call.tensor(0).softSign() }
    add("Shrink", since: 9) { call in
      let x = try call.tensor(0), lambda = try call.double("lambd", 0.5), bias = try call.double("bias", 0)
      let wide = x.dtype.isFloatingPoint ? x : x.to(.float32)
      let zero = Tensor.zeros([], dtype: wide.dtype, on: x.device)
      return `where`(wide .< -lambda, wide + bias, `where`(wide .> lambda, wide - bias, zero)).to(x.dtype)
    }
    addSoftmaxes()
  }

  private mutating func addSoftmaxes() {
    let functions: KeyValuePairs<String, @Sendable (Tensor, Int) -> Tensor> = [
      "Softmax": { $0.softmax($1) }, "LogSoftmax": { $0.logSoftmax($1) }, "Hardmax": hardmax,
    ]
    for (name, function) in functions {
      // Over all dimensions from the axis on, as if they were one.
      add(name) { call in
        let x = try call.tensor(0)
        let axis = try call.int("axis", 1)
        let first = axis == x.rank ? axis : try call.wrapped(axis, x.rank)
        let rows = x.shape.prefix(first).reduce(1, *)
        return function(x.reshape([rows, x.shape.dropFirst(first).reduce(1, *)]), 1).reshape(Array(x.shape))
      }
      add(name, since: 13) { call in
        let x = try call.tensor(0)
        return function(x, try call.wrapped(try call.int("axis", -1), x.rank))
      }
    }
  }
}

/// 1 at the first largest element, 0 elsewhere.
private func hardmax(_ x: Tensor, _ axis: Int) -> Tensor {
  let place = x.argmax(axis, keepDim: true)
  return Tensor.zeros(like: x).scatter(dim: axis, index: place, value: 1)
}
