import EmberData
import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import EmberTraining
import TestSupport
import Testing

/// A small run with everything that has a state: shuffling, dropout, running statistics, momentum, a schedule.
final class SmallRun {
  let model: Sequential
  let optimizer: any Optimizer
  let scheduler: any Scheduler
  let loader: DataLoader<(Tensor, Tensor)>
  let dropout = Generator(seed: 11)
  let trainer: Trainer<(Tensor, Tensor)>

  static let classes = 3

  /// - Parameters:
  ///   - sharesGenerator: the loader's order is drawn from the generator that dropout draws from.
  ///   - schedulesSteps: a warm-up and a cosine over steps, not epochs.
  init(
    labels: [Int]? = nil, epochs: Int = 3, checkpoint: String? = nil, every: Int? = nil, rule: String = "adam",
    sharesGenerator: Bool = false, schedulesSteps: Bool = false
  ) throws {
    let dropout = dropout
    model = Sequential {
      Linear(6, 16)
      BatchNorm1d(16)
      ReLU()
      Dropout(0.3, generator: dropout)
      Linear(16, Self.classes)
    }
    // Not drawn from the default generator, which other tests use at the same time.
    let start = Generator(seed: 5)
    for cell in model.parameters() { Init.uniform(cell, -0.5, 0.5, generator: start) }
    optimizer = rule == "adam" ? Adam(model.parameters(), learningRate: 0.02) : SGD(model.parameters(), learningRate: 0.02, momentum: 0.9)
    scheduler =
      schedulesSteps
      ? SequentialLR(
        optimizer, [LinearLR(optimizer, startFactor: 0.1, steps: 4), CosineAnnealingLR(optimizer, period: 17)], milestones: [4])
      : CosineAnnealingLR(optimizer, period: 5)
    let count = 50
    let numbers = Tensor.randn([count, 6], generator: Generator(seed: 1))
    let data = TensorDataset(numbers, Tensor(labels ?? (0..<count).map { $0 % Self.classes }))
    loader = DataLoader(data, batchSize: 8, shuffle: true, generator: sharesGenerator ? dropout : Generator(seed: 3))
    let model = model
    trainer = Trainer(
      model: model, optimizer: optimizer, scheduler: scheduler, every: schedulesSteps ? .step : .epoch, loader: loader, epochs: epochs,
      checkpoint: checkpoint, checkpointEvery: every
    ) { inputs, labels in model(inputs).crossEntropy(labels) }
    trainer.generators = ["dropout": dropout]
    trainer.showsProgress = false
    // Signals and their flag are the process's; a test of their own is in another one.
    trainer.handlesSignals = false
  }

  /// Everything that a step changes.
  func state() throws -> [String: [UInt8]] {
    var all: [String: [UInt8]] = ["generator": dropout.state, "scheduler": Array("\(scheduler.state)".utf8)]
    for (name, tensor) in model.stateDict() { all["model." + name] = try bytes(tensor) }
    for (name, tensor) in optimizer.stateDict() { all["optimizer." + name] = try bytes(tensor) }
    return all
  }
}

@Suite struct TrainerTests {
  let folder = TemporaryFolder()
  struct Stop: Error {}

  /// Stops after any step, goes on from the checkpoint in new objects: losses and state are those of a run that never stopped.
  @Test(arguments: ["adam", "sgd"], [false, true]) func aResumedRunIsTheSameToTheBit(_ rule: String, _ isOther: Bool) throws {
    func make(_ path: String? = nil, every: Int? = nil) throws -> SmallRun {
      try SmallRun(checkpoint: path, every: every, rule: rule, sharesGenerator: isOther, schedulesSteps: isOther)
    }
    let whole = try make()
    #expect(try whole.trainer.run() == .finished)
    let count = whole.trainer.losses.count
    #expect(count == 21 && whole.trainer.losses[count - 1] < whole.trainer.losses[0])
    for stop in [1, 3, 7, 8, 13, 14, 20] {
      let path = folder.file("\(rule)-\(isOther)-\(stop).safetensors")
      let first = try make(path, every: 1)
      // Right after the checkpoint of this step was written, and before the next: as a power cut would.
      first.trainer.onStep = { step, _ in if step == stop + 1 { throw Stop() } }
      #expect(throws: Stop.self) { try first.trainer.run() }
      let second = try make(path, every: 2)
      try second.trainer.resume(from: path)
      #expect(second.trainer.losses.count == stop)
      #expect(try second.trainer.run() == .finished)
      #expect(second.trainer.losses == whole.trainer.losses, "stopped after \(stop)")
      #expect(try second.state() == whole.state(), "stopped after \(stop)")
    }
  }

  @Test(arguments: ["adam", "sgd"]) func aFailedStepLeavesEverythingAsItWas(_ rule: String) throws {
    // Whichever batch holds it, not the first.
    var labels = (0..<50).map { $0 % SmallRun.classes }
    labels[17] = 9
    let run = try SmallRun(labels: labels, rule: rule)
    var before: [String: [UInt8]] = [:]
    run.trainer.onStep = { _, _ in before = try run.state() }
    let error = #expect(throws: EmberError.self) { try run.trainer.run() }
    let steps = run.trainer.losses.count
    try #require(steps > 0)
    #expect(error?.kind == .index)
    for word in ["[cross_entropy]", "label 9", "0 ..< 3", "step \(steps + 1)", "epoch 1"] {
      #expect(error?.description.contains(word) == true, "\(error?.description ?? "") lacks \(word)")
    }
    #expect(try run.state() == before)
    #expect(run.loader.state.batch == steps)
    // A second attempt meets the same batch again.
    #expect(throws: EmberError.self) { try run.trainer.run() }
    #expect(run.trainer.losses.count == steps)
    #expect(try run.state() == before)
  }

  /// A callback ends `run` in the middle of an epoch; the next `run` goes on from there.
  @Test(arguments: [false, true]) func runGoesOnWhereItStopped(_ sharesGenerator: Bool) throws {
    let whole = try SmallRun(sharesGenerator: sharesGenerator), broken = try SmallRun(sharesGenerator: sharesGenerator)
    try whole.trainer.run()
    broken.trainer.onStep = { step, _ in if [1, 5, 7, 12].contains(step) { throw Stop() } }
    for _ in 0..<4 { #expect(throws: Stop.self) { try broken.trainer.run() } }
    #expect(try broken.trainer.run() == .finished)
    #expect(broken.trainer.losses == whole.trainer.losses)
    #expect(try broken.state() == whole.state())
  }

  @Test func schedulesCountSteps() throws {
    let run = try SmallRun(epochs: 1, schedulesSteps: true)
    var rates = [run.optimizer.learningRate]
    run.trainer.onStep = { _, _ in rates.append(run.optimizer.learningRate) }
    try run.trainer.run()
    for (a, b) in zip(rates, [0.002, 0.0065, 0.011, 0.0155, 0.02]) { #expect(abs(a - b) < 1e-15) }
    #expect(rates.count == 8 && rates[5] < 0.02 && run.scheduler.state.first == 7)
  }

  @Test func earlyStoppingGoesOnWithTheRun() throws {
    /// Stops when the "validation losses" do not fall any more.
    func run(_ path: String, resumes: Bool, epochs: Int) throws -> (Trainer<(Tensor, Tensor)>.Outcome, Int) {
      let run = try SmallRun(epochs: epochs, checkpoint: path)
      var stopping = EarlyStopping(patience: 1)
      if resumes {
        try run.trainer.resume(from: path)
        stopping.state = run.trainer.numbers["stopping"] ?? []
      }
      var last = 0
      let trainer = run.trainer
      run.trainer.onEpoch = { [unowned trainer] summary in
        last = summary.epoch
        let stops = stopping.shouldStop(after: [5, 3, 4, 4, 4, 4][summary.epoch - 1])
        trainer.numbers["stopping"] = stopping.state
        return !stops
      }
      return (try trainer.run(), last)
    }
    let whole = try run(folder.file("whole"), resumes: false, epochs: 6)
    #expect(whole == (.stopped, 4))
    #expect(try run(folder.file("parts"), resumes: false, epochs: 3) == (.finished, 3))
    #expect(try run(folder.file("parts"), resumes: true, epochs: 6) == whole)
  }

  /// A checkpoint of which one part does not fit changes none of the others.
  @Test func aCheckpointThatDoesNotFitChangesNothing() throws {
    let path = folder.file("other.safetensors")
    let source = try SmallRun(epochs: 1, checkpoint: path)
    try source.trainer.run()
    let good = try Checkpoint(path: path)
    var unfit: [Checkpoint] = []
    func add(_ change: (inout Checkpoint) throws -> Void) rethrows {
      var checkpoint = good
      try change(&checkpoint)
      unfit.append(checkpoint)
    }
    add { $0.model.removeLast() }
    add { $0.optimizer.removeLast() }
    add { $0.scheduler = nil }
    add { $0.scheduler = [1] }
    add { $0.generators = [:] }
    add { $0.generators = ["dropout": [1, 2, 3]] }
    add { $0.loader?.generator = [1] }
    add { $0.loader?.order = [1] }
    try add { $0.optimizer = try SmallRun(rule: "sgd").optimizer.stateDict() }
    let run = try SmallRun()
    let batch = try run.loader.batches().nextBatch()
    let (inputs, labels) = try #require(batch)
    run.model(inputs).crossEntropy(labels).backward()
    let before = try run.state(), position = run.loader.state, gradients = try run.model.parameters().map { try bytes(#require($0.grad)) }
    for (i, checkpoint) in unfit.enumerated() {
      try checkpoint.save(to: path)
      #expect(throws: EmberError.self, "case \(i)") { try run.trainer.resume(from: path) }
      #expect(try run.state() == before && run.loader.state == position, "case \(i)")
      #expect(try run.model.parameters().map { try bytes(#require($0.grad)) } == gradients, "case \(i)")
    }
    try good.save(to: path)
    try run.trainer.resume(from: path)
    #expect(try run.state() == source.state())
  }

  @Test func aShapeErrorInTheModelIsThrown() throws {
    let model = Sequential {
      Linear(6, 4); Linear(5, 3)
    }
    let data = TensorDataset(Tensor.ones([8, 6]), Tensor([0, 1, 2, 0, 1, 2, 0, 1]))
    let trainer = Trainer(
      model: model, optimizer: SGD(model.parameters(), learningRate: 0.1), loader: DataLoader<(Tensor, Tensor)>(data, batchSize: 4),
      epochs: 1
    ) { x, y in model(x).crossEntropy(y) }
    trainer.generators = [:]
    trainer.showsProgress = false
    trainer.handlesSignals = false
    let error = #expect(throws: EmberError.self) { try trainer.run() }
    #expect(error?.description.contains("[linear]") == true && error?.description.contains("step 1") == true, "\(error?.description ?? "")")
  }

  @Test func aLossThatIsNoNumberStopsBeforeTheUpdate() throws {
    let model = Sequential { Linear(2, 1) }
    let data = TensorDataset(Tensor.ones([4, 2]), Tensor.ones([4, 1]))
    let trainer = Trainer(
      model: model, optimizer: SGD(model.parameters(), learningRate: 0.1), loader: DataLoader<(Tensor, Tensor)>(data, batchSize: 4),
      epochs: 1
    ) { x, y in (model(x) - y).square().mean() * Tensor(.real(.nan)) }
    trainer.generators = [:]
    trainer.showsProgress = false
    trainer.handlesSignals = false
    let weights = try model.parameters().map { try bytes($0.value) }
    let error = #expect(throws: EmberError.self) { try trainer.run() }
    #expect(error?.description.contains("nan") == true && error?.description.contains("step 1") == true)
    #expect(try model.parameters().map { try bytes($0.value) } == weights)
  }

  @Test func whatWouldFailLaterIsFoundAtTheStart() throws {
    let missing = try SmallRun(checkpoint: "/no/such/folder/last.safetensors")
    let error = #expect(throws: EmberError.self) { try missing.trainer.run() }
    #expect(error?.kind == .file && error?.message.contains("/no/such/folder") == true && missing.trainer.losses.isEmpty)
    let model = Sequential { Linear(2, 1) }
    let empty = TensorDataset(Tensor.ones([0, 2]), Tensor.ones([0, 1]))
    let trainer = Trainer(
      model: model, optimizer: SGD(model.parameters(), learningRate: 0.1), loader: DataLoader<(Tensor, Tensor)>(empty, batchSize: 4),
      epochs: 1
    ) { x, y in (model(x) - y).square().mean() }
    trainer.generators = [:]
    trainer.handlesSignals = false
    #expect(throws: EmberError.self) { try trainer.run() }
  }

  @Test func longGradientsAreScaledDown() throws {
    let generator = Generator(seed: 4)
    let data = TensorDataset(Tensor.randn([12, 5], generator: generator) * 10, Tensor.randn([12, 1], generator: generator) * 10)
    for (limit, isScaled) in [(0.25, true), (1e9, false)] {
      let model = Linear(5, 1)
      for cell in model.parameters() { Init.zeros(cell) }
      let trainer = Trainer(
        model: model, optimizer: SGD(model.parameters(), learningRate: 1), loader: DataLoader<(Tensor, Tensor)>(data, batchSize: 12), epochs: 1
      ) { x, y in (model(x) - y).square().mean() }
      trainer.maximumGradientNorm = limit
      trainer.generators = [:]
      trainer.showsProgress = false
      trainer.handlesSignals = false
      try trainer.run()
      // From zeros, a step of rate 1 is the gradient.
      let length = model.parameters().reduce(0) { $0 + $1.value.square().sum().item() }.squareRoot()
      #expect(isScaled ? abs(length - limit) < 1e-4 : length > 1)
    }
  }

  @Test func addressesStayInsideErrorScopes() throws {
    let run = try SmallRun()
    var addresses: Set<[UInt]> = []
    var old: [Tensor] = []
    let inputs = Tensor.randn([8, 6], generator: Generator(seed: 2)), labels = Tensor([0, 1, 2, 0, 1, 2, 0, 1])
    for _ in 0..<4 {
      try catchingErrors {
        run.optimizer.zeroGrad()
        let loss = run.model(inputs).crossEntropy(labels)
        loss.backward()
        run.optimizer.step()
        old.append(loss)
      }
      addresses.insert(run.model.parameters().map { $0.value.storageAddress })
    }
    #expect(addresses.count == 1 && old.count == 4)
  }
}
