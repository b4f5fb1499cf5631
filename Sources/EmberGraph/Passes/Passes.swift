import EmberTensor

/// A rewriting of graphs that keeps what they compute.
public struct GraphPass: Sendable {
  public let name: String
  package let run: @Sendable (inout Graph) -> Void

  package init(_ name: String, _ run: @escaping @Sendable (inout Graph) -> Void) {
    self.name = name
    self.run = run
  }

  /// All passes in the order in which `compile` takes them.
  public static let all: [GraphPass] = [
    .deadCode, .commonSubexpressions, .identities, .batchNormFolding, .epilogues, .pointwiseFusion, .reductionFusion,
    .deadCode,
  ]
}

extension Graph {
  /// The graph after the given passes.
  public func optimized(_ passes: [GraphPass] = GraphPass.all, verifying: Bool = false) throws -> Graph {
    var graph = self
    for pass in passes {
      pass.run(&graph)
      if verifying { try graph.verify() }
    }
    return graph
  }
}

extension GraphPass {
  /// Calls whose results nobody reads go. Draws stay, because they move a generator.
  public static let deadCode = GraphPass("dead code") { graph in
    var needed = graph.results
    var kept: [Graph.Node] = []
    for node in graph.nodes.reversed() where !node.call.isPure || node.outputs.contains(where: needed.contains) {
      kept.append(node)
      for case let input? in node.inputs { needed.insert(input) }
    }
    graph.nodes = kept.reversed()
    graph.reads.removeAll { !needed.contains($0.value) }
    graph.constants = graph.constants.filter { needed.contains($0.key) }
  }

  /// Calls of one operation on the same values are made once.
  public static let commonSubexpressions = GraphPass("common subexpressions") { graph in
    struct Key: Hashable {
      let call: String
      let inputs: [Graph.Value?]
    }
    var known: [Key: [Graph.Value]] = [:]
    var replacements: [Graph.Value: Graph.Value] = [:]
    var kept: [Graph.Node] = []
    for var node in graph.nodes {
      node.inputs = node.inputs.map { $0.map { replacements[$0] ?? $0 } }
      if node.call.isPure, let call = structuralKey(of: node.call.subject) {
        let key = Key(call: call, inputs: node.inputs)
        if let earlier = known[key] {
          for (own, first) in zip(node.outputs, earlier) { replacements[own] = first }
          continue
        }
        known[key] = node.outputs
      }
      kept.append(node)
    }
    graph.nodes = kept
    graph.replace(replacements)
  }

  /// Calls that return their input: an expansion or reshape to the shape it has, a conversion to its own dtype.
  public static let identities = GraphPass("identities") { graph in
    let names: Set = ["expand", "reshape", "view", "to", "_to_copy", "alias", "positive"]
    var replacements: [Graph.Value: Graph.Value] = [:]
    graph.nodes.removeAll { node in
      guard names.contains(node.call.name), node.inputs.count == 1, node.outputs.count == 1, let input = node.inputs[0],
        graph.forms[input] == graph.forms[node.outputs[0]]
      else { return false }
      replacements[node.outputs[0]] = input
      return true
    }
    graph.replace(replacements)
  }
}

/// A text that two values share only if they consist of the same numbers, names and types; nil where they hold what cannot be compared.
private func structuralKey(of value: Any) -> String? {
  switch value {
  case let call as PointwiseCall:
    let numbers = (0..<call.parameters.count).map { "\(call.parameters[$0])" }
    return "pointwise \(ObjectIdentifier(call.function)) \(numbers)"
  case let subject as DerivativeSubject:
    return structuralKey(of: subject.operation).map { "derivative \($0) \(subject.wanted)" }
  case is Int, is Bool, is String, is Double, is Float, is Int32, is Int64, is UInt8: return "\(value)"
  default: break
  }
  let mirror = Mirror(reflecting: value)
  switch mirror.displayStyle {
  case .struct, .tuple, .enum, .optional, .collection, .set, .dictionary:
    if mirror.children.isEmpty { return "\(type(of: value)) \(value)" }
    var parts: [String] = []
    for child in mirror.children {
      guard let part = structuralKey(of: child.value) else { return nil }
      parts.append("\(child.label ?? "") \(part)")
    }
    return "\(type(of: value))(\(parts.joined(separator: ", ")))"
  default: return nil
  }
}
