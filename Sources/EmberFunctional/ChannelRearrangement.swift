import EmberRuntime
import EmberTensor

extension Tensor {
  /// [..., channels · r², height, width] as [..., channels, height · r, width · r]; Shi et al., arXiv:1609.05158.
  public func pixelShuffle(_ factor: Int) -> Tensor {
    guard mayRun("pixel_shuffle", self) else { return .poison }
    return attempt { () throws(EmberError) in
      guard rank >= 3, factor > 0, factor < 1 << 20, shape[-3] % (factor * factor) == 0 else {
        throw EmberError(
          .shape, in: "pixel_shuffle", "\(summary) with factor \(factor): the channels, third from the end, must divide by its square")
      }
      let leading = Array(shape.dropLast(3)), (channels, height, width) = (shape[-3] / (factor * factor), shape[-2], shape[-1])
      let planes = leading.reduce(1, *) * channels
      return reshape([planes, factor, factor, height, width]).permute(0, 3, 1, 4, 2).reshape(
        leading + [channels, height * factor, width * factor])
    }
  }

  /// The inverse of `pixelShuffle`: [..., channels, height · r, width · r] as [..., channels · r², height, width].
  public func pixelUnshuffle(_ factor: Int) -> Tensor {
    guard mayRun("pixel_unshuffle", self) else { return .poison }
    return attempt { () throws(EmberError) in
      guard factor > 0 else { throw EmberError(.value, in: "pixel_unshuffle", "a factor of \(factor); it must be positive") }
      // As in PyTorch, nothing stays what it is.
      if elementCount == 0, rank >= 3 { return self }
      guard rank >= 3, factor > 0, factor < 1 << 20, shape[-2] % factor == 0, shape[-1] % factor == 0 else {
        throw EmberError(.shape, in: "pixel_unshuffle", "\(summary) with factor \(factor): height and width must divide by it")
      }
      let leading = Array(shape.dropLast(3)), (channels, height, width) = (shape[-3], shape[-2] / factor, shape[-1] / factor)
      let planes = leading.reduce(1, *) * channels
      return reshape([planes, height, factor, width, factor]).permute(0, 2, 4, 1, 3).reshape(
        leading + [channels * factor * factor, height, width])
    }
  }

  /// The channels (dimension 1) of each of `groups` groups dealt out in turn; Zhang et al., arXiv:1707.01083.
  public func channelShuffle(_ groups: Int) -> Tensor {
    guard mayRun("channel_shuffle", self) else { return .poison }
    return attempt { () throws(EmberError) in
      guard rank >= 3, groups > 0, shape[1] % groups == 0 else {
        throw EmberError(
          .shape, in: "channel_shuffle",
          "\(summary) with \(groups) groups: it must be [batch, channels, ...] with channels that divide into them")
      }
      let inner = shape.dropFirst(2).reduce(1, *)
      return reshape([shape[0], groups, shape[1] / groups, inner]).transpose(1, 2).reshape(Array(shape))
    }
  }
}

extension OperatorRegistry {
  mutating func addChannelRearrangement() {
    add("aten::pixel_shuffle(Tensor self, int upscale_factor) -> Tensor") { (x: Tensor, factor: Int) in x.pixelShuffle(factor) }
    add("aten::pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor") { (x: Tensor, factor: Int) in x.pixelUnshuffle(factor) }
    add("aten::channel_shuffle(Tensor self, int groups) -> Tensor") { (x: Tensor, groups: Int) in x.channelShuffle(groups) }
  }
}
