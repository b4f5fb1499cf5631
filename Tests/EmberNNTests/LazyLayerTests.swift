import EmberFunctional
import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

@Suite struct LazyLayerTests {
  @Test func theFirstCallMakesTheParameters() {
    let model = Sequential(LazyConv2d(4, kernelSize: 3), LazyBatchNorm2d(), ReLU(), Flatten(), LazyLinear(5))
    // An optimizer may be made before that.
    let optimizer = SGD(model.parameters(), learningRate: 0.1)
    let x = Tensor.rand([2, 3, 6, 6])
    let loss = model(x).square().sum()
    #expect(model.stateDict().map { "\($0.name) \($0.tensor.shape)" }.prefix(3) == ["0.weight [4, 3, 3, 3]", "0.bias [4]", "1.weight [4]"])
    let before = model.parameters().map { $0.value.detach() }
    loss.backward()
    optimizer.step()
    for (cell, old) in zip(model.parameters(), before) where cell.value.rank > 1 { #expect((cell.value.detach() - old).abs().sum().item() > 0) }
  }

  @Test func initialisationIsTheLayersOwn() {
    let lazy = LazyLinear(4)
    #expect(lazy.weight.elementCount == 0)
    _ = lazy(Tensor.zeros([1, 7]))
    #expect(lazy.weight.shape == [4, 7] && lazy.inFeatures == 7)
    // Both are drawn from ±1 / √7.
    for values in [lazy.weight, lazy.bias!] {
      let largest = values.abs().amax().item()
      #expect(largest <= 1 / 7.0.squareRoot() && largest > 0)
    }
  }

  @Test func aStateDictMakesThemToo() throws {
    let source = Sequential(Conv1d(3, 6, kernelSize: 2, groups: 3), BatchNorm1d(6), InstanceNorm1d(6, affine: true))
    let target = Sequential(LazyConv1d(6, kernelSize: 2, groups: 3), LazyBatchNorm1d(), LazyInstanceNorm1d(affine: true))
    try target.loadStateDict(source.stateDict())
    let x = Tensor.rand([2, 3, 5])
    #expect((source.eval()(x) - target.eval()(x)).abs().amax().item() < 1e-6)
    // What has its shape is not open any more.
    #expect(throws: EmberError.self) {
      try target.loadStateDict(Sequential(Conv1d(6, 6, kernelSize: 2, groups: 3), BatchNorm1d(6), InstanceNorm1d(6, affine: true)).stateDict())
    }
  }

  @Test func transposedConvolutionsFindTheirInputs() {
    let layer = LazyConvTranspose2d(4, kernelSize: 3, groups: 2)
    #expect(layer(Tensor.rand([1, 6, 4, 4])).shape == [1, 4, 6, 6])
    #expect(layer.weight.shape == [6, 2, 3, 3])
    #expect(throws: EmberError.self) { try catchingErrors { LazyConv2d(4, kernelSize: 3, groups: 2)(Tensor.rand([1, 5, 4, 4])) } }
  }

  @Test func parameterContainersAreNamedByNumberAndKey() {
    final class Model: Module {
      let list = ParameterList([Tensor.ones([2]), Tensor.zeros([3])])
      let table = ParameterDict(["a": Tensor.ones([1]), "b": Tensor.ones([4])])
    }
    let model = Model()
    #expect(model.namedParameters().map(\.name) == ["list.0", "list.1", "table.a", "table.b"])
    #expect(model.list.map(\.elementCount) == [2, 3])
    model.table["a"] = nil
    model.table["c"] = Tensor.zeros([5])
    #expect(model.namedParameters().map(\.name) == ["list.0", "list.1", "table.b", "table.c"])
  }

  @Test func adaptiveSoftmaxIsAProbability() {
    let layer = AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs: [4, 10], divValue: 2)
    let x = Tensor.rand([5, 8])
    let all = layer.logProbabilities(x)
    #expect((all.exp().sum(1) - 1).abs().amax().item() < 1e-5)
    let labels = Tensor([0, 3, 4, 9, 19])
    let (output, loss) = layer(x, labels)
    let expected = all.gather(dim: 1, index: labels.unsqueeze(1)).squeeze(1)
    #expect((output - expected).abs().amax().item() < 1e-5)
    #expect(abs(loss.item() + expected.mean().item()) < 1e-5)
    #expect(layer.predict(x).shape == [5])
    #expect(throws: EmberError.self) { try catchingErrors { layer(x, Tensor([0, 3, 4, 9, 20])) } }
  }

  @Test func aCausalMaskHidesLaterPlaces() {
    let layer = TransformerEncoder(TransformerEncoderLayer(8, 2, feedforward: 16, batchFirst: true), 2).eval()
    let x = Tensor.rand([1, 5, 8])
    let mask = Transformer.generateSquareSubsequentMask(5)
    let before = noGrad { layer(x, mask: mask) }
    var changed = x
    changed[0, 3] = changed[0, 3] + 1
    let after = noGrad { layer(changed, mask: mask) }
    let change = (before - after).abs().amax([2]).elements(as: Float.self)
    #expect(change[..<3].allSatisfy { $0 < 1e-6 } && change[3] > 1e-3)
    // Copies begin with the same values, as PyTorch's deep copies do.
    let names = layer.stateDict().filter { $0.name.hasSuffix("linear1.weight") }
    #expect(names.count == 2 && (names[0].tensor - names[1].tensor).abs().amax().item() == 0)
  }
}
