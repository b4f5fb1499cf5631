import EmberFunctional
import EmberRuntime
import EmberTensor

/// Recurrent layers.
extension OperatorTable {
  mutating func addRecurrent() {
    add("RNN", numbers: [4]) { call in try RecurrentCall(call, .rnn).outputs() }
    add("GRU", numbers: [4]) { call in try RecurrentCall(call, .gru).outputs() }
    add("LSTM", numbers: [4]) { call in try RecurrentCall(call, .lstm).outputs() }
  }
}

/// One recurrent layer: its inputs in the layout [time, batch, features], and its settings.
private struct RecurrentCall {
  enum Kind {
    case rnn, gru, lstm

    /// Blocks of `hidden` rows in the weights.
    var gates: Int {
      switch self {
      case .rnn: 1
      case .gru: 3
      case .lstm: 4
      }
    }
    /// Functions that a direction has.
    var functions: [String] {
      switch self {
      case .rnn: ["Tanh"]
      case .gru: ["Sigmoid", "Tanh"]
      case .lstm: ["Sigmoid", "Tanh", "Tanh"]
      }
    }
  }

  typealias Function = (Tensor) -> Tensor

  let call: OperatorCall
  let kind: Kind
  let x: Tensor
  let weight: Tensor
  let recurrentWeight: Tensor
  let bias: Tensor?
  let lengths: [Int]?
  let state: Tensor?
  let cell: Tensor?
  let peepholes: Tensor?
  let hidden: Int
  let directions: [Bool]
  let isBatchFirst: Bool
  let clip: Double?
  /// The cell's functions, those of each direction after the other.
  let functions: [Function]
  let areFunctionsCommon: Bool
  let couplesInput: Bool
  let resetsAfter: Bool

  init(_ call: OperatorCall, _ kind: Kind) throws {
    self.call = call
    self.kind = kind
    let hasBatchFirst = try call.int("layout", 0) == 1
    func timeFirst(_ x: Tensor) -> Tensor { hasBatchFirst && x.rank == 3 ? x.transpose(0, 1) : x }
    isBatchFirst = hasBatchFirst
    x = timeFirst(try call.tensor(0))
    weight = try call.tensor(1)
    recurrentWeight = try call.tensor(2)
    bias = try call.optionalTensor(3)
    state = try call.optionalTensor(5).map(timeFirst)
    cell = kind == .lstm ? try call.optionalTensor(6).map(timeFirst) : nil
    peepholes = kind == .lstm ? try call.optionalTensor(7) : nil
    let direction = try call.string("direction", oneOf: ["forward", "reverse", "bidirectional"])
    directions = direction == "bidirectional" ? [false, true] : [direction == "reverse"]
    guard x.rank == 3, weight.rank == 3, recurrentWeight.rank == 3 else {
      throw call.failure("\(describe(x)) with weights \(describe(weight)), \(describe(recurrentWeight)); all have three dimensions", .shape)
    }
    hidden = try call.int("hidden_size") ?? recurrentWeight.shape[2]
    guard hidden > 0, hidden < 1 << 30 else { throw call.failure("hidden_size is \(hidden)") }
    let count = directions.count, rows = kind.gates * hidden, batch = x.shape[1]
    func check(_ tensor: Tensor?, _ shape: [Int], _ name: String) throws {
      guard let tensor, Array(tensor.shape) != shape else { return }
      throw call.failure("\(name) is \(describe(tensor)), where \(shape) is needed", .shape)
    }
    try check(weight, [count, rows, x.shape[2]], "the weight")
    try check(recurrentWeight, [count, rows, hidden], "the recurrent weight")
    try check(bias, [count, 2 * rows], "the bias")
    try check(state, [count, batch, hidden], "the first state")
    try check(cell, [count, batch, hidden], "the first cell")
    try check(peepholes, [count, 3 * hidden], "the peephole weights")
    let given = try call.optionalInts(4)
    let time = x.shape[0]
    lengths = given.flatMap { $0.allSatisfy { $0 == time } ? nil : $0 }
    if let given, given.count != batch || !given.allSatisfy({ (0...time).contains($0) }) {
      throw call.failure("lengths \(given) of \(batch) sequences of \(time)", .index)
    }
    clip = try call.double("clip")
    couplesInput = try call.flag("input_forget")
    resetsAfter = try call.flag("linear_before_reset")
    let common = (0..<count).flatMap { _ in kind.functions }
    let names = try call.strings("activations") ?? common
    guard names.count == common.count else { throw call.failure("\(names.count) activations, where \(common.count) are needed") }
    var alphas = try call.doubles("activation_alpha") ?? [], betas = try call.doubles("activation_beta") ?? []
    functions = try names.map { try Self.function($0, &alphas, &betas, call) }
    areFunctionsCommon = names.map { $0.lowercased() } == common.map { $0.lowercased() }
  }

  /// A function by name; those that have numbers take them off the lists.
  private static func function(_ name: String, _ alphas: inout [Double], _ betas: inout [Double], _ call: OperatorCall) throws -> Function {
    func alpha(_ fallback: Double) -> Double { alphas.isEmpty ? fallback : alphas.removeFirst() }
    func beta(_ fallback: Double) -> Double { betas.isEmpty ? fallback : betas.removeFirst() }
    switch name.lowercased() {
    case "relu": return { $0.relu() }
    case "tanh": return { $0.tanh() }
    case "sigmoid": return { $0.sigmoid() }
    case "softsign": return { $0.softSign() }
    case "softplus": return { $0.softplus() }
    case "affine":
      let a = alpha(1), b = beta(0)
      return { $0 * a + b }
    case "leakyrelu":
      let a = alpha(0.01)
      return { $0.leakyReLU(negativeSlope: a) }
    case "thresholdedrelu":
      let a = alpha(1)
      return { $0.maskedFill(($0 .> a).logicalNot(), 0) }
    case "scaledtanh":
      let a = alpha(1), b = beta(1)
      return { ($0 * b).tanh() * a }
    case "hardsigmoid":
      let a = alpha(0.2), b = beta(0.5)
      return { ($0 * a + b).clamp(min: 0.0, max: 1.0) }
    case "elu":
      let a = alpha(1)
      return { $0.elu(alpha: a) }
    default: throw call.failure("the unknown activation '\(name)'")
    }
  }

  func outputs() throws -> [Tensor?] {
    var all: [Tensor] = [], states: [Tensor] = [], cells: [Tensor] = []
    for index in directions.indices {
      let result = canUseSequence ? sequence(index) : steps(index)
      all.append(result.outputs)
      states.append(result.state)
      if let cell = result.cell { cells.append(cell) }
    }
    // [time, directions, batch, hidden], or [batch, time, directions, hidden].
    let outputs = directions.count == 1 ? all[0].unsqueeze(isBatchFirst ? 2 : 1) : stack(all, dim: isBatchFirst ? 2 : 1)
    func joined(_ parts: [Tensor]) -> Tensor { stack(parts, dim: isBatchFirst ? 1 : 0) }
    return [isBatchFirst ? outputs.transpose(0, 1) : outputs, joined(states)] + (kind == .lstm ? [joined(cells)] : [])
  }

  // MARK: All steps in one operation

  private var canUseSequence: Bool {
    areFunctionsCommon && clip == nil && peepholes == nil && !couplesInput && lengths == nil && (kind != .gru || resetsAfter)
      && x.elementCount > 0
  }

  /// ONNX orders the gates input, output, forget, cell and update, reset, new; Ember as PyTorch does.
  private func reordered(_ rows: Tensor) -> Tensor {
    let order =
      switch kind {
      case .rnn: [0]
      case .gru: [1, 0, 2]
      case .lstm: [0, 2, 3, 1]
      }
    return order.count == 1 ? rows : cat(order.map { rows.narrow(0, start: $0 * hidden, length: hidden) })
  }

  private func sequence(_ index: Int) -> (outputs: Tensor, state: Tensor, cell: Tensor?) {
    let time = x.shape[0], batch = x.shape[1], rows = kind.gates * hidden
    let inputBias = bias?.select(0, index).narrow(0, start: 0, length: rows)
    let stateBias = bias?.select(0, index).narrow(0, start: rows, length: rows)
    var added = inputBias
    if kind != .gru, let inputBias, let stateBias { added = inputBias + stateBias }
    let gates = x.reshape([time * batch, x.shape[2]]).linear(reordered(weight.select(0, index)), added.map(reordered))
    func first(_ given: Tensor?) -> Tensor {
      given?.select(0, index) ?? Tensor.zeros([batch, hidden], dtype: x.dtype, on: x.device)
    }
    let result = gates.recurrentSequence(
      kind == .rnn ? .tanh : kind == .gru ? .gru : .lstm, state: first(state), cell: kind == .lstm ? first(cell) : nil,
      weight: reordered(recurrentWeight.select(0, index)), bias: kind == .gru ? stateBias.map(reordered) : nil,
      batchSizes: Array(repeating: batch, count: time), reverse: directions[index])
    return (result.states.reshape([time, batch, hidden]), result.state, result.cell)
  }

  // MARK: Step by step

  private func clipped(_ x: Tensor) -> Tensor { clip.map { x.clamp(min: -$0, max: $0) } ?? x }

  private func steps(_ index: Int) -> (outputs: Tensor, state: Tensor, cell: Tensor?) {
    let time = x.shape[0], batch = x.shape[1], rows = kind.gates * hidden
    let functions = Array(functions[(index * kind.functions.count)...])
    let inputBias = bias?.select(0, index).narrow(0, start: 0, length: rows)
    let stateBias = bias?.select(0, index).narrow(0, start: rows, length: rows)
    let fromInput = x.reshape([time * batch, x.shape[2]]).linear(weight.select(0, index), inputBias).reshape([time, batch, rows])
    let recurrent = recurrentWeight.select(0, index)
    let zeros = Tensor.zeros([batch, hidden], dtype: x.dtype, on: x.device)
    var h = state?.select(0, index) ?? zeros, c = cell?.select(0, index) ?? zeros
    var outputs = Array(repeating: zeros, count: time)
    for t in directions[index] ? Array((0..<time).reversed()) : Array(0..<time) {
      let next = step(fromInput.select(0, t), h, c, recurrent, stateBias, peepholes?.select(0, index), functions)
      guard let lengths else {
        (h, c) = next
        outputs[t] = h
        continue
      }
      // Sequences that have ended keep their state; their outputs are zeros.
      let isActive = Tensor(lengths.map { t < $0 }, shape: [batch, 1], on: x.device)
      h = `where`(isActive, next.state, h)
      c = `where`(isActive, next.cell, c)
      outputs[t] = next.state.maskedFill(isActive.logicalNot(), 0)
    }
    return (time == 0 ? Tensor.zeros([0, batch, hidden], dtype: x.dtype) : stack(outputs), h, kind == .lstm ? c : nil)
  }

  private func step(
    _ x: Tensor, _ h: Tensor, _ c: Tensor, _ recurrent: Tensor, _ bias: Tensor?, _ peepholes: Tensor?, _ f: [Function]
  ) -> (state: Tensor, cell: Tensor) {
    switch kind {
    case .rnn: return (f[0](clipped(x + h.linear(recurrent, bias))), c)
    case .gru:
      let input = x.chunk(3, dim: 1), weights = recurrent.chunk(3), biases = bias?.chunk(3)
      let z = f[0](clipped(input[0] + h.linear(weights[0], biases?[0])))
      let r = f[0](clipped(input[1] + h.linear(weights[1], biases?[1])))
      let fromState = resetsAfter ? r * h.linear(weights[2], biases?[2]) : (r * h).linear(weights[2], biases?[2])
      let new = f[1](clipped(input[2] + fromState))
      return ((1 - z) * new + z * h, c)
    case .lstm:
      let gates = (x + h.linear(recurrent, bias)).chunk(4, dim: 1), holes = peepholes?.chunk(3)
      let i = f[0](clipped(holes.map { gates[0] + $0[0] * c } ?? gates[0]))
      let forget = couplesInput ? 1 - i : f[0](clipped(holes.map { gates[2] + $0[2] * c } ?? gates[2]))
      let next = forget * c + i * f[1](clipped(gates[3]))
      let o = f[0](clipped(holes.map { gates[1] + $0[1] * next } ?? gates[1]))
      return (o * f[2](next), next)
    }
  }
}
