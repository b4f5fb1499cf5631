import EmberCUDA
import EmberFunctional
import EmberRuntime
import EmberTensor
import Testing

/// The CPU is the reference. With the stand-in for cuDNN (EMBER_CUDNN=1), which computes the graph that it is given, the same tests show
/// that the graph says what it should.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct AttentionTests {
  private let generator = Generator(seed: 9)
  private static let hasCuDNN = LibrarySearch.environment("EMBER_CUDNN") == "1"

  init() { AttentionKernels.selected = Self.hasCuDNN ? .cudnn : .automatic }

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

  /// The logarithms that one's forward pass leaves are what the other's backward pass reads.
  @Test func passesOfDifferentKernels() {
    let x = inputs(70, 90, 64, .bfloat16)
    for (first, second) in [(AttentionKernels.own, AttentionKernels.cudnn), (.cudnn, .own)] {
      let results = bothDevices(x) { parts in
        AttentionKernels.selected = first
        defer { AttentionKernels.selected = second }
        return parts[0].scaledDotProductAttention(parts[1], parts[2], isCausal: true)
      }
      for (result, reference) in results { #expect(error(of: result, against: reference) < tolerance(.bfloat16)) }
    }
  }

  @Test(.enabled(if: hasCuDNN)) func cuDNNRuns() {
    defer { CUDA.usesDeterministicConvolutions = false }
    func passes(_ kernels: AttentionKernels, isDeterministic: Bool = false) -> Int {
      AttentionKernels.selected = kernels
      CUDA.usesDeterministicConvolutions = isDeterministic
      let leaves = inputs(40, 40, 64, .bfloat16).map { $0.to(.cuda).detach().requiringGrad() }
      let before = AttentionKernels.callsOfCuDNN
      let loss = leaves[0].scaledDotProductAttention(leaves[1], leaves[2], isCausal: true).sum()
      loss.backward()
      return AttentionKernels.callsOfCuDNN - before
    }
    #expect(passes(.cudnn) == 2)
    #expect(passes(.own) == 0)
    // Too little to be worth a plan.
    #expect(passes(.automatic) == 0)
    // Its backward pass adds in any order.
    #expect(passes(.cudnn, isDeterministic: true) == 1)
  }

  /// A recorded pass reads new inputs when it runs again. A plan that is not there yet is not made meanwhile.
  @Test(.enabled(if: hasCuDNN)) func isRecorded() throws {
    let first = inputs(48, 48, 64, .bfloat16), second = inputs(48, 48, 64, .bfloat16)
    func forward(_ x: [Tensor]) -> Tensor { x[0].scaledDotProductAttention(x[1], x[2], isCausal: true) }
    let onDevice = first.map { $0.to(.cuda) }
    for isPlanned in [false, true] {
      if isPlanned { _ = forward(onDevice) }
      var y = onDevice[0]
      let before = AttentionKernels.callsOfCuDNN
      let graph = try CUDAGraph { y = forward(onDevice) }
      #expect(AttentionKernels.callsOfCuDNN - before == (isPlanned ? 1 : 0))
      for inputs in [second, first] {
        for (tensor, target) in zip(inputs, onDevice) { graph.copy(tensor.to(.cuda), into: target) }
        graph.replay()
        #expect(error(of: y, against: forward(inputs)) < tolerance(.bfloat16))
      }
    }
  }

  /// A plan is made once what it would have saved is in proportion: soon in training, late for lengths that may never come again.
  @Test func plansPay() {
    var work = AttentionWork()
    // 16 · 12 heads of 1024 queries that see half of as many keys, 64 features: 26 GFLOP forward.
    func pays(_ length: Int, isBackward: Bool) -> Bool {
      work.pays(dtype: .bfloat16, heads: 16 * 12, queries: length, keys: length, features: 64, isCausal: true, isBackward: isBackward)
    }
    for _ in 0..<300 { #expect(!pays(1024, isBackward: false)) }
    #expect(pays(1024, isBackward: true))
    #expect(pays(1024, isBackward: false))
    #expect(!pays(1000, isBackward: true))
    var count = 0
    while !pays(2048, isBackward: false) { count += 1 }
    #expect((50..<200).contains(count))
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
