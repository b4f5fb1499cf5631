import EmberRuntime
import EmberTensor

/// Scales all gradients so that their common norm is at most `maxNorm`; Pascanu et al., arXiv:1211.5063.
///
/// - Parameters:
///   - normType: p of the norm, any that `Tensor.norm` takes; infinity for the largest absolute value.
///   - errorIfNonfinite: a norm that is infinite or NaN raises an error, and no gradient changes.
/// - Returns: the norm before scaling.
@discardableResult
public func clipGradNorm(_ parameters: [StateCell], maxNorm: Double, normType p: Double = 2, errorIfNonfinite: Bool = false) -> Tensor {
  noGrad {
    let total = totalNorm(of: parameters.compactMap(\.grad), normType: p)
    if errorIfNonfinite, !total.isFinite.item(as: Bool.self) {
      raise(EmberError(.value, in: "clipGradNorm", "the norm of the gradients is \(total.item()), which no factor brings to \(maxNorm)"))
      return total
    }
    clipGradients(parameters, toNorm: maxNorm, totalNorm: total)
    return total
  }
}

/// The p-norm of all elements of some tensors together, as if they were one vector; 0 of none. Without a gradient.
///
/// - Parameters:
///   - normType: p, any that `Tensor.norm` takes; infinity for the largest absolute value.
///   - errorIfNonfinite: a norm that is infinite or NaN raises an error.
/// - Returns: a tensor without dimensions, of the widest (real) dtype among the tensors and on the first one's device.
public func totalNorm(of tensors: [Tensor], normType p: Double = 2, errorIfNonfinite: Bool = false) -> Tensor {
  noGrad {
    guard let first = tensors.first else { return Tensor.zeros([]) }
    let dtype = tensors.widestRealDType
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

/// Limits every element of the gradients to ±`limit`.
public func clipGradValue(_ parameters: [StateCell], _ limit: Double) {
  noGrad {
    for cell in parameters {
      if let gradient = cell.grad { cell.grad = gradient.clamp(min: .real(-limit), max: .real(limit)) }
    }
  }
}

/// All parameters in a row. Gradients flow back into them.
public func parametersToVector(_ parameters: [StateCell]) -> Tensor {
  parameters.isEmpty ? Tensor.zeros([0]) : cat(parameters.map { $0.value.reshape([-1]) })
}

/// Gives the parameters the values of a vector as long as all of them.
public func vectorToParameters(_ vector: Tensor, _ parameters: [StateCell]) {
  let count = parameters.reduce(0) { $0 + $1.value.elementCount }
  guard vector.rank == 1, vector.elementCount == count else {
    raise(
      EmberError(.shape, in: "vectorToParameters", "a vector \(vector.dtype)\(vector.shape) for \(count) numbers; it must be [\(count)]"))
    return
  }
  noGrad {
    var position = 0
    for cell in parameters {
      let old = cell.value
      cell.value = vector.narrow(0, start: position, length: old.elementCount).reshape(Array(old.shape)).to(old.dtype).to(old.device)
      position += old.elementCount
    }
  }
}
