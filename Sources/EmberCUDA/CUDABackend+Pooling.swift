import EmberRuntime

/// How windows lie on planes, which are the last dimensions of a dense tensor.
package struct PoolingWindows {
  package enum Kind: Sendable {
    /// A kernel that slides over the plane.
    case sliding
    /// Window i of n covers ⌊i · extent / n⌋ ..< ⌈(i + 1) · extent / n⌉.
    case adaptive
    /// Not known: of a gradient whose positions may be anywhere.
    case anywhere
  }
  package var kind: Kind
  package var planes: Int
  /// One entry per spatial dimension; of windows that do not slide only the first two count.
  package var input: [Int]
  package var output: [Int]
  package var kernel: [Int]
  package var stride: [Int]
  package var padding: [Int]
  package var dilation: [Int]
  /// What sums are divided by; 0: the size of the window, with its padding if `countsPadding`.
  package var divisor = 0
  package var countsPadding = false
  /// Channels of a place lie side by side, this many; 1: each plane lies for itself.
  package var channels = 1

  package init(
    _ kind: Kind, planes: Int, input: [Int], output: [Int], kernel: [Int], stride: [Int], padding: [Int], dilation: [Int]
  ) {
    (self.kind, self.planes, self.input, self.output) = (kind, planes, input, output)
    (self.kernel, self.stride, self.padding, self.dilation) = (kernel, stride, padding, dilation)
  }

  var inPlane: Int { input.reduce(1, *) }
  var outPlane: Int { output.reduce(1, *) }
}

/// As the kernels' `Pooling`.
private struct DevicePooling: BitwiseCopyable {
  typealias Triple = (Int64, Int64, Int64)
  typealias Divisor = (extent: UInt32, multiplier: UInt32, shift: UInt32)
  let input: Triple
  let output: Triple
  let kernel: Triple
  let stride: Triple
  let padding: Triple
  let dilation: Triple
  let byInput: (Divisor, Divisor, Divisor)
  let byOutput: (Divisor, Divisor, Divisor)
  let channels: Divisor
  let inPlane: Int64
  let outPlane: Int64
  let divisor: Int64
  let isAdaptive: Int32
  let countsPadding: Int32

  init(_ w: PoolingWindows) {
    let slides = w.kind == .sliding
    func triple(_ list: [Int], _ missing: Int) -> Triple {
      let full = Array(repeating: Int64(missing), count: 3 - list.count) + list.map(Int64.init)
      return (full[0], full[1], full[2])
    }
    func divisor(_ extent: Int64) -> Divisor {
      let by = DeviceLayout.divisor(UInt32(extent))
      return (UInt32(extent), by.multiplier, by.shift)
    }
    input = triple(w.input, 1)
    output = triple(w.output, 1)
    kernel = slides ? triple(w.kernel, 1) : (1, 1, 1)
    stride = slides ? triple(w.stride, 1) : (1, 1, 1)
    padding = slides ? triple(w.padding, 0) : (0, 0, 0)
    dilation = slides ? triple(w.dilation, 1) : (1, 1, 1)
    byInput = (divisor(input.0), divisor(input.1), divisor(input.2))
    byOutput = (divisor(output.0), divisor(output.1), divisor(output.2))
    channels = divisor(Int64(w.channels))
    inPlane = Int64(w.inPlane)
    outPlane = Int64(w.outPlane)
    self.divisor = Int64(w.divisor)
    isAdaptive = w.kind == .adaptive ? 1 : 0
    countsPadding = w.countsPadding ? 1 : 0
  }
}

/// Poolings of dense tensors, row-major or with the channels last, of float16, bfloat16, float32 or float64; `maxPool` also of integers.
extension CUDABackend {
  /// The largest value of each window and, unless nil, its position in the flattened plane (int64).
  package func maxPool(_ x: Operand, into y: Operand, indices: Operand?, _ windows: PoolingWindows) {
    let width = channelsAtOnce(windows, x.dtype, [x.pointer, y.pointer, indices?.pointer])
    forPlanes(windows, ofResult: windows.outPlane, "max_pool", [.type(x.dtype), .number(width)], perBlock: 256 * width) { plane, planes, pooling, arguments in
      arguments.add(x.pointer.map { $0 + plane * windows.inPlane * x.dtype.size })
      arguments.add(y.pointer.map { $0 + plane * windows.outPlane * x.dtype.size })
      arguments.add(indices?.pointer.map { $0 + plane * windows.outPlane * 8 })
      arguments.addBytes(of: pooling)
      arguments.add(Int64(planes * windows.outPlane))
    }
  }

  /// dx = the sum of the gradients of the windows whose values came from there. Positions must lie in the plane.
  package func maxPoolBackward(_ dy: Operand, indices: Operand, into dx: Operand, _ windows: PoolingWindows) {
    if windows.kind == .anywhere {
      let dtype = dy.dtype, bytes = windows.planes * windows.inPlane * 4
      func run(_ sums: UnsafeMutableRawPointer?) {
        launch(.pooling, "max_pool_backward_anywhere", [.type(dtype)], blocks: windows.planes, threads: 256) {
          for pointer in [dy.pointer, indices.pointer, sums, dx.pointer] { $0.add(pointer) }
          $0.add(Int64(windows.inPlane))
          $0.add(Int64(windows.outPlane))
        }
      }
      if dtype.size == 2 { withScratch(bytes, run) } else { run(dx.pointer) }
      return
    }
    let width = channelsAtOnce(windows, dy.dtype, [dy.pointer, indices.pointer, dx.pointer])
    forPlanes(windows, ofResult: windows.inPlane, "max_pool_backward", [.type(dy.dtype), .number(width)], perBlock: 256 * width) { plane, planes, pooling, arguments in
      arguments.add(dy.pointer.map { $0 + plane * windows.outPlane * dy.dtype.size })
      arguments.add(indices.pointer.map { $0 + plane * windows.outPlane * 8 })
      arguments.add(dx.pointer.map { $0 + plane * windows.inPlane * dy.dtype.size })
      arguments.addBytes(of: pooling)
      arguments.add(Int64(planes * windows.inPlane))
    }
  }

  /// The mean of each window.
  package func averagePool(_ x: Operand, into y: Operand, _ windows: PoolingWindows) {
    let size = x.dtype.size
    // Elements of a window, about: large windows get a warp each.
    let elements = windows.kind == .adaptive ? windows.inPlane / max(windows.outPlane, 1) : windows.kernel.reduce(1, *)
    // But neighbouring lanes read neighbouring channels where these lie last.
    let isWide = elements >= 24 && windows.channels == 1
    forPlanes(
      windows, ofResult: windows.outPlane, isWide ? "average_pool_wide" : "average_pool", [.type(x.dtype)], perBlock: isWide ? 8 : 256
    ) { plane, planes, pooling, arguments in
      arguments.add(x.pointer.map { $0 + plane * windows.inPlane * size })
      arguments.add(y.pointer.map { $0 + plane * windows.outPlane * size })
      arguments.addBytes(of: pooling)
      arguments.add(Int64(planes * windows.outPlane))
    }
  }

  package func averagePoolBackward(_ dy: Operand, into dx: Operand, _ windows: PoolingWindows) {
    let size = dy.dtype.size
    forPlanes(windows, ofResult: windows.inPlane, "average_pool_backward", [.type(dy.dtype)]) { plane, planes, pooling, arguments in
      arguments.add(dy.pointer.map { $0 + plane * windows.outPlane * size })
      arguments.add(dx.pointer.map { $0 + plane * windows.inPlane * size })
      arguments.addBytes(of: pooling)
      arguments.add(Int64(planes * windows.inPlane))
    }
  }

  /// Neighbouring channels that a thread takes together.
  private func channelsAtOnce(_ windows: PoolingWindows, _ dtype: DType, _ pointers: [UnsafeMutableRawPointer?]) -> Int {
    windows.channels == 1 ? 1 : min(8, vectorWidth(dtype, windows.channels, pointers))
  }

  /// Launches a kernel for runs of planes with fewer than 2³¹ elements of the result.
  ///
  /// - Parameters:
  ///   - count: elements of a plane of the result.
  ///   - arguments: is given the first plane and how many.
  private func forPlanes(
    _ windows: PoolingWindows, ofResult count: Int, _ kernel: StaticString, _ parameters: [TemplateArgument], perBlock: Int = 256,
    _ arguments: (Int, Int, DevicePooling, inout LaunchArguments) -> Void
  ) {
    if count == 0 { return }
    guard max(windows.inPlane, windows.outPlane) < 1 << 31 else {
      return raise(
        EmberError(.unsupported, in: "\(kernel)", "planes of \(windows.input); on \(device) a plane has fewer than 2^31 elements"))
    }
    let pooling = DevicePooling(windows), most = ((1 << 31) - 1) / count / windows.channels * windows.channels
    if most == 0 {
      return raise(
        EmberError(
          .unsupported, in: "\(kernel)",
          "\(windows.channels) channels of planes of \(windows.input) that lie side by side; on \(device) they have fewer than 2^31 elements"))
    }
    var plane = 0
    while plane < windows.planes {
      let planes = min(most, windows.planes - plane)
      launch(.pooling, kernel, parameters, blocks: quotientRoundedUp(planes * count, perBlock), threads: 256) {
        arguments(plane, planes, pooling, &$0)
      }
      plane += planes
    }
  }
}

/// Windows at pseudo-random distances over planes of `rank` dimensions, a leading 1 for images. Laid out as `FractionalPooling` of the
/// kernels.
package struct FractionalWindows: BitwiseCopyable {
  package typealias Triple = (Int64, Int64, Int64)
  let rank: Int64
  let planes: Int64
  let input: Triple
  let output: Triple
  let kernel: Triple

  package init(rank: Int, planes: Int64, input: Triple, output: Triple, kernel: Triple) {
    (self.rank, self.planes) = (Int64(rank), planes)
    (self.input, self.output, self.kernel) = (input, output, kernel)
  }
}

extension CUDABackend {
  /// The largest value of each window and its position in the plane; samples [planes, rank] in 0 ..< 1.
  package func fractionalMaxPool(_ x: Operand, samples: Operand, into y: Operand, indices: Operand, _ windows: FractionalWindows) {
    let count = y.shape.elementCount
    launch(.pooling, "fractional_max_pool", [.type(x.dtype)], blocks: quotientRoundedUp(count, 256), threads: 256) {
      for operand in [x, samples, y, indices] { $0.add(operand.pointer) }
      $0.addBytes(of: windows)
      $0.add(Int64(count))
    }
  }
}
