import EmberRuntime
import EmberTensor

extension Module {
  /// Runs `body` while parameters and buffers have the given values instead of their own, by name; the others keep theirs.
  ///
  /// The values keep their history: gradients flow to them and not to the module. What `body` writes to a replaced buffer (running
  /// statistics) is forgotten with it.
  public final func withState<Result>(_ state: [String: Tensor], _ body: () throws -> Result) rethrows -> Result {
    let cells = Dictionary(stateCells().map { ($0.name, $0.cell) }, uniquingKeysWith: { first, _ in first })
    var replaced: [(cell: StateCell, own: Tensor)] = []
    for (name, value) in state.sorted(by: { $0.key < $1.key }) {
      guard let cell = cells[name] else {
        let names = cells.keys.sorted().joined(separator: ", ")
        raise(
          EmberError(.value, in: "functionalCall", "\(Swift.type(of: self)) has no parameter or buffer \"\(name)\"; it has: \(names)"))
        continue
      }
      replaced.append((cell, cell.exchange(value)))
    }
    defer { for (cell, own) in replaced.reversed() { _ = cell.exchange(own) } }
    return try body()
  }

  /// The values of all parameters by name, without history: what `functionalCall` takes and transforms differentiate by.
  public final func parameterValues() -> [String: Tensor] {
    Dictionary(namedParameters().map { ($0.name, $0.parameter.value.detach()) }, uniquingKeysWith: { first, _ in first })
  }
}

/// Calls a layer as a function of its parameters: with the given values in place of its own.
///
/// ```swift
/// let gradients = vmap(inDims: …) { x, y in valueAndGrad({ loss(functionalCall(model, named($0), x), y) }, at: values).gradients }
/// ```
public func functionalCall<Model: Layer>(_ model: Model, _ state: [String: Tensor], _ input: Model.Input) -> Model.Output {
  model.withState(state) { model(input) }
}

/// The parameters and persistent buffers of models of one structure, each stacked along a new first dimension: an ensemble that `vmap`
/// runs at once through `functionalCall`.
public func stackModuleState(_ models: [Module]) -> [String: Tensor] {
  let all = models.map { Dictionary($0.stateDict().map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first }) }
  var result: [String: Tensor] = [:]
  for name in all.first?.keys.sorted() ?? [] {
    let values = all.compactMap { $0[name] }
    guard values.count == all.count else {
      raise(EmberError(.value, in: "stackModuleState", "not all \(all.count) models have \"\(name)\"; they must have one structure"))
      return [:]
    }
    result[name] = stack(values)
  }
  return result
}
