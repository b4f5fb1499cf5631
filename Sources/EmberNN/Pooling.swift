import EmberTensor

/// The settings of a pooling with windows.
open class PoolingLayer: Module {
  final let kernelSize: any SpatialExtents
  final let stride: (any SpatialExtents)?
  final let padding: any SpatialExtents
  final let dilation: any SpatialExtents
  final let ceilMode: Bool
  final let countIncludePad: Bool

  init(
    _ kernelSize: any SpatialExtents, _ stride: (any SpatialExtents)?, _ padding: any SpatialExtents, _ dilation: any SpatialExtents,
    _ ceilMode: Bool, _ countIncludePad: Bool
  ) {
    self.kernelSize = kernelSize
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.ceilMode = ceilMode
    self.countIncludePad = countIncludePad
    super.init()
  }

  open override var settings: String { "kernel_size=\(kernelSize), stride=\(stride ?? kernelSize), padding=\(padding), ceil_mode=\(ceilMode)" }
}

/// The largest value of each window; `stride` defaults to the kernel size.
open class MaxPool1d: PoolingLayer, Layer {
  public init(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0,
    dilation: any SpatialExtents = 1, ceilMode: Bool = false
  ) { super.init(kernelSize, stride, padding, dilation, ceilMode, true) }

  open func forward(_ input: Tensor) -> Tensor {
    input.maxPool1d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }
}

/// The largest value of each window; `stride` defaults to the kernel size.
open class MaxPool2d: PoolingLayer, Layer {
  public init(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0,
    dilation: any SpatialExtents = 1, ceilMode: Bool = false
  ) { super.init(kernelSize, stride, padding, dilation, ceilMode, true) }

  open func forward(_ input: Tensor) -> Tensor {
    input.maxPool2d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }
}

/// The largest value of each window; `stride` defaults to the kernel size.
open class MaxPool3d: PoolingLayer, Layer {
  public init(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0,
    dilation: any SpatialExtents = 1, ceilMode: Bool = false
  ) { super.init(kernelSize, stride, padding, dilation, ceilMode, true) }

  open func forward(_ input: Tensor) -> Tensor {
    input.maxPool3d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }
}

/// The mean of each window; `stride` defaults to the kernel size.
open class AvgPool1d: PoolingLayer, Layer {
  public init(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) { super.init(kernelSize, stride, padding, 1, ceilMode, countIncludePad) }

  open func forward(_ input: Tensor) -> Tensor {
    input.avgPool1d(kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad)
  }
}

/// The mean of each window; `stride` defaults to the kernel size.
open class AvgPool2d: PoolingLayer, Layer {
  public init(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) { super.init(kernelSize, stride, padding, 1, ceilMode, countIncludePad) }

  open func forward(_ input: Tensor) -> Tensor {
    input.avgPool2d(kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad)
  }
}

/// The mean of each window; `stride` defaults to the kernel size.
open class AvgPool3d: PoolingLayer, Layer {
  public init(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) { super.init(kernelSize, stride, padding, 1, ceilMode, countIncludePad) }

  open func forward(_ input: Tensor) -> Tensor {
    input.avgPool3d(kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad)
  }
}

/// A pooling that is told the extents of its result.
open class AdaptivePoolingLayer: Module {
  final let outputSize: any SpatialExtents
  public init(_ outputSize: any SpatialExtents) {
    self.outputSize = outputSize
    super.init()
  }
  open override var settings: String { "output_size=\(outputSize)" }
}

/// Means of windows that divide the input into `outputSize` parts.
open class AdaptiveAvgPool1d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveAvgPool1d(outputSize) }
}

/// Means of windows that divide the input into `outputSize` parts.
open class AdaptiveAvgPool2d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveAvgPool2d(outputSize) }
}

/// Means of windows that divide the input into `outputSize` parts.
open class AdaptiveAvgPool3d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveAvgPool3d(outputSize) }
}

/// Largest values of windows that divide the input into `outputSize` parts.
open class AdaptiveMaxPool1d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveMaxPool1d(outputSize) }
}

/// Largest values of windows that divide the input into `outputSize` parts.
open class AdaptiveMaxPool2d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveMaxPool2d(outputSize) }
}

/// Largest values of windows that divide the input into `outputSize` parts.
open class AdaptiveMaxPool3d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveMaxPool3d(outputSize) }
}
