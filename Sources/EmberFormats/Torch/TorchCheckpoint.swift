import EmberRuntime
public import EmberTensor

/// A file of PyTorch's: what `torch.save` wrote, in today's form or that from before 1.6, or the values of a TorchScript archive.
///
///     let checkpoint = try TorchCheckpoint.load("model.pt")
///     try model.loadStateDict(checkpoint.stateDict())
///
/// Reading follows `torch.load(weights_only=True)`: a list of harmless classes and functions is understood, anything else
/// in the file is an error that names it, and no code of the file ever runs. Tensors of today's form share the file's pages until they are
/// written; the file must then not be shortened while they live.
public struct TorchCheckpoint: Sendable {
  public enum Form: String, Sendable {
    /// A zip archive, as PyTorch writes it since 1.6.
    case zip
    /// A sequence of pickles with the storages behind.
    case legacy
    /// A TorchScript archive, of which only the values are read here.
    case torchScript
  }

  /// What the file holds.
  public let value: PickleValue
  public let form: Form
  private let source: String

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - mapped: whether tensors share the file's pages instead of being read into memory.
  ///   - verified: whether to compare the checksums of a zip archive's storages, which reads all of the file.
  ///   - limit: bytes that deflated entries of an archive may take together; PyTorch deflates none.
  ///   - allowedClasses: full names of classes whose objects are read as values without behaviour (`PickleValue.object`).
  public static func load(
    _ path: String, mapped: Bool = true, verified: Bool = false, limit: Int = 1 << 30, allowedClasses: Set<String> = []
  ) throws -> TorchCheckpoint {
    let contents = try mapped ? FileBytes.mapping(path, in: "torch") : FileBytes.reading(path, in: "torch")
    return try parse(contents, source: path, verified: verified, limit: limit, allowedClasses: allowedClasses)
  }

  /// The same of a file in memory, for example one that lies in another archive.
  public static func parse(
    _ contents: FileBytes, source: String = "data", verified: Bool = false, limit: Int = 1 << 30, allowedClasses: Set<String> = []
  ) throws -> TorchCheckpoint {
    let kind: (isZip: Bool, isLegacy: Bool, isTar: Bool) = contents.withBytes { bytes in
      (
        bytes.count >= 4 && bytes.little(0, as: UInt32.self) == 0x0403_4B50, TorchLegacyFile.begins(bytes),
        bytes.count >= 262 && bytes.slice(257, 5).elementsEqual("ustar".utf8)
      )
    }
    if kind.isZip {
      let archive = try TorchArchive(contents, source: source, limit: limit, in: "torch")
      if verified { try archive.verify() }
      let isScript = archive.isScript
      let value = try archive.value(of: "data.pkl", storages: "data/") { name in
        allowedClasses.contains(name) || isScript && name.hasPrefix("__torch__.")
      }
      return TorchCheckpoint(value: value, form: isScript ? .torchScript : .zip, source: source)
    }
    guard kind.isLegacy else {
      throw EmberError(
        .file, in: "torch",
        "\(source): "
          + (kind.isTar ? "a tar archive of PyTorch 0.1, which nothing reads without running its code" : "not a file of torch.save"))
    }
    let value = try TorchLegacyFile.value(contents, source: source, in: "torch") { allowedClasses.contains($0) }
    return TorchCheckpoint(value: value, form: .legacy, source: source)
  }

  /// The same of bytes in memory, which are copied: of a `PickleValue.bytes` for example.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, source: String = "data", verified: Bool = false, limit: Int = 1 << 30, allowedClasses: Set<String> = []
  ) throws -> TorchCheckpoint {
    try parse(
      try FileBytes(copying: bytes, in: "torch"), source: source, verified: verified, limit: limit, allowedClasses: allowedClasses)
  }

  /// All tensors in the file by the way that leads there: `model_state.linear.weight`, `optimizer_state.state.0.exp_avg`.
  public var tensors: [(name: String, tensor: Tensor)] { value.tensors }

  /// A model's tensors by name, in the file's order.
  ///
  /// - Parameter keys: the way to them, `stateDict("model", "state_dict")`. Without any it is found: the file's value itself if
  ///   tensors lie directly in it, else the outermost dictionary in which they do, which must be the only one. Of a TorchScript archive,
  ///   those of the whole module.
  public func stateDict(_ keys: String...) throws -> [(name: String, tensor: Tensor)] {
    if keys.isEmpty, form == .torchScript { return value.tensors }
    let path = try keys.isEmpty ? outermostDictionary() : keys
    var found = value
    for (i, key) in path.enumerated() {
      // Keys of optimizers' states are numbers.
      guard let next = found[key] ?? found.dictionary?.entries.first(where: { $0.key.keyText == key })?.value else {
        let there = found.dictionary?.entries.map { JSON.quoted($0.key.keyText) }.joined(separator: ", ") ?? "no keys at all"
        throw EmberError(
          .value, in: "stateDict", "\(source): there is no \(path[...i].joined(separator: ".")); there are: \(there)")
      }
      found = next
    }
    return found.tensors
  }

  private func outermostDictionary() throws -> [String] {
    var level: [(path: [String], value: PickleValue)] = [([], value)]
    while !level.isEmpty {
      let holders = level.filter { $0.value.dictionary?.entries.contains { $0.value.tensor != nil } == true }
      if holders.count == 1 { return holders[0].path }
      guard holders.isEmpty else {
        let names = holders.map { "stateDict(" + $0.path.map { JSON.quoted($0) }.joined(separator: ", ") + ")" }.joined(separator: " or ")
        throw EmberError(.value, in: "stateDict", "\(source): tensors lie in several places; say which: \(names)")
      }
      level = level.flatMap { path, value in
        (value.dictionary?.entries ?? []).compactMap { entry in
          guard let key = entry.key.string, entry.value.dictionary != nil else { return nil }
          return (path + [key], entry.value)
        }
      }
    }
    throw EmberError(.value, in: "stateDict", "\(source): no dictionary of tensors in it; it holds \(value)")
  }

  // MARK: Writing

  /// Writes a state dict, atomically, as a file that `torch.load(path, weights_only=True)` reads.
  public static func save(_ tensors: [(name: String, tensor: Tensor)], to path: String) throws {
    try save(.dictionary(PickleDictionary(tensors.map { (.string($0.name), .tensor($0.tensor)) }, isOrderedDict: true)), to: path)
  }

  /// Writes any value but names and objects. Tensors of the same elements in memory share them in the file as well.
  public static func save(_ value: PickleValue, to path: String) throws {
    var pickle = PickleWriter(source: path, in: "torch")
    try pickle.write(value)
    try AtomicFile.write(to: path, in: "torch") { file in
      var zip = ZipWriter(source: path, in: "torch")
      func add(_ name: String, _ bytes: UnsafeRawBufferPointer) throws {
        try zip.add("archive/\(name)", bytes, compressed: false, alignment: 64, to: &file)
      }
      try pickle.finish().withUnsafeBytes { try add("data.pkl", $0) }
      try Array("little".utf8).withUnsafeBytes { try add("byteorder", $0) }
      for (i, tensor) in pickle.storages.enumerated() { try tensor.withBytes { try add("data/\(i)", $0) } }
      try Array("3\n".utf8).withUnsafeBytes { try add("version", $0) }
      try zip.finish(&file)
    }
  }
}
