import EmberFunctional
import EmberGraph
import EmberRuntime
import EmberTensor

/// ONNX's LSTM, GRU and RNN multiply the layer's input themselves, so the linear layer before the steps is taken into them.
extension RecurrentSequence: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let rows = try site.input(0), first = try site.input(1), weight = try site.input(3)
    guard try site.inputIfPresent(5) == nil else { throw site.refusal("a projection of the state has no form in ONNX") }
    let time = site.extent(self) { $0.batchSizes.count }, batch = site.extent(self) { $0.batchSizes[0] }
    guard rows.shape[0] == time * batch else { throw site.refusal("packed sequences of different lengths have no form in ONNX") }
    guard let out = weight.shape[1].fixed else { throw site.refusal("its weights depend on the dynamic extents") }
    let gates = kind.gates

    // Where the rows come from a linear layer, that layer's input and weights; else the rows themselves and a unit matrix.
    var x = rows, inputWeight = site.constant(Tensor.eye(gates * out, dtype: rows.dtype)), inputBias: String?
    if let producer = site.exporter.producers[site.node.inputs[0]!],
      site.exporter.graphs[0].nodes[producer].call.subject is LinearOperation
    {
      let linear = ExportSite(exporter: site.exporter, position: producer)
      x = try linear.input(0)
      inputWeight = try linear.input(1).name
      inputBias = try linear.inputIfPresent(2)?.name
    }
    let stateBias = try site.inputIfPresent(4)?.name
    let sequence = try site.reshape(x.name, from: x.shape, to: [time, batch, x.shape[1]])

    /// Blocks of gates in ONNX's order: input, output, forget, cell; update, reset, new.
    func ordered(_ name: String) -> String {
      let order = kind == .lstm ? [0, 3, 1, 2] : kind == .gru ? [1, 0, 2] : [0]
      if order.count == 1 { return name }
      let blocks = site.emit("Split", [name, site.ints(order.map { _ in out })], ["axis": .int(0)], outputs: order.count)
      return site.emit("Concat", order.map { blocks[$0] }, ["axis": .int(0)], outputs: 1)[0]
    }
    var bias: String?
    if inputBias != nil || stateBias != nil {
      let none = site.constant(Tensor.zeros([gates * out], dtype: rows.dtype))
      let both = [inputBias.map(ordered) ?? none, stateBias.map(ordered) ?? none]
      bias = site.unsqueeze(site.emit("Concat", both, ["axis": .int(0)], outputs: 1)[0], [0])
    }
    let inputs: [String?] = [
      sequence, site.unsqueeze(ordered(inputWeight), [0]), site.unsqueeze(ordered(weight.name), [0]), bias, nil,
      site.unsqueeze(first.name, [0]), try site.inputIfPresent(2).map { site.unsqueeze($0.name, [0]) },
    ]
    let direction: ExportAttribute = .text(isReverse ? "reverse" : "forward"), size: ExportAttribute = .int(out)
    let outputs: [String]
    switch kind {
    case .lstm: outputs = site.emit("LSTM", inputs, ["hidden_size": size, "direction": direction], outputs: 3)
    case .gru:
      outputs = site.emit(
        "GRU", inputs, ["hidden_size": size, "direction": direction, "linear_before_reset": .int(1)], outputs: 2)
    case .tanh, .relu:
      let activation: ExportAttribute = .texts([kind == .tanh ? "Tanh" : "Relu"])
      outputs = site.emit("RNN", inputs, ["hidden_size": size, "direction": direction, "activations": activation], outputs: 2)
    }
    let states = site.emit("Reshape", outputs[0], site.ints([-1, out]))
    let cell = outputs.count > 2 ? site.squeeze(outputs[2], [0]) : nil
    return [states, site.squeeze(outputs[1], [0]), cell, nil, nil, nil]
  }
}
