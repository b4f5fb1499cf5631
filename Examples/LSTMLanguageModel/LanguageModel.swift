import Ember

/// Predicts each next word from all before it: embedding, LSTM (Hochreiter and Schmidhuber, 1997), and an output layer that shares the
/// weights of the embedding (Press and Wolf, arXiv:1608.05859).
final class LanguageModel: Module {
  /// What the layers remember: their states and cells, [layers, batch, width].
  typealias State = (h: Tensor, c: Tensor)

  private let embedding: Embedding
  private let lstm: LSTM
  private let dropout: Dropout

  init(words: Int, width: Int = 256, layers: Int = 2, dropout: Double = 0.3) {
    embedding = Embedding(words, width)
    Init.uniform(embedding.$weight, -0.1, 0.1)
    lstm = LSTM(width, width, numLayers: layers, batchFirst: true, dropout: dropout)
    self.dropout = Dropout(dropout)
    super.init()
  }

  /// The logits of the words that follow [batch, time, words], and the state to go on from.
  func logits(_ words: Tensor, state: State?) -> (logits: Tensor, state: State) {
    let (output, new) = lstm(dropout(embedding(words)), state)
    return (dropout(output).linear(embedding.weight), new)
  }

  /// Goes on from some words.
  func generate(_ start: [Int], count: Int, temperature: Double = 0.8) -> [Int] {
    noGrad {
      var words = start, next = Tensor([start]), state: State?
      for _ in 0..<count {
        let result = logits(next, state: state)
        state = result.state
        let last = result.logits.select(1, next.shape[1] - 1)
        next = (last / temperature).softmax(-1).multinomial(1)
        words.append(next.item(as: Int.self))
      }
      return words
    }
  }

  /// The perplexity of a text, read from its beginning.
  func perplexity(_ words: [Int]) throws -> Double {
    let wasTraining = isTraining
    _ = eval()
    defer { train(wasTraining) }
    var mean = RunningMean(), state: State?
    let streams = Streams(words, streams: 8, length: 100)
    try noGrad {
      for i in 0..<streams.count {
        let (inputs, targets) = try streams.element(at: i)
        let result = logits(inputs, state: state)
        state = result.state
        mean.add(result.logits.flatten(0, 1).crossEntropy(targets.flatten()).item(), weight: Double(targets.elementCount))
      }
    }
    return Tensor(mean.value).exp().item()
  }
}

/// Backpropagation through `length` words at a time; what the LSTM remembers is carried on.
func makeTrainer(
  _ model: LanguageModel, _ words: [Int], epochs: Int, streams: Int = 32, length: Int = 35, rate: Double = 3e-3
) -> Trainer<(Tensor, Tensor)> {
  let loader = DataLoader(Streams(words, streams: streams, length: length)) { $0[0] }
  let optimizer = Adam(model.parameters(), learningRate: rate)
  let steps = max(1, epochs * (loader.batchCount ?? 1))
  let schedule = OneCycleLR(optimizer, maximum: rate, totalSteps: steps, rise: 0.1, cyclesMomentum: false)
  var state: LanguageModel.State?
  let trainer = Trainer(
    model: model, optimizer: optimizer, scheduler: schedule, every: .step, loader: loader, epochs: epochs
  ) { inputs, targets in
    // The text begins anew with every epoch.
    if loader.state.batch <= 1 { state = nil }
    let result = model.logits(inputs, state: state)
    state = (result.state.h.detach(), result.state.c.detach())
    return result.logits.flatten(0, 1).crossEntropy(targets.flatten())
  }
  trainer.maximumGradientNorm = 1
  return trainer
}
