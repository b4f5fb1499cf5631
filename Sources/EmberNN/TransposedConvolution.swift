import EmberRuntime
import EmberTensor

/// What the transposed convolutions share: each is the derivative of a convolution by its input. Weight [in, out / groups, kernel...], bias [out].
open class TransposedConvolutionLayer: Module {
  @Parameter public final var weight: Tensor
  private final let _bias: Parameter?
  final let stride: any SpatialExtents
  final let padding: any SpatialExtents
  final let outputPadding: any SpatialExtents
  final let dilation: any SpatialExtents
  final let groups: Int

  init(
    _ rank: Int, _ inChannels: Int, _ outChannels: Int, _ kernelSize: any SpatialExtents, _ stride: any SpatialExtents,
    _ padding: any SpatialExtents, _ outputPadding: any SpatialExtents, _ groups: Int, _ bias: Bool, _ dilation: any SpatialExtents,
    _ dtype: DType, _ device: Device
  ) {
    self.stride = stride
    self.padding = padding
    self.outputPadding = outputPadding
    self.dilation = dilation
    self.groups = groups
    var kernel = Array(repeating: 1, count: rank)
    if let extents = kernelSize.extents(rank) {
      kernel = extents
    } else {
      raise(EmberError(.value, in: "ConvTranspose\(rank)d", "kernelSize \(kernelSize); give one number or \(rank)"))
    }
    if groups < 1 || inChannels % max(groups, 1) != 0 || outChannels % max(groups, 1) != 0 {
      raise(EmberError(.value, in: "ConvTranspose\(rank)d", "\(inChannels) inputs and \(outChannels) outputs do not divide into \(groups) groups"))
    }
    let shape = [inChannels, outChannels / max(groups, 1)] + kernel
    weight = Init.layerWeight(shape, dtype: dtype, on: device)
    _bias = bias ? Parameter(wrappedValue: Init.layerBias(outChannels, weight: shape, dtype: dtype, on: device)) : nil
    super.init()
  }

  /// Draws weight and bias of a layer that was made for 0 input channels.
  final func materialize(_ inChannels: Int) {
    guard !uninitializedCells.isEmpty, !ErrorScopes.hasFailed else { return }
    let old = weight
    if inChannels % groups != 0 {
      raise(EmberError(.value, in: "\(Swift.type(of: self))", "\(inChannels) inputs do not divide into \(groups) groups"))
      return
    }
    let shape = [inChannels] + Array(old.shape.dropFirst(1))
    weight = Init.layerWeight(shape, dtype: old.dtype, on: old.device)
    _bias?.wrappedValue = Init.layerBias(shape[1] * groups, weight: shape, dtype: old.dtype, on: old.device)
  }

  override final var uninitializedCells: [StateCell] { weight.shape[0] == 0 ? [$weight] : [] }

  public final var bias: Tensor? { _bias?.wrappedValue }
  /// The cell of the bias, if there is one.
  public final var biasCell: StateCell? { _bias?.projectedValue }

  open override var settings: String {
    let shape = weight.shape
    let kernel = shape.dropFirst(2).map(String.init).joined(separator: ", ")
    return "\(shape[0]), \(shape[1] * groups), kernel_size=(\(kernel)), stride=\(stride)"
      + (padding as? Int == 0 ? "" : ", padding=\(padding)") + (outputPadding as? Int == 0 ? "" : ", output_padding=\(outputPadding)")
      + (dilation as? Int == 1 ? "" : ", dilation=\(dilation)") + (groups == 1 ? "" : ", groups=\(groups)") + (_bias == nil ? ", bias=false" : "")
  }
}

/// Transposed convolution of [batch, in, length].
open class ConvTranspose1d: TransposedConvolutionLayer, Layer {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) { super.init(1, inChannels, outChannels, kernelSize, stride, padding, outputPadding, groups, bias, dilation, dtype, device) }

  open func forward(_ input: Tensor) -> Tensor {
    input.convTranspose1d(
      weight, bias, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, dilation: dilation)
  }
}

/// Transposed convolution of [batch, in, height, width].
open class ConvTranspose2d: TransposedConvolutionLayer, Layer {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) { super.init(2, inChannels, outChannels, kernelSize, stride, padding, outputPadding, groups, bias, dilation, dtype, device) }

  open func forward(_ input: Tensor) -> Tensor {
    input.convTranspose2d(
      weight, bias, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, dilation: dilation)
  }
}

/// Transposed convolution of [batch, in, depth, height, width].
open class ConvTranspose3d: TransposedConvolutionLayer, Layer {
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) { super.init(3, inChannels, outChannels, kernelSize, stride, padding, outputPadding, groups, bias, dilation, dtype, device) }

  open func forward(_ input: Tensor) -> Tensor {
    input.convTranspose3d(
      weight, bias, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, dilation: dilation)
  }
}
