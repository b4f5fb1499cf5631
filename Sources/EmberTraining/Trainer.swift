public import EmberData
import EmberFormats
public import EmberNN
public import EmberOptim
import EmberRuntime
public import EmberTensor

/// The loop around a training step: epochs, progress, checkpoints, Ctrl-C, and continuing to the bit.
///
/// ```swift
/// let trainer = Trainer(
///   model: model, optimizer: optimizer, loader: loader, epochs: 5, checkpoint: "run/last.safetensors"
/// ) { images, labels in
///   model(images).crossEntropy(labels)
/// }
/// try trainer.run()
/// ```
public final class Trainer<Batch: Sendable> {
  public enum Outcome: Sendable {
    case finished
    /// A callback asked for the end.
    case stopped
    /// Ctrl-C; the checkpoint, if there is one, holds where to go on.
    case interrupted
  }

  /// When the scheduler takes its steps.
  public enum Interval: Sendable { case epoch, step }

  /// What an epoch came to.
  public struct EpochSummary: Sendable {
    /// From 1.
    public let epoch: Int
    public let loss: Double
    public let seconds: Double
  }

  public let model: Module
  public let optimizer: any Optimizer
  public let scheduler: (any Scheduler)?
  /// Whether the scheduler takes a step after each epoch or after each step of the optimizer.
  public let schedulerInterval: Interval
  public let loader: DataLoader<Batch>
  public let epochs: Int
  public let checkpointPath: String?
  /// Steps between checkpoints within an epoch; nil for one after each epoch only.
  public let checkpointEvery: Int?
  /// Generators that belong to the run's state.
  public var generators: [String: Generator] = ["default": .default]
  public var showsProgress = true
  /// Throws when a loss is NaN or infinite, before it reaches the parameters.
  public var stopsAtNonFiniteLoss = true
  /// The largest common norm of all gradients: longer ones are scaled down to it before the optimizer's step. Nil leaves them as they are.
  public var maximumGradientNorm: Double?
  /// Whether Ctrl-C and SIGTERM let `run` finish its step, save and return, instead of ending the process.
  public var handlesSignals = true
  /// Kept in checkpoints.
  public var notes: [String: String] = [:]
  /// Numbers of the caller's, kept in checkpoints and put back by `resume`: best results, the state of `EarlyStopping`.
  public var numbers: [String: [Double]] = [:]
  /// Called after each step with its number (from 1) and loss.
  public var onStep: ((Int, Double) throws -> Void)?
  /// Called after each epoch, the model in evaluation mode: for validation. False ends the run.
  public var onEpoch: ((EpochSummary) throws -> Bool)?
  /// Losses of all steps.
  public private(set) var losses: [Double] = []
  private var epochStart = 0
  /// What the names of `numbers` begin with in a checkpoint.
  private static var ownNumbers: String { "user." }
  private let lossOf: (Batch) throws -> Tensor

  /// - Parameter loss: the loss of a batch, with its history.
  public init(
    model: Module, optimizer: any Optimizer, scheduler: (any Scheduler)? = nil, every schedulerInterval: Interval = .epoch,
    loader: DataLoader<Batch>, epochs: Int, checkpoint: String? = nil, checkpointEvery: Int? = nil, loss: @escaping (Batch) throws -> Tensor
  ) {
    self.model = model
    self.optimizer = optimizer
    self.scheduler = scheduler
    self.schedulerInterval = schedulerInterval
    self.loader = loader
    self.epochs = epochs
    checkpointPath = checkpoint
    self.checkpointEvery = checkpointEvery.map { max(1, $0) }
    lossOf = loss
  }

  /// Continues a saved run: the next step is the one that would have come next, to the bit. Changes nothing if it throws.
  public func resume(from path: String) throws {
    let saved = try Checkpoint(path: path)
    guard let position = saved.loader else { throw EmberError(.file, in: "Trainer.resume", "\(path): it holds no position of a loader") }
    let history = saved.numbers["losses"] ?? []
    let start = saved.numbers["epoch_start"]?.first.flatMap { Int(exactly: $0) } ?? 0
    guard start >= 0, start <= history.count else { throw EmberError(.file, in: "Trainer.resume", "\(path): the losses are incomplete") }
    try catchingErrors {
      try saved.restore(model: model, optimizer: optimizer, scheduler: scheduler, generators: generators)
      try loader.restore(position)
    }
    losses = history
    epochStart = start
    numbers = [:]
    for (name, values) in saved.numbers where name.hasPrefix(Self.ownNumbers) {
      numbers[String(name.dropFirst(Self.ownNumbers.count))] = values
    }
  }

  /// Writes the run's state.
  public func save(to path: String) throws {
    var checkpoint = Checkpoint(
      model: model, optimizer: optimizer, scheduler: scheduler, generators: generators, loader: loader.state, epoch: loader.state.epoch,
      step: losses.count)
    checkpoint.numbers = ["losses": losses, "epoch_start": [Double(epochStart)]]
    for (name, values) in numbers { checkpoint.numbers[Self.ownNumbers + name] = values }
    checkpoint.notes = notes
    try checkpoint.save(to: path)
  }

  /// Trains until `epochs` epochs are complete.
  ///
  /// An error in a step is thrown with the step's number; model, optimizer, generators and position are then as they were before
  /// that step, so that `run` may be called again.
  @discardableResult
  public func run() throws -> Outcome {
    try checkBeforeStart()
    if handlesSignals { SignalHandler.install() }
    defer { if handlesSignals { SignalHandler.remove() } }
    while loader.state.epoch < epochs {
      let epoch = loader.state.epoch + 1, start = monotonicSeconds()
      if !(try runEpoch(epoch)) {
        if let checkpointPath { try save(to: checkpointPath) }
        return interrupted()
      }
      if schedulerInterval == .epoch { scheduler?.step() }
      let own = losses[epochStart...]
      let summary = EpochSummary(epoch: epoch, loss: own.reduce(0, +) / Double(max(1, own.count)), seconds: monotonicSeconds() - start)
      epochStart = losses.count
      var goesOn = true
      if let onEpoch {
        _ = model.eval()
        defer { _ = model.train() }
        goesOn = try catchingErrors { try onEpoch(summary) }
      }
      if let checkpointPath { try save(to: checkpointPath) }
      if !goesOn { return .stopped }
      if SignalHandler.isRequested { return interrupted() }
    }
    return .finished
  }

  /// The signal is dealt with: a further `run` goes on.
  private func interrupted() -> Outcome {
    SignalHandler.clear()
    return .interrupted
  }

  /// Finds before an hour of training what would fail after it.
  private func checkBeforeStart() throws {
    if loader.batchCount == 0, loader.state.epoch < epochs {
      throw EmberError(
        .value, in: "Trainer.run", "the loader has no batches: its dataset is empty, or smaller than a batch with dropLast: true")
    }
    if let checkpointPath { try Files.checkWritable(checkpointPath, in: "Trainer.run") }
  }

  /// One epoch, or what is left of it; false if a signal ended it early.
  private func runEpoch(_ epoch: Int) throws -> Bool {
    _ = model.train()
    let batches = loader.batches()
    var isComplete = false
    // A further `run` goes on with the batch that this one did not get to.
    defer { if !isComplete { try? loader.restore(loader.state) } }
    var bar = ProgressBar("Epoch \(epoch)/\(epochs)", total: loader.batchCount, done: loader.state.batch)
    var sum = losses[epochStart...].reduce(0, +)
    while let batch = try batches.nextBatch() {
      let value = try step(batch)
      losses.append(value)
      sum += value
      if showsProgress { bar.advance("loss \(fixed(sum / Double(losses.count - epochStart), 4))") }
      if let onStep { try catchingErrors { try onStep(losses.count, value) } }
      if let checkpointEvery, let checkpointPath, losses.count % checkpointEvery == 0 { try save(to: checkpointPath) }
      if SignalHandler.isRequested { return false }
    }
    if showsProgress { bar.finish("loss \(fixed(sum / Double(max(1, losses.count - epochStart)), 4))") }
    isComplete = true
    return true
  }

  /// One step, wholly or not at all.
  private func step(_ batch: Batch) throws -> Double {
    let before = generators.mapValues(\.state)
    do {
      return try catchingErrors {
        optimizer.zeroGrad()
        let loss = try lossOf(batch)
        if !ErrorScopes.hasFailed, loss.elementCount != 1 {
          throw EmberError(
            .shape, in: "Trainer.run", "the loss is \(loss.dtype)\(loss.shape); it must be a single number: reduce it with mean() or sum()")
        }
        let value = try loss.itemOrThrow(as: Double.self)
        if stopsAtNonFiniteLoss, !value.isFinite {
          throw EmberError(
            .value, in: "Trainer.run",
            "the loss is \(value): a smaller learning rate, maximumGradientNorm or detectAnomaly may help; "
              + "to go on all the same, set stopsAtNonFiniteLoss = false"
          )
        }
        loss.backward()
        if let maximumGradientNorm { clipGradNorm(optimizer.parameters, maxNorm: maximumGradientNorm) }
        optimizer.step()
        if schedulerInterval == .step, !ErrorScopes.hasFailed { scheduler?.step() }
        return value
      }
    } catch {
      for (name, state) in before { _ = generators[name]?.restore(state) }
      // The batch was handed out already; the next `run` begins with it again.
      var position = loader.state
      position.batch -= 1
      try loader.restore(position)
      guard let error = error as? EmberError else { throw error }
      throw EmberError(
        error.kind, in: error.operation,
        "\(error.message) (step \(losses.count + 1), batch \(position.batch + 1) of epoch \(position.epoch + 1); "
          + "model and optimizer are as before it)"
      )
    }
  }
}
