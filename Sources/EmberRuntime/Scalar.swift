/// A number of any category, as an operation's argument: `x + 2`, `full([2], 0.5)`.
public enum Scalar: Sendable, Hashable {
  case bool(Bool)
  case integer(Int64)
  case real(Double)
  case complex(Double, Double)

  public var category: DType.Category {
    switch self {
    case .bool: .bool
    case .integer: .integer
    case .real: .floatingPoint
    case .complex: .complex
    }
  }

  /// The value as a real number (a complex one's real part).
  public var doubleValue: Double {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .integer(let value): Double(value)
    case .real(let value): value
    case .complex(let real, _): real
    }
  }

  public var imaginaryPart: Double {
    if case .complex(_, let imaginary) = self { imaginary } else { 0 }
  }

  /// The value as an integer, truncated; nil where there is none.
  public var integerValue: Int64? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .integer(let value): value
    case .real(let value): Int64(exactly: value.rounded(.towardZero))
    case .complex(let real, let imaginary): imaginary == 0 ? Int64(exactly: real.rounded(.towardZero)) : nil
    }
  }

  public var isTrue: Bool {
    switch self {
    case .bool(let value): value
    case .integer(let value): value != 0
    case .real(let value): value != 0
    case .complex(let real, let imaginary): real != 0 || imaginary != 0
    }
  }
}

extension Scalar: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral {
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .real(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension Scalar: CustomStringConvertible {
  public var description: String {
    switch self {
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .real(let value): "\(value)"
    case .complex(let real, let imaginary): "(\(real)\(imaginary < 0 ? "-" : "+")\(imaginary.magnitude)j)"
    }
  }
}

/// A Swift number type that is also an element type of tensors.
public protocol TensorElement: Sendable, Equatable {
  static var dtype: DType { get }
  /// The number as an argument of an operation.
  var scalar: Scalar { get }
  /// What an element of another type reads as in this one (numbers out of range saturate).
  init(_ scalar: Scalar)
}

extension Bool: TensorElement {
  public static var dtype: DType { .bool }
  public var scalar: Scalar { .bool(self) }
  public init(_ scalar: Scalar) { self = scalar.isTrue }
}

extension TensorElement where Self: FixedWidthInteger {
  public var scalar: Scalar { .integer(Int64(clamping: self)) }
  public init(_ scalar: Scalar) {
    switch scalar {
    case .bool(let value): self = value ? 1 : 0
    case .integer(let value): self = Self(clamping: value)
    default:
      let value = scalar.doubleValue.rounded(.towardZero)
      self = value.isNaN ? 0 : (Self(exactly: value) ?? (value < 0 ? .min : .max))
    }
  }
}

extension TensorElement where Self: BinaryFloatingPoint {
  public var scalar: Scalar { .real(Double(self)) }
  public init(_ scalar: Scalar) { self = Self(scalar.doubleValue) }
}

extension UInt8: TensorElement { public static var dtype: DType { .uint8 } }
extension Int8: TensorElement { public static var dtype: DType { .int8 } }
extension Int16: TensorElement { public static var dtype: DType { .int16 } }
extension Int32: TensorElement { public static var dtype: DType { .int32 } }
extension Int64: TensorElement { public static var dtype: DType { .int64 } }
extension Int: TensorElement { public static var dtype: DType { .int64 } }
extension UInt16: TensorElement { public static var dtype: DType { .uint16 } }
extension UInt32: TensorElement { public static var dtype: DType { .uint32 } }
extension UInt64: TensorElement { public static var dtype: DType { .uint64 } }
extension Float: TensorElement { public static var dtype: DType { .float32 } }
extension Double: TensorElement { public static var dtype: DType { .float64 } }
#if !(os(macOS) && arch(x86_64))
extension Float16: TensorElement { public static var dtype: DType { .float16 } }
#endif

/// A complex number as stored in complex tensors.
@frozen
public struct Complex<Real: BinaryFloatingPoint & Sendable>: Sendable, Hashable {
  public var real: Real
  public var imaginary: Real

  @inlinable public init(_ real: Real, _ imaginary: Real = 0) {
    self.real = real
    self.imaginary = imaginary
  }
}

extension Complex: TensorElement {
  public static var dtype: DType { Real.self == Double.self ? .complex128 : .complex64 }
  public var scalar: Scalar { .complex(Double(real), Double(imaginary)) }
  public init(_ scalar: Scalar) {
    real = Real(scalar.doubleValue)
    imaginary = Real(scalar.imaginaryPart)
  }
}

extension Scalar {
  /// Writes the number as one value of a computing type.
  public func store(as type: ComputeType, to pointer: UnsafeMutableRawPointer) {
    func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) {
      let value: Int64 = if case .real(let real) = self { Int64(Scalar.real(real)) } else { integerValue ?? 0 }
      pointer.storeBytes(of: T(truncatingIfNeeded: value), as: T.self)
    }
    switch type {
    case .bool: pointer.storeBytes(of: isTrue ? 1 : 0, as: UInt8.self)
    case .uint8: integer(UInt8.self)
    case .int8: integer(Int8.self)
    case .int16: integer(Int16.self)
    case .int32: integer(Int32.self)
    case .int64: integer(Int64.self)
    case .float32: pointer.storeBytes(of: Float(doubleValue), as: Float.self)
    case .float64: pointer.storeBytes(of: doubleValue, as: Double.self)
    case .complex64:
      pointer.storeBytes(of: Float(doubleValue), as: Float.self)
      pointer.storeBytes(of: Float(imaginaryPart), toByteOffset: 4, as: Float.self)
    case .complex128:
      pointer.storeBytes(of: doubleValue, as: Double.self)
      pointer.storeBytes(of: imaginaryPart, toByteOffset: 8, as: Double.self)
    }
  }
}
