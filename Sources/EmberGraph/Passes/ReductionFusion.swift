import EmberTensor

extension GraphPass {
  /// A sum, mean, extreme or norm over all or the last dimensions takes in the pointwise program that alone makes its input, where
  /// nothing but single numbers broadcasts in it.
  public static let reductionFusion = GraphPass("reduction fusion") { graph in
    let uses = graph.uses, results = graph.results, producer = graph.producers
    var removed = Set<Int>()
    for (position, node) in graph.nodes.enumerated() {
      guard let reduction = node.call.subject as? Reduce, let input = node.inputs[0], let source = producer[input],
        let pointwise = graph.nodes[source].call as? FusedPointwiseCall, uses[input] == [position], !results.contains(input),
        graph.forms[input].device == .cpu,
        let call = FusedReductionCall(pointwise.program, reduction, rank: graph.forms[input].shape.rank)
      else { continue }
      let shape = graph.forms[input].shape
      let isFlat = graph.nodes[source].inputs.allSatisfy { operand in
        let own = graph.forms[operand!].shape
        return own == shape || own.elementCount == 1
      }
      if !isFlat { continue }
      graph.nodes[position].call = call
      graph.nodes[position].inputs = graph.nodes[source].inputs
      removed.insert(source)
    }
    graph.removeNodes(at: removed)
  }
}
