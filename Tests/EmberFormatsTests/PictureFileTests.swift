import EmberFormats
import EmberRuntime
import EmberTensor
import EmberVision
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

  @Test func otherColours() {
    let error = #expect(throws: EmberError.self) { _ = try Picture(contentsOf: Fixtures.path("printing.jpg")) }
    #expect(error?.message.contains("CMYK") == true)
  }
}
