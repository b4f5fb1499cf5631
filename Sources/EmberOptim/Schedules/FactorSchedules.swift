import EmberRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

// Schedules that multiply the rates.

/// The initial rates times a function of the steps taken.
public final class LambdaLR: RateSchedule {
  private let factors: [(Int) -> Double]

  /// - Parameter factors: one for each group, or one for all.
  public init(_ optimizer: any Optimizer, _ factors: [(Int) -> Double]) {
    self.factors = checkedFactors(factors, "LambdaLR", optimizer)
    super.init(optimizer)
  }

  public convenience init(_ optimizer: any Optimizer, _ factor: @escaping (Int) -> Double) { self.init(optimizer, [factor]) }

  override public func nextRates() -> [Double] { zip(initialRates, factors).map { $0 * $1(epoch) } }
}

/// Each step multiplies the rates by a function of the steps taken.
public final class MultiplicativeLR: RateSchedule {
  private let factors: [(Int) -> Double]

  /// - Parameter factors: one for each group, or one for all.
  public init(_ optimizer: any Optimizer, _ factors: [(Int) -> Double]) {
    self.factors = checkedFactors(factors, "MultiplicativeLR", optimizer)
    super.init(optimizer)
  }

  public convenience init(_ optimizer: any Optimizer, _ factor: @escaping (Int) -> Double) { self.init(optimizer, [factor]) }

  override public func nextRates() -> [Double] {
    isInitial ? optimizer.learningRates : zip(optimizer.learningRates, factors).map { $0 * $1(epoch) }
  }
}

private func checkedFactors(_ factors: [(Int) -> Double], _ name: String, _ optimizer: any Optimizer) -> [(Int) -> Double] {
  let count = optimizer.learningRates.count
  if factors.count == count { return factors }
  if factors.count == 1 { return Array(repeating: factors[0], count: count) }
  raise(EmberError(.value, in: name, "\(factors.count) functions for \(count) groups of parameters; give one for each, or one for all"))
  return Array(repeating: { _ in 1 }, count: count)
}

/// The rate multiplied by `gamma` every `stepSize` steps.
public final class StepLR: RateSchedule {
  private let stepSize: Int
  private let gamma: Double

  public init(_ optimizer: any Optimizer, stepSize: Int, gamma: Double = 0.1) {
    checkOption("StepLR", "stepSize", Double(stepSize), stepSize > 0, "positive")
    self.stepSize = max(1, stepSize)
    self.gamma = gamma
    super.init(optimizer)
  }

  override public var settings: KeyValuePairs<String, Any> { ["stepSize": stepSize, "gamma": gamma] }

  override public func nextRates() -> [Double] {
    let rates = optimizer.learningRates
    return epoch == 0 || epoch % stepSize != 0 ? rates : rates.map { $0 * gamma }
  }

  override public func closedForm() -> [Double]? { initialRates.map { $0 * pow(gamma, Double(epoch / stepSize)) } }
}

/// The rate multiplied by `gamma` at each milestone; twice at one that is named twice.
public final class MultiStepLR: RateSchedule {
  private let milestones: [Int]
  private let gamma: Double

  public init(_ optimizer: any Optimizer, milestones: [Int], gamma: Double = 0.1) {
    self.milestones = milestones
    self.gamma = gamma
    super.init(optimizer)
  }

  override public var settings: KeyValuePairs<String, Any> { ["milestones": milestones, "gamma": gamma] }

  override public func nextRates() -> [Double] {
    let factor = pow(gamma, Double(milestones.count { $0 == epoch }))
    return optimizer.learningRates.map { $0 * factor }
  }

  override public func closedForm() -> [Double]? {
    let factor = pow(gamma, Double(milestones.count { $0 <= epoch }))
    return initialRates.map { $0 * factor }
  }
}

/// The rate multiplied by `factor` for the first `steps` steps.
public final class ConstantLR: RateSchedule {
  private let factor: Double
  private let steps: Int

  public init(_ optimizer: any Optimizer, factor: Double = 1.0 / 3, steps: Int = 5) {
    checkOption("ConstantLR", "factor", factor, factor >= 0 && factor <= 1, "between 0 and 1")
    self.factor = factor
    self.steps = steps
    super.init(optimizer)
  }

  override public var settings: KeyValuePairs<String, Any> { ["factor": factor, "steps": steps] }

  override public func nextRates() -> [Double] {
    let rates = optimizer.learningRates
    if epoch == 0 { return rates.map { $0 * factor } }
    guard epoch == steps else { return rates }
    // No factor leads back from 0.
    return factor == 0 ? initialRates : rates.map { $0 * (1 / factor) }
  }

  override public func closedForm() -> [Double]? { initialRates.map { $0 * (epoch >= steps ? 1 : factor) } }
}

/// A linear rise from `startFactor` to `endFactor` of the rate over `steps` steps: warm-up.
public final class LinearLR: RateSchedule {
  private let startFactor: Double
  private let endFactor: Double
  private let steps: Int

  public init(_ optimizer: any Optimizer, startFactor: Double = 1.0 / 3, endFactor: Double = 1, steps: Int = 5) {
    checkOption("LinearLR", "startFactor", startFactor, startFactor > 0 && startFactor <= 1, "more than 0 and at most 1")
    checkOption("LinearLR", "endFactor", endFactor, endFactor >= 0 && endFactor <= 1, "between 0 and 1")
    self.startFactor = startFactor
    self.endFactor = endFactor
    self.steps = steps
    super.init(optimizer)
  }

  override public var settings: KeyValuePairs<String, Any> { ["startFactor": startFactor, "endFactor": endFactor, "steps": steps] }

  override public func nextRates() -> [Double] {
    let rates = optimizer.learningRates
    if epoch == 0 { return rates.map { $0 * startFactor } }
    if isInitial || epoch > steps { return rates }
    let change = endFactor - startFactor
    return rates.map { $0 * (1 + change / (Double(steps) * startFactor + Double(epoch - 1) * change)) }
  }

  override public func closedForm() -> [Double]? {
    initialRates.map { $0 * (startFactor + (endFactor - startFactor) * Double(min(steps, epoch)) / Double(max(steps, 1))) }
  }
}

/// Each step multiplies the rates by `gamma`.
public final class ExponentialLR: RateSchedule {
  private let gamma: Double

  public init(_ optimizer: any Optimizer, gamma: Double) {
    self.gamma = gamma
    super.init(optimizer)
  }

  override public var settings: KeyValuePairs<String, Any> { ["gamma": gamma] }

  override public func nextRates() -> [Double] {
    isInitial ? optimizer.learningRates : optimizer.learningRates.map { $0 * gamma }
  }

  override public func closedForm() -> [Double]? { initialRates.map { $0 * pow(gamma, Double(epoch)) } }
}

/// The rate falls to 0 over `steps` steps as a power of those left.
public final class PolynomialLR: RateSchedule {
  private let steps: Int
  private let power: Double

  public init(_ optimizer: any Optimizer, steps: Int = 5, power: Double = 1) {
    checkOption("PolynomialLR", "steps", Double(steps), steps > 0, "positive")
    self.steps = max(1, steps)
    self.power = power
    super.init(optimizer)
  }

  override public var settings: KeyValuePairs<String, Any> { ["steps": steps, "power": power] }

  override public func nextRates() -> [Double] {
    let rates = optimizer.learningRates
    if isInitial || epoch > steps { return rates }
    let factor = pow((1 - Double(epoch) / Double(steps)) / (1 - Double(epoch - 1) / Double(steps)), power)
    return rates.map { $0 * factor }
  }

  override public func closedForm() -> [Double]? {
    initialRates.map { $0 * pow(1 - Double(min(steps, epoch)) / Double(steps), power) }
  }
}
