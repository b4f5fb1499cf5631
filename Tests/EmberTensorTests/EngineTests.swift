import EmberRuntime
import EmberTensor
import Foundation
import Testing

/// What a backward pass must withstand: wrong gradients, several threads, targets in the middle of a graph.
@Suite struct EngineTests {
  @Test func gradientsAreBroughtIntoTheShapeAndDTypeOfTheirTensor() throws {
    let x = Tensor.ones([2, 3], requiresGrad: true)
    let y = x * 2
    // A hook that returns another dtype: converted.
    y.registerHook { $0.to(.float64) }
    y.sum().backward()
    #expect(x.grad?.dtype == .float32)
    #expect(x.grad?.elements(as: Float.self) == [2, 2, 2, 2, 2, 2])
    // One that returns another shape is refused before a kernel relies on it.
    let image = Tensor.ones([1, 1, 4, 4], requiresGrad: true)
    let out = image.conv2d(Tensor.ones([1, 1, 3, 3], requiresGrad: true))
    out.registerHook { $0.sum() }
    #expect(throws: EmberError.self) { try catchingErrors { out.sum().backward() } }
  }

  @Test func aTargetInTheMiddleLeavesTheGraphBelowItAlone() {
    let x = Tensor([3.0], requiresGrad: true)
    let y = x * x
    let z = y * 2
    #expect(grad(of: z, with: y).item() == 2)
    y.sum().backward()
    #expect(x.grad?.item() == 6)
    // Both a target and something before it.
    let a = x * x, b = a * 5
    let both = grad(of: [b], with: [a, x])
    #expect(both[0].item() == 5 && both[1].item() == 30)
  }

  /// Thousands of nodes wait for their turn at once, and each is found again when more arrives for it.
  @Test func aWideGraphGathersEveryContribution() {
    let count = 3000
    let leaves = (0..<count).map { _ in Tensor([1.0], requiresGrad: true) }
    let middles = leaves.map { $0 * 2 }
    var order = Array(0..<count)
    var state: UInt64 = 7
    for i in order.indices.reversed() {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      order.swapAt(i, Int(state >> 33) % (i + 1))
    }
    // Every middle is read twice, in another order each time.
    var all: [Tensor] = []
    for (i, j) in zip(0..<count, order) { all.append(middles[i] * Double(i) + middles[j]) }
    cat(all).sum().backward()
    for i in 0..<count { #expect(leaves[i].grad?.item() == Double(2 * (i + 1)), "leaf \(i)") }
  }

  /// The results of an operation with several: hooks and kept gradients see what arrives at each, targets among them get it.
  @Test func resultsOfOneOperationAreSeenOneByOne() throws {
    let x = Tensor([1.0, 2, 3, 4], requiresGrad: true)
    let weights = [Tensor([10.0, 20]), Tensor([30.0, 40])]
    func loss(_ parts: [Tensor]) -> Tensor { zip(parts, weights).map { ($0 * $1).sum() }.reduce(Tensor(0.0), +) }
    loss(x.split(2)).backward()
    #expect(x.grad?.elements(as: Double.self) == [10, 20, 30, 40])

    x.grad = nil
    let parts = x.split(2)
    parts[1].retainGrad()
    parts[1].registerHook { $0 * 2 }
    loss(parts).backward()
    #expect(parts[1].grad?.elements(as: Double.self) == [60, 80])
    #expect(x.grad?.elements(as: Double.self) == [10, 20, 60, 80])
    // The graph is gone, whichever result one starts from.
    #expect(throws: EmberError.self) { try catchingErrors { loss(parts).backward() } }

    let again = x.split(2)
    #expect(grad(of: loss(again), with: again[0]).elements(as: Double.self) == [10, 20])
    // A result that nobody uses receives nothing, and its place is zeros.
    x.grad = nil
    (x.split(2)[1] * 3).sum().backward()
    #expect(x.grad?.elements(as: Double.self) == [0, 0, 3, 3])
  }

  @Test func severalThreadsAccumulateIntoOneLeaf() {
    let w = Tensor.zeros([100], requiresGrad: true)
    let shared = w * 3
    DispatchQueue.concurrentPerform(iterations: 64) { i in
      let loss = (i % 2 == 0 ? w * 3 : shared).sum()
      loss.backward(retainGraph: true)
    }
    #expect(w.grad?.elements(as: Float.self) == Array(repeating: 192, count: 100))
  }

  @Test func linearConjugatesForComplexGradients() {
    let x = Tensor.randn([3, 2], dtype: .complex128), w = Tensor.randn([4, 2], dtype: .complex128)
    func gradients(_ product: (Tensor, Tensor) -> Tensor) -> [Tensor] {
      let a = x.requiringGrad(), b = w.requiringGrad()
      let y = product(a, b)
      return grad(of: [(y * y.conj()).real.sum()], with: [a, b])
    }
    let fused = gradients { $0.linear($1) }, plain = gradients { $0.matmul($1.mT) }
    for (a, b) in zip(fused, plain) { #expect((a - b).abs().amax().item() < 1e-12) }
    #expect(throws: EmberError.self) { try catchingErrors { Tensor.ones([2, 2]).to(.uint16).linear(Tensor.ones([2, 2]).to(.uint16)) } }
  }

  @Test func pointwiseFunctionsCheckTheirArguments() {
    let product = Pointwise("product") { x, y in x * y }
    let scaled = Pointwise("scaled", roles: [.value], parameters: 1) { x, p in x[0] * p[0] }
    let x = Tensor.ones([3])
    for call in [{ product(x) }, { scaled(x) }, { product([]) }, { product([x, x, x]) }, { product(x, x, ScalarParameters(2)) }] {
      #expect(throws: EmberError.self) { try catchingErrors { call() } }
    }
  }

  @Test func functionsOfEightInputs() {
    let sum = Pointwise("sum8", roles: Array(repeating: .value, count: 8)) { x, _ in
      x[0] * x[1] + x[2] * x[3] + x[4] * x[5] + x[6] * x[7]
    }
    let inputs = (1...8).map { Tensor([Double($0)], requiresGrad: true) }
    let result = sum(inputs)
    #expect(result.item() == 2 + 12 + 30 + 56)
    let gradients = grad(of: [result], with: inputs)
    #expect(gradients.map { $0.item() } == [2, 1, 4, 3, 6, 5, 8, 7])
  }

  @Test func aLeafIsTrainedInPlace() {
    var w = Tensor([1.0, 2.0], dtype: .float64, requiresGrad: true)
    for _ in 0..<3 {
      (w * w).sum().backward()
      let step = w.grad!
      noGrad { w -= 0.1 * step }
      w.grad = nil
    }
    #expect(w.requiresGrad && w.isLeaf)
    #expect(abs(w[0].item() - 0.512) < 1e-12)
  }

  @Test func refusedWritesLeaveTheHistory() {
    let x = Tensor.ones([4], dtype: .float64, requiresGrad: true)
    var y = x * 2
    _ = try? catchingErrors { y[Tensor([9])] = Tensor(1.0) }
    #expect(y.requiresGrad)
    y.sum().backward()
    #expect(x.grad?.elements(as: Double.self) == [2, 2, 2, 2])
  }

  @Test func checkpointsDrawTheSameNumbersAgainAndReachParameters() {
    let weight = Tensor.ones([64], dtype: .float64, requiresGrad: true)
    let x = Tensor.ones([64], dtype: .float64)
    withRandomSeed(3) {
      let y = checkpoint([x]) { inputs in (inputs[0] * weight).dropout(0.5) }
      _ = Tensor.rand([5])
      y.sum().backward()
      // The derivative of what was kept: the same elements as in the forward pass.
      #expect(weight.grad!.elements(as: Double.self) == y.elements(as: Double.self))
    }
  }
}
