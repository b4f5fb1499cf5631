import EmberRuntime
import EmberTensor

/// The decompositions of a GPU's matrices by LAPACK on the CPU, where no kernel of the GPU does them.
struct HostMatrixKernels: MatrixKernels {
  let lapack = LAPACKKernels()

  func lu(_ a: Tensor, pivots: Tensor, info: Tensor) throws(EmberError) {
    try withHostCopies("linalg.lu", changed: [a, pivots, info]) { c, _ throws(EmberError) in try lapack.lu(c[0], pivots: c[1], info: c[2]) }
  }
  func luSolve(_ lu: Tensor, pivots: Tensor, _ b: Tensor, transpose: Character) throws(EmberError) {
    try withHostCopies("linalg.lu_solve", changed: [b], read: [lu, pivots]) { c, r throws(EmberError) in
      try lapack.luSolve(r[0], pivots: r[1], c[0], transpose: transpose)
    }
  }
  func cholesky(_ a: Tensor, info: Tensor) throws(EmberError) {
    try withHostCopies("linalg.cholesky", changed: [a, info]) { c, _ throws(EmberError) in try lapack.cholesky(c[0], info: c[1]) }
  }
  func qr(_ a: Tensor, tau: Tensor) throws(EmberError) {
    try withHostCopies("linalg.qr", changed: [a, tau]) { c, _ throws(EmberError) in try lapack.qr(c[0], tau: c[1]) }
  }
  func reflectors(_ a: Tensor, tau: Tensor) throws(EmberError) {
    try withHostCopies("linalg.householder_product", changed: [a], read: [tau]) { c, r throws(EmberError) in
      try lapack.reflectors(c[0], tau: r[0])
    }
  }
  func eigh(_ a: Tensor, values: Tensor, vectors: Bool, info: Tensor) throws(EmberError) {
    try withHostCopies("linalg.eigh", changed: [a, values, info]) { c, _ throws(EmberError) in
      try lapack.eigh(c[0], values: c[1], vectors: vectors, info: c[2])
    }
  }
  func eig(_ a: Tensor, values: Tensor, vectors: Tensor?, info: Tensor) throws(EmberError) {
    try withHostCopies("linalg.eig", changed: [a, values, info] + present([vectors])) { c, _ throws(EmberError) in
      try lapack.eig(c[0], values: c[1], vectors: vectors == nil ? nil : c[3], info: c[2])
    }
  }
  func svd(_ a: Tensor, s: Tensor, u: Tensor?, vh: Tensor?, full: Bool, driver: Character, info: Tensor) throws(EmberError) {
    try withHostCopies("linalg.svd", changed: [a, s, info] + present([u, vh])) { c, _ throws(EmberError) in
      try lapack.svd(c[0], s: c[1], u: u == nil ? nil : c[3], vh: vh == nil ? nil : c[c.count - 1], full: full, driver: driver, info: c[2])
    }
  }
  func ldl(_ a: Tensor, pivots: Tensor, hermitian: Bool, info: Tensor) throws(EmberError) {
    try withHostCopies("linalg.ldl_factor", changed: [a, pivots, info]) { c, _ throws(EmberError) in
      try lapack.ldl(c[0], pivots: c[1], hermitian: hermitian, info: c[2])
    }
  }
  func ldlSolve(_ ld: Tensor, pivots: Tensor, _ b: Tensor, hermitian: Bool) throws(EmberError) {
    try withHostCopies("linalg.ldl_solve", changed: [b], read: [ld, pivots]) { c, r throws(EmberError) in
      try lapack.ldlSolve(r[0], pivots: r[1], c[0], hermitian: hermitian)
    }
  }
  func leastSquares(
    _ a: Tensor, _ b: Tensor, rows: Int, driver: Character, rcond: Double, rank: Tensor, singularValues: Tensor, info: Tensor
  ) throws(EmberError) {
    try withHostCopies("linalg.lstsq", changed: [a, b, rank, singularValues, info]) { c, _ throws(EmberError) in
      try lapack.leastSquares(c[0], c[1], rows: rows, driver: driver, rcond: rcond, rank: c[2], singularValues: c[3], info: c[4])
    }
  }
  func triangular(_ a: Tensor, _ b: Tensor, left: Bool, upper: Bool, transpose: Character, unit: Bool) throws(EmberError) {
    try withHostCopies("linalg.solve_triangular", changed: [b], read: [a]) { c, r throws(EmberError) in
      try lapack.triangular(r[0], c[0], left: left, upper: upper, transpose: transpose, unit: unit)
    }
  }

  private func present(_ tensors: [Tensor?]) -> [Tensor] { tensors.compactMap { $0 } }
}
