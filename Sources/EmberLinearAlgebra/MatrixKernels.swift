import CEmberLinearAlgebra
import EmberRuntime
import EmberTensor

/// The decompositions that a device must bring; everything else of linear algebra is composed of them.
///
/// Matrices lie densely in column-major order: a tensor [.., n, m] holds matrices of m rows and n columns. They are changed in
/// place and are never empty. `info` receives one int32 per matrix, 0 or what went wrong in LAPACK's terms.
protocol MatrixKernels: Sendable {
  func lu(_ a: Tensor, pivots: Tensor, info: Tensor) throws(EmberError)
  func luSolve(_ lu: Tensor, pivots: Tensor, _ b: Tensor, transpose: Character) throws(EmberError)
  func cholesky(_ a: Tensor, info: Tensor) throws(EmberError)
  func qr(_ a: Tensor, tau: Tensor) throws(EmberError)
  func reflectors(_ a: Tensor, tau: Tensor) throws(EmberError)
  func eigh(_ a: Tensor, values: Tensor, vectors: Bool, info: Tensor) throws(EmberError)
  func eig(_ a: Tensor, values: Tensor, vectors: Tensor?, info: Tensor) throws(EmberError)
  /// `full`: all of U and Vᴴ; neither if they are nil.
  func svd(_ a: Tensor, s: Tensor, u: Tensor?, vh: Tensor?, full: Bool, driver: Character, info: Tensor) throws(EmberError)
  func ldl(_ a: Tensor, pivots: Tensor, hermitian: Bool, info: Tensor) throws(EmberError)
  func ldlSolve(_ ld: Tensor, pivots: Tensor, _ b: Tensor, hermitian: Bool) throws(EmberError)
  func leastSquares(
    _ a: Tensor, _ b: Tensor, rows: Int, driver: Character, rcond: Double, rank: Tensor, singularValues: Tensor, info: Tensor
  ) throws(EmberError)
  func triangular(_ a: Tensor, _ b: Tensor, left: Bool, upper: Bool, transpose: Character, unit: Bool) throws(EmberError)
}

private let matrixKernels = KernelTable<any MatrixKernels>("linalg", cpu: LAPACKKernels(), cuda: CUDAMatrixKernels())

/// The kernels for the device of a tensor; nil on `meta`.
func kernels(for x: Tensor) throws(EmberError) -> (any MatrixKernels)? { try matrixKernels.kernel(on: x.device) }

// MARK: - Memory and checks

/// A copy in column-major order: dense [.., n, m] for matrices [.., m, n].
func columnMajorCopy(_ x: Tensor) throws(EmberError) -> Tensor {
  try x.checkReadable(in: "linalg")
  let source = noGrad { x.value.mT }
  // Kernels must never see the memory of a result that failed.
  if source.isPoisoned { throw EmberError(.poisoned, in: "linalg", "an operand could not be computed") }
  let copy = try Tensor.empty(shape: source.shape, dtype: x.dtype, like: x)
  if x.backend.holdsData, x.elementCount > 0 { x.backend.copy(source.operand, to: copy.operand) }
  return copy
}

/// The shape of the batch, without the matrices.
func batchShape(_ x: Tensor) -> Shape { Shape(x.shape.dropLast(2)) }

/// Zeros for a kernel to write to.
func zeros(_ shape: Shape, _ dtype: DType, like x: Tensor) throws(EmberError) -> Tensor {
  let result = try Tensor.empty(shape: shape, dtype: dtype, like: x)
  result.fillMemory(0)
  return result
}

func zeroInfo(_ x: Tensor) throws(EmberError) -> Tensor { try zeros(batchShape(x), .int32, like: x) }

/// Only float32, float64, complex64 and complex128 have decompositions, as in PyTorch.
func checkMatrices(_ name: String, _ x: Tensor, square: Bool = false) throws(EmberError) {
  guard x.rank >= 2 else { throw EmberError(.shape, in: name, "\(x.summary) must have at least two dimensions, for batches of matrices") }
  guard [.float32, .float64, .complex64, .complex128].contains(x.dtype) else {
    throw EmberError(
      .dtype, in: name, "\(x.summary): only float32, float64, complex64 and complex128 are supported; convert with .to(.float32)")
  }
  if square, x.shape[-1] != x.shape[-2] { throw EmberError(.shape, in: name, "\(x.summary): the matrices must be square") }
}

func checkSameDType(_ name: String, _ a: Tensor, _ b: Tensor) throws(EmberError) {
  guard a.dtype == b.dtype else { throw EmberError(.dtype, in: name, "\(a.summary) and \(b.summary) must have one dtype") }
}

/// Throws if a matrix's `info` is not 0.
func checkInfo(_ name: String, _ info: Tensor, _ meaning: @escaping @Sendable (Int) -> String) throws(EmberError) {
  try checkElements(name, of: [info], bounds: []) { all throws(EmberError) in
    let codes = all[0].elements(as: Int.self)
    guard let item = codes.firstIndex(where: { $0 != 0 }) else { return }
    throw EmberError(.value, in: name, (codes.count == 1 ? "" : "matrix \(item): ") + meaning(codes[item]))
  }
}

// MARK: - LAPACK

struct LAPACKKernels: MatrixKernels {
  /// Batches of column-major matrices as LAPACK takes them.
  private struct Matrices {
    let type: Int32, batch: Int64, rows: Int32, columns: Int32
    let pointer: UnsafeMutableRawPointer?

    init(_ x: Tensor) throws(EmberError) {
      guard ember_lapack_available() else { throw EmberError(.unsupported, in: "linalg", String(cString: ember_lapack_error())) }
      type = lapackType(x.dtype)
      batch = Int64(batchShape(x).elementCount)
      guard let rows = Int32(exactly: x.shape[-1]), let columns = Int32(exactly: x.shape[-2]) else {
        throw EmberError(.unsupported, in: "linalg", "\(x.summary): LAPACK counts in 32 bits")
      }
      (self.rows, self.columns) = (rows, columns)
      pointer = x.operand.pointer
    }
  }

  private static func lapackType(_ dtype: DType) -> Int32 {
    switch dtype {
    case .float32: Int32(EMBER_LAPACK_FLOAT)
    case .float64: Int32(EMBER_LAPACK_DOUBLE)
    case .complex64: Int32(EMBER_LAPACK_COMPLEX_FLOAT)
    default: Int32(EMBER_LAPACK_COMPLEX_DOUBLE)
    }
  }

  private func check(_ code: Int32) throws(EmberError) {
    if code == Int32(EMBER_LAPACK_NO_MEMORY) { throw EmberError(.memory, in: "linalg", "no memory for LAPACK's work space") }
    if code < 0 { throw EmberError(.value, in: "linalg", "LAPACK refused argument \(-code)") }
  }

  private func integers(_ x: Tensor) -> UnsafeMutablePointer<Int32>? { x.operand.pointer?.assumingMemoryBound(to: Int32.self) }
  private func letter(_ character: Character) -> CChar { CChar(character.asciiValue!) }

  func lu(_ a: Tensor, pivots: Tensor, info: Tensor) throws(EmberError) {
    let m = try Matrices(a)
    try check(ember_lapack_lu(m.type, m.batch, m.rows, m.columns, m.pointer, integers(pivots), integers(info)))
  }

  /// LAPACK follows pivots without looking where they lead. `inPairs`: negative ones name a block of 2 × 2, and come in twos.
  private func checkPivots(_ pivots: Tensor, rows: Int32, inPairs: Bool, in operation: StaticString) throws(EmberError) {
    let numbers = UnsafeBufferPointer(start: integers(pivots), count: pivots.elementCount)
    var opensPair = false
    for (i, pivot) in numbers.enumerated() {
      let closesPair = opensPair
      opensPair = inPairs && pivot < 0 && !closesPair
      let isLast = (i + 1) % Int(rows) == 0
      if (closesPair && pivot >= 0) || (opensPair && isLast) {
        throw EmberError(.value, in: "\(operation)", "pivots \(pivots.summary): negative ones must come in pairs; the one at \(i) does not")
      }
      guard inPairs ? pivot != 0 && pivot.magnitude <= rows.magnitude : pivot >= 1 && pivot <= rows else {
        throw EmberError(
          .index, in: "\(operation)", "pivots \(pivots.summary) hold \(pivot); they must lie between 1 and \(rows), the number of rows")
      }
    }
  }

  func luSolve(_ lu: Tensor, pivots: Tensor, _ b: Tensor, transpose: Character) throws(EmberError) {
    let m = try Matrices(lu)
    let x = try Matrices(b)
    try checkPivots(pivots, rows: m.rows, inPairs: false, in: "linalg.lu_solve")
    try check(ember_lapack_lu_solve(m.type, m.batch, letter(transpose), m.rows, x.columns, m.pointer, integers(pivots), x.pointer))
  }

  func cholesky(_ a: Tensor, info: Tensor) throws(EmberError) {
    let m = try Matrices(a)
    try check(ember_lapack_cholesky(m.type, m.batch, m.rows, m.pointer, integers(info)))
  }

  func qr(_ a: Tensor, tau: Tensor) throws(EmberError) {
    let m = try Matrices(a)
    try check(ember_lapack_qr(m.type, m.batch, m.rows, m.columns, m.pointer, tau.operand.pointer, nil))
  }

  func reflectors(_ a: Tensor, tau: Tensor) throws(EmberError) {
    let m = try Matrices(a)
    try check(ember_lapack_reflectors(m.type, m.batch, m.rows, m.columns, Int32(tau.shape[-1]), m.pointer, tau.operand.pointer, nil))
  }

  func eigh(_ a: Tensor, values: Tensor, vectors: Bool, info: Tensor) throws(EmberError) {
    let m = try Matrices(a)
    try check(ember_lapack_eigh(m.type, m.batch, vectors, m.rows, m.pointer, values.operand.pointer, integers(info)))
  }

  func eig(_ a: Tensor, values: Tensor, vectors: Tensor?, info: Tensor) throws(EmberError) {
    let m = try Matrices(a)
    try check(ember_lapack_eig(m.type, m.batch, m.rows, m.pointer, values.operand.pointer, vectors?.operand.pointer, integers(info)))
  }

  func svd(_ a: Tensor, s: Tensor, u: Tensor?, vh: Tensor?, full: Bool, driver: Character, info: Tensor) throws(EmberError) {
    let m = try Matrices(a)
    let job: Character = u == nil ? "N" : full ? "A" : "S"
    try check(
      ember_lapack_svd(
        m.type, m.batch, letter(job), letter(driver), m.rows, m.columns, m.pointer, s.operand.pointer, u?.operand.pointer,
        vh?.operand.pointer, integers(info)))
  }

  func ldl(_ a: Tensor, pivots: Tensor, hermitian: Bool, info: Tensor) throws(EmberError) {
    let m = try Matrices(a)
    try check(ember_lapack_ldl(m.type, m.batch, hermitian, m.rows, m.pointer, integers(pivots), integers(info)))
  }

  func ldlSolve(_ ld: Tensor, pivots: Tensor, _ b: Tensor, hermitian: Bool) throws(EmberError) {
    let m = try Matrices(ld)
    let x = try Matrices(b)
    try checkPivots(pivots, rows: m.rows, inPairs: true, in: "linalg.ldl_solve")
    try check(ember_lapack_ldl_solve(m.type, m.batch, hermitian, m.rows, x.columns, m.pointer, integers(pivots), x.pointer))
  }

  func leastSquares(
    _ a: Tensor, _ b: Tensor, rows: Int, driver: Character, rcond: Double, rank: Tensor, singularValues: Tensor, info: Tensor
  ) throws(EmberError) {
    let m = try Matrices(a)
    let x = try Matrices(b)
    try check(
      ember_lapack_least_squares(
        m.type, m.batch, letter(driver), m.rows, m.columns, x.columns, m.pointer, x.pointer, rcond, integers(rank),
        singularValues.operand.pointer, integers(info)))
  }

  func triangular(_ a: Tensor, _ b: Tensor, left: Bool, upper: Bool, transpose: Character, unit: Bool) throws(EmberError) {
    let m = try Matrices(a)
    let x = try Matrices(b)
    try check(
      ember_lapack_triangular(m.type, x.batch, left, upper, letter(transpose), unit, x.rows, x.columns, m.pointer, x.pointer))
  }
}
