import EmberCUDA
import EmberFunctional
import EmberLinearAlgebra
import EmberRuntime
import EmberTensor
import Testing

/// The device as a user meets it: memory, errors, streams, recordings, kernels of one's own.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct DeviceTests {
  private func message(_ body: () throws -> Void) -> String {
    do {
      try catchingErrors(body)
      return ""
    } catch { return "\(error)" }
  }

  @Test func valuesComeBack() {
    let x = Tensor.arange(12).reshape([3, 4]).to(.float32)
    let y = x.to(.cuda)
    #expect(y.device == .cuda)
    #expect(
      (y.transpose(0, 1) * 2 + y.transpose(0, 1)).to(.cpu).elements(as: Float.self) == (x.transpose(0, 1) * 3).elements(as: Float.self))
  }

  @Test func gradientsFlowThroughTransfers() {
    let x = Tensor([1, 2, 3] as [Float]).requiringGrad()
    (x.to(.cuda) * x.to(.cuda)).sum().backward()
    #expect(x.grad?.elements(as: Float.self) == [2, 4, 6])
  }

  @Test func aMissingDeviceIsAnError() {
    let text = message { _ = Tensor.zeros([2], on: .cuda(200)) }
    #expect(text.contains("cuda:200"))
    #expect(Tensor.ones([2], on: .cuda).sum().item() == 2)
  }

  @Test func aBadIndexIsAnErrorAtTheEndOfItsScope() {
    let x = Tensor.arange(5).to(.float32).to(.cuda)
    let text = message { _ = x.gather(dim: 0, index: Tensor([1, 7] as [Int64]).to(.cuda)) }
    #expect(text.contains("gather"))
    #expect(text.contains("7"))
    #expect(text.contains("5"))
    // The process goes on, and the error is not found twice.
    #expect(x.gather(dim: 0, index: Tensor([1, 3] as [Int64]).to(.cuda)).to(.cpu).elements(as: Float.self) == [1, 3])
  }

  @Test func aBadIndexStaysInItsScope() {
    struct Mine: Error {}
    let x = Tensor.arange(5).to(.float32).to(.cuda), bad = Tensor([9] as [Int64]).to(.cuda)
    let text = message {
      _ = x.gather(dim: 0, index: bad)
      throw Mine()
    }
    #expect(text.contains("gather"))
    #expect(message { _ = x.sum().item() } == "")
  }

  @Test func whatTheCPUDoesInsteadSaysWhatIsWrong() {
    let x = Tensor.eye(3).to(.cuda), pivots = Tensor([1, 7, 3] as [Int32]).to(.cuda)
    let text = message { _ = Linalg.ldlSolve(x, pivots, x) }
    #expect(text.contains("between 1 and 3"), "\(text)")
    #expect(!text.contains("no kernel"))
  }

  @Test func aPivotOutsideOfItsMatrixIsAnError() {
    let x = Tensor.eye(3).to(.cuda), pivots = Tensor([1, 7, 3] as [Int32]).to(.cuda)
    let text = message { _ = Linalg.luSolve(x, pivots, x) }
    #expect(text.contains("linalg.lu_solve") && text.contains("7") && text.contains("dimension of 3"), "\(text)")
  }

  /// More rows than a launch of the kernel for integers has; the last one counts.
  @Test func productsOfManyRows() {
    let rows = 65535 * 16 + 5
    let x = Tensor.arange(rows).reshape([rows, 1]).to(.int32).to(.cuda)
    let y = x.matmul(Tensor([[3]] as [[Int32]]).to(.cuda))
    let last = y.narrow(0, start: rows - 2, length: 2).to(.cpu).elements(as: Int32.self)
    let expected: [Int32] = [Int32(3 * (rows - 2)), Int32(3 * (rows - 1))]
    #expect(last == expected)
  }

  @Test func beyondTheCapIsAnErrorWithNumbers() {
    let kept = Tensor.zeros([1 << 18], on: .cuda)
    CUDA.setMemoryCap(CUDA.memoryStatistics().liveBytes + 4096)
    defer { CUDA.setMemoryCap(0) }
    let text = message { _ = Tensor.zeros([1 << 20], on: .cuda) }
    #expect(text.contains("4194304 bytes"))
    #expect(text.contains("cuda:0"))
    #expect(kept.sum().item() == 0)
  }

  @Test func memoryIsUsedAgain() {
    _ = Tensor.ones([1000], on: .cuda) + 1
    let before = CUDA.memoryStatistics()
    for _ in 0..<10 { _ = Tensor.ones([1000], on: .cuda) + 1 }
    let after = CUDA.memoryStatistics()
    #expect(after.deviceAllocations == before.deviceAllocations)
    #expect(after.liveBytes == before.liveBytes)
    #expect(after.cacheHits > before.cacheHits)
  }

  @Test func aNumberOnTheCPUJoinsATensorOnTheDevice() {
    let x = Tensor([1, 2] as [Float]).to(.cuda)
    #expect((x * Tensor(3.0)).to(.cpu).elements(as: Float.self) == [3, 6])
    let text = message { _ = x * Tensor([1, 2] as [Float]) }
    #expect(text.contains("different devices"))
  }

  @Test func aKernelOfOnesOwn() throws {
    let saxpy = CUDAKernel(
      "saxpy",
      source: """
        __global__ void saxpy(const f32 *x, const f32 *y, f32 *z, f32 a, i64 count) {
          const i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
          if (i < count) z[i] = a * x[i] + y[i];
        }
        """)
    let x = Tensor.arange(300).to(.float32).to(.cuda)
    let z = saxpy([x, x + 1], results: [(x.shape, .float32)], numbers: [.float32(2), .int64(300)], blocks: 2, threads: 256)[0]
    #expect(z.to(.cpu).elements(as: Float.self) == (0..<300).map { Float(3 * $0 + 1) })
    let broken = CUDAKernel("broken", source: "__global__ void broken(f32 *x) { x[0] = nonsense; }")
    let text = message { _ = broken([x], results: [], blocks: 1, threads: 32) }
    #expect(text.contains("nonsense"))
    #expect(x.sum().item() == 44850)
  }

  @Test func aRecordingRunsAgainWithNewInputs() throws {
    let x = Tensor([1, 2, 3] as [Float]).to(.cuda)
    func step() -> Tensor { (x * 2 + 1).exp().log() }
    var result = step()
    let graph = try CUDAGraph { result = step() }
    graph.replay()
    #expect(zip(result.to(.cpu).elements(as: Float.self), [3, 5, 7] as [Float]).allSatisfy { abs($0 - $1) < 1e-5 })
    graph.copy(Tensor([10, 20, 5] as [Float]), into: x)
    graph.replay()
    #expect(zip(result.to(.cpu).elements(as: Float.self), [21, 41, 11] as [Float]).allSatisfy { abs($0 - $1) < 1e-4 })
    let text = message { _ = try CUDAGraph { _ = x.sum().item() } }
    #expect(text.contains("CAPTURE") || text.contains("record"))
    #expect((x + 1).sum().item() == 38)
  }

  /// What reports bad indices can be recorded, and reports when it runs again.
  @Test func aRecordingReportsBadIndices() throws {
    let x = Tensor.arange(5).to(.float32).to(.cuda), index = Tensor([1, 2] as [Int64]).to(.cuda)
    var result = x.gather(dim: 0, index: index)
    let graph = try CUDAGraph { result = x.gather(dim: 0, index: index) }
    graph.replay()
    #expect(result.to(.cpu).elements(as: Float.self) == [1, 2])
    graph.copy(Tensor([4, 8] as [Int64]), into: index)
    #expect(message { graph.replay() }.contains("8"))
  }

  /// Memory of a recording that is gone goes back to the device when the last result does.
  @Test func aRecordingGivesItsMemoryBack() throws {
    let x = Tensor.ones([1000]).to(.cuda)
    _ = x * 2
    let before = CUDA.memoryStatistics()
    do {
      var result = x
      let graph = try CUDAGraph { result = x * 2 }
      graph.replay()
      #expect(result.sum().item() == 2000)
    }
    let after = CUDA.memoryStatistics()
    #expect(after.liveBytes == before.liveBytes)
    #expect(after.cachedBytes <= before.cachedBytes + 4096)
  }

  @Test func streamsAndEvents() throws {
    let x = Tensor.ones([1000]).to(.cuda)
    let start = try CUDAEvent()
    let end = try CUDAEvent()
    let stream = try CUDAStream()
    start.record()
    stream.wait(for: start)
    let y = stream.run {
      let y = x * 2
      end.record()
      return y
    }
    stream.synchronize()
    end.synchronize()
    #expect(end.hasHappened)
    #expect(end.seconds(since: start) >= 0)
    #expect(y.to(.cpu).elements(as: Float.self) == Array(repeating: 2, count: 1000))
  }

  @Test func randomNumbersRepeatFromASeed() {
    func draw(_ seed: UInt64) -> [Float] {
      Tensor.randn([100], on: .cuda, generator: Generator(seed: seed, device: .cuda)).to(.cpu).elements(as: Float.self)
    }
    #expect(draw(7) == draw(7))
    #expect(draw(7) != draw(8))
  }
}
