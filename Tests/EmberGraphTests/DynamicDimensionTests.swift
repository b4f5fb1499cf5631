import EmberFunctional
import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

@testable import EmberGraph

private func difference(_ a: Tensor, _ b: Tensor) -> Double { (a - b).abs().amax().item() }

/// Counts how often a function is captured.
private final class Counter: @unchecked Sendable {
  var count = 0
}

private func options(_ dimensions: [[Int: Dim]]) -> CompileOptions {
  var options = CompileOptions(dynamicDimensions: dimensions)
  options.verifies = true
  return options
}

private final class Classifier: Module, Layer {
  let convolution = Conv2d(1, 4, 3, padding: 1)
  let norm = BatchNorm2d(4)
  let head = Linear(4 * 6 * 6, 3)
  func forward(_ x: Tensor) -> Tensor { head(norm(convolution(x)).relu().flatten(1)) }
}

/// A causal head over a sequence: its mask is made for the length.
private final class Head: Module, Layer {
  let project = Linear(8, 24)
  let positions = Embedding(64, 8)
  func forward(_ x: Tensor) -> Tensor {
    let time = x.size(1)
    let parts = project(x + positions(Tensor.arange(time))).chunk(3, dim: -1)
    let mask = Tensor.ones([time, time], dtype: .bool).tril()
    let scores = parts[0].matmul(parts[1].mT) / Double(8).squareRoot()
    return scores.maskedFill(mask.logicalNot(), .real(-.infinity)).softmax(-1).matmul(parts[2])
  }
}

struct DynamicDimensionTests {
  @Test func aModelIsCapturedOnceForAllBatches() throws {
    withRandomSeed(1) {
      let model = Sequential(Linear(8, 16), ReLU(), Linear(16, 4)), counter = Counter()
      let fast = compile(options: options([[0: Dim("batch", 2...64)]])) { (x: Tensor) in
        counter.count += 1
        return model(x)
      }
      for rows in [5, 7, 64, 2, 33] {
        let x = Tensor.randn([rows, 8])
        #expect(difference(noGrad { fast(x) }, model(x)) < 1e-6)
      }
      // Three sizes, both ends of the range, and the powers of two between them.
      #expect(counter.count == 9 && fast.graphs.count == 1 && fast.function.dynamicRefusals.isEmpty)
      #expect(fast.graphs[0].description.contains("float32[batch, 16]"))
      #expect(fast.graphs[0].dot.contains("[batch, 8]"))
      // One row broadcasts, and is captured by itself.
      let one = Tensor.randn([1, 8])
      for _ in 0..<2 { #expect(difference(noGrad { fast(one) }, model(one)) < 1e-6) }
      #expect(counter.count == 10 && fast.graphs.count == 2)
      // What lies outside of the range is looked at once, as far as a power of two.
      for rows in [100, 101, 127] {
        let x = Tensor.randn([rows, 8])
        #expect(difference(noGrad { fast(x) }, model(x)) < 1e-6)
      }
      #expect(counter.count == 11)
      // A change of a parameter shows at all sizes.
      (model[0] as! Linear).weight = Tensor.randn([16, 8])
      for rows in [5, 64] {
        let x = Tensor.randn([rows, 8])
        #expect(difference(noGrad { fast(x) }, model(x)) < 1e-6)
      }
    }
  }

  @Test func shapesOfReshapesFollow() throws {
    withRandomSeed(2) {
      let model = Classifier(), counter = Counter()
      model.eval()
      let fast = compile(options: options([[0: "batch"]])) { (x: Tensor) in
        counter.count += 1
        return model(x)
      }
      for rows in [4, 3, 6, 4] {
        let x = Tensor.randn([rows, 1, 6, 6])
        #expect(difference(noGrad { fast(x) }, model(x)) < 1e-5)
      }
      #expect(counter.count == 5 && fast.graphs.count == 1, "\(counter.count) \(fast.function.dynamicRefusals)")
      #expect(fast.graphs[0].description.contains("shape: [batch, 144]"), "\(fast.graphs[0])")
      // In another mode it is another graph.
      model.train()
      let x = Tensor.randn([5, 1, 6, 6])
      _ = noGrad { fast(x) }
      #expect(counter.count == 11)
    }
  }

  @Test func gradientsFlowAtEverySize() throws {
    withRandomSeed(3) {
      let model = Classifier(), counter = Counter()
      model.eval()
      let fast = compile(options: options([[0: "batch"]])) { (x: Tensor) in
        counter.count += 1
        return model(x)
      }
      for rows in [4, 7, 5] {
        let x = Tensor.randn([rows, 1, 6, 6], requiresGrad: true)
        func gradients(_ function: (Tensor) -> Tensor) -> [Tensor] {
          x.grad = nil
          model.zeroGrad()
          function(x).square().mean().backward()
          return [x.grad!] + model.parameters().map { $0.grad! }
        }
        for (a, b) in zip(gradients { fast($0) }, gradients { model($0) }) { #expect(difference(a, b) < 1e-6) }
      }
      #expect(counter.count == 5 && fast.graphs.count == 1, "\(counter.count) \(fast.function.dynamicRefusals)")
    }
  }

  @Test func sequencesHaveAnyLength() throws {
    withRandomSeed(4) {
      let model = Head(), counter = Counter()
      let fast = compile(options: options([[0: "batch", 1: Dim("time", 2...64)]])) { (x: Tensor) in
        counter.count += 1
        return model(x)
      }
      for (batch, time) in [(3, 10), (2, 17), (4, 63), (3, 11)] {
        let x = Tensor.randn([batch, time, 8])
        #expect(difference(noGrad { fast(x) }, model(x)) < 1e-5)
      }
      // Every subset of two dimensions, one more, all combinations of the ends, four powers of two.
      #expect(counter.count == 13 && fast.graphs.count == 1, "\(counter.count) \(fast.function.dynamicRefusals)")
      #expect(fast.graphs[0].description.contains("[batch, time, time]"), "\(fast.graphs[0])")
    }
  }

  /// The size is a factor of the loss, a fill, a bound.
  @Test func factorsFollow() throws {
    withRandomSeed(5) {
      let functions: [@Sendable (Tensor) -> Tensor] = [
        { $0.square().sum() / Double($0.size(0)) }, { $0.mean() + $0.square().mean([0]).sum() }, { $0 * (1 / Double($0.size(0) * 3)) },
        { $0.square().sum() * (2 / Double($0.size(0)).squareRoot()) }, { $0 + Tensor.full([$0.size(0), 1], 0.5) },
        { $0[1...].sum() - $0[0..<($0.size(0) - 1)].sum() }, { $0.select(0, $0.size(0) - 1) }, { $0.permute([1, 0]).reshape([-1]) },
        { $0 + Tensor.arange($0.size(0)).to(.float32).unsqueeze(1) * 0.25 }, { $0.sum() / Tensor(Double($0.size(0))) },
        { cat([$0, Tensor.zeros([$0.size(0), 2])], dim: 1) }, { $0.std([0]) * Double($0.size(0) - 1) },
        { x in
          var copy = x
          copy[0...1] = Tensor.ones([2, 3])
          return copy
        },
      ]
      for (i, function) in functions.enumerated() {
        let counter = Counter()
        let fast = compile(options: options([[0: "rows"]])) { (x: Tensor) in
          counter.count += 1
          return function(x)
        }
        for rows in [5, 9, 4, 12] {
          let x = Tensor.randn([rows, 3], requiresGrad: true)
          func results(_ function: (Tensor) -> Tensor) -> [Tensor] {
            x.grad = nil
            let y = function(x)
            y.square().sum().backward()
            return [y.detach(), x.grad!]
          }
          for (a, b) in zip(results { fast($0) }, results(function)) { #expect(difference(a, b) < 1e-4, "\(i), \(rows) rows") }
        }
        #expect(counter.count == 7 && fast.graphs.count == 1, "\(i): \(counter.count) \(fast.function.dynamicRefusals)")
      }
    }
  }

  @Test func theLastBatchOfAnEpochMayBeSmaller() throws {
    let counter = Counter()
    func train(compiled: Bool) -> [Tensor] {
      withRandomSeed(6) {
        let model = Sequential(Linear(8, 16), BatchNorm1d(16), ReLU(), Dropout(0.2), Linear(16, 4))
        let optimizer = Adam(model.parameters(), learningRate: 1e-2)
        let step = { (x: Tensor, y: Tensor) -> Tensor in
          counter.count += 1
          optimizer.zeroGrad()
          let loss = model(x).crossEntropy(y)
          loss.backward()
          optimizer.step()
          return loss.detach()
        }
        let fast = compile(options: options([[0: "batch"], [0: "batch"]]), step)
        counter.count = 0
        for _ in 0..<3 {
          for rows in [16, 16, 6] {
            let x = Tensor.randn([rows, 8]), y = Tensor.randint(0, 4, [rows])
            _ = compiled ? fast(x, y) : step(x, y)
          }
        }
        if compiled { #expect(counter.count == 7 && fast.graphs.count == 1, "\(counter.count) \(fast.function.dynamicRefusals)") }
        return model.stateDict().map(\.tensor)
      }
    }
    for (a, b) in zip(train(compiled: false), train(compiled: true)) { #expect(difference(a.to(.float32), b.to(.float32)) < 1e-5) }
  }

  /// Attention that is fused, layer norms, dropout: forward, backward and optimizer, over batches of texts of any length.
  @Test func transformersAndRecurrencesTrain() throws {
    let counter = Counter()
    func train(compiled: Bool, _ make: () -> (Module, (Tensor) -> Tensor), _ dimensions: [Int: Dim]) -> [Tensor] {
      withRandomSeed(9) {
        let (model, forward) = make(), optimizer = SGD(model.parameters(), learningRate: 0.1)
        let step = { (x: Tensor) -> Tensor in
          counter.count += 1
          optimizer.zeroGrad()
          let loss = forward(x).square().mean()
          loss.backward()
          optimizer.step()
          return loss.detach()
        }
        let fast = compile(options: options([dimensions]), step)
        counter.count = 0
        for (batch, time) in [(3, 6), (2, 6), (4, 6), (3, 9)] where dimensions[1] != nil || time == 6 {
          let x = Tensor.randn([batch, time, 8])
          _ = compiled ? fast(x) : step(x)
        }
        if compiled {
          let all = dimensions.count == 1 ? 5 : 9
          #expect(counter.count <= all + 2 && fast.graphs.count == 1, "\(counter.count) \(fast.function.dynamicRefusals)")
        }
        return model.stateDict().map(\.tensor)
      }
    }
    func transformer() -> (Module, (Tensor) -> Tensor) {
      let layer = TransformerEncoderLayer(8, 2, feedforward: 16, dropout: 0.1, batchFirst: true)
      return (layer, { layer($0) })
    }
    func recurrence() -> (Module, (Tensor) -> Tensor) {
      let layer = LSTM(8, 5, batchFirst: true)
      return (layer, { layer($0).output })
    }
    let cases: [(() -> (Module, (Tensor) -> Tensor), [Int: Dim])] = [
      (transformer, [0: "batch", 1: "time"]), (recurrence, [0: "batch"]),
    ]
    for (make, dimensions) in cases {
      for (a, b) in zip(train(compiled: false, make, dimensions), train(compiled: true, make, dimensions)) {
        #expect(difference(a, b) < 1e-5)
      }
    }
  }

  /// What does one thing for small sizes and another for large ones, or for even and odd ones, is never wrong.
  @Test func aFunctionThatBranchesOnTheSizeIsCapturedAgain() throws {
    let functions: [@Sendable (Tensor) -> Tensor] = [
      { $0.size(0) > 20 ? $0 * 2 : $0 + 1 }, { $0.size(0) % 2 == 0 ? $0.sin() : $0.cos() }, { $0 * Double(min($0.size(0), 12)) },
      { x in (0..<x.size(0)).reduce(x) { y, _ in y + 1 } }, { $0 + Tensor((0..<$0.size(0)).map { Double($0 * $0) }) },
    ]
    for (i, function) in functions.enumerated() {
      let counter = Counter()
      let fast = compile(options: options([[0: "rows"]])) { (x: Tensor) in
        counter.count += 1
        return function(x)
      }
      for rows in [5, 6, 10, 21, 40, 16, 5, 40, 1] {
        let x = Tensor.randn([rows], dtype: .float64, generator: Generator(seed: 7))
        #expect(difference(fast(x), function(x)) < 1e-12, "\(i), \(rows) rows")
      }
      let before = counter.count
      for rows in [5, 6, 10, 21, 40, 16, 1] { _ = fast(Tensor.zeros([rows], dtype: .float64)) }
      #expect(counter.count == before, "\(i)")
    }
  }

  /// Remainders and equal sizes, which agree at both ends of a range and differ inside.
  @Test func whatDiffersBetweenTheEndsIsSeen() throws {
    let one: [@Sendable (Tensor) -> Tensor] = [
      { $0.size(0) % 4 == 0 ? $0.sum() * 2 : $0.sum() }, { $0.size(0) % 3 == 2 ? $0.sum() * 2 : $0.sum() },
    ]
    for (i, function) in one.enumerated() {
      for dim in [Dim("n"), Dim("n", 3...12)] {
        for first in 3...9 {
          let fast = compile(options: options([[0: dim]])) { (x: Tensor) in function(x) }
          for n in [first, 4, 5, 8, 11, 12, 3, 6, 7] {
            let x = Tensor.ones([n], dtype: .float64)
            #expect(difference(fast(x), function(x)) == 0, "\(i) at \(n) after \(first)")
          }
        }
      }
    }
    func two(_ q: Tensor, _ k: Tensor) -> Tensor { q.size(0) == k.size(0) ? (q * 2).sum() + k.sum() : q.sum() + k.sum() }
    for (a, b) in [(4, 6), (6, 4), (5, 9), (3, 3)] {
      let fast = compile(options: options([[0: "a"], [0: "b"]])) { (q: Tensor, k: Tensor) in two(q, k) }
      for (m, n) in [(a, b), (7, 7), (5, 5), (6, 8), (6, 6), (2, 2)] {
        let q = Tensor.ones([m], dtype: .float64), k = Tensor.ones([n], dtype: .float64)
        #expect(difference(fast(q, k), two(q, k)) == 0, "\(m), \(n) after \(a), \(b)")
      }
    }
  }

  /// A range says what may come, not what the machine holds.
  @Test func rangesMayBeLargerThanMemory() throws {
    let fast = compile(options: options([[0: Dim("batch", 1...1_000_000_000)]])) { (x: Tensor) in (x * 2).sum(1) }
    for rows in [3, 9] {
      let x = Tensor.ones([rows, 4, 100])
      #expect(difference(fast(x), (x * 2).sum(1)) == 0)
    }
  }

  @Test func controlFlowHasDynamicSizes() throws {
    let counter = Counter()
    let function = { (x: Tensor) -> Tensor in
      let y = cond(x.sum() .> 0, [x], then: { [$0[0].reshape(-1).reshape([x.size(0), 3]) * 2] }, else: { [-$0[0]] })[0]
      return scan([Tensor.zeros([3])], over: [y]) { carry, slices in ([carry[0] + slices[0]], [carry[0] * slices[0]]) }.results[0]
    }
    let fast = compile(options: options([[0: "time"]])) { (x: Tensor) in
      counter.count += 1
      return function(x)
    }
    for rows in [5, 8, 4] {
      for sign in [1.0, -1] {
        let x = Tensor.rand([rows, 3], generator: Generator(seed: 8)) * sign
        #expect(difference(noGrad { fast(x) }, function(x)) < 1e-5)
      }
    }
    #expect(counter.count == 6 && fast.graphs.count == 1, "\(counter.count) \(fast.function.dynamicRefusals)")
  }

  @Test func declarationsThatDoNotFitAreErrors() {
    let fast = compile(options: options([[0: "n"], [0: "n"]])) { (x: Tensor, y: Tensor) in x + y }
    func message(_ body: () -> Tensor) -> String {
      do {
        _ = try catchingErrors { body() }
        return ""
      } catch { return "\(error)" }
    }
    #expect(message { fast(Tensor.zeros([3]), Tensor.zeros([4])) }.contains("'n' is 3 and 4"))
    #expect(message { fast(Tensor.zeros([]), Tensor.zeros([4])) }.contains("dimension 0 ('n') of input 0"))
    let two = compile(options: options([[0: "n"], [0: "n"]])) { (x: Tensor) in x }
    #expect(message { two(Tensor.zeros([3])) }.contains("dynamic dimensions for 2 inputs of 1"))
  }

  @Test func numbersAreFittedByPolynomials() {
    let sizes = CaptureSizes(base: [2, 5], steps: [1, -1])
    func samples(_ number: (Int, Int) -> Int) -> [Int] { (0..<sizes.captureCount).map { number(sizes.sizes($0)[0], sizes.sizes($0)[1]) } }
    #expect(sizes.polynomial(samples { $0 * $1 })?.terms == [3: 1])
    #expect(sizes.polynomial(samples { 3 * $0 - 2 * $1 + 7 })?.terms == [0: 7, 1: 3, 2: -2])
    #expect(sizes.polynomial(samples { _, _ in 4 })?.terms == [0: 4])
    #expect(sizes.polynomial(samples { a, _ in a * a }) == nil)
    #expect(sizes.polynomial(samples { $0 * $1 / 2 }) == nil)
    #expect(sizes.polynomial(samples { 3 * $0 - $1 + 4 * $0 * $1 - 7 })?.description(["a", "b"]) == "4·a·b - b + 3·a - 7")
  }

  @Test func factorsAreFoundAndFractionsThatFollowFromNothingAreNot() {
    let sizes = CaptureSizes(base: [6], steps: [1])
    func foretold(_ number: (Double) -> Double) -> Double? {
      NumberRule((0..<sizes.captureCount).map { .real(number(Double(sizes.sizes($0)[0]))) }, sizes)?([40])?.doubleValue
    }
    let known: [(Double) -> Double] = [
      { $0 }, { 1 / $0 }, { 1 / (3 * $0 - 2) }, { $0 / ($0 - 1) }, { (12 * $0 - 1) / (12 * $0) }, { 0.3 / $0 }, { 2.5 * $0.squareRoot() },
      { 0.7 / $0.squareRoot() }, { 0.3 * (1 / $0) }, { 1e-3 * $0 },
    ]
    for (i, number) in known.enumerated() {
      #expect(foretold(number).map { $0 == number(40) } == true, "\(i)")
    }
    // As elements of float32, where 1 / 3,000,000 does not say which of several numbers it was made of.
    for count in [24.0, 3_000_000] {
      let samples = (0..<sizes.captureCount).map { Double(1 / Float(Double(sizes.sizes($0)[0]) * count)) }
      let rule = NumberRule(samples.map { .real($0) }, sizes, roundedTo: .float32)
      #expect(rule?([40]).map { Float($0.doubleValue) } == 1 / Float(40 * count))
    }
    let unknown: [(Double) -> Double] = [
      { $0 * $0 }, { 1 / ($0 * $0) }, { min($0, 7) }, { $0.truncatingRemainder(dividingBy: 3) + 1 }, { 1 / $0 + 2 },
    ]
    for number in unknown { #expect(foretold(number) == nil) }
  }
}
