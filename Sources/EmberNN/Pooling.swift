import EmberFunctional
import EmberRuntime
import EmberTensor

/// The largest value of each window.
open class MaxPoolLayer: Module {
  final let kernelSize: any SpatialExtents
  final let stride: any SpatialExtents
  final let padding: any SpatialExtents
  final let dilation: any SpatialExtents
  final let ceilMode: Bool
  class var dimensions: Int { 1 }

  /// - Parameters:
  ///   - stride: nil: the kernel size.
  ///   - ceilMode: windows may begin inside and end outside of the input.
  public init(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0,
    dilation: any SpatialExtents = 1, ceilMode: Bool = false
  ) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    self.dilation = dilation
    self.ceilMode = ceilMode
    super.init()
  }

  /// Also where the values were in each plane, counted row by row: what `MaxUnpool1d`, `2d` and `3d` take. PyTorch's `return_indices=True`.
  public final func withIndices(_ input: Tensor) -> (values: Tensor, indices: Tensor) {
    input.maxPoolWithIndices(Self.dimensions, kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }

  open override var settings: String {
    "kernel_size=\(pythonExtents(kernelSize)), stride=\(pythonExtents(stride)), padding=\(pythonExtents(padding))"
      + ", dilation=\(pythonExtents(dilation)), ceil_mode=\(pythonBool(ceilMode))"
  }
}

/// The largest value of each window of lines; `stride` defaults to the kernel size.
open class MaxPool1d: MaxPoolLayer, Layer {
  override final class var dimensions: Int { 1 }
  open func forward(_ input: Tensor) -> Tensor {
    input.maxPool1d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }
}

/// The largest value of each window of planes; `stride` defaults to the kernel size.
open class MaxPool2d: MaxPoolLayer, Layer {
  override final class var dimensions: Int { 2 }
  open func forward(_ input: Tensor) -> Tensor {
    input.maxPool2d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }
}

/// The largest value of each window of volumes; `stride` defaults to the kernel size.
open class MaxPool3d: MaxPoolLayer, Layer {
  override final class var dimensions: Int { 3 }
  open func forward(_ input: Tensor) -> Tensor {
    input.maxPool3d(kernelSize, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
  }
}

/// The mean of each window.
open class AvgPoolLayer: Module {
  final let kernelSize: any SpatialExtents
  final let stride: any SpatialExtents
  final let padding: any SpatialExtents
  final let ceilMode: Bool
  final let countIncludePad: Bool
  final let divisorOverride: Int?

  /// - Parameters:
  ///   - stride: nil: the kernel size.
  ///   - ceilMode: windows may begin inside and end outside of the input.
  ///   - countIncludePad: zeros of the padding count as elements.
  ///   - divisorOverride: what sums are divided by instead of the number of elements.
  public init(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true, divisorOverride: Int? = nil
  ) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    self.ceilMode = ceilMode
    self.countIncludePad = countIncludePad
    self.divisorOverride = divisorOverride
    super.init()
  }

  open override var settings: String {
    "kernel_size=\(pythonExtents(kernelSize)), stride=\(pythonExtents(stride)), padding=\(pythonExtents(padding))"
  }
}

/// The mean of each window of lines; `stride` defaults to the kernel size.
open class AvgPool1d: AvgPoolLayer, Layer {
  public init(
    _ kernelSize: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) { super.init(kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad, divisorOverride: nil) }

  open func forward(_ input: Tensor) -> Tensor {
    input.avgPool1d(kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad)
  }

  open override var settings: String {
    "kernel_size=\(pythonExtents(kernelSize, rank: 1)), stride=\(pythonExtents(stride, rank: 1))"
      + ", padding=\(pythonExtents(padding, rank: 1))"
  }
}

/// The mean of each window of planes; `stride` defaults to the kernel size.
open class AvgPool2d: AvgPoolLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor {
    input.avgPool2d(
      kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad, divisorOverride: divisorOverride)
  }
}

/// The mean of each window of volumes; `stride` defaults to the kernel size.
open class AvgPool3d: AvgPoolLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor {
    input.avgPool3d(
      kernelSize, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: countIncludePad, divisorOverride: divisorOverride)
  }
}

/// A pooling that is told the extents of its result.
open class AdaptivePoolingLayer: Module {
  /// Nil where a dimension is to keep the input's extent.
  private final let extents: [Int?]
  public init(_ outputSize: any SpatialExtents) {
    extents = (outputSize as? [Int]) ?? [outputSize as? Int]
    super.init()
  }

  /// With nil for dimensions that are to keep the input's extent.
  public init(_ outputSize: [Int?]) {
    extents = outputSize
    super.init()
  }

  final func outputSize(for input: Tensor, _ dimensions: Int) -> any SpatialExtents {
    if extents.count == 1, let one = extents[0] { return one }
    guard extents.count <= input.rank else { return extents.map { $0 ?? 0 } }
    let all = extents.count == 1 ? Array(repeating: extents[0], count: Swift.min(dimensions, input.rank)) : extents
    return all.enumerated().map { i, extent in extent ?? input.shape[input.rank - all.count + i] }
  }
  open override var settings: String {
    let words = extents.map { $0.map { "\($0)" } ?? "None" }
    return "output_size=" + (words.count == 1 ? words[0] : pythonTuple(words))
  }
}

/// Means of windows that divide the input into `outputSize` parts.
open class AdaptiveAvgPool1d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveAvgPool1d(outputSize(for: input, 1)) }
}

/// Means of windows that divide the input into `outputSize` parts.
open class AdaptiveAvgPool2d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveAvgPool2d(outputSize(for: input, 2)) }
}

/// Means of windows that divide the input into `outputSize` parts.
open class AdaptiveAvgPool3d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveAvgPool3d(outputSize(for: input, 3)) }
}

/// Largest values of windows that divide the input into `outputSize` parts.
open class AdaptiveMaxPool1d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveMaxPool1d(outputSize(for: input, 1)) }
  /// Also where the values were in each plane, counted row by row.
  public final func withIndices(_ input: Tensor) -> (values: Tensor, indices: Tensor) {
    input.adaptiveMaxPoolWithIndices(1, outputSize(for: input, 1))
  }
}

/// Largest values of windows that divide the input into `outputSize` parts.
open class AdaptiveMaxPool2d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveMaxPool2d(outputSize(for: input, 2)) }
  /// Also where the values were in each plane, counted row by row.
  public final func withIndices(_ input: Tensor) -> (values: Tensor, indices: Tensor) {
    input.adaptiveMaxPoolWithIndices(2, outputSize(for: input, 2))
  }
}

/// Largest values of windows that divide the input into `outputSize` parts.
open class AdaptiveMaxPool3d: AdaptivePoolingLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { input.adaptiveMaxPool3d(outputSize(for: input, 3)) }
  /// Also where the values were in each plane, counted row by row.
  public final func withIndices(_ input: Tensor) -> (values: Tensor, indices: Tensor) {
    input.adaptiveMaxPoolWithIndices(3, outputSize(for: input, 3))
  }
}
