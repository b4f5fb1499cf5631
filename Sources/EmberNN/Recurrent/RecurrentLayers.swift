import EmberFunctional
import EmberTensor

/// Which function a plain recurrent network applies to the sum of both sides.
public enum RNNNonlinearity: String, Sendable {
  case tanh, relu

  var cell: RecurrentCell { self == .tanh ? .tanh : .relu }
}

/// A recurrent network of plain cells: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or max(…, 0). Elman, "Finding structure in time", 1990.
///
/// Inputs are [steps, batch, features] ([batch, steps, features] with `batchFirst`), [steps, features] without a batch, or packed. States
/// are [layers · directions, batch, hidden]. Outputs hold the last layer's h of all steps; both directions' one after the other.
///
/// ```swift
/// let rnn = RNN(10, 20, numLayers: 2)
/// let (output, h) = rnn(x)
/// let (more, _) = rnn(next, h)
/// ```
open class RNN: RNNBase, Layer {
  public final let nonlinearity: RNNNonlinearity

  public init(
    _ inputSize: Int, _ hiddenSize: Int, numLayers: Int = 1, nonlinearity: RNNNonlinearity = .tanh, bias: Bool = true,
    batchFirst: Bool = false, dropout: Double = 0, bidirectional: Bool = false, dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.nonlinearity = nonlinearity
    super.init(
      nonlinearity.cell, inputSize, hiddenSize, numLayers: numLayers, bias: bias, batchFirst: batchFirst, dropout: dropout,
      bidirectional: bidirectional, projSize: 0, dtype: dtype, device: device)
  }

  open func forward(_ input: (input: Tensor, state: Tensor?)) -> (output: Tensor, state: Tensor) {
    let (output, end) = run(input.input, input.state.map { RecurrentState(h: $0) })
    return (output, end.h)
  }

  /// - Parameter state: h to begin with; zeros if it is left out.
  public final func callAsFunction(
    _ input: Tensor, _ state: Tensor? = nil, file: StaticString = #fileID, line: Int = #line
  ) -> (output: Tensor, state: Tensor) { self((input, state), file: file, line: line) }

  public final func callAsFunction(
    _ input: PackedSequence, _ state: Tensor? = nil, file: StaticString = #fileID, line: Int = #line
  ) -> (output: PackedSequence, state: Tensor) {
    called(with: (input: input, state: state), file: file, line: line) { given in
      let (output, end) = run(given.input, given.state.map { RecurrentState(h: $0) })
      return (output: output, state: end.h)
    }
  }

  open override var settings: String { super.settings + (nonlinearity == .relu ? ", nonlinearity=relu" : "") }
}

/// A recurrent network of gated recurrent units; Cho et al., arXiv:1406.1078.
///
/// r = σ(W_ir x + b_ir + W_hr h + b_hr), z likewise, n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 - z) n + z h.
/// Shapes are those of `RNN`.
open class GRU: RNNBase, Layer {
  public init(
    _ inputSize: Int, _ hiddenSize: Int, numLayers: Int = 1, bias: Bool = true, batchFirst: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init(
      .gru, inputSize, hiddenSize, numLayers: numLayers, bias: bias, batchFirst: batchFirst, dropout: dropout,
      bidirectional: bidirectional, projSize: 0, dtype: dtype, device: device)
  }

  open func forward(_ input: (input: Tensor, state: Tensor?)) -> (output: Tensor, state: Tensor) {
    let (output, end) = run(input.input, input.state.map { RecurrentState(h: $0) })
    return (output, end.h)
  }

  /// - Parameter state: h to begin with; zeros if it is left out.
  public final func callAsFunction(
    _ input: Tensor, _ state: Tensor? = nil, file: StaticString = #fileID, line: Int = #line
  ) -> (output: Tensor, state: Tensor) { self((input, state), file: file, line: line) }

  public final func callAsFunction(
    _ input: PackedSequence, _ state: Tensor? = nil, file: StaticString = #fileID, line: Int = #line
  ) -> (output: PackedSequence, state: Tensor) {
    called(with: (input: input, state: state), file: file, line: line) { given in
      let (output, end) = run(given.input, given.state.map { RecurrentState(h: $0) })
      return (output: output, state: end.h)
    }
  }
}

/// A recurrent network of long short-term memories; Hochreiter and Schmidhuber, 1997, with forget gates (Gers et al., 2000) and perhaps
/// a projection of h (Sak et al., arXiv:1402.1128).
///
/// i, f, o = σ(W x + b + W' h + b'), g = tanh(…), c' = f c + i g, h' = o tanh(c'), with `projSize` W_hr h'. Shapes are those of `RNN`; the
/// extent of h and of the outputs is `projSize` if that is not 0.
///
/// ```swift
/// let lstm = LSTM(10, 20, numLayers: 2)
/// let (output, (h, c)) = lstm(x)
/// let (more, _) = lstm(next, (h, c))
/// ```
open class LSTM: RNNBase, Layer {
  public typealias State = (h: Tensor, c: Tensor)

  public init(
    _ inputSize: Int, _ hiddenSize: Int, numLayers: Int = 1, bias: Bool = true, batchFirst: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, projSize: Int = 0, dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init(
      .lstm, inputSize, hiddenSize, numLayers: numLayers, bias: bias, batchFirst: batchFirst, dropout: dropout,
      bidirectional: bidirectional, projSize: projSize, dtype: dtype, device: device)
  }

  open func forward(_ input: (input: Tensor, state: State?)) -> (output: Tensor, state: State) {
    let (output, end) = run(input.input, input.state.map { RecurrentState(h: $0.h, c: $0.c) })
    return (output, (end.h, end.c ?? .poison))
  }

  /// - Parameter state: h and c to begin with; zeros if they are left out.
  public final func callAsFunction(
    _ input: Tensor, _ state: State? = nil, file: StaticString = #fileID, line: Int = #line
  ) -> (output: Tensor, state: State) { self((input, state), file: file, line: line) }

  public final func callAsFunction(
    _ input: PackedSequence, _ state: State? = nil, file: StaticString = #fileID, line: Int = #line
  ) -> (output: PackedSequence, state: State) {
    called(with: (input: input, state: state), file: file, line: line) { given in
      let (output, end) = run(given.input, given.state.map { RecurrentState(h: $0.h, c: $0.c) })
      return (output: output, state: (h: end.h, c: end.c ?? .poison))
    }
  }
}
