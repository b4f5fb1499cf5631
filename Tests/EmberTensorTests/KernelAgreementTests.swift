import EmberCPU
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

/// Whether two tensors hold the same bits, but for the sign of zeros.
private func same(_ a: Tensor, _ b: Tensor) -> Bool { a.shape == b.shape && (a .== b).all().item(as: Bool.self) }

/// Places in 0 ..< size, scattered, some of them more than once.
private func places(_ count: Int, below size: Int) -> Tensor {
  Pointwise.remainder(Tensor.arange(count) * 7_368_787 + 12_345, Tensor(.integer(Int64(size))))
}

@Suite struct KernelAgreementTests {
  /// Matrices of 16-bit floats, whose panels end anywhere, in all layouts.
  @Test(arguments: [[1, 1, 1], [3, 5, 7], [14, 32, 31], [15, 33, 64], [29, 100, 513], [129, 65, 2], [200, 17, 1030], [2, 300, 40], [64, 64, 0]])
  func productsOf16Bits(_ extents: [Int]) throws {
    let (m, n, k) = (extents[0], extents[1], extents[2])
    for dtype in [DType.bfloat16, .float16] {
      let a = numbers([m, k], seed: 1).to(dtype), b = numbers([k, n], seed: 2).to(dtype)
      let layouts = [(a, b), (a.mT.contiguous().mT, b), (a, b.mT.contiguous().mT), (a.mT.contiguous().mT, b.mT.contiguous().mT)]
      let expected = a.to(.float64).matmul(b.to(.float64))
      // One rounding to 16 bits, and sums of numbers up to 2 in float32.
      let tolerance = (dtype == .bfloat16 ? 0x1p-8 : 0x1p-11) * 1.01
      for set in CPU.InstructionSet.allCases {
        for (x, y) in layouts {
          guard let actual = CPU.with(set, { x.matmul(y) }) else { continue }
          #expect(actual.dtype == dtype)
          let error = (actual.to(.float64) - expected).abs() - expected.abs() * tolerance
          #expect(error.amax().item() <= 4e-6 * Double(k + 1).squareRoot(), "\(extents) \(dtype) \(set)")
        }
      }
    }
  }

  @Test func linearLayersOf16BitsAddTheirBias() throws {
    let x = numbers([3, 19, 70], seed: 1), w = numbers([45, 70], seed: 2), bias = numbers([45], seed: 3)
    for dtype in [DType.bfloat16, .float16] {
      let inputs = [x, w, bias].map { $0.to(dtype).requiringGrad() }
      let wide = inputs.map { $0.detach().to(.float64).requiringGrad() }
      let expected = wide[0].linear(wide[1], wide[2])
      expected.backward(expected.detach())
      for set in CPU.InstructionSet.allCases {
        _ = CPU.with(set) {
          let y = inputs[0].linear(inputs[1], inputs[2])
          let gradients = grad(of: [y], with: inputs, gradients: [expected.detach().to(dtype)])
          for (a, b) in zip([y] + gradients, [expected] + wide.map { $0.grad! }) {
            #expect((a.to(.float64) - b).abs().amax().item() <= 0x1p-7 * b.abs().amax().item(), "\(dtype) \(set)")
          }
        }
      }
    }
  }

  /// Results large enough to be stored past the cache, with rows that end anywhere and rows that end on a cache line.
  @Test(arguments: [[2049, 1024], [701, 3001]])
  func largeRowsAreNormalized(_ shape: [Int]) throws {
    let x = numbers(shape, seed: 1).to(.float32), w = numbers([shape[1]], seed: 2).to(.float32), g = numbers(shape, seed: 3).to(.float32)
    func results() -> [Tensor] {
      let inputs = [x, w, w * 0.5].map { $0.detach().requiringGrad() }
      let y = inputs[0].layerNorm([shape[1]], weight: inputs[1], bias: inputs[2])
      let z = (inputs[0] * 3 + 1).gelu()
      let others = [z, inputs[0].softmax(1), inputs[0].logSoftmax(1)]
      return [y] + others + grad(of: [y], with: inputs, gradients: [g])
        + others.map { grad(of: [$0], with: [inputs[0]], gradients: [g])[0] }
    }
    let expected = try #require(CPU.with(.scalar, results))
    for set in CPU.InstructionSet.allCases where set != .scalar {
      guard let actual = CPU.with(set, results) else { continue }
      for (a, b) in zip(actual, expected) {
        #expect((a - b).abs().amax().item() <= 3e-5 * Swift.max(1, b.abs().amax().item()), "\(set)")
      }
    }
  }

  /// GELU over its whole range, both tails: its own scale is where the normal distribution's tail is.
  @Test func geluKeepsItsTails() throws {
    let x = Tensor.arange(-9000, 9001).to(.float32) / 1000
    let wide = x.to(.float64).requiringGrad()
    // x Φ(x) with Φ(x) = erfc(-x / √2) / 2, which keeps its relative accuracy in the lower tail.
    let expected = wide * (wide * -0.70710678118654752440).erfc() * 0.5
    let slope = grad(of: [expected], with: [wide], gradients: [Tensor.ones(like: expected)])[0]
    for set in CPU.InstructionSet.allCases where set != .scalar {
      _ = CPU.with(set) {
        let input = x.requiringGrad()
        let y = input.gelu()
        let own = grad(of: [y], with: [input], gradients: [Tensor.ones(like: y)])[0]
        let relative = (y.to(.float64) - expected).abs() / (expected.abs() + 1e-30)
        #expect(relative.maskedFill(x .== 0, 0).amax().item() < 4e-6, "\(set)")
        #expect((own.to(.float64) - slope).abs().amax().item() < 4e-7, "\(set)")
      }
    }
    for (value, y) in [(Float.infinity, Float.infinity), (0, 0), (-0.0, 0)] {
      #expect(Tensor([value]).gelu().item(as: Float.self) == y)
    }
    #expect((Tensor([Float.nan]).gelu().item(as: Float.self)).isNaN)
  }

  /// Scatter into a target larger than the caches, where elements are first divided by where they go: the same bits as one by one.
  @Test(arguments: [DType.float32, .float64, .int64, .float16, .uint8])
  func scatterDividesItsElements(_ dtype: DType) throws {
    let count = 700_003, size = dtype == .uint8 ? 4_500_001 : 2_200_001
    let index = places(count, below: size)
    let source = (Pointwise.remainder(Tensor.arange(count) * 31, Tensor(.integer(101))) - 20).to(dtype)
    let wide = Tensor.zeros([size], dtype: dtype)
    let target = wide.scatterAdd(dim: 0, index: index, source: source)
    // In many short pieces nothing is divided.
    var expected = wide
    for start in stride(from: 0, to: count, by: 100_000) {
      let length = Swift.min(100_000, count - start)
      expected = expected.scatterAdd(
        dim: 0, index: index.narrow(0, start: start, length: length), source: source.narrow(0, start: start, length: length))
    }
    #expect(same(target, expected))
    let set = wide.scatter(dim: 0, index: index, source: source)
    var oneByOne = wide
    for start in stride(from: 0, to: count, by: 100_000) {
      let length = Swift.min(100_000, count - start)
      oneByOne = oneByOne.scatter(
        dim: 0, index: index.narrow(0, start: start, length: length), source: source.narrow(0, start: start, length: length))
    }
    #expect(same(set, oneByOne))
  }

  /// Every family of kernels, with 1, 2 and 4 threads. In a process of its own, because the number of threads is one for the whole process.
  @Test func theNumberOfThreadsDoesNotShow() async {
    await #expect(processExitsWith: .success) {
      for (name, run) in families {
        CPU.threadCount = 1
        let expected = run()
        for count in [2, 4] {
          CPU.threadCount = count
          let actual = run()
          #expect(actual.count == expected.count)
          for (i, (a, b)) in zip(actual, expected).enumerated() { #expect(same(a, b), "\(name), result \(i), \(count) threads") }
        }
      }
    }
  }
}

/// Results and gradients.
private func differentiated(_ inputs: [Tensor], _ function: ([Tensor]) -> Tensor) -> [Tensor] {
  let leaves = inputs.map { $0.requiringGrad() }
  let y = function(leaves)
  return [y.detach()] + grad(of: [y], with: leaves, gradients: [numbers(Array(y.shape), seed: 77).to(y.dtype)])
}

private let families: [(String, @Sendable () -> [Tensor])] = [
  ("products", {
    let a = numbers([300, 257], seed: 1).to(.float32), b = numbers([257, 190], seed: 2).to(.float32)
    return differentiated([a, b]) { $0[0].matmul($0[1]) } + differentiated([a, b].map { $0.to(.bfloat16) }) { $0[0].matmul($0[1]) }
      + differentiated([numbers([40, 33, 65], seed: 3).to(.float32), numbers([40, 65, 20], seed: 4).to(.float32)]) { $0[0].matmul($0[1]) }
  }),
  ("convolutions", {
    differentiated([numbers([4, 32, 16, 16], seed: 1).to(.float32), numbers([40, 32, 3, 3], seed: 2).to(.float32)]) {
      $0[0].conv2d($0[1], padding: 1)
    }
      + differentiated([numbers([4, 32, 15, 17], seed: 1).to(.float32), numbers([40, 32, 3, 3], seed: 2).to(.float32)]) {
        $0[0].conv2d($0[1], stride: 2, padding: 1)
      }
      + differentiated([numbers([8, 24, 14, 14], seed: 1).to(.float32), numbers([24, 1, 3, 3], seed: 2).to(.float32)]) {
        $0[0].conv2d($0[1], padding: 1, groups: 24)
      }
  }),
  ("reductions", {
    let x = numbers([513, 1025], seed: 1).to(.float32)
    return [x.sum(), x.sum(0), x.sum(1), x.mean(), x.amax([0]), x.argmax(1), x.prod(1), x.var([0]), x.norm(), x.logSumExp([1])]
  }),
  ("softmax and cross-entropy", {
    differentiated([numbers([300, 1000], seed: 1).to(.float32)]) { $0[0].softmax(1) }
      + differentiated([numbers([50, 300, 40], seed: 1).to(.float32)]) { $0[0].logSoftmax(1) }
      + differentiated([numbers([300, 1000], seed: 1).to(.float32)]) { $0[0].crossEntropy(places(300, below: 1000)) }
  }),
  ("norms", {
    let w = numbers([1024], seed: 2).to(.float32)
    return differentiated([numbers([700, 1024], seed: 1).to(.float32), w, w]) { $0[0].layerNorm([1024], weight: $0[1], bias: $0[2]) }
      + differentiated([numbers([16, 64, 12, 12], seed: 1).to(.float32)]) { $0[0].groupNorm(8) }
      + differentiated([numbers([16, 64, 12, 12], seed: 1).to(.float32)]) { $0[0].batchNorm().output }
      + differentiated([numbers([2000, 300], seed: 1).to(.float32)]) { $0[0].batchNorm().output }
  }),
  ("pointwise", {
    differentiated([numbers([2_200_000], seed: 1).to(.float32)]) { ($0[0] * 2).gelu() + $0[0].tanh() }
      + differentiated([numbers([1000, 700], seed: 1).to(.float32), numbers([700], seed: 2).to(.float32)]) { $0[0] * $0[1] }
  }),
  ("scatter, gather and embedding", {
    let x = numbers([600_000], seed: 1).to(.float32), index = places(600_000, below: 1_100_000)
    return differentiated([Tensor.zeros([1_100_000]), x]) { $0[0].scatterAdd(dim: 0, index: index, source: $0[1]) }
      + differentiated([x]) { $0[0].gather(dim: 0, index: places(400_000, below: 600_000)) }
      + differentiated([numbers([1000, 64], seed: 1).to(.float32)]) { places(5000, below: 1000).embedding($0[0]) }
      + [x[x .> 0.1], x.sort().values, x.topk(100).values]
  }),
  ("scans", {
    let x = numbers([1_000_003], seed: 1).to(.float32)
    return differentiated([x]) { $0[0].cumsum(0) } + [numbers([300, 900], seed: 2).to(.float32).cumsum(0), x.cummax(0).values]
  }),
  ("optimizers", {
    var results: [Tensor] = []
    for make in [
      { SGD($0, learningRate: 0.1, momentum: 0.9) as any Optimizer }, { Adam($0, learningRate: 0.01) }, { AdamW($0, learningRate: 0.01) },
    ] as [([StateCell]) -> any Optimizer] {
      let cells = [70_001, 300, 1].map { StateCell(numbers([$0], seed: 3).to(.float32), isParameter: true) }
      let optimizer = make(cells)
      for _ in 0..<3 {
        for cell in cells { cell.grad = cell.value.detach() * 0.3 + 0.1 }
        optimizer.step()
      }
      results += cells.map { $0.value.detach() }
    }
    return results
  }),
]
