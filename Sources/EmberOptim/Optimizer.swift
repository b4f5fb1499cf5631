import EmberRuntime
import EmberTensor

/// Parameters that share their options.
public struct ParameterGroup<Options: Sendable>: Sendable {
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
  /// Everything needed to continue: moments and step counts by position of the parameter (`state.3.exp_avg`), options by group.
  func stateDict() -> [(String, Tensor)]
  /// Takes over a saved state; throws, changing nothing, where names or shapes do not fit.
  func loadStateDict(_ state: [(String, Tensor)]) throws
  /// Learning rates of the groups.
  var learningRates: [Double] { get set }
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
open class GroupOptimizer<Options: Sendable>: Optimizer {
  public private(set) var groups: [ParameterGroup<Options>]
  public private(set) var state: [ParameterState]
  private let rate: WritableKeyPath<Options, Double>

  /// - Parameter rate: where the learning rate stands among the options.
  init(_ groups: [ParameterGroup<Options>], rate: WritableKeyPath<Options, Double>) {
    self.groups = groups
    self.rate = rate
    state = Array(repeating: ParameterState(), count: groups.reduce(0) { $0 + $1.parameters.count })
  }

  /// Moves one parameter. `value` is unshared where possible, so that kernels work in its memory.
  open func update(_ value: inout Tensor, gradient: Tensor, state: inout ParameterState, options: Options) {
    preconditionFailure("an optimizer overrides update")
  }

  /// Makes what is kept for a parameter from its first step on, so that `update` finds it and asks for no memory.
  open func prepare(_ state: inout ParameterState, for value: Tensor, options: Options) {}

  /// Whether `update`, after `prepare`, works in the parameter's own memory and asks for none: it cannot fail then, and an error
  /// scope keeps no copy of the parameter for taking it back.
  open func updatesInPlace(_ value: Tensor, gradient: Tensor) -> Bool { false }

  /// All or nothing: whatever can fail (wrong gradients, memory) comes before the first parameter changes.
  public func step() {
    if ErrorScopes.hasFailed { return }
    guard let moves = plannedMoves() else { return }
    if !moves.allSatisfy(\.isInPlace) {
      let old = state
      ErrorScopes.journal(for: self) { self.state = old }
    }
    for move in moves {
      // Taken out of the array while it changes, so that its tensors are unshared.
      var own = ParameterState()
      swap(&own, &state[move.position])
      move.cell.update(cannotFail: move.isInPlace) {
        update(&$0, gradient: move.gradient, state: &own, options: groups[move.group].options)
      }
      swap(&own, &state[move.position])
    }
    if !ErrorScopes.hasFailed { ErrorScopes.commit() }
  }

  /// What a step does to one parameter.
  private struct Move {
    let cell: StateCell
    let gradient: Tensor
    let group: Int
    let position: Int
    let isInPlace: Bool
  }

  /// The moves of a step with all memory they need, or nil after an error; then state and parameters are as before.
  private func plannedMoves() -> [Move]? {
    var moves: [Move] = []
    var position = -1
    for (number, group) in groups.enumerated() {
      for cell in group.parameters {
        position += 1
        guard let gradient = cell.grad else { continue }
        let value = cell.value
        guard gradient.shape == value.shape, gradient.device == value.device else {
          raise(
            EmberError(
              .shape, in: "step",
              "a gradient \(gradient.dtype)\(gradient.shape) on \(gradient.device) for parameter \(position), \(value.dtype)\(value.shape) on \(value.device)"))
          return nil
        }
        moves.append(
          Move(
            cell: cell, gradient: noGrad { gradient.contiguous() }, group: number, position: position,
            isInPlace: updatesInPlace(value, gradient: gradient)))
      }
    }
    for move in moves where move.isInPlace {
      move.cell.makeWritable()
      for name in state[move.position].tensors.keys { state[move.position].tensors[name]?.makeWritable() }
    }
    if ErrorScopes.hasFailed { return nil }
    let beginners = moves.filter { state[$0.position].step == 0 }
    if !beginners.isEmpty {
      let before = state
      for move in beginners { prepare(&state[move.position], for: move.cell.value, options: groups[move.group].options) }
      if ErrorScopes.hasFailed {
        state = before
        return nil
      }
    }
    return moves
  }

  public var parameters: [StateCell] { groups.flatMap(\.parameters) }

  public func zeroGrad() {
    for cell in groups.lazy.flatMap(\.parameters) { cell.grad = nil }
  }

  public var learningRates: [Double] {
    get { groups.map { $0.options[keyPath: rate] } }
    set { for (i, value) in newValue.enumerated() where i < groups.count { groups[i].options[keyPath: rate] = value } }
  }

  public func stateDict() -> [(String, Tensor)] {
    var all: [(String, Tensor)] = [("learning_rates", Tensor(learningRates, dtype: .float64))]
    for (i, entry) in state.enumerated() {
      all.append(("state.\(i).step", Tensor([entry.step])))
      for name in entry.tensors.keys.sorted() { all.append(("state.\(i).\(name)", entry.tensors[name]!)) }
    }
    return all
  }

  public func loadStateDict(_ saved: [(String, Tensor)]) throws {
    var loaded = Array(repeating: ParameterState(), count: state.count)
    var rates: [Double]?
    let cells = groups.flatMap(\.parameters)
    for (name, tensor) in saved {
      if name == "learning_rates" {
        rates = try tensor.elementsOrThrow(as: Double.self)
        continue
      }
      let parts = name.split(separator: ".", maxSplits: 2)
      guard parts.count == 3, parts[0] == "state", let i = Int(parts[1]), i >= 0, i < loaded.count else {
        throw EmberError(.value, in: "loadStateDict", "\"\(name)\" names no state of this optimizer, which has \(state.count) parameters")
      }
      if parts[2] == "step" {
        loaded[i].step = try tensor.itemOrThrow(as: Int.self)
      } else {
        guard tensor.shape == cells[i].value.shape else {
          throw EmberError(.shape, in: "loadStateDict", "\"\(name)\" has shape \(tensor.shape), parameter \(i) \(cells[i].value.shape)")
        }
        loaded[i].tensors[String(parts[2])] = tensor.clone()
      }
    }
    if let rates, rates.count != groups.count {
      throw EmberError(.value, in: "loadStateDict", "learning rates of \(rates.count) groups for an optimizer of \(groups.count)")
    }
    state = loaded
    if let rates { learningRates = rates }
  }
}

/// An option out of its range.
func checkOption(_ optimizer: String, _ name: String, _ value: Double, _ isValid: Bool) {
  if !isValid { raise(EmberError(.value, in: optimizer, "\(name) = \(value) is out of range")) }
}
