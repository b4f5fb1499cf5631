import Ember

let recurrent: [Workload] = [
  Workload(
    name: "lstm-training", title: "LSTM language model 2 × 512, 35 steps, batch 32, SGD training step", target: 0.80, tolerance: 1e-3
  ) {
    manualSeed(0)
    let model = LanguageModel(words: 1000, width: 512)
    let optimizer = SGD(model.parameters(), learningRate: 0.1)
    let x = Tensor.randint(0, 1000, [35, 32]), y = Tensor.randint(0, 1000, [35 * 32])
    return try training { step(model, optimizer, x, y) }
  },
  Workload(name: "tree-lstm-training", title: "tree-LSTM, one tree at a time, SGD training step", target: 0.20, tolerance: 1e-3) {
    manualSeed(0)
    let model = TreeClassifier(vocabulary: 200, features: 64, classes: 5)
    let optimizer = SGD(model.parameters(), learningRate: 0.01)
    var numbers = Numbers()
    let trees = (0..<16).map { _ in Tree.random(leaves: 12 + numbers.next(12), &numbers) }
    let labels = (0..<16).map { i in Tensor([i % 5]) }
    var turn = 0
    return try training {
      defer { turn = (turn + 1) % trees.count }
      optimizer.zeroGrad()
      let loss = model(trees[turn]).crossEntropy(labels[turn])
      loss.backward()
      optimizer.step()
      return loss
    }
  }
]

private final class LanguageModel: Module, Layer {
  private let embedding: Embedding
  private let lstm: LSTM
  private let output: Linear

  init(words: Int, width: Int) {
    embedding = Embedding(words, width)
    lstm = LSTM(width, width, numLayers: 2)
    output = Linear(width, words)
    super.init()
  }

  func forward(_ words: Tensor) -> Tensor { output(lstm(embedding(words)).output).flatten(0, 1) }
}

/// The same small numbers here and in Python.
struct Numbers {
  private var state: UInt64 = 1
  mutating func next(_ bound: Int) -> Int {
    state = (state * 1_103_515_245 + 12345) % (1 << 31)
    return Int(state >> 8) % bound
  }
}

/// A binary tree of words.
indirect enum Tree {
  case word(Tensor)
  case pair(Tree, Tree)

  static func random(leaves: Int, _ numbers: inout Numbers) -> Tree {
    if leaves == 1 { return .word(Tensor([numbers.next(200)])) }
    let left = 1 + numbers.next(leaves - 1)
    let first = random(leaves: left, &numbers)
    return .pair(first, random(leaves: leaves - left, &numbers))
  }
}

/// A binary tree-LSTM (Tai, Socher and Manning, arXiv:1503.00075, section 3.2) and a classifier of its root.
private final class TreeClassifier: Module, Layer {
  private let embedding: Embedding
  private let leaf: Linear
  private let gates: Linear
  private let output: Linear
  private let features: Int

  init(vocabulary: Int, features: Int, classes: Int) {
    self.features = features
    embedding = Embedding(vocabulary, features)
    leaf = Linear(features, 2 * features)
    gates = Linear(2 * features, 5 * features)
    output = Linear(features, classes)
    super.init()
  }

  func forward(_ tree: Tree) -> Tensor { output(state(tree).h) }

  private func state(_ tree: Tree) -> (h: Tensor, c: Tensor) {
    switch tree {
    case .word(let number):
      let parts = leaf(embedding(number)).chunk(2, dim: 1)
      let c = parts[1].tanh()
      return (parts[0].sigmoid() * c.tanh(), c)
    case .pair(let left, let right):
      let (a, b) = (state(left), state(right))
      let parts = gates(cat([a.h, b.h], dim: 1)).chunk(5, dim: 1)
      let c = parts[0].sigmoid() * parts[3].tanh() + parts[1].sigmoid() * a.c + parts[2].sigmoid() * b.c
      return (parts[4].sigmoid() * c.tanh(), c)
    }
  }
}
