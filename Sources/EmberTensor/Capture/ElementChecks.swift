import EmberRuntime

/// Checks elements of tensors, which are handed over without history and with all members of a batch. Where they stand for values of a
/// graph the check becomes a call of the graph, made at each run; on `meta` there is nothing to check.
///
/// - Parameter bounds: the numbers that the check was made with. Checks of one name with the same bounds are the same.
package func checkElements(
  _ name: String, of inputs: [Tensor], bounds: [Int], _ check: @escaping @Sendable ([Tensor]) throws(EmberError) -> Void
) throws(EmberError) {
  let whole = inputs.map(\.wholePhysical)
  if let tracer = Tracer.current, whole.contains(where: { $0.trace != nil }) {
    _ = tracer.record(CheckCall(name: name, bounds: bounds, check: check), whole, [])
    return
  }
  guard whole.allSatisfy(\.backend.holdsData) else { return }
  try noGrad { () throws(EmberError) in try check(whole) }
}

/// No results: it is there for what it throws.
private struct CheckCall: GraphCall {
  let name: String
  let bounds: [Int]
  let check: @Sendable ([Tensor]) throws(EmberError) -> Void
  var subject: Any { bounds }
  var isPure: Bool { false }

  func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let all = inputs.map { $0! }
    if all.allSatisfy(\.backend.holdsData) { try check(all) }
    return []
  }
}
