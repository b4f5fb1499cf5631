import CEmberKernels
import EmberRuntime

/// The extents of a pooling; lists have one entry per spatial dimension.
package struct PoolingGeometry: Sendable {
  package var input: [Int]
  package var output: [Int]
  package var kernel: [Int]
  package var stride: [Int]
  package var padding: [Int]
  package var dilation: [Int]

  package var rank: Int { input.count }

  /// The C kernels' description for a tensor whose last dimensions are the spatial ones.
  func described(_ shape: Shape) -> ember_pooling {
    ember_pooling(
      spatial_rank: Int32(rank), planes: Int64(shape.product(0..<(shape.rank - rank))), input: triple(input), output: triple(output),
      kernel: triple(kernel), stride: triple(stride), padding: triple(padding), dilation: triple(dilation))
  }

  func outputShape(_ shape: Shape) throws(EmberError) -> Shape { try checkedShape(Array(shape.dropLast(rank)) + output, in: "pooling") }
  func inputShape(_ shape: Shape) -> Shape { Shape(Array(shape.dropLast(rank)) + input) }

  /// The format that windows over a tensor are pooled in.
  func format(_ x: Tensor) -> MemoryFormat { x.rank == rank + 2 ? x.keptFormat : .contiguous }
}

/// The largest value of each window and, if wanted, its position in the flattened plane.
package struct MaxPool: VariadicOperation {
  package static let name = "max_pool"
  static let kernels = KernelTable<@Sendable (ember_pooling, Tensor, Tensor, Tensor?, Bool) -> Void>(
    name,
    cpu: { p, x, y, indices, adaptive in
      withUnsafePointer(to: p) {
        let positions = indices?.body.pointer?.assumingMemoryBound(to: Int64.self)
        if adaptive {
          ember_adaptive_max_pool(Int32(x.dtype.rawValue), $0, x.body.pointer, y.body.pointer, positions)
        } else {
          ember_max_pool(Int32(x.dtype.rawValue), $0, x.body.pointer, y.body.pointer, positions)
        }
      }
    },
    cuda: cudaKernel)
  package let saved: SavedTensors = .output(1)
  package let geometry: PoolingGeometry
  package let isAdaptive: Bool
  package let withIndices: Bool
  package var undifferentiableOutputs: Set<Int> { [1] }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    let shape = try geometry.outputShape(x.body.shape)
    let format = geometry.format(x)
    let y = try Tensor.empty(shape: shape, dtype: x.dtype, like: x, format)
    let indices = withIndices || isAdaptive ? try Tensor.empty(shape: shape, dtype: .int64, like: x, format) : nil
    if let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 {
      kernel(geometry.described(x.body.shape), try x.dense(format), y, indices, isAdaptive)
    }
    return [y] + (indices.map { [$0] } ?? [])
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil] }
    return [apply(MaxPoolBackward(geometry: geometry, windows: isAdaptive ? .adaptive : .sliding), g, context.output(1).detach())]
  }
}

/// Adds the gradient of each window to the position that its value came from.
struct MaxPoolBackward: BinaryOperation {
  static let name = "max_pool_backward"
  /// Where the windows that the positions came from lie.
  enum Windows: Sendable {
    case sliding, adaptive
    /// The positions may be anywhere.
    case unknown
  }
  static let kernels = KernelTable<@Sendable (ember_pooling, MaxPoolBackward, Tensor, Tensor, Tensor) -> Void>(
    name,
    cpu: { p, _, dy, indices, dx in
      withUnsafePointer(to: p) {
        ember_max_pool_backward(
          Int32(dy.dtype.rawValue), $0, dy.body.pointer, indices.body.pointer?.assumingMemoryBound(to: Int64.self), dx.body.pointer)
      }
    },
    cuda: cudaKernel)
  let saved: SavedTensors = .input1
  let geometry: PoolingGeometry
  let windows: Windows

  func forward(_ dy: Tensor, _ indices: Tensor) throws(EmberError) -> Tensor {
    let shape = geometry.inputShape(dy.body.shape)
    if dy.elementCount == 0 { return Tensor.zeros(Array(shape), dtype: dy.dtype, on: dy.device) }
    // Positions that may be anywhere are looked for plane by plane.
    let format = windows == .unknown ? .contiguous : geometry.format(dy)
    let dx = try Tensor.empty(shape: shape, dtype: dy.dtype, like: dy, format)
    if let kernel = try Self.kernels.kernel(on: dy.device) {
      kernel(geometry.described(shape), self, try dy.dense(format), try indices.dense(format), dx)
    }
    return dx
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let plane = geometry.input.reduce(1, *), windows = geometry.output.reduce(1, *)
    let taken = gradient.reshape([-1, plane]).gather(dim: 1, index: context.input(1).reshape([-1, windows]))
    return (taken.reshape(Array(context.inputShape(0))), nil)
  }
}

/// The mean of each window. Linear: its derivative is the backward operation, whose derivative is this one again.
package struct AveragePool: UnaryOperation {
  package static let name = "avg_pool"
  typealias Kernel = @Sendable (ember_pooling, AveragePool, Tensor, Tensor) -> Void
  static let kernels = KernelTable<Kernel>(
    name,
    cpu: { p, operation, from, to in
      let dtype = Int32(from.dtype.rawValue), source = from.body.pointer, target = to.body.pointer
      withUnsafePointer(to: p) {
        switch (operation.isAdaptive, operation.isBackward) {
        case (false, false): ember_average_pool(dtype, $0, source, target, operation.countsPadding, Int64(operation.divisor))
        case (false, true): ember_average_pool_backward(dtype, $0, source, target, operation.countsPadding, Int64(operation.divisor))
        case (true, false): ember_adaptive_average_pool(dtype, $0, source, target)
        case (true, true): ember_adaptive_average_pool_backward(dtype, $0, source, target)
        }
      }
    },
    cuda: cudaKernel)
  package let geometry: PoolingGeometry
  package let isAdaptive: Bool
  package var isBackward = false
  package var countsPadding = true
  /// 0: the size of the window.
  package var divisor = 0

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let shape = isBackward ? geometry.inputShape(x.body.shape) : try geometry.outputShape(x.body.shape)
    if x.elementCount == 0 { return Tensor.zeros(Array(shape), dtype: x.dtype, on: x.device) }
    let format = geometry.format(x)
    let y = try Tensor.empty(shape: shape, dtype: x.dtype, like: x, format)
    if let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 {
      kernel(geometry.described(x.body.shape), self, try x.dense(format), y)
    }
    return y
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    var other = self
    other.isBackward.toggle()
    return apply(other, gradient)
  }
}

// MARK: - Public functions. Inputs are [batch, channels, spatial...] or [channels, spatial...].

extension Tensor {
  /// The largest value of each window of `kernelSize`; `stride` defaults to the kernel size. Padding counts as -∞.
  public func maxPool1d(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0,
    dilation: any SpatialExtents = 1, ceilMode: Bool = false
  ) -> Tensor { maxPool(1, kernelSize, stride, padding, dilation, ceilMode, indices: false).0 }
  /// The largest value of each window of `kernelSize`; `stride` defaults to the kernel size. Padding counts as -∞.
  public func maxPool2d(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0,
    dilation: any SpatialExtents = 1, ceilMode: Bool = false
  ) -> Tensor { maxPool(2, kernelSize, stride, padding, dilation, ceilMode, indices: false).0 }
  /// The largest value of each window of `kernelSize`; `stride` defaults to the kernel size. Padding counts as -∞.
  public func maxPool3d(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0,
    dilation: any SpatialExtents = 1, ceilMode: Bool = false
  ) -> Tensor { maxPool(3, kernelSize, stride, padding, dilation, ceilMode, indices: false).0 }

  /// Max pooling over the last `dimensions` dimensions with the positions of the values in the flattened plane (int64).
  public func maxPoolWithIndices(
    _ dimensions: Int, _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0,
    dilation: any SpatialExtents = 1, ceilMode: Bool = false
  ) -> (values: Tensor, indices: Tensor) {
    let (values, indices) = maxPool(dimensions, kernelSize, stride, padding, dilation, ceilMode, indices: true)
    return (values, indices ?? .poison)
  }

  /// The mean of each window; padding counts as zeros in the divisor if `countIncludePad`.
  public func avgPool1d(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) -> Tensor { averagePool(1, kernelSize, stride, padding, ceilMode, countIncludePad, nil) }
  /// The mean of each window, or its sum over `divisorOverride`.
  public func avgPool2d(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) -> Tensor { averagePool(2, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride) }
  /// The mean of each window, or its sum over `divisorOverride`.
  public func avgPool3d(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) -> Tensor { averagePool(3, kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride) }

  /// Means of windows [⌊i·extent / size⌋, ⌈(i + 1)·extent / size⌉), as many as `outputSize` says.
  public func adaptiveAvgPool1d(_ outputSize: any SpatialExtents) -> Tensor { adaptivePool(1, outputSize, maximum: false) }
  public func adaptiveAvgPool2d(_ outputSize: any SpatialExtents) -> Tensor { adaptivePool(2, outputSize, maximum: false) }
  public func adaptiveAvgPool3d(_ outputSize: any SpatialExtents) -> Tensor { adaptivePool(3, outputSize, maximum: false) }
  /// Largest values of the windows of `adaptiveAvgPool`.
  public func adaptiveMaxPool1d(_ outputSize: any SpatialExtents) -> Tensor { adaptivePool(1, outputSize, maximum: true) }
  public func adaptiveMaxPool2d(_ outputSize: any SpatialExtents) -> Tensor { adaptivePool(2, outputSize, maximum: true) }
  public func adaptiveMaxPool3d(_ outputSize: any SpatialExtents) -> Tensor { adaptivePool(3, outputSize, maximum: true) }

  private func maxPool(
    _ rank: Int, _ kernel: any SpatialExtents, _ stride: (any SpatialExtents)?, _ padding: any SpatialExtents,
    _ dilation: any SpatialExtents, _ ceilMode: Bool, indices: Bool
  ) -> (Tensor, Tensor?) {
    let name = "max_pool\(rank)d"
    guard mayRun(name, self) else { return (.poison, nil) }
    if let inputs = Autocast.converted(name, [self]) {
      return inputs[0]!.maxPool(rank, kernel, stride, padding, dilation, ceilMode, indices: indices)
    }
    do throws(EmberError) {
      if dtype.isComplex || dtype == .bool || dtype.isStorageOnly {
        throw EmberError(.dtype, in: name, "\(summary): convert with .to(.float32)")
      }
      let geometry = try poolingGeometry(rank, kernel, stride, padding, dilation, ceilMode, in: name)
      let wanted = indices || (hasHistory && isRecordingEnabled)
      let results = apply(MaxPool(geometry: geometry, isAdaptive: false, withIndices: wanted), [self], count: 2)
      return (results[0], results.count > 1 ? results[1] : nil)
    } catch {
      raise(error)
      return (.poison, nil)
    }
  }

  private func averagePool(
    _ rank: Int, _ kernel: any SpatialExtents, _ stride: (any SpatialExtents)?, _ padding: any SpatialExtents, _ ceilMode: Bool,
    _ countIncludePad: Bool, _ divisor: Int?
  ) -> Tensor {
    let name = "avg_pool\(rank)d"
    guard mayRun(name, self) else { return .poison }
    if let inputs = Autocast.converted(name, [self]) {
      return inputs[0]!.averagePool(rank, kernel, stride, padding, ceilMode, countIncludePad, divisor)
    }
    return attempt { () throws(EmberError) in
      if divisor == 0 { throw EmberError(.value, in: name, "divisorOverride must not be 0") }
      let geometry = try poolingGeometry(rank, kernel, stride, padding, 1, ceilMode, in: name)
      if dtype == .int64 { return integerAverages(geometry, countIncludePad, divisor) }
      try checkPoolingDType(name)
      return apply(AveragePool(geometry: geometry, isAdaptive: false, countsPadding: countIncludePad, divisor: divisor ?? 0), self)
    }
  }

  /// Largest values of the windows of `adaptiveAvgPool` with their positions in the flattened plane (int64).
  package func adaptiveMaxPool(_ rank: Int, _ outputSize: any SpatialExtents) -> (Tensor, Tensor) {
    let results = adaptivePools(rank, outputSize, maximum: true)
    return (results[0], results.count > 1 ? results[1] : .poison)
  }

  /// The gradient of a max pooling's input self from that of its values and their positions.
  package func maxPoolBackward(_ rank: Int, _ gradient: Tensor, _ indices: Tensor) -> Tensor {
    let name = "max_pool\(rank)d_backward"
    guard mayRunSlowly(name, [self, gradient, indices]) else { return .poison }
    return attempt { () throws(EmberError) in
      try checkPoolingRank(rank, name)
      guard gradient.body.shape == indices.body.shape, gradient.rank == self.rank, gradient.dtype == dtype, indices.dtype == .int64 else {
        throw EmberError(.shape, in: name, "gradient \(gradient.summary) and indices \(indices.summary) for input \(summary)")
      }
      let ones = Array(repeating: 1, count: rank), input = Array(body.shape.suffix(rank)), output = Array(gradient.body.shape.suffix(rank))
      if indices.backend.holdsData, indices.elementCount > 0 {
        let low = indices.wholePhysical.amin().item(as: Int.self), high = indices.wholePhysical.amax().item(as: Int.self)
        guard low >= 0, high < input.reduce(1, *) else {
          throw EmberError(.index, in: name, "indices from \(low) to \(high) in planes of \(input)")
        }
      }
      let geometry = PoolingGeometry(input: input, output: output, kernel: ones, stride: ones, padding: ones.map { _ in 0 }, dilation: ones)
      return apply(MaxPoolBackward(geometry: geometry, windows: .unknown), gradient, indices)
    }
  }

  private func adaptivePool(_ rank: Int, _ size: any SpatialExtents, maximum: Bool) -> Tensor {
    adaptivePools(rank, size, maximum: maximum)[0]
  }

  /// The pooled values and, for maxima, their positions.
  private func adaptivePools(_ rank: Int, _ size: any SpatialExtents, maximum: Bool) -> [Tensor] {
    let name = "adaptive_\(maximum ? "max" : "avg")_pool\(rank)d"
    guard mayRun(name, self) else { return [.poison] }
    if let inputs = Autocast.converted(name, [self]) { return inputs[0]!.adaptivePools(rank, size, maximum: maximum) }
    do throws(EmberError) {
      try checkPoolingDType(name)
      try checkPoolingRank(rank, name)
      let output = try resolve(size, rank, "outputSize", atLeast: 0, in: name)
      let input = Array(body.shape.suffix(rank))
      // Of averages the channels may be none; an average of nothing is NaN in one dimension, an error in more.
      if maximum ? body.shape.dropFirst().contains(0) : rank > 1 && input.contains(0) {
        throw EmberError(.shape, in: name, "input \(summary): no extent may be 0 but the first" + (maximum ? "" : " and the channels"))
      }
      if input.contains(0) { return [Tensor.full(Array(body.shape.dropLast(rank)) + output, .real(.nan), dtype: dtype, on: device)] }
      let ones = Array(repeating: 1, count: rank)
      let geometry = PoolingGeometry(input: input, output: output, kernel: ones, stride: ones, padding: ones.map { _ in 0 }, dilation: ones)
      if maximum { return apply(MaxPool(geometry: geometry, isAdaptive: true, withIndices: true), [self], count: 2) }
      return [apply(AveragePool(geometry: geometry, isAdaptive: true), self)]
    } catch {
      raise(error)
      return [.poison]
    }
  }

  /// The means of windows of int64, rounded towards 0: sums (exact up to 2⁵³) over the number of elements.
  private func integerAverages(_ geometry: PoolingGeometry, _ countIncludePad: Bool, _ divisor: Int?) -> Tensor {
    func pooled(_ x: Tensor, _ divisor: Int) -> Tensor {
      apply(AveragePool(geometry: geometry, isAdaptive: false, countsPadding: countIncludePad, divisor: divisor), x)
    }
    let sums = pooled(to(.float64), 1)
    if let divisor { return (sums / Scalar.real(Double(divisor))).trunc().to(.int64) }
    let ones = Tensor.ones(like: self, dtype: .float64)
    // The mean of ones is below 1 where padding counts.
    let counts = (pooled(ones, 1) / pooled(ones, 0)).round()
    return (sums / counts).trunc().to(.int64)
  }

  private func checkPoolingDType(_ name: String) throws(EmberError) {
    guard dtype.isFloatingPoint, !dtype.isStorageOnly else {
      throw EmberError(.dtype, in: name, "\(summary) is not floating point; convert with .to(.float32)")
    }
  }

  private func checkPoolingRank(_ rank: Int, _ name: String) throws(EmberError) {
    guard (1...3).contains(rank), self.rank == rank + 1 || self.rank == rank + 2 else {
      throw EmberError(.shape, in: name, "input \(summary): it must have \(rank + 2) dimensions, or \(rank + 1) without a batch")
    }
  }

  private func poolingGeometry(
    _ rank: Int, _ kernel: any SpatialExtents, _ stride: (any SpatialExtents)?, _ padding: any SpatialExtents,
    _ dilation: any SpatialExtents, _ ceilMode: Bool, in name: String
  ) throws(EmberError) -> PoolingGeometry {
    try checkPoolingRank(rank, name)
    if body.shape.suffix(rank + 1).contains(0) {
      throw EmberError(.shape, in: name, "input \(summary): only the batch may be empty")
    }
    let kernel = try resolve(kernel, rank, "kernelSize", atLeast: 1, in: name)
    let stride = try resolve(stride ?? kernel, rank, "stride", atLeast: 1, in: name)
    let padding = try resolve(padding, rank, "padding", atLeast: 0, in: name)
    let dilation = try resolve(dilation, rank, "dilation", atLeast: 1, in: name)
    let input = Array(body.shape.suffix(rank))
    var output: [Int] = []
    for d in 0..<rank {
      let reach = dilation[d] * (kernel[d] - 1) + 1
      // Of the kernel without its gaps, as PyTorch has it.
      guard padding[d] * 2 <= kernel[d] else {
        throw EmberError(.value, in: name, "padding \(padding) with kernelSize \(kernel): it must be at most half of the kernel")
      }
      let room = input[d] + 2 * padding[d] - reach
      // Rounded down, or up with `ceilMode`; no window fits where even the first one sticks out.
      var count = room < 0 ? 0 : (ceilMode ? (room + stride[d] - 1) / stride[d] : room / stride[d]) + 1
      if room < 0, ceilMode, room + stride[d] > 0 { count = 1 }
      // The last window must begin inside of the input or its left padding.
      if ceilMode, (count - 1) * stride[d] >= input[d] + padding[d] { count -= 1 }
      guard count > 0, input[d] > 0 else {
        throw EmberError(
          .shape, in: name, "input \(summary) is smaller than a window: kernelSize \(kernel), padding \(padding), dilation \(dilation)")
      }
      output.append(count)
    }
    return PoolingGeometry(input: input, output: output, kernel: kernel, stride: stride, padding: padding, dilation: dilation)
  }
}
