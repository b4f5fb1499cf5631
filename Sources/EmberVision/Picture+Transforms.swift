import EmberFormats
public import EmberFunctional
import EmberRuntime

extension Picture {
  /// The picture in other dimensions, to the same bytes as Pillow's `Image.resize`: filters grow when reducing, so that every pixel counts.
  ///
  /// - Parameter interpolation: `.bilinear`, `.bicubic` or `.lanczos`.
  public func resized(width: Int, height: Int, interpolation: InterpolationMode = .bilinear) throws -> Picture {
    try Self.checkSize(width, height, in: "Picture.resized")
    guard let horizontal = ResamplingMatrix.pillow(from: self.width, to: width, interpolation),
      let vertical = ResamplingMatrix.pillow(from: self.height, to: height, interpolation)
    else {
      throw EmberError(
        .value, in: "Picture.resized", "interpolation \(interpolation.rawValue); pictures take bilinear, bicubic and lanczos")
    }
    // Lines first, then columns, with bytes in between, as Pillow does.
    guard width == self.width || width * self.height <= Self.largestArea else {
      throw EmberError(
        .value, in: "Picture.resized",
        "\(self.width) × \(self.height) pixels to \(width) × \(height): on the way there lie \(width) × \(self.height); "
          + "\(Self.largestArea) in all are possible")
    }
    var bytes = pixels
    if width != self.width { bytes = horizontal.resample(bytes, outer: self.height, inner: channels) }
    if height != self.height { bytes = vertical.resample(bytes, outer: 1, inner: width * channels) }
    return try Picture(width: width, height: height, channels: channels, pixels: bytes)
  }

  /// The picture in the same proportions, its shorter side as long as said: torchvision's `Resize` with one number.
  public func resized(shorterSide: Int, interpolation: InterpolationMode = .bilinear) throws -> Picture {
    try Self.checkSize(shorterSide, shorterSide, in: "Picture.resized")
    let other = shorterSide * max(width, height) / min(width, height)
    return try width <= height
      ? resized(width: shorterSide, height: other, interpolation: interpolation)
      : resized(width: other, height: shorterSide, interpolation: interpolation)
  }

  /// The middle of the picture; what lies beyond its edges is black. torchvision's `CenterCrop`.
  public func centerCropped(width: Int, height: Int) throws -> Picture {
    try Self.checkSize(width, height, in: "Picture.centerCropped")
    func start(_ extent: Int, _ wanted: Int) -> Int {
      // Python's division and rounding: half a pixel to the even side.
      extent >= wanted ? Int((Double(extent - wanted) / 2).rounded(.toNearestOrEven)) : -((wanted - extent) / 2)
    }
    let left = start(self.width, width), top = start(self.height, height)
    let columns = max(left, 0)..<min(left + width, self.width)
    var result = [UInt8](repeating: 0, count: width * height * channels)
    for row in max(top, 0)..<min(top + height, self.height) {
      let source = (row * self.width + columns.lowerBound) * channels
      let target = ((row - top) * width + columns.lowerBound - left) * channels
      let count = columns.count * channels
      result.replaceSubrange(target..<(target + count), with: pixels[source..<(source + count)])
    }
    return try Picture(width: width, height: height, channels: channels, pixels: result)
  }

  /// The picture with red, green and blue. Grey becomes all three, transparency is left out.
  public var rgb: Picture {
    Picture(valid: PictureCodec.Pixels(width: width, height: height, channels: 3, bytes: codecPixels.rgb))
  }

  /// The most pixels that a picture may get. More would come of a wrong setting rather than of a wish.
  private static let largestArea = 1 << 28

  private static func checkSize(_ width: Int, _ height: Int, in operation: String) throws {
    guard (1...1 << 16).contains(width), (1...1 << 16).contains(height), width * height <= largestArea else {
      throw EmberError(
        .value, in: operation, "\(width) × \(height) pixels; between 1 and 65536 each way and \(largestArea) in all are possible")
    }
  }
}
