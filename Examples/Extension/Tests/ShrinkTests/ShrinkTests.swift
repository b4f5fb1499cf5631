import Ember
import Shrink
import Testing

@Suite struct ShrinkTests {
  @Test func valuesShapesAndErrors() throws {
    let x = Tensor([[-2.0, -0.3], [0.5, 1.25]])
    #expect(x.shrink().elements(as: Double.self) == [-1.5, 0, 0, 0.75])
    #expect(x.t().shrink(1).elements(as: Double.self) == [-1, 0, 0, 0.25])
    let shape = x.to(.meta).shrink()
    #expect(shape.device == .meta && shape.shape == [2, 2])
    #expect(throws: EmberError.self) { try catchingErrors { Tensor([1, 2]).shrink() } }
  }

  @Test func gradientAgreesWithDifferences() {
    let x = Tensor([-2, -0.3, 0.1, 1.25, 3], dtype: .float64)
    #expect(checkGradients({ $0[0].shrink() }, at: [x]) == nil)
    #expect(checkGradients({ valueAndGrad({ $0.shrink().square().sum() }, at: $0[0]).gradient }, at: [x]) == nil)
  }

  /// The operation has no rule for batches: vmap runs it on one member after the other.
  @Test func vmapRunsMembers() {
    let x = Tensor.randn([4, 3], dtype: .float64)
    #expect((vmap { $0.shrink() }(x) .== x.shrink()).all().item(as: Bool.self))
    let gradients = vmap { valueAndGrad({ $0.shrink().square().sum() }, at: $0).gradient }(x)
    #expect((gradients .== x.shrink() * 2).all().item(as: Bool.self))
  }

  @Test func theOperatorIsCalledByName() throws {
    var registry = OperatorRegistry()
    registry.addShrink()
    let x = Tensor([2.0, -1.0])
    #expect(try registry.call("shrink::shrink", [.tensor(x)])[0].tensors[0].elements(as: Double.self) == [1.5, -0.5])
    #expect(try registry.call("shrink::shrink", [.tensor(x)], ["threshold": .real(1)])[0].tensors[0].elements(as: Double.self) == [1, 0])
    #expect(throws: EmberError.self) { try registry.call("shrink::shrink", [.string("x")]) }
  }
}
