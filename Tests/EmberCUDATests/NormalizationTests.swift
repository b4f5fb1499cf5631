import EmberCUDA
import EmberFunctional
import EmberRuntime
import EmberTensor
import Testing

extension Generator {
  func rand(_ shape: [Int]) -> Tensor { Tensor.rand(shape, generator: self) }
  func randn(_ shape: [Int]) -> Tensor { Tensor.randn(shape, generator: self) }
  func randint(_ low: Int, _ high: Int, _ shape: [Int]) -> Tensor { Tensor.randint(low, high, shape, generator: self) }
}

/// Results and gradients on both devices of a function of float tensors, which all take gradients.
func bothDevices(_ inputs: [Tensor], _ function: ([Tensor]) -> Tensor) -> [(onDevice: Tensor, reference: Tensor)] {
  let dy = function(inputs).detach()
  func run(_ device: Device) -> [Tensor] {
    let leaves = inputs.map { $0.to(device).detach().requiringGrad() }
    let y = function(leaves)
    // A gradient that differs from place to place.
    let loss = (y * (dy.to(device) + 0.5).sin().detach()).sum()
    loss.backward()
    return [y.detach()] + leaves.map { $0.grad! }
  }
  return Array(zip(run(.cuda), run(.cpu))).map { (onDevice: $0, reference: $1) }
}

@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct NormalizationTests {
  /// Each test's own: suites run side by side.
  private let generator = Generator(seed: 5)

  static let dtypes = [DType.float32, .float64, .float16, .bfloat16]

  private func check(_ results: [(onDevice: Tensor, reference: Tensor)], _ dtype: DType, _ comment: String) {
    for (i, (result, reference)) in results.enumerated() {
      #expect(result.dtype == reference.dtype)
      #expect(error(of: result, against: reference) < 2 * tolerance(dtype), "\(comment): \(i)")
    }
  }

  /// Rows for warps, for blocks and longer than a block holds; of elements that vectors fit and that they do not.
  @Test(arguments: [3, 7, 96, 257, 1024, 3000, 8200], dtypes)
  func rows(_ n: Int, _ dtype: DType) {
    let x = (generator.randn([9, n]) * 2 + 1).to(dtype)
    let w = generator.randn([n]).to(dtype), b = generator.randn([n]).to(dtype)
    check(bothDevices([x, w, b]) { $0[0].layerNorm([n], weight: $0[1], bias: $0[2]) }, dtype, "layer_norm \(n)")
    check(bothDevices([x, w]) { $0[0].rmsNorm([n], weight: $0[1]) }, dtype, "rms_norm \(n)")
    check(bothDevices([x]) { $0[0].layerNorm([n]) }, dtype, "layer_norm without weights \(n)")
  }

  @Test func longRows() {
    let x = generator.randn([2, 40000]), w = generator.randn([40000])
    check(bothDevices([x, w]) { $0[0].layerNorm([40000], weight: $0[1]) }, .float32, "layer_norm")
    // What begins in the middle of a vector.
    let parts = bothDevices([generator.randn([4 * 768 + 1]), generator.randn([769])]) {
      $0[0].narrow(0, start: 1, length: 4 * 768).reshape([4, 768]).layerNorm([768], weight: $0[1].narrow(0, start: 1, length: 768))
    }
    check(parts, .float32, "layer_norm of a part")
  }

  /// [batch, channels, extents] in groups; 0: batch normalisation.
  @Test(arguments: [[16, 6], [9, 40, 1], [3, 6, 7], [2, 4, 8, 8], [1, 6, 5, 300], [300, 2, 3]], dtypes)
  func channels(_ shape: [Int], _ dtype: DType) {
    for groups in 0...2 { channels(shape, groups, dtype) }
  }

  private func channels(_ shape: [Int], _ groups: Int, _ dtype: DType) {
    let x = (generator.randn(shape) * 3 + 2).to(dtype), c = shape[1]
    let w = generator.randn([c]).to(dtype), b = generator.randn([c]).to(dtype)
    if groups > 0 {
      return check(bothDevices([x, w, b]) { $0[0].groupNorm(groups, weight: $0[1], bias: $0[2]) }, dtype, "group_norm \(shape) \(groups)")
    }
    let batches = bothDevices([x, w, b]) { $0[0].batchNorm(weight: $0[1], bias: $0[2]).output }
    check(batches, dtype, "batch_norm \(shape)")
    let statistics = (x.batchNorm(), x.to(.cuda).batchNorm())
    check([(statistics.1.mean, statistics.0.mean), (statistics.1.variance, statistics.0.variance)], dtype, "statistics \(shape)")
    let mean = generator.randn([c]), variance = generator.rand([c]) + 0.5
    let fixed = bothDevices([x, w, b]) {
      let device = $0[0].device
      return $0[0].batchNorm(mean: mean.to(device), variance: variance.to(device), weight: $0[1], bias: $0[2])
    }
    check(fixed, dtype, "batch_norm with given statistics \(shape)")
  }

  /// Channels that neighbour each other in memory, of more rows than a block takes.
  @Test func columns() {
    for (rows, n) in [(700, 64), (130, 7), (33, 1000)] {
      let x = generator.randn([rows, n]) + 30, w = generator.randn([n])
      check(bothDevices([x, w]) { $0[0].batchNorm(weight: $0[1]).output }, .float32, "batch_norm [\(rows), \(n)]")
    }
  }

  @Test func emptyTensors() {
    let empty = Tensor.zeros([0, 5]).to(.cuda).requiringGrad(), w = Tensor.ones([5]).to(.cuda).requiringGrad()
    let sum = empty.layerNorm([5], weight: w).sum()
    sum.backward()
    #expect(w.grad!.to(.cpu).elements(as: Float.self).allSatisfy { $0 == 0 })
    let none = Tensor.zeros([0, 3, 4]).to(.cuda).batchNorm()
    #expect(none.output.elementCount == 0 && none.variance.to(.cpu).elements(as: Float.self).allSatisfy(\.isNaN))
  }
}
