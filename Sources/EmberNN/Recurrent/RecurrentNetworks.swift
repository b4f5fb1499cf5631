import EmberFunctional
import EmberRuntime
import EmberTensor

/// Elman networks: h ← tanh(W x + b + U h + c), or relu.
///
/// ```swift
/// let (output, last) = RNN(10, 20, numLayers: 2)(x)        // x: [time, batch, 10]
/// ```
/// The output has the last layer's state at each time, [time, batch, directions · hidden]; the state [layers · directions, batch, hidden].
open class RNN: RecurrentLayer, Layer {
  public enum Nonlinearity: String, Sendable { case tanh, relu }

  public init(
    _ inputSize: Int, _ hiddenSize: Int, numLayers: Int = 1, nonlinearity: Nonlinearity = .tanh, bias: Bool = true, batchFirst: Bool = false,
    dropout: Double = 0, bidirectional: Bool = false, dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init(
      "RNN", nonlinearity == .tanh ? .tanh : .relu, inputSize, hiddenSize, numLayers, bias, batchFirst, dropout, bidirectional, 0, dtype, device)
  }

  open func forward(_ input: Tensor) -> (output: Tensor, state: Tensor) { run(input, nil) }

  /// With a first state [layers · directions, batch, hidden].
  public final func callAsFunction(_ input: Tensor, _ state: Tensor?) -> (output: Tensor, state: Tensor) { withHooks(input) { run($0, state) } }

  private func run(_ input: Tensor, _ state: Tensor?) -> (output: Tensor, state: Tensor) {
    let result = run(input, state, nil)
    return (result.output, result.state)
  }

  public final func callAsFunction(_ input: PackedSequence, _ state: Tensor? = nil) -> (output: PackedSequence, state: Tensor) {
    let result = run(input, state, nil)
    return (result.output, result.state)
  }
}

/// Gated recurrent units; Cho et al., arXiv:1406.1078, with the reset gate applied after the product, as in cuDNN and PyTorch.
open class GRU: RecurrentLayer, Layer {
  public init(
    _ inputSize: Int, _ hiddenSize: Int, numLayers: Int = 1, bias: Bool = true, batchFirst: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init("GRU", .gru, inputSize, hiddenSize, numLayers, bias, batchFirst, dropout, bidirectional, 0, dtype, device)
  }

  open func forward(_ input: Tensor) -> (output: Tensor, state: Tensor) { run(input, nil) }

  /// With a first state [layers · directions, batch, hidden].
  public final func callAsFunction(_ input: Tensor, _ state: Tensor?) -> (output: Tensor, state: Tensor) { withHooks(input) { run($0, state) } }

  private func run(_ input: Tensor, _ state: Tensor?) -> (output: Tensor, state: Tensor) {
    let result = run(input, state, nil)
    return (result.output, result.state)
  }

  public final func callAsFunction(_ input: PackedSequence, _ state: Tensor? = nil) -> (output: PackedSequence, state: Tensor) {
    let result = run(input, state, nil)
    return (result.output, result.state)
  }
}

/// Long short-term memory; Hochreiter and Schmidhuber, 1997, with forget gates, and projections after Sak et al., arXiv:1402.1128.
///
/// ```swift
/// let (output, (h, c)) = LSTM(10, 20, numLayers: 2)(x)        // x: [time, batch, 10]
/// ```
open class LSTM: RecurrentLayer, Layer {
  /// - Parameter projectionSize: features of the output, if these are to be fewer than `hiddenSize`.
  public init(
    _ inputSize: Int, _ hiddenSize: Int, numLayers: Int = 1, bias: Bool = true, batchFirst: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, projectionSize: Int = 0, dtype: DType = .float32, on device: Device = .cpu
  ) {
    super.init("LSTM", .lstm, inputSize, hiddenSize, numLayers, bias, batchFirst, dropout, bidirectional, projectionSize, dtype, device)
  }

  open func forward(_ input: Tensor) -> (output: Tensor, state: (h: Tensor, c: Tensor)) { run(input, nil) }

  /// With first state [layers · directions, batch, out] and cell [layers · directions, batch, hidden].
  public final func callAsFunction(_ input: Tensor, _ state: (Tensor, Tensor)?) -> (output: Tensor, state: (h: Tensor, c: Tensor)) {
    withHooks(input) { run($0, state) }
  }

  private func run(_ input: Tensor, _ state: (Tensor, Tensor)?) -> (output: Tensor, state: (h: Tensor, c: Tensor)) {
    let result = run(input, state?.0, state?.1)
    return (result.output, (result.state, result.cell!))
  }

  public final func callAsFunction(
    _ input: PackedSequence, _ state: (Tensor, Tensor)? = nil
  ) -> (output: PackedSequence, state: (h: Tensor, c: Tensor)) {
    let result = run(input, state?.0, state?.1)
    return (result.output, (result.state, result.cell!))
  }
}
