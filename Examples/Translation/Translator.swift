import Ember

/// An encoder and a decoder with attention (Bahdanau, Cho and Bengio, arXiv:1409.0473, with the product scores of Luong, Pham and Manning,
/// arXiv:1508.04025). The encoder reads the verse in both directions; for each piece that it writes, the decoder looks where it needs to.
final class Translator: Module {
  private let marks: Verses.Marks
  private let sourceEmbedding: Embedding
  private let targetEmbedding: Embedding
  private let encoder: GRU
  private let bridge: Linear
  private let keys: Linear
  private let decoder: GRUCell
  private let combination: Linear
  private let output: Linear
  private let dropout: Dropout

  /// What the encoder found: features of each piece [batch, time, 2 · width], what attention compares with [batch, time, width], and
  /// what it may not look at [batch, 1, time].
  struct Encoded {
    let features, keys, isPadding: Tensor
    /// The decoder's first state: [batch, width].
    let state: Tensor
  }

  convenience init(_ verses: Verses, width: Int = 256, dropout: Double = 0.2) {
    self.init(vocabularySize: verses.vocabularySize, marks: verses.marks, width: width, dropout: dropout)
  }

  init(vocabularySize: Int, marks: Verses.Marks, width: Int, dropout: Double = 0.2) {
    self.marks = marks
    sourceEmbedding = Embedding(vocabularySize, width, paddingIndex: marks.padding)
    targetEmbedding = Embedding(vocabularySize, width, paddingIndex: marks.padding)
    encoder = GRU(width, width, batchFirst: true, bidirectional: true)
    bridge = Linear(2 * width, width)
    keys = Linear(2 * width, width, bias: false)
    decoder = GRUCell(3 * width, width)
    combination = Linear(3 * width, width)
    output = Linear(width, vocabularySize)
    self.dropout = Dropout(dropout)
    super.init()
    for table in [sourceEmbedding, targetEmbedding] { table.$weight.update { $0 *= 0.1 } }
  }

  /// - Parameters:
  ///   - sources: [batch, time].
  ///   - lengths: how many pieces each of them has.
  func encode(_ sources: Tensor, lengths: [Int]) -> Encoded {
    let x = dropout(sourceEmbedding(sources))
    let (packed, last) = encoder(packPaddedSequence(x, lengths: lengths, batchFirst: true, enforceSorted: false))
    let features = padPackedSequence(packed, batchFirst: true, totalLength: sources.shape[1]).output
    return Encoded(
      features: features, keys: keys(features), isPadding: (sources .== marks.padding).unsqueeze(1),
      // What each direction ended with.
      state: bridge(cat([last[0], last[1]], dim: 1)).tanh())
  }

  /// The logits of what follows each of `targets` [batch, time], and the state after them.
  func decode(_ targets: Tensor, _ encoded: Encoded, state: Tensor) -> (logits: Tensor, state: Tensor) {
    var hidden = state, outputs: [Tensor] = []
    for piece in dropout(targetEmbedding(targets)).unbind(1) {
      let scores = hidden.unsqueeze(1).matmul(encoded.keys.transpose(1, 2))
      let weights = scores.maskedFill(encoded.isPadding, .real(-.infinity)).softmax(-1)
      let context = weights.matmul(encoded.features).squeeze(1)
      hidden = decoder(cat([piece, context], dim: 1), hidden)
      outputs.append(cat([hidden, context], dim: 1))
    }
    return (output(dropout(combination(stack(outputs, dim: 1)).tanh())), hidden)
  }

  /// The mean cross entropy of the targets' pieces, each predicted from the true ones before it.
  func loss(_ batch: Verses.Batch, labelSmoothing: Double = 0) -> Tensor {
    let encoded = encode(batch.sources, lengths: batch.lengths)
    let length = batch.targets.shape[1] - 1
    let logits = decode(batch.targets.narrow(1, start: 0, length: length), encoded, state: encoded.state).logits
    let wanted = batch.targets.narrow(1, start: 1, length: length).flatten()
    return logits.flatten(0, 1).crossEntropy(wanted, ignoreIndex: marks.padding, labelSmoothing: labelSmoothing)
  }

  /// Translations as numbers, without marks: the likeliest piece each time.
  func translate(_ batch: Verses.Batch, longest: Int = 80) -> [[Int]] {
    noGrad {
      let encoded = encode(batch.sources, lengths: batch.lengths)
      let count = batch.sources.shape[0]
      var state = encoded.state, next = Tensor.full([count, 1], .integer(Int64(marks.start)))
      var translations = [[Int]](repeating: [], count: count), isRunning = Array(repeating: true, count: count)
      for _ in 0..<longest where isRunning.contains(true) {
        let result = decode(next, encoded, state: state)
        state = result.state
        next = result.logits.argmax(-1)
        for (i, piece) in next.flatten().elements(as: Int.self).enumerated() where isRunning[i] {
          if piece == marks.end { isRunning[i] = false } else { translations[i].append(piece) }
        }
      }
      return translations
    }
  }
}

func makeTrainer(_ model: Translator, _ verses: Verses, epochs: Int, batchSize: Int = 64, rate: Double = 2e-3) -> Trainer<Verses.Batch> {
  let loader = DataLoader(ArrayDataset(verses.training), batchSize: batchSize, shuffle: true, seed: 0) { verses.batch($0) }
  let optimizer = Adam(model.parameters(), learningRate: rate)
  let steps = max(1, epochs * (loader.batchCount ?? 1))
  let schedule = OneCycleLR(optimizer, maximum: rate, totalSteps: steps, rise: 0.1, cyclesMomentum: false)
  let trainer = Trainer(model: model, optimizer: optimizer, scheduler: schedule, every: .step, loader: loader, epochs: epochs) {
    model.loss($0, labelSmoothing: 0.1)
  }
  trainer.maximumGradientNorm = 1
  return trainer
}

/// Translates pairs, and says how much the translations share with the references: BLEU of words.
func evaluate(
  _ model: Translator, _ verses: Verses, _ pairs: [(source: [Int], target: [Int])]
) throws -> (bleu: Double, translations: [String]) {
  let wasTraining = model.isTraining
  _ = model.eval()
  defer { model.train(wasTraining) }
  var translations: [String] = []
  for start in stride(from: 0, to: pairs.count, by: 64) {
    let batch = verses.batch(Array(pairs[start..<min(start + 64, pairs.count)]))
    translations += model.translate(batch).map { String(verses.target.decode($0).drop { $0 == " " }) }
  }
  func words(_ text: String) -> [String] { BytePairEncoding.words(of: text).map { $0.filter { $0 != " " } } }
  let references = pairs.map { words(verses.target.decode($0.target)) }
  return (try bleu(translations.map(words), references: references), translations)
}
