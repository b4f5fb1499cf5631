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
    let isLinear = !first(inputs.map { $0.requiringGrad() }).requiresGrad
    #expect(isLinear == Samples.isLinear(sample.name), "\(sample): its first derivative has \(isLinear ? "no" : "a") graph")
    if isLinear { return }
    #expect(checkGradients(first, at: inputs, relative: 1e-3, absolute: 1e-5) == nil, "\(sample)")
  }

  @Test(arguments: Samples.all)
  func metaGivesShapeAndDType(_ sample: Sample) throws {
    let inputs = sample.inputs()
    let expected = sample.run(inputs)
    func onMeta() throws -> Tensor { try catchingErrors { sample.run(inputs.map { $0.to(.meta) }) } }
    if Samples.refusedOnMeta.contains(sample.name) {
      #expect(throws: EmberError.self) { try onMeta() }
      return
    }
    let result = try onMeta()
    #expect(result.shape == expected.shape && result.dtype == expected.dtype && result.device == .meta, "\(sample)")
  }

  /// Fast loops against the scalar ones. A 16-bit result may be rounded to a neighbour where the order of sums differs; integers are exact.
  @Test(arguments: Samples.all)
  func everyInstructionSetAgreesWithTheScalarOne(_ sample: Sample) throws {
    let tolerances: [DType: Double] = [.float32: 2e-6, .float64: 1e-12, .float16: 0x1p-9, .bfloat16: 0x1p-6]
    for dtype in [DType.float32, .float64, .float16, .bfloat16, .int32, .int64, .uint8] {
      let inputs = sample.inputs().map { ($0.abs() * (dtype.isFloatingPoint ? 1 : 3)).to(dtype) }
      func result() -> (dtype: DType, elements: [Double])? {
        try? catchingErrors {
          let y = sample.run(inputs)
          return (y.dtype, y.elements(as: Double.self))
        }
      }
      let expected = try #require(CPU.with(.scalar, result))
      #expect(expected != nil || !dtype.isFloatingPoint, "\(sample) \(dtype)")
      for set in CPU.InstructionSet.allCases where set != .scalar {
        guard let actual = CPU.with(set, result) else { continue }
        #expect(actual?.dtype == expected?.dtype && actual?.elements.count == expected?.elements.count, "\(sample) \(dtype) \(set)")
        guard let actual, let expected else { continue }
        let tolerance = tolerances[actual.dtype] ?? 0
        for (a, b) in zip(actual.elements, expected.elements) {
          #expect(a == b || abs(a - b) <= tolerance * max(1, abs(b)) || (a.isNaN && b.isNaN), "\(sample) \(dtype) \(set): \(a) \(b)")
        }
      }
    }
  }

  /// The same values in memory that is not dense, or not in order, give the same results and gradients.
  @Test(arguments: Samples.all)
  func layoutDoesNotShow(_ sample: Sample) {
    let layouts: [(String, (Tensor) -> Tensor)] = [
      ("transposed", { x in x.rank < 2 ? x : x.transpose(0, -1).contiguous().transpose(0, -1) }),
      ("strided", { x in stack([x, x], dim: -1).select(-1, 0) }),
      ("flipped", { x in x.rank == 0 ? x : x.flip(-1).contiguous().flip(-1) }),
      ("inside of a larger one", { x in stack([x * 0, x, x * 0])[1] }),
    ]
    func results(_ inputs: [Tensor]) -> [[Double]] {
      let leaves = inputs.map { $0.requiringGrad() }
      let y = sample.run(leaves)
      let gradients = y.requiresGrad ? grad(of: [(y * y).sum()], with: leaves) : []
      return ([y] + gradients).map { $0.elements(as: Double.self) }
    }
    let expected = results(sample.inputs())
    for (name, layout) in layouts {
      let actual = results(sample.inputs().map(layout))
      #expect(actual.map(\.count) == expected.map(\.count), "\(sample) \(name)")
      for (a, b) in zip(actual.joined(), expected.joined()) {
        #expect(a == b || abs(a - b) <= 1e-12 * max(1, abs(b)) || (a.isNaN && b.isNaN), "\(sample) \(name): \(a) \(b)")
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
    let difference = ((up - down) / (2 * step)).elements(as: Double.self), product = tangent.elements(as: Double.self)
    #expect(product.count == difference.count, "\(sample)")
    for (a, b) in zip(product, difference) {
      #expect(abs(a - b) <= 1e-6 + 1e-4 * abs(b), "\(sample): \(a) \(b)")
    }
  }
}
