/// The type of a tensor's elements. Raw values are those of the C kernels' `ember_dtype`.
public enum DType: UInt8, Sendable, Hashable, CaseIterable {
  case bool = 0
  case uint8 = 1
  case int8 = 2
  case int16 = 3
  case int32 = 4
  case int64 = 5
  case float16 = 6
  case bfloat16 = 7
  case float32 = 8
  case float64 = 9
  case complex64 = 10
  case complex128 = 11
  // Storage only: read and written, converted to a computing type by every operation.
  case uint16 = 12
  case uint32 = 13
  case uint64 = 14
  case float8e4m3fn = 15
  case float8e5m2 = 16
  case float8e4m3fnuz = 17
  case float8e5m2fnuz = 18
  case complex32 = 19
}

extension DType {
  /// The width of a promotion step: what a Python number, a 0-dimensional and a dimensioned tensor are ranked by.
  public enum Category: UInt8, Sendable, Comparable {
    case bool, integer, floatingPoint, complex

    public static func < (a: Category, b: Category) -> Bool { a.rawValue < b.rawValue }
  }

  /// Bytes of one element.
  @inlinable public var size: Int {
    switch self {
    case .bool, .uint8, .int8, .float8e4m3fn, .float8e5m2, .float8e4m3fnuz, .float8e5m2fnuz: 1
    case .int16, .float16, .bfloat16, .uint16: 2
    case .int32, .float32, .uint32, .complex32: 4
    case .int64, .float64, .complex64, .uint64: 8
    case .complex128: 16
    }
  }

  @inlinable public var category: Category {
    switch self {
    case .bool: .bool
    case .uint8, .int8, .int16, .int32, .int64, .uint16, .uint32, .uint64: .integer
    case .float16, .bfloat16, .float32, .float64, .float8e4m3fn, .float8e5m2, .float8e4m3fnuz, .float8e5m2fnuz: .floatingPoint
    case .complex32, .complex64, .complex128: .complex
    }
  }

  @inlinable public var isFloatingPoint: Bool { category == .floatingPoint }
  @inlinable public var isComplex: Bool { category == .complex }
  /// Integers, without `bool`.
  @inlinable public var isInteger: Bool { category == .integer }
  /// Only floating-point and complex tensors carry gradients.
  @inlinable public var isDifferentiable: Bool { rawValue >= DType.float16.rawValue && category >= .floatingPoint }
  @inlinable public var isSigned: Bool {
    switch self {
    case .bool, .uint8, .uint16, .uint32, .uint64: false
    default: true
    }
  }
  /// Types that hold data only; operations convert them first.
  public var isStorageOnly: Bool { rawValue >= DType.uint16.rawValue && self != .complex32 }

  /// The real type of a complex type's parts; other types are their own.
  @inlinable public var realType: DType {
    switch self {
    case .complex32: .float16
    case .complex64: .float32
    case .complex128: .float64
    default: self
    }
  }

  /// The complex type whose parts are of this type.
  public var complexType: DType {
    switch self {
    case .float64, .complex128: .complex128
    case .float16, .complex32: .complex32
    default: .complex64
    }
  }

  /// The name as PyTorch writes it (without `torch.`).
  public var name: String {
    switch self {
    case .bool: "bool"
    case .uint8: "uint8"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    case .float32: "float32"
    case .float64: "float64"
    case .complex64: "complex64"
    case .complex128: "complex128"
    case .uint16: "uint16"
    case .uint32: "uint32"
    case .uint64: "uint64"
    case .float8e4m3fn: "float8_e4m3fn"
    case .float8e5m2: "float8_e5m2"
    case .float8e4m3fnuz: "float8_e4m3fnuz"
    case .float8e5m2fnuz: "float8_e5m2fnuz"
    case .complex32: "complex32"
    }
  }

  /// The type with PyTorch's name, for example `"float32"`.
  public init?(name: String) {
    guard let match = DType.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}

extension DType: CustomStringConvertible {
  public var description: String { name }
}
