import EmberRuntime

/// One step of a recurrent layer on the device: what is done behind its matrix product. All arrays are dense; `rows` is how many sequences
/// have an element at this time. float32, float64, float16, bfloat16.
package struct RecurrentStep {
  package var dtype: DType
  package var rows: Int
  package var hidden: Int
  /// Forward: the input's side of the gates and the state's.
  package var input: UnsafeMutableRawPointer?
  package var product: UnsafeMutableRawPointer?
  package var gates: UnsafeMutableRawPointer?
  package var cells: UnsafeMutableRawPointer?
  package var output: UnsafeMutableRawPointer?
  /// Backward: the states before the step (GRU) or the cells (LSTM), of the first `alive` rows in another step's and of the others in the
  /// initial ones.
  package var before: UnsafeMutableRawPointer?
  package var initial: UnsafeMutableRawPointer?
  package var alive = 0
  /// Backward: the gradient that comes from later steps, and that of the step's own output, or nil.
  package var gradient: UnsafeMutableRawPointer?
  package var outputGradient: UnsafeMutableRawPointer?
  package var gatesGradient: UnsafeMutableRawPointer?

  package init(dtype: DType, rows: Int, hidden: Int) {
    self.dtype = dtype
    self.rows = rows
    self.hidden = hidden
  }

  fileprivate var count: Int { rows * hidden }
}

extension CUDABackend {
  private func launchStep(_ kernel: StaticString, _ step: RecurrentStep, _ arguments: (inout LaunchArguments) -> Void) {
    launch(.recurrence, kernel, [.type(step.dtype)], blocks: (step.count + 255) / 256, threads: 256, arguments)
  }

  /// h' = tanh(input + product) or max(0, …), to the output and to `state`.
  package func recurrentForward(_ step: RecurrentStep, isTanh: Bool, state: UnsafeMutableRawPointer?) {
    launchStep("recurrence_plain_forward", step) {
      $0.add(step.input); $0.add(step.product); $0.add(step.output); $0.add(state); $0.add(Int64(step.count)); $0.add(Int32(isTanh ? 1 : 0))
    }
  }

  package func recurrentBackward(_ step: RecurrentStep, isTanh: Bool) {
    launchStep("recurrence_plain_backward", step) {
      $0.add(step.output); $0.add(step.gradient); $0.add(step.outputGradient); $0.add(step.gatesGradient); $0.add(Int64(step.count))
      $0.add(Int32(isTanh ? 1 : 0))
    }
  }

  /// `cell` is replaced; h' goes to the output and, unless it is nil, to `state`.
  package func lstmForward(_ step: RecurrentStep, cell: UnsafeMutableRawPointer?, state: UnsafeMutableRawPointer?) {
    launchStep("recurrence_lstm_forward", step) {
      $0.add(step.input); $0.add(step.product); $0.add(step.gates); $0.add(step.cells); $0.add(cell); $0.add(step.output); $0.add(state)
      $0.add(Int64(step.rows)); $0.add(Int64(step.hidden))
    }
  }

  /// `cellGradient` is replaced.
  package func lstmBackward(_ step: RecurrentStep, cellGradient: UnsafeMutableRawPointer?) {
    launchStep("recurrence_lstm_backward", step) {
      $0.add(step.gates); $0.add(step.cells); $0.add(step.before); $0.add(step.initial); $0.add(step.gradient); $0.add(step.outputGradient)
      $0.add(cellGradient); $0.add(step.gatesGradient); $0.add(Int64(step.rows)); $0.add(Int64(step.hidden)); $0.add(Int64(step.alive))
    }
  }

  /// `bias`: of the state's side, or nil. `state` is replaced.
  package func gruForward(_ step: RecurrentStep, bias: UnsafeMutableRawPointer?, state: UnsafeMutableRawPointer?) {
    launchStep("recurrence_gru_forward", step) {
      $0.add(step.input); $0.add(step.product); $0.add(bias); $0.add(step.gates); $0.add(step.cells); $0.add(step.output); $0.add(state)
      $0.add(Int64(step.rows)); $0.add(Int64(step.hidden))
    }
  }

  /// Leaves in the step's gradient what goes past the gates; `stateGatesGradient`: of the state's side of the gates.
  package func gruBackward(_ step: RecurrentStep, stateGatesGradient: UnsafeMutableRawPointer?) {
    launchStep("recurrence_gru_backward", step) {
      $0.add(step.gates); $0.add(step.cells); $0.add(step.before); $0.add(step.initial); $0.add(step.gradient); $0.add(step.outputGradient)
      $0.add(step.gatesGradient); $0.add(stateGatesGradient)
      $0.add(Int64(step.rows)); $0.add(Int64(step.hidden)); $0.add(Int64(step.alive))
    }
  }

  /// sum = a + b, where b may be nil.
  package func recurrentAdd(
    _ a: UnsafeMutableRawPointer?, _ b: UnsafeMutableRawPointer?, into sum: UnsafeMutableRawPointer?, _ dtype: DType, count: Int
  ) {
    launch(.recurrence, "recurrence_add", [.type(dtype)], blocks: (count + 255) / 256, threads: 256) {
      $0.add(a); $0.add(b); $0.add(sum); $0.add(Int64(count))
    }
  }
}
