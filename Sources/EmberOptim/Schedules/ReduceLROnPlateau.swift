import EmberRuntime

/// Makes the rates smaller once a measure, such as the validation loss, no longer improves.
///
/// ```swift
/// let schedule = ReduceLROnPlateau(optimizer, patience: 5)
/// schedule.step(validationLoss)
/// ```
public final class ReduceLROnPlateau: Scheduler {
  /// Which way is better.
  public enum Mode: Sendable {
    /// The measure is to fall.
    case minimum
    /// It is to rise.
    case maximum
  }

  /// What the threshold is a difference of.
  public enum ThresholdMode: Sendable {
    /// An improvement is by a part of the best value.
    case relative
    /// By a difference.
    case absolute
  }

  /// Whose rates change.
  public let optimizer: any Optimizer
  private let mode: Mode
  private let factor: Double
  private let patience: Int
  private let threshold: Double
  private let thresholdMode: ThresholdMode
  private let cooldown: Int
  private let minimumRates: [Double]
  private let epsilon: Double
  /// Steps taken.
  public private(set) var epoch = 0
  /// The best value so far.
  public private(set) var best: Double
  private var stepsWithoutImprovement = 0
  private var cooldownLeft = 0

  /// - Parameters:
  ///   - factor: what rates are multiplied by.
  ///   - patience: after more steps than these without improvement.
  ///   - threshold: how much better counts as an improvement.
  ///   - cooldown: steps after a reduction that do not count.
  ///   - minimumRates: lower bounds; one for each group, or one for all.
  ///   - epsilon: a reduction by no more is not made.
  public init(
    _ optimizer: any Optimizer, mode: Mode = .minimum, factor: Double = 0.1, patience: Int = 10, threshold: Double = 1e-4,
    thresholdMode: ThresholdMode = .relative, cooldown: Int = 0, minimumRates: [Double] = [0], epsilon: Double = 1e-8
  ) {
    checkOption("ReduceLROnPlateau", "factor", factor, factor < 1, "less than 1")
    self.optimizer = optimizer
    self.mode = mode
    self.factor = factor
    self.patience = patience
    self.threshold = threshold
    self.thresholdMode = thresholdMode
    self.cooldown = cooldown
    self.minimumRates = perGroup(minimumRates, "minimumRates", of: "ReduceLROnPlateau", optimizer)
    self.epsilon = epsilon
    best = mode == .minimum ? .infinity : -.infinity
  }

  /// This schedule goes by a measure: raises an error.
  public var description: String {
    described(
      self,
      [
        "mode": mode, "factor": factor, "patience": patience, "threshold": threshold, "thresholdMode": thresholdMode, "cooldown": cooldown,
        "minimumRates": minimumRates, "epsilon": epsilon, "epoch": epoch, "best": best, "learningRates": optimizer.learningRates,
      ])
  }

  public func step() {
    raise(EmberError(.value, in: "ReduceLROnPlateau", "step() without the measure that it goes by; call step(validationLoss)"))
  }

  /// Looks at a new value of the measure.
  public func step(_ value: Double) {
    if ErrorScopes.hasFailed { return }
    journal()
    epoch += 1
    if isBetter(value) {
      best = value
      stepsWithoutImprovement = 0
    } else {
      stepsWithoutImprovement += 1
    }
    if cooldownLeft > 0 {
      cooldownLeft -= 1
      stepsWithoutImprovement = 0
    }
    guard stepsWithoutImprovement > patience else { return }
    cooldownLeft = cooldown
    stepsWithoutImprovement = 0
    optimizer.learningRates = optimizer.learningRates.enumerated().map { i, rate in
      let reduced = max(rate * factor, i < minimumRates.count ? minimumRates[i] : minimumRates.last ?? 0)
      return rate - reduced > epsilon ? reduced : rate
    }
  }

  private func isBetter(_ value: Double) -> Bool {
    switch (mode, thresholdMode) {
    case (.minimum, .relative): value < best * (1 - threshold)
    case (.minimum, .absolute): value < best - threshold
    case (.maximum, .relative): value > best * (1 + threshold)
    case (.maximum, .absolute): value > best + threshold
    }
  }

  /// Steps taken, best value, steps without improvement, steps of cooldown left, rates.
  public var state: [Double] {
    [Double(epoch), best, Double(stepsWithoutImprovement), Double(cooldownLeft)] + optimizer.learningRates
  }

  public func loadState(_ state: [Double]) throws {
    let count = optimizer.learningRates.count
    guard state.count == 4 + count, let steps = Int(exactly: state[0]), let without = Int(exactly: state[2]),
      let left = Int(exactly: state[3]), min(steps, without, left) >= 0
    else {
      throw EmberError(.value, in: "loadState", "\(state) is no state of ReduceLROnPlateau for \(count) groups of parameters")
    }
    journal()
    (epoch, best, stepsWithoutImprovement, cooldownLeft) = (steps, state[1], without, left)
    optimizer.learningRates = Array(state[4...])
  }

  /// A scope that fails takes the steps in it back, with the rates that they set.
  private func journal() {
    guard ErrorScopes.isActive else { return }
    let old = (epoch, best, stepsWithoutImprovement, cooldownLeft), rates = optimizer.learningRates
    ErrorScopes.journal(for: self) {
      (self.epoch, self.best, self.stepsWithoutImprovement, self.cooldownLeft) = old
      self.optimizer.learningRates = rates
    }
  }
}
