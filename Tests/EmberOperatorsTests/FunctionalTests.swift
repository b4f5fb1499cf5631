import EmberFunctional
import EmberOperators
import EmberRuntime
import EmberTensor
import Testing

/// Gradients against difference quotients, shapes without elements, and refusals of what `EmberFunctional` offers. Values are held
/// against PyTorch's in the corpus.
@Suite struct FunctionalTests {
  private func random(_ shape: [Int], _ seed: UInt64 = 1) -> Tensor { Tensor.randn(shape, dtype: .float64, generator: Generator(seed: seed)) }

  private func expectGradients(_ label: String, at inputs: [Tensor], _ function: ([Tensor]) -> Tensor) {
    let difference = checkGradients(function, at: inputs)
    #expect(difference == nil, "\(label): \(difference ?? "")")
  }

  @Test func gradientsOfActivations() {
    let x = random([3, 4])
    let functions: [(String, (Tensor) -> Tensor)] = [
      ("hardTanh", { $0.hardTanh() }), ("hardSigmoid", { $0.hardSigmoid() }), ("hardSwish", { $0.hardSwish() }),
      ("hardShrink", { $0.hardShrink() }), ("softShrink", { $0.softShrink() }), ("celu", { $0.celu(alpha: 0.7) }), ("selu", { $0.selu() }),
      ("mish", { $0.mish() }), ("tanhShrink", { $0.tanhShrink() }), ("softSign", { $0.softSign() }), ("glu", { $0.glu() }),
      ("softmin", { $0.softmin(1) }), ("threshold", { $0.threshold(0.1, 2) }),
    ]
    for (label, function) in functions { expectGradients(label, at: [x]) { function($0[0]) } }
    expectGradients("prelu", at: [x, random([4])]) { $0[0].prelu($0[1]) }
  }

  @Test func gradientsOfLosses() {
    let x = random([4, 3]), y = random([4, 3], 2), z = random([4, 3], 3)
    expectGradients("gaussian", at: [x, y, z.exp()]) { $0[0].gaussianNLLLoss($0[1], variance: $0[2], full: true) }
    expectGradients("poisson", at: [x, y.exp() + 1.5]) { $0[0].poissonNLLLoss($0[1], full: true) }
    expectGradients("softMargin", at: [x]) { $0[0].softMarginLoss(y.sign()) }
    expectGradients("hinge", at: [x]) { $0[0].hingeEmbeddingLoss(y.sign()) }
    expectGradients("cosine", at: [x, y]) { $0[0].cosineEmbeddingLoss($0[1], Tensor([1, -1, 1, -1]), margin: -0.9) }
    expectGradients("triplet", at: [x, y, z]) { $0[0].tripletMarginLoss($0[1], $0[2], p: 3, swap: true) }
    expectGradients("multiMargin", at: [x]) { $0[0].multiMarginLoss(Tensor([0, 2, 1, 1]), p: 2) }
    expectGradients("multilabelMargin", at: [x]) {
      $0[0].multilabelMarginLoss(Tensor([[0, 2, -1], [-1, 0, 1], [1, -1, 0], [2, 1, 0]]))
    }
    expectGradients("linearCrossEntropy", at: [x, random([5, 3], 4)]) { $0[0].linearCrossEntropy($0[1], Tensor([0, 4, 1, 1])) }
    // The derivative takes log-probabilities to come from a log-softmax, so it is checked together with one.
    expectGradients("ctc", at: [random([6, 2, 4])]) {
      $0[0].logSoftmax(2).ctcLoss(Tensor([[1, 1, 2], [3, 2, 0]]), inputLengths: [6, 5], targetLengths: [3, 2])
    }
  }

  @Test func gradientsOfResampling() {
    let image = random([1, 2, 4, 5])
    for mode in [InterpolationMode.nearest, .bilinear, .bicubic, .area] {
      expectGradients("\(mode)", at: [image]) { $0[0].interpolate(size: [3, 7], mode: mode) }
    }
    expectGradients("antialias", at: [image]) { $0[0].interpolate(size: [2, 3], mode: .bilinear, antialias: true) }
    for (mode, padding) in [(GridSampleMode.bilinear, GridSamplePadding.zeros), (.bicubic, .reflection), (.bilinear, .border)] {
      expectGradients("\(mode)", at: [image, random([1, 3, 2, 2], 5) * 0.4]) { $0[0].gridSample($0[1], mode: mode, paddingMode: padding) }
    }
    expectGradients("unfold", at: [image]) { $0[0].unfoldWindows([2, 3], dilation: [1, 2], padding: 1, stride: 2) }
    expectGradients("fold", at: [random([1, 8, 12])]) { $0[0].fold([4, 5], 2) }
    for mode in [PaddingMode.constant, .reflect, .replicate, .circular] {
      expectGradients("\(mode)", at: [image]) { $0[0].pad([1, 2, -1, 1], mode: mode) }
    }
  }

  @Test func gradientsOfTheRest() {
    let q = random([2, 5, 4]), k = random([2, 6, 4], 2), v = random([2, 6, 3], 3), mask = random([5, 6], 4)
    expectGradients("attention", at: [q, k, v, mask]) { $0[0].scaledDotProductAttention($0[1], $0[2], mask: $0[3]) }
    expectGradients("causal", at: [q, k, v]) { $0[0].scaledDotProductAttention($0[1], $0[2], isCausal: true) }
    for p in [0.5, 1, 1.5, 2, 3, Double.infinity] {
      expectGradients("pdist \(p)", at: [q[0]]) { $0[0].pdist(p: p) }
      expectGradients("pairwise \(p)", at: [q, q + 1]) { $0[0].pairwiseDistance($0[1] * 0.5, p: p) }
    }
    for mode in [BagMode.sum, .mean, .max] {
      expectGradients("bag \(mode)", at: [random([5, 3])]) {
        Tensor([0, 1, 1, 4, 2]).embeddingBag($0[0], offsets: Tensor([0, 2, 2]), mode: mode, paddingIndex: 2)
      }
    }
    for reduction in [SegmentReduction.sum, .mean, .max, .min, .prod] {
      expectGradients("segments \(reduction)", at: [random([5, 2])]) { $0[0].segmentReduce(reduction, lengths: Tensor([2, 0, 3]), initial: 0.3) }
    }
    expectGradients("rmsNorm", at: [k, random([4], 5)]) { $0[0].rmsNorm([4], weight: $0[1]) }
    expectGradients("localResponseNorm", at: [k]) { $0[0].localResponseNorm(3, alpha: 0.5) }
    expectGradients("lpPool", at: [k.abs() + 0.1]) { $0[0].lpPool(1, p: 3, 2, stride: 1) }
    expectGradients("unpool", at: [random([2, 3])]) { $0[0].maxUnpool(1, Tensor([[0, 3, 5], [1, 2, 4]]), outputSize: [6]) }
    expectGradients("bilinear", at: [random([3, 2]), random([3, 4], 2), random([5, 2, 4], 3)]) { $0[0].bilinear($0[1], $0[2]) }
  }

  @Test func attentionInBlocksIsAttention() {
    // Long enough for several blocks.
    let q = Tensor.randn([1, 3000, 8], generator: Generator(seed: 1)), k = Tensor.randn([1, 3000, 8], generator: Generator(seed: 2))
    let v = Tensor.randn([1, 3000, 4], generator: Generator(seed: 3))
    let scores = q.matmul(k.mT) * (1 / 8.0.squareRoot())
    let later = Tensor.arange(3000) .> Tensor.arange(3000).unsqueeze(1)
    let plain = scores.softmax(-1).matmul(v), causal = scores.maskedFill(later, .real(-.infinity)).softmax(-1).matmul(v)
    #expect((q.scaledDotProductAttention(k, v) - plain).abs().max().item() < 1e-5)
    #expect((q.scaledDotProductAttention(k, v, isCausal: true) - causal).abs().max().item() < 1e-5)
    // A query that sees nothing yields zeros.
    let blind = q.narrow(1, start: 0, length: 1).scaledDotProductAttention(k, v, mask: Tensor.zeros([1, 3000]) .> 0)
    #expect(blind.abs().max().item() == 0)
  }

  @Test func shapesAreKnownWithoutElements() {
    let image = Tensor.zeros([2, 4, 6, 8], on: .meta)
    #expect(image.interpolate(scaleFactor: [0.5], mode: .bicubic).shape == [2, 4, 3, 4])
    #expect(image.gridSample(Tensor.zeros([2, 3, 5, 2], on: .meta)).shape == [2, 4, 3, 5])
    #expect(image.unfoldWindows(3, padding: 1).shape == [2, 36, 48])
    #expect(image.pixelShuffle(2).shape == [2, 1, 12, 16])
    #expect(image.pad([1, 1, 2, 2], mode: .reflect).shape == [2, 4, 10, 10])
    #expect(image.flatten(2).scaledDotProductAttention(image.flatten(2), image.flatten(2)).shape == [2, 4, 48])
    #expect(image.fractionalMaxPool(2, 2, outputSize: [3, 3], samples: Tensor.zeros([2, 4, 2], on: .meta)).indices.shape == [2, 4, 3, 3])
  }

  @Test func emptyTensorsPass() {
    #expect(Tensor.zeros([0, 3, 4, 4]).interpolate(size: 2, mode: .bilinear).shape == [0, 3, 2, 2])
    #expect(Tensor.zeros([0, 3, 4, 4]).unfoldWindows(2).shape == [0, 12, 9])
    #expect(Tensor.zeros([0, 3]).pdist().shape == [0])
    #expect(Tensor.zeros([2, 0, 4]).scaledDotProductAttention(Tensor.zeros([2, 3, 4]), Tensor.zeros([2, 3, 5])).shape == [2, 0, 5])
    #expect(Tensor([0, 1]).embeddingBag(Tensor.ones([2, 3]), offsets: Tensor([0, 2])).elements(as: Float.self) == [1, 1, 1, 0, 0, 0])
    #expect(Tensor.zeros([0, 4]).multiMarginLoss(Tensor([Int64]()), reduction: .sum).item() == 0)
  }

  @Test func errorsNameTheOperation() {
    let x = Tensor.zeros([2, 3, 4])
    let refused: [(String, () -> Tensor)] = [
      ("pad", { x.pad([4, 0], mode: .reflect) }), ("pad", { x.pad([1]) }), ("interpolate", { x.interpolate(size: 3, mode: .bicubic) }),
      ("interpolate", { x.interpolate() }), ("grid_sampler", { x.gridSample(x) }), ("im2col", { x.unfoldWindows(9) }),
      ("scaled_dot_product_attention", { x.scaledDotProductAttention(x, Tensor.zeros([2, 5, 4])) }),
      ("embedding_bag", { Tensor([0, 9]).embeddingBag(Tensor.ones([2, 3]), offsets: Tensor([0])) }),
      ("ctc_loss", { x.ctcLoss(Tensor([[1], [1], [9]]), inputLengths: [2, 2, 2], targetLengths: [1, 1, 1]) }),
      ("multilabel_margin_loss", { Tensor.zeros([3]).multilabelMarginLoss(Tensor([0, 3, -1])) }),
      ("max_unpool1d", { x.maxUnpool(1, Tensor.full([2, 3, 4], 7, dtype: .int64), outputSize: [5]) }),
      ("one_hot", { Tensor([3]).oneHot(2) }), ("segment_reduce", { x.segmentReduce(.sum, lengths: Tensor([1, 2])) }),
    ]
    for (name, body) in refused {
      do {
        _ = try catchingErrors(body)
        Issue.record("\(name) was accepted")
      } catch { #expect("\(error)".hasPrefix("[\(name)]"), "\(error)") }
    }
  }
}
