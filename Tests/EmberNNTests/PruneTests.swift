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

  private final class Holder: Module {
    let weight: StateCell
    init(_ weight: StateCell) { self.weight = weight }
  }

  /// Two modules that share a weight share its mask.
  @Test func sharedParametersArePrunedOnce() {
    let encoder = layer(), decoder = Holder(encoder.$weight)
    Prune.globalUnstructured([(encoder, "weight"), (decoder, "weight")], amount: 0.25)
    #expect(mask(encoder) == [0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1] && decoder.weight.value.isEqual(to: encoder.weight))
    #expect(Prune.isPruned(decoder, "weight"))
    Prune.l1Unstructured(decoder, amount: 1)
    #expect(mask(encoder).reduce(0, +) == 8 && encoder.weight[0, 3].item() == 0)
  }

  @Test func normalisedParametersArePruned() {
    let layer = weightNorm(layer())
    Prune.l1Unstructured(layer, amount: 3)
    #expect((layer.weight .== 0).sum().item() == 3)
    // Its lengths are trained behind the mask; taking the mask away would lose it.
    let error = #expect(throws: EmberError.self) { try catchingErrors { Prune.remove(layer) } }
    #expect(error?.message.contains("parametrised before") == true)
    let other = spectralNorm(Prune.l1Unstructured(self.layer(), amount: 3)).eval(), value = other.weight
    Prune.remove(other)
    #expect(!Prune.isPruned(other) && other.isParametrized("weight") && (other.weight - value).abs().amax().item() < 1e-5)
  }

  @Test func scopesThatFailTakePruningBack() {
    let layer = layer(), before = layer.weight.elements(as: Float.self)
    func fail(_ body: () -> Void) {
      #expect(throws: EmberError.self) {
        try catchingErrors {
          body()
          _ = Tensor.ones([2])[5]
        }
      }
    }
    fail {
      layer.weight = layer.weight * 2
      Prune.l1Unstructured(layer, amount: 3)
      Prune.l1Unstructured(layer, amount: 3)
    }
    #expect(!layer.isParametrized() && layer.weight.elements(as: Float.self) == before && layer.weight.requiresGrad)
    #expect(layer.parameters().count == 2)
    Prune.l1Unstructured(layer, amount: 3)
    let pruned = layer.weight.elements(as: Float.self)
    fail { Prune.l1Unstructured(layer, amount: 3) }
    #expect(layer.weight.elements(as: Float.self) == pruned)
    fail { Prune.remove(layer) }
    #expect(Prune.isPruned(layer) && layer.weight.elements(as: Float.self) == pruned && layer.stateDict().count == 3)
  }

  @Test func shapesOnMetaArePrunedWithoutNumbers() throws {
    let layer = Linear(4, 3).to(Device.meta)
    Prune.l1Unstructured(layer, amount: 0.5)
    Prune.lnStructured(layer, amount: 1, n: 2, dim: 0)
    #expect(throws: EmberError.self) { try catchingErrors { Prune.l1Unstructured(layer, amount: 13) } }
    let pruned = Prune.l1Unstructured(self.layer(), amount: 3)
    try layer.loadStateDict(pruned.stateDict(), assign: true)
    #expect(layer.weight.isEqual(to: pruned.weight))
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
    #expect(complaint { Prune.globalUnstructured([(layer, "weight"), (layer, "none")], amount: 1) }.contains("no parameter or buffer \"none\""))
    #expect(complaint { Prune.remove(layer) }.contains("is not pruned"))
    // A later one that cannot be pruned leaves those before it alone.
    let lazy = LazyLinear(3)
    #expect(complaint { Prune.globalUnstructured([(layer, "weight"), (lazy, "weight")], amount: 1) }.contains("first call"))
    #expect(complaint { Prune.globalUnstructured([(layer, "weight")], amount: 1, importanceScores: []) }.contains("0 importance scores"))
    #expect(complaint { Prune.globalUnstructured([], amount: 1) }.contains("without a parameter"))
    #expect(!layer.isParametrized())
  }
}
