import EmberGraph
import EmberRuntime
import EmberTensor

/// Whether cases run as graphs.
public enum Compilation: Sendable, Equatable {
  case none
  /// As graphs of the sizes that the cases have.
  case fixed
  /// As graphs of which this dimension is dynamic, in all tensors that have the extent there that the first one has. They are captured
  /// for other sizes, and what follows for the cases' own is judged.
  case dynamic(dimension: Int)

  /// What is dynamic in these tensors.
  fileprivate func dimensions(of tensors: [Tensor]) -> [[Int: Dim]] {
    guard case .dynamic(let dimension) = self, let first = tensors.first(where: { $0.rank > dimension }), first.size(dimension) > 2 else {
      return []
    }
    return tensors.map { $0.rank > dimension && $0.size(dimension) == first.size(dimension) ? [dimension: "n"] : [:] }
  }
}

/// Calls a function of values through a graph of the tensors among them. What the function returns besides tensors is what it returned when
/// it was captured.
func compiledCall(
  on values: [OperatorValue], _ compilation: Compilation, _ body: ([OperatorValue]) throws -> [OperatorValue]
) throws -> [OperatorValue] {
  guard !values.flatMap(\.flattened).contains(where: \.isOpaque), !values.flatMap(\.tensors).isEmpty else { return try body(values) }
  let tensors = values.flatMap(\.tensors)
  var options = CompileOptions(dynamicDimensions: compilation.dimensions(of: tensors))
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
    if !options.dynamicDimensions.isEmpty {
      let smaller = zip(tensors, options.dynamicDimensions).map { tensor, own in
        own.keys.first.map { tensor.narrow($0, start: 0, length: tensor.size($0) - 1) } ?? tensor
      }
      // What cannot be had at other sizes is captured at its own.
      try? catchingErrors { function.prepare(smaller) }
    }
    var flat = try catchingErrors { function(tensors) }[...]
    guard let template else { throw CaseFailure("nothing was captured") }
    return template.map { $0.mapTensors { _ in flat.removeFirst() } }
  }
}
