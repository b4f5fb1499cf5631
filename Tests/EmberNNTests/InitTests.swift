import EmberNN
import EmberRuntime
import EmberTensor
import Testing

/// Moments, ranges and structure of initial values. `Init`'s formulas are those of `torch.nn.init`.
@Suite struct InitialValues {
  private func cell(_ shape: [Int], _ dtype: DType = .float32) -> StateCell {
    StateCell(Tensor.zeros(shape, dtype: dtype), isParameter: true)
  }
  private func deviation(_ cell: StateCell) -> Double { cell.value.std().item() }
  private func largest(_ cell: StateCell) -> Double { cell.value.abs().amax().item() }

  /// 40,000 numbers: deviations are right to about 0.4 %, the tests allow 2 %.
  @Test func deviations() {
    let generator = Generator(seed: 1)
    let matrix = cell([200, 50, 4])  // fan in 200, fan out 800
    func expect(_ std: Double, _ bound: Double?, _ location: SourceLocation = #_sourceLocation) {
      #expect(abs(deviation(matrix) / std - 1) < 0.02 && abs(matrix.value.mean().item()) < 0.02 * std, sourceLocation: location)
      if let bound { #expect(largest(matrix) <= bound && largest(matrix) > 0.99 * bound, sourceLocation: location) }
    }
    func expectUniform(_ std: Double, _ location: SourceLocation = #_sourceLocation) { expect(std, std * 3.0.squareRoot(), location) }
    Init.xavierUniform(matrix, gain: 2, generator: generator)
    expectUniform(2 * (2.0 / 1000).squareRoot())
    Init.xavierNormal(matrix, generator: generator)
    expect((2.0 / 1000).squareRoot(), nil)
    Init.kaimingUniform(matrix, nonlinearity: .relu, generator: generator)
    expectUniform((2.0 / 200).squareRoot())
    Init.kaimingNormal(matrix, mode: .fanOut, nonlinearity: .relu, generator: generator)
    expect((2.0 / 800).squareRoot(), nil)
    Init.kaimingUniform(matrix, a: 1, generator: generator)
    expectUniform((1.0 / 200).squareRoot())
    Init.normal(matrix, std: 3, generator: generator)
    expect(3, nil)
    Init.uniform(matrix, -2, 2, generator: generator)
    expectUniform(2 / 3.0.squareRoot())
  }

  /// PyTorch's numbers after `torch.manual_seed(7)`.
  @Test func orthogonalMatricesAreThoseOfPyTorch() {
    let generator = Generator(seed: 7)
    let expected: [(shape: [Int], numbers: [Float])] = [
      ([3, 5], [-0.123661, 0.662252, 0.79761, -0.938732, 1.424335, -0.882544]),
      ([5, 3], [0.824993, 1.029721, -0.717887, 1.50085, 0.347905, 0.151606]),
      ([4, 4], [-0.758775, 0.330193, -1.717244, -0.605234, 0.190008, 0.210466]),
      ([6, 2, 2], [-0.287714, -1.522181, 1.025222, 0.53328, -1.766815, 0.59382]),
    ]
    for (shape, numbers) in expected {
      let weight = cell(shape)
      Init.orthogonal(weight, gain: 2, generator: generator)
      #expect(Array(weight.value.shape) == shape)
      for (found, wanted) in zip(weight.value.elements(as: Float.self), numbers) { #expect(abs(found - wanted) < 2e-5, "\(shape)") }
      let rows = weight.value.detach().reshape(shape[0], -1), matrix = rows.shape[0] < rows.shape[1] ? rows : rows.mT
      #expect((matrix.matmul(matrix.mT) - 4 * Tensor.eye(matrix.shape[0])).abs().amax().item() < 1e-5, "\(shape)")
    }
    let complex = cell([3, 4], .complex64)
    Init.orthogonal(complex, generator: generator)
    let rows = complex.value.matmul(complex.value.mT.conj())
    #expect((rows - Tensor.eye(3)).abs().amax().item() < 1e-5)
  }

  @Test func eyeAndDirac() {
    let matrix = cell([2, 3])
    Init.eye(matrix)
    #expect(matrix.value.elements(as: Float.self) == [1, 0, 0, 0, 1, 0])
    // A Dirac kernel keeps channels, each group's first ones.
    let layer = Conv2d(4, 6, kernelSize: 3, padding: 1, groups: 2, bias: false)
    Init.dirac(layer.$weight, groups: 2)
    let x = Tensor.rand([1, 4, 5, 5], generator: Generator(seed: 2))
    let y = layer(x)
    for (output, input) in [(0, 0), (1, 1), (3, 2), (4, 3)] {
      #expect(y.select(1, output).elements(as: Float.self) == x.select(1, input).elements(as: Float.self))
    }
    #expect(y.select(1, 2).abs().sum().item() == 0 && layer.weight.sum().item() == 4)
  }

  @Test func sparse() {
    let matrix = cell([50, 20])
    Init.sparse(matrix, sparsity: 0.33, std: 0.5, generator: Generator(seed: 3))
    let zeros = (matrix.value .== 0).to(.int64).sum(0)
    #expect(zeros.elements(as: Int.self).allSatisfy { $0 == 17 })
    let kept = matrix.value.maskedSelect(matrix.value .!= 0)
    #expect(abs(kept.std().item() / 0.5 - 1) < 0.1)
  }

  @Test func misuse() {
    for body: () -> Void in [
      { Init.eye(cell([3])) }, { Init.dirac(cell([3, 3])) }, { Init.dirac(cell([3, 3, 1]), groups: 2) },
      { Init.sparse(cell([3, 3]), sparsity: 2) },
      { Init.xavierUniform(cell([3])) }, { Init.truncatedNormal(cell([3]), low: 2, high: 1) },
    ] {
      #expect(throws: EmberError.self) { try catchingErrors { body() } }
    }
  }
}
