import EmberRuntime
import EmberTensor

extension GraphPass {
  /// An activation that alone reads the result of a linear layer or convolution is applied while the result is in registers.
  public static let epilogues = GraphPass("epilogues") { graph in
    let uses = graph.uses, results = graph.results
    var producer = graph.producers
    var removed = Set<Int>()
    for (position, node) in graph.nodes.enumerated() {
      guard let pointwise = node.call as? PointwiseCall, pointwise.parameters.count == 0, let activation = Activation(pointwise.function),
        node.inputs.count == 1, let input = node.inputs[0], let source = producer[input], !removed.contains(source),
        uses[input] == [position], !results.contains(input), graph.forms[input].dtype == graph.forms[node.outputs[0]].dtype
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

extension Activation {
  /// The activation that a pointwise function is, if kernels of products know it.
  fileprivate init?(_ function: Pointwise) {
    if function === Pointwise.relu { self = .relu
    } else if function === Pointwise.gelu { self = .gelu
    } else if function === Pointwise.geluTanh { self = .geluTanh
    } else if function === Pointwise.sigmoid { self = .sigmoid
    } else if function === Pointwise.tanh { self = .tanh
    } else if function === Pointwise.silu { self = .silu
    } else { return nil }
  }
}
