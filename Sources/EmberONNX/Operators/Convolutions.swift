import EmberFunctional
import EmberRuntime
import EmberTensor

/// Convolutions of any kind.
extension OperatorTable {
  mutating func addConvolutions() {
    add("Conv") { call in
      let x = try call.tensor(0), weight = try call.tensor(1), bias = try call.optionalTensor(2)
      return try convolution(call, x, weight, bias)
    }
    add("ConvTranspose") { call in try transposedConvolution(call) }
    add("CausalConvWithState", since: 27) { call in
      let x = try call.tensor(0), weight = try call.tensor(1), bias = try call.optionalTensor(2)
      guard x.rank == 3, weight.rank == 3, weight.shape[2] > 0 else {
        throw call.failure("\(describe(x)) with a weight \(describe(weight)); both must have three dimensions", .shape)
      }
      let size = weight.shape[2]
      let past = try call.optionalTensor(3) ?? Tensor.zeros([x.shape[0], x.shape[1], size - 1], dtype: x.dtype, on: x.device)
      let whole = cat([past, x], dim: 2)
      var y = whole.conv1d(weight, bias, groups: x.shape[1])
      if try call.string("activation", oneOf: ["none", "silu", "swish"]) != "none" { y = y.silu() }
      return [y, whole.narrow(2, start: whole.shape[2] - (size - 1), length: size - 1).contiguous()]
    }
    add("Col2Im", since: 18, numbers: [1, 2]) { call in try columnsToImage(call) }
    add("DeformConv", since: 19) { call in try deformableConvolution(call) }
  }
}

/// The windows of convolutions and poolings over the spatial dimensions.
struct WindowGeometry {
  let kernel: [Int]
  var strides: [Int]
  var dilations: [Int]
  /// Margins before and after.
  var before: [Int]
  var after: [Int]

  var rank: Int { kernel.count }
  var isSymmetric: Bool { before == after }

  /// Positions from a window's first to its last element.
  func span(_ i: Int) -> Int { (kernel[i] - 1) * dilations[i] + 1 }

  init(_ call: OperatorCall, kernel: [Int], extents: [Int]) throws {
    let rank = extents.count
    func list(_ name: String, _ fallback: Int, minimum: Int, count: Int) throws -> [Int] {
      let values = try call.ints(name) ?? Array(repeating: fallback, count: count)
      guard values.count == count, values.allSatisfy({ $0 >= minimum && $0 < 1 << 20 }) else {
        throw call.failure("the attribute '\(name)' is \(values); \(count) numbers from \(minimum) to 2²⁰ are needed", .shape)
      }
      return values
    }
    guard kernel.count == rank, kernel.allSatisfy({ $0 > 0 && $0 < 1 << 20 }) else {
      throw call.failure("a kernel of \(kernel) over \(rank) spatial dimensions", .shape)
    }
    self.kernel = kernel
    strides = try list("strides", 1, minimum: 1, count: rank)
    dilations = try list("dilations", 1, minimum: 1, count: rank)
    let pads = try list("pads", 0, minimum: 0, count: 2 * rank)
    before = Array(pads.prefix(rank))
    after = Array(pads.suffix(rank))
    let mode = try call.string("auto_pad", oneOf: ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
    if mode == "NOTSET" { return }
    for i in 0..<rank {
      let output = (extents[i] + strides[i] - 1) / strides[i]
      let total = mode == "VALID" ? 0 : max((output - 1) * strides[i] + span(i) - extents[i], 0)
      before[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2
      after[i] = total - before[i]
    }
  }

  /// Margins as `pad` takes them: of the last dimension first.
  var margins: [Int] { (0..<rank).reversed().flatMap { [before[$0], after[$0]] } }
}

func convolution(_ call: OperatorCall, _ x: Tensor, _ weight: Tensor, _ bias: Tensor?) throws -> Tensor {
  guard x.rank >= 3, x.rank <= 5, weight.rank == x.rank else {
    throw call.failure("\(describe(x)) with filters \(describe(weight)); one to three spatial dimensions are supported", .shape)
  }
  let extents = Array(x.shape.dropFirst(2)), kernel = try call.ints("kernel_shape") ?? Array(weight.shape.dropFirst(2))
  guard kernel == Array(weight.shape.dropFirst(2)) else { throw call.failure("kernel_shape \(kernel) for filters \(describe(weight))", .shape) }
  let window = try WindowGeometry(call, kernel: kernel, extents: extents)
  let groups = try call.int("group", 1)
  let source = window.isSymmetric ? x : x.pad(window.margins, value: 0)
  let padding = window.isSymmetric ? window.before : window.before.map { _ in 0 }
  switch window.rank {
  case 1: return source.conv1d(weight, bias, stride: window.strides, padding: padding, dilation: window.dilations, groups: groups)
  case 2: return source.conv2d(weight, bias, stride: window.strides, padding: padding, dilation: window.dilations, groups: groups)
  default: return source.conv3d(weight, bias, stride: window.strides, padding: padding, dilation: window.dilations, groups: groups)
  }
}

private func transposedConvolution(_ call: OperatorCall) throws -> Tensor {
  let x = try call.tensor(0), weight = try call.tensor(1), bias = try call.optionalTensor(2)
  guard x.rank >= 3, x.rank <= 5, weight.rank == x.rank else {
    throw call.failure("\(describe(x)) with filters \(describe(weight)); one to three spatial dimensions are supported", .shape)
  }
  let extents = Array(x.shape.dropFirst(2)), kernel = Array(weight.shape.dropFirst(2)), rank = extents.count
  let window = try WindowGeometry(call, kernel: kernel, extents: extents)
  let groups = try call.int("group", 1)
  let extra = try call.ints("output_padding") ?? Array(repeating: 0, count: rank)
  guard extra.count == rank, extra.allSatisfy({ $0 >= 0 && $0 < 1 << 40 }) else { throw call.failure("output_padding \(extra)", .shape) }
  let whole = (0..<rank).map { window.strides[$0] * (extents[$0] - 1) + window.span($0) }
  var before = window.before, after = window.after
  let mode = try call.string("auto_pad", oneOf: ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
  var wanted = try call.ints("output_shape")
  if wanted == nil, mode.hasPrefix("SAME") { wanted = (0..<rank).map { extents[$0] * window.strides[$0] } }
  if let wanted {
    // Files name the spatial extents alone, or all of them.
    let target = Array(wanted.suffix(rank))
    guard target.count == rank, target.allSatisfy({ $0 >= 0 && $0 < 1 << 40 }) else { throw call.failure("output_shape \(wanted)", .shape) }
    for i in 0..<rank {
      // What is cut off; a longer output than there is gets its zeros behind.
      let total = whole[i] + extra[i] - target[i], cut = max(total, 0)
      before[i] = mode == "SAME_UPPER" ? cut / 2 : cut - cut / 2
      after[i] = total - before[i]
    }
  } else if mode == "VALID" {
    before = before.map { _ in 0 }
    after = before
  }
  func transposed(_ bias: Tensor?, padding: [Int]) -> Tensor {
    switch rank {
    case 1: x.convTranspose1d(weight, bias, stride: window.strides, padding: padding, groups: groups, dilation: window.dilations)
    case 2: x.convTranspose2d(weight, bias, stride: window.strides, padding: padding, groups: groups, dilation: window.dilations)
    default: x.convTranspose3d(weight, bias, stride: window.strides, padding: padding, groups: groups, dilation: window.dilations)
    }
  }
  if before == after, before.allSatisfy({ $0 >= 0 }), extra.allSatisfy({ $0 == 0 }) { return transposed(bias, padding: before) }
  let margins = (0..<rank).reversed().flatMap { [-before[$0], extra[$0] - after[$0]] }
  let y = transposed(nil, padding: before.map { _ in 0 }).pad(margins, value: 0)
  return bias.map { y + $0.reshape([$0.elementCount] + Array(repeating: 1, count: rank)) } ?? y
}

/// Columns [batch, channels · window, windows] added up where windows overlap, over any number of spatial dimensions.
private func columnsToImage(_ call: OperatorCall) throws -> Tensor {
  let x = try call.tensor(0), image = try call.ints(1), kernel = try call.ints(2)
  let rank = image.count
  guard x.rank == 3, (1...4).contains(rank), image.allSatisfy({ $0 > 0 && $0 < 1 << 20 }), image.reduce(1.0, { $0 * Double($1) }) < 0x1p40 else {
    throw call.failure("\(describe(x)) for an image \(image); one to four dimensions are supported", .shape)
  }
  guard kernel.count == rank, kernel.allSatisfy({ $0 > 0 }), kernel.reduce(1.0, { $0 * Double($1) }) <= Double(x.shape[1]) else {
    throw call.failure("\(describe(x)) for windows \(kernel)", .shape)
  }
  let volume = kernel.reduce(1, *)
  guard x.shape[1] % volume == 0 else { throw call.failure("\(x.shape[1]) rows for windows \(kernel)", .shape) }
  let window = try WindowGeometry(call, kernel: kernel, extents: image)
  let padded = (0..<rank).map { image[$0] + window.before[$0] + window.after[$0] }
  guard padded.reduce(1.0, { $0 * Double($1) }) < 0x1p40 else { throw call.failure("an image \(image) with its margins", .memory) }
  let counts = (0..<rank).map { padded[$0] < window.span($0) ? 0 : (padded[$0] - window.span($0)) / window.strides[$0] + 1 }
  guard counts.reduce(1, *) == x.shape[2] else {
    throw call.failure("\(x.shape[2]) windows, where an image \(image) has \(counts.reduce(1, *))", .shape)
  }
  // The position in the padded image of each element of each window.
  var places = Tensor.zeros(Array(repeating: 1, count: 2 * rank), dtype: .int64), stride = 1
  for i in (0..<rank).reversed() {
    let inside = Tensor.arange(kernel[i]).reshape((0..<2 * rank).map { $0 == i ? kernel[i] : 1 }) * window.dilations[i]
    let outside = Tensor.arange(counts[i]).reshape((0..<2 * rank).map { $0 == rank + i ? counts[i] : 1 }) * window.strides[i]
    places = places + (inside + outside) * stride
    stride *= padded[i]
  }
  let batch = x.shape[0], channels = x.shape[1] / volume
  let source = x.reshape([batch, channels, volume * x.shape[2]])
  let sum = Tensor.zeros([batch, channels, stride], dtype: x.dtype, on: x.device)
    .indexAdd(dim: 2, index: places.reshape([places.elementCount]), source: source)
  let margins = (0..<rank).reversed().flatMap { [-window.before[$0], -window.after[$0]] }
  return sum.reshape([batch, channels] + padded).pad(margins, value: 0)
}

/// Convolution whose windows' elements are moved by offsets (Dai et al., arXiv:1703.06211), and weighted (Zhu et al., arXiv:1811.11168).
private func deformableConvolution(_ call: OperatorCall) throws -> Tensor {
  let x = try call.tensor(0), weight = try call.tensor(1), offsets = try call.tensor(2)
  let bias = try call.optionalTensor(3), mask = try call.optionalTensor(4)
  guard x.rank == 4, weight.rank == 4, offsets.rank == 4 else {
    throw call.failure("\(describe(x)), \(describe(weight)), \(describe(offsets)); two spatial dimensions are supported", .shape)
  }
  let kernel = Array(weight.shape.dropFirst(2)), extents = Array(x.shape.dropFirst(2))
  let window = try WindowGeometry(call, kernel: kernel, extents: extents)
  let groups = try call.int("group", 1), offsetGroups = try call.int("offset_group", 1)
  let batch = x.shape[0], channels = x.shape[1], volume = kernel[0] * kernel[1]
  let output = (0..<2).map { (extents[$0] + window.before[$0] + window.after[$0] - window.span($0)) / window.strides[$0] + 1 }
  guard groups > 0, offsetGroups > 0, channels % offsetGroups == 0, channels % groups == 0, weight.shape[0] % groups == 0,
    Array(offsets.shape) == [batch, offsetGroups * volume * 2] + output,
    mask.map({ Array($0.shape) == [batch, offsetGroups * volume] + output }) ?? true
  else { throw call.failure("\(describe(x)), \(describe(weight)), \(describe(offsets)) do not go together", .shape) }
  // Where each element is read: [batch, offset groups, window, 2, height, width].
  let moved = offsets.reshape([batch, offsetGroups, volume, 2] + output)
  func base(_ i: Int) -> Tensor {
    let inside = Tensor.arange(kernel[i]) * window.dilations[i] - window.before[i]
    let taps = i == 0 ? inside.repeatInterleave(kernel[1]) : inside.tile([kernel[0]])
    let steps = (Tensor.arange(output[i]) * window.strides[i]).reshape(i == 0 ? [output[0], 1] : [1, output[1]])
    return (taps.reshape([volume, 1, 1]) + steps).to(x.dtype)
  }
  // As grid sampling counts: from -1 to 1 between the outer edges.
  func normalized(_ position: Tensor, _ extent: Int) -> Tensor { (position * 2 + 1) / Double(extent) - 1 }
  let rows = normalized(moved.select(3, 0) + base(0), extents[0]), columns = normalized(moved.select(3, 1) + base(1), extents[1])
  let grid = stack([columns, rows], dim: -1).reshape([batch * offsetGroups, volume * output[0], output[1], 2])
  let planes = x.reshape([batch * offsetGroups, channels / offsetGroups] + extents)
  var samples = planes.gridSample(grid, mode: .bilinear, paddingMode: .zeros, alignCorners: false)
    .reshape([batch, offsetGroups, channels / offsetGroups, volume] + output)
  if let mask { samples = samples * mask.reshape([batch, offsetGroups, 1, volume] + output) }
  let columnsOfGroups = samples.reshape([batch, groups, channels / groups * volume, output[0] * output[1]])
  let filters = weight.reshape([groups, weight.shape[0] / groups, channels / groups * volume])
  let y = filters.matmul(columnsOfGroups).reshape([batch, weight.shape[0]] + output)
  return bias.map { y + $0.reshape([$0.elementCount, 1, 1]) } ?? y
}
