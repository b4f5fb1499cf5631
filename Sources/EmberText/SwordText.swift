import EmberFormats
import EmberRuntime

/// A text of the SWORD project in its compressed form (`ModDrv=zText`), as in Debian's `sword-text-kjv` and `sword-text-sparv`: every
/// verse has a number of its own, the same in all texts of one versification, so that two translations can be laid side by side.
///
/// Of each testament there are three files, all numbers little-endian: `.bzs` lists compressed blocks (offset in `.bzz`, bytes there, bytes
/// inflated, 32 bits each), `.bzv` lists verses (block and offset in it, 32 bits each, and bytes, 16 bits), `.bzz` holds the blocks.
public struct SwordText: Sendable {
  /// With OSIS markup, Old Testament before New. Numbers of headings and of verses that the text does not have hold what it has there,
  /// often nothing.
  public let entries: [String]

  /// - Parameter folder: of the files `ot.bzs` to `nt.bzz`.
  public init(folder: String) throws {
    guard Files.isFolder(folder) else {
      throw EmberError(.file, in: "SwordText", "\(folder): no such folder; install a package such as sword-text-kjv or name another")
    }
    var entries: [String] = []
    for testament in ["ot", "nt"] where Files.exists("\(folder)/\(testament).bzv") { entries += try Self.entries("\(folder)/\(testament)") }
    guard !entries.isEmpty else { throw EmberError(.file, in: "SwordText", "\(folder): it holds no ot.bzv and no nt.bzv") }
    self.entries = entries
  }

  /// The entries without markup, notes and titles.
  public func plainEntries() -> [String] { entries.map(Self.plain) }

  private static func entries(_ path: String) throws -> [String] {
    func load(_ ending: String) throws -> [UInt8] {
      try FileBytes.reading("\(path).\(ending)", in: "SwordText", limit: 1 << 28).withBytes { Array($0) }
    }
    func number(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int { (0..<count).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) } }
    func bad(_ message: String) -> EmberError { EmberError(.file, in: "SwordText", "\(path): \(message)") }
    let (places, verses, packed) = (try load("bzs"), try load("bzv"), try load("bzz"))
    guard places.count % 12 == 0, verses.count % 10 == 0 else {
      throw bad("an index of \(places.count) bytes of blocks and one of \(verses.count) bytes of verses; they take 12 and 10 each")
    }
    var room = 1 << 28
    let blocks = try (0..<places.count / 12).map { i -> [UInt8] in
      let start = number(places, 12 * i, 4), count = number(places, 12 * i + 4, 4), size = number(places, 12 * i + 8, 4)
      if count == 0 { return [] }
      guard start + count <= packed.count else { throw bad("block \(i) lies beyond the end of the file") }
      room -= size
      guard room >= 0 else { throw bad("its blocks inflate to more than 256 MiB") }
      // SWORD's own writer leaves some bytes after each stream.
      return try packed.withUnsafeBytes { bytes in
        let block = UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
        return try Compression.inflate(block, .zlib, limit: size, allowsRest: true, source: path, in: "SwordText").withBytes { Array($0) }
      }
    }
    return try (0..<verses.count / 10).map { i in
      let block = number(verses, 10 * i, 4), start = number(verses, 10 * i + 4, 4), count = number(verses, 10 * i + 8, 2)
      if count == 0 { return "" }
      guard block < blocks.count, start + count <= blocks[block].count else { throw bad("entry \(i) lies outside of its block") }
      return String(decoding: blocks[block][start..<start + count], as: UTF8.self)
    }
  }

  /// A text without its tags, without what is in notes and titles, and with single spaces.
  static func plain(_ markup: String) -> String {
    let bytes = Array(markup.utf8)
    var result: [UInt8] = []
    var hidden = 0, i = 0
    while i < bytes.count {
      if bytes[i] == UInt8(ascii: "<") {
        let end = bytes[i...].firstIndex(of: UInt8(ascii: ">")) ?? bytes.count - 1
        let tag = String(decoding: bytes[i...end], as: UTF8.self)
        if tag.hasPrefix("<note") || tag.hasPrefix("<title"), !tag.hasSuffix("/>") { hidden += 1 }
        if tag.hasPrefix("</note") || tag.hasPrefix("</title") { hidden = max(0, hidden - 1) }
        i = end + 1
      } else {
        let isSpace = bytes[i] <= 32
        if hidden == 0, !isSpace || (!result.isEmpty && result[result.count - 1] != 32) { result.append(isSpace ? 32 : bytes[i]) }
        i += 1
      }
    }
    if result.last == 32 { result.removeLast() }
    var text = String(decoding: result, as: UTF8.self)
    for (name, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")] where text.contains("&") {
      text = text.split(separator: name, omittingEmptySubsequences: false).joined(separator: character)
    }
    return text
  }
}
