import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

/// What a newcomer gets wrong, and the words that must help: the operation, what was given, what would have worked.
@Suite struct MisuseTests {
  struct Misuse: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let words: [String]
    let run: @Sendable () throws -> Void
    init(_ description: String, _ words: [String], _ run: @escaping @Sendable () throws -> Void) {
      testDescription = description
      self.words = words
      self.run = run
    }
  }

  static let misuses: [Misuse] = [
    Misuse("labels from 1", ["[cross_entropy]", "label 3", "0 ..< 3"]) { _ = Tensor.zeros([2, 3]).crossEntropy(Tensor([1, 3])) },
    Misuse("labels as float", ["[cross_entropy]", "float32[2]", "integers"]) { _ = Tensor.zeros([2, 3]).crossEntropy(Tensor([1.0, 2])) },
    Misuse("labels with a dimension too many", ["[cross_entropy]", "int64[2, 1]", "[2]"]) { _ = Tensor.zeros([2, 3]).crossEntropy(Tensor([[1], [2]])) },
    Misuse("one-hot labels as integers", ["[cross_entropy]", "int64[2, 3]"]) { _ = Tensor.zeros([2, 3]).crossEntropy(Tensor([0, 1]).oneHot(3)) },
    Misuse("a batch of one", ["[batch_norm]", "float32[1, 4]", "one value per channel"]) { _ = BatchNorm1d(4)(Tensor.ones([1, 4])) },
    Misuse("too many features", ["[linear]", "float32[2, 5]", "float32[3, 4]"]) { _ = Linear(4, 3)(Tensor.ones([2, 5])) },
    Misuse("integers into a layer", ["[linear]", "int64[2, 4]", "float32"]) { _ = Linear(4, 3)(Tensor.ones([2, 4], dtype: .int64)) },
    Misuse("doubles into a layer", ["[linear]", "float64", "float32"]) { _ = Linear(4, 3)(Tensor.ones([2, 4], dtype: .float64)) },
    Misuse("pictures as bytes", ["[conv2d]", "uint8", "float32"]) { _ = Conv2d(1, 2, kernelSize: 3)(Tensor.ones([1, 1, 5, 5], dtype: .uint8)) },
    Misuse("channels last", ["[conv2d]", "[8, 28, 28, 1]", "channels"]) { _ = Conv2d(1, 2, kernelSize: 3)(Tensor.ones([8, 28, 28, 1])) },
    Misuse("a picture without channels", ["[conv2d]", "[28, 28]"]) { _ = Conv2d(1, 2, kernelSize: 3)(Tensor.ones([28, 28])) },
    Misuse("a picture smaller than the kernel", ["[conv2d]", "[1, 1, 2, 2]", "kernel"]) { _ = Conv2d(1, 2, kernelSize: 3)(Tensor.ones([1, 1, 2, 2])) },
    Misuse("a word that is not in the table", ["[embedding]", "10", "0 ..< 10"]) { _ = Embedding(10, 4)(Tensor([3, 10])) },
    Misuse("words as floats", ["[embedding]", "float32"]) { _ = Embedding(10, 4)(Tensor([3.0])) },
    Misuse("forgot the reduction", ["[backward]", "float32[2]", "mean"]) { Tensor([1.0, 2], requiresGrad: true).square().backward() },
    Misuse("trained inside noGrad", ["[backward]", "noGrad"]) { noGrad { Linear(2, 1)(Tensor.ones([1, 2])).sum() }.backward() },
    Misuse("backward twice", ["[backward]", "retainGraph"]) {
      let x = Tensor([1.0], requiresGrad: true)
      let y = (x * x).sum()
      y.backward()
      y.backward()
    },
    Misuse("the state of another model", ["[loadStateDict]", "missing: 1.weight", "another model"]) {
      let other = Sequential { Linear(2, 2) }
      try Sequential { Linear(2, 2); Linear(2, 2) }.loadStateDict(other.stateDict())
    },
    Misuse("the state of another size", ["[loadStateDict]", "[3, 2]", "[2, 2]"]) { try Linear(2, 2).loadStateDict(Linear(2, 3).stateDict()) },
    Misuse("the optimizer of another model", ["[loadStateDict]", "shape"]) {
      let a = Linear(2, 2), b = Linear(3, 2)
      let first = Adam(a.parameters())
      a(Tensor.ones([1, 2])).sum().backward()
      first.step()
      try Adam(b.parameters()).loadStateDict(first.stateDict())
    },
    Misuse("a negative learning rate", ["[Adam]", "learningRate", "-1"]) { _ = Adam(Linear(1, 1).parameters(), learningRate: -1) },
    Misuse("groups that do not divide", ["Conv2d", "3 inputs", "2 groups"]) { _ = Conv2d(3, 4, kernelSize: 1, groups: 2) },
    Misuse("probabilities beyond 1", ["[binary_cross_entropy]", "1.5", "between 0 and 1", "binaryCrossEntropyWithLogits"]) {
      _ = Tensor([0.5, 1.5]).binaryCrossEntropy(Tensor.ones([2]))
    },
    Misuse("probabilities that are none", ["[binary_cross_entropy]", "nan"]) { _ = Tensor([0.5, Float.nan]).binaryCrossEntropy(Tensor.ones([2])) },
    Misuse("targets of another shape", ["[binary_cross_entropy]", "[2, 1]", "[2]"]) { _ = Tensor.full([2, 1], 0.5).binaryCrossEntropy(Tensor.ones([2])) },
    Misuse("dropout of 50", ["[dropout]", "50"]) { _ = Dropout(50)(Tensor.ones([2])) },
    Misuse("a reshape that does not fit", ["[reshape]", "[2, 3]", "[4]"]) { _ = Tensor.ones([2, 3]).reshape(4) },
    Misuse("reading many numbers as one", ["[item]", "float32[3]"]) { _ = Tensor.ones([3]).item() },
    Misuse("tensors on two devices", ["meta", "cpu", ".to("]) { _ = Linear(2, 2)(Tensor.ones([1, 2], on: .meta)) },
    Misuse("a device that is not there", ["cuda", "cpu"]) { _ = Linear(2, 2).to(.cuda) },
    Misuse("gradients of integers", ["[requiresGrad]", "int64"]) { _ = Tensor([1, 2], requiresGrad: true) },
    Misuse("nothing to concatenate", ["[cat]"]) { _ = cat([]) },
  ]

  @Test(arguments: misuses) func theMessageHelps(_ misuse: Misuse) {
    let error = #expect(throws: EmberError.self) { try catchingErrors { try misuse.run() } }
    let text = error?.description ?? "nothing"
    for word in misuse.words { #expect(text.contains(word), "\(text) lacks \(word)") }
  }
}
