/// The largest number of dimensions of a tensor.
public let maximumRank = 8

/// The extents of a tensor's dimensions, outermost first. Kept inline: making one allocates nothing.
///
/// Dimensions may be named from the end: `shape[-1]` is the last one.
@frozen
public struct Shape: Sendable {
  @usableFromInline var extents: InlineArray<8, Int>
  @usableFromInline var dimensionCount: Int

  /// Number of dimensions.
  @inlinable public var rank: Int { dimensionCount }

  /// The shape of a scalar.
  @inlinable public init() {
    extents = InlineArray(repeating: 1)
    dimensionCount = 0
  }

  @inlinable public init(repeating extent: Int, rank: Int) {
    self.init()
    for _ in 0..<rank { append(extent) }
  }

  /// - Precondition: at most `maximumRank` elements (checked by callers that take a shape from outside).
  @inlinable public init(_ extents: some Sequence<Int>) {
    self.init()
    for extent in extents { append(extent) }
  }

  /// Number of elements: the product of the extents.
  @inlinable public var elementCount: Int {
    var count = 1
    for i in 0..<rank { count *= extents[i] }
    return count
  }

  /// The extent of dimension `i` without any check or wrapping.
  @inlinable public subscript(unchecked i: Int) -> Int {
    get { extents[i] }
    set { extents[i] = newValue }
  }

  @inlinable public mutating func append(_ extent: Int) {
    precondition(rank < maximumRank, "a tensor has at most 8 dimensions")
    extents[rank] = extent
    dimensionCount += 1
  }

  @inlinable public mutating func insert(_ extent: Int, at position: Int) {
    precondition(rank < maximumRank, "a tensor has at most 8 dimensions")
    var i = rank
    while i > position {
      extents[i] = extents[i - 1]
      i -= 1
    }
    extents[position] = extent
    dimensionCount += 1
  }

  @inlinable public mutating func remove(at position: Int) {
    for i in position..<(rank - 1) { extents[i] = extents[i + 1] }
    dimensionCount -= 1
    extents[rank] = 1
  }

  public func appending(_ extent: Int) -> Shape {
    var copy = self
    copy.append(extent)
    return copy
  }

  public func replacing(_ dimension: Int, with extent: Int) -> Shape {
    var copy = self
    copy.extents[dimension] = extent
    return copy
  }

  public func removing(_ dimension: Int) -> Shape {
    var copy = self
    copy.remove(at: dimension)
    return copy
  }

  /// Product of the extents of `range`.
  public func product(_ range: Range<Int>) -> Int {
    var product = 1
    for i in range { product *= extents[i] }
    return product
  }

  /// The strides of a dense row-major tensor of this shape, in elements.
  @inlinable public var contiguousStrides: Strides {
    var strides = Strides()
    strides.rank = rank
    var step = 1
    var i = rank - 1
    while i >= 0 {
      strides.steps[i] = step
      step *= Swift.max(extents[i], 1)
      i -= 1
    }
    return strides
  }

  /// The strides of a dense tensor [batch, channels, spatial...] of this shape whose channels of a place lie side by side.
  public var channelsLastStrides: Strides {
    var strides = contiguousStrides
    if rank < 3 { return strides }
    strides.steps[1] = 1
    var step = Swift.max(extents[1], 1)
    var i = rank - 1
    while i >= 2 {
      strides.steps[i] = step
      step *= Swift.max(extents[i], 1)
      i -= 1
    }
    strides.steps[0] = step
    return strides
  }

  /// What two shapes broadcast to (NumPy's rule: aligned at the end, extent 1 stretches), or nil.
  public func broadcast(with other: Shape) -> Shape? {
    if self == other { return self }
    var result = rank >= other.rank ? self : other
    let short = rank >= other.rank ? other : self
    let offset = result.rank - short.rank
    for i in 0..<short.rank {
      let a = result.extents[offset + i]
      let b = short.extents[i]
      if a == b || b == 1 { continue }
      if a != 1 { return nil }
      result.extents[offset + i] = b
    }
    return result
  }
}

extension Shape: Hashable {
  @inlinable public static func == (a: Shape, b: Shape) -> Bool {
    if a.rank != b.rank { return false }
    for i in 0..<a.rank where a.extents[i] != b.extents[i] { return false }
    return true
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(rank)
    for i in 0..<rank { hasher.combine(extents[i]) }
  }

  /// Compares with a plain array: `x.shape == [2, 3]` reads as it should also where the array is not a literal.
  public static func == (a: Shape, b: [Int]) -> Bool { a.elementsEqual(b) }
}

extension Shape: RandomAccessCollection {
  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { rank }

  /// The extent of a dimension; negative positions count from the end.
  ///
  /// A position outside of the shape is an index error; inside `catchingErrors` it then reads as 1.
  @inlinable public subscript(position: Int) -> Int {
    let wrapped = position < 0 ? position + rank : position
    if wrapped < 0 || wrapped >= rank { return outOfRange(position) }
    return extents[wrapped]
  }

  @usableFromInline func outOfRange(_ position: Int) -> Int {
    raise(EmberError(.index, in: "shape", "dimension \(position) of \(self), which has \(rank) dimensions"))
    return 1
  }
}

extension Shape: ExpressibleByArrayLiteral {
  @inlinable public init(arrayLiteral elements: Int...) { self.init(elements) }
}

extension Shape: CustomStringConvertible {
  public var description: String { "[" + map(String.init).joined(separator: ", ") + "]" }
}

/// The distance between neighbours of each dimension, in elements. May be 0 (broadcast) or negative (flipped).
@frozen
public struct Strides: Sendable, Equatable {
  @usableFromInline var steps: InlineArray<8, Int>
  @usableFromInline var rank: Int

  @inlinable public init() {
    steps = InlineArray(repeating: 0)
    rank = 0
  }

  @inlinable public init(_ steps: some Sequence<Int>) {
    self.init()
    for step in steps { append(step) }
  }

  @inlinable public var count: Int { rank }

  @inlinable public subscript(i: Int) -> Int {
    get { steps[i] }
    set { steps[i] = newValue }
  }

  @inlinable public mutating func append(_ step: Int) {
    precondition(rank < maximumRank)
    steps[rank] = step
    rank += 1
  }

  @inlinable public mutating func insert(_ step: Int, at position: Int) {
    precondition(rank < maximumRank)
    var i = rank
    while i > position {
      steps[i] = steps[i - 1]
      i -= 1
    }
    steps[position] = step
    rank += 1
  }

  @inlinable public mutating func remove(at position: Int) {
    for i in position..<(rank - 1) { steps[i] = steps[i + 1] }
    rank -= 1
    steps[rank] = 0
  }

  @inlinable public static func == (a: Strides, b: Strides) -> Bool {
    if a.rank != b.rank { return false }
    for i in 0..<a.rank where a.steps[i] != b.steps[i] { return false }
    return true
  }

  /// True if no two elements of `shape` share their place, as far as that shows when each dimension steps over all the finer ones: not so
  /// after `expand`.
  public func areDisjoint(_ shape: Shape) -> Bool {
    var finer = 0
    var rest = (0..<shape.rank).filter { shape.extents[$0] > 1 }
    rest.sort { steps[$0] < steps[$1] }
    for i in rest {
      if steps[i] <= finer { return false }
      finer += (shape.extents[i] - 1) * steps[i]
    }
    return true
  }

  /// True if elements of `shape` lie densely in row-major order. Dimensions of extent 1 may have any stride.
  @inlinable public func isContiguous(_ shape: Shape) -> Bool {
    var step = 1
    var i = shape.rank - 1
    while i >= 0 {
      let extent = shape.extents[i]
      if extent == 0 { return true }
      if extent != 1 {
        if steps[i] != step { return false }
        step *= extent
      }
      i -= 1
    }
    return true
  }

  /// True if elements of `shape`, [batch, channels, height, width] or [batch, channels, depth, height, width], lie densely with the channels
  /// of a place side by side, and not in row-major order too.
  public func isChannelsLast(_ shape: Shape) -> Bool {
    guard shape.rank == 4 || shape.rank == 5, shape.extents[1] > 1, steps[1] == 1 else { return false }
    let wanted = shape.channelsLastStrides
    var isSpatial = false
    for i in 0..<shape.rank where shape.extents[i] != 1 {
      if steps[i] != wanted.steps[i] { return false }
      if i > 1 { isSpatial = true }
    }
    return isSpatial && shape.elementCount > 0
  }

  /// The strides that read a tensor of `shape` as one of `target`, which it broadcasts to.
  @inlinable public func broadcast(from shape: Shape, to target: Shape) -> Strides {
    var result = Strides()
    result.rank = target.rank
    let offset = target.rank - shape.rank
    for i in 0..<shape.rank where shape.extents[i] != 1 || target.extents[offset + i] == 1 {
      result.steps[offset + i] = steps[i]
    }
    return result
  }

  public var array: [Int] { (0..<rank).map { steps[$0] } }
}

extension Strides: CustomStringConvertible {
  public var description: String { "(" + array.map(String.init).joined(separator: ", ") + ")" }
}
