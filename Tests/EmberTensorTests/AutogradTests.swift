import EmberRuntime
import EmberTensor
import Synchronization
import Testing

@Suite struct AutogradTests {
  @Test func accumulatesIntoLeaves() {
    let x = Tensor([1.0, 2, 3], requiresGrad: true)
    (x * x).sum().backward()
    #expect(x.grad!.elements(as: Float.self) == [2, 4, 6])
    (x * 3).sum().backward()
    #expect(x.grad!.elements(as: Float.self) == [5, 7, 9])
  }

  @Test func sharedPathsAddUp() {
    let x = Tensor([2.0], requiresGrad: true)
    let y = x * x
    (y * y + y).sum().backward()
    #expect(x.grad!.elements(as: Float.self) == [4 * 8 + 4])
  }

  @Test func aMillionOperationsAreWalkedAndFreed() {
    let x = Tensor([1.0], requiresGrad: true)
    var y = x
    for _ in 0..<1_000_000 { y = y + 1 }
    y.backward()
    #expect(x.grad!.item() == 1)
    var z = x
    for _ in 0..<1_000_000 { z = z + 1 }
    z = x  // freed without a backward pass
    #expect(z.item() == 1)
  }

  @Test func noGradAndEnableGrad() {
    let x = Tensor([1.0], requiresGrad: true)
    noGrad {
      #expect(!(x * 2).requiresGrad)
      enableGrad { #expect((x * 2).requiresGrad) }
    }
    #expect((x * 2).requiresGrad && !x.detach().requiresGrad)
  }

  @Test func aSecondPassNeedsTheGraphRetained() throws {
    let x = Tensor([2.0], requiresGrad: true)
    let y = (x * x).sum()
    y.backward(retainGraph: true)
    y.backward()
    #expect(x.grad!.item() == 8)
    let error = #expect(throws: EmberError.self) { try catchingErrors { y.backward() } }
    #expect(error?.message.contains("retainGraph") == true)
  }

  @Test func hooksSeeAndChangeGradients() {
    let x = Tensor([1.0, 2], requiresGrad: true)
    let y = x * 2
    y.retainGrad()
    let handle = y.registerHook { $0 * 10 }
    y.sum().backward(retainGraph: true)
    #expect(x.grad!.elements(as: Float.self) == [20, 20])
    #expect(y.grad!.elements(as: Float.self) == [10, 10])
    handle.remove()
    x.grad = nil
    y.sum().backward()
    #expect(x.grad!.elements(as: Float.self) == [2, 2])
  }

  @Test func higherDerivatives() {
    let x = Tensor([3.0], dtype: .float64, requiresGrad: true)
    var y = x.pow(4)
    for expected in [108.0, 108.0, 72.0, 24.0] as [Double] {
      y = grad(of: y, with: x, createGraph: true)
      #expect(abs(y.item() - expected) < 1e-9)
    }
  }

  @Test func gradTouchesNoLeafAndGivesZerosWithoutDependence() {
    let x = Tensor([1.0], requiresGrad: true), z = Tensor([5.0], requiresGrad: true)
    let gradients = grad(of: [x * 2], with: [x, z])
    #expect(gradients[0].item() == 2 && gradients[1].item() == 0 && x.grad == nil)
  }

  @Test func valueAndGradVjpJvp() {
    let (value, gradient) = valueAndGrad({ ($0 * $0).sum() }, at: Tensor([1.0, 2]))
    #expect(value.item() == 5 && gradient.elements(as: Float.self) == [2, 4])
    let v = vjp({ $0[0] * $0[1] }, at: [Tensor([2.0]), Tensor([3.0])], cotangent: Tensor([1.0]))
    #expect(v.gradients[0].item() == 3 && v.gradients[1].item() == 2)
    let j = jvp({ $0[0].square() }, at: [Tensor([3.0])], tangents: [Tensor([1.0])])
    #expect(j.tangent.item() == 6)
  }

  @Test func checkpointGivesTheSameGradients() {
    let x = numbers([3, 3]), w = numbers([3, 3], seed: 2)
    func gradients(_ wrap: (([Tensor]) -> Tensor)) -> [[Double]] {
      let leaves = [x.requiringGrad(), w.requiringGrad()]
      wrap(leaves).sum().backward()
      return leaves.map { $0.grad!.elements(as: Double.self) }
    }
    let body: @Sendable ([Tensor]) -> Tensor = { $0[0].matmul($0[1]).tanh().matmul($0[1]).exp() }
    #expect(gradients(body) == gradients { checkpoint($0, body) })
  }

  struct Anomaly: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let words: [String]
    let run: @Sendable () -> Void
  }

  static let anomalies: [Anomaly] = [
    // d√x/dx is infinite at 0, and arrives times 0.
    Anomaly(testDescription: "√0 · 0", words: ["derivative of sqrt", "input 0"]) {
      let x = Tensor([-1.0, 0], requiresGrad: true)
      ((x * 0).sqrt() * 0).sum().backward()
    },
    Anomaly(testDescription: "0 / 0", words: ["derivative of div", "input 1"]) {
      let x = Tensor([1.0, 0], requiresGrad: true), y = Tensor([1.0, 0], requiresGrad: true)
      (x / y).sum().backward()
    },
    // The value is NaN, and with it what multiplies the gradient.
    Anomaly(testDescription: "log of negative, used again", words: ["derivative of mul"]) {
      let x = Tensor([1.0, -1], requiresGrad: true)
      (x.log() * x).sum().backward()
    },
    // No derivative is at fault: 1 / x is finite.
    Anomaly(testDescription: "log of negative", words: ["forward pass", "sum"]) {
      Tensor([1.0, -1], requiresGrad: true).log().sum().backward()
    },
    Anomaly(testDescription: "∞ - ∞", words: ["result of add", "add up to NaN"]) {
      let x = Tensor([0.0], requiresGrad: true)
      let y = x + 1
      (y * .real(.infinity) - y * .real(.infinity)).backward()
    },
    Anomaly(testDescription: "start", words: ["starts with is NaN"]) {
      (Tensor([1.0], requiresGrad: true) * 2).backward(Tensor([Float.nan]))
    },
  ]

  @Test(arguments: anomalies)
  func anomalyModeNamesTheDerivativeAndThePlace(_ anomaly: Anomaly) {
    let error = #expect(throws: EmberError.self) {
      try catchingErrors { detectAnomaly { withPlace("my part") { anomaly.run() } } }
    }
    let text = error?.description ?? ""
    for word in anomaly.words + ["[backward]", "NaN"] { #expect(text.contains(word), "\(text) lacks \(word)") }
    if anomaly.testDescription != "start" { #expect(text.contains("my part at EmberTensorTests/AutogradTests.swift:"), "\(text)") }
  }

  @Test func anomalyModeFindsNothingWhereNothingIs() throws {
    try catchingErrors {
      detectAnomaly {
        let x = Tensor([1.0, 2], requiresGrad: true)
        (x.sqrt() * x).sum().backward()
        #expect(x.grad != nil)
      }
    }
  }

  @Test func userDefinedFunctionsAndPointwise() {
    struct Cube: UnaryOperation {
      static let name = "cube"
      let saved = SavedTensors.input0
      func forward(_ x: Tensor) throws(EmberError) -> Tensor { x * x * x }
      func derivative(_ g: Tensor, _ context: DerivativeContext) -> Tensor? { g * 3 * context.input(0).square() }
    }
    #expect(checkGradients({ apply(Cube(), $0[0]) }, at: [numbers([4])]) == nil)
    let softsign = Pointwise("softsign") { x in x / (1 + abs(x)) }
    #expect(checkGradients({ softsign($0[0]) }, at: [numbers([4])]) == nil)
    let straight = Pointwise("straight_through", roles: [.value], derivative: { _, _, _, g in [g] }) { x, _ in .unary(.round, x[0]) }
    let x = Tensor([0.4, 1.6], requiresGrad: true)
    straight(x).sum().backward()
    #expect(x.grad!.elements(as: Float.self) == [1, 1])
  }

  @Test func writesInALoopDoNotCopyTheWhole() {
    var y = Tensor.zeros([1000, 8]).requiringGrad() * 1
    let v = Tensor.ones([8], requiresGrad: true)
    y[0] = v
    let address = y.storageAddress
    for i in 1..<1000 { y[i] = v }
    #expect(y.storageAddress == address)
    y.sum().backward()
    #expect(v.grad!.elements(as: Float.self) == Array(repeating: 1000, count: 8))
  }

  @Test func gradientsFlowFromSeveralThreads() {
    let x = Tensor([1.0], dtype: .float64, requiresGrad: true)
    let failures = Mutex(0)
    concurrently(8) { i in
      let y = x * Double(i)
      let g = grad(of: y, with: x)
      if g.item() != Double(i) { failures.withLock { $0 += 1 } }
    }
    #expect(failures.withLock { $0 } == 0)
  }
}

/// Weights that a recursive network applies again and again: their gradients are gathered before they are computed.
@Suite struct GatheredGradientTests {
  /// A matrix applied `times` times to a few rows, and the gradients of all inputs.
  private func gradients(_ times: Int, rows: Int, recorded: Bool) -> [Tensor] {
    let generator = Generator(seed: 5)
    let weight = Tensor.randn([24, 24], dtype: .float64, generator: generator, requiresGrad: true)
    let bias = Tensor.randn([24], dtype: .float64, generator: generator, requiresGrad: true)
    var x = Tensor.randn([rows, 24], dtype: .float64, generator: generator, requiresGrad: true)
    let start = x
    for _ in 0..<times { x = x.linear(weight, bias).tanh() }
    return grad(of: [x.square().sum()], with: [weight, bias, start], createGraph: recorded)
  }

  /// Recorded gradients are never gathered: they are the reference. Many steps fill the store more than once.
  @Test(arguments: [(1, 1), (2, 1), (5, 2), (90, 1), (40, 3), (3, 17)]) func equalThoseComputedOneByOne(_ times: Int, _ rows: Int) {
    let gathered = gradients(times, rows: rows, recorded: false), single = gradients(times, rows: rows, recorded: true)
    for (a, b) in zip(gathered, single) {
      #expect(a.shape == b.shape)
      #expect((a - b.detach()).abs().amax().item() <= 1e-12 * (1 + b.detach().abs().amax().item()))
    }
  }

  @Test func hooksSeeTheWholeGradient() {
    let weight = Tensor.ones([16, 16], requiresGrad: true)
    let seen = SeenShapes()
    _ = weight.registerHook { gradient in
      seen.add(gradient.sum().item())
      return nil
    }
    var x = Tensor.ones([1, 16])
    for _ in 0..<3 { x = x.linear(weight) * 0.0625 }
    x.sum().backward()
    // Each of the three products contributes 16 · 16 elements of 1/16.
    #expect(seen.values == [3 * 16])
  }

  @Test func piecesShareOneGradient() {
    let x = Tensor.arange(12, on: .cpu).to(.float64).reshape([2, 6]).requiringGrad()
    let parts = x.split([1, 2, 3], dim: 1)
    (parts[0] * 2 + parts[2].sum(1, keepDim: true)).sum().backward()
    #expect(x.grad!.elements(as: Double.self) == [2, 0, 0, 1, 1, 1, 2, 0, 0, 1, 1, 1])
  }
}

private final class SeenShapes: @unchecked Sendable {
  var values: [Double] = []
  func add(_ value: Double) { values.append(value) }
}
