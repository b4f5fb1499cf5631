import EmberCPU
import EmberRuntime
import EmberTensor
import Testing

@Suite struct SampleTests {
  @Test(arguments: Samples.all.filter(\.isDifferentiable))
  func gradientAgreesWithDifferences(_ sample: Sample) {
    #expect(checkGradients(sample.run, at: sample.inputs()) == nil, "\(sample)")
  }

  @Test(arguments: Samples.all)
  func secondDerivativeAgreesWithDifferences(_ sample: Sample) {
    let inputs = sample.inputs()
    if inputs.allSatisfy({ $0.elementCount == 0 }) { return }
    func first(_ x: [Tensor]) -> Tensor {
      let leaves = x.map { $0.requiresGrad ? $0 : $0.requiringGrad() }
      let gradients = enableGrad {
        grad(of: [(sample.run(leaves) * 1.5).sum()], with: leaves, createGraph: true)
      }
      return cat(gradients.map { $0.reshape(-1) })
    }
    let leaves = inputs.map { $0.requiringGrad() }
    guard first(leaves).requiresGrad else { return }  // linear: nothing to check
    #expect(checkGradients(first, at: inputs, relative: 1e-3, absolute: 1e-5) == nil, "\(sample)")
  }

  @Test(arguments: Samples.all)
  func metaGivesShapeAndDType(_ sample: Sample) throws {
    let inputs = sample.inputs()
    let expected = sample.run(inputs)
    let result = try? catchingErrors { sample.run(inputs.map { $0.to(.meta) }) }
    // Results whose shape depends on data, and index tensors that stay on the CPU, are refused with an error.
    guard let result else { return }
    #expect(result.shape == expected.shape && result.dtype == expected.dtype && result.device == .meta, "\(sample)")
  }

  @Test(arguments: Samples.all)
  func everyInstructionSetAgreesWithTheScalarOne(_ sample: Sample) throws {
    for dtype in [DType.float32, .float64] {
      let inputs = sample.inputs().map { $0.to(dtype) }
      let expected = try #require(CPU.with(.scalar) { sample.run(inputs).elements(as: Double.self) })
      for set in CPU.InstructionSet.allCases where set != .scalar {
        guard let actual = CPU.with(set, { sample.run(inputs).elements(as: Double.self) }) else { continue }
        let tolerance = dtype == .float32 ? 2e-6 : 1e-12
        for (a, b) in zip(actual, expected) {
          #expect(abs(a - b) <= tolerance * max(1, abs(b)) || (a.isNaN && b.isNaN), "\(sample) \(dtype) \(set): \(a) \(b)")
        }
      }
    }
  }

  @Test(arguments: Samples.all)
  func forwardModeAgreesWithDifferences(_ sample: Sample) {
    let inputs = sample.inputs()
    let tangents = inputs.map { numbers(Array($0.shape), seed: 11) }
    let (_, tangent) = jvp(sample.run, at: inputs, tangents: tangents)
    let step = 1e-6
    let up = sample.run(zip(inputs, tangents).map { $0 + $1 * step }), down = sample.run(zip(inputs, tangents).map { $0 - $1 * step })
    let difference = ((up - down) / (2 * step)).elements(as: Double.self)
    for (a, b) in zip(tangent.elements(as: Double.self), difference) {
      #expect(abs(a - b) <= 1e-6 + 1e-4 * abs(b), "\(sample): \(a) \(b)")
    }
  }
}
