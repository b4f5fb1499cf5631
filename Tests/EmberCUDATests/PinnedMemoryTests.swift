import EmberCUDA
import EmberRuntime
import EmberTensor
import Testing

/// Copies that go on beside the CPU. The stand-in for the driver does such a copy only when somebody waits for it, or when the stream goes on.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct PinnedMemoryTests {
  private let numbers = Tensor.arange(1000).to(.float32)

  @Test func pinnedMemoryHoldsTheValues() {
    let pinned = numbers.reshape([10, 100]).transpose(0, 1).pinned()
    #expect(pinned.isPinned && !numbers.isPinned)
    #expect(pinned.device == .cpu)
    #expect(pinned.elements(as: Float.self) == numbers.reshape([10, 100]).transpose(0, 1).elements(as: Float.self))
    #expect(pinned.pinned().isPinned)
    #expect(pinned[3].isPinned)
  }

  @Test func whatWaitsIsThere() {
    let pinned = numbers.pinned()
    #expect(pinned.to(.cuda).to(.cpu).elements(as: Float.self) == numbers.elements(as: Float.self))
    #expect(pinned[5..<17].to(.cuda).to(.cpu).elements(as: Float.self) == (5..<17).map(Float.init))
  }

  @Test func theSourceLivesUntilItIsCopied() {
    var pinned = numbers.pinned()
    let onDevice = pinned.to(.cuda, nonBlocking: true)
    // A writer copies first; the memory of the tensor that is gone is not handed out before the copy is done.
    pinned += 1
    let other = Tensor.full([1000], -1).to(.float32).pinned()
    #expect((onDevice * 2).to(.cpu).elements(as: Float.self) == (numbers * 2).elements(as: Float.self))
    #expect(pinned.elements(as: Float.self) == (numbers + 1).elements(as: Float.self))
    #expect(other.elements(as: Float.self).allSatisfy { $0 == -1 })
  }

  @Test func manyInTurn() {
    // More copies under way than blocks that were pinned before.
    var results: [Tensor] = []
    for i in 0..<20 { results.append((numbers + Float(i)).pinned().to(.cuda, nonBlocking: true)) }
    CUDA.synchronize()
    for (i, result) in results.enumerated() {
      #expect(result.to(.cpu).elements(as: Float.self) == (numbers + Float(i)).elements(as: Float.self))
    }
  }

  @Test func aCopyToTheHostIsWaitedFor() {
    let x = numbers.to(.cuda)
    let copy = (x * 3).copyToHost()
    #expect(copy.value.isPinned)
    #expect(copy.isDone)
    #expect(copy.value.elements(as: Float.self) == (numbers * 3).elements(as: Float.self))
    // Nobody waits for this one.
    _ = (x * 4).copyToHost()
    #expect(numbers.copyToHost().value.elements(as: Float.self) == numbers.elements(as: Float.self))
    #expect(Tensor.zeros([0, 3], on: .cuda).copyToHost().value.shape == [0, 3])
  }

  @Test func bytesOfPinnedMemoryAreRead() throws {
    var pinned: Tensor? = numbers.pinned()
    let onDevice = try pinned!.withBytes { Tensor(bytes: $0, shape: [1000], dtype: .float32, on: .cuda) }
    pinned = nil
    _ = Tensor.full([1000], -1).to(.float32).pinned()
    #expect(onDevice.to(.cpu).elements(as: Float.self) == numbers.elements(as: Float.self))
  }

  /// A recording would copy from and to memory that others have by then.
  @Test func recordingsHaveNoCopies() throws {
    let x = numbers.to(.cuda), pinned = numbers.pinned()
    #expect(throws: EmberError.self) { try catchingErrors { _ = try CUDAGraph { _ = (x * 2).copyToHost() } } }
    #expect(throws: EmberError.self) { try catchingErrors { _ = try CUDAGraph { _ = pinned.to(.cuda, nonBlocking: true) * x } } }
    #expect((x * 2).copyToHost().value.elements(as: Float.self) == (numbers * 2).elements(as: Float.self))
  }

  @Test func aStreamMayGoBeforeItsCopies() throws {
    var stream: CUDAStream? = try CUDAStream()
    let onDevice = stream!.run { numbers.pinned().to(.cuda, nonBlocking: true) }
    stream!.synchronize()
    stream = nil
    _ = numbers.pinned()
    #expect(onDevice.to(.cpu).elements(as: Float.self) == numbers.elements(as: Float.self))
  }

  @Test func gradientsFlowThroughCopies() {
    let x = numbers.pinned().requiringGrad()
    (x.to(.cuda, nonBlocking: true) * 2).sum().backward()
    #expect(x.grad?.elements(as: Float.self).allSatisfy { $0 == 2 } == true)
  }

  @Test func onlyTheHostsMemoryIsPinned() {
    #expect(throws: EmberError.self) { try catchingErrors { _ = numbers.to(.cuda).pinned() } }
    #expect(throws: EmberError.self) { try catchingErrors { _ = numbers.pinned(for: .cpu) } }
  }
}
