import EmberRuntime

package struct Concatenate: VariadicOperation {
  package static let name = "cat"
  package let dimension: Int

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    func decides(_ x: Tensor?) -> Bool { x.map { $0.rank > 0 && !($0.rank == 1 && $0.elementCount == 0) } ?? false }
    guard case let first?? = inputs.first(where: decides) ?? inputs.first(where: { $0 != nil }) else {
      throw EmberError(.value, in: "cat", "an empty list; give at least one tensor")
    }
    guard first.rank > 0 else { throw EmberError(.shape, in: "cat", "0-dimensional tensors have no dimension to join along; use stack") }
    let dimension = try wrapDimension(self.dimension, first.rank, in: "cat")
    var promotion = PromotionAccumulator()
    var total = 0
    for i in inputs.indices {
      guard let x = inputs[i] else { continue }
      promotion.add(x.dtype, isZeroDimensional: false)
      // PyTorch lets one-dimensional empty tensors join anything.
      if x.rank == 1, x.elementCount == 0, first.rank != 1 { continue }
      guard x.rank == first.rank,
        (0..<first.rank).allSatisfy({ $0 == dimension || x.body.shape[unchecked: $0] == first.body.shape[unchecked: $0] })
      else {
        throw EmberError(
          .shape, in: "cat",
          "tensor \(i) is \(x.summary), another \(first.summary); all extents but that of dimension \(dimension) must agree")
      }
      total += x.body.shape[unchecked: dimension]
    }
    let result = try Tensor.empty(shape: first.body.shape.replacing(dimension, with: total), dtype: promotion.result(), like: first)
    var start = 0
    let target = result.operand
    for case let x? in inputs where x.rank == first.rank {
      let extent = x.body.shape[unchecked: dimension]
      if extent > 0, x.backend.holdsData { x.backend.copy(x.operand, to: target.part(dimension, start: start, count: extent)) }
      start += extent
    }
    return [result]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let gradient = gradients[0] else { return [] }
    let dimension = self.dimension < 0 ? self.dimension + gradient.rank : self.dimension
    var start = 0
    return (0..<context.inputCount).map { i in
      let shape = context.inputShape(i)
      guard shape.rank == gradient.rank else { return Tensor.zeros(Array(shape), dtype: gradient.dtype, on: gradient.device) }
      defer { start += shape[dimension] }
      guard context.needs(i) else { return nil }
      return gradient.narrow(dimension, start: start, length: shape[dimension]).to(context.inputDType(i))
    }
  }
}

/// Joins tensors along an existing dimension. Dtypes promote; vectors without elements are left out.
public func cat(_ tensors: [Tensor], dim: Int = 0) -> Tensor { apply(Concatenate(dimension: dim), tensors)[0] }

/// Joins tensors of one shape along a new dimension.
public func stack(_ tensors: [Tensor], dim: Int = 0) -> Tensor {
  for tensor in tensors.dropFirst() where tensor.shape != tensors[0].shape {
    return refuse(.shape, "stack", "\(tensor.summary) among tensors of shape \(tensors[0].shape); all shapes must be equal", beside: tensor)
  }
  return cat(tensors.map { $0.unsqueeze(dim) }, dim: dim)
}

/// Joins columns side by side: along dimension 1, vectors along their only one.
public func hstack(_ tensors: [Tensor]) -> Tensor {
  let all = tensors.map { $0.atLeast1D() }
  return cat(all, dim: all.first?.rank == 1 ? 0 : 1)
}

/// Joins rows one below the other: along dimension 0; vectors are rows.
public func vstack(_ tensors: [Tensor]) -> Tensor { cat(tensors.map { $0.atLeast2D() }) }

/// Joins along dimension 2, after `atLeast3D`.
public func dstack(_ tensors: [Tensor]) -> Tensor { cat(tensors.map { $0.atLeast3D() }, dim: 2) }

/// Joins columns: as `hstack`, but vectors are columns.
public func columnStack(_ tensors: [Tensor]) -> Tensor { hstack(tensors.map { $0.rank <= 1 ? $0.reshape([$0.elementCount, 1]) : $0 }) }

/// The matrix with the given matrices along its diagonal and zeros elsewhere. Vectors and numbers count as rows.
public func blockDiag(_ blocks: [Tensor]) -> Tensor {
  var rows: [Tensor] = []
  for block in blocks where block.rank > 2 {
    return refuse(.shape, "block_diag", "\(block.summary) has more than two dimensions", beside: block)
  }
  let matrices = blocks.map { $0.atLeast2D() }
  let width = matrices.reduce(0) { $0 + $1.size(1) }
  var promotion = PromotionAccumulator()
  for block in blocks { promotion.add(block.dtype, isZeroDimensional: false) }
  let dtype = promotion.result()
  var start = 0
  for matrix in matrices {
    let end = start + matrix.size(1)
    func zeros(_ columns: Int) -> Tensor { Tensor.zeros([matrix.size(0), columns], dtype: dtype, on: matrix.device) }
    rows.append(cat([zeros(start), matrix, zeros(width - end)], dim: 1))
    start = end
  }
  return rows.isEmpty ? Tensor.zeros([1, 0]) : cat(rows)
}

extension Tensor {
  /// A vector of one element if this has no dimension, else itself.
  public func atLeast1D() -> Tensor { rank == 0 ? reshape([1]) : self }
  /// With dimensions put before its own until there are two.
  public func atLeast2D() -> Tensor { rank < 2 ? reshape([1, elementCount]) : self }
  /// With dimensions put around its own until there are three: a vector becomes [1, n, 1], a matrix [m, n, 1].
  public func atLeast3D() -> Tensor { rank < 2 ? reshape([1, elementCount, 1]) : rank == 2 ? unsqueeze(-1) : self }
}

/// What `out=` variants make of the tensor that was to be written: the result, if it could have been written there.
///
/// - Parameter mayConvert: whether the result may be of another dtype of the same or a lower category.
func written(_ result: Tensor, to out: Tensor, in operation: String, mayConvert: Bool = false) throws(EmberError) -> Tensor {
  if result.isPoisoned || out.isPoisoned { return .poison }
  guard mayConvert ? result.dtype.category <= out.dtype.category : result.dtype == out.dtype else {
    throw EmberError(.dtype, in: operation, "a result of dtype \(result.dtype) cannot be written to \(out.summary)")
  }
  if StorageLayout(shape: out.body.shape, strides: out.body.strides, offset: 0).mayOverlap {
    throw EmberError(.value, in: operation, "several elements of out, \(out.summary), lie at one place of its memory; give a dense tensor")
  }
  return result.to(out.dtype)
}

extension OperatorRegistry {
  mutating func addJoining() {
    for name in ["cat", "concat", "concatenate"] {
      add("aten::\(name)(Tensor[] tensors, int dim=0) -> Tensor") { (tensors: [Tensor], dim: Int) in cat(tensors, dim: dim) }
    }
    add("aten::cat.out(Tensor[] tensors, int dim=0, *, Tensor(a!) out) -> Tensor(a!)") { (tensors: [Tensor], dim: Int, out: Tensor) in
      try written(cat(tensors, dim: dim), to: out, in: "cat", mayConvert: true)
    }
    add("aten::stack(Tensor[] tensors, int dim=0) -> Tensor") { (tensors: [Tensor], dim: Int) in stack(tensors, dim: dim) }
    add("aten::hstack(Tensor[] tensors) -> Tensor") { (tensors: [Tensor]) in hstack(tensors) }
    add("aten::vstack(Tensor[] tensors) -> Tensor") { (tensors: [Tensor]) in vstack(tensors) }
    add("aten::row_stack(Tensor[] tensors) -> Tensor") { (tensors: [Tensor]) in vstack(tensors) }
    add("aten::dstack(Tensor[] tensors) -> Tensor") { (tensors: [Tensor]) in dstack(tensors) }
    add("aten::column_stack(Tensor[] tensors) -> Tensor") { (tensors: [Tensor]) in columnStack(tensors) }
    add("aten::block_diag(Tensor[] tensors) -> Tensor") { (tensors: [Tensor]) in blockDiag(tensors) }
    for (digit, function) in [
      ("1", { @Sendable x in x.atLeast1D() }), ("2", { @Sendable x in x.atLeast2D() }), ("3", { @Sendable x in x.atLeast3D() }),
    ] as [(String, @Sendable (Tensor) -> Tensor)] {
      // One tensor, several, or a list of them.
      add("torch.atleast_\(digit)d(Any tensors) -> Tensor[]") { (tensors: OperatorValue) in tensors.tensors.map { function($0) } }
      add("aten::atleast_\(digit)d(Tensor self) -> Tensor") { (x: Tensor) in function(x) }
      add("aten::atleast_\(digit)d.Sequence(Tensor[] tensors) -> Tensor[]") { (tensors: [Tensor]) in tensors.map { function($0) } }
    }
  }
}
