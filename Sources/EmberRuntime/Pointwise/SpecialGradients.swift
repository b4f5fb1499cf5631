/// Derivatives of the special functions. NIST Digital Library of Mathematical Functions, §5, §7, §8, §10, §18 and §25.
extension GradientRules {
  /// What each operand of a special function receives. NaN where no formula in terms of opcodes is known: it is loud where a
  /// missing gradient would be silently wrong.
  static func special(_ opcode: Opcode, _ g: Expression, _ operands: [Expression], result y: Expression) -> [Expression?] {
    if operands.count == 2 { return specialBinary(opcode, g, operands[0], operands[1]) }
    let x = operands[0]
    func f(_ opcode: Opcode) -> Expression { .apply(opcode, x) }
    switch opcode {
    case .mantissa: return [g * .apply(.exp2, -f(.exponent))]
    case .exponent: return [g * 0]
    case .besselJ0: return [-g * f(.besselJ1)]
    case .besselJ1: return [select(x .== 0, g * 0.5, g * (f(.besselJ0) - y / x))]
    case .besselY0: return [-g * f(.besselY1)]
    case .besselY1: return [g * (f(.besselY0) - y / x)]
    case .modifiedBesselI0: return [g * f(.modifiedBesselI1)]
    case .scaledBesselI0: return [g * (f(.scaledBesselI1) - sign(x) * y)]
    case .modifiedBesselI1: return [select(x .== 0, g * 0.5, g * (f(.modifiedBesselI0) - y / x))]
    case .scaledBesselI1: return [select(x .== 0, g * 0.5, g * (f(.scaledBesselI0) - y * (sign(x) + .apply(.reciprocal, x))))]
    case .modifiedBesselK0: return [-g * f(.modifiedBesselK1)]
    case .scaledBesselK0: return [g * (y - f(.scaledBesselK1))]
    case .modifiedBesselK1: return [-g * (f(.modifiedBesselK0) + y / x)]
    case .scaledBesselK1: return [g * (y - f(.scaledBesselK0) - y / x)]
    case .erfcx: return [g * (2 * (x * y) - 1.12837916709551257390)]
    case .ndtri: return [g * (2.50662827463100050242 * exp(0.5 * .apply(.square, y)))]
    default: return [g * Expression(.real(.nan))]
    }
  }

  private static func specialBinary(_ opcode: Opcode, _ g: Expression, _ a: Expression, _ b: Expression) -> [Expression?] {
    let unknown = g * Expression(.real(.nan))
    switch opcode {
    case .zeta: return [unknown, -g * (a * .apply(.zeta, a + 1, b))]
    case .igamma: return [unknown, g * gammaDensity(a, b)]
    case .igammac: return [unknown, -g * gammaDensity(a, b)]
    // The polynomials have no derivative with respect to their degree.
    case .chebyshevT: return [g * (b * .apply(.chebyshevU, a, b - 1)), nil]
    case .shiftedChebyshevT: return [g * (2 * (b * .apply(.shiftedChebyshevU, a, b - 1))), nil]
    case .hermiteH: return [g * (2 * (b * .apply(.hermiteH, a, b - 1))), nil]
    case .hermiteHe: return [g * (b * .apply(.hermiteHe, a, b - 1)), nil]
    case .chebyshevU: return [g * slopeOfU(a, b), nil]
    // Vₙ = Uₙ - Uₙ₋₁ and Wₙ = Uₙ + Uₙ₋₁.
    case .chebyshevV: return [g * (slopeOfU(a, b) - slopeOfU(a, b - 1)), nil]
    case .chebyshevW: return [g * (slopeOfU(a, b) + slopeOfU(a, b - 1)), nil]
    case .shiftedChebyshevU: return [g * (2 * slopeOfU(2 * a - 1, b)), nil]
    case .shiftedChebyshevV: return [g * (2 * (slopeOfU(2 * a - 1, b) - slopeOfU(2 * a - 1, b - 1))), nil]
    case .shiftedChebyshevW: return [g * (2 * (slopeOfU(2 * a - 1, b) + slopeOfU(2 * a - 1, b - 1))), nil]
    case .laguerreL:
      let slope = b * (.apply(.laguerreL, a, b) - .apply(.laguerreL, a, b - 1)) / a
      return [g * select(b .<= 0, 0, select(a .== 0, -b, slope)), nil]
    case .legendreP:
      let slope = b * (a * .apply(.legendreP, a, b) - .apply(.legendreP, a, b - 1)) / (.apply(.square, a) - 1)
      let atEnds = .apply(.chebyshevT, a, b + 1) * (b * (b + 1) * 0.5)
      return [g * select(b .<= 0, 0, select(.apply(.square, a) .== 1, atEnds, slope)), nil]
    default: return [unknown, nil]
    }
  }

  /// The derivative of Uₙ(x): ((n + 1) Tₙ₊₁ - x Uₙ) / (x² - 1), and its limit at 1 and -1, where Tₙ₊₁ is the sign.
  private static func slopeOfU(_ x: Expression, _ n: Expression) -> Expression {
    let next: Expression = .apply(.chebyshevT, x, n + 1), square: Expression = .apply(.square, x)
    let slope = ((n + 1) * next - x * .apply(.chebyshevU, x, n)) / (square - 1)
    return select(n .<= 0, 0, select(square .== 1, next * (n * (n + 1) * (n + 2) / 3), slope))
  }

  /// x^(a-1) e^-x / Γ(a), the derivative of P(a, x).
  private static func gammaDensity(_ a: Expression, _ x: Expression) -> Expression {
    exp((a - 1) * log(x) - x - .apply(.lgamma, a))
  }
}
