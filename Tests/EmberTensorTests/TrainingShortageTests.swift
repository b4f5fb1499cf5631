import EmberCPU
import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

/// A training step that runs out of memory anywhere leaves parameters, running statistics and the optimizer as they were before it.
@Suite struct TrainingShortageTests {
  @Test func aFailedStepChangesNothing() async {
    await #expect(processExitsWith: .success) {
      let model = Sequential {
        Conv2d(1, 8, kernelSize: 3); BatchNorm2d(8); ReLU(); Flatten(); Linear(8 * 10 * 10, 5)
      }
      let optimizer = Adam(model.parameters(), learningRate: 0.01)
      // Few enough for one thread, as others would keep blocks of their own in their caches; more than a thread keeps to itself untold.
      let images = Tensor.randn([32, 1, 12, 12], generator: Generator(seed: 1)),
        labels = Tensor.randint(0, 5, [32], generator: Generator(seed: 2))
      func step() throws {
        try catchingErrors {
          optimizer.zeroGrad()
          model(images).crossEntropy(labels).backward()
          optimizer.step()
        }
      }
      func state() -> [String: [Double]] {
        let tensors = model.stateDict().map { ($0.name, $0.tensor) } + optimizer.stateDict().map { ("optimizer " + $0.0, $0.1) }
        return Dictionary(uniqueKeysWithValues: tensors.map { ($0, $1.elements(as: Double.self)) })
      }
      try step()
      CPU.releaseCachedMemory()
      CPU.resetPeakMemory()
      let start = CPU.memoryStatistics
      #expect(start.cachedBytes == 0 && start.peakLiveBytes == start.liveBytes, "\(start)")
      try step()
      let need = CPU.memoryStatistics.peakLiveBytes - start.liveBytes
      #expect(need > 0 && CPU.memoryStatistics.cachedBytes > 0, "\(need) of \(CPU.memoryStatistics)")
      var failures = 0
      for part in 0...60 {
        let before = state()
        CPU.releaseCachedMemory()
        let statistics = CPU.memoryStatistics
        CPU.setMemoryCap(statistics.liveBytes + statistics.cachedBytes + need * part / 20 + 1)
        let result = Result { try step() }
        CPU.setMemoryCap(0)
        guard case .failure(let error) = result else { continue }
        failures += 1
        #expect((error as? EmberError)?.kind == .memory, "part \(part): \(error)")
        #expect(state() == before, "part \(part)")
      }
      #expect(failures > 10 && failures < 61, "\(failures) failures")
    }
  }
}
