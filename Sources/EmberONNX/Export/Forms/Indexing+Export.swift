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

extension IndexGet: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    if dimensions.count == 1 { return [site.emit("Gather", x.name, try site.index(1), attributes: ["axis": .int(dimensions[0])])] }
    let rest = (0..<x.rank).filter { !dimensions.contains($0) }
    let moved = site.transpose(x.name, dimensions + rest)
    let indices = try dimensions.indices.map { try site.input($0 + 1) }
    let rank = indices.map(\.rank).max() ?? 0
    // Positions broadcast to one shape, side by side.
    let common = try (0..<rank).map { d -> Extent in
      let extents = indices.compactMap { $0.rank >= rank - d ? $0.shape[d - rank + $0.rank] : nil }
      guard let widest = extents.first(where: { $0.fixed != 1 }) ?? extents.first else { throw site.refusal("positions without shape") }
      return widest
    }
    let parts = try indices.indices.map { i in
      let wide = indices[i].shape == common ? try site.index(i + 1) : site.emit("Expand", try site.index(i + 1), try site.vector(common))
      return try site.unsqueeze(site.cast(wide, from: indices[i].dtype == .int32 ? .int32 : .int64, to: .int64), [rank])
    }
    let taken = site.emit("GatherND", moved, site.emit("Concat", parts, ["axis": .int(rank)], outputs: 1)[0])
    let isAdjacent = zip(dimensions, dimensions.dropFirst()).allSatisfy { $1 == $0 + 1 }
    let position = isAdjacent ? dimensions[0] : 0
    return [
      site.transpose(taken, Array(rank..<(rank + position)) + Array(0..<rank) + Array((rank + position)..<(rank + rest.count)))
    ]
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
