import EmberCUDA
import EmberFunctional
import EmberRuntime
import EmberTensor
import Testing

/// Channels-last tensors on a GPU: what works in that order keeps it, and gives what row-major tensors give.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct MemoryFormatTests {
  private let generator = Generator(seed: 9)

  /// Results and gradients of a function of a picture in both formats, and the format that the result came in.
  private func bothFormats(
    _ x: Tensor, _ parameters: [Tensor] = [], isKept: Bool = true, _ function: (Tensor, [Tensor]) -> Tensor,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    func run(_ format: MemoryFormat) -> (result: Tensor, gradients: [Tensor]) {
      let leaves = ([x] + parameters).map { $0.to(.cuda).detach().requiringGrad() }
      let y = function(leaves[0].contiguous(memoryFormat: format), Array(leaves.dropFirst()))
      (y * (y.detach() + 0.5).sin().detach()).sum().backward()
      return (y.detach(), leaves.map { $0.grad! })
    }
    CUDA.allowsTF32InConvolutions = false
    let plain = run(.contiguous), last = run(.channelsLast)
    #expect(last.result.isContiguous(memoryFormat: isKept ? .channelsLast : .contiguous), "\(last.result.strides)", sourceLocation: sourceLocation)
    #expect(plain.result.isContiguous, sourceLocation: sourceLocation)
    for (i, pair) in zip([last.result] + last.gradients, [plain.result] + plain.gradients).enumerated() {
      let difference = error(of: pair.0, against: pair.1.to(.cpu))
      #expect(difference < 2 * tolerance(x.dtype), "\(i): \(difference)", sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [DType.float32, .float16, .float64]) func convolutions(_ dtype: DType) {
    let x = generator.randn([2, 20, 6, 5]).to(dtype), w = generator.randn([24, 20, 3, 2]).to(dtype), b = generator.randn([24]).to(dtype)
    bothFormats(x, [w, b]) { $0.conv2d($1[0], $1[1], stride: [2, 1], padding: 1) }
    bothFormats(x, [generator.randn([20, 8, 3, 3]).to(dtype)]) { $0.convTranspose2d($1[0], stride: 2, padding: 1) }
    bothFormats(x, [generator.randn([20, 5, 3, 3]).to(dtype)]) { $0.conv2d($1[0], padding: 1, groups: 4) }
    bothFormats(generator.randn([2, 3, 4, 5, 6]).to(dtype), [generator.randn([17, 3, 2, 2, 2]).to(dtype)]) { $0.conv3d($1[0]) }
  }

  @Test(arguments: [[3, 6, 4, 5], [2, 64, 3, 3], [2, 40, 2, 3, 4], [300, 2, 3, 1]]) func batchNorm(_ shape: [Int]) {
    let w = generator.randn([shape[1]]), b = generator.randn([shape[1]])
    for dtype in [DType.float32, .bfloat16] {
      let x = (generator.randn(shape) + 1).to(dtype)
      bothFormats(x, [w.to(dtype), b.to(dtype)]) { $0.batchNorm(weight: $1[0], bias: $1[1]).output }
    }
  }

  /// 16-bit numbers beside parameters of float32, as autocast has them: as good as float32 throughout, then rounded.
  @Test(arguments: [MemoryFormat.contiguous, .channelsLast]) func wideParameters(_ format: MemoryFormat) {
    let x = generator.randn([4, 24, 5, 3]).to(.bfloat16), w = generator.randn([24]), b = generator.randn([24]), dy = generator.randn([4, 24, 5, 3])
    func run(_ x: Tensor) -> [Tensor] {
      let leaves = [x, w.to(.cuda), b.to(.cuda)].map { $0.detach().requiringGrad() }
      let y = leaves[0].contiguous(memoryFormat: format).batchNorm(weight: leaves[1], bias: leaves[2]).output
      y.backward(dy.to(.bfloat16).to(y.dtype).to(.cuda))
      return [y.detach()] + leaves.map { $0.grad! }
    }
    let narrow = run(x.to(.cuda)), wide = run(x.to(.float32).to(.cuda))
    #expect(narrow.map(\.dtype) == [.bfloat16, .bfloat16, .float32, .float32])
    for (i, (a, b)) in zip(narrow, wide).enumerated() {
      let difference = error(of: a, against: b.to(.cpu))
      #expect(difference < (a.dtype == .float32 ? 1e-5 : 5e-3), "\(i): \(difference)")
    }
    let fixed = x.to(.cuda).batchNorm(mean: b.to(.cuda), variance: w.square().to(.cuda) + 1, weight: w.to(.cuda), bias: b.to(.cuda))
    #expect(fixed.dtype == .bfloat16)
  }

  @Test(arguments: [[2, 5, 7, 6], [1, 32, 9, 9], [2, 3, 4, 5, 6]]) func poolings(_ shape: [Int]) {
    let x = generator.randn(shape)
    if shape.count == 5 {
      bothFormats(x) { x, _ in x.maxPool3d(2) }
      bothFormats(x) { x, _ in x.avgPool3d(2, stride: 1) }
      return
    }
    bothFormats(x) { x, _ in x.maxPool2d(3, stride: 2, padding: 1) }
    bothFormats(x) { x, _ in x.avgPool2d(3, stride: 2, padding: 1, countIncludePad: false) }
    bothFormats(x) { x, _ in x.adaptiveAvgPool2d([2, 3]) }
    bothFormats(x) { x, _ in x.adaptiveMaxPool2d(3) }
    bothFormats(x, isKept: true) { x, _ in x.adaptiveAvgPool2d(1) }
  }

  @Test func pointwise() {
    let x = generator.randn([2, 8, 3, 4]), w = generator.randn([8, 1, 1])
    bothFormats(x, [w]) { ($0 * $1[0] + 1).relu() }
    bothFormats(x) { x, _ in x + x.contiguous() }
    bothFormats(x) { x, _ in x.to(.float64).exp().to(.float32).clone() }
    // A matrix that is read across comes out row-major, as before.
    let transposed = (generator.randn([5, 3]).to(.cuda).mT + 1)
    #expect(transposed.isContiguous)
  }

  /// The result of a normalisation as the next product reads it: the same rounding, in one pass.
  @Test(arguments: [8, 257, 768, 5000, 40000]) func normalizedForProducts(_ n: Int) {
    let x = generator.randn([7, n]), w = generator.randn([n]), b = generator.randn([n]), dy = generator.randn([7, n]).to(.bfloat16)
    func run(_ normalize: (Tensor, Tensor, Tensor) -> Tensor) -> [Tensor] {
      let leaves = [x, w, b].map { $0.to(.cuda).detach().requiringGrad() }
      let y = normalize(leaves[0], leaves[1], leaves[2])
      #expect(y.dtype == .bfloat16)
      y.backward(dy.to(.cuda))
      return [y.detach()] + leaves.map { $0.grad! }
    }
    let one = run { $0.layerNorm([n], weight: $1, bias: $2, dtype: .bfloat16) }
    let two = run { $0.layerNorm([n], weight: $1, bias: $2).to(.bfloat16) }
    #expect(one[0].to(.cpu).to(.float32).elements(as: Float.self) == two[0].to(.cpu).to(.float32).elements(as: Float.self))
    for (a, b) in zip(one.dropFirst(), two.dropFirst()) {
      #expect(a.dtype == .float32 && error(of: a, against: b.to(.cpu)) < 1e-5)
    }
  }
}
