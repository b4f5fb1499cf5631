import EmberRuntime
import EmberTensor

/// LAPACK's ways to solve least squares.
public enum LeastSquaresDriver: String, Sendable {
  /// QR with column pivoting: any rank; the default.
  case gelsy
  /// QR: full rank only.
  case gels
  /// Singular values, by divide and conquer or by QR iteration: any rank, the most robust.
  case gelsd, gelss

  fileprivate var letter: Character { self == .gels ? "l" : rawValue.last! }
}

/// X that minimizes ‖A·X - B‖; residuals, rank, singular values, info.
private struct LeastSquares: VariadicOperation {
  static let name = "linalg.lstsq"
  let driver: LeastSquaresDriver
  let rcond: Double
  let saved: SavedTensors = [.input0, .input1, .output(0)]
  var undifferentiableOutputs: Set<Int> { [2, 3, 4] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let a = inputs[0]!
    let b = inputs[1]!
    let (m, n, k) = (a.shape[-2], a.shape[-1], b.shape[-1])
    let batch = batchShape(b)
    let real = a.dtype.realType
    func nothing(_ dtype: DType) -> Tensor { noGrad { Tensor.empty([0], dtype: dtype, on: a.device) } }
    // B has room for X, which may have more rows.
    let rows = max(m, n)
    let room = noGrad { rows == m ? b : cat([b, Tensor.zeros(Array(batch) + [rows - m, k], dtype: b.dtype, on: b.device)], dim: -2) }
    let work = try columnMajorCopy(a)
    let x = try columnMajorCopy(room)
    let info = try zeroInfo(b)
    let rank = try zeros(batch, .int32, like: a)
    let singularValues = try Tensor.empty(shape: batch.appending(min(m, n)), dtype: real, like: a)
    if let kernel = try kernels(for: a), a.elementCount > 0, x.elementCount > 0 {
      try kernel.leastSquares(
        work, x, rows: rows, driver: driver.letter, rcond: rcond, rank: rank, singularValues: singularValues, info: info)
    }
    let ranks = noGrad { rank.to(.int64) }
    let all = noGrad { x.mT }
    let solution = noGrad {
      m == 0 ? Tensor.zeros(Array(batch) + [n, k], dtype: a.dtype, on: a.device) : all.narrow(-2, start: 0, length: n)
    }
    // What the orthogonal transformation left below X is the residual, if the columns of A are independent.
    let givesValues = driver == .gelsd || driver == .gelss
    let isWhole = !givesValues || !a.backend.holdsData || noGrad { (ranks .== Scalar.integer(Int64(n))).all().item(as: Bool.self) }
    let residuals =
      m > n && isWhole && driver != .gelsy
      ? noGrad { all.narrow(-2, start: n, length: m - n).abs().square().sum(-2) } : nothing(real)
    return [solution, residuals, driver == .gels ? nothing(.int64) : ranks, givesValues ? singularValues : nothing(real), info]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let a = context.input(0)
    let b = context.input(1)
    let x = context.output(0)
    var toA: Tensor?
    var toB: Tensor?
    func add(_ value: Tensor, to sum: inout Tensor?) { sum = sum.map { $0 + value } ?? value }
    if let g = gradients[0] {
      // X = A⁺·B
      let p = Linalg.pinv(a)
      add(p.mH.matmul(g), to: &toB)
      if context.needs(0) { add(pseudoInverseGradient(a, p, g.matmul(b.mH)), to: &toA) }
    }
    if let g = gradients[1], g.elementCount > 0 {
      // The residual's own change with X vanishes at the minimum.
      let weighted = (a.matmul(x) - b) * (g * 2).unsqueeze(-2)
      if context.needs(0) { add(weighted.matmul(x.mH), to: &toA) }
      add(-weighted, to: &toB)
    }
    return [context.needs(0) ? toA : nil, context.needs(1) ? toB : nil]
  }
}

extension Linalg {
  /// X that minimizes ‖A·X - B‖ for matrices A [m, n] of any shape, B a vector, vectors or matrices; batches broadcast.
  ///
  /// - Parameter rcond: what is smaller than rcond times the largest counts as zero.
  /// - Returns: the solution; the squared residuals of each column if m > n and the rank is full (not of `gelsy`), else nothing;
  ///   the rank (not of `gels`); the singular values (of `gelsd` and `gelss`).
  public static func lstsq(
    _ a: Tensor, _ b: Tensor, rcond: Double? = nil, driver: LeastSquaresDriver = .gelsy
  ) -> (solution: Tensor, residuals: Tensor, rank: Tensor, singularValues: Tensor) {
    let all = compose("linalg.lstsq", count: 4, [a, b]) { () throws(EmberError) in
      try checkMatrices("linalg.lstsq", a)
      try checkSameDType("linalg.lstsq", a, b)
      guard b.rank >= 1, b.rank <= a.rank, a.rank - b.rank <= 1 else {
        throw EmberError(.shape, in: "linalg.lstsq", "\(b.summary) must have as many dimensions as \(a.summary), or one less for vectors")
      }
      let vector = a.rank - 1 == b.rank && Shape(a.shape.dropLast()) == b.shape || b.rank == 1
      let right = vector ? b.unsqueeze(-1) : b
      guard right.rank >= 2, right.shape[-2] == a.shape[-2], let batch = batchShape(a).broadcast(with: batchShape(right)) else {
        throw EmberError(
          .shape, in: "linalg.lstsq", "\(a.summary) and \(b.summary): A and B must have equally many rows, and batches that broadcast")
      }
      let (m, n) = (a.shape[-2], a.shape[-1])
      let precision = a.dtype.realType == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)
      let all = apply(
        LeastSquares(driver: driver, rcond: rcond ?? precision * Double(max(m, n))),
        [a.expand(Array(batch) + [m, n]), right.expand(Array(batch) + [m, right.shape[-1]])], count: 5)
      try checkInfo("linalg.lstsq", all[4]) { "the least squares were not found (\($0)); A may not have full rank, or may contain NaN" }
      return [vector ? all[0].select(-1, 0) : all[0]] + all[1...3]
    }
    return (all[0], all[1], all[2], all[3])
  }
}

// MARK: - Of low rank

extension Linalg {
  /// Orthonormal columns that nearly span the range of A (Halko, Martinsson and Tropp, Finding structure with randomness, 2009,
  /// algorithm 4.4, with an orthogonalization after every product).
  static func approximateBasis(_ a: Tensor, _ count: Int, _ iterations: Int) -> Tensor {
    let random: Tensor
    if a.dtype.isComplex {
      let parts = (0..<2).map { _ in Tensor.randn([a.size(-1), count], dtype: a.dtype.realType, on: a.device) }
      random = Pointwise.makeComplex(parts[0], parts[1])
    } else {
      random = Tensor.randn([a.size(-1), count], dtype: a.dtype, on: a.device)
    }
    var basis = qr(a.matmul(random)).q
    for _ in 0..<iterations {
      basis = qr(a.mH.matmul(basis)).q
      basis = qr(a.matmul(basis)).q
    }
    return basis
  }
}

extension Tensor {
  /// U, S and V of a matrix A ≈ U·diag(S)·Vᴴ of low rank, at most `rank` columns; of A - `mean` if that is given. Random.
  public func svdLowRank(_ rank: Int = 6, iterations: Int = 2, mean: Tensor? = nil) -> (u: Tensor, s: Tensor, v: Tensor) {
    let all = compose("svd_lowrank", count: 3, [self, mean]) { () throws(EmberError) in
      try checkMatrices("svd_lowrank", self)
      guard rank >= 0, iterations >= 0 else {
        throw EmberError(.value, in: "svd_lowrank", "rank \(rank) and \(iterations) iterations must not be negative")
      }
      let centred = mean.map { self - $0 } ?? self
      let isWide = centred.shape[-2] < centred.shape[-1]
      let a = isWide ? centred.mH : centred
      let basis = Linalg.approximateBasis(a, rank, iterations)
      let (u, s, vh) = Linalg.svd(basis.mH.matmul(a), fullMatrices: false)
      let left = basis.matmul(u)
      return isWide ? [vh.mH, s, left] : [left, s, vh.mH]
    }
    return (all[0], all[1], all[2])
  }

  /// The principal components of the rows, as `svdLowRank`; by default six, or as many as there are. `center` takes the mean away.
  public func pcaLowRank(_ rank: Int? = nil, center: Bool = true, iterations: Int = 2) -> (u: Tensor, s: Tensor, v: Tensor) {
    let all = compose("pca_lowrank", count: 3, [self]) { () throws(EmberError) in
      try checkMatrices("pca_lowrank", self)
      let most = Swift.min(shape[-1], shape[-2])
      let rank = rank ?? Swift.min(6, most)
      guard rank >= 0, rank <= most else {
        throw EmberError(.value, in: "pca_lowrank", "rank \(rank) of \(summary); allowed are 0...\(most)")
      }
      let centred = center ? self - mean([-2], keepDim: true) : self
      let (u, s, v) = centred.svdLowRank(rank, iterations: iterations)
      return [u, s, v]
    }
    return (all[0], all[1], all[2])
  }
}

extension OperatorRegistry {
  mutating func addLeastSquares() {
    add(
      "aten::linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None)"
        + " -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)"
    ) { (a: Tensor, b: Tensor, rcond: Double?, driver: String?) throws in
      guard let chosen = LeastSquaresDriver(rawValue: driver ?? "gelsy") else {
        throw EmberError(.value, in: "linalg.lstsq", "there is no driver \(driver ?? ""); there are gels, gelsy, gelsd and gelss")
      }
      let (solution, residuals, rank, values) = Linalg.lstsq(a, b, rcond: rcond, driver: chosen)
      return (solution, residuals, rank, values)
    }
    add("torch.svd_lowrank(Tensor A, int? q=6, int? niter=2, Tensor? M=None) -> (Tensor U, Tensor S, Tensor V)") {
      (a: Tensor, rank: Int?, iterations: Int?, mean: Tensor?) in
      let (u, s, v) = a.svdLowRank(rank ?? 6, iterations: iterations ?? 2, mean: mean)
      return (u, s, v)
    }
    add("torch.pca_lowrank(Tensor A, int? q=None, bool center=True, int niter=2) -> (Tensor U, Tensor S, Tensor V)") {
      (a: Tensor, rank: Int?, center: Bool, iterations: Int) in
      let (u, s, v) = a.pcaLowRank(rank, center: center, iterations: iterations)
      return (u, s, v)
    }
  }
}
