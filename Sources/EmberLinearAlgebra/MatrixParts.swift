import EmberRuntime
import EmberTensor

/// A diagonal of two dimensions as a view: they disappear, and the diagonal becomes the last dimension.
struct DiagonalView: UnaryOperation {
  static let name = "diagonal"
  let offset: Int
  let dimension1: Int
  let dimension2: Int

  func forward(_ x: Tensor) throws(EmberError) -> Tensor { x.diagonalView(self) }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(DiagonalBackward(diagonal: self, shape: context.inputShape(0)), gradient)
  }
}

/// Zeros with a diagonal filled in: the gradient of `DiagonalView`.
struct DiagonalBackward: UnaryOperation {
  static let name = "diagonal_backward"
  let diagonal: DiagonalView
  let shape: Shape

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let result = noGrad { Tensor.zeros(Array(shape), dtype: x.dtype, on: x.device) }
    if x.backend.holdsData, x.elementCount > 0 { x.backend.copy(x.operand, to: result.diagonalView(diagonal).operand) }
    return result
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { apply(diagonal, gradient) }
}

extension Tensor {
  fileprivate func diagonalView(_ diagonal: DiagonalView) -> Tensor {
    let (i, j, offset) = (diagonal.dimension1, diagonal.dimension2, diagonal.offset)
    let length = offset >= 0 ? Swift.min(shape[i], shape[j] - offset) : Swift.min(shape[i] + offset, shape[j])
    var extents = Shape()
    var steps = Strides()
    for k in 0..<rank where k != i && k != j {
      extents.append(shape[k])
      steps.append(strides[k])
    }
    extents.append(Swift.max(length, 0))
    steps.append(strides[i] + strides[j])
    let start = length <= 0 ? 0 : offset >= 0 ? offset * strides[j] : -offset * strides[i]
    return view(extents, steps, offset: storageOffset + start)
  }

  // MARK: Parts of the matrices in the last two dimensions

  /// The main diagonals, a view.
  var matrixDiagonal: Tensor {
    if isPoisoned { return self }
    return apply(DiagonalView(offset: 0, dimension1: rank - 2, dimension2: rank - 1), self)
  }

  /// Square matrices with the vectors in the last dimension on their diagonals.
  var asDiagonalMatrix: Tensor {
    if isPoisoned { return self }
    let diagonal = DiagonalView(offset: 0, dimension1: rank - 1, dimension2: rank)
    return apply(DiagonalBackward(diagonal: diagonal, shape: shape.appending(shape[-1])), self)
  }

  /// The elements on and below diagonal `k`, zeros above.
  func lowerPart(_ k: Int = 0) -> Tensor { part { $0 + k .>= $1 } }
  /// The elements on and above diagonal `k`, zeros below.
  func upperPart(_ k: Int = 0) -> Tensor { part { $0 + k .<= $1 } }

  private func part(_ keeps: (Tensor, Tensor) -> Tensor) -> Tensor {
    if isPoisoned { return self }
    let rows = Tensor.arange(shape[-2], on: device).unsqueeze(1)
    let columns = Tensor.arange(shape[-1], on: device).unsqueeze(0)
    // Chosen rather than multiplied: what is left out may be NaN.
    return maskedFill(!keeps(rows, columns), 0)
  }

  /// The conjugate transpose.
  var mH: Tensor { mT.conj() }

  /// Sums of the main diagonals.
  var matrixTrace: Tensor { matrixDiagonal.sum(-1, dtype: dtype) }

  /// An identity of the same dtype and device.
  func identity(_ n: Int) -> Tensor { Tensor.eye(n, dtype: dtype, on: device) }
}

extension Tensor {
  /// The sum of the diagonal of a matrix.
  ///
  /// Fails unless the tensor has two dimensions. Integers are summed as int64.
  public func trace() -> Tensor {
    compose("trace", [self]) { () throws(EmberError) in
      guard rank == 2 else { throw EmberError(.shape, in: "trace", "\(summary) is not a matrix") }
      guard dtype != .bool else { throw EmberError(.dtype, in: "trace", "\(summary): convert with .to(.int64)") }
      return matrixDiagonal.sum(-1)
    }
  }
}

extension Linalg {
  /// A diagonal of the matrices in dimensions `dim1` and `dim2`, as the last dimension of a view; `offset` > 0 lies above the main one.
  public static func diagonal(_ a: Tensor, offset: Int = 0, dim1: Int = -2, dim2: Int = -1) -> Tensor {
    compose("linalg.diagonal", [a]) { () throws(EmberError) in
      let i = try wrapDimension(dim1, a.rank, in: "linalg.diagonal")
      let j = try wrapDimension(dim2, a.rank, in: "linalg.diagonal")
      guard i != j, a.rank >= 2 else {
        throw EmberError(.value, in: "linalg.diagonal", "dimensions \(dim1) and \(dim2) of \(a.summary) are the same")
      }
      return apply(DiagonalView(offset: offset, dimension1: i, dimension2: j), a)
    }
  }
}

extension OperatorRegistry {
  mutating func addMatrixParts() {
    add("aten::trace(Tensor self) -> Tensor") { (x: Tensor) in x.trace() }
    add("aten::linalg_diagonal(Tensor A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor") {
      (a: Tensor, offset: Int, dim1: Int, dim2: Int) in Linalg.diagonal(a, offset: offset, dim1: dim1, dim2: dim2)
    }
  }
}
