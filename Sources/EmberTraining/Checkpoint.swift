public import EmberData
import EmberFormats
public import EmberNN
public import EmberOptim
import EmberRuntime
public import EmberTensor

/// Everything needed to continue a training run to the bit, in one safetensors file that is written atomically.
///
/// The model's tensors are named `model.…`, so that other programs find them.
public struct Checkpoint {
  public var model: [(String, Tensor)] = []
  public var optimizer: [(String, Tensor)] = []
  public var scheduler: [Double]?
  /// The state of a `GradScaler`.
  public var scaler: [(String, Tensor)] = []
  /// States of generators, by a name of the caller's.
  public var generators: [String: [UInt8]] = [:]
  public var loader: LoaderState?
  /// Epochs and optimizer steps completed.
  public var epoch = 0
  public var step = 0
  /// Numbers to keep: losses, best results.
  public var numbers: [String: [Double]] = [:]
  public var notes: [String: String] = [:]

  public init() {}

  /// The state of what trains now.
  public init(
    model: Module, optimizer: (any Optimizer)? = nil, scheduler: (any Scheduler)? = nil, scaler: GradScaler? = nil,
    generators: [String: Generator] = [:], loader: LoaderState? = nil, epoch: Int = 0, step: Int = 0
  ) {
    self.model = model.stateDict().map { ($0.name, $0.tensor) }
    self.optimizer = optimizer?.stateDict() ?? []
    self.scheduler = scheduler?.state
    self.scaler = scaler?.stateDict() ?? []
    self.generators = generators.mapValues(\.state)
    self.loader = loader
    self.epoch = epoch
    self.step = step
  }

  /// Writes the file; readers and crashes find the old one or the new one.
  public func save(to path: String) throws {
    var tensors = model.map { ("model." + $0.0, $0.1) } + optimizer.map { ("optimizer." + $0.0, $0.1) }
    tensors += scaler.map { ("scaler." + $0.0, $0.1) }
    tensors.append(("progress", Tensor([epoch, step])))
    if let scheduler { tensors.append(("scheduler", Tensor(scheduler, dtype: .float64))) }
    for (name, state) in generators.sorted(by: { $0.key < $1.key }) { tensors.append(("generator." + name, Tensor(state))) }
    if let loader {
      tensors.append(("loader.position", Tensor([loader.epoch, loader.batch])))
      tensors.append(("loader.generator", Tensor(loader.generator)))
      tensors.append(("loader.order", Tensor(loader.order)))
    }
    for (name, values) in numbers.sorted(by: { $0.key < $1.key }) { tensors.append(("numbers." + name, Tensor(values, dtype: .float64))) }
    var metadata: [String: String] = ["format": Checkpoint.format]
    for (name, text) in notes { metadata["note." + name] = text }
    try Safetensors.save(tensors, to: path, metadata: metadata)
  }

  private static let format = "ember-checkpoint-1"

  /// Reads a checkpoint.
  public init(path: String) throws {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: "Checkpoint", "\(path): \(message)") }
    guard Files.exists(path) else {
      throw bad("no such checkpoint; a run writes it after an epoch, and within epochs every `checkpointEvery` steps")
    }
    let file = try Safetensors.load(path, mapped: false)
    guard file.metadata["format"] == Checkpoint.format else { throw bad("a safetensors file, but no checkpoint of Ember") }
    var position: [Int]?
    var generator: [UInt8] = [], order: [UInt8] = []
    func rest(_ name: String, after prefix: String) -> String? { name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil }
    func pair(_ tensor: Tensor, _ name: String) throws -> [Int] {
      guard tensor.dtype == .int64, tensor.shape == [2] else { throw bad("\(name) is not a pair of int64") }
      let values = try tensor.elementsOrThrow(as: Int.self)
      guard values.allSatisfy({ $0 >= 0 }) else { throw bad("\(name) is negative") }
      return values
    }
    for (name, tensor) in file.tensors {
      if let key = rest(name, after: "model.") {
        model.append((key, tensor))
      } else if let key = rest(name, after: "optimizer.") {
        optimizer.append((key, tensor))
      } else if let key = rest(name, after: "scaler.") {
        scaler.append((key, tensor))
      } else if let key = rest(name, after: "generator.") {
        generators[key] = try tensor.elementsOrThrow(as: UInt8.self)
      } else if let key = rest(name, after: "numbers.") {
        numbers[key] = try tensor.elementsOrThrow(as: Double.self)
      } else if name == "progress" {
        let values = try pair(tensor, name)
        (epoch, step) = (values[0], values[1])
      } else if name == "scheduler" {
        scheduler = try tensor.elementsOrThrow(as: Double.self)
      } else if name == "loader.position" {
        position = try pair(tensor, name)
      } else if name == "loader.generator" {
        generator = try tensor.elementsOrThrow(as: UInt8.self)
      } else if name == "loader.order" {
        order = try tensor.elementsOrThrow(as: UInt8.self)
      } else {
        throw bad("\"\(name)\" is no part of a checkpoint")
      }
    }
    if let position { loader = LoaderState(epoch: position[0], batch: position[1], generator: generator, order: order) }
    for (key, text) in file.metadata { if let name = rest(key, after: "note.") { notes[name] = text } }
  }

  /// Puts the model's tensors into a model.
  public func restore(_ model: Module) throws {
    _ = try model.loadStateDict(self.model.map { (name: $0.0, tensor: $0.1) }, strict: true)
  }

  /// Puts everything back. Throws where something does not fit; then nothing was changed.
  public func restore(
    model: Module, optimizer: (any Optimizer)? = nil, scheduler: (any Scheduler)? = nil, scaler: GradScaler? = nil,
    generators: [String: Generator] = [:]
  ) throws {
    // The scope's journal takes back what was restored before the part that does not fit.
    try catchingErrors {
      let rates = optimizer?.learningRates
      try restore(model)
      try optimizer?.loadStateDict(self.optimizer)
      if let scheduler {
        guard let state = self.scheduler else { throw EmberError(.value, in: "Checkpoint.restore", "it holds no scheduler") }
        let old = scheduler.state
        try scheduler.loadState(state)
        ErrorScopes.journal(for: scheduler) {
          try? scheduler.loadState(old)
          if let rates { optimizer?.learningRates = rates }
        }
      }
      if let scaler {
        if self.scaler.isEmpty { throw EmberError(.value, in: "Checkpoint.restore", "it holds no GradScaler") }
        try scaler.loadStateDict(self.scaler)
      }
      for (name, generator) in generators {
        let old = generator.state
        guard let state = self.generators[name], generator.restore(state) else {
          throw EmberError(.value, in: "Checkpoint.restore", "it holds no fitting state of the generator \"\(name)\"")
        }
        ErrorScopes.journal(for: generator) { _ = generator.restore(old) }
      }
    }
  }
}
