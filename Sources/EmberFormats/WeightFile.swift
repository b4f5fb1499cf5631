import EmberRuntime
public import EmberTensor

/// A file of named tensors, whatever its format: what it says about itself, and the tensors on demand. For tools; programs that know
/// their format use it directly.
public struct WeightFile: Sendable {
  /// A tensor of the file.
  public struct Entry: Sendable {
    public let name: String
    /// The dtype, or the name of the packing of a GGUF file: `Q4_1`.
    public let type: String
    public let shape: [Int]
    /// Bytes of the numbers as they are stored.
    public let byteCount: Int
    /// Reads the numbers; packed ones are expanded to float32.
    public let load: @Sendable () throws -> Tensor
  }

  /// What kind of file it is, in words.
  public let kind: String
  public let metadata: [(key: String, value: String)]
  public private(set) var entries: [Entry]
  /// Names of entries that are no tensors: what else a checkpoint holds.
  public private(set) var rest: [(name: String, value: String)]

  private init(
    _ kind: String, metadata: [(key: String, value: String)] = [], _ tensors: [(name: String, tensor: Tensor)],
    rest: [(name: String, value: String)] = []
  ) {
    self.kind = kind
    self.metadata = metadata
    self.rest = rest
    entries = tensors.map { name, tensor in
      Entry(
        name: name, type: tensor.dtype.name, shape: Array(tensor.shape), byteCount: tensor.elementCount * tensor.dtype.size,
        load: { tensor })
    }
  }

  private init(_ file: GGUFFile) {
    kind = "GGUF, version \(file.version)"
    metadata = file.metadata.map { ($0.key, $0.value.summary) }
    rest = []
    entries = file.tensors.map { tensor in
      Entry(name: tensor.name, type: tensor.encoding.name, shape: tensor.shape, byteCount: tensor.byteCount, load: { try tensor.tensor() })
    }
  }

  /// Opens a file of any format that can be read, which is told by its contents, not its name.
  public static func open(_ path: String) throws -> WeightFile { try parse(try FileBytes.mapping(path, in: "open"), source: path) }

  /// The same of a file in memory.
  public static func parse(_ contents: FileBytes, source path: String = "data") throws -> WeightFile {
    switch contents.withBytes(Kind.init) {
    case .torch:
      let checkpoint = try TorchCheckpoint.parse(contents, source: path)
      let kind =
        switch checkpoint.form {
        case .zip: "PyTorch checkpoint"
        case .legacy: "PyTorch checkpoint, legacy form"
        case .torchScript: "TorchScript archive"
        }
      return WeightFile(kind, checkpoint.tensors, rest: checkpoint.value.plainValues)
    case .gguf: return WeightFile(try GGUF.parse(contents, source: path))
    case .npy: return WeightFile("NumPy array", [("", try contents.withBytes { try NPY.parse($0, source: path) })])
    case .npz: return WeightFile("NumPy archive", try contents.withBytes { try NPZ.parse($0, source: path) })
    case .safetensors:
      let file = try Safetensors.parse(contents, source: path)
      return WeightFile("safetensors", metadata: file.metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, file.tensors)
    case .wav:
      let sound = try contents.withBytes { try WAV.parse($0, source: path) }
      return WeightFile(
        "WAV", metadata: [("sample rate", "\(sound.sampleRate) Hz"), ("format", sound.encoding)], [("samples", sound.samples)])
    case .idx: return WeightFile("IDX", [("", try contents.withBytes { try IDX.unpacking($0, source: path) })])
    case nil:
      throw EmberError(
        .file, in: "open",
        "\(path): no format that can be read; there are safetensors, PyTorch checkpoints, TorchScript archives, npy, npz, GGUF, WAV, IDX"
      )
    }
  }

  /// Formats by what a file begins with.
  private enum Kind {
    case torch, gguf, npy, npz, safetensors, wav, idx

    init?(_ bytes: UnsafeRawBufferPointer) {
      func begins(_ start: [UInt8], at position: Int = 0) -> Bool {
        bytes.count >= position + start.count && bytes.slice(position, start.count).elementsEqual(start)
      }
      if begins(Array("GGUF".utf8)) {
        self = .gguf
      } else if begins([0x93] + Array("NUMPY".utf8)) {
        self = .npy
      } else if begins(Array("RIFF".utf8)), begins(Array("WAVE".utf8), at: 8) {
        self = .wav
      } else if begins([0x50, 0x4B, 3, 4]) || begins([0x50, 0x4B, 5, 6]) {
        // Both are zip archives; only a checkpoint has a pickle in it.
        let archive = try? ZipReader(bytes, source: "", limit: Int.max, in: "open")
        self = archive?.entries.contains { $0.name.hasSuffix("/data.pkl") } == false ? .npz : .torch
      } else if begins([0x80]), TorchLegacyFile.begins(bytes) {
        self = .torch
      } else if bytes.count >= 9, bytes.little(0, as: UInt64.self) <= UInt64(bytes.count - 8), bytes[8] == UInt8(ascii: "{") {
        self = .safetensors
      } else if begins([0, 0]) || begins([0x1F, 0x8B]) {
        self = .idx
      } else {
        return nil
      }
    }
  }

  /// The part of the file whose tensors' names begin with `prefix` and a dot, named without that.
  public func below(_ prefix: String) throws -> WeightFile {
    let start = prefix + "."
    var part = self
    part.entries = entries.compactMap { entry in
      guard entry.name.hasPrefix(start) else { return nil }
      return Entry(
        name: String(entry.name.dropFirst(start.count)), type: entry.type, shape: entry.shape, byteCount: entry.byteCount, load: entry.load)
    }
    part.rest = rest.filter { $0.name.hasPrefix(start) }
    guard !part.entries.isEmpty else {
      let names = Set(entries.compactMap { $0.name.split(separator: ".").first.map(String.init) }).sorted().prefix(12)
      throw EmberError(
        .value, in: "convert", "no tensor's name begins with \(start); the names begin with \(names.joined(separator: ", "))")
    }
    return part
  }

  /// Formats that tensors can be written to, by the name's end.
  public static let writableExtensions = ["safetensors", "pt", "pth", "npz", "npy"]

  /// Writes all tensors to a file whose format its name tells. Checkpoints and safetensors keep their order and dtypes; NumPy lacks some
  /// dtypes, which is an error that says so.
  public func convert(to path: String) throws {
    let ending = path.split(separator: ".").last.map { $0.lowercased() } ?? ""
    guard Self.writableExtensions.contains(ending) else {
      throw EmberError(
        .value, in: "convert", "\(path): files are written as \(Self.writableExtensions.map { "." + $0 }.joined(separator: ", "))")
    }
    try Files.checkWritable(path, in: "convert")
    let tensors = try entries.map { ($0.name.isEmpty ? "array" : $0.name, try $0.load()) }
    switch ending {
    case "safetensors":
      // What the source says about itself stays with the tensors.
      try Safetensors.save(
        tensors, to: path, metadata: Dictionary(metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first }))
    case "npz": try NPZ.save(tensors, to: path)
    case "npy":
      guard tensors.count == 1 else {
        throw EmberError(.value, in: "convert", "\(path): an npy file holds one array, and there are \(tensors.count); write .npz instead")
      }
      try NPY.save(tensors[0].1, to: path)
    default: try TorchCheckpoint.save(tensors.map { (name: $0.0, tensor: $0.1) }, to: path)
    }
  }
}

extension GGUFValue {
  /// For people: long arrays are cut.
  var summary: String {
    func list<Item>(_ items: [Item], _ text: (Item) -> String = { "\($0)" }) -> String {
      "[" + items.prefix(4).map(text).joined(separator: ", ") + (items.count > 4 ? ", … \(items.count) in all]" : "]")
    }
    switch self {
    case .bool(let value): return String(value)
    case .int(let value): return String(value)
    case .uint64(let value): return String(value)
    case .double(let value): return String(value)
    case .string(let text): return text
    case .bytes(let bytes): return "<\(bytes.count) bytes>"
    case .bools(let values): return list(values)
    case .ints(let values): return list(values)
    case .doubles(let values): return list(values)
    case .strings(let values): return list(values) { JSON.quoted($0) }
    case .array(let values): return list(values) { $0.summary }
    }
  }
}

extension PickleValue {
  /// What lies beside the tensors, by the way that leads there; containers without tensors as a whole.
  fileprivate var plainValues: [(name: String, value: String)] {
    var result: [(name: String, value: String)] = []
    func collect(_ value: PickleValue, _ path: String) {
      if case .tensor = value { return }
      guard let dictionary = value.dictionary, dictionary.entries.contains(where: { !$0.value.tensors.isEmpty }) else {
        if value.tensors.isEmpty { result.append((path, value.description)) }
        return
      }
      for entry in dictionary.entries { collect(entry.value, path.isEmpty ? entry.key.keyText : "\(path).\(entry.key.keyText)") }
    }
    collect(self, "")
    return result
  }
}
