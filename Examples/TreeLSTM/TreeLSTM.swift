import Ember

/// The Child-Sum Tree-LSTM of Tai, Socher and Manning (arXiv:1503.00075): a memory for every word, made of its own features and of the
/// memories of the words that depend on it. How the calls nest is how the sentence's tree is built.
final class ChildSumTreeLSTM: Module {
  private let width: Int
  private let input: Linear
  private let children: Linear
  private let forgetInput: Linear
  private let forgetChild: Linear

  init(inputs: Int, width: Int) {
    self.width = width
    input = Linear(inputs, 3 * width)
    children = Linear(width, 3 * width, bias: false)
    forgetInput = Linear(inputs, width)
    forgetChild = Linear(width, width, bias: false)
    super.init()
  }

  /// Hidden states of all words: [words, width].
  ///
  /// - Parameter features: [words, inputs].
  func hiddenStates(_ sentence: Sentence, features: Tensor) -> Tensor {
    // What depends on the word alone is computed for all words at once.
    let gates = input(features), forget = forgetInput(features)
    var hidden = [Tensor?](repeating: nil, count: sentence.words.count)
    func visit(_ word: Int) -> (hidden: Tensor, memory: Tensor) {
      let below = sentence.children[word].map(visit)
      var own = gates[word], kept: Tensor?
      if !below.isEmpty {
        let states = stack(below.map(\.hidden)), memories = stack(below.map(\.memory))
        own = own + children(states.sum(0))
        kept = ((forget[word] + forgetChild(states)).sigmoid() * memories).sum(0)
      }
      let parts = own.chunk(3)
      let new = parts[0].sigmoid() * parts[2].tanh()
      let memory = kept.map { new + $0 } ?? new
      let state = parts[1].sigmoid() * memory.tanh()
      hidden[word] = state
      return (state, memory)
    }
    for root in sentence.roots { _ = visit(root) }
    return stack(hidden.compactMap { $0 })
  }
}

/// Names the relation between each word of a sentence and its head, given the tree without these names.
final class RelationLabeler: Module, Layer {
  private let alphabet: Alphabet
  private let forms: Embedding
  private let endings: Embedding
  private let tags: Embedding
  private let dropout = Dropout(0.3)
  private let tree: ChildSumTreeLSTM
  private let output: Sequential
  /// What stands in place of the head of a root.
  @Parameter var above: Tensor

  init(_ alphabet: Alphabet, width: Int = 96) {
    self.alphabet = alphabet
    forms = Embedding(alphabet.forms.count, 48)
    endings = Embedding(alphabet.endings.count, 32)
    tags = Embedding(alphabet.tags.count, 16)
    tree = ChildSumTreeLSTM(inputs: 96, width: width)
    output = Sequential { Linear(2 * width + 2 * 96, 128); ReLU(); Dropout(0.3); Linear(128, alphabet.relations.count) }
    above = Tensor.zeros([1, width + 96])
    super.init()
  }

  /// Logits of the relations: [words, relations].
  func forward(_ sentence: Sentence) -> Tensor {
    let numbers = alphabet.inputs(sentence)
    let features = dropout(cat([forms(numbers.forms), endings(numbers.endings), tags(numbers.tags)], dim: 1))
    let words = cat([tree.hiddenStates(sentence, features: features), features], dim: 1)
    // Row 0 is above the roots.
    let heads = cat([above, words]).indexSelect(0, Tensor(sentence.words.map { $0.head.map { $0 + 1 } ?? 0 }))
    return output(cat([words, heads], dim: 1))
  }

  /// The mean cross entropy over the words of some sentences.
  func loss(_ sentences: [Sentence]) -> Tensor {
    cat(sentences.map { self($0) }).crossEntropy(cat(sentences.map(alphabet.targets)))
  }

  /// The share of words whose relation is found.
  func accuracy(_ sentences: [Sentence]) throws -> Double {
    let wasTraining = isTraining
    defer { train(wasTraining) }
    _ = eval()
    var accuracy = Accuracy()
    for sentence in sentences { try accuracy.add(scores: noGrad { self(sentence) }, targets: alphabet.targets(sentence)) }
    return accuracy.value
  }
}

func makeTrainer(_ model: RelationLabeler, _ sentences: [Sentence], epochs: Int, rate: Double = 2e-3) -> Trainer<[Sentence]> {
  let loader = DataLoader(ArrayDataset(sentences), batchSize: 16, shuffle: true, seed: 0) { $0 }
  let optimizer = Adam(model.parameters(), learningRate: rate)
  let schedule = CosineAnnealingLR(optimizer, period: epochs)
  return Trainer(model: model, optimizer: optimizer, scheduler: schedule, loader: loader, epochs: epochs) { model.loss($0) }
}

/// What naming each relation by the tags of word and head alone comes to: the most frequent relation of such pairs in `training`.
func baseline(_ training: [Sentence], _ test: [Sentence]) -> Double {
  func pairs(_ sentences: [Sentence]) -> [(tags: [String], relation: String)] {
    sentences.flatMap { sentence in
      sentence.words.map { word in ([word.tag, word.head.map { sentence.words[$0].tag } ?? "root"], word.relation) }
    }
  }
  var counts: [[String]: [String: Int]] = [:]
  for pair in pairs(training) { counts[pair.tags, default: [:]][pair.relation, default: 0] += 1 }
  let best = counts.mapValues { $0.max { ($0.value, $1.key) < ($1.value, $0.key) }!.key }
  let found = pairs(test)
  return Double(found.count { best[$0.tags] == $0.relation }) / Double(max(1, found.count))
}
