import EmberRuntime

/// Whole zip archives.
package enum Zip {
  /// The contents of all entries by name. Refuses archives that hold more than `limit` bytes unpacked.
  package static func load(_ path: String, limit: Int, in operation: String) throws -> [String: [UInt8]] {
    let file = try FileBytes.reading(path, in: operation)
    return try file.withBytes { bytes in
      let archive = try ZipReader(bytes, source: path, limit: limit, in: operation)
      return try Dictionary(uniqueKeysWithValues: archive.entries.map { ($0.name, try archive.withContents(of: $0) { Array($0) }) })
    }
  }

  /// Writes an archive, atomically.
  package static func save(_ entries: [(name: String, contents: [UInt8])], to path: String, compressed: Bool, in operation: String) throws {
    try AtomicFile.write(to: path, in: operation) { file in
      var zip = ZipWriter(source: path, in: operation)
      for entry in entries { try entry.contents.withUnsafeBytes { try zip.add(entry.name, $0, compressed: compressed, to: &file) } }
      try zip.finish(&file)
    }
  }
}

/// A zip archive in memory. Reading checks every bound, size and CRC; encrypted and split archives are refused.
struct ZipReader {
  struct Entry {
    let name: String
    let isDeflated: Bool
    let crc: UInt32
    let packed, size, offset: Int
  }

  let entries: [Entry]
  private let bytes: UnsafeRawBufferPointer
  private let source: String
  private let operation: String

  init(_ bytes: UnsafeRawBufferPointer, source: String, limit: Int, in operation: String) throws {
    self.bytes = bytes
    self.source = source
    self.operation = operation
    func bad(_ message: String) -> EmberError { EmberError(.file, in: operation, "\(source): \(message)") }
    // The directory's end is found from the back, before a comment of up to 65,535 bytes that must reach the file's end.
    var found: Int?
    var at = bytes.count - 22
    while at >= 0, at >= bytes.count - 22 - 65535 {
      if bytes.little(at, as: UInt32.self) == 0x0605_4B50, at + 22 + Int(bytes.little(at + 20, as: UInt16.self)) == bytes.count {
        found = at
        break
      }
      at -= 1
    }
    guard let end = found else { throw bad("not a zip archive, or truncated: its directory is missing") }
    var count = UInt64(bytes.little(end + 10, as: UInt16.self))
    var size = UInt64(bytes.little(end + 12, as: UInt32.self))
    var start = UInt64(bytes.little(end + 16, as: UInt32.self))
    guard bytes.little(end + 4, as: UInt32.self) == 0 else { throw bad("a split archive") }
    if end >= 20, bytes.little(end - 20, as: UInt32.self) == 0x0706_4B50 {
      let wide = bytes.little(end - 12, as: UInt64.self)
      guard end - 20 >= 56, wide <= UInt64(end - 20 - 56), bytes.little(Int(wide), as: UInt32.self) == 0x0606_4B50 else {
        throw bad("the zip64 directory lies outside of the file")
      }
      count = bytes.little(Int(wide) + 32, as: UInt64.self)
      size = bytes.little(Int(wide) + 40, as: UInt64.self)
      start = bytes.little(Int(wide) + 48, as: UInt64.self)
    }
    guard start <= UInt64(end), size <= UInt64(end) - start, count <= size / 46 else { throw bad("the directory lies outside of the file") }
    var position = Int(start)
    let directoryEnd = position + Int(size)
    var entries: [Entry] = []
    var names: Set<String> = []
    var total = 0
    for _ in 0..<count {
      guard directoryEnd - position >= 46, bytes.little(position, as: UInt32.self) == 0x0201_4B50 else {
        throw bad("the directory is corrupt")
      }
      let flags = bytes.little(position + 8, as: UInt16.self), method = bytes.little(position + 10, as: UInt16.self)
      let nameCount = Int(bytes.little(position + 28, as: UInt16.self)), extraCount = Int(bytes.little(position + 30, as: UInt16.self))
      let next = position + 46 + nameCount + extraCount + Int(bytes.little(position + 32, as: UInt16.self))
      guard next <= directoryEnd else { throw bad("the directory is corrupt") }
      guard let name = String(validating: bytes.slice(position + 46, nameCount), as: UTF8.self) else {
        throw bad("an entry's name is not UTF-8")
      }
      var fields = [24, 20, 42].map { UInt64(bytes.little(position + $0, as: UInt32.self)) }
      guard ZipReader.widen(&fields, bytes.slice(position + 46 + nameCount, extraCount)) else {
        throw bad("\(name): its zip64 sizes are missing")
      }
      guard flags & 0x41 == 0 else { throw bad("\(name) is encrypted") }
      guard method == 0 || method == 8 else {
        throw bad("\(name) is packed by method \(method); only stored and deflated entries are read")
      }
      guard fields[2] < start, fields[1] <= start - fields[2] else { throw bad("\(name) lies outside of the file (truncated?)") }
      // Deflate reaches 1032:1 at the very best.
      guard method == 8 ? fields[0] / 1040 <= fields[1] + 64 : fields[0] == fields[1] else {
        throw bad("\(name): its sizes cannot be true")
      }
      guard fields[0] <= UInt64(limit), total <= limit - Int(fields[0]) else {
        throw bad("unpacks to more than the \(limit) bytes allowed")
      }
      total += Int(fields[0])
      guard names.insert(name).inserted else { throw bad("two entries are named \(name)") }
      if !name.hasSuffix("/") {
        entries.append(
          Entry(
            name: name, isDeflated: method == 8, crc: bytes.little(position + 16, as: UInt32.self), packed: Int(fields[1]),
            size: Int(fields[0]),
            offset: Int(fields[2])))
      }
      position = next
    }
    guard position == directoryEnd else { throw bad("the directory has room for more entries than it counts") }
    self.entries = entries
  }

  /// Replaces size, packed size and offset by their 64-bit values where the directory says so.
  private static func widen(_ fields: inout [UInt64], _ extra: UnsafeRawBufferPointer) -> Bool {
    let needed = fields.indices.filter { fields[$0] == 0xFFFF_FFFF }
    if needed.isEmpty { return true }
    var position = 0
    while extra.count - position >= 4 {
      let count = Int(extra.little(position + 2, as: UInt16.self))
      guard count <= extra.count - position - 4 else { return false }
      if extra.little(position, as: UInt16.self) == 1 {
        guard count >= needed.count * 8 else { return false }
        for (i, field) in needed.enumerated() { fields[field] = extra.little(position + 4 + 8 * i, as: UInt64.self) }
        return true
      }
      position += 4 + count
    }
    return false
  }

  /// Where an entry's bytes lie in the archive, packed or not.
  private func packedRange(of entry: Entry) throws -> Range<Int> {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: operation, "\(source)/\(entry.name): \(message)") }
    guard bytes.count - entry.offset >= 30, bytes.little(entry.offset, as: UInt32.self) == 0x0403_4B50 else {
      throw bad("no entry where it should be")
    }
    let names = Int(bytes.little(entry.offset + 26, as: UInt16.self)) + Int(bytes.little(entry.offset + 28, as: UInt16.self))
    let start = entry.offset + 30 + names
    guard start <= bytes.count, entry.packed <= bytes.count - start else { throw bad("truncated") }
    return start..<start + entry.packed
  }

  /// Where the contents of an entry that is stored, not deflated, lie in the archive. Their checksum is not compared.
  func storedRange(of entry: Entry) throws -> Range<Int>? { entry.isDeflated ? nil : try packedRange(of: entry) }

  /// The contents of an entry, checked.
  func withContents<Result>(of entry: Entry, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    guard !entry.isDeflated else { return try unpacked(entry).withBytes(body) }
    let range = try packedRange(of: entry), contents = bytes.slice(range.lowerBound, range.count)
    try check(contents, of: entry)
    return try body(contents)
  }

  /// The contents of a deflated entry, checked.
  func unpacked(_ entry: Entry) throws -> FileBytes {
    let range = try packedRange(of: entry), packed = bytes.slice(range.lowerBound, range.count)
    let contents = try Compression.inflate(packed, .raw, limit: entry.size, source: "\(source)/\(entry.name)", in: operation)
    try contents.withBytes { try check($0, of: entry) }
    return contents
  }

  private func check(_ contents: UnsafeRawBufferPointer, of entry: Entry) throws {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: operation, "\(source)/\(entry.name): \(message)") }
    guard contents.count == entry.size else { throw bad("unpacks to \(contents.count) bytes, not the \(entry.size) it claims") }
    guard Compression.crc32(contents) == entry.crc else { throw bad("the contents do not match their CRC-32: the file is damaged") }
  }
}

/// Writes a zip archive entry by entry, with zip64 records only where sizes ask for them.
struct ZipWriter {
  private var directory: [UInt8] = []
  private var count = 0
  private var names: Set<String> = []
  private let source: String
  private let operation: String

  init(source: String, in operation: String) {
    self.source = source
    self.operation = operation
  }

  /// - Parameter alignment: the contents begin at a multiple of it, for readers that map the file (at most 4096).
  mutating func add(
    _ name: String, _ contents: UnsafeRawBufferPointer, compressed: Bool, alignment: Int = 1, to file: inout AtomicFile
  ) throws {
    let text = Array(name.utf8)
    guard text.count <= 4096, names.insert(name).inserted else {
      throw EmberError(
        .value, in: operation, "\(source): the name \(name.prefix(80)) is " + (text.count > 4096 ? "too long" : "used twice"))
    }
    let packed = compressed ? try Compression.deflate(contents, .raw, in: operation) : nil
    let offset = file.position, size = contents.count, stored = packed?.count ?? size
    let isWide = size >= 0xFFFF_FFFF || stored >= 0xFFFF_FFFF || offset >= 0xFFFF_FFFF
    func narrow(_ number: Int) -> UInt32 { isWide ? 0xFFFF_FFFF : UInt32(number) }
    // Version, flags (UTF-8 names), method, time, date (1980-01-01: the same contents give the same file).
    var common: [UInt8] = []
    for field in [isWide ? 45 : 20, 0x800, compressed ? 8 : 0, 0, 0x21] as [UInt16] { common.append(little: field) }
    common.append(little: Compression.crc32(contents))
    common.append(little: narrow(stored))
    common.append(little: narrow(size))
    common.append(little: UInt16(text.count))

    var local: [UInt8] = []
    local.append(little: 0x0403_4B50 as UInt32)
    local += common
    // The padding is a field of its own, with the mark that PyTorch gives it.
    let before = offset + 30 + text.count + (isWide ? 20 : 0)
    let padding = before % alignment == 0 ? 0 : (alignment - (before + 4) % alignment) % alignment + 4
    local.append(little: UInt16((isWide ? 20 : 0) + padding))
    local += text
    directory.append(little: 0x0201_4B50 as UInt32)
    directory.append(little: 45 as UInt16)
    directory += common
    for field in [isWide ? 28 : 0, 0, 0, 0, 0, 0] as [UInt16] { directory.append(little: field) }
    directory.append(little: narrow(offset))
    directory += text
    if isWide {
      for field in [1, 16] as [UInt16] { local.append(little: field) }
      for field in [size, stored] { local.append(little: UInt64(field)) }
      for field in [1, 24] as [UInt16] { directory.append(little: field) }
      for field in [size, stored, offset] { directory.append(little: UInt64(field)) }
    }
    if padding > 0 {
      local.append(little: 0x4246 as UInt16)
      local.append(little: UInt16(padding - 4))
      local += [UInt8](repeating: 0, count: padding - 4)
    }
    try file.append(local)
    if let packed { try packed.withBytes { try file.append($0) } } else { try file.append(contents) }
    count += 1
  }

  func finish(_ file: inout AtomicFile) throws {
    let start = file.position
    try file.append(directory)
    var end: [UInt8] = []
    if count >= 0xFFFF || start >= 0xFFFF_FFFF || directory.count >= 0xFFFF_FFFF {
      let wide = file.position
      end.append(little: 0x0606_4B50 as UInt32)
      end.append(little: 44 as UInt64)
      for field in [45, 45, 0, 0, 0, 0] as [UInt16] { end.append(little: field) }
      for field in [count, count, directory.count, start] { end.append(little: UInt64(field)) }
      end.append(little: 0x0706_4B50 as UInt32)
      end.append(little: 0 as UInt32)
      end.append(little: UInt64(wide))
      end.append(little: 1 as UInt32)
    }
    end.append(little: 0x0605_4B50 as UInt32)
    end.append(little: 0 as UInt32)
    for _ in 0..<2 { end.append(little: UInt16(Swift.min(count, 0xFFFF))) }
    end.append(little: UInt32(Swift.min(directory.count, 0xFFFF_FFFF)))
    end.append(little: UInt32(Swift.min(start, 0xFFFF_FFFF)))
    end.append(little: 0 as UInt16)
    try file.append(end)
  }
}

extension [UInt8] {
  fileprivate mutating func append(little number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }
}
