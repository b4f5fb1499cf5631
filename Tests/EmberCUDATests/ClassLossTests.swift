import EmberCUDA
import EmberRuntime
import EmberTensor
import Testing

@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct ClassLossTests {
  /// Each test's own: suites run side by side.
  private let generator = Generator(seed: 3)

  /// A loss and its gradient by x on both devices.
  private func compare(_ x: Tensor, _ dtype: DType, _ comment: String, _ loss: (Tensor, Device) -> Tensor) {
    func run(_ device: Device) -> [Tensor] {
      let leaf = x.to(device).detach().requiringGrad()
      let y = loss(leaf, device)
      let weights = Tensor.arange(.integer(1), .integer(Int64(y.elementCount + 1))).to(y.dtype).reshape(Array(y.shape))
      let weighted = (y * weights.to(device)).sum()
      weighted.backward()
      return [y.detach(), leaf.grad!]
    }
    for (i, (result, reference)) in zip(run(.cuda), run(.cpu)).enumerated() {
      #expect(result.dtype == reference.dtype)
      #expect(error(of: result, against: reference) < tolerance(dtype), "\(comment): \(i)")
    }
  }

  /// [batch, classes, extents]
  @Test(arguments: [[5, 1], [33, 10], [4, 257], [2, 1500], [7], [3, 5, 4], [2, 70, 3, 2]], NormalizationTests.dtypes)
  func labels(_ shape: [Int], _ dtype: DType) {
    let x = (generator.randn(shape) * 3).to(dtype), axis = shape.count == 1 ? 0 : 1, classes = shape[axis]
    var positions = shape
    positions.remove(at: axis)
    let every = generator.randint(0, classes, positions), weight = (generator.rand([classes]) + 0.5).to(dtype)
    // Every third is left out, but for a single one.
    let third = Tensor.arange(every.elementCount).remainder(Tensor.full([], 3, dtype: .int64)).reshape(positions)
    let target = every.elementCount == 1 ? every : every.maskedFill(third .== 0, -100)
    for reduction in [LossReduction.none, .mean, .sum] {
      for smoothing in [0, 0.2] {
        for weight in [nil, weight] {
          compare(x, dtype, "cross_entropy \(shape) \(reduction) \(smoothing) \(weight != nil)") { x, device in
            x.crossEntropy(target.to(device), weight: weight?.to(device), reduction: reduction, labelSmoothing: smoothing)
          }
        }
      }
      compare(x, dtype, "nll_loss \(shape) \(reduction)") { x, device in
        x.nllLoss(target.to(device), weight: weight.to(device), reduction: reduction)
      }
    }
  }

  /// Classes that cannot be, as masks make them.
  @Test func infiniteLogits() {
    var rows: [[Float]] = (0..<6).map { r in (0..<40).map { c in c % 5 == r % 5 ? Float(c) / 7 : -.infinity } }
    rows[5] = Array(repeating: -.infinity, count: 40)
    let x = Tensor(rows.flatMap { $0 }).reshape([6, 40]), target = Tensor([0, 1, 2, 3, 4, 0] as [Int64])
    let losses = x.to(.cuda).crossEntropy(target.to(.cuda), reduction: .none).to(.cpu).elements(as: Float.self)
    let reference = x.crossEntropy(target, reduction: .none).elements(as: Float.self)
    for i in 0..<5 { #expect(abs(losses[i] - reference[i]) < 1e-5) }
    #expect(losses[5].isNaN && reference[5].isNaN)
  }

  @Test func nothingCounts() {
    let x = generator.randn([3, 4]).to(.cuda), ignored = Tensor.full([3], -100, dtype: .int64).to(.cuda)
    #expect(x.crossEntropy(ignored).to(.cpu).item(as: Float.self).isNaN)
    #expect(x.crossEntropy(ignored, reduction: .sum).to(.cpu).item(as: Float.self) == 0)
    #expect(Tensor.zeros([0, 4]).to(.cuda).crossEntropy(Tensor.zeros([0], dtype: .int64).to(.cuda)).to(.cpu).item(as: Float.self).isNaN)
  }

  /// Nothing waits for the device, which says so when somebody does.
  @Test(arguments: [-1, 4, 1 << 40]) func aLabelThatIsNoClassIsReported(_ label: Int) {
    let x = generator.randn([3, 4]).to(.cuda), target = Tensor([1, Int64(label), 2]).to(.cuda)
    for loss in [{ x.crossEntropy(target) }, { x.nllLoss(target) }] {
      let error = #expect(throws: EmberError.self) { try catchingErrors { _ = loss().to(.cpu) } }
      #expect(error?.kind == .index && error?.message.contains("\(label) at position 1") == true, "\(error?.description ?? "")")
    }
  }
}
