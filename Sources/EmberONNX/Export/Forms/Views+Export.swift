import EmberGraph
import EmberRuntime
import EmberTensor

extension Reshape: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), shape = site.outputShape()
    return [shape == x.shape ? x.name : try site.reshape(x.name, from: x.shape, to: shape)]
  }
}

extension Permute: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    [site.transpose(try site.input(0).name, order.map { $0 < 0 ? $0 + order.count : $0 })]
  }
}

extension Expand: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), shape = site.outputShape()
    if shape == x.shape { return [x.name] }
    // An extent of 1 keeps the one that is there.
    let lead = shape.count - x.rank
    let target = shape.enumerated().map { i, extent in i >= lead && x.shape[i - lead] == extent ? Extent(1, like: extent) : extent }
    return [site.emit("Expand", x.name, try site.vector(target))]
  }
}

extension ExportSite {
  /// A position of a dimension: counted from the end where that makes it a fixed number.
  func position(_ position: Extent, in extent: Extent) -> Extent {
    if position.fixed == nil, let fromEnd = (position - extent).fixed, fromEnd < 0 { return Extent(fromEnd, like: extent) }
    return position
  }

  /// Positions start, start + step, … of a dimension.
  func slice(_ x: ExportedValue, _ axis: Int, start: Extent, count: Extent, step: Int) throws -> String {
    let extent = x.shape[axis]
    let end = start + (count + -1) * Extent(step, like: count) + 1
    // One that reaches the end does so at any size.
    let last = end == extent ? Extent(Int.max, like: end) : position(end, in: extent)
    if end == extent, start.fixed == 0, step == 1 { return x.name }
    return emit(
      "Slice", x.name, try vector([position(start, in: extent)]), try vector([last]), ints([axis]), step == 1 ? nil : ints([step]))
  }
}

extension Slice: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let count = site.extent(self) { $0.count }
    if count.fixed == 0 { return [site.emit("Slice", try site.input(0).name, site.ints([0]), site.ints([0]), site.ints([dimension]))] }
    return [try site.slice(site.input(0), dimension, start: site.extent(self) { $0.start }, count: count, step: step)]
  }
}

extension Select: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    let index = try site.scalarExtent(site.position(site.extent(self) { $0.index }, in: x.shape[dimension]))
    return [site.emit("Gather", x.name, index, attributes: ["axis": .int(dimension)])]
  }
}

/// A view that ONNX can put another tensor in the place of.
protocol ExportableScatter: UnaryOperation {
  /// - Parameters:
  ///   - x: what the view looks at.
  ///   - source: what takes the view's place, of the view's shape and of the dtype of `x`.
  ///   - number: a number of the view, in all captures.
  static func exportScatter(
    _ site: ExportSite, _ x: ExportedValue, _ source: String, _ view: Self, number: ((Self) -> Int) -> Extent
  ) throws -> String
}

extension ViewScatter: ONNXExportable where View: ExportableScatter {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), source = try site.input(1)
    let part = try site.cast(source.name, from: source.dtype, to: x.dtype)
    return [try View.exportScatter(site, x, part, view) { number in site.extent(self) { number($0.view) } }]
  }
}

extension ExportSite {
  /// What is before and behind positions start ..< start + count of a dimension, around what takes their place.
  fileprivate func replace(_ x: ExportedValue, _ axis: Int, start: Extent, count: Extent, by source: String) throws -> String {
    let extent = x.shape[axis], end = start + count
    var parts = [source]
    if start.fixed != 0 { parts.insert(try slice(x, axis, start: Extent(0, like: extent), count: start, step: 1), at: 0) }
    if end != extent { parts.append(try slice(x, axis, start: end, count: extent - end, step: 1)) }
    return parts.count == 1 ? source : emit("Concat", parts, ["axis": .int(axis)], outputs: 1)[0]
  }
}

extension Slice: ExportableScatter {
  static func exportScatter(
    _ site: ExportSite, _ x: ExportedValue, _ source: String, _ view: Slice, number: ((Slice) -> Int) -> Extent
  ) throws -> String {
    let start = number(\.start), count = number(\.count)
    if count.fixed == 0 { return x.name }
    if view.step == 1 { return try site.replace(x, view.dimension, start: start, count: count, by: source) }
    // Rows of the dimension, moved to the front.
    let order = [view.dimension] + (0..<x.rank).filter { $0 != view.dimension }
    let steps = site.emit("Mul", try site.range(count), site.ints([view.step]))
    let rows = site.unsqueeze(site.emit("Add", steps, try site.vector([start])), [1])
    let written = site.emit("ScatterND", site.transpose(x.name, order), rows, site.transpose(source, order))
    return site.transpose(written, order.indices.map { order.firstIndex(of: $0)! })
  }
}

extension Select: ExportableScatter {
  static func exportScatter(
    _ site: ExportSite, _ x: ExportedValue, _ source: String, _ view: Select, number: ((Select) -> Int) -> Extent
  ) throws -> String {
    let index = number(\.index)
    return try site.replace(
      x, view.dimension, start: index, count: Extent(1, like: index), by: site.unsqueeze(source, [view.dimension]))
  }
}

extension Flip: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    if x.rank == 0 || dimensions.isEmpty { return [x.name] }
    func all(_ value: Int) -> String { site.ints(dimensions.map { _ in value }) }
    let axes = dimensions.map { $0 < 0 ? $0 + x.rank : $0 }
    return [site.emit("Slice", x.name, all(-1), all(Int.min), site.ints(axes), all(-1))]
  }
}

extension Split: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    let sizes = lengths.indices.map { i in site.extent(self) { $0.lengths[i] } }
    if sizes.count == 1 { return [x.name] }
    return site.emit("Split", [x.name, try site.vector(sizes)], ["axis": .int(dimension)], outputs: sizes.count)
  }
}

extension Concatenate: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let dtype = site.outputDType(), rank = site.outputShape().count
    let parts = try (0..<site.inputCount).map { try site.input($0) }.filter { $0.rank == rank }
    let names = try parts.map { try site.cast($0.name, from: $0.dtype, to: dtype) }
    if names.count == 1 { return [names[0]] }
    return site.emit("Concat", names, ["axis": .int(dimension < 0 ? dimension + rank : dimension)], outputs: 1)
  }
}

extension Cast: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    return [try site.cast(x.name, from: x.dtype, to: dtype)]
  }
}

extension Contiguous: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] { [try site.input(0).name] }
}

extension Transfer: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] { [try site.input(0).name] }
}

extension Unfold: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    guard x.rank > 0 else { return [site.emit("Unsqueeze", x.name, site.ints([0]))] }
    let axis = dimension < 0 ? dimension + x.rank : dimension
    guard let count = site.outputShape()[axis].fixed else {
      throw site.refusal("the number of windows depends on the dynamic extents")
    }
    let positions = Tensor((0..<count).flatMap { window in (0..<size).map { window * step + $0 } }, dtype: .int64).reshape([count, size])
    let windows = site.emit("Gather", x.name, site.constant(positions), attributes: ["axis": .int(axis)])
    let order = Array(0...axis) + Array((axis + 2)..<(x.rank + 1)) + [axis + 1]
    return [site.transpose(windows, axis + 2 > x.rank ? Array(0...x.rank) : order)]
  }
}
