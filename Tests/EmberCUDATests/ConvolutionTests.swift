import EmberCUDA
import EmberRuntime
import EmberTensor
import Testing

/// Largest difference between a result on the device and the CPU's, by the size of the CPU's largest number.
func error(of result: Tensor, against reference: Tensor) -> Double {
  let a = result.to(.cpu).to(.float64), b = reference.to(.float64)
  guard Array(a.shape) == Array(b.shape) else { return .infinity }
  return Double((a - b).abs().max().item()) / (Double(b.abs().max().item()) + 1e-3)
}

/// What a dtype's roundings may add up to here.
func tolerance(_ dtype: DType) -> Double {
  switch dtype {
  case .float64: 1e-12
  case .float32: 1e-5
  case .float16: 4e-3
  default: 2e-2
  }
}

/// The CPU is the reference. With the stand-in for cuDNN (EMBER_CUDNN=1) the same tests show how cuDNN is driven.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct ConvolutionTests {
  init() {
    CUDA.allowsTF32InConvolutions = false
    manualSeed(11)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var batch = 2
    var inputs: Int
    var outputs: Int
    var extents: [Int]
    var kernel: [Int]
    var stride = 1
    var padding = 0
    var dilation = 1
    var groups = 1
    var testDescription: String {
      "[\(batch), \(inputs), \(extents)] with [\(outputs), \(inputs / groups), \(kernel)] stride \(stride) padding \(padding) dilation "
        + "\(dilation) groups \(groups)"
    }
  }

  static let cases = [
    Case(inputs: 3, outputs: 5, extents: [17], kernel: [3], padding: 1),
    Case(inputs: 4, outputs: 20, extents: [29], kernel: [4], stride: 3, padding: 2, dilation: 2),
    Case(inputs: 3, outputs: 6, extents: [7, 9], kernel: [3, 3], padding: 1),
    Case(inputs: 20, outputs: 70, extents: [6, 5], kernel: [3, 2], stride: 2, padding: 1),
    // Phases that no tap meets.
    Case(inputs: 18, outputs: 17, extents: [9, 8], kernel: [2, 1], stride: 3, padding: 1),
    Case(inputs: 8, outputs: 40, extents: [7, 7], kernel: [3, 3], padding: 2, dilation: 2, groups: 2),
    Case(inputs: 6, outputs: 6, extents: [8, 8], kernel: [3, 3], stride: 2, padding: 1, groups: 6),
    Case(batch: 1, inputs: 33, outputs: 130, extents: [12, 11], kernel: [1, 1]),
    Case(inputs: 2, outputs: 3, extents: [4, 5, 6], kernel: [2, 3, 2], stride: 2, padding: 1),
    Case(inputs: 17, outputs: 18, extents: [3, 4, 5], kernel: [2, 2, 3], padding: 1, dilation: 2),
  ]

  private func apply(_ c: Case, _ x: Tensor, _ w: Tensor, _ bias: Tensor?) -> Tensor {
    switch c.extents.count {
    case 1: x.conv1d(w, bias, stride: c.stride, padding: c.padding, dilation: c.dilation, groups: c.groups)
    case 2: x.conv2d(w, bias, stride: c.stride, padding: c.padding, dilation: c.dilation, groups: c.groups)
    default: x.conv3d(w, bias, stride: c.stride, padding: c.padding, dilation: c.dilation, groups: c.groups)
    }
  }

  @Test(arguments: cases, [DType.float32, .float64, .float16, .bfloat16])
  func allPasses(_ c: Case, _ dtype: DType) {
    let x = Tensor.randn([c.batch, c.inputs] + c.extents).to(dtype)
    let w = Tensor.randn([c.outputs, c.inputs / c.groups] + c.kernel).to(dtype), bias = Tensor.randn([c.outputs]).to(dtype)
    func run(_ device: Device) -> [Tensor] {
      let leaves = [x, w, bias].map { $0.to(device).detach().requiringGrad() }
      let y = apply(c, leaves[0], leaves[1], leaves[2])
      let loss = (y * y).sum()
      loss.backward()
      return [y] + leaves.map { $0.grad! }
    }
    for (result, reference) in zip(run(.cuda), run(.cpu)) { #expect(error(of: result, against: reference) < tolerance(dtype)) }
  }

  @Test func samePaddingAndTransposedConvolution() {
    let x = Tensor.randn([2, 4, 7, 6]), even = Tensor.randn([5, 4, 2, 4]), w = Tensor.randn([4, 5, 3, 3])
    // Even kernels pad one side more than the other.
    let same = x.conv2d(even, padding: "same")
    #expect(error(of: x.to(.cuda).conv2d(even.to(.cuda), padding: "same"), against: same) < 1e-5)
    let transposed = x.convTranspose2d(w, stride: 2, padding: 1, outputPadding: 1)
    #expect(error(of: x.to(.cuda).convTranspose2d(w.to(.cuda), stride: 2, padding: 1, outputPadding: 1), against: transposed) < 1e-5)
  }

  /// Operands whose neighbours in memory are channels, as the backend takes them.
  @Test(arguments: [
    Case(inputs: 8, outputs: 24, extents: [7, 7], kernel: [3, 3], padding: 1),
    Case(inputs: 8, outputs: 32, extents: [9, 8], kernel: [3, 3], stride: 2, padding: 1, groups: 2),
    Case(batch: 1, inputs: 20, outputs: 70, extents: [6, 6], kernel: [2, 2], dilation: 2),
    Case(inputs: 6, outputs: 6, extents: [8, 8], kernel: [3, 3], stride: 2, padding: 1, groups: 6),
  ])
  func channelsLast(_ c: Case) {
    func channelsLast(_ tensor: Tensor) -> Tensor { tensor.permute(0, 2, 3, 1).contiguous().to(.cuda).permute(0, 3, 1, 2) }
    let x = Tensor.randn([c.batch, c.inputs] + c.extents).requiringGrad()
    let w = Tensor.randn([c.outputs, c.inputs / c.groups] + c.kernel).requiringGrad(), bias = Tensor.randn([c.outputs]).requiringGrad()
    let y = apply(c, x, w, bias), dy = Tensor.randn(Array(y.shape))
    let loss = (y * dy).sum()
    loss.backward()

    let (s, p, d) = (Int64(c.stride), Int64(c.padding), Int64(c.dilation))
    let window = ConvolutionWindow(spatialRank: 2, stride: (s, s, 1), padding: (p, p, 0), dilation: (d, d, 1), groups: c.groups)
    let operands = [x.detach(), w.detach(), dy]
    let inputs = operands.map(channelsLast), results = operands.map { channelsLast(Tensor.zeros(like: $0)) }
    let deviceBias = bias.detach().to(.cuda), biasGradient = Tensor.zeros([c.outputs]).to(.cuda)
    let backend = inputs[0].backend as! CUDABackend
    backend.convolution(window, inputs[0].operand, inputs[1].operand, bias: deviceBias.operand, into: results[2].operand)
    backend.convolutionBackwardInput(window, inputs[2].operand, inputs[1].operand, into: results[0].operand)
    backend.convolutionBackwardWeight(
      window, inputs[0].operand, inputs[2].operand, into: results[1].operand, bias: biasGradient.operand)
    for (result, reference) in zip(results + [biasGradient], [x.grad!, w.grad!, y.detach(), bias.grad!]) {
      #expect(error(of: result, against: reference) < 1e-5)
    }
  }
}
