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
    /// factor · (the product of some sizes)^exponent.
    case power(factor: Double, dimensions: Int, exponent: Exponent)
  }

  private enum Exponent: CaseIterable {
    case minusOne, minusHalf, half, one

    func callAsFunction(_ x: Double) -> Double {
      switch self {
      case .minusOne: 1 / x
      case .minusHalf: 1 / x.squareRoot()
      case .half: x.squareRoot()
      case .one: x
      }
    }
  }

  private let kind: Kind

  init(fixed value: Scalar) { kind = .fixed(value) }

  /// Nil if the samples, one for each capture, follow from the sizes in none of the known ways.
  init?(_ samples: [Scalar], _ sizes: CaptureSizes) {
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
      guard real.count == samples.count, real.allSatisfy({ $0.isFinite && $0 != 0 }), let kind = Self.real(real, sizes) else { return nil }
      self.kind = kind
    default: return nil
    }
  }

  private static func real(_ samples: [Double], _ sizes: CaptureSizes) -> Kind? {
    func polynomial(_ numbers: [Double]) -> ExtentPolynomial? {
      let whole = numbers.compactMap { Int(exactly: $0) }
      return whole.count == numbers.count ? sizes.polynomial(whole) : nil
    }
    if let polynomial = polynomial(samples) { return .whole(polynomial, isReal: true) }
    let inverse = samples.map { (1 / $0).rounded() }
    if zip(samples, inverse).allSatisfy({ 1 / $1 == $0 }), let polynomial = polynomial(inverse) { return .reciprocal(polynomial) }
    for offset in [-1, 1] {
      let whole = samples.map { (Double(offset) * $0 / (1 - $0)).rounded() }
      if zip(samples, whole).allSatisfy({ $1 / ($1 + Double(offset)) == $0 }), let polynomial = polynomial(whole) {
        return .ratio(polynomial, offset: offset)
      }
    }
    for dimensions in 1..<(1 << sizes.base.count) {
      let products = (0..<sizes.captureCount).map { product(sizes.sizes($0), dimensions) }
      for exponent in Exponent.allCases {
        let factor = samples[0] / exponent(products[0])
        // Up to the rounding of the two or three operations that may have made the number.
        let fits = zip(samples, products).allSatisfy { abs(factor * exponent($1) - $0) <= 4 * $0.ulp }
        if fits { return .power(factor: factor, dimensions: dimensions, exponent: exponent) }
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
    case .power(let factor, let dimensions, let exponent): return .real(factor * exponent(Self.product(sizes, dimensions)))
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
