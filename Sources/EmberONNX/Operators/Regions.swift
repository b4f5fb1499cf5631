import EmberRuntime
import EmberTensor

/// What detectors of objects do with boxes.
extension OperatorTable {
  mutating func addRegions() {
    add("RoiAlign", since: 10, numbers: [1, 2]) { call in try alignedRegions(call) }
    add("MaxRoiPool", numbers: [1]) { call in try pooledRegions(call) }
    add("NonMaxSuppression", since: 10, numbers: [2, 3, 4]) { call in try nonMaximumSuppression(call) }
  }
}

/// Neighbours and weights of positions along one dimension, as matrices over the input's elements.
private struct LinearSampling {
  /// [positions, extent], with the weight of the lower neighbour; and of the upper one.
  let lower: Tensor
  let upper: Tensor

  init(_ positions: [Double], _ extent: Int, dtype: DType) {
    var low = Array(repeating: 0.0, count: positions.count * extent), high = low
    for (row, given) in positions.enumerated() where given >= -1 && given <= Double(extent) {
      let place = max(given, 0), base = min(Int(place), extent - 1)
      let fraction = base == extent - 1 ? 0 : place - Double(base)
      low[row * extent + base] = 1 - fraction
      high[row * extent + min(base + 1, extent - 1)] = fraction
    }
    lower = Tensor(low, shape: [positions.count, extent], dtype: dtype)
    upper = Tensor(high, shape: [positions.count, extent], dtype: dtype)
  }
}

/// He et al., Mask R-CNN, arXiv:1703.06870.
private func alignedRegions(_ call: OperatorCall) throws -> Tensor {
  let x = try call.tensor(0), boxes = try call.doubles(1), batches = try call.ints(2)
  let height = try call.int("output_height", 1), width = try call.int("output_width", 1)
  let ratio = try call.int("sampling_ratio", 0), scale = try call.double("spatial_scale", 1)
  // Version 10 had no mode and shifted nothing.
  let isHalfPixel =
    try call.version >= 16
    && call.string("coordinate_transformation_mode", oneOf: ["half_pixel", "output_half_pixel"]) == "half_pixel"
  let isMaximum = try call.string("mode", oneOf: ["avg", "max"]) == "max"
  guard x.rank == 4, x.elementCount > 0, boxes.count == 4 * batches.count, height > 0, width > 0, height < 1 << 16, width < 1 << 16,
    ratio >= 0, ratio < 1 << 12, batches.allSatisfy({ (0..<x.shape[0]).contains($0) }), boxes.allSatisfy({ abs($0 * scale) < 0x1p24 })
  else { throw call.failure("\(batches.count) regions of \(describe(x))", .shape) }
  let offset = isHalfPixel ? 0.5 : 0
  var results: [Tensor] = []
  for (i, batch) in batches.enumerated() {
    let edges = boxes[(4 * i)..<(4 * i + 4)].map { $0 * scale - offset }
    func samples(_ start: Double, _ end: Double, _ bins: Int, _ extent: Int) throws -> (positions: [Double], each: Int) {
      let length = isHalfPixel ? end - start : max(end - start, 1)
      let bin = length / Double(bins)
      let each = ratio > 0 ? ratio : max(Int(bin.rounded(.up)), 0)
      guard Double(bins * each) * Double(extent) < 0x1p27 else { throw call.failure("a region with \(bins * each) samples of \(extent)", .memory) }
      return ((0..<bins).flatMap { i in (0..<each).map { start + Double(i) * bin + (Double($0) + 0.5) * bin / Double(each) } }, each)
    }
    let (rows, rowsEach) = try samples(edges[1], edges[3], height, x.shape[2])
    let (columns, columnsEach) = try samples(edges[0], edges[2], width, x.shape[3])
    guard rowsEach > 0, columnsEach > 0 else {
      results.append(Tensor.zeros([x.shape[1], height, width], dtype: x.dtype))
      continue
    }
    guard rows.count * columns.count < 1 << 26 else { throw call.failure("a region with \(rows.count * columns.count) samples", .memory) }
    let down = LinearSampling(rows, x.shape[2], dtype: x.dtype), across = LinearSampling(columns, x.shape[3], dtype: x.dtype)
    let plane = x.select(0, batch), bins = [x.shape[1], height, rowsEach, width, columnsEach]
    if isMaximum {
      // The largest weighted neighbour, as the operator's definition has it.
      let corners = [down.lower, down.upper].flatMap { row in [across.lower, across.upper].map { row.matmul(plane).matmul($0.mT) } }
      results.append(corners.dropFirst().reduce(corners[0], maximum).reshape(bins).amax([2, 4]))
    } else {
      let sampled = (down.lower + down.upper).matmul(plane).matmul((across.lower + across.upper).mT)
      results.append(sampled.reshape(bins).mean([2, 4]))
    }
  }
  return results.isEmpty ? Tensor.zeros([0, x.shape[1], height, width], dtype: x.dtype) : stack(results)
}

/// Girshick, Fast R-CNN, arXiv:1504.08083.
private func pooledRegions(_ call: OperatorCall) throws -> Tensor {
  let x = try call.tensor(0), boxes = try call.doubles(1)
  let size = try call.required(try call.ints("pooled_shape"), "pooled_shape"), scale = try call.double("spatial_scale", 1)
  guard x.rank == 4, size.count == 2, size.allSatisfy({ $0 > 0 && $0 < 1 << 16 }), boxes.count % 5 == 0,
    size[0] * size[1] * (boxes.count / 5) < 1 << 20,
    boxes.allSatisfy({ abs($0 * max(abs(scale), 1)) < 0x1p24 })
  else { throw call.failure("\(describe(x)) in \(size) bins", .shape) }
  var results: [Tensor] = []
  for start in stride(from: 0, to: boxes.count, by: 5) {
    let batch = Int(boxes[start])
    guard (0..<x.shape[0]).contains(batch) else { throw call.failure("a region of image \(batch) of \(x.shape[0])", .index) }
    let edges = (1...4).map { Int((boxes[start + $0] * scale).rounded(.toNearestOrAwayFromZero)) }
    func bins(_ first: Int, _ last: Int, _ count: Int, _ extent: Int) -> [Range<Int>] {
      let length = Double(max(last - first + 1, 1)) / Double(count)
      return (0..<count).map { i in
        let low = min(max(Int((Double(i) * length).rounded(.down)) + first, 0), extent)
        let high = min(max(Int((Double(i + 1) * length).rounded(.up)) + first, 0), extent)
        return low..<max(low, high)
      }
    }
    let plane = x.select(0, batch)
    let rows = bins(edges[1], edges[3], size[0], x.shape[2]), columns = bins(edges[0], edges[2], size[1], x.shape[3])
    let parts = rows.flatMap { row in
      columns.map { column in
        row.isEmpty || column.isEmpty
          ? Tensor.zeros([x.shape[1]], dtype: x.dtype)
          : plane.narrow(1, start: row.lowerBound, length: row.count).narrow(2, start: column.lowerBound, length: column.count).amax([1, 2])
      }
    }
    results.append(stack(parts, dim: 1).reshape([x.shape[1]] + size))
  }
  return results.isEmpty ? Tensor.zeros([0, x.shape[1]] + size, dtype: x.dtype) : stack(results)
}

/// Of boxes that overlap, the one with the best score; class by class, best first.
private func nonMaximumSuppression(_ call: OperatorCall) throws -> Tensor {
  let boxes = try call.tensor(0), scores = try call.tensor(1)
  guard boxes.rank == 3, scores.rank == 3, boxes.shape[2] == 4, boxes.shape[0] == scores.shape[0], boxes.shape[1] == scores.shape[2] else {
    throw call.failure("boxes \(describe(boxes)) with scores \(describe(scores))", .shape)
  }
  let limit = try call.optionalInts(2)?.first ?? 0
  let overlapLimit = try call.has(3) ? call.doubles(3).first ?? 0 : 0
  let scoreLimit = try call.has(4) ? call.doubles(4).first : nil
  let isCentred = try call.flag("center_point_box")
  let edges = try boxes.elementsOrThrow(as: Float.self), values = try scores.elementsOrThrow(as: Float.self)
  let count = boxes.shape[1], classes = scores.shape[1]
  // Lower and upper edges in both dimensions.
  func box(_ index: Int) -> (low: (Float, Float), high: (Float, Float)) {
    let e = edges[(4 * index)..<(4 * index + 4)], s = e.startIndex
    if isCentred {
      return ((e[s] - e[s + 2] / 2, e[s + 1] - e[s + 3] / 2), (e[s] + e[s + 2] / 2, e[s + 1] + e[s + 3] / 2))
    }
    return ((min(e[s], e[s + 2]), min(e[s + 1], e[s + 3])), (max(e[s], e[s + 2]), max(e[s + 1], e[s + 3])))
  }
  func overlap(_ a: Int, _ b: Int) -> Float {
    let a = box(a), b = box(b)
    let common = max(min(a.high.0, b.high.0) - max(a.low.0, b.low.0), 0) * max(min(a.high.1, b.high.1) - max(a.low.1, b.low.1), 0)
    func area(_ box: (low: (Float, Float), high: (Float, Float))) -> Float { (box.high.0 - box.low.0) * (box.high.1 - box.low.1) }
    let union = area(a) + area(b) - common
    return union > 0 ? common / union : 0
  }
  var selected: [Int] = []
  if limit > 0 {
    for batch in 0..<boxes.shape[0] {
      for category in 0..<classes {
        let offset = (batch * classes + category) * count
        let candidates = (0..<count).filter { index in scoreLimit.map { Double(values[offset + index]) > $0 } ?? true }
          .sorted { (values[offset + $0], $1) > (values[offset + $1], $0) }
        var kept: [Int] = []
        for candidate in candidates {
          if kept.count >= limit { break }
          if kept.allSatisfy({ Double(overlap(batch * count + candidate, batch * count + $0)) <= overlapLimit }) {
            kept.append(candidate)
            selected += [batch, category, candidate]
          }
        }
      }
    }
  }
  return Tensor(selected, shape: [selected.count / 3, 3])
}
