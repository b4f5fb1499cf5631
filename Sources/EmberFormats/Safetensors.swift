import EmberRuntime
public import EmberTensor

/// The tensors of a safetensors file, in the order of its header.
public struct SafetensorsFile: Sendable {
  public let tensors: [(name: String, tensor: Tensor)]
  /// The texts that came along (`__metadata__`).
  public let metadata: [String: String]
  private let positions: [String: Int]

  init(tensors: [(name: String, tensor: Tensor)], metadata: [String: String]) {
    self.tensors = tensors
    self.metadata = metadata
    positions = Dictionary(tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  public var names: [String] { tensors.map(\.name) }

  /// The tensor of that name.
  public subscript(name: String) -> Tensor? { positions[name].map { tensors[$0].tensor } }
}

/// Reads and writes safetensors (https://github.com/huggingface/safetensors). Errors are of kind `.file`.
public enum Safetensors {
  /// As in the reference implementation.
  static let headerLimit = 100_000_000

  /// Loads a file. With `mapped`, tensors share the file's pages until they are written (the file must then not be shortened
  /// while they live); otherwise they are copies.
  public static func load(_ path: String, mapped: Bool = true) throws -> SafetensorsFile {
    let contents = try mapped ? FileBytes.mapping(path, in: "safetensors") : FileBytes.reading(path, in: "safetensors")
    return try parse(contents, source: path)
  }

  /// The tensors of a file already in memory.
  public static func parse(_ contents: FileBytes, source: String = "data") throws -> SafetensorsFile {
    try contents.withBytes { try parse($0, owner: contents, source: source) }
  }

  /// The tensors of bytes in memory, copied out of them.
  public static func parse(_ bytes: UnsafeRawBufferPointer, source: String = "data") throws -> SafetensorsFile {
    try parse(bytes, owner: nil, source: source)
  }

  private struct Entry {
    let name: String
    let dtype: DType
    let shape: [Int]
    let start, end: Int
  }

  private static func parse(_ bytes: UnsafeRawBufferPointer, owner: FileBytes?, source: String) throws -> SafetensorsFile {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: "safetensors", "\(source): \(message)") }
    guard bytes.count >= 8 else { throw bad("truncated: \(bytes.count) bytes, where the header's length alone takes 8") }
    let length = bytes.little(0, as: UInt64.self)
    guard length <= UInt64(headerLimit) else {
      throw bad("a header of \(length) bytes; at most \(headerLimit) are allowed: not a safetensors file?")
    }
    let headerCount = Int(length)
    guard headerCount <= bytes.count - 8 else { throw bad("truncated: a header of \(headerCount) bytes in a file of \(bytes.count)") }
    let header: JSON
    do throws(JSONSyntaxError) { header = try JSON.parse(bytes.slice(8, headerCount)) } catch {
      throw bad("the header is not valid JSON: \(error.message) at byte \(error.position)")
    }
    guard headerCount > 0, bytes[8] == UInt8(ascii: "{"), let members = header.members else { throw bad("the header is not a JSON object") }

    let dataStart = 8 + headerCount
    let dataCount = bytes.count - dataStart
    var entries: [Entry] = []
    var metadata: [String: String] = [:]
    var names: Set<String> = []
    for member in members {
      let name = member.key, value = member.value
      if name == "__metadata__" {
        guard let texts = value.members else { throw bad("__metadata__ is not an object") }
        for entry in texts {
          guard let text = entry.value.text else { throw bad("the metadata \(JSON.quoted(entry.key)) is not a string") }
          metadata[entry.key] = text
        }
        continue
      }
      // JSON tells names apart by their bytes, Swift by what they look like; whoever asks for one of two that look alike could get either.
      guard names.insert(name).inserted else {
        throw bad("two tensors have the name \(JSON.quoted(name)), with its accents composed differently")
      }
      entries.append(try entry(name, value, dataCount: dataCount, bad))
    }
    // Every byte belongs to exactly one tensor: no overlaps, no holes where something could hide.
    var expected = 0
    for entry in entries.sorted(by: { ($0.start, $0.end) < ($1.start, $1.end) }) {
      guard entry.start == expected else {
        throw bad("\(JSON.quoted(entry.name)) begins at byte \(entry.start) of the data; the tensor before it ends at \(expected)")
      }
      expected = entry.end
    }
    guard expected == dataCount else { throw bad("\(dataCount) bytes of data, of which the tensors take \(expected)") }

    var tensors: [(name: String, tensor: Tensor)] = []
    for entry in entries {
      let slice = bytes.slice(dataStart + entry.start, entry.end - entry.start)
      if entry.dtype == .bool { try checkBooleans(slice, source: "\(source): \(JSON.quoted(entry.name))", in: "safetensors") }
      tensors.append((entry.name, try catchingErrors { tensor(slice, entry, owner) }))
    }
    return SafetensorsFile(tensors: tensors, metadata: metadata)
  }

  private static func tensor(_ slice: UnsafeRawBufferPointer, _ entry: Entry, _ owner: FileBytes?) -> Tensor {
    guard let owner, let start = slice.baseAddress, !slice.isEmpty, Int(bitPattern: start) % entry.dtype.size == 0 else {
      return Tensor(bytes: slice, shape: entry.shape, dtype: entry.dtype)
    }
    return Tensor(foreign: UnsafeMutableRawPointer(mutating: start), shape: entry.shape, dtype: entry.dtype) {
      withExtendedLifetime(owner) {}
    }
  }

  private static func entry(_ name: String, _ value: JSON, dataCount: Int, _ bad: (String) -> EmberError) throws -> Entry {
    let quoted = JSON.quoted(name)
    guard let members = value.members, members.count == 3 else { throw bad("\(quoted) is not an object of dtype, shape and data_offsets") }
    func member(_ key: String) throws -> JSON {
      guard let found = members.first(where: { $0.key == key })?.value else { throw bad("\(quoted) lacks \(key)") }
      return found
    }
    guard let code = try member("dtype").text, let dtype = dtypes.first(where: { $0.code == code })?.dtype else {
      throw bad("\(quoted) has an unknown dtype")
    }
    func integers(_ key: String) throws -> [Int] {
      guard let items = try member(key).items else { throw bad("\(key) of \(quoted) is not a list") }
      return try items.map { item in
        guard let number = item.integer, number >= 0 else { throw bad("\(key) of \(quoted) holds something that is no size") }
        return number
      }
    }
    let shape = try integers("shape"), offsets = try integers("data_offsets")
    guard let count = byteCount(shape, dtype) else { throw bad("\(quoted) has the shape \(shape), which no tensor can have") }
    guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= dataCount else {
      throw bad("data_offsets of \(quoted) are \(offsets), outside of the \(dataCount) bytes of data (truncated?)")
    }
    guard offsets[1] - offsets[0] == count else {
      throw bad("\(quoted) of \(dtype)\(shape) takes \(count) bytes; its data_offsets span \(offsets[1] - offsets[0])")
    }
    return Entry(name: name, dtype: dtype, shape: shape, start: offsets[0], end: offsets[1])
  }

  private static let dtypes: [(code: String, dtype: DType)] = [
    ("BOOL", .bool), ("U8", .uint8), ("I8", .int8), ("I16", .int16), ("U16", .uint16), ("I32", .int32), ("U32", .uint32),
    ("I64", .int64), ("U64", .uint64), ("F16", .float16), ("BF16", .bfloat16), ("F32", .float32), ("F64", .float64),
    ("C64", .complex64), ("F8_E4M3", .float8e4m3fn), ("F8_E5M2", .float8e5m2), ("F8_E4M3FNUZ", .float8e4m3fnuz),
    ("F8_E5M2FNUZ", .float8e5m2fnuz),
  ]

  /// Writes tensors under their names, atomically. The header keeps the order given.
  public static func save(_ tensors: [(String, Tensor)], to path: String, metadata: [String: String] = [:]) throws {
    func bad(_ message: String) -> EmberError { EmberError(.value, in: "safetensors", "\(path): \(message)") }
    var names: Set<String> = []
    for (name, _) in tensors where !names.insert(name).inserted || name == "__metadata__" {
      throw bad("the name \(JSON.quoted(name)) is " + (name == "__metadata__" ? "reserved" : "used twice"))
    }
    // Wide elements first, so that every tensor is aligned in the file; the header's length is a multiple of 8.
    let layout = tensors.indices.sorted { (-tensors[$0].1.dtype.size, $0) < (-tensors[$1].1.dtype.size, $1) }
    var starts = [Int](repeating: 0, count: tensors.count)
    var position = 0
    for i in layout {
      starts[i] = position
      position += tensors[i].1.elementCount * tensors[i].1.dtype.size
    }
    var members: [String] = []
    if !metadata.isEmpty {
      let texts = metadata.sorted { $0.key < $1.key }.map { "\(JSON.quoted($0.key)):\(JSON.quoted($0.value))" }
      members.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
    }
    for (i, (name, tensor)) in tensors.enumerated() {
      guard let code = dtypes.first(where: { $0.dtype == tensor.dtype })?.code else {
        throw bad("\(JSON.quoted(name)) is \(tensor.dtype), which safetensors does not have")
      }
      let shape = tensor.shape.map { String($0) }.joined(separator: ",")
      let end = starts[i] + tensor.elementCount * tensor.dtype.size
      members.append("\(JSON.quoted(name)):{\"dtype\":\"\(code)\",\"shape\":[\(shape)],\"data_offsets\":[\(starts[i]),\(end)]}")
    }
    var header = Array("{\(members.joined(separator: ","))}".utf8)
    while header.count % 8 != 0 { header.append(0x20) }
    guard header.count <= headerLimit else { throw bad("the header would take \(header.count) bytes; at most \(headerLimit) are allowed") }
    try AtomicFile.write(to: path, in: "safetensors") { file in
      try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try file.append($0) }
      try file.append(header)
      for i in layout { try tensors[i].1.withBytes { try file.append($0) } }
    }
  }
}

// MARK: - Models in folders

extension Safetensors {
  /// The tensors of a model's folder as Hugging Face lays it out: `model.safetensors`, or several files that
  /// `model.safetensors.index.json` names.
  public static func loadFolder(_ folder: String, mapped: Bool = true) throws -> [(name: String, tensor: Tensor)] {
    let whole = "\(folder)/model.safetensors", index = whole + ".index.json"
    if Files.exists(whole) { return try load(whole, mapped: mapped).tensors }
    guard Files.exists(index) else {
      throw EmberError(.file, in: "safetensors", "\(folder): it holds neither model.safetensors nor model.safetensors.index.json")
    }
    guard let weights = try JSON.load(index, in: "safetensors")["weight_map"]?.members else {
      throw EmberError(.file, in: "safetensors", "\(index): it has no weight_map")
    }
    var files: [String: SafetensorsFile] = [:]
    return try weights.map { member in
      guard let name = member.value.text, !name.contains("/"), name != ".." else {
        throw EmberError(.file, in: "safetensors", "\(index): \(JSON.quoted(member.key)) lies in no file of the folder")
      }
      let file = try files[name] ?? load("\(folder)/\(name)", mapped: mapped)
      files[name] = file
      guard let tensor = file[member.key] else {
        throw EmberError(.file, in: "safetensors", "\(folder)/\(name): it lacks \(JSON.quoted(member.key)), which the index says is there")
      }
      return (member.key, tensor)
    }
  }
}
