import EmberNN
import EmberRuntime
import EmberTensor

extension GraphPass {
  /// A convolution followed by a batch normalisation with fixed statistics becomes a convolution with a scaled weight and a shifted bias:
  /// w' = w · γ / √(σ² + ε), b' = β + (b − μ) · γ / √(σ² + ε). Where weights are state, the executable computes these once.
  public static let batchNormFolding = GraphPass("batch norm folding") { graph in
    let uses = graph.uses, results = graph.results, producer = graph.producers
    var inserted: [Int: [Graph.Node]] = [:]
    var removed = Set<Int>()
    for (position, node) in graph.nodes.enumerated() {
      guard let norm = node.call.subject as? BatchNormOperation, !norm.training, let input = node.inputs[0],
        let source = producer[input], !removed.contains(source), var convolution = graph.nodes[source].call.subject as? Convolution,
        convolution.activation == .none, graph.nodes[source].inputs.count == 3, uses[input] == [position], !results.contains(input),
        node.outputs.dropFirst().allSatisfy({ uses[$0] == nil && !results.contains($0) }),
        let weight = graph.nodes[source].inputs[1], let mean = node.inputs[3], let variance = node.inputs[4],
        graph.forms[weight].dtype.isFloatingPoint
      else { continue }
      // The new weight's ingredients must be there before the convolution runs: state and constants are.
      let gamma = node.inputs[1], beta = node.inputs[2], bias = graph.nodes[source].inputs[2]
      let needed = [gamma, beta, mean, variance].compactMap { $0 }
      guard needed.allSatisfy({ producer[$0].map { $0 < source } ?? true }) else { continue }
      let call = FoldedWeightCall(epsilon: norm.epsilon)
      let newWeight = graph.makeValue(graph.forms[weight])
      let form = graph.forms[weight]
      let newBias = graph.makeValue(Graph.Form(shape: [form.shape[0]], dtype: form.dtype, device: form.device))
      inserted[source] = [
        Graph.Node(call: call, inputs: [weight, bias, gamma, beta, mean, variance], outputs: [newWeight, newBias])
      ]
      convolution.activation = .none
      graph.nodes[source].inputs[1] = newWeight
      graph.nodes[source].inputs[2] = newBias
      graph.nodes[source].outputs = [node.outputs[0]]
      removed.insert(position)
    }
    graph.nodes = graph.nodes.enumerated().flatMap { position, node in
      (inserted[position] ?? []) + (removed.contains(position) ? [] : [node])
    }
  }
}

/// Weight and bias of a convolution with the normalisation that follows it.
///
/// Inputs: weight, bias or none, γ or none, β or none, mean, variance.
private struct FoldedWeightCall: GraphCall {
  let epsilon: Double
  var name: String { "fold_batch_norm" }
  var subject: Any { self }

  func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let (weight, bias) = fuseBatchNorm(
      weight: inputs[0]!, bias: inputs[1], mean: inputs[4]!, variance: inputs[5]!, scale: inputs[2], shift: inputs[3], eps: epsilon)
    return [weight, bias.to(weight.dtype)]
  }
}
