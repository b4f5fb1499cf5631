import EmberFunctional
import EmberRuntime
import EmberTensor

/// Weight and bias of a layer that computes at once what it and the batch normalisation after it compute in evaluation:
/// w' = w · γ / √(σ² + ε), b' = β + (b − μ) · γ / √(σ² + ε).
///
/// Computed in float32 at least and returned in the dtypes of weight and bias. Gradients flow.
///
/// - Parameters:
///   - weight: [out, in / groups, kernel...] of a convolution, [in, out / groups, kernel...] of a transposed one, [out, in] of a linear
///     layer.
///   - scale, shift: γ and β of the normalisation; nil: 1 and 0.
public func fuseBatchNorm(
  weight: Tensor, bias: Tensor?, mean: Tensor, variance: Tensor, scale: Tensor?, shift: Tensor?, eps: Double, transposed: Bool = false,
  groups: Int = 1
) -> (weight: Tensor, bias: Tensor) {
  let dtype = weight.dtype == .float64 || weight.dtype.isComplex ? weight.dtype : .float32
  let mean = mean.to(dtype)
  var factor = (variance.to(dtype) + eps).rsqrt()
  if let scale { factor = factor * scale.to(dtype) }
  var newBias = (bias.map { $0.to(dtype) - mean } ?? -mean) * factor
  if let shift { newBias = newBias + shift.to(dtype) }
  newBias = newBias.to(bias?.dtype ?? weight.dtype)
  let shape = Array(weight.shape), outputs = factor.elementCount
  let ones = Array(repeating: 1, count: max(shape.count - 2, 0))
  guard transposed else {
    return ((weight.to(dtype) * factor.reshape([outputs, 1] + ones)).to(weight.dtype), newBias)
  }
  // The outputs of a group are those of its own rows.
  let byGroup = weight.to(dtype).reshape([groups, shape[0] / groups] + shape.dropFirst())
  let product = byGroup * factor.reshape([groups, 1, outputs / groups] + ones)
  return (product.reshape(shape).to(weight.dtype), newBias)
}

/// A convolution that computes in evaluation what the given one and the batch normalisation after it compute; both stay as they are, and
/// must be in evaluation mode.
public func fuseConvolutionBatchNorm(_ convolution: Conv1d, _ norm: BatchNormLayer) -> Conv1d {
  fused(convolution, norm, as: Conv1d.init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:))
}
/// A convolution that computes in evaluation what the given one and the batch normalisation after it compute.
public func fuseConvolutionBatchNorm(_ convolution: Conv2d, _ norm: BatchNormLayer) -> Conv2d {
  fused(convolution, norm, as: Conv2d.init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:))
}
/// A convolution that computes in evaluation what the given one and the batch normalisation after it compute.
public func fuseConvolutionBatchNorm(_ convolution: Conv3d, _ norm: BatchNormLayer) -> Conv3d {
  fused(convolution, norm, as: Conv3d.init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:))
}
/// A transposed convolution that computes in evaluation what the given one and the batch normalisation after it compute.
public func fuseConvolutionBatchNorm(_ convolution: ConvTranspose1d, _ norm: BatchNormLayer) -> ConvTranspose1d {
  fused(convolution, norm, as: ConvTranspose1d.init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:))
}
/// A transposed convolution that computes in evaluation what the given one and the batch normalisation after it compute.
public func fuseConvolutionBatchNorm(_ convolution: ConvTranspose2d, _ norm: BatchNormLayer) -> ConvTranspose2d {
  fused(convolution, norm, as: ConvTranspose2d.init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:))
}
/// A transposed convolution that computes in evaluation what the given one and the batch normalisation after it compute.
public func fuseConvolutionBatchNorm(_ convolution: ConvTranspose3d, _ norm: BatchNormLayer) -> ConvTranspose3d {
  fused(convolution, norm, as: ConvTranspose3d.init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:))
}

/// A linear layer that computes in evaluation what the given one and the batch normalisation after it compute; both stay as they are, and
/// must be in evaluation mode. The normalisation has as many features as the layer has outputs, or one for all of them.
public func fuseLinearBatchNorm(_ linear: Linear, _ norm: BatchNormLayer) -> Linear {
  let name = "fuseLinearBatchNorm"
  guard mayFuse(linear, norm, outputs: norm.features == 1 ? 1 : linear.outFeatures, name) else { return linear }
  let (weight, bias) = parameters(linear.weight, linear.bias, norm)
  let result = Linear(linear.inFeatures, linear.outFeatures, dtype: weight.dtype, on: .meta)
  fill(result, result.$weight, weight, linear.$weight, result.biasCell!, bias.expand([linear.outFeatures]), linear.biasCell)
  return result
}

private func fused<Convolution: ConvolutionLayer>(
  _ convolution: Convolution, _ norm: BatchNormLayer,
  as make: (
    Int, Int, any SpatialExtents, any SpatialExtents, any ConvolutionPadding, any SpatialExtents, Int, Bool, PaddingMode, DType, Device
  ) -> Convolution
) -> Convolution {
  let shape = Array(convolution.$weight.shape), groups = convolution.groups
  guard mayFuse(convolution, norm, outputs: shape[0], "fuseConvolutionBatchNorm") else { return convolution }
  let (weight, bias) = parameters(convolution.weight, convolution.bias, norm)
  // On meta nothing is drawn and no memory taken for numbers that are replaced at once.
  let result = make(
    shape[1] * groups, shape[0], Array(shape.dropFirst(2)), convolution.stride, convolution.padding, convolution.dilation, groups, true,
    convolution.paddingMode, weight.dtype, .meta)
  fill(result, result.$weight, weight, convolution.$weight, result.biasCell!, bias, convolution.biasCell)
  return result
}

private func fused<Convolution: TransposedConvolutionLayer>(
  _ convolution: Convolution, _ norm: BatchNormLayer,
  as make: (
    Int, Int, any SpatialExtents, any SpatialExtents, any SpatialExtents, any SpatialExtents, Int, Bool, any SpatialExtents, DType, Device
  ) -> Convolution
) -> Convolution {
  let shape = Array(convolution.$weight.shape), groups = convolution.groups
  guard mayFuse(convolution, norm, outputs: shape[1] * groups, "fuseConvolutionBatchNorm") else { return convolution }
  let (weight, bias) = parameters(convolution.weight, convolution.bias, norm, transposed: true, groups: groups)
  let result = make(
    shape[0], shape[1] * groups, Array(shape.dropFirst(2)), convolution.stride, convolution.padding, convolution.outputPadding, groups,
    true, convolution.dilation, weight.dtype, .meta)
  fill(result, result.$weight, weight, convolution.$weight, result.biasCell!, bias, convolution.biasCell)
  return result
}

/// Whether layer and normalisation can become one; raises an error where not.
private func mayFuse(_ layer: Module, _ norm: BatchNormLayer, outputs: Int, _ name: String) -> Bool {
  if ErrorScopes.hasFailed { return false }
  func refuse(_ message: String) -> Bool {
    raise(EmberError(.value, in: name, message))
    return false
  }
  if layer.isTraining || norm.isTraining {
    return refuse("in training the batch's own statistics count, which no weight can stand for; call eval() on both layers")
  }
  if norm.runningMean == nil || norm.runningVar == nil {
    return refuse("\(Swift.type(of: norm)) has no running statistics; make it with trackRunningStats")
  }
  if norm.features != outputs {
    return refuse("\(Swift.type(of: norm)) with \(norm.features) features after \(outputs) outputs; the numbers must be the same")
  }
  return true
}

private func parameters(
  _ weight: Tensor, _ bias: Tensor?, _ norm: BatchNormLayer, transposed: Bool = false, groups: Int = 1
) -> (weight: Tensor, bias: Tensor) {
  noGrad {
    fuseBatchNorm(
      weight: weight, bias: bias, mean: norm.runningMean!, variance: norm.runningVar!, scale: norm.weight, shift: norm.bias, eps: norm.eps,
      transposed: transposed, groups: groups)
  }
}

/// Gives a new layer its values; what was frozen stays so.
private func fill(
  _ layer: Module, _ weightCell: StateCell, _ weight: Tensor, _ oldWeight: StateCell, _ biasCell: StateCell, _ bias: Tensor,
  _ oldBias: StateCell?
) {
  weightCell.value = weight
  biasCell.value = bias.clone()
  weightCell.requiresGrad = oldWeight.requiresGrad
  biasCell.requiresGrad = oldBias?.requiresGrad ?? false
  layer.eval()
}
