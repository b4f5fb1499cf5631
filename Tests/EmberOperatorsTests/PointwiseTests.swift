import EmberOperators
import EmberRuntime
import EmberTensor
import Testing

/// A function of tensors with the ranges that its arguments are drawn from.
struct PointwiseSample: Sendable, CustomStringConvertible {
  let description: String
  let ranges: [ClosedRange<Double>]
  let run: @Sendable ([Tensor]) -> Tensor

  init(_ name: String, _ ranges: ClosedRange<Double>..., run: @escaping @Sendable ([Tensor]) -> Tensor) {
    description = name
    self.ranges = ranges
    self.run = run
  }

  func inputs(_ shape: [Int]) -> [Tensor] {
    ranges.enumerated().map { i, range in
      Tensor.uniform(shape, range.lowerBound, range.upperBound, dtype: .float64, generator: Generator(seed: UInt64(i + 3)))
    }
  }

  static let unary: [PointwiseSample] = [
    .init("digamma", 0.2...4) { $0[0].digamma() }, .init("digamma left", -3.9 ... -3.1) { $0[0].digamma() },
    .init("polygamma 1", 0.3...4) { $0[0].polygamma(1) }, .init("polygamma 3", 0.5...4) { $0[0].polygamma(3) },
    .init("mvlgamma", 3...5) { $0[0].mvlgamma(3) }, .init("frac", 0.1...0.9) { $0[0].frac() },
    .init("frexp", 1.1...1.9) { $0[0].frexp().mantissa }, .init("sinc", -2...2) { $0[0].sinc() },
    .init("deg2rad", -90...90) { $0[0].deg2rad() }, .init("rad2deg", -2...2) { $0[0].rad2deg() },
    .init("logit", 0.1...0.9) { $0[0].logit() }, .init("logit eps", 0.3...0.6) { $0[0].logit(eps: 0.2) },
    .init("nan_to_num", -2...2) { $0[0].nanToNum() }, .init("bessel_j0", -9...9) { $0[0].besselJ0() },
    .init("bessel_j1", -9...9) { $0[0].besselJ1() }, .init("bessel_y0", 0.5...9) { $0[0].besselY0() },
    .init("bessel_y1", 0.5...9) { $0[0].besselY1() }, .init("i0", -9...9) { $0[0].i0() }, .init("i0e", 0.1...9) { $0[0].i0e() },
    .init("i1", -9...9) { $0[0].i1() }, .init("i1e", 0.1...9) { $0[0].i1e() }, .init("k0", 0.5...9) { $0[0].modifiedBesselK0() },
    .init("k1", 0.5...9) { $0[0].modifiedBesselK1() }, .init("k0e", 0.5...9) { $0[0].scaledModifiedBesselK0() },
    .init("k1e", 0.5...9) { $0[0].scaledModifiedBesselK1() }, .init("spherical_bessel_j0", 0.2...9) { $0[0].sphericalBesselJ0() },
    .init("erfcx", -2...9) { $0[0].erfcx() }, .init("ndtr", -3...3) { $0[0].ndtr() }, .init("log_ndtr", -9...3) { $0[0].logNdtr() },
    .init("ndtri", 0.05...0.95) { $0[0].ndtri() }, .init("entr", 0.1...2) { $0[0].entr() },
    .init("chebyshev_t", -0.9...0.9) { Pointwise.chebyshevT($0[0], Tensor(5.0, dtype: .float64)) },
    .init("hermite_h", -2...2) { Pointwise.hermiteH($0[0], Tensor(4.0, dtype: .float64)) },
    .init("hermite_he", -2...2) { Pointwise.hermiteHe($0[0], Tensor(4.0, dtype: .float64)) },
    .init("zeta", 0.5...4) { zeta(Tensor(2.5, dtype: .float64), $0[0]) },
    .init("igamma", 0.5...4) { igamma(Tensor(2.5, dtype: .float64), $0[0]) },
    .init("igammac", 0.5...4) { igammac(Tensor(2.5, dtype: .float64), $0[0]) },
    .init("view_as_complex", -2...2) { $0[0].reshape([-1, 2]).viewAsComplex().viewAsReal().reshape(Array($0[0].shape)) },
    .init("sgn", -2...2) { $0[0].reshape([-1, 2]).viewAsComplex().sgn().viewAsReal() },
    .init("angle", -2...2) { $0[0].reshape([-1, 2]).viewAsComplex().angle() },
  ]

  static let binary: [PointwiseSample] = [
    .init("sub alpha", -2...2, -2...2) { $0[0].subtracting($0[1], alpha: 1.5) }, .init("hypot", 0.5...2, 0.5...2) { $0[0].hypot($0[1]) },
    .init("float_power", 0.5...2, -2...2) { $0[0].floatPower($0[1]) }, .init("ldexp", -2...2, -2...2) { $0[0].ldexp($0[1]) },
    .init("logaddexp", -2...2, -2...2) { $0[0].logAddExp($0[1]) }, .init("logaddexp2", -2...2, -2...2) { $0[0].logAddExp2($0[1]) },
    .init("xlogy", 0.5...2, 0.5...2) { xlogy($0[0], $0[1]) }, .init("xlog1py", -2...2, -0.5...2) { xlog1py($0[0], $0[1]) },
    .init("copysign", 0.5...2, 0.5...2) { $0[0].copysign($0[1]) }, .init("polar", 0.5...2, -2...2) { polar($0[0], $0[1]).viewAsReal() },
    .init("complex", -2...2, -2...2) { complex($0[0], $0[1]).viewAsReal() }, .init("fmax", -2...2, -2...2) { fmax($0[0], $0[1]) },
    .init("lerp", -2...2, -2...2) { $0[0].lerp($0[1], weight: 0.3) },
    .init("clamp min", -2...2, -1...1) { $0[0].clamp(min: $0[1], max: nil) },
    .init("clamp", -2...2, -1...0, 0.1...1) { $0[0].clamp(min: $0[1], max: $0[2]) },
    .init("lerp weight", -2...2, -2...2, 0...1) { $0[0].lerp($0[1], weight: $0[2]) },
    .init("addcdiv", -2...2, -2...2, 0.5...2) { $0[0].addcdiv($0[1], $0[2], value: 0.5) },
    .init("complex logaddexp", -1...1, -1...1) {
      $0[0].reshape([-1, 2]).viewAsComplex().logAddExp($0[1].reshape([-1, 2]).viewAsComplex()).viewAsReal()
    },
  ]
}

@Suite struct PointwiseTests {
  @Test(arguments: PointwiseSample.unary + PointwiseSample.binary)
  func gradientAgreesWithDifferences(_ sample: PointwiseSample) {
    #expect(checkGradients(sample.run, at: sample.inputs([3, 2])) == nil)
    #expect(sample.run(sample.inputs([0, 2])).elementCount == 0)
  }

  @Test(arguments: PointwiseSample.unary + PointwiseSample.binary)
  func metaGivesShapeAndDType(_ sample: PointwiseSample) throws {
    let inputs = sample.inputs([4, 2])
    let expected = sample.run(inputs)
    // A constant operand stays on the CPU, which is refused.
    guard let result = try? catchingErrors({ sample.run(inputs.map { $0.to(.meta) }) }) else { return }
    #expect(result.shape == expected.shape && result.dtype == expected.dtype)
  }

  /// Values by mpmath.
  @Test func specialFunctionsAgreeWithPublishedValues() {
    func value(_ function: (Tensor) -> Tensor, _ x: Double) -> Double { function(Tensor([x], dtype: .float64)).item() }
    let expected: [(Double, Double)] = [
      (value({ $0.i0e() }, 10), 0.12783333716342861), (value({ $0.i1() }, 10), 2670.9883037012546),
      (value({ $0.modifiedBesselK0() }, 3), 0.03473950438627925), (value({ $0.modifiedBesselK1() }, 3), 0.04015643112819418),
      (value({ $0.airyAi() }, -4), -0.07026553294928951), (value({ $0.airyAi() }, 0.5), 0.23169360648083349),
      (value({ $0.airyAi() }, 4), 0.0009515638512048024), (value({ $0.erfcx() }, 20), 0.02817434874105132),
      (value({ $0.ndtri() }, 1e-300), -37.047096299361199), (value({ $0.digamma() }, -2.5), 1.1031566406452432),
      (value({ $0.polygamma(2) }, 0.5), -16.828796644234320), (value({ zeta(Tensor([3.0], dtype: .float64), $0) }, 1), 1.2020569031595942),
      (value({ igamma(Tensor([50.0], dtype: .float64), $0) }, 45), 0.24680203440017038),
      (value({ igammac(Tensor([1e6], dtype: .float64), $0) }, 1_000_500), 0.30844952422850284),
    ]
    for (i, (actual, wanted)) in expected.enumerated() {
      #expect(abs(actual - wanted) <= 1e-12 * abs(wanted), "value \(i): \(actual), not \(wanted)")
    }
  }

  @Test func polynomialsOfHighDegreeReturn() {
    let x = Tensor([-1.0, -0.5, 0, 0.5, 1, 1.5], dtype: .float64)
    for polynomial in [Pointwise.chebyshevT, .chebyshevU, .chebyshevV, .chebyshevW, .legendreP, .laguerreL, .hermiteH, .hermiteHe] {
      #expect(polynomial(x, Tensor([1e15], dtype: .float64)).elementCount == 6)
    }
  }

  /// Inside the interval and outside, and at its ends, where the formulas are 0 / 0.
  @Test func derivativesOfPolynomialsAgreeWithDifferences() {
    let polynomials = [
      Pointwise.chebyshevT, .chebyshevU, .chebyshevV, .chebyshevW, .shiftedChebyshevT, .shiftedChebyshevU, .shiftedChebyshevV,
      .shiftedChebyshevW, .legendreP, .laguerreL, .hermiteH, .hermiteHe,
    ]
    let x = Tensor([-1.25, -1, -0.3, 0, 0.4, 1, 1.5], dtype: .float64)
    for (i, polynomial) in polynomials.enumerated() {
      for degree in [0.0, 1, 2, 5] {
        let n = Tensor.full([], .real(degree), dtype: .float64)
        func value(_ at: Tensor) -> Tensor { polynomial(at, n) }
        let step = 1e-5
        let quotients = ((value(x + step) - value(x - step)) / (2 * step)).elements(as: Double.self)
        let slopes = valueAndGrad({ value($0).sum() }, at: x).gradient.elements(as: Double.self)
        for (slope, quotient) in zip(slopes, quotients) {
          #expect(abs(slope - quotient) <= 1e-6 * max(1, abs(quotient)), "polynomial \(i) of degree \(degree): \(slope), \(quotient)")
        }
      }
    }
  }

  /// |z| inside of a fused complex expression is real, and takes the real part of its gradient.
  @Test func absoluteValuesInsideComplexExpressions() {
    let fused = Pointwise("test", promotion: .floatingPoint) { z in z * EmberRuntime.abs(z) + EmberRuntime.exp(EmberRuntime.abs(z)) * z }
    let z = complex(Tensor([0.3, -1.2, 0.5], dtype: .float64), Tensor([0.7, 0.1, -0.4], dtype: .float64))
    let g = complex(Tensor([1.0, 0.5, -2], dtype: .float64), Tensor([0.25, -1, 0.75], dtype: .float64))
    func composed(_ z: Tensor) -> Tensor { z * z.abs() + z.abs().exp() * z }
    let expected = vjp({ composed($0[0]) }, at: [z], cotangent: g).gradients[0]
    let actual = vjp({ fused($0[0]) }, at: [z], cotangent: g).gradients[0]
    #expect((actual - expected).abs().amax().item() < 1e-12)
  }

  @Test func neighboursOf16BitNumbers() {
    let x = Tensor([1.0, -1, 0, 0], dtype: .bfloat16), target = Tensor([2.0, -2, 1, -1], dtype: .bfloat16)
    #expect(x.nextAfter(target).elements(as: Double.self) == [1 + 0x1p-7, -1 - 0x1p-7, 0x1p-133, -0x1p-133])
  }

  @Test func refusals() {
    func isRefused(_ kind: EmberError.Kind, _ body: () -> Tensor) -> Bool {
      do { _ = try catchingErrors { body() } } catch let error as EmberError { return error.kind == kind } catch {}
      return false
    }
    let flags = Tensor([true, false]), integers = Tensor([1, 0]), reals = Tensor([1.0, 2])
    #expect(isRefused(.dtype) { -flags } && isRefused(.dtype) { flags.subtracting(flags) } && isRefused(.dtype) { integers.frac() })
    #expect(isRefused(.value) { integers.floorDivide(integers) } && isRefused(.value) { integers.pow(-1) })
    #expect(isRefused(.value) { integers.adding(integers, alpha: 0.5) } && isRefused(.dtype) { reals.lerp(integers, weight: 0.5) })
    #expect(isRefused(.shape) { reals.reshape([2, 1]).viewAsComplex() } && isRefused(.dtype) { complex(reals, reals.to(.float64)) })
    #expect(isRefused(.value) { Tensor.arange(0, 5, step: -1) } && isRefused(.value) { reals.polygamma(-1) })
    #expect(isRefused(.value) { Tensor([0.0, 0]).multinomial(1) } && isRefused(.value) { reals.cauchyLike(sigma: 0) })
  }

  /// PyTorch's numbers after `torch.manual_seed(0)`.
  @Test func streamsArePyTorchs() {
    let slopes = Tensor([-1.0, 2, -3, -0.5, 0]).rrelu(0.1, 0.3, training: true, generator: Generator(seed: 0))
    #expect(slopes.elements(as: Float.self) == [-0.29401060938835144, 2, -0.7246919274330139, -0.0959382951259613, 0])
    let three = Tensor.zeros([3])
    func drawn(_ make: (Generator) -> Tensor) -> [Float] { make(Generator(seed: 0)).elements(as: Float.self) }
    #expect(drawn { three.cauchyLike(generator: $0) } == [10.597729682922363, 0.7647672891616821, -0.12829934060573578])
    #expect(drawn { three.logNormalLike(generator: $0) } == [59.2634162902832, 1.5115599632263184, 0.03481946140527725])
    #expect(drawn { three.geometricLike(probability: 0.2, generator: $0) } == [1, 2, 4])
    #expect(drawn { Tensor([0.1, 0.2, 0.3, 0.4]).multinomial(3, replacement: true, generator: $0) } == [3, 3, 2])
    #expect(drawn { .normal(mean: Tensor([1.0, 2]), std: Tensor([0.1, 0.2]), generator: $0) } == [1.1540995836257935, 1.9413142204284668])
    let complex = drawn { Tensor.randn([2], dtype: .complex64, generator: $0).viewAsReal() }
    #expect(complex == [1.0896488428115845, -0.20748557150363922, -1.5406367778778076, 0.40194159746170044])
    let uniform = drawn { Tensor.zeros([2], dtype: .complex64).uniformLike(1, 3, generator: $0).viewAsReal() }
    #expect(uniform == [1.9925131797790527, 2.5364437103271484, 1.1769548654556274, 1.2640609741210938])
  }

  @Test func rangesCountAsPyTorchDoes() {
    #expect(Tensor.arange(-0.9, 2.1, step: 2.0, dtype: .int16).elements(as: Int.self) == [0, 2])
    #expect(Tensor.arange(5, 0, step: -2).elements(as: Int.self) == [5, 3, 1])
    #expect(Tensor.linspace(0, 10, count: 4, dtype: .int64).elements(as: Int.self) == [0, 3, 6, 10])
    #expect(Tensor.logspace(0, 3, count: 4, dtype: .int64).elements(as: Int.self) == [1, 10, 100, 1000])
    #expect(Tensor.trilIndices(3, 3, offset: -1).elements(as: Int.self) == [1, 2, 2, 0, 0, 1])
  }
}
