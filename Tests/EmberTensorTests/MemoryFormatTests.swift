import EmberRuntime
import EmberTensor
import Testing

@Suite struct MemoryFormatTests {
  @Test func channelsLastIsAnotherOrderOfTheSameValue() {
    let x = Tensor.arange(0, 120).to(.float32).reshape([2, 3, 4, 5]).requiringGrad()
    let last = x.contiguous(memoryFormat: .channelsLast)
    #expect(last.strides.array == [60, 1, 15, 3] && !last.isContiguous)
    #expect(last.isContiguous(memoryFormat: .channelsLast) && !x.isContiguous(memoryFormat: .channelsLast))
    #expect(last.elements(as: Float.self) == x.elements(as: Float.self))
    #expect(last.permute(0, 2, 3, 1).isContiguous)
    // Itself if it lies so already, and back again.
    #expect(last.contiguous(memoryFormat: .channelsLast).storageAddress == last.storageAddress)
    #expect(last.to(memoryFormat: .contiguous).isContiguous)
    (last * last).sum().backward()
    #expect(x.grad!.elements(as: Float.self) == (x * 2).elements(as: Float.self))
    let volume = Tensor.rand([2, 3, 2, 4, 5]).contiguous(memoryFormat: .channelsLast)
    #expect(volume.strides.array == [120, 1, 60, 15, 3])
  }

  @Test func oneChannelOrOnePlaceLiesInBoth() {
    for shape in [[2, 1, 3, 4], [2, 3, 1, 1], [0, 3, 4, 5]] {
      let x = Tensor.zeros(shape)
      #expect(x.isContiguous(memoryFormat: .channelsLast) && x.isContiguous(memoryFormat: .contiguous), "\(shape)")
      #expect(x.contiguous(memoryFormat: .channelsLast).isContiguous, "\(shape)")
    }
  }

  @Test func otherRanksAreErrors() throws {
    let error = #expect(throws: EmberError.self) { try catchingErrors { Tensor.zeros([2, 3]).contiguous(memoryFormat: .channelsLast) } }
    #expect(error?.kind == .shape && "\(error!)".contains("float32[2, 3]"))
  }

  /// The CPU gives the same numbers for both, row-major.
  @Test func layersTakeBoth() {
    let generator = Generator(seed: 3)
    let x = Tensor.randn([2, 4, 6, 6], generator: generator), w = Tensor.randn([5, 4, 3, 3], generator: generator)
    let plain = x.conv2d(w, padding: 1).batchNorm().output.relu().maxPool2d(2)
    let last = x.contiguous(memoryFormat: .channelsLast).conv2d(w, padding: 1).batchNorm().output.relu().maxPool2d(2)
    #expect(last.isContiguous && last.elements(as: Float.self) == plain.elements(as: Float.self))
  }
}
