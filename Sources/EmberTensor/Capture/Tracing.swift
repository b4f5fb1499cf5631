import EmberRuntime

// What `apply` does where an input stands for a value of a graph: the shape comes from running the operation on `meta`, the operation is
// recorded, and its history is that of any operation.

/// The innermost capture on this thread; it says so where the inputs belong to none of those around.
private func tracer(of inputs: [Tensor?]) -> Tracer { Tracer.current ?? inputs.lazy.compactMap { $0?.trace?.tracer }.first! }

private func checkOneDevice(_ name: String, _ inputs: [Tensor?]) throws(EmberError) {
  let present = inputs.compactMap { $0 }
  for other in present.dropFirst() { try checkDevices(name, present[0], other) }
}

func applyTraced<Op: UnaryOperation>(_ operation: Op, _ x: Tensor) -> Tensor {
  attempt { () throws(EmberError) in
    var y = tracer(of: [x]).record(UnaryCall(operation: operation), [x], [try operation.forward(x.form)])[0]
    if x.node != nil, isRecordingEnabled, y.dtype.isDifferentiable, !y.isPoisoned { y.node = UnaryNode(operation, x, y) }
    return y
  }
}

func applyTraced<Op: BinaryOperation>(_ operation: Op, _ a: Tensor, _ b: Tensor) -> Tensor {
  attempt { () throws(EmberError) in
    try checkDevices(Op.name, a, b)
    var y = tracer(of: [a, b]).record(BinaryCall(operation: operation), [a, b], [try operation.forward(a.form, b.form)])[0]
    if a.node != nil || b.node != nil, isRecordingEnabled, y.dtype.isDifferentiable, !y.isPoisoned { y.node = BinaryNode(operation, a, b, y) }
    return y
  }
}

func applyTraced<Op: VariadicOperation>(_ operation: Op, _ inputs: [Tensor?], count: Int) -> [Tensor] {
  do throws(EmberError) {
    try checkOneDevice(Op.name, inputs)
    let results = tracer(of: inputs).record(
      VariadicCall(operation: operation), inputs, try operation.forward(inputs.map { $0?.form }))
    if results.contains(where: \.isPoisoned) { return Array(repeating: .poison, count: count) }
    return recorded(operation, inputs, results)
  } catch {
    raise(error)
    return Array(repeating: .poison, count: count)
  }
}

func applyPointwiseTraced(_ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters) -> Tensor {
  let all = operands.list
  if let first = all.first, all.contains(where: { $0.backend !== first.backend }) {
    if let moved = withNumbersMoved(operands) { return applyPointwise(function, moved, parameters) }
    raise(
      EmberError(
        .device, in: function.name,
        "\(all.map(\.summary).joined(separator: " and ")) are on different devices; move them to one with .to(device)"))
    return .poison
  }
  return attempt { () throws(EmberError) in
    let form = try runPointwise(function, PointwiseOperands(all.map(\.form)), parameters, into: nil).first
    var y = tracer(of: all).record(PointwiseCall(function: function, parameters: parameters), all, [form])[0]
    if operands.needsGradient, isRecordingEnabled, y.dtype.isDifferentiable, !y.isPoisoned {
      y.node = PointwiseNode(function, operands, parameters, output: y.body)
    }
    return y
  }
}

extension PointwiseOperands {
  var isTraced: Bool {
    x.body.trace != nil || y?.body.trace != nil || z?.body.trace != nil || (!rest.isEmpty && rest.contains { $0.body.trace != nil })
  }
}

// MARK: - Derivatives

/// A node as it was recorded, from the values that its derivative reads.
final class ReplayedNode: RecordedNode, @unchecked Sendable {
  private let name: String
  private let results: Int
  private let undifferentiable: Set<Int>
  /// Marks the inputs whose gradients are wanted; never receives any.
  private static let wantedEdge = LeafNode(shape: Shape(), dtype: .float32)

  init(_ operation: some Operation, _ forms: [ResultForm?], inputs: some Sequence<TensorBody?>, outputs: [TensorBody?], wanted: [Bool]) {
    name = operation.callName
    results = outputs.count
    undifferentiable = (operation as? any VariadicOperation)?.undifferentiableOutputs ?? []
    super.init(replaying: forms, inputs: inputs, outputs: outputs, edges: wanted.map { $0 ? Self.wantedEdge : nil })
  }

  override var operationName: String { name }
  override var outputCount: Int { results }
  override var undifferentiableOutputs: Set<Int> { undifferentiable }
}

extension RecordedNode {
  /// False for nearly all derivatives, at the price of two loads.
  @inline(__always) final func mayBeTraced(_ gradient: borrowing Tensor) -> Bool { holdsTrace || gradient.body.trace != nil }

  /// Whether the derivative is to be recorded in a graph instead of run. Gradients that are themselves recorded, and those of members of a
  /// batch, are written in operations, which are recorded one by one.
  @inline(__always) final func isTraced(_ gradients: [Tensor?], in pass: borrowing BackwardPass) -> Bool {
    if !holdsTrace, gradients.allSatisfy({ $0?.trace == nil }) { return false }
    return !pass.isRecording && !holdsBatch && gradients.allSatisfy { $0?.body.batch == nil }
  }

  /// Records the derivative in the graph and sends on the gradients, which stand for its results.
  final func sendTraced<Op: Operation>(
    _ gradients: [Tensor?], _ operation: Op, in pass: inout BackwardPass,
    _ rule: @escaping @Sendable (Op, [Tensor?], DerivativeContext) -> [Tensor?]
  ) {
    let inputs = (0..<inputCount).map { savedInput($0).map { Tensor($0) } }
    let outputs = (0..<outputCount).map { savedOutput($0).map { Tensor($0) } }
    let wanted = (0..<inputCount).map { edge($0) != nil }
    var call = DerivativeCall(
      operation: operation, rule: rule, outputCount: outputCount, forms: (0..<inputCount).map { inputForm($0) }, wanted: wanted)
    let operands = gradients + inputs + outputs
    let tracer = tracer(of: operands)
    // On meta, so that nothing is computed: which gradients there are, and their shapes.
    let forms = Tracer.suspended { call.gradients(operands.map { $0?.form }) }
    let present = forms.indices.filter { wanted[$0] && forms[$0] != nil }
    call.present = present
    let device = operands.lazy.compactMap { $0 }.first { $0.trace != nil }?.backend
    let results = tracer.record(call, operands, present.map { forms[$0]! }, on: device)
    for (i, result) in zip(present, results) where !result.isPoisoned { pass.send(result, to: edge(i)!) }
  }
}
