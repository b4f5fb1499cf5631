import EmberRuntime
import EmberTensor
import Testing

/// A float64 tensor of numbers that are all different and not near a kink.
func numbers(_ shape: [Int], seed: UInt64 = 1) -> Tensor {
  Tensor.uniform(shape, -1, 1, dtype: .float64, generator: Generator(seed: seed))
}

/// Checks first derivatives, and second ones through the gradient of a weighted sum.
func check(_ inputs: [Tensor], second: Bool = true, _ function: @escaping ([Tensor]) -> Tensor) {
  #expect(checkGradients(function, at: inputs) == nil)
  guard second else { return }
  let slope: ([Tensor]) -> Tensor = { values in
    enableGrad {
      let leaves = values.map { $0.requiresGrad ? $0 : $0.dtype.isFloatingPoint ? $0.requiringGrad() : $0 }
      let y = function(leaves)
      let weight = Tensor.linspace(0.3, 1.1, count: max(y.elementCount, 1), dtype: .float64).reshape(Array(y.shape))
      let wanted = leaves.filter(\.requiresGrad)
      let gradients = grad(of: [(y * weight).sum()], with: wanted, gradients: nil, createGraph: true)
      return cat(gradients.map { $0.reshape([-1]) })
    }
  }
  #expect(checkGradients(slope, at: inputs) == nil, "second derivative")
}

@Suite struct ConvolutionGradients {
  @Test func oneDimension() {
    check([numbers([2, 4, 9]), numbers([6, 2, 3], seed: 2), numbers([6], seed: 3)]) {
      $0[0].conv1d($0[1], $0[2], stride: 2, padding: 1, dilation: 2, groups: 2)
    }
  }

  @Test func twoDimensions() {
    check([numbers([2, 2, 5, 6]), numbers([3, 2, 3, 2], seed: 2), numbers([3], seed: 3)]) {
      $0[0].conv2d($0[1], $0[2], stride: [2, 1], padding: [1, 0])
    }
  }

  @Test func threeDimensions() {
    check([numbers([1, 1, 3, 4, 3]), numbers([2, 1, 2, 2, 2], seed: 2)]) { $0[0].conv3d($0[1], padding: 1) }
  }

  @Test func samePadding() {
    let y = numbers([1, 2, 5, 6]).conv2d(numbers([3, 2, 4, 3]), padding: "same")
    #expect(y.shape == [1, 3, 5, 6])
    check([numbers([1, 1, 5]), numbers([1, 1, 4], seed: 2)]) { $0[0].conv1d($0[1], padding: "same") }
  }

  @Test func transposed() {
    check([numbers([2, 4, 3, 2]), numbers([4, 2, 3, 3], seed: 2), numbers([4], seed: 3)]) {
      $0[0].convTranspose2d($0[1], $0[2], stride: 2, padding: 1, outputPadding: 1, groups: 2)
    }
  }

  /// Held against the definition.
  @Test func values() {
    let x = numbers([2, 3, 6, 5]), w = numbers([4, 3, 3, 2], seed: 2), b = numbers([4], seed: 3)
    let y = x.conv2d(w, b, stride: 2, padding: 1)
    #expect(y.shape == [2, 4, 3, 3])
    let xs = x.elements(as: Double.self), ws = w.elements(as: Double.self), bs = b.elements(as: Double.self), ys = y.elements(as: Double.self)
    var worst = 0.0
    for n in 0..<2 { for o in 0..<4 { for i in 0..<3 { for j in 0..<3 {
      var sum = bs[o]
      for c in 0..<3 { for k in 0..<3 { for l in 0..<2 {
        let (r, s) = (i * 2 - 1 + k, j * 2 - 1 + l)
        if r >= 0, r < 6, s >= 0, s < 5 { sum += xs[((n * 3 + c) * 6 + r) * 5 + s] * ws[((o * 3 + c) * 3 + k) * 2 + l] }
      } } }
      worst = max(worst, abs(sum - ys[((n * 4 + o) * 3 + i) * 3 + j]))
    } } } }
    #expect(worst < 1e-12)
  }

  @Test func unbatched() {
    let x = numbers([3, 6, 5]), w = numbers([4, 3, 3, 2], seed: 2)
    #expect(x.conv2d(w).elements(as: Double.self) == x.unsqueeze(0).conv2d(w).elements(as: Double.self))
    #expect(x.conv2d(w).shape == [4, 4, 4])
  }
}

@Suite struct PoolingGradients {
  @Test func maximum() {
    check([numbers([2, 2, 7])]) { $0[0].square().maxPool1d(3, stride: 2, padding: 1) }
    check([numbers([2, 2, 5, 6])]) { $0[0].square().maxPool2d([2, 3], stride: [2, 1], ceilMode: true) }
    check([numbers([1, 2, 4, 4, 4])]) { $0[0].square().maxPool3d(2) }
  }

  @Test func average() {
    check([numbers([2, 2, 7])]) { $0[0].square().avgPool1d(3, stride: 2, padding: 1) }
    check([numbers([2, 2, 5, 6])]) { $0[0].square().avgPool2d([2, 3], padding: 1, countIncludePad: false) }
    check([numbers([1, 2, 4, 4, 4])]) { $0[0].square().avgPool3d(2, divisorOverride: 3) }
    check([numbers([2, 2, 5, 7])]) { $0[0].square().adaptiveAvgPool2d([2, 3]) }
    check([numbers([2, 2, 5, 7])]) { $0[0].square().adaptiveMaxPool2d([2, 3]) }
  }

  @Test func valuesAndIndices() {
    let x = Tensor([1.0, 5, 2, 4, 3, 0], shape: [1, 1, 6], dtype: .float64)
    let (values, indices) = x.maxPoolWithIndices(1, 2)
    #expect(values.elements(as: Double.self) == [5, 4, 3])
    #expect(indices.elements(as: Int64.self) == [1, 3, 4])
    #expect(x.avgPool1d(2).elements(as: Double.self) == [3, 3, 1.5])
    // Windows 0..<2, 1..<3, 3..<5, 4..<6.
    #expect(x.adaptiveAvgPool1d(4).elements(as: Double.self) == [3, 3.5, 3.5, 1.5])
  }
}

@Suite struct NormalizationGradients {
  @Test func layer() {
    check([numbers([3, 2, 4]), numbers([2, 4], seed: 2), numbers([2, 4], seed: 3)]) { $0[0].layerNorm([2, 4], weight: $0[1], bias: $0[2]) }
    check([numbers([3, 5])]) { $0[0].layerNorm([5]) }
  }

  @Test func group() {
    check([numbers([2, 6, 3]), numbers([6], seed: 2), numbers([6], seed: 3)]) { $0[0].groupNorm(3, weight: $0[1], bias: $0[2]) }
  }

  @Test func batch() {
    check([numbers([3, 2, 4]), numbers([2], seed: 2), numbers([2], seed: 3)]) { $0[0].batchNorm(weight: $0[1], bias: $0[2]).output }
    let mean = numbers([2], seed: 4), variance = numbers([2], seed: 5).square() + 0.5
    check([numbers([3, 2, 4]), numbers([2], seed: 2), numbers([2], seed: 3)]) {
      $0[0].batchNorm(mean: mean, variance: variance, weight: $0[1], bias: $0[2])
    }
  }

  @Test func values() {
    let y = Tensor([1.0, 2, 3, 4], shape: [1, 4], dtype: .float64).layerNorm([4], eps: 0)
    let expected = [-1.5, -0.5, 0.5, 1.5].map { $0 / 1.25.squareRoot() }
    for (a, b) in zip(y.elements(as: Double.self), expected) { #expect(abs(a - b) < 1e-12) }
  }
}

@Suite struct LossGradients {
  @Test func elements() {
    let x = numbers([3, 4]), t = numbers([3, 4], seed: 2)
    for reduction in [LossReduction.none, .mean, .sum] {
      check([x, t]) { $0[0].mseLoss($0[1], reduction: reduction) }
      check([x, t]) { $0[0].l1Loss($0[1], reduction: reduction) }
      check([x, t]) { $0[0].smoothL1Loss($0[1], reduction: reduction, beta: 0.4) }
      check([x, t]) { $0[0].huberLoss($0[1], reduction: reduction, delta: 0.4) }
    }
    let p = x.sigmoid(), q = t.sigmoid()
    check([p, q]) { $0[0].binaryCrossEntropy($0[1]) }
    check([x, q]) { $0[0].binaryCrossEntropyWithLogits($0[1]) }
    check([x, q]) { $0[0].binaryCrossEntropyWithLogits($0[1], posWeight: Tensor([0.5, 1.0, 2.0, 3.0], dtype: .float64)) }
    check([x, q]) { $0[0].klDiv($0[1], reduction: .batchMean) }
    check([x, t]) { $0[0].klDiv($0[1], logTarget: true) }
  }

  @Test func classes() {
    let labels = Tensor([Int64(2), 0, -100, 1, 1, 2], shape: [3, 2])
    let weight = Tensor([0.5, 1.0, 2.0], dtype: .float64)
    for reduction in [LossReduction.none, .mean, .sum] {
      check([numbers([3, 3, 2])]) { $0[0].crossEntropy(labels, reduction: reduction) }
      check([numbers([3, 3, 2])]) { $0[0].crossEntropy(labels, weight: weight, reduction: reduction, labelSmoothing: 0.2) }
      check([numbers([3, 3, 2])]) { $0[0].logSoftmax(1).nllLoss(labels, weight: weight, reduction: reduction) }
    }
    check([numbers([4, 3]), numbers([4, 3], seed: 2)]) { $0[0].crossEntropy($0[1].softmax(1), labelSmoothing: 0.1) }
  }

  @Test func embeddingAndDropout() {
    let index = Tensor([Int64(0), 2, 2, 1], shape: [2, 2])
    check([numbers([3, 4])], second: false) { index.embedding($0[0]) }
    let table = numbers([3, 4]).requiringGrad()
    index.embedding(table, paddingIndex: 2).sum().backward()
    #expect(table.grad?.elements(as: Double.self) == [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    check([numbers([4, 5])], second: false) { $0[0].dropout(0.4, generator: Generator(seed: 9)) }
    let dropped = Tensor.ones([10_000]).dropout(0.25, generator: Generator(seed: 3)).elements(as: Float.self)
    let zeros = dropped.count { $0 == 0 }
    #expect(abs(zeros - 2500) < 200)
    #expect(dropped.allSatisfy { $0 == 0 || abs($0 - 4.0 / 3) < 1e-6 })
  }
}
