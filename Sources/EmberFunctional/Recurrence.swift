import EmberRuntime
import EmberTensor

/// The cells of recurrent networks: how a step makes a state from gates, which are linear in the input and the state before.
public enum RecurrentCell: Sendable, Hashable {
  /// tanh(a); Elman, "Finding structure in time", 1990.
  case tanh
  /// max(a, 0)
  case relu
  /// Gates input, forget, cell, output; Hochreiter and Schmidhuber, "Long short-term memory", 1997.
  case lstm
  /// Gates reset, update, new; Cho et al., arXiv:1406.1078, with the reset gate after the product as in cuDNN.
  case gru

  /// How many gates a unit has.
  public var gates: Int {
    switch self {
    case .tanh, .relu: 1
    case .lstm: 4
    case .gru: 3
    }
  }
}

/// The weights of one layer in one direction, or of a cell. Their rows are gate after gate.
public struct RecurrentWeights: Sendable {
  /// [gates · hidden, input]
  public var weightIH: Tensor
  /// [gates · hidden, extent of h]
  public var weightHH: Tensor
  /// [gates · hidden]
  public var biasIH: Tensor?
  public var biasHH: Tensor?
  /// [projection, hidden]: h of an LSTM is projected by it.
  public var weightHR: Tensor?

  public init(weightIH: Tensor, weightHH: Tensor, biasIH: Tensor? = nil, biasHH: Tensor? = nil, weightHR: Tensor? = nil) {
    self.weightIH = weightIH
    self.weightHH = weightHH
    self.biasIH = biasIH
    self.biasHH = biasHH
    self.weightHR = weightHR
  }
}

/// What a step hands on to the next: h, and in an LSTM the cell state c.
public struct RecurrentState: Sendable {
  public var h: Tensor
  public var c: Tensor?

  public init(h: Tensor, c: Tensor? = nil) {
    self.h = h
    self.c = c
  }
}

extension Pointwise {
  /// From the gates i, f, g and c before.
  static let lstmCellState = Pointwise("lstm_cell", roles: Array(repeating: .value, count: 4)) { x, _ in
    EmberRuntime.sigmoid(x[1]) * x[3] + EmberRuntime.sigmoid(x[0]) * EmberRuntime.tanh(x[2])
  }
  /// From the gate o and c.
  static let lstmOutput = Pointwise("lstm_cell") { o, c in EmberRuntime.sigmoid(o) * EmberRuntime.tanh(c) }
  /// From the input sides of r, z, n, their hidden sides, and h before.
  static let gruState = Pointwise("gru_cell", roles: Array(repeating: .value, count: 7)) { x, _ in
    let z = EmberRuntime.sigmoid(x[1] + x[4])
    let n = EmberRuntime.tanh(x[2] + EmberRuntime.sigmoid(x[0] + x[3]) * x[5])
    return n + z * (x[6] - n)
  }
}

extension RecurrentCell {
  /// One step from the input side of the gates, x · weightIHᵀ + biasIH.
  func step(_ inputSide: Tensor, _ state: RecurrentState, _ weights: RecurrentWeights) -> RecurrentState {
    let hiddenSide = state.h.linear(weights.weightHH, weights.biasHH)
    switch self {
    case .tanh: return RecurrentState(h: (inputSide + hiddenSide).tanh())
    case .relu: return RecurrentState(h: (inputSide + hiddenSide).relu())
    case .lstm:
      let gates = (inputSide + hiddenSide).chunk(4, dim: -1)
      let c = Pointwise.lstmCellState([gates[0], gates[1], gates[2], state.c ?? .poison])
      let h = Pointwise.lstmOutput(gates[3], c)
      return RecurrentState(h: weights.weightHR.map { h.linear($0) } ?? h, c: c)
    case .gru: return RecurrentState(h: Pointwise.gruState(inputSide.chunk(3, dim: -1) + hiddenSide.chunk(3, dim: -1) + [state.h]))
    }
  }

  /// One step on inputs [batch, features] or [features]. Shapes were checked.
  package func callAsFunction(_ x: Tensor, _ state: RecurrentState, _ weights: RecurrentWeights) -> RecurrentState {
    step(x.linear(weights.weightIH, weights.biasIH), state, weights)
  }
}

/// The layers of a recurrent network, one upon the other, each in one direction or in both.
public struct RecurrentLayers: Sendable {
  public var cell: RecurrentCell
  /// Layer after layer; in each the direction forwards and then, if there is one, backwards.
  public var weights: [RecurrentWeights]
  public var isBidirectional: Bool
  /// The probability with which elements between layers are dropped.
  public var dropout: Double

  public init(cell: RecurrentCell, weights: [RecurrentWeights], isBidirectional: Bool = false, dropout: Double = 0) {
    self.cell = cell
    self.weights = weights
    self.isBidirectional = isBidirectional
    self.dropout = dropout
  }

  /// The output of the last layer and the last state of each sequence.
  ///
  /// - Parameters:
  ///   - rows: [sum of batchSizes, features], step after step; the sequences of a step in the same order, those that ended last.
  ///   - state: h [layers · directions, batch, extent], c [layers · directions, batch, hidden].
  ///   - batchSizes: how many sequences have each step; never more than the step before.
  public func callAsFunction(_ rows: Tensor, _ state: RecurrentState, batchSizes: [Int]) -> (output: Tensor, state: RecurrentState) {
    let directions = isBidirectional ? 2 : 1
    let h = state.h.unbind(0), c = state.c?.unbind(0)
    var x = rows
    var last: [RecurrentState] = []
    for layer in 0..<(weights.count / directions) {
      if layer > 0, dropout > 0 { x = x.dropout(dropout) }
      var outputs: [Tensor] = []
      for direction in 0..<directions {
        let i = layer * directions + direction
        let pass = RecurrentPass(cell: cell, batchSizes: batchSizes, isReversed: direction == 1)
        let (y, end) = pass(x, RecurrentState(h: h[i], c: c?[i]), weights[i])
        outputs.append(y)
        last.append(end)
      }
      x = outputs.count == 1 ? outputs[0] : cat(outputs, dim: 1)
    }
    return (x, RecurrentState(h: stack(last.map(\.h)), c: state.c == nil ? nil : stack(last.map { $0.c ?? .poison })))
  }
}

/// One layer in one direction over all steps.
struct RecurrentPass: Sendable {
  let cell: RecurrentCell
  let batchSizes: [Int]
  let isReversed: Bool

  func callAsFunction(_ x: Tensor, _ state: RecurrentState, _ weights: RecurrentWeights) -> (Tensor, RecurrentState) {
    let inputs = [x, state.h, state.c, weights.weightIH, weights.weightHH, weights.biasIH, weights.biasHH, weights.weightHR]
    guard Recurrence.supports(inputs) else { return composed(x, state, weights) }
    let results = apply(Recurrence(pass: self), inputs, count: cell == .lstm ? 3 : 2)
    return (results[0], RecurrentState(h: results[1], c: cell == .lstm ? results[2] : nil))
  }

  /// The same of operations that are all differentiable any number of times.
  func composed(_ x: Tensor, _ state: RecurrentState, _ weights: RecurrentWeights) -> (Tensor, RecurrentState) {
    let sides = x.linear(weights.weightIH, weights.biasIH).split(batchSizes)
    var state = state
    var outputs: [Tensor] = []
    for i in batchSizes.indices {
      let t = isReversed ? batchSizes.count - 1 - i : i
      let batch = batchSizes[t], all = state.h.size(0)
      func present(_ x: Tensor) -> Tensor { batch == all ? x : x.narrow(0, start: 0, length: batch) }
      // Sequences that have ended, or have not begun, keep their state.
      func joined(_ new: Tensor, _ old: Tensor) -> Tensor {
        batch == all ? new : cat([new, old.narrow(0, start: batch, length: all - batch)])
      }
      let next = cell.step(sides[t], RecurrentState(h: present(state.h), c: state.c.map(present)), weights)
      outputs.append(next.h)
      state.h = joined(next.h, state.h)
      if let new = next.c, let old = state.c { state.c = joined(new, old) }
    }
    return (cat(isReversed ? outputs.reversed() : outputs), state)
  }
}
