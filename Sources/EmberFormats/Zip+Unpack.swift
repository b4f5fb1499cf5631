import EmberRuntime

extension Zip {
  /// Writes entries of an archive as files under a folder. Names that lead out of the folder are an error, whoever made the archive.
  ///
  /// - Parameter target: where an entry goes, relative to the folder; nil for entries that stay.
  package static func unpack(_ path: String, into folder: String, limit: Int, in operation: String, _ target: (String) -> String?) throws {
    let file = try FileBytes.mapping(path, in: operation)
    try file.withBytes { bytes in
      let archive = try ZipReader(bytes, source: path, limit: limit, in: operation)
      for entry in archive.entries {
        guard let name = target(entry.name) else { continue }
        guard Files.isInner(name) else {
          throw EmberError(.file, in: operation, "\(path): the entry \(entry.name.debugDescription) would lie outside of the folder")
        }
        if let slash = name.lastIndex(of: "/") { try Files.makeFolder("\(folder)/\(name[..<slash])", in: operation) }
        try archive.withContents(of: entry) { contents in
          try AtomicFile.write(to: "\(folder)/\(name)", in: operation) { try $0.append(contents) }
        }
      }
    }
  }
}

extension Files {
  /// Whether a relative path stays inside of the folder that it is taken from, and has no character that would steer a terminal.
  package static func isInner(_ path: String) -> Bool {
    !path.isEmpty && !path.utf8.contains(UInt8(ascii: "\\")) && path.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
      && path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }
}
