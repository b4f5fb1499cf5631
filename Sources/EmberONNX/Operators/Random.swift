import EmberRuntime
import EmberTensor

/// Random numbers. A node with a seed draws the same numbers every time, uniform ones those of ONNX's own reference; others use Ember's
/// generator.
extension OperatorTable {
  mutating func addRandom() {
    for isLike in [false, true] {
      let suffix = isLike ? "Like" : ""
      add("RandomNormal" + suffix) { call in
        let form = try RandomForm(call, isLike: isLike)
        let mean = try call.double("mean", 0), scale = try call.double("scale", 1)
        return (Tensor.randn(form.shape, dtype: form.precision, generator: form.generator) * scale + mean).to(form.dtype)
      }
      add("RandomUniform" + suffix) { call in
        let form = try RandomForm(call, isLike: isLike)
        let low = try call.double("low", 0), high = try call.double("high", 1)
        return (uniform(form.shape, form.precision, form.generator) * (high - low) + low).to(form.dtype)
      }
    }
    add("Bernoulli", since: 15) { call in
      let x = try call.tensor(0)
      let dtype = try call.elementType("dtype")?.dtype ?? x.dtype
      return (Tensor.rand(Array(x.shape), generator: try generator(call)) .< x.to(.float32)).to(dtype)
    }
    add("Multinomial", since: 7) { call in
      let x = try call.tensor(0), count = try call.int("sample_size", 1)
      guard x.rank == 2, count > 0 else { throw call.failure("\(count) draws from \(describe(x))", .shape) }
      let drawn = x.to(.float32).softmax(1).multinomial(count, replacement: true, generator: try generator(call))
      return drawn.to(try call.elementType("dtype")?.dtype ?? .int32)
    }
    add("Dropout") { call in
      // Until version 12 a file's dropout did nothing but in its training.
      let x = try call.tensor(0)
      return [x, Tensor.full(like: x, true, dtype: call.version < 10 ? x.dtype : .bool)]
    }
    add("Dropout", since: 12, numbers: [1, 2]) { call in
      let x = try call.tensor(0), ratio = try call.has(1) ? call.doubles(1).first ?? 0.5 : 0.5
      let trains = try call.has(2) ? call.bool(2) : false
      guard trains, ratio > 0 else { return [x, Tensor.full(like: x, true, dtype: .bool)] }
      guard ratio < 1 else { throw call.failure("a ratio of \(ratio)") }
      let isKept = uniform(Array(x.shape), .float64, try generator(call)) .>= ratio
      return [x * isKept.to(x.dtype) / (1 - ratio), isKept]
    }
  }
}

/// What random tensors are to be like.
private struct RandomForm {
  let shape: [Int]
  let dtype: DType
  let generator: Generator?

  /// Numbers are drawn in a dtype that has a generator.
  var precision: DType { dtype == .float64 ? .float64 : .float32 }

  init(_ call: OperatorCall, isLike: Bool) throws {
    let given = try call.elementType("dtype")?.dtype
    if isLike {
      guard let like = try call.value(0).tensor else { throw call.failure("input 0 must be a tensor", .dtype) }
      shape = Array(like.shape)
      dtype = given ?? like.dtype
    } else {
      shape = try call.required(try call.ints("shape"), "shape")
      dtype = given ?? .float32
    }
    generator = try EmberONNX.generator(call)
  }
}

/// Numbers from 0 to 1; of a seeded generator in double precision from two words each, 27 bits of the first and 26 of the second, as NumPy's
/// `RandomState` makes them.
private func uniform(_ shape: [Int], _ dtype: DType, _ generator: Generator?) -> Tensor {
  let drawn = Tensor.empty(shape, dtype: dtype)
  guard let generator, !drawn.isPoisoned else { return Tensor.rand(shape, dtype: dtype) }
  let numbers = (0..<drawn.elementCount).map { _ in
    let words = generator.next()
    return (Double(words >> 37) * 0x1p26 + Double((words & 0xFFFF_FFFF) >> 6)) * 0x1p-53
  }
  return Tensor(numbers, shape: shape, dtype: dtype)
}

private func generator(_ call: OperatorCall) throws -> Generator? {
  try call.double("seed").map { Generator(seed: UInt64(truncatingIfNeeded: Int64(Scalar.real($0)))) }
}
