import Ember

/// Layers of long short-term memory (Hochreiter and Schmidhuber, Neural Computation 9, 1997; with forget gates, Gers et al., 2000),
/// each reading what the one below it puts out: [batch, time, width] to the same.
final class LSTM: Module {
  /// Of each layer: [batch, width].
  typealias State = [(hidden: Tensor, memory: Tensor)]

  private let width: Int
  private let dropout: Dropout
  private let inputs: [Linear]
  private let states: [Linear]

  /// - Parameter dropout: between the layers.
  init(width: Int, layers: Int, dropout: Double) {
    self.width = width
    self.dropout = Dropout(dropout)
    inputs = (0..<layers).map { _ in Linear(width, 4 * width) }
    states = (0..<layers).map { _ in Linear(width, 4 * width, bias: false) }
    super.init()
    // Gates that remember, to begin with.
    for layer in inputs { layer.biasCell?.update { $0[width..<2 * width] = Tensor.ones([width]) } }
  }

  func callAsFunction(_ input: Tensor, _ state: State?) -> (output: Tensor, state: State) {
    var x = input, new: State = []
    for layer in inputs.indices {
      let zeros = Tensor.zeros([input.shape[0], width])
      var (hidden, memory) = state?[layer] ?? (zeros, zeros)
      var outputs: [Tensor] = []
      // What comes from below is known for all times at once; only the state has to wait.
      for gates in inputs[layer](layer == 0 ? x : dropout(x)).unbind(1) {
        let parts = (gates + states[layer](hidden)).chunk(4, dim: 1)
        memory = parts[1].sigmoid() * memory + parts[0].sigmoid() * parts[2].tanh()
        hidden = parts[3].sigmoid() * memory.tanh()
        outputs.append(hidden)
      }
      x = stack(outputs, dim: 1)
      new.append((hidden, memory))
    }
    return (x, new)
  }
}
