import EmberRuntime
import EmberTensor

/// One run of a model: evaluates graphs node after node.
final class Evaluation {
  /// The values of one graph while it is evaluated.
  final class Frame {
    var values: [ONNXValue?]
    /// What references to attributes mean: those of the call of the function that the graph is part of.
    let attributes: [String: ONNXAttribute]

    init(slotCount: Int, attributes: [String: ONNXAttribute]) {
      values = Array(repeating: nil, count: slotCount)
      self.attributes = attributes
    }
  }

  /// How many nodes may still be evaluated.
  private var remainingNodes: Int

  init(nodeLimit: Int?) { remainingNodes = nodeLimit ?? .max }

  /// Stops an evaluation after an operation raised an error, which the error scope knows.
  struct Stopped: Error {}

  /// The nodes that were running when the evaluation failed, outermost first.
  private(set) var failurePath: [String] = []

  /// The values of a subgraph for the given inputs; what it reads from around it comes from `frame`.
  func evaluate(_ graph: ONNXGraph, _ inputs: [ONNXValue?], around frame: Frame) throws -> [ONNXValue] {
    let inner = Frame(slotCount: graph.slotCount, attributes: frame.attributes)
    for capture in graph.captures { inner.values[capture.inner] = frame.values[capture.outer] }
    return try evaluate(graph, inputs, in: inner)
  }

  func evaluate(_ graph: ONNXGraph, _ inputs: [ONNXValue?], in frame: Frame) throws -> [ONNXValue] {
    for constant in graph.constants where frame.values[constant.place.slot] == nil { frame.values[constant.place.slot] = constant.value }
    for (place, value) in zip(graph.inputs, inputs) {
      if let value { frame.values[place.slot] = value }
    }
    for node in graph.nodes {
      do {
        remainingNodes -= 1
        if remainingNodes < 0 { throw EmberError(.value, in: "onnx", "the run has reached the most nodes that it may evaluate") }
        try evaluate(node, in: frame)
        if ErrorScopes.hasFailed { throw Stopped() }
      } catch {
        failurePath.insert(node.label, at: 0)
        throw error
      }
      for slot in node.released { frame.values[slot] = nil }
    }
    return try graph.outputs.map { output in
      guard let value = frame.values[output.slot] else {
        throw EmberError(.value, in: "onnx", "the output '\(output.name)' of graph '\(graph.name)' has no value")
      }
      return value
    }
  }

  private func evaluate(_ node: ONNXNode, in frame: Frame) throws {
    var attributes = node.attributes
    if node.hasReferences {
      for (name, attribute) in node.attributes {
        if case .reference(let wanted) = attribute { attributes[name] = frame.attributes[wanted] }
      }
    }
    let inputs = node.inputs.map { slot in slot.flatMap { frame.values[$0] } }
    let results: [ONNXValue?]
    switch node.body {
    case .operator(let entry):
      let call = OperatorCall(node: node, inputs: inputs, attributes: attributes, frame: frame, evaluation: self)
      try call.checkInputs()
      results = try entry.run(call)
    case .function(let function):
      let inner = Frame(slotCount: function.body.slotCount, attributes: function.defaults.merging(attributes) { $1 })
      results = try evaluate(function.body, inputs, in: inner)
    }
    for (i, slot) in node.outputs.enumerated() {
      guard let slot else { continue }
      guard i < results.count else {
        throw EmberError(.value, in: "onnx", "it has \(node.outputs.count) outputs, where the operator gives \(results.count)")
      }
      frame.values[slot] = results[i]
    }
  }
}
