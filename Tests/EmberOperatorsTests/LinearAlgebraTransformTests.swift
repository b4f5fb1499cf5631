import EmberLinearAlgebra
import EmberTensor
import Testing

/// Decompositions inside `vmap` and `autocast`.
@Suite struct LinearAlgebraTransformTests {
  private static let functions: [(name: String, run: @Sendable (Tensor) -> Tensor)] = [
    ("det", { Linalg.det($0) }), ("inv", { Linalg.inv($0) }), ("matrixExp", { Linalg.matrixExp($0) }),
  ]

  @Test(arguments: functions.indices)
  func membersAreAsAlone(_ number: Int) {
    let run = Self.functions[number].run
    func value(_ x: Tensor) -> Tensor { run(x).square().sum() }
    let matrices = Tensor.linspace(-1, 1, count: 18, dtype: .float64).reshape(2, 3, 3).sin() + Tensor.eye(3, dtype: .float64) * 2
    let together = vmap { valueAndGrad(value, at: $0).gradient }(matrices)
    let apart = stack((0..<2).map { valueAndGrad(value, at: matrices[$0]).gradient })
    #expect((together - apart).abs().max().item() < 1e-12)
  }

  @Test(arguments: functions.indices)
  func autocastLeavesTheInsideInFloat32(_ number: Int) {
    let run = Self.functions[number].run
    let matrix = Tensor.eye(3) * 2 + 0.25
    let mixed = autocast { run(matrix) }
    #expect(mixed.dtype == .float32)
    #expect((mixed - run(matrix)).abs().max().item() == 0)
  }
}
