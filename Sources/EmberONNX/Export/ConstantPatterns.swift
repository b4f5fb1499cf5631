import EmberRuntime
import EmberTensor

extension GraphExporter {
  /// A constant of the graph. One that differs between the captures is recognised as what it was made by: a filled tensor, one that is
  /// repeated along the dimensions that differ, numbers that grow evenly (`arange`), or a triangle (a causal mask).
  func exportConstant(_ tensors: [Tensor]) throws -> String {
    let first = tensors[0]
    if try tensors.dropFirst().allSatisfy({ try Self.areEqual($0, first) }) { return constant(first) }
    guard first.dtype.category <= .floatingPoint else { throw Self.varies(tensors) }
    guard tensors.allSatisfy({ $0.rank == first.rank }) else { throw Self.varies(tensors) }
    let tables = try tensors.map { tensor in Table(shape: Array(tensor.shape), values: try tensor.elementsOrThrow(as: Double.self)) }
    let shape = first.shape.indices.map { d in Extent(tensors.map { $0.shape[d] }) }
    if let name = try filled(tables, shape, first.dtype) ?? repeated(tensors, shape) ?? grid(tables, shape, first.dtype) ?? triangle(tables, shape, first.dtype) {
      return name
    }
    throw Self.varies(tensors)
  }

  private static func varies(_ tensors: [Tensor]) -> EmberError {
    EmberError(
      .value, in: "exportONNX",
      "a constant (\(tensors.map(\.summary).joined(separator: ", "))) depends on the dynamic extents, and not as one that is filled with a "
        + "number, repeats the same numbers, an arange, or a triangle; make it an input, or a buffer that is sliced")
  }

  private static func areEqual(_ a: Tensor, _ b: Tensor) throws -> Bool {
    guard a.shape == b.shape else { return false }
    return try a.withBytes { x in try b.withBytes { y in x.count == y.count && x.elementsEqual(y) } }
  }

  /// The elements of one capture's constant.
  private struct Table {
    let shape: [Int]
    let values: [Double]

    /// Calls `body` with each element and its place until it returns false.
    func allSatisfy(_ body: (Double, [Int]) -> Bool) -> Bool {
      var place = Array(repeating: 0, count: shape.count)
      for value in values {
        if !body(value, place) { return false }
        for d in shape.indices.reversed() {
          place[d] += 1
          if place[d] < shape[d] { break }
          place[d] = 0
        }
      }
      return true
    }

    /// The element at a place.
    subscript(place: [Int]) -> Double { values[zip(shape, place).reduce(0) { $0 * $1.0 + $1.1 }] }
  }

  private static func number(_ value: Double, _ dtype: DType) -> Scalar {
    switch dtype.category {
    case .bool: .bool(value != 0)
    case .integer: .integer(Int64(value))
    default: .real(value)
    }
  }

  private func emit(_ operation: String, _ inputs: [String], _ attributes: KeyValuePairs<String, ExportAttribute> = [:]) -> String {
    emit(operation, inputs, attributes, outputs: 1, owner: nil)[0]
  }

  private func cast(_ name: String, from source: DType, to target: DType) throws -> String {
    source == target ? name : emit("Cast", [name], ["to": .int(try elementType(target).rawValue)])
  }

  private func filled(_ tables: [Table], _ shape: [Extent], _ dtype: DType) throws -> String? {
    guard let value = tables.lazy.compactMap(\.values.first).first,
      tables.allSatisfy({ $0.values.allSatisfy { $0 == value || $0.isNaN && value.isNaN } })
    else { return nil }
    let element = Tensor.full([1], Self.number(value, dtype), dtype: dtype)
    return emit("ConstantOfShape", [try vector(shape, owner: nil)], ["value": .tensor(element)])
  }

  /// The same numbers at every position of the dimensions that differ.
  private func repeated(_ tensors: [Tensor], _ shape: [Extent]) throws -> String? {
    guard tensors.allSatisfy({ $0.elementCount > 0 }) else { return nil }
    let cores = try catchingErrors {
      tensors.map { tensor in shape.indices.reduce(tensor) { shape[$1].fixed == nil ? $0.narrow($1, start: 0, length: 1) : $0 }.contiguous() }
    }
    for (tensor, core) in zip(tensors, cores) {
      let whole = try catchingErrors { core.expand(Array(tensor.shape)).contiguous() }
      guard try Self.areEqual(core, cores[0]), try Self.areEqual(whole, tensor) else { return nil }
    }
    return emit("Expand", [constant(cores[0]), try vector(shape, owner: nil)])
  }

  /// c + Σ over dimensions of step · position.
  private func grid(_ tables: [Table], _ shape: [Extent], _ dtype: DType) throws -> String? {
    guard dtype != .bool, tables.allSatisfy({ !$0.values.isEmpty && $0.values[0].isFinite }) else { return nil }
    var start: [Double] = [], steps: [[Double]] = []
    for table in tables {
      let origin = table.values[0]
      let own = table.shape.indices.map { d in
        table.shape[d] < 2 ? 0 : table[table.shape.indices.map { $0 == d ? 1 : 0 }] - origin
      }
      let fits = table.allSatisfy { value, place in
        let expected = zip(own, place).reduce(origin) { $0 + $1.0 * Double($1.1) }
        return value == expected
      }
      guard fits else { return nil }
      start.append(origin)
      steps.append(own)
    }
    // A step shows only where there are two elements.
    guard steps.allSatisfy({ $0 == steps[0] }), steps[0].allSatisfy(\.isFinite) else { return nil }
    let origin = exact(start)
    // One that is no whole number must be the same everywhere.
    guard origin != nil || start.allSatisfy({ $0 == start[0] }) else { return nil }
    let isWhole = origin != nil && steps[0].allSatisfy { $0 == $0.rounded() }
    let type: DType = isWhole ? .int64 : .float64
    var sum: String?
    for (d, step) in steps[0].enumerated() where step != 0 {
      let count = try scalarExtent(shape[d])
      var part = emit("Range", [scalar(0, .int64), count, scalar(1, .int64)])
      part = try cast(part, from: .int64, to: type)
      if step != 1 { part = emit("Mul", [part, scalar(Self.number(step, type), type)]) }
      let rest = shape.count - 1 - d
      if rest > 0 { part = emit("Unsqueeze", [part, ints(Array(1...rest))]) }
      sum = sum.map { emit("Add", [$0, part]) } ?? part
    }
    guard var result = sum else { return nil }
    if origin?.fixed != 0 {
      let first = try origin.map { try cast(scalarExtent($0), from: .int64, to: type) } ?? scalar(.real(start[0]), type)
      result = emit("Add", [result, first])
    }
    result = try cast(result, from: type, to: dtype)
    let isWide = steps[0].enumerated().contains { d, step in step == 0 && shape[d].fixed != 1 } || steps[0].first == 0
    return isWide ? emit("Expand", [result, try vector(shape, owner: nil)]) : result
  }

  /// Whole numbers as an extent.
  private func exact(_ values: [Double]) -> Extent? {
    let whole = values.compactMap { Int(exactly: $0) }
    return whole.count == values.count ? Extent(whole) : nil
  }

  private func scalarExtent(_ extent: Extent) throws -> String {
    if let fixed = extent.fixed { return scalar(.integer(Int64(fixed)), .int64) }
    return emit("Squeeze", [try vector([extent], owner: nil), ints([0])])
  }

  /// One number where column ≤ row + offset, another one elsewhere, in the last two dimensions.
  private func triangle(_ tables: [Table], _ shape: [Extent], _ dtype: DType) throws -> String? {
    guard shape.count >= 2, tables.allSatisfy({ !$0.values.isEmpty }) else { return nil }
    func same(_ a: Double, _ b: Double) -> Bool { a == b || a.isNaN && b.isNaN }
    var offsets: [Int] = []
    let corner = tables[0]
    let (rows, columns) = (corner.shape[corner.shape.count - 2], corner.shape[corner.shape.count - 1])
    let leading = Array(repeating: 0, count: shape.count - 2)
    let below = corner[leading + [rows - 1, 0]], above = corner[leading + [0, columns - 1]]
    if same(below, above) { return nil }
    for table in tables {
      let (rows, columns) = (table.shape[table.shape.count - 2], table.shape[table.shape.count - 1])
      let inFirstRow = (0..<columns).prefix { same(table[leading + [0, $0]], below) }.count
      let aboveFirst = (0..<rows).prefix { !same(table[leading + [$0, 0]], below) }.count
      let offset = inFirstRow > 0 ? inFirstRow - 1 : -aboveFirst
      let fits = table.allSatisfy { value, place in
        same(value, place[place.count - 1] <= place[place.count - 2] + offset ? below : above)
      }
      guard fits else { return nil }
      offsets.append(offset)
    }
    let offset = Extent(offsets)
    func range(_ count: Extent) throws -> String { emit("Range", [scalar(0, .int64), try scalarExtent(count), scalar(1, .int64)]) }
    var last = try range(shape[shape.count - 2])
    if offset.fixed != 0 { last = emit("Add", [last, try scalarExtent(offset)]) }
    let isBelow = emit("LessOrEqual", [try range(shape[shape.count - 1]), emit("Unsqueeze", [last, ints([1])])])
    var result = isBelow
    if dtype == .bool {
      if below == 0 { result = emit("Not", [isBelow]) }
    } else {
      result = emit("Where", [isBelow, scalar(Self.number(below, dtype), dtype), scalar(Self.number(above, dtype), dtype)])
    }
    return shape.count == 2 ? result : emit("Expand", [result, try vector(shape, owner: nil)])
  }
}
