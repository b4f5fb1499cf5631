import EmberRuntime
public import EmberTensor

/// Reads and writes NumPy's `.npz` archives: zip files of `.npy` entries, stored or deflated.
public enum NPZ {
  /// All arrays of an archive, in its order. Refuses archives that hold more than `limit` bytes unpacked.
  public static func load(_ path: String, limit: Int = 1 << 36) throws -> [(name: String, tensor: Tensor)] {
    let contents = try FileBytes.reading(path, in: "npz")
    return try contents.withBytes { try parse($0, source: path, limit: limit) }
  }

  /// All arrays of an archive in memory.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, source: String = "data", limit: Int = 1 << 36
  ) throws -> [(name: String, tensor: Tensor)] {
    let archive = try ZipReader(bytes, source: source, limit: limit, in: "npz")
    return try archive.entries.map { entry in
      let name = entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name
      return (name, try archive.withContents(of: entry) { try NPY.parse($0, source: "\(source)/\(entry.name)") })
    }
  }

  /// Writes arrays under their names, atomically.
  public static func save(_ tensors: [(String, Tensor)], to path: String, compressed: Bool = false) throws {
    try AtomicFile.write(to: path, in: "npz") { file in
      var zip = ZipWriter(source: path, in: "npz")
      for (name, tensor) in tensors {
        var contents = try NPY.header(for: tensor, source: path)
        try tensor.withBytes { contents.append(contentsOf: $0) }
        try contents.withUnsafeBytes { try zip.add("\(name).npy", $0, compressed: compressed, to: &file) }
      }
      try zip.finish(&file)
    }
  }
}
