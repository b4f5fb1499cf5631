import CEmberKernels
import EmberRuntime
import EmberTensor

/// The recurrence of a recurrent layer.
public enum RecurrentKind: Sendable, Hashable {
  /// h ← tanh(x + W h); Elman, 1990.
  case tanh
  /// h ← max(0, x + W h)
  case relu
  /// Long short-term memory; Hochreiter and Schmidhuber, 1997. Gates in the order input, forget, cell, output.
  case lstm
  /// Gated recurrent units; Cho et al., arXiv:1406.1078. Gates in the order reset, update, new.
  case gru

  /// How many times as many features as the state the gates have.
  public var gates: Int {
    switch self {
    case .tanh, .relu: 1
    case .lstm: 4
    case .gru: 3
    }
  }

  fileprivate var code: ember_recurrence_cell {
    switch self {
    case .tanh: EMBER_RECURRENCE_TANH
    case .relu: EMBER_RECURRENCE_RELU
    case .lstm: EMBER_RECURRENCE_LSTM
    case .gru: EMBER_RECURRENCE_GRU
    }
  }
}

extension Pointwise {
  /// From the gates i, f, g and the cell before.
  fileprivate static let lstmCell = Pointwise("lstm_cell", roles: Array(repeating: .value, count: 4)) { x, _ in
    EmberRuntime.sigmoid(x[1]) * x[3] + EmberRuntime.sigmoid(x[0]) * EmberRuntime.tanh(x[2])
  }
  /// From the gate o and the cell.
  fileprivate static let lstmOutput = Pointwise("lstm_cell") { o, c in EmberRuntime.sigmoid(o) * EmberRuntime.tanh(c) }
  /// From the input's parts of r, z, n, the state's parts, and the state before.
  fileprivate static let gruState = Pointwise("gru_cell", roles: Array(repeating: .value, count: 7)) { x, _ in
    let z = EmberRuntime.sigmoid(x[1] + x[4])
    let n = EmberRuntime.tanh(x[2] + EmberRuntime.sigmoid(x[0] + x[3]) * x[5])
    return n + z * (x[6] - n)
  }
}

/// One direction of one recurrent layer over whole sequences: all steps in one operation.
///
/// Inputs: what the gates get from the layer's input, [rows, gates · hidden], the input's bias (and, but for GRUs, the state's) added; the
/// first state [batch, out]; the first cell [batch, hidden] (LSTM); the state's weights [gates · hidden, out]; the state's bias (GRU);
/// a projection [out, hidden] (LSTM). Rows lie as in a packed sequence: those of time 0 first.
///
/// Results: states [rows, out], the last state, the last cell, and what the derivative reads: the gates after their functions, the cells
/// (of a GRU what the state gives to the new gate), and what was projected. Those that there are none of are empty.
///
/// In the kernels the weights are packed once; a step is a product for a range of units and the cell's functions behind it.
package struct RecurrentSequence: VariadicOperation {
  package static let name = "recurrent_sequence"
  typealias Forward = @Sendable (ember_recurrence, ember_recurrence_trace, _ state: Tensor, _ cell: Tensor) -> Void
  typealias Backward =
    @Sendable (ember_recurrence, ember_recurrence_trace, _ state: Tensor, _ cell: Tensor?, ember_recurrence_gradients) -> Void
  /// The layer, what the steps read and leave behind; first state and cell, which become the last ones.
  static let kernels = KernelTable<Forward>(
    name,
    cpu: { layer, trace, state, cell in
      withUnsafePointer(to: layer) { layer in
        withUnsafePointer(to: trace) { ember_recurrence_forward(layer, $0, state.operand.pointer, cell.operand.pointer) }
      }
    }, cuda: cudaKernel)
  static let backwardKernels = KernelTable<Backward>(
    name,
    cpu: { layer, trace, state, cell, gradients in
      withUnsafePointer(to: layer) { layer in
        withUnsafePointer(to: trace) { trace in
          withUnsafePointer(to: gradients) {
            ember_recurrence_backward(layer, trace, state.operand.pointer, cell?.operand.pointer, $0)
          }
        }
      }
    }, cuda: cudaBackwardKernel)
  package let kind: RecurrentKind
  /// Sequences that have an element at each time.
  package let batchSizes: [Int]
  /// From the last time to the first.
  package let isReverse: Bool

  package var callName: String {
    switch kind {
    case .tanh, .relu: "rnn"
    case .lstm: "lstm"
    case .gru: "gru"
    }
  }
  package var saved: SavedTensors { [.inputs, .output(0), .output(3), .output(4), .output(5)] }
  package let undifferentiableOutputs: Set<Int> = [3, 4, 5]

  private enum Input { static let x = 0, state = 1, cell = 2, weight = 3, bias = 4, projection = 5, count = 6 }

  /// Whether there are kernels for these inputs: of one dtype, float32 or float64, on a GPU also 16-bit floats. Autocast converts the
  /// products alone, which only the composed form can do.
  func hasKernel(_ inputs: [Tensor?]) -> Bool {
    guard let x = inputs[Input.x], x.elementCount > 0, !isAutocastEnabled else { return false }
    let is16Bit = x.dtype == .float16 || x.dtype == .bfloat16
    guard x.dtype == .float32 || x.dtype == .float64 || is16Bit && x.device.type == .cuda else { return false }
    for case let input? in inputs where input.isPoisoned || input.dtype != x.dtype { return false }
    do throws(EmberError) {
      // Nil stands for `meta`, where shapes are all there is.
      _ = (try Self.kernels.kernel(on: x.device), try Self.backwardKernels.kernel(on: x.device))
      return true
    } catch {
      return false
    }
  }

  /// Shapes that do not belong together are an error before a kernel sees them.
  func check(_ inputs: [Tensor?]) throws(EmberError) {
    let x = inputs[Input.x]!, state = inputs[Input.state]!, weight = inputs[Input.weight]!
    let batch = batchSizes.first ?? 0, gates = kind.gates
    let rows = weight.rank == 2 ? weight.shape[0] : 0, out = weight.rank == 2 ? weight.shape[1] : 0, hidden = rows / gates
    func has(_ tensor: Tensor?, _ shape: [Int]) -> Bool { tensor.map { Array($0.shape) == shape } ?? false }
    var fits = zip(batchSizes, batchSizes.dropFirst()).allSatisfy { $0 >= $1 } && (batchSizes.last ?? 0) >= 0
    fits = fits && hidden > 0 && rows == gates * hidden && has(x, [batchSizes.reduce(0, +), rows]) && has(state, [batch, out])
    fits = fits && (kind == .lstm ? has(inputs[Input.cell], [batch, hidden]) : inputs[Input.cell] == nil)
    fits = fits && (inputs[Input.bias] == nil || kind == .gru && has(inputs[Input.bias], [rows]))
    fits = fits && (inputs[Input.projection] == nil ? out == hidden : kind == .lstm && has(inputs[Input.projection], [out, hidden]))
    guard fits else {
      throw EmberError(
        .shape, in: callName, "\(batchSizes.count) steps of at most \(batch) rows do not go with "
          + inputs.compactMap { $0?.summary }.joined(separator: ", "))
    }
  }

  // MARK: Kernels

  /// Hands the layer, with weights in dense memory, to `body`.
  private func withLayer(_ inputs: [Tensor?], _ body: (ember_recurrence) -> Void) throws(EmberError) {
    let weight = try inputs[Input.weight]!.dense(), bias = try inputs[Input.bias]?.dense(), projection = try inputs[Input.projection]?.dense()
    batchSizes.map(Int64.init).withUnsafeBufferPointer { sizes in
      body(
        ember_recurrence(
          dtype: Int32(weight.dtype.rawValue), cell: Int32(kind.code.rawValue), steps: Int64(sizes.count), batch_sizes: sizes.baseAddress,
          backwards: isReverse, hidden: Int64(weight.shape[0] / kind.gates), projection: Int64(projection?.shape[0] ?? 0),
          weight_hh: weight.operand.pointer, weight_hr: projection?.operand.pointer, bias_hh: bias?.operand.pointer))
    }
    withExtendedLifetime((weight, bias, projection)) {}
  }

  private func trace(_ input: Tensor?, _ gates: Tensor, _ cells: Tensor, _ unprojected: Tensor, _ states: Tensor) -> ember_recurrence_trace {
    ember_recurrence_trace(
      input: input?.operand.pointer, gates: gates.operand.pointer, cells: cells.operand.pointer, hidden: unprojected.operand.pointer,
      output: states.operand.pointer)
  }

  private func copy(_ tensor: Tensor) throws(EmberError) -> Tensor {
    let result = try Tensor.empty(shape: tensor.shape, dtype: tensor.dtype, like: tensor)
    if tensor.backend.holdsData, tensor.elementCount > 0 { tensor.backend.copy(tensor.operand, to: result.operand) }
    return result
  }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    try check(inputs)
    let x = try inputs[Input.x]!.dense(), weight = inputs[Input.weight]!
    let rows = x.shape[0], hidden = weight.shape[0] / kind.gates
    func new(_ shape: [Int]) throws(EmberError) -> Tensor { try Tensor.empty(shape: Shape(shape), dtype: x.dtype, like: x) }
    let states = try new([rows, weight.shape[1]]), gates = try new([rows, kind.gates * hidden])
    let cells = try new(kind == .lstm || kind == .gru ? [rows, hidden] : [0])
    let unprojected = try new(inputs[Input.projection] == nil ? [0] : [rows, hidden])
    let state = try copy(inputs[Input.state]!)
    var cell = try new([0])
    if let first = inputs[Input.cell] { cell = try copy(first) }
    if let kernel = try Self.kernels.kernel(on: x.device) {
      try withLayer(inputs) { kernel($0, trace(x, gates, cells, unprojected, states), state, cell) }
    }
    return [states, state, cell, gates, cells, unprojected]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    if context.isRecordingDerivative { return composedDerivative(gradients, context) }
    do throws(EmberError) { return try backward(gradients, context) } catch {
      raise(error)
      return Array(repeating: nil, count: Input.count)
    }
  }

  private func backward(_ gradients: [Tensor?], _ context: DerivativeContext) throws(EmberError) -> [Tensor?] {
    let inputs = (0..<Input.count).map { context.inputIfPresent($0) }
    let first = try inputs[Input.state]!.dense(), firstCell = try inputs[Input.cell]?.dense()
    let states = context.output(0), gates = context.output(3), cells = context.output(4), unprojected = context.output(5)
    /// What flows back through the steps; it begins with the gradient of the last state.
    func started(_ gradient: Tensor?, _ like: Tensor) throws(EmberError) -> Tensor {
      try gradient.map(copy) ?? Tensor.zeros(like: like)
    }
    func new(_ like: Tensor) throws(EmberError) -> Tensor { try Tensor.empty(shape: like.shape, dtype: like.dtype, like: like) }
    let dStates = try gradients[0]?.dense(), dState = try started(gradients[1], first)
    var dCell: Tensor?
    if let firstCell { dCell = try started(gradients[2], firstCell) }
    // The state's side of a GRU's gates differs from the input's in the new gate.
    let dGates = try new(gates), dStateGates = kind == .gru ? try new(gates) : dGates
    let dProjected = inputs[Input.projection] == nil ? nil : try new(states)
    if let kernel = try Self.backwardKernels.kernel(on: gates.device) {
      let targets = ember_recurrence_gradients(
        output: dStates?.operand.pointer, h: dState.operand.pointer, c: dCell?.operand.pointer, gates: dGates.operand.pointer,
        hidden_gates: kind == .gru ? dStateGates.operand.pointer : nil, projected: dProjected?.operand.pointer)
      try withLayer(inputs) { kernel($0, trace(nil, gates, cells, unprojected, states), first, firstCell, targets) }
    }
    withExtendedLifetime(dStates) {}
    return [
      dGates, dState, dCell,
      context.needs(Input.weight) ? dStateGates.mT.matmul(statesBefore(states, first)) : nil,
      context.needs(Input.bias) ? dStateGates.sum(0) : nil,
      context.needs(Input.projection) ? dProjected?.mT.matmul(unprojected) : nil,
    ]
  }

  /// The state before each step, [rows, out].
  private func statesBefore(_ states: Tensor, _ first: Tensor) -> Tensor {
    if batchSizes.first == batchSizes.last {
      let batch = first.shape[0], others = states.shape[0] - batch
      return cat(isReverse ? [states.narrow(0, start: batch, length: others), first] : [first, states.narrow(0, start: 0, length: others)])
    }
    var parts: [Tensor] = [], row = 0
    for (t, size) in batchSizes.enumerated() {
      let earlier = isReverse ? t + 1 : t - 1
      let known = batchSizes.indices.contains(earlier) ? Swift.min(size, batchSizes[earlier]) : 0
      if known > 0 { parts.append(states.narrow(0, start: isReverse ? row + size : row - batchSizes[earlier], length: known)) }
      if known < size { parts.append(first.narrow(0, start: known, length: size - known)) }
      row += size
    }
    return cat(parts)
  }

  // MARK: The same in tensor operations

  /// States, last state and last cell by ordinary operations: the reference, the way of dtypes and devices without a kernel, and that of
  /// gradients that are themselves recorded.
  func composed(_ inputs: [Tensor?]) -> [Tensor] {
    var state = inputs[Input.state]!, cell = inputs[Input.cell]
    let parts = inputs[Input.x]!.split(batchSizes)
    var outputs: [Tensor] = []
    for t in isReverse ? batchSizes.indices.reversed() : Array(batchSizes.indices) {
      func active(_ tensor: Tensor) -> Tensor {
        tensor.shape[0] == batchSizes[t] ? tensor : tensor.narrow(0, start: 0, length: batchSizes[t])
      }
      let next = kind.step(
        parts[t], state: active(state), cell: cell.map(active), weight: inputs[Input.weight]!, bias: inputs[Input.bias],
        projection: inputs[Input.projection])
      outputs.append(next.state)
      state = replacingRows(of: state, with: next.state)
      if let before = cell, let after = next.cell { cell = replacingRows(of: before, with: after) }
    }
    return [cat(isReverse ? outputs.reversed() : outputs), state] + (cell.map { [$0] } ?? [])
  }

  private func replacingRows(of tensor: Tensor, with rows: Tensor) -> Tensor {
    let count = rows.shape[0]
    return count == tensor.shape[0] ? rows : cat([rows, tensor.narrow(0, start: count, length: tensor.shape[0] - count)])
  }

  private func composedDerivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let inputs = (0..<Input.count).map { context.inputIfPresent($0) }
    let wanted = inputs.indices.filter { inputs[$0] != nil && context.needs($0) }
    let known = gradients.prefix(3).indices.filter { gradients[$0] != nil }
    guard !wanted.isEmpty, !known.isEmpty else { return inputs.map { _ in nil } }
    func joined(_ tensors: [Tensor]) -> Tensor { cat(tensors.map { $0.flatten(0, -1) }) }
    let found = vjp(
      { leaves in
        var all = inputs
        for (place, leaf) in zip(wanted, leaves) { all[place] = leaf }
        let results = composed(all)
        return joined(known.map { results[$0] })
      }, at: wanted.map { inputs[$0]! }, cotangent: joined(known.map { gradients[$0]! })
    ).gradients
    return inputs.indices.map { place in wanted.firstIndex(of: place).map { found[$0] } }
  }
}

extension RecurrentSequence: SizedOperation {
  package var sizes: [Int] { batchSizes }
  package func resized(_ sizes: [Int]) -> RecurrentSequence { RecurrentSequence(kind: kind, batchSizes: sizes, isReverse: isReverse) }
}

extension RecurrentKind {
  /// One step, from what the gates get from the input; see `Tensor.recurrentSequence` for the arguments.
  package func step(
    _ x: Tensor, state: Tensor, cell: Tensor?, weight: Tensor, bias: Tensor?, projection: Tensor? = nil
  ) -> (state: Tensor, cell: Tensor?) {
    let fromState = state.linear(weight, bias)
    switch self {
    case .tanh: return ((x + fromState).tanh(), nil)
    case .relu: return ((x + fromState).relu(), nil)
    case .lstm:
      let gates = (x + fromState).chunk(4, dim: -1)
      let next = Pointwise.lstmCell([gates[0], gates[1], gates[2], cell!])
      let output = Pointwise.lstmOutput(gates[3], next)
      return (projection.map { output.linear($0) } ?? output, next)
    case .gru: return (Pointwise.gruState(x.chunk(3, dim: -1) + fromState.chunk(3, dim: -1) + [state]), nil)
    }
  }
}

extension Tensor {
  /// One direction of one recurrent layer over sequences whose rows lie as in a packed sequence (see `PackedSequence`).
  ///
  /// - Parameters:
  ///   - weight: of the state, [gates · hidden, out]; `bias` likewise (GRUs only: the other kinds' is to be part of these rows).
  ///   - projection: of an LSTM's output, [out, hidden].
  ///   - batchSizes: how many sequences have an element at each time, never rising.
  /// - Returns: the states of all rows, the last state, and for LSTMs the last cell.
  public func recurrentSequence(
    _ kind: RecurrentKind, state: Tensor, cell: Tensor? = nil, weight: Tensor, bias: Tensor? = nil, projection: Tensor? = nil,
    batchSizes: [Int], reverse: Bool = false
  ) -> (states: Tensor, state: Tensor, cell: Tensor?) {
    let operation = RecurrentSequence(kind: kind, batchSizes: batchSizes, isReverse: reverse)
    let inputs = [self, state, cell, weight, bias, projection]
    let results =
      operation.hasKernel(inputs)
      ? apply(operation, inputs, count: 6)
      : compose(operation.callName, count: 3, inputs) { () throws(EmberError) in
        try operation.check(inputs)
        return operation.composed(inputs)
      }
    return (results[0], results[1], kind == .lstm ? results[2] : nil)
  }
}
