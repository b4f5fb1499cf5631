import EmberFormats
import EmberRuntime
import EmberTensor
internal import FoundationEssentials

/// Reads `TensorProto`: elements in any of its fields, or in a file beside the model.
struct TensorDecoder {
  /// Files of external data; nil where the model did not come from a file.
  let externalFiles: ExternalFiles?

  func value(_ proto: Onnx_TensorProto) throws -> ONNXValue {
    func bad(_ message: String) -> EmberError {
      EmberError(.file, in: "onnx", "tensor '\(proto.name)': \(message)")
    }
    guard let type = ONNXElementType(rawValue: Int(proto.dataType)) else { throw bad("elements of the unknown type \(proto.dataType)") }
    guard !proto.hasSegment else { throw bad("it is one segment of several, which is not supported") }
    let shape = try extents(proto.dims, bad)
    var count = 1
    for extent in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard !overflow, product < 1 << 48 else { throw bad("the shape \(shape) has more elements than can be held") }
      count = product
    }
    if type == .string { return .strings(ONNXStrings(shape: shape, try texts(proto, count, bad))) }
    let byteCount = (count * type.bitCount + 7) / 8
    if proto.dataLocation == .external {
      guard let externalFiles else { throw bad("its data lie in a file of their own, but the model was not loaded from a file") }
      let entries = Dictionary(proto.externalData.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
      let bytes = try externalFiles.bytes(entries, byteCount: byteCount, bad)
      return try bytes.contents.withBytes { whole in
        try value(UnsafeRawBufferPointer(rebasing: whole[bytes.range]), type, shape)
      }
    }
    if proto.hasRawData {
      guard proto.rawData.count == byteCount else {
        throw bad("\(proto.rawData.count) bytes of data, where \(type)\(shape) takes \(byteCount)")
      }
      return try proto.rawData.withUnsafeBytes { try value($0, type, shape) }
    }
    return try typedFields(proto, type, shape, count, bad)
  }

  /// The dense form of a sparse tensor.
  func value(_ proto: Onnx_SparseTensorProto) throws -> ONNXValue {
    func bad(_ message: String) -> EmberError {
      EmberError(.file, in: "onnx", "sparse tensor '\(proto.values.name)': \(message)")
    }
    let shape = try extents(proto.dims, bad)
    guard case .tensor(let values) = try value(proto.values), case .tensor(let indices) = try value(proto.indices), values.rank == 1,
      indices.dtype == .int64
    else { throw bad("it must have a vector of values and int64 indices") }
    let count = values.elementCount
    guard shape.reduce(1.0, { $0 * Double($1) }) < 0x1p40 else { throw bad("the shape \(shape) is too large for the dense form") }
    let total = shape.reduce(1, *)
    var positions = try indices.elementsOrThrow(as: Int.self)
    if indices.rank == 2, Array(indices.shape) == [count, shape.count] {
      positions = stride(from: 0, to: positions.count, by: max(shape.count, 1)).map { row in
        shape.indices.reduce(0) { $0 &* shape[$1] &+ positions[row + $1] }
      }
    } else if Array(indices.shape) != [count] {
      throw bad("indices of shape \(indices.shape) for \(count) values of a tensor of \(shape.count) dimensions")
    }
    guard positions.allSatisfy({ (0..<total).contains($0) }) else { throw bad("an index outside of the shape \(shape)") }
    return .tensor(
      Tensor.zeros([total], dtype: values.dtype).scatter(dim: 0, index: Tensor(positions), source: values).reshape(shape))
  }

  private func extents(_ dims: [Int64], _ bad: (String) -> EmberError) throws -> [Int] {
    guard dims.allSatisfy({ $0 >= 0 }) else { throw bad("the shape \(dims) has a negative extent") }
    guard dims.count <= maximumRank else { throw bad("\(dims.count) dimensions; a tensor has at most \(maximumRank)") }
    return dims.map { Int($0) }
  }

  private func texts(_ proto: Onnx_TensorProto, _ count: Int, _ bad: (String) -> EmberError) throws -> [String] {
    guard proto.stringData.count == count else {
      throw bad("\(proto.stringData.count) texts, where its shape takes \(count)")
    }
    return proto.stringData.map { String(decoding: $0, as: UTF8.self) }
  }

  /// From bytes as they lie in files: little-endian, row-major, narrow elements packed from the low bits on.
  private func value(_ bytes: UnsafeRawBufferPointer, _ type: ONNXElementType, _ shape: [Int]) throws -> ONNXValue {
    if type == .bool, bytes.contains(where: { $0 > 1 }) {
      return .tensor(bytes.map { $0 != 0 }.withUnsafeBytes { Tensor(bytes: $0, shape: shape, dtype: .bool) })
    }
    guard type.isNarrow else { return .tensor(Tensor(bytes: bytes, shape: shape, dtype: type.dtype!)) }
    return .narrow(ONNXNarrowTensor(NarrowElements.unpacked(bytes, type, shape), type))
  }

  private func typedFields(
    _ proto: Onnx_TensorProto, _ type: ONNXElementType, _ shape: [Int], _ count: Int, _ bad: (String) -> EmberError
  ) throws -> ONNXValue {
    func checked(_ given: Int, _ wanted: Int) throws {
      guard given == wanted else { throw bad("\(given) elements of data, where \(type)\(shape) takes \(wanted)") }
    }
    func plain<Element>(_ elements: [Element], perElement: Int = 1) throws -> ONNXValue {
      try checked(elements.count, count * perElement)
      return .tensor(elements.withUnsafeBytes { Tensor(bytes: $0, shape: shape, dtype: type.dtype!) })
    }
    switch type {
    case .float32: return try plain(proto.floatData)
    case .complex64: return try plain(proto.floatData, perElement: 2)
    case .float64: return try plain(proto.doubleData)
    case .complex128: return try plain(proto.doubleData, perElement: 2)
    case .int64: return try plain(proto.int64Data)
    case .uint64: return try plain(proto.uint64Data)
    case .uint32: return try plain(proto.uint64Data.map { UInt32(truncatingIfNeeded: $0) })
    case .int32: return try plain(proto.int32Data)
    case .int16, .uint16, .float16, .bfloat16: return try plain(proto.int32Data.map { UInt16(truncatingIfNeeded: $0) })
    case .bool: return try plain(proto.int32Data.map { UInt8($0 == 0 ? 0 : 1) })
    case .int8, .uint8, .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz:
      return try plain(proto.int32Data.map { UInt8(truncatingIfNeeded: $0) })
    case .uint4, .int4, .float4e2m1, .uint2, .int2, .float8e8m0:
      try checked(proto.int32Data.count, (count * type.bitCount + 7) / 8)
      let bytes = proto.int32Data.map { UInt8(truncatingIfNeeded: $0) }
      return bytes.withUnsafeBytes { .narrow(ONNXNarrowTensor(NarrowElements.unpacked($0, type, shape), type)) }
    case .string: throw bad("texts are read elsewhere")
    }
  }
}

/// Conversions of elements that a file packs into fewer bits than Ember's dtypes have.
enum NarrowElements {
  /// The numbers of `float4_e2m1` by their bits.
  static let float4: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6]

  /// The number of a `float8_e8m0`: 2^(bits - 127), NaN for 255.
  static func float8e8m0(_ bits: UInt8) -> Float { bits == 255 ? .nan : Float(sign: .plus, exponent: Int(bits) - 127, significand: 1) }

  /// The number of one element.
  private static func integer(_ bits: UInt8, _ type: ONNXElementType) -> Int8 {
    switch type {
    case .int4: Int8(bitPattern: bits << 4) >> 4
    case .int2: Int8(bitPattern: bits << 6) >> 6
    default: Int8(bitPattern: bits)
    }
  }

  /// - Precondition: `bytes` has as many elements as the shape says.
  static func unpacked(_ bytes: UnsafeRawBufferPointer, _ type: ONNXElementType, _ shape: [Int]) -> Tensor {
    let count = shape.reduce(1, *), width = type.bitCount
    let mask = UInt8((1 << width) - 1)
    return tensor(bits: (0..<count).map { i in bytes[i * width / 8] >> UInt8(i * width % 8) & mask }, type, shape)
  }

  /// The numbers of elements given by their bits, one a byte.
  static func tensor(bits: [UInt8], _ type: ONNXElementType, _ shape: [Int]) -> Tensor {
    switch type {
    case .float4e2m1: Tensor(bits.map { float4[Int($0 & 15)] }, shape: shape)
    case .float8e8m0: Tensor(bits.map(float8e8m0), shape: shape)
    default: bits.map { integer($0, type) }.withUnsafeBytes { Tensor(bytes: $0, shape: shape, dtype: type.dtype!) }
    }
  }

  /// The bits of each element.
  static func bits(_ tensor: Tensor, _ type: ONNXElementType) throws -> [UInt8] {
    switch type {
    case .float4e2m1:
      return try tensor.elementsOrThrow(as: Float.self).map { number in
        UInt8(float4.firstIndex { $0 == number && $0.sign == number.sign } ?? 0)
      }
    case .float8e8m0:
      return try tensor.elementsOrThrow(as: Float.self).map { $0.isNaN ? 255 : UInt8(clamping: $0.exponent + 127) }
    default:
      let mask = UInt8((1 << type.bitCount) - 1)
      return try tensor.elementsOrThrow(as: Int.self).map { UInt8(truncatingIfNeeded: $0) & mask }
    }
  }
}
