import CEmberKernels
import EmberRuntime
import EmberTensor

/// The places of the values of a matrix: by rows, and the same once more by columns for derivatives.
private struct Places: Sendable {
  let rowCount: Int
  let columnCount: Int
  /// Row and column of each value, rows ascending; where each row begins.
  let rows: Tensor
  let columns: Tensor
  let starts: Tensor

  init(rows: Tensor, columns: Tensor, _ rowCount: Int, _ columnCount: Int) {
    self.rows = rows.contiguous()
    self.columns = columns.contiguous()
    (self.rowCount, self.columnCount) = (rowCount, columnCount)
    starts = self.rows.searchSorted(Tensor.arange(rowCount + 1, on: rows.device))
  }

  /// The transposed matrix, and the order in which its values lie.
  var transposed: (places: Places, order: Tensor) {
    let order = columns.argsort()
    return (Places(rows: columns.indexSelect(0, order), columns: rows.indexSelect(0, order), columnCount, rowCount), order)
  }
}

/// A matrix with these values times a dense one. Inputs: values [count], dense [columns, width].
private struct SparseProduct: BinaryOperation {
  static let name = "sparse.mm"
  static let kernels = KernelTable<@Sendable (Places, Tensor, Tensor, inout Tensor) -> Void>(
    name,
    cpu: { places, values, dense, output in
      let dtype = Int32(values.dtype.rawValue)
      let rows = Int64(places.rowCount)
      let width = Int64(dense.size(1))
      output.withMutableOperand { out in
        places.starts.withOperand { starts in
          places.columns.withOperand { columns in
            values.withOperand { values in
              dense.withOperand { dense in
                _ = ember_sparse_product(
                  dtype, rows, starts.pointer?.assumingMemoryBound(to: Int64.self), columns.pointer?.assumingMemoryBound(to: Int64.self),
                  values.pointer, dense.pointer, width, out.pointer)
              }
            }
          }
        }
      }
    })
  let saved: SavedTensors = .inputs
  let places: Places

  func forward(_ values: Tensor, _ dense: Tensor) throws(EmberError) -> Tensor {
    var output = Tensor.empty([places.rowCount, dense.size(1)], dtype: values.dtype, on: values.device)
    if let kernel = try Self.kernels.kernel(on: values.device) { kernel(places, values, dense, &output) }
    return output
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let values = context.needs(0) ? apply(SparseSample(places: places), gradient, context.input(1).conj()) : nil
    guard context.needs(1) else { return (values, nil) }
    let (transposed, order) = places.transposed
    return (values, apply(SparseProduct(places: transposed), context.input(0).conj().indexSelect(0, order), gradient))
  }
}

/// Dot products of rows of two dense matrices at the places of a sparse one. Inputs: [rows, depth] and [columns, depth].
private struct SparseSample: BinaryOperation {
  static let name = "sampled_addmm"
  static let kernels = KernelTable<@Sendable (Places, Tensor, Tensor, inout Tensor) -> Void>(
    name,
    cpu: { places, a, b, output in
      let dtype = Int32(a.dtype.rawValue)
      let count = Int64(places.rows.elementCount)
      let depth = Int64(a.size(1))
      output.withMutableOperand { out in
        places.rows.withOperand { rows in
          places.columns.withOperand { columns in
            a.withOperand { a in
              b.withOperand { b in
                _ = ember_sparse_sample(
                  dtype, count, rows.pointer?.assumingMemoryBound(to: Int64.self), columns.pointer?.assumingMemoryBound(to: Int64.self),
                  a.pointer, b.pointer, depth, out.pointer)
              }
            }
          }
        }
      }
    })
  let saved: SavedTensors = .inputs
  let places: Places

  func forward(_ a: Tensor, _ b: Tensor) throws(EmberError) -> Tensor {
    var output = Tensor.empty([places.rows.elementCount], dtype: a.dtype, on: a.device)
    if let kernel = try Self.kernels.kernel(on: a.device) { kernel(places, a, b, &output) }
    return output
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let a = context.needs(0) ? apply(SparseProduct(places: places), gradient, context.input(1).conj()) : nil
    guard context.needs(1) else { return (a, nil) }
    let (transposed, order) = places.transposed
    return (a, apply(SparseProduct(places: transposed), gradient.indexSelect(0, order), context.input(0).conj()))
  }
}

extension DType {
  /// The type that the kernels of sparse products compute this one in.
  fileprivate var productType: DType {
    switch category {
    case .bool, .integer: .int64
    case .floatingPoint: self == .float64 ? .float64 : .float32
    case .complex: self == .complex128 ? .complex128 : .complex64
    }
  }
}

extension SparseTensor {
  /// How `matmul` combines the products of a row.
  public enum RowReduction: String, Sendable {
    case sum, mean, amax, amin
  }

  /// This matrix times a dense one, [m, k] by [k, n]; with `reduction` the products of the stored elements of each row are combined in
  /// another way than by their sum. Rows without stored elements give 0.
  public func matmul(_ other: Tensor, _ reduction: RowReduction = .sum) throws(EmberError) -> Tensor {
    let x = try matrix("sparse.mm").coalesced()
    guard other.rank == 2, other.size(0) == shape[1], other.dtype == dtype else {
      throw EmberError(
        .shape, in: "sparse.mm", "a sparse \(dtype)\(shape) by \(other.dtype)\(other.shape); the inner extents and dtypes must be equal")
    }
    let rows = x.indices.select(0, 0)
    if reduction == .sum {
      let places = Places(rows: rows, columns: x.indices.select(0, 1), shape[0], shape[1])
      return apply(SparseProduct(places: places), x.values.to(dtype.productType), other.to(dtype.productType)).to(dtype)
    }
    let products = other.indexSelect(0, x.indices.select(0, 1)) * x.values.unsqueeze(1)
    let zeros = Tensor.zeros([shape[0], other.size(1)], dtype: dtype, on: device)
    let combination: ScatterReduction = reduction == .mean ? .mean : reduction == .amax ? .amax : .amin
    return zeros.indexReduce(dim: 0, index: rows, source: products, combination, includeSelf: false)
  }

  /// The product of two sparse matrices, by coordinates: each element of a row meets the row of the other matrix that its column names.
  public func matmul(_ other: SparseTensor) throws(EmberError) -> SparseTensor {
    let a = try matrix("sparse.mm")
    let b = try other.matrix("sparse.mm").converted(to: .rows)
    guard other.shape[0] == shape[1], other.dtype == dtype else {
      throw EmberError(
        .shape, in: "sparse.mm",
        "a sparse \(dtype)\(shape) by a sparse \(other.dtype)\(other.shape); the inner extents and dtypes must be equal")
    }
    let starts = b.compressedIndices!
    let inner = a.indices.select(0, 1)
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
    guard a.rank == 2, b.rank == 2, a.size(0) == shape[0], b.size(1) == shape[1], a.size(1) == b.size(0), a.dtype == dtype, b.dtype == dtype
    else {
      throw EmberError(
        .shape, in: "sampled_addmm", "\(a.dtype)\(a.shape) by \(b.dtype)\(b.shape) at the places of a sparse \(dtype)\(shape)")
    }
    let stored = try coordinates().indices
    let places = Places(rows: stored.select(0, 0), columns: stored.select(0, 1), shape[0], shape[1])
    let products = apply(SparseSample(places: places), a.to(dtype.productType), b.t().to(dtype.productType)).to(dtype)
    return try withValues(products * alpha + values * beta)
  }

  /// By coordinates, as a matrix of numbers; another tensor is refused.
  private func matrix(_ operation: String) throws(EmberError) -> SparseTensor {
    guard rank == 2, denseDimensions == 0 else {
      throw EmberError(.shape, in: operation, "a sparse tensor of shape \(shape) is no matrix of numbers")
    }
    return try coordinates()
  }
}
