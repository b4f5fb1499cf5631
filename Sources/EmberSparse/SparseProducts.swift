import EmberRuntime
import EmberTensor

extension SparseTensor {
  /// How `matmul` combines the products of a row.
  public enum RowReduction: String, Sendable {
    case sum, mean, amax, amin
  }

  /// This matrix times a dense one, [m, k] by [k, n]; with `reduction` the products of the stored elements of each row are combined in
  /// another way than by their sum. Rows without stored elements give 0.
  public func matmul(_ other: Tensor, _ reduction: RowReduction = .sum) throws(EmberError) -> Tensor {
    let x = try matrix("sparse.mm")
    guard other.rank == 2, other.size(0) == shape[1], other.dtype == dtype else {
      throw EmberError(.shape, in: "sparse.mm", "a sparse \(dtype)\(shape) by \(other.dtype)\(other.shape); the inner extents and dtypes must be equal")
    }
    let rows = x.indices.select(0, 0)
    let products = other.indexSelect(0, x.indices.select(0, 1)) * x.values.unsqueeze(1)
    let zeros = Tensor.zeros([shape[0], other.size(1)], dtype: dtype, on: device)
    let combination: ScatterReduction
    switch reduction {
    case .sum: return zeros.indexAdd(dim: 0, index: rows, source: products)
    case .mean: combination = .mean
    case .amax: combination = .amax
    case .amin: combination = .amin
    }
    return zeros.indexReduce(dim: 0, index: rows, source: products, combination, includeSelf: false)
  }

  /// The product of two sparse matrices, by coordinates: each element of a row meets the row of the other matrix that its column names.
  public func matmul(_ other: SparseTensor) throws(EmberError) -> SparseTensor {
    let a = try matrix("sparse.mm")
    let b = try other.matrix("sparse.mm").converted(to: .rows)
    guard other.shape[0] == shape[1], other.dtype == dtype else {
      throw EmberError(.shape, in: "sparse.mm", "a sparse \(dtype)\(shape) by a sparse \(other.dtype)\(other.shape); the inner extents and dtypes must be equal")
    }
    let starts = b.compressedIndices!, inner = a.indices.select(0, 1)
    let lengths = starts.diff().indexSelect(0, inner)
    // Every element of a, as often as the row it meets has elements, and the place of each of those.
    let from = Tensor.arange(a.count, on: device).repeatInterleave(lengths, dim: 0)
    let before = (lengths.cumsum(0) - lengths).indexSelect(0, from)
    let to = starts.indexSelect(0, inner).indexSelect(0, from) + Tensor.arange(from.elementCount, on: device) - before
    let places = stack([a.indices.select(0, 0).indexSelect(0, from), b.indices.indexSelect(0, to)])
    let products = a.values.indexSelect(0, from) * b.values.indexSelect(0, to)
    return try SparseTensor(indices: places, values: products, shape: [shape[0], other.shape[1]]).coalesced()
  }

  /// alpha · (a·b) + beta · self, computed at the stored places of this matrix only.
  public func sampledAddMM(_ a: Tensor, _ b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) throws(EmberError) -> SparseTensor {
    guard layout == .rows, rank == 2, denseDimensions == 0 else {
      throw EmberError(.unsupported, in: "sampled_addmm", "a \(layout.rawValue) of shape \(shape); it must be a matrix, stored by rows")
    }
    guard a.rank == 2, b.rank == 2, a.size(0) == shape[0], b.size(1) == shape[1], a.size(1) == b.size(0), a.dtype == dtype, b.dtype == dtype else {
      throw EmberError(.shape, in: "sampled_addmm", "\(a.dtype)\(a.shape) by \(b.dtype)\(b.shape) at the places of a sparse \(dtype)\(shape)")
    }
    let places = try coordinates().indices
    let products = (a.indexSelect(0, places.select(0, 0)) * b.t().indexSelect(0, places.select(0, 1))).sum(1)
    return try withValues(products * alpha + values * beta)
  }

  /// By coordinates, as a matrix of numbers; another tensor is refused.
  private func matrix(_ operation: String) throws(EmberError) -> SparseTensor {
    guard rank == 2, denseDimensions == 0 else { throw EmberError(.shape, in: operation, "a sparse tensor of shape \(shape) is no matrix of numbers") }
    return try coordinates()
  }
}
