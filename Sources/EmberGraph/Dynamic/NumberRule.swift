import EmberRuntime

/// How a number of a graph follows from the sizes of dynamic dimensions.
struct NumberRule: Sendable {
  private enum Kind: Sendable {
    case fixed(Scalar)
    /// A whole number, as an integer or a real one.
    case whole(ExtentPolynomial, isReal: Bool)
    /// 1 / whole: the factor of a mean.
    case reciprocal(ExtentPolynomial)
    /// whole / (whole + offset): what makes a variance unbiased.
    case ratio(ExtentPolynomial, offset: Int)
    /// factor and the product of some sizes, multiplied or divided in one of the ways in which programs do that.
    case scaled(factor: Double, dimensions: Int, Scaling)
  }

  private enum Scaling: CaseIterable {
    case quotient, reciprocal, product, rootQuotient, rootReciprocal, root

    func callAsFunction(_ factor: Double, _ x: Double) -> Double {
      switch self {
      case .quotient: factor / x
      case .reciprocal: factor * (1 / x)
      case .product: factor * x
      case .rootQuotient: factor / x.squareRoot()
      case .rootReciprocal: factor * (1 / x.squareRoot())
      case .root: factor * x.squareRoot()
      }
    }

    /// Factors that may have given `sample`, shortest first.
    func factors(_ sample: Double, _ x: Double) -> [Double] {
      let own = sample / self(1, x)
      guard own.isNormal, (1e-9...1e9).contains(own.magnitude) else { return [own] }
      var scale = 1.0
      while own.magnitude * scale < 1e14 { scale *= 10 }
      return [(own * scale).rounded() / scale, own, own.nextUp, own.nextDown]
    }
  }

  private let kind: Kind

  init(fixed value: Scalar) { kind = .fixed(value) }

  /// Nil if the samples, one for each capture, follow from the sizes in none of the known ways.
  ///
  /// - Parameter dtype: what real numbers were rounded to.
  init?(_ samples: [Scalar], _ sizes: CaptureSizes, roundedTo dtype: DType = .float64) {
    let first = samples[0]
    if samples.allSatisfy({ $0.isIdentical(to: first) }) {
      kind = .fixed(first)
      return
    }
    switch first {
    case .integer:
      let whole = samples.compactMap { if case .integer(let value) = $0 { Int(value) } else { nil as Int? } }
      guard whole.count == samples.count, let polynomial = sizes.polynomial(whole) else { return nil }
      kind = .whole(polynomial, isReal: false)
    case .real:
      let real = samples.compactMap { if case .real(let value) = $0 { value } else { nil as Double? } }
      guard real.count == samples.count, real.allSatisfy({ $0.isFinite && $0 != 0 }), let kind = Self.real(real, sizes, dtype)
      else { return nil }
      self.kind = kind
    default: return nil
    }
  }

  private static func real(_ samples: [Double], _ sizes: CaptureSizes, _ dtype: DType) -> Kind? {
    func rounded(_ value: Double) -> Double { dtype == .float32 ? Double(Float(value)) : value }
    func fits(_ values: [Double]) -> Bool { zip(samples, values).allSatisfy { rounded($1) == $0 } }
    func polynomial(_ numbers: [Double]) -> ExtentPolynomial? {
      let whole = numbers.compactMap { Int(exactly: $0) }
      return whole.count == numbers.count ? sizes.polynomial(whole) : nil
    }
    if let polynomial = polynomial(samples) { return .whole(polynomial, isReal: true) }
    let inverse = samples.map { (1 / $0).rounded() }
    if fits(inverse.map { 1 / $0 }), let polynomial = polynomial(inverse) { return .reciprocal(polynomial) }
    for offset in [-1, 1] {
      let whole = samples.map { (Double(offset) * $0 / (1 - $0)).rounded() }
      if fits(whole.map { $0 / ($0 + Double(offset)) }), let polynomial = polynomial(whole) {
        return .ratio(polynomial, offset: offset)
      }
    }
    for dimensions in 1..<(1 << sizes.base.count) {
      let products = (0..<sizes.captureCount).map { product(sizes.sizes($0), dimensions) }
      // A mean over many elements, whose reciprocal says less than how many there are.
      let count = (1 / (samples[0] * products[0])).rounded()
      if count != 0, count.magnitude < 0x1p53, fits(products.map { 1 / (count * $0) }) {
        return .reciprocal(ExtentPolynomial(terms: [dimensions: Int(count)]))
      }
      for scaling in Scaling.allCases {
        for factor in scaling.factors(samples[0], products[0]) where fits(products.map { scaling(factor, $0) }) {
          return .scaled(factor: factor, dimensions: dimensions, scaling)
        }
      }
    }
    return nil
  }

  private static func product(_ sizes: [Int], _ dimensions: Int) -> Double {
    sizes.enumerated().reduce(1) { dimensions & 1 << $1.offset == 0 ? $0 : $0 * Double($1.element) }
  }

  /// The number at these sizes; nil if it does not fit.
  func callAsFunction(_ sizes: [Int]) -> Scalar? {
    switch kind {
    case .fixed(let value): return value
    case .whole(let polynomial, let isReal): return polynomial(sizes).map { isReal ? .real(Double($0)) : .integer(Int64($0)) }
    case .reciprocal(let polynomial): return polynomial(sizes).flatMap { $0 == 0 ? nil : .real(1 / Double($0)) }
    case .ratio(let polynomial, let offset):
      return polynomial(sizes).flatMap { $0 + offset == 0 ? nil : .real(Double($0) / Double($0 + offset)) }
    case .scaled(let factor, let dimensions, let scaling): return .real(scaling(factor, Self.product(sizes, dimensions)))
    }
  }
}

extension Scalar {
  /// Also where it is not a number.
  package func isIdentical(to other: Scalar) -> Bool {
    if case .real(let a) = self, case .real(let b) = other { return a.bitPattern == b.bitPattern }
    return self == other
  }
}
