/// Derivatives of expressions: one reverse pass yields the gradients of all inputs.
extension ExpressionGraph {
  /// Adds the expressions of the gradients of `inputs` for the upstream gradient `upstream` of `root`.
  /// Nil stands for no dependence. Nothing is folded that could change a value (0 · x is not 0 at infinity).
  func gradients(of root: Int, with upstream: Expression, inputs: [Int]) -> [Expression?] {
    var gradients: [Int: Expression] = [root: upstream]
    // Operands have lower numbers than what uses them, so descending order is a reverse topological one.
    var number = root
    while number >= 0 {
      defer { number -= 1 }
      guard let gradient = gradients[number], case .apply(let opcode, let operands) = nodes[number] else { continue }
      let contributions = GradientRules.gradients(
        opcode, gradient, operands.map { Expression($0, in: self) }, result: Expression(number, in: self))
      for (operand, contribution) in zip(operands, contributions) {
        guard let contribution, isDifferentiable(operand) else { continue }
        gradients[operand] = gradients[operand].map { $0 + contribution } ?? contribution
      }
    }
    return inputs.map { gradients[$0] }
  }

  /// Literals, parameters and truth values take no gradient.
  private func isDifferentiable(_ number: Int) -> Bool {
    switch nodes[number] {
    case .input: true
    case .parameter, .constant: false
    case .apply(let opcode, _): !opcode.yieldsBool
    }
  }
}

/// The derivative of every scalar function, in one table.
enum GradientRules {
  /// What each operand receives from the gradient `g` of the result `y`.
  ///
  /// With complex operands the gradient is conjugate (PyTorch's convention): a function's derivative enters conjugated.
  /// `conj` costs nothing for real types: the compiler of programs drops it there.
  static func gradients(_ opcode: Opcode, _ g: Expression, _ operands: [Expression], result y: Expression) -> [Expression?] {
    let x = operands[0]
    func conj(_ e: Expression) -> Expression { .apply(.conjugate, e) }
    switch opcode {
    case .copy, .cast: return [g]
    case .negate: return [-g]
    // What is real inside a complex expression takes the real part of its gradient.
    case .absolute: return [.apply(.real, g) * sign(x)]
    case .square: return [g * conj(2 * x)]
    case .reciprocal: return [-g * conj(y * y)]
    case .sqrt: return [g / conj(2 * y)]
    case .rsqrt: return [-0.5 * g * conj(.apply(.multiply, .apply(.square, y), y))]
    case .exp: return [g * conj(y)]
    case .exp2: return [g * conj(y * 0.693147180559945309417)]
    case .expm1: return [g * conj(y + 1)]
    case .log: return [g / conj(x)]
    case .log2: return [g / conj(x * 0.693147180559945309417)]
    case .log10: return [g / conj(x * 2.302585092994045684018)]
    case .log1p: return [g / conj(x + 1)]
    case .sin: return [g * conj(cos(x))]
    case .cos: return [g * conj(-sin(x))]
    case .tan: return [g * conj(1 + .apply(.square, y))]
    case .asin: return [g * conj(.apply(.rsqrt, 1 - .apply(.square, x)))]
    case .acos: return [-g * conj(.apply(.rsqrt, 1 - .apply(.square, x)))]
    case .atan: return [g / conj(.apply(.square, x) + 1)]
    case .sinh: return [g * conj(.apply(.cosh, x))]
    case .cosh: return [g * conj(.apply(.sinh, x))]
    case .tanh: return [g * conj(1 - .apply(.square, y))]
    case .asinh: return [g * conj(.apply(.rsqrt, .apply(.square, x) + 1))]
    // Two roots, not the root of a product: right in the complex plane too.
    case .acosh: return [g * conj(.apply(.rsqrt, x - 1) * .apply(.rsqrt, x + 1))]
    case .atanh: return [g / conj(1 - .apply(.square, x))]
    case .erf: return [g * (1.12837916709551257390 * exp(-.apply(.square, x)))]
    case .erfc: return [g * (-1.12837916709551257390 * exp(-.apply(.square, x)))]
    case .erfinv: return [g * (0.886226925452758013649 * exp(.apply(.square, y)))]
    case .sigmoid: return [g * conj((1 - y) * y)]
    case .gelu: return [.apply(.geluGradient, x, g)]
    case .lgamma: return [g * .apply(.digamma, x)]
    case .digamma: return [g * .apply(.polygamma, 1, x)]
    // Piecewise constant: the gradient is 0, not absent, so that a graph through them still has one.
    case .sign, .floor, .ceil, .round, .trunc: return [zero(like: g)]
    case .conjugate: return [conj(g)]
    case .real: return [.apply(.makeComplex, .apply(.real, g), zero(like: .apply(.real, g)))]
    case .imaginary: return [.apply(.makeComplex, zero(like: .apply(.real, g)), .apply(.real, g))]
    // i z / |z|²; for real operands the literal has no imaginary part and the gradient is 0.
    case .angle: return [select(x .== 0, 0, .apply(.real, g) * (x / .apply(.square, abs(x))) * Expression(.complex(0, 1)))]
    case .isNaN, .isInfinite, .isFinite, .logicalNot, .bitwiseNot: return [nil]
    case .select:
      return [nil, select(x, g, 0), select(x, 0, g)]
    case .fma: return [g * conj(operands[1]), g * conj(operands[0]), g]
    default:
      return opcode.isSpecial ? special(opcode, g, operands, result: y) : binaryGradients(opcode, g, x, operands[1], result: y)
    }
  }

  private static func binaryGradients(_ opcode: Opcode, _ g: Expression, _ a: Expression, _ b: Expression, result y: Expression)
    -> [Expression?]
  {
    func conj(_ e: Expression) -> Expression { .apply(.conjugate, e) }
    switch opcode {
    case .add: return [g, g]
    case .subtract: return [g, -g]
    case .multiply: return [g * conj(b), g * conj(a)]
    case .divide: return [g / conj(b), -g * conj(y / b)]
    case .floorDivide: return [zero(like: g), zero(like: g)]
    case .remainder: return [g, -g * .apply(.floorDivide, a, b)]
    case .fmod: return [g, -g * .apply(.trunc, a / b)]
    case .power:
      // x⁰ is constant, and 0 to a positive power does not depend on the exponent there.
      let base = select(b .== 0, 0, g * conj(b * pow(a, b - 1)))
      let exponent = select((a .== 0) .& (.apply(.real, b) .>= 0), 0, g * conj(y * log(a)))
      return [base, exponent]
    case .atan2:
      let square: Expression = .apply(.square, a) + .apply(.square, b)
      let scale = select(square .== 0, 0, g / square)
      return [scale * b, scale * -a]
    // Equal operands share the gradient evenly; where one is NaN, so is the result, and both receive it.
    case .maximum: return [share(g, unless: a .< b, a .== b), share(g, unless: b .< a, a .== b)]
    case .minimum: return [share(g, unless: a .> b, a .== b), share(g, unless: b .> a, a .== b)]
    // Here a NaN yields to the other operand; of two, the first one counts.
    case .fmax:
      let first = (a .>= b) .| .apply(.isNaN, b)
      return [select(a .== b, g * 0.5, select(first, g, 0)), select(a .== b, g * 0.5, select(first, 0, g))]
    case .fmin:
      let first = (a .<= b) .| .apply(.isNaN, b)
      return [select(a .== b, g * 0.5, select(first, g, 0)), select(a .== b, g * 0.5, select(first, 0, g))]
    case .nextafter: return [select(a .== b, 0, g), nil]
    case .copysign: return [select(a .== 0, 0, g * (y / a)), nil]
    case .hypot: return [g * (a / y), g * (b / y)]
    case .polygamma: return [nil, g * .apply(.polygamma, a + 1, b)]
    case .geluGradient:
      // φ(x) (2 - x²), φ the normal density.
      let square: Expression = .apply(.square, a)
      return [g * b * (0.39894228040143267794 * exp(-0.5 * square) * (2 - square)), .apply(.geluGradient, a, g)]
    case .makeComplex: return [.apply(.real, g), .apply(.imaginary, g)]
    default: return [nil, nil]
    }
  }

  private static func share(_ g: Expression, unless loses: Expression, _ ties: Expression) -> Expression {
    select(ties, g * 0.5, select(loses, 0, g))
  }
}

/// 0 wherever `g` is, NaN or not.
private func zero(like g: Expression) -> Expression { select(g .== g, 0, 0) }
