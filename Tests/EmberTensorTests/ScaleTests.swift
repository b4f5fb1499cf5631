import EmberCPU
import EmberRuntime
import EmberTensor
import Testing

/// Memory that operations on long tensors need besides their operands: none may need a multiple of what it yields. `EMBER_SCALE` is the
/// number of elements: two million in an ordinary run, which every operation must also get through quickly, a hundred million in a deep one.
@Suite(.serialized) struct ScaleTests {
  /// An operation, and how many times the bytes of its float32 operand it may take, results included.
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let factor: Double
    let run: @Sendable (Tensor, Tensor) -> [Tensor]

    init(_ name: String, _ factor: Double, _ run: @escaping @Sendable (Tensor, Tensor) -> [Tensor]) {
      (testDescription, self.factor, self.run) = (name, factor, run)
    }
  }

  static let cases = [
    Case("reductions", 0.02) { x, _ in [x.sum(), x.mean(), x.amax(), x.argmax(), x.norm(), x.logSumExp([0])] },
    Case("reductions of rows and columns", 0.3) { x, _ in
      let rows = x.reshape([-1, 100])
      return [rows.sum(0), rows.sum(1), rows.amax([0]), rows.var([0]), rows.reshape([100, -1]).sum(0)]
    },
    Case("cumsum", 1.05) { x, _ in [x.cumsum(0)] },
    // Positions have 8 bytes; keys and positions once more while they are sorted.
    Case("sort", 7.05) { x, _ in
      let sorted = x.sort()
      return [sorted.values, sorted.indices]
    },
    Case("topk", 0.5) { x, _ in [x.topk(1000).values] },
    Case("gather", 1.05) { x, i in [x.gather(dim: 0, index: i)] },
    Case("indexSelect", 1.05) { x, i in [x.indexSelect(0, i)] },
    Case("scatterAdd", 1.05) { x, i in [x.scatterAdd(dim: 0, index: i, source: x)] },
    Case("boolean mask", 1.3) { x, _ in [x[x .> 0]] },
    Case("slices", 1.05) { x, _ in [x.slice(start: 10, end: -10, step: 2).contiguous()] },
    Case("cat", 1.05) { x, _ in [cat(x.chunk(64, dim: 0), dim: 0)] },
    Case("flip", 1.05) { x, _ in [x.flip(0)] },
    Case("softmax", 1.05) { x, _ in [x.softmax(0)] },
    Case("where", 1.3) { x, _ in [`where`(x .> 0, x, Tensor(0.5))] },
  ]

  private static let count = FuzzTests.setting("EMBER_SCALE", 2_000_000)

  /// Bytes that `body` takes at most besides what was there before, results included.
  private func bytes(_ body: () -> [Tensor]) -> Int {
    let before = CPU.memoryStatistics.liveBytes
    CPU.resetPeakMemory()
    let results = body()
    return withExtendedLifetime(results) { CPU.memoryStatistics.peakLiveBytes - before }
  }

  /// In a process of its own: memory is counted for all of it.
  @Test func memoryGrowsAsTheResultsDo() async {
    await #expect(processExitsWith: .success) {
      let n = ScaleTests.count
      let x = Tensor.uniform([n], -1, 1, dtype: .float32, generator: Generator(seed: 1))
      let index = Tensor.randint(0, n, [n], generator: Generator(seed: 2))
      for sample in ScaleTests.cases {
        let taken = ScaleTests().bytes { sample.run(x, index) }
        // Scratch memory of a fixed size comes on top.
        let allowed = Int(sample.factor * Double(4 * n)) + 80 << 20
        #expect(taken <= allowed, "\(sample.testDescription): \(taken >> 20) MiB for an operand of \((4 * n) >> 20) MiB; \(allowed >> 20) allowed")
      }
      let printed = ScaleTests().bytes {
        #expect("\(x)".count < 10_000)
        #expect("\(x.reshape([-1, 10]))".count < 20_000)
        return []
      }
      #expect(printed <= 1 << 20, "printing: \(printed) bytes")
    }
  }
}
