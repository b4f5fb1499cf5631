import EmberFunctional
import EmberLinearAlgebra
import EmberRuntime
import EmberTensor
import Testing

/// The functions that consist of several operations, in autocast.
@Suite struct AutocastFunctionTests {
  /// Results for float32, bfloat16 and float64 inputs as PyTorch 2.15 gives them on the CPU in torch.autocast("cpu", dtype=torch.bfloat16).
  private static let lower: [DType] = [.bfloat16, .bfloat16, .float64]
  private static let full: [DType] = [.float32, .float32, .float64]
  private static let same: [DType] = [.float32, .bfloat16, .float64]
  private static let labels = Tensor([0, 1])
  private struct Function: Sendable {
    let name: String
    let expected: [DType]
    let run: @Sendable (DType) -> Tensor

    init(_ name: String, _ expected: [DType], _ run: @escaping @Sendable (DType) -> Tensor) {
      self.name = name
      self.expected = expected
      self.run = run
    }
  }

  private static let functions: [Function] = losses + others
  private static let losses: [Function] = [
    Function("huber_loss with weight", full, { x($0, [3]).huberLoss(x($0, [3]), weight: x($0, [3])) }),
    Function("mse_loss with weight", same, { x($0, [3]).mseLoss(x($0, [3]), weight: x($0, [3])) }),
    Function("poisson_nll_loss", full, { x($0, [3]).poissonNLLLoss(x($0, [3])) }),
    Function("gaussian_nll_loss", same, { x($0, [3]).gaussianNLLLoss(x($0, [3]), variance: x($0, [3])) }),
    Function("soft_margin_loss", full, { x($0, [3]).softMarginLoss(x($0, [3])) }),
    Function("hinge_embedding_loss", full, { x($0, [3]).hingeEmbeddingLoss(x($0, [3])) }),
    Function("margin_ranking_loss", full, { x($0, [3]).marginRankingLoss(x($0, [3]), x($0, [3])) }),
    Function("cosine_embedding_loss", full, { x($0, [2, 3]).cosineEmbeddingLoss(x($0, [2, 3]), Tensor.ones([2])) }),
    Function("multilabel_soft_margin_loss", same, { x($0, [2, 3]).multilabelSoftMarginLoss(x($0, [2, 3])) }),
    Function("triplet_margin_loss", full, { x($0, [2, 3]).tripletMarginLoss(x($0, [2, 3]), x($0, [2, 3])) }),
    Function("multi_margin_loss", full, { x($0, [2, 3]).multiMarginLoss(labels) }),
    Function("multilabel_margin_loss", full, { x($0, [2, 3]).multilabelMarginLoss(Tensor([[0, 1, -1], [0, 1, -1]])) }),
    Function(
      "ctc_loss", full,
      { x($0, [5, 2, 4]).logSoftmax(-1).ctcLoss(Tensor([[1, 2], [1, 2]]), inputLengths: [5, 5], targetLengths: [2, 2]) }),
  ]
  private static let others: [Function] = [
    Function("grid_sample", full, { x($0, [1, 1, 3, 3]).gridSample(x($0, [1, 2, 2, 2])) }),
    Function("max_unpool2d", full, { x($0, [1, 1, 1, 1]).maxUnpool(2, Tensor.zeros([1, 1, 1, 1], dtype: .int64), outputSize: [2, 2]) }),
    Function("fractional_max_pool2d", full, { x($0, [1, 1, 4, 4]).fractionalMaxPool(2, 2, outputSize: [2, 2]).values }),
    Function("adaptive_max_pool2d", same, { x($0, [1, 1, 4, 4]).adaptiveMaxPoolWithIndices(2, 2).values }),
    Function("interpolate", same, { x($0, [1, 1, 4, 4]).interpolate(size: [8, 8], mode: .bilinear) }),
    Function("reflection_pad1d", full, { x($0, [1, 1, 4]).pad([1, 1], mode: .reflect) }),
    Function("circular_pad", same, { x($0, [1, 1, 4]).pad([1, 1], mode: .circular) }),
    Function("replication_pad3d", full, { x($0, [1, 1, 4, 4, 4]).pad([1, 1, 1, 1, 1, 1], mode: .replicate) }),
    Function("scaled_dot_product_attention", lower, { x($0, [1, 2, 3]).scaledDotProductAttention(x($0, [1, 2, 3]), x($0, [1, 2, 3])) }),
    Function("bilinear", same, { x($0, [2, 3]).bilinear(x($0, [2, 3]), x($0, [2, 3, 3])) }),
    Function("cosine_similarity", same, { x($0, [2, 3]).cosineSimilarity(x($0, [2, 3])) }),
    Function("pairwise_distance", same, { x($0, [2, 3]).pairwiseDistance(x($0, [2, 3])) }),
    Function("inner", lower, { x($0, [2, 2]).inner(x($0, [2, 2])) }),
    Function("kron", same, { x($0, [2, 2]).kron(x($0, [2, 2])) }),
    Function("local_response_norm", same, { x($0, [1, 2, 4]).localResponseNorm(2) }),
  ]

  private static func x(_ dtype: DType, _ shape: [Int]) -> Tensor { Tensor.rand(shape).to(dtype) }

  @Test(arguments: functions.indices)
  func resultsHavePyTorchsTypes(_ number: Int) {
    let function = Self.functions[number]
    for (dtype, result) in zip([DType.float32, .bfloat16, .float64], function.expected) {
      #expect(autocast { function.run(dtype).dtype } == result, "\(function.name) of \(dtype)")
    }
  }
}
