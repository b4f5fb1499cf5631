/// PyTorch's rules of type promotion, the one table of the project.
///
/// Within a category the wider type wins. Across categories the higher one wins, at the width it already has.
/// Dimensioned tensors outrank 0-dimensional ones, which outrank plain numbers, unless the lower-ranked operand is of a higher category.
public enum TypePromotion {
  /// The type both operands convert to. (`uint8` with a signed type widens, float16 with bfloat16 meets in float32.)
  public static func promote(_ a: DType, _ b: DType) -> DType {
    if a == b { return a }
    return table[Int(a.rawValue) * DType.allCases.count + Int(b.rawValue)]
  }

  private static let table: [DType] = DType.allCases.flatMap { a in DType.allCases.map { b in meet(a, b) } }

  private static func meet(_ a: DType, _ b: DType) -> DType {
    if a == b { return a }
    let (low, high) = a.category <= b.category ? (a, b) : (b, a)
    if low.category < high.category {
      // float64 with complex64 must not lose precision; every other lower category adapts.
      if high.isComplex, low.isFloatingPoint { return complexWidth(low, high) }
      return high
    }
    switch high.category {
    case .bool: return .bool
    case .integer: return meetIntegers(a, b)
    case .floatingPoint:
      if a == .float64 || b == .float64 { return .float64 }
      if a == .float32 || b == .float32 { return .float32 }
      if a.size == 1 { return b }
      if b.size == 1 { return a }
      return .float32  // float16 with bfloat16
    case .complex: return a.size > b.size ? a : b
    }
  }

  private static func complexWidth(_ real: DType, _ complex: DType) -> DType {
    if real == .float64 || complex == .complex128 { return .complex128 }
    if complex == .complex32, real == .float16 { return .complex32 }
    return .complex64
  }

  private static func meetIntegers(_ a: DType, _ b: DType) -> DType {
    if a.isSigned == b.isSigned { return a.size >= b.size ? a : b }
    let (signed, unsigned) = a.isSigned ? (a, b) : (b, a)
    if signed.size > unsigned.size { return signed }
    switch unsigned.size {
    case 1: return .int16
    case 2: return .int32
    default: return .int64
    }
  }
}

/// Collects operands and says which type they meet in.
public struct PromotionAccumulator {
  private var dimensioned: DType?
  private var zeroDimensional: DType?
  private var number: DType.Category?

  public init() {}

  public mutating func add(_ dtype: DType, isZeroDimensional: Bool) {
    if isZeroDimensional {
      zeroDimensional = zeroDimensional.map { TypePromotion.promote($0, dtype) } ?? dtype
    } else {
      dimensioned = dimensioned.map { TypePromotion.promote($0, dtype) } ?? dtype
    }
  }

  public mutating func add(number category: DType.Category) {
    number = number.map { max($0, category) } ?? category
  }

  /// The common type; `default floating type` decides for plain numbers alone.
  public func result(defaultFloat: DType = .float32) -> DType {
    let fromNumber: DType? = number.map { category in
      switch category {
      case .bool: .bool
      case .integer: .int64
      case .floatingPoint: defaultFloat
      case .complex: defaultFloat.complexType
      }
    }
    var result = combine(dimensioned, zeroDimensional)
    result = combine(result, fromNumber)
    return result ?? defaultFloat
  }

  /// A lower-ranked operand matters only if its category is higher; then it brings its own width, except that a
  /// complex number meeting a real tensor takes the tensor's precision.
  private func combine(_ ranked: DType?, _ lower: DType?) -> DType? {
    guard let ranked else { return lower }
    guard let lower, lower.category > ranked.category else { return ranked }
    if lower.isComplex, ranked.isFloatingPoint {
      return TypePromotion.promote(ranked, .complex32) == .complex32 ? .complex32 : (ranked == .float64 ? .complex128 : .complex64)
    }
    return lower
  }
}
