import CEmberKernels
import EmberCUDA
import EmberRuntime
import EmberTensor

/// The steps of one recurrent layer in one direction, on a device: per step one matrix product and one kernel for the cells.
///
/// The order of steps, what is read and what is left behind are those of the CPU's `ember_recurrence_forward` and `…_backward`.
private struct RecurrentPass {
  let backend: CUDABackend
  let dtype: DType
  let layer: ember_recurrence
  let trace: ember_recurrence_trace
  let gates: Int
  let hidden: Int
  /// Of the state.
  let extent: Int
  let batchSizes: [Int]

  init(_ backend: CUDABackend, _ layer: ember_recurrence, _ trace: ember_recurrence_trace) {
    self.backend = backend
    self.layer = layer
    self.trace = trace
    dtype = DType(rawValue: UInt8(layer.dtype))!
    hidden = Int(layer.hidden)
    gates = layer.cell == EMBER_RECURRENCE_LSTM.rawValue ? 4 : layer.cell == EMBER_RECURRENCE_GRU.rawValue ? 3 : 1
    extent = layer.projection > 0 ? Int(layer.projection) : hidden
    batchSizes = (0..<Int(layer.steps)).map { Int(layer.batch_sizes[$0]) }
  }

  var isLSTM: Bool { layer.cell == EMBER_RECURRENCE_LSTM.rawValue }
  var isGRU: Bool { layer.cell == EMBER_RECURRENCE_GRU.rawValue }
  var isTanh: Bool { layer.cell == EMBER_RECURRENCE_TANH.rawValue }
  var isProjected: Bool { layer.projection > 0 }

  func at(_ base: UnsafeMutableRawPointer?, _ element: Int) -> UnsafeMutableRawPointer? { base.map { $0 + element * dtype.size } }
  func at(_ base: UnsafeRawPointer?, _ element: Int) -> UnsafeMutableRawPointer? { at(UnsafeMutableRawPointer(mutating: base), element) }

  /// output [rows, columns] = a [rows, depth] · b (+ output), all dense; b [depth, columns], or [columns, depth] if it is transposed.
  func multiply(
    _ a: UnsafeMutableRawPointer?, _ b: UnsafeRawPointer?, isTransposed: Bool, rows: Int, columns: Int, depth: Int,
    into output: UnsafeMutableRawPointer?, accumulate: Bool = false
  ) {
    if rows == 0 { return }
    var product = MatrixProduct(
      dtype: dtype, batch: 1, rows: rows, columns: columns, depth: depth, a: a, aStrides: (0, depth, 1),
      b: UnsafeMutableRawPointer(mutating: b), bStrides: isTransposed ? (0, 1, depth) : (0, columns, 1), output: output)
    product.beta = accumulate ? 1 : 0
    // PyTorch's recurrent layers run in cuDNN, whose setting this follows.
    product.allowsTF32 = CUDA.allowsTF32InConvolutions
    backend.matmul(product)
  }

  // MARK: Forward

  func forward(state: UnsafeMutableRawPointer?, cell: UnsafeMutableRawPointer?) {
    let width = gates * hidden
    backend.withScratch((batchSizes.first ?? 0) * width * dtype.size) { product in
      var row = layer.backwards ? batchSizes.reduce(0, +) : 0
      for t in layer.backwards ? Array(batchSizes.indices.reversed()) : Array(batchSizes.indices) {
        let rows = batchSizes[t]
        if layer.backwards { row -= rows }
        multiply(state, layer.weight_hh, isTransposed: true, rows: rows, columns: width, depth: extent, into: product)
        var step = RecurrentStep(dtype: dtype, rows: rows, hidden: hidden)
        step.input = at(trace.input, row * width)
        step.product = product
        step.gates = at(trace.gates, row * width)
        step.cells = at(trace.cells, row * hidden)
        step.output = isProjected ? at(trace.hidden, row * hidden) : at(trace.output, row * hidden)
        // Sequences that have ended keep their state, those that have not begun their initial one.
        if isLSTM {
          backend.lstmForward(step, cell: cell, state: isProjected ? nil : state)
        } else if isGRU {
          backend.gruForward(step, bias: UnsafeMutableRawPointer(mutating: layer.bias_hh), state: state)
        } else {
          backend.recurrentForward(step, isTanh: isTanh, state: state)
        }
        if isProjected {
          let output = at(trace.output, row * extent)
          multiply(step.output, layer.weight_hr, isTransposed: true, rows: rows, columns: extent, depth: hidden, into: output)
          backend.copyBytes(output, to: state, byteCount: rows * extent * dtype.size)
        }
        if !layer.backwards { row += rows }
      }
    }
  }

  // MARK: Backward

  func backward(initialState: UnsafeMutableRawPointer?, initialCell: UnsafeMutableRawPointer?, _ gradients: ember_recurrence_gradients) {
    let width = gates * hidden, steps = batchSizes.count
    let states: UnsafeMutableRawPointer? = isGRU ? trace.output : trace.cells
    let initial = isGRU ? initialState : initialCell
    let gatesForState: UnsafeMutableRawPointer? = isGRU ? gradients.hidden_gates : gradients.gates
    backend.withScratch(isProjected ? (batchSizes.first ?? 0) * hidden * dtype.size : 0) { unprojected in
      // Against the order of the forward pass, and once more for the gradient of the initial state.
      var row = layer.backwards ? 0 : batchSizes.reduce(0, +)
      var pending = (row: 0, rows: 0)
      for i in 0...steps {
        let t = layer.backwards ? i : steps - 1 - i, earlier = layer.backwards ? t + 1 : t - 1
        let rows = i == steps ? 0 : batchSizes[t]
        let first = layer.backwards ? row : row - rows
        // A GRU's gradient has a part that goes past the gates.
        multiply(
          at(gatesForState, pending.row * width), layer.weight_hh, isTransposed: false, rows: pending.rows, columns: extent, depth: width,
          into: gradients.h, accumulate: isGRU)
        var step = RecurrentStep(dtype: dtype, rows: rows, hidden: hidden)
        step.gradient = gradients.h
        step.outputGradient = at(gradients.output, first * hidden)
        if isProjected, rows > 0 {
          let projected = at(gradients.projected, first * extent)
          backend.recurrentAdd(gradients.h, at(gradients.output, first * extent), into: projected, dtype, count: rows * extent)
          multiply(projected, layer.weight_hr, isTransposed: false, rows: rows, columns: hidden, depth: extent, into: unprojected)
          step.gradient = unprojected
          step.outputGradient = nil
        }
        if rows > 0 {
          let isFirst = !batchSizes.indices.contains(earlier)
          step.alive = isFirst ? 0 : min(rows, batchSizes[earlier])
          let before = isFirst ? 0 : layer.backwards ? first + rows : first - batchSizes[earlier]
          step.before = at(states, before * hidden)
          step.initial = initial
          step.gates = at(trace.gates, first * width)
          step.cells = at(trace.cells, first * hidden)
          step.output = at(trace.output, first * extent)
          step.gatesGradient = at(gradients.gates, first * width)
          if isLSTM {
            backend.lstmBackward(step, cellGradient: gradients.c)
          } else if isGRU {
            backend.gruBackward(step, stateGatesGradient: at(gradients.hidden_gates, first * width))
          } else {
            backend.recurrentBackward(step, isTanh: isTanh)
          }
        }
        pending = (first, rows)
        row = layer.backwards ? row + rows : row - rows
      }
    }
  }
}

extension RecurrentSequence {
  static let cudaKernel: Forward = { layer, trace, state, cell in
    RecurrentPass(state.backend as! CUDABackend, layer, trace).forward(state: state.operand.pointer, cell: cell.operand.pointer)
  }

  static let cudaBackwardKernel: Backward = { layer, trace, state, cell, gradients in
    RecurrentPass(state.backend as! CUDABackend, layer, trace).backward(
      initialState: state.operand.pointer, initialCell: cell?.operand.pointer, gradients)
  }
}
