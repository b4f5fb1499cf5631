import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

/// Masks are those of torch.nn.utils.prune for the same weights and seeds.
@Suite struct PruneTests {
  private static let weights: [Float] = [1, -6, 11, -4, 9, -2, 7, -12, 5, -10, 3, -8]

  private func layer(_ factor: Double = 1) -> Linear {
    let layer = Linear(4, 3)
    layer.weight = Tensor(Self.weights, shape: [3, 4]) * factor
    return layer
  }

  private func mask(_ layer: Linear) -> [Int] {
    layer.stateDict().first { $0.name == "parametrizations.weight.0.mask" }?.tensor.elements(as: Int.self) ?? []
  }

  @Test func leastElements() {
    let layer = Prune.l1Unstructured(layer(), amount: 0.25)
    #expect(mask(layer) == [0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1])
    #expect(layer.weight.elements(as: Float.self) == [0, -6, 11, -4, 9, 0, 7, -12, 5, -10, 0, -8])
    Prune.l1Unstructured(layer, amount: 4)
    #expect(mask(layer) == [0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1])
    #expect(Prune.isPruned(layer) && Prune.isPruned(layer, "weight") && !Prune.isPruned(layer, "bias"))
    #expect(Prune.isPruned(Sequential(layer)) && !Prune.isPruned(Linear(2, 2)))
    // The other way round.
    let reversed = Prune.l1Unstructured(self.layer(), amount: 3, importanceScores: 20 - Tensor(Self.weights, shape: [3, 4]).abs())
    #expect(mask(reversed) == [1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1])
  }

  @Test func slices() {
    let layer = Prune.lnStructured(layer(), amount: 1, n: 2, dim: 1)
    #expect(mask(layer) == [0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1])
    Prune.lnStructured(layer, amount: 0.4, n: 1, dim: 0)
    #expect(mask(layer) == [0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0])
    Prune.lnStructured(layer, amount: 2, n: 1, dim: 0)
    #expect(mask(layer) == Array(repeating: 0, count: 12))
  }

  @Test func drawnAtRandom() {
    #expect(mask(Prune.randomUnstructured(layer(), amount: 5, generator: Generator(seed: 5))) == [0, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 1])
    #expect(mask(Prune.randomStructured(layer(), amount: 2, dim: -1, generator: Generator(seed: 5))) == [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0])
  }

  @Test func severalParametersAsOne() {
    let a = Prune.l1Unstructured(layer(), amount: 3), b = layer(1.37)
    Prune.globalUnstructured([(a, "weight"), (b, "weight")], amount: 0.5)
    #expect(mask(a) == [0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0] && mask(b) == [0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1])
  }

  @Test func trainingKeepsZeros() {
    let layer = Prune.l1Unstructured(layer(), amount: 6), zeros = mask(layer)
    let optimizer = AdamW(layer.parameters(), learningRate: 0.1), x = withRandomSeed(1) { Tensor.randn([8, 4]) }
    let original = layer.parametrization()!.originals[0]
    for _ in 0..<3 {
      optimizer.zeroGrad()
      layer(x).square().mean().backward()
      for (gradient, kept) in zip(original.grad!.elements(as: Float.self), zeros) where kept == 0 { #expect(gradient == 0) }
      optimizer.step()
    }
    let values = layer.weight.elements(as: Float.self)
    #expect(zip(values, zeros).allSatisfy { ($0 == 0) == ($1 == 0) } && values[4] != 9)
    Prune.remove(layer)
    #expect(layer.weight.elements(as: Float.self) == values && !Prune.isPruned(layer))
    #expect(layer.stateDict().map(\.name) == ["weight", "bias"])
  }

  @Test func statesOfPyTorchLoad() throws {
    let layer = Prune.l1Unstructured(Linear(4, 3), amount: 1)
    let mask = Tensor([1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0] as [Float], shape: [3, 4])
    let report = try layer.loadStateDict([("bias", Tensor.zeros([3])), ("weight_orig", Tensor.ones([3, 4]) * 2), ("weight_mask", mask)])
    #expect(report.missing.isEmpty && report.unexpected.isEmpty && layer.weight.isEqual(to: mask * 2))
  }

  @Test func whatCannotBePrunedIsAnErrorAndChangesNothing() {
    let layer = layer()
    func complaint(_ body: () -> Void) -> String { (#expect(throws: EmberError.self) { try catchingErrors(body) })?.description ?? "" }
    #expect(complaint { Prune.l1Unstructured(layer, amount: 1.5) }.contains("a part of 1.5"))
    #expect(complaint { Prune.randomUnstructured(layer, amount: 13) }.contains("13 of 12 elements"))
    #expect(complaint { Prune.lnStructured(layer, amount: 4, n: 2, dim: 0) }.contains("4 of 3 slices"))
    #expect(complaint { Prune.lnStructured(layer, "bias", amount: 1, n: 2, dim: 0) }.contains("two dimensions"))
    #expect(complaint { Prune.l1Unstructured(layer, "weights", amount: 1) }.contains("it has: weight, bias"))
    #expect(complaint { Prune.customFromMask(layer, mask: Tensor.ones([4, 3])) }.contains("[4, 3]"))
    #expect(complaint { Prune.l1Unstructured(layer, amount: 1, importanceScores: Tensor.ones([2])) }.contains("importance scores"))
    #expect(complaint { Prune.globalUnstructured([(layer, "weight"), (layer, "none")], amount: 1) }.contains("no parameter \"none\""))
    #expect(complaint { Prune.remove(layer) }.contains("is not pruned"))
    #expect(!layer.isParametrized())
  }
}
