import EmberRuntime

/// The value of `function` at `x` and its gradient there. `function` returns a single number.
public func valueAndGrad(_ function: (Tensor) -> Tensor, at x: Tensor) -> (value: Tensor, gradient: Tensor) {
  let (value, gradients) = valueAndGrad({ function($0[0]) }, at: [x])
  return (value, gradients[0])
}

public func valueAndGrad(_ function: ([Tensor]) -> Tensor, at inputs: [Tensor]) -> (value: Tensor, gradients: [Tensor]) {
  enableGrad {
    let leaves = inputs.map { $0.detach().requiringGrad() }
    let value = function(leaves)
    guard value.node != nil else { return (value, inputs.map { Tensor.zeros(like: $0) }) }
    return (value.detach(), grad(of: [value], with: leaves))
  }
}

/// The value of `function` and the product of `cotangent` with its Jacobian (reverse mode).
public func vjp(_ function: ([Tensor]) -> Tensor, at inputs: [Tensor], cotangent: Tensor) -> (value: Tensor, gradients: [Tensor]) {
  enableGrad {
    let leaves = inputs.map { $0.detach().requiringGrad() }
    let value = function(leaves)
    guard value.node != nil else { return (value, inputs.map { Tensor.zeros(like: $0) }) }
    return (value.detach(), grad(of: [value], with: leaves, gradients: [cotangent]))
  }
}

/// The value of `function` and the product of its Jacobian with `tangents` (forward mode).
///
/// The reverse product v ↦ vᵀJ is linear in v; its own reverse product is J·t. Two passes, no rule beyond the derivatives.
public func jvp(_ function: ([Tensor]) -> Tensor, at inputs: [Tensor], tangents: [Tensor]) -> (value: Tensor, tangent: Tensor) {
  guard tangents.count == inputs.count else {
    let failed = refuse(.value, "jvp", "\(tangents.count) tangents for \(inputs.count) inputs; give one for each")
    return (failed, failed)
  }
  return enableGrad {
    let leaves = inputs.map { $0.detach().requiringGrad() }
    let value = function(leaves)
    guard value.node != nil else { return (value, Tensor.zeros(like: value)) }
    let dummy = Tensor.zeros(like: value).requiringGrad()
    let gradients = grad(of: [value], with: leaves, gradients: [dummy], createGraph: true)
    let recorded = gradients.indices.filter { gradients[$0].node != nil }
    if recorded.isEmpty { return (value.detach(), Tensor.zeros(like: value)) }
    let tangent = grad(of: recorded.map { gradients[$0] }, with: [dummy], gradients: recorded.map { tangents[$0] })[0]
    return (value.detach(), tangent.detach())
  }
}

/// Compares the gradients of `function` with central differences, in float64.
///
/// - Returns: nil if they agree within `absolute + relative · |difference quotient|`, else a description of the worst element.
public func checkGradients(
  _ function: ([Tensor]) -> Tensor, at inputs: [Tensor], step: Double = 1e-6, relative: Double = 1e-4, absolute: Double = 1e-6
) -> String? {
  let values = inputs.map { $0.detach() }
  let leaves = values.map { $0.dtype.isDifferentiable ? $0.requiringGrad() : $0 }
  let output = function(leaves)
  let weight = Tensor.linspace(0.5, 1.5, count: output.elementCount, dtype: .float64).to(output.dtype).reshape(Array(output.shape))
  func objective(_ x: [Tensor]) -> Double { noGrad { (function(x) * weight).sum().item() } }
  let differentiable = leaves.indices.filter { leaves[$0].requiresGrad }
  guard output.requiresGrad else { return "the result does not require gradients" }
  let gradients = grad(of: [output], with: differentiable.map { leaves[$0] }, gradients: [weight])
  for (slot, i) in differentiable.enumerated() {
    let analytic = gradients[slot].elements(as: Double.self)
    let elements = values[i].elements(as: Double.self)
    for j in elements.indices {
      func shifted(_ by: Double) -> Double {
        var moved = elements
        moved[j] += by
        var all = values
        all[i] = Tensor(moved, shape: Array(values[i].shape), dtype: .float64).to(values[i].dtype)
        return objective(all)
      }
      let numeric = (shifted(step) - shifted(-step)) / (2 * step)
      if !(abs(numeric - analytic[j]) <= absolute + relative * abs(numeric)) {
        return "input \(i), element \(j): derivative \(analytic[j]), difference quotient \(numeric)"
      }
    }
  }
  return nil
}

/// Runs `function` without keeping what its derivative needs; the backward pass runs it again.
///
/// Memory for time (Chen et al., 2016, arXiv:1604.06174). The function must give the same result both times; numbers it draws from
/// the default generator are drawn again as they were.
public func checkpoint(_ inputs: [Tensor], _ function: @escaping @Sendable ([Tensor]) -> Tensor) -> Tensor {
  apply(Checkpoint(function: function, generatorState: Generator.default.state), inputs)[0]
}

private struct Checkpoint: VariadicOperation {
  static let name = "checkpoint"
  let saved = SavedTensors.inputs
  let function: @Sendable ([Tensor]) -> Tensor
  let generatorState: [UInt8]
  var readsParameters: Bool { true }

  func forward(_ inputs: [Tensor?]) -> [Tensor] { [noGrad { function(inputs.map { $0! }) }.detach()] }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let inputs = context.node.inputShapes.indices.map { context.input($0) }
    let now = Generator.default.state
    _ = Generator.default.restore(generatorState)
    defer { _ = Generator.default.restore(now) }
    return enableGrad {
      let leaves = inputs.enumerated().map { i, x in context.isRecording ? x : context.needs(i) ? x.detach().requiringGrad() : x.detach() }
      let output = function(leaves)
      guard output.node != nil else { return leaves.map { _ in nil } }
      if context.isRecording {
        let wanted = leaves.indices.filter { context.needs($0) }
        let results = grad(of: [output], with: wanted.map { leaves[$0] }, gradients: [gradients[0]], createGraph: true)
        return leaves.indices.map { i in wanted.firstIndex(of: i).map { results[$0] } }
      }
      // An ordinary pass, so that parameters which the function uses by itself receive their share.
      backward(of: [output], with: [gradients[0]])
      return leaves.enumerated().map { i, x in context.needs(i) ? x.grad : nil }
    }
  }
}
