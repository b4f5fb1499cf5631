import EmberRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Changes an optimizer's learning rates as training goes on. Call `step()` after the optimizer's, every epoch or every step.
public protocol Scheduler: AnyObject, CustomStringConvertible {
  func step()
  /// Everything needed to continue.
  var state: [Double] { get }
  /// Continues a saved state and sets the rates that belong to it; throws, changing nothing, if it does not fit.
  func loadState(_ state: [Double]) throws
}

/// A schedule that goes by the number of steps taken.
///
/// The initial rates are those that the optimizer had when its first schedule was made, whatever earlier schedules did to them. A step
/// changes the rates that the optimizer has then, so that several schedules of one optimizer, each with its own steps, multiply.
open class RateSchedule: Scheduler {
  /// Whose rates change.
  public let optimizer: any Optimizer
  /// The rates of its groups that the schedule begins with.
  public private(set) var initialRates: [Double]
  /// Steps taken; -1 before the first, which making the schedule is.
  public internal(set) var epoch = -1
  /// Steps taken by this schedule itself, where another one sets its `epoch` back.
  var stepCount = 0
  /// The step that is taken belongs to making the schedule.
  private(set) var isInitial = false

  /// - Parameter rates: the initial rates, for a schedule that brings its own.
  public init(_ optimizer: any Optimizer, startingAt rates: [Double]? = nil) {
    self.optimizer = optimizer
    initialRates = optimizer.beginSchedule(at: rates)
    beginSteps()
  }

  /// For a schedule that is made of others: these have begun.
  init(composedFor optimizer: any Optimizer) {
    self.optimizer = optimizer
    initialRates = optimizer.beginSchedule()
    epoch = 0
  }

  /// What was chosen when the schedule was made, for printing.
  open var settings: KeyValuePairs<String, Any> { [:] }

  open var description: String { described(self, settings, ["epoch": epoch, "learningRates": optimizer.learningRates]) }

  /// The rates after `epoch` steps from those that the optimizer has.
  open func nextRates() -> [Double] { initialRates }

  /// The rates after `epoch` steps by a formula, whatever happened before; nil where there is none.
  open func closedForm() -> [Double]? { nil }

  public final func step() {
    if ErrorScopes.hasFailed { return }
    journal()
    stepCount += 1
    takeStep()
  }

  /// What a step does, once it is sure that it may: counts it and sets the rates to `nextRates()`. Overridden by schedules that do more.
  open func takeStep() { advance(to: nil) }

  /// A scope that fails takes the steps in it back, with the rates that they set.
  final func journal() {
    guard ErrorScopes.isActive, !isInitial else { return }
    let old = state
    ErrorScopes.journal(for: self) { self.restore(old) }
  }

  final func beginSteps() {
    stepCount = 0
    isInitial = true
    step()
    isInitial = false
  }

  /// Sets the rates after one step more, or after `epoch` steps.
  final func advance(to epoch: Int?) {
    let count = optimizer.learningRates.count
    guard count == initialRates.count else {
      raise(
        EmberError(
          .value, in: "\(Swift.type(of: self))",
          "made for \(initialRates.count) groups of parameters, the optimizer has \(count); make a new schedule after adding a group"))
      return
    }
    self.epoch = epoch ?? self.epoch + 1
    let rates = epoch == nil ? nextRates() : closedForm() ?? nextRates()
    if !ErrorScopes.hasFailed { optimizer.learningRates = rates }
  }

  /// Takes the first step back, for a schedule that begins later.
  func undo() { epoch -= 1 }

  // MARK: State

  /// What a subclass keeps beyond the steps taken; always as many numbers.
  var ownState: [Double] {
    get { [] }
    set {}
  }

  func acceptsOwn(_ state: ArraySlice<Double>) -> Bool { state.count == ownState.count }

  /// Steps taken, by itself and in all, initial rates, rates, momenta, and what a kind of schedule keeps for itself.
  public final var state: [Double] {
    [Double(epoch), Double(stepCount)] + initialRates + optimizer.learningRates + (optimizer.momenta ?? []) + ownState
  }

  private final var sharedCount: Int { 2 + 2 * initialRates.count + (optimizer.momenta?.count ?? 0) }

  final func accepts(_ state: [Double]) -> Bool {
    guard state.count >= sharedCount, Int(exactly: state[0]) != nil, let steps = Int(exactly: state[1]), steps >= 0 else { return false }
    return acceptsOwn(state[sharedCount...])
  }

  public final func loadState(_ state: [Double]) throws {
    guard accepts(state) else {
      throw EmberError(
        .value, in: "loadState", "\(state) is no state of \(Swift.type(of: self)) for \(initialRates.count) groups of parameters")
    }
    journal()
    restore(state)
  }

  private final func restore(_ state: [Double]) {
    let count = initialRates.count
    ownState = Array(state[sharedCount...])
    epoch = Int(state[0])
    stepCount = Int(state[1])
    initialRates = Array(state[2..<2 + count])
    optimizer.learningRates = Array(state[2 + count..<2 + 2 * count])
    if optimizer.momenta != nil { optimizer.momenta = Array(state[2 + 2 * count..<sharedCount]) }
  }
}

/// How a number goes from one value to another.
public enum Annealing: Sendable {
  case cosine, linear

  func value(from start: Double, to end: Double, part: Double) -> Double {
    switch self {
    case .cosine: end + (start - end) / 2 * (cosPi(part) + 1)
    case .linear: (end - start) * part + start
    }
  }
}

/// cos(πx).
func cosPi(_ x: Double) -> Double { cos(Double.pi * x) }

/// One number for each group, or the same for all.
func perGroup(_ values: [Double], _ name: String, of schedule: String, _ optimizer: any Optimizer) -> [Double] {
  let count = optimizer.learningRates.count
  if values.count == count { return values }
  if values.count == 1 { return Array(repeating: values[0], count: count) }
  raise(
    EmberError(.value, in: schedule, "\(values.count) values of \(name) for \(count) groups of parameters; give one for each, or one for all"))
  return Array(repeating: values.first ?? 0, count: count)
}
