import EmberRuntime
import EmberTensor

/// What `compile` runs for inputs of one signature.
enum CompiledProgram: Sendable {
  case inference(Executable)
  case differentiable(DifferentiableGraph)
  /// The function as it is.
  case eager

  /// - Parameter other: of the same function at another size, if there is one.
  init(_ recording: Recording, like other: CompiledProgram? = nil) {
    if let derivative = recording.derivative {
      var known: DifferentiableGraph?
      if case .differentiable(let graph) = other { known = graph }
      self = .differentiable(DifferentiableGraph(recording.forward, derivative, like: known))
    } else {
      var known: Executable?
      if case .inference(let executable) = other { known = executable }
      self = .inference(Executable(recording.forward, precomputes: true, like: known))
    }
  }

  /// The graph of the function.
  var graph: Graph? {
    switch self {
    case .inference(let executable): executable.graph
    case .differentiable(let graph): graph.forward.graph
    case .eager: nil
    }
  }

  func dropOutdated() { if case .inference(let executable) = self { executable.dropOutdated() } }

  var guardsHold: Bool {
    switch self {
    case .inference(let executable): executable.guardsHold
    case .differentiable(let graph): graph.guardsHold
    case .eager: true
    }
  }

  /// Nil for `eager`, which the caller runs.
  func attempt(_ inputs: [Tensor]) -> Executable.Outcome? {
    switch self {
    case .inference(let executable): executable.attempt(inputs)
    case .differentiable(let graph): graph.attempt(inputs)
    case .eager: nil
    }
  }
}
