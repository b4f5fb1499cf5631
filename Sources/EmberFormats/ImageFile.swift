import EmberRuntime

/// Pictures in files of many formats: PNG, JPEG, BMP, TIFF and the portable maps (PBM, PGM, PPM). One byte a sample, red, green and blue
/// beside one another, rows from top to bottom. Transparency is left out.
package struct ImageFile: Sendable {
  package let width, height: Int
  package let pixels: [UInt8]

  /// The most samples that a picture may have.
  private static let limit = 1 << 28

  /// The picture in a file's bytes; what format it has, they say themselves.
  package init(_ bytes: [UInt8], in operation: String) throws {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: operation, message) }
    let reader = ByteReader(bytes: bytes, bad: bad)
    let decoded = try bytes.withUnsafeBytes { file in
      try PictureCodec(file)?.decode(file, limit: Self.limit, source: "the picture", in: operation)
    }
    if let decoded {
      (width, height, pixels) = (decoded.width, decoded.height, decoded.rgb)
    } else if bytes.starts(with: Array("BM".utf8)) {
      (width, height, pixels) = try Self.bitmap(reader)
    } else if bytes.starts(with: [0x49, 0x49, 42, 0]) || bytes.starts(with: [0x4D, 0x4D, 0, 42]) {
      (width, height, pixels) = try Self.tiff(reader)
    } else if bytes.count > 2, bytes[0] == UInt8(ascii: "P"), (UInt8(ascii: "1")...UInt8(ascii: "6")).contains(bytes[1]) {
      (width, height, pixels) = try Self.portableMap(bytes, bad)
    } else {
      throw EmberError(.unsupported, in: operation, "a picture that is neither PNG, JPEG, BMP, TIFF nor a portable map")
    }
  }

  private static func checked(_ width: Int, _ height: Int, _ bad: (String) -> EmberError) throws {
    guard width > 0, height > 0, width < 1 << 24, height < 1 << 24, width * height * 3 <= limit else {
      throw bad("a picture of \(width) by \(height)")
    }
  }

  // MARK: Portable maps

  private static func portableMap(_ bytes: [UInt8], _ bad: (String) -> EmberError) throws -> (Int, Int, [UInt8]) {
    var position = 2
    let kind = Int(bytes[1] - UInt8(ascii: "0"))
    /// The next number; comments run to the end of their line.
    func number() throws -> Int {
      while position < bytes.count, !(48...57).contains(bytes[position]) {
        if bytes[position] == UInt8(ascii: "#") { while position < bytes.count, bytes[position] != 10 { position += 1 } } else { position += 1 }
      }
      var value: Int?
      while position < bytes.count, (48...57).contains(bytes[position]), (value ?? 0) < 1 << 32 {
        value = (value ?? 0) * 10 + Int(bytes[position] - 48)
        position += 1
      }
      guard let value else { throw bad("the portable map ends early") }
      return value
    }
    let width = try number(), height = try number()
    try checked(width, height, bad)
    let isBitmap = kind == 1 || kind == 4, channels = kind == 3 || kind == 6 ? 3 : 1
    let largest = isBitmap ? 1 : try number()
    guard (1..<65536).contains(largest) else { throw bad("samples up to \(largest)") }
    let count = width * height * channels
    // A sample of text takes a byte at least; those of bytes are counted below.
    guard kind > 3 || count <= bytes.count - position else { throw bad("the portable map ends early") }
    var samples: [Int] = []
    if kind == 1 {
      while samples.count < count {
        guard position < bytes.count else { throw bad("the portable map ends early") }
        if bytes[position] == 48 || bytes[position] == 49 { samples.append(49 - Int(bytes[position])) }
        position += 1
      }
    } else if kind < 4 {
      for _ in 0..<count { samples.append(try number()) }
    } else {
      position += 1
      let rowBytes = kind == 4 ? (width + 7) / 8 : width * channels * (largest > 255 ? 2 : 1)
      guard bytes.count - position >= rowBytes * height else { throw bad("the portable map ends early") }
      for row in 0..<height {
        let start = position + row * rowBytes
        for i in 0..<(width * channels) {
          if kind == 4 {
            samples.append(bytes[start + i / 8] >> UInt8(7 - i % 8) & 1 == 0 ? 1 : 0)
          } else {
            samples.append(largest > 255 ? Int(bytes[start + 2 * i]) << 8 | Int(bytes[start + 2 * i + 1]) : Int(bytes[start + i]))
          }
        }
      }
    }
    let scaled = samples.map { UInt8(clamping: largest == 255 ? $0 : (min($0, largest) * 255 + largest / 2) / largest) }
    return (width, height, channels == 3 ? scaled : scaled.flatMap { [$0, $0, $0] })
  }

  // MARK: BMP

  private static func bitmap(_ file: ByteReader) throws -> (Int, Int, [UInt8]) {
    let offset = try file.little(10, 4), header = try file.little(14, 4)
    guard header >= 40 else { throw file.bad("a bitmap with a header of \(header) bytes") }
    let width = try file.little(18, 4), signedHeight = Int(Int32(truncatingIfNeeded: try file.little(22, 4)))
    let height = abs(signedHeight), depth = try file.little(28, 2), compression = try file.little(30, 4)
    try checked(width, height, file.bad)
    guard compression == 0 || compression == 3 && depth == 32, [1, 4, 8, 24, 32].contains(depth) else {
      throw file.bad("a bitmap of \(depth) bits with compression \(compression)")
    }
    let colors = try file.little(46, 4), paletteCount = depth > 8 ? 0 : colors == 0 ? 1 << depth : colors
    guard paletteCount <= 256 else { throw file.bad("a palette of \(paletteCount)") }
    let rowBytes = (width * depth + 31) / 32 * 4
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * 3)
    for row in 0..<height {
      let start = offset + (signedHeight < 0 ? row : height - 1 - row) * rowBytes
      for x in 0..<width {
        var at = start + x * depth / 8
        if depth <= 8 {
          let index = try file.byte(at) >> UInt8(8 - depth - x * depth % 8) & UInt8((1 << depth) - 1)
          guard Int(index) < paletteCount else { throw file.bad("a color outside of the palette") }
          at = 14 + header + 4 * Int(index)
        }
        pixels += [try file.byte(at + 2), try file.byte(at + 1), try file.byte(at)]
      }
    }
    return (width, height, pixels)
  }

  // MARK: TIFF

  /// Width, height, bits, compression, colours, strips, samples, rows of a strip, lengths, order of samples, prediction, palette.
  private static let usedFields: Set = [256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 320]

  /// The first picture: 8-bit grey, palette or RGB in strips, plain, PackBits, LZW or deflated.
  private static func tiff(_ given: ByteReader) throws -> (Int, Int, [UInt8]) {
    var file = given
    file.isBigEndian = file.bytes[0] == 0x4D
    let directory = try file.number(4, 4), count = try file.number(directory, 2)
    var fields: [Int: [Int]] = [:]
    // Entries may point to the same bytes; 65535 that all name the whole file would stand for terabytes.
    var left = file.bytes.count
    for i in 0..<count {
      let entry = directory + 2 + 12 * i
      let tag = try file.number(entry, 2), kind = try file.number(entry + 2, 2), length = try file.number(entry + 4, 4)
      guard usedFields.contains(tag), let size = [1: 1, 3: 2, 4: 4][kind] else { continue }
      guard fields[tag] == nil else { throw file.bad("the TIFF has field \(tag) twice") }
      guard length <= left / size else { throw file.bad("the TIFF's fields are longer than the file") }
      left -= size * length
      let start = size * length <= 4 ? entry + 8 : try file.number(entry + 8, 4)
      fields[tag] = try (0..<length).map { try file.number(start + $0 * size, size) }
    }
    func field(_ tag: Int, _ fallback: Int? = nil) throws -> Int {
      guard let value = fields[tag]?.first ?? fallback else { throw file.bad("the TIFF lacks field \(tag)") }
      return value
    }
    let width = try field(256), height = try field(257), samples = try field(277, 1), photometric = try field(262)
    try checked(width, height, file.bad)
    guard (fields[258] ?? [1]).allSatisfy({ $0 == 8 }), [1, 3, 4].contains(samples), try field(284, 1) == 1, [0, 1, 2, 3].contains(photometric),
      photometric == 2 ? samples >= 3 : samples == 1
    else { throw EmberError(.unsupported, in: "TIFF", "only 8-bit grey, palette and RGB pictures are read") }
    let rowBytes = width * samples, rowsPerStrip = max(min(try field(278, height), height), 1)
    let offsets = fields[273] ?? [], lengths = fields[279] ?? []
    guard offsets.count == lengths.count, offsets.count * rowsPerStrip >= height else { throw file.bad("a TIFF without all of its strips") }
    var data: [UInt8] = []
    let compression = try field(259, 1)
    for (i, offset) in offsets.enumerated() where data.count < rowBytes * height {
      let wanted = min(rowsPerStrip, height - i * rowsPerStrip) * rowBytes
      guard wanted > 0, offset <= file.bytes.count, lengths[i] <= file.bytes.count - offset else { throw file.bad("a strip outside of the file") }
      let packed = file.bytes[offset..<(offset + lengths[i])]
      var strip: [UInt8]
      switch compression {
      case 1: strip = Array(packed.prefix(wanted))
      case 32773: strip = packBits(packed, limit: wanted)
      case 5: strip = lzw(packed, limit: wanted)
      case 8, 32946:
        strip = try Array(packed).withUnsafeBytes { bytes in
          try Compression.inflate(bytes, .zlib, limit: wanted, allowsRest: true, source: "TIFF", in: "image").withBytes { Array($0) }
        }
      default: throw EmberError(.unsupported, in: "TIFF", "compression \(compression)")
      }
      guard strip.count == wanted else { throw file.bad("a strip that ends early") }
      if try field(317, 1) == 2 {
        // Differences to the sample on the left.
        for row in stride(from: 0, to: wanted, by: rowBytes) {
          for x in stride(from: samples, to: rowBytes, by: 1) { strip[row + x] &+= strip[row + x - samples] }
        }
      }
      data += strip
    }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * 3)
    let palette = fields[320] ?? []
    for i in 0..<(width * height) {
      let sample = data[i * samples]
      switch photometric {
      case 0: pixels += Array(repeating: 255 - sample, count: 3)
      case 1: pixels += Array(repeating: sample, count: 3)
      case 3:
        guard palette.count == 768 else { throw file.bad("a palette of \(palette.count) numbers") }
        pixels += (0..<3).map { UInt8(truncatingIfNeeded: palette[$0 * 256 + Int(sample)] >> 8) }
      default: pixels += data[(i * samples)..<(i * samples + 3)]
      }
    }
    return (width, height, pixels)
  }

  private static func packBits(_ packed: ArraySlice<UInt8>, limit: Int) -> [UInt8] {
    var result: [UInt8] = [], position = packed.startIndex
    while position < packed.endIndex, result.count < limit {
      let count = Int(Int8(bitPattern: packed[position]))
      position += 1
      if count >= 0 {
        let end = min(position + count + 1, packed.endIndex)
        result += packed[position..<end]
        position = end
      } else if count > -128, position < packed.endIndex {
        result += Array(repeating: packed[position], count: 1 - count)
        position += 1
      }
    }
    return Array(result.prefix(limit))
  }

  /// Codes of 9 to 12 bits, the highest bit first; 256 begins anew, 257 ends.
  private static func lzw(_ packed: ArraySlice<UInt8>, limit: Int) -> [UInt8] {
    var result: [UInt8] = [], table: [[UInt8]] = [], previous: [UInt8] = [], width = 9, bits = 0, held = 0
    func start() -> [[UInt8]] { (0..<258).map { $0 < 256 ? [UInt8($0)] : [] } }
    table = start()
    for byte in packed {
      bits = bits << 8 | Int(byte)
      held += 8
      guard held >= width else { continue }
      let code = bits >> (held - width) & ((1 << width) - 1)
      held -= width
      bits &= (1 << held) - 1
      if code == 257 || result.count >= limit { break }
      if code == 256 {
        table = start()
        width = 9
        previous = []
        continue
      }
      let entry: [UInt8]
      if code < table.count { entry = table[code] } else if code == table.count, let first = previous.first { entry = previous + [first] } else { break }
      result += entry
      if let first = entry.first, !previous.isEmpty, table.count < 4096 { table.append(previous + [first]) }
      previous = entry
      width = table.count >= 2047 ? 12 : table.count >= 1023 ? 11 : table.count >= 511 ? 10 : 9
    }
    return Array(result.prefix(limit))
  }
}

/// Numbers in a file's bytes, none of them beyond its end.
private struct ByteReader {
  let bytes: [UInt8]
  let bad: (String) -> EmberError
  var isBigEndian = false

  func byte(_ at: Int) throws -> UInt8 {
    guard bytes.indices.contains(at) else { throw bad("the picture ends early") }
    return bytes[at]
  }

  func little(_ at: Int, _ count: Int) throws -> Int { try (0..<count).reduce(0) { try $0 | Int(byte(at + $1)) << (8 * $1) } }

  func number(_ at: Int, _ count: Int) throws -> Int {
    isBigEndian ? try (0..<count).reduce(0) { try $0 << 8 | Int(byte(at + $1)) } : try little(at, count)
  }
}
