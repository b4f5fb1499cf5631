import EmberRuntime

/// The node of a function whose derivative is another function: compiled ones.
private final class FunctionNode: Node, @unchecked Sendable {
  private let name: String
  private let forms: [ResultForm]
  private let device: Device
  @exclusivity(unchecked) private var derivative: (@Sendable ([Tensor]) -> [Tensor])?

  init(_ name: String, _ inputs: [Tensor], _ results: [Tensor], _ derivative: @escaping @Sendable ([Tensor]) -> [Tensor]) {
    self.name = name
    forms = results.map { ResultForm(shape: $0.body.shape, dtype: $0.dtype) }
    device = results[0].device
    self.derivative = derivative
    super.init(edges: inputs.map(\.node), result: results.count == 1 ? results[0].body : nil)
  }

  override var operationName: String { name }
  override var outputCount: Int { forms.count }
  override func releaseSaved() { derivative = nil }

  override func propagate(_ gradients: inout Gradients, in pass: inout BackwardPass) {
    guard let derivative else { return }
    if pass.isRecording {
      raise(
        EmberError(
          .value, in: name, "the derivative of a compiled function is not differentiable itself; compile the function that differentiates"))
      return
    }
    let arriving = forms.indices.map { i in
      gradients[i] ?? Tensor.zeros(Array(forms[i].shape), dtype: forms[i].dtype, on: device)
    }
    for (i, gradient) in derivative(arriving).enumerated() {
      if let edge = edge(i), !gradient.isPoisoned { pass.send(gradient, to: edge) }
    }
  }
}

/// Results of a function of `inputs` with the history that its derivative gives: gradients of the inputs from those of the results.
package func recordFunction(
  _ name: String, _ inputs: [Tensor], _ results: [Tensor], _ derivative: @escaping @Sendable ([Tensor]) -> [Tensor]
) -> [Tensor] {
  guard isRecordingEnabled, inputs.contains(where: { $0.node != nil }) else { return results }
  let node = FunctionNode(name, inputs, results, derivative)
  return results.enumerated().map { i, result in
    Tensor(result.body, node: results.count == 1 ? node : OutputNode(node, index: i, result: result.body))
  }
}
