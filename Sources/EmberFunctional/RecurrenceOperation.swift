import CEmberKernels
import EmberRuntime
import EmberTensor

/// One layer of a recurrent network in one direction, over all steps. Inputs: x [rows, features], h0 [batch, extent], c0 (LSTM)
/// [batch, hidden], and the weights; see `RecurrentWeights`. Outputs: y [rows, extent], the last h and (LSTM) c, and what the
/// derivative needs: gates, and what the kernels call cells and hidden.
///
/// The input side of all steps is one product; a step is a product with weights that are packed once, behind which the cell's functions
/// run a range of units at a time. The derivative goes back through the steps the same way, and ends with one product a weight.
struct Recurrence: VariadicOperation {
  static let name = "recurrence"
  typealias Forward = @Sendable (ember_recurrence, ember_recurrence_trace, _ h: Tensor, _ c: Tensor?) -> Void
  typealias Backward = @Sendable (ember_recurrence, ember_recurrence_trace, _ h0: Tensor, _ c0: Tensor?, ember_recurrence_gradients) -> Void
  static let kernels = KernelTable<Forward>(
    name,
    cpu: { layer, trace, h, c in
      withUnsafePointer(to: layer) { layer in
        withUnsafePointer(to: trace) { ember_recurrence_forward(layer, $0, h.operand.pointer, c?.operand.pointer) }
      }
    })
  static let backwardKernels = KernelTable<Backward>(
    name,
    cpu: { layer, trace, h0, c0, gradients in
      withUnsafePointer(to: layer) { layer in
        withUnsafePointer(to: trace) { trace in
          withUnsafePointer(to: gradients) { ember_recurrence_backward(layer, trace, h0.operand.pointer, c0?.operand.pointer, $0) }
        }
      }
    })

  let pass: RecurrentPass
  var callName: String {
    switch pass.cell {
    case .tanh: "rnn_tanh"
    case .relu: "rnn_relu"
    case .lstm: "lstm"
    case .gru: "gru"
    }
  }
  var saved: SavedTensors { [.inputs, .output(0), .output(states), .output(states + 1), .output(states + 2)] }
  var undifferentiableOutputs: Set<Int> { [states, states + 1, states + 2] }
  /// Outputs before those for the derivative.
  private var states: Int { pass.cell == .lstm ? 3 : 2 }
  private var keepsCells: Bool { pass.cell == .lstm || pass.cell == .gru }

  /// Whether the kernels can do it: float32 and float64 alone, on a device that has them. Autocast converts products and nothing else,
  /// which only the composed form can do.
  static func supports(_ inputs: [Tensor?]) -> Bool {
    guard let x = inputs[0], x.dtype == .float32 || x.dtype == .float64, !isAutocastEnabled, x.elementCount > 0 else { return false }
    for case let input? in inputs where input.isPoisoned || input.dtype != x.dtype { return false }
    do throws(EmberError) {
      // Nil stands for `meta`, where shapes are all there is.
      _ = (try kernels.kernel(on: x.device), try backwardKernels.kernel(on: x.device))
      return true
    } catch {
      return false
    }
  }

  private func described(_ hidden: Int, _ inputs: [Tensor?], _ sizes: UnsafePointer<Int64>?, _ biasHidden: Tensor?) -> ember_recurrence {
    let cell =
      switch pass.cell {
      case .tanh: EMBER_RECURRENCE_TANH
      case .relu: EMBER_RECURRENCE_RELU
      case .lstm: EMBER_RECURRENCE_LSTM
      case .gru: EMBER_RECURRENCE_GRU
      }
    return ember_recurrence(
      dtype: Int32(inputs[0]!.dtype.rawValue), cell: Int32(cell.rawValue), steps: Int64(pass.batchSizes.count), batch_sizes: sizes,
      backwards: pass.isReversed, hidden: Int64(hidden), projection: Int64(inputs[7]?.shape[0] ?? 0),
      weight_hh: inputs[4]!.operand.pointer, weight_hr: inputs[7]?.operand.pointer, bias_hidden: biasHidden?.operand.pointer)
  }

  private func trace(_ gates: Tensor, _ cells: Tensor?, _ hidden: Tensor?, _ output: Tensor) -> ember_recurrence_trace {
    ember_recurrence_trace(
      gates: gates.operand.pointer, cells: cells?.operand.pointer, hidden: hidden?.operand.pointer, output: output.operand.pointer)
  }

  /// Shapes that do not belong together are an error before a kernel sees them.
  private func check(_ inputs: [Tensor?]) throws(EmberError) {
    let x = inputs[0]!, h0 = inputs[1]!, weightHH = inputs[4]!
    let batch = pass.batchSizes.first ?? 0, extent = h0.rank == 2 ? h0.shape[1] : 0
    let rows = weightHH.rank == 2 ? weightHH.shape[0] : 0, hidden = rows / pass.cell.gates
    let isOrdered = zip(pass.batchSizes, pass.batchSizes.dropFirst()).allSatisfy { $0 >= $1 } && (pass.batchSizes.last ?? 0) > 0
    var fits = isOrdered && x.rank == 2 && x.shape[0] == pass.batchSizes.reduce(0, +) && Array(h0.shape) == [batch, extent]
    fits = fits && hidden > 0 && rows == pass.cell.gates * hidden && Array(weightHH.shape) == [rows, extent]
    fits = fits && inputs[3]!.rank == 2 && inputs[3]!.shape[0] == rows && (pass.cell == .lstm) == (inputs[2] != nil)
    if let c0 = inputs[2] { fits = fits && Array(c0.shape) == [batch, hidden] }
    for bias in [inputs[5], inputs[6]] { fits = fits && bias.map { Array($0.shape) == [rows] } ?? true }
    fits = fits && (inputs[7].map { pass.cell == .lstm && Array($0.shape) == [extent, hidden] } ?? (extent == hidden))
    guard fits else {
      throw EmberError(
        .shape, in: callName, "\(pass.batchSizes.count) steps of at most \(batch) rows do not fit to "
          + inputs.compactMap { $0?.summary }.joined(separator: ", "))
    }
  }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    try check(inputs)
    let x = inputs[0]!, h0 = inputs[1]!, weightHH = try inputs[4]!.dense()
    let hidden = weightHH.shape[0] / pass.cell.gates, rows = x.shape[0]
    func empty(_ shape: Shape) throws(EmberError) -> Tensor { try Tensor.empty(shape: shape, dtype: x.dtype, like: x) }
    func copy(_ x: Tensor) throws(EmberError) -> Tensor {
      let copy = try empty(x.shape)
      if x.backend.holdsData { x.backend.copy(x.operand, to: copy.operand) }
      return copy
    }
    var bias = inputs[5], biasHidden: Tensor?
    if let inputBias = bias, let hiddenBias = inputs[6] {
      bias = inputBias + hiddenBias
      if pass.cell == .gru {
        // The reset gate takes the hidden side of the new gate with its bias.
        let parts = try copy(inputBias)
        bias = cat([(inputBias + hiddenBias).narrow(0, start: 0, length: 2 * hidden), parts.narrow(0, start: 2 * hidden, length: hidden)])
        biasHidden = try hiddenBias.narrow(0, start: 2 * hidden, length: hidden).dense()
      }
    }
    let gates = x.linear(inputs[3]!, bias)
    let y = try empty([rows, h0.shape[1]]), h = try copy(h0), c = pass.cell == .lstm ? try copy(inputs[2]!) : nil
    let cells = keepsCells ? try empty([rows, hidden]) : nil
    let projection = try inputs[7]?.dense(), unprojected = projection == nil ? nil : try empty([rows, hidden])
    if let kernel = try Self.kernels.kernel(on: x.device), !gates.isPoisoned {
      var dense = inputs
      dense[4] = weightHH
      dense[7] = projection
      pass.batchSizes.map(Int64.init).withUnsafeBufferPointer { sizes in
        kernel(described(hidden, dense, sizes.baseAddress, biasHidden), trace(gates, cells, unprojected, y), h, c)
      }
      withExtendedLifetime((dense, biasHidden)) {}
    }
    return [y, h, c, gates, cells, unprojected].compactMap { $0 }
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let inputs = (0..<8).map { context.inputIfPresent($0) }
    if context.isRecordingDerivative { return composedDerivative(gradients, inputs) }
    let results: [Tensor?]? = try? kernelDerivative(gradients, inputs, context)
    return results ?? Array(repeating: .poison, count: 8)
  }

  private func kernelDerivative(
    _ gradients: [Tensor?], _ inputs: [Tensor?], _ context: DerivativeContext
  ) throws(EmberError) -> [Tensor?] {
    let x = inputs[0]!, h0 = try inputs[1]!.dense(), c0 = try inputs[2]?.dense(), weightHH = try inputs[4]!.dense()
    let y = context.output(0), gates = context.output(states)
    let cells = keepsCells ? context.output(states + 1) : nil, projection = try inputs[7]?.dense()
    let unprojected = projection == nil ? nil : context.output(states + 2)
    let hidden = weightHH.shape[0] / pass.cell.gates
    func empty(like other: Tensor) throws(EmberError) -> Tensor { try Tensor.empty(shape: other.shape, dtype: other.dtype, like: other) }
    /// A gradient for the kernel to go on with.
    func begun(_ gradient: Tensor?, like other: Tensor) throws(EmberError) -> Tensor {
      guard let gradient else { return Tensor.zeros(like: other) }
      let copy = try empty(like: other)
      if other.backend.holdsData { other.backend.copy(gradient.operand, to: copy.operand) }
      return copy
    }
    let dOutput = try gradients[0]?.dense()
    let dh = try begun(gradients[1], like: h0), dc = try c0.map { c throws(EmberError) in try begun(gradients[2], like: c) }
    let dGates = try empty(like: gates), dHiddenGates = pass.cell == .gru ? try empty(like: gates) : dGates
    let dProjected = projection == nil ? nil : try empty(like: y)
    if let kernel = try Self.backwardKernels.kernel(on: x.device) {
      var dense = inputs
      dense[4] = weightHH
      dense[7] = projection
      pass.batchSizes.map(Int64.init).withUnsafeBufferPointer { sizes in
        kernel(
          described(hidden, dense, sizes.baseAddress, nil), trace(gates, cells, unprojected, y), h0, c0,
          ember_recurrence_gradients(
            output: dOutput?.operand.pointer, h: dh.operand.pointer, c: dc?.operand.pointer, gates: dGates.operand.pointer,
            hidden_gates: pass.cell == .gru ? dHiddenGates.operand.pointer : nil, projected: dProjected?.operand.pointer))
      }
      withExtendedLifetime((dense, dOutput)) {}
    }
    let dBiasIH = context.needs(5) ? dGates.sum(0) : nil
    return [
      context.needs(0) ? dGates.matmul(inputs[3]!) : nil,
      context.needs(1) ? dh : nil,
      context.needs(2) ? dc : nil,
      context.needs(3) ? dGates.mT.matmul(x) : nil,
      context.needs(4) ? dHiddenGates.mT.matmul(statesBefore(y, h0)) : nil,
      dBiasIH,
      context.needs(6) ? pass.cell == .gru ? dHiddenGates.sum(0) : dBiasIH ?? dGates.sum(0) : nil,
      context.needs(7) ? dProjected.flatMap { d in unprojected.map { d.mT.matmul($0) } } : nil,
    ]
  }

  /// h before each step, [rows, extent].
  private func statesBefore(_ y: Tensor, _ h0: Tensor) -> Tensor {
    let sizes = pass.batchSizes
    var parts: [Tensor] = []
    if sizes.first == sizes.last {
      let others = y.shape[0] - h0.shape[0]
      parts = pass.isReversed ? [y.narrow(0, start: h0.shape[0], length: others), h0] : [h0, y.narrow(0, start: 0, length: others)]
      return cat(parts)
    }
    var row = 0
    for (t, size) in sizes.enumerated() {
      let earlier = pass.isReversed ? t + 1 : t - 1
      let known = sizes.indices.contains(earlier) ? min(size, sizes[earlier]) : 0
      if known > 0 { parts.append(y.narrow(0, start: pass.isReversed ? row + size : row - sizes[earlier], length: known)) }
      if known < size { parts.append(h0.narrow(0, start: known, length: size - known)) }
      row += size
    }
    return cat(parts)
  }

  /// The derivative with a history of its own: that of the composed form.
  private func composedDerivative(_ gradients: [Tensor?], _ inputs: [Tensor?]) -> [Tensor?] {
    let places = inputs.indices.filter { inputs[$0] != nil }
    /// Outputs as one vector.
    func joined(_ parts: [Tensor]) -> Tensor { cat(parts.map { $0.flatten(0, -1) }) }
    func outputs(_ leaves: [Tensor]) -> [Tensor] {
      var all: [Tensor?] = Array(repeating: nil, count: inputs.count)
      for (place, leaf) in zip(places, leaves) { all[place] = leaf }
      let weights = RecurrentWeights(weightIH: all[3]!, weightHH: all[4]!, biasIH: all[5], biasHH: all[6], weightHR: all[7])
      let (y, state) = pass.composed(all[0]!, RecurrentState(h: all[1]!, c: all[2]), weights)
      return [y, state.h] + (state.c.map { [$0] } ?? [])
    }
    let x = inputs[0]!, h0 = inputs[1]!, c0 = inputs[2]
    let shapes = [[x.shape[0], h0.shape[1]], Array(h0.shape)] + (c0.map { [Array($0.shape)] } ?? [])
    let cotangent = joined(
      shapes.enumerated().map { i, shape in gradients[i] ?? Tensor.zeros(shape, dtype: x.dtype, on: x.device) })
    let found = vjp({ joined(outputs($0)) }, at: places.map { inputs[$0]! }, cotangent: cotangent).gradients
    var results: [Tensor?] = Array(repeating: nil, count: inputs.count)
    for (place, gradient) in zip(places, found) { results[place] = gradient }
    return results
  }
}
