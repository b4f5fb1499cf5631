import EmberCUDA
import EmberRuntime
import EmberTensor

/// The decompositions of a GPU's matrices: there, up to the size that a block is a match for; larger ones by LAPACK on the CPU, as are
/// those that have no kernel.
struct CUDAMatrixKernels: MatrixKernels {
  private let host = HostMatrixKernels()

  /// The backend of matrices that are small enough.
  private func backend(_ matrices: Tensor...) -> CUDABackend? {
    let isSmall = matrices.allSatisfy { max($0.shape[-1], $0.shape[-2]) <= CUDABackend.largestMatrix }
    return isSmall ? matrices[0].backend as? CUDABackend : nil
  }

  func lu(_ a: Tensor, pivots: Tensor, info: Tensor) throws(EmberError) {
    guard let backend = backend(a) else { return try host.lu(a, pivots: pivots, info: info) }
    backend.luFactor(a.operand, pivots: pivots.operand, info: info.operand)
  }

  func luSolve(_ lu: Tensor, pivots: Tensor, _ b: Tensor, transpose: Character) throws(EmberError) {
    guard let backend = backend(lu) else { return try host.luSolve(lu, pivots: pivots, b, transpose: transpose) }
    backend.luSolve(lu.operand, pivots: pivots.operand, b.operand, transposed: transpose != "N", conjugated: transpose == "C")
  }

  func cholesky(_ a: Tensor, info: Tensor) throws(EmberError) {
    guard let backend = backend(a) else { return try host.cholesky(a, info: info) }
    backend.cholesky(a.operand, info: info.operand)
  }

  func qr(_ a: Tensor, tau: Tensor) throws(EmberError) {
    guard let backend = backend(a) else { return try host.qr(a, tau: tau) }
    backend.qrFactor(a.operand, taus: tau.operand)
  }

  func reflectors(_ a: Tensor, tau: Tensor) throws(EmberError) {
    guard let backend = backend(a) else { return try host.reflectors(a, tau: tau) }
    backend.qrVectors(a.operand, taus: tau.operand)
  }

  func eigh(_ a: Tensor, values: Tensor, vectors: Bool, info: Tensor) throws(EmberError) {
    guard let backend = backend(a) else { return try host.eigh(a, values: values, vectors: vectors, info: info) }
    backend.eigh(a.operand, values: values.operand, vectors: vectors, info: info.operand)
  }

  func eig(_ a: Tensor, values: Tensor, vectors: Tensor?, info: Tensor) throws(EmberError) {
    try host.eig(a, values: values, vectors: vectors, info: info)
  }

  func svd(_ a: Tensor, s: Tensor, u: Tensor?, vh: Tensor?, full: Bool, driver: Character, info: Tensor) throws(EmberError) {
    guard let backend = backend(a) else { return try host.svd(a, s: s, u: u, vh: vh, full: full, driver: driver, info: info) }
    let (m, n) = (a.shape[-1], a.shape[-2])
    backend.svd(
      a.operand, s: s.operand, u: u?.operand, vh: vh?.operand, columns: full ? max(m, n) : min(m, n), info: info.operand)
  }

  func ldl(_ a: Tensor, pivots: Tensor, hermitian: Bool, info: Tensor) throws(EmberError) {
    try host.ldl(a, pivots: pivots, hermitian: hermitian, info: info)
  }

  func ldlSolve(_ ld: Tensor, pivots: Tensor, _ b: Tensor, hermitian: Bool) throws(EmberError) {
    try host.ldlSolve(ld, pivots: pivots, b, hermitian: hermitian)
  }

  func triangular(_ a: Tensor, _ b: Tensor, left: Bool, upper: Bool, transpose: Character, unit: Bool) throws(EmberError) {
    guard let backend = backend(a) else {
      return try host.triangular(a, b, left: left, upper: upper, transpose: transpose, unit: unit)
    }
    backend.solveTriangular(
      a.operand, b.operand, left: left, upper: upper, transposed: transpose != "N", conjugated: transpose == "C", unit: unit)
  }

  /// By singular values for the drivers that take any rank, by QR for `gels`: composed of the decompositions above.
  func leastSquares(
    _ a: Tensor, _ b: Tensor, rows: Int, driver: Character, rcond: Double, rank: Tensor, singularValues: Tensor, info: Tensor
  ) throws(EmberError) {
    guard backend(a) != nil else {
      return try host.leastSquares(
        a, b, rows: rows, driver: driver, rcond: rcond, rank: rank, singularValues: singularValues, info: info)
    }
    let (matrix, right) = noGrad { (a.value.mT, b.value.mT.narrow(-2, start: 0, length: a.shape[-1])) }
    let solved = try noGrad { () throws(EmberError) in
      driver == "l"
        ? try solvedByQR(matrix, right, info: info)
        : try solvedBySingularValues(matrix, right, rcond: rcond, rank: rank, singularValues: singularValues, info: info)
    }
    try copy(solved.mT, into: b)
  }

  /// X above what of B lies outside of A's range, in the coordinates of Q's other columns.
  private func solvedByQR(_ a: Tensor, _ b: Tensor, info: Tensor) throws(EmberError) -> Tensor {
    let (m, n) = (a.shape[-2], a.shape[-1])
    let isWide = m < n
    // A = Q·R, or Aᴴ = Q·R where the solution of least norm is Q·R⁻ᴴ·B.
    let factors = try QR(mode: isWide ? .reduced : .complete).forward([isWide ? a.mH : a])
    let (q, r) = (factors[0], factors[1].narrow(-2, start: 0, length: min(m, n)))
    let isZero = r.matrixDiagonal .== 0
    let first = isZero.to(.int64).argmax(-1) + 1
    try copy(first.maskedFill(!isZero.any([-1]), 0).to(.int32), into: info)
    if isWide { return q.matmul(Linalg.solveTriangular(r.mH, b, upper: false)) }
    let projected = q.mH.matmul(b)
    let solution = Linalg.solveTriangular(r, projected.narrow(-2, start: 0, length: n), upper: true)
    return m == n ? solution : cat([solution, projected.narrow(-2, start: n, length: m - n)], dim: -2)
  }

  private func solvedBySingularValues(
    _ a: Tensor, _ b: Tensor, rcond: Double, rank: Tensor, singularValues: Tensor, info: Tensor
  ) throws(EmberError) -> Tensor {
    let (m, n) = (a.shape[-2], a.shape[-1])
    let k = min(m, n)
    let all = try SVD(full: m > n, vectors: true, driver: "d").forward([a])
    let (u, s, vh) = (all[0], all[1], all[2])
    let counts = s .> s.narrow(-1, start: 0, length: 1) * rcond
    try copy(all[3], into: info)
    try copy(counts.to(.int32).sum(-1).to(.int32), into: rank)
    try copy(s, into: singularValues)
    let inverses = (1 / s).maskedFill(!counts, 0).unsqueeze(-1)
    let projected = u.mH.matmul(b)
    let solution = vh.mH.matmul(projected.narrow(-2, start: 0, length: k) * inverses)
    return m > n ? cat([solution, projected.narrow(-2, start: n, length: m - n)], dim: -2) : solution
  }

  private func copy(_ source: Tensor, into target: Tensor) throws(EmberError) {
    if source.isPoisoned { throw EmberError(.poisoned, in: "linalg.lstsq", "a part of the solution could not be computed") }
    target.backend.copy(source.operand, to: target.operand)
  }
}
