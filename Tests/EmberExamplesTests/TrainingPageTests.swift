import Ember
import Foundation
import TestSupport
import Testing

// The code of docs/training.md, which has to compile and run; a test holds the page against this file.

// page: dataset
struct Circles: Dataset {
  let count = 512
  func element(at index: Int) throws -> (Tensor, Int) {
    let generator = Generator(seed: UInt64(index))
    let point = Tensor.randn([2], generator: generator)
    return (point, point.square().sum().item() < 1 ? 1 : 0)
  }
}
// page: end

// page: module
final class Classifier: Module, Layer {
  let hidden = Linear(2, 32)
  let norm = BatchNorm1d(32)
  let drop = Dropout(0.1)
  let output = Linear(32, 2)
  @Parameter var temperature = Tensor(1.0)

  func forward(_ x: Tensor) -> Tensor { output(drop(norm(hidden(x)).relu())) / temperature }
}
// page: end

// page: pointwise
let bent = Pointwise("bent") { x in x / (1 + abs(x)) }
// page: end

// page: operation
struct RoundedStraightThrough: UnaryOperation {
  static let name = "rounded_straight_through"
  let saved: SavedTensors = []  // what the derivative reads: nothing
  func forward(_ x: Tensor) throws(EmberError) -> Tensor { x.round() }
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient }
}

extension Tensor {
  func roundedStraightThrough() -> Tensor { apply(RoundedStraightThrough(), self) }
}
// page: end

extension ExamplesTests {
  @Suite struct TrainingPageTests {}
}

extension ExamplesTests.TrainingPageTests {
  @Test func thePageRuns() throws {
    let folder = TemporaryFolder().path
    // page: loaders
    let loader = DataLoader(Circles(), batchSize: 64, shuffle: true, seed: 0, workers: 2)
    let (train, labels) = (Tensor.randn([1000, 2]), Tensor.randint(0, 2, [1000]))
    let fromTensors = DataLoader(TensorDataset(train, labels), batchSize: 100)
    let doubled = DataLoader(Circles().map { point, label in (point * 2, label) }, batchSize: 64)
    // page: end
    #expect(try doubled.batches().nextBatch()?.0.shape == [64, 2] && fromTensors.batchCount == 10)

    // page: loop
    let model = Classifier()
    let optimizer = AdamW(model.parameters(), learningRate: 1e-2, weightDecay: 1e-4)
    let schedule = CosineAnnealingLR(optimizer, period: 5)
    for epoch in 1...5 {
      model.train()
      var mean = RunningMean()
      try loader.forEachBatch { points, targets in
        optimizer.zeroGrad()
        let loss = model(points).crossEntropy(targets)
        loss.backward()
        clipGradNorm(model.parameters(), maxNorm: 1)
        optimizer.step()
        mean.add(loss.item())
      }
      schedule.step()
      print("epoch \(epoch): loss \(mean.value)")
    }
    // page: end

    // page: trainer
    let trainer = Trainer(
      model: model, optimizer: optimizer, scheduler: schedule, loader: loader, epochs: 20, checkpoint: "\(folder)/last.safetensors",
      checkpointEvery: 100
    ) { points, targets in model(points).crossEntropy(targets) }
    trainer.maximumGradientNorm = 1
    var stopping = EarlyStopping(patience: 3)
    trainer.onEpoch = { summary in
      var accuracy = Accuracy()
      try noGrad { try fromTensors.forEachBatch { try accuracy.add(scores: model($0), targets: $1) } }
      print("epoch \(summary.epoch): \(accuracy.value)")
      return !stopping.shouldStop(after: summary.loss)
    }
    // page: end
    trainer.showsProgress = false
    // page: run
    try trainer.run()
    // page: end

    // page: checkpoint
    let path = "\(folder)/checkpoint.safetensors"
    try Checkpoint(model: model, optimizer: optimizer, scheduler: schedule, loader: loader.state).save(to: path)
    try Checkpoint(path: path).restore(model: model, optimizer: optimizer, scheduler: schedule)
    try Safetensors.save(model.stateDict().map { ($0.name, $0.tensor) }, to: "\(folder)/weights.safetensors")
    // page: end

    // page: derivatives
    let x = Tensor([0.4, 1.6], requiresGrad: true)
    bent(x.roundedStraightThrough()).sum().backward()
    print(x.grad!)
    let rows = jacobian({ $0.square() }, at: Tensor([1.0, 2.0]))
    let pairwise = vmap { a, b in (a * b).sum() }(Tensor.ones([8, 3]), Tensor.ones([8, 3]))
    let profiled = profile { model(train).crossEntropy(labels).backward() }
    // page: end
    #expect(rows.shape == [2, 2] && pairwise.shape == [8] && "\(profiled)".contains("linear"))
  }

  @Test func thePageShowsThisCode() throws {
    func text(_ path: String) throws -> String {
      try FileBytes.reading(path, in: "page").withBytes { String(decoding: $0, as: UTF8.self) }
    }
    let page = try text(Checkout.root + "/docs/training.md")
    var block: [Substring]?, count = 0
    for line in try text(#filePath).split(separator: "\n", omittingEmptySubsequences: false) {
      let mark = line.drop { $0 == " " }
      if mark == "// page: end", let lines = block {
        let indent = lines.map { $0.isEmpty ? Int.max : $0.prefix { $0 == " " }.count }.min() ?? 0
        let code = lines.map { String($0.dropFirst($0.isEmpty ? 0 : indent)) }.joined(separator: "\n")
        #expect(page.contains(code), "docs/training.md lacks\n\(code)")
        block = nil
        count += 1
      } else if mark.hasPrefix("// page: ") {
        block = []
      } else {
        block?.append(line)
      }
    }
    #expect(count == 10)
  }
}
