import EmberRuntime
public import EmberTensor

/// Reads IDX files (those of MNIST and its relatives), plain or gzipped. Errors are of kind `.file` and name the path.
public enum IDX {
  /// Loads a file; a gzipped one is recognised by its first bytes. `limit` bounds the unpacked size.
  public static func load(_ path: String, limit: Int = 1 << 32) throws -> Tensor {
    try FileBytes.reading(path, in: "idx").withBytes { try unpacking($0, source: path, limit: limit) }
  }

  /// The array in the bytes of a file, gzipped or not.
  static func unpacking(_ bytes: UnsafeRawBufferPointer, source: String, limit: Int = 1 << 32) throws -> Tensor {
    guard bytes.count >= 2, bytes[0] == 0x1F, bytes[1] == 0x8B else { return try parse(bytes, source: source) }
    // Deflate reaches 1032:1 at the very best.
    let bound = Swift.min(limit, bytes.count * 1040)
    let unpacked = try Compression.inflate(bytes, .gzip, limit: bound, source: source, in: "idx")
    return try unpacked.withBytes { try parse($0, source: source) }
  }

  /// The array in the bytes of an unpacked file.
  public static func parse(_ bytes: UnsafeRawBufferPointer, source: String = "data") throws -> Tensor {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: "idx", "\(source): \(message)") }
    guard bytes.count >= 4 else { throw bad("truncated: \(bytes.count) bytes, where a header takes at least 4") }
    guard bytes[0] == 0, bytes[1] == 0, let dtype = dtypes[bytes[2]] else {
      let start = bytes.prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
      throw bad("not an IDX file: it begins with \(start)")
    }
    let rank = Int(bytes[3])
    guard rank <= maximumRank else { throw bad("\(rank) dimensions; a tensor has at most \(maximumRank)") }
    guard bytes.count >= 4 + 4 * rank else { throw bad("truncated in the header") }
    let shape = (0..<rank).map { Int(bytes.big(4 + 4 * $0, as: UInt32.self)) }
    guard let count = byteCount(shape, dtype) else { throw bad("the shape \(shape), which no tensor can have") }
    let data = bytes.slice(4 + 4 * rank, bytes.count - 4 - 4 * rank)
    guard data.count == count else {
      throw bad((data.count < count ? "truncated: " : "") + "\(data.count) bytes of data, where \(dtype)\(shape) takes \(count)")
    }
    guard dtype.size > 1 else { return try catchingErrors { Tensor(bytes: data, shape: shape, dtype: dtype) } }
    return try catchingErrors {
      swappingBytes(data, unit: dtype.size).withUnsafeBytes { Tensor(bytes: $0, shape: shape, dtype: dtype) }
    }
  }

  private static let dtypes: [UInt8: DType] = [
    0x08: .uint8, 0x09: .int8, 0x0B: .int16, 0x0C: .int32, 0x0D: .float32, 0x0E: .float64,
  ]
}
