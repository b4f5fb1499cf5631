import EmberGraph
import EmberRuntime
import EmberTensor

extension GraphExporter {
  /// A constant of the graph. One that differs between the captures is recognised as what it was made by: a filled tensor, one that is
  /// repeated along the dimensions that differ, numbers that grow evenly (`arange`), or a triangle (a causal mask).
  func exportConstant(_ tensors: [Tensor]) throws -> String {
    let first = tensors[0]
    if tensors.allSatisfy({ $0.hasBytes(of: first) }) { return constant(first) }
    guard let pattern = try ConstantPattern(tensors), let name = try export(pattern) else { throw Self.varies(tensors) }
    return name
  }

  private func export(_ pattern: ConstantPattern) throws -> String? {
    switch pattern.kind {
    case .filled(let values): try filled(values, pattern.shape, pattern.dtype)
    case .repeated(let core): emit("Expand", [constant(core), try vector(pattern.shape, owner: nil)])
    case .grid(let origin, let steps): try grid(origin, steps, pattern.shape, pattern.dtype)
    case .triangle(let offset, let below, let above): try triangle(offset, below, above, pattern.shape, pattern.dtype)
    }
  }

  private static func varies(_ tensors: [Tensor]) -> EmberError {
    EmberError(
      .value, in: "exportONNX",
      "a constant (\(tensors.map(\.summary).joined(separator: ", "))) depends on the dynamic extents, and not as one that is filled with a "
        + "number, repeats the same numbers, an arange, or a triangle; make it an input, or a buffer that is sliced")
  }

  private func emit(_ operation: String, _ inputs: [String], _ attributes: KeyValuePairs<String, ExportAttribute> = [:]) -> String {
    emit(operation, inputs, attributes, outputs: 1, owner: nil)[0]
  }

  private func cast(_ name: String, from source: DType, to target: DType) throws -> String {
    source == target ? name : emit("Cast", [name], ["to": .int(try elementType(target).rawValue)])
  }

  /// Nil if the number depends on the extents.
  private func filled(_ values: [Scalar], _ shape: [Extent], _ dtype: DType) throws -> String? {
    guard values.allSatisfy({ $0.isIdentical(to: values[0]) }) else { return nil }
    let element = Tensor.full([1], values[0], dtype: dtype)
    return emit("ConstantOfShape", [try vector(shape, owner: nil)], ["value": .tensor(element)])
  }

  private func number(_ value: Double, _ type: DType) -> Scalar { type == .int64 ? .integer(Int64(value)) : .real(value) }

  /// c + Σ over dimensions of step · position.
  private func grid(_ origin: ConstantPattern.Origin, _ steps: [Double], _ shape: [Extent], _ dtype: DType) throws -> String? {
    var isWhole = false
    if case .whole = origin { isWhole = steps.allSatisfy { $0 == $0.rounded() } }
    let type: DType = isWhole ? .int64 : .float64
    var sum: String?
    for (d, step) in steps.enumerated() where step != 0 {
      let count = try scalarExtent(shape[d])
      var part = emit("Range", [scalar(0, .int64), count, scalar(1, .int64)])
      part = try cast(part, from: .int64, to: type)
      if step != 1 { part = emit("Mul", [part, scalar(number(step, type), type)]) }
      let rest = shape.count - 1 - d
      if rest > 0 { part = emit("Unsqueeze", [part, ints(Array(1...rest))]) }
      sum = sum.map { emit("Add", [$0, part]) } ?? part
    }
    guard var result = sum else { return nil }
    switch origin {
    case .real(let value): result = emit("Add", [result, scalar(.real(value), type)])
    case .whole(let extent) where extent.fixed != 0:
      result = emit("Add", [result, try cast(scalarExtent(extent), from: .int64, to: type)])
    case .whole: break
    }
    result = try cast(result, from: type, to: dtype)
    let isWide = steps.enumerated().contains { d, step in step == 0 && shape[d].fixed != 1 } || steps.first == 0
    return isWide ? emit("Expand", [result, try vector(shape, owner: nil)]) : result
  }

  private func scalarExtent(_ extent: Extent) throws -> String {
    if let fixed = extent.fixed { return scalar(.integer(Int64(fixed)), .int64) }
    return emit("Squeeze", [try vector([extent], owner: nil), ints([0])])
  }

  /// One number where column ≤ row + offset, another one elsewhere, in the last two dimensions.
  private func triangle(_ offset: Extent, _ below: Scalar, _ above: Scalar, _ shape: [Extent], _ dtype: DType) throws -> String {
    func range(_ count: Extent) throws -> String { emit("Range", [scalar(0, .int64), try scalarExtent(count), scalar(1, .int64)]) }
    var last = try range(shape[shape.count - 2])
    if offset.fixed != 0 { last = emit("Add", [last, try scalarExtent(offset)]) }
    let isBelow = emit("LessOrEqual", [try range(shape[shape.count - 1]), emit("Unsqueeze", [last, ints([1])])])
    var result = isBelow
    if dtype == .bool {
      if !below.isTrue { result = emit("Not", [isBelow]) }
    } else {
      result = emit("Where", [isBelow, scalar(below, dtype), scalar(above, dtype)])
    }
    return shape.count == 2 ? result : emit("Expand", [result, try vector(shape, owner: nil)])
  }
}
