import EmberFunctional
import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

@Suite struct AutocastTests {
  /// An operation, and the dtypes of its result for float32, bfloat16 and float64 inputs as PyTorch 2.15 gives them on the CPU in
  /// torch.autocast("cpu", dtype=torch.bfloat16).
  private static let lower: [DType] = [.bfloat16, .bfloat16, .float64]
  private static let full: [DType] = [.float32, .float32, .float64]
  private static let same: [DType] = [.float32, .bfloat16, .float64]
  private static let operations: [(name: String, expected: [DType], run: @Sendable (DType) -> Tensor)] = [
    ("matmul", lower, { x($0, [3, 3]).matmul(x($0, [3, 3])) }), ("bmm", lower, { x($0, [2, 3, 3]).bmm(x($0, [2, 3, 3])) }),
    ("dot", same, { x($0, [3]).dot(x($0, [3])) }), ("linear", lower, { x($0, [2, 3]).linear(x($0, [4, 3]), x($0, [4])) }),
    ("conv2d", lower, { x($0, [1, 2, 5, 5]).conv2d(x($0, [3, 2, 3, 3]), x($0, [3])) }),
    ("conv_transpose2d", lower, { x($0, [1, 2, 5, 5]).convTranspose2d(x($0, [2, 3, 3, 3])) }),
    ("prod", full, { x($0, [3]).prod() }), ("sum", same, { x($0, [3]).sum() }), ("softmax", same, { x($0, [3]).softmax(0) }),
    ("exp", same, { x($0, [3]).exp() }), ("pow", same, { x($0, [3]).pow(2.5) }), ("cumsum", same, { x($0, [3]).cumsum(0) }),
    ("layer_norm", same, { x($0, [3]).layerNorm([3]) }), ("mse_loss", full, { x($0, [3]).mseLoss(x($0, [3])) }),
    ("huber_loss", full, { x($0, [3]).huberLoss(x($0, [3])) }), ("kl_div", full, { x($0, [3]).klDiv(x($0, [3])) }),
    ("cross_entropy", full, { x($0, [2, 3]).crossEntropy(Tensor([0, 1])) }), ("nll_loss", full, { x($0, [2, 3]).nllLoss(Tensor([0, 1])) }),
    ("cross_entropy with probabilities", full, { x($0, [2, 3]).crossEntropy(x($0, [2, 3])) }),
    ("binary_cross_entropy", full, { x($0, [3]).binaryCrossEntropy(x($0, [3])) }),
    ("binary_cross_entropy_with_logits", full, { x($0, [3]).binaryCrossEntropyWithLogits(x($0, [3]), posWeight: x($0, [3])) }),
    ("max_pool3d", full, { x($0, [1, 2, 4, 4, 4]).maxPool3d(2) }), ("max_pool2d", same, { x($0, [1, 2, 4, 4]).maxPool2d(2) }),
    ("avg_pool3d", full, { x($0, [1, 2, 4, 4, 4]).avgPool3d(2) }), ("avg_pool2d", same, { x($0, [1, 2, 4, 4]).avgPool2d(2) }),
    ("adaptive_avg_pool3d", full, { x($0, [1, 2, 4, 4, 4]).adaptiveAvgPool3d(2) }),
    ("reflection_pad2d", full, { x($0, [1, 2, 4, 4]).pad([1, 1, 1, 1], mode: .reflect) }),
    ("reflection_pad3d", same, { x($0, [1, 2, 4, 4, 4]).pad([1, 1, 1, 1, 1, 1], mode: .reflect) }),
    ("replication_pad1d", full, { x($0, [1, 2, 4]).pad([1, 1], mode: .replicate) }),
    ("constant_pad", same, { x($0, [1, 2, 4]).pad([1, 1]) }), ("cat", same, { cat([x($0, [3]), x(.bfloat16, [3])]) }),
  ]

  private static func x(_ dtype: DType, _ shape: [Int]) -> Tensor { Tensor.rand(shape).to(dtype) }

  @Test(arguments: operations.indices)
  func resultsHavePyTorchsTypes(_ number: Int) {
    let (name, expected, run) = Self.operations[number]
    for (dtype, result) in zip([DType.float32, .bfloat16, .float64], expected) {
      #expect(autocast { run(dtype).dtype } == result, "\(name) of \(dtype)")
      let half = autocast(.float16) { run(dtype == .bfloat16 ? .float16 : dtype).dtype }
      if name != "cat" { #expect(half == (result == .bfloat16 ? .float16 : result), "\(name) of \(dtype), float16") }
    }
  }

  @Test func scopesNest() {
    let a = Tensor.ones([2, 2])
    #expect(!isAutocastEnabled)
    autocast {
      #expect(a.matmul(a).dtype == .bfloat16)
      autocast(enabled: false) { #expect(a.matmul(a).dtype == .float32) }
      autocast(.float16) { #expect(a.matmul(a).dtype == .float16) }
      #expect(a.matmul(a).dtype == .bfloat16)
      #expect(vmap { a.matmul($0) }(Tensor.ones([3, 2])).dtype == .bfloat16)
    }
    #expect(a.matmul(a).dtype == .float32)
    #expect(throws: EmberError.self) { try catchingErrors { autocast(.float32) { a } } }
  }

  @Test func gradientsArriveInTheParametersType() {
    let model = Sequential(Linear(4, 8), Tanh(), Linear(8, 3)), x = Tensor.randn([16, 4]), y = Tensor.randint(0, 3, [16])
    model(x).crossEntropy(y).backward()
    let expected = model.parameters().map { $0.grad! }
    for inScope in [false, true] {
      model.zeroGrad()
      let loss = autocast { () -> Tensor in
        let loss = model(x).crossEntropy(y)
        if inScope { loss.backward() }
        return loss
      }
      #expect(loss.dtype == .float32)
      if !inScope { loss.backward() }
      for (cell, gradient) in zip(model.parameters(), expected) {
        #expect(cell.grad!.dtype == .float32)
        #expect(((cell.grad! - gradient).abs().max().item()) <= 0.02)
      }
    }
  }
}

@Suite struct GradScalerTests {
  /// Trains a · w = y where the gradient, about 1e-9, is less than the smallest float16 number.
  private func train(_ scaler: GradScaler) -> Double {
    let w = StateCell(Tensor([0.5]), isParameter: true), optimizer = SGD([w], learningRate: 1e8)
    let x = Tensor.full([4, 1], 1e-5)
    for _ in 0..<20 {
      optimizer.zeroGrad()
      // The loss stays small and float16 from the product on.
      let loss = autocast(.float16) { ((x * 1e5).linear(w.value.unsqueeze(0)).to(.float16) - 1).square().sum() * 1e-4 } * 1e-5
      scaler.scale(loss).backward()
      scaler.step(optimizer)
      scaler.update()
    }
    return w.value.item()
  }

  @Test func smallGradientsSurvive() {
    #expect(train(GradScaler(enabled: false)) == 0.5)
    #expect(abs(train(GradScaler()) - 1) < 1e-2)
  }

  @Test func infinitiesSkipTheStepAndLowerTheScale() {
    let w = StateCell(Tensor([1.0]), isParameter: true), optimizer = SGD([w], learningRate: 0.1)
    let scaler = GradScaler(initialScale: 1024, growthInterval: 2)
    func step(_ factor: Double) -> Bool {
      optimizer.zeroGrad()
      scaler.scale((w.value * factor).sum()).backward()
      defer { scaler.update() }
      return scaler.step(optimizer)
    }
    #expect(!step(.infinity) && scaler.currentScale == 512 && w.value.item() == 1)
    #expect(!step(.nan) && scaler.currentScale == 256 && w.value.item() == 1)
    #expect(step(1) && scaler.currentScale == 256 && abs(w.value.item() - 0.9) < 1e-6)
    #expect(step(1) && scaler.currentScale == 512 && abs(w.value.item() - 0.8) < 1e-6)
  }

  @Test func gradientsAreUnscaledOnceAndMisuseIsAnError() throws {
    let w = StateCell(Tensor([1.0]), isParameter: true), optimizer = SGD([w], learningRate: 0.1), scaler = GradScaler(initialScale: 8)
    #expect(throws: EmberError.self) { try catchingErrors { scaler.update() } }
    scaler.scale(w.value.sum() * 3).backward()
    scaler.unscale(optimizer)
    #expect(w.grad!.item() == 3)
    #expect(throws: EmberError.self) { try catchingErrors { scaler.unscale(optimizer) } }
    scaler.step(optimizer)
    #expect(throws: EmberError.self) { try catchingErrors { scaler.step(optimizer) } }
    scaler.update()
    #expect(abs(w.value.item() - 0.7) < 1e-6)
    let other = GradScaler()
    try other.loadStateDict(scaler.stateDict())
    #expect(other.currentScale == 8)
    #expect(throws: EmberError.self) { try other.loadStateDict([("scale", Tensor(1.0))]) }
    // A failed scope leaves nothing behind.
    #expect(throws: EmberError.self) {
      try catchingErrors {
        optimizer.zeroGrad()
        scaler.scale(w.value.sum()).backward()
        scaler.unscale(optimizer)
        _ = Tensor([1.0, 2]) + Tensor([1.0, 2, 3])
      }
    }
    optimizer.zeroGrad()
    scaler.scale(w.value.sum()).backward()
    #expect(scaler.step(optimizer))
  }
}
