import EmberRuntime
import EmberTensor

/// The p-norm of all elements of some tensors together, as if they were one vector; 0 of none. Without a gradient.
///
/// - Parameters:
///   - normType: p, any that `Tensor.norm` takes; infinity for the largest absolute value.
///   - errorIfNonfinite: a norm that is infinite or NaN raises an error.
/// - Returns: a tensor without dimensions, of the widest (real) dtype among the tensors and on the first one's device.
public func totalNorm(of tensors: [Tensor], normType p: Double = 2, errorIfNonfinite: Bool = false) -> Tensor {
  noGrad {
    guard let first = tensors.first else { return Tensor.zeros([]) }
    let dtype = tensors.dropFirst().reduce(first.dtype.realType) { TypePromotion.promote($0, $1.dtype.realType) }
    let total = stack(tensors.map { $0.norm(p).to(dtype).to(first.device) }).norm(p)
    if errorIfNonfinite, !total.isFinite.item(as: Bool.self) {
      raise(EmberError(.value, in: "totalNorm", "the norm of order \(p) of \(tensors.count) tensors is \(total.item())"))
    }
    return total
  }
}

/// Scales gradients by `maxNorm` / (`totalNorm` + 10⁻⁶) where that is less than 1: `clipGradNorm` for a norm that is known already,
/// such as one over parameters of several models.
public func clipGradients(_ parameters: [StateCell], toNorm maxNorm: Double, totalNorm: Tensor) {
  noGrad {
    let factor = (maxNorm / (totalNorm + 1e-6)).clamp(max: 1.0)
    for cell in parameters {
      if let gradient = cell.grad { cell.grad = gradient * factor.to(gradient.dtype).to(gradient.device) }
    }
  }
}
