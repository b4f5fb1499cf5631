import CEmberKernels
import EmberCUDA
import EmberRuntime

/// Positions at which values would be inserted into sorted rows.
struct SearchSorted: BinaryOperation {
  static let name = "searchsorted"
  static let kernels = KernelTable<@Sendable (Tensor, Bool, Int, Tensor, Int, Bool, Tensor) -> Void>(
    name,
    cpu: { sorted, isShared, rows, values, count, right, output in
      _ = ember_searchsorted(
        Int32(sorted.dtype.rawValue), sorted.body.pointer, isShared, Int64(rows), Int64(sorted.size(-1)), values.body.pointer, Int64(count),
        right,
        output.body.pointer?.assumingMemoryBound(to: Int64.self))
    },
    cuda: cudaKernel)
  /// Behind equal elements instead of before them.
  let right: Bool

  func forward(_ sorted: Tensor, _ values: Tensor) throws(EmberError) -> Tensor {
    guard sorted.dtype == values.dtype, !sorted.dtype.isComplex else {
      throw EmberError(.dtype, in: Self.name, "boundaries \(sorted.summary) and values \(values.summary) must be of one real dtype")
    }
    let isShared = sorted.rank == 1
    guard isShared || (sorted.rank == values.rank && sorted.rank > 0 && sorted.shape.dropLast().elementsEqual(values.shape.dropLast()))
    else {
      throw EmberError(
        .shape, in: Self.name,
        "boundaries \(sorted.summary) for values \(values.summary); give a vector, or rows that agree in all dimensions but the last")
    }
    let y = try Tensor.empty(shape: values.body.shape, dtype: .int64, like: values)
    if let kernel = try Self.kernels.kernel(on: values.device), y.elementCount > 0 {
      let rows = isShared ? 1 : values.body.shape.product(0..<(values.rank - 1))
      let count = isShared ? values.elementCount : values.size(-1)
      kernel(try sorted.dense(), isShared, rows, try values.dense(), count, right, y)
    }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) { (nil, nil) }
}

/// The sorted distinct elements of a vector, which of them each element is, and how often each occurs.
private let uniqueKernels = KernelTable<@Sendable (Tensor, Bool, Tensor, Tensor, Tensor) -> Int>(
  "unique", cpu: distinctOnCPU,
  cuda: { x, isConsecutive, values, inverse, counts in
    let found = (x.backend as! CUDABackend).distinct(
      x.operand, isConsecutive: isConsecutive, values: values.operand, inverse: inverse.operand, counts: counts.operand)
    return found
      ?? withHostCopies("unique", changed: [values, inverse, counts], read: [x]) { distinctOnCPU($1[0], isConsecutive, $0[0], $0[1], $0[2]) }
  })

@Sendable private func distinctOnCPU(_ x: Tensor, _ isConsecutive: Bool, _ values: Tensor, _ inverse: Tensor, _ counts: Tensor) -> Int {
  let function = isConsecutive ? ember_unique_consecutive : ember_unique
  return Int(
    function(
      Int32(x.dtype.rawValue), x.body.pointer, Int64(x.elementCount), values.body.pointer,
      inverse.body.pointer?.assumingMemoryBound(to: Int64.self), counts.body.pointer?.assumingMemoryBound(to: Int64.self)))
}

extension Tensor {
  /// For each value where it would be inserted into the sorted rows that this tensor consists of: before equal elements, or with
  /// `right` behind them. This is a vector, or agrees with `values` in all dimensions but the last.
  ///
  /// - Parameter sorter: positions that sort the rows, where these are not sorted themselves.
  public func searchSorted(_ values: Tensor, right: Bool = false, sorter: Tensor? = nil) -> Tensor {
    // Different real dtypes meet in the one that holds both.
    if dtype != values.dtype, !dtype.isComplex, !values.dtype.isComplex, !isPoisoned, !values.isPoisoned {
      let common = TypePromotion.promote(dtype, values.dtype)
      return to(common).searchSorted(values.to(common), right: right, sorter: sorter)
    }
    guard let sorter else { return apply(SearchSorted(right: right), self, values) }
    guard sorter.dtype == .int64, sorter.shape == shape else {
      return refuse(.shape, "searchsorted", "a sorter \(sorter.summary) for \(summary); it must be int64 of the same shape", beside: self)
    }
    return apply(SearchSorted(right: right), gather(dim: -1, index: sorter), values)
  }

  /// For each element the interval between sorted boundaries that it lies in: `boundaries.searchSorted(self)`.
  public func bucketize(_ boundaries: Tensor, right: Bool = false) -> Tensor {
    guard boundaries.rank == 1 else {
      return refuse(.shape, "bucketize", "boundaries \(boundaries.summary) must be a vector", beside: boundaries)
    }
    return boundaries.searchSorted(self, right: right)
  }

  /// Which elements are among those of `others`.
  public func isIn(_ others: Tensor, invert: Bool = false) -> Tensor {
    guard mayRun("isin", self), mayRun("isin", others) else { return .poison }
    var promotion = PromotionAccumulator()
    for x in [self, others] { promotion.add(x.dtype, isZeroDimensional: x.rank == 0) }
    let common = promotion.result()
    if others.elementCount == 0 { return Tensor.full(like: self, .bool(invert), dtype: .bool) }
    let sorted = noGrad { others.detach().flatten().to(common).sort().values }
    let elements = detach().to(common)
    let place = sorted.searchSorted(elements).clamp(max: .integer(Int64(sorted.elementCount - 1)))
    let found = sorted.indexSelect(0, place.flatten()).reshape(Array(shape)) .== elements
    return invert ? !found : found
  }

  // MARK: Distinct elements

  /// Distinct elements or slices, which of them each one is, and how often each occurs.
  public typealias Distinct = (values: Tensor, inverse: Tensor, counts: Tensor)

  /// The distinct elements in ascending order; along a dimension the distinct slices, in lexicographical order. NaN differs from NaN.
  public func unique(dim: Int? = nil) -> Distinct { distinct("unique", dim, isConsecutive: false) }

  /// The same, of runs of equal neighbours, in their order.
  public func uniqueConsecutive(dim: Int? = nil) -> Distinct { distinct("unique_consecutive", dim, isConsecutive: true) }

  private func distinct(_ operation: String, _ dim: Int?, isConsecutive: Bool) -> Distinct {
    guard mayRun(operation, self) else { return (.poison, .poison, .poison) }
    do throws(EmberError) {
      if dtype.isComplex { throw EmberError(.dtype, in: operation, "complex numbers have no order: \(summary)") }
      guard backend.holdsData else {
        throw EmberError(.device, in: operation, "the result's shape depends on data, which \(summary) does not have")
      }
      if let dim, rank == 0 { throw EmberError(.index, in: operation, "dimension \(dim) of \(summary), which has none") }
      if let dim {
        return try noGrad { () throws(EmberError) in try value.distinctSlices(operation, dim, isConsecutive: isConsecutive) }
      }
      let source = try dense()
      let values = try Tensor.empty(shape: [elementCount], dtype: dtype, like: self)
      let inverse = try Tensor.empty(shape: body.shape, dtype: .int64, like: self)
      let counts = try Tensor.empty(shape: [elementCount], dtype: .int64, like: self)
      let count = elementCount == 0 ? 0 : try uniqueKernels.kernel(on: device)!(source, isConsecutive, values, inverse, counts)
      return (values.narrow(0, start: 0, length: count), inverse, counts.narrow(0, start: 0, length: count))
    } catch {
      raise(error)
      return (.poison, .poison, .poison)
    }
  }

  private func distinctSlices(_ operation: String, _ dim: Int, isConsecutive: Bool) throws(EmberError) -> Distinct {
    let dimension = try wrapDimension(dim, rank, in: operation)
    let count = size(dimension)
    let empty = Tensor.zeros([0], dtype: .int64, on: device)
    if count == 0 { return (self, empty, empty) }
    if elementCount == 0 { throw EmberError(.shape, in: operation, "the slices of \(summary) along dimension \(dim) have no elements") }
    let rows = movedim(dimension, 0).reshape([count, -1])
    var order = Tensor.arange(count, on: device)
    var sorted = rows
    if !isConsecutive {
      order = rows.lexicographicalRanks().sort(0).indices
      sorted = rows.indexSelect(0, order)
    }
    let begins = (sorted.narrow(0, start: 1, length: count - 1) .!= sorted.narrow(0, start: 0, length: count - 1)).any([1])
    let isFirst = cat([Tensor.ones([1], dtype: .bool, on: device), begins])
    let firsts = isFirst.nonzero().flatten()
    let number = isFirst.to(.int64).cumsum(0) - 1
    let inverse = Tensor.zeros([count], dtype: .int64, on: device).scatter(dim: 0, index: order, source: number)
    let ends = cat([firsts.narrow(0, start: 1, length: firsts.elementCount - 1), Tensor([count], on: device)])
    return (indexSelect(dimension, order.indexSelect(0, firsts)), inverse, ends - firsts)
  }

  /// For each row a number that orders as the rows do, equal for equal rows. Columns are ranked, and neighbours merged pair by pair.
  private func lexicographicalRanks() -> Tensor {
    let count = size(0)
    func ranks(_ columns: Tensor) -> Tensor {
      let (sorted, order) = columns.sort(0)
      let begins = sorted.narrow(0, start: 1, length: count - 1) .!= sorted.narrow(0, start: 0, length: count - 1)
      let number = cat([Tensor.zeros([1, columns.size(1)], dtype: .int64, on: device), begins.to(.int64)]).cumsum(0)
      return Tensor.zeros(like: number).scatter(dim: 0, index: order, source: number)
    }
    var numbers = ranks(self)
    while numbers.size(1) > 1 {
      let width = numbers.size(1)
      let left = numbers.slice(1, end: width - width % 2, step: 2)
      let right = numbers.slice(1, start: 1, step: 2)
      let merged = ranks(left * count + right)
      numbers = width % 2 == 0 ? merged : cat([merged, numbers.narrow(1, start: width - 1, length: 1)], dim: 1)
    }
    return numbers.select(1, 0)
  }

  // MARK: Elements that are not zero

  /// The coordinates of the elements that are not zero, one vector for each dimension: an index for a subscript. A number counts as
  /// a vector.
  public func nonzeroTuple() -> [Tensor] {
    let source = rank == 0 ? reshape([1]) : self
    let positions = source.nonzero()
    return (0..<source.rank).map { positions.select(1, $0) }
  }

  /// The first `size` rows of `nonzero()`, filled up with rows of `fill`: a shape that does not depend on data.
  public func nonzeroStatic(size: Int, fill: Int = -1) -> Tensor {
    guard size >= 0 else { return refuse(.value, "nonzero_static", "a size of \(size); it must not be negative", beside: self) }
    guard backend.holdsData else { return Tensor.empty([size, rank], dtype: .int64, on: device) }
    let found = nonzero()
    let kept = found.narrow(0, start: 0, length: Swift.min(size, found.shape[0]))
    let missing = size - kept.shape[0]
    return missing > 0 ? cat([kept, Tensor.full([missing, rank], .integer(Int64(fill)), on: device)]) : kept
  }
}

/// `right`, or what `side` says of it.
private func isRight(_ right: Bool, _ side: String?) throws(EmberError) -> Bool {
  guard let side else { return right }
  guard side == "left" || side == "right", !(side == "left" && right) else {
    throw EmberError(
      .value, in: "searchsorted", "side is \(side) and right is \(right); side is left or right, and must not contradict right")
  }
  return side == "right"
}

extension OperatorRegistry {
  mutating func addSearching() {
    add(
      """
      aten::searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, \
      Tensor? sorter=None) -> Tensor
      """
    ) { (sorted: Tensor, values: Tensor, isShort: Bool, right: Bool, side: String?, sorter: Tensor?) in
      sorted.searchSorted(values, right: try isRight(right, side), sorter: sorter).to(isShort ? .int32 : .int64)
    }
    add(
      """
      aten::searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, str? side=None, \
      Tensor? sorter=None) -> Tensor
      """
    ) { (sorted: Tensor, value: Scalar, isShort: Bool, right: Bool, side: String?, sorter: Tensor?) in
      sorted.searchSorted(Tensor(value, dtype: sorted.dtype, on: sorted.device), right: try isRight(right, side), sorter: sorter)
        .to(isShort ? .int32 : .int64)
    }
    add("aten::bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor") {
      (x: Tensor, boundaries: Tensor, isShort: Bool, right: Bool) in x.bucketize(boundaries, right: right).to(isShort ? .int32 : .int64)
    }
    add("aten::bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor") {
      (x: Scalar, boundaries: Tensor, isShort: Bool, right: Bool) in
      Tensor(x, dtype: boundaries.dtype, on: boundaries.device).bucketize(boundaries, right: right).to(isShort ? .int32 : .int64)
    }
    add("aten::isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor") {
      (x: Tensor, others: Tensor, _: Bool, invert: Bool) in x.isIn(others, invert: invert)
    }
    add("aten::isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) -> Tensor") {
      (x: Tensor, other: Scalar, _: Bool, invert: Bool) in x.isIn(Tensor(other, on: x.device), invert: invert)
    }
    add("aten::isin.Scalar_Tensor(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor") {
      (x: Scalar, others: Tensor, _: Bool, invert: Bool) in Tensor(x, on: others.device).isIn(others, invert: invert)
    }
    addDistinct()
    add("torch.nonzero(Tensor self, *, bool as_tuple=False) -> Tensor[]") { (x: Tensor, asTuple: Bool) in
      asTuple ? x.nonzeroTuple() : [x.nonzero()]
    }
    add("aten::nonzero(Tensor self) -> Tensor") { (x: Tensor) in x.nonzero() }
    add("aten::nonzero_numpy(Tensor self) -> Tensor[]") { (x: Tensor) in x.nonzeroTuple() }
    add("aten::argwhere(Tensor self) -> Tensor") { (x: Tensor) in x.nonzero() }
    add("aten::nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor") { (x: Tensor, size: Int, fill: Int) in
      x.nonzeroStatic(size: size, fill: fill)
    }
  }

  private mutating func addDistinct() {
    /// The values, and what else was asked for.
    @Sendable func asked(_ all: Tensor.Distinct, _ inverse: Bool, _ counts: Bool) -> [Tensor] {
      [all.values] + (inverse ? [all.inverse] : []) + (counts ? [all.counts] : [])
    }
    /// ATen's own form has all three; what was not asked for has no elements.
    @Sendable func padded(_ all: Tensor.Distinct, _ inverse: Bool, _ counts: Bool) -> (Tensor, Tensor, Tensor) {
      let none = Tensor.empty([0], dtype: .int64, on: all.values.device)
      return (all.values, inverse ? all.inverse : none, counts ? all.counts : none)
    }
    add("torch.unique(Tensor input, bool sorted=True, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor[]") {
      (x: Tensor, _: Bool, inverse: Bool, counts: Bool, dim: Int?) in asked(x.unique(dim: dim), inverse, counts)
    }
    add("torch.unique_consecutive(Tensor input, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor[]") {
      (x: Tensor, inverse: Bool, counts: Bool, dim: Int?) in asked(x.uniqueConsecutive(dim: dim), inverse, counts)
    }
    add("aten::_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)") {
      (x: Tensor, _: Bool, inverse: Bool, counts: Bool) in padded(x.unique(), inverse, counts)
    }
    add(
      """
      aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) \
      -> (Tensor, Tensor, Tensor)
      """
    ) { (x: Tensor, dim: Int, _: Bool, inverse: Bool, counts: Bool) in padded(x.unique(dim: dim), inverse, counts) }
    add(
      """
      aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) \
      -> (Tensor, Tensor, Tensor)
      """
    ) { (x: Tensor, inverse: Bool, counts: Bool, dim: Int?) in padded(x.uniqueConsecutive(dim: dim), inverse, counts) }
  }
}
