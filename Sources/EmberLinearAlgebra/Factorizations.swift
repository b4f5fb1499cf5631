import EmberRuntime
import EmberTensor

/// The lower L of A = L·Lᴴ, from the lower triangle of A, or with `upper` its adjoint, from the upper one; and info.
struct Cholesky: VariadicOperation {
  static let name = "linalg.cholesky"
  let upper: Bool
  let saved: SavedTensors = .output(0)
  var undifferentiableOutputs: Set<Int> { [1] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    try checkMatrices(Self.name, a, square: true)
    let factor = try columnMajorCopy(upper ? noGrad { a.mH } : a)
    let info = try zeroInfo(a)
    if let kernel = try kernels(for: a), a.elementCount > 0 { try kernel.cholesky(factor, info: info) }
    let lower = noGrad { factor.mT.lowerPart() }
    return [upper ? noGrad { lower.mH } : lower, info]
  }

  /// L⁻ᴴ·sym(tril(Lᴴ·G))·L⁻¹, where sym makes Hermitian by halving what is below the diagonal
  /// (Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527).
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let gradient = gradients[0] else { return [nil] }
    let l = upper ? context.output(0).mH : context.output(0)
    let g = upper ? gradient.mH : gradient
    let lower = l.mH.matmul(g)
    let symmetric = (lower.lowerPart() + lower.lowerPart(-1).mH) * 0.5
    let half = Linalg.solveTriangular(l.mH, symmetric, upper: true)
    return [Linalg.solveTriangular(l, half, upper: false, left: false)]
  }
}

/// R and reflectors of A = Q·R in one matrix, and the reflectors' factors: LAPACK's geqrf.
struct HouseholderQR: VariadicOperation {
  static let name = "geqrf"

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    try checkMatrices(Self.name, a)
    let factors = try columnMajorCopy(a)
    let tau = try zeros(batchShape(a).appending(min(a.shape[-1], a.shape[-2])), a.dtype, like: a)
    if let kernel = try kernels(for: a), a.elementCount > 0 { try kernel.qr(factors, tau: tau) }
    return [noGrad { factors.mT }, tau]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    raise(EmberError(.unsupported, in: Self.name, "the packed reflectors have no derivative; linalg.qr has"))
    return [nil]
  }
}

/// Q and R of A = Q·R.
struct QR: VariadicOperation {
  static let name = "linalg.qr"
  /// PyTorch's modes.
  enum Mode: String { case reduced, complete, r }
  let mode: Mode
  let saved: SavedTensors = [.output(0), .output(1)]

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    try checkMatrices(Self.name, a)
    let (m, n) = (a.shape[-2], a.shape[-1])
    let k = min(m, n)
    let rows = mode == .complete ? m : k
    let factors = try HouseholderQR().forward([a])
    let packed = factors[0]
    let tau = factors[1]
    let r = noGrad { packed.narrow(-2, start: 0, length: Swift.min(rows, m)).upperPart() }
    if mode == .r { return [noGrad { Tensor.empty([0], dtype: a.dtype, on: a.device) }, r] }
    // The reflectors, and room for the remaining columns.
    let batch = batchShape(a)
    let q = try zeros(batch.appending(rows).appending(m), a.dtype, like: a)
    if a.backend.holdsData, q.elementCount > 0 {
      let target = noGrad { q.narrow(-2, start: 0, length: k) }
      a.backend.copy(noGrad { packed.mT.narrow(-2, start: 0, length: k) }.operand, to: target.operand)
      if let kernel = try kernels(for: a) { try kernel.reflectors(q, tau: tau) }
    }
    return [noGrad { q.mT }, r]
  }

  /// Walter and Lehmann, Algorithmic differentiation of linear algebra functions, arXiv:1009.6112. A = [A₁ A₂] with square A₁
  /// is the factorization of A₁ and R₂ = Qᴴ·A₂.
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    if mode == .r {
      raise(EmberError(.unsupported, in: Self.name, "mode r has no derivative, because it has no Q; use mode reduced"))
      return [nil]
    }
    let q = context.output(0)
    let r = context.output(1)
    let (m, n) = (context.inputShape(0)[-2], context.inputShape(0)[-1])
    if mode == .complete, m > n {
      raise(
        EmberError(
          .unsupported, in: Self.name, "mode complete has no derivative for more rows than columns: its last columns of Q are arbitrary"))
      return [nil]
    }
    if q.elementCount == 0 || r.elementCount == 0 { return [Tensor.zeros(Array(context.inputShape(0)), dtype: q.dtype, on: q.device)] }
    var gq = gradients[0] ?? Tensor.zeros(like: q)
    let gr = gradients[1] ?? Tensor.zeros(like: r)
    let k = min(m, n)
    var last: Tensor?
    var (r1, gr1) = (r, gr)
    if n > m {
      let gr2 = gr.narrow(-1, start: k, length: n - k)
      gq = gq + q.matmul(r.narrow(-1, start: k, length: n - k)).matmul(gr2.mH)
      last = q.matmul(gr2)
      r1 = r.narrow(-1, start: 0, length: k)
      gr1 = gr.narrow(-1, start: 0, length: k)
    }
    let upper = (gr1.matmul(r1.mH) - q.mH.matmul(gq)).upperPart()
    // Hermitian from its upper triangle, the diagonal real.
    let strict = upper.upperPart(1)
    let diagonal = upper.matrixDiagonal.real.to(upper.dtype)
    let hermitian = strict + strict.mH + diagonal.asDiagonalMatrix
    let first = Linalg.solveTriangular(r1.mH, gq + q.matmul(hermitian), upper: false, left: false)
    return [last.map { cat([first, $0], dim: -1) } ?? first]
  }
}

private func notPositive(_ code: Int) -> String { "not positive definite: the leading minor of order \(code) is not positive" }

extension Linalg {
  /// L of A = L·Lᴴ (or, `upper`, its adjoint) for Hermitian positive definite A, of which one triangle is read. Fails otherwise.
  public static func cholesky(_ a: Tensor, upper: Bool = false) -> Tensor { choleskyEx(a, upper: upper, checkErrors: true).factor }

  /// As `cholesky`; `info` is not 0 where A is not positive definite, and fails only if `checkErrors`.
  public static func choleskyEx(_ a: Tensor, upper: Bool = false, checkErrors: Bool = false) -> (factor: Tensor, info: Tensor) {
    let all = compose("linalg.cholesky", count: 2, [a]) { () throws(EmberError) in
      try checkMatrices("linalg.cholesky", a, square: true)
      let all = apply(Cholesky(upper: upper), [a], count: 2)
      if checkErrors { try checkInfo("linalg.cholesky", all[1], notPositive) }
      return all
    }
    return (all[0], all[1])
  }

  /// Q and R of A = Q·R. `mode`: `reduced` (Q [m, k], R [k, n]), `complete` (Q [m, m], R [m, n]) or `r` (an empty Q).
  public static func qr(_ a: Tensor, mode: String = "reduced") -> (q: Tensor, r: Tensor) {
    let all = compose("linalg.qr", count: 2, [a]) { () throws(EmberError) in
      guard let known = QR.Mode(rawValue: mode) else {
        throw EmberError(.value, in: "linalg.qr", "mode is \"\(mode)\"; it must be reduced, complete or r")
      }
      return apply(QR(mode: known), [a], count: 2)
    }
    return (all[0], all[1])
  }

  /// The first n columns of the product of the reflectors I - τᵢ·vᵢ·vᵢᴴ, vᵢ below the diagonal of A [m, n].
  ///
  /// The product is I - V·T·Vᴴ with T = (diag(1/τ) + triu(VᴴV, 1))⁻¹ (Schreiber and Van Loan, 1989): two products, one triangular system.
  public static func householderProduct(_ a: Tensor, _ tau: Tensor) -> Tensor {
    compose("linalg.householder_product", [a, tau]) { () throws(EmberError) in
      try checkReflectors("linalg.householder_product", a, tau)
      let (m, n) = (a.shape[-2], a.shape[-1])
      guard m >= n else {
        throw EmberError(.shape, in: "linalg.householder_product", "\(a.summary) must have at least as many rows as columns")
      }
      let identity = Tensor.eye(m, n, dtype: a.dtype, on: a.device).expand(Array(a.shape))
      return reflected(identity, a, tau, adjoint: false)
    }
  }

  /// Q·C, or with `left` false C·Q, for the product Q of the reflectors in `a`; `transpose`: its adjoint.
  public static func ormqr(_ a: Tensor, _ tau: Tensor, _ c: Tensor, left: Bool = true, transpose: Bool = false) -> Tensor {
    compose("ormqr", [a, tau, c]) { () throws(EmberError) in
      try checkReflectors("ormqr", a, tau)
      try checkMatrices("ormqr", c)
      try checkSameDType("ormqr", a, c)
      guard batchShape(a) == batchShape(c), c.shape[left ? -2 : -1] == a.shape[-2] else {
        throw EmberError(.shape, in: "ormqr", "\(a.summary) and \(c.summary) do not fit \(left ? "Q·C" : "C·Q")")
      }
      // C·Q is (Qᴴ·Cᴴ)ᴴ.
      return left ? reflected(c, a, tau, adjoint: transpose) : reflected(c.mH, a, tau, adjoint: !transpose).mH
    }
  }

  private static func checkReflectors(_ name: String, _ a: Tensor, _ tau: Tensor) throws(EmberError) {
    try checkMatrices(name, a)
    try checkSameDType(name, a, tau)
    guard tau.rank == a.rank - 1, batchShape(a) == Shape(tau.shape.dropLast()), tau.shape[-1] <= min(a.shape[-1], a.shape[-2]) else {
      throw EmberError(.shape, in: name, "\(tau.summary) does not hold the factors of reflectors in \(a.summary)")
    }
  }

  /// (I - V·T·Vᴴ)·C or its adjoint. T = (I + D·S)⁻¹·D with D = diag(τ), S = triu(VᴴV, 1): no division, τ may be zero.
  private static func reflected(_ c: Tensor, _ a: Tensor, _ tau: Tensor, adjoint: Bool) -> Tensor {
    let k = tau.size(-1)
    let m = a.size(-2)
    if k == 0 || c.elementCount == 0 { return c }
    let v = a.narrow(-1, start: 0, length: k).lowerPart(-1) + Tensor.eye(m, k, dtype: a.dtype, on: a.device)
    let scaled = tau.unsqueeze(-1) * v.mH.matmul(v).upperPart(1)
    let projected = v.mH.matmul(c)
    let unit = scaled + scaled.identity(k)
    // Tᴴ = Dᴴ·(I + D·S)⁻ᴴ
    let middle =
      adjoint
      ? tau.conj().unsqueeze(-1) * solveTriangular(unit.mH, projected, upper: false, unitriangular: true)
      : solveTriangular(unit, tau.unsqueeze(-1) * projected, upper: true, unitriangular: true)
    return c - v.matmul(middle)
  }

  /// Bunch and Kaufman's A = L·D·Lᵀ (`hermitian`: L·D·Lᴴ) from the lower triangle, in LAPACK's packed form. No derivative.
  public static func ldlFactorEx(
    _ a: Tensor, hermitian: Bool = false, checkErrors: Bool = false
  ) -> (factors: Tensor, pivots: Tensor, info: Tensor) {
    let all = composeMemberwise("linalg.ldl_factor", count: 3, [a]) { inputs throws(EmberError) in
      let a = inputs[0]!
      try checkMatrices("linalg.ldl_factor", a, square: true)
      let factors = try columnMajorCopy(a)
      let info = try zeroInfo(a)
      let pivots = try Tensor.empty(shape: Shape(a.shape.dropLast()), dtype: .int32, like: a)
      if let kernel = try kernels(for: a), a.elementCount > 0 {
        try kernel.ldl(factors, pivots: pivots, hermitian: hermitian, info: info)
      }
      if checkErrors { try checkInfo("linalg.ldl_factor", info) { "D is singular: element \($0) of its diagonal is zero" } }
      return [noGrad { factors.mT.lowerPart() }, pivots, info]
    }
    return (all[0], all[1], all[2])
  }

  /// X of A·X = B from the factors of A that `ldlFactorEx` gave.
  public static func ldlSolve(_ factors: Tensor, _ pivots: Tensor, _ b: Tensor, hermitian: Bool = false) -> Tensor {
    composeMemberwise("linalg.ldl_solve", [factors, pivots, b]) { inputs throws(EmberError) in
      let (factors, pivots, b) = (inputs[0]!, inputs[1]!, inputs[2]!)
      try checkMatrices("linalg.ldl_solve", factors, square: true)
      try checkMatrices("linalg.ldl_solve", b)
      try checkSameDType("linalg.ldl_solve", factors, b)
      let n = factors.shape[-1]
      guard pivots.dtype.isInteger, pivots.shape == Shape(factors.shape.dropLast()) else {
        throw EmberError(.shape, in: "linalg.ldl_solve", "pivots \(pivots.summary) do not belong to factors \(factors.summary)")
      }
      guard b.shape[-2] == n, let batch = batchShape(factors).broadcast(with: batchShape(b)) else {
        throw EmberError(.shape, in: "linalg.ldl_solve", "\(factors.summary) and \(b.summary) do not fit")
      }
      let x = try columnMajorCopy(noGrad { b.value.expand(Array(batch) + [n, b.shape[-1]]) })
      if let kernel = try kernels(for: factors), x.elementCount > 0 {
        let ld = try columnMajorCopy(noGrad { factors.value.expand(Array(batch) + [n, n]) })
        let order = try noGrad { pivots.value.to(.int32).expand(Array(batch) + [n]) }.dense()
        try kernel.ldlSolve(ld, pivots: order, x, hermitian: hermitian)
      }
      return noGrad { x.mT }
    }
  }
}

extension Tensor {
  /// R and the reflectors of A = Q·R in one matrix, and the reflectors' factors τ. `Linalg.householderProduct` makes Q of them.
  public func geqrf() -> (a: Tensor, tau: Tensor) {
    let all = apply(HouseholderQR(), [self], count: 2)
    return (all[0], all[1])
  }
}

extension OperatorRegistry {
  mutating func addFactorizations() {
    add("aten::linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor") { (a: Tensor, upper: Bool) in
      Linalg.cholesky(a, upper: upper)
    }
    add("aten::cholesky(Tensor self, bool upper=False) -> Tensor") { (a: Tensor, upper: Bool) in Linalg.cholesky(a, upper: upper) }
    add("aten::linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)") {
      (a: Tensor, upper: Bool, check: Bool) in
      let (factor, info) = Linalg.choleskyEx(a, upper: upper, checkErrors: check)
      return (factor, info)
    }
    add("aten::linalg_qr(Tensor A, str mode='reduced') -> (Tensor Q, Tensor R)") { (a: Tensor, mode: String) in
      let (q, r) = Linalg.qr(a, mode: mode)
      return (q, r)
    }
    add("aten::qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)") { (a: Tensor, some: Bool) in
      let (q, r) = Linalg.qr(a, mode: some ? "reduced" : "complete")
      return (q, r)
    }
    add("aten::geqrf(Tensor self) -> (Tensor a, Tensor tau)") { (a: Tensor) in
      let (packed, tau) = a.geqrf()
      return (packed, tau)
    }
    add("aten::linalg_householder_product(Tensor input, Tensor tau) -> Tensor") { (a: Tensor, tau: Tensor) in
      Linalg.householderProduct(a, tau)
    }
    add("aten::orgqr(Tensor self, Tensor input2) -> Tensor") { (a: Tensor, tau: Tensor) in Linalg.householderProduct(a, tau) }
    add("aten::ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor") {
      (a: Tensor, tau: Tensor, c: Tensor, left: Bool, transpose: Bool) in Linalg.ormqr(a, tau, c, left: left, transpose: transpose)
    }
    add("aten::linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)") { (a: Tensor, hermitian: Bool) in
      let (factors, pivots, _) = Linalg.ldlFactorEx(a, hermitian: hermitian, checkErrors: true)
      return (factors, pivots)
    }
    add(
      "aten::linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor pivots, Tensor info)"
    ) { (a: Tensor, hermitian: Bool, check: Bool) in
      let (factors, pivots, info) = Linalg.ldlFactorEx(a, hermitian: hermitian, checkErrors: check)
      return (factors, pivots, info)
    }
    add("aten::linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor") {
      (factors: Tensor, pivots: Tensor, b: Tensor, hermitian: Bool) in Linalg.ldlSolve(factors, pivots, b, hermitian: hermitian)
    }
  }
}
