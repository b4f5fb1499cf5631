import EmberRuntime
import EmberTensor

/// X of A·X = B, or of X·A = B, for triangular A; the other triangle is not read. Batches broadcast.
struct SolveTriangular: BinaryOperation {
  static let name = "linalg.solve_triangular"
  let upper: Bool
  let left: Bool
  let unit: Bool
  let saved: SavedTensors = [.input0, .output]

  func forward(_ a: Tensor, _ b: Tensor) throws(EmberError) -> Tensor {
    try checkMatrices(Self.name, a, square: true)
    try checkMatrices(Self.name, b)
    try checkSameDType(Self.name, a, b)
    guard a.shape[-1] == b.shape[left ? -2 : -1], let batch = batchShape(a).broadcast(with: batchShape(b)) else {
      throw EmberError(.shape, in: Self.name, "\(a.summary) and \(b.summary): extents and batches do not fit A·X = B (left) or X·A = B")
    }
    let target = batch.appending(b.shape[-2]).appending(b.shape[-1])
    let x = try columnMajorCopy(noGrad { b.value.expand(Array(target)) })
    if let kernel = try kernels(for: a), x.elementCount > 0 {
      let matrix = try columnMajorCopy(noGrad { a.value.expand(Array(batch) + [a.shape[-2], a.shape[-1]]) })
      try kernel.triangular(matrix, x, left: left, upper: upper, transpose: "N", unit: unit)
    }
    return noGrad { x.mT }
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let a = context.input(0)
    let x = context.output()
    let g = apply(SolveTriangular(upper: !upper, left: left, unit: unit), a.mH, gradient)
    var toA: Tensor?
    if context.needs(0) {
      let full = left ? -g.matmul(x.mH) : -x.mH.matmul(g)
      toA = (upper ? full.upperPart(unit ? 1 : 0) : full.lowerPart(unit ? -1 : 0)).sum(to: context.inputShape(0))
    }
    return (toA, context.needs(1) ? g.sum(to: context.inputShape(1)) : nil)
  }
}

/// X of A·X = B (left) or X·A = B, and the factors of A that it was computed with: LU, pivots, info.
struct Solve: VariadicOperation {
  static let name = "linalg.solve"
  let left: Bool
  let saved: SavedTensors = [.input0, .output(0), .output(1), .output(2)]
  var undifferentiableOutputs: Set<Int> { [1, 2, 3] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    let b = inputs[1]!
    guard let batch = batchShape(a).broadcast(with: batchShape(b)), a.shape[-1] == b.shape[left ? -2 : -1] else {
      throw EmberError(.shape, in: Self.name, "\(a.summary) and \(b.summary): extents and batches do not fit A·X = B (left) or X·A = B")
    }
    let factors = try LUFactor().forward([a])
    let target = Array(batch) + [b.shape[-2], b.shape[-1]]
    let wide = noGrad { b.value.expand(target) }
    let x = try luSolved(factors[0], factors[1], noGrad { left ? wide : wide.mT }, batch, transpose: left ? "N" : "T")
    return [noGrad { left ? x : x.mT }] + factors
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil] }
    let x = context.output(0)
    let toB: Tensor
    if context.isRecordingDerivative {
      toB = apply(Solve(left: left), [context.input(0).mH, g], count: 4)[0]
    } else {
      // The factors are there already.
      let lu = context.output(1)
      let pivots = context.output(2)
      let conjugates = !left && g.dtype.isComplex
      // X·Aᴴ = G is Ā·Xᵀ = Gᵀ, or A·Xᴴ = Gᴴ.
      let right = left ? g : conjugates ? g.mH : g.mT
      toB = compose(Self.name, [g]) { () throws(EmberError) in
        let y = try luSolved(lu, pivots, right, Shape(g.shape.dropLast(2)), transpose: left ? "C" : "N")
        return left ? y : conjugates ? y.mH : y.mT
      }
    }
    let toA = context.needs(0) ? (left ? -toB.matmul(x.mH) : -x.mH.matmul(toB)).sum(to: context.inputShape(0)) : nil
    return [toA, context.needs(1) ? toB.sum(to: context.inputShape(1)) : nil]
  }
}

/// Solves with given factors, which broadcast to `batch`; B has that batch. No history.
func luSolved(_ lu: Tensor, _ pivots: Tensor, _ b: Tensor, _ batch: Shape, transpose: Character) throws(EmberError) -> Tensor {
  let x = try columnMajorCopy(b.value)
  if let kernel = try kernels(for: lu), x.elementCount > 0 {
    let n = lu.shape[-1]
    let factors = try columnMajorCopy(noGrad { lu.value.expand(Array(batch) + [n, n]) })
    let order = try noGrad { pivots.value.expand(Array(batch) + [n]) }.dense()
    try kernel.luSolve(factors, pivots: order, x, transpose: transpose)
  }
  return noGrad { x.mT }
}

/// A⁻¹, and info.
struct Inverse: VariadicOperation {
  static let name = "linalg.inv"
  let saved: SavedTensors = .output(0)
  var undifferentiableOutputs: Set<Int> { [1] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    try checkMatrices(Self.name, a, square: true)
    let factors = try LUFactor().forward([a])
    let identity = noGrad { a.identity(a.shape[-1]).expand(Array(a.shape)) }
    return [try luSolved(factors[0], factors[1], identity, batchShape(a), transpose: "N"), factors[2]]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil] }
    let adjoint = context.output(0).mH
    return [-adjoint.matmul(g).matmul(adjoint)]
  }
}

/// X of L·Lᴴ·X = B, or with `upper` of Uᴴ·U·X = B.
struct CholeskySolve: BinaryOperation {
  static let name = "cholesky_solve"
  let upper: Bool
  let saved: SavedTensors = [.input1, .output]

  func forward(_ b: Tensor, _ factor: Tensor) throws(EmberError) -> Tensor {
    try checkMatrices(Self.name, factor, square: true)
    try checkMatrices(Self.name, b)
    let lower = noGrad { upper ? factor.mH : factor }
    let half = try SolveTriangular(upper: false, left: true, unit: false).forward(lower, b)
    return try SolveTriangular(upper: true, left: true, unit: false).forward(noGrad { lower.mH }, half)
  }

  /// The factor counts as any matrix whose product with its adjoint is A: its gradient is not a triangle.
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let factor = context.input(1)
    let x = context.output()
    let g = gradient.choleskySolve(factor, upper: upper)
    var toFactor: Tensor?
    if context.needs(1) {
      let product = g.matmul(x.mH)
      let both = product + product.mH
      toFactor = (upper ? -factor.matmul(both) : -both.matmul(factor)).sum(to: context.inputShape(1))
    }
    return (context.needs(0) ? g.sum(to: context.inputShape(0)) : nil, toFactor)
  }
}

private func singular(_ code: Int) -> String { "the matrix is singular: element \(code) of the diagonal of U is zero" }

/// Whether B holds vectors rather than matrices, as PyTorch decides.
private func isVector(_ a: Tensor, _ b: Tensor) -> Bool {
  b.rank == 1 || (a.rank - 1 == b.rank && Shape(a.shape.dropLast()) == b.shape)
}

extension Linalg {
  /// X of A·X = B, or of X·A = B if not `left`, for square A. B is a vector, a batch of vectors, or matrices; batches broadcast.
  /// Fails if A is singular.
  public static func solve(_ a: Tensor, _ b: Tensor, left: Bool = true) -> Tensor { solveEx(a, b, left: left, checkErrors: true).result }

  /// As `solve`; `info` is not 0 where A is singular, and fails only if `checkErrors`.
  public static func solveEx(_ a: Tensor, _ b: Tensor, left: Bool = true, checkErrors: Bool = false) -> (result: Tensor, info: Tensor) {
    let results = compose("linalg.solve", count: 2, [a, b]) { () throws(EmberError) in
      let (x, _, _, info) = try solveWithFactors(a, b, left: left)
      if checkErrors { try checkInfo("linalg.solve", info, singular) }
      return [x, info]
    }
    return (results[0], results[1])
  }

  static func solveWithFactors(
    _ a: Tensor, _ b: Tensor, left: Bool
  ) throws(EmberError) -> (x: Tensor, lu: Tensor, pivots: Tensor, info: Tensor) {
    try checkMatrices("linalg.solve", a, square: true)
    try checkSameDType("linalg.solve", a, b)
    guard b.rank >= 1 else { throw EmberError(.shape, in: "linalg.solve", "\(b.summary) must have at least one dimension") }
    let vector = isVector(a, b)
    guard left || !vector else { throw EmberError(.shape, in: "linalg.solve", "\(b.summary): X·A = B needs matrices, not vectors") }
    let all = apply(Solve(left: left), [a, vector ? b.unsqueeze(-1) : b], count: 4)
    return (vector ? all[0].select(-1, 0) : all[0], all[1], all[2], all[3])
  }

  /// The inverse. Fails if a matrix is singular.
  public static func inv(_ a: Tensor) -> Tensor { invEx(a, checkErrors: true).inverse }

  public static func invEx(_ a: Tensor, checkErrors: Bool = false) -> (inverse: Tensor, info: Tensor) {
    let results = compose("linalg.inv", count: 2, [a]) { () throws(EmberError) in
      let all = apply(Inverse(), [a], count: 2)
      if checkErrors { try checkInfo("linalg.inv", all[1], singular) }
      return all
    }
    return (results[0], results[1])
  }

  /// X of A·X = B (`left`) or X·A = B for triangular A; the other triangle, and with `unitriangular` the diagonal, is not read.
  public static func solveTriangular(_ a: Tensor, _ b: Tensor, upper: Bool, left: Bool = true, unitriangular: Bool = false) -> Tensor {
    apply(SolveTriangular(upper: upper, left: left, unit: unitriangular), a, b)
  }

  /// X of A·X = B from the factors of A that `luFactor` gave; `adjoint`: of Aᴴ·X = B; not `left`: of X·A = B.
  public static func luSolve(_ lu: Tensor, _ pivots: Tensor, _ b: Tensor, left: Bool = true, adjoint: Bool = false) -> Tensor {
    composeMemberwise("linalg.lu_solve", [lu, pivots, b]) { inputs throws(EmberError) in
      let (lu, pivots, b) = (inputs[0]!, inputs[1]!, inputs[2]!)
      try checkMatrices("linalg.lu_solve", lu, square: true)
      try checkMatrices("linalg.lu_solve", b)
      try checkSameDType("linalg.lu_solve", lu, b)
      let n = lu.shape[-1]
      guard pivots.dtype == .int32, pivots.shape == Shape(lu.shape.dropLast()) else {
        throw EmberError(.shape, in: "linalg.lu_solve", "pivots \(pivots.summary) do not belong to factors \(lu.summary)")
      }
      guard b.shape[left ? -2 : -1] == n, let batch = batchShape(lu).broadcast(with: batchShape(b)) else {
        throw EmberError(.shape, in: "linalg.lu_solve", "\(lu.summary) and \(b.summary) do not fit")
      }
      let needsHistory = isGradEnabled && (lu.requiresGrad || b.requiresGrad)
      let wide = b.expand(Array(batch) + [b.shape[-2], b.shape[-1]])
      if !needsHistory, left { return try luSolved(lu, pivots, wide, batch, transpose: adjoint ? "C" : "N") }
      // A = P·L·U, and each factor by itself.
      func lower(_ m: Tensor, _ x: Tensor) -> Tensor { solveTriangular(m, x, upper: false, left: left, unitriangular: true) }
      func upper(_ m: Tensor, _ x: Tensor) -> Tensor { solveTriangular(m, x, upper: true, left: left) }
      func lowerAdjoint(_ x: Tensor) -> Tensor { solveTriangular(lu.mH, x, upper: true, left: left, unitriangular: true) }
      func upperAdjoint(_ x: Tensor) -> Tensor { solveTriangular(lu.mH, x, upper: false, left: left) }
      let order = try rowOrder(pivots, n)
      switch (left, adjoint) {
      case (true, false): return upper(lu, lower(lu, permutedRows(wide, order)))
      case (true, true): return permutedRows(lowerAdjoint(upperAdjoint(wide)), inverse(order))
      // X·P·L·U = B: X·P = (B·U⁻¹)·L⁻¹.
      case (false, false): return permutedRows(lower(lu, upper(lu, wide)).mT, inverse(order)).mT
      // X·Uᴴ·Lᴴ·Pᴴ = B: X·Uᴴ·Lᴴ = B·P.
      case (false, true): return upperAdjoint(lowerAdjoint(permutedRows(wide.mT, order).mT))
      }
    }
  }

  /// X of A·X = B for tensors: A's first dimensions, as many as B has, are rows; `dims` of A are moved to the end first.
  public static func tensorsolve(_ a: Tensor, _ b: Tensor, dims: [Int]? = nil) -> Tensor {
    compose("linalg.tensorsolve", [a, b]) { () throws(EmberError) in
      var moved = a
      if let dims {
        var last: [Int] = []
        for dim in dims { last.append(try wrapDimension(dim, a.rank, in: "linalg.tensorsolve")) }
        moved = a.permute((0..<a.rank).filter { !last.contains($0) } + last)
      }
      guard moved.rank >= b.rank else {
        throw EmberError(.shape, in: "linalg.tensorsolve", "\(a.summary) has fewer dimensions than \(b.summary)")
      }
      let result = Array(moved.shape.dropFirst(b.rank))
      let n = b.elementCount
      guard result.reduce(1, *) == n, moved.elementCount == n * n else {
        throw EmberError(.shape, in: "linalg.tensorsolve", "\(moved.summary) is not square for a right side of \(n) elements, \(b.summary)")
      }
      return solve(moved.reshape([n, n]), b.reshape([n])).reshape(result)
    }
  }

  /// The inverse of a tensor as a map from its last dimensions to its first `ind`.
  public static func tensorinv(_ a: Tensor, ind: Int = 2) -> Tensor {
    compose("linalg.tensorinv", [a]) { () throws(EmberError) in
      guard ind > 0, ind <= a.rank else {
        throw EmberError(.value, in: "linalg.tensorinv", "ind is \(ind) for \(a.summary); it must be positive")
      }
      let rows = Array(a.shape[0..<ind])
      let columns = Array(a.shape[ind...])
      let n = rows.reduce(1, *)
      guard columns.reduce(1, *) == n else {
        throw EmberError(.shape, in: "linalg.tensorinv", "\(a.summary) is not square at dimension \(ind): \(rows) and \(columns)")
      }
      return inv(a.reshape([n, n])).reshape(columns + rows)
    }
  }
}

extension Tensor {
  /// X of A·X = B from Cholesky's factor of A; self is B.
  public func choleskySolve(_ factor: Tensor, upper: Bool = false) -> Tensor { apply(CholeskySolve(upper: upper), self, factor) }

  /// A⁻¹ from Cholesky's factor of A.
  public func choleskyInverse(upper: Bool = false) -> Tensor {
    compose("cholesky_inverse", [self]) { () throws(EmberError) in
      try checkMatrices("cholesky_inverse", self, square: true)
      return identity(shape[-1]).expand(Array(shape)).choleskySolve(self, upper: upper)
    }
  }

  /// X of A·X = B for triangular A (or Aᵀ); self is B. Returns a clone of A as well.
  public func triangularSolve(
    _ a: Tensor, upper: Bool = true, transpose: Bool = false, unitriangular: Bool = false
  ) -> (solution: Tensor, coefficient: Tensor) {
    let x = Linalg.solveTriangular(transpose ? a.mT : a, self, upper: upper != transpose, unitriangular: unitriangular)
    let batch = x.isPoisoned || x.rank < 2 ? [] : Array(x.shape.dropLast(2))
    return (x, x.isPoisoned ? .poison : a.expand(batch + Array(a.shape.suffix(2))).clone())
  }
}

extension OperatorRegistry {
  mutating func addSystems() {
    add("aten::linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor") { (a: Tensor, b: Tensor, left: Bool) in
      Linalg.solve(a, b, left: left)
    }
    add("aten::linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)") {
      (a: Tensor, b: Tensor, left: Bool, check: Bool) in
      let (x, info) = Linalg.solveEx(a, b, left: left, checkErrors: check)
      return (x, info)
    }
    for name in ["linalg_inv", "inverse"] {
      add("aten::\(name)(Tensor \(name == "inverse" ? "self" : "A")) -> Tensor") { (a: Tensor) in Linalg.inv(a) }
    }
    add("aten::linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)") { (a: Tensor, check: Bool) in
      let (inverse, info) = Linalg.invEx(a, checkErrors: check)
      return (inverse, info)
    }
    add("aten::linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor") {
      (a: Tensor, b: Tensor, upper: Bool, left: Bool, unit: Bool) in
      Linalg.solveTriangular(a, b, upper: upper, left: left, unitriangular: unit)
    }
    add("aten::linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor") {
      (lu: Tensor, pivots: Tensor, b: Tensor, left: Bool, adjoint: Bool) in Linalg.luSolve(lu, pivots, b, left: left, adjoint: adjoint)
    }
    add("aten::lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor") { (b: Tensor, lu: Tensor, pivots: Tensor) in
      Linalg.luSolve(lu, pivots, b)
    }
    add("aten::linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor") { (a: Tensor, b: Tensor, dims: [Int]?) in
      Linalg.tensorsolve(a, b, dims: dims)
    }
    add("aten::linalg_tensorinv(Tensor self, int ind=2) -> Tensor") { (a: Tensor, ind: Int) in Linalg.tensorinv(a, ind: ind) }
    add("aten::cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor") { (b: Tensor, factor: Tensor, upper: Bool) in
      b.choleskySolve(factor, upper: upper)
    }
    add("aten::cholesky_inverse(Tensor self, bool upper=False) -> Tensor") { (factor: Tensor, upper: Bool) in
      factor.choleskyInverse(upper: upper)
    }
    add(
      "aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False)"
        + " -> (Tensor solution, Tensor cloned_coefficient)"
    ) { (b: Tensor, a: Tensor, upper: Bool, transpose: Bool, unit: Bool) in
      let (x, coefficient) = b.triangularSolve(a, upper: upper, transpose: transpose, unitriangular: unit)
      return (x, coefficient)
    }
  }
}
