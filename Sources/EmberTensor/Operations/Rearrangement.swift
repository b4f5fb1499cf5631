import EmberRuntime

extension Tensor {
  /// Elements moved along dimensions by shifts; what leaves at one end comes in at the other. Without dimensions the tensor is
  /// rolled as if it were a vector.
  public func roll(_ shifts: [Int], _ dims: [Int] = []) -> Tensor {
    if isPoisoned { return self }
    guard !shifts.isEmpty, dims.isEmpty ? shifts.count == 1 : shifts.count == dims.count else {
      return refuse(.value, "roll", "\(shifts.count) shifts for \(dims.count) dimensions; give one for each", beside: self)
    }
    if dims.isEmpty { return flatten().roll(shifts, [0]).reshape(Array(shape)) }
    if rank == 0 { return refuse(.index, "roll", "dimension \(dims[0]) of a 0-dimensional tensor", beside: self) }
    return zip(shifts, dims).reduce(self) { x, step in
      let (shift, dim) = step
      return x.withDimension(dim, "roll") { dim in
        let extent = x.size(dim)
        if extent == 0 { return x }
        let start = ((-(shift % extent)) % extent + extent) % extent
        if start == 0 { return x }
        return cat([x.narrow(dim, start: start, length: extent - start), x.narrow(dim, start: 0, length: start)], dim: dim)
      }
    }
  }

  /// Turned by `count` quarters in the plane of two dimensions, from the first towards the second.
  public func rot90(_ count: Int = 1, _ dims: [Int] = [0, 1]) -> Tensor {
    if isPoisoned { return self }
    guard dims.count == 2, rank >= 2 else {
      return refuse(.shape, "rot90", "dimensions \(dims) of \(summary); give two of at least two", beside: self)
    }
    return withDimension(dims[0], "rot90") { a in
      withDimension(dims[1], "rot90") { b in
        if a == b { return refuse(.value, "rot90", "dimensions \(dims) are the same one", beside: self) }
        switch ((count % 4) + 4) % 4 {
        case 1: return flip(b).transpose(a, b)
        case 2: return flip(a, b)
        case 3: return flip(a).transpose(a, b)
        default: return clone()
        }
      }
    }
  }

  /// Dimension 1 in reverse order.
  public func fliplr() -> Tensor { rank < 2 ? refuse(.shape, "fliplr", "\(summary) has fewer than two dimensions", beside: self) : flip(1) }
  /// Dimension 0 in reverse order.
  public func flipud() -> Tensor { rank < 1 ? refuse(.shape, "flipud", "\(summary) has no dimension", beside: self) : flip(0) }

  /// Dimensions `sources` at the places `destinations`, the others in their order.
  public func movedim(_ sources: [Int], _ destinations: [Int]) -> Tensor {
    if isPoisoned { return self }
    return attempt { () throws(EmberError) in
      guard sources.count == destinations.count else {
        throw EmberError(.value, in: "movedim", "\(sources.count) sources, but \(destinations.count) destinations")
      }
      var places = Array(repeating: -1, count: rank)
      var isMoved = Array(repeating: false, count: rank)
      for (source, destination) in zip(sources, destinations) {
        let from = try wrapDimension(source, rank, in: "movedim")
        let to = try wrapDimension(destination, rank, in: "movedim")
        if rank == 0 { continue }
        guard !isMoved[from], places[to] < 0 else {
          throw EmberError(.value, in: "movedim", "a dimension is given twice in \(sources) or \(destinations)")
        }
        isMoved[from] = true
        places[to] = from
      }
      var rest = (0..<rank).filter { !isMoved[$0] }.makeIterator()
      return permute(places.map { $0 < 0 ? rest.next()! : $0 })
    }
  }

  /// One dimension at another place, the others in their order.
  public func movedim(_ source: Int, _ destination: Int) -> Tensor { movedim([source], [destination]) }

  /// Repeats the whole tensor along each dimension; further counts stand for new dimensions in front.
  public func `repeat`(_ counts: [Int]) -> Tensor {
    if isPoisoned { return self }
    guard counts.count >= rank, counts.allSatisfy({ $0 >= 0 }), counts.count <= maximumRank else {
      return refuse(.shape, "repeat", "counts \(counts) for \(summary); give one for each dimension, none negative", beside: self)
    }
    let own = Array(repeating: 1, count: counts.count - rank) + Array(body.shape)
    var interleaved: [Int] = []
    var expanded: [Int] = []
    for (count, extent) in zip(counts, own) {
      // Dimensions that stay as they are need no second one.
      interleaved += count == 1 ? [extent] : [1, extent]
      expanded += count == 1 ? [extent] : [count, extent]
    }
    guard (try? checkedShape(expanded, in: "repeat")) != nil || expanded.count > maximumRank else {
      return refuse(.memory, "repeat", "counts \(counts) for \(summary) give more elements than can be addressed", beside: self)
    }
    if interleaved.count <= maximumRank { return reshape(interleaved).expand(expanded).reshape(zip(counts, own).map(*)) }
    return counts.enumerated().reduce(reshape(own)) { x, entry in
      switch entry.element {
      case 0: x.narrow(entry.offset, start: 0, length: 0)
      case 1: x
      default: cat(Array(repeating: x, count: entry.element), dim: entry.offset)
      }
    }
  }

  /// The same with the counts one by one.
  public func `repeat`(_ counts: Int...) -> Tensor { `repeat`(counts) }

  /// As `repeat`, where missing counts in front are 1.
  public func tile(_ counts: [Int]) -> Tensor {
    `repeat`(Array(repeating: 1, count: Swift.max(0, rank - counts.count)) + counts)
  }

  /// Each element (of a dimension, or of the flattened tensor) `count` times in a row.
  public func repeatInterleave(_ count: Int, dim: Int? = nil) -> Tensor {
    guard let dim else { return flatten().repeatInterleave(count, dim: 0) }
    return withDimension(dim, "repeat_interleave") { dim in
      guard count >= 0, !Swift.max(elementCount, 1).multipliedReportingOverflow(by: count).overflow else {
        return refuse(
          .value, "repeat_interleave", "a count of \(count) for \(summary); it must not be negative, and the result fit into memory",
          beside: self)
      }
      if rank == 0 { return reshape([1]).repeatInterleave(count, dim: 0) }
      let extents = Array(shape)
      if rank == maximumRank {
        let positions = Tensor.arange(size(dim), on: device).unsqueeze(1) + Tensor.zeros([count], dtype: .int64, on: device)
        return indexSelect(dim, positions.flatten())
      }
      let wide = unsqueeze(dim + 1).expand(extents[...dim] + [count] + extents[(dim + 1)...])
      return wide.reshape(extents[..<dim] + [extents[dim] &* count] + extents[(dim + 1)...])
    }
  }

  /// Each position of a dimension (of the flattened tensor) as often as `counts` says: one count for each, or one for all.
  public func repeatInterleave(_ counts: Tensor, dim: Int? = nil, outputSize: Int? = nil) -> Tensor {
    guard mayRun("repeat_interleave", self), mayRun("repeat_interleave", counts) else { return .poison }
    guard let dim else { return flatten().repeatInterleave(counts, dim: 0, outputSize: outputSize) }
    return withDimension(dim, "repeat_interleave") { dim in
      let source = rank == 0 ? reshape([1]) : self
      let extent = source.size(dim)
      guard counts.rank <= 1, counts.elementCount == extent || counts.elementCount == 1 else {
        return refuse(
          .shape, "repeat_interleave", "counts \(counts.summary) for dimension \(dim) of \(summary); give one for each position",
          beside: self)
      }
      return source.indexSelect(dim, Tensor.repeatedPositions(counts.flatten().expand([extent]), outputSize: outputSize))
    }
  }

  /// The numbers 0, 1, …, each as often as `counts` says.
  static func repeatedPositions(_ counts: Tensor, outputSize: Int? = nil) -> Tensor {
    guard counts.rank == 1, counts.dtype == .int64 || counts.dtype == .int32 else {
      return refuse(.dtype, "repeat_interleave", "counts \(counts.summary) must be a vector of int64 or int32", beside: counts)
    }
    if counts.elementCount == 0 { return Tensor.zeros([0], dtype: .int64, on: counts.device) }
    let ends = counts.to(.int64).cumsum(0)
    var total = outputSize
    if counts.backend.holdsData {
      if counts.amin().item(as: Int.self) < 0 { return refuse(.value, "repeat_interleave", "a count is negative", beside: counts) }
      let found = ends.select(0, -1).item(as: Int.self)
      if let outputSize, outputSize != found {
        return refuse(.value, "repeat_interleave", "the counts add up to \(found), not to \(outputSize)", beside: counts)
      }
      total = found
    }
    guard let total else {
      return refuse(
        .device, "repeat_interleave", "the result's shape depends on data, which \(counts.summary) does not have; give outputSize",
        beside: counts)
    }
    return ends.searchSorted(Tensor.arange(total, on: counts.device), right: true)
  }

  /// All r-element combinations of a vector's elements, as rows, in the order of their positions.
  public func combinations(_ r: Int = 2, withReplacement: Bool = false) -> Tensor {
    guard rank == 1, r >= 0 else {
      return refuse(.shape, "combinations", "\(r) elements of \(summary); it must be a vector, the number not negative", beside: self)
    }
    if r == 0 { return Tensor.empty([0], dtype: dtype, on: device) }
    guard r <= maximumRank else {
      return refuse(.unsupported, "combinations", "\(r) elements at a time; at most \(maximumRank) are possible", beside: self)
    }
    let positions = meshgrid(Array(repeating: Tensor.arange(elementCount, on: device), count: r))
    var isKept = Tensor.ones(Array(repeating: elementCount, count: r), dtype: .bool, on: device)
    for (a, b) in zip(positions, positions.dropFirst()) { isKept = isKept & (withReplacement ? a .<= b : a .< b) }
    return stack(positions.map { indexSelect(0, $0.maskedSelect(isKept)) }, dim: 1)
  }

  /// The matrix whose columns are powers of a vector: x^(count - 1) … x⁰, or the other way with `increasing`.
  public func vander(_ count: Int? = nil, increasing: Bool = false) -> Tensor {
    guard rank == 1 else { return refuse(.shape, "vander", "\(summary) is not a vector", beside: self) }
    let columns = count ?? elementCount
    guard columns >= 0 else { return refuse(.value, "vander", "\(columns) columns; the number must not be negative", beside: self) }
    let target: DType = dtype.category <= .integer ? .int64 : dtype
    if columns == 0 { return Tensor.empty([elementCount, 0], dtype: target, on: device) }
    let ones = Tensor.ones([elementCount, 1], dtype: target, on: device)
    let powers = cat([ones, to(target).unsqueeze(1).expand([elementCount, columns - 1])], dim: 1).cumprod(1)
    return increasing ? powers : powers.flip(1)
  }

  /// The coordinates, in a tensor of `shape`, of these row-major positions: one tensor for each dimension.
  public func unravelIndex(_ shape: [Int]) -> [Tensor] {
    guard dtype.isInteger, shape.allSatisfy({ $0 >= 0 }) else {
      let failed = refuse(
        .dtype, "unravel_index", "positions \(summary) in the shape \(shape); they must be integers, no extent negative", beside: self)
      return Array(repeating: failed, count: shape.count)
    }
    var step = 1
    var coordinates: [Tensor] = []
    for extent in shape.reversed() {
      let quotient = step == 1 ? to(.int64) : Pointwise.floorDivide(to(.int64), Tensor(.integer(Int64(step)), on: device))
      coordinates.append(Pointwise.remainder(quotient, Tensor(.integer(Int64(Swift.max(extent, 1))), on: device)))
      step = step.multipliedReportingOverflow(by: Swift.max(extent, 1)).partialValue
      if step == 0 { step = 1 }
    }
    return coordinates.reversed()
  }

  /// This tensor with another shape as `resize_` gives it: the same elements in row-major order, cut off or filled up with zeros.
  public func resized(_ shape: [Int]) -> Tensor {
    guard mayRun("resize_", self) else { return .poison }
    return attempt { () throws(EmberError) in
      let count = try checkedShape(shape, in: "resize_").elementCount
      let kept = flatten().narrow(0, start: 0, length: Swift.min(count, elementCount))
      let padded = count > elementCount ? cat([kept, Tensor.zeros([count - elementCount], dtype: dtype, on: device)]) : kept
      return padded.reshape(shape)
    }
  }
}

/// The tensors expanded to the shape that they broadcast to together.
public func broadcastTensors(_ tensors: [Tensor]) -> [Tensor] {
  guard let shape = broadcastShapes(tensors.map { Array($0.shape) }) else { return tensors.map { _ in .poison } }
  return tensors.map { $0.expand(shape) }
}

/// The shape that the shapes broadcast to together; nil, with an error raised, if there is none.
public func broadcastShapes(_ shapes: [[Int]]) -> [Int]? {
  var common = Shape()
  for shape in shapes {
    guard shape.count <= maximumRank, shape.allSatisfy({ $0 >= 0 }), let wider = common.broadcast(with: Shape(shape)) else {
      raise(EmberError(.shape, in: "broadcast_shapes", "shapes do not broadcast: \(shapes.map(\.description).joined(separator: ", "))"))
      return nil
    }
    common = wider
  }
  return Array(common)
}

/// Which dimension of a `meshgrid` the first tensor varies along.
public enum MeshIndexing: String, Sendable {
  /// The first tensor varies along dimension 0.
  case rows = "ij"
  /// The first tensor varies along dimension 1: x and y of a picture.
  case columns = "xy"
}

/// Grids of coordinates from vectors: one tensor for each, all of the shape of the vectors' extents.
public func meshgrid(_ tensors: [Tensor], indexing: MeshIndexing = .rows) -> [Tensor] {
  for tensor in tensors where tensor.rank > 1 || tensor.dtype != tensors[0].dtype {
    return [
      refuse(.shape, "meshgrid", "\(tensor.summary) among \(tensors.count) tensors; they must be vectors of one dtype", beside: tensor)
    ]
  }
  guard !tensors.isEmpty, tensors.count <= maximumRank else {
    return [refuse(.value, "meshgrid", "\(tensors.count) tensors; give 1 to \(maximumRank)")]
  }
  let swaps = indexing == .columns && tensors.count >= 2
  var vectors = tensors
  if swaps { vectors.swapAt(0, 1) }
  let shape = vectors.map(\.elementCount)
  var grids = vectors.enumerated().map { i, vector in
    vector.reshape(shape.indices.map { $0 == i ? shape[i] : 1 }).expand(shape)
  }
  if swaps { grids.swapAt(0, 1) }
  return grids
}

/// All combinations of one element from each vector, as rows; of one vector itself.
public func cartesianProduct(_ tensors: [Tensor]) -> Tensor {
  for tensor in tensors where tensor.rank != 1 {
    return refuse(.shape, "cartesian_prod", "\(tensor.summary) is not a vector", beside: tensor)
  }
  if tensors.count == 1 { return tensors[0] }
  return stack(meshgrid(tensors).map { $0.flatten() }, dim: 1)
}

extension Tensor {
  /// Sums over what was broadcast, down to `shape`, to which this shape must broadcast back.
  public func sum(toSize shape: [Int]) -> Tensor {
    guard mayRun("sum_to_size", self) else { return .poison }
    return attempt { () throws(EmberError) in
      let target = try checkedShape(shape, in: "sum_to_size")
      guard target.broadcast(with: body.shape) == body.shape else {
        throw EmberError(.shape, in: "sum_to_size", "\(shape) does not expand to \(summary)")
      }
      // As any sum, one of integers is int64; what is not summed stays as it is, but for a sum of everything to a number.
      let isSum = target != body.shape || shape.isEmpty
      return isSum && dtype.category <= .integer ? to(.int64).sum(to: target) : sum(to: target)
    }
  }
}

extension OperatorRegistry {
  mutating func addRearrangements() {
    add("aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor") { (x: Tensor, shifts: [Int], dims: [Int]) in
      x.roll(shifts, dims)
    }
    add("aten::rot90(Tensor self, int k=1, int[] dims=[0,1]) -> Tensor") { (x: Tensor, k: Int, dims: [Int]) in x.rot90(k, dims) }
    add("aten::fliplr(Tensor self) -> Tensor") { (x: Tensor) in x.fliplr() }
    add("aten::flipud(Tensor self) -> Tensor") { (x: Tensor) in x.flipud() }
    for name in ["movedim", "moveaxis"] {
      add("aten::\(name).int(Tensor(a) self, int source, int destination) -> Tensor(a)") { (x: Tensor, from: Int, to: Int) in
        x.movedim(from, to)
      }
      add("aten::\(name).intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)") { (x: Tensor, from: [Int], to: [Int]) in
        x.movedim(from, to)
      }
    }
    add("aten::repeat(Tensor self, SymInt[] repeats) -> Tensor") { (x: Tensor, counts: [Int]) in x.repeat(counts) }
    add("aten::tile(Tensor self, SymInt[] dims) -> Tensor") { (x: Tensor, counts: [Int]) in x.tile(counts) }
    add("aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor") {
      (x: Tensor, count: Int, dim: Int?, _: Int?) in x.repeatInterleave(count, dim: dim)
    }
    add("aten::repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor") {
      (x: Tensor, counts: Tensor, dim: Int?, size: Int?) in x.repeatInterleave(counts, dim: dim, outputSize: size)
    }
    add("aten::repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor") { (counts: Tensor, size: Int?) in
      Tensor.repeatedPositions(counts, outputSize: size)
    }
    add("aten::combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor") { (x: Tensor, r: Int, replacement: Bool) in
      x.combinations(r, withReplacement: replacement)
    }
    add("aten::vander(Tensor x, int? N=None, bool increasing=False) -> Tensor") { (x: Tensor, count: Int?, increasing: Bool) in
      x.vander(count, increasing: increasing)
    }
    add("torch.unravel_index(Tensor indices, int[] shape) -> Tensor[]") { (x: Tensor, shape: [Int]) in x.unravelIndex(shape) }
    add("aten::resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)") {
      (x: Tensor, size: [Int], _: OperatorValue) in x.resized(size)
    }
    add("aten::resize_as_(Tensor(a!) self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor(a!)") {
      (x: Tensor, template: Tensor, _: OperatorValue) in x.resized(Array(template.shape))
    }
    add("aten::broadcast_tensors(Tensor[] tensors) -> Tensor[]") { (tensors: [Tensor]) in broadcastTensors(tensors) }
    add("torch.broadcast_shapes(Any shapes) -> Any") { (shapes: OperatorValue) throws -> OperatorValue in
      guard case .list(let items) = shapes else { throw EmberError(.value, in: "broadcast_shapes", "give shapes, not \(shapes.kind)") }
      let lists = try items.map { item in
        guard let list = [Int].read(item, as: OperatorSchema.Kind(base: "int", isList: true)) else {
          throw EmberError(.value, in: "broadcast_shapes", "a shape is a list of int, not \(item.kind)")
        }
        return list
      }
      return .list((broadcastShapes(lists) ?? []).map { .integer($0) })
    }
    add("torch.meshgrid(Any tensors, *, str? indexing=None) -> Tensor[]") {
      (tensors: OperatorValue, indexing: String?) throws -> [Tensor] in
      guard let order = MeshIndexing(rawValue: indexing ?? "ij") else {
        throw EmberError(.value, in: "meshgrid", "indexing must be ij or xy, not \(indexing ?? "")")
      }
      return meshgrid(tensors.tensors, indexing: order)
    }
    add("aten::cartesian_prod(Tensor[] tensors) -> Tensor") { (tensors: [Tensor]) in cartesianProduct(tensors) }
    add("aten::sum_to_size(Tensor self, SymInt[] size) -> Tensor") { (x: Tensor, size: [Int]) in x.sum(toSize: size) }
  }
}
