import EmberNN
import EmberRuntime
import EmberTensor
import Testing

@Suite struct AveragedModelTests {
  static func weights(_ model: Module) -> [[Float]] { model.parameters().map { $0.value.elements(as: Float.self) } }

  /// Weights 1, 2, 3, … in a model, and what was averaged after the last.
  static func averaged(_ averaging: WeightAveraging, _ count: Int) -> [Float] {
    let model = Linear(1, 1, bias: false), averages = AveragedModel(Linear(1, 1, bias: false), of: model, averaging: averaging)
    return (1...count).map { step in
      model.parameters()[0].value = Tensor([[Double(step)]])
      averages.update(model)
      return averages.module.weight.item(as: Float.self)
    }
  }

  @Test func weightsAreAveraged() {
    #expect(Self.averaged(.equal, 4) == [1, 1.5, 2, 2.5])
    #expect(Self.averaged(.exponential(decay: 0.5), 3) == [1, 1.5, 2.25])
    #expect(Self.averaged(.custom { averaged, new, count in averaged + new * Double(count) }, 3) == [1, 3, 9])
  }

  @Test func theStateHasThePublishedNames() throws {
    let model = Sequential { Linear(2, 3); BatchNorm1d(3) }
    let averages = AveragedModel(Sequential { Linear(2, 3); BatchNorm1d(3) }, of: model)
    #expect(Set(averages.stateDict().map(\.name)) == Set(["n_averaged"] + model.stateDict().map { "module." + $0.name }))
    averages.update(model)
    let copy = AveragedModel(Sequential { Linear(2, 3); BatchNorm1d(3) }, of: model)
    try copy.loadStateDict(averages.stateDict())
    #expect(copy.nAveraged.item(as: Int.self) == 1 && Self.weights(copy) == Self.weights(averages))
  }

  @Test func averagesAreApartFromTheModel() {
    let model = Linear(2, 2), averages = AveragedModel(Linear(2, 2), of: model)
    averages.update(model)
    let before = Self.weights(averages)
    model.parameters()[0].value = Tensor.zeros([2, 2])
    #expect(Self.weights(averages) == before && Self.weights(model) != before)
    #expect(throws: EmberError.self) { try catchingErrors { _ = AveragedModel(model, of: model) } }
    #expect(throws: EmberError.self) { try catchingErrors { averages.update(Linear(3, 2)) } }
    #expect(averages(Tensor.ones([1, 2])).shape == [1, 2])
  }

  @Test func statisticsAreThoseOfAllBatches() {
    let model = Sequential { BatchNorm1d(2, momentum: 0.3) }
    let batches = (0..<3).map { Tensor.randn([8, 2], generator: Generator(seed: UInt64($0))) * Double($0 + 1) + 5 }
    model.eval()
    updateBN(model, batches)
    let layer = model.modules().compactMap { $0 as? BatchNormLayer }[0]
    let means = stack(batches.map { $0.mean(0) }).mean(0).elements(as: Float.self)
    for (a, b) in zip(layer.runningMean!.elements(as: Float.self), means) { #expect(abs(a - b) < 1e-5) }
    #expect(layer.momentum == 0.3 && !model.isTraining && layer.numBatchesTracked!.item(as: Int.self) == 3)
  }
}
