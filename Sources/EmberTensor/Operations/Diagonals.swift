import EmberRuntime

/// A diagonal of two dimensions, which disappear; the diagonal becomes the last dimension. Shares memory.
package struct Diagonal: UnaryOperation {
  package static let name = "diagonal"
  /// 0 is the main diagonal, positive ones lie above it.
  package let offset: Int
  package let first: Int
  package let second: Int

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let (a, b) = try Self.wrapped(first, second, rank: x.rank, in: Self.name)
    let rows = x.body.shape[unchecked: a]
    let columns = x.body.shape[unchecked: b]
    let isOutside = offset >= columns || offset <= -rows
    let count = isOutside ? 0 : offset >= 0 ? min(rows, columns - offset) : min(rows + offset, columns)
    let start = isOutside ? 0 : offset >= 0 ? offset * x.body.strides[b] : -offset * x.body.strides[a]
    var shape = x.body.shape
    var strides = x.body.strides
    let step = strides[a] + strides[b]
    for dimension in [max(a, b), min(a, b)] {
      shape.remove(at: dimension)
      strides.remove(at: dimension)
    }
    shape.append(count)
    strides.append(step)
    return x.view(shape, strides, offset: x.body.offset + start)
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(ViewBackward(view: self, shape: context.inputShape(0)), gradient)
  }

  static func wrapped(_ first: Int, _ second: Int, rank: Int, in operation: String) throws(EmberError) -> (Int, Int) {
    guard rank >= 2 else {
      throw EmberError(.shape, in: operation, "a tensor with \(rank) dimensions has no diagonal; it must have two or more")
    }
    let a = try wrapDimension(first, rank, in: operation)
    let b = try wrapDimension(second, rank, in: operation)
    if a == b { throw EmberError(.value, in: operation, "dimensions \(first) and \(second) are the same one") }
    return (a, b)
  }
}

extension Tensor {
  /// The elements (i, i + offset) of two dimensions, which disappear; they become the last dimension. Shares memory.
  public func diagonal(offset: Int = 0, dim1: Int = 0, dim2: Int = 1) -> Tensor {
    apply(Diagonal(offset: offset, first: dim1, second: dim2), self)
  }

  /// Square matrices, zero but for the last dimension of this tensor on a diagonal. The matrices' dimensions are `dim1` and `dim2`
  /// of the result, which has one dimension more.
  public func diagEmbed(offset: Int = 0, dim1: Int = -2, dim2: Int = -1) -> Tensor {
    guard mayRun("diag_embed", self) else { return .poison }
    return attempt { () throws(EmberError) in
      guard rank > 0 else {
        throw EmberError(.shape, in: "diag_embed", "\(summary) has no dimension to put on a diagonal; reshape it to [1]")
      }
      guard rank < maximumRank else {
        throw EmberError(.shape, in: "diag_embed", "of \(summary) the result would have more than \(maximumRank) dimensions")
      }
      let (a, b) = try Diagonal.wrapped(dim1, dim2, rank: rank + 1, in: "diag_embed")
      let (extent, overflow) = body.shape[unchecked: rank - 1].addingReportingOverflow(Int(clamping: offset.magnitude))
      var extents = Array(body.shape.dropLast())
      for dimension in [a, b].sorted() { extents.insert(overflow ? .max : extent, at: dimension) }
      let shape = try checkedShape(extents, in: "diag_embed")
      return EmberTensor.apply(ViewBackward(view: Diagonal(offset: offset, first: a, second: b), shape: shape), self)
    }
  }

  /// Of a vector the matrix with it on a diagonal, of a matrix that diagonal.
  public func diag(_ diagonal: Int = 0) -> Tensor {
    switch rank {
    case 1: diagEmbed(offset: diagonal)
    case 2: self.diagonal(offset: diagonal)
    default: refuse(.shape, "diag", "\(summary) is neither a vector nor a matrix; use diagonal or diagEmbed for batches", beside: self)
    }
  }

  /// The matrix with all elements of this tensor, in row-major order, on a diagonal.
  public func diagflat(offset: Int = 0) -> Tensor { flatten().diagEmbed(offset: offset) }

  /// Matrices with zeros above a diagonal. The last two dimensions are rows and columns.
  public func tril(_ diagonal: Int = 0) -> Tensor { triangle("tril", diagonal) { column, edge in column .> edge } }

  /// Matrices with zeros below a diagonal.
  public func triu(_ diagonal: Int = 0) -> Tensor { triangle("triu", diagonal) { column, edge in column .< edge } }

  private func triangle(_ operation: String, _ diagonal: Int, _ isCleared: (Tensor, Tensor) -> Tensor) -> Tensor {
    guard rank >= 2 || isPoisoned else { return refuse(.shape, operation, "\(summary) has fewer than two dimensions", beside: self) }
    if isPoisoned { return self }
    let rows = size(-2)
    let columns = size(-1)
    // Beyond the corners all diagonals are alike.
    let offset = Swift.min(Swift.max(diagonal, -rows - 1), columns + 1)
    let edge = (Tensor.arange(rows, on: device) + offset).unsqueeze(1)
    return maskedFill(isCleared(Tensor.arange(columns, on: device).unsqueeze(0), edge), 0)
  }

  /// This tensor with a diagonal (see `diagonal`) replaced by `source`.
  public func diagonalScatter(_ source: Tensor, offset: Int = 0, dim1: Int = 0, dim2: Int = 1) -> Tensor {
    apply(ViewScatter(view: Diagonal(offset: offset, first: dim1, second: dim2)), self, source)
  }
}

extension OperatorRegistry {
  mutating func addDiagonals() {
    for name in ["diagonal", "diagonal_copy"] {
      add("aten::\(name)(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)") {
        (x: Tensor, offset: Int, first: Int, second: Int) in x.diagonal(offset: offset, dim1: first, dim2: second)
      }
    }
    add("aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor") {
      (x: Tensor, offset: Int, first: Int, second: Int) in x.diagEmbed(offset: offset, dim1: first, dim2: second)
    }
    add("aten::diag(Tensor self, int diagonal=0) -> Tensor") { (x: Tensor, diagonal: Int) in x.diag(diagonal) }
    add("aten::diagflat(Tensor self, int offset=0) -> Tensor") { (x: Tensor, offset: Int) in x.diagflat(offset: offset) }
    add("aten::tril(Tensor self, int diagonal=0) -> Tensor") { (x: Tensor, diagonal: Int) in x.tril(diagonal) }
    add("aten::triu(Tensor self, int diagonal=0) -> Tensor") { (x: Tensor, diagonal: Int) in x.triu(diagonal) }
    add("aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor") {
      (x: Tensor, source: Tensor, offset: Int, first: Int, second: Int) in
      x.diagonalScatter(source, offset: offset, dim1: first, dim2: second)
    }
  }
}
