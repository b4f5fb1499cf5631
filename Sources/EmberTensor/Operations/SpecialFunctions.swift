import EmberRuntime

/// Special functions. Definitions as in the NIST Digital Library of Mathematical Functions; derivatives in `SpecialGradients.swift`.
extension Pointwise {
  private static func real(_ name: String, _ opcode: Opcode) -> Pointwise {
    Pointwise(name, promotion: .floatingPoint) { x in .unary(opcode, x) }
  }
  private static func pair(_ name: String, _ opcode: Opcode) -> Pointwise {
    Pointwise(name, promotion: .floatingPoint) { a, b in .binary(opcode, a, b) }
  }

  // MARK: Bessel and Airy functions
  public static let besselJ0 = real("bessel_j0", .besselJ0)
  public static let besselJ1 = real("bessel_j1", .besselJ1)
  public static let besselY0 = real("bessel_y0", .besselY0)
  public static let besselY1 = real("bessel_y1", .besselY1)
  public static let modifiedBesselI0 = real("modified_bessel_i0", .modifiedBesselI0)
  public static let modifiedBesselI1 = real("modified_bessel_i1", .modifiedBesselI1)
  public static let scaledBesselI0 = real("i0e", .scaledBesselI0)
  public static let scaledBesselI1 = real("i1e", .scaledBesselI1)
  public static let modifiedBesselK0 = real("modified_bessel_k0", .modifiedBesselK0)
  public static let modifiedBesselK1 = real("modified_bessel_k1", .modifiedBesselK1)
  public static let scaledBesselK0 = real("scaled_modified_bessel_k0", .scaledBesselK0)
  public static let scaledBesselK1 = real("scaled_modified_bessel_k1", .scaledBesselK1)
  public static let airyAi = real("airy_ai", .airyAi)
  /// sin x / x, 1 at 0 and 0 at infinity.
  public static let sphericalBesselJ0 = Pointwise(
    "spherical_bessel_j0", roles: [.value], promotion: .floatingPoint,
    derivative: { x, _, y, g in [select((x[0] .== 0) .| .unary(.isInfinite, x[0]), 0, g * ((.unary(.cos, x[0]) - y) / x[0]))] }
  ) { x, _ in select(x[0] .== 0, 1, select(.unary(.isInfinite, x[0]), 0, .unary(.sin, x[0]) / x[0])) }

  // MARK: Error function, normal distribution, entropy
  public static let erfcx = real("erfcx", .erfcx)
  public static let ndtri = real("ndtri", .ndtri)
  /// Φ(x), from the side that keeps its relative accuracy.
  public static let ndtr = Pointwise("ndtr", promotion: .floatingPoint) { x in 0.5 * .unary(.erfc, x * -0.70710678118654752440) }
  /// log Φ(x); by way of erfcx where Φ underflows.
  public static let logNdtr = Pointwise(
    "log_ndtr", roles: [.value], promotion: .floatingPoint,
    derivative: { x, _, _, g in [g * (0.79788456080286535588 / .unary(.erfcx, x[0] * -0.70710678118654752440))] }
  ) { x, _ in
    let scaled = x[0] * -0.70710678118654752440
    let tail = .unary(.log, 0.5 * .unary(.erfcx, scaled)) - .unary(.square, scaled)
    return select(x[0] .< -1, tail, .unary(.log1p, -0.5 * .unary(.erfc, -scaled)))
  }
  /// -x log x; 0 at 0 and -∞ below.
  public static let entropy = Pointwise(
    "entr", roles: [.value], promotion: .floatingPoint, derivative: { x, _, _, g in [-g * (1 + .unary(.log, x[0]))] }
  ) { x, _ in select(x[0] .> 0, -x[0] * .unary(.log, x[0]), select(x[0] .== 0, 0, select(.unary(.isNaN, x[0]), x[0], .negativeInfinity))) }

  // MARK: Zeta and incomplete gamma functions
  public static let zeta = pair("zeta", .zeta)
  public static let igamma = pair("igamma", .igamma)
  public static let igammac = pair("igammac", .igammac)

  // MARK: Orthogonal polynomials, of x and the degree
  public static let chebyshevT = pair("chebyshev_polynomial_t", .chebyshevT)
  public static let chebyshevU = pair("chebyshev_polynomial_u", .chebyshevU)
  public static let chebyshevV = pair("chebyshev_polynomial_v", .chebyshevV)
  public static let chebyshevW = pair("chebyshev_polynomial_w", .chebyshevW)
  public static let shiftedChebyshevT = pair("shifted_chebyshev_polynomial_t", .shiftedChebyshevT)
  public static let shiftedChebyshevU = pair("shifted_chebyshev_polynomial_u", .shiftedChebyshevU)
  public static let shiftedChebyshevV = pair("shifted_chebyshev_polynomial_v", .shiftedChebyshevV)
  public static let shiftedChebyshevW = pair("shifted_chebyshev_polynomial_w", .shiftedChebyshevW)
  public static let hermiteH = pair("hermite_polynomial_h", .hermiteH)
  public static let hermiteHe = pair("hermite_polynomial_he", .hermiteHe)
  public static let laguerreL = pair("laguerre_polynomial_l", .laguerreL)
  public static let legendreP = pair("legendre_polynomial_p", .legendreP)
}

extension Tensor {
  /// Bessel functions of the first kind.
  public func besselJ0() -> Tensor { Pointwise.besselJ0(self) }
  public func besselJ1() -> Tensor { Pointwise.besselJ1(self) }
  /// Bessel functions of the second kind: -∞ at 0, NaN below.
  public func besselY0() -> Tensor { Pointwise.besselY0(self) }
  public func besselY1() -> Tensor { Pointwise.besselY1(self) }
  /// Modified Bessel functions of the first kind, and the same times e^-|x|.
  public func i0() -> Tensor { Pointwise.modifiedBesselI0(self) }
  public func i0e() -> Tensor { Pointwise.scaledBesselI0(self) }
  public func i1() -> Tensor { Pointwise.modifiedBesselI1(self) }
  public func i1e() -> Tensor { Pointwise.scaledBesselI1(self) }
  /// Modified Bessel functions of the second kind, and the same times e^x: ∞ at 0, NaN below.
  public func modifiedBesselK0() -> Tensor { Pointwise.modifiedBesselK0(self) }
  public func modifiedBesselK1() -> Tensor { Pointwise.modifiedBesselK1(self) }
  public func scaledModifiedBesselK0() -> Tensor { Pointwise.scaledBesselK0(self) }
  public func scaledModifiedBesselK1() -> Tensor { Pointwise.scaledBesselK1(self) }
  /// Airy's function of the first kind.
  public func airyAi() -> Tensor { Pointwise.airyAi(self) }
  public func sphericalBesselJ0() -> Tensor { Pointwise.sphericalBesselJ0(self) }
  /// e^(x²) erfc(x)
  public func erfcx() -> Tensor { Pointwise.erfcx(self) }
  /// The standard normal distribution, its logarithm, and its quantiles.
  public func ndtr() -> Tensor { Pointwise.ndtr(self) }
  public func logNdtr() -> Tensor { Pointwise.logNdtr(self) }
  public func ndtri() -> Tensor { Pointwise.ndtri(self) }
  /// -x log x
  public func entr() -> Tensor { Pointwise.entropy(self) }
}

/// x · log(1 + y), and 0 where x is 0.
public func xlog1py(_ x: Tensor, _ y: Tensor) -> Tensor { accepting(.real, in: "xlog1py", x, y) { Pointwise.xlog1py(x, y) } }
/// Hurwitz' zeta function, the sum of (q + k)^-x over k ≥ 0. Differentiable with respect to q only.
public func zeta(_ x: Tensor, _ q: Tensor) -> Tensor { Pointwise.zeta(x, q) }
/// The regularized lower incomplete gamma function P(a, x). Differentiable with respect to x only.
public func igamma(_ a: Tensor, _ x: Tensor) -> Tensor { accepting(.floatingPoint, in: "igamma", a, x) { Pointwise.igamma(a, x) } }
/// The regularized upper incomplete gamma function Q(a, x) = 1 - P(a, x). Differentiable with respect to x only.
public func igammac(_ a: Tensor, _ x: Tensor) -> Tensor { accepting(.floatingPoint, in: "igammac", a, x) { Pointwise.igammac(a, x) } }

extension OperatorRegistry {
  mutating func addSpecialFunctions() {
    addUnary([
      "i0": .modifiedBesselI0, "special_bessel_j0": .besselJ0, "special_bessel_j1": .besselJ1, "special_bessel_y0": .besselY0,
      "special_bessel_y1": .besselY1, "special_i0e": .scaledBesselI0, "special_i1": .modifiedBesselI1, "special_i1e": .scaledBesselI1,
      "special_modified_bessel_i0": .modifiedBesselI0, "special_modified_bessel_i1": .modifiedBesselI1,
      "special_modified_bessel_k0": .modifiedBesselK0, "special_modified_bessel_k1": .modifiedBesselK1, "special_erfcx": .erfcx,
      "special_ndtr": .ndtr, "special_log_ndtr": .logNdtr, "special_ndtri": .ndtri, "special_entr": .entropy,
    ])
    // ATen calls the argument of these x.
    let ofX: KeyValuePairs<String, Pointwise> = [
      "scaled_modified_bessel_k0": .scaledBesselK0, "scaled_modified_bessel_k1": .scaledBesselK1, "airy_ai": .airyAi,
      "spherical_bessel_j0": .sphericalBesselJ0,
    ]
    for (name, function) in ofX {
      add("aten::special_\(name)(Tensor x) -> Tensor") { (x: Tensor) in function(x) }
    }
    add("aten::special_polygamma(int n, Tensor self) -> Tensor") { (n: Int, x: Tensor) in x.polygamma(n) }
    addBinary(["igamma": { igamma($0, $1) }, "igammac": { igammac($0, $1) }])
    let withNumbers: KeyValuePairs<String, BinaryFunction> = ["xlog1py": { xlog1py($0, $1) }, "zeta": { zeta($0, $1) }]
    for (name, function) in withNumbers {
      add("aten::special_\(name)(Tensor self, Tensor other) -> Tensor") { (x: Tensor, y: Tensor) in function(x, y) }
      add("aten::special_\(name).self_scalar(Scalar self, Tensor other) -> Tensor") { (x: Scalar, y: Tensor) in function(y.meeting(x), y) }
      add("aten::special_\(name).other_scalar(Tensor self, Scalar other) -> Tensor") { (x: Tensor, y: Scalar) in function(x, x.meeting(y)) }
    }
    let polynomials: [Pointwise] = [
      .chebyshevT, .chebyshevU, .chebyshevV, .chebyshevW, .shiftedChebyshevT, .shiftedChebyshevU, .shiftedChebyshevV, .shiftedChebyshevW,
      .hermiteH, .hermiteHe, .laguerreL, .legendreP,
    ]
    for polynomial in polynomials {
      let name = polynomial.name
      add("aten::special_\(name)(Tensor x, Tensor n) -> Tensor") { (x: Tensor, n: Tensor) in polynomial(x, n) }
      add("aten::special_\(name).x_scalar(Scalar x, Tensor n) -> Tensor") { (x: Scalar, n: Tensor) in polynomial(n.meeting(x), n) }
      add("aten::special_\(name).n_scalar(Tensor x, Scalar n) -> Tensor") { (x: Tensor, n: Scalar) in polynomial(x, x.meeting(n)) }
    }
  }
}
