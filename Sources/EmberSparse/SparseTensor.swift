import EmberRuntime
import EmberTensor

/// A tensor of which only some elements, or blocks of them, are stored; all others are zero.
///
/// The values are an ordinary tensor: gradients flow through them, and an operation on them acts on the stored elements. What
/// cannot be is thrown, as there is no sparse tensor without a value.
public struct SparseTensor: Sendable {
  /// How the places of the values are written down.
  public enum Layout: String, Sendable, CaseIterable {
    /// Coordinates, one column for each value.
    case coordinates = "sparse_coo"
    /// Row by row: where each row begins, and the columns.
    case rows = "sparse_csr"
    /// Column by column.
    case columns = "sparse_csc"
    /// As `rows`, of blocks of equal size.
    case rowBlocks = "sparse_bsr"
    /// As `columns`, of blocks of equal size.
    case columnBlocks = "sparse_bsc"

    var hasBlocks: Bool { self == .rowBlocks || self == .columnBlocks }
    var isByRows: Bool { self == .rows || self == .rowBlocks }
  }

  /// How the places of the values are written down.
  public let layout: Layout
  /// The extents, stored elements or not.
  public let shape: Shape
  /// Coordinates: [sparse dimensions, count]. Compressed: the columns (or rows) of the values, [batch..., count].
  public let indices: Tensor
  /// Compressed: where each row (or column) begins among the values, and where the last one ends: [batch..., rows + 1].
  public let compressedIndices: Tensor?
  /// Coordinates: [count, dense...]. Compressed: [batch..., count, block..., dense...].
  public let values: Tensor
  /// Coordinates: no place is named twice, and the places are in row-major order.
  public let isCoalesced: Bool

  /// The values' dtype.
  public var dtype: DType { values.dtype }
  /// The values' device.
  public var device: Device { values.device }
  /// Number of dimensions.
  public var rank: Int { shape.rank }
  /// How many values (or blocks) are stored.
  public var count: Int { indices.size(-1) }

  /// Values by coordinates. Values at one place add up.
  ///
  /// - Parameters:
  ///   - indices: [sparse dimensions, count], integers.
  ///   - values: [count, extents of the remaining dimensions].
  public init(indices: Tensor, values: Tensor, shape: [Int], isCoalesced: Bool = false) throws(EmberError) {
    let extents = try checkedExtents(shape)
    guard indices.rank == 2, indices.dtype.isInteger, values.rank > 0, indices.size(1) == values.size(0),
      indices.size(0) + values.rank - 1 == extents.rank, values.shape.dropFirst().elementsEqual(extents.dropFirst(indices.size(0)))
    else {
      throw EmberError(.shape, in: "sparse_coo_tensor", "indices \(indices.shape) and values \(values.shape) for the shape \(extents)")
    }
    layout = .coordinates
    self.shape = extents
    self.indices = indices.to(.int64)
    self.values = values
    compressedIndices = nil
    self.isCoalesced = isCoalesced
    guard !isCoalesced, indices.elementCount > 0, device.type == .cpu else { return }
    let bounds = Tensor(Array(extents.prefix(indices.size(0)))).unsqueeze(1)
    guard noGrad({ ((self.indices .>= 0) & (self.indices .< bounds)).all().item(as: Bool.self) }) else {
      throw EmberError(.index, in: "sparse_coo_tensor", "an index is negative, or lies outside of the shape \(extents)")
    }
  }

  /// Values row by row, or column by column, or blocks of them.
  public init(_ layout: Layout, compressed: Tensor, indices: Tensor, values: Tensor, shape: [Int]) throws(EmberError) {
    let extents = try checkedExtents(shape)
    let batch = compressed.rank - 1
    let blockRank = layout.hasBlocks ? 2 : 0
    guard layout != .coordinates, batch >= 0, indices.rank == batch + 1, values.rank >= batch + 1 + blockRank, extents.rank >= batch + 2,
      extents.rank == values.rank - blockRank + 1, indices.size(-1) == values.size(batch), compressed.dtype.isInteger,
      indices.dtype.isInteger
    else {
      throw EmberError(
        .shape, in: layout.rawValue,
        "compressed indices \(compressed.shape), indices \(indices.shape) and values \(values.shape) for the shape \(extents)")
    }
    self.layout = layout
    self.shape = extents
    self.indices = indices.to(.int64)
    self.values = values
    compressedIndices = compressed.to(.int64)
    isCoalesced = true
    let block = layout.hasBlocks ? (values.size(batch + 1), values.size(batch + 2)) : (1, 1)
    let (rows, columns) = (extents[batch], extents[batch + 1])
    guard block.0 > 0, block.1 > 0, rows % block.0 == 0, columns % block.1 == 0,
      compressed.size(-1) == (layout.isByRows ? rows / block.0 : columns / block.1) + 1
    else {
      throw EmberError(.shape, in: layout.rawValue, "compressed indices \(compressed.shape) and blocks \(block) for the shape \(extents)")
    }
    guard device.type == .cpu else { return }
    let starts = self.compressedIndices!
    let limit = layout.isByRows ? columns / block.1 : rows / block.0
    let stored = self.indices
    let isRight = noGrad {
      (starts.select(-1, 0) .== 0).all().item(as: Bool.self) && (starts.select(-1, -1) .== .integer(Int64(count))).all().item(as: Bool.self)
        && (starts.diff() .>= 0).all().item(as: Bool.self)
        && ((stored .>= 0) & (stored .< .integer(Int64(limit)))).all().item(as: Bool.self)
    }
    guard isRight else {
      throw EmberError(.index, in: layout.rawValue, "compressed indices must rise from 0 to \(count), the others lie in 0 ..< \(limit)")
    }
  }

  /// With other values at the same places; their dtype may differ.
  public func withValues(_ values: Tensor) throws(EmberError) -> SparseTensor {
    if let compressedIndices {
      return try SparseTensor(layout, compressed: compressedIndices, indices: indices, values: values, shape: Array(shape))
    }
    return try SparseTensor(indices: indices, values: values, shape: Array(shape), isCoalesced: isCoalesced)
  }

  // MARK: Coordinates

  /// How many dimensions the indices are for; the others are dense.
  public var sparseDimensions: Int { layout == .coordinates ? indices.size(0) : rank - denseDimensions }
  /// How many of the last dimensions are stored whole.
  public var denseDimensions: Int {
    layout == .coordinates ? values.rank - 1 : values.rank - indices.rank - (layout.hasBlocks ? 2 : 0)
  }

  /// By coordinates, in row-major order, values at one place added up.
  public func coalesced() throws(EmberError) -> SparseTensor {
    let x = try coordinates()
    if x.isCoalesced { return x }
    let (places, inverse, _) = x.flatPositions.unique()
    let sums = Tensor.zeros([places.elementCount] + Array(x.values.shape.dropFirst()), dtype: dtype, on: device)
      .indexAdd(dim: 0, index: inverse, source: x.values)
    return try SparseTensor(indices: x.unflattened(places), values: sums, shape: Array(shape), isCoalesced: true)
  }

  /// The places as row-major positions over the sparse dimensions. Of coordinates only.
  package var flatPositions: Tensor {
    var flat = Tensor.zeros([count], dtype: .int64, on: device)
    for i in 0..<sparseDimensions { flat = flat * shape[i] + indices.select(0, i) }
    return flat
  }

  private func unflattened(_ positions: Tensor) -> Tensor {
    let extents = Array(shape.prefix(sparseDimensions))
    return extents.isEmpty ? Tensor.zeros([0, positions.elementCount], dtype: .int64, on: device) : stack(positions.unravelIndex(extents))
  }

  /// The same elements by coordinates.
  public func coordinates() throws(EmberError) -> SparseTensor {
    guard let compressedIndices else { return self }
    let batch = compressedIndices.rank - 1
    let lines = compressedIndices.size(-1) - 1
    // Which line, of all batches in a row, each value belongs to.
    let line = Tensor.arange(compressedIndices.diff().elementCount, on: device).repeatInterleave(compressedIndices.diff().flatten(), dim: 0)
    let major = Pointwise.remainder(line, Tensor([Swift.max(lines, 1)], on: device))
    let number = Pointwise.floorDivide(line, Tensor([Swift.max(lines, 1)], on: device))
    var places = batch == 0 ? [] : number.unravelIndex(Array(shape.prefix(batch)))
    let minor = indices.flatten()
    var (row, column) = layout.isByRows ? (major, minor) : (minor, major)
    var elements = values.reshape([minor.elementCount] + Array(values.shape.dropFirst(batch + 1)))
    if layout.hasBlocks {
      let height = elements.size(1)
      let width = elements.size(2)
      let each = height * width
      let inside = Tensor.arange(each, on: device)
      func spread(_ coordinate: Tensor) -> Tensor { coordinate.unsqueeze(1).expand([coordinate.elementCount, each]).flatten() }
      func within(_ coordinate: Tensor, _ extent: Int, _ offset: Tensor) -> Tensor { (coordinate.unsqueeze(1) * extent + offset).flatten() }
      places = places.map(spread)
      row = within(row, height, Pointwise.floorDivide(inside, Tensor([width], on: device)))
      column = within(column, width, Pointwise.remainder(inside, Tensor([width], on: device)))
      elements = elements.reshape([minor.elementCount * each] + Array(elements.shape.dropFirst(3)))
    }
    return try SparseTensor(indices: stack(places + [row, column]), values: elements, shape: Array(shape), isCoalesced: layout == .rows)
  }

  /// The same elements in another layout. `blockSize` is for blocks.
  public func converted(to layout: Layout, blockSize: (rows: Int, columns: Int)? = nil) throws(EmberError) -> SparseTensor {
    if layout == self.layout, blockSize == nil { return self }
    let x = try coalesced()
    if layout == .coordinates { return x }
    guard x.sparseDimensions == 2 else {
      throw EmberError(
        .unsupported, in: "to_sparse", "\(layout.rawValue) of \(shape) with \(x.sparseDimensions) sparse dimensions; it needs two")
    }
    let (rows, columns) = (shape[0], shape[1])
    var row = x.indices.select(0, 0)
    var column = x.indices.select(0, 1)
    var values = x.values
    var lines = (rows, columns)
    if layout.hasBlocks {
      guard let (height, width) = blockSize, height > 0, width > 0, rows % height == 0, columns % width == 0 else {
        throw EmberError(
          .value, in: "to_sparse", "blocks of \(blockSize.map { "\($0)" } ?? "no size") for the shape \(shape); they must divide it")
      }
      lines = (rows / height, columns / width)
      func divided(_ a: Tensor, _ b: Int) -> Tensor { Pointwise.floorDivide(a, Tensor([b], on: device)) }
      let (blocks, inverse, _) = (divided(row, height) * lines.1 + divided(column, width)).unique()
      let inside: [Tensor?] = [inverse, row - divided(row, height) * height, column - divided(column, width) * width]
      values = Tensor.zeros([blocks.elementCount, height, width] + Array(values.shape.dropFirst()), dtype: dtype, on: device)
        .indexPut(inside, values)
      (row, column) = (divided(blocks, lines.1), Pointwise.remainder(blocks, Tensor([Swift.max(lines.1, 1)], on: device)))
    }
    if !layout.isByRows {
      let order = column.argsort()
      (row, column, values) = (row.indexSelect(0, order), column.indexSelect(0, order), values.indexSelect(0, order))
    }
    let (major, minor, extent) = layout.isByRows ? (row, column, lines.0) : (column, row, lines.1)
    let starts = major.contiguous().searchSorted(Tensor.arange(extent + 1, on: device))
    return try SparseTensor(layout, compressed: starts, indices: minor, values: values, shape: Array(shape))
  }

  /// The tensor with all its elements.
  public func dense() throws(EmberError) -> Tensor {
    let x = try coordinates()
    let extents = Array(shape.prefix(x.sparseDimensions))
    let flat = Tensor.zeros([extents.reduce(1, *)] + Array(x.values.shape.dropFirst()), dtype: dtype, on: device)
    return flat.indexAdd(dim: 0, index: x.flatPositions, source: x.values).reshape(Array(shape))
  }
}

private func checkedExtents(_ shape: [Int]) throws(EmberError) -> Shape {
  guard shape.count <= maximumRank, shape.allSatisfy({ $0 >= 0 }) else {
    throw EmberError(.shape, in: "sparse", "\(shape) is no shape; a tensor has at most \(maximumRank) dimensions, none negative")
  }
  return Shape(shape)
}

extension Tensor {
  /// The elements that are not zero, by coordinates of the first `sparseDimensions` dimensions (all by default). What is not zero
  /// anywhere in the remaining dimensions is kept whole.
  public func toSparse(sparseDimensions: Int? = nil) throws(EmberError) -> SparseTensor {
    let count = sparseDimensions ?? rank
    guard count >= 0, count <= rank, count > 0 || rank == 0 else {
      throw EmberError(.value, in: "to_sparse", "\(count) sparse dimensions of \(shape); give from 1 to \(rank)")
    }
    let dense = Array(shape.dropFirst(count))
    let flat = reshape([shape.prefix(count).reduce(1, *)] + dense)
    let isStored = dense.isEmpty ? flat.detach() .!= 0 : (flat.detach() .!= 0).any(Array(1...dense.count))
    let places = isStored.nonzero().flatten()
    let indices =
      count == 0
      ? Tensor.zeros([0, places.elementCount], dtype: .int64, on: device) : stack(places.unravelIndex(Array(shape.prefix(count))))
    return try SparseTensor(indices: indices, values: flat.indexSelect(0, places), shape: Array(shape), isCoalesced: true)
  }

  /// The elements that are not zero in a layout; `blockSize` is for blocks.
  public func toSparse(
    _ layout: SparseTensor.Layout, blockSize: (rows: Int, columns: Int)? = nil, denseDimensions: Int = 0
  ) throws(EmberError) -> SparseTensor {
    try toSparse(sparseDimensions: rank - denseDimensions).converted(to: layout, blockSize: blockSize)
  }
}
