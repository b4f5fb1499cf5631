import EmberRuntime

/// A sparse matrix that resamples one dimension: output position o gathers `weights[k]` times input position `indices[k]` for k in
/// `starts[o] ..< starts[o + 1]`.
package struct ResamplingTable {
  package var input: Int
  package var starts: [Int64]
  package var indices: [Int64]
  package var weights: [Double]

  package init(input: Int, starts: [Int64], indices: [Int64], weights: [Double]) {
    self.input = input
    self.starts = starts
    self.indices = indices
    self.weights = weights
  }

  var output: Int { starts.count - 1 }

  /// Weights in fixed point, with as many binary digits after the point as keep the largest within 16 bits: PIL's and PyTorch's rule.
  var fixedPoint: (weights: [Int16], precision: Int) {
    let largest = weights.max() ?? 0
    var precision = 0
    while precision < 22, Int(0.5 + largest * Double(1 << (precision + 1))) < 1 << 15 { precision += 1 }
    precision = max(1, precision)
    let scale = Double(1 << precision)
    return (weights.map { Int16(truncatingIfNeeded: Int(($0 * scale).rounded(.toNearestOrAwayFromZero))) }, precision)
  }
}

/// Sampling of x [batch, channels, input...] at `points` positions per item. Modes and rules are numbered as those of the kernels.
package struct GridSamplingGeometry {
  /// linear, nearest, cubic
  package var mode: Int
  /// zero, border, reflection
  package var outside: Int
  package var alignsCorners: Bool
  package var batch: Int
  package var channels: Int
  package var points: Int
  /// Two or three spatial extents, the outermost first.
  package var input: [Int]

  package init(mode: Int, outside: Int, alignsCorners: Bool, batch: Int, channels: Int, points: Int, input: [Int]) {
    self.mode = mode
    self.outside = outside
    self.alignsCorners = alignsCorners
    self.batch = batch
    self.channels = channels
    self.points = points
    self.input = input
  }

  /// `GridSampling` of the kernels.
  fileprivate struct Packed: BitwiseCopyable {
    var outside: Int32
    var alignsCorners: Int32
    var batch: Int64
    var channels: Int64
    var points: Int64
    var input: (Int64, Int64, Int64)
  }

  fileprivate var packed: Packed {
    Packed(
      outside: Int32(outside), alignsCorners: alignsCorners ? 1 : 0, batch: Int64(batch), channels: Int64(channels), points: Int64(points),
      input: (Int64(input.count == 3 ? input[0] : 1), Int64(input[input.count - 2]), Int64(input[input.count - 1])))
  }
}

extension CUDABackend {
  /// y [outer, output, inner] = the matrix times x [outer, input, inner], dense float32, float64 or uint8.
  package func resample(_ table: ResamplingTable, _ x: Operand, into y: Operand, outer: Int, inner: Int) {
    /// `Resampling` of the kernels.
    struct Packed: BitwiseCopyable {
      var input: Int64
      var output: Int64
      var starts: UInt64
      var indices: UInt64
    }
    let count = outer * table.output * inner, taps = table.indices.count
    if count == 0 { return }
    let isBytes = x.dtype == .uint8, fixed = isBytes ? table.fixedPoint : ([], 0)
    let narrow = x.dtype == .float32 ? table.weights.map(Float.init) : []
    withScratch((table.starts.count + taps) * 8 + taps * 8) { scratch in
      let indices = scratch + table.starts.count * 8, weights = indices + taps * 8
      copyFromHost(table.starts, to: scratch, byteCount: table.starts.count * 8)
      if taps > 0 {
        copyFromHost(table.indices, to: indices, byteCount: taps * 8)
        switch x.dtype {
        case .uint8: copyFromHost(fixed.0, to: weights, byteCount: taps * 2)
        case .float32: copyFromHost(narrow, to: weights, byteCount: taps * 4)
        default: copyFromHost(table.weights, to: weights, byteCount: taps * 8)
        }
      }
      launch(
        .resampling, isBytes ? "resample_bytes" : "resample", [.type(isBytes ? .int16 : x.dtype)],
        blocks: min(quotientRoundedUp(count, 256), multiprocessorCount * 32), threads: 256
      ) {
        $0.addBytes(
          of: Packed(
            input: Int64(table.input), output: Int64(table.output), starts: UInt64(UInt(bitPattern: scratch)),
            indices: UInt64(UInt(bitPattern: indices))))
        $0.add(weights)
        if isBytes { $0.add(Int32(fixed.1)) }
        $0.add(x.pointer)
        $0.add(y.pointer)
        $0.add(Int64(count))
        $0.add(Int64(inner))
      }
    }
  }

  /// y [batch, channels, points] of x [batch, channels, input...] at grid [batch, points, rank], dense float32 or float64.
  package func gridSample(_ geometry: GridSamplingGeometry, _ x: Operand, grid: Operand, into y: Operand) {
    launchSampling("grid_sample", geometry, x.dtype, sharesChannels: true) {
      $0.add(x.pointer)
      $0.add(grid.pointer)
      $0.add(y.pointer)
    }
  }

  /// The gradient of x from that of y.
  package func gridSampleBackwardInput(_ geometry: GridSamplingGeometry, gradient: Operand, grid: Operand, into dx: Operand) {
    fillZero(dx.pointer, byteCount: dx.shape.elementCount * dx.dtype.size)
    launchSampling("grid_sample_backward_input", geometry, dx.dtype, sharesChannels: true) {
      $0.add(gradient.pointer)
      $0.add(grid.pointer)
      $0.add(dx.pointer)
    }
  }

  /// The gradient of the grid from that of y.
  package func gridSampleBackwardGrid(
    _ geometry: GridSamplingGeometry, gradient: Operand, _ x: Operand, grid: Operand, into dgrid: Operand
  ) {
    launchSampling("grid_sample_backward_grid", geometry, dgrid.dtype, sharesChannels: false) {
      $0.add(gradient.pointer)
      $0.add(x.pointer)
      $0.add(grid.pointer)
      $0.add(dgrid.pointer)
    }
  }

  private func launchSampling(
    _ kernel: StaticString, _ geometry: GridSamplingGeometry, _ dtype: DType, sharesChannels: Bool,
    _ operands: (inout LaunchArguments) -> Void
  ) {
    let positions = geometry.batch * geometry.points
    if positions == 0 { return }
    let blocks = quotientRoundedUp(positions, 128)
    // Each share of the channels computes the taps again: only where the device would not be busy otherwise.
    let shares = sharesChannels ? max(1, min(geometry.channels, multiprocessorCount * 8 / blocks)) : 1
    launch(
      .resampling, kernel, [.type(dtype), .number(geometry.mode), .number(geometry.input.count)], blocks: blocks, blocksY: shares,
      threads: 128
    ) {
      $0.addBytes(of: geometry.packed)
      operands(&$0)
    }
  }
}
