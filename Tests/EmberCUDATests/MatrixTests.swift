import EmberCUDA
import EmberLinearAlgebra
import EmberRuntime
import EmberTensor
import Testing

/// Factors have to make up their matrix again, whichever device found them.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct MatrixTests {
  /// Each test's own: suites run side by side.
  private let generator = Generator(seed: 13)
  static let dtypes: [DType] = [.float32, .float64, .complex64, .complex128]

  private func random(_ shape: [Int], _ dtype: DType) -> Tensor {
    func part() -> Tensor { generator.randn(shape).to(dtype.realType) }
    return (dtype.isComplex ? Pointwise.makeComplex(part(), part()) : part()).to(.cuda)
  }

  /// The largest difference, measured by the largest element.
  private func expect(_ result: Tensor, equals reference: Tensor, _ comment: String, line: Int = #line) {
    guard Array(result.shape) == Array(reference.shape) else {
      Issue.record("\(comment): \(result.summary) against \(reference.summary)")
      return
    }
    if result.elementCount == 0 { return }
    let a = result.to(.cpu), b = reference.to(.cpu)
    let scale = Double(b.abs().max().to(.float64).item()) + 1e-3
    let difference = Double((a - b).abs().max().to(.float64).item()) / scale
    #expect(difference < (a.dtype.realType == .float64 ? 1e-11 : 2e-4), "\(comment), line \(line)")
  }

  /// What runs on the CPU while `body` does, of the operations on matrices.
  private func operationsOnHost(_ body: () -> Void) -> Int {
    func count() -> Int { CUDA.operationsOnHost.filter { $0.name.hasPrefix("linalg.") }.reduce(0) { $0 + $1.count } }
    let before = count()
    body()
    return count() - before
  }

  @Test(arguments: [1, 2, 5, 33, 70], dtypes) func square(_ n: Int, _ dtype: DType) {
    let used = operationsOnHost {
      let a = random([2, n, n], dtype), b = random([2, n, 3], dtype), unit = Tensor.eye(n, dtype: dtype, on: .cuda)
      let positive = a.matmul(a.mH) + unit
      let factor = Linalg.cholesky(positive)
      expect(factor.matmul(factor.mH), equals: positive, "cholesky")
      let (p, l, u) = Linalg.lu(a)
      expect(p.matmul(l).matmul(u), equals: a, "lu")
      let regular = a + unit * Double(2 * n)
      expect(regular.matmul(Linalg.solve(regular, b)), equals: b, "solve")
      expect(Linalg.solve(regular, b.mT, left: false).matmul(regular), equals: b.mT, "solve from the right")
      expect(Linalg.inv(regular).matmul(regular), equals: unit.expand([2, n, n]), "inv")
      let (factors, pivots) = Linalg.luFactor(regular)
      expect(regular.mH.matmul(Linalg.luSolve(factors, pivots, b, adjoint: true)), equals: b, "lu_solve")
      expect(Linalg.slogdet(regular).logAbsDet, equals: Linalg.slogdet(regular.to(.cpu)).logAbsDet, "slogdet")
      for (upper, left) in [(false, true), (true, true), (false, false), (true, false)] {
        let triangle = upper ? regular.triu() : regular.tril()
        let right = left ? b : b.mT
        let x = Linalg.solveTriangular(regular, right, upper: upper, left: left)
        expect(left ? triangle.matmul(x) : x.matmul(triangle), equals: right, "solve_triangular \(upper) \(left)")
      }
      let hermitian = a + a.mH
      let (values, vectors) = Linalg.eigh(hermitian)
      expect((vectors * values.to(dtype).unsqueeze(-2)).matmul(vectors.mH), equals: hermitian, "eigh")
      expect(vectors.mH.matmul(vectors), equals: unit.expand([2, n, n]), "eigenvectors")
      expect(Linalg.eigvalsh(hermitian), equals: values, "eigvalsh")
    }
    #expect(used == 0)
  }

  @Test(arguments: [[1, 4], [4, 1], [5, 3], [3, 5], [40, 17], [17, 40], [64, 64]], dtypes) func rectangular(_ shape: [Int], _ dtype: DType) {
    let used = operationsOnHost {
      let a = random([2] + shape, dtype)
      for mode in ["reduced", "complete"] {
        let (q, r) = Linalg.qr(a, mode: mode)
        expect(q.matmul(r), equals: a, "qr \(mode)")
        expect(q.mH.matmul(q), equals: Tensor.eye(q.size(-1), dtype: dtype, on: .cuda).expand([2, q.size(-1), q.size(-1)]), "q \(mode)")
      }
      let count = shape.min()!
      // As many independent columns, and half of them, and none.
      let half = max(1, count / 2)
      for a in [a, a.narrow(-1, start: 0, length: half).matmul(random([2, half, shape[1]], dtype)), a * 0] {
        for full in [false, true] {
          let (u, s, vh) = Linalg.svd(a, fullMatrices: full)
          let product = (u.narrow(-1, start: 0, length: count) * s.to(dtype).unsqueeze(-2)).matmul(vh.narrow(-2, start: 0, length: count))
          expect(product, equals: a, "svd \(full)")
          expect(u.mH.matmul(u), equals: Tensor.eye(u.size(-1), dtype: dtype, on: .cuda).expand([2, u.size(-1), u.size(-1)]), "u \(full)")
          expect(vh.matmul(vh.mH), equals: Tensor.eye(vh.size(-2), dtype: dtype, on: .cuda).expand([2, vh.size(-2), vh.size(-2)]), "vh")
        }
        expect(Linalg.svdvals(a), equals: Linalg.svdvals(a.to(.cpu)), "svdvals")
      }
    }
    #expect(used == 0)
  }

  @Test(arguments: [LeastSquaresDriver.gelsy, .gels, .gelsd, .gelss], [[9, 4], [4, 9], [6, 6]])
  func leastSquares(_ driver: LeastSquaresDriver, _ shape: [Int]) {
    let a = random([3] + shape, .float64), b = random([3, shape[0], 2], .float64)
    let used = operationsOnHost {
      let result = Linalg.lstsq(a, b, driver: driver), reference = Linalg.lstsq(a.to(.cpu), b.to(.cpu), driver: driver)
      expect(result.solution, equals: reference.solution, "solution")
      expect(result.residuals, equals: reference.residuals, "residuals")
      expect(result.singularValues, equals: reference.singularValues, "singular values")
      #expect(result.rank.to(.cpu).elements(as: Int64.self) == reference.rank.elements(as: Int64.self))
    }
    #expect(used == 0)
  }

  /// As many matrices as a batch has, each of which fails or does not by itself.
  @Test func failures() throws {
    var rows = Tensor.eye(3, dtype: .float32).expand([4, 3, 3]).contiguous().elements(as: Float.self)
    rows[9 + 4] = -1
    rows[18 + 0] = 0
    let a = Tensor(rows).reshape([4, 3, 3]), onDevice = a.to(.cuda)
    #expect(Linalg.choleskyEx(onDevice).info.to(.cpu).elements(as: Int32.self) == [0, 2, 1, 0])
    #expect(Linalg.luFactorEx(onDevice).info.to(.cpu).elements(as: Int32.self) == [0, 0, 1, 0])
    for fail in [{ Linalg.cholesky($0) }, { Linalg.inv($0) }] as [(Tensor) -> Tensor] {
      let reference = #expect(throws: EmberError.self) { try catchingErrors { _ = fail(a).elements(as: Float.self) } }
      let error = #expect(throws: EmberError.self) { try catchingErrors { _ = fail(onDevice).to(.cpu).elements(as: Float.self) } }
      #expect(error?.message == reference?.message)
    }
  }

  /// Larger ones take LAPACK's way on the CPU.
  @Test func largeMatrices() {
    let n = CUDABackend.largestMatrix + 1
    let a = random([n, n], .float64) + Tensor.eye(n, dtype: .float64, on: .cuda) * Double(n)
    let used = operationsOnHost { expect(a.matmul(Linalg.inv(a)), equals: Tensor.eye(n, dtype: .float64, on: .cuda), "inv") }
    #expect(used > 0)
  }
}
