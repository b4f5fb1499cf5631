import EmberRuntime

/// The p-norm over some dimensions: (Σ|x|^p)^(1/p); 0 counts nonzero elements, infinities take the extreme magnitude.
struct VectorNorm: UnaryOperation {
  static let name = "norm"
  let saved: SavedTensors = [.input0, .output]
  let power: Double
  let dimensions: [Int]
  let keepsDimensions: Bool

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard x.dtype.isDifferentiable else {
      throw EmberError(.dtype, in: Self.name, "\(x.summary) is not floating point; convert with .to(.float32)")
    }
    let plan = try ReductionPlan(x, dimensions, in: Self.name)
    if plan.operand.count == 0, plan.reduced.elementCount > 0, power < 0 || power.isInfinite {
      throw EmberError(
        .shape, in: Self.name, "\(x.summary) has no elements along dimensions \(plan.dimensions), which a norm of order \(power) needs")
    }
    let y = try Tensor.empty(shape: keepsDimensions ? plan.kept : plan.reduced, dtype: x.dtype.realType, like: x)
    if x.backend.holdsData, y.elementCount > 0 { x.backend.norm(plan.operand, p: power, into: y.operand) }
    return y
  }

  /// x/|x| · (|x|/‖x‖)^(p-1), and 0 where the norm has no derivative.
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let x = context.input(0)
    var kept = Array(x.shape)
    for dimension in dimensions.isEmpty ? Array(0..<x.rank) : dimensions where x.rank > 0 {
      kept[dimension < 0 ? dimension + x.rank : dimension] = 1
    }
    let g = gradient.reshape(kept)
    let y = context.output().reshape(kept)
    // Of a complex number its direction, of a real one its sign.
    func direction() -> Tensor { x.dtype.isComplex ? (x / x.abs()).maskedFill(x .== 0, 0) : x.sign() }
    if power == 0 { return Tensor.zeros(like: x) }
    if power == 1 { return direction() * g }
    if power == 2 { return x * (g / y).maskedFill(y .== 0, 0) }
    let magnitude = x.abs()
    if power.isInfinite {
      let isExtreme = (magnitude .== y) | (magnitude.isNaN & y.isNaN)
      let count = isExtreme.sum(dimensions, keepDim: true)
      return direction() * (g / count) * isExtreme.to(g.dtype)
    }
    if power < 1 {
      return direction() * magnitude.pow(.real(power - 1)).maskedFill(x .== 0, 0) * g * y.pow(.real(1 - power))
    }
    let scale = (g / y.pow(.real(power - 1))).maskedFill(y .== 0, 0)
    if power < 2 { return direction() * magnitude.pow(.real(power - 1)) * scale }
    return x * magnitude.pow(.real(power - 2)) * scale
  }
}

extension Tensor {
  /// The Euclidean norm of all elements.
  public func norm() -> Tensor { norm(2) }

  /// The p-norm over dimensions, of all elements if none is given: (Σ|x|^p)^(1/p). p = 0 counts the nonzero elements, ±infinity
  /// takes the extreme magnitude. Real also for complex tensors.
  public func norm(_ p: Double, _ dims: [Int] = [], keepDim: Bool = false) -> Tensor {
    apply(VectorNorm(power: p, dimensions: dims, keepsDimensions: keepDim), self)
  }

  /// The slices along a dimension scaled down so that none has a p-norm above `maximum`.
  public func renorm(_ p: Double, dim: Int, maximum: Double) -> Tensor {
    if isPoisoned { return self }
    guard rank >= 2, p > 0, maximum >= 0, dtype.isDifferentiable else {
      return refused(
        .value, "renorm", "p = \(p), maximum \(maximum) of \(summary); it needs two dimensions, a positive p and a maximum of 0 or more")
    }
    return withDimension(dim, "renorm") { dim in
      let norms = norm(p, (0..<rank).filter { $0 != dim }, keepDim: true)
      // The small number is PyTorch's.
      let factor = Pointwise.choose(norms .> .real(maximum), maximum / (norms + 1e-7), Tensor.ones([], dtype: norms.dtype, on: device))
      return self * factor
    }
  }
}

extension OperatorRegistry {
  mutating func addNorms() {
    add("aten::renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor") { (x: Tensor, p: Scalar, dim: Int, maximum: Scalar) in
      x.renorm(p.doubleValue, dim: dim, maximum: maximum.doubleValue)
    }
  }
}
