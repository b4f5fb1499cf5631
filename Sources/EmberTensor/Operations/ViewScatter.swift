import EmberRuntime

/// A tensor with the part that a view shows replaced by another tensor.
package struct ViewScatter<View: UnaryOperation>: BinaryOperation {
  package static var name: String { View.name + "_scatter" }
  package let view: View

  package func forward(_ x: Tensor, _ source: Tensor) throws(EmberError) -> Tensor {
    let result = try Contiguous().forward(x)
    let part = try view.forward(result)
    guard source.body.shape == part.body.shape else {
      throw EmberError(
        .shape, in: Self.name, "source \(source.summary) for the part of shape \(part.shape) of \(x.summary); the shapes must be equal")
    }
    if x.backend.holdsData, part.elementCount > 0 { x.backend.copy(source.operand, to: part.operand) }
    return result
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let own =
      context.needs(0)
      ? apply(self, gradient, Tensor.zeros(Array(context.inputShape(1)), dtype: gradient.dtype, on: gradient.device)).to(
        context.inputDType(0)) : nil
    return (own, context.needs(1) ? apply(view, gradient.contiguous()).to(context.inputDType(1)) : nil)
  }
}

/// Shape, strides and offset of a view within its storage, in elements.
struct StorageLayout: Sendable {
  var shape: Shape
  var strides: Strides
  var offset: Int

  /// The first and last element that the layout reaches; nil if it has none.
  var bounds: (first: Int, last: Int)? {
    if shape.elementCount == 0 { return nil }
    var first = offset
    var last = offset
    for i in 0..<shape.rank {
      let (reach, overflow) = (shape[unchecked: i] - 1).multipliedReportingOverflow(by: strides[i])
      if overflow { return (.min, .max) }
      if reach < 0 { first += reach } else { last = last.addingReportingOverflow(reach).overflow ? .max : last + reach }
    }
    return (first, last)
  }

  /// The positions of the elements in the storage, row-major, as a vector.
  func positions(on device: Device) -> Tensor {
    var positions = Tensor.full([], .integer(Int64(offset)), on: device)
    for i in 0..<shape.rank {
      let steps = Tensor.arange(shape[unchecked: i], on: device) * strides[i]
      positions = positions + steps.reshape([shape[unchecked: i]] + Array(repeating: 1, count: shape.rank - 1 - i))
    }
    return positions.expand(Array(shape)).flatten()
  }

  /// Whether some element may be visible more than once: dimensions do not nest.
  var mayOverlap: Bool {
    let order = (0..<shape.rank).filter { shape[unchecked: $0] > 1 }.sorted { abs(strides[$0]) < abs(strides[$1]) }
    var reach = 0
    for i in order {
      if abs(strides[i]) <= reach { return true }
      reach += abs(strides[i]) * (shape[unchecked: i] - 1)
    }
    return false
  }
}

/// The memory of a tensor read by other strides.
struct AsStrided: UnaryOperation {
  static let name = "as_strided"
  let target: StorageLayout
  /// The layout of the tensor it is applied to, and how many elements its storage holds.
  let source: StorageLayout
  let storageCount: Int

  init(_ x: Tensor, shape: [Int], strides: [Int], offset: Int?) throws(EmberError) {
    guard shape.count == strides.count else { throw EmberError(.value, in: Self.name, "\(shape) and strides \(strides) differ in length") }
    // What stands for members of a batch or a value of a graph has no memory of its own: it counts as dense.
    let isMember = x.isSymbolic
    source = StorageLayout(
      shape: x.body.shape, strides: isMember ? x.body.shape.contiguousStrides : x.body.strides, offset: isMember ? 0 : x.body.offset)
    target = StorageLayout(shape: try checkedShape(shape, in: Self.name), strides: Strides(strides), offset: offset ?? source.offset)
    storageCount = isMember ? x.elementCount : x.body.byteCount / x.dtype.size
    guard strides.allSatisfy({ $0 >= 0 }), target.offset >= 0 else {
      throw EmberError(.value, in: Self.name, "strides \(strides) and offset \(target.offset) must not be negative")
    }
    if let (first, last) = target.bounds, first < 0 || last >= storageCount {
      throw EmberError(
        .value, in: Self.name,
        "shape \(shape) with strides \(strides) and offset \(target.offset) leaves the storage of \(storageCount) elements")
    }
  }

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    x.view(target.shape, target.strides, offset: x.body.offset + target.offset - source.offset)
  }

  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard target.shape.rank < maximumRank else { return nil }
    let members = batch[0].contiguous()
    let strides = [batch.shape(0).elementCount] + target.shape.indices.map { target.strides[$0] }
    return [members.asStrided([batch.size] + Array(target.shape), strides: strides, offset: target.offset + members.body.offset)]
  }

  /// What reaches an element of the storage in several ways adds up; an element that the input shows several times shares it evenly.
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let own = source.positions(on: gradient.device)
    func storage(_ positions: Tensor, _ values: Tensor) -> Tensor {
      Tensor.zeros([storageCount], dtype: gradient.dtype, on: gradient.device).indexAdd(dim: 0, index: positions, source: values)
    }
    var all = storage(target.positions(on: gradient.device), gradient.flatten())
    if source.mayOverlap {
      let visits = storage(own, Tensor.ones([own.elementCount], dtype: gradient.dtype, on: gradient.device))
      all = all / visits.maskedFill(visits .== 0, 1)
    }
    return all.indexSelect(0, own).reshape(Array(source.shape))
  }
}

/// Windows of a dimension; their elements become the last dimension.
package struct Unfold: UnaryOperation {
  package static let name = "unfold"
  package let dimension: Int
  package let size: Int
  package let step: Int

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let dimension = try wrapDimension(self.dimension, x.rank, in: Self.name)
    let extent = x.rank == 0 ? 1 : x.body.shape[unchecked: dimension]
    guard size >= 0, size <= extent, step > 0, x.rank < maximumRank else {
      throw EmberError(.value, in: Self.name, "windows of \(size), one every \(step), of dimension \(dimension) of \(x.summary)")
    }
    var shape = x.body.shape
    var strides = x.body.strides
    if x.rank > 0 {
      shape[unchecked: dimension] = (extent - size) / step + 1
      // A single window needs no stride, and an absurd step has but one.
      if shape[unchecked: dimension] > 1 { strides[dimension] *= step }
    }
    shape.append(size)
    strides.append(x.rank == 0 ? 1 : x.body.strides[dimension])
    return x.view(shape, strides, offset: x.body.offset)
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let shape = context.inputShape(0)
    if shape.rank == 0 { return gradient.sum() }
    let dimension = self.dimension < 0 ? self.dimension + shape.rank : self.dimension
    let zeros = Tensor.zeros(Array(shape), dtype: gradient.dtype, on: gradient.device)
    if gradient.elementCount == 0 { return zeros }
    let starts = (Tensor.arange(gradient.size(dimension), on: gradient.device) * step).unsqueeze(1)
    let positions = (starts + Tensor.arange(size, on: gradient.device)).flatten()
    let rows = gradient.movedim(-1, dimension + 1).flatten(dimension, dimension + 1)
    return zeros.indexAdd(dim: dimension, index: positions, source: rows)
  }
}

extension Tensor {
  /// The memory of this tensor read by other strides, in elements. `offset` counts from the start of the storage; by default this
  /// tensor's own. Raises if that leaves the storage.
  public func asStrided(_ shape: [Int], strides: [Int], offset: Int? = nil) -> Tensor {
    guard mayRun("as_strided", self) else { return .poison }
    return attempt { () throws(EmberError) in
      EmberTensor.apply(try AsStrided(self, shape: shape, strides: strides, offset: offset), self)
    }
  }

  /// This tensor, made dense, with what `asStrided` would read of it replaced by `source`.
  public func asStridedScatter(_ source: Tensor, _ shape: [Int], strides: [Int], offset: Int? = nil) -> Tensor {
    guard mayRun("as_strided_scatter", self), mayRun("as_strided_scatter", source) else { return .poison }
    return attempt { () throws(EmberError) in
      let dense = isContiguous ? self : contiguous()
      // The part is written in a copy, which begins at its own first element.
      let own = try Tensor.empty(shape: dense.body.shape, dtype: dtype, on: MetaBackend.shared)
      let view = try AsStrided(own, shape: shape, strides: strides, offset: offset.map { $0 - dense.body.offset })
      return EmberTensor.apply(ViewScatter(view: view), dense, source)
    }
  }

  /// Windows of `size` elements of a dimension, one every `step`; their elements become the last dimension. Shares memory.
  public func unfold(_ dimension: Int, size: Int, step: Int) -> Tensor {
    apply(Unfold(dimension: dimension, size: size, step: step), self)
  }

  /// This tensor with position `index` of a dimension replaced by `source`.
  public func selectScatter(_ source: Tensor, _ dimension: Int, _ index: Int) -> Tensor {
    withDimension(dimension, "select_scatter") { dimension in
      let extent = rank == 0 ? 0 : size(dimension)
      guard index >= -extent, index < extent else {
        return refuse(.index, "select_scatter", "index \(index) of dimension \(dimension) of \(summary)", beside: self)
      }
      return apply(ViewScatter(view: Select(dimension: dimension, index: index < 0 ? index + extent : index)), self, source)
    }
  }

  /// This tensor with a slice (see `slice`) replaced by `source`.
  public func sliceScatter(_ source: Tensor, _ dimension: Int = 0, start: Int? = nil, end: Int? = nil, step: Int = 1) -> Tensor {
    withDimension(dimension, "slice_scatter") { dimension in
      attempt { () throws(EmberError) in
        EmberTensor.apply(ViewScatter(view: try Slice.clipped(self, dimension, start, end, step)), self, source)
      }
    }
  }
}

extension OperatorRegistry {
  mutating func addStridedViews() {
    for name in ["as_strided", "as_strided_copy"] {
      add("aten::\(name)(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)") {
        (x: Tensor, size: [Int], strides: [Int], offset: Int?) in x.asStrided(size, strides: strides, offset: offset)
      }
    }
    add("aten::as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor") {
      (x: Tensor, source: Tensor, size: [Int], strides: [Int], offset: Int?) in
      x.asStridedScatter(source, size, strides: strides, offset: offset)
    }
    for name in ["unfold", "unfold_copy"] {
      add("aten::\(name)(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)") {
        (x: Tensor, dimension: Int, size: Int, step: Int) in
        x.unfold(dimension, size: size, step: step)
      }
    }
    add("aten::select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor") {
      (x: Tensor, source: Tensor, dim: Int, index: Int) in
      x.selectScatter(source, dim, index)
    }
    add("aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor") {
      (x: Tensor, source: Tensor, dim: Int, start: Int?, end: Int?, step: Int) in
      x.sliceScatter(source, dim, start: start, end: end, step: step)
    }
  }
}
