import EmberRuntime
public import EmberTensor

/// A value of a GGUF file's metadata.
public enum GGUFValue: Sendable, Hashable {
  case bool(Bool)
  case int(Int)
  /// An unsigned number beyond `Int`.
  case uint64(UInt64)
  case double(Double)
  case string(String)
  /// A text that is not UTF-8.
  case bytes([UInt8])
  case bools([Bool])
  case ints([Int])
  case doubles([Double])
  case strings([String])
  case array([GGUFValue])

  public var int: Int? { if case .int(let value) = self { value } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var ints: [Int]? { if case .ints(let value) = self { value } else { nil } }
  public var strings: [String]? { if case .strings(let value) = self { value } else { nil } }
  public var double: Double? {
    switch self {
    case .double(let value): value
    case .int(let value): Double(value)
    default: nil
    }
  }
}

/// A tensor of a GGUF file: what it is, and its numbers on demand.
public struct GGUFTensor: Sendable {
  /// How the numbers are stored.
  public enum Encoding: Sendable, Hashable {
    case dense(DType)
    case blocks(QuantizedMatrix.Format)
    /// A type that is not read, by ggml's name.
    case unsupported(String)

    /// The dtype's or ggml's name.
    public var name: String {
      switch self {
      case .dense(let dtype): dtype.name
      case .blocks(let format): format.name
      case .unsupported(let name): name
      }
    }
  }

  public let name: String
  public let encoding: Encoding
  /// Outermost dimension first, as everywhere in Ember; the file has them the other way round.
  public let shape: [Int]
  /// Bytes in the file; 0 for a type that is not read.
  public let byteCount: Int
  fileprivate let offset: Int
  fileprivate let contents: FileBytes
  fileprivate let source: String

  /// The numbers as an ordinary tensor: packed ones expanded to float32, others sharing the file's pages.
  public func tensor() throws -> Tensor {
    switch encoding {
    case .dense(let dtype):
      let flat = try contents.tensor(offset..<offset + byteCount, dtype, source: "\(source): \(name)", in: "gguf")
      return try catchingErrors { flat.reshape(shape) }
    case .blocks:
      let matrix = try matrix()
      return try catchingErrors { matrix.dequantized().reshape(shape) }
    case .unsupported(let type): throw EmberError(.dtype, in: "gguf", "\(source): \(name) is \(type), which Ember does not read")
    }
  }

  /// The packed numbers, which share the file's pages: [rows, columns], with all dimensions but the last as rows.
  public func matrix() throws -> QuantizedMatrix {
    guard case .blocks(let format) = encoding else {
      throw EmberError(.dtype, in: "gguf", "\(source): \(name) is \(encoding.name), not packed in blocks that Ember reads; use tensor()")
    }
    return QuantizedMatrix(
      format: format, rows: shape.dropLast().reduce(1, *), columns: shape.last ?? 1, contents: contents, offset: offset)
  }
}

/// A file of metadata and tensors as llama.cpp uses them. It is mapped, and not shortened by anybody while it is in use.
///
///     let file = try GGUF.load("model.gguf")
///     let width = file["llama.embedding_length"]?.int
///     let norm = try file.tensor("output_norm.weight")        // a Tensor; packed numbers are expanded to float32
///     let table = try file.matrix("token_embd.weight")        // a QuantizedMatrix, for products with packed numbers
public struct GGUFFile: Sendable {
  public let version: Int
  public let metadata: [(key: String, value: GGUFValue)]
  public let tensors: [GGUFTensor]
  private let keys: [String: Int]
  private let names: [String: Int]
  private let source: String

  fileprivate init(version: Int, metadata: [(key: String, value: GGUFValue)], tensors: [GGUFTensor], source: String) {
    self.version = version
    self.metadata = metadata
    self.tensors = tensors
    self.source = source
    keys = Dictionary(uniqueKeysWithValues: metadata.enumerated().map { ($1.key, $0) })
    names = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  /// A value of the metadata.
  public subscript(key: String) -> GGUFValue? { keys[key].map { metadata[$0].value } }

  /// What the file says about a tensor; nil if there is none of that name.
  public func entry(_ name: String) -> GGUFTensor? { names[name].map { tensors[$0] } }

  /// A tensor by name, expanded if it is packed.
  public func tensor(_ name: String) throws -> Tensor { try required(name).tensor() }

  /// A packed tensor by name.
  public func matrix(_ name: String) throws -> QuantizedMatrix { try required(name).matrix() }

  private func required(_ name: String) throws -> GGUFTensor {
    guard let tensor = entry(name) else { throw EmberError(.value, in: "gguf", "\(source): there is no tensor \(JSON.quoted(name))") }
    return tensor
  }
}

/// Reads GGUF files of versions 2 and 3 (the specification is part of ggml). Errors are of kind `.file` and name the path.
public enum GGUF {
  /// Opens a file. Only its metadata are read.
  public static func load(_ path: String) throws -> GGUFFile { try parse(try FileBytes.mapping(path, in: "gguf"), source: path) }

  /// The same of a file in memory.
  public static func parse(_ contents: FileBytes, source: String = "data") throws -> GGUFFile {
    try contents.withBytes { bytes in
      var reader = Reader(bytes: bytes, source: source)
      return try reader.file(contents)
    }
  }

  /// The same of bytes in memory, which are copied.
  public static func parse(_ bytes: UnsafeRawBufferPointer, source: String = "data") throws -> GGUFFile {
    try parse(try FileBytes(copying: bytes, in: "gguf"), source: source)
  }

  /// ggml's types by number.
  private static func encoding(_ type: UInt32) -> GGUFTensor.Encoding {
    switch type {
    case 0: .dense(.float32)
    case 1: .dense(.float16)
    case 2: .blocks(.q4_0)
    case 3: .blocks(.q4_1)
    case 6: .blocks(.q5_0)
    case 7: .blocks(.q5_1)
    case 8: .blocks(.q8_0)
    case 12: .blocks(.q4_K)
    case 13: .blocks(.q5_K)
    case 14: .blocks(.q6_K)
    case 24: .dense(.int8)
    case 25: .dense(.int16)
    case 26: .dense(.int32)
    case 27: .dense(.int64)
    case 28: .dense(.float64)
    case 30: .dense(.bfloat16)
    default: .unsupported(otherTypes[type] ?? "ggml type \(type)")
    }
  }

  private static let otherTypes: [UInt32: String] = [
    9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S",
    22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0",
  ]

  private struct Reader {
    let bytes: UnsafeRawBufferPointer
    let source: String
    var position = 0

    init(bytes: UnsafeRawBufferPointer, source: String) {
      self.bytes = bytes
      self.source = source
    }

    func bad(_ message: String) -> EmberError { EmberError(.file, in: "gguf", "\(source): \(message) (byte \(position))") }

    mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer {
      guard count <= bytes.count - position else { throw bad("truncated: \(count) bytes expected") }
      defer { position += count }
      return bytes.slice(position, count)
    }

    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
      try take(MemoryLayout<Number>.size).little(0, as: type)
    }

    /// A number of things that take at least `size` bytes each in the rest of the file.
    mutating func count(of size: Int, _ what: String) throws -> Int {
      let value = try number(UInt64.self)
      guard value <= UInt64((bytes.count - position) / size) else {
        throw bad("\(value) \(what) in a file of \(bytes.count) bytes (truncated?)")
      }
      return Int(value)
    }

    mutating func rawString() throws -> UnsafeRawBufferPointer { try take(try count(of: 1, "bytes of a text")) }

    mutating func name(_ what: String) throws -> String {
      guard let text = String(validating: try rawString(), as: UTF8.self) else { throw bad("\(what) is not UTF-8") }
      return text
    }

    mutating func file(_ contents: FileBytes) throws -> GGUFFile {
      guard bytes.count >= 8, bytes.slice(0, 4).elementsEqual("GGUF".utf8) else {
        throw bad("not a GGUF file: it does not begin with GGUF")
      }
      position = 4
      let version = try number(UInt32.self)
      guard version == 2 || version == 3 else {
        throw bad(
          version.byteSwapped == 2 || version.byteSwapped == 3
            ? "a big-endian file; only little-endian ones are read" : "version \(version); 2 and 3 are read")
      }
      let tensorCount = try count(of: 24, "tensors")
      let keyCount = try count(of: 13, "metadata")
      var metadata: [(key: String, value: GGUFValue)] = []
      var keys: Set<String> = []
      for _ in 0..<keyCount {
        let key = try name("a key")
        guard keys.insert(key).inserted else { throw bad("the key \(JSON.quoted(key)) appears twice") }
        let type = try number(UInt32.self)
        metadata.append((key, try value(type, depth: 0)))
      }
      var alignment = 32
      if let given = metadata.first(where: { $0.key == "general.alignment" })?.value.int {
        guard given > 0, given <= 1 << 20, given & (given - 1) == 0 else { throw bad("an alignment of \(given)") }
        alignment = given
      }
      var descriptions: [(name: String, shape: [Int], type: UInt32, offset: UInt64)] = []
      var names: Set<String> = []
      for _ in 0..<tensorCount {
        let name = try name("a tensor's name")
        guard names.insert(name).inserted else { throw bad("two tensors are named \(JSON.quoted(name))") }
        let rank = try number(UInt32.self)
        guard rank <= 8 else { throw bad("\(JSON.quoted(name)) has \(rank) dimensions; at most 8 are possible") }
        var shape: [Int] = []
        for _ in 0..<rank {
          guard let extent = Int(exactly: try number(UInt64.self)) else {
            throw bad("\(JSON.quoted(name)) has a dimension beyond all bounds")
          }
          shape.append(extent)
        }
        descriptions.append((name, shape.reversed(), try number(UInt32.self), try number(UInt64.self)))
      }
      let start = (position + alignment - 1) / alignment * alignment
      let dataCount = Swift.max(0, bytes.count - start)
      let tensors = try descriptions.map { name, shape, type, offset in
        let encoding = GGUF.encoding(type)
        func bad(_ message: String) -> EmberError { EmberError(.file, in: "gguf", "\(source): \(JSON.quoted(name)) \(message)") }
        let size: Int
        switch encoding {
        case .dense(let dtype):
          guard let count = byteCount(shape, dtype) else { throw bad("has the shape \(shape), which no tensor can have") }
          size = count
        case .blocks(let format):
          guard let count = byteCount(shape, .uint8), (shape.last ?? 1) % format.blockWeights == 0 else {
            throw bad("has the shape \(shape), which blocks of \(format.blockWeights) weights do not fill")
          }
          size = count / format.blockWeights * format.blockBytes
        case .unsupported:
          guard byteCount(shape, .uint8) != nil else { throw bad("has the shape \(shape), which no tensor can have") }
          size = 0
        }
        guard offset % UInt64(alignment) == 0 else { throw bad("begins at \(offset), no multiple of \(alignment)") }
        guard offset <= UInt64(dataCount), size <= dataCount - Int(offset) else {
          throw bad("takes \(size) bytes at \(offset) of the \(dataCount) bytes of data (truncated?)")
        }
        return GGUFTensor(
          name: name, encoding: encoding, shape: shape, byteCount: size, offset: size == 0 ? 0 : start + Int(offset), contents: contents,
          source: source)
      }
      return GGUFFile(version: Int(version), metadata: metadata, tensors: tensors, source: source)
    }

    /// Bytes of a value of a type; of texts and arrays the least.
    private func size(of type: UInt32) throws -> Int {
      switch type {
      case 0, 1, 7: 1
      case 2, 3: 2
      case 4, 5, 6: 4
      case 8, 10, 11, 12: 8
      case 9: 12
      default: throw bad("a value of the unknown type \(type)")
      }
    }

    mutating func value(_ type: UInt32, depth: Int) throws -> GGUFValue {
      switch type {
      case 0...5, 11: return .int(try int(type))
      case 6, 12: return .double(try double(type))
      case 7: return .bool(try flag())
      case 8:
        let text = try rawString()
        return String(validating: text, as: UTF8.self).map { .string($0) } ?? .bytes(Array(text))
      case 9: return try array(depth: depth)
      case 10:
        let wide = try number(UInt64.self)
        return Int(exactly: wide).map { .int($0) } ?? .uint64(wide)
      default: throw bad("a value of the unknown type \(type)")
      }
    }

    private mutating func int(_ type: UInt32) throws -> Int {
      switch type {
      case 0: Int(try number(UInt8.self))
      case 1: Int(try number(Int8.self))
      case 2: Int(try number(UInt16.self))
      case 3: Int(try number(Int16.self))
      case 4: Int(try number(UInt32.self))
      case 5: Int(try number(Int32.self))
      default: Int(try number(Int64.self))
      }
    }

    private mutating func double(_ type: UInt32) throws -> Double {
      type == 6 ? Double(Float(bitPattern: try number(UInt32.self))) : Double(bitPattern: try number(UInt64.self))
    }

    private mutating func flag() throws -> Bool {
      let byte = try number(UInt8.self)
      guard byte <= 1 else { throw bad("a truth value of \(byte)") }
      return byte == 1
    }

    private mutating func array(depth: Int) throws -> GGUFValue {
      guard depth < 4 else { throw bad("arrays are nested too deeply") }
      let type = try number(UInt32.self)
      let count = try count(of: try size(of: type), "elements of an array")
      switch type {
      case 0...5, 11: return .ints(try (0..<count).map { _ in try int(type) })
      case 6, 12: return .doubles(try (0..<count).map { _ in try double(type) })
      case 7: return .bools(try (0..<count).map { _ in try flag() })
      case 8:
        let start = position
        var texts: [String] = []
        texts.reserveCapacity(count)
        for _ in 0..<count {
          guard let text = String(validating: try rawString(), as: UTF8.self) else { break }
          texts.append(text)
        }
        if texts.count == count { return .strings(texts) }
        position = start
        return .array(try (0..<count).map { _ in try value(type, depth: depth + 1) })
      default: return .array(try (0..<count).map { _ in try value(type, depth: depth + 1) })
      }
    }
  }
}
