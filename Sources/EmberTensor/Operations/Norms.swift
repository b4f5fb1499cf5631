import EmberRuntime

extension Tensor {
  /// The Euclidean norm of all elements.
  public func norm() -> Tensor { norm(2) }

  /// The p-norm over dimensions, of all elements if none is given: (Σ|x|^p)^(1/p). p = 0 counts the nonzero elements, ±infinity
  /// takes the extreme magnitude. Real also for complex tensors.
  public func norm(_ p: Double, _ dims: [Int] = [], keepDim: Bool = false) -> Tensor {
    vectorNorm(p, dims, keepDim: keepDim)
  }

  /// The slices along a dimension scaled down so that none has a p-norm above `maximum`.
  public func renorm(_ p: Double, dim: Int, maximum: Double) -> Tensor {
    if isPoisoned { return self }
    guard rank >= 2, p > 0, maximum >= 0, dtype.isDifferentiable else {
      return refuse(
        .value, "renorm", "p = \(p), maximum \(maximum) of \(summary); it needs two dimensions, a positive p and a maximum of 0 or more",
        beside: self)
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
