import EmberRuntime
import EmberTensor

/// One operation with inputs to try it on. The value, gradient, meta and instruction-set tests all run over this list.
struct Sample: Sendable, CustomStringConvertible {
  let name: String
  /// Makes float64 inputs.
  let inputs: @Sendable () -> [Tensor]
  let run: @Sendable ([Tensor]) -> Tensor
  /// False where there is no derivative, or none that differences can check.
  var isDifferentiable = true

  var description: String { name }
}

/// Deterministic numbers in `low` ... `high` without structure.
func numbers(_ shape: [Int], _ low: Double = -2, _ high: Double = 2, seed: UInt64 = 1) -> Tensor {
  Tensor.uniform(shape, low, high, dtype: .float64, generator: Generator(seed: seed))
}

enum Samples {
  static let all: [Sample] = unary + binary + reductions + views + matrices + indexing

  /// Samples whose result's shape depends on data.
  static let refusedOnMeta: Set<String> = ["x[mask] [3, 4]"]

  /// Whether the derivative of a sample does not depend on its inputs, so that there is no second one.
  static func isLinear(_ name: String) -> Bool { linear.contains { name == $0 || name.hasPrefix($0 + " ") } }
  private static let linear: [String] = [
    "neg", "3 - x", "add", "sub", "where", "sum", "mean", "nansum", "cumsum", "amax", "amin", "max", "min", "sort", "topk", "gather",
    "indexSelect", "indexAdd", "scatter", "scatterAdd", "maskedFill", "reshape", "permute", "expand", "narrow", "select", "flip", "flatten",
    "squeeze", "unsqueeze", "repeat", "chunk", "stack", "to", "x[1] [3, 4]", "x[-1, 1..<3]", "x[..., 0] [2, 3, 4]", "x[newAxis]",
    "x[[0, 2, 2]]", "x[rows, columns]", "x[:, index]", "x[index, :, index]", "x[mask]",
  ]

  private static func pointwise(_ name: String, _ low: Double, _ high: Double, _ run: @escaping @Sendable (Tensor) -> Tensor) -> [Sample] {
    [
      Sample(name: name, inputs: { [numbers([3, 4], low, high)] }, run: { run($0[0]) }),
      Sample(name: "\(name) scalar", inputs: { [numbers([], low, high, seed: 2)] }, run: { run($0[0]) }),
      Sample(name: "\(name) transposed", inputs: { [numbers([5, 2], low, high, seed: 3)] }, run: { run($0[0].t()) }),
      Sample(name: "\(name) strided", inputs: { [numbers([7], low, high, seed: 4)] }, run: { run($0[0][.slice(0, nil, step: 2)]) }),
      Sample(name: "\(name) empty", inputs: { [numbers([0, 3], low, high)] }, run: { run($0[0]) }),
    ]
  }

  static let unary: [Sample] = [
    pointwise("neg", -2, 2) { -$0 }, pointwise("abs", 0.1, 2) { ($0 - 0.05).abs() }, pointwise("square", -2, 2) { $0.square() },
    pointwise("reciprocal", 0.5, 2) { $0.reciprocal() }, pointwise("sqrt", 0.2, 3) { $0.sqrt() }, pointwise("rsqrt", 0.2, 3) { $0.rsqrt() },
    pointwise("exp", -2, 2) { $0.exp() }, pointwise("exp2", -2, 2) { $0.exp2() }, pointwise("expm1", -2, 2) { $0.expm1() },
    pointwise("log", 0.2, 3) { $0.log() }, pointwise("log2", 0.2, 3) { $0.log2() }, pointwise("log10", 0.2, 3) { $0.log10() },
    pointwise("log1p", -0.5, 3) { $0.log1p() }, pointwise("sin", -3, 3) { $0.sin() }, pointwise("cos", -3, 3) { $0.cos() },
    pointwise("tan", -1, 1) { $0.tan() }, pointwise("asin", -0.9, 0.9) { $0.asin() }, pointwise("acos", -0.9, 0.9) { $0.acos() },
    pointwise("atan", -2, 2) { $0.atan() }, pointwise("sinh", -2, 2) { $0.sinh() }, pointwise("cosh", -2, 2) { $0.cosh() },
    pointwise("tanh", -2, 2) { $0.tanh() }, pointwise("asinh", -2, 2) { $0.asinh() }, pointwise("acosh", 1.2, 3) { $0.acosh() },
    pointwise("atanh", -0.9, 0.9) { $0.atanh() }, pointwise("erf", -2, 2) { $0.erf() }, pointwise("erfc", -2, 2) { $0.erfc() },
    pointwise("erfinv", -0.8, 0.8) { $0.erfinv() }, pointwise("sigmoid", -3, 3) { $0.sigmoid() },
    pointwise("lgamma", 0.5, 3) { $0.lgamma() },
    pointwise("digamma", 0.5, 3) { $0.digamma() }, pointwise("polygamma 2", 0.5, 3) { $0.polygamma(2) },
    pointwise("relu", 0.1, 2) { ($0 - 1.05).relu() }, pointwise("leaky_relu", 0.1, 2) { ($0 - 1.05).leakyReLU() },
    pointwise("gelu", -2, 2) { $0.gelu() }, pointwise("gelu tanh", -2, 2) { $0.gelu(approximate: .tanh) },
    pointwise("silu", -2, 2) { $0.silu() },
    pointwise("softplus", -2, 2) { $0.softplus() }, pointwise("elu", -2, -0.1) { $0.elu() },
    pointwise("log_sigmoid", 0.1, 2) { $0.logSigmoid() },
    pointwise("pow 3", -2, 2) { $0.pow(3) }, pointwise("pow -1.5", 0.3, 2) { $0.pow(-1.5) },
    pointwise("clamp", -2, 2) { $0.clamp(min: -3, max: 3) },
    pointwise("2 ** x", -2, 2) { 2.0 ** $0 }, pointwise("3 - x", -2, 2) { 3 - $0 }, pointwise("1 / x", 0.5, 2) { 1 / $0 },
  ].flatMap { $0 }

  private static func pair(_ name: String, _ low: Double, _ high: Double, _ run: @escaping @Sendable (Tensor, Tensor) -> Tensor) -> [Sample]
  {
    let shapes: [([Int], [Int])] = [([3, 4], [3, 4]), ([3, 4], [4]), ([3, 1], [1, 4]), ([], [2, 2]), ([0, 2], [2])]
    return shapes.map { a, b in
      Sample(
        name: "\(name) \(a) \(b)", inputs: { [numbers(a, low, high, seed: 5), numbers(b, low, high, seed: 6)] }, run: { run($0[0], $0[1]) })
    } + [
      Sample(
        name: "\(name) transposed", inputs: { [numbers([4, 3], low, high, seed: 5), numbers([3, 4], low, high, seed: 6)] },
        run: { run($0[0].t(), $0[1]) })
    ]
  }

  static let binary: [Sample] = [
    pair("add", -2, 2) { $0 + $1 }, pair("sub", -2, 2) { $0 - $1 }, pair("mul", -2, 2) { $0 * $1 }, pair("div", 0.5, 2) { $0 / $1 },
    pair("pow", 0.5, 2) { $0 ** $1 }, pair("maximum", -2, 2) { maximum($0, $1) }, pair("minimum", -2, 2) { minimum($0, $1) },
    pair("atan2", 0.5, 2) { atan2($0, $1) }, pair("hypot", 0.5, 2) { Pointwise.hypot($0, $1) },
    pair("where", -2, 2) { `where`($0 .> $1, $0, $1 * 2) }, pair("lerp", -2, 2) { Pointwise.lerp($0, $1, $0 * $1) },
    pair("addcmul", -2, 2) { Pointwise.addcmul($0, $1, $0, ScalarParameters(0.5)) },
  ].flatMap { $0 }

  private static func one(_ name: String, _ shape: [Int], _ run: @escaping @Sendable (Tensor) -> Tensor) -> Sample {
    Sample(name: "\(name) \(shape)", inputs: { [numbers(shape, seed: 7)] }, run: { run($0[0]) })
  }

  static let reductions: [Sample] = [
    one("sum", [3, 4]) { $0.sum() }, one("sum 0", [3, 4]) { $0.sum(0) }, one("sum -1", [2, 3, 4]) { $0.sum(-1) },
    one("sum 0,2", [2, 3, 4]) { $0.sum([0, 2]) },
    one("sum of a transpose", [3, 4]) { $0.t().sum(0) }, one("sum of nothing", [0, 3]) { $0.sum(0) },
    one("mean", [3, 4]) { $0.mean(1, keepDim: true) },
    one("prod", [3, 4]) { $0.prod(1) }, one("prod all", [5]) { $0.prod() }, one("amax", [3, 4]) { $0.amax([1]) },
    one("amin", [3, 4]) { $0.amin([0]) },
    one("max", [3, 4]) { $0.max(1).values }, one("min", [3, 4]) { $0.min(0, keepDim: true).values },
    one("logsumexp", [3, 4]) { $0.logSumExp([1]) },
    one("var", [3, 4]) { $0.var([1]) }, one("std", [3, 4]) { $0.std([0], correction: 0) }, one("cumsum", [3, 4]) { $0.cumsum(1) },
    one("cumprod", [3, 4]) { $0.cumprod(0) }, one("softmax", [3, 4]) { $0.softmax(1) }, one("softmax 0", [3, 4]) { $0.softmax(0) },
    one("log_softmax", [2, 3, 2]) { $0.logSoftmax(1) }, one("norm", [3, 4]) { $0.norm() }, one("nansum", [4]) { $0.nansum() },
  ]

  static let views: [Sample] = [
    one("reshape", [3, 4]) { $0.reshape(2, -1) }, one("reshape of a transpose", [3, 4]) { $0.t().reshape(6, 2) },
    one("permute", [2, 3, 4]) { $0.permute(2, 0, 1) },
    one("expand", [3, 1]) { $0.expand(2, 3, 4) }, one("narrow", [5, 2]) { $0.narrow(0, start: 1, length: 3) },
    one("select", [3, 4]) { $0.select(1, -1) },
    one("flip", [3, 4]) { $0.flip(0, 1) }, one("flatten", [2, 3, 2]) { $0.flatten(1) }, one("squeeze", [2, 1, 3]) { $0.squeeze(1) },
    one("unsqueeze", [3]) { $0.unsqueeze(-1) }, one("repeat", [2, 3]) { $0.repeat(2, 2) },
    one("chunk", [5, 2]) { cat($0.chunk(2).reversed()) },
    one("stack", [2, 3]) { stack([$0, $0 * 2], dim: 1) }, one("cat", [2, 3]) { cat([$0, $0.square()], dim: -1) },
    one("to", [2, 2]) { $0.to(.float64) * 1 },
  ]

  private static func two(_ name: String, _ a: [Int], _ b: [Int], _ run: @escaping @Sendable (Tensor, Tensor) -> Tensor) -> Sample {
    Sample(name: "\(name) \(a) \(b)", inputs: { [numbers(a, seed: 8), numbers(b, seed: 9)] }, run: { run($0[0], $0[1]) })
  }

  static let matrices: [Sample] = [
    two("matmul", [3, 4], [4, 2]) { $0.matmul($1) }, two("matmul", [4], [4]) { $0.matmul($1) },
    two("matmul", [4], [4, 2]) { $0.matmul($1) },
    two("matmul", [3, 4], [4]) { $0.matmul($1) }, two("matmul", [2, 3, 4], [2, 4, 2]) { $0.matmul($1) },
    two("matmul", [2, 3, 4], [4, 2]) { $0.matmul($1) },
    two("matmul", [2, 1, 3, 2], [3, 2, 2]) { $0.matmul($1) }, two("matmul of transposes", [4, 3], [2, 4]) { $0.t().matmul($1.t()) },
    two("matmul of nothing", [3, 0], [0, 2]) { $0.matmul($1) }, two("linear", [3, 4], [2, 4]) { $0.linear($1) },
    Sample(
      name: "linear with bias", inputs: { [numbers([2, 3, 4]), numbers([5, 4], seed: 2), numbers([5], seed: 3)] },
      run: { $0[0].linear($0[1], $0[2]) }),
  ]

  static let indexing: [Sample] = [
    one("x[1]", [3, 4]) { $0[1] }, one("x[-1, 1..<3]", [3, 4]) { $0[-1, 1..<3] }, one("x[..., 0]", [2, 3, 4]) { $0[..., 0] },
    one("x[newAxis]", [3]) { $0[.newAxis, .all] }, one("x[[0, 2, 2]]", [3, 4]) { $0[[0, 2, 2]] },
    one("x[rows, columns]", [3, 4]) { $0[Tensor([0, 2, 1]), Tensor([3, 3, 0])] },
    one("x[:, index]", [3, 4, 2]) { $0[.all, Tensor([[0, 1], [3, 3]])] },
    one("x[index, :, index]", [3, 2, 4]) { $0[Tensor([0, 1]), .all, Tensor([1, 2])] },
    one("x[mask]", [3, 4]) { $0[$0 .> 0] }, one("indexSelect", [3, 4]) { $0.indexSelect(1, Tensor([0, 0, 3]).to($0.device)) },
    one("gather", [3, 4]) { $0.gather(dim: 1, index: Tensor([[0, 0], [1, 3], [2, 2]]).to($0.device)) },
    two("scatterAdd", [3, 4], [3, 2]) { $0.scatterAdd(dim: 1, index: Tensor([[0, 0], [1, 3], [2, 2]]).to($0.device), source: $1) },
    two("scatter", [3, 4], [3, 2]) { $0.scatter(dim: 1, index: Tensor([[0, 1], [1, 3], [2, 0]]).to($0.device), source: $1) },
    two("indexAdd", [3, 4], [2, 4]) { $0.indexAdd(dim: 0, index: Tensor([2, 2]).to($0.device), source: $1, alpha: 0.5) },
    one("sort", [3, 4]) { $0.sort(1).values }, one("topk", [3, 4]) { $0.topk(2).values },
    one("maskedFill", [3, 4]) { $0.maskedFill($0 .> 0, 1.5) },
    two("x[1] = v", [3, 4], [4]) { x, v in
      var y = x * 1
      y[1] = v
      return y * y
    },
    two("x[0..., 1] = v", [3, 4], [3]) { x, v in
      var y = x
      y[0..., 1] = v
      return y * x
    },
    two("x[index] = v", [3, 4], [2, 4]) { x, v in
      var y = x.t().t()
      y[Tensor([2, 0])] = v
      return y.square()
    },
  ]
}
