import EmberRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Changes an optimizer's learning rates as training goes on. Call `step()` after the optimizer's, every epoch or every step.
public protocol Scheduler: AnyObject {
  func step()
  /// Everything needed to continue.
  var state: [Double] { get }
  /// Continues a saved state and sets the rates that belong to it; throws, changing nothing, if it does not fit.
  func loadState(_ state: [Double]) throws
}

/// A schedule that is a function of the number of steps taken and of the initial rate.
///
/// The initial rates are those that the optimizer had when its first schedule was made, whatever earlier schedules did to them.
open class RateSchedule: Scheduler {
  public let optimizer: any Optimizer
  public private(set) var initialRates: [Double]
  /// Steps taken.
  public private(set) var epoch = 0

  public init(_ optimizer: any Optimizer) {
    self.optimizer = optimizer
    initialRates = optimizer.beginSchedule()
    apply()
  }

  /// The rate after `epoch` steps for a group that began with `initial`.
  open func rate(_ epoch: Int, initial: Double) -> Double { initial }

  private func apply() { optimizer.learningRates = initialRates.map { rate(epoch, initial: $0) } }

  public func step() {
    if ErrorScopes.hasFailed { return }
    epoch += 1
    apply()
  }

  /// The steps taken, then the initial rates.
  public var state: [Double] { [Double(epoch)] + initialRates }

  public func loadState(_ state: [Double]) throws {
    guard state.count == 1 + initialRates.count, let steps = Int(exactly: state[0]), steps >= 0 else {
      throw EmberError(.value, in: "loadState", "\(state) is no state of a schedule for \(initialRates.count) groups of parameters")
    }
    epoch = steps
    initialRates = Array(state.dropFirst())
    apply()
  }
}

/// One schedule after another: the next begins, with its own steps from 0, at each milestone.
///
/// ```swift
/// let warmUp = LinearLR(optimizer, steps: 500), rest = CosineAnnealingLR(optimizer, period: 9500)
/// let schedule = SequentialLR(optimizer, [warmUp, rest], milestones: [500])
/// ```
public final class SequentialLR: RateSchedule {
  private let schedules: [RateSchedule]
  private let milestones: [Int]

  /// - Parameter schedules: of the same optimizer, one more than milestones. Step only this one, not them.
  public init(_ optimizer: any Optimizer, _ schedules: [RateSchedule], milestones: [Int]) {
    let ordered = zip(milestones, milestones.dropFirst()).allSatisfy { $0 < $1 } && milestones.first ?? 1 > 0
    if schedules.isEmpty || schedules.count != milestones.count + 1 || !ordered {
      raise(
        EmberError(
          .value, in: "SequentialLR", "\(schedules.count) schedules with milestones \(milestones); they rise, one between two schedules"))
    }
    if schedules.contains(where: { $0.optimizer !== optimizer }) {
      raise(EmberError(.value, in: "SequentialLR", "a schedule is of another optimizer"))
    }
    self.schedules = schedules
    self.milestones = milestones
    super.init(optimizer)
  }

  override public func rate(_ epoch: Int, initial: Double) -> Double {
    // Fewer schedules than milestones ask for only after an error.
    guard let number = schedules.indices.prefix(1 + milestones.count { $0 <= epoch }).last else { return initial }
    return schedules[number].rate(number == 0 ? epoch : epoch - milestones[number - 1], initial: initial)
  }
}

/// The rate multiplied by `gamma` every `stepSize` steps.
public final class StepLR: RateSchedule {
  private let stepSize: Int
  private let gamma: Double

  public init(_ optimizer: any Optimizer, stepSize: Int, gamma: Double = 0.1) {
    self.stepSize = max(1, stepSize)
    self.gamma = gamma
    super.init(optimizer)
  }

  override public func rate(_ epoch: Int, initial: Double) -> Double { initial * pow(gamma, Double(epoch / stepSize)) }
}

/// Half a cosine from the initial rate to `minimum` over `period` steps, and back (Loshchilov and Hutter, 2017, arXiv:1608.03983).
public final class CosineAnnealingLR: RateSchedule {
  private let period: Int
  private let minimum: Double

  public init(_ optimizer: any Optimizer, period: Int, minimum: Double = 0) {
    self.period = max(1, period)
    self.minimum = minimum
    super.init(optimizer)
  }

  override public func rate(_ epoch: Int, initial: Double) -> Double {
    minimum + (initial - minimum) * (1 + cos(Double.pi * Double(epoch) / Double(period))) / 2
  }
}

/// A linear rise from `startFactor` to 1 over `steps` steps: warm-up.
public final class LinearLR: RateSchedule {
  private let startFactor: Double
  private let endFactor: Double
  private let steps: Int

  public init(_ optimizer: any Optimizer, startFactor: Double = 1.0 / 3, endFactor: Double = 1, steps: Int = 5) {
    self.startFactor = startFactor
    self.endFactor = endFactor
    self.steps = max(1, steps)
    super.init(optimizer)
  }

  override public func rate(_ epoch: Int, initial: Double) -> Double {
    initial * (startFactor + (endFactor - startFactor) * Double(min(epoch, steps)) / Double(steps))
  }
}

/// Up to `maximum` and down again over a known number of steps (Smith and Topin, 2018, arXiv:1708.07120); rates only.
public final class OneCycleLR: RateSchedule {
  private let maximum: Double
  private let totalSteps: Int
  private let rise: Double
  private let divisor: Double
  private let finalDivisor: Double

  public init(
    _ optimizer: any Optimizer, maximum: Double, totalSteps: Int, rise: Double = 0.3, divisor: Double = 25, finalDivisor: Double = 1e4
  ) {
    self.maximum = maximum
    self.totalSteps = max(1, totalSteps)
    self.rise = rise
    self.divisor = divisor
    self.finalDivisor = finalDivisor
    super.init(optimizer)
  }

  override public func rate(_ epoch: Int, initial: Double) -> Double {
    let start = maximum / divisor, end = start / finalDivisor
    let peak = rise * Double(totalSteps) - 1, last = Double(totalSteps) - 1
    let position = min(Double(epoch), last)
    func anneal(_ from: Double, _ to: Double, _ part: Double) -> Double { to + (from - to) / 2 * (1 + cos(Double.pi * part)) }
    if position <= peak { return anneal(start, maximum, peak > 0 ? position / peak : 1) }
    return anneal(maximum, end, last > peak ? (position - peak) / (last - peak) : 1)
  }
}
