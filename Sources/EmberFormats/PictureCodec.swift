import CEmberFormats
import EmberRuntime
import Glibc

/// The formats of pictures for which a library of the system is asked: libpng and TurboJPEG, loaded when first needed.
package enum PictureCodec: String, Sendable {
  case png, jpeg

  /// Bytes row by row; grey (1 channel), RGB (3) or RGBA (4).
  package struct Pixels: Sendable {
    package let width, height, channels: Int
    package let bytes: [UInt8]

    package init(width: Int, height: Int, channels: Int, bytes: [UInt8]) {
      self.width = width
      self.height = height
      self.channels = channels
      self.bytes = bytes
    }

    /// Red, green and blue of every pixel. Grey becomes all three, transparency is left out.
    package var rgb: [UInt8] {
      if channels == 3 { return bytes }
      let count = width * height
      return [UInt8](unsafeUninitializedCapacity: 3 * count) { target, written in
        for i in 0..<count {
          for colour in 0..<3 { target[3 * i + colour] = bytes[i * channels + (channels == 1 ? 0 : colour)] }
        }
        written = 3 * count
      }
    }
  }

  /// The format that a file begins with, if it is one of these.
  package init?(_ file: UnsafeRawBufferPointer) {
    if file.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if file.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
      self = .png
    } else {
      return nil
    }
  }

  /// The pixels in the channels that the file has.
  ///
  /// - Parameters:
  ///   - limit: pictures whose pixels take more bytes are refused.
  ///   - source: what errors call the file.
  package func decode(_ file: UnsafeRawBufferPointer, limit: Int, source: String, in operation: String) throws -> Pixels {
    let input = file.bindMemory(to: UInt8.self)
    var pixels: UnsafeMutablePointer<UInt8>?
    var width: UInt32 = 0, height: UInt32 = 0, channels: Int32 = 0
    var message = [CChar](repeating: 0, count: 64)
    let status =
      switch self {
      case .png: ember_png_read(input.baseAddress, input.count, limit, &pixels, &width, &height, &channels, &message)
      case .jpeg: ember_jpeg_read(input.baseAddress, input.count, limit, &pixels, &width, &height, &channels, &message)
      }
    try check(status, message, limit, source, operation)
    defer { free(pixels) }
    let count = Int(width) * Int(height) * Int(channels)
    return Pixels(
      width: Int(width), height: Int(height), channels: Int(channels), bytes: Array(UnsafeBufferPointer(start: pixels, count: count)))
  }

  /// Writes a PNG file, atomically.
  package static func savePNG(_ pixels: Pixels, to path: String) throws {
    var output: UnsafeMutablePointer<UInt8>?
    var count = 0
    var message = [CChar](repeating: 0, count: 64)
    let status = ember_png_write(
      pixels.bytes, UInt32(pixels.width), UInt32(pixels.height), Int32(pixels.channels), &output, &count, &message)
    try PictureCodec.png.check(status, message, .max, path, "png")
    defer { free(output) }
    try AtomicFile.write(to: path, in: "png") { file in try file.append(UnsafeRawBufferPointer(start: output, count: count)) }
  }

  private func check(_ status: Int32, _ message: [CChar], _ limit: Int, _ source: String, _ operation: String) throws {
    switch Int(status) {
    case EMBER_FORMATS_OK: return
    case EMBER_FORMATS_MISSING:
      let (library, why) =
        switch self {
        case .png: ("libpng is needed (package libpng16-16)", ember_png_error())
        case .jpeg: ("TurboJPEG is needed (package libturbojpeg0)", ember_jpeg_error())
        }
      let reason = why.map { String(cString: $0) } ?? ""
      throw EmberError(.unsupported, in: operation, "\(source): \(library), but could not be loaded: \(reason)")
    case EMBER_FORMATS_FULL: throw EmberError(.file, in: operation, "\(source): its pixels take more than the \(limit) bytes allowed")
    case EMBER_FORMATS_MEMORY: throw EmberError(.memory, in: operation, "\(source): no memory for the picture")
    default:
      let text = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw EmberError(.file, in: operation, "\(source): \(text.isEmpty ? "not a picture that can be decoded" : text)")
    }
  }
}
