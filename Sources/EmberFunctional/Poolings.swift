import EmberRuntime
import EmberTensor

extension Tensor {
  /// (Σ xᵖ)^(1/p) over each window of the last `dimensions` dimensions; `stride` defaults to the kernel size.
  ///
  /// Where a window's mean is not positive the result is 0, as in PyTorch.
  public func lpPool(
    _ dimensions: Int, p: Double, _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, ceilMode: Bool = false
  ) -> Tensor {
    guard mayRun("lp_pool\(dimensions)d", self) else { return .poison }
    return attempt { () throws(EmberError) in
      let kernel = try resolve(kernelSize, dimensions, "kernelSize", atLeast: 1, in: "lp_pool\(dimensions)d")
      let powers = pow(.real(p))
      let means =
        switch dimensions {
        case 1: powers.avgPool1d(kernel, stride: stride, ceilMode: ceilMode)
        case 2: powers.avgPool2d(kernel, stride: stride, ceilMode: ceilMode)
        default: powers.avgPool3d(kernel, stride: stride, ceilMode: ceilMode)
        }
      return ((means.sign() * means.abs().relu()) * Scalar.real(Double(kernel.reduce(1, *)))).pow(.real(1 / p))
    }
  }

  /// Max pooling over windows that `adaptiveAvgPool` describes, with the positions of the values in the flattened plane (int64).
  public func adaptiveMaxPoolWithIndices(_ dimensions: Int, _ outputSize: any SpatialExtents) -> (values: Tensor, indices: Tensor) {
    adaptiveMaxPool(dimensions, outputSize)
  }

  /// Puts each value at its position in the flattened plane of zeros with the given spatial extents: undoes max pooling.
  ///
  /// - Parameters:
  ///   - dimensions: how many of the last dimensions are spatial; before them come channels and perhaps a batch.
  ///   - indices: int64 of self's shape, from `maxPoolWithIndices`.
  public func maxUnpool(_ dimensions: Int, _ indices: Tensor, outputSize: [Int]) -> Tensor {
    let name = "max_unpool\(dimensions)d"
    guard mayRunSlowly(name, [self, indices]) else { return .poison }
    if let result = Autocast.asOne(name, [self, indices], { $0[0]!.maxUnpool(dimensions, $0[1]!, outputSize: outputSize) }) {
      return result
    }
    return attempt { () throws(EmberError) in
      guard rank == dimensions + 1 || rank == dimensions + 2, indices.shape == shape else {
        throw EmberError(
          .shape, in: name,
          "\(summary) and indices \(indices.summary): both must have one shape, [batch, channels, ...] "
            + "or [channels, ...] with \(dimensions) spatial dimensions"
        )
      }
      guard indices.dtype == .int64 else { throw EmberError(.dtype, in: name, "indices \(indices.summary) must be int64") }
      guard outputSize.count == dimensions, outputSize.allSatisfy({ $0 >= 0 }) else {
        throw EmberError(.value, in: name, "outputSize \(outputSize); it must have \(dimensions) extents, none negative")
      }
      let leading = Array(shape.dropLast(dimensions))
      let planes = leading.reduce(1, *)
      let count = outputSize.reduce(1, *)
      let result = try checkedShape(leading + outputSize, in: name)
      let zeros = Tensor.zeros([planes, count], dtype: dtype, on: device)
      if elementCount == 0 { return zeros.reshape(Array(result)) }
      let perPlane = elementCount / planes
      let positions = indices.reshape([planes, perPlane])
      try checkElements(name, of: [positions], bounds: [count]) { all throws(EmberError) in
        let low = all[0].amin().item(as: Int.self), high = all[0].amax().item(as: Int.self)
        guard low >= 0, high < count else {
          throw EmberError(.index, in: name, "indices from \(low) to \(high) in planes of \(outputSize), which have \(count) positions")
        }
      }
      return zeros.scatter(dim: 1, index: positions, source: reshape([planes, perPlane])).reshape(Array(result))
    }
  }

  /// The spatial extents that max pooling came from, most likely, or the wanted ones if they are among the possible.
  fileprivate func unpooledSize(
    _ dimensions: Int, _ kernel: [Int], _ stride: [Int]?, _ padding: [Int], _ wanted: [Int]?, _ name: String
  ) throws(EmberError) -> [Int] {
    let kernel = try resolve(kernel, dimensions, "kernel_size", atLeast: 1, in: name)
    let stride = try resolve(stride.map { $0.isEmpty ? kernel : $0 } ?? kernel, dimensions, "stride", atLeast: 1, in: name)
    let padding = try resolve(padding, dimensions, "padding", atLeast: 0, in: name)
    guard rank >= dimensions else { throw EmberError(.shape, in: name, "\(summary) has fewer than \(dimensions) dimensions") }
    let own = Array(shape.suffix(dimensions))
    let usual = (0..<dimensions).map { (own[$0] - 1) * stride[$0] + kernel[$0] - 2 * padding[$0] }
    guard let wanted else { return usual }
    let spatial =
      wanted.count == dimensions + 2 || (wanted.count == dimensions + 1 && rank == dimensions + 1)
      ? Array(wanted.suffix(dimensions)) : wanted
    guard spatial.count == dimensions else {
      throw EmberError(.value, in: name, "output_size \(wanted) for \(summary); it must have \(dimensions) or \(dimensions + 2) extents")
    }
    for d in 0..<dimensions where spatial[d] <= usual[d] - stride[d] || spatial[d] >= usual[d] + stride[d] {
      throw EmberError(
        .value, in: name,
        "output_size \(wanted): extent \(spatial[d]) of dimension \(d) must lie between \(usual[d] - stride[d]) and \(usual[d] + stride[d])"
      )
    }
    return spatial
  }

  /// A pooling by number of dimensions.
  fileprivate func maxPooled(
    _ n: Int, _ kernel: [Int], _ stride: [Int]?, _ padding: [Int], _ dilation: [Int], _ ceilMode: Bool, _ wantsIndices: Bool
  ) throws(EmberError) -> OperatorValue {
    if n == 1, dtype.isInteger {
      throw EmberError(.dtype, in: "max_pool1d", "\(summary) is not floating point; convert with .to(.float32)")
    }
    let stride = stride.map { $0.isEmpty ? kernel : $0 }
    if wantsIndices {
      let (values, indices) = maxPoolWithIndices(n, kernel, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
      return .list([.tensor(values), .tensor(indices)])
    }
    switch n {
    case 1: return .tensor(maxPool1d(kernel, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode))
    case 2: return .tensor(maxPool2d(kernel, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode))
    default: return .tensor(maxPool3d(kernel, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode))
    }
  }

  fileprivate func averagePooled(
    _ n: Int, _ kernel: [Int], _ stride: [Int], _ padding: [Int], _ ceilMode: Bool, _ countIncludePad: Bool, _ divisor: Int?
  ) -> Tensor {
    let stride = stride.isEmpty ? nil : stride
    return switch n {
    case 1: avgPool1d(kernel, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad)
    case 2:
      avgPool2d(kernel, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad, divisorOverride: divisor)
    default:
      avgPool3d(kernel, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad, divisorOverride: divisor)
    }
  }

  fileprivate func adaptiveAveragePooled(_ n: Int, _ size: [Int]) -> Tensor {
    switch n {
    case 1: adaptiveAvgPool1d(size)
    case 2: adaptiveAvgPool2d(size)
    default: adaptiveAvgPool3d(size)
    }
  }

  /// Output extents of which some may be missing: the input's own.
  fileprivate func completed(_ size: [Int?], _ dimensions: Int, _ name: String) throws(EmberError) -> [Int] {
    guard size.count == dimensions || size.count == 1, rank >= dimensions else {
      throw EmberError(.value, in: name, "output_size \(size) for \(summary); it must have \(dimensions) extents")
    }
    return (0..<dimensions).map { (size.count == 1 ? size[0] : size[$0]) ?? shape[rank - dimensions + $0] }
  }
}

extension OperatorRegistry {
  mutating func addPoolings() {
    for n in 1...3 {
      addMaximumPoolings(n)
      addAveragePoolings(n)
    }
    add(
      "aten::max_pool2d_with_indices_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, "
        + "int[2] padding, int[2] dilation, bool ceil_mode, Tensor indices) -> Tensor"
    ) { (gradient: Tensor, x: Tensor, _: [Int], _: [Int], _: [Int], _: [Int], _: Bool, indices: Tensor) in
      x.maxPoolBackward(2, gradient, indices)
    }
  }

  private mutating func addMaximumPoolings(_ n: Int) {
    add(
      "torch.nn.functional.max_pool\(n)d(Tensor input, int[\(n)] kernel_size, int[\(n)]? stride=None, "
        + "int[\(n)] padding=0, int[\(n)] dilation=1, bool ceil_mode=False, bool return_indices=False) -> Any"
    ) { (x: Tensor, kernel: [Int], stride: [Int]?, padding: [Int], dilation: [Int], ceilMode: Bool, wantsIndices: Bool) in
      try x.maxPooled(n, kernel, stride, padding, dilation, ceilMode, wantsIndices)
    }
    let geometry = "int[\(n)] kernel_size, int[\(n)] stride=[], int[\(n)] padding=0, int[\(n)] dilation=1, bool ceil_mode=False"
    add("aten::max_pool\(n)d(Tensor self, \(geometry)) -> Any") {
      (x: Tensor, kernel: [Int], stride: [Int], padding: [Int], dilation: [Int], ceilMode: Bool) in
      try x.maxPooled(n, kernel, stride, padding, dilation, ceilMode, false)
    }
    add("aten::max_pool\(n)d_with_indices(Tensor self, \(geometry)) -> (Tensor, Tensor)") {
      (x: Tensor, kernel: [Int], stride: [Int], padding: [Int], dilation: [Int], ceilMode: Bool) in
      let stride = stride.isEmpty ? nil : stride
      let (values, indices) = x.maxPoolWithIndices(n, kernel, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
      return (values, indices)
    }
    add("torch.nn.functional.adaptive_max_pool\(n)d(Tensor input, int?[\(n)] output_size, bool return_indices=False) -> Any") {
      (x: Tensor, size: [Int?], wantsIndices: Bool) -> OperatorValue in
      let (values, indices) = x.adaptiveMaxPoolWithIndices(n, try x.completed(size, n, "adaptive_max_pool\(n)d"))
      return wantsIndices ? .list([.tensor(values), .tensor(indices)]) : .tensor(values)
    }
    add("aten::adaptive_max_pool\(n)d(Tensor self, int[\(n)] output_size) -> (Tensor, Tensor)") { (x: Tensor, size: [Int]) in
      let (values, indices) = x.adaptiveMaxPoolWithIndices(n, size)
      return (values, indices)
    }
    add(
      "torch.nn.functional.max_unpool\(n)d(Tensor input, Tensor indices, int[\(n)] kernel_size, "
        + "int[\(n)]? stride=None, int[\(n)] padding=0, int[]? output_size=None) -> Tensor"
    ) { (x: Tensor, indices: Tensor, kernel: [Int], stride: [Int]?, padding: [Int], size: [Int]?) in
      x.maxUnpool(n, indices, outputSize: try x.unpooledSize(n, kernel, stride, padding, size, "max_unpool\(n)d"))
    }
  }

  private mutating func addAveragePoolings(_ n: Int) {
    let geometry = "int[\(n)] kernel_size, int[\(n)] stride=[], int[\(n)] padding=0, bool ceil_mode=False, bool count_include_pad=True"
    if n == 1 {
      add("aten::avg_pool1d(Tensor self, \(geometry)) -> Tensor") {
        (x: Tensor, kernel: [Int], stride: [Int], padding: [Int], ceilMode: Bool, countsPadding: Bool) in
        x.averagePooled(1, kernel, stride, padding, ceilMode, countsPadding, nil)
      }
    } else {
      add("aten::avg_pool\(n)d(Tensor self, \(geometry), int? divisor_override=None) -> Tensor") {
        (x: Tensor, kernel: [Int], stride: [Int], padding: [Int], ceilMode: Bool, countsPadding: Bool, divisor: Int?) in
        x.averagePooled(n, kernel, stride, padding, ceilMode, countsPadding, divisor)
      }
      add("torch.nn.functional.adaptive_avg_pool\(n)d(Tensor input, int?[\(n)] output_size) -> Tensor") { (x: Tensor, size: [Int?]) in
        x.adaptiveAveragePooled(n, try x.completed(size, n, "adaptive_avg_pool\(n)d"))
      }
    }
    add("aten::adaptive_avg_pool\(n)d(Tensor self, int[\(n)] output_size) -> Tensor") { (x: Tensor, size: [Int]) in
      x.adaptiveAveragePooled(n, size)
    }
    add(
      "torch.nn.functional.lp_pool\(n)d(Tensor input, float norm_type, int[\(n)] kernel_size, int[\(n)]? stride=None, "
        + "bool ceil_mode=False) -> Tensor"
    ) { (x: Tensor, p: Double, kernel: [Int], stride: [Int]?, ceilMode: Bool) in
      x.lpPool(n, p: p, kernel, stride: stride, ceilMode: ceilMode)
    }
  }
}
