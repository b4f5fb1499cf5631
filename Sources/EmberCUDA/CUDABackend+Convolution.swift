import CCUDA
import EmberRuntime
import Synchronization

/// How a window moves over the spatial dimensions of a convolution; fewer than three are the last ones.
package struct ConvolutionWindow: Sendable {
  package var stride = InlineArray<3, Int>(repeating: 1)
  package var padding = InlineArray<3, Int>(repeating: 0)
  package var dilation = InlineArray<3, Int>(repeating: 1)
  package var spatialRank: Int
  package var groups: Int

  /// The first `spatialRank` numbers of each are used, outermost dimension first.
  package init(
    spatialRank: Int, stride: (Int64, Int64, Int64), padding: (Int64, Int64, Int64), dilation: (Int64, Int64, Int64), groups: Int
  ) {
    self.spatialRank = spatialRank
    self.groups = groups
    let strides = [stride.0, stride.1, stride.2], paddings = [padding.0, padding.1, padding.2]
    let dilations = [dilation.0, dilation.1, dilation.2]
    for d in 0..<spatialRank {
      let to = 3 - spatialRank + d
      self.stride[to] = Int(strides[d])
      self.padding[to] = Int(paddings[d])
      self.dilation[to] = Int(dilations[d])
    }
  }
}

/// An operand with three spatial dimensions: [batch or out, channels, depth, height, width].
struct ConvolutionTensor {
  var pointer: UnsafeMutableRawPointer?
  var extents = InlineArray<5, Int>(repeating: 1)
  var strides = InlineArray<5, Int>(repeating: 1)

  init(_ operand: Operand) {
    pointer = operand.pointer
    let rank = operand.shape.rank
    for d in 0..<rank {
      let to = d < 2 ? d : d + 5 - rank
      extents[to] = operand.shape[unchecked: d]
      strides[to] = operand.strides[d]
    }
    // A dimension that is missing has one place, as far from the next as if there were more.
    var d = 6 - rank
    while d >= 2 {
      strides[d] = max(extents[d + 1], 1) * strides[d + 1]
      d -= 1
    }
  }

  var spatialCount: Int { extents[2] * extents[3] * extents[4] }
  var elementCount: Int { extents[0] * extents[1] * spatialCount }
  /// Neighbours in memory are channels.
  var isChannelsLast: Bool { strides[1] == 1 && extents[1] > 1 && spatialCount > 1 }
  /// Elements fill a stretch of memory.
  var isDense: Bool {
    var last = 0
    for d in 0..<5 { last += (extents[d] - 1) * strides[d] }
    return last + 1 == elementCount
  }
}

/// One of the three passes of a convolution, with its operands.
struct ConvolutionCall {
  enum Pass: Int { case forward, backwardInput, backwardWeight }
  var pass: Pass
  var dtype: DType
  var window: ConvolutionWindow
  /// The input, the weight and the output, or where their gradients are or go.
  var x: ConvolutionTensor
  var w: ConvolutionTensor
  var y: ConvolutionTensor

  var result: ConvolutionTensor {
    switch pass {
    case .forward: y
    case .backwardInput: x
    case .backwardWeight: w
    }
  }
  /// A channel sees itself alone.
  var isDepthwise: Bool { w.extents[1] == 1 && w.extents[0] == window.groups && window.groups > 1 }
}

/// The kernels' `ConvolutionPass`.
private struct DevicePass: BitwiseCopyable {
  var batch: Int64 = 0
  var gatheredBatch: Int64 = 0, gatheredChannel: Int64 = 0
  var gatheredSpatial = InlineArray<3, Int64>(repeating: 0)
  var positionBatch: Int64 = 0
  var positionSpatial = InlineArray<3, Int64>(repeating: 0)
  var tapChannel: Int64 = 0
  var tapSpatial = InlineArray<3, Int64>(repeating: 0)
  var matrixColumn: Int64 = 0, resultColumn: Int64 = 0
  var gatheredGroup: Int64 = 0, matrixGroup: Int64 = 0, resultGroup: Int64 = 0
  var resultCount: Int64 = 0
  var positions = InlineArray<3, Int32>(repeating: 1)
  var kernel = InlineArray<3, Int32>(repeating: 1)
  var extents = InlineArray<3, Int32>(repeating: 1)
  var stride = InlineArray<3, Int32>(repeating: 1)
  var padding = InlineArray<3, Int32>(repeating: 0)
  var dilation = InlineArray<3, Int32>(repeating: 1)
  var period = InlineArray<3, Int32>(repeating: 1)
  var phases = InlineArray<3, Int32>(repeating: 1)
  var groups: Int32 = 1, channels: Int32 = 0, columns: Int32 = 0, splits: Int32 = 1
  var isTransposed: Int32 = 0, channelsLast: Int32 = 0, matrixAlongColumns: Int32 = 0, unused: Int32 = 0

  init(_ call: ConvolutionCall) {
    let window = call.window, w = call.w
    let isWeight = call.pass == .backwardWeight, isTransposed = call.pass == .backwardInput
    let gathered = isTransposed ? call.y : call.x, positions = isTransposed ? call.x : call.y
    batch = Int64(gathered.extents[0])
    groups = Int32(window.groups)
    self.isTransposed = isTransposed ? 1 : 0
    channelsLast = gathered.isChannelsLast ? 1 : 0
    gatheredBatch = Int64(gathered.strides[0])
    gatheredChannel = Int64(gathered.strides[1])
    positionBatch = Int64(positions.strides[0])
    resultCount = Int64(call.result.elementCount)
    for d in 0..<3 {
      gatheredSpatial[d] = Int64(gathered.strides[d + 2])
      positionSpatial[d] = Int64(positions.strides[d + 2])
      tapSpatial[d] = Int64(w.strides[d + 2])
      self.positions[d] = Int32(positions.extents[d + 2])
      kernel[d] = Int32(w.extents[d + 2])
      extents[d] = Int32(gathered.extents[d + 2])
      stride[d] = Int32(window.stride[d])
      padding[d] = Int32(window.padding[d])
      dilation[d] = Int32(window.dilation[d])
      period[d] = stride[d] / Self.commonDivisor(stride[d], dilation[d])
      phases[d] = isTransposed ? min(stride[d], self.positions[d]) : 1
    }
    let ofGroup = (inputs: w.extents[1], outputs: w.extents[0] / max(window.groups, 1))
    channels = Int32(isTransposed ? ofGroup.outputs : ofGroup.inputs)
    columns = Int32(isTransposed ? ofGroup.inputs : ofGroup.outputs)
    gatheredGroup = Int64(Int(channels) * gathered.strides[1])
    let weightGroup = Int64(ofGroup.outputs * w.strides[0]), positionsGroup = Int64(Int(columns) * positions.strides[1])
    tapChannel = Int64(w.strides[isTransposed ? 0 : 1])
    matrixColumn = Int64(isWeight ? positions.strides[1] : w.strides[isTransposed ? 1 : 0])
    resultColumn = Int64(isWeight ? w.strides[0] : positions.strides[1])
    matrixGroup = isWeight ? positionsGroup : weightGroup
    resultGroup = isWeight ? weightGroup : positionsGroup
    matrixAlongColumns = matrixColumn == 1 ? 1 : 0
  }

  private static func commonDivisor(_ a: Int32, _ b: Int32) -> Int32 { b == 0 ? a : commonDivisor(b, a % b) }
}

extension CUDA {
  private static let isDeterministic = Atomic(false)

  /// Whether convolutions, and the derivative of attention, only use algorithms that give the same result each time. As PyTorch's
  /// `torch.backends.cudnn.deterministic`, off by default.
  public static var usesDeterministicConvolutions: Bool {
    get { isDeterministic.load(ordering: .relaxed) }
    set { isDeterministic.store(newValue, ordering: .relaxed) }
  }
}

extension CUDABackend {
  // MARK: The three passes. Operands may have any positive strides, channels last among them; a result must be dense.

  /// y[n, o, p] = bias[o] + Σ x[n, c, p·stride - padding + k·dilation] · w[o, c, k]. Floating dtypes.
  package func convolution(_ window: ConvolutionWindow, _ x: Operand, _ w: Operand, bias: Operand?, into y: Operand) {
    let call = ConvolutionCall(
      pass: .forward, dtype: x.dtype, window: window, x: ConvolutionTensor(x), w: ConvolutionTensor(w), y: ConvolutionTensor(y))
    if call.y.elementCount == 0 { return }
    if runCuDNN(call) { if let bias { addBias(bias, to: call.y, y.dtype) } } else { runOwn(call, bias: bias?.pointer) }
  }

  /// The gradient of the input, also the transposed convolution.
  package func convolutionBackwardInput(_ window: ConvolutionWindow, _ dy: Operand, _ w: Operand, into dx: Operand) {
    let call = ConvolutionCall(
      pass: .backwardInput, dtype: dy.dtype, window: window, x: ConvolutionTensor(dx), w: ConvolutionTensor(w), y: ConvolutionTensor(dy))
    if call.x.elementCount > 0, !runCuDNN(call) { runOwn(call, bias: nil) }
  }

  /// The gradients of the weight and, if asked for, of the bias [out].
  package func convolutionBackwardWeight(_ window: ConvolutionWindow, _ x: Operand, _ dy: Operand, into dw: Operand, bias db: Operand?) {
    let call = ConvolutionCall(
      pass: .backwardWeight, dtype: x.dtype, window: window, x: ConvolutionTensor(x), w: ConvolutionTensor(dw), y: ConvolutionTensor(dy))
    if call.w.elementCount > 0, !runCuDNN(call) { runOwn(call, bias: nil) }
    if let db { biasGradient(call.y, db) }
  }

  /// Whether convolutions of this dtype are faster in channels-last order, whatever their operands lie in: tensor cores read it, and cuDNN
  /// would bring operands into it at every call.
  package func prefersChannelsLast(_ dtype: DType) -> Bool {
    guard dtype == .float16 || dtype == .bfloat16, computeCapability.major >= 7, case .success = CuDNN.shared else { return false }
    return true
  }

  private func runCuDNN(_ call: ConvolutionCall) -> Bool {
    // Products of one pair of channels are too small for tensor cores.
    if call.isDepthwise && (call.dtype == .float32 || call.dtype == .float64) { return false }
    return CuDNNConvolutions.run(
      call, on: self, allowsTF32: CUDA.allowsTF32InConvolutions, isDeterministic: CUDA.usesDeterministicConvolutions)
  }

  // MARK: Own kernels

  /// Fewer columns than this of a group leave most of a tile idle.
  private static let fewestTileColumns = 16

  private func runOwn(_ call: ConvolutionCall, bias: UnsafeMutableRawPointer?) {
    var pass = DevicePass(call)
    let isWeight = call.pass == .backwardWeight
    let gathered = call.pass == .backwardInput ? call.y.pointer : call.x.pointer
    let matrix = isWeight ? call.y.pointer : call.w.pointer, result = call.result.pointer
    let columns = Int(pass.columns), groups = Int(pass.groups)
    let places = Int(pass.positions[0]) * Int(pass.positions[1]) * Int(pass.positions[2])
    let type = TemplateArgument.type(call.dtype)

    if columns < Self.fewestTileColumns {
      if isWeight {
        launch(.convolution, "convolution_weight_direct", [type], blocks: call.w.elementCount, threads: 256) {
          $0.add(gathered); $0.add(matrix); $0.add(result); $0.addBytes(of: pass)
        }
      } else {
        launch(
          .convolution, "convolution_direct", [type], blocks: (places * groups * columns + 255) / 256, blocksY: min(Int(pass.batch), 65535),
          threads: 256
        ) {
          $0.add(gathered); $0.add(matrix); $0.add(bias); $0.add(result); $0.addBytes(of: pass)
        }
      }
      return
    }

    // Rows of the largest phase.
    var rows = isWeight ? call.w.extents[1] * call.w.spatialCount : call.x.extents[0]
    if !isWeight { for d in 0..<3 { rows *= (Int(pass.positions[d]) + Int(pass.phases[d]) - 1) / Int(pass.phases[d]) } }
    let depth = isWeight ? call.x.extents[0] * places : 0
    let units = Int(pass.phases[0]) * Int(pass.phases[1]) * Int(pass.phases[2]) * groups
    func blocks(_ tile: Int) -> (rows: Int, columns: Int) { ((rows + tile - 1) / tile, (columns + tile - 1) / tile) }
    func count(_ tile: Int) -> Int { blocks(tile).rows * blocks(tile).columns * units }
    let tile = call.dtype != .float64 && columns > 64 && count(128) >= multiprocessorCount ? 128 : 64
    let computeSize = call.dtype == .float64 ? 8 : 4
    if isWeight, call.w.isDense {
      // Few tiles over many positions: the positions are shared out, and not more of them summed in one go than keeps float32 exact enough.
      let wanted = max((2 * multiprocessorCount + count(tile) - 1) / count(tile), (depth + 16383) / 16384)
      let most = max(1, min(depth / 64, (256 << 20) / (call.w.elementCount * computeSize)))
      pass.splits = Int32(min(wanted, most))
    }
    let order: StaticString =
      isWeight ? "convolution_weight" : pass.channelsLast != 0 ? "convolution_positions_channels_last" : "convolution_positions"
    let splits = Int(pass.splits), grid = blocks(tile)
    func run(_ partial: UnsafeMutableRawPointer?) {
      launch(
        .convolution, "convolution_tiled", [type, .number(tile), .number(tile), .name(order)], blocks: grid.rows, blocksY: grid.columns,
        blocksZ: min(units * splits, 65535), threads: 256
      ) {
        $0.add(gathered); $0.add(matrix); $0.add(bias); $0.add(result); $0.add(partial); $0.addBytes(of: pass)
      }
    }
    if splits == 1 { run(nil) } else {
      withScratch(splits * call.w.elementCount * computeSize) { partial in
        run(partial)
        combine(partial, into: result, call.dtype, count: call.w.elementCount, splits: splits)
      }
    }
  }

  private func combine(
    _ partial: UnsafeMutableRawPointer, into result: UnsafeMutableRawPointer?, _ dtype: DType, count: Int, splits: Int
  ) {
    launch(.convolution, "convolution_combine", [.type(dtype)], blocks: (count + 255) / 256, threads: 256) {
      $0.add(partial); $0.add(result); $0.add(Int64(count)); $0.add(Int32(splits))
    }
  }

  private func addBias(_ bias: Operand, to y: ConvolutionTensor, _ dtype: DType) {
    let count = y.elementCount, run = y.isChannelsLast ? 1 : y.spatialCount
    let isAligned = (UInt(bitPattern: y.pointer) | UInt(count * dtype.size)) % 16 == 0
    let width = isAligned ? 16 / dtype.size : 1
    launch(
      .convolution, "convolution_add_bias", [.type(dtype), .number(width)], blocks: (count / width + 255) / 256, threads: 256
    ) {
      $0.add(y.pointer); $0.add(bias.pointer); $0.add(Int64(count)); $0.add(Int64(run)); $0.add(Int32(y.extents[1]))
    }
  }

  private func biasGradient(_ dy: ConvolutionTensor, _ db: Operand) {
    let channels = dy.extents[1], depth = dy.extents[0] * dy.spatialCount
    if channels == 0 { return }
    let splits = max(1, min((2 * multiprocessorCount + channels - 1) / channels, depth / 4096, 1024))
    func run(_ partial: UnsafeMutableRawPointer?) {
      launch(.convolution, "convolution_bias", [.type(db.dtype)], blocks: channels, blocksY: splits, threads: 512) {
        $0.add(dy.pointer); $0.add(db.pointer); $0.add(partial)
        for d in 0..<5 { $0.add(Int64(dy.strides[d])) }
        $0.add(Int64(dy.extents[0]))
        for d in 2..<5 { $0.add(Int32(dy.extents[d])) }
      }
    }
    if splits == 1 { return run(nil) }
    withScratch(splits * channels * (db.dtype == .float64 ? 8 : 4)) { partial in
      run(partial)
      combine(partial, into: db.pointer, db.dtype, count: channels, splits: splits)
    }
  }
}
