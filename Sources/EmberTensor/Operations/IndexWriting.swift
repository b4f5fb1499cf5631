import EmberRuntime

extension Tensor {
  /// This tensor with the slices `index` of a dimension replaced by those of `source`.
  public func indexCopy(dim: Int, index: Tensor, source: Tensor) -> Tensor {
    indexWrite("index_copy", dim, index) { x, dim, index in
      guard source.dtype == dtype else {
        return refuse(.dtype, "index_copy", "source \(source.summary) and self \(summary) must have one dtype", beside: self)
      }
      let slices = x.rank == 1 && source.rank == 0 ? source.reshape([1]) : source
      guard slices.shape == x.shape.replacing(dim, with: index.elementCount) else {
        return refuse(
          .shape, "index_copy", "source \(source.summary) for \(index.elementCount) slices of \(summary) along dimension \(dim)",
          beside: self)
      }
      return apply(IndexPut(dimensions: [dim], accumulate: false), [x, slices, index])[0]
    }
  }

  /// This tensor with the slices `index` of a dimension filled with a 0-dimensional value.
  public func indexFill(dim: Int, index: Tensor, value: Tensor) -> Tensor {
    indexWrite("index_fill", dim, index) { x, dim, index in
      guard value.rank == 0 else {
        return refuse(.shape, "index_fill", "the value must be 0-dimensional, not \(value.summary)", beside: self)
      }
      // Through a mask, so that a slice that is named twice gives its gradient once.
      let isKept = Tensor.ones([x.size(dim)], dtype: .bool, on: device)
      let isFilled = !apply(IndexPut(dimensions: [0], accumulate: false), [isKept, Tensor(false, on: device), index])[0]
      return Pointwise.choose(isFilled.reshape((0..<x.rank).map { $0 == dim ? x.size(dim) : 1 }), value.to(dtype), x)
    }
  }

  /// The same with a number, converted to this dtype.
  public func indexFill(dim: Int, index: Tensor, value: Scalar) -> Tensor {
    guard let value = value.converted(to: dtype) else {
      return refuse(.dtype, "index_fill", "\(value) does not fit into \(summary)", beside: self)
    }
    return indexFill(dim: dim, index: index, value: Tensor(value, dtype: dtype, on: device))
  }

  /// Checks the dimension and the index, which is a vector or a number, and lets a 0-dimensional tensor be a vector meanwhile.
  func indexWrite(_ operation: String, _ dim: Int, _ index: Tensor, _ body: (Tensor, Int, Tensor) -> Tensor) -> Tensor {
    guard mayRun(operation, self), mayRun(operation, index) else { return .poison }
    return withDimension(dim, operation) { dim in
      guard index.rank <= 1, index.dtype == .int64 || index.dtype == .int32 else {
        return refuse(.dtype, operation, "the index \(index.summary) must be a vector of int64 or int32", beside: self)
      }
      return rank == 0 ? body(reshape([1]), dim, index.flatten()).reshape([]) : body(self, dim, index.flatten())
    }
  }

  /// This tensor with the elements that index tensors name, one for each dimension or nil for whole dimensions, replaced by
  /// `values`, or with `accumulate` increased by them. Masks stand for the positions where they hold.
  public func indexPut(_ indices: [Tensor?], _ values: Tensor, accumulate: Bool = false) -> Tensor {
    guard mayRunSlowly("index_put", [self, values] + indices) else { return .poison }
    return attempt { () throws(EmberError) in
      guard values.dtype == dtype else {
        throw EmberError(.dtype, in: "index_put", "values \(values.summary) and self \(summary) must have one dtype")
      }
      let (dimensions, tensors) = try resolve(indices)
      if dimensions.isEmpty { return (accumulate ? self + values : values).expand(Array(shape)) }
      return apply(IndexPut(dimensions: dimensions, accumulate: accumulate), [self, values] + tensors)[0]
    }
  }

  /// The elements that index tensors name, as `indexPut` takes them.
  public func index(_ indices: [Tensor?]) -> Tensor {
    guard mayRunSlowly("index", [self] + indices) else { return .poison }
    return attempt { () throws(EmberError) in
      let (dimensions, tensors) = try resolve(indices)
      return dimensions.isEmpty ? self : apply(IndexGet(dimensions: dimensions), [self] + tensors)[0]
    }
  }

  /// Masks written out as positions, and which dimension each index is for.
  private func resolve(_ indices: [Tensor?]) throws(EmberError) -> (dimensions: [Int], indices: [Tensor?]) {
    var dimension = 0
    var dimensions: [Int] = []
    var tensors: [Tensor?] = []
    for index in indices {
      guard let index else {
        dimension += 1
        continue
      }
      let isMask = index.dtype == .bool || index.dtype == .uint8
      let width = isMask ? index.rank : 1
      guard dimension + width <= rank, !isMask || (0..<width).allSatisfy({ index.shape[$0] == shape[dimension + $0] }) else {
        throw EmberError(.index, in: "index", "index \(index.summary) for dimension \(dimension) of \(summary)")
      }
      let positions = isMask ? index.nonzero() : index
      for i in 0..<width {
        dimensions.append(dimension + i)
        tensors.append(isMask ? positions.select(1, i) : positions)
      }
      dimension += width
    }
    return (dimensions, tensors)
  }

  // MARK: By positions in the flattened tensor

  /// The elements at row-major positions, in the index's shape. Negative positions count from the end.
  public func take(_ index: Tensor) -> Tensor {
    guard mayRun("take", self), mayRun("take", index) else { return .poison }
    guard index.dtype == .int64 else { return refuse(.dtype, "take", "the index must be int64, not \(index.summary)", beside: self) }
    return flatten().indexSelect(0, index.flatten()).reshape(Array(index.shape))
  }

  /// This tensor with the elements at row-major positions replaced by those of `source`, or with `accumulate` increased by them.
  public func put(_ index: Tensor, _ source: Tensor, accumulate: Bool = false) -> Tensor {
    guard mayRun("put", self), mayRun("put", index) else { return .poison }
    guard index.dtype == .int64, source.dtype == dtype, source.elementCount == index.elementCount else {
      return refuse(
        .value, "put",
        "index \(index.summary) and source \(source.summary) for \(summary); give an int64 index and as many elements of self's dtype",
        beside: self
      )
    }
    let flat = apply(IndexPut(dimensions: [0], accumulate: accumulate), [flatten(), source.flatten(), index.flatten()])[0]
    return flat.reshape(Array(shape))
  }

  /// `gather` along a dimension with an index that broadcasts in the others and may count from the end; without a dimension of the
  /// flattened tensors.
  public func takeAlongDim(_ index: Tensor, dim: Int? = nil) -> Tensor {
    guard mayRun("take_along_dim", self), mayRun("take_along_dim", index) else { return .poison }
    guard let dim else { return flatten().takeAlongDim(index.flatten(), dim: 0) }
    return withDimension(dim, "take_along_dim") { dim in
      guard index.rank == rank, index.dtype == .int64 else {
        return refuse(
          .shape, "take_along_dim", "index \(index.summary) for \(summary); it must be int64 of as many dimensions", beside: self)
      }
      var own = shape
      var other = index.shape
      if rank > 0 { (own[unchecked: dim], other[unchecked: dim]) = (1, 1) }
      guard let common = own.broadcast(with: other) else {
        return refuse(
          .shape, "take_along_dim", "index \(index.summary) does not broadcast with \(summary) in the dimensions other than \(dim)",
          beside: self)
      }
      let counted = index + (index .< 0).to(.int64) * (rank == 0 ? 1 : size(dim))
      if rank == 0 { return gather(dim: 0, index: counted) }
      return expand(Array(common.replacing(dim, with: size(dim))))
        .gather(dim: dim, index: counted.expand(Array(common.replacing(dim, with: index.size(dim)))))
    }
  }

  // MARK: By masks

  /// This tensor with the elements of `source`, in their order, where `mask` holds.
  public func maskedScatter(_ mask: Tensor, _ source: Tensor) -> Tensor {
    guard mayRun("masked_scatter", self), mayRun("masked_scatter", mask), mayRun("masked_scatter", source) else { return .poison }
    guard mask.dtype == .bool, source.dtype == dtype, let shape = shape.broadcast(with: mask.shape) else {
      return refuse(
        .dtype, "masked_scatter",
        "mask \(mask.summary) and source \(source.summary) for \(summary); the mask must be bool and broadcast, the source of self's dtype",
        beside: self)
    }
    let isWritten = mask.expand(Array(shape))
    if isWritten.elementCount == 0 { return expand(Array(shape)) }
    let number = isWritten.flatten().to(.int64).cumsum(0)
    if backend.holdsData {
      let count = noGrad { number.wholePhysical.amax().item(as: Int.self) }
      guard count <= source.elementCount else {
        return refuse(
          .shape, "masked_scatter", "the mask holds at \(count) places, but source \(source.summary) has fewer elements", beside: self)
      }
      if count == 0 { return expand(Array(shape)).clone() }
    }
    let taken = source.flatten().indexSelect(0, (number - 1).clamp(min: 0)).reshape(Array(shape))
    return Pointwise.choose(isWritten, taken, self)
  }

  /// This tensor with a 0-dimensional value where `mask` holds.
  public func maskedFill(_ mask: Tensor, _ value: Tensor) -> Tensor {
    guard mask.dtype == .bool, value.rank == 0, value.dtype.category <= dtype.category || !value.dtype.isComplex else {
      return refuse(
        .value, "masked_fill",
        "mask \(mask.summary) and value \(value.summary) for \(summary); the mask must be bool, the value 0-dimensional", beside: self)
    }
    return Pointwise.choose(mask, value.to(dtype), self)
  }
}

extension OperatorRegistry {
  mutating func addIndexWriting() {
    add("aten::index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, source: Tensor) in
      x.indexCopy(dim: dim, index: index, source: source)
    }
    add("aten::index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, value: Scalar) in x.indexFill(dim: dim, index: index, value: value)
    }
    add("aten::index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor") {
      (x: Tensor, dim: Int, index: Tensor, value: Tensor) in x.indexFill(dim: dim, index: index, value: value)
    }
    add("aten::index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor") {
      (x: Tensor, indices: [Tensor?], values: Tensor, accumulate: Bool) in x.indexPut(indices, values, accumulate: accumulate)
    }
    add("aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor") { (x: Tensor, indices: [Tensor?]) in x.index(indices) }
    add("aten::take(Tensor self, Tensor index) -> Tensor") { (x: Tensor, index: Tensor) in x.take(index) }
    add("aten::take.out(Tensor self, Tensor index, *, Tensor(a!) out) -> Tensor(a!)") { (x: Tensor, index: Tensor, out: Tensor) in
      try written(x.take(index), to: out, in: "take")
    }
    add("aten::put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor") {
      (x: Tensor, index: Tensor, source: Tensor, accumulate: Bool) in x.put(index, source, accumulate: accumulate)
    }
    add("aten::take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor") { (x: Tensor, index: Tensor, dim: Int?) in
      x.takeAlongDim(index, dim: dim)
    }
    add("aten::masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor") { (x: Tensor, mask: Tensor, source: Tensor) in
      x.maskedScatter(mask, source)
    }
    add("aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor") { (x: Tensor, mask: Tensor, value: Scalar) in
      x.maskedFill(mask, value)
    }
    add("aten::masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor") { (x: Tensor, mask: Tensor, value: Tensor) in
      x.maskedFill(mask, value)
    }
    addChoice()
    add("torch.Tensor.__getitem__(Tensor self, Index index) -> Tensor") { (x: Tensor, index: OperatorValue) in
      x[indices: try TensorIndex.list(index)]
    }
  }

  private mutating func addChoice() {
    @Sendable func choose(_ condition: Tensor, _ a: Tensor, _ b: Tensor) throws(EmberError) -> Tensor {
      guard condition.dtype == .bool || condition.dtype == .uint8 else {
        throw EmberError(.dtype, in: "where", "the condition must be bool, not \(condition.summary)")
      }
      return `where`(condition, a, b)
    }
    add("aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor") { (condition: Tensor, a: Tensor, b: Tensor) in
      try choose(condition, a, b)
    }
    add("aten::where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor") { (condition: Tensor, a: Scalar, b: Tensor) in
      try choose(condition, Tensor(a, on: b.device), b)
    }
    add("aten::where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor") { (condition: Tensor, a: Tensor, b: Scalar) in
      try choose(condition, a, Tensor(b, on: a.device))
    }
    add("aten::where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor") { (condition: Tensor, a: Scalar, b: Scalar) in
      try choose(condition, Tensor(a, on: condition.device), Tensor(b, on: condition.device))
    }
    add("aten::where(Tensor condition) -> Tensor[]") { (condition: Tensor) in condition.nonzeroTuple() }
  }
}

extension TensorIndex {
  /// What stands between Python's brackets, from a tagged value. A list holds one entry for each place, as a tuple does in Python;
  /// a list within it is an index tensor.
  static func list(_ value: OperatorValue) throws(EmberError) -> [TensorIndex] {
    guard case .list(let items) = value else { return [try place(value)] }
    var places: [TensorIndex] = []
    for item in items { places.append(try place(item)) }
    return places
  }

  private static func place(_ value: OperatorValue) throws(EmberError) -> TensorIndex {
    switch value {
    case .none: return .insertion
    case .ellipsis: return .remainder
    case .integer(let number): return .position(number)
    case .slice(let start, let end, let step): return .range(start: start, end: end, step: step ?? 1)
    case .tensor(let tensor) where tensor.rank == 0 && tensor.dtype.isInteger: return .position(tensor.item(as: Int.self))
    case .tensor(let tensor): return .tensor(tensor)
    case .bool(let flag): return .tensor(Tensor([flag]))
    case .list: return .tensor(try numbers(value))
    default: throw EmberError(.value, in: "index", "\(value.kind) does not index a tensor")
    }
  }

  /// A nested list of numbers, or of truth values, as a tensor.
  private static func numbers(_ value: OperatorValue) throws(EmberError) -> Tensor {
    switch value {
    case .integer(let number): return Tensor(.integer(Int64(number)))
    case .bool(let flag): return Tensor(.bool(flag))
    case .tensor(let tensor): return tensor
    case .list(let items):
      if items.isEmpty { return Tensor.zeros([0], dtype: .int64) }
      var parts: [Tensor] = []
      for item in items { parts.append(try numbers(item)) }
      return stack(parts)
    default: throw EmberError(.value, in: "index", "\(value.kind) does not index a tensor")
    }
  }
}
