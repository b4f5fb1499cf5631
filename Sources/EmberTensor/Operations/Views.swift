import EmberRuntime

/// Checks a dimension and counts it from the front.
func wrapDimension(_ dimension: Int, _ rank: Int, in operation: String) throws(EmberError) -> Int {
  let wrapped = dimension < 0 ? dimension + Swift.max(rank, 1) : dimension
  guard wrapped >= 0, wrapped < Swift.max(rank, 1) else {
    throw EmberError(.index, in: operation, "dimension \(dimension) of a tensor with \(rank) dimensions; allowed are \(-Swift.max(rank, 1))...\(Swift.max(rank, 1) - 1)")
  }
  return wrapped
}

// MARK: - Primitives. A view shares memory; its gradient is the inverse rearrangement.

struct Reshape: UnaryOperation {
  static let name = "reshape"
  let shape: [Int]

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard let target = resolved(from: x.body.shape) else {
      throw EmberError(.shape, in: "reshape", "\(x.summary) has \(x.elementCount) elements and cannot take the shape \(shape)")
    }
    if let strides = viewStrides(x.body.shape, x.body.strides, target) { return x.view(target, strides, offset: x.body.offset) }
    return try x.dense().view(target, target.contiguousStrides, offset: 0)
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.reshape(Array(context.inputShape(0))) }

  /// The shape with -1 replaced by what is left; nil if it does not fit.
  func resolved(from old: Shape) -> Shape? {
    var extents = shape
    let count = old.elementCount
    if let unknown = extents.firstIndex(of: -1) {
      var known = 1
      for (i, extent) in extents.enumerated() where i != unknown { known *= extent }
      if known != 0, count % known == 0 { extents[unknown] = count / known } else if known == 0, count == 0 { extents[unknown] = 0 }
    }
    guard extents.allSatisfy({ $0 >= 0 }), extents.count <= maximumRank, extents.reduce(1, *) == count else { return nil }
    return Shape(extents)
  }

  /// Strides that show the same memory in another shape, or nil if there are none.
  private func viewStrides(_ old: Shape, _ strides: Strides, _ new: Shape) -> Strides? {
    if strides.isContiguous(old) { return new.contiguousStrides }
    var result = Strides(Array(repeating: 0, count: new.rank))
    // Runs of old dimensions that lie evenly take the new dimensions of the same size.
    var newDimension = new.rank - 1
    var chunk = 1, covered = 1
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

struct Permute: UnaryOperation {
  static let name = "permute"
  /// Where each dimension of the result comes from.
  let order: [Int]

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard order.count == x.rank else {
      throw EmberError(.shape, in: "permute", "\(order.count) dimensions given for \(x.summary)")
    }
    var shape = Shape(), strides = Strides(), seen = Set<Int>()
    for dimension in order {
      let i = try wrapDimension(dimension, x.rank, in: "permute")
      guard seen.insert(i).inserted else { throw EmberError(.value, in: "permute", "dimension \(dimension) is given twice in \(order)") }
      shape.append(x.body.shape[unchecked: i])
      strides.append(x.body.strides[i])
    }
    return x.view(shape, strides, offset: x.body.offset)
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    var inverse = Array(repeating: 0, count: order.count)
    for (i, dimension) in order.enumerated() { inverse[dimension < 0 ? dimension + order.count : dimension] = i }
    return gradient.permute(inverse)
  }
}

struct Expand: UnaryOperation {
  static let name = "expand"
  let shape: [Int]

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let target = try checkedShape(shape.enumerated().map { i, extent in
      let own = i - (shape.count - x.rank)
      return extent == -1 && own >= 0 ? x.body.shape[unchecked: own] : extent
    }, in: "expand")
    guard x.body.shape.broadcast(with: target) == target else {
      throw EmberError(.shape, in: "expand", "\(x.summary) does not expand to \(shape); aligned at the end, extents must be equal or 1")
    }
    return x.view(target, x.body.strides.broadcast(from: x.body.shape, to: target), offset: x.body.offset)
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.sum(to: context.inputShape(0)) }
}

/// A part of one dimension: positions start, start + step, …
struct Slice: UnaryOperation {
  static let name = "slice"
  let dimension: Int
  let start: Int
  let count: Int
  let step: Int

  func forward(_ x: Tensor) -> Tensor {
    var strides = x.body.strides
    strides[dimension] *= step
    return x.view(x.body.shape.replacing(dimension, with: count), strides, offset: x.body.offset + start * x.body.strides[dimension])
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(SliceBackward(slice: self, shape: context.inputShape(0)), gradient)
  }
}

/// Zeros with a slice filled in: the gradient of `Slice`.
struct SliceBackward: UnaryOperation {
  static let name = "slice_backward"
  let slice: Slice
  let shape: Shape

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let result = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    result.fillMemory(0)
    if x.backend.holdsData { x.backend.copy(x.operand, to: slice.forward(result).operand) }
    return result
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { apply(slice, gradient) }
}

/// One position of a dimension, which disappears.
struct Select: UnaryOperation {
  static let name = "select"
  let dimension: Int
  let index: Int

  func forward(_ x: Tensor) -> Tensor {
    var strides = x.body.strides
    strides.remove(at: dimension)
    return x.view(x.body.shape.removing(dimension), strides, offset: x.body.offset + index * x.body.strides[dimension])
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(SliceBackward(slice: Slice(dimension: dimension, start: index, count: 1, step: 1), shape: context.inputShape(0)), gradient.unsqueeze(dimension))
  }
}

struct Flip: UnaryOperation {
  static let name = "flip"
  let dimensions: [Int]

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    var strides = x.body.strides, offset = x.body.offset
    for dimension in dimensions {
      let i = try wrapDimension(dimension, x.rank, in: "flip")
      if x.rank == 0 { continue }
      offset += Swift.max(0, x.body.shape[unchecked: i] - 1) * strides[i]
      strides[i] = -strides[i]
    }
    return try x.view(x.body.shape, strides, offset: offset).dense()
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.flip(dimensions) }
}

// MARK: - Public functions

extension Tensor {
  /// The same elements in another shape; one extent may be -1. Shares memory where the layout allows.
  public func reshape(_ shape: [Int]) -> Tensor { apply(Reshape(shape: shape), self) }
  public func reshape(_ shape: Int...) -> Tensor { reshape(shape) }
  /// As `reshape`: values have no aliasing to preserve.
  public func view(_ shape: Int...) -> Tensor { reshape(shape) }
  public func permute(_ order: [Int]) -> Tensor { apply(Permute(order: order), self) }
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

  /// The matrix transpose of a tensor of at most two dimensions.
  public func t() -> Tensor { rank < 2 ? self : transpose(0, 1) }
  /// The last two dimensions exchanged.
  public var mT: Tensor { transpose(-2, -1) }

  public func expand(_ shape: [Int]) -> Tensor { apply(Expand(shape: shape), self) }
  public func expand(_ shape: Int...) -> Tensor { expand(shape) }
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
  public func squeeze(_ dimensions: Int...) -> Tensor {
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
      reshape(Array(body.shape[0..<dimension]) + extents + Array(body.shape[(dimension + 1)...]))
    }
  }

  /// Positions `start` ..< `start + length` of a dimension.
  public func narrow(_ dimension: Int, start: Int, length: Int) -> Tensor {
    withDimension(dimension, "narrow") { dimension in
      let extent = size(dimension)
      let first = start < 0 ? start + extent : start
      guard rank > 0, first >= 0, length >= 0, first + length <= extent else {
        raise(EmberError(.index, in: "narrow", "positions \(start) ..< \(start + length) of dimension \(dimension) of \(summary)"))
        return .poison
      }
      return apply(Slice(dimension: dimension, start: first, count: length, step: 1), self)
    }
  }

  /// Position `index` of a dimension, which disappears.
  public func select(_ dimension: Int, _ index: Int) -> Tensor {
    withDimension(dimension, "select") { dimension in
      let extent = rank == 0 ? 0 : size(dimension)
      guard index >= -extent, index < extent else {
        raise(EmberError(.index, in: "select", "index \(index) of dimension \(dimension) of \(summary); allowed are \(-extent)...\(extent - 1)"))
        return .poison
      }
      return apply(Select(dimension: dimension, index: index < 0 ? index + extent : index), self)
    }
  }

  public func flip(_ dimensions: [Int]) -> Tensor { apply(Flip(dimensions: dimensions), self) }
  public func flip(_ dimensions: Int...) -> Tensor { flip(dimensions) }

  /// Pieces of `size` along a dimension; the last one may be smaller.
  public func split(_ size: Int, dim: Int = 0) -> [Tensor] {
    let extent = self.size(dim)
    guard size > 0 else {
      raise(EmberError(.value, in: "split", "a size of \(size); it must be positive"))
      return [.poison]
    }
    return stride(from: 0, to: Swift.max(extent, 1), by: size).map { narrow(dim, start: $0, length: Swift.min(size, extent - $0)) }
  }

  /// Pieces of the given sizes along a dimension.
  public func split(_ sizes: [Int], dim: Int = 0) -> [Tensor] {
    guard sizes.reduce(0, +) == size(dim) else {
      raise(EmberError(.shape, in: "split", "sizes \(sizes) do not add up to dimension \(dim) of \(summary)"))
      return sizes.map { _ in .poison }
    }
    var start = 0
    return sizes.map { size in
      defer { start += size }
      return narrow(dim, start: start, length: size)
    }
  }

  /// At most `count` pieces of equal size (the last one may be smaller).
  public func chunk(_ count: Int, dim: Int = 0) -> [Tensor] {
    guard count > 0 else {
      raise(EmberError(.value, in: "chunk", "a count of \(count); it must be positive"))
      return [.poison]
    }
    return split(Swift.max(1, (size(dim) + count - 1) / count), dim: dim)
  }

  /// Repeats the whole tensor along each dimension.
  public func `repeat`(_ counts: Int...) -> Tensor {
    guard counts.count >= rank else {
      raise(EmberError(.shape, in: "repeat", "\(counts.count) counts for \(summary)"))
      return .poison
    }
    let own = Array(repeating: 1, count: counts.count - rank) + Array(body.shape)
    var interleaved: [Int] = [], expanded: [Int] = []
    for (count, extent) in zip(counts, own) {
      interleaved += [1, extent]
      expanded += [count, extent]
    }
    guard interleaved.count <= maximumRank else {
      return counts.enumerated().reduce(reshape(own)) { x, entry in entry.element == 1 ? x : cat(Array(repeating: x, count: entry.element), dim: entry.offset) }
    }
    return reshape(interleaved).expand(expanded).reshape(zip(counts, own).map(*))
  }

  func withDimension(_ dimension: Int, _ operation: String, _ body: (Int) -> Tensor) -> Tensor {
    if isPoisoned { return .poison }
    do throws(EmberError) { return body(try wrapDimension(dimension, rank, in: operation)) } catch {
      raise(error)
      return .poison
    }
  }
}

// MARK: - Joining

struct Concatenate: VariadicOperation {
  static let name = "cat"
  let dimension: Int

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let all = inputs.compactMap { $0 }
    guard let first = all.first(where: { $0.rank > 0 && !($0.rank == 1 && $0.elementCount == 0) }) ?? all.first else {
      throw EmberError(.value, in: "cat", "an empty list; give at least one tensor")
    }
    guard first.rank > 0 else { throw EmberError(.shape, in: "cat", "0-dimensional tensors have no dimension to join along; use stack") }
    let dimension = try wrapDimension(self.dimension, first.rank, in: "cat")
    var promotion = PromotionAccumulator()
    var total = 0
    for (i, x) in all.enumerated() {
      promotion.add(x.dtype, isZeroDimensional: false)
      // PyTorch lets one-dimensional empty tensors join anything.
      if x.rank == 1, x.elementCount == 0, first.rank != 1 { continue }
      guard x.rank == first.rank, (0..<first.rank).allSatisfy({ $0 == dimension || x.body.shape[unchecked: $0] == first.body.shape[unchecked: $0] }) else {
        throw EmberError(.shape, in: "cat", "tensor \(i) is \(x.summary), another \(first.summary); all extents but that of dimension \(dimension) must agree")
      }
      total += x.body.shape[unchecked: dimension]
    }
    let result = try Tensor.empty(shape: first.body.shape.replacing(dimension, with: total), dtype: promotion.result(), like: first)
    var start = 0
    for x in all where x.rank == first.rank {
      let extent = x.body.shape[unchecked: dimension]
      if extent > 0, x.backend.holdsData {
        x.backend.copy(x.operand, to: Slice(dimension: dimension, start: start, count: extent, step: 1).forward(result).operand)
      }
      start += extent
    }
    return [result]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let gradient = gradients[0] else { return [] }
    let dimension = self.dimension < 0 ? self.dimension + gradient.rank : self.dimension
    var start = 0
    return context.node.inputShapes.indices.map { i in
      let shape = context.inputShape(i)
      guard shape.rank == gradient.rank else { return Tensor.zeros(Array(shape), dtype: gradient.dtype, on: gradient.device) }
      defer { start += shape[dimension] }
      guard context.needs(i) else { return nil }
      return gradient.narrow(dimension, start: start, length: shape[dimension]).to(context.inputDType(i))
    }
  }
}

/// Joins tensors along an existing dimension.
public func cat(_ tensors: [Tensor], dim: Int = 0) -> Tensor { apply(Concatenate(dimension: dim), tensors)[0] }

/// Joins tensors of one shape along a new dimension.
public func stack(_ tensors: [Tensor], dim: Int = 0) -> Tensor {
  for tensor in tensors.dropFirst() where tensor.shape != tensors[0].shape {
    raise(EmberError(.shape, in: "stack", "\(tensor.summary) among tensors of shape \(tensors[0].shape); all shapes must be equal"))
    return .poison
  }
  return cat(tensors.map { $0.unsqueeze(dim) }, dim: dim < 0 ? dim : dim)
}
