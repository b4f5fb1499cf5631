import EmberRuntime
import EmberTensor

/// What the transposed convolutions share: each is the derivative of a convolution by its input. Weight [in, out / groups, kernel...], bias
/// [out].
open class TransposedConvolutionLayer: Module {
  @Parameter public final var weight: Tensor
  private final let _bias: Parameter?
  final let stride: any SpatialExtents
  final let padding: any SpatialExtents
  final let outputPadding: any SpatialExtents
  final let dilation: any SpatialExtents
  final let groups: Int

  /// Spatial dimensions of input and kernel.
  class var dimensions: Int { 1 }

  /// - Parameters:
  ///   - kernelSize, stride, padding, dilation: those of the convolution that this is the transposed one of.
  ///   - outputPadding: added to one side of the result, where several extents would lead to the same input.
  ///   - groups: channels are divided into as many groups, which do not see each other.
  public init(
    _ inChannels: Int, _ outChannels: Int, kernelSize: any SpatialExtents, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true, dilation: any SpatialExtents = 1, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    let rank = Self.dimensions
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
      raise(
        EmberError(
          .value, in: "ConvTranspose\(rank)d", "\(inChannels) inputs and \(outChannels) outputs do not divide into \(groups) groups"))
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

  override final var uninitializedCells: [StateCell] { $weight.shape[0] == 0 ? [$weight] : [] }

  public final var bias: Tensor? { _bias?.wrappedValue }
  /// The cell of the bias, if there is one.
  public final var biasCell: StateCell? { _bias?.projectedValue }

  open override var settings: String {
    let shape = $weight.shape, rank = Self.dimensions
    return "\(shape[0]), \(shape[1] * groups), kernel_size=\(pythonTuple(Array(shape.dropFirst(2))))"
      + ", stride=\(pythonExtents(stride, rank: rank))" + (padding.isOnly(0, rank) ? "" : ", padding=\(pythonExtents(padding, rank: rank))")
      + (dilation.isOnly(1, rank) ? "" : ", dilation=\(pythonExtents(dilation, rank: rank))")
      + (outputPadding.isOnly(0, rank) ? "" : ", output_padding=\(pythonExtents(outputPadding, rank: rank))")
      + (groups == 1 ? "" : ", groups=\(groups)") + (_bias == nil ? ", bias=False" : "")
  }

  /// Called with an input before it is used: the lazy layers learn its channels.
  func prepare(for input: Tensor) {}

  /// - Parameter outputSize: the result's spatial extents, or all of them, instead of those that `outputPadding` leads to.
  final func transposed(_ input: Tensor, _ outputSize: [Int]?) -> Tensor {
    prepare(for: input)
    guard let outputPadding = outputSize.map({ padding(to: $0, for: input) }) ?? outputPadding else { return input }
    switch Self.dimensions {
    case 1:
      return input.convTranspose1d(
        weight, bias, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, dilation: dilation)
    case 2:
      return input.convTranspose2d(
        weight, bias, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, dilation: dilation)
    default:
      return input.convTranspose3d(
        weight, bias, stride: stride, padding: padding, outputPadding: outputPadding, groups: groups, dilation: dilation)
    }
  }

  /// The output padding that leads to the given extents; raises and returns nil where none does.
  private func padding(to outputSize: [Int], for input: Tensor) -> (any SpatialExtents)? {
    let rank = Self.dimensions, leading = input.rank - rank, name = "ConvTranspose\(rank)d"
    guard !ErrorScopes.hasFailed, leading == 1 || leading == 2, let stride = stride.extents(rank), let padding = padding.extents(rank),
      let dilation = dilation.extents(rank)
    else { return self.outputPadding }
    let wanted = outputSize.count == leading + rank ? Array(outputSize.dropFirst(leading)) : outputSize
    let least = (0..<rank).map { i in
      (input.shape[leading + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * ($weight.shape[2 + i] - 1) + 1
    }
    guard wanted.count == rank, (0..<rank).allSatisfy({ (least[$0]..<(least[$0] + stride[$0])).contains(wanted[$0]) }) else {
      let largest = zip(least, stride).map { $0 + $1 - 1 }
      raise(
        EmberError(
          .value, in: name,
          "outputSize \(outputSize) for input \(input.dtype)\(input.shape); the extents may lie from \(least) to \(largest)"))
      return nil
    }
    return zip(wanted, least).map { $0 - $1 }
  }
}

/// Transposed convolution of [batch, in, length], or [in, length].
open class ConvTranspose1d: TransposedConvolutionLayer, Layer {
  override final class var dimensions: Int { 1 }

  open func forward(_ input: Tensor) -> Tensor { transposed(input, nil) }
  /// With the result's spatial extents, where several lead to the same input.
  public final func callAsFunction(_ input: Tensor, outputSize: [Int]) -> Tensor { withHooks(input) { transposed($0, outputSize) } }
}

/// Transposed convolution of [batch, in, height, width], or [in, height, width].
open class ConvTranspose2d: TransposedConvolutionLayer, Layer {
  override final class var dimensions: Int { 2 }

  open func forward(_ input: Tensor) -> Tensor { transposed(input, nil) }
  /// With the result's spatial extents, where several lead to the same input.
  public final func callAsFunction(_ input: Tensor, outputSize: [Int]) -> Tensor { withHooks(input) { transposed($0, outputSize) } }
}

/// Transposed convolution of [batch, in, depth, height, width], or [in, depth, height, width].
open class ConvTranspose3d: TransposedConvolutionLayer, Layer {
  override final class var dimensions: Int { 3 }

  open func forward(_ input: Tensor) -> Tensor { transposed(input, nil) }
  /// With the result's spatial extents, where several lead to the same input.
  public final func callAsFunction(_ input: Tensor, outputSize: [Int]) -> Tensor { withHooks(input) { transposed($0, outputSize) } }
}
