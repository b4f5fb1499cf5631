import EmberFunctional
import EmberGraph
import EmberRuntime
import EmberTensor

extension EmbeddingLookup: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    [site.emit("Gather", try site.input(0).name, try site.index(1), attributes: ["axis": .int(0)])]
  }
}

extension ExportSite {
  /// An input that holds positions, of a type that ONNX takes for them.
  fileprivate func index(_ i: Int) throws -> String {
    let index = try input(i)
    return try cast(index.name, from: index.dtype, to: index.dtype == .int32 ? .int32 : .int64)
  }
}

extension IndexSelect: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), index = try site.input(1)
    let positions = try site.index(1)
    if x.rank == 0 { return [x.name] }
    let vector = index.rank == 0 ? site.unsqueeze(positions, [0]) : positions
    return [site.emit("Gather", x.name, vector, attributes: ["axis": .int(dimension < 0 ? dimension + x.rank : dimension)])]
  }
}

extension Gather: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    if x.rank == 0 { return [x.name] }
    return [site.emit("GatherElements", x.name, try site.index(1), attributes: ["axis": .int(dimension)])]
  }
}

extension Scatter: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), source = try site.input(2)
    guard x.rank > 0 else { throw site.refusal("of a tensor without dimensions has no form in ONNX") }
    let reduction =
      switch mode {
      case .set: "none"
      case .add: "add"
      case .multiply: "mul"
      case .maximum: "max"
      case .minimum: "min"
      }
    if mode == .maximum || mode == .minimum, site.opset < 18 { throw site.refusal("needs operator set 18") }
    // ONNX wants as many updates as positions; ours may be more.
    let shape = try site.input(1).shape
    var updates = source
    for (axis, extent) in shape.enumerated() where extent != updates.shape[axis] {
      let name = try site.slice(updates, axis, start: Extent(0, like: extent), count: extent, step: 1)
      var cut = updates.shape
      cut[axis] = extent
      updates = ExportedValue(name: name, dtype: updates.dtype, shape: cut)
    }
    return [
      site.emit(
        "ScatterElements", x.name, try site.index(1), updates.name, attributes: ["axis": .int(dimension), "reduction": .text(reduction)])
    ]
  }
}

extension ExportSite {
  /// Positions in several dimensions, inputs `first` …, which broadcast to one shape: side by side in a last dimension, and that shape.
  fileprivate func positions(_ count: Int, first: Int) throws -> (name: String, shape: [Extent]) {
    let indices = try (0..<count).map { try input($0 + first) }
    let rank = indices.map(\.rank).max() ?? 0
    let common = try (0..<rank).map { d -> Extent in
      let extents = indices.compactMap { $0.rank >= rank - d ? $0.shape[d - rank + $0.rank] : nil }
      guard let widest = extents.first(where: { $0.fixed != 1 }) ?? extents.first else { throw refusal("positions without shape") }
      return widest
    }
    let parts = try indices.indices.map { i in
      let wide = indices[i].shape == common ? try index(i + first) : emit("Expand", try index(i + first), try vector(common))
      return try unsqueeze(cast(wide, from: indices[i].dtype == .int32 ? .int32 : .int64, to: .int64), [rank])
    }
    return (parts.count == 1 ? parts[0] : emit("Concat", parts, ["axis": .int(rank)], outputs: 1)[0], common)
  }
}

/// Where the dimensions of indexing's result come from, if those of the positions came first: they take the place of the indexed dimensions
/// if these lie side by side.
private func orderOfResult(indexed dimensions: [Int], positionsRank rank: Int, restCount: Int) -> [Int] {
  let isAdjacent = zip(dimensions, dimensions.dropFirst()).allSatisfy { $1 == $0 + 1 }
  let position = isAdjacent ? dimensions[0] : 0
  return Array(rank..<(rank + position)) + Array(0..<rank) + Array((rank + position)..<(rank + restCount))
}

extension IndexGet: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    if dimensions.count == 1 { return [site.emit("Gather", x.name, try site.index(1), attributes: ["axis": .int(dimensions[0])])] }
    let rest = (0..<x.rank).filter { !dimensions.contains($0) }
    let (positions, shape) = try site.positions(dimensions.count, first: 1)
    let taken = site.emit("GatherND", site.transpose(x.name, dimensions + rest), positions)
    return [site.transpose(taken, orderOfResult(indexed: dimensions, positionsRank: shape.count, restCount: rest.count))]
  }
}

extension IndexPut: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), source = try site.input(1)
    guard x.rank > 0 else { throw site.refusal("of a tensor without dimensions has no form in ONNX") }
    let rest = (0..<x.rank).filter { !dimensions.contains($0) }, order = dimensions + rest
    let (positions, shape) = try site.positions(dimensions.count, first: 2)
    // The numbers fill the shape that indexing would have; then the dimensions of the positions go to the front.
    let moved = orderOfResult(indexed: dimensions, positionsRank: shape.count, restCount: rest.count)
    let front = shape + rest.map { x.shape[$0] }, full = moved.map { front[$0] }
    var updates = try site.cast(source.name, from: source.dtype, to: x.dtype)
    if source.shape != full { updates = site.emit("Expand", updates, try site.vector(full)) }
    let written = site.emit(
      "ScatterND", [site.transpose(x.name, order), positions, site.transpose(updates, moved.indices.map { moved.firstIndex(of: $0)! })],
      accumulate ? ["reduction": .text("add")] : [:], outputs: 1)[0]
    return [site.transpose(written, order.indices.map { order.firstIndex(of: $0)! })]
  }
}

extension ConstantPad: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    let before = margins.indices.map { i in site.extent(self) { $0.margins[i].before } }
    let after = margins.indices.map { i in site.extent(self) { $0.margins[i].after } }
    return [site.emit("Pad", x.name, try site.vector(before + after), site.scalar(value, x.dtype))]
  }
}

/// A dimension multiplied by a matrix, whatever the mode of interpolation.
extension Resample: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    guard x.shape[dimension].fixed != nil, x.dtype.isFloatingPoint else {
      throw site.refusal("of \(x.dtype), or of a dynamic dimension, has no form in ONNX")
    }
    var elements = Array(repeating: 0.0, count: matrix.outputCount * matrix.inputCount)
    for row in 0..<matrix.outputCount {
      for k in Int(matrix.starts[row])..<Int(matrix.starts[row + 1]) {
        elements[row * matrix.inputCount + Int(matrix.indices[k])] += matrix.weights[k]
      }
    }
    let dense = Tensor(elements, dtype: x.dtype).reshape([matrix.outputCount, matrix.inputCount])
    return [site.multiply(x.name, rank: x.rank, axis: dimension, by: dense)]
  }
}
