import EmberFunctional
import EmberRuntime
import EmberTensor

/// What moves elements without looking at them, and what makes tensors from shapes.
extension OperatorTable {
  mutating func addShapes() {
    addShapeQuestions()
    addReshaping()
    addJoining()
    addSlicing()
    addPadding()
    addConstants()
    addBlocks()
  }

  private mutating func addShapeQuestions() {
    add("Shape") { call in
      let shape = try call.required(call.value(0).shape, "shape")
      func limit(_ name: String, _ fallback: Int) throws -> Int {
        let position = try call.int(name, fallback)
        return min(max(position < 0 ? position &+ shape.count : position, 0), shape.count)
      }
      let start = try limit("start", 0), end = try limit("end", shape.count)
      return Tensor(start < end ? Array(shape[start..<end]) : [])
    }
    add("Size") { call in Tensor(try call.required(call.value(0).shape, "shape").reduce(1, *)) }
  }

  private mutating func addReshaping() {
    add("Reshape") { call in try call.reshaped(to: try call.ints("shape") ?? []) }
    add("Reshape", since: 5, numbers: [1]) { call in try call.reshaped(to: try call.ints(1)) }
    for isInput in [false, true] {
      add("Squeeze", since: isInput ? 13 : 1, numbers: [1]) { call in
        let axes = try isInput ? call.optionalInts(1) : call.ints("axes")
        return try call.value(0).rearranged(call) { x in
          guard let axes else { return x.squeeze(x.shape.indices.filter { x.shape[$0] == 1 }) }
          let wrapped = try call.wrapped(axes, x.rank)
          guard wrapped.allSatisfy({ x.shape[$0] == 1 }) else {
            throw call.failure("axes \(axes) of \(describe(x)); only extents of 1 can be left out", .shape)
          }
          return x.reshape(x.shape.indices.filter { !wrapped.contains($0) }.map { x.shape[$0] })
        }
      }
      add("Unsqueeze", since: isInput ? 13 : 1, numbers: [1]) { call in
        let axes = try isInput ? call.ints(1) : call.required(call.ints("axes"), "axes")
        return try call.value(0).rearranged(call) { x in
          let rank = x.rank + axes.count
          let wrapped = try call.wrapped(axes, rank)
          var extents = Array(x.shape)[...]
          return x.reshape((0..<rank).map { wrapped.contains($0) ? 1 : extents.removeFirst() })
        }
      }
    }
    add("Flatten") { call in
      let axis = try call.int("axis", 1)
      return try call.value(0).rearranged(call) { x in
        let first = axis == x.rank ? axis : try call.wrapped(axis, x.rank)
        return x.reshape([x.shape.prefix(first).reduce(1, *), x.shape.dropFirst(first).reduce(1, *)])
      }
    }
    add("Transpose") { call in
      let order = try call.ints("perm")
      return try call.value(0).rearranged(call) { x in x.permute(order ?? Array((0..<x.rank).reversed())) }
    }
    add("Expand", since: 8, numbers: [1]) { call in
      let wanted = try call.ints(1)
      return try call.value(0).rearranged(call) { x in
        guard let shape = broadcastShapes([Array(x.shape), wanted]) else {
          throw call.failure("\(describe(x)) does not broadcast with \(wanted)", .shape)
        }
        return x.expand(shape)
      }
    }
    add("Tile", numbers: [1, 2]) { call in
      let count = try call.int(1), axis = try call.int(2)
      return try call.value(0).rearranged(call) { x in
        let place = try call.wrapped(axis, x.rank)
        return x.tile((0..<x.rank).map { $0 == place ? count : 1 })
      }
    }
    add("Tile", since: 6, numbers: [1]) { call in
      let counts = try call.ints(1)
      return try call.value(0).rearranged(call) { x in
        guard counts.count == x.rank else { throw call.failure("\(counts.count) counts for \(describe(x))", .shape) }
        return x.tile(counts)
      }
    }
  }

  private mutating func addJoining() {
    add("Concat") { call in
      try concatenated(call, call.inputs.indices.map { try call.value($0) }, axis: call.version < 4 ? call.int("axis", 1) : call.required(call.int("axis"), "axis"))
    }
    add("Split", numbers: [1]) { call in
      // The first version took the sizes from either place, later ones from one of them.
      let sizes = try call.version >= 13 || call.version < 2 && call.has(1) ? call.optionalInts(1) : call.ints("split")
      let value = try call.value(0)
      guard let shape = value.shape else { throw call.failure("input 0 is \(value.summary), where a tensor is needed", .dtype) }
      let axis = try call.wrapped(try call.int("axis", 0), shape.count), extent = shape[axis]
      let parts = try call.int("num_outputs", call.outputCount)
      guard parts > 0, parts <= max(call.outputCount, 1) else { throw call.failure("\(parts) parts for \(call.outputCount) outputs") }
      let size = (extent + parts - 1) / parts
      let lengths = sizes ?? (0..<parts).map { min(size, max(extent - $0 * size, 0)) }
      guard lengths.allSatisfy({ $0 >= 0 && $0 <= extent }), lengths.reduce(0, +) == extent else {
        throw call.failure("parts of \(lengths) of dimension \(axis) of \(value.summary); their sum must be \(extent)", .shape)
      }
      var start = 0
      return try lengths.map { length in
        defer { start += length }
        return try value.rearranged(call) { $0.narrow(axis, start: start, length: length) }
      }
    }
  }

  private mutating func addSlicing() {
    add("Slice") { call in
      let starts = try call.required(call.ints("starts"), "starts"), ends = try call.required(call.ints("ends"), "ends")
      return try call.sliced(starts, ends, axes: try call.ints("axes"), steps: nil)
    }
    add("Slice", since: 10, numbers: [1, 2, 3, 4]) { call in
      try call.sliced(try call.ints(1), try call.ints(2), axes: try call.optionalInts(3), steps: try call.optionalInts(4))
    }
    add("Trilu", since: 14, numbers: [1]) { call in
      let x = try call.tensor(0, minimumRank: 2), diagonal = try call.optionalInts(1)?.first ?? 0
      let isUpper = try call.flag("upper", true)
      let limit = max(x.shape[x.rank - 1], x.shape[x.rank - 2])
      let offset = min(max(diagonal, -limit - 1), limit + 1)
      let columns = Tensor.arange(x.shape[x.rank - 1], on: x.device)
      let edge = Tensor.arange(x.shape[x.rank - 2], on: x.device).unsqueeze(-1) + offset
      let isKept = isUpper ? columns .>= edge : columns .<= edge
      return `where`(isKept, x.wide, Tensor.zeros([], dtype: x.wide.dtype, on: x.device)).to(x.dtype)
    }
  }

  private mutating func addPadding() {
    add("Pad") { call in
      let pads = try call.required(try call.ints("pads") ?? call.ints("paddings"), "pads")
      return try call.padded(pads, axes: nil, value: .real(try call.double("value", 0)))
    }
    add("Pad", since: 11, numbers: [1, 2, 3]) { call in
      let value = try call.has(2) ? paddingValue(call) : 0
      return try call.padded(try call.ints(1), axes: try call.optionalInts(3), value: value)
    }
    add("CenterCropPad", since: 18, numbers: [1]) { call in
      let x = try call.tensor(0), sizes = try call.ints(1)
      let axes = try call.wrapped(try call.ints("axes") ?? Array(0..<x.rank), x.rank)
      guard axes.count == sizes.count, sizes.allSatisfy({ $0 >= 0 }) else { throw call.failure("the shape \(sizes) for axes \(axes)", .shape) }
      var pads = Array(repeating: 0, count: 2 * x.rank)
      for (axis, size) in zip(axes, sizes) {
        let difference = size - x.shape[axis]
        // What is cut off or added before: half, rounded down.
        let before = difference < 0 ? -(-difference / 2) : difference / 2
        pads[2 * (x.rank - 1 - axis)] = before
        pads[2 * (x.rank - 1 - axis) + 1] = difference - before
      }
      return x.pad(pads, value: 0)
    }
  }

  private mutating func addConstants() {
    add("Constant") { call in
      if let value = try call.value("value") ?? call.value("sparse_value") { return value }
      if let number = try call.int("value_int") { return .tensor(Tensor(number)) }
      if let numbers = try call.ints("value_ints") { return .tensor(Tensor(numbers)) }
      if let number = try call.double("value_float") { return .tensor(Tensor(Float(number))) }
      if let numbers = try call.doubles("value_floats") { return .tensor(Tensor(numbers.map { Float($0) })) }
      if let text = try call.string("value_string") { return .strings(ONNXStrings(shape: [], [text])) }
      if let texts = try call.strings("value_strings") { return .strings(ONNXStrings(shape: [texts.count], texts)) }
      throw call.failure("it has no value")
    }
    add("ConstantOfShape", since: 9, numbers: [0]) { call in
      let shape = try call.ints(0)
      let value = try call.value("value") ?? .tensor(Tensor.zeros([1]))
      guard value.shape?.reduce(1, *) == 1, value.tensor != nil else { throw call.failure("its value must be a tensor of one element") }
      return try value.rearranged(call) { $0.reshape([]).expand(shape).contiguous() }
    }
    add("Range", since: 11, numbers: [0, 1, 2]) { call in
      let dtype = try call.tensor(0).dtype
      if dtype.isInteger {
        let start = try call.int(0), limit = try call.int(1), delta = try call.int(2)
        guard delta != 0 else { throw call.failure("a delta of 0") }
        let (distance, overflow) = limit.subtractingReportingOverflow(start)
        guard !overflow, distance != Int.min, delta != Int.min else { throw call.failure("the range from \(start) to \(limit) is too long", .memory) }
        let (quotient, rest) = distance.quotientAndRemainder(dividingBy: delta)
        let count = max(quotient + (rest != 0 && (rest < 0) == (delta < 0) ? 1 : 0), 0)
        return (Tensor.arange(count) * delta + start).to(dtype)
      }
      let numbers = try (0..<3).map { try call.doubles($0) }
      guard numbers.allSatisfy({ $0.count == 1 && $0[0].isFinite }), numbers[2][0] != 0 else {
        throw call.failure("start, limit and delta must be finite numbers, and delta not 0")
      }
      let count = max(((numbers[1][0] - numbers[0][0]) / numbers[2][0]).rounded(.up), 0)
      guard count < 0x1p48 else { throw call.failure("\(count) elements", .memory) }
      return (Tensor.arange(Int(count)).to(.float64) * numbers[2][0] + numbers[0][0]).to(dtype)
    }
    add("EyeLike", since: 9) { call in
      let x = try call.tensor(0), offset = try call.int("k", 0)
      guard x.rank == 2 else { throw call.failure("\(describe(x)); it must have two dimensions", .shape) }
      let dtype = try call.elementType("dtype")?.dtype ?? x.dtype
      let limit = max(x.shape[0], x.shape[1])
      let rows = Tensor.arange(x.shape[0], on: x.device).unsqueeze(-1) + min(max(offset, -limit), limit)
      return (rows .== Tensor.arange(x.shape[1], on: x.device)).to(dtype)
    }
  }

  private mutating func addBlocks() {
    add("DepthToSpace") { call in
      let x = try call.tensor(0), size = try call.blockSize(x)
      let shape = Array(x.shape), depth = shape[1] / (size * size)
      guard depth * size * size == shape[1] else { throw call.failure("\(shape[1]) channels for blocks of \(size)²", .shape) }
      let isCRD = try call.string("mode", oneOf: ["DCR", "CRD"]) == "CRD"
      let split = isCRD ? [shape[0], depth, size, size, shape[2], shape[3]] : [shape[0], size, size, depth, shape[2], shape[3]]
      let moved = x.reshape(split).permute(isCRD ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2])
      return moved.reshape([shape[0], depth, shape[2] * size, shape[3] * size])
    }
    add("SpaceToDepth") { call in
      let x = try call.tensor(0), size = try call.blockSize(x)
      let shape = Array(x.shape), height = shape[2] / size, width = shape[3] / size
      guard height * size == shape[2], width * size == shape[3] else { throw call.failure("\(describe(x)) for blocks of \(size)", .shape) }
      let isCRD = try call.string("mode", oneOf: ["DCR", "CRD"]) == "CRD"
      let blocks = x.reshape([shape[0], shape[1], height, size, width, size])
      return blocks.permute(isCRD ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4]).reshape([shape[0], shape[1] * size * size, height, width])
    }
  }
}

// MARK: - Parts

extension ONNXValue {
  /// The same elements elsewhere: of tensors of any kind, and of texts by way of their positions.
  func rearranged(_ call: OperatorCall, _ body: (Tensor) throws -> Tensor) throws -> ONNXValue {
    switch self {
    case .tensor(let tensor): .tensor(try body(tensor))
    case .narrow(let narrow): .narrow(ONNXNarrowTensor(try body(narrow.tensor), narrow.type))
    case .strings(let strings): .strings(try strings.picked(try body(positions(strings.shape))))
    case .sequence, .absent: throw call.failure("\(summary), where a tensor is needed", .dtype)
    }
  }
}

/// Tensors of one kind joined along an axis.
func concatenated(_ call: OperatorCall, _ values: [ONNXValue], axis: Int) throws -> ONNXValue {
  guard let first = values.first else { throw call.failure("there is nothing to join") }
  guard let rank = first.shape?.count, values.allSatisfy({ $0.elementType == first.elementType && $0.shape?.count == rank }) else {
    throw call.failure("\(values.map(\.summary).joined(separator: ", ")); types and numbers of dimensions must agree", .shape)
  }
  let axis = try call.wrapped(axis, rank)
  if case .strings = first {
    let all = values.compactMap { if case .strings(let strings) = $0 { strings } else { nil } }
    var start = 0
    let places = all.map { strings in
      defer { start += strings.elements.count }
      return positions(strings.shape) + start
    }
    return .strings(try ONNXStrings(shape: [start], all.flatMap(\.elements)).picked(cat(places, dim: axis)))
  }
  let joined = cat(values.compactMap(\.tensor), dim: axis)
  return ONNXValue(joined, first.elementType!)
}

/// The constant of a padding.
private func paddingValue(_ call: OperatorCall) throws -> Scalar {
  guard let tensor = try call.value(2).tensor, tensor.elementCount == 1 else { throw call.failure("its constant must be one number") }
  return tensor.detach().scalar()
}

extension OperatorCall {
  fileprivate func reshaped(to wanted: [Int]) throws -> ONNXValue {
    let allowsZero = try flag("allowzero")
    return try value(0).rearranged(self) { x in
      var shape = wanted
      for (i, extent) in wanted.enumerated() where extent == 0 && !allowsZero {
        guard i < x.rank else { throw failure("the shape \(wanted) takes extent \(i) over from \(describe(x)), which lacks it", .shape) }
        shape[i] = x.shape[i]
      }
      return x.reshape(shape)
    }
  }

  fileprivate func blockSize(_ x: Tensor) throws -> Int {
    let size = try required(try int("blocksize"), "blocksize")
    guard x.rank == 4, size > 0, size < 1 << 20 else { throw failure("\(describe(x)) with blocks of \(size); it needs four dimensions", .shape) }
    return size
  }

  fileprivate func sliced(_ starts: [Int], _ ends: [Int], axes: [Int]?, steps: [Int]?) throws -> ONNXValue {
    let axes = axes ?? Array(0..<starts.count), steps = steps ?? Array(repeating: 1, count: starts.count)
    guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count else {
      throw failure("\(starts.count) starts, \(ends.count) ends, \(axes.count) axes and \(steps.count) steps; there must be as many of each")
    }
    return try value(0).rearranged(self) { x in
      var result = x
      for (i, axis) in try wrapped(axes, x.rank).enumerated() {
        result = try sliced(result, axis, starts[i], ends[i], steps[i])
      }
      return result
    }
  }

  private func sliced(_ x: Tensor, _ axis: Int, _ start: Int, _ end: Int, _ step: Int) throws -> Tensor {
    guard step != 0, step != Int.min else { throw failure("a step of \(step)") }
    let extent = x.shape[axis]
    func position(_ given: Int, _ range: ClosedRange<Int>) -> Int {
      min(max(given < 0 ? given &+ extent : given, range.lowerBound), range.upperBound)
    }
    if step > 0 {
      let first = position(start, 0...extent), last = position(end, 0...extent)
      return x.slice(axis, start: first, end: max(first, last), step: min(step, max(extent, 1)))
    }
    if extent == 0 { return x }
    // `Int.min` stays where it is, before the first element.
    let first = position(start, -1...extent - 1)
    let last = end < 0 && end < -extent ? -1 : position(end, -1...extent - 1)
    let stride = min(-step, max(extent, 1))
    guard first > last else { return x.narrow(axis, start: 0, length: 0) }
    let count = (first - last + stride - 1) / stride
    return x.slice(axis, start: first - (count - 1) * stride, end: first + 1, step: stride).flip(axis)
  }

  fileprivate func padded(_ pads: [Int], axes: [Int]?, value: Scalar) throws -> ONNXValue {
    let mode = try string("mode", oneOf: ["constant", "reflect", "edge", "wrap"])
    return try self.value(0).rearranged(self) { x in
      let axes = try wrapped(axes ?? Array(0..<x.rank), x.rank)
      guard pads.count == 2 * axes.count, pads.allSatisfy({ abs($0) < 1 << 48 }) else {
        throw failure("\(pads.count) margins for \(axes.count) axes of \(describe(x)); there must be two for each", .shape)
      }
      if mode == "constant" {
        var margins = Array(repeating: 0, count: 2 * x.rank)
        for (i, axis) in axes.enumerated() {
          margins[2 * (x.rank - 1 - axis)] = pads[i]
          margins[2 * (x.rank - 1 - axis) + 1] = pads[i + axes.count]
        }
        return x.pad(margins, value: value)
      }
      var result = x
      for (i, axis) in axes.enumerated() { result = try continued(result, axis, pads[i], pads[i + axes.count], mode) }
      return result
    }
  }

  /// A tensor continued beyond its edges along one axis; negative margins cut off.
  private func continued(_ x: Tensor, _ axis: Int, _ before: Int, _ after: Int, _ mode: String) throws -> Tensor {
    let cutBefore = max(-before, 0), cutAfter = max(-after, 0)
    let extent = x.shape[axis] - cutBefore - cutAfter
    guard extent >= 0 else { throw failure("margins \(before) and \(after) of \(describe(x)) cut off more than there is", .shape) }
    let kept = x.narrow(axis, start: cutBefore, length: extent)
    let front = max(before, 0), back = max(after, 0)
    if front == 0, back == 0 { return kept }
    guard extent > 0, front + extent + back < 1 << 26 else {
      throw failure("margins \(before) and \(after) of \(describe(x)); there is nothing to continue, or they are too large", .shape)
    }
    let index = (-front..<extent + back).map { position in
      switch mode {
      case "edge": return min(max(position, 0), extent - 1)
      case "wrap": return (position % extent + extent) % extent
      default:
        if extent == 1 { return 0 }
        let period = 2 * (extent - 1), phase = (position % period + period) % period
        return phase < extent ? phase : period - phase
      }
    }
    return kept.indexSelect(axis, Tensor(index, on: x.device))
  }
}
