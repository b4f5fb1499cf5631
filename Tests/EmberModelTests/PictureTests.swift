import EmberFormats
import EmberFunctional
import EmberRuntime
import EmberTensor
import EmberVision
import Foundation
import TestSupport
import Testing

/// Pictures as Pillow and torchvision change them (`Tests/Fixtures/pictures/make.py`), to the byte.
@Suite struct PictureTests {
  private let file: SafetensorsFile
  private let picture: Picture
  private let grey: Picture

  init() throws {
    file = try Safetensors.load(Checkout.fixture("pictures/transforms.safetensors"))
    let (colours, lightness) = (try #require(file["picture"]), try #require(file["grey"]))
    picture = try Picture(width: colours.shape[1], height: colours.shape[0], channels: 3, pixels: colours.elements(as: UInt8.self))
    grey = try Picture(width: lightness.shape[1], height: lightness.shape[0], channels: 1, pixels: lightness.elements(as: UInt8.self))
  }

  private func expectSame(_ found: Picture, _ name: String) throws {
    let expected = try #require(file[name], "\(name)")
    #expect([found.height, found.width] == Array(expected.shape.prefix(2)), "\(name)")
    #expect(found.pixels == expected.elements(as: UInt8.self), "\(name)")
  }

  @Test func resizingIsPillows() throws {
    var count = 0
    for name in file.tensors.map(\.name) {
      let parts = name.split(separator: ".").map(String.init)
      guard let mode = InterpolationMode(rawValue: parts[0]), parts.count == 2 else { continue }
      let size = parts[1].split(separator: "x").compactMap { Int($0) }
      try expectSame(picture.resized(width: size[0], height: size[1], interpolation: mode), name)
      count += 1
    }
    #expect(count == 18)
    try expectSame(grey.resized(width: 23, height: 17, interpolation: .bicubic), "grey.bicubic.23x17")
    #expect(throws: EmberError.self) { try picture.resized(width: 0, height: 4) }
    #expect(throws: EmberError.self) { try picture.resized(width: 4, height: 4, interpolation: .nearest) }
  }

  /// What a configuration asks for may be too much; nothing is allocated for it.
  @Test func sizesHaveABound() throws {
    func text(_ body: () throws -> Picture) -> String {
      let error = #expect(throws: EmberError.self) { _ = try body() }
      return error.map { "\($0)" } ?? ""
    }
    for text in [
      text { try picture.resized(width: 65536, height: 65536) }, text { try picture.centerCropped(width: 65536, height: 4097) },
      text { try picture.resized(shorterSide: 65536) },
    ] {
      #expect(text.contains("268435456 in all"), "\(text)")
    }
    // A line of pixels: both sizes are possible, what lies between them is not.
    let line = try Picture(width: 1, height: 1 << 20, pixels: Array(repeating: 7, count: 1 << 20))
    #expect(text { try line.resized(width: 257, height: 257) }.contains("257 × 1048576"))
    #expect(try line.resized(width: 2, height: 2).pixels == [7, 7, 7, 7])
  }

  @Test func croppingAndShorterSidesAreTorchvisions() throws {
    for length in [20, 41, 50, 64] {
      try expectSame(picture.centerCropped(width: length, height: length), "crop.\(length)")
      try expectSame(picture.resized(shorterSide: length), "shorter.\(length)")
    }
    // Turned to the left, so that the height is the longer side.
    let turned = (0..<picture.width).flatMap { row in
      (0..<picture.height).flatMap { column in
        let start = (column * picture.width + picture.width - 1 - row) * 3
        return picture.pixels[start..<(start + 3)]
      }
    }
    let tall = try Picture(width: picture.height, height: picture.width, channels: 3, pixels: turned)
    try expectSame(tall.resized(shorterSide: 20), "shorter.tall.20")
    #expect(throws: EmberError.self) { try picture.centerCropped(width: 1, height: -1) }
  }

  @Test func transformsAreTorchvisions() throws {
    var transform = ImageTransform.imageNet
    transform.steps = [.resize(32, .bicubic), .centerCrop(28)]
    let expected = try #require(file["prepared"])
    let found = try transform(picture)
    #expect(found.shape == [3, 28, 28])
    #expect((found - expected).abs().amax().item(as: Float.self) <= 1e-6)
    let exact = try ImageTransform([.resizeExactly(width: 23, height: 17, .bicubic)])(picture)
    #expect(exact.shape == [3, 17, 23])
    #expect((exact * 255).round().to(.uint8).permute([1, 2, 0]).elements(as: UInt8.self) == file["bicubic.23x17"]!.elements(as: UInt8.self))
    let wrong = [
      ImageTransform([.resize(8)], mean: [0, 0]), ImageTransform([.resize(8)], std: [0]), ImageTransform([.resize(0)]),
      ImageTransform([.centerCrop(0)]),
    ]
    for transform in wrong { #expect(throws: EmberError.self) { try transform(picture) } }
  }

  @Test func greyAndTransparentPicturesBecomeColours() throws {
    #expect(grey.rgb.pixels == grey.pixels.flatMap { [$0, $0, $0] })
    let clear = try Picture(width: 2, height: 1, channels: 4, pixels: [1, 2, 3, 0, 4, 5, 6, 255])
    #expect(clear.rgb.pixels == [1, 2, 3, 4, 5, 6])
    #expect(try ImageTransform([])(clear).shape == [3, 1, 2])
  }

  /// What is no picture is an error that says what it is.
  @Test func filesThatAreNoPicturesAreErrors() throws {
    let folder = TemporaryFolder()
    func message(_ name: String, _ contents: [UInt8]?) throws -> String {
      let path = folder.file(name)
      if let contents { try Data(contents).write(to: URL(fileURLWithPath: path)) }
      let error = #expect(throws: EmberError.self) { try Picture(contentsOf: path, limit: 1000) }
      return error.map { "\($0)" } ?? ""
    }
    #expect(try message("none.png", nil).contains("No such file"))
    #expect(try message(".", nil).contains("folder"))
    #expect(try message("empty.png", []).contains("it is empty"))
    #expect(try message("notes.txt", Array("some notes".utf8)).contains("neither PNG nor JPEG"))
    #expect(try message("a.webp", Array("RIFF1234WEBPVP8 ".utf8)).contains("WebP"))
    #expect(try message("a.gif", Array("GIF89a....".utf8)).contains("GIF"))
    #expect(try message("a.heic", [0, 0, 0, 24] + Array("ftypheic....".utf8)).contains("HEIC"))
    try picture.save(png: folder.file("large.png"))
    let large = try message("large.png", nil)
    #expect(large.contains("1000 bytes"), "\(large)")
  }
}
