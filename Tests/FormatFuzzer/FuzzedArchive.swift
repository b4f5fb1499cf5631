import EmberFormats

/// Archives around fuzzed members. A checksum stands before all that lies in an archive, and no mutation gets past it.
enum FuzzedArchive {
  /// What `torch.save` writes, with fuzzed values and three storages.
  static func checkpoint(_ pickle: UnsafeRawBufferPointer) -> [UInt8] {
    let storage = [UInt8](repeating: 1, count: 256)
    return stored([
      ("archive/data.pkl", Array(pickle)), ("archive/version", Array("3\n".utf8)), ("archive/data/0", storage), ("archive/data/1", storage),
      ("archive/data/2", storage),
    ])
  }

  /// What `torch.jit.save` writes of a module without parameters, with fuzzed code, whose first class is the module's.
  static func script(_ code: UnsafeRawBufferPointer) -> [UInt8] {
    var text = String(decoding: code, as: UTF8.self)
    let isName = { (c: Character) in c.isASCII && (c.isLetter || c.isNumber || c == "_") }
    var name = text.firstRange(of: "class ").map { String(text[$0.upperBound...].prefix(while: isName)) } ?? ""
    if name.isEmpty {
      name = "Module"
      text += "\nclass Module(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
    }
    // An object of the class whose only attribute is `training`, if the code declares that.
    var pickle = Array("\u{2}c__torch__\n\(name)\n)".utf8)
    pickle.insert(0x80, at: 0)
    pickle += [0x81, 0x7D]
    if text.contains("training : bool") { pickle += [0x58, 8, 0, 0, 0] + Array("training".utf8) + [0x89, 0x73] }
    pickle += Array("b.".utf8)
    return stored([
      ("archive/data.pkl", pickle), ("archive/version", Array("3\n".utf8)), ("archive/constants.pkl", Array(").".utf8)),
      ("archive/code/__torch__.py", Array(text.utf8)),
    ])
  }

  /// A zip archive of entries as they are.
  private static func stored(_ entries: [(name: String, contents: [UInt8])]) -> [UInt8] {
    var file: [UInt8] = [], directory: [UInt8] = []
    func bytes(_ numbers: [(Int, width: Int)]) -> [UInt8] {
      numbers.flatMap { number, width in (0..<width).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
    }
    for (name, contents) in entries {
      let checksum = contents.withUnsafeBytes { Int(Compression.crc32($0)) }
      let common = bytes([
        (20, 2), (0, 2), (0, 2), (0, 4), (checksum, 4), (contents.count, 4), (contents.count, 4), (name.utf8.count, 2), (0, 2),
      ])
      directory += bytes([(0x0201_4B50, 4), (20, 2)]) + common + bytes([(0, 2), (0, 2), (0, 2), (0, 4), (file.count, 4)]) + Array(name.utf8)
      file += bytes([(0x0403_4B50, 4)]) + common + Array(name.utf8) + contents
    }
    let end = bytes([
      (0x0605_4B50, 4), (0, 4), (entries.count, 2), (entries.count, 2), (directory.count, 4), (file.count, 4), (0, 2),
    ])
    return file + directory + end
  }
}
