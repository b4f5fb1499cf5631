import EmberFormats
import EmberRuntime
public import EmberTensor

/// An 8-bit picture: grey (1 channel), RGB (3) or RGBA (4), row by row.
public struct Picture: Sendable {
  public let width, height, channels: Int
  public let pixels: [UInt8]

  public init(width: Int, height: Int, channels: Int = 1, pixels: [UInt8]) throws {
    guard width > 0, height > 0, width <= 1 << 20, height <= 1 << 20, [1, 3, 4].contains(channels),
      pixels.count == width * height * channels
    else {
      throw EmberError(.value, in: "Picture", "\(pixels.count) bytes for \(width) × \(height) pixels of \(channels) channels (1, 3 or 4)")
    }
    self.init(valid: PictureCodec.Pixels(width: width, height: height, channels: channels, bytes: pixels))
  }

  /// Of what is known to fit together.
  init(valid pixels: PictureCodec.Pixels) {
    width = pixels.width
    height = pixels.height
    channels = pixels.channels
    self.pixels = pixels.bytes
  }

  /// Reads a PNG or JPEG file, which is told by its contents; pictures of more than `limit` bytes are refused. JPEG files are decoded as
  /// libjpeg-turbo does by itself, as in Pillow; their note of how the camera was held is not followed. PNG files whose note of their gamma
  /// says another one than sRGB's are converted to it, which Pillow does not do; those without such a note are taken as sRGB. Samples of
  /// 16 bits are rounded to 8, where Pillow cuts them off.
  public init(contentsOf path: String, limit: Int = 1 << 30) throws {
    let contents = try FileBytes.reading(path, in: "picture", limit: 1 << 30)
    self = try contents.withBytes { try Picture($0, limit: limit, source: path) }
  }

  /// The same of a file in memory.
  public init(_ bytes: UnsafeRawBufferPointer, limit: Int = 1 << 30, source: String = "data") throws {
    func begins(_ start: [UInt8], at place: Int = 0) -> Bool { bytes.dropFirst(place).starts(with: start) }
    if let codec = PictureCodec(bytes) {
      try self.init(codec, bytes, limit, source)
    } else {
      let others: [(kind: String, start: String, place: Int)] = [
        ("a WebP picture", "WEBP", 8), ("a HEIC picture", "ftyphei", 4), ("an AVIF picture", "ftypavif", 4), ("a GIF picture", "GIF8", 0),
        ("a TIFF picture", "II*\0", 0), ("a TIFF picture", "MM\0*", 0), ("a bitmap", "BM", 0),
      ]
      let kind = bytes.isEmpty ? "it is empty" : others.first { begins(Array($0.start.utf8), at: $0.place) }.map { "it is \($0.kind)" }
      throw EmberError(.file, in: "picture", "\(source): \(kind.map { $0 + ", " } ?? "")neither PNG nor JPEG")
    }
  }

  /// Reads a PNG file; pictures of more than `limit` bytes are refused.
  public init(png path: String, limit: Int = 1 << 30) throws {
    let contents = try FileBytes.reading(path, in: "png", limit: 1 << 30)
    self = try contents.withBytes { try Picture(.png, $0, limit, path) }
  }

  private init(_ codec: PictureCodec, _ bytes: UnsafeRawBufferPointer, _ limit: Int, _ source: String) throws {
    let decoded = try codec.decode(bytes, limit: limit, source: source, in: codec.rawValue)
    try self.init(width: decoded.width, height: decoded.height, channels: decoded.channels, pixels: decoded.bytes)
  }

  /// The same for a decoder or an encoder.
  var codecPixels: PictureCodec.Pixels { PictureCodec.Pixels(width: width, height: height, channels: channels, bytes: pixels) }

  /// Writes a PNG file, atomically.
  public func save(png path: String) throws { try PictureCodec.savePNG(codecPixels, to: path) }

  /// The pixels as [channels, height, width] in float32 from 0 to 1, as torchvision's `ToTensor` makes them.
  public var tensor: Tensor {
    Tensor(pixels, shape: [height, width, channels]).permute([2, 0, 1]).to(.float32) / 255
  }

  /// Grey pictures [count, height, width] side by side with gaps; uint8, or numbers from 0 to 1. `scale` enlarges.
  public static func grid(_ images: Tensor, columns: Int = 5, scale: Int = 4, gap: Int = 4) throws -> Picture {
    let stack = try greyStack(images)
    let columns = max(1, min(columns, stack.count))
    let scale = max(1, min(scale, 64))
    let gap = max(0, gap)
    let rows = (stack.count + columns - 1) / columns
    let tileWidth = stack.width * scale + gap
    let tileHeight = stack.height * scale + gap
    let width = columns * tileWidth + gap
    let height = rows * tileHeight + gap
    guard stack.count > 0, width <= 1 << 16, height <= 1 << 16 else {
      throw EmberError(.value, in: "Picture.grid", "a grid of \(width) × \(height) pixels; between 1 and 65536 each way are possible")
    }
    var pixels = [UInt8](repeating: 32, count: width * height)
    for i in 0..<stack.count {
      let left = gap + i % columns * tileWidth
      let top = gap + i / columns * tileHeight
      for y in 0..<stack.height * scale {
        for x in 0..<stack.width * scale {
          pixels[(top + y) * width + left + x] = stack.pixels[(i * stack.height + y / scale) * stack.width + x / scale]
        }
      }
    }
    return try Picture(width: width, height: height, pixels: pixels)
  }

  struct GreyStack {
    let count, height, width: Int
    let pixels: [UInt8]
  }

  /// The bytes of [height, width], [count, height, width] or [count, 1, height, width].
  static func greyStack(_ images: Tensor) throws -> GreyStack {
    var shape = Array(images.shape)
    if shape.count == 4, shape[1] == 1 { shape.remove(at: 1) }
    if shape.count == 2 { shape.insert(1, at: 0) }
    guard shape.count == 3 else { throw EmberError(.shape, in: "Picture", "\(images.dtype)\(images.shape) is no stack of grey pictures") }
    let pixels: [UInt8]
    if images.dtype.isFloatingPoint {
      pixels = try images.elementsOrThrow(as: Float.self).map { $0 > 0 ? UInt8(min($0, 1) * 255 + 0.5) : 0 }
    } else {
      pixels = try images.elementsOrThrow(as: UInt8.self)
    }
    return GreyStack(count: shape[0], height: shape[1], width: shape[2], pixels: pixels)
  }
}
