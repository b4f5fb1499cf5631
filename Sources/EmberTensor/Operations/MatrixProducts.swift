import EmberRuntime

/// beta · base + alpha · a·b for matrices or batches of matrices, added while the product is in registers.
///
/// `base` broadcasts to the result and is not read if beta is 0, so that NaN in it does not matter.
package struct AddMatMul: VariadicOperation {
  package static let name = "addmm"
  package let saved: SavedTensors = [.input1, .input(2)]
  package let beta: Double
  package let alpha: Double

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let base = inputs[0]!
    let a = inputs[1]!
    let b = inputs[2]!
    let batch = Shape(a.body.shape.dropLast(2))
    let (m, k, n) = (a.body.shape[-2], a.body.shape[-1], b.body.shape[-1])
    let shape = batch.appending(m).appending(n)
    let source = try Expand(shape: Array(shape)).forward(base)
    let result = try Tensor.empty(shape: shape, dtype: a.dtype, like: a)
    guard a.backend.holdsData, result.elementCount > 0 else { return [result] }
    if beta != 0 { a.backend.copy(source.operand, to: result.operand) }
    let left = try BatchedMatrix(a, batch)
    let right = try BatchedMatrix(b, batch)
    var product = MatrixProduct(
      dtype: a.dtype, batch: batch.elementCount, rows: m, columns: n, depth: k, a: left.tensor.body.pointer,
      aStrides: (left.batchStride, left.rowStride, left.columnStride), b: right.tensor.body.pointer,
      bStrides: (right.batchStride, right.rowStride, right.columnStride), output: result.body.pointer)
    product.alpha = alpha
    product.beta = beta
    a.backend.matmul(product)
    withExtendedLifetime((left, right)) {}
    return [result]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil, nil] }
    func scaled(_ x: Tensor, _ factor: Double) -> Tensor { factor == 1 ? x : x * factor }
    return [
      context.needs(0) ? scaled(g, beta).sum(to: context.inputShape(0)) : nil,
      context.needs(1) ? scaled(apply(MatMul(), g, context.input(2).mT.conj()), alpha) : nil,
      context.needs(2) ? scaled(apply(MatMul(), context.input(1).mT.conj(), g), alpha) : nil,
    ]
  }
}

/// Checks dtypes and numbers of dimensions of the operands of a product.
private func checkProduct(_ operation: String, _ operands: (Tensor, rank: Int)...) throws(EmberError) {
  let list = operands.map(\.0.summary).joined(separator: ", ")
  for (tensor, rank) in operands where tensor.rank != rank {
    throw EmberError(
      .shape, in: operation, "\(list): the operands must have \(operands.map { "\($0.rank)" }.joined(separator: " and ")) dimensions")
  }
  for (tensor, _) in operands where tensor.dtype != operands[0].0.dtype {
    throw EmberError(.dtype, in: operation, "\(list) differ in dtype; convert them to one with .to(dtype)")
  }
  if operands[0].0.dtype == .bool { throw EmberError(.dtype, in: operation, "products of bool are not defined; convert with .to(.int64)") }
}

extension Tensor {
  /// The product of two matrices, [m, k] and [k, n].
  public func mm(_ other: Tensor) -> Tensor {
    product("mm", other, { () throws(EmberError) in try checkProduct("mm", (self, 2), (other, 2)) }) { apply(MatMul(), self, other) }
  }

  /// Products of the matrices of two batches, [b, m, k] and [b, k, n]; batches do not broadcast.
  public func bmm(_ other: Tensor) -> Tensor {
    product(
      "bmm", other,
      { () throws(EmberError) in
        try checkProduct("bmm", (self, 3), (other, 3))
        guard self.shape[0] == other.shape[0] else {
          throw EmberError(.shape, in: "bmm", "\(self.summary) and \(other.summary): the batches must be equal; matmul broadcasts them")
        }
      }
    ) { apply(MatMul(), self, other) }
  }

  /// A matrix times a vector, [m, k] and [k].
  public func mv(_ vector: Tensor) -> Tensor {
    product("mv", vector, { () throws(EmberError) in try checkProduct("mv", (self, 2), (vector, 1)) }) { self.matmul(vector) }
  }

  /// The sum of the products of two vectors' elements. Complex elements are not conjugated.
  public func dot(_ other: Tensor) -> Tensor {
    product(
      "dot", other,
      { () throws(EmberError) in
        try checkProduct("dot", (self, 1), (other, 1))
        guard self.elementCount == other.elementCount else {
          throw EmberError(.shape, in: "dot", "\(self.summary) and \(other.summary): the vectors must have the same length")
        }
      }
    ) { autocast(enabled: false) { self.matmul(other) } }
  }

  /// The inner product of two vectors, with this one conjugated.
  public func vdot(_ other: Tensor) -> Tensor { conj().dot(other) }

  private func product(_ name: String, _ other: Tensor, _ check: () throws(EmberError) -> Void, _ body: () -> Tensor) -> Tensor {
    guard mayRun(name, self), mayRun(name, other) else { return .poison }
    return attempt { () throws(EmberError) in
      try check()
      return body()
    }
  }

  /// beta · self + alpha · a·b for matrices a [m, k] and b [k, n]; self broadcasts to [m, n] and is not read if beta is 0.
  public func addmm(_ a: Tensor, _ b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
    addProduct("addmm", rank: 2, a, b, beta, alpha)
  }

  /// beta · self + alpha · a·b, matrix by matrix of two batches [b, m, k] and [b, k, n].
  public func baddbmm(_ a: Tensor, _ b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
    addProduct("baddbmm", rank: 3, a, b, beta, alpha)
  }

  /// beta · self + alpha · Σ aᵢ·bᵢ over the matrices of two batches [b, m, k] and [b, k, n].
  public func addbmm(_ a: Tensor, _ b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
    guard mayRun("addbmm", self), mayRun("addbmm", a), mayRun("addbmm", b) else { return .poison }
    return attempt { () throws(EmberError) in
      try checkProduct("addbmm", (a, 3), (b, 3))
      guard a.shape[0] == b.shape[0], a.shape[2] == b.shape[1] else {
        throw EmberError(.shape, in: "addbmm", "\(a.summary) and \(b.summary): batches, and inner extents, must be equal")
      }
      // One product whose depth runs through the batch.
      let depth = a.shape[0] * a.shape[2]
      let rows = a.permute(1, 0, 2).reshape([a.shape[1], depth])
      return addProduct("addbmm", rank: 2, rows, b.reshape([depth, b.shape[2]]), beta, alpha)
    }
  }

  /// beta · self + alpha · matrix·vector.
  public func addmv(_ matrix: Tensor, _ vector: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
    guard mayRun("addmv", self), mayRun("addmv", matrix), mayRun("addmv", vector) else { return .poison }
    return attempt { () throws(EmberError) in
      try checkProduct("addmv", (matrix, 2), (vector, 1))
      guard matrix.shape[1] == vector.shape[0] else {
        throw EmberError(
          .shape, in: "addmv", "\(matrix.summary) and \(vector.summary): the matrix needs as many columns as the vector has elements")
      }
      guard rank <= 1 else { throw EmberError(.shape, in: "addmv", "\(summary) is added to a vector; it must have at most one dimension") }
      let column = rank == 0 ? self : unsqueeze(1)
      return column.addProduct("addmv", rank: 2, matrix, vector.unsqueeze(1), beta, alpha).reshape([matrix.shape[0]])
    }
  }

  /// beta · self + alpha · the outer product of two vectors. For bool, with "or" and "and".
  public func addr(_ a: Tensor, _ b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
    guard mayRun("addr", self), mayRun("addr", a), mayRun("addr", b) else { return .poison }
    return attempt { () throws(EmberError) in
      guard a.rank == 1, b.rank == 1 else { throw EmberError(.shape, in: "addr", "\(a.summary) and \(b.summary) must be vectors") }
      guard shape.broadcast(with: [a.shape[0], b.shape[0]]) == [a.shape[0], b.shape[0]] as Shape else {
        throw EmberError(.shape, in: "addr", "\(summary) does not broadcast to [\(a.shape[0]), \(b.shape[0])]")
      }
      let target = TypePromotion.promote(dtype, TypePromotion.promote(a.dtype, b.dtype))
      try checkFactors("addr", target, beta, alpha)
      let outer = a.unsqueeze(1) * b.unsqueeze(0)
      if target == .bool {
        let scaled = alpha.isTrue ? outer : Tensor.zeros(like: outer)
        return beta.isTrue ? self | scaled : scaled
      }
      let scaled = alpha == 1 ? outer : outer.to(target) * alpha
      if !beta.isTrue { return scaled.to(target) }
      // Factors are applied in the result's dtype: -1 times a uint8 is negative.
      return ((beta == 1 ? self : to(target) * beta) + scaled).to(target)
    }
  }

  /// The products of every element of one vector with every element of another, [n, m].
  public func outer(_ other: Tensor) -> Tensor {
    guard mayRun("outer", self), mayRun("outer", other) else { return .poison }
    return attempt { () throws(EmberError) in
      guard rank == 1, other.rank == 1 else { throw EmberError(.shape, in: "outer", "\(summary) and \(other.summary) must be vectors") }
      return unsqueeze(1) * other.unsqueeze(0)
    }
  }

  /// Factors of an integer result must be integers.
  private func checkFactors(_ operation: String, _ dtype: DType, _ factors: Scalar...) throws(EmberError) {
    for factor in factors where factor.category > dtype.category && !(dtype == .bool && factor.category == .integer) {
      throw EmberError(.dtype, in: operation, "beta and alpha must be of the kind of \(dtype), not \(factor)")
    }
  }

  private func addProduct(_ name: String, rank: Int, _ a: Tensor, _ b: Tensor, _ beta: Scalar, _ alpha: Scalar) -> Tensor {
    guard mayRun(name, self), mayRun(name, a), mayRun(name, b) else { return .poison }
    return attempt { () throws(EmberError) in
      try checkProduct(name, (a, rank), (b, rank))
      guard dtype == a.dtype else { throw EmberError(.dtype, in: name, "\(summary), \(a.summary) and \(b.summary) must have one dtype") }
      guard a.shape[-1] == b.shape[-2], Array(a.shape.dropLast(2)) == Array(b.shape.dropLast(2)) else {
        throw EmberError(
          .shape, in: name,
          "\(a.summary) and \(b.summary): the columns of the first must be as many as the rows of the second, and batches equal")
      }
      try checkFactors(name, dtype, beta, alpha)
      let isReal = beta.category < .complex && alpha.category < .complex
      if isReal { return apply(AddMatMul(beta: beta.doubleValue, alpha: alpha.doubleValue), [self, a, b])[0] }
      let product = apply(MatMul(), a, b) * alpha
      let base = expand(Array(product.shape))
      return beta.isTrue ? base * beta + product : product
    }
  }
}

extension OperatorRegistry {
  mutating func addSimpleProducts() {
    add("aten::mm(Tensor self, Tensor mat2) -> Tensor") { (a: Tensor, b: Tensor) in a.mm(b) }
    add("aten::bmm(Tensor self, Tensor mat2) -> Tensor") { (a: Tensor, b: Tensor) in a.bmm(b) }
    add("aten::mv(Tensor self, Tensor vec) -> Tensor") { (a: Tensor, b: Tensor) in a.mv(b) }
    add("aten::dot(Tensor self, Tensor tensor) -> Tensor") { (a: Tensor, b: Tensor) in a.dot(b) }
    add("aten::vdot(Tensor self, Tensor other) -> Tensor") { (a: Tensor, b: Tensor) in a.vdot(b) }
    add("aten::outer(Tensor self, Tensor vec2) -> Tensor") { (a: Tensor, b: Tensor) in a.outer(b) }
    add("aten::ger(Tensor self, Tensor vec2) -> Tensor") { (a: Tensor, b: Tensor) in a.outer(b) }
    add("aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
      (x: Tensor, a: Tensor, b: Tensor, beta: Scalar, alpha: Scalar) in x.addmm(a, b, beta: beta, alpha: alpha)
    }
    add("aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
      (x: Tensor, a: Tensor, b: Tensor, beta: Scalar, alpha: Scalar) in x.baddbmm(a, b, beta: beta, alpha: alpha)
    }
    add("aten::addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
      (x: Tensor, a: Tensor, b: Tensor, beta: Scalar, alpha: Scalar) in x.addbmm(a, b, beta: beta, alpha: alpha)
    }
    add("aten::addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
      (x: Tensor, a: Tensor, b: Tensor, beta: Scalar, alpha: Scalar) in x.addmv(a, b, beta: beta, alpha: alpha)
    }
    add("aten::addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
      (x: Tensor, a: Tensor, b: Tensor, beta: Scalar, alpha: Scalar) in x.addr(a, b, beta: beta, alpha: alpha)
    }
  }
}
