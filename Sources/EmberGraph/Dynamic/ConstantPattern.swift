import EmberRuntime
import EmberTensor

/// What a constant was made by, where its shape or its elements depend on dynamic dimensions: known from the constant in each of several
/// captures.
package struct ConstantPattern: Sendable {
  package enum Kind: Sendable {
    /// One number everywhere, which may differ from capture to capture.
    case filled([Scalar])
    /// The same numbers at every position of the dimensions that differ, which have an extent of 1 here.
    case repeated(Tensor)
    /// Numbers that grow evenly (`arange`): origin + Σ over dimensions of step · position.
    case grid(origin: Origin, steps: [Double])
    /// One number where column ≤ row + offset, another one elsewhere, in the last two dimensions: a causal mask.
    case triangle(offset: Extent, below: Scalar, above: Scalar)
  }

  package enum Origin: Sendable {
    case whole(Extent)
    case real(Double)
  }

  package let kind: Kind
  package let shape: [Extent]
  package let dtype: DType

  /// Nil if it is none of these.
  package init?(_ tensors: [Tensor]) throws {
    let first = tensors[0]
    guard first.dtype.category <= .floatingPoint, tensors.allSatisfy({ $0.dtype == first.dtype && $0.rank == first.rank }) else {
      return nil
    }
    shape = first.shape.indices.map { d in Extent(tensors.map { $0.shape[d] }) }
    dtype = first.dtype
    let tables = try tensors.map { tensor in Table(shape: Array(tensor.shape), values: try tensor.elementsOrThrow(as: Double.self)) }
    // Integers that doubles do not hold are none of these.
    if first.dtype.isInteger, tables.contains(where: { $0.values.contains { $0.magnitude > 0x1p53 } }) { return nil }
    guard
      let kind = try Self.filled(tables, dtype) ?? Self.repeated(tensors, shape) ?? Self.grid(tables, dtype) ?? Self.triangle(tables, dtype)
    else { return nil }
    self.kind = kind
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

  private static func same(_ a: Double, _ b: Double) -> Bool { a == b || a.isNaN && b.isNaN }

  private static func filled(_ tables: [Table], _ dtype: DType) -> Kind? {
    guard tables.allSatisfy({ table in table.values.allSatisfy { same($0, table.values[0]) } }) else { return nil }
    // A capture without elements says nothing about the number.
    guard let known = tables.lazy.compactMap(\.values.first).first else { return nil }
    return .filled(tables.map { number($0.values.first ?? known, dtype) })
  }

  private static func repeated(_ tensors: [Tensor], _ shape: [Extent]) throws -> Kind? {
    guard tensors.allSatisfy({ $0.elementCount > 0 }) else { return nil }
    let cores = try catchingErrors {
      tensors.map { tensor in
        shape.indices.reduce(tensor) { shape[$1].fixed == nil ? $0.narrow($1, start: 0, length: 1) : $0 }.contiguous()
      }
    }
    for (tensor, core) in zip(tensors, cores) {
      let whole = try catchingErrors { core.expand(Array(tensor.shape)).contiguous() }
      guard core.hasBytes(of: cores[0]), whole.hasBytes(of: tensor) else { return nil }
    }
    return .repeated(cores[0])
  }

  private static func grid(_ tables: [Table], _ dtype: DType) -> Kind? {
    guard dtype != .bool, tables.allSatisfy({ !$0.values.isEmpty && $0.values[0].isFinite }) else { return nil }
    var start: [Double] = [], steps: [[Double]] = []
    for table in tables {
      let origin = table.values[0]
      let own = table.shape.indices.map { d in
        table.shape[d] < 2 ? 0 : table[table.shape.indices.map { $0 == d ? 1 : 0 }] - origin
      }
      let fits = table.allSatisfy { value, place in value == element(origin, own, place) }
      guard fits else { return nil }
      start.append(origin)
      steps.append(own)
    }
    // A step shows only where there are two elements.
    guard steps.allSatisfy({ $0 == steps[0] }), steps[0].allSatisfy(\.isFinite) else { return nil }
    let whole = start.compactMap { Int(exactly: $0) }
    if whole.count == start.count { return .grid(origin: .whole(Extent(whole)), steps: steps[0]) }
    // One that is no whole number must be the same everywhere.
    return start.allSatisfy { $0 == start[0] } ? .grid(origin: .real(start[0]), steps: steps[0]) : nil
  }

  private static func element(_ origin: Double, _ steps: [Double], _ place: [Int]) -> Double {
    zip(steps, place).reduce(origin) { $0 + $1.0 * Double($1.1) }
  }

  private static func triangle(_ tables: [Table], _ dtype: DType) -> Kind? {
    let corner = tables[0], rank = corner.shape.count
    guard rank >= 2, tables.allSatisfy({ !$0.values.isEmpty }) else { return nil }
    let leading = Array(repeating: 0, count: rank - 2)
    let below = corner[leading + [corner.shape[rank - 2] - 1, 0]], above = corner[leading + [0, corner.shape[rank - 1] - 1]]
    if same(below, above) { return nil }
    var offsets: [Int] = []
    for table in tables {
      let (rows, columns) = (table.shape[rank - 2], table.shape[rank - 1])
      let inFirstRow = (0..<columns).prefix { same(table[leading + [0, $0]], below) }.count
      let aboveFirst = (0..<rows).prefix { !same(table[leading + [$0, 0]], below) }.count
      let offset = inFirstRow > 0 ? inFirstRow - 1 : -aboveFirst
      let fits = table.allSatisfy { value, place in same(value, place[rank - 1] <= place[rank - 2] + offset ? below : above) }
      guard fits else { return nil }
      offsets.append(offset)
    }
    return .triangle(offset: Extent(offsets), below: number(below, dtype), above: number(above, dtype))
  }
}

/// How a constant of a graph follows from the sizes of dynamic dimensions.
struct ConstantRule: Sendable {
  private enum Kind: Sendable {
    case filled(NumberRule)
    case repeated(Tensor)
    case grid(origin: NumberRule, steps: [Double])
    case triangle(offset: NumberRule, below: Scalar, above: Scalar)
  }

  private let kind: Kind
  private let shape: [NumberRule]
  private let dtype: DType
  private let device: Device

  /// Nil if the constants, one for each capture, follow from the sizes in none of the known ways.
  init?(_ tensors: [Tensor], _ sizes: CaptureSizes) throws {
    guard let pattern = try ConstantPattern(tensors) else { return nil }
    func rule(_ extent: Extent) -> NumberRule? { NumberRule(extent.samples.map(\.scalar), sizes) }
    shape = pattern.shape.compactMap(rule)
    dtype = pattern.dtype
    device = tensors[0].device
    guard shape.count == pattern.shape.count else { return nil }
    switch pattern.kind {
    case .filled(let values):
      guard let value = NumberRule(values, sizes, roundedTo: pattern.dtype) else { return nil }
      kind = .filled(value)
    case .repeated(let core): kind = .repeated(core)
    case .grid(.real(let origin), let steps): kind = .grid(origin: NumberRule(fixed: .real(origin)), steps: steps)
    case .grid(.whole(let extent), let steps):
      guard let origin = rule(extent) else { return nil }
      kind = .grid(origin: origin, steps: steps)
    case .triangle(let extent, let below, let above):
      guard let offset = rule(extent) else { return nil }
      kind = .triangle(offset: offset, below: below, above: above)
    }
  }

  /// The constant at these sizes; nil if it does not fit.
  func callAsFunction(_ sizes: [Int]) -> Tensor? {
    let extents = shape.compactMap { $0(sizes)?.integerValue.map { Int($0) } }
    guard extents.count == shape.count, extents.allSatisfy({ $0 >= 0 }) else { return nil }
    switch kind {
    case .filled(let value): return value(sizes).map { Tensor.full(extents, $0, dtype: dtype, on: device) }
    case .repeated(let core): return core.expand(extents).contiguous()
    case .grid(let origin, let steps):
      guard let origin = origin(sizes)?.doubleValue else { return nil }
      var sum = Tensor.full([], .real(origin), dtype: .float64)
      for (d, step) in steps.enumerated() where step != 0 {
        let positions = Tensor.arange(extents[d]).to(.float64) * step
        sum = sum + positions.reshape([extents[d]] + Array(repeating: 1, count: steps.count - 1 - d))
      }
      return sum.expand(extents).contiguous().to(dtype).to(device)
    case .triangle(let offset, let below, let above):
      guard let offset = offset(sizes)?.integerValue else { return nil }
      let rows = Tensor.arange(extents[extents.count - 2]).unsqueeze(1), columns = Tensor.arange(extents[extents.count - 1])
      let isBelow = columns .<= rows + Scalar.integer(offset)
      func number(_ value: Scalar) -> Tensor { Tensor.full([], value, dtype: dtype) }
      return `where`(isBelow, number(below), number(above)).expand(extents).contiguous().to(device)
    }
  }
}
