import EmberFunctional
import EmberRuntime
import EmberTensor

/// The p-norm of each window; p = 1 gives the sum, large p near the largest value.
open class LPPoolLayer: Module {
  private final let dimensions: Int
  private final let p: Double
  private final let kernelSize: any SpatialExtents
  private final let stride: (any SpatialExtents)?
  private final let ceilMode: Bool

  init(_ dimensions: Int, _ p: Double, _ kernelSize: any SpatialExtents, _ stride: (any SpatialExtents)?, _ ceilMode: Bool) {
    self.dimensions = dimensions
    self.p = p
    self.kernelSize = kernelSize
    self.stride = stride
    self.ceilMode = ceilMode
    super.init()
  }

  final func pooled(_ input: Tensor) -> Tensor { input.lpPool(dimensions, p: p, kernelSize, stride: stride, ceilMode: ceilMode) }
  open override var settings: String {
    "norm_type=\(p), kernel_size=\(pythonExtents(kernelSize)), stride=\(stride.map(pythonExtents) ?? "None")"
      + ", ceil_mode=\(pythonBool(ceilMode))"
  }
}

/// The p-norm of each window of a line; `stride` defaults to the kernel size.
open class LPPool1d: LPPoolLayer, Layer {
  public init(_ p: Double, _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, ceilMode: Bool = false) {
    super.init(1, p, kernelSize, stride, ceilMode)
  }
  open func forward(_ input: Tensor) -> Tensor { pooled(input) }
}

/// The p-norm of each window of a plane; `stride` defaults to the kernel size.
open class LPPool2d: LPPoolLayer, Layer {
  public init(_ p: Double, _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, ceilMode: Bool = false) {
    super.init(2, p, kernelSize, stride, ceilMode)
  }
  open func forward(_ input: Tensor) -> Tensor { pooled(input) }
}

/// The p-norm of each window of a volume; `stride` defaults to the kernel size.
open class LPPool3d: LPPoolLayer, Layer {
  public init(_ p: Double, _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, ceilMode: Bool = false) {
    super.init(3, p, kernelSize, stride, ceilMode)
  }
  open func forward(_ input: Tensor) -> Tensor { pooled(input) }
}

/// The largest value of each of windows whose places are drawn; Graham, arXiv:1412.6071.
open class FractionalMaxPoolLayer: Module {
  private final let dimensions: Int
  private final let kernelSize: any SpatialExtents
  private final let outputSize: (any SpatialExtents)?
  private final let outputRatio: [Double]?
  /// The draws to use, [batch, channels, dimensions] from 0 to 1; nil: new ones each time.
  private final let _randomSamples: Buffer?
  public final var generator: Generator?

  init(
    _ dimensions: Int, _ kernelSize: any SpatialExtents, _ outputSize: (any SpatialExtents)?, _ outputRatio: [Double]?, _ samples: Tensor?,
    _ generator: Generator?
  ) {
    self.dimensions = dimensions
    self.kernelSize = kernelSize
    self.outputSize = outputSize
    self.outputRatio = outputRatio
    _randomSamples = samples.map { Buffer(wrappedValue: $0, "_random_samples") }
    self.generator = generator
    super.init()
    if (outputSize == nil) == (outputRatio == nil) {
      raise(EmberError(.value, in: "FractionalMaxPool\(dimensions)d", "give either outputSize or outputRatio"))
    } else if let outputRatio, outputRatio.contains(where: { $0 <= 0 || $0 >= 1 }) {
      raise(EmberError(.value, in: "FractionalMaxPool\(dimensions)d", "outputRatio \(outputRatio); each must lie between 0 and 1"))
    }
  }

  /// Values, and where they were in each plane, counted row by row.
  public final func withIndices(_ input: Tensor) -> (values: Tensor, indices: Tensor) {
    input.fractionalMaxPool(
      dimensions, kernelSize, outputSize: outputSize, outputRatio: outputRatio, samples: _randomSamples?.wrappedValue, generator: generator)
  }
}

/// The largest value of each of windows whose places in a plane are drawn. Give the size of the result, or its ratio to the input.
open class FractionalMaxPool2d: FractionalMaxPoolLayer, Layer {
  public init(
    _ kernelSize: any SpatialExtents, outputSize: (any SpatialExtents)? = nil, outputRatio: [Double]? = nil, randomSamples: Tensor? = nil,
    generator: Generator? = nil
  ) {
    super.init(2, kernelSize, outputSize, outputRatio, randomSamples, generator)
  }

  /// One ratio for all dimensions.
  public convenience init(_ kernelSize: any SpatialExtents, outputRatio: Double, randomSamples: Tensor? = nil, generator: Generator? = nil)
  {
    self.init(
      kernelSize, outputRatio: Array(repeating: outputRatio, count: 2), randomSamples: randomSamples, generator: generator)
  }

  open func forward(_ input: Tensor) -> Tensor { withIndices(input).values }
}

/// The largest value of each of windows whose places in a volume are drawn. Give the size of the result, or its ratio to the input.
open class FractionalMaxPool3d: FractionalMaxPoolLayer, Layer {
  public init(
    _ kernelSize: any SpatialExtents, outputSize: (any SpatialExtents)? = nil, outputRatio: [Double]? = nil, randomSamples: Tensor? = nil,
    generator: Generator? = nil
  ) {
    super.init(3, kernelSize, outputSize, outputRatio, randomSamples, generator)
  }

  /// One ratio for all dimensions.
  public convenience init(_ kernelSize: any SpatialExtents, outputRatio: Double, randomSamples: Tensor? = nil, generator: Generator? = nil)
  {
    self.init(
      kernelSize, outputRatio: Array(repeating: outputRatio, count: 3), randomSamples: randomSamples, generator: generator)
  }

  open func forward(_ input: Tensor) -> Tensor { withIndices(input).values }
}

/// Puts values back to where a pooling found them, and zeros elsewhere.
open class MaxUnpoolLayer: Module {
  private final let dimensions: Int
  private final let kernelSize: any SpatialExtents
  private final let stride: any SpatialExtents
  private final let padding: any SpatialExtents

  init(_ dimensions: Int, _ kernelSize: any SpatialExtents, _ stride: (any SpatialExtents)?, _ padding: any SpatialExtents) {
    self.dimensions = dimensions
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    super.init()
  }

  /// - Parameter outputSize: the last extents of the result where several are possible; nil: the smallest.
  final func unpooled(_ values: Tensor, _ indices: Tensor, _ outputSize: [Int]?) -> Tensor {
    if let outputSize { return values.maxUnpool(dimensions, indices, outputSize: Array(outputSize.suffix(dimensions))) }
    guard values.rank > dimensions, let kernel = kernelSize.extents(dimensions), let stride = stride.extents(dimensions),
      let padding = padding.extents(dimensions)
    else {
      raise(
        EmberError(
          .shape, in: "MaxUnpool\(dimensions)d",
          "input \(values.dtype)\(values.shape), kernel \(kernelSize), stride \(stride), padding \(padding): "
            + "[batch, channels, ...] with \(dimensions) further dimensions, and one number or \(dimensions) each"))
      return values
    }
    let size = (0..<dimensions).map { i in
      (values.shape[values.rank - dimensions + i] - 1) * stride[i] - 2 * padding[i] + kernel[i]
    }
    return values.maxUnpool(dimensions, indices, outputSize: size)
  }

  open override var settings: String {
    let (kernel, step, margin) = (
      pythonExtents(kernelSize, rank: dimensions), pythonExtents(stride, rank: dimensions), pythonExtents(padding, rank: dimensions)
    )
    return "kernel_size=\(kernel), stride=\(step), padding=\(margin)"
  }
}

/// The counterpart of `MaxPool1d.withIndices`: values and indices to a sparse line.
open class MaxUnpool1d: MaxUnpoolLayer, Layer {
  public init(_ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0) {
    super.init(1, kernelSize, stride, padding)
  }
  open func forward(_ input: (Tensor, Tensor)) -> Tensor { unpooled(input.0, input.1, nil) }
  /// With the extents of the result, where several sizes lead to the same pooled one.
  public func callAsFunction(_ values: Tensor, _ indices: Tensor, outputSize: [Int]) -> Tensor {
    withHooks((values, indices)) { unpooled($0.0, $0.1, outputSize) }
  }
}

/// The counterpart of `MaxPool2d.withIndices`: values and indices to a sparse plane.
open class MaxUnpool2d: MaxUnpoolLayer, Layer {
  public init(_ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0) {
    super.init(2, kernelSize, stride, padding)
  }
  open func forward(_ input: (Tensor, Tensor)) -> Tensor { unpooled(input.0, input.1, nil) }
  /// With the extents of the result, where several sizes lead to the same pooled one.
  public func callAsFunction(_ values: Tensor, _ indices: Tensor, outputSize: [Int]) -> Tensor {
    withHooks((values, indices)) { unpooled($0.0, $0.1, outputSize) }
  }
}

/// The counterpart of `MaxPool3d.withIndices`: values and indices to a sparse volume.
open class MaxUnpool3d: MaxUnpoolLayer, Layer {
  public init(_ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0) {
    super.init(3, kernelSize, stride, padding)
  }
  open func forward(_ input: (Tensor, Tensor)) -> Tensor { unpooled(input.0, input.1, nil) }
  /// With the extents of the result, where several sizes lead to the same pooled one.
  public func callAsFunction(_ values: Tensor, _ indices: Tensor, outputSize: [Int]) -> Tensor {
    withHooks((values, indices)) { unpooled($0.0, $0.1, outputSize) }
  }
}
