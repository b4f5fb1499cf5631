import EmberRuntime
import EmberTensor

/// Eigenvalues, ascending, and eigenvectors of Hermitian matrices; and info.
struct Eigh: VariadicOperation {
  static let name = "linalg.eigh"
  let upper: Bool
  let vectors: Bool
  let saved: SavedTensors = [.output(0), .output(1)]
  var undifferentiableOutputs: Set<Int> { [2] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    try checkMatrices(Self.name, a, square: true)
    // The kernel reads the lower triangle; the upper one is the lower one of the adjoint.
    let work = try columnMajorCopy(upper ? noGrad { a.mH } : a)
    let values = try Tensor.empty(shape: Shape(a.shape.dropLast()), dtype: a.dtype.realType, like: a)
    let info = try zeroInfo(a)
    if let kernel = try kernels(for: a), a.elementCount > 0 { try kernel.eigh(work, values: values, vectors: vectors, info: info) }
    let nothing = noGrad { Tensor.empty([0], dtype: a.dtype, on: a.device) }
    return [values, vectors ? noGrad { work.mT } : nothing, info]
  }

  /// V·(diag(gL) + skew(Vᴴ·gV) / (Lⱼ - Lᵢ))·Vᴴ (Giles, An extended collection of matrix derivative results, 2008).
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let l = context.output(0)
    let v = context.output(1)
    guard let gv = gradients[1] else {
      guard let gl = gradients[0] else { return [nil] }
      return [(v * gl.unsqueeze(-2)).matmul(v.mH)]
    }
    let inner = v.mH.matmul(gv)
    guard isPhaseFree(Self.name, inner.matrixDiagonal) else { return [.poison] }
    // Vᴴ·dV is skew: what else there is of the gradient has no effect.
    var middle = offDiagonalQuotient((inner - inner.mH) * 0.5, l.unsqueeze(-2) - l.unsqueeze(-1))
    if let gl = gradients[0] { middle = middle + gl.to(middle.dtype).asDiagonalMatrix }
    return [v.matmul(middle).matmul(v.mH)]
  }
}

/// x / differences, with zeros on the diagonal.
private func offDiagonalQuotient(_ x: Tensor, _ differences: Tensor) -> Tensor {
  let diagonal = Tensor.eye(x.size(-1), dtype: .bool, on: x.device)
  return (x / differences.maskedFill(diagonal, 1)).maskedFill(diagonal, 0)
}

private func isPhaseFree(_ name: String, _ diagonal: Tensor) -> Bool {
  guard diagonal.dtype.isComplex, diagonal.device.type != .meta, diagonal.elementCount > 0 else { return true }
  let (phase, scale) = noGrad {
    let whole = diagonal.wholePhysical
    return (whole.imag.abs().amax().item(), whole.abs().amax().item())
  }
  if phase <= 1e-2 + 1e-2 * scale || phase.isNaN { return true }
  raise(EmberError(.value, in: name, "the function of the vectors depends on their phase, which is arbitrary; it has no gradient"))
  return false
}

/// Complex eigenvalues and eigenvectors of general matrices, the vectors of norm 1; and info.
struct Eig: VariadicOperation {
  static let name = "linalg.eig"
  let vectors: Bool
  let saved: SavedTensors = [.output(0), .output(1)]
  var undifferentiableOutputs: Set<Int> { [2] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    try checkMatrices(Self.name, a, square: true)
    if a.backend.holdsData, a.elementCount > 0, !noGrad({ a.isFinite.all().item(as: Bool.self) }) {
      throw EmberError(.value, in: Self.name, "the matrix contains infinities or NaN")
    }
    let work = try columnMajorCopy(a)
    let values = try Tensor.empty(shape: Shape(a.shape.dropLast()), dtype: a.dtype.complexType, like: a)
    let info = try zeroInfo(a)
    let found = vectors ? try Tensor.empty(shape: a.shape, dtype: a.dtype.complexType, like: a) : nil
    if let kernel = try kernels(for: a), a.elementCount > 0 { try kernel.eig(work, values: values, vectors: found, info: info) }
    return [values, found.map { x in noGrad { x.mT } } ?? noGrad { Tensor.empty([0], dtype: a.dtype.complexType, on: a.device) }, info]
  }

  /// V⁻ᴴ·(diag(gL) + (Vᴴ·gV - Vᴴ·V·diag(Re Vᴴ·gV)) / conj(Lⱼ - Lᵢ))·Vᴴ (Giles 2008, with the vectors' norm kept at 1).
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let l = context.output(0)
    let v = context.output(1)
    var middle: Tensor
    if let gv = gradients[1] {
      let inner = v.mH.matmul(gv)
      let diagonal = inner.matrixDiagonal
      guard isPhaseFree(Self.name, diagonal) else { return [.poison] }
      let tangent = inner - v.mH.matmul(v * diagonal.real.unsqueeze(-2))
      middle = offDiagonalQuotient(tangent, (l.unsqueeze(-2) - l.unsqueeze(-1)).conj())
      if let gl = gradients[0] { middle = middle + gl.asDiagonalMatrix }
    } else if let gl = gradients[0] {
      middle = gl.asDiagonalMatrix
    } else {
      return [nil]
    }
    let g = Linalg.solve(v.mH, middle.matmul(v.mH))
    return [context.inputDType(0).isComplex ? g : g.real]
  }
}

/// U, S and Vᴴ with A = U·diag(S)·Vᴴ; and info. Without vectors U and Vᴴ are empty.
struct SVD: VariadicOperation {
  static let name = "linalg.svd"
  let full: Bool
  let vectors: Bool
  let driver: Character
  let saved: SavedTensors = [.output(0), .output(1), .output(2)]
  var undifferentiableOutputs: Set<Int> { [3] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    try checkMatrices(Self.name, a)
    let (m, n) = (a.shape[-2], a.shape[-1])
    let k = min(m, n)
    let batch = batchShape(a)
    let work = try columnMajorCopy(a)
    let info = try zeroInfo(a)
    let s = try Tensor.empty(shape: batch.appending(k), dtype: a.dtype.realType, like: a)
    guard vectors else {
      if let kernel = try kernels(for: a), a.elementCount > 0 {
        try kernel.svd(work, s: s, u: nil, vh: nil, full: false, driver: driver, info: info)
      }
      let nothing = noGrad { Tensor.empty([0], dtype: a.dtype, on: a.device) }
      return [nothing, s, nothing, info]
    }
    let (columns, rows) = full ? (m, n) : (k, k)
    if a.elementCount == 0 {
      // No singular vectors are determined: any orthonormal ones do.
      return noGrad {
        [
          Tensor.eye(m, columns, dtype: a.dtype, on: a.device).expand(Array(batch) + [m, columns]), s,
          Tensor.eye(rows, n, dtype: a.dtype, on: a.device).expand(Array(batch) + [rows, n]), info,
        ]
      }
    }
    let u = try Tensor.empty(shape: batch.appending(columns).appending(m), dtype: a.dtype, like: a)
    let vh = try Tensor.empty(shape: batch.appending(n).appending(rows), dtype: a.dtype, like: a)
    if let kernel = try kernels(for: a) { try kernel.svd(work, s: s, u: u, vh: vh, full: full, driver: driver, info: info) }
    return noGrad { [u.mT, s, vh.mT, info] }
  }

  /// Townsend, Differentiating the singular value decomposition, 2016; complex vectors in the gauge that leaves their common phase free.
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let s = context.output(1)
    let k = s.size(-1)
    let u = context.output(0).narrow(-1, start: 0, length: k)
    let vh = context.output(2).narrow(-2, start: 0, length: k)
    let (m, n) = (context.inputShape(0)[-2], context.inputShape(0)[-1])
    let gs = gradients[1]
    // Of the full case only the vectors that belong to singular values are determined.
    let gu = gradients[0]?.narrow(-1, start: 0, length: k)
    let gvh = gradients[2]?.narrow(-2, start: 0, length: k)
    if gu == nil, gvh == nil {
      guard let gs else { return [nil] }
      return [(u * gs.unsqueeze(-2)).matmul(vh)]
    }
    func skew(_ x: Tensor) -> Tensor { x - x.mH }
    let inU = gu.map { skew(u.mH.matmul($0)) }
    let inV = gvh.map { skew(vh.matmul($0.mH)) }
    if s.dtype != u.dtype {
      let phase = [inU, inV].compactMap { $0?.matrixDiagonal }
      guard isPhaseFree(Self.name, phase.count == 2 ? phase[0] + phase[1] : phase[0]) else { return [.poison] }
    }
    let squares = s * s
    let differences = squares.unsqueeze(-2) - squares.unsqueeze(-1)
    var middle: Tensor?
    func include(_ x: Tensor) { middle = middle.map { $0 + x } ?? x }
    if let inU { include(offDiagonalQuotient(inU, differences) * s.unsqueeze(-2)) }
    if let inV { include(offDiagonalQuotient(inV, differences) * s.unsqueeze(-1)) }
    if let inU, u.dtype.isComplex { include((inU.matrixDiagonal / (s * 2)).asDiagonalMatrix) }
    if let gs { include(gs.to(u.dtype).asDiagonalMatrix) }
    if m > k, let gu {
      let scaled = gu / s.unsqueeze(-2)
      return [(u.matmul(middle!) + scaled - u.matmul(u.mH.matmul(scaled))).matmul(vh)]
    }
    if n > k, let gvh {
      let scaled = gvh / s.unsqueeze(-1)
      return [u.matmul(middle!.matmul(vh) + scaled - scaled.matmul(vh.mH).matmul(vh))]
    }
    return [u.matmul(middle!).matmul(vh)]
  }
}

private func unconverged(_ code: Int) -> String { "the iteration did not converge (\(code)); the matrix may contain infinities or NaN" }

extension Linalg {
  /// Eigenvalues (real, ascending) and orthonormal eigenvectors (columns) of Hermitian matrices, of which the triangle `uplo`
  /// (`L` or `U`) is read. The derivative of the vectors exists where the eigenvalues are distinct.
  public static func eigh(_ a: Tensor, uplo: String = "L") -> (values: Tensor, vectors: Tensor) {
    let all = compose("linalg.eigh", count: 2, [a]) { () throws(EmberError) in try eigh(a, uplo, vectors: true) }
    return (all[0], all[1])
  }

  /// The eigenvalues alone.
  public static func eigvalsh(_ a: Tensor, uplo: String = "L") -> Tensor {
    // Their derivative needs the vectors.
    compose("linalg.eigvalsh", count: 2, [a]) { () throws(EmberError) in try eigh(a, uplo, vectors: a.requiresGrad && isGradEnabled) }[0]
  }

  private static func eigh(_ a: Tensor, _ uplo: String, vectors: Bool) throws(EmberError) -> [Tensor] {
    guard ["L", "U", "l", "u"].contains(uplo) else { throw EmberError(.value, in: "linalg.eigh", "UPLO is \"\(uplo)\"; it must be L or U") }
    let all = apply(Eigh(upper: uplo == "U" || uplo == "u", vectors: vectors), [a], count: 3)
    try checkInfo("linalg.eigh", all[2], unconverged)
    return all
  }

  /// Complex eigenvalues, in no particular order, and eigenvectors (columns of norm 1) of square matrices.
  public static func eig(_ a: Tensor) -> (values: Tensor, vectors: Tensor) {
    let all = compose("linalg.eig", count: 2, [a]) { () throws(EmberError) in try eig(a, vectors: true) }
    return (all[0], all[1])
  }

  /// The eigenvalues alone.
  public static func eigvals(_ a: Tensor) -> Tensor {
    compose("linalg.eigvals", count: 2, [a]) { () throws(EmberError) in try eig(a, vectors: a.requiresGrad && isGradEnabled) }[0]
  }

  private static func eig(_ a: Tensor, vectors: Bool) throws(EmberError) -> [Tensor] {
    let all = apply(Eig(vectors: vectors), [a], count: 3)
    try checkInfo("linalg.eig", all[2], unconverged)
    return all
  }

  /// U, S (real, descending) and Vᴴ with A = U·diag(S)·Vᴴ.
  ///
  /// - Parameters:
  ///   - fullMatrices: U [m, m] and Vᴴ [n, n] instead of [m, k] and [k, n], k the smaller extent.
  ///   - driver: `gesdd` (the default) or `gesvd`, slower and somewhat more accurate for small singular values.
  ///
  /// The derivative of the vectors exists where singular values are distinct and not zero.
  public static func svd(_ a: Tensor, fullMatrices: Bool = true, driver: String? = nil) -> (u: Tensor, s: Tensor, vh: Tensor) {
    let all = compose("linalg.svd", count: 3, [a]) { () throws(EmberError) in
      try svd(a, full: fullMatrices, vectors: true, driver: driver)
    }
    return (all[0], all[1], all[2])
  }

  /// The singular values alone, descending.
  public static func svdvals(_ a: Tensor, driver: String? = nil) -> Tensor {
    compose("linalg.svdvals", count: 3, [a]) { () throws(EmberError) in
      try svd(a, full: false, vectors: a.requiresGrad && isGradEnabled, driver: driver)
    }[1]
  }

  private static func svd(_ a: Tensor, full: Bool, vectors: Bool, driver: String?) throws(EmberError) -> [Tensor] {
    guard driver == nil || a.device.type != .cpu else {
      throw EmberError(.value, in: "linalg.svd", "the choice of a driver belongs to CUDA devices; on the CPU there is one")
    }
    let all = apply(SVD(full: full, vectors: vectors, driver: "d"), [a], count: 4)
    try checkInfo("linalg.svd", all[3], unconverged)
    return all
  }
}

extension Tensor {
  /// PyTorch's older form of the decomposition: U, S and V. Without `computeUV` U and V are zeros.
  public func svd(some: Bool = true, computeUV: Bool = true) -> (u: Tensor, s: Tensor, v: Tensor) {
    let all = compose("svd", count: 3, [self]) { () throws(EmberError) in
      try checkMatrices("svd", self)
      if computeUV {
        let (u, s, vh) = Linalg.svd(self, fullMatrices: !some)
        return [u, s, vh.mH]
      }
      let batch = Array(batchShape(self))
      let (m, n) = (shape[-2], shape[-1])
      func zeros(_ extent: Int) -> Tensor { Tensor.zeros(batch + [extent, extent], dtype: dtype, on: device) }
      return [zeros(m), Linalg.svdvals(self), zeros(n)]
    }
    return (all[0], all[1], all[2])
  }
}

extension OperatorRegistry {
  mutating func addSpectra() {
    add("aten::linalg_eigh(Tensor self, str UPLO='L') -> (Tensor eigenvalues, Tensor eigenvectors)") { (a: Tensor, uplo: String) in
      let (values, vectors) = Linalg.eigh(a, uplo: uplo)
      return (values, vectors)
    }
    add("aten::linalg_eigvalsh(Tensor self, str UPLO='L') -> Tensor") { (a: Tensor, uplo: String) in Linalg.eigvalsh(a, uplo: uplo) }
    add("aten::linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)") { (a: Tensor) in
      let (values, vectors) = Linalg.eig(a)
      return (values, vectors)
    }
    add("aten::linalg_eigvals(Tensor self) -> Tensor") { (a: Tensor) in Linalg.eigvals(a) }
    add("aten::linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)") {
      (a: Tensor, full: Bool, driver: String?) in
      let (u, s, vh) = Linalg.svd(a, fullMatrices: full, driver: driver)
      return (u, s, vh)
    }
    add("aten::linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor") { (a: Tensor, driver: String?) in
      Linalg.svdvals(a, driver: driver)
    }
    add("aten::svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)") {
      (a: Tensor, some: Bool, computeUV: Bool) in
      let (u, s, v) = a.svd(some: some, computeUV: computeUV)
      return (u, s, v)
    }
  }
}
