import EmberRuntime
import EmberTensor

extension GraphPass {
  /// An activation that alone reads the result of a linear layer or convolution is applied while the result is in registers or near by; so
  /// is the sum of a convolution's result with a value of its shape, as in residual networks.
  public static let epilogues = GraphPass("epilogues") { graph in
    let uses = graph.uses, results = graph.results
    var producer = graph.producers
    var removed = Set<Int>()
    /// The call whose result `position` alone reads.
    func source(of input: Graph.Value?, readAt position: Int) -> Int? {
      guard let input, let source = producer[input], !removed.contains(source), uses[input] == [position], !results.contains(input) else {
        return nil
      }
      return source
    }
    for (position, node) in graph.nodes.enumerated() {
      guard let pointwise = node.call as? PointwiseCall, pointwise.parameters.count == 0 else { continue }
      if pointwise.function === Pointwise.add, node.inputs.count == 2 {
        // The later one of the two, if it can be chosen: its result is more likely to be in the cache.
        let found = [(0, 1), (1, 0)].compactMap { sum, other in
          source(of: node.inputs[sum], readAt: position).flatMap { graph.convolution($0, adding: node.inputs[other], into: node) }
        }
        guard let (from, sum) = found.max(by: { $0.position < $1.position }) else { continue }
        // The other value may be made only now.
        graph.nodes[position] = sum
        removed.insert(from)
        continue
      }
      guard let activation = Activation(pointwise.function), node.inputs.count == 1, let input = node.inputs[0],
        let source = source(of: input, readAt: position), graph.forms[input].dtype == graph.forms[node.outputs[0]].dtype
      else { continue }
      switch graph.nodes[source].call.subject {
      case var linear as LinearOperation where linear.activation == .none && !graph.forms[input].dtype.isComplex:
        linear.activation = activation
        graph.nodes[source].call = VariadicCall(operation: linear)
      case var convolution as Convolution where convolution.activation == .none && graph.forms[input].device == .cpu:
        convolution.activation = activation
        graph.nodes[source].call = VariadicCall(operation: convolution)
      default: continue
      }
      graph.nodes[source].outputs = node.outputs
      removed.insert(position)
      // The product may now be read where the activation was.
      producer[node.outputs[0]] = source
    }
    graph.removeNodes(at: removed)
  }
}

extension Graph {
  /// The convolution at a position as one that adds a value to its result, in place of the sum `node`; nil if it cannot.
  fileprivate func convolution(_ position: Int, adding addend: Value?, into node: Node) -> (position: Int, node: Node)? {
    let call = nodes[position], form = forms[node.outputs[0]]
    guard let addend, addend != call.outputs[0], let convolution = call.call.subject as? Convolution, convolution.activation == .none,
      call.inputs.count == 3,
      form.device == .cpu, forms[call.outputs[0]] == form, forms[addend] == form
    else { return nil }
    return (position, Node(call: call.call, inputs: call.inputs + [nil, addend], outputs: node.outputs, owner: call.owner))
  }
}
