import EmberRuntime

/// The pointwise functions of the library, one line each. Everything about one follows from its line.
extension Pointwise {
  // MARK: Arithmetic
  public static let add = Pointwise("add") { a, b in a + b }
  public static let subtract = Pointwise("sub") { a, b in a - b }
  public static let multiply = Pointwise("mul") { a, b in a * b }
  public static let divide = Pointwise("div", promotion: .floatingPoint) { a, b in a / b }
  public static let addNumber = Pointwise("add", roles: [.value], parameters: 1) { x, p in x[0] + p[0] }
  public static let multiplyByNumber = Pointwise("mul", roles: [.value], parameters: 1) { x, p in x[0] * p[0] }
  public static let divideByNumber = Pointwise("div", roles: [.value], parameters: 1, promotion: .floatingPoint) { x, p in x[0] / p[0] }
  public static let subtractFromNumber = Pointwise("rsub", roles: [.value], parameters: 1) { x, p in p[0] - x[0] }
  public static let divideNumber = Pointwise("reciprocal", roles: [.value], parameters: 1, promotion: .floatingPoint) { x, p in p[0] / x[0]
  }
  public static let addScaled = Pointwise("add", roles: [.value, .value], parameters: 1) { x, p in x[0] + p[0] * x[1] }
  public static let addcmul = Pointwise("addcmul", roles: [.value, .value, .value], parameters: 1) { x, p in x[0] + p[0] * x[1] * x[2] }
  public static let addcdiv = Pointwise("addcdiv", roles: [.value, .value, .value], parameters: 1, promotion: .floatingPoint) { x, p in
    x[0] + p[0] * (x[1] / x[2])
  }
  public static let floorDivide = Pointwise("floor_divide") { a, b in .binary(.floorDivide, a, b) }
  /// Constant but for its steps: the gradients are 0 even where the quotient's own would be infinite.
  public static let truncateDivide = Pointwise(
    "div", roles: [.value, .value], derivative: { _, _, _, g in Array(repeating: select(g .== g, 0, 0), count: 2) }
  ) { x, _ in .unary(.trunc, x[0] / x[1]) }
  public static let remainder = Pointwise("remainder") { a, b in .binary(.remainder, a, b) }
  public static let fmod = Pointwise("fmod") { a, b in .binary(.fmod, a, b) }
  public static let power = Pointwise("pow") { a, b in pow(a, b) }
  public static let powerOfNumber = Pointwise("pow", roles: [.value], parameters: 1) { x, p in pow(x[0], p[0]) }
  public static let numberToPower = Pointwise("pow", roles: [.value], parameters: 1) { x, p in pow(p[0], x[0]) }
  public static let maximum = Pointwise("maximum") { a, b in EmberRuntime.maximum(a, b) }
  public static let minimum = Pointwise("minimum") { a, b in EmberRuntime.minimum(a, b) }
  public static let fmax = Pointwise("fmax") { a, b in .binary(.fmax, a, b) }
  public static let fmin = Pointwise("fmin") { a, b in .binary(.fmin, a, b) }
  public static let atan2 = Pointwise("atan2", promotion: .floatingPoint) { a, b in .binary(.atan2, a, b) }
  public static let hypot = Pointwise("hypot") { a, b in .binary(.hypot, a, b) }
  public static let copysign = Pointwise("copysign", promotion: .floatingPoint) { a, b in .binary(.copysign, a, b) }

  // MARK: Comparison and logic
  public static let equal = Pointwise("eq") { a, b in a .== b }
  public static let notEqual = Pointwise("ne") { a, b in a .!= b }
  public static let less = Pointwise("lt") { a, b in a .< b }
  public static let lessEqual = Pointwise("le") { a, b in a .<= b }
  public static let greater = Pointwise("gt") { a, b in a .> b }
  public static let greaterEqual = Pointwise("ge") { a, b in a .>= b }
  public static let equalToNumber = Pointwise("eq", roles: [.value], parameters: 1) { x, p in x[0] .== p[0] }
  public static let notEqualToNumber = Pointwise("ne", roles: [.value], parameters: 1) { x, p in x[0] .!= p[0] }
  public static let lessThanNumber = Pointwise("lt", roles: [.value], parameters: 1) { x, p in x[0] .< p[0] }
  public static let lessEqualNumber = Pointwise("le", roles: [.value], parameters: 1) { x, p in x[0] .<= p[0] }
  public static let greaterThanNumber = Pointwise("gt", roles: [.value], parameters: 1) { x, p in x[0] .> p[0] }
  public static let greaterEqualNumber = Pointwise("ge", roles: [.value], parameters: 1) { x, p in x[0] .>= p[0] }
  public static let logicalAnd = Pointwise("logical_and") { a, b in a .& b }
  public static let logicalOr = Pointwise("logical_or") { a, b in a .| b }
  public static let logicalXor = Pointwise("logical_xor") { a, b in .binary(.logicalXor, a, b) }
  public static let logicalNot = Pointwise("logical_not") { x in .unary(.logicalNot, x) }
  public static let bitwiseAnd = Pointwise("bitwise_and", promotion: .integral) { a, b in .binary(.bitwiseAnd, a, b) }
  public static let bitwiseOr = Pointwise("bitwise_or", promotion: .integral) { a, b in .binary(.bitwiseOr, a, b) }
  public static let bitwiseXor = Pointwise("bitwise_xor", promotion: .integral) { a, b in .binary(.bitwiseXor, a, b) }
  public static let bitwiseNot = Pointwise("bitwise_not", promotion: .integral) { x in .unary(.bitwiseNot, x) }
  public static let isNaN = Pointwise("isnan") { x in .unary(.isNaN, x) }
  public static let isInfinite = Pointwise("isinf") { x in .unary(.isInfinite, x) }
  public static let isFinite = Pointwise("isfinite") { x in .unary(.isFinite, x) }
  public static let choose = Pointwise("where", roles: [.condition, .value, .value]) { x, _ in select(x[0], x[1], x[2]) }
  public static let maskedFill = Pointwise("masked_fill", roles: [.value, .condition], parameters: 1) { x, p in select(x[1], p[0], x[0]) }

  // MARK: Unary
  public static let negate = Pointwise("neg") { x in -x }
  public static let absolute = Pointwise("abs") { x in abs(x) }
  public static let sign = Pointwise("sign") { x in EmberRuntime.sign(x) }
  public static let square = Pointwise("square") { x in .unary(.square, x) }
  public static let floor = Pointwise("floor") { x in .unary(.floor, x) }
  public static let ceil = Pointwise("ceil") { x in .unary(.ceil, x) }
  public static let round = Pointwise("round") { x in .unary(.round, x) }
  public static let trunc = Pointwise("trunc") { x in .unary(.trunc, x) }
  public static let conjugate = Pointwise("conj") { x in .unary(.conjugate, x) }
  public static let realPart = Pointwise("real") { x in .unary(.real, x) }
  public static let imaginaryPart = Pointwise("imag") { x in .unary(.imaginary, x) }
  public static let angle = Pointwise("angle", promotion: .floatingPoint) { x in .unary(.angle, x) }
  public static let makeComplex = Pointwise("complex") { a, b in .binary(.makeComplex, a, b) }
  private static func real(_ name: String, _ opcode: Opcode) -> Pointwise {
    Pointwise(name, promotion: .floatingPoint) { x in .unary(opcode, x) }
  }
  public static let reciprocal = real("reciprocal", .reciprocal)
  public static let sqrt = real("sqrt", .sqrt)
  public static let rsqrt = real("rsqrt", .rsqrt)
  public static let exp = real("exp", .exp)
  public static let exp2 = real("exp2", .exp2)
  public static let expm1 = real("expm1", .expm1)
  public static let log = real("log", .log)
  public static let log2 = real("log2", .log2)
  public static let log10 = real("log10", .log10)
  public static let log1p = real("log1p", .log1p)
  public static let sin = real("sin", .sin)
  public static let cos = real("cos", .cos)
  public static let tan = real("tan", .tan)
  public static let asin = real("asin", .asin)
  public static let acos = real("acos", .acos)
  public static let atan = real("atan", .atan)
  public static let sinh = real("sinh", .sinh)
  public static let cosh = real("cosh", .cosh)
  public static let tanh = real("tanh", .tanh)
  public static let asinh = real("asinh", .asinh)
  public static let acosh = real("acosh", .acosh)
  public static let atanh = real("atanh", .atanh)
  public static let erf = real("erf", .erf)
  public static let erfc = real("erfc", .erfc)
  public static let erfinv = real("erfinv", .erfinv)
  public static let sigmoid = real("sigmoid", .sigmoid)
  public static let lgamma = real("lgamma", .lgamma)
  // At the limits themselves no gradient flows, as in PyTorch.
  public static let clamp = Pointwise(
    "clamp", roles: [.value], parameters: 2, derivative: { x, p, _, g in [select((x[0] .> p[0]) .& (x[0] .< p[1]), g, 0)] }
  ) { x, p in EmberRuntime.minimum(EmberRuntime.maximum(x[0], p[0]), p[1]) }
  public static let clampMin = Pointwise(
    "clamp", roles: [.value], parameters: 1, derivative: { x, p, _, g in [select(x[0] .> p[0], g, 0)] }
  ) { x, p in EmberRuntime.maximum(x[0], p[0]) }
  public static let clampMax = Pointwise(
    "clamp", roles: [.value], parameters: 1, derivative: { x, p, _, g in [select(x[0] .< p[0], g, 0)] }
  ) { x, p in EmberRuntime.minimum(x[0], p[0]) }

  // MARK: Activations
  public static let relu = Pointwise("relu", roles: [.value], derivative: { _, _, y, g in [select(y .> 0, g, 0)] }) { x, _ in
    EmberRuntime.maximum(x[0], 0)
  }
  public static let leakyReLU = Pointwise("leaky_relu", roles: [.value], parameters: 1) { x, p in select(x[0] .> 0, x[0], x[0] * p[0]) }
  /// x · Φ(x), Hendrycks and Gimpel, arXiv:1606.08415.
  public static let gelu = Pointwise("gelu") { x in .unary(.gelu, x) }
  public static let geluTanh = Pointwise("gelu") { x in
    0.5 * x * (1 + EmberRuntime.tanh(0.79788456080286535588 * (x + 0.044715 * (x * x * x))))
  }
  public static let silu = Pointwise("silu") { x in x * EmberRuntime.sigmoid(x) }
  /// log(1 + eᵝˣ) / β, linear where β·x exceeds the threshold.
  public static let softplus = Pointwise("softplus", roles: [.value], parameters: 2) { x, p in
    select(x[0] * p[0] .> p[1], x[0], EmberRuntime.log1p(EmberRuntime.exp(EmberRuntime.minimum(x[0] * p[0], p[1]))) / p[0])
  }
  public static let elu = Pointwise("elu", roles: [.value], parameters: 1) { x, p in
    select(x[0] .> 0, x[0], p[0] * EmberRuntime.expm1(EmberRuntime.minimum(x[0], 0)))
  }
  public static let logSigmoid = Pointwise("log_sigmoid") { x in EmberRuntime.minimum(x, 0) - EmberRuntime.log1p(EmberRuntime.exp(-abs(x)))
  }
}
