import CEmberFunctional
import EmberRuntime
import EmberTensor

/// (Σ |x|ᵖ)^(1/p) along one dimension, with the limits p = ±∞ and the number of nonzero elements for p = 0.
struct RowNorm: UnaryOperation {
  static let name = "norm"
  let saved: SavedTensors = [.input0, .output]
  let p: Double
  let dimension: Int

  /// The dimension is kept with extent 1.
  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard x.dtype.isFloatingPoint || x.dtype.isComplex else {
      throw EmberError(.dtype, in: Self.name, "\(x.summary) is not floating point")
    }
    let isNarrow = x.dtype == .float16 || x.dtype == .bfloat16
    let a = (isNarrow ? x.to(.float32) : x).abs()
    let y: Tensor
    switch p {
    case 0: y = (a .!= 0).to(a.dtype).sum(dimension, keepDim: true)
    case 1: y = a.sum(dimension, keepDim: true)
    case 2: y = a.square().sum(dimension, keepDim: true).sqrt()
    case .infinity: y = a.amax([dimension], keepDim: true)
    case -.infinity: y = a.amin([dimension], keepDim: true)
    default: y = a.pow(.real(p)).sum(dimension, keepDim: true).pow(.real(1 / p))
    }
    return isNarrow ? y.to(x.dtype) : y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    Self.gradient(gradient, context.input(0), context.output(), p, dimension)
  }

  /// The gradient of x from that of its norm y. Where y is 0 it is 0; for p = ±∞ elements that tie share it.
  static func gradient(_ g: Tensor, _ x: Tensor, _ y: Tensor, _ p: Double, _ dimension: Int) -> Tensor {
    let isZero = y .== 0
    switch p {
    case 0: return Tensor.zeros(like: x)
    case 1: return x.direction() * g
    case 2: return (x * (g / y)).maskedFill(isZero, 0)
    case .infinity, -.infinity:
      let ties = (x.abs() .== y).to(y.dtype).detach()
      return x.direction() * (ties / ties.sum(dimension, keepDim: true) * g)
    default:
      if p < 1 {
        let powers = x.abs().pow(.real(p - 1)).maskedFill(x.abs() .== 0, 0)
        return x.direction() * powers * (g * y.pow(.real(1 - p)))
      }
      let scaled = g / y.pow(.real(p - 1))
      let powers = p < 2 ? x.direction() * x.abs().pow(.real(p - 1)) : x * x.abs().pow(.real(p - 2))
      return (powers * scaled).maskedFill(isZero, 0)
    }
  }
}

extension Tensor {
  /// x / |x|, 0 at 0: the sign, also of complex numbers.
  fileprivate func direction() -> Tensor {
    guard dtype.isComplex else { return sign() }
    let size = abs()
    return self / size.maskedFill(size .== 0, 1)
  }

  /// The p-norm along a dimension, which is kept with extent 1 if `keepDim`.
  func rowNorm(_ p: Double, _ dimension: Int, keepDim: Bool) -> Tensor {
    withDimension(dimension, "norm") { dimension in
      if rank == 0 { return unsqueeze(0).rowNorm(p, 0, keepDim: false) }
      let y = apply(RowNorm(p: p, dimension: dimension), self)
      return keepDim ? y : y.reshape(Array(shape[0..<dimension]) + Array(shape[(dimension + 1)...]))
    }
  }

  /// The p-norm of self - other + eps along the last dimension; shapes broadcast.
  public func pairwiseDistance(_ other: Tensor, p: Double = 2, eps: Double = 1e-6, keepDim: Bool = false) -> Tensor {
    (self - other + Scalar.real(eps)).rowNorm(p, -1, keepDim: keepDim)
  }

  /// The cosine of the angle between vectors along a dimension of the broadcast shape; norms count as at least `eps`.
  public func cosineSimilarity(_ other: Tensor, dim: Int = 1, eps: Double = 1e-8) -> Tensor {
    guard mayRunSlowly("cosine_similarity", [self, other]) else { return .poison }
    return attempt { () throws(EmberError) in
      let common = TypePromotion.promote(dtype, other.dtype)
      guard common.isFloatingPoint else {
        throw EmberError(.dtype, in: "cosine_similarity", "\(summary) and \(other.summary): one of them must be floating point")
      }
      guard eps >= 0 else { throw EmberError(.value, in: "cosine_similarity", "eps \(eps); it must not be negative") }
      guard let wide = shape.broadcast(with: other.shape) else {
        throw EmberError(.shape, in: "cosine_similarity", "\(summary) and \(other.summary) do not broadcast")
      }
      let dimension = try wrapDimension(dim, wide.rank, in: "cosine_similarity")
      // 16-bit inputs are rounded once, at the end.
      let computing: DType = common == .float64 ? .float64 : .float32
      func unit(_ x: Tensor) -> Tensor {
        let full = x.to(computing).expand(Array(wide))
        let size = full.rowNorm(2, dimension, keepDim: true)
        // The lower limit is not differentiated.
        let raised = size.detach().clamp(min: .real(eps)) - size.detach()
        return full / (size + raised)
      }
      let products = unit(self) * unit(other)
      return (wide.rank == 0 ? products : products.sum(dimension)).to(common)
    }
  }

  /// This tensor divided by its p-norm along a dimension, which counts as at least `eps`.
  public func normalize(p: Double = 2, dim: Int = 1, eps: Double = 1e-12) -> Tensor {
    let size = rank == 0 ? rowNorm(p, dim, keepDim: false) : rowNorm(p, dim, keepDim: true)
    return self / size.clamp(min: .real(eps))
  }

  /// The p-norms of the differences of all pairs of rows of [n, features], i < j in row-major order: n·(n - 1) / 2 numbers.
  public func pdist(p: Double = 2) -> Tensor {
    guard mayRun("pdist", self) else { return .poison }
    guard rank == 2, dtype == .float32 || dtype == .float64, p >= 0 else {
      raise(
        EmberError(
          rank == 2 && p >= 0 ? .dtype : .value, in: "pdist",
          "\(summary) with p = \(p): it takes a float32 or float64 matrix and p not negative"))
      return .poison
    }
    return apply(PairDistances(p: p), self)
  }
}

/// The distances of all pairs of rows.
struct PairDistances: UnaryOperation {
  static let name = "pdist"
  static let kernels = KernelTable<@Sendable (Tensor, Tensor, Double) -> Void>(
    name,
    cpu: { x, y, p in
      ember_pair_distances(Int32(x.dtype.rawValue), x.operand.pointer, y.operand.pointer, Int64(x.shape[0]), Int64(x.shape[1]), p)
    })
  let saved: SavedTensors = [.input0, .output]
  let p: Double

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let n = x.shape[0]
    let y = try Tensor.empty(shape: try checkedShape([n < 2 ? 0 : n * (n - 1) / 2], in: Self.name), dtype: x.dtype, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 { kernel(try x.dense(), y, p) }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let x = context.input(0), y = context.output()
    if context.isRecording {
      // Written out over the pairs, so that it can be differentiated again.
      let n = x.shape[0]
      let first = Tensor((0..<n).flatMap { i in Array(repeating: Int64(i), count: n - 1 - i) }, on: x.device)
      let second = Tensor((0..<n).flatMap { i in ((i + 1)..<max(n, i + 1)).map { Int64($0) } }, on: x.device)
      let difference = x.indexSelect(0, first) - x.indexSelect(0, second)
      let d = RowNorm.gradient(gradient.unsqueeze(1), difference, y.unsqueeze(1), p, 1)
      return Tensor.zeros(like: x).indexAdd(dim: 0, index: first, source: d).indexAdd(dim: 0, index: second, source: -d)
    }
    return attempt { () throws(EmberError) in
      let dx = try Tensor.empty(shape: x.shape, dtype: x.dtype, like: x)
      if let kernel = try Self.backwardKernels.kernel(on: x.device), dx.elementCount > 0 {
        kernel([try gradient.dense(), try x.dense(), try y.dense()], dx, p)
      }
      return dx
    }
  }

  /// Gradient, x and distances; the gradient of x; p.
  static let backwardKernels = KernelTable<@Sendable ([Tensor], Tensor, Double) -> Void>(
    "pdist_backward",
    cpu: { x, dx, p in
      ember_pair_distances_backward(
        Int32(dx.dtype.rawValue), x[0].operand.pointer, x[1].operand.pointer, x[2].operand.pointer, dx.operand.pointer, Int64(dx.shape[0]),
        Int64(dx.shape[1]), p)
    })
}

extension OperatorRegistry {
  mutating func addDistances() {
    add("aten::pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False) -> Tensor") {
      (a: Tensor, b: Tensor, p: Double, eps: Double, keepDim: Bool) in a.pairwiseDistance(b, p: p, eps: eps, keepDim: keepDim)
    }
    add("aten::cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor") {
      (a: Tensor, b: Tensor, dim: Int, eps: Double) in a.cosineSimilarity(b, dim: dim, eps: eps)
    }
    add("aten::pdist(Tensor self, float p=2) -> Tensor") { (x: Tensor, p: Double) in x.pdist(p: p) }
    add("torch.nn.functional.normalize(Tensor input, float p=2.0, int dim=1, float eps=1e-12, Tensor? out=None) -> Tensor") {
      (x: Tensor, p: Double, dim: Int, eps: Double, _: Tensor?) in x.normalize(p: p, dim: dim, eps: eps)
    }
  }
}
