import EmberNN
import EmberRuntime
import EmberTensor
import Testing

@Suite struct LossValues {
  /// log Σ eˣ of (1, 2, 3) is 3.4076059644443806.
  private let logits = Tensor([1.0, 2, 3, 1, 2, 3], shape: [2, 3], dtype: .float64)
  private let sum = 3.4076059644443806

  private func expectClose(_ x: Tensor, _ expected: [Double], _ tolerance: Double = 1e-12) {
    let values = x.elements(as: Double.self)
    #expect(values.count == expected.count && zip(values, expected).allSatisfy { abs($0 - $1) < tolerance }, "\(values) \(expected)")
  }

  @Test func crossEntropy() {
    let labels = Tensor([Int64(2), 0])
    expectClose(logits.crossEntropy(labels, reduction: .none), [sum - 3, sum - 1])
    expectClose(logits.crossEntropy(labels), [sum - 2])
    expectClose(logits.crossEntropy(labels, reduction: .sum), [2 * sum - 4])
    let weight = Tensor([1.0, 1, 3], dtype: .float64)
    expectClose(logits.crossEntropy(labels, weight: weight), [(3 * (sum - 3) + (sum - 1)) / 4])
    expectClose(logits.crossEntropy(labels, ignoreIndex: 0), [sum - 3])
    // Smoothing spreads 0.3 over three classes.
    expectClose(logits.crossEntropy(labels, reduction: .none, labelSmoothing: 0.3), [0.7 * (sum - 3) + 0.3 * (sum - 2), 0.7 * (sum - 1) + 0.3 * (sum - 2)])
    expectClose(CrossEntropyLoss()(logits, labels), [sum - 2])
    expectClose(logits.logSoftmax(1).nllLoss(labels), [sum - 2])
    expectClose(logits.crossEntropy(Tensor([0.0, 0, 1, 1, 0, 0], shape: [2, 3], dtype: .float64)), [sum - 2])
    expectClose(logits[0].crossEntropy(Tensor(2)), [sum - 3])
  }

  @Test func labelErrors() throws {
    let error = #expect(throws: EmberError.self) {
      try catchingErrors { _ = logits.crossEntropy(Tensor([Int64(2), 7])) }
    }
    #expect(error?.kind == .index)
    #expect(error?.message.contains("label 7") == true && error?.message.contains("0 ..< 3") == true)
    let shapes = #expect(throws: EmberError.self) { try catchingErrors { _ = logits.crossEntropy(Tensor([Int64(2)])) } }
    #expect(shapes?.kind == .shape)
    #expect(shapes?.message.contains("float64[2, 3]") == true)
  }

  @Test func elements() {
    let x = Tensor([0.0, 2, -1], dtype: .float64), t = Tensor([1.0, 2, 1], dtype: .float64)
    expectClose(MSELoss()(x, t), [5.0 / 3])
    expectClose(L1Loss(reduction: .sum)(x, t), [3])
    expectClose(SmoothL1Loss(reduction: .none)(x, t), [0.5, 0, 1.5])
    expectClose(HuberLoss(reduction: .none, delta: 0.5)(x, t), [0.375, 0, 0.875])
    let p = Tensor([0.5, 0.25], dtype: .float64), q = Tensor([1.0, 0], dtype: .float64)
    expectClose(BCELoss(reduction: .none)(p, q), [0.6931471805599453, 0.2876820724517809])
    expectClose(BCEWithLogitsLoss(reduction: .none)(Tensor([0.0, 1000], dtype: .float64), q), [0.6931471805599453, 1000])
    expectClose(KLDivLoss(reduction: .sum)(Tensor([0.5, 0.5], dtype: .float64).log(), Tensor([1.0, 0], dtype: .float64)), [0.6931471805599453])
  }

  @Test func argumentErrors() {
    func kind(_ body: () -> Void) -> EmberError.Kind? {
      do { try catchingErrors(body) } catch { return (error as? EmberError)?.kind }
      return nil
    }
    let x = Tensor.zeros([1, 3, 8, 8])
    #expect(kind { _ = x.conv2d(Tensor.zeros([4, 2, 3, 3])) } == .shape)
    #expect(kind { _ = x.conv2d(Tensor.zeros([4, 3, 9, 9])) } == .shape)
    #expect(kind { _ = x.conv2d(Tensor.zeros([4, 3, 3, 3], dtype: .float64)) } == .dtype)
    #expect(kind { _ = x.conv2d(Tensor.zeros([4, 3, 3, 3]), Tensor.zeros([3])) } == .shape)
    #expect(kind { _ = x.conv2d(Tensor.zeros([4, 3, 3, 3]), stride: 0) } == .value)
    #expect(kind { _ = x.maxPool2d(9) } == .shape)
    #expect(kind { _ = x.maxPool2d(2, padding: 2) } == .value)
    #expect(kind { _ = x.layerNorm([7]) } == .shape)
    #expect(kind { _ = x.groupNorm(2) } == .shape)
    #expect(kind { _ = x.batchNorm(weight: Tensor.ones([4])) } == .shape)
    #expect(kind { _ = Tensor.zeros([1, 3]).batchNorm() } == .value)
    #expect(kind { _ = x.binaryCrossEntropy(Tensor.zeros([3])) } == .shape)
    #expect(kind { _ = Tensor([Int64(5)]).embedding(Tensor.zeros([5, 2])) } == .index)
    #expect(kind { _ = Tensor([Int64(-1)]).embedding(Tensor.zeros([5, 2])) } == .index)
    #expect(kind { _ = x.dropout(1.5) } == .value)
    #expect(kind { _ = BatchNorm2d(4)(x) } == .shape)
    #expect(kind { _ = Linear(4, 2)(Tensor.zeros([3, 5])) } == .shape)
  }

  @Test func metaShapes() {
    let x = Tensor.zeros([2, 3, 8, 8], on: .meta)
    let y = x.conv2d(Tensor.zeros([4, 3, 3, 3], on: .meta), stride: 2, padding: 1).maxPool2d(2)
    #expect(y.shape == [2, 4, 2, 2])
    #expect(x.layerNorm([8]).shape == [2, 3, 8, 8])
    #expect(Tensor.zeros([2, 5], on: .meta).crossEntropy(Tensor.zeros([2], dtype: .int64, on: .meta)).shape == [])
  }
}
