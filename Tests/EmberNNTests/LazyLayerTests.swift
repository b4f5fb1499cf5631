import EmberNN
import EmberRuntime
import EmberTensor
import Testing

@Suite struct LazyLayers {
  @Test func parametersComeWithTheFirstInput() {
    let model = Sequential {
      LazyConv2d(4, kernelSize: 3); LazyBatchNorm2d(); ReLU(); Flatten(); LazyLinear(2)
    }
    let cells = model.parameters()
    #expect(cells.map { $0.value.elementCount } == [0, 4, 0, 0, 0, 2])
    #expect(model(Tensor.rand([5, 3, 6, 6])).shape == [5, 2])
    #expect(model.stateDict().map { Array($0.tensor.shape) } == [[4, 3, 3, 3], [4], [4], [4], [4], [4], [], [2, 64], [2]])
    // The cells that an optimizer was given before are the ones that learn.
    #expect(zip(cells, model.parameters()).allSatisfy { $0 === $1 })
    model(Tensor.rand([5, 3, 6, 6])).sum().backward()
    #expect(cells.allSatisfy { $0.grad?.shape == $0.value.shape })
    #expect(throws: EmberError.self) { try catchingErrors { _ = model(Tensor.rand([5, 2, 6, 6])) } }
  }

  /// Drawn as by the layer that they become.
  @Test func initialValuesAreTheLayers() {
    withRandomSeed(3) {
      let layer = LazyLinear(3)
      manualSeed(4)
      _ = layer(Tensor.zeros([1, 5]))
      manualSeed(4)
      let plain = Linear(5, 3)
      #expect(layer.weight.elements(as: Float.self) == plain.weight.elements(as: Float.self))
      #expect(layer.bias?.elements(as: Float.self) == plain.bias?.elements(as: Float.self))
    }
  }

  @Test func stateDictsGiveShapes() throws {
    let source = ConvTranspose1d(3, 2, kernelSize: 4)
    let layer = LazyConvTranspose1d(2, kernelSize: 4)
    try layer.loadStateDict(source.stateDict())
    let x = Tensor.rand([2, 3, 5])
    #expect(layer(x).elements(as: Float.self) == source(x).elements(as: Float.self))
    let norm = LazyInstanceNorm1d(affine: true, trackRunningStats: true)
    try norm.loadStateDict(InstanceNorm1d(3, affine: true, trackRunningStats: true).stateDict())
    #expect(norm.features == 3 && norm(x).shape == [2, 3, 5])
  }

  /// A first call that fails leaves the layer as it was.
  @Test func failuresLeaveThemUninitialised() {
    let layer = LazyConv1d(4, kernelSize: 3, groups: 2)
    #expect(throws: EmberError.self) { try catchingErrors { _ = layer(Tensor.zeros([1, 3, 8])) } }
    #expect(layer.weight.elementCount == 0)
    #expect(layer(Tensor.zeros([1, 6, 8])).shape == [1, 4, 6] && layer.weight.shape == [4, 3, 3])
  }
}
