import EmberRuntime

/// Checks a dimension and counts it from the front.
package func wrapDimension(_ dimension: Int, _ rank: Int, in operation: String) throws(EmberError) -> Int {
  let wrapped = dimension < 0 ? dimension + Swift.max(rank, 1) : dimension
  guard wrapped >= 0, wrapped < Swift.max(rank, 1) else {
    throw EmberError(
      .index, in: operation,
      "dimension \(dimension) of a tensor with \(rank) dimensions; allowed are \(-Swift.max(rank, 1))...\(Swift.max(rank, 1) - 1)")
  }
  return wrapped
}

// MARK: - Primitives. A view shares memory; its gradient is the inverse rearrangement.

package struct Reshape: UnaryOperation {
  package static let name = "reshape"
  package let shape: [Int]

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard let target = resolved(from: x.body.shape) else {
      throw EmberError(.shape, in: "reshape", "\(x.summary) has \(x.elementCount) elements and cannot take the shape \(shape)")
    }
    if let strides = viewStrides(x.body.shape, x.body.strides, target) { return x.view(target, strides, offset: x.body.offset) }
    return try x.dense().view(target, target.contiguousStrides, offset: 0)
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.reshape(Array(context.inputShape(0))) }

  /// The shape with -1 replaced by what is left; nil if it does not fit.
  func resolved(from old: Shape) -> Shape? {
    var extents = shape
    let count = old.elementCount
    if let unknown = extents.firstIndex(of: -1) {
      extents[unknown] = 1
      // Nothing is left over of no elements: any extent would do, so none is meant.
      if let known = Self.product(extents), known > 0, count % known == 0 {
        extents[unknown] = count / known
      } else {
        extents[unknown] = -1
      }
    }
    guard extents.count <= maximumRank, Self.product(extents) == count else { return nil }
    return Shape(extents)
  }

  /// The product of extents, or nil if one is negative or it does not fit.
  private static func product(_ extents: [Int]) -> Int? {
    var product = 1
    for extent in extents {
      let (next, overflow) = product.multipliedReportingOverflow(by: extent)
      if extent < 0 || overflow { return nil }
      product = next
    }
    return product
  }

  /// Strides that show the same memory in another shape, or nil if there are none.
  private func viewStrides(_ old: Shape, _ strides: Strides, _ new: Shape) -> Strides? {
    if strides.isContiguous(old) { return new.contiguousStrides }
    var result = Strides(Array(repeating: 0, count: new.rank))
    // Runs of old dimensions that lie evenly take the new dimensions of the same size.
    var newDimension = new.rank - 1
    var chunk = 1
    var covered = 1
    guard old.rank > 0 else { return new.contiguousStrides }
    var base = strides[old.rank - 1]
    for i in stride(from: old.rank - 1, through: 0, by: -1) {
      chunk *= old[unchecked: i]
      let ends = i == 0 || (old[unchecked: i - 1] != 1 && strides[i - 1] != chunk * base)
      guard ends else { continue }
      while newDimension >= 0, covered < chunk || new[unchecked: newDimension] == 1 {
        result[newDimension] = covered * base
        covered *= new[unchecked: newDimension]
        newDimension -= 1
      }
      if covered != chunk { return nil }
      if i > 0 {
        base = strides[i - 1]
        chunk = 1
        covered = 1
      }
    }
    return newDimension == -1 ? result : nil
  }
}

package struct Permute: UnaryOperation {
  package static let name = "permute"
  /// Where each dimension of the result comes from.
  package let order: [Int]

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard order.count == x.rank else {
      throw EmberError(.shape, in: "permute", "\(order.count) dimensions given for \(x.summary)")
    }
    var shape = Shape()
    var strides = Strides()
    var seen = Set<Int>()
    for dimension in order {
      let i = try wrapDimension(dimension, x.rank, in: "permute")
      guard seen.insert(i).inserted else { throw EmberError(.value, in: "permute", "dimension \(dimension) is given twice in \(order)") }
      shape.append(x.body.shape[unchecked: i])
      strides.append(x.body.strides[i])
    }
    return x.view(shape, strides, offset: x.body.offset)
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    var inverse = Array(repeating: 0, count: order.count)
    for (i, dimension) in order.enumerated() { inverse[dimension < 0 ? dimension + order.count : dimension] = i }
    return gradient.permute(inverse)
  }
}

package struct Expand: UnaryOperation {
  package static let name = "expand"
  package let shape: [Int]

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let target = try checkedShape(
      shape.enumerated().map { i, extent in
        let own = i - (shape.count - x.rank)
        return extent == -1 && own >= 0 ? x.body.shape[unchecked: own] : extent
      }, in: "expand")
    guard x.body.shape.broadcast(with: target) == target else {
      throw EmberError(.shape, in: "expand", "\(x.summary) does not expand to \(shape); aligned at the end, extents must be equal or 1")
    }
    return x.view(target, x.body.strides.broadcast(from: x.body.shape, to: target), offset: x.body.offset)
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.sum(to: context.inputShape(0)) }
}

/// A part of one dimension: positions start, start + step, …
package struct Slice: UnaryOperation {
  package static let name = "slice"
  package let dimension: Int
  package let start: Int
  package let count: Int
  package let step: Int

  package func forward(_ x: Tensor) -> Tensor {
    var strides = x.body.strides
    strides[dimension] *= step
    return x.view(x.body.shape.replacing(dimension, with: count), strides, offset: x.body.offset + start * x.body.strides[dimension])
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(ViewBackward(view: self, shape: context.inputShape(0)), gradient)
  }

  /// A slice by Python's rules: bounds below 0 count from the end, bounds outside are clipped.
  static func clipped(_ x: Tensor, _ dimension: Int, _ start: Int?, _ end: Int?, _ step: Int) throws(EmberError) -> Slice {
    guard x.rank > 0 else { throw EmberError(.shape, in: "slice", "\(x.summary) has no dimension to slice") }
    guard step > 0 else { throw EmberError(.value, in: "slice", "a step of \(step); it must be positive (use flip to reverse)") }
    let extent = x.body.shape[unchecked: dimension]
    func clip(_ bound: Int) -> Int { Swift.min(Swift.max(bound < 0 ? bound + extent : bound, 0), extent) }
    let first = clip(start ?? 0)
    let last = clip(end ?? extent)
    let count = last <= first ? 0 : (last - first - 1) / step + 1
    return Slice(dimension: dimension, start: count == 0 ? 0 : first, count: count, step: count <= 1 ? 1 : step)
  }
}

/// Zeros with the elements of a view filled in: the gradient of a view.
struct ViewBackward<View: UnaryOperation>: UnaryOperation {
  static var name: String { View.name + "_backward" }
  let view: View
  let shape: Shape

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let result = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    result.fillMemory(0)
    if x.backend.holdsData, x.elementCount > 0 { x.backend.copy(x.operand, to: try view.forward(result).operand) }
    return result
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { apply(view, gradient) }
}

/// One position of a dimension, which disappears.
package struct Select: UnaryOperation {
  package static let name = "select"
  package let dimension: Int
  package let index: Int

  package func forward(_ x: Tensor) -> Tensor {
    var strides = x.body.strides
    strides.remove(at: dimension)
    return x.view(x.body.shape.removing(dimension), strides, offset: x.body.offset + index * x.body.strides[dimension])
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(ViewBackward(view: self, shape: context.inputShape(0)), gradient)
  }
}

package struct Flip: UnaryOperation {
  package static let name = "flip"
  package let dimensions: [Int]

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    var strides = x.body.strides
    var offset = x.body.offset
    for dimension in dimensions {
      let i = try wrapDimension(dimension, x.rank, in: "flip")
      if x.rank == 0 { continue }
      offset += Swift.max(0, x.body.shape[unchecked: i] - 1) * strides[i]
      strides[i] = -strides[i]
    }
    return try x.view(x.body.shape, strides, offset: offset).dense()
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.flip(dimensions) }
}

// MARK: - Public functions

extension Tensor {
  /// The same elements in another shape; one extent may be -1. Shares memory where the layout allows.
  public func reshape(_ shape: [Int]) -> Tensor { apply(Reshape(shape: shape), self) }
  /// The same with the extents one by one.
  public func reshape(_ shape: Int...) -> Tensor { reshape(shape) }
  /// As `reshape`: values have no aliasing to preserve.
  public func view(_ shape: Int...) -> Tensor { reshape(shape) }
  /// The dimensions in another order: dimension i of the result is dimension `order[i]`. Shares memory.
  public func permute(_ order: [Int]) -> Tensor { apply(Permute(order: order), self) }
  /// The same with the dimensions one by one.
  public func permute(_ order: Int...) -> Tensor { permute(order) }

  /// Exchanges two dimensions.
  public func transpose(_ a: Int, _ b: Int) -> Tensor {
    withDimension(a, "transpose") { a in
      withDimension(b, "transpose") { b in
        if rank == 0 { return self }
        var order = Array(0..<rank)
        order.swapAt(a, b)
        return permute(order)
      }
    }
  }

  /// The transpose of a matrix; tensors of fewer dimensions are their own. Raises for more than two dimensions.
  public func t() -> Tensor {
    guard rank <= 2 || isPoisoned else {
      return refuse(.shape, "t", "\(summary) has more than two dimensions; use mT, or permute", beside: self)
    }
    return rank < 2 ? self : transpose(0, 1)
  }

  /// All dimensions in reverse order.
  public var T: Tensor { isPoisoned ? self : permute(Array((0..<rank).reversed())) }

  /// The last two dimensions exchanged. Raises for fewer than two dimensions.
  public var mT: Tensor {
    guard rank >= 2 || isPoisoned else { return refuse(.shape, "mT", "\(summary) has fewer than two dimensions", beside: self) }
    return transpose(-2, -1)
  }

  /// The conjugate transpose of a matrix; a 0-dimensional tensor is its own. Raises otherwise.
  public var H: Tensor {
    guard rank == 2 || rank == 0 || isPoisoned else {
      return refuse(.shape, "H", "\(summary) is not a matrix; use mH for a batch of them", beside: self)
    }
    return rank == 0 ? conj() : mH
  }

  /// The conjugate transpose of each matrix of a batch.
  public var mH: Tensor { mT.conj() }

  /// Dimensions of extent 1 repeated, without a copy; new ones are put in front. -1 keeps an extent.
  public func expand(_ shape: [Int]) -> Tensor { apply(Expand(shape: shape), self) }
  /// The same with the extents one by one.
  public func expand(_ shape: Int...) -> Tensor { expand(shape) }
  /// As `expand`.
  public func broadcast(to shape: [Int]) -> Tensor { expand(shape) }

  /// Inserts a dimension of extent 1.
  public func unsqueeze(_ dimension: Int) -> Tensor {
    var extents = Array(body.shape)
    let position = dimension < 0 ? dimension + rank + 1 : dimension
    guard position >= 0, position <= rank else {
      raise(EmberError(.index, in: "unsqueeze", "dimension \(dimension) for \(summary); allowed are \(-rank - 1)...\(rank)"))
      return .poison
    }
    extents.insert(1, at: position)
    return reshape(extents)
  }

  /// Removes all dimensions of extent 1, or those of the given ones that have it.
  public func squeeze(_ dimensions: Int...) -> Tensor { squeeze(dimensions) }

  /// Removes the given dimensions where they have extent 1; all such ones if none is given.
  public func squeeze(_ dimensions: [Int]) -> Tensor {
    if isPoisoned { return self }
    var remove = Set<Int>()
    for dimension in dimensions {
      let wrapped = dimension < 0 ? dimension + Swift.max(rank, 1) : dimension
      guard wrapped >= 0, wrapped < Swift.max(rank, 1) else {
        raise(EmberError(.index, in: "squeeze", "dimension \(dimension) for \(summary)"))
        return .poison
      }
      remove.insert(wrapped)
    }
    let kept = body.shape.enumerated().filter { $0.element != 1 || (!dimensions.isEmpty && !remove.contains($0.offset)) }.map(\.element)
    return kept.count == rank ? self : reshape(kept)
  }

  /// Joins dimensions `start` to `end` into one.
  public func flatten(_ start: Int = 0, _ end: Int = -1) -> Tensor {
    withDimension(start, "flatten") { start in
      withDimension(end, "flatten") { end in
        if rank == 0 { return reshape([1]) }
        guard start <= end else {
          raise(EmberError(.value, in: "flatten", "start \(start) comes after end \(end)"))
          return .poison
        }
        return reshape(Array(body.shape[0..<start]) + [body.shape.product(start..<(end + 1))] + Array(body.shape[(end + 1)...]))
      }
    }
  }

  /// Splits one dimension into several.
  public func unflatten(_ dimension: Int, _ extents: [Int]) -> Tensor {
    withDimension(dimension, "unflatten") { dimension in
      guard rank > 0, !extents.isEmpty else {
        return refuse(.shape, "unflatten", "\(extents) for \(summary); give at least one extent", beside: self)
      }
      let areWhole = extents.allSatisfy { (0...1 << 40).contains($0) }
      if areWhole, extents.count <= maximumRank, Shape(extents).elementCount != size(dimension) {
        return refuse(
          .shape, "unflatten", "\(extents) do not multiply up to extent \(size(dimension)) of dimension \(dimension) of \(summary)", beside: self)
      }
      return reshape(Array(body.shape[0..<dimension]) + extents + Array(body.shape[(dimension + 1)...]))
    }
  }

  /// Positions `start` ..< `start + length` of a dimension.
  public func narrow(_ dimension: Int, start: Int, length: Int) -> Tensor {
    withDimension(dimension, "narrow") { dimension in
      let extent = size(dimension)
      let first = start < 0 ? start + extent : start
      guard rank > 0, first >= 0, first <= extent, length >= 0, length <= extent - first else {
        return refuse(.index, "narrow", "\(length) positions from \(start) of dimension \(dimension) of \(summary)", beside: self)
      }
      return apply(Slice(dimension: dimension, start: first, count: length, step: 1), self)
    }
  }

  /// Position `index` of a dimension, which disappears.
  public func select(_ dimension: Int, _ index: Int) -> Tensor {
    withDimension(dimension, "select") { dimension in
      let extent = rank == 0 ? 0 : size(dimension)
      guard index >= -extent, index < extent else {
        raise(
          EmberError(.index, in: "select", "index \(index) of dimension \(dimension) of \(summary); allowed are \(-extent)...\(extent - 1)")
        )
        return .poison
      }
      return apply(Select(dimension: dimension, index: index < 0 ? index + extent : index), self)
    }
  }

  /// The given dimensions in reverse order.
  public func flip(_ dimensions: [Int]) -> Tensor { apply(Flip(dimensions: dimensions), self) }
  /// The same with the dimensions one by one.
  public func flip(_ dimensions: Int...) -> Tensor { flip(dimensions) }

  /// Positions `start`, `start + step`, … before `end` of a dimension; nil is the edge. Bounds are clipped as in a subscript.
  public func slice(_ dimension: Int = 0, start: Int? = nil, end: Int? = nil, step: Int = 1) -> Tensor {
    withDimension(dimension, "slice") { dimension in
      attempt { () throws(EmberError) in EmberTensor.apply(try Slice.clipped(self, dimension, start, end, step), self) }
    }
  }

  package func withDimension(_ dimension: Int, _ operation: String, _ body: (Int) -> Tensor) -> Tensor {
    if isPoisoned { return .poison }
    do throws(EmberError) { return body(try wrapDimension(dimension, rank, in: operation)) } catch {
      raise(error)
      return .poison
    }
  }
}

extension OperatorRegistry {
  mutating func addViews() {
    add("aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)") { (x: Tensor, shape: [Int]) in x.reshape(shape) }
    add("aten::reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)") { (x: Tensor, other: Tensor) in x.reshape(Array(other.shape)) }
    add("aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)") { (x: Tensor, size: [Int]) in x.reshape(size) }
    add("aten::view_as(Tensor(a) self, Tensor other) -> Tensor(a)") { (x: Tensor, other: Tensor) in x.reshape(Array(other.shape)) }
    add("aten::view_copy(Tensor self, SymInt[] size) -> Tensor") { (x: Tensor, size: [Int]) in x.reshape(size) }
    add("aten::alias(Tensor(a) self) -> Tensor(a)") { (x: Tensor) in x }
    add("aten::alias_copy(Tensor self) -> Tensor") { (x: Tensor) in x }
    add("aten::ravel(Tensor(a) self) -> Tensor(a)") { (x: Tensor) in x.flatten() }
    add("aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)") { (x: Tensor, start: Int, end: Int) in
      x.flatten(start, end)
    }
    add("aten::unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)") { (x: Tensor, dim: Int, sizes: [Int]) in
      x.unflatten(dim, sizes)
    }
    add("aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)") { (x: Tensor, dims: [Int]) in x.permute(dims) }
    add("aten::permute_copy(Tensor self, int[] dims) -> Tensor") { (x: Tensor, dims: [Int]) in x.permute(dims) }
    for name in ["transpose.int", "transpose_copy.int", "swapaxes", "swapdims"] {
      let (first, second) = name.hasPrefix("swapaxes") ? ("axis0", "axis1") : ("dim0", "dim1")
      add("aten::\(name)(Tensor(a) self, int \(first), int \(second)) -> Tensor(a)") { (x: Tensor, a: Int, b: Int) in x.transpose(a, b) }
    }
    add("aten::t(Tensor(a) self) -> Tensor(a)") { (x: Tensor) in x.t() }
    add("aten::t_copy(Tensor self) -> Tensor") { (x: Tensor) in x.t() }
    add("aten::adjoint(Tensor(a) self) -> Tensor(a)") { (x: Tensor) in x.mH }
    for (names, function) in [
      (["torch.Tensor.T", "aten::numpy_T"], { @Sendable x in x.T }), (["torch.Tensor.H", "aten::matrix_H"], { @Sendable x in x.H }),
      (["torch.Tensor.mT", "aten::mT"], { @Sendable x in x.mT }), (["torch.Tensor.mH", "aten::mH"], { @Sendable x in x.mH }),
    ] as [([String], @Sendable (Tensor) -> Tensor)] {
      for name in names { add("\(name)(Tensor(a) self) -> Tensor(a)") { (x: Tensor) in function(x) } }
    }
    for name in ["expand", "expand_copy"] {
      add("aten::\(name)(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)") { (x: Tensor, size: [Int], _: Bool) in
        x.expand(size)
      }
    }
    add("aten::expand_as(Tensor(a) self, Tensor other) -> Tensor(a)") { (x: Tensor, other: Tensor) in x.expand(Array(other.shape)) }
    add("aten::broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)") { (x: Tensor, size: [Int]) in x.expand(size) }
    add("aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)") { (x: Tensor, dim: Int) in x.unsqueeze(dim) }
    add("aten::unsqueeze_copy(Tensor self, int dim) -> Tensor") { (x: Tensor, dim: Int) in x.unsqueeze(dim) }
    for name in ["squeeze", "squeeze_copy"] {
      add("aten::\(name)(Tensor(a) self) -> Tensor(a)") { (x: Tensor) in x.squeeze() }
      add("aten::\(name).dim(Tensor(a) self, int dim) -> Tensor(a)") { (x: Tensor, dim: Int) in x.squeeze(dim) }
      add("aten::\(name).dims(Tensor(a) self, int[] dim) -> Tensor(a)") { (x: Tensor, dims: [Int]) in
        // An empty list names no dimension here.
        dims.isEmpty ? x : x.squeeze(dims)
      }
    }
    for name in ["narrow", "narrow_copy"] {
      add("aten::\(name)(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)") {
        (x: Tensor, dim: Int, start: Int, length: Int) in x.narrow(dim, start: start, length: length)
      }
    }
    add("aten::narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)") {
      (x: Tensor, dim: Int, start: Tensor, length: Int) in
      guard start.rank == 0, start.dtype.isInteger else {
        throw EmberError(.dtype, in: "narrow", "start is \(start.summary); it must be one integer, in a 0-dimensional tensor")
      }
      return x.narrow(dim, start: start.item(as: Int.self), length: length)
    }
    for name in ["select", "select_copy"] {
      add("aten::\(name).int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)") { (x: Tensor, dim: Int, index: Int) in
        x.select(dim, index)
      }
    }
    for name in ["slice", "slice_copy"] {
      add("aten::\(name).Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)") {
        (x: Tensor, dim: Int, start: Int?, end: Int?, step: Int) in x.slice(dim, start: start, end: end, step: step)
      }
    }
    add("aten::flip(Tensor self, int[] dims) -> Tensor") { (x: Tensor, dims: [Int]) in x.flip(dims) }
    add("aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)") {
      (x: Tensor, _: OperatorValue) in x.contiguous()
    }
    add("aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor") { (x: Tensor, _: OperatorValue) in x.clone() }
  }
}
