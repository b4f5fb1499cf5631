import EmberRuntime
import EmberTensor

/// exp(A) by Padé's approximation of order 13 with scaling and squaring (Higham, The scaling and squaring method for the
/// matrix exponential revisited, 2005).
struct MatrixExponential: UnaryOperation {
  static let name = "matrix_exp"
  let saved: SavedTensors = .input0

  private static let coefficients: [Double] = [
    64_764_752_532_480_000, 32_382_376_266_240_000, 7_771_770_303_897_600, 1_187_353_796_428_800, 129_060_195_264_000, 10_559_470_521_600,
    670_442_572_800, 33_522_128_640, 1_323_241_920, 40_840_800, 960_960, 16_380, 182, 1,
  ]
  /// Up to this 1-norm the approximation is exact to double precision.
  private static let largestNorm = 5.371920351148152

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard x.rank >= 2, x.shape[-1] == x.shape[-2] else {
      throw EmberError(.shape, in: Self.name, "\(x.summary): the matrices must be square")
    }
    guard x.dtype.category >= .floatingPoint, !x.dtype.isStorageOnly else {
      throw EmberError(.dtype, in: Self.name, "\(x.summary) is neither floating point nor complex; convert with .to(.float32)")
    }
    if x.elementCount == 0 || x.device.type == .meta { return try Tensor.empty(shape: x.shape, dtype: x.dtype, like: x) }
    return noGrad { Self.exponential(x.dtype.size == 2 ? x.to(.float32) : x).to(x.dtype) }
  }

  private static func exponential(_ x: Tensor) -> Tensor {
    let n = x.size(-1)
    // Each matrix is halved as often as its own norm asks for.
    let norms = Linalg.matrixNorm(x, .number(1))
    let halvings = (norms / largestNorm).log2().ceil().clamp(min: 0, max: 1000)
    let finite = halvings.maskedFill(halvings.isNaN, 0)
    let a = x * (-finite).exp2().unsqueeze(-1).unsqueeze(-1)
    let b = coefficients
    let identity = x.identity(n)
    let a2 = a.matmul(a)
    let a4 = a2.matmul(a2)
    let a6 = a4.matmul(a2)
    let oddTop = a6.matmul(a6 * b[13] + a4 * b[11] + a2 * b[9])
    let odd = a.matmul(oddTop + a6 * b[7] + a4 * b[5] + a2 * b[3] + identity * b[1])
    let evenTop = a6.matmul(a6 * b[12] + a4 * b[10] + a2 * b[8])
    let even = evenTop + a6 * b[6] + a4 * b[4] + a2 * b[2] + identity * b[0]
    var result = Linalg.solveEx(even - odd, even + odd).result
    let most = Int(finite.amax().item())
    for step in 0..<most {
      let squares = (finite .> Scalar.real(Double(step))).unsqueeze(-1).unsqueeze(-1)
      result = `where`(squares, result.matmul(result), result)
    }
    return result
  }

  /// The upper right block of exp [[Aᴴ, G], [0, Aᴴ]] (Mathias, 1996).
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let a = context.input(0).mH
    let n = a.size(-1)
    if n == 0 { return Tensor.zeros(like: a) }
    let zeros = Tensor.zeros(like: a)
    let block = cat([cat([a, gradient], dim: -1), cat([zeros, a], dim: -1)], dim: -2)
    return apply(MatrixExponential(), block).narrow(-2, start: 0, length: n).narrow(-1, start: n, length: n)
  }
}

/// The pseudoinverse from singular values above a tolerance; constant rank is assumed by the derivative.
///
/// Inputs: A, and an absolute and a relative tolerance for each matrix, or none.
struct PseudoInverse: VariadicOperation {
  static let name = "linalg.pinv"
  let hermitian: Bool
  let saved: SavedTensors = [.input0, .output]

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    // The tolerance comes from the very values that are held against it: those of another run differ in their last digits.
    func inverted(_ values: Tensor) -> Tensor {
      let isKept = values.abs() .> Linalg.tolerance(a, values, inputs[1], inputs[2]).unsqueeze(-1)
      return (1 / values.maskedFill(!isKept, 1)).maskedFill(!isKept, 0)
    }
    return noGrad {
      if hermitian {
        let (values, vectors) = Linalg.eigh(a)
        return [(vectors * inverted(values).unsqueeze(-2)).matmul(vectors.mH)]
      }
      let (u, s, vh) = Linalg.svd(a, fullMatrices: false)
      return [(vh.mH * inverted(s).unsqueeze(-2)).matmul(u.mH)]
    }
  }

  /// Golub and Pereyra, The differentiation of pseudo-inverses, 1973.
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    [gradients[0].map { pseudoInverseGradient(context.input(0), context.output(), $0) }, nil, nil]
  }
}

/// The gradient of A from that of its pseudoinverse P, with the smaller products first.
func pseudoInverseGradient(_ a: Tensor, _ p: Tensor, _ gradient: Tensor) -> Tensor {
  let g = gradient.mH
  let ph = p.mH
  if a.size(-2) <= a.size(-1) {
    let k = g.matmul(p)
    let kph = k.matmul(ph)
    return kph - p.matmul(k).mH - a.matmul(p).matmul(kph) + ph.matmul(p).matmul(g - k.matmul(a))
  }
  let k = p.matmul(g)
  let phk = ph.matmul(k)
  return phk - k.matmul(p).mH + (g - a.matmul(k)).matmul(p).matmul(ph) - phk.matmul(p).matmul(a)
}

/// The square root of Hermitian positive definite matrices, from the lower triangle.
private struct HermitianSquareRoot: VariadicOperation {
  static let name = "linalg.matrix_sqrth"
  let saved: SavedTensors = [.output(1), .output(2)]
  var undifferentiableOutputs: Set<Int> { [1, 2] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    noGrad {
      let (all, vectors) = Linalg.eigh(inputs[0]!)
      // Rounding may bring eigenvalues of semidefinite matrices below zero.
      let values = all.clamp(min: 0)
      return [(vectors * values.sqrt().unsqueeze(-2)).matmul(vectors.mH), values, vectors]
    }
  }

  /// dA = X·dX + dX·X, solved in the basis of the eigenvectors: also where eigenvalues coincide.
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil] }
    let roots = context.output(1).sqrt()
    let v = context.output(2)
    let inner = v.mH.matmul((g + g.mH) * 0.5).matmul(v)
    return [v.matmul(inner / (roots.unsqueeze(-1) + roots.unsqueeze(-2))).matmul(v.mH)]
  }
}

/// U and H of A = U·H: orthonormal columns, and Hermitian positive semidefinite.
private struct Polar: VariadicOperation {
  static let name = "linalg.polar"
  let saved: SavedTensors = [.output(0), .output(1)]

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    return noGrad {
      let (u, s, vh) = Linalg.svd(a, fullMatrices: false)
      return [u.matmul(vh), (vh.mH * s.unsqueeze(-2)).matmul(vh)]
    }
  }

  /// Ω = Uᴴ·dU is skew and solves Ω·H + H·Ω = Uᴴ·dA - dAᴴ·U; then dH = Uᴴ·dA - Ω·H and dU = U·Ω + (I - U·Uᴴ)·dA·H⁻¹.
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let u = context.output(0)
    let h = context.output(1)
    if u.elementCount == 0 { return [Tensor.zeros(like: u)] }
    let (values, v) = Linalg.eigh(h)
    var along = Tensor.zeros(like: h)
    var result: Tensor?
    if let gu = gradients[0] {
      let inside = u.mH.matmul(gu)
      along = along + inside
      if u.size(-2) > u.size(-1) {
        let scaled = (gu - u.matmul(inside)).matmul(v) / values.unsqueeze(-2)
        result = scaled.matmul(v.mH)
      }
    }
    if let gh = gradients[1] {
      along = along - gh.matmul(h)
      result = result.map { $0 + u.matmul(gh) } ?? u.matmul(gh)
    }
    let inner = v.mH.matmul(along - along.mH).matmul(v) / (values.unsqueeze(-1) + values.unsqueeze(-2))
    let turned = u.matmul(v.matmul(inner).matmul(v.mH))
    return [result.map { $0 + turned } ?? turned]
  }
}

extension Linalg {
  /// exp(A) of square matrices. 16-bit matrices are computed in float32.
  public static func matrixExp(_ a: Tensor) -> Tensor { apply(MatrixExponential(), a) }

  /// Aⁿ of square matrices by repeated squaring; of the inverse for negative n.
  public static func matrixPower(_ a: Tensor, _ n: Int) -> Tensor {
    compose("linalg.matrix_power", [a]) { () throws(EmberError) in
      guard a.rank >= 2, a.shape[-1] == a.shape[-2] else {
        throw EmberError(.shape, in: "linalg.matrix_power", "\(a.summary): the matrices must be square")
      }
      if n == 0 { return a.identity(a.shape[-1]).expand(Array(a.shape)).clone() }
      var square = n < 0 ? inv(a) : a
      var rest = n.magnitude
      var result: Tensor?
      while rest > 0 {
        if rest & 1 == 1 { result = result.map { $0.matmul(square) } ?? square }
        rest >>= 1
        if rest > 0 { square = square.matmul(square) }
      }
      return n == 1 ? a.clone() : result!
    }
  }

  /// The tolerance below which singular values count as zero, one for each matrix: max(atol, rtol · the largest one).
  fileprivate static func tolerance(_ a: Tensor, _ values: Tensor, _ atol: Tensor?, _ rtol: Tensor?) -> Tensor {
    noGrad {
      let real = a.dtype.realType
      let standard = (real == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)) * Double(Swift.max(a.size(-1), a.size(-2)))
      let absolute = atol?.to(real) ?? Tensor(.real(0), dtype: real, on: a.device)
      // An absolute tolerance alone replaces the standard relative one.
      let relative =
        rtol?.to(real) ?? Tensor.full(like: absolute, .real(standard)).maskedFill(absolute .> 0, 0)
      let largest = values.size(-1) == 0 ? Tensor.zeros(Array(batchShape(a)), dtype: real, on: a.device) : values.detach().abs().amax([-1])
      return maximum(absolute, relative * largest)
    }
  }

  private static func checkTolerances(_ name: String, _ tensors: Tensor?...) throws(EmberError) {
    for case let tensor? in tensors where tensor.dtype.isComplex {
      throw EmberError(.dtype, in: name, "a tolerance is \(tensor.summary); it must be real")
    }
  }

  /// The pseudoinverse of Moore and Penrose; singular values up to max(atol, rtol · the largest) count as zero. `rtol` is by default
  /// the dtype's precision times the larger extent, or 0 if there is an `atol`.
  public static func pinv(_ a: Tensor, atol: Tensor? = nil, rtol: Tensor? = nil, hermitian: Bool = false) -> Tensor {
    compose("linalg.pinv", [a, atol, rtol]) { () throws(EmberError) in
      try checkMatrices("linalg.pinv", a, square: hermitian)
      try checkTolerances("linalg.pinv", atol, rtol)
      if a.elementCount == 0 { return a.mT.clone() }
      return apply(PseudoInverse(hermitian: hermitian), [a, atol, rtol], count: 1)[0]
    }
  }

  public static func pinv(_ a: Tensor, atol: Double?, rtol: Double?, hermitian: Bool = false) -> Tensor {
    func number(_ value: Double?) -> Tensor? { value.map { Tensor(.real($0), dtype: .float64, on: a.device) } }
    return pinv(a, atol: number(atol), rtol: number(rtol), hermitian: hermitian)
  }

  /// The number of singular values above the tolerance of `pinv`.
  public static func matrixRank(_ a: Tensor, atol: Tensor? = nil, rtol: Tensor? = nil, hermitian: Bool = false) -> Tensor {
    compose("linalg.matrix_rank", [a, atol, rtol]) { () throws(EmberError) in
      try checkMatrices("linalg.matrix_rank", a, square: hermitian)
      try checkTolerances("linalg.matrix_rank", atol, rtol)
      if a.elementCount == 0 { return Tensor.zeros(Array(batchShape(a)), dtype: .int64, on: a.device) }
      return noGrad {
        let values = hermitian ? eigvalsh(a.detach()).abs() : svdvals(a.detach())
        return (values .> tolerance(a, values, atol, rtol).unsqueeze(-1)).sum(-1)
      }
    }
  }

  /// The powers 0 ... columns - 1 of every element, in a new last dimension.
  public static func vander(_ x: Tensor, columns: Int? = nil) -> Tensor {
    compose("linalg.vander", [x]) { () throws(EmberError) in
      guard x.dtype != .bool else { throw EmberError(.dtype, in: "linalg.vander", "\(x.summary) must be numbers") }
      let x = x.rank == 0 ? x.reshape([1]) : x
      let count = columns ?? x.shape[-1]
      guard count > 1 else { throw EmberError(.value, in: "linalg.vander", "\(count) columns; there must be at least two") }
      let powers = x.unsqueeze(-1).expand(Array(x.shape) + [count - 1]).cumprod(-1)
      return cat([Tensor.ones(Array(x.shape) + [1], dtype: x.dtype, on: x.device), powers], dim: -1)
    }
  }

  /// The Hermitian positive definite X with X·X = A, for such matrices A, of which the lower triangle is read.
  public static func matrixSqrth(_ a: Tensor) -> Tensor {
    compose("linalg.matrix_sqrth", [a]) { () throws(EmberError) in
      try checkMatrices("linalg.matrix_sqrth", a, square: true)
      return apply(HermitianSquareRoot(), [a], count: 3)[0]
    }
  }

  /// U with orthonormal columns and Hermitian positive semidefinite H with A = U·H; A has at least as many rows as columns.
  public static func polar(_ a: Tensor) -> (u: Tensor, h: Tensor) {
    let all = compose("linalg.polar", count: 2, [a]) { () throws(EmberError) in
      try checkMatrices("linalg.polar", a)
      guard a.shape[-2] >= a.shape[-1] else { throw EmberError(.shape, in: "linalg.polar", "\(a.summary) has fewer rows than columns") }
      return apply(Polar(), [a], count: 2)
    }
    return (all[0], all[1])
  }
}

extension OperatorRegistry {
  mutating func addMatrixFunctions() {
    for name in ["matrix_exp", "linalg_matrix_exp"] { add("aten::\(name)(Tensor self) -> Tensor") { (a: Tensor) in Linalg.matrixExp(a) } }
    for name in ["matrix_power", "linalg_matrix_power"] {
      add("aten::\(name)(Tensor self, int n) -> Tensor") { (a: Tensor, n: Int) in Linalg.matrixPower(a, n) }
    }
    add("aten::linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor") {
      (a: Tensor, atol: Tensor?, rtol: Tensor?, hermitian: Bool) in Linalg.pinv(a, atol: atol, rtol: rtol, hermitian: hermitian)
    }
    add("aten::linalg_pinv.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor") {
      (a: Tensor, atol: Double?, rtol: Double?, hermitian: Bool) in Linalg.pinv(a, atol: atol, rtol: rtol, hermitian: hermitian)
    }
    add("aten::linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor") { (a: Tensor, rcond: Double, hermitian: Bool) in
      Linalg.pinv(a, atol: 0, rtol: rcond, hermitian: hermitian)
    }
    add("aten::pinverse(Tensor self, float rcond=1e-15) -> Tensor") { (a: Tensor, rcond: Double) in Linalg.pinv(a, atol: 0, rtol: rcond) }
    add(
      "aten::linalg_matrix_rank.atol_rtol_tensor(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor"
    ) { (a: Tensor, atol: Tensor?, rtol: Tensor?, hermitian: Bool) in
      Linalg.matrixRank(a, atol: atol, rtol: rtol, hermitian: hermitian)
    }
    add(
      "aten::linalg_matrix_rank.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor"
    ) { (a: Tensor, atol: Double?, rtol: Double?, hermitian: Bool) in
      func number(_ value: Double?) -> Tensor? { value.map { Tensor(.real($0), dtype: .float64, on: a.device) } }
      return Linalg.matrixRank(a, atol: number(atol), rtol: number(rtol), hermitian: hermitian)
    }
    add("aten::linalg_vander(Tensor x, *, int? N=None) -> Tensor") { (x: Tensor, columns: Int?) in Linalg.vander(x, columns: columns) }
    add("aten::linalg_matrix_sqrth(Tensor self) -> Tensor") { (a: Tensor) in Linalg.matrixSqrth(a) }
    add("aten::linalg_polar(Tensor A) -> (Tensor U, Tensor H)") { (a: Tensor) in
      let (u, h) = Linalg.polar(a)
      return (u, h)
    }
  }
}
