import EmberFunctional
import EmberRuntime
import EmberTensor

/// What the cells share. Parameters are `weight_ih` [gates · hidden, input], `weight_hh` [gates · hidden, hidden], `bias_ih` and `bias_hh`
/// [gates · hidden], uniform in ±1 / √hidden at first.
open class RNNCellBase: Module {
  @Parameter public final var weightIH: Tensor
  @Parameter public final var weightHH: Tensor
  private final let _biasIH: Parameter?
  private final let _biasHH: Parameter?
  public final let inputSize: Int
  public final let hiddenSize: Int
  final let cell: RecurrentCell

  init(_ cell: RecurrentCell, _ inputSize: Int, _ hiddenSize: Int, bias: Bool, dtype: DType, device: Device) {
    if inputSize < 0 || hiddenSize < 0 {
      raise(EmberError(.value, in: "\(Self.self)", "inputSize \(inputSize), hiddenSize \(hiddenSize); neither can be negative"))
    }
    self.cell = cell
    self.inputSize = max(inputSize, 0)
    self.hiddenSize = max(hiddenSize, 0)
    let rows = cell.gates * self.hiddenSize, bound = hiddenSize > 0 ? 1 / Double(hiddenSize).squareRoot() : 0
    func made(_ shape: [Int]) -> Tensor { Tensor.uniform(shape, -bound, bound, dtype: dtype, on: device) }
    weightIH = made([rows, self.inputSize])
    weightHH = made([rows, self.hiddenSize])
    _biasIH = bias ? Parameter(wrappedValue: made([rows])) : nil
    _biasHH = bias ? Parameter(wrappedValue: made([rows])) : nil
    super.init()
  }

  public final var biasIH: Tensor? { _biasIH?.wrappedValue }
  public final var biasHH: Tensor? { _biasHH?.wrappedValue }

  /// One step on [batch, input] or [input].
  final func step(_ input: Tensor, _ h: Tensor?, _ c: Tensor? = nil) -> RecurrentState {
    let name = "\(Swift.type(of: self))"
    let failed = RecurrentState(h: .poison, c: .poison)
    guard mayRunSlowly(name, [input, h, c]) else { return failed }
    guard input.rank == 1 || input.rank == 2, input.size(-1) == inputSize else {
      raise(EmberError(.shape, in: name, "input \(input.summary); it must be [batch, \(inputSize)] or [\(inputSize)]"))
      return failed
    }
    let shape = Array(input.shape.dropLast()) + [hiddenSize]
    for state in [h, c] {
      if let state, Array(state.shape) != shape {
        raise(
          EmberError(
            state.rank == 1 || state.rank == 2 ? .shape : .value, in: name,
            "state \(state.summary) for input \(input.summary); it must be \(shape)"))
        return failed
      }
    }
    func zeros() -> Tensor { Tensor.zeros(shape, dtype: input.dtype, on: input.device) }
    let before = RecurrentState(h: h ?? zeros(), c: cell == .lstm ? c ?? zeros() : nil)
    return cell(input, before, RecurrentWeights(weightIH: weightIH, weightHH: weightHH, biasIH: biasIH, biasHH: biasHH))
  }

  open override var settings: String { "\(inputSize), \(hiddenSize)" + (_biasIH == nil ? ", bias=False" : "") }
}

/// One step of a plain recurrent network, [batch, input] and h [batch, hidden] to h; see `RNN`.
open class RNNCell: RNNCellBase, Layer {
  public final let nonlinearity: RNNNonlinearity

  public init(
    _ inputSize: Int, _ hiddenSize: Int, bias: Bool = true, nonlinearity: RNNNonlinearity = .tanh, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    self.nonlinearity = nonlinearity
    super.init(nonlinearity.cell, inputSize, hiddenSize, bias: bias, dtype: dtype, device: device)
  }

  open func forward(_ input: (input: Tensor, state: Tensor?)) -> Tensor { step(input.input, input.state).h }

  /// - Parameter state: h before; zeros if it is left out.
  public final func callAsFunction(_ input: Tensor, _ state: Tensor? = nil, file: StaticString = #fileID, line: Int = #line) -> Tensor {
    self((input, state), file: file, line: line)
  }

  open override var settings: String { super.settings + (nonlinearity == .relu ? ", nonlinearity=relu" : "") }
}

/// One step of gated recurrent units; see `GRU`.
open class GRUCell: RNNCellBase, Layer {
  public init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool = true, dtype: DType = .float32, on device: Device = .cpu) {
    super.init(.gru, inputSize, hiddenSize, bias: bias, dtype: dtype, device: device)
  }

  open func forward(_ input: (input: Tensor, state: Tensor?)) -> Tensor { step(input.input, input.state).h }

  /// - Parameter state: h before; zeros if it is left out.
  public final func callAsFunction(_ input: Tensor, _ state: Tensor? = nil, file: StaticString = #fileID, line: Int = #line) -> Tensor {
    self((input, state), file: file, line: line)
  }
}

/// One step of long short-term memories; see `LSTM`.
open class LSTMCell: RNNCellBase, Layer {
  public init(_ inputSize: Int, _ hiddenSize: Int, bias: Bool = true, dtype: DType = .float32, on device: Device = .cpu) {
    super.init(.lstm, inputSize, hiddenSize, bias: bias, dtype: dtype, device: device)
  }

  open func forward(_ input: (input: Tensor, state: LSTM.State?)) -> LSTM.State {
    let after = step(input.input, input.state?.h, input.state?.c)
    return (after.h, after.c ?? .poison)
  }

  /// - Parameter state: h and c before; zeros if they are left out.
  public final func callAsFunction(
    _ input: Tensor, _ state: LSTM.State? = nil, file: StaticString = #fileID, line: Int = #line
  ) -> LSTM.State { self((input, state), file: file, line: line) }
}
