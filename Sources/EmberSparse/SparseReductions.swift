import EmberRuntime
import EmberTensor

extension SparseTensor {
  /// The sum of all elements. Integers are summed as int64.
  public func sum(dtype: DType? = nil) -> Tensor { values.sum(dtype: dtype) }

  /// A function of the elements that keeps zeros, applied to the stored ones.
  public func map(_ function: (Tensor) throws -> Tensor) throws -> SparseTensor {
    let x = layout == .coordinates ? try coalesced() : self
    return try x.withValues(function(x.values))
  }

  /// Elements times those of a dense tensor that is a number.
  public func scaled(by factor: Tensor) throws -> SparseTensor {
    guard factor.rank == 0 else {
      throw EmberError(.unsupported, in: "mul", "a sparse tensor times one of shape \(factor.shape); it must be 0-dimensional")
    }
    return try map { $0 * factor }
  }

  /// A reduction of the elements where a sparse mask is true, over dimensions, all by default. What the mask names but this tensor
  /// does not store counts as 0. Where the mask is true nowhere the result stores nothing, or, with everything reduced, the neutral
  /// element.
  public func maskedReduce(
    _ reduction: ScatterReduction, _ dims: [Int]? = nil, keepDim: Bool = false, dtype: DType? = nil, mask: SparseTensor?
  ) throws(EmberError) -> SparseTensor {
    let name = "masked.\(reduction.rawValue)"
    guard layout == .coordinates, denseDimensions == 0, mask != nil || reduction == .sum else {
      throw EmberError(
        .unsupported, in: name,
        "\(layout.rawValue) of shape \(shape) with \(denseDimensions) dense dimensions; it takes coordinates and a mask")
    }
    if let mask, mask.shape != shape {
      throw EmberError(.shape, in: name, "a mask of shape \(mask.shape) for \(shape); the shapes must be equal")
    }
    let x = try coalesced()
    var entries = x
    if let mask {
      let asked = try mask.coalesced()
      let kept = asked.values.nonzero().flatten()
      let places = asked.indices.indexSelect(1, kept)
      let wanted = try SparseTensor(indices: places, values: asked.values.indexSelect(0, kept), shape: Array(shape), isCoalesced: true)
      entries = try wanted.withValues(x.looked(up: wanted.flatPositions))
    }
    let target = dtype ?? (reduction == .sum || reduction == .prod ? (self.dtype.category <= .integer ? .int64 : self.dtype) : self.dtype)
    let isReduced = try reducedDimensions(dims, name)
    let values = entries.values.to(target)
    if !isReduced.contains(false) {
      var whole = reduction == .sum ? values.sum(dtype: target) : Tensor.zeros([], dtype: target, on: device)
      if reduction != .sum {
        let places = Tensor.zeros([values.elementCount], dtype: .int64, on: device)
        whole = whole.reshape([1]).indexReduce(dim: 0, index: places, source: values, reduction, includeSelf: false).reshape([])
        if values.elementCount == 0 { whole = Tensor(reduction.neutral(target), dtype: target, on: device) }
      }
      return try (keepDim ? whole.reshape(Array(repeating: 1, count: rank)) : whole).toSparse()
    }
    var extents: [Int] = []
    var rows: [Tensor] = []
    for i in 0..<rank where keepDim || !isReduced[i] {
      extents.append(isReduced[i] ? 1 : shape[i])
      rows.append(isReduced[i] ? Tensor.zeros([entries.count], dtype: .int64, on: device) : entries.indices.select(0, i))
    }
    let merged = try SparseTensor(indices: stack(rows), values: values, shape: extents)
    let (places, inverse, _) = merged.flatPositions.unique()
    let start = Tensor.zeros([places.elementCount], dtype: target, on: device)
    let combined =
      reduction == .sum
      ? start.indexAdd(dim: 0, index: inverse, source: values)
      : start.indexReduce(dim: 0, index: inverse, source: values, reduction, includeSelf: false)
    return try SparseTensor(indices: stack(places.unravelIndex(extents)), values: combined, shape: extents, isCoalesced: true)
  }

  /// The elements at row-major positions, 0 where none is stored. Of coalesced coordinates.
  private func looked(up positions: Tensor) -> Tensor {
    if count == 0 { return Tensor.zeros([positions.elementCount], dtype: dtype, on: device) }
    let own = flatPositions
    let place = own.searchSorted(positions).clamp(max: .integer(Int64(count - 1)))
    return values.indexSelect(0, place).maskedFill(own.indexSelect(0, place) .!= positions, 0)
  }

  private func reducedDimensions(_ dims: [Int]?, _ operation: String) throws(EmberError) -> [Bool] {
    var isReduced = Array(repeating: dims?.isEmpty ?? true, count: rank)
    for dim in dims ?? [] {
      let wrapped = dim < 0 ? dim + Swift.max(rank, 1) : dim
      guard wrapped >= 0, wrapped < Swift.max(rank, 1) else {
        throw EmberError(.index, in: operation, "dimension \(dim) of a sparse tensor of shape \(shape)")
      }
      if rank > 0 { isReduced[wrapped] = true }
    }
    return isReduced
  }
}
