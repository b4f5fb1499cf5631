import EmberCUDA
import EmberFunctional
import EmberRuntime
import EmberTensor
import Testing

@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct AttentionTests {
  private let generator = Generator(seed: 9)

  private func inputs(_ queries: Int, _ keys: Int, _ features: Int, _ dtype: DType) -> [Tensor] {
    [queries, keys, keys].map { generator.randn([2, 2, $0, features]).to(dtype) }
  }

  private func check(_ inputs: [Tensor], _ dtype: DType, isCausal: Bool, scale: Double? = nil, _ comment: String) {
    let results = bothDevices(inputs) { $0[0].scaledDotProductAttention($0[1], $0[2], isCausal: isCausal, scale: scale) }
    for (i, (result, reference)) in results.enumerated() {
      #expect(result.dtype == dtype)
      #expect(error(of: result, against: reference) < tolerance(dtype), "\(comment): \(i)")
    }
  }

  /// Results and gradients of the fused kernels: lengths that fill no tile, more keys than queries and fewer, causal and not.
  @Test(arguments: [(70, 70), (3, 150), (150, 9), (1, 65)], [DType.bfloat16, .float16])
  func agreesWithTheCPU(_ lengths: (Int, Int), _ dtype: DType) {
    for features in [40, 64, 128] {
      for isCausal in [false, true] {
        check(inputs(lengths.0, lengths.1, features, dtype), dtype, isCausal: isCausal, "\(lengths) \(features) \(isCausal)")
      }
    }
  }

  /// Heads that lie between rows, as a projection leaves them, are read where they are.
  @Test func readsViews() {
    let x = (0..<3).map { _ in generator.randn([2, 33, 2, 64]).to(.bfloat16) }
    let results = bothDevices(x) { parts in
      let heads = parts.map { $0.permute([0, 2, 1, 3]) }
      return heads[0].scaledDotProductAttention(heads[1], heads[2], isCausal: true)
    }
    for (result, reference) in results { #expect(error(of: result, against: reference) < tolerance(.bfloat16)) }
  }

  /// Where the fused kernels do not serve, 16-bit inputs are computed in float32: the result is the exact one but for its own rounding.
  @Test func computesInFloat32Elsewhere() {
    let x = inputs(40, 40, 64, .bfloat16)
    // Half of bfloat16's last place at the largest number.
    let rounding = 1.0 / 256
    let onDevice = x.map { $0.to(.cuda) }, exact = x.map { $0.to(.float64) }
    for scale in [-0.5, 0] {
      let result = onDevice[0].scaledDotProductAttention(onDevice[1], onDevice[2], scale: scale)
      #expect(error(of: result, against: exact[0].scaledDotProductAttention(exact[1], exact[2], scale: scale)) < rounding)
    }
    // Dropout that drops nothing but goes its way: a rate below what a draw can hit.
    let dropped = onDevice[0].scaledDotProductAttention(onDevice[1], onDevice[2], dropout: 1e-12)
    #expect(error(of: dropped, against: exact[0].scaledDotProductAttention(exact[1], exact[2])) < rounding)
  }
}
