import EmberRuntime
import EmberTensor

/// What the user chooses for a group of parameters, in a form that can be saved.
public protocol OptimizerOptions: Sendable {
  var learningRate: Double { get set }
  /// All options by PyTorch's names, as numbers.
  static var saved: [(name: String, path: WritableKeyPath<Self, Double>)] { get }
}

extension Bool {
  /// An option of yes and no among options that are saved as numbers.
  var asNumber: Double {
    get { self ? 1 : 0 }
    set { self = newValue != 0 }
  }
}

/// Parameters that share their options.
public struct ParameterGroup<Options: OptimizerOptions>: Sendable {
  public var parameters: [StateCell]
  public var options: Options

  public init(_ parameters: [StateCell], _ options: Options) {
    self.parameters = parameters
    self.options = options
  }
}

/// Changes parameters by their gradients.
///
/// A step is all or nothing: inside a failed error scope nothing is changed. Parameters keep their memory over steps.
public protocol Optimizer: AnyObject {
  func step()
  /// The parameters of all groups, in order.
  var parameters: [StateCell] { get }
  func zeroGrad()
  /// Everything needed to continue: moments and step counts by position of the parameter (`state.3.exp_avg`), options by position of
  /// the group (`group.0.lr`).
  func stateDict() -> [(String, Tensor)]
  /// Takes over a saved state, options included, converted to each parameter's dtype and device; throws, changing nothing, where names
  /// or shapes do not fit.
  func loadStateDict(_ state: [(String, Tensor)]) throws
  /// Learning rates of the groups.
  var learningRates: [Double] { get set }
  /// The rates that schedules multiply: what the learning rates were when this was first called, however often they changed since
  /// (PyTorch's `initial_lr`).
  func beginSchedule() -> [Double]
}

extension Optimizer {
  /// The learning rate of the first group; setting it sets all.
  public var learningRate: Double {
    get { learningRates.first ?? 0 }
    set { learningRates = learningRates.map { _ in newValue } }
  }
}

/// What an optimizer keeps for one parameter.
public struct ParameterState: Sendable {
  public var step = 0
  /// By PyTorch's names: `exp_avg`, `momentum_buffer`.
  public var tensors: [String: Tensor] = [:]
  /// `prepare` made tensors that hold nothing yet: the next update is the first to fill them.
  public var isFresh = false
}

/// The part that all optimizers of groups share; a rule says how one parameter moves.
open class GroupOptimizer<Options: OptimizerOptions>: Optimizer {
  public private(set) var groups: [ParameterGroup<Options>]
  public private(set) var state: [ParameterState]
  /// What `beginSchedule` returns, once it was called.
  private var initialRates: [Double]?

  init(_ groups: [ParameterGroup<Options>]) {
    self.groups = groups
    state = Array(repeating: ParameterState(), count: groups.reduce(0) { $0 + $1.parameters.count })
  }

  /// Moves one parameter. `value` is unshared where possible, so that kernels work in its memory.
  open func update(_ value: inout Tensor, gradient: Tensor, state: inout ParameterState, options: Options) {
    preconditionFailure("an optimizer overrides update")
  }

  /// The names under which `update` keeps tensors, all of the parameter's shape, dtype and device.
  open func stateNames(_ options: Options) -> [String] { [] }

  /// Makes what is kept for a parameter and is not there yet, so that `update` finds it and asks for no memory.
  open func prepare(_ state: inout ParameterState, for value: Tensor, options: Options) {
    for name in stateNames(options) where state.tensors[name] == nil { state.tensors[name] = Tensor.zeros(like: value) }
  }

  /// Whether `update`, after `prepare`, works in the parameter's own memory and asks for none: it cannot fail then, and an error
  /// scope keeps no copy of the parameter for taking it back.
  open func updatesInPlace(_ value: Tensor, gradient: Tensor) -> Bool { false }

  /// All or nothing: whatever can fail (wrong gradients, memory) comes before the first parameter that moves in place.
  public func step() {
    if ErrorScopes.hasFailed { return }
    guard let moves = plannedMoves() else { return }
    // Moves that can fail come first, with a journal that takes them back.
    for move in moves where !move.isInPlace { carryOut(move) }
    if ErrorScopes.hasFailed { return }
    for move in moves where move.isInPlace { carryOut(move) }
    if !ErrorScopes.hasFailed { ErrorScopes.commit() }
  }

  private func carryOut(_ move: Move) {
    // Taken out of the array while it changes, so that its tensors are unshared.
    var own = ParameterState()
    swap(&own, &state[move.position])
    move.cell.updateInPlace(cannotFail: move.isInPlace) {
      update(&$0, gradient: move.gradient, state: &own, options: groups[move.group].options)
    }
    swap(&own, &state[move.position])
  }

  /// What a step does to one parameter.
  private struct Move {
    let cell: StateCell
    let gradient: Tensor
    let group: Int
    let position: Int
    let isInPlace: Bool
  }

  /// The moves of a step with all memory they need, or nil after an error; the error scope then puts the state back.
  private func plannedMoves() -> [Move]? {
    var moves: [Move] = []
    var changed: [(position: Int, state: ParameterState)] = []
    var position = -1
    for (number, group) in groups.enumerated() {
      for cell in group.parameters {
        position += 1
        guard let gradient = cell.grad else { continue }
        let value = cell.value
        if let error = misfit(of: gradient, to: value, position) {
          raise(error)
          return nil
        }
        if let fitted = fittedState(position, for: value, options: group.options) { changed.append((position, fitted)) }
        if ErrorScopes.hasFailed { return nil }
        moves.append(
          Move(
            cell: cell, gradient: noGrad { gradient.contiguous() }, group: number, position: position,
            isInPlace: updatesInPlace(value, gradient: gradient)))
      }
    }
    if ErrorScopes.hasFailed { return nil }
    // Of parameters that move in place only what is replaced now: more references would keep the rule from writing into its memory.
    let old = Set(changed.map(\.position) + moves.filter { !$0.isInPlace }.map(\.position)).map { ($0, state[$0]) }
    if !old.isEmpty { ErrorScopes.journal(for: self) { for (position, before) in old { self.state[position] = before } } }
    for (position, new) in changed { state[position] = new }
    changed = []
    for move in moves where move.isInPlace {
      move.cell.makeWritable()
      for name in state[move.position].tensors.keys { state[move.position].tensors[name]?.makeWritable() }
    }
    return ErrorScopes.hasFailed ? nil : moves
  }

  /// What keeps a gradient from moving a parameter.
  private func misfit(of gradient: Tensor, to value: Tensor, _ position: Int) -> EmberError? {
    guard !value.dtype.isStorageOnly, value.dtype.isDifferentiable else {
      return EmberError(
        .unsupported, in: "step",
        "parameter \(position) is \(value.dtype)\(value.shape); optimizers compute in float16, bfloat16 and wider types")
    }
    func error(_ kind: EmberError.Kind) -> EmberError {
      let given = "\(gradient.dtype)\(gradient.shape) on \(gradient.device)", own = "\(value.dtype)\(value.shape) on \(value.device)"
      return EmberError(kind, in: "step", "a gradient \(given) for parameter \(position), \(own)")
    }
    if gradient.shape != value.shape { return error(.shape) }
    if gradient.device != value.device { return error(.device) }
    return gradient.dtype == value.dtype ? nil : error(.dtype)
  }

  /// The state of a parameter as its value needs it, which may have changed since the last step; nil if it is so already, or after an
  /// error.
  private func fittedState(_ position: Int, for value: Tensor, options: Options) -> ParameterState? {
    var own = state[position]
    var isChanged = false
    for (name, tensor) in own.tensors {
      guard tensor.shape == value.shape else {
        raise(
          EmberError(
            .shape, in: "step",
            "\"\(name)\" of parameter \(position) has shape \(tensor.shape), its value \(value.shape); "
              + "a parameter of another shape needs a new optimizer"))
        return nil
      }
      if tensor.dtype != value.dtype || tensor.device != value.device {
        own.tensors[name] = noGrad { tensor.to(value.dtype).to(value.device) }
        isChanged = true
      }
    }
    let count = own.tensors.count
    prepare(&own, for: value, options: options)
    return isChanged || own.tensors.count != count ? own : nil
  }

  public var parameters: [StateCell] { groups.flatMap(\.parameters) }

  public func zeroGrad() {
    for cell in groups.lazy.flatMap(\.parameters) { cell.grad = nil }
  }

  public var learningRates: [Double] {
    get { groups.map(\.options.learningRate) }
    set { for (i, value) in newValue.enumerated() where i < groups.count { groups[i].options.learningRate = value } }
  }

  public func beginSchedule() -> [Double] {
    let rates = initialRates ?? learningRates
    initialRates = rates
    return rates
  }

  public func stateDict() -> [(String, Tensor)] {
    var all: [(String, Tensor)] = []
    func number(_ name: String, _ value: Double) { all.append((name, Tensor(.real(value), dtype: .float64))) }
    for (i, group) in groups.enumerated() {
      for option in Options.saved { number("group.\(i).\(option.name)", group.options[keyPath: option.path]) }
      if let initialRates { number("group.\(i).initial_lr", initialRates[i]) }
    }
    for (i, entry) in state.enumerated() {
      all.append(("state.\(i).step", Tensor([entry.step])))
      for name in entry.tensors.keys.sorted() { all.append(("state.\(i).\(name)", entry.tensors[name]!)) }
    }
    return all
  }

  public func loadStateDict(_ saved: [(String, Tensor)]) throws {
    if ErrorScopes.hasFailed { return }
    let entries = try saved.map { name, tensor in
      let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
      guard parts.count == 3, let i = Int(parts[1]), i >= 0, i < (["group": groups.count, "state": state.count][parts[0]] ?? 0) else {
        throw unknown(name)
      }
      return SavedEntry(name: name, isOption: parts[0] == "group", index: i, key: parts[2], tensor: tensor)
    }
    let (options, rates) = try loadedOptions(entries.filter(\.isOption))
    takeOver(options, initialRates: rates, try loadedState(entries.filter { !$0.isOption }, options))
  }

  /// One entry of a saved state, its name taken apart.
  private struct SavedEntry {
    let name: String
    let isOption: Bool
    let index: Int
    let key: String
    let tensor: Tensor
  }

  /// The options by group and the initial rates.
  private func loadedOptions(_ entries: [SavedEntry]) throws -> ([Options], [Double]?) {
    var options = groups.map(\.options)
    var seen: [Set<String>] = Array(repeating: [], count: groups.count)
    var initial: [Int: Double] = [:]
    for entry in entries {
      let value = try entry.tensor.itemOrThrow(as: Double.self)
      if entry.key == "initial_lr" {
        initial[entry.index] = value
      } else if let option = Options.saved.first(where: { $0.name == entry.key }) {
        options[entry.index][keyPath: option.path] = value
        seen[entry.index].insert(entry.key)
      } else {
        throw unknown(entry.name)
      }
    }
    if let i = seen.firstIndex(where: { $0.count != Options.saved.count }) {
      throw EmberError(.value, in: "loadStateDict", "options of group \(i) are missing; this optimizer has \(groups.count) groups")
    }
    guard initial.isEmpty || initial.count == groups.count else {
      throw EmberError(.value, in: "loadStateDict", "initial rates of \(initial.count) groups for an optimizer of \(groups.count)")
    }
    return (options, initial.isEmpty ? nil : groups.indices.map { initial[$0]! })
  }

  /// What is kept for each parameter, as its value needs it.
  private func loadedState(_ entries: [SavedEntry], _ options: [Options]) throws -> [ParameterState] {
    var loaded = Array(repeating: ParameterState(), count: state.count)
    var isComplete = Array(repeating: false, count: state.count)
    let cells = groups.flatMap(\.parameters)
    let names = zip(groups, options).flatMap { group, options in group.parameters.map { _ in stateNames(options) } }
    for entry in entries {
      let i = entry.index
      if entry.key == "step" {
        loaded[i].step = try entry.tensor.itemOrThrow(as: Int.self)
        isComplete[i] = loaded[i].step >= 0
        continue
      }
      let value = cells[i].value
      guard names[i].contains(entry.key) else { throw unknown(entry.name) }
      guard entry.tensor.shape == value.shape else {
        throw EmberError(.shape, in: "loadStateDict", "\"\(entry.name)\" has shape \(entry.tensor.shape), parameter \(i) \(value.shape)")
      }
      guard entry.tensor.dtype.isComplex == value.dtype.isComplex else {
        throw EmberError(.dtype, in: "loadStateDict", "\"\(entry.name)\" is \(entry.tensor.dtype), parameter \(i) \(value.dtype)")
      }
      loaded[i].tensors[entry.key] = try catchingErrors { noGrad { entry.tensor.detach().to(value.dtype).to(value.device).clone() } }
    }
    for (i, own) in loaded.enumerated() where !isComplete[i] || (own.step > 0 && own.tensors.count < names[i].count) {
      throw EmberError(
        .value, in: "loadStateDict", "parameter \(i) of \(state.count) lacks some of \((["step"] + names[i]).joined(separator: ", "))")
    }
    return loaded
  }

  private func unknown(_ name: String) -> EmberError {
    EmberError(
      .value, in: "loadStateDict",
      "\"\(name)\" names no state of this \(Swift.type(of: self)) of \(groups.count) groups and \(state.count) parameters; "
        + "is it another optimizer's?")
  }

  /// Assigns a state that fits, to be taken back if the error scope around it fails.
  private func takeOver(_ options: [Options], initialRates rates: [Double]?, _ new: [ParameterState]) {
    let old = (groups: groups, initialRates: initialRates, state: state)
    ErrorScopes.journal(for: self) { (self.groups, self.initialRates, self.state) = old }
    for i in groups.indices { groups[i].options = options[i] }
    initialRates = rates
    state = new
  }
}

/// An option out of its range.
func checkOption(_ optimizer: String, _ name: String, _ value: Double, _ isValid: Bool) {
  if !isValid { raise(EmberError(.value, in: optimizer, "\(name) = \(value) is out of range")) }
}

/// Whether `ember_sgd_step` and `ember_adam_step` know a parameter's dtype, or that of its real and imaginary parts.
func hasOptimizerKernel(_ value: Tensor, _ gradient: Tensor) -> Bool {
  guard value.device == .cpu, gradient.dtype == value.dtype else { return false }
  return [.float16, .bfloat16, .float32, .float64, .complex64, .complex128].contains(value.dtype)
}
