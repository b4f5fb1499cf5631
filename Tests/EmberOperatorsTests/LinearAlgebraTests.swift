import EmberLinearAlgebra
import EmberRuntime
import EmberTensor
import Testing

/// A matrix of fixed, distinct numbers, well away from singular where `shift` is large.
private func matrix(_ rows: Int, _ columns: Int, seed: UInt64 = 1, shift: Double = 0) -> Tensor {
  var state = seed
  let values = (0..<(rows * columns)).map { i -> Double in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 33) / Double(1 << 31) - 0.5 + (i / columns == i % columns ? shift : 0)
  }
  return Tensor(values, shape: [rows, columns], dtype: .float64)
}

private func complexMatrix(_ x: [Tensor]) -> Tensor { Pointwise.makeComplex(x[0], x[1]) }
/// All of a complex tensor as real numbers.
private func parts(_ x: Tensor) -> Tensor { x.dtype.isComplex ? cat([x.real.flatten(), x.imag.flatten()]) : x.flatten() }

/// The gradient of Σ f² as a function, to differentiate again.
private func gradient(of function: @escaping (Tensor) -> Tensor) -> ([Tensor]) -> Tensor {
  { inputs in
    enableGrad {
      let leaf = inputs[0].requiresGrad ? inputs[0] : inputs[0].requiringGrad()
      return grad(of: [function(leaf).square().sum()], with: [leaf], createGraph: true)[0]
    }
  }
}

@Suite struct LinearAlgebraTests {
  /// LAPACK would follow them out of its memory.
  @Test(arguments: [[1, 7, 3], [0, 2, 3], [-1, 2, 3], [1, 2, -3], [-4, -4, 3]] as [[Int32]]) func pivotsThatLeadNowhere(_ numbers: [Int32]) {
    let a = Tensor.eye(3, dtype: .float64), pivots = Tensor(numbers)
    for solve in [{ Linalg.ldlSolve(a, pivots, a) }, { Linalg.luSolve(a, pivots, a) }] {
      let error = #expect(throws: EmberError.self) { try catchingErrors { _ = solve() } }
      #expect("\(error!)".contains("pivots"))
    }
  }

  @Test func pivotsOfPairs() {
    // Zeros on the diagonal ask for blocks of 2 × 2.
    let a = Tensor([[0, 1, 2, 0], [1, 0, 0, 3], [2, 0, 0, 1], [0, 3, 1, 0]] as [[Double]]).to(.float64)
    let (factors, pivots, _) = Linalg.ldlFactorEx(a)
    #expect(pivots.elements(as: Int32.self).contains { $0 < 0 })
    #expect(a.matmul(Linalg.ldlSolve(factors, pivots, Tensor.eye(4, dtype: .float64))).allClose(Tensor.eye(4, dtype: .float64), absolute: 1e-12))
  }

  @Test func productsHaveDerivatives() {
    let a = matrix(3, 4)
    let b = matrix(4, 2, seed: 2)
    let c = matrix(3, 2, seed: 3)
    #expect(checkGradients({ $0[2].addmm($0[0], $0[1], beta: 0.5, alpha: 2) }, at: [a, b, c]) == nil)
    #expect(checkGradients({ einsum("ij,jk,ik->i", $0[0], $0[1], $0[2]) }, at: [a, b, c]) == nil)
    #expect(checkGradients({ $0[0].kron($0[1]) }, at: [b, c]) == nil)
    for p in [0.7, 1, 1.5, 2, 3, .infinity] {
      #expect(checkGradients({ cdist($0[0], $0[1], p: p) }, at: [matrix(3, 3), matrix(4, 3, seed: 5)]) == nil, "cdist of order \(p)")
    }
    #expect(checkGradients({ cdist($0[0], $0[1], mode: .product) }, at: [matrix(3, 3), matrix(4, 3, seed: 5)]) == nil)
  }

  @Test(arguments: [(3, 3), (4, 2), (2, 4)]) func factorizationsHaveDerivatives(rows: Int, columns: Int) {
    let a = matrix(rows, columns, shift: 2)
    let b = matrix(rows, columns, seed: 4)
    #expect(checkGradients({ Linalg.luFactor($0[0]).factors }, at: [a]) == nil)
    #expect(
      checkGradients(
        {
          let (q, r) = Linalg.qr($0[0])
          return cat([q.flatten(), r.flatten()])
        }, at: [a]) == nil)
    #expect(checkGradients({ parts(Linalg.luFactor(complexMatrix($0)).factors) }, at: [a, b]) == nil)
    #expect(
      checkGradients(
        {
          let (q, r) = Linalg.qr(complexMatrix($0))
          return cat([parts(q), parts(r)])
        }, at: [a, b]) == nil)
    #expect(checkGradients({ Linalg.pinv($0[0]) }, at: [a]) == nil)
    #expect(
      checkGradients(
        { x in
          let (u, s, vh) = Linalg.svd(x[0], fullMatrices: false)
          return cat([u.square().flatten(), s, (vh * vh * 2).flatten()])
        }, at: [a]) == nil)
    // Complex vectors have an arbitrary phase, their magnitudes have none.
    #expect(
      checkGradients(
        { x in
          let (u, s, vh) = Linalg.svd(complexMatrix(x), fullMatrices: false)
          return cat([u.abs().square().flatten(), s, vh.abs().square().flatten()])
        }, at: [a, b]) == nil)
  }

  @Test func systemsHaveDerivatives() {
    let a = matrix(3, 3, shift: 2)
    let b = matrix(3, 2, seed: 2)
    let c = matrix(3, 3, seed: 9)
    #expect(checkGradients({ Linalg.solve($0[0], $0[1]) }, at: [a, b]) == nil)
    #expect(checkGradients({ Linalg.solve($0[0], $0[1].mT, left: false) }, at: [a, b]) == nil)
    #expect(
      checkGradients(
        { parts(Linalg.solve(complexMatrix([$0[0], $0[2]]), complexMatrix([$0[1].mT, $0[1].mT]), left: false)) }, at: [a, b, c]) == nil)
    #expect(checkGradients({ Linalg.inv($0[0]) }, at: [a]) == nil)
    for (upper, left) in [(true, true), (true, false), (false, true), (false, false)] {
      #expect(checkGradients({ Linalg.solveTriangular($0[0], left ? $0[1] : $0[1].mT, upper: upper, left: left) }, at: [a, b]) == nil)
    }
    let (_, pivots) = Linalg.luFactor(a)
    for (left, adjoint) in [(true, false), (true, true), (false, false), (false, true)] {
      #expect(
        checkGradients({ Linalg.luSolve($0[0], pivots, left ? $0[1] : $0[1].mT, left: left, adjoint: adjoint) }, at: [a, b]) == nil)
    }
    for driver in [LeastSquaresDriver.gels, .gelsy, .gelsd, .gelss] {
      let result = checkGradients(
        { x in
          let (solution, residuals, _, _) = Linalg.lstsq(x[0], x[1], driver: driver)
          return driver == .gelsy ? solution : cat([solution.flatten(), residuals])
        }, at: [matrix(4, 2, shift: 1), matrix(4, 2, seed: 3)])
      #expect(result == nil, "\(driver)")
    }
  }

  @Test func functionsHaveDerivatives() {
    let a = matrix(3, 3, shift: 1)
    let b = matrix(3, 3, seed: 6)
    #expect(checkGradients({ Linalg.det($0[0]) }, at: [a]) == nil)
    // Of rank 2: the cofactors are not zero.
    let singular = matrix(3, 2).matmul(matrix(2, 3, seed: 2))
    #expect(checkGradients({ Linalg.det($0[0]) }, at: [singular]) == nil)
    #expect(
      checkGradients(
        { x in
          let (s, l) = Linalg.slogdet(complexMatrix(x))
          return cat([parts(s), l.reshape([1])])
        }, at: [a, b]) == nil)
    #expect(checkGradients({ parts(Linalg.det(complexMatrix($0))) }, at: [a, b]) == nil)
    #expect(checkGradients({ Linalg.matrixExp($0[0]) }, at: [a * 3]) == nil)
    #expect(checkGradients({ parts(Linalg.matrixExp(complexMatrix($0))) }, at: [a, b]) == nil)
    func positive(_ x: Tensor) -> Tensor { x.matmul(x.mT) + Tensor.eye(3, dtype: .float64) }
    #expect(checkGradients({ Linalg.cholesky(positive($0[0])) }, at: [a]) == nil)
    #expect(checkGradients({ Linalg.matrixSqrth(positive($0[0])) }, at: [a]) == nil)
    #expect(
      checkGradients(
        {
          let (l, v) = Linalg.eigh(positive($0[0]))
          return cat([l, v.square().flatten()])
        }, at: [a]) == nil)
    #expect(
      checkGradients(
        {
          let (l, v) = Linalg.eig($0[0])
          return cat([parts(l), v.abs().square().flatten()])
        }, at: [a]) == nil)
    for shape in [(3, 3), (4, 2)] {
      #expect(
        checkGradients(
          {
            let (u, h) = Linalg.polar($0[0])
            return cat([u.flatten(), h.flatten()])
          }, at: [matrix(shape.0, shape.1, shift: 1)]) == nil)
    }
    #expect(
      checkGradients(
        {
          let (a, tau) = ($0[0], $0[1])
          return Linalg.householderProduct(a, tau)
        }, at: [matrix(4, 2), matrix(1, 2).reshape([2])]) == nil)
  }

  @Test func derivativesAreDifferentiable() {
    let a = matrix(3, 3, shift: 2)
    func positive(_ x: Tensor) -> Tensor { x.matmul(x.mT) + Tensor.eye(3, dtype: .float64) }
    let functions: [(String, (Tensor) -> Tensor)] = [
      ("solve", { Linalg.solve($0, matrix(3, 2)) }), ("inv", { Linalg.inv($0) }), ("det", { Linalg.det($0) }),
      ("slogdet", { Linalg.slogdet($0).logAbsDet }), ("cholesky", { Linalg.cholesky(positive($0)) }), ("qr", { Linalg.qr($0).r }),
      ("lu", { Linalg.luFactor($0).factors }), ("svdvals", { Linalg.svdvals($0) }), ("eigvalsh", { Linalg.eigvalsh(positive($0)) }),
      ("pinv", { Linalg.pinv($0) }), ("matrix_exp", { Linalg.matrixExp($0) }),
      ("cdist", { cdist($0, matrix(2, 3), p: 3) }), ("norm", { $0.vectorNorm(3, [1]) }),
    ]
    for (name, function) in functions {
      let result = checkGradients(gradient(of: function), at: [a], step: 1e-5, relative: 1e-3, absolute: 1e-5)
      #expect(result == nil, "\(name): \(result ?? "")")
    }
  }

  @Test func shapesAreKnownOnMeta() {
    let a = Tensor.zeros([2, 4, 3], on: .meta)
    #expect(Linalg.svd(a).u.shape == [2, 4, 4])
    #expect(Linalg.svd(a, fullMatrices: false).vh.shape == [2, 3, 3])
    #expect(Linalg.qr(a, mode: "complete").q.shape == [2, 4, 4])
    #expect(Linalg.luFactor(a).pivots.shape == [2, 3])
    #expect(Linalg.lstsq(a, Tensor.zeros([2, 4, 5], on: .meta)).solution.shape == [2, 3, 5])
    #expect(cdist(a, a).shape == [2, 4, 4])
    let square = Tensor.zeros([2, 3, 3], on: .meta)
    #expect(Linalg.eig(square).vectors.dtype == .complex64)
    #expect(Linalg.solve(square, Tensor.zeros([3, 2], on: .meta)).shape == [2, 3, 2])
  }

  @Test func whatPyTorchRefusesIsRefused() {
    let square = Tensor.ones([3, 3])
    let refused: [(String, () -> Tensor)] = [
      ("16 bits", { Linalg.inv(square.to(.float16)) }), ("not square", { Linalg.det(Tensor.ones([2, 3])) }),
      ("singular", { Linalg.inv(square) }), ("not positive", { Linalg.cholesky(-square) }),
      ("vector", { Linalg.svdvals(Tensor.ones([3])) }),
      ("integers", { Linalg.vectorNorm(Tensor([1, 2, 3])) }), ("dtypes", { Linalg.solve(square, square.to(.float64)) }),
      ("infinite", { Linalg.eigvals(square / 0) }), ("einsum", { einsum("ij,jk->iz", square, square) }),
      ("no elements", { Linalg.matrixNorm(Tensor.ones([0, 0]), .number(-2)) }), ("mm", { square.mm(Tensor.ones([3])) }),
      ("order", { Linalg.matrixNorm(square, .number(3)) }), ("pivot", { Linalg.lu(square, pivot: false).l }),
    ]
    for (what, call) in refused { #expect(throws: EmberError.self, "\(what)") { try catchingErrors { call() } } }
  }

  @Test func emptyMatricesAreNoException() {
    let empty = Tensor.zeros([0, 0])
    let wide = Tensor.zeros([0, 3])
    let batch = Tensor.zeros([0, 3, 3])
    #expect(Linalg.det(empty).item() == 1)
    #expect(Linalg.inv(batch).shape == [0, 3, 3])
    #expect(Linalg.svd(wide).vh.elements(as: Float.self) == Tensor.eye(3).elements(as: Float.self))
    #expect(Linalg.pinv(wide).shape == [3, 0])
    #expect(Linalg.eigh(batch).values.shape == [0, 3])
    #expect(Linalg.matrixExp(batch).shape == [0, 3, 3])
    #expect(cdist(wide, Tensor.zeros([2, 3])).shape == [0, 2])
  }
}
