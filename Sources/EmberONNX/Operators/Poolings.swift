import EmberFunctional
import EmberRuntime
import EmberTensor

/// Poolings over windows and over everything.
extension OperatorTable {
  mutating func addPoolings() {
    add("MaxPool") { call in try maxPool(call) }
    add("AveragePool") { call in try averagePool(call) }
    add("LpPool") { call in
      let x = try call.tensor(0), pooling = try Pooling(call, x)
      let p = try call.double("p", 2)
      let windows = pooling.windows(x.abs() ** p, filler: 0)
      return windows.sum(pooling.windowAxes) ** (1 / p)
    }
    add("MaxUnpool", since: 9, numbers: [2]) { call in try maxUnpool(call) }
    add("GlobalAveragePool") { call in
      let x = try call.tensor(0, minimumRank: 2)
      return x.rank == 2 ? x : x.mean(Array(2..<x.rank), keepDim: true)
    }
    add("GlobalMaxPool") { call in
      let x = try call.tensor(0, minimumRank: 2)
      return x.rank == 2 ? x : x.amax(Array(2..<x.rank), keepDim: true)
    }
    add("GlobalLpPool") { call in
      let x = try call.tensor(0, minimumRank: 2), p = try call.double("p", 2)
      return x.rank == 2 ? x.abs() : (x.abs() ** p).sum(Array(2..<x.rank), keepDim: true) ** (1 / p)
    }
  }
}

/// Windows over the spatial dimensions of one input, and how many of them there are.
private struct Pooling {
  let window: WindowGeometry
  let extents: [Int]
  let output: [Int]

  var rank: Int { window.rank }
  /// Dimensions of `windows` that hold one window.
  var windowAxes: [Int] { (0..<rank).map { 2 + rank + $0 } }

  init(_ call: OperatorCall, _ x: Tensor) throws {
    let kernel = try call.required(try call.ints("kernel_shape"), "kernel_shape")
    guard x.rank >= 3, x.rank <= 5 else { throw call.failure("\(describe(x)); one to three spatial dimensions are supported", .shape) }
    extents = Array(x.shape.dropFirst(2))
    let window = try WindowGeometry(call, kernel: kernel, extents: extents)
    let roundsUp = try call.flag("ceil_mode")
    var output: [Int] = []
    for i in 0..<window.rank {
      guard max(window.before[i], window.after[i]) < max(window.span(i), 1) else {
        throw call.failure("margins of \(window.before[i]) and \(window.after[i]) for windows of \(window.span(i)) positions", .shape)
      }
      let free = extents[i] + window.before[i] + window.after[i] - window.span(i)
      guard free >= 0 else { throw call.failure("a window of \(window.span(i)) positions over \(describe(x)), which has fewer", .shape) }
      var count = free / window.strides[i] + 1
      // A window more where elements are left over, unless it would begin behind the input.
      if roundsUp, free % window.strides[i] != 0, count * window.strides[i] < extents[i] + window.before[i] { count += 1 }
      output.append(count)
    }
    self.window = window
    self.output = output
  }

  /// True where Ember's poolings count the same windows.
  var isCommon: Bool {
    window.isSymmetric
      && (0..<rank).allSatisfy { i in
        2 * window.before[i] <= window.kernel[i]
          && output[i] == (extents[i] + 2 * window.before[i] - window.span(i)) / window.strides[i] + 1
      }
  }

  /// All windows, [batch, channels, output..., window...]: a view of the padded input.
  func windows(_ x: Tensor, filler: Scalar) -> Tensor {
    var margins: [Int] = []
    for i in (0..<rank).reversed() {
      let needed = (output[i] - 1) * window.strides[i] + window.span(i)
      margins += [window.before[i], needed - extents[i] - window.before[i]]
    }
    var result = margins.allSatisfy { $0 == 0 } ? x : x.pad(margins, value: filler)
    for i in 0..<rank {
      result = result.unfold(2 + i, size: window.span(i), step: window.strides[i])
      if window.dilations[i] > 1 { result = result.slice(result.rank - 1, step: window.dilations[i]) }
    }
    return result
  }

  /// How many elements of each window count along each dimension: those of the input, and of its margins if asked for.
  func counts(includingMargins: Bool) -> Tensor {
    var result = Tensor.ones([1])
    for i in 0..<rank {
      let low = includingMargins ? -window.before[i] : 0, high = extents[i] + (includingMargins ? window.after[i] : 0)
      let step = window.dilations[i]
      let counts = (0..<output[i]).map { place in
        // Of the elements at start, start + step, … those from `low` to below `high`.
        let start = place * window.strides[i] - window.before[i]
        let first = max((low - start + step - 1) / step, 0), last = min((high - 1 - start) / step, window.kernel[i] - 1)
        return Double(high > start ? max(last - first + 1, 0) : 0)
      }
      result = result.unsqueeze(-1) * Tensor(counts)
    }
    return result.squeeze([0])
  }
}

/// The least value, which no window prefers.
private func filler(_ dtype: DType) -> Scalar {
  dtype.isFloatingPoint ? .real(-.infinity) : .integer(ONNXElementType(dtype)?.integerRange?.lowerBound ?? 0)
}

private func maxPool(_ call: OperatorCall) throws -> [Tensor?] {
  let x = try call.tensor(0), pooling = try Pooling(call, x), window = pooling.window
  if !call.wants(1) {
    if pooling.isCommon, x.dtype.isFloatingPoint {
      switch pooling.rank {
      case 1: return [x.maxPool1d(window.kernel, stride: window.strides, padding: window.before, dilation: window.dilations)]
      case 2: return [x.maxPool2d(window.kernel, stride: window.strides, padding: window.before, dilation: window.dilations)]
      default: return [x.maxPool3d(window.kernel, stride: window.strides, padding: window.before, dilation: window.dilations)]
      }
    }
    return [pooling.windows(x, filler: filler(x.dtype)).amax(pooling.windowAxes)]
  }
  let windows = pooling.windows(x, filler: filler(x.dtype))
  let flat = windows.reshape(Array(windows.shape.prefix(2 + pooling.rank)) + [pooling.window.kernel.reduce(1, *)])
  let best = flat.argmax(-1, keepDim: true)
  // Positions in the whole input; the last dimension runs fastest, or with an order of 1 the first spatial one.
  let volume = pooling.extents.reduce(1, *)
  var places = positions(pooling.extents)
  if try call.int("storage_order", 0) == 1 {
    places = positions(pooling.extents.reversed()).permute(Array((0..<pooling.rank).reversed()))
  }
  let placesOfWindows = pooling.windows(places.reshape([1, 1] + pooling.extents), filler: 0)
  let flatPlaces = placesOfWindows.reshape([1, 1] + pooling.output + [window.kernel.reduce(1, *)]).expand(Array(flat.shape))
  let planes = (Tensor.arange(x.shape[0] * x.shape[1]) * volume).reshape([x.shape[0], x.shape[1]] + pooling.output.map { _ in 1 })
  return [flat.gather(dim: -1, index: best).squeeze([flat.rank - 1]), flatPlaces.gather(dim: -1, index: best).squeeze([flat.rank - 1]) + planes]
}

private func averagePool(_ call: OperatorCall) throws -> Tensor {
  let x = try call.tensor(0), pooling = try Pooling(call, x), window = pooling.window
  let includesMargins = try call.flag("count_include_pad")
  if pooling.isCommon, window.dilations.allSatisfy({ $0 == 1 }) {
    switch pooling.rank {
    case 1: return x.avgPool1d(window.kernel, stride: window.strides, padding: window.before, countIncludePad: includesMargins)
    case 2: return x.avgPool2d(window.kernel, stride: window.strides, padding: window.before, countIncludePad: includesMargins)
    default: return x.avgPool3d(window.kernel, stride: window.strides, padding: window.before, countIncludePad: includesMargins)
    }
  }
  let sums = pooling.windows(x, filler: 0).sum(pooling.windowAxes)
  return sums / pooling.counts(includingMargins: includesMargins).to(x.dtype)
}

/// Values back in the places that a max pooling took them from, zeros elsewhere.
private func maxUnpool(_ call: OperatorCall) throws -> Tensor {
  let x = try call.tensor(0), places = try call.tensor(1).to(.int64)
  let kernel = try call.required(try call.ints("kernel_shape"), "kernel_shape"), rank = kernel.count
  guard x.rank == rank + 2, x.shape == places.shape else { throw call.failure("\(describe(x)) with places \(describe(places))", .shape) }
  let strides = try call.ints("strides") ?? Array(repeating: 1, count: rank)
  let pads = try call.ints("pads") ?? Array(repeating: 0, count: 2 * rank)
  guard strides.count == rank, pads.count == 2 * rank else { throw call.failure("strides \(strides) and pads \(pads)", .shape) }
  let extents = (0..<rank).map { (x.shape[2 + $0] - 1) * strides[$0] + kernel[$0] - pads[$0] - pads[rank + $0] }
  let natural = [x.shape[0], x.shape[1]] + extents
  guard natural.allSatisfy({ $0 >= 0 && $0 < 1 << 40 }) else { throw call.failure("an output of \(natural)", .shape) }
  let count = natural.reduce(1, *)
  guard let wanted = try call.optionalInts(2), wanted != natural else {
    return Tensor.zeros([count], dtype: x.dtype, on: x.device)
      .scatter(dim: 0, index: places.reshape([x.elementCount]), source: x.reshape([x.elementCount])).reshape(natural)
  }
  guard wanted.count == natural.count, wanted.allSatisfy({ $0 >= 0 && $0 < 1 << 40 }) else { throw call.failure("an output of \(wanted)", .shape) }
  // Places are those of the natural output, which the wanted one holds in its corner.
  let whole = Tensor.zeros([count], dtype: x.dtype, on: x.device)
    .scatter(dim: 0, index: places.reshape([x.elementCount]), source: x.reshape([x.elementCount])).reshape(natural)
  return whole.pad((0..<natural.count).reversed().flatMap { [0, wanted[$0] - natural[$0]] }, value: 0)
}
