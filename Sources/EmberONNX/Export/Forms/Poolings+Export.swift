import EmberGraph
import EmberRuntime
import EmberTensor

extension ExportSite {
  /// Runs `body` on x as [batch, channels, spatial...]: what has no batch gets one for the time being.
  fileprivate func withBatch(_ x: ExportedValue, spatialRank: Int, _ body: (String) throws -> [String]) throws -> [String] {
    switch x.rank - spatialRank {
    case 2: return try body(x.name)
    case 1: return try body(unsqueeze(x.name, [0])).map { squeeze($0, [0]) }
    default: throw refusal("pools \(x.rank) dimensions, of which \(spatialRank) are spatial; ONNX wants two before them")
    }
  }

  /// Kernel, stride, padding and whether the last windows reach over the edge.
  fileprivate func windows(
    _ g: PoolingGeometry
  ) -> (kernel: ExportAttribute, stride: ExportAttribute, pads: ExportAttribute, ceil: ExportAttribute) {
    let reachesOver = g.input.indices.contains { d in
      let span = g.input[d] + 2 * g.padding[d] - g.dilation[d] * (g.kernel[d] - 1) - 1
      return g.output[d] > span / g.stride[d] + 1
    }
    return (.ints(g.kernel), .ints(g.stride), .ints(g.padding + g.padding), .int(reachesOver ? 1 : 0))
  }

  /// Adaptive windows that are all alike: their size; nil where they are not.
  fileprivate func evenWindows(_ extents: [(input: Extent, output: Int)]) -> [Int]? {
    var sizes: [Int] = []
    for (input, output) in extents {
      guard let fixed = input.fixed, output > 0, fixed % output == 0 else { return nil }
      sizes.append(fixed / output)
    }
    return sizes
  }
}

extension MaxPool: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), rank = geometry.rank, spatial = Array(x.shape.suffix(rank))
    let wantsIndices = site.isUsed(1)
    let outputs: [String]
    if isAdaptive, geometry.output.allSatisfy({ $0 == 1 }), !wantsIndices {
      outputs = try site.withBatch(x, spatialRank: rank) { [site.emit("GlobalMaxPool", $0)] }
    } else {
      var g = geometry
      if isAdaptive {
        guard let size = site.evenWindows(Array(zip(spatial, geometry.output))) else {
          throw site.refusal("adaptive windows of different sizes have no form in ONNX")
        }
        (g.kernel, g.stride) = (size, size)
        (g.padding, g.dilation) = (size.map { _ in 0 }, size.map { _ in 1 })
      }
      let (kernel, stride, pads, ceil) = site.windows(g)
      outputs = try site.withBatch(x, spatialRank: rank) {
        site.emit(
          "MaxPool", [$0],
          ["kernel_shape": kernel, "strides": stride, "pads": pads, "ceil_mode": ceil, "dilations": .ints(g.dilation)],
          outputs: wantsIndices ? 2 : 1)
      }
    }
    guard wantsIndices else { return [outputs[0], nil] }
    // Positions in the whole tensor become positions in a plane.
    let plane = spatial.dropFirst().reduce(spatial[0]) { $0 * $1 }
    return [outputs[0], site.emit("Mod", outputs[1], try site.scalarExtent(plane))]
  }
}

extension AveragePool: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    if isBackward { throw site.refusal("the derivative of a pooling has no form in ONNX") }
    let x = try site.input(0), rank = geometry.rank, spatial = Array(x.shape.suffix(rank))
    if isAdaptive {
      if geometry.output.allSatisfy({ $0 == 1 }) {
        return [try site.withBatch(x, spatialRank: rank) { [site.emit("GlobalAveragePool", $0)] }[0]]
      }
      return [try adaptive(site, x, spatial)]
    }
    let (kernel, stride, pads, ceil) = site.windows(geometry)
    let mean = try site.withBatch(x, spatialRank: rank) {
      [
        site.emit(
          "AveragePool", $0,
          attributes: [
            "kernel_shape": kernel, "strides": stride, "pads": pads, "ceil_mode": ceil,
            "count_include_pad": .int(countsPadding || divisor != 0 ? 1 : 0),
          ])
      ]
    }[0]
    if divisor == 0 { return [mean] }
    if case .int(1) = ceil { throw site.refusal("a divisor together with windows that reach over the edge has no form in ONNX") }
    let size = geometry.kernel.reduce(1, *)
    return [size == divisor ? mean : site.emit("Mul", mean, site.scalar(.real(Double(size) / Double(divisor)), x.dtype))]
  }

  /// Each dimension multiplied by a matrix of means, unless windows are alike.
  private func adaptive(_ site: ExportSite, _ x: ExportedValue, _ spatial: [Extent]) throws -> String {
    if let size = site.evenWindows(Array(zip(spatial, geometry.output))) {
      return try site.withBatch(x, spatialRank: spatial.count) {
        [site.emit("AveragePool", $0, attributes: ["kernel_shape": .ints(size), "strides": .ints(size)])]
      }[0]
    }
    var name = x.name
    for (d, output) in geometry.output.enumerated() {
      guard let input = spatial[d].fixed else { throw site.refusal("its windows depend on the dynamic extents") }
      var rows: [Double] = []
      for o in 0..<output {
        let start = o * input / output, end = ((o + 1) * input + output - 1) / output
        rows += (0..<input).map { (start..<end).contains($0) ? 1 / Double(end - start) : 0 }
      }
      let matrix = Tensor(rows, dtype: x.dtype).reshape([output, input])
      name = site.multiply(name, rank: x.rank, axis: x.rank - spatial.count + d, by: matrix)
    }
    return name
  }
}
