import EmberCPU
import EmberRuntime
import EmberTensor
import Testing

@testable import EmberGraph

/// A reduction takes in what makes its input, and gives what it gave.
struct ReductionFusionTests {
  /// The function with all passes, with all but this one, and how many calls the first has.
  private func both(
    _ inputs: [Tensor], _ function: @escaping ([Tensor]) -> [Tensor]
  ) throws -> (fused: [Tensor], apart: [Tensor], calls: Int) {
    let graph = try noGrad { try capture(inputs, function) }
    let fused = try graph.optimized(verifying: true)
    let apart = try graph.optimized(GraphPass.all.filter { $0.name != "reduction fusion" })
    return (Executable(fused).run(inputs), Executable(apart).run(inputs), fused.callCount)
  }

  private func expectEqual(_ a: Tensor, _ b: Tensor, _ text: String) throws {
    #expect(a.shape == b.shape && a.dtype == b.dtype, "\(text)")
    let same = try a.withBytes { x in try b.withBytes { y in x.elementsEqual(y) } }
    #expect(same, "\(text): \(a) and \(b)")
  }

  @Test func resultsAreTheSameToTheLastBit() throws {
    let generator = Generator(seed: 1)
    let reductions: [(String, @Sendable (Tensor) -> Tensor)] = [
      ("sum", { $0.sum() }), ("mean", { $0.mean() }), ("amax", { $0.amax() }), ("amin", { $0.amin([-1]) }), ("sum -1", { $0.sum(-1) }),
      ("mean -1", { $0.mean(-1, keepDim: true) }), ("logsumexp", { $0.logSumExp([-1]) }), ("prod", { $0.prod() }),
      ("nansum", { $0.nansum() }),
    ]
    // One block, several, pieces of one row, many short rows, rows of all lengths around a block.
    for shape in [
      [7], [4096], [4097], [200_003], [3, 70_001], [3, 66_000], [2, 65_537], [15, 65_600], [5, 9000], [300, 13], [50, 64], [2, 3, 4095],
    ] {
      for dtype in [DType.float32, .float64, .float16] {
        if dtype == .float16, shape.reduce(1, *) > 10_000 { continue }
        let x = Tensor.randn(shape, generator: generator).to(dtype), y = Tensor.randn(shape, generator: generator).to(dtype)
        for (name, reduction) in reductions {
          let (fused, apart, calls) = try both([x, y]) { [reduction(($0[0] - $0[1]).abs() * 0.5 + 0.5)] }
          #expect(calls == 1, "\(name)")
          try expectEqual(fused[0], apart[0], "\(name) of \(dtype)\(shape)")
        }
      }
    }
  }

  @Test func everyInstructionSetAgreesAndThreadsDoNotMatter() throws {
    let x = Tensor.randn([3, 70_001], generator: Generator(seed: 2))
    let threads = CPU.threadCount
    defer { CPU.threadCount = threads }
    for set in CPU.InstructionSet.allCases {
      for count in [1, 3] {
        CPU.threadCount = count
        _ = try CPU.with(set) {
          let (fused, apart, _) = try both([x]) { [($0[0] * $0[0] + 1).sqrt().sum(1)] }
          try expectEqual(fused[0], apart[0], "\(set)")
        }
      }
    }
  }

  @Test func operandsOfOtherLayoutsAndDevicesOfShapesAlone() throws {
    let generator = Generator(seed: 3)
    let x = Tensor.randn([40, 30], generator: generator), row = Tensor.randn([30], generator: generator)
    let one = Tensor.randn([], generator: generator)
    for (i, function) in ([
      { [($0[0].permute([1, 0]) * 2 + 1).sum()] }, { [($0[0] + $0[1]).square().sum(-1)] }, { [(($0[0] - $0[2]) * $0[2]).sum()] },
      { [($0[0] .> 0).sum()] }, { [(($0[0] * 3).to(.int64) * 2).sum(-1)] }, { [(($0[0] * 2).exp() + $0[1]).amax()] },
    ] as [([Tensor]) -> [Tensor]]).enumerated() {
      let (fused, apart, calls) = try both([x, row, one], function)
      #expect(calls <= 3, "\(i)")
      try expectEqual(fused[0], apart[0], "\(i)")
    }
    // A sum over rows, a value that somebody else reads, and complex numbers stay as they are.
    for function in [
      { [($0[0] * 2 + 1).sum(0)] }, { all in
        let y = all[0].exp() * 2
        return [y.sum(), y]
      },
    ] as [([Tensor]) -> [Tensor]] {
      let (fused, apart, calls) = try both([x, row, one], function)
      #expect(calls == 2)
      for (a, b) in zip(fused, apart) { try expectEqual(a, b, "apart") }
    }
    let empty = try both([Tensor.zeros([0, 3]), row, one]) { [($0[0] * 2).sum(), ($0[0] + 1).sum(-1)] }
    try expectEqual(empty.fused[0], empty.apart[0], "empty")
    try expectEqual(empty.fused[1], empty.apart[1], "empty")
    let nan = Tensor([1, .nan, 3] as [Float])
    let (fused, apart, _) = try both([nan]) { [($0[0] * 2).amax(), ($0[0] + 1).nansum()] }
    for (a, b) in zip(fused, apart) { try expectEqual(a, b, "NaN") }
  }

  @Test func gradientsAreThoseOfTheFunction() throws {
    let x = Tensor.randn([64, 5], requiresGrad: true), y = Tensor.randn([64, 5])
    let fast = compile { (x: Tensor, y: Tensor) in ((x - y) * (x - y)).mean() + (x * y).sum() * 0.1 }
    func gradient(_ function: (Tensor, Tensor) -> Tensor) -> Tensor {
      x.grad = nil
      function(x, y).backward()
      return x.grad!
    }
    let a = gradient { fast($0, $1) }, b = gradient { x, y in ((x - y) * (x - y)).mean() + (x * y).sum() * 0.1 }
    #expect((a - b).abs().amax().item() < 1e-6)
  }
}
