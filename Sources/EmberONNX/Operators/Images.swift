import EmberFormats
import EmberRuntime
import EmberTensor

/// Pictures from the bytes of their files.
extension OperatorTable {
  mutating func addImages() {
    add("ImageDecoder", since: 20) { call in
      let bytes = try call.tensor(0).elementsOrThrow(as: UInt8.self)
      let format = try call.string("pixel_format", oneOf: ["RGB", "BGR", "Grayscale"])
      let image = try ImageFile(bytes, in: "ImageDecoder")
      let pixels = Tensor(image.pixels, shape: [image.height, image.width, 3])
      switch format {
      case "BGR": return pixels.flip(2)
      case "Grayscale":
        // The luma of ITU-R BT.601, in 16 bits.
        let parts = pixels.to(.int32).unbind(2)
        let luma = parts[0] * 19595 + parts[1] * 38470 + parts[2] * 7471 + 32768
        return luma.bitwiseRightShift(Tensor(Int32(16))).to(.uint8).unsqueeze(2)
      default: return pixels
      }
    }
  }
}
