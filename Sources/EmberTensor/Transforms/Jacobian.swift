import EmberRuntime

/// How a Jacobian is built.
public enum DifferentiationMode: Sendable {
  /// A row per output element: for more inputs than outputs.
  case reverse
  /// A column per input element: for more outputs than inputs.
  case forward
}

/// The derivatives of all elements of `function`'s result by all elements of `x`: shape [result..., x...].
///
/// - Parameter chunkSize: at most so many rows (columns) at once, which bounds memory.
public func jacobian(
  _ function: (Tensor) -> Tensor, at x: Tensor, mode: DifferentiationMode = .reverse, chunkSize: Int? = nil
) -> Tensor {
  jacobian({ function($0[0]) }, at: [x], mode: mode, chunkSize: chunkSize)[0]
}

/// One Jacobian per input. All rows (columns) run as one batch through the derivatives.
public func jacobian(
  _ function: ([Tensor]) -> Tensor, at inputs: [Tensor], mode: DifferentiationMode = .reverse, chunkSize: Int? = nil
) -> [Tensor] {
  differentiating(inputs) { leaves, isNested in
    let all: [Tensor]
    switch mode {
    case .reverse: all = jacobianRows(of: function(leaves), with: leaves, keepsGraph: isNested, chunkSize)
    case .forward: all = jacobianColumns(ReverseProduct(function, leaves), leaves, keepsGraph: isNested, chunkSize)
    }
    return isNested ? all : all.map { $0.detach() }
  }
}

/// The second derivatives of `function`, which returns a single number: shape [x..., x...].
public func hessian(_ function: (Tensor) -> Tensor, at x: Tensor, chunkSize: Int? = nil) -> Tensor {
  hessian({ function($0[0]) }, at: [x], chunkSize: chunkSize)[0][0]
}

/// The second derivatives by each pair of inputs: entry [i][j] has shape [input i..., input j...].
public func hessian(_ function: ([Tensor]) -> Tensor, at inputs: [Tensor], chunkSize: Int? = nil) -> [[Tensor]] {
  differentiating(inputs) { leaves, isNested in
    let value = function(leaves)
    let gradients = value.node == nil ? leaves.map { Tensor.zeros(like: $0) } : grad(of: [value], with: leaves, createGraph: true)
    return gradients.map { gradient in
      let rows = jacobianRows(of: gradient, with: leaves, keepsGraph: isNested, chunkSize)
      return isNested ? rows : rows.map { $0.detach() }
    }
  }
}

/// One unit tensor of the shape of `x` for each of its elements.
private func units(like x: Tensor) -> Tensor {
  Tensor.eye(x.elementCount, dtype: x.dtype, on: x.device).reshape([x.elementCount] + Array(x.shape))
}

private func jacobianRows(of value: Tensor, with leaves: [Tensor], keepsGraph: Bool, _ chunkSize: Int?) -> [Tensor] {
  if value.isPoisoned { return leaves.map { _ in .poison } }
  guard value.node != nil, value.elementCount > 0 else {
    return leaves.map { Tensor.zeros(Array(value.shape) + Array($0.shape), dtype: $0.dtype, on: $0.device) }
  }
  let rows = vmap([units(like: value)], chunkSize: chunkSize) {
    grad(of: [value], with: leaves, gradients: [$0[0]], retainGraph: true, createGraph: keepsGraph)
  }
  return zip(rows, leaves).map { $0.isPoisoned ? $0 : $0.reshape(Array(value.shape) + Array($1.shape)) }
}

private func jacobianColumns(_ linear: ReverseProduct, _ leaves: [Tensor], keepsGraph: Bool, _ chunkSize: Int?) -> [Tensor] {
  let value = linear.value
  return leaves.indices.map { i in
    let leaf = leaves[i]
    if value.isPoisoned || leaf.isPoisoned { return .poison }
    let shape = Array(value.shape) + Array(leaf.shape)
    guard leaf.elementCount > 0 else { return Tensor.zeros(shape, dtype: value.dtype, on: value.device) }
    let columns = vmap([units(like: leaf)], chunkSize: chunkSize) { tangent in
      [linear.transposed(leaves.indices.map { $0 == i ? tangent[0] : nil }, keepsGraph: keepsGraph)]
    }[0]
    if columns.isPoisoned { return columns }
    return columns.reshape(leaf.elementCount, value.elementCount).t().reshape(shape)
  }
}
