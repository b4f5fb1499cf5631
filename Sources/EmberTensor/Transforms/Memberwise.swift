import EmberRuntime

/// As `compose`, for a function that must read elements, or calls a library outside of any operation: inside `vmap` it runs member by
/// member, and its derivative runs it again.
///
/// - Parameter body: the function; it uses no tensors but those it is handed.
package func composeMemberwise(
  _ name: String, count: Int, _ inputs: [Tensor?], _ body: @escaping @Sendable ([Tensor?]) throws(EmberError) -> [Tensor]
) -> [Tensor] {
  guard mayRunSlowly(name, inputs) else { return Array(repeating: .poison, count: count) }
  if inputs.contains(where: { ($0?.batchLevel ?? 0) > 0 || $0?.trace != nil }) {
    return apply(Memberwise(callName: name, draws: false, body: body), inputs, count: count)
  }
  return compose(name, count: count, inputs) { () throws(EmberError) in try body(inputs) }
}

/// The same for one result.
package func composeMemberwise(
  _ name: String, _ inputs: [Tensor?], _ body: @escaping @Sendable ([Tensor?]) throws(EmberError) -> Tensor
) -> Tensor {
  composeMemberwise(name, count: 1, inputs) { inputs throws(EmberError) in [try body(inputs)] }[0]
}

/// The same for a function that draws random numbers as the elements ask for: each member draws its own, if `vmap` allows that.
package func composeDrawing(_ name: String, _ input: Tensor, _ body: @escaping @Sendable (Tensor) throws(EmberError) -> Tensor) -> Tensor {
  if input.batchLevel > 0, let scope = VmapScope.current, scope.randomness != .different {
    return refuse(.value, name, "each member of the batch draws numbers of its own; pass vmap randomness: .different")
  }
  let whole: @Sendable ([Tensor?]) throws(EmberError) -> [Tensor] = { inputs throws(EmberError) in [try body(inputs[0]!)] }
  guard mayRunSlowly(name, [input]) else { return .poison }
  let operation = Memberwise(callName: name, draws: true, body: whole)
  // A graph draws at each run, also where the input is the same each time.
  if Tracer.current != nil, input.batchLevel == 0 { return applyTraced(operation, [input], count: 1)[0] }
  if input.batchLevel > 0 || input.trace != nil { return apply(operation, [input], count: 1)[0] }
  return compose(name, count: 1, [input]) { () throws(EmberError) in try whole([input]) }[0]
}

private struct Memberwise: VariadicOperation {
  static let name = "memberwise"
  let saved = SavedTensors.inputs
  let callName: String
  let draws: Bool
  let body: @Sendable ([Tensor?]) throws(EmberError) -> [Tensor]

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    try noGrad { () throws(EmberError) in try body(inputs) }.map { $0.detach() }
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    enableGrad {
      let inputs = (0..<context.inputCount).map { i -> Tensor? in
        let x = context.input(i)
        return context.isRecording || !x.dtype.isDifferentiable ? x : context.needs(i) ? x.detach().requiringGrad() : x.detach()
      }
      let wanted = inputs.indices.filter { context.needs($0) }
      let used = zip(composeMemberwise(callName, count: gradients.count, inputs, body), gradients).filter { $1 != nil && $0.node != nil }
      guard !used.isEmpty else { return inputs.map { _ in nil } }
      let results = grad(
        of: used.map(\.0), with: wanted.map { inputs[$0]! }, gradients: used.map(\.1), createGraph: context.isRecording)
      return inputs.indices.map { i in wanted.firstIndex(of: i).map { results[$0] } }
    }
  }
}
