import EmberFunctional
import EmberRuntime
import EmberTensor

/// What the convolutions share. Weight [out, in / groups, kernel...], bias [out].
open class ConvolutionLayer: Module {
  @Parameter public final var weight: Tensor
  private final let _bias: Parameter?
  final let stride: any SpatialExtents
  final let padding: any ConvolutionPadding
  final let dilation: any SpatialExtents
  final let groups: Int
  final let paddingMode: PaddingMode

  /// Spatial dimensions of input and kernel.
  class var dimensions: Int { 1 }

  /// - Parameters:
  ///   - kernelSize, stride, dilation: one number for all spatial dimensions, or one for each.
  ///   - padding: zeros around the input, or "same" (the result has the input's extents, with stride 1), or "valid" (none).
  ///   - groups: channels are divided into as many groups, which do not see each other.
  ///   - paddingMode: what is put around instead of zeros.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any ConvolutionPadding = 0, dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true,
    paddingMode: PaddingMode = .zeros, dtype: DType = .float32, on device: Device = .cpu
  ) {
    let rank = Self.dimensions
    self.paddingMode = paddingMode
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    var kernel = Array(repeating: 1, count: rank)
    if let extents = kernelSize.extents(rank) {
      kernel = extents
    } else {
      raise(EmberError(.value, in: "Conv\(rank)d", "kernelSize \(kernelSize); give one number or \(rank)"))
    }
    if groups < 1 || inChannels % max(groups, 1) != 0 || outChannels % max(groups, 1) != 0 {
      raise(EmberError(.value, in: "Conv\(rank)d", "\(inChannels) inputs and \(outChannels) outputs do not divide into \(groups) groups"))
    }
    if let word = padding as? String {
      if word != "same" && word != "valid" {
        raise(EmberError(.value, in: "Conv\(rank)d", "padding \"\(word)\"; the words are \"same\" and \"valid\""))
      } else if word == "same", stride.extents(rank)?.contains(where: { $0 != 1 }) ?? false {
        raise(EmberError(.value, in: "Conv\(rank)d", "padding \"same\" goes with a stride of 1, not \(stride)"))
      }
    }
    let shape = [outChannels, inChannels / max(groups, 1)] + kernel
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
    let shape = [old.shape[0], inChannels / groups] + Array(old.shape.dropFirst(2))
    weight = Init.layerWeight(shape, dtype: old.dtype, on: old.device)
    _bias?.wrappedValue = Init.layerBias(shape[0], weight: shape, dtype: old.dtype, on: old.device)
  }

  override final var uninitializedCells: [StateCell] { $weight.shape[1] == 0 ? [$weight] : [] }

  public final var bias: Tensor? { _bias?.wrappedValue }
  /// The cell of the bias, if there is one.
  public final var biasCell: StateCell? { _bias?.projectedValue }

  /// The input with its edges continued, and the zeros that the convolution itself then adds.
  final func padded(_ input: Tensor) -> (Tensor, any ConvolutionPadding) {
    let kernel = Array($weight.shape.dropFirst(2))
    guard paddingMode != .zeros, let dilation = dilation.extents(kernel.count) else { return (input, padding) }
    if let word = padding as? String {
      // Other words are left to the convolution to refuse.
      guard word == "same" else { return (input, padding) }
      let totals = zip(kernel, dilation).map { ($0 - 1) * $1 }
      return (input.pad(totals.reversed().flatMap { [$0 / 2, $0 - $0 / 2] }, mode: paddingMode), 0)
    }
    guard let amounts = (padding as? any SpatialExtents)?.extents(kernel.count) else { return (input, padding) }
    return (input.pad(amounts.reversed().flatMap { [$0, $0] }, mode: paddingMode), 0)
  }

  open override var settings: String {
    let shape = $weight.shape, rank = Self.dimensions
    let amounts = (padding as? any SpatialExtents)?.extents(rank)
    let margins = amounts.map(pythonTuple) ?? "\(padding)"
    return "\(shape[1] * groups), \(shape[0]), kernel_size=\(pythonTuple(Array(shape.dropFirst(2))))"
      + ", stride=\(pythonExtents(stride, rank: rank))" + (amounts?.allSatisfy { $0 == 0 } == true ? "" : ", padding=\(margins)")
      + (dilation.isOnly(1, rank) ? "" : ", dilation=\(pythonExtents(dilation, rank: rank))")
      + (groups == 1 ? "" : ", groups=\(groups)") + (_bias == nil ? ", bias=False" : "")
      + (paddingMode == .zeros ? "" : ", padding_mode=\(paddingMode.rawValue)")
  }
}

/// Convolution of [batch, in, length], or [in, length].
open class Conv1d: ConvolutionLayer, Layer {
  override final class var dimensions: Int { 1 }

  open func forward(_ input: Tensor) -> Tensor {
    let (input, padding) = padded(input)
    return input.conv1d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }
}

/// Convolution of [batch, in, height, width], or [in, height, width].
open class Conv2d: ConvolutionLayer, Layer {
  override final class var dimensions: Int { 2 }

  open func forward(_ input: Tensor) -> Tensor {
    let (input, padding) = padded(input)
    return input.conv2d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }
}

/// Convolution of [batch, in, depth, height, width], or [in, depth, height, width].
open class Conv3d: ConvolutionLayer, Layer {
  override final class var dimensions: Int { 3 }

  open func forward(_ input: Tensor) -> Tensor {
    let (input, padding) = padded(input)
    return input.conv3d(weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups)
  }
}
