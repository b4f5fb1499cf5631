import EmberGraph
import EmberRuntime
import EmberTensor

/// Calls a function of values through a graph of the tensors among them. What the function returns besides tensors is what it returned when
/// it was captured.
func compiledCall(on values: [OperatorValue], _ body: ([OperatorValue]) throws -> [OperatorValue]) throws -> [OperatorValue] {
  guard !values.flatMap(\.flattened).contains(where: \.isOpaque), !values.flatMap(\.tensors).isEmpty else { return try body(values) }
  var options = CompileOptions()
  options.verifies = true
  var template: [OperatorValue]?
  return try withoutActuallyEscaping(body) { body in
    let function = CompiledFunction(options: options) { tensors in
      var rest = tensors[...]
      do {
        let results = try body(values.map { $0.mapTensors { _ in rest.removeFirst() } })
        template = results
        return results.flatMap(\.tensors)
      } catch {
        raise(error as? EmberError ?? EmberError(.value, in: "capture", "\(error)"))
        return []
      }
    }
    var flat = try catchingErrors { function(values.flatMap(\.tensors)) }[...]
    guard let template else { throw CaseFailure("nothing was captured") }
    return template.map { $0.mapTensors { _ in flat.removeFirst() } }
  }
}
