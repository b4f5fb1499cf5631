import EmberRuntime

package struct Sort: VariadicOperation {
  package static let name = "sort"
  package let saved: SavedTensors = .output(1)
  package let dimension: Int
  package let descending: Bool
  package var undifferentiableOutputs: Set<Int> { [1] }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    if x.dtype.isComplex { throw EmberError(.dtype, in: "sort", "complex numbers have no order: \(x.summary)") }
    let axis = try DenseAxis(x, dimension, in: "sort")
    let values = try Tensor.empty(shape: x.body.shape, dtype: x.dtype, like: x)
    let indices = try Tensor.empty(shape: x.body.shape, dtype: .int64, like: x)
    if x.backend.holdsData, x.elementCount > 0 {
      try checkRan(
        x.backend.sort(axis.operand, descending: descending, values: values.operand, indices: indices.operand), Self.name, x, values)
    }
    return [values, indices]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    [gradients[0].map { scatterBack($0, context.output(1), context.inputShape(0), dimension, keeps: true) }]
  }
}

package struct TopK: VariadicOperation {
  package static let name = "topk"
  package let saved: SavedTensors = .output(1)
  package let k: Int
  package let dimension: Int
  package let largest: Bool
  package let sorted: Bool
  package var undifferentiableOutputs: Set<Int> { [1] }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    if x.dtype.isComplex { throw EmberError(.dtype, in: "topk", "complex numbers have no order: \(x.summary)") }
    let axis = try DenseAxis(x, dimension, in: "topk")
    // A tensor without dimensions has one element, which is all there is to return.
    let k = x.rank == 0 ? 1 : k
    guard self.k >= 0, self.k <= axis.operand.count else {
      throw EmberError(.index, in: "topk", "k = \(k) of \(axis.operand.count) elements along dimension \(dimension) of \(x.summary)")
    }
    let shape = x.rank == 0 ? Shape() : x.body.shape.replacing(axis.dimension, with: k)
    let values = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    let indices = try Tensor.empty(shape: shape, dtype: .int64, like: x)
    if x.backend.holdsData, values.elementCount > 0 {
      let ran = x.backend.topK(axis.operand, k: k, largest: largest, sorted: sorted, values: values.operand, indices: indices.operand)
      try checkRan(ran, Self.name, x, values)
    }
    return [values, indices]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    [gradients[0].map { scatterBack($0, context.output(1), context.inputShape(0), dimension, keeps: true) }]
  }
}

extension Tensor {
  /// Sorted values along a dimension, and where they came from. Stable; NaN counts as the largest.
  public func sort(_ dim: Int = -1, descending: Bool = false) -> (values: Tensor, indices: Tensor) {
    let all = apply(Sort(dimension: dim, descending: descending), [self], count: 2)
    return (all[0], all[1])
  }
  /// The positions that sort a dimension. Stable; NaN counts as the largest.
  public func argsort(_ dim: Int = -1, descending: Bool = false) -> Tensor { sort(dim, descending: descending).indices }

  /// The `k` largest (or smallest) elements along a dimension, and where they are; in order with `sorted`.
  public func topk(_ k: Int, dim: Int = -1, largest: Bool = true, sorted: Bool = true) -> (values: Tensor, indices: Tensor) {
    let all = apply(TopK(k: k, dimension: dim, largest: largest, sorted: sorted), [self], count: 2)
    return (all[0], all[1])
  }
}
