import EmberRuntime
public import EmberTensor

/// Reads and writes NumPy's `.npy` files. Errors are of kind `.file`, or `.dtype` for a type that NumPy or Ember lacks.
public enum NPY {
  /// Loads a file. Arrays in Fortran order come as transposed views.
  public static func load(_ path: String) throws -> Tensor {
    let contents = try FileBytes.reading(path, in: "npy")
    return try contents.withBytes { try parse($0, source: path) }
  }

  /// Writes a file, atomically.
  public static func save(_ tensor: Tensor, to path: String) throws {
    let header = try header(for: tensor, source: path)
    try AtomicFile.write(to: path, in: "npy") { file in
      try file.append(header)
      try tensor.withBytes { try file.append($0) }
    }
  }

  /// The array in the bytes of a `.npy` file.
  public static func parse(_ bytes: UnsafeRawBufferPointer, source: String = "data") throws -> Tensor {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: "npy", "\(source): \(message)") }
    guard bytes.count >= 10 else { throw bad("truncated: \(bytes.count) bytes, where a header takes at least 10") }
    guard bytes.slice(0, 6).elementsEqual(magic) else { throw bad("not an npy file: it does not begin with \\x93NUMPY") }
    let version = bytes[6]
    guard version >= 1, version <= 3 else { throw bad("format version \(version).\(bytes[7]) is unknown") }
    let prefix = version == 1 ? 10 : 12
    guard bytes.count >= prefix else { throw bad("truncated in the header") }
    let length = version == 1 ? Int(bytes.little(8, as: UInt16.self)) : Int(bytes.little(8, as: UInt32.self))
    guard length <= bytes.count - prefix else { throw bad("truncated: a header of \(length) bytes in a file of \(bytes.count)") }
    guard let header = Header(bytes.slice(prefix, length)) else {
      throw bad("the header is not a dictionary of descr, fortran_order and shape")
    }
    let data = bytes.slice(prefix + length, bytes.count - prefix - length)
    return try array(header.descr, shape: header.shape, isFortran: header.isFortran, data, source: source, in: "npy")
  }

  /// An array of elements that NumPy describes as `<f4`, `>i8` and so on; `data` must be exactly its elements.
  static func array(
    _ descr: String, shape: [Int], isFortran: Bool, _ data: UnsafeRawBufferPointer, source: String, in operation: String
  ) throws -> Tensor {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: operation, "\(source): \(message)") }
    guard let type = ElementType(descr) else {
      throw EmberError(.dtype, in: operation, "\(source): elements of type '\(descr)' have no counterpart in Ember")
    }
    guard let count = byteCount(shape, type.dtype) else { throw bad("the shape \(shape), which no tensor can have") }
    guard data.count == count else {
      throw bad((data.count < count ? "truncated: " : "") + "\(data.count) bytes of data, where \(type.dtype)\(shape) takes \(count)")
    }
    if type.dtype == .bool { try checkBooleans(data, source: source, in: operation) }
    let stored = isFortran ? Array(shape.reversed()) : shape
    return try catchingErrors {
      var tensor = Tensor.empty([0])
      if type.isBigEndian {
        let swapped = swappingBytes(data, unit: type.dtype.realType.size)
        tensor = swapped.withUnsafeBytes { Tensor(bytes: $0, shape: stored, dtype: type.dtype) }
      } else {
        tensor = Tensor(bytes: data, shape: stored, dtype: type.dtype)
      }
      return isFortran && stored.count > 1 ? tensor.permute(Array((0..<stored.count).reversed())) : tensor
    }
  }

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// Everything before the data, padded to a multiple of 64 bytes.
  static func header(for tensor: Tensor, source: String) throws -> [UInt8] {
    guard let descr = ElementType.descr(tensor.dtype) else {
      throw EmberError(.dtype, in: "npy", "\(source): NumPy has no \(tensor.dtype); convert the tensor first, for example .to(.float32)")
    }
    let extents = tensor.shape.map { String($0) }
    let shape = extents.count == 1 ? "(\(extents[0]),)" : "(\(extents.joined(separator: ", ")))"
    var text = Array("{'descr': '\(descr)', 'fortran_order': False, 'shape': \(shape), }".utf8)
    while (10 + text.count + 1) % 64 != 0 { text.append(0x20) }
    text.append(0x0A)
    return magic + [1, 0, UInt8(text.count & 255), UInt8(text.count >> 8)] + text
  }

  /// NumPy's description of an element: `<f4`.
  private struct ElementType {
    let dtype: DType
    let isBigEndian: Bool

    private static let codes: [(code: String, dtype: DType)] = [
      ("b1", .bool), ("u1", .uint8), ("i1", .int8), ("u2", .uint16), ("i2", .int16), ("u4", .uint32), ("i4", .int32), ("u8", .uint64),
      ("i8", .int64), ("f2", .float16), ("f4", .float32), ("f8", .float64), ("c8", .complex64), ("c16", .complex128),
      // As the ml_dtypes package writes it.
      ("V2", .bfloat16),
    ]

    init?(_ descr: String) {
      guard let order = descr.first, "<>|=".contains(order), let match = ElementType.codes.first(where: { $0.code == descr.dropFirst() })
      else {
        return nil
      }
      dtype = match.dtype
      isBigEndian = order == ">"
    }

    static func descr(_ dtype: DType) -> String? {
      codes.first { $0.dtype == dtype }.map { (dtype.size == 1 ? "|" : "<") + $0.code }
    }
  }

  /// The header's Python dictionary; nothing else that Python could write is understood.
  private struct Header {
    var descr = ""
    var isFortran = false
    var shape: [Int] = []

    init?(_ bytes: UnsafeRawBufferPointer) {
      var position = 0
      func peek() -> UInt8? {
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x0A || bytes[position] == 0x09 { position += 1 }
        return position < bytes.count ? bytes[position] : nil
      }
      func accept(_ character: Character) -> Bool {
        guard peek() == character.asciiValue else { return false }
        position += 1
        return true
      }
      func text() -> String? {
        guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { return nil }
        let start = position + 1
        guard let end = (start..<bytes.count).first(where: { bytes[$0] == quote }) else { return nil }
        position = end + 1
        return String(validating: bytes[start..<end], as: UTF8.self)
      }
      func word() -> String {
        _ = peek()
        let start = position
        while position < bytes.count,
          (bytes[position] | 0x20) >= 0x61 && (bytes[position] | 0x20) <= 0x7A || bytes[position] >= 0x30 && bytes[position] <= 0x39
        {
          position += 1
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
      }
      var seen: Set<String> = []
      guard accept("{") else { return nil }
      while !accept("}") {
        guard let key = text(), seen.insert(key).inserted, accept(":") else { return nil }
        switch key {
        case "descr":
          guard let value = text() else { return nil }
          descr = value
        case "fortran_order":
          let value = word()
          guard value == "True" || value == "False" else { return nil }
          isFortran = value == "True"
        case "shape":
          guard accept("(") else { return nil }
          while !accept(")") {
            var digits = word()
            if digits.hasSuffix("L") { digits.removeLast() }
            guard let extent = Int(digits), extent >= 0, shape.count < 64 else { return nil }
            shape.append(extent)
            if !accept(",") {
              guard accept(")") else { return nil }
              break
            }
          }
        default: return nil
        }
        if !accept(",") {
          guard accept("}") else { return nil }
          break
        }
      }
      guard seen.count == 3, peek() == nil else { return nil }
    }
  }
}
