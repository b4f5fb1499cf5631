import EmberFormats
import EmberRuntime
import EmberTensor
import EmberVision
import TestSupport
import Testing

@Suite struct PictureFileTests {
  let folder = TemporaryFolder()

  /// The pixels that Pillow decodes, to the bit: both leave decoding to libjpeg-turbo.
  @Test(arguments: ["colour", "progressive", "grey"]) func asPillowReads(_ name: String) throws {
    let picture = try Picture(contentsOf: Fixtures.path(name + ".jpg"))
    let expected = try Picture(contentsOf: Fixtures.path(name + ".png"))
    #expect(picture.width == 37 && picture.height == 29 && picture.channels == (name == "grey" ? 1 : 3))
    #expect(picture.pixels == expected.pixels)
    #expect(picture.tensor.shape == [picture.channels, 29, 37])
    #expect(picture.tensor[0, 0, 1].item() == Double(Float(picture.pixels[picture.channels]) / 255))
    let whole = try contents(Fixtures.path(name + ".jpg"))
    let path = folder.file("a.jpg")
    // The last two bytes only say that nothing follows.
    for count in stride(from: 0, to: whole.count - 2, by: 7) {
      try write(Array(whole[0..<count]), to: path)
      let error = #expect(throws: EmberError.self) { _ = try Picture(contentsOf: path) }
      #expect(error?.message.contains(path) == true)
    }
    #expect(throws: EmberError.self) { _ = try Picture(contentsOf: Fixtures.path(name + ".jpg"), limit: 1000) }
  }

  /// The same pixels for those who ask for three colours of any format.
  @Test(arguments: ["colour", "grey"]) func asAFileOfAnyFormat(_ name: String) throws {
    let image = try ImageFile(contents(Fixtures.path(name + ".jpg")), in: "test")
    let expected = try Picture(contentsOf: Fixtures.path(name + ".png"))
    #expect(image.width == 37 && image.height == 29 && image.pixels == expected.rgb.pixels)
    #expect(try ImageFile(contents(Fixtures.path(name + ".png")), in: "test").pixels == image.pixels)
    let error = #expect(throws: EmberError.self) { _ = try ImageFile([0xFF, 0xD8, 0xFF, 0xE0], in: "test") }
    #expect(error?.operation == "test")
  }

  /// Transparency is left out, and does not let through what lay in memory.
  @Test func transparentPicturesKeepTheirColours() throws {
    let path = folder.file("clear.png")
    try Picture(width: 2, height: 1, channels: 4, pixels: [1, 2, 3, 0, 40, 50, 60, 128]).save(png: path)
    #expect(try ImageFile(contents(path), in: "test").pixels == [1, 2, 3, 40, 50, 60])
  }

  /// Samples of 16 bits without a note of their gamma are sRGB: 0x4040 of 0xFFFF is 0x40 of 0xFF, as in Pillow.
  @Test(arguments: [(0, 1), (2, 3), (6, 4)]) func pictures16BitsDeep(_ kind: UInt8, _ channels: Int) throws {
    func big(_ number: UInt32) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }
    func chunk(_ name: String, _ contents: [UInt8]) -> [UInt8] {
      let named = Array(name.utf8) + contents
      return big(UInt32(contents.count)) + named + big(named.withUnsafeBytes { Compression.crc32($0) })
    }
    let values: [UInt8] = [0x00, 0x01, 0x10, 0x40, 0x7F, 0x80, 0xC0, 0xFE, 0xFF, 0x20, 0x08, 0xA0]
    let width = values.count / channels
    // A filter byte of 0, then every sample as 0x4040 and the like.
    let raw: [UInt8] = [0] + values.flatMap { [$0, $0] }
    let packed = try raw.withUnsafeBytes { try Compression.deflate($0, .zlib, in: "test").withBytes { Array($0) } }
    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    file += chunk("IHDR", big(UInt32(width)) + big(1) + [16, kind, 0, 0, 0]) + chunk("IDAT", packed) + chunk("IEND", [])
    let picture = try file.withUnsafeBytes { try Picture($0) }
    #expect(picture.channels == channels && picture.width == width && picture.pixels == values)
  }

  /// A TIFF of one row of two grey pixels, by its fields: (tag, kind, count, value).
  private func tiff(_ fields: [(tag: Int, kind: Int, count: Int, value: Int)]) -> [UInt8] {
    func little(_ number: Int, _ width: Int) -> [UInt8] { (0..<width).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
    let entries = fields.flatMap { little($0.tag, 2) + little($0.kind, 2) + little($0.count, 4) + little($0.value, 4) }
    return Array("II*\0".utf8) + little(10, 4) + [7, 200] + little(fields.count, 2) + entries + little(0, 4)
  }

  /// What a directory says is read where it is used, once, and never more than the file is long.
  @Test func fieldsOfTIFFAreBounded() throws {
    let fields = [
      (256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (278, 3, 1, 1), (279, 4, 1, 2),
    ].map { (tag: $0.0, kind: $0.1, count: $0.2, value: $0.3) }
    #expect(try ImageFile(tiff(fields), in: "test").pixels == [7, 7, 7, 200, 200, 200])
    // Fields that nobody knows, each of which claims the whole file.
    let unknown = (0..<60_000).map { (tag: 1000 + $0 % 5000, kind: 1, count: 700_000, value: 0) }
    #expect(try ImageFile(tiff(fields + unknown), in: "test").pixels.count == 6)
    for (more, word) in [
      ([(tag: 320, kind: 1, count: 1 << 20, value: 0)], "longer"), ([(tag: 320, kind: 4, count: Int(UInt32.max), value: 0)], "longer"),
      ([(tag: 256, kind: 3, count: 1, value: 2)], "twice"),
      ([317, 320].map { (tag: $0, kind: 1, count: 100, value: 0) }, "longer"),
    ] {
      let error = #expect(throws: EmberError.self) { _ = try ImageFile(tiff(fields + more), in: "test") }
      #expect(error?.message.contains(word) == true, "\(word)")
    }
  }

  /// A header of a few bytes that claims many samples.
  @Test(arguments: 1...6) func portableMapsAreAsLongAsTheySay(_ kind: Int) {
    #expect(throws: EmberError.self) { _ = try ImageFile(Array("P\(kind) 9000 9000 255\n1 2 3".utf8), in: "test") }
  }

  @Test func otherColours() {
    let error = #expect(throws: EmberError.self) { _ = try Picture(contentsOf: Fixtures.path("printing.jpg")) }
    #expect(error?.message.contains("CMYK") == true)
  }
}
