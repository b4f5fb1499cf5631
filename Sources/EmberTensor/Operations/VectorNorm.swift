import EmberRuntime

/// (Σ |x|ᵖ)^(1/p) over dimensions; for p = 0 the number of nonzero elements, for ±∞ the largest or smallest magnitude.
package struct VectorNorm: UnaryOperation {
  package static let name = "vector_norm"
  package let saved: SavedTensors = [.input0, .output]
  package let p: Double
  package let dimensions: [Int]
  package let keepsDimensions: Bool

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard x.dtype.category >= .floatingPoint else {
      throw EmberError(.dtype, in: "vector_norm", "\(x.summary) is neither floating point nor complex; convert with .to(.float32)")
    }
    let plan = try ReductionPlan(x, dimensions, in: "vector_norm")
    if plan.operand.count == 0, p < 0 || p == .infinity, plan.reduced.elementCount > 0 {
      throw EmberError(.shape, in: "vector_norm", "the norm of order \(p) of no elements is not defined: \(x.summary)")
    }
    let y = try Tensor.empty(shape: keepsDimensions ? plan.kept : plan.reduced, dtype: x.dtype.realType, like: x)
    if x.backend.holdsData, y.elementCount > 0 {
      try checkRan(x.backend.norm(plan.operand, p: p, into: y.operand), "vector_norm", x, y)
    }
    return y
  }

  /// Where the norm is 0 (or, for ±∞, among equals) a subgradient: 0, or an even share.
  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let x = context.input(0)
    if p == 0 { return Tensor.zeros(like: x) }
    var kept = Array(x.shape)
    let reduced = dimensions.isEmpty ? Array(0..<x.rank) : dimensions.map { $0 < 0 ? $0 + max(x.rank, 1) : $0 }
    for i in reduced where i < x.rank { kept[i] = 1 }
    let g = gradient.reshape(kept)
    let y = context.output().reshape(kept)
    let size = x.abs()
    // Zeros are replaced before they would divide: an infinity that is masked afterwards is NaN in the next derivative.
    let isZero = size .== 0, safeSize = size.maskedFill(isZero, 1)
    let vanishes = y .== 0, norm = y.maskedFill(vanishes, 1)
    // x / |x|, and 0 for 0.
    let direction = x.dtype.isComplex ? x / safeSize : x.sign()
    switch p {
    case 1: return g * direction
    case 2: return x * (g / norm).maskedFill(vanishes, 0)
    case .infinity, -.infinity:
      let isExtreme = (size .== y) | (size.isNaN & y.isNaN)
      let share = isExtreme.to(g.dtype)
      return direction * (g * share / share.sum(reduced, keepDim: true))
    case ..<1:
      return direction * safeSize.pow(.real(p - 1)).maskedFill(isZero, 0) * (g * y.pow(.real(1 - p)))
    case ..<2:
      return direction * size.pow(.real(p - 1)) * (g * norm.pow(.real(1 - p))).maskedFill(vanishes, 0)
    default:
      return x * size.pow(.real(p - 2)) * (g / norm.pow(.real(p - 1))).maskedFill(vanishes, 0)
    }
  }
}

extension Tensor {
  /// The p-norm of the elements along `dims` (empty: of all), (Σ |x|ᵖ)^(1/p); a real number also for complex tensors.
  ///
  /// `dtype` converts first. Orders: any number, ±∞ (largest or smallest magnitude), 0 (number of nonzero elements).
  public func vectorNorm(_ p: Double = 2, _ dims: [Int] = [], keepDim: Bool = false, dtype: DType? = nil) -> Tensor {
    apply(VectorNorm(p: p, dimensions: dims, keepsDimensions: keepDim), dtype.map { to($0) } ?? self)
  }
}
