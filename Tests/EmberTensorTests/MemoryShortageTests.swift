import EmberCPU
import EmberRuntime
import EmberTensor
import Testing

/// Memory that runs out anywhere in an operation, in particular where a kernel asks for memory to work in: an error, never the end of the
/// process or a wrong result. The cap is one for the whole process, so each test has a process of its own.
@Suite struct MemoryShortageTests {
  @Test func convolutionsAndPoolingsReportIt() async {
    await #expect(processExitsWith: .success) {
      for sample in KernelCase.convolutions + KernelCase.poolings {
        for dtype in [DType.float32, .float16] { Shortage.check("\(sample.name) \(dtype)") { sample.results(dtype) } }
      }
      let small = KernelCase.convolution([1, 2, 5, 5], [3, 2, 3, 3])
      _ = CPU.with(.scalar) { Shortage.check(small.name + ", scalar") { small.results(.float32) } }
    }
  }

  @Test func productsReportIt() async {
    await #expect(processExitsWith: .success) {
      for (a, b) in [([70, 150], [150, 130]), ([300, 40], [40, 3]), ([4, 300], [300, 200]), ([3, 20, 30], [3, 30, 25])] {
        for dtype in [DType.float32, .float16, .bfloat16] {
          Shortage.check("\(a) by \(b) \(dtype)") {
            [numbers(a).to(dtype).matmul(numbers(b, seed: 2).to(dtype)).elements(as: Double.self)]
          }
        }
      }
    }
  }

  @Test func normalizationsAndLossesReportIt() async {
    await #expect(processExitsWith: .success) {
      let cases = [
        KernelCase("layer_norm", [[60, 30], [30], [30]]) { $0[0].layerNorm([30], weight: $0[1], bias: $0[2]) },
        KernelCase("group_norm", [[4, 6, 5, 5], [6], [6]]) { $0[0].groupNorm(2, weight: $0[1], bias: $0[2]) },
        KernelCase("batch_norm", [[8, 3, 40, 40], [3], [3]]) { $0[0].batchNorm(weight: $0[1], bias: $0[2]).output },
        KernelCase("cross_entropy", [[9000, 10]]) { $0[0].crossEntropy(Tensor.randint(0, 10, [9000], generator: Generator(seed: 3))) },
        KernelCase("sort", [[50, 40]]) { $0[0].sort(1).values },
        KernelCase("topk", [[50, 40]]) { $0[0].topk(3).values },
        KernelCase("var", [[50, 40]]) { $0[0].var([0]) },
        KernelCase("cumsum of a transpose", [[50, 40]]) { $0[0].t().cumsum(0) },
      ]
      for sample in cases { Shortage.check(sample.name) { sample.results(.float32) } }
    }
  }
}

enum Shortage {
  /// Runs `body` under caps from nothing to what it needs: the same result as without a cap, or a memory error.
  static func check(_ name: String, _ body: () -> [[Double]]) {
    let expected = body()
    CPU.releaseCachedMemory()
    CPU.resetPeakMemory()
    let before = CPU.memoryStatistics.liveBytes
    _ = body()
    let need = CPU.memoryStatistics.peakLiveBytes - before
    var failures = 0
    let steps = 12
    for step in 0...steps {
      CPU.releaseCachedMemory()
      let statistics = CPU.memoryStatistics
      CPU.setMemoryCap(statistics.liveBytes + statistics.cachedBytes + need * step / steps + 1)
      let result = Result { try catchingErrors(body) }
      CPU.setMemoryCap(0)
      switch result {
      case .success(let values): #expect(values == expected, "\(name), step \(step)")
      case .failure(let error):
        failures += 1
        #expect((error as? EmberError)?.kind == .memory, "\(name), step \(step): \(error)")
      }
    }
    // Operations on nothing need next to nothing.
    if need > 4096 { #expect(failures > steps / 3, "\(name): \(failures) failures") }
  }
}
