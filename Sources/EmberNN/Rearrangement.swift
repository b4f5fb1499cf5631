import EmberFunctional
import EmberRuntime
import EmberTensor

/// Dimensions `start` ... `end` as one; without arguments everything after the batch.
open class Flatten: Module, Layer {
  private let start: Int
  private let end: Int
  public init(start: Int = 1, end: Int = -1) {
    self.start = start
    self.end = end
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.flatten(start, end) }
  open override var settings: String { "start_dim=\(start), end_dim=\(end)" }
}

/// One dimension as several.
open class Unflatten: Module, Layer {
  private let dimension: Int
  private let extents: [Int]
  public init(_ dimension: Int, _ extents: [Int]) {
    self.dimension = dimension
    self.extents = extents
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.unflatten(dimension, extents) }
  open override var settings: String { "dim=\(dimension), unflattened_size=\(pythonTuple(extents))" }
}

/// [batch, channels · r², height, width] to [batch, channels, height · r, width · r]; Shi et al., arXiv:1609.05158.
open class PixelShuffle: Module, Layer {
  private let factor: Int
  public init(_ upscaleFactor: Int) {
    factor = upscaleFactor
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.pixelShuffle(factor) }
  open override var settings: String { "upscale_factor=\(factor)" }
}

/// The inverse of `PixelShuffle`.
open class PixelUnshuffle: Module, Layer {
  private let factor: Int
  public init(_ downscaleFactor: Int) {
    factor = downscaleFactor
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.pixelUnshuffle(factor) }
  open override var settings: String { "downscale_factor=\(factor)" }
}

/// Channels of [batch, channels, ...] taken in turn from each of `groups` groups; Zhang et al., arXiv:1707.01083.
open class ChannelShuffle: Module, Layer {
  private let groups: Int
  public init(_ groups: Int) {
    self.groups = groups
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.channelShuffle(groups) }
  open override var settings: String { "groups=\(groups)" }
}

/// Every window of [batch, channels, height, width] as a column: [batch, channels · kernel, windows].
open class Unfold: Module, Layer {
  private let kernelSize, dilation, padding, stride: any SpatialExtents
  public init(
    _ kernelSize: any SpatialExtents, dilation: any SpatialExtents = 1, padding: any SpatialExtents = 0, stride: any SpatialExtents = 1
  ) {
    self.kernelSize = kernelSize
    self.dilation = dilation
    self.padding = padding
    self.stride = stride
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.unfoldWindows(kernelSize, dilation: dilation, padding: padding, stride: stride) }
  open override var settings: String {
    "kernel_size=\(pythonExtents(kernelSize)), dilation=\(pythonExtents(dilation)), padding=\(pythonExtents(padding))"
      + ", stride=\(pythonExtents(stride))"
  }
}

/// The counterpart of `Unfold`: adds up columns of windows to a picture of `outputSize`.
open class Fold: Module, Layer {
  private let outputSize, kernelSize, dilation, padding, stride: any SpatialExtents
  public init(
    _ outputSize: any SpatialExtents, _ kernelSize: any SpatialExtents, dilation: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    stride: any SpatialExtents = 1
  ) {
    self.outputSize = outputSize
    self.kernelSize = kernelSize
    self.dilation = dilation
    self.padding = padding
    self.stride = stride
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.fold(outputSize, kernelSize, dilation: dilation, padding: padding, stride: stride) }
  open override var settings: String {
    "output_size=\(pythonExtents(outputSize)), kernel_size=\(pythonExtents(kernelSize)), dilation=\(pythonExtents(dilation))"
      + ", padding=\(pythonExtents(padding)), stride=\(pythonExtents(stride))"
  }
}

/// Another size of [batch, channels, ...], by a size or by factors; see `Tensor.interpolate`.
open class Upsample: Module, Layer {
  private let size: (any SpatialExtents)?
  private let scaleFactor: [Double]?
  private let mode: InterpolationMode
  private let alignCorners: Bool?
  private let recomputeScaleFactor: Bool

  public init(
    size: (any SpatialExtents)? = nil, scaleFactor: [Double]? = nil, mode: InterpolationMode = .nearest, alignCorners: Bool? = nil,
    recomputeScaleFactor: Bool = false
  ) {
    self.size = size
    self.scaleFactor = scaleFactor
    self.mode = mode
    self.alignCorners = alignCorners
    self.recomputeScaleFactor = recomputeScaleFactor
    super.init()
  }

  /// One factor for all dimensions.
  public convenience init(
    scaleFactor: Double, mode: InterpolationMode = .nearest, alignCorners: Bool? = nil, recomputeScaleFactor: Bool = false
  ) {
    self.init(scaleFactor: [scaleFactor], mode: mode, alignCorners: alignCorners, recomputeScaleFactor: recomputeScaleFactor)
  }

  open func forward(_ input: Tensor) -> Tensor {
    let factors = scaleFactor.map { $0.count == 1 ? Array(repeating: $0[0], count: Swift.max(input.rank - 2, 1)) : $0 }
    return input.interpolate(
      size: size, scaleFactor: factors, mode: mode, alignCorners: alignCorners, recomputeScaleFactor: recomputeScaleFactor)
  }
  open override var settings: String {
    let factor = scaleFactor.map { $0.count == 1 ? "\($0[0])" : pythonTuple($0.map { "\($0)" }) }
    return (factor.map { "scale_factor=" + $0 } ?? "size=" + (size.map(pythonExtents) ?? "None")) + ", mode='\(mode.rawValue)'"
  }
}

/// `Upsample` of pictures by repeating pixels.
open class UpsamplingNearest2d: Upsample {
  public init(size: (any SpatialExtents)? = nil, scaleFactor: Double? = nil) {
    super.init(size: size, scaleFactor: scaleFactor.map { [$0] }, mode: .nearest)
  }
}

/// `Upsample` of pictures between four pixels, with the corners kept in place.
open class UpsamplingBilinear2d: Upsample {
  public init(size: (any SpatialExtents)? = nil, scaleFactor: Double? = nil) {
    super.init(size: size, scaleFactor: scaleFactor.map { [$0] }, mode: .bilinear, alignCorners: true)
  }
}

/// The cosine of the angle between vectors of two tensors along a dimension.
open class CosineSimilarity: Module, Layer {
  private let dimension: Int
  private let eps: Double
  public init(_ dimension: Int = 1, eps: Double = 1e-8) {
    self.dimension = dimension
    self.eps = eps
    super.init()
  }
  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.cosineSimilarity(input.1, dim: dimension, eps: eps) }
}

/// The p-norm of the difference of vectors along the last dimension.
open class PairwiseDistance: Module, Layer {
  private let p: Double
  private let eps: Double
  private let keepDim: Bool
  public init(_ p: Double = 2, eps: Double = 1e-6, keepDim: Bool = false) {
    self.p = p
    self.eps = eps
    self.keepDim = keepDim
    super.init()
  }
  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.pairwiseDistance(input.1, p: p, eps: eps, keepDim: keepDim) }
}
