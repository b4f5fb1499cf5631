import EmberTensor

extension Graph {
  /// Convolutions on the CPU whose weights depend on state and constants alone read them in the order that their kernels want, which is
  /// then made once for as long as the weights are the same. Only for graphs whose early part is kept.
  mutating func packWeights() {
    var fixed = Set(reads.map(\.value)).union(constants.keys)
    var nodes: [Node] = []
    /// A weight that several convolutions read in one order is put in it once.
    var known: [String: Value] = [:]
    for var node in self.nodes {
      if let convolution = node.call.subject as? Convolution, node.inputs.count < 4 || node.inputs[3] == nil,
        let weight = node.inputs[1], fixed.contains(weight), forms[weight].device == .cpu
      {
        let packing = ConvolutionPackedWeight(geometry: convolution.geometry)
        let bytes = packing.byteCount(weight: forms[weight].shape, dtype: forms[weight].dtype)
        let batch = node.inputs[0].map { forms[$0].shape[0] } ?? 0
        if bytes > 0, packing.isRead(by: convolution, batch: batch, weight: forms[weight].shape, dtype: forms[weight].dtype) {
          let key = "\(weight) \(packing)", packed = known[key] ?? makeValue(Form(shape: [bytes], dtype: .uint8, device: .cpu))
          if known.updateValue(packed, forKey: key) == nil {
            nodes.append(Node(call: UnaryCall(operation: packing), inputs: [weight], outputs: [packed]))
          }
          node.inputs = [node.inputs[0], weight, node.inputs[2], packed, node.inputs.count > 4 ? node.inputs[4] : nil]
        }
      }
      if node.dependsOn(only: fixed) { fixed.formUnion(node.outputs) }
      nodes.append(node)
    }
    self.nodes = nodes
  }
}

extension Graph.Node {
  /// Whether the call gives the same at every run of a graph in which these values do not change.
  func dependsOn(only fixed: Set<Graph.Value>) -> Bool {
    call.isPure && !inputs.isEmpty && inputs.allSatisfy { $0.map(fixed.contains) ?? true }
  }
}
