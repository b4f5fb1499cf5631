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
}

/// One direction of one recurrent layer over whole sequences: all steps in one operation.
///
/// Inputs: what the gates get from the layer's input, [rows, gates · hidden], the input's bias (and, but for GRUs, the state's) added; the first
/// state [batch, out]; the first cell [batch, hidden] (LSTM); the state's weights [gates · hidden, out]; the state's bias (GRU);
/// a projection [out, hidden] (LSTM). Rows lie as in a packed sequence: those of time 0 first.
///
/// Results: states [rows, out], the last state, the last cell, and what the derivative reads.
struct RecurrentSequence: VariadicOperation {
  static let name = "recurrent_sequence"
  let kind: RecurrentKind
  /// Sequences that have an element at each time.
  let batchSizes: [Int]
  /// From the last time to the first.
  let isReverse: Bool

  var callName: String {
    switch kind {
    case .tanh, .relu: "rnn"
    case .lstm: "lstm"
    case .gru: "gru"
    }
  }
  var saved: SavedTensors { [.inputs, .output(0), .output(3), .output(4)] }
  let undifferentiableOutputs: Set<Int> = [3, 4]

  private enum Input { static let x = 0, state = 1, cell = 2, weight = 3, bias = 4, projection = 5 }

  /// The first row and the number of rows of each step, in the order in which they are taken.
  private var steps: [(start: Int, count: Int)] {
    var start = 0
    let all = batchSizes.map { count in
      defer { start += count }
      return (start: start, count: count)
    }
    return isReverse ? all.reversed() : all
  }

  // MARK: Forward

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = try inputs[Input.x]!.dense(), weight = try inputs[Input.weight]!.dense()
    let projection = try inputs[Input.projection]?.dense(), bias = try inputs[Input.bias]?.dense()
    let rows = x.shape[0], hidden = weight.shape[0] / kind.gates, out = weight.shape[1]
    func new(_ shape: [Int]) throws(EmberError) -> Tensor { try Tensor.empty(shape: Shape(shape), dtype: x.dtype, like: x) }
    let states = try new([rows, out])
    // The gates after their functions; of a GRU also what the state gives to the new gate.
    let gates = try new([rows, kind.gates * hidden + (kind == .gru ? hidden : 0)])
    let cells = try new(kind == .lstm ? [rows, hidden] : [0])
    let state = try copy(inputs[Input.state]!)
    var cell: Tensor?
    if let first = inputs[Input.cell] { cell = try copy(first) }
    let fromState = try new([batchSizes.max() ?? 0, kind == .gru ? 3 * hidden : projection != nil ? hidden : 0])
    let noCell = try new([0]), lastCell = cell ?? noCell
    guard x.backend.holdsData else { return [states, state, lastCell, gates, cells] }
    if kind != .gru, rows > 0 { x.backend.copy(x.operand, to: gates.operand) }
    for step in steps where step.count > 0 {
      func part(_ tensor: Tensor) -> Tensor { tensor.narrow(0, start: step.start, length: step.count) }
      func active(_ tensor: Tensor) -> Tensor { tensor.narrow(0, start: 0, length: step.count) }
      let before = active(state), after = part(states)
      switch kind {
      case .tanh, .relu:
        product(before, weight, transposed: true, into: part(gates), adding: true)
        (kind == .tanh ? RecurrentCells.tanh : RecurrentCells.relu)([part(gates)], into: [after])
      case .lstm:
        product(before, weight, transposed: true, into: part(gates), adding: true)
        let g = part(gates).split(hidden, dim: 1), c = active(cell!), output = projection == nil ? after : active(fromState)
        RecurrentCells.lstm(g + [c], into: g + [part(cells), output])
        if let projection { product(output, projection, transposed: true, into: after, adding: false) }
        c.backend.copy(part(cells).operand, to: c.operand)
      case .gru:
        let h = active(fromState)
        product(before, weight, transposed: true, into: h, adding: false)
        let xs = part(x).split(hidden, dim: 1), hs = h.split(hidden, dim: 1), g = part(gates).split(hidden, dim: 1)
        if let bias {
          let b = bias.split(hidden, dim: 0)
          RecurrentCells.gruSums([hs[0], hs[1], hs[2], b[0], b[1], b[2]], into: hs)
        }
        RecurrentCells.gru(xs + hs + [before], into: g + [after])
      }
      before.backend.copy(after.operand, to: before.operand)
    }
    return [states, state, lastCell, gates, cells]
  }

  private func copy(_ tensor: Tensor) throws(EmberError) -> Tensor {
    let result = try Tensor.empty(shape: tensor.shape, dtype: tensor.dtype, like: tensor)
    if tensor.backend.holdsData, tensor.elementCount > 0 { tensor.backend.copy(tensor.operand, to: result.operand) }
    return result
  }

  /// a · b or a · bᵀ, dense matrices, into or onto dense rows.
  private func product(_ a: Tensor, _ b: Tensor, transposed: Bool, into result: Tensor, adding: Bool) {
    let depth = a.shape[1]
    var product = MatrixProduct(
      dtype: a.dtype, batch: 1, rows: a.shape[0], columns: result.shape[1], depth: depth, a: a.operand.pointer, aStrides: (0, a.strides[0], a.strides[1]),
      b: b.operand.pointer, bStrides: transposed ? (0, b.strides[1], b.strides[0]) : (0, b.strides[0], b.strides[1]), output: result.operand.pointer)
    product.beta = adding ? 1 : 0
    a.backend.matmul(product)
  }

  // MARK: Derivative

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    if context.isRecordingDerivative { return composedDerivative(gradients, context) }
    var failure: EmberError?
    var results: [Tensor?] = []
    do throws(EmberError) { results = try backward(gradients, context) } catch { failure = error }
    if let failure {
      raise(failure)
      return Array(repeating: nil, count: 6)
    }
    return results
  }

  private func backward(_ gradients: [Tensor?], _ context: DerivativeContext) throws(EmberError) -> [Tensor?] {
    let x = context.input(Input.x), weight = try context.input(Input.weight).dense()
    let projection = try context.inputIfPresent(Input.projection)?.dense()
    let first = context.input(Input.state), firstCell = context.inputIfPresent(Input.cell)
    let states = context.output(0), gates = context.output(3), cells = context.output(4)
    let rows = x.shape[0], hidden = weight.shape[0] / kind.gates, out = weight.shape[1], batch = first.shape[0]
    func new(_ shape: [Int]) throws(EmberError) -> Tensor { try Tensor.empty(shape: Shape(shape), dtype: x.dtype, like: x) }
    let dStates = try gradients[0]?.dense()
    // What flows back through the state; begins with the last state's gradient.
    func started(_ gradient: Tensor?, _ features: Int) throws(EmberError) -> Tensor {
      guard let gradient else { return Tensor.zeros([batch, features], dtype: x.dtype, on: x.device) }
      return try copy(gradient)
    }
    let dState = try started(gradients[1], out)
    var dCell: Tensor?
    if kind == .lstm { dCell = try started(gradients[2], hidden) }
    let dGates = try new([rows, kind.gates * hidden])
    // The state's side of a GRU's gates differs from the input's in the new gate.
    var dStateGates = dGates
    if kind == .gru { dStateGates = try new([rows, 3 * hidden]) }
    // The states before each step, as rows: for the weights' gradient.
    let before = try new([rows, out])
    // A projection's gradient is a product of its outputs' gradients with what was projected.
    var dOutput: Tensor?, dProjected: Tensor?, unprojected: Tensor?
    if projection != nil {
      dOutput = try new([batchSizes.max() ?? 0, hidden])
      dProjected = try new([rows, out])
      unprojected = try new([rows, hidden])
    }
    let isNeeded = x.backend.holdsData && rows > 0
    if isNeeded {
      let steps = self.steps
      // The row of the state that a step began with is the one of the step before it, if the sequence was going on then.
      func rowsBefore(_ i: Int, _ values: Tensor, _ initial: Tensor, into target: Tensor) {
        let step = steps[i]
        let known = i > 0 ? Swift.min(steps[i - 1].count, step.count) : 0
        if known > 0 {
          target.backend.copy(values.narrow(0, start: steps[i - 1].start, length: known).operand, to: target.narrow(0, start: 0, length: known).operand)
        }
        if known < step.count {
          let rest = step.count - known
          target.backend.copy(initial.narrow(0, start: known, length: rest).operand, to: target.narrow(0, start: known, length: rest).operand)
        }
      }
      let cellBefore = try new([kind == .lstm ? batchSizes.max() ?? 0 : 0, hidden])
      for i in steps.indices.reversed() where steps[i].count > 0 {
        let step = steps[i]
        func part(_ tensor: Tensor) -> Tensor { tensor.narrow(0, start: step.start, length: step.count) }
        func active(_ tensor: Tensor) -> Tensor { tensor.narrow(0, start: 0, length: step.count) }
        let dh = active(dState)
        if let dStates { RecurrentCells.sum([dh, part(dStates)], into: [dh]) }
        rowsBefore(i, states, first, into: part(before))
        switch kind {
        case .tanh, .relu:
          (kind == .tanh ? RecurrentCells.tanhBackward : RecurrentCells.reluBackward)([part(states), dh], into: [part(dGates)])
        case .lstm:
          rowsBefore(i, cells, firstCell!, into: active(cellBefore))
          let g = part(gates).split(hidden, dim: 1), dg = part(dGates).split(hidden, dim: 1)
          var dOut = dh
          if let projection, let dOutput, let dProjected, let unprojected {
            dOut = active(dOutput)
            dh.backend.copy(dh.operand, to: part(dProjected).operand)
            product(dh, projection, transposed: false, into: dOut, adding: false)
            RecurrentCells.lstmOutput([g[3], part(cells)], into: [part(unprojected)])
          }
          RecurrentCells.lstmBackward(
            g + [active(cellBefore), part(cells), dOut, active(dCell!)], into: dg + [active(dCell!)])
        case .gru:
          let g = part(gates).split(hidden, dim: 1), dg = part(dGates).split(hidden, dim: 1), dhg = part(dStateGates).split(hidden, dim: 1)
          RecurrentCells.gruBackward(g + [part(before), dh], into: dg + dhg + [dh])
        }
        product(part(dStateGates), weight, transposed: false, into: dh, adding: kind == .gru)
      }
    }
    func weightGradient(_ left: Tensor, _ right: Tensor) -> Tensor { left.mT.matmul(right) }
    return [
      dGates, dState, dCell,
      context.needs(Input.weight) ? weightGradient(dStateGates, before) : nil,
      context.needs(Input.bias) ? dStateGates.sum(0) : nil,
      context.needs(Input.projection) ? weightGradient(dProjected!, unprojected!) : nil,
    ]
  }

  // MARK: The same in tensor operations

  /// States, last state and last cell by ordinary operations: the reference, and the way of gradients that are themselves recorded.
  func composed(_ inputs: [Tensor?]) -> [Tensor] {
    let x = inputs[Input.x]!, weight = inputs[Input.weight]!
    let hidden = weight.shape[0] / kind.gates
    var state = inputs[Input.state]!, cell = inputs[Input.cell]
    var parts: [(start: Int, tensor: Tensor)] = []
    for step in steps where step.count > 0 {
      let own = x.narrow(0, start: step.start, length: step.count)
      let h = state.narrow(0, start: 0, length: step.count)
      let fromState = h.linear(weight, inputs[Input.bias])
      var new: Tensor
      switch kind {
      case .tanh: new = (own + fromState).tanh()
      case .relu: new = (own + fromState).relu()
      case .lstm:
        let g = (own + fromState).split(hidden, dim: 1)
        let c = g[1].sigmoid() * cell!.narrow(0, start: 0, length: step.count) + g[0].sigmoid() * g[2].tanh()
        new = g[3].sigmoid() * c.tanh()
        if let projection = inputs[Input.projection] { new = new.linear(projection) }
        cell = replacingRows(of: cell!, with: c)
      case .gru:
        let xs = own.split(hidden, dim: 1), hs = fromState.split(hidden, dim: 1)
        let reset = (xs[0] + hs[0]).sigmoid(), update = (xs[1] + hs[1]).sigmoid()
        let candidate = (xs[2] + reset * hs[2]).tanh()
        new = candidate + update * (h - candidate)
      }
      parts.append((step.start, new))
      state = replacingRows(of: state, with: new)
    }
    let states = parts.sorted { $0.start < $1.start }.map(\.tensor)
    return [states.isEmpty ? x.narrow(1, start: 0, length: weight.shape[1]) : cat(states), state] + (cell.map { [$0] } ?? [])
  }

  private func replacingRows(of tensor: Tensor, with rows: Tensor) -> Tensor {
    let count = rows.shape[0]
    return count == tensor.shape[0] ? rows : cat([rows, tensor.narrow(0, start: count, length: tensor.shape[0] - count)])
  }

  private func composedDerivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    enableGrad {
      let inputs = (0..<6).map { i -> Tensor? in
        guard let x = context.inputIfPresent(i) else { return nil }
        return context.isRecordingDerivative ? x : context.needs(i) ? x.detach().requiringGrad() : x.detach()
      }
      let wanted = (0..<6).filter { inputs[$0] != nil && context.needs($0) }
      let used = zip(composed(inputs), gradients).filter { $0.requiresGrad && $1 != nil }
      guard !used.isEmpty else { return inputs.map { _ in nil } }
      let results = grad(
        of: used.map(\.0), with: wanted.map { inputs[$0]! }, gradients: used.map(\.1), createGraph: context.isRecordingDerivative)
      return (0..<6).map { i in wanted.firstIndex(of: i).map { results[$0] } }
    }
  }
}

/// The element-wise parts of recurrent cells and of their derivatives.
private enum RecurrentCells {
  static let sum = PointwiseMap("recurrent_sum", inputs: 2) { [$0[0] + $0[1]] }
  static let tanh = PointwiseMap("rnn_tanh", inputs: 1) { [EmberRuntime.tanh($0[0])] }
  static let relu = PointwiseMap("rnn_relu", inputs: 1) { [maximum($0[0], 0)] }
  /// From the new state and its gradient.
  static let tanhBackward = PointwiseMap("rnn_tanh_backward", inputs: 2) { [$0[1] * (1 - $0[0] * $0[0])] }
  static let reluBackward = PointwiseMap("rnn_relu_backward", inputs: 2) { [select($0[0] .> 0, $0[1], 0)] }

  /// Gates before their functions and the cell, to gates after them, the new cell and the output.
  static let lstm = PointwiseMap("lstm_cell", inputs: 5) { x in
    let input = sigmoid(x[0]), forget = sigmoid(x[1]), candidate = EmberRuntime.tanh(x[2]), output = sigmoid(x[3])
    let cell = forget * x[4] + input * candidate
    return [input, forget, candidate, output, cell, output * EmberRuntime.tanh(cell)]
  }
  /// The output that a projection was given: from the output gate and the cell.
  static let lstmOutput = PointwiseMap("lstm_output", inputs: 2) { [$0[0] * EmberRuntime.tanh($0[1])] }
  /// Gates after their functions, the cell before and after, gradients of the output and of the cell, to gradients of the gates and of the cell before.
  static let lstmBackward = PointwiseMap("lstm_cell_backward", inputs: 8) { x in
    let input = x[0], forget = x[1], candidate = x[2], output = x[3]
    let squashed = EmberRuntime.tanh(x[5])
    let cell = x[7] + x[6] * output * (1 - squashed * squashed)
    return [
      cell * candidate * input * (1 - input), cell * x[4] * forget * (1 - forget), cell * input * (1 - candidate * candidate),
      x[6] * squashed * output * (1 - output), cell * forget,
    ]
  }

  static let gruSums = PointwiseMap("gru_bias", inputs: 6) { [$0[0] + $0[3], $0[1] + $0[4], $0[2] + $0[5]] }
  /// The input's and the state's parts and the state, to the gates, the state's part of the new gate, and the new state.
  static let gru = PointwiseMap("gru_cell", inputs: 7) { x in
    let reset = sigmoid(x[0] + x[3]), update = sigmoid(x[1] + x[4])
    let candidate = EmberRuntime.tanh(x[2] + reset * x[5])
    return [reset, update, candidate, x[5], candidate + update * (x[6] - candidate)]
  }
  /// Gates, the state's part of the new gate, the state before and the gradient, to gradients of the input's parts, the state's parts and the state.
  static let gruBackward = PointwiseMap("gru_cell_backward", inputs: 6) { x in
    let reset = x[0], update = x[1], candidate = x[2], gradient = x[5]
    let new = gradient * (1 - update) * (1 - candidate * candidate)
    let r = new * x[3] * reset * (1 - reset), z = gradient * (x[4] - candidate) * update * (1 - update)
    return [r, z, new, r, z, new * reset, gradient * update]
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
    _ kind: RecurrentKind, state: Tensor, cell: Tensor? = nil, weight: Tensor, bias: Tensor? = nil, projection: Tensor? = nil, batchSizes: [Int],
    reverse: Bool = false
  ) -> (states: Tensor, state: Tensor, cell: Tensor?) {
    let operation = RecurrentSequence(kind: kind, batchSizes: batchSizes, isReverse: reverse)
    let results = apply(operation, [self, state, cell, weight, bias, projection], count: 5)
    return (results[0], results[1], kind == .lstm ? results[2] : nil)
  }
}
