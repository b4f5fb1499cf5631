import EmberFunctional
import EmberRuntime
import EmberTensor

/// What the cells share: one step of a recurrence. Parameters `weight_ih` [gates · hidden, in], `weight_hh` [gates · hidden, hidden] and
/// two biases, all drawn from ±1 / √hidden.
open class RecurrentCellLayer: Module {
  @Parameter public final var weightIh: Tensor
  @Parameter public final var weightHh: Tensor
  private final let _biasIh: Parameter?
  private final let _biasHh: Parameter?
  public final let inputSize: Int
  public final let hiddenSize: Int
  fileprivate final let kind: RecurrentKind

  init(_ name: String, _ kind: RecurrentKind, _ inputSize: Int, _ hiddenSize: Int, _ bias: Bool, _ dtype: DType, _ device: Device) {
    if inputSize < 1 || hiddenSize < 1 {
      raise(EmberError(.value, in: name, "inputSize \(inputSize), hiddenSize \(hiddenSize); both must be positive"))
    }
    self.kind = kind
    self.inputSize = inputSize
    self.hiddenSize = hiddenSize
    let bound = 1 / Double(Swift.max(hiddenSize, 1)).squareRoot()
    func drawn(_ shape: [Int]) -> Tensor { Tensor.uniform(shape.map { Swift.max($0, 0) }, -bound, bound, dtype: dtype, on: device) }
    let rows = kind.gates * hiddenSize
    weightIh = drawn([rows, inputSize])
    weightHh = drawn([rows, hiddenSize])
    _biasIh = bias ? Parameter(wrappedValue: drawn([rows])) : nil
    _biasHh = bias ? Parameter(wrappedValue: drawn([rows])) : nil
    super.init()
  }

  public final var biasIh: Tensor? { _biasIh?.wrappedValue }
  public final var biasHh: Tensor? { _biasHh?.wrappedValue }
  public final var biasIhCell: StateCell? { _biasIh?.projectedValue }
  public final var biasHhCell: StateCell? { _biasHh?.projectedValue }
  open override var settings: String {
    "\(inputSize), \(hiddenSize)" + (_biasIh == nil ? ", bias=False" : "") + (kind == .relu ? ", nonlinearity=relu" : "")
  }

  /// One step for [batch, in] or [in].
  fileprivate final func step(_ input: Tensor, _ state: Tensor?, _ cell: Tensor? = nil) -> (state: Tensor, cell: Tensor?) {
    if ErrorScopes.hasFailed { return (input, input) }
    guard input.rank == 1 || input.rank == 2, input.shape[-1] == inputSize else {
      raise(
        EmberError(
          .shape, in: "\(Swift.type(of: self))", "input \(input.dtype)\(input.shape); it must be [batch, \(inputSize)] or [\(inputSize)]"))
      return (input, input)
    }
    let isAlone = input.rank == 1
    let x = isAlone ? input.unsqueeze(0) : input
    for (given, what) in [(state, "state"), (cell, "cell")] {
      let expected = isAlone ? [hiddenSize] : [x.shape[0], hiddenSize]
      if let given, given.shape != Shape(expected) {
        raise(
          EmberError(
            .shape, in: "\(Swift.type(of: self))",
            "\(what) \(given.dtype)\(given.shape) for input \(input.dtype)\(input.shape); it must be \(expected)"))
        return (input, input)
      }
    }
    func start(_ given: Tensor?) -> Tensor {
      given.map { isAlone ? $0.unsqueeze(0) : $0 } ?? Tensor.zeros([x.shape[0], hiddenSize], dtype: x.dtype, on: x.device)
    }
    let result = kind.step(
      x.linear(weightIh, biasIh), state: start(state), cell: kind == .lstm ? start(cell) : nil, weight: weightHh, bias: biasHh)
    return isAlone ? (result.state.squeeze(0), result.cell?.squeeze(0)) : (result.state, result.cell)
  }
}

/// One step of an Elman network: [batch, in] and state [batch, hidden] to the next state.
open class RNNCell: RecurrentCellLayer, Layer {
  public init(
    _ inputSize: Int, _ hiddenSize: Int, bias: Bool = true, nonlinearity: RNN.Nonlinearity = .tanh, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    super.init("RNNCell", nonlinearity == .tanh ? .tanh : .relu, inputSize, hiddenSize, bias, dtype, device)
  }

  open func forward(_ input: Tensor) -> Tensor { step(input, nil).state }
  public final func callAsFunction(_ input: Tensor, _ state: Tensor?) -> Tensor { withHooks(input) { step($0, state).state } }
}

/// One step of gated recurrent units: [batch, in] and state [batch, hidden] to the next state.
open class GRUCell: RecurrentCellLayer, Layer {
  public init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool = true, dtype: DType = .float32, on device: Device = .cpu) {
    super.init("GRUCell", .gru, inputSize, hiddenSize, bias, dtype, device)
  }

  open func forward(_ input: Tensor) -> Tensor { step(input, nil).state }
  public final func callAsFunction(_ input: Tensor, _ state: Tensor?) -> Tensor { withHooks(input) { step($0, state).state } }
}

/// One step of long short-term memory: [batch, in], state and cell [batch, hidden] to the next ones.
open class LSTMCell: RecurrentCellLayer, Layer {
  public init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool = true, dtype: DType = .float32, on device: Device = .cpu) {
    super.init("LSTMCell", .lstm, inputSize, hiddenSize, bias, dtype, device)
  }

  open func forward(_ input: Tensor) -> (h: Tensor, c: Tensor) { run(input, nil) }
  public final func callAsFunction(_ input: Tensor, _ state: (Tensor, Tensor)?) -> (h: Tensor, c: Tensor) {
    withHooks(input) { run($0, state) }
  }

  private func run(_ input: Tensor, _ state: (Tensor, Tensor)?) -> (h: Tensor, c: Tensor) {
    let result = step(input, state?.0, state?.1)
    return (result.state, result.cell!)
  }
}
