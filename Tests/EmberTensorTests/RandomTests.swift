import EmberRuntime
import EmberTensor
import Testing

/// Numbers drawn by PyTorch 2.15 from one generator, one call after another:
/// `g = torch.Generator().manual_seed(42); torch.rand(5, generator=g); …`
@Suite struct RandomTests {
  @Test func theStreamIsPyTorchs() {
    let g = Generator(seed: 42)
    expect(
      Tensor.rand([5], generator: g),
      [0.8822692632675171, 0.9150039553642273, 0.38286375999450684, 0.9593056440353394, 0.3904482126235962], 0)
    expect(Tensor.rand([3], dtype: .float64, generator: g), [0.8071630471508437, 0.3491307048886483, 0.065487459180128], 0)
    expect(
      Tensor.randn([5], generator: g),
      [-0.01069642137736082, -1.2491786479949951, -1.2283966541290283, 0.5294110774993896, 1.2211014032363892], 1e-6)
    expect(
      Tensor.randn([4], dtype: .float64, generator: g),
      [0.15109142854549876, -0.33188981608995005, -0.47849449443179604, -0.2630537570016922], 1e-14)
    // From 16 elements on PyTorch fills blocks, with polynomials of its own on machines with AVX2.
    expect(
      Tensor.randn([18], generator: g),
      [
        -0.21680472791194916, -1.3846737146377563, -0.6581372618675232, 0.07802387326955795, 0.5258087515830994, -0.48799172043800354,
        1.1913690567016602, -0.8140076398849487, -0.7359927892684937, -0.8371246457099915, 0.03600366786122322, -0.06347727030515671,
        0.6756148934364319, -0.0978068932890892, 1.8445940017700195, -1.184537410736084, 1.3835493326187134, -1.20244562625885,
      ], 2e-6)
    #expect(Tensor.randint(-5, 100, [6], generator: g).elements(as: Int.self) == [81, 13, 95, 71, 86, 27])
    #expect(Tensor.randperm(9, generator: g).elements(as: Int.self) == [0, 1, 7, 2, 8, 4, 3, 6, 5])
    expect(Tensor.full([8], 0.3).bernoulli(generator: g), [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], 0)
    expect(Tensor.rand([2], generator: g), [0.11151599884033203, 0.2476751208305359], 0)
  }

  private func expect(_ actual: Tensor, _ expected: [Double], _ tolerance: Double, _ location: SourceLocation = #_sourceLocation) {
    let values = actual.elements(as: Double.self)
    #expect(values.count == expected.count, sourceLocation: location)
    for (a, b) in zip(values, expected) { #expect(abs(a - b) <= tolerance, "\(a) \(b)", sourceLocation: location) }
  }

  @Test func aSavedStateContinuesTheStream() {
    let g = Generator(seed: 7)
    _ = Tensor.randn([3], generator: g)
    let state = g.state
    let next = Tensor.randn([40], generator: g).elements(as: Float.self)
    let other = Generator(seed: 1)
    #expect(other.restore(state))
    #expect(Tensor.randn([40], generator: other).elements(as: Float.self) == next)
    #expect(!other.restore([1, 2, 3]))
  }

  @Test func randomErrors() {
    #expect(throws: EmberError.self) { try catchingErrors { _ = Tensor.randint(3, 3, [2]) } }
    #expect(throws: EmberError.self) { try catchingErrors { _ = Tensor.bernoulli([2], probability: 1.5) } }
    #expect(throws: EmberError.self) { try catchingErrors { _ = Tensor.randn([2], dtype: .int64) } }
  }

  /// Other threads, which draw from the default generator all the time, change nothing inside a scope.
  @Test func aScopeDrawsForItself() {
    @Sendable func draw() -> Double { Tensor.rand([1], dtype: .float64).item() }
    let first = Tensor.rand([1], dtype: .float64, generator: Generator(seed: 5)).item()
    concurrently(4) { thread in
      for _ in 0..<50 {
        if thread > 0 { _ = draw() } else { withRandomSeed(5) { #expect(draw() == first) } }
      }
    }
    withRandomSeed(5) {
      #expect(withRandomSeed(6, draw) != first)
      #expect(draw() == first)  // The scope inside took nothing from this one.
      #expect(draw() != first)
      manualSeed(5)
      #expect(draw() == first)
    }
    #expect(throws: EmberError.self) { try withRandomSeed(1) { throw EmberError(.value, in: "test", "on purpose") } }
  }
}
