public import EmberRuntime

/// The types of elements that ONNX knows. Raw values are those of `TensorProto.DataType`.
public enum ONNXElementType: Int, Sendable, Hashable, CaseIterable {
  case float32 = 1
  case uint8 = 2
  case int8 = 3
  case uint16 = 4
  case int16 = 5
  case int32 = 6
  case int64 = 7
  case string = 8
  case bool = 9
  case float16 = 10
  case float64 = 11
  case uint32 = 12
  case uint64 = 13
  case complex64 = 14
  case complex128 = 15
  case bfloat16 = 16
  case float8e4m3fn = 17
  case float8e4m3fnuz = 18
  case float8e5m2 = 19
  case float8e5m2fnuz = 20
  case uint4 = 21
  case int4 = 22
  case float4e2m1 = 23
  case float8e8m0 = 24
  case uint2 = 25
  case int2 = 26

  /// The dtype of tensors that hold such elements; nil for strings.
  ///
  /// Types that Ember lacks are kept in a wider one that has all their values: two and four bits in `int8` and `uint8`, the rest in
  /// `float32`.
  public var dtype: DType? {
    switch self {
    case .float32, .float4e2m1, .float8e8m0: .float32
    case .uint8, .uint4, .uint2: .uint8
    case .int8, .int4, .int2: .int8
    case .uint16: .uint16
    case .int16: .int16
    case .int32: .int32
    case .int64: .int64
    case .string: nil
    case .bool: .bool
    case .float16: .float16
    case .float64: .float64
    case .uint32: .uint32
    case .uint64: .uint64
    case .complex64: .complex64
    case .complex128: .complex128
    case .bfloat16: .bfloat16
    case .float8e4m3fn: .float8e4m3fn
    case .float8e4m3fnuz: .float8e4m3fnuz
    case .float8e5m2: .float8e5m2
    case .float8e5m2fnuz: .float8e5m2fnuz
    }
  }

  /// The type of the elements of tensors of a dtype; nil for the one that ONNX lacks, `complex32`.
  public init?(_ dtype: DType) {
    guard let match = Self.allCases.first(where: { $0.dtype == dtype && !$0.isNarrow }) else { return nil }
    self = match
  }

  /// True for types that Ember keeps in a wider dtype.
  public var isNarrow: Bool {
    switch self {
    case .uint4, .int4, .uint2, .int2, .float4e2m1, .float8e8m0: true
    default: false
    }
  }

  /// Bits of one element in a file.
  var bitCount: Int {
    switch self {
    case .uint2, .int2: 2
    case .uint4, .int4, .float4e2m1: 4
    case .float8e8m0: 8
    default: (dtype?.size ?? 0) * 8
    }
  }

  var isInteger: Bool { dtype?.isInteger ?? false }
  var isFloatingPoint: Bool { dtype?.isFloatingPoint ?? false }

  /// The values of a narrow integer type, or of a plain one.
  var integerRange: ClosedRange<Int64>? {
    switch self {
    case .uint2: 0...3
    case .int2: -2...1
    case .uint4: 0...15
    case .int4: -8...7
    case .uint8: 0...255
    case .int8: -128...127
    case .uint16: 0...65535
    case .int16: -32768...32767
    case .uint32: 0...4_294_967_295
    case .int32: -2_147_483_648...2_147_483_647
    case .int64: Int64.min...Int64.max
    default: nil
    }
  }
}

extension ONNXElementType: CustomStringConvertible {
  public var description: String {
    switch self {
    case .uint4: "uint4"
    case .int4: "int4"
    case .uint2: "uint2"
    case .int2: "int2"
    case .float4e2m1: "float4_e2m1"
    case .float8e8m0: "float8_e8m0"
    case .string: "string"
    default: dtype?.name ?? "undefined"
    }
  }
}
