import EmberRuntime

// Transforms of functions. They nest, in each other and with `vmap`: inside a function that is being differentiated, or at inputs that
// require gradients, what they return can itself be differentiated. Elsewhere it carries no history.

/// Runs `body` with inputs to differentiate by. `isNested`: gradients must be recorded, and results keep their history.
func differentiating<Result>(_ inputs: [Tensor], _ body: (_ leaves: [Tensor], _ isNested: Bool) -> Result) -> Result {
  let isNested = isRecordingEnabled && (ThreadFlags.current.contains(.differentiates) || inputs.contains(where: \.hasHistory))
  return enableGrad {
    ThreadFlags.with(.differentiates, set: true) {
      let leaves = inputs.map { x -> Tensor in
        guard isNested, !x.isPoisoned else { return x.detach().requiringGrad() }
        let own = VmapScope.current.map { x.lifted(to: $0.level) } ?? x
        return own.node == nil ? own.requiringGrad() : apply(Alias(), own)
      }
      return body(leaves, isNested)
    }
  }
}

/// The same value under a node of its own, by which one function among several nested ones is differentiated.
private struct Alias: UnaryOperation {
  static let name = "alias"
  func forward(_ x: Tensor) -> Tensor { x }
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient }
  func batched(_ batch: OperationBatch) -> [Tensor]? { [batch[0]] }
}

/// The value of `function` at `x` and its gradient there. `function` returns a single number.
public func valueAndGrad(_ function: (Tensor) -> Tensor, at x: Tensor) -> (value: Tensor, gradient: Tensor) {
  let (value, gradients) = valueAndGrad({ function($0[0]) }, at: [x])
  return (value, gradients[0])
}

/// The value of `function` and its gradients with respect to all inputs. `function` returns a single number.
public func valueAndGrad(_ function: ([Tensor]) -> Tensor, at inputs: [Tensor]) -> (value: Tensor, gradients: [Tensor]) {
  product(function, inputs, nil)
}

/// The value of `function` and the product of `cotangent` with its Jacobian (reverse mode).
public func vjp(_ function: ([Tensor]) -> Tensor, at inputs: [Tensor], cotangent: Tensor) -> (value: Tensor, gradients: [Tensor]) {
  product(function, inputs, cotangent)
}

private func product(_ function: ([Tensor]) -> Tensor, _ inputs: [Tensor], _ cotangent: Tensor?) -> (Tensor, [Tensor]) {
  differentiating(inputs) { leaves, isNested in
    let value = function(leaves)
    guard value.node != nil else { return (value, inputs.map { Tensor.zeros(like: $0) }) }
    return (isNested ? value : value.detach(), grad(of: [value], with: leaves, gradients: [cotangent], createGraph: isNested))
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
  return differentiating(inputs) { leaves, isNested in
    let linear = ReverseProduct(function, leaves)
    let tangent = linear.transposed(tangents, keepsGraph: isNested)
    return isNested ? (linear.value, tangent) : (linear.value.detach(), tangent.detach())
  }
}

/// The product v ↦ vᵀJ of a vector with the Jacobian of a function at a point, recorded as a function of v.
struct ReverseProduct {
  let value: Tensor
  /// The argument: its value does not matter, the product being linear.
  private let argument: Tensor
  private let gradients: [Tensor]

  /// - Parameter leaves: the point, as `differentiating` hands it out.
  init(_ function: ([Tensor]) -> Tensor, _ leaves: [Tensor]) {
    value = function(leaves)
    argument = Tensor.zeros(like: value).requiringGrad()
    gradients = value.node == nil ? [] : grad(of: [value], with: leaves, gradients: [argument], createGraph: true)
  }

  /// J·t for tangents t; nil stands for zeros.
  func transposed(_ tangents: [Tensor?], keepsGraph: Bool) -> Tensor {
    let used = gradients.indices.filter { gradients[$0].node != nil && tangents[$0] != nil }
    if used.isEmpty { return Tensor.zeros(like: value) }
    return grad(
      of: used.map { gradients[$0] }, with: [argument], gradients: used.map { tangents[$0] }, retainGraph: true, createGraph: keepsGraph)[0]
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
/// the default generators are drawn again as they were.
public func checkpoint(_ inputs: [Tensor], _ function: @escaping @Sendable ([Tensor]) -> Tensor) -> Tensor {
  // Autocast is as it is now both times; the backward pass is outside of its scope.
  let casts = ThreadFlags.current.contains(.autocasts), toFloat16 = ThreadFlags.current.contains(.autocastsToFloat16)
  let runs: @Sendable ([Tensor]) -> Tensor = { inputs in
    ThreadFlags.with(.autocasts, set: casts) { ThreadFlags.with(.autocastsToFloat16, set: toFloat16) { function(inputs) } }
  }
  return apply(Checkpoint(function: runs, generators: DefaultGenerators.current.states), inputs)[0]
}

private struct Checkpoint: VariadicOperation {
  static let name = "checkpoint"
  let saved = SavedTensors.inputs
  let function: @Sendable ([Tensor]) -> Tensor
  let generators: DefaultGenerators.States
  var readsParameters: Bool { true }

  func forward(_ inputs: [Tensor?]) -> [Tensor] { [noGrad { function(inputs.map { $0! }) }.detach()] }

  /// The function may use tensors of the same batch by itself, so it runs on all members.
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    let level = batch.inputs[0]!.batchLevel, size = batch.size, areShared = (0..<batch.count).map(batch.isShared), function = self.function
    let whole = Checkpoint(
      function: { physical in
        let members = physical.enumerated().map { Tensor(batched: $1, level: level, isShared: areShared[$0]) }
        guard let value = function(members).lifted(to: level).body.batch else { return .poison }
        return value.isShared ? value.physical.expand([size] + Array(value.physical.shape)) : value.physical
      }, generators: generators)
    return apply(whole, (0..<batch.count).map { batch.asIs($0) })
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let inputs = (0..<context.inputCount).map { context.input($0) }
    return DefaultGenerators.with(generators) {
      enableGrad {
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
}
