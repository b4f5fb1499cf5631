import EmberRuntime

/// A schedule made of others of the same optimizer. Step only this one, not them.
public class ComposedSchedule: RateSchedule {
  let schedules: [RateSchedule]

  fileprivate init(composing schedules: [RateSchedule], for optimizer: any Optimizer) {
    self.schedules = schedules
    super.init(composedFor: optimizer)
  }

  override final func undo() {
    for schedule in schedules { schedule.undo() }
  }

  override final var ownState: [Double] {
    get { schedules.flatMap(\.state) }
    set { for (schedule, part) in zip(schedules, parts(newValue[...]) ?? []) { try? schedule.loadState(part) } }
  }

  override final func acceptsOwn(_ state: ArraySlice<Double>) -> Bool {
    parts(state).map { zip(schedules, $0).allSatisfy { $0.accepts($1) } } ?? false
  }

  /// The states of the schedules, one after the other; nil if the numbers are too few or too many.
  private func parts(_ state: ArraySlice<Double>) -> [[Double]]? {
    var rest = state
    let parts = schedules.map { schedule in
      let part = Array(rest.prefix(schedule.state.count))
      rest = rest.dropFirst(part.count)
      return part
    }
    return rest.isEmpty && state.count == ownState.count ? parts : nil
  }

  fileprivate static func check(_ schedules: [RateSchedule], of optimizer: (any Optimizer)?, _ name: String) {
    if schedules.isEmpty { raise(EmberError(.value, in: name, "called with no schedule; it takes one or more")) }
    let owner = optimizer ?? schedules.first?.optimizer
    if schedules.contains(where: { $0.optimizer !== owner }) { raise(EmberError(.value, in: name, "a schedule is of another optimizer")) }
  }
}

/// One schedule after another: the next begins, with its own steps from 0, at each milestone.
///
/// ```swift
/// let warmUp = LinearLR(optimizer, steps: 500), rest = CosineAnnealingLR(optimizer, period: 9500)
/// let schedule = SequentialLR(optimizer, [warmUp, rest], milestones: [500])
/// ```
public final class SequentialLR: ComposedSchedule {
  private let milestones: [Int]

  /// - Parameter schedules: of the same optimizer, one more than milestones.
  public init(_ optimizer: any Optimizer, _ schedules: [RateSchedule], milestones: [Int]) {
    Self.check(schedules, of: optimizer, "SequentialLR")
    let isOrdered = zip(milestones, milestones.dropFirst()).allSatisfy { $0 < $1 } && milestones.first ?? 0 >= 0
    if schedules.count != milestones.count + 1 || !isOrdered {
      raise(
        EmberError(
          .value, in: "SequentialLR", "\(schedules.count) schedules with milestones \(milestones); they rise, one between two schedules"))
    }
    self.milestones = milestones
    super.init(composing: schedules, for: optimizer)
    if ErrorScopes.hasFailed { return }
    // Making the schedules took the first step of each: only that of the one which begins counts.
    optimizer.learningRates = initialRates
    undo()
    schedules[milestones.count { $0 <= 0 }].beginSteps()
  }

  override public var settings: KeyValuePairs<String, Any> { ["schedules": schedules, "milestones": milestones] }

  override public func takeStep() {
    epoch += 1
    let number = milestones.count { $0 <= epoch }
    if number > 0, milestones[number - 1] == epoch { schedules[number].advance(to: 0) } else { schedules[number].step() }
  }
}

/// Several schedules at once: each step is one of all of them, and their factors multiply.
public final class ChainedScheduler: ComposedSchedule {
  public init(_ schedules: [RateSchedule], of optimizer: (any Optimizer)? = nil) {
    Self.check(schedules, of: optimizer, "ChainedScheduler")
    super.init(composing: schedules, for: optimizer ?? schedules.first?.optimizer ?? SGD(groups: []))
  }

  override public var settings: KeyValuePairs<String, Any> { ["schedules": schedules] }

  override public func takeStep() {
    epoch += 1
    for schedule in schedules { schedule.step() }
  }
}
