import EmberNN
import EmberRuntime
import EmberTensor
import Testing

/// Rules of PyTorch's layers that are easily got wrong; each was.
@Suite struct LayerRules {
  /// Frequencies scale the table's gradient, not that of the elements' own weights.
  @Test func frequenciesScaleTheTableAlone() {
    let layer = EmbeddingBag(3, 2, scalesGradientByFrequency: true, mode: .sum)
    layer.weight = Tensor([[1.0, 2], [3, 4], [5, 6]])
    let weights = Tensor([1.0, 2, 4], requiresGrad: true)
    layer(Tensor([1, 1, 2]), Tensor([0]), perSampleWeights: weights).sum().backward()
    #expect(weights.grad?.elements(as: Double.self) == [7, 7, 11])
    #expect(layer.$weight.grad?.elements(as: Double.self) == [0, 0, 1.5, 1.5, 4, 4])
  }

  /// At most half of the kernel, whose gaps do not count.
  @Test func paddingOfDilatedPoolings() {
    let x = Tensor.zeros([1, 1, 9, 9])
    #expect(throws: EmberError.self) { try catchingErrors { _ = MaxPool2d(3, stride: 1, padding: 2, dilation: 2)(x) } }
    #expect(MaxPool2d(3, stride: 1, padding: 1, dilation: 2)(x).shape == [1, 1, 7, 7])
  }

  @Test func aReLULetsTheGradientOfNaNThrough() {
    let x = Tensor([Double.nan, -1, 0, 1], requiresGrad: true)
    (x.relu() * Tensor([2.0, 3, 4, 5])).sum().backward()
    #expect(x.grad?.elements(as: Double.self) == [2, 0, 0, 5])
  }

  /// Without parameters and statistics any number of channels is right.
  @Test func batchNormalisationWithoutState() {
    let x = Tensor.rand([2, 3, 4, 4])
    #expect(BatchNorm2d(5, affine: false, trackRunningStats: false)(x).shape == [2, 3, 4, 4])
    #expect(throws: EmberError.self) { try catchingErrors { _ = BatchNorm2d(5, affine: false)(x) } }
  }

  /// Extents of a transposed convolution's result may be chosen where several lead to the same input.
  @Test func extentsOfTransposedConvolutions() throws {
    let layer = ConvTranspose2d(2, 3, kernelSize: 3, stride: 2, padding: 1)
    let x = Tensor.rand([1, 2, 4, 5])
    #expect(layer(x).shape == [1, 3, 7, 9])
    #expect(layer(x, outputSize: [8, 9]).shape == [1, 3, 8, 9] && layer(x, outputSize: [1, 3, 7, 10]).shape == [1, 3, 7, 10])
    let error = #expect(throws: EmberError.self) { try catchingErrors { _ = layer(x, outputSize: [9, 9]) } }
    #expect(error?.message.contains("from [7, 9] to [8, 10]") == true, "\(error?.message ?? "")")
    let lazy = LazyConvTranspose2d(3, kernelSize: 3, stride: 2, padding: 1)
    #expect(lazy(x, outputSize: [8, 10]).shape == [1, 3, 8, 10])
  }

  /// The same storage is not the same tensor: keys without history take no gradient.
  @Test func attentionToDetachedKeys() {
    let layer = MultiheadAttention(4, 2)
    let x = Tensor.normal([3, 1, 4], generator: Generator(seed: 1)).requiringGrad()
    func gradient(_ keys: Tensor) -> [Float] {
      x.grad = nil
      (layer(x, keys, keys).output * Tensor([1, 2, 3, 4])).sum().backward()
      return x.grad?.elements(as: Float.self) ?? []
    }
    let copied = x.detach() * 1
    #expect(gradient(x.detach()) == gradient(copied) && gradient(x) != gradient(copied))
  }
}
