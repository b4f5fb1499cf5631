import EmberRuntime
import EmberTensor

/// The zip archives of `torch.save` (since 1.6) and `torch.jit.save`: pickles, and one entry for every storage, which is mapped, not read.
package final class TorchArchive {
  private let contents: FileBytes
  private let source: String
  private let operation: String
  private let zip: ZipReader
  private let entries: [String: ZipReader.Entry]
  /// The folder that everything lies in, which bears the file's first name.
  private let folder: String
  private let isBigEndian: Bool
  private var storages: [StorageKey: Tensor] = [:]
  private var copies: [CopyKey: FileBytes] = [:]

  private struct StorageKey: Hashable {
    let entry: String
    let dtype: DType
  }

  private struct CopyKey: Hashable {
    let entry: String
    /// Bytes that were swapped together; 1 where none were.
    let unit: Int
  }

  /// - Parameter limit: what deflated entries may take together, unpacked; PyTorch itself deflates none.
  package init(_ contents: FileBytes, source: String, limit: Int, in operation: String) throws {
    self.contents = contents
    self.source = source
    self.operation = operation
    let zip = try contents.withBytes { try ZipReader($0, source: source, limit: limit + $0.count, in: operation) }
    let entries = Dictionary(uniqueKeysWithValues: zip.entries.map { ($0.name, $0) })
    self.zip = zip
    self.entries = entries
    let roots = zip.entries.filter { $0.name.hasSuffix("/data.pkl") }.sorted { $0.name.utf8.count < $1.name.utf8.count }
    guard let root = roots.first?.name else {
      let names = zip.entries.prefix(5).map(\.name).joined(separator: ", ")
      throw EmberError(.file, in: operation, "\(source): a zip archive without data.pkl, so no checkpoint of PyTorch's; it holds \(names)")
    }
    let folder = String(root.dropLast("data.pkl".count))
    self.folder = folder
    let order = try entries[folder + "byteorder"].map { entry in
      try contents.withBytes { _ in try zip.withContents(of: entry) { String(decoding: $0.prefix(8), as: UTF8.self) } }
    }
    guard order == nil || order == "little" || order == "big" else {
      throw EmberError(.file, in: operation, "\(source): the byte order \(JSON.quoted(order ?? "")) is unknown")
    }
    isBigEndian = order == "big"
  }

  /// Whether this is a compiled model (`torch.jit.save`) instead of values (`torch.save`).
  package var isScript: Bool { entries[folder + "constants.pkl"] != nil || names.contains { $0.hasPrefix("code/") } }

  /// The names of all entries, below the archive's folder.
  package var names: [String] {
    zip.entries.compactMap { $0.name.hasPrefix(folder) ? String($0.name.dropFirst(folder.count)) : nil }
  }

  /// The bytes of an entry, checked.
  package func withEntry<Result>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    guard let entry = entries[folder + name] else {
      throw EmberError(.file, in: operation, "\(source): there is no entry \(folder)\(name)")
    }
    return try contents.withBytes { _ in try zip.withContents(of: entry, body) }
  }

  /// The value of a pickle of the archive, whose storages lie in another folder of it: `data.pkl` and `data/`.
  package func value(of name: String, storages folder: String, allowsClass: @escaping (String) -> Bool) throws -> PickleValue {
    try withEntry(name) { bytes in
      var machine = PickleMachine(bytes, source: "\(source)/\(name)", in: operation, allowsClass: allowsClass)
      let root = try machine.run()
      var tree = PickleTree(machine) { reference, dtype in try self.storage(reference, dtype, in: folder) }
      return try tree.value(root)
    }
  }

  /// Compares the checksums of all entries, which reads the whole file.
  package func verify() throws {
    try contents.withBytes { _ in for entry in zip.entries { try zip.withContents(of: entry) { _ in } } }
  }

  private func storage(_ reference: PickledStorage, _ dtype: DType, in folder: String) throws -> Tensor {
    let name = self.folder + folder + reference.key
    guard let entry = entries[name] else { throw EmberError(.file, in: operation, "\(source): the storage \(name) is missing") }
    let unit = reference.dtype?.size ?? 1
    guard reference.count <= entry.size / unit else {
      throw EmberError(
        .file, in: operation,
        "\(source): the storage \(name) has \(entry.size) bytes, where \(reference.count) elements of \(unit) are expected")
    }
    let key = StorageKey(entry: name, dtype: dtype)
    if let known = storages[key] { return known }
    let byteCount = entry.size / dtype.size * dtype.size, numberSize = dtype.realType.size
    let isSwapped = isBigEndian && numberSize > 1
    let tensor: Tensor
    if !isSwapped, let range = try zip.storedRange(of: entry), contents.isAligned(range.lowerBound, to: numberSize) {
      tensor = try contents.tensor(range.prefix(byteCount), dtype, source: "\(source)/\(name)", in: operation)
    } else {
      let copy = try copied(entry, swapping: isSwapped ? numberSize : 1)
      tensor = try copy.tensor(0..<byteCount, dtype, source: "\(source)/\(name)", in: operation)
    }
    storages[key] = tensor
    return tensor
  }

  /// The bytes of an entry that cannot be used where they lie. There is one copy, however many dtypes a file wants to see in it: a small
  /// file can ask for all of them of an entry that unpacks to a gigabyte.
  private func copied(_ entry: ZipReader.Entry, swapping unit: Int) throws -> FileBytes {
    let key = CopyKey(entry: entry.name, unit: unit)
    if let known = copies[key] { return known }
    let copy =
      if unit > 1 {
        try copied(entry, swapping: 1).withBytes { bytes in
          try swappingBytes(bytes, unit: unit).withUnsafeBytes { try FileBytes(copying: $0, in: operation) }
        }
      } else if entry.isDeflated {
        try contents.withBytes { _ in try zip.unpacked(entry) }
      } else {
        try contents.withBytes { _ in try zip.withContents(of: entry) { try FileBytes(copying: $0, in: operation) } }
      }
    copies[key] = copy
    return copy
  }
}

extension FileBytes {
  /// Whether the byte at a position lies at a multiple of `size` in memory.
  func isAligned(_ position: Int, to size: Int) -> Bool { withBytes { (Int(bitPattern: $0.baseAddress) + position) % size == 0 } }

  /// A one-dimensional tensor of these bytes, shared where this machine can use them where they lie.
  func tensor(_ range: Range<Int>, _ dtype: DType, source: String, in operation: String) throws -> Tensor {
    try withBytes { all in
      let bytes = all.slice(range.lowerBound, range.count)
      let count = range.count / dtype.size
      if dtype == .bool { try checkBooleans(bytes, source: source, in: operation) }
      guard let start = bytes.baseAddress, count > 0, Int(bitPattern: start) % dtype.realType.size == 0 else {
        return try catchingErrors { Tensor(bytes: bytes, shape: [count], dtype: dtype) }
      }
      return try catchingErrors {
        Tensor(foreign: UnsafeMutableRawPointer(mutating: start), shape: [count], dtype: dtype) { withExtendedLifetime(self) {} }
      }
    }
  }
}
