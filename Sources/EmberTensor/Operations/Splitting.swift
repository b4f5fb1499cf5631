import EmberRuntime

/// More pieces than anybody can handle are an error rather than an array that exhausts the memory.
private let maximumPieces = 1 << 24

/// Neighbouring parts of a dimension, as views. One operation for all, so that their gradients are joined in one go.
package struct Split: VariadicOperation {
  package static let name = "split"
  package let dimension: Int
  package let lengths: [Int]

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    var start = 0
    return lengths.map { length in
      defer { start += length }
      return Slice(dimension: dimension, start: length == 0 ? 0 : start, count: length, step: 1).forward(x)
    }
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let known = gradients.lazy.compactMap({ $0 }).first else { return [nil] }
    var parts = gradients
    for i in parts.indices where parts[i] == nil {
      let shape = context.inputShape(0).replacing(dimension, with: lengths[i])
      parts[i] = Tensor.zeros(Array(shape), dtype: known.dtype, on: known.device)
    }
    if !context.isRecording, let whole = adjoined(parts.map { $0! }, context.inputShape(0)) { return [whole] }
    return apply(Concatenate(dimension: dimension), parts)
  }

  /// Parts that lie in memory as they are to be joined, where one operation wrote them all: the whole, without a copy.
  private func adjoined(_ parts: [Tensor], _ shape: Shape) -> Tensor? {
    guard let first = parts.first?.body, first.isPlain, shape.elementCount > 0 else { return nil }
    let strides = first.strides
    var start = 0
    for (part, length) in zip(parts, lengths) {
      let body = part.body
      guard body.isPlain, body.memory == first.memory, body.dtype == first.dtype, body.strides == strides,
        body.shape == shape.replacing(dimension, with: length), body.offset == first.offset + start * strides[dimension]
      else { return nil }
      start += length
    }
    guard start == shape[unchecked: dimension], strides.areDisjoint(shape) else { return nil }
    return parts[0].view(shape, strides, offset: first.offset)
  }
}

/// Inside `catchingErrors` a cut that fails gives as many poisoned tensors as were asked for or, where the count follows from the tensor,
/// more than a caller is likely to read.
extension Tensor {
  /// Pieces of `size` along a dimension; the last one may be smaller.
  public func split(_ size: Int, dim: Int = 0) -> [Tensor] {
    pieces("split", dim, expected: standInCount) { extent in
      guard size > 0 || (size == 0 && extent == 0) else { return nil }
      return extent == 0 ? (1, { _ in 0 }) : Self.evenPieces(of: size, extent)
    }
  }

  /// Pieces of the given sizes, which add up to the dimension.
  public func split(_ sizes: [Int], dim: Int = 0) -> [Tensor] {
    pieces("split", dim, expected: sizes.count) { extent in
      var rest = extent
      for size in sizes {
        guard size >= 0, size <= rest else { return nil }
        rest -= size
      }
      return rest == 0 ? (sizes.count, { sizes[$0] }) : nil
    }
  }

  /// At most `count` pieces of equal size (the last one may be smaller).
  public func chunk(_ count: Int, dim: Int = 0) -> [Tensor] {
    pieces("chunk", dim, expected: count) { extent in
      guard count > 0 else { return nil }
      return extent == 0 ? (count, { _ in 0 }) : Self.evenPieces(of: (extent - 1) / count + 1, extent)
    }
  }

  /// Exactly `count` pieces; the first ones are larger by one where the dimension does not divide.
  public func tensorSplit(_ count: Int, dim: Int = 0) -> [Tensor] {
    pieces("tensor_split", dim, expected: count) { extent in
      count > 0 ? (count, { extent / count + ($0 < extent % count ? 1 : 0) }) : nil
    }
  }

  /// How many pieces of `size` an extent above 0 has, and how large each is.
  private static func evenPieces(of size: Int, _ extent: Int) -> (count: Int, size: (Int) -> Int) {
    ((extent - 1) / size + 1, { Swift.min(size, extent - $0 * size) })
  }

  /// The pieces before, between and after the given positions, each cut as a slice is: bounds are clipped, pieces may be empty.
  public func tensorSplit(at positions: [Int], dim: Int = 0) -> [Tensor] {
    if isPoisoned { return Array(repeating: .poison, count: positions.count + 1) }
    guard rank > 0 else {
      raise(EmberError(.shape, in: "tensor_split", "\(summary) has no dimension to split"))
      return Array(repeating: .poison, count: positions.count + 1)
    }
    return (0...positions.count).map { i in
      slice(dim, start: i == 0 ? 0 : positions[i - 1], end: i == positions.count ? nil : positions[i])
    }
  }

  /// `tensorSplit` of columns: dimension 1, of a vector its only one. The count must divide the dimension.
  public func hsplit(_ count: Int) -> [Tensor] { evenSplit("hsplit", count, rank == 1 ? 0 : 1, minimumRank: 1) }
  /// Columns cut at positions.
  public func hsplit(at positions: [Int]) -> [Tensor] { splitAt("hsplit", positions, rank == 1 ? 0 : 1, minimumRank: 1) }
  /// `tensorSplit` of rows: dimension 0 of at least two.
  public func vsplit(_ count: Int) -> [Tensor] { evenSplit("vsplit", count, 0, minimumRank: 2) }
  /// Rows cut at positions.
  public func vsplit(at positions: [Int]) -> [Tensor] { splitAt("vsplit", positions, 0, minimumRank: 2) }
  /// `tensorSplit` of dimension 2 of at least three.
  public func dsplit(_ count: Int) -> [Tensor] { evenSplit("dsplit", count, 2, minimumRank: 3) }
  /// Dimension 2 cut at positions.
  public func dsplit(at positions: [Int]) -> [Tensor] { splitAt("dsplit", positions, 2, minimumRank: 3) }

  /// One tensor for each position of a dimension, which disappears.
  public func unbind(_ dim: Int = 0) -> [Tensor] {
    guard mayRun("unbind", self) else { return Self.poisons(standInCount) }
    guard rank > 0, dim >= -rank, dim < rank, size(dim) <= maximumPieces else {
      raise(EmberError(.index, in: "unbind", "dimension \(dim) for \(summary)"))
      return Self.poisons(standInCount)
    }
    return (0..<size(dim)).map { select(dim, $0) }
  }

  /// Cuts a dimension into as many pieces as `cut` says for its extent, of the sizes that it says; nil: that is not allowed.
  ///
  /// - Parameter expected: how many pieces the caller counts on if it fails.
  private func pieces(
    _ operation: String, _ dim: Int, expected: Int, _ cut: (Int) -> (count: Int, size: (Int) -> Int)?
  ) -> [Tensor] {
    guard mayRun(operation, self) else { return Self.poisons(expected) }
    do throws(EmberError) {
      if rank == 0 { throw EmberError(.shape, in: operation, "\(summary) has no dimension to split") }
      let dimension = try wrapDimension(dim, rank, in: operation)
      guard let (count, length) = cut(size(dimension)), count <= maximumPieces else {
        throw EmberError(
          .value, in: operation,
          "dimension \(dim) of \(summary) cannot be cut so; sizes must be positive and add up to the dimension, in at most "
            + "\(maximumPieces) pieces"
        )
      }
      return apply(Split(dimension: dimension, lengths: (0..<count).map(length)), [self], count: count)
    } catch {
      raise(error)
      return Self.poisons(expected)
    }
  }

  private static func poisons(_ count: Int) -> [Tensor] {
    Array(repeating: .poison, count: count > 0 && count <= maximumPieces ? count : standInCount)
  }

  private func evenSplit(_ operation: String, _ count: Int, _ dim: Int, minimumRank: Int) -> [Tensor] {
    if isPoisoned { return Self.poisons(count) }
    guard rank >= minimumRank, count > 0, size(dim) % count == 0 else {
      raise(
        EmberError(.shape, in: operation, "\(summary) does not split into \(count) even parts; it needs \(minimumRank) dimensions or more"))
      return Self.poisons(count)
    }
    return tensorSplit(count, dim: dim)
  }

  private func splitAt(_ operation: String, _ positions: [Int], _ dim: Int, minimumRank: Int) -> [Tensor] {
    if isPoisoned { return Self.poisons(positions.count + 1) }
    guard rank >= minimumRank else {
      raise(EmberError(.shape, in: operation, "\(summary) has too few dimensions; it needs \(minimumRank) or more"))
      return Self.poisons(positions.count + 1)
    }
    return tensorSplit(at: positions, dim: dim)
  }
}

extension OperatorRegistry {
  mutating func addSplitting() {
    add("torch.split(Tensor tensor, Any split_size_or_sections, int dim=0) -> Tensor[]") {
      (x: Tensor, sizes: OperatorValue, dim: Int) throws -> [Tensor] in
      if case .integer(let size) = sizes { return x.split(size, dim: dim) }
      guard case .list(let items) = sizes, let list = [Int].read(.list(items), as: OperatorSchema.Kind(base: "int", isList: true)) else {
        throw EmberError(.value, in: "split", "split_size_or_sections must be int or a list of int, not \(sizes.kind)")
      }
      return x.split(list, dim: dim)
    }
    add("aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]") { (x: Tensor, size: Int, dim: Int) in
      x.split(size, dim: dim)
    }
    for name in ["split.sizes", "split_with_sizes", "split_with_sizes_copy"] {
      let argument = name == "split.sizes" ? "split_size" : "split_sizes"
      add("aten::\(name)(Tensor(a -> *) self, SymInt[] \(argument), int dim=0) -> Tensor(a)[]") { (x: Tensor, sizes: [Int], dim: Int) in
        x.split(sizes, dim: dim)
      }
    }
    add("aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]") { (x: Tensor, count: Int, dim: Int) in
      x.chunk(count, dim: dim)
    }
    add("aten::tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]") {
      (x: Tensor, count: Int, dim: Int) in
      x.tensorSplit(count, dim: dim)
    }
    add("aten::tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]") {
      (x: Tensor, positions: [Int], dim: Int) in x.tensorSplit(at: positions, dim: dim)
    }
    add("aten::tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]") {
      (x: Tensor, positions: Tensor, dim: Int) throws -> [Tensor] in
      guard positions.rank <= 1, positions.dtype == .int64 else {
        throw EmberError(.dtype, in: "tensor_split", "\(positions.summary) must be int64 of at most one dimension")
      }
      if positions.rank == 0 { return x.tensorSplit(positions.item(as: Int.self), dim: dim) }
      return x.tensorSplit(at: positions.elements(as: Int.self), dim: dim)
    }
    add("aten::hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]") { (x: Tensor, count: Int) in x.hsplit(count) }
    add("aten::hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]") { (x: Tensor, positions: [Int]) in x.hsplit(at: positions)
    }
    add("aten::vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]") { (x: Tensor, count: Int) in x.vsplit(count) }
    add("aten::vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]") { (x: Tensor, positions: [Int]) in x.vsplit(at: positions)
    }
    add("aten::dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]") { (x: Tensor, count: Int) in x.dsplit(count) }
    add("aten::dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]") { (x: Tensor, positions: [Int]) in x.dsplit(at: positions)
    }
    for name in ["unbind", "unbind_copy"] {
      add("aten::\(name).int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]") { (x: Tensor, dim: Int) in x.unbind(dim) }
    }
  }
}
