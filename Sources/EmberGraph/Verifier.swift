import EmberRuntime
import EmberTensor

extension Graph {
  /// Checks that every value is defined once and before it is read, and that every call gives results of the recorded shapes and dtypes
  /// for inputs of theirs. Tests run it after each pass.
  public func verify() throws(EmberError) {
    func fail(_ text: String) -> EmberError { EmberError(.value, in: "verify", text + "\n" + description) }
    var defined = Set<Value>()
    func define(_ value: Value, _ what: String) throws(EmberError) {
      guard forms.indices.contains(value) else { throw fail("\(what): there is no value %\(value)") }
      if !defined.insert(value).inserted { throw fail("\(what): %\(value) is defined twice") }
    }
    for input in inputs { try define(input, "inputs") }
    for read in reads { try define(read.value, "state") }
    for (value, tensor) in constants {
      try define(value, "constants")
      guard tensor.shape == forms[value].shape, tensor.dtype == forms[value].dtype else { throw fail("constant %\(value) has another form") }
    }
    for node in nodes {
      for case let input? in node.inputs where !defined.contains(input) { throw fail("\(node.call.name) reads %\(input) before it is there") }
      for output in node.outputs { try define(output, node.call.name) }
      guard node.call.isPure else { continue }
      let operands = node.inputs.map { $0.map { Tensor.empty(Array(forms[$0].shape), dtype: forms[$0].dtype, on: .meta) } }
      let results = try node.call.run(operands)
      guard results.count == node.outputs.count else { throw fail("\(node.call.name) gives \(results.count) results") }
      for (output, result) in zip(node.outputs, results)
      where result.shape != forms[output].shape || result.dtype != forms[output].dtype {
        throw fail("\(node.call.name): %\(output) is \(result.dtype)\(result.shape), recorded as \(forms[output].dtype)\(forms[output].shape)")
      }
    }
    for value in results where !defined.contains(value) { throw fail("%\(value) leaves the graph and is never defined") }
  }
}
