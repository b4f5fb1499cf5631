import EmberFunctional
import EmberRuntime
import EmberTensor

// Layers that find out at their first call, or from a state dict, how many inputs they have. Parameters exist from the start, without elements, so
// that an optimizer may be made before the first call; they are drawn then, as the layer's own initialisation says.

/// `Linear` for as many input features as its first input has.
open class LazyLinear: Linear {
  public init(_ outFeatures: Int, bias: Bool = true, dtype: DType = .float32, on device: Device = .cpu) {
    super.init(0, outFeatures, bias: bias, dtype: dtype, on: device)
  }

  open override func forward(_ input: Tensor) -> Tensor {
    if input.rank > 0 { materialize(input.shape[-1]) }
    return super.forward(input)
  }
}

/// `Conv1d` for as many input channels as its first input has.
open class LazyConv1d: Conv1d {
  public init(
    _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any ConvolutionPadding = 0,
    dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    super.init(
      0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups, bias: bias,
      paddingMode: paddingMode, dtype: dtype, on: device)
  }

  open override func forward(_ input: Tensor) -> Tensor {
    if input.rank > 1 { materialize(input.shape[-2]) }
    return super.forward(input)
  }
}

/// `Conv2d` for as many input channels as its first input has.
open class LazyConv2d: Conv2d {
  public init(
    _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any ConvolutionPadding = 0,
    dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    super.init(
      0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups, bias: bias,
      paddingMode: paddingMode, dtype: dtype, on: device)
  }

  open override func forward(_ input: Tensor) -> Tensor {
    if input.rank > 2 { materialize(input.shape[-3]) }
    return super.forward(input)
  }
}

/// `Conv3d` for as many input channels as its first input has.
open class LazyConv3d: Conv3d {
  public init(
    _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any ConvolutionPadding = 0,
    dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    super.init(
      0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, dilation: dilation, groups: groups, bias: bias,
      paddingMode: paddingMode, dtype: dtype, on: device)
  }

  open override func forward(_ input: Tensor) -> Tensor {
    if input.rank > 3 { materialize(input.shape[-4]) }
    return super.forward(input)
  }
}

/// `ConvTranspose1d` for as many input channels as its first input has.
open class LazyConvTranspose1d: ConvTranspose1d {
  public init(
    _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    super.init(
      0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, bias: bias,
      dilation: dilation, dtype: dtype, on: device)
  }

  override func prepare(for input: Tensor) {
    if input.rank > 1 { materialize(input.shape[-2]) }
  }
}

/// `ConvTranspose2d` for as many input channels as its first input has.
open class LazyConvTranspose2d: ConvTranspose2d {
  public init(
    _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    super.init(
      0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, bias: bias,
      dilation: dilation, dtype: dtype, on: device)
  }

  override func prepare(for input: Tensor) {
    if input.rank > 2 { materialize(input.shape[-3]) }
  }
}

/// `ConvTranspose3d` for as many input channels as its first input has.
open class LazyConvTranspose3d: ConvTranspose3d {
  public init(
    _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    super.init(
      0, outChannels, kernelSize: kernelSize, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, bias: bias,
      dilation: dilation, dtype: dtype, on: device)
  }

  override func prepare(for input: Tensor) {
    if input.rank > 3 { materialize(input.shape[-4]) }
  }
}

/// `BatchNorm1d` for as many features as its first input has.
open class LazyBatchNorm1d: BatchNorm1d {
  public init(
    eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, bias: Bool = true, trackRunningStats: Bool = true,
    dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init(0, eps: eps, momentum: momentum, affine: affine, bias: bias, trackRunningStats: trackRunningStats, dtype: dtype, on: device)
  }

  open override func forward(_ input: Tensor) -> Tensor {
    if input.rank > 1 { materialize(input.shape[1]) }
    return super.forward(input)
  }
}

/// `BatchNorm2d` for as many features as its first input has.
open class LazyBatchNorm2d: BatchNorm2d {
  public init(
    eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, bias: Bool = true, trackRunningStats: Bool = true,
    dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init(0, eps: eps, momentum: momentum, affine: affine, bias: bias, trackRunningStats: trackRunningStats, dtype: dtype, on: device)
  }

  open override func forward(_ input: Tensor) -> Tensor {
    if input.rank > 1 { materialize(input.shape[1]) }
    return super.forward(input)
  }
}

/// `BatchNorm3d` for as many features as its first input has.
open class LazyBatchNorm3d: BatchNorm3d {
  public init(
    eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, bias: Bool = true, trackRunningStats: Bool = true,
    dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init(0, eps: eps, momentum: momentum, affine: affine, bias: bias, trackRunningStats: trackRunningStats, dtype: dtype, on: device)
  }

  open override func forward(_ input: Tensor) -> Tensor {
    if input.rank > 1 { materialize(input.shape[1]) }
    return super.forward(input)
  }
}

/// `InstanceNorm1d` for as many features as its first input has.
open class LazyInstanceNorm1d: InstanceNorm1d {
  public init(
    eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false, bias: Bool = true, trackRunningStats: Bool = false,
    dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init(0, eps: eps, momentum: momentum, affine: affine, bias: bias, trackRunningStats: trackRunningStats, dtype: dtype, on: device)
  }

  open override func forward(_ input: Tensor) -> Tensor {
    if input.rank > 1 { materialize(input.shape[-2]) }
    return super.forward(input)
  }
}

/// `InstanceNorm2d` for as many features as its first input has.
open class LazyInstanceNorm2d: InstanceNorm2d {
  public init(
    eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false, bias: Bool = true, trackRunningStats: Bool = false,
    dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init(0, eps: eps, momentum: momentum, affine: affine, bias: bias, trackRunningStats: trackRunningStats, dtype: dtype, on: device)
  }

  open override func forward(_ input: Tensor) -> Tensor {
    if input.rank > 2 { materialize(input.shape[-3]) }
    return super.forward(input)
  }
}

/// `InstanceNorm3d` for as many features as its first input has.
open class LazyInstanceNorm3d: InstanceNorm3d {
  public init(
    eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false, bias: Bool = true, trackRunningStats: Bool = false,
    dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init(0, eps: eps, momentum: momentum, affine: affine, bias: bias, trackRunningStats: trackRunningStats, dtype: dtype, on: device)
  }

  open override func forward(_ input: Tensor) -> Tensor {
    if input.rank > 3 { materialize(input.shape[-4]) }
    return super.forward(input)
  }
}
