import EmberRuntime
import EmberTensor

/// What `torch.save` wrote before version 1.6, and still writes when asked to: five pickles (a magic number, the version, the machine, the
/// value, the storages' names), then every storage as its number of elements and their bytes.
enum TorchLegacyFile {
  /// The number 0x1950a86a20f9469cfc6c as a pickle has it.
  static let magic: [UInt8] = [0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]

  /// Whether the bytes begin as such a file: the protocol, since protocol 4 a frame of nine bytes, the number.
  static func begins(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 11 + magic.count, bytes[0] == 0x80 else { return false }
    return bytes.slice(bytes[2] == 0x95 ? 11 : 2, magic.count).elementsEqual(magic)
  }

  static func value(_ contents: FileBytes, source: String, in operation: String, allowsClass: @escaping (String) -> Bool) throws
    -> PickleValue
  {
    try contents.withBytes { bytes in
      func bad(_ message: String) -> EmberError { EmberError(.file, in: operation, "\(source): \(message)") }
      var machine = PickleMachine(bytes, source: source, in: operation, allowsClass: allowsClass)
      guard case .wideInt(let number) = try machine.run(), number == Array(magic.dropFirst(2)) else {
        throw bad("not a checkpoint of PyTorch's")
      }
      guard case .int(1001) = try machine.run() else { throw bad("a version of the format that is unknown") }
      // The properties of the machine that wrote it; the storages are little-endian on every machine.
      _ = try machine.run()
      let root = try machine.run()
      let keys = try machine.run()
      guard let keys = machine.members(keys) else { throw bad("the list of storages is none") }

      // Where each storage's bytes lie follows from the sizes of those before it.
      var references: [String: PickledStorage] = [:]
      for reference in machine.storages where references[reference.key] == nil { references[reference.key] = reference }
      var ranges: [String: Range<Int>] = [:]
      var position = machine.position
      for key in keys {
        guard let key = machine.text(key) ?? machine.integer(key).map({ String($0) }), let reference = references[key], ranges[key] == nil
        else {
          throw bad("a storage is listed that no tensor uses, or twice")
        }
        guard bytes.count - position >= 8 else { throw bad("truncated: the storage \(key) is missing") }
        let count = bytes.little(position, as: Int64.self)
        let unit = reference.dtype?.size ?? 1
        position += 8
        guard count >= 0, count == reference.count, reference.count <= (bytes.count - position) / unit else {
          throw bad(
            "the storage \(key) has \(count) elements, where \(reference.count) are expected "
              + "in the remaining \(bytes.count - position) bytes (truncated?)")
        }
        ranges[key] = position..<position + reference.count * unit
        position += reference.count * unit
      }
      guard position == bytes.count else { throw bad("\(bytes.count - position) bytes follow the last storage") }

      var storages: [String: Tensor] = [:]
      var tree = PickleTree(machine) { reference, dtype in
        guard let range = ranges[reference.key] else { throw bad("the storage \(reference.key) is missing") }
        let name = "\(reference.key) \(dtype)"
        if let known = storages[name] { return known }
        let whole = try contents.tensor(range.prefix(range.count / dtype.size * dtype.size), dtype, source: source, in: operation)
        storages[name] = whole
        return whole
      }
      return try tree.value(root)
    }
  }
}
