import EmberRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Rates that go up and down between two bounds, and momenta that go down and up (Smith, 2017, arXiv:1506.01186).
public final class CyclicLR: RateSchedule {
  /// How the height of the cycles changes.
  public enum Mode {
    /// Not at all.
    case triangular
    /// Each cycle is half as high as the last.
    case triangular2
    /// By a factor at each step.
    case exponential(gamma: Double)
    /// By a function of the number of the cycle, from 1.
    case byCycle((Int) -> Double)
    /// By a function of the steps taken.
    case byStep((Int) -> Double)
  }

  private let bounds: [(low: Double, high: Double)]
  private let momentumBounds: [(low: Double, high: Double)]
  private let total: Double
  private let rise: Double
  private let mode: Mode
  private var isMade = false

  /// - Parameters:
  ///   - base: the lower bounds of the rates; one for each group, or one for all.
  ///   - maximum: the upper ones.
  ///   - stepsUp: the steps of a rise.
  ///   - stepsDown: those of a fall; as many if nil.
  ///   - cyclesMomentum: the optimizer must have a momentum, or betas.
  public init(
    _ optimizer: any Optimizer, base: [Double], maximum: [Double], stepsUp: Int = 2000, stepsDown: Int? = nil, mode: Mode = .triangular,
    cyclesMomentum: Bool = true, baseMomentum: [Double] = [0.8], maximumMomentum: [Double] = [0.9]
  ) {
    checkOption("CyclicLR", "stepsUp", Double(stepsUp), stepsUp > 0, "positive")
    checkOption("CyclicLR", "stepsDown", Double(stepsDown ?? 1), stepsDown ?? 1 > 0, "positive")
    let low = perGroup(base, "base", of: "CyclicLR", optimizer)
    bounds = Array(zip(low, perGroup(maximum, "maximum", of: "CyclicLR", optimizer)))
    let cycles = cyclesMomentum && hasMomentum(optimizer, "CyclicLR")
    momentumBounds =
      cycles
      ? Array(
        zip(
          perGroup(baseMomentum, "baseMomentum", of: "CyclicLR", optimizer),
          perGroup(maximumMomentum, "maximumMomentum", of: "CyclicLR", optimizer)))
      : []
    total = Double(max(stepsUp, 1) + max(stepsDown ?? stepsUp, 1))
    rise = Double(max(stepsUp, 1)) / total
    self.mode = mode
    if !ErrorScopes.hasFailed { optimizer.learningRates = low }
    super.init(optimizer)
    isMade = true
  }

  public convenience init(
    _ optimizer: any Optimizer, base: Double, maximum: Double, stepsUp: Int = 2000, stepsDown: Int? = nil, mode: Mode = .triangular,
    cyclesMomentum: Bool = true, baseMomentum: Double = 0.8, maximumMomentum: Double = 0.9
  ) {
    self.init(
      optimizer, base: [base], maximum: [maximum], stepsUp: stepsUp, stepsDown: stepsDown, mode: mode, cyclesMomentum: cyclesMomentum,
      baseMomentum: [baseMomentum], maximumMomentum: [maximumMomentum])
  }

  override public var settings: KeyValuePairs<String, Any> {
    let up = Int((rise * total).rounded())
    return [
      "base": bounds.map(\.low), "maximum": bounds.map(\.high), "stepsUp": up, "stepsDown": Int(total) - up, "mode": mode,
      "cyclesMomentum": !momentumBounds.isEmpty,
    ]
  }

  override public func nextRates() -> [Double] {
    let cycle = (1 + Double(epoch) / total).rounded(.down)
    let position = 1 + Double(epoch) / total - cycle
    let height = position <= rise ? position / rise : (position - 1) / (rise - 1)
    let scale =
      switch mode {
      case .triangular: 1.0
      case .triangular2: 1 / pow(2, cycle - 1)
      case .exponential(let gamma): pow(gamma, Double(epoch))
      case .byCycle(let scale): scale(Int(cycle))
      case .byStep(let scale): scale(epoch)
      }
    if !momentumBounds.isEmpty { optimizer.momenta = momentumBounds.map { $0.high - ($0.high - $0.low) * height * scale } }
    // Before the first step the optimizer's initial rates count, should an earlier schedule have set them; as in PyTorch.
    return isMade ? bounds.map { $0.low + ($0.high - $0.low) * height * scale } : initialRates
  }
}

/// Up to a maximum and down again over a known number of steps, the momentum the other way (Smith and Topin, 2018, arXiv:1708.07120).
public final class OneCycleLR: RateSchedule {
  /// A part of the way: where it ends, and which rates and momenta it goes between.
  private struct Phase {
    let end: Double
    let from: Level
    let to: Level
  }

  private enum Level {
    case initial, maximum, minimum
  }

  private let maxima: [Double]
  private let divisor: Double
  private let finalDivisor: Double
  private let totalSteps: Int
  private let phases: [Phase]
  private let annealing: Annealing
  /// Empty where the momentum stays.
  private let momentumBounds: [(low: Double, high: Double)]

  /// - Parameters:
  ///   - maxima: the highest rates; one for each group, or one for all.
  ///   - rise: the part of the steps until then.
  ///   - divisor: the highest rate by the first.
  ///   - finalDivisor: the first rate by the last.
  ///   - cyclesMomentum: the optimizer must have a momentum, or betas.
  ///   - threePhases: down to the first rate in as many steps as up, then on to the last.
  public init(
    _ optimizer: any Optimizer, maxima: [Double], totalSteps: Int, rise: Double = 0.3, annealing: Annealing = .cosine,
    cyclesMomentum: Bool = true, baseMomentum: [Double] = [0.85], maximumMomentum: [Double] = [0.95], divisor: Double = 25,
    finalDivisor: Double = 1e4, threePhases: Bool = false
  ) {
    checkOption("OneCycleLR", "totalSteps", Double(totalSteps), totalSteps > 0, "positive")
    checkOption("OneCycleLR", "rise", rise, rise >= 0 && rise <= 1, "between 0 and 1")
    let peaks = perGroup(maxima, "maxima", of: "OneCycleLR", optimizer)
    self.maxima = peaks
    self.totalSteps = totalSteps
    self.divisor = divisor
    self.finalDivisor = finalDivisor
    self.annealing = annealing
    let (peak, last) = (rise * Double(totalSteps) - 1, Double(totalSteps - 1))
    let up = Phase(end: peak, from: .initial, to: .maximum)
    phases =
      threePhases
      ? [up, Phase(end: 2 * rise * Double(totalSteps) - 2, from: .maximum, to: .initial), Phase(end: last, from: .initial, to: .minimum)]
      : [up, Phase(end: last, from: .maximum, to: .minimum)]
    let cycles = cyclesMomentum && hasMomentum(optimizer, "OneCycleLR")
    momentumBounds =
      cycles
      ? Array(
        zip(
          perGroup(baseMomentum, "baseMomentum", of: "OneCycleLR", optimizer),
          perGroup(maximumMomentum, "maximumMomentum", of: "OneCycleLR", optimizer)))
      : []
    super.init(optimizer, startingAt: peaks.map { $0 / divisor })
  }

  public convenience init(
    _ optimizer: any Optimizer, maximum: Double, totalSteps: Int, rise: Double = 0.3, annealing: Annealing = .cosine,
    cyclesMomentum: Bool = true, baseMomentum: Double = 0.85, maximumMomentum: Double = 0.95, divisor: Double = 25,
    finalDivisor: Double = 1e4, threePhases: Bool = false
  ) {
    self.init(
      optimizer, maxima: [maximum], totalSteps: totalSteps, rise: rise, annealing: annealing, cyclesMomentum: cyclesMomentum,
      baseMomentum: [baseMomentum], maximumMomentum: [maximumMomentum], divisor: divisor, finalDivisor: finalDivisor,
      threePhases: threePhases)
  }

  override public var settings: KeyValuePairs<String, Any> {
    [
      "maxima": maxima, "totalSteps": totalSteps, "annealing": annealing, "divisor": divisor, "finalDivisor": finalDivisor,
      "threePhases": phases.count == 3, "cyclesMomentum": !momentumBounds.isEmpty,
    ]
  }

  override public func nextRates() -> [Double] {
    guard epoch <= totalSteps else {
      raise(EmberError(.value, in: "OneCycleLR", "step \(epoch) of a schedule of totalSteps = \(totalSteps)"))
      return optimizer.learningRates
    }
    let step = Double(epoch)
    let number = phases.firstIndex { step <= $0.end } ?? phases.count - 1
    let phase = phases[number], start = number == 0 ? 0 : phases[number - 1].end
    let part = phase.end == start ? 1 : (step - start) / (phase.end - start)
    if !momentumBounds.isEmpty {
      optimizer.momenta = momentumBounds.map { bounds in
        // High wherever the rate is not at its maximum.
        func momentum(_ level: Level) -> Double { if case .maximum = level { bounds.low } else { bounds.high } }
        return annealing.value(from: momentum(phase.from), to: momentum(phase.to), part: part)
      }
    }
    return maxima.map { maximum in
      func rate(_ level: Level) -> Double {
        switch level {
        case .initial: maximum / divisor
        case .maximum: maximum
        case .minimum: maximum / divisor / finalDivisor
        }
      }
      return annealing.value(from: rate(phase.from), to: rate(phase.to), part: part)
    }
  }
}

/// Whether an optimizer has a momentum to cycle; raises an error if not.
private func hasMomentum(_ optimizer: any Optimizer, _ schedule: String) -> Bool {
  if optimizer.momenta != nil { return true }
  raise(
    EmberError(
      .value, in: schedule, "\(Swift.type(of: optimizer)) has no momentum and no betas to cycle; pass cyclesMomentum: false"))
  return false
}
