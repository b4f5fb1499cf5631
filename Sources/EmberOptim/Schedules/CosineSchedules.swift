import EmberRuntime

/// Half a cosine from the initial rate to `minimum` over `period` steps, and back (Loshchilov and Hutter, 2017, arXiv:1608.03983).
public final class CosineAnnealingLR: RateSchedule {
  private let period: Int
  private let minimum: Double

  public init(_ optimizer: any Optimizer, period: Int, minimum: Double = 0) {
    checkOption("CosineAnnealingLR", "period", Double(period), period > 0, "positive")
    self.period = max(1, period)
    self.minimum = minimum
    super.init(optimizer)
  }

  /// 1 + cos of the angle after so many steps.
  private func height(_ steps: Int) -> Double { 1 + cosPi(Double(steps) / Double(period)) }

  override public var settings: KeyValuePairs<String, Any> { ["period": period, "minimum": minimum] }

  override public func nextRates() -> [Double] {
    let rates = optimizer.learningRates
    if isInitial { return rates }
    if (epoch - 1 - period) % (2 * period) == 0 {
      // From the lowest point, where the height says nothing of how high it was.
      return zip(rates, initialRates).map { $0 + ($1 - minimum) * (1 - cosPi(1 / Double(period))) / 2 }
    }
    return rates.map { height(epoch) / height(epoch - 1) * ($0 - minimum) + minimum }
  }

  override public func closedForm() -> [Double]? { initialRates.map { minimum + ($0 - minimum) * height(epoch) / 2 } }
}

/// Half cosines from the initial rate to `minimum`, each `multiplier` times as long as the last (Loshchilov and Hutter, 2017,
/// arXiv:1608.03983).
public final class CosineAnnealingWarmRestarts: RateSchedule {
  private let multiplier: Int
  private let minimum: Double
  private let period: Int
  /// Steps of the present half cosine, and since it began.
  private var length: Int
  private var position = -1.0

  public init(_ optimizer: any Optimizer, period: Int, multiplier: Int = 1, minimum: Double = 0) {
    checkOption("CosineAnnealingWarmRestarts", "period", Double(period), period > 0, "positive")
    checkOption("CosineAnnealingWarmRestarts", "multiplier", Double(multiplier), multiplier > 0, "positive")
    self.period = max(1, period)
    length = self.period
    self.multiplier = max(1, multiplier)
    self.minimum = minimum
    super.init(optimizer)
  }

  override public var settings: KeyValuePairs<String, Any> { ["period": period, "multiplier": multiplier, "minimum": minimum] }

  override public func takeStep() {
    if epoch < 0 {
      position = 0
    } else {
      position += 1
      if position >= Double(length) {
        position -= Double(length)
        length *= multiplier
      }
    }
    advance(to: nil)
  }

  /// Sets the rates that belong to a place between two steps: `step(at: epoch + batch / batchCount)`, called after each batch.
  public func step(at epoch: Double) {
    if ErrorScopes.hasFailed { return }
    guard epoch >= 0, epoch < 1e15 else {
      raise(EmberError(.value, in: "CosineAnnealingWarmRestarts", "step at \(epoch); it must not be negative"))
      return
    }
    journal()
    (length, position) = (period, epoch)
    if multiplier == 1 {
      position = epoch.truncatingRemainder(dividingBy: Double(period))
    } else {
      while position >= Double(length) {
        position -= Double(length)
        length *= multiplier
      }
    }
    advance(to: Int(epoch))
  }

  override public func nextRates() -> [Double] {
    let height = 1 + cosPi(position / Double(length))
    return initialRates.map { minimum + ($0 - minimum) * height / 2 }
  }

  override var ownState: [Double] {
    get { [Double(length), position] }
    set { (length, position) = (Int(newValue[0]), newValue[1]) }
  }

  override func acceptsOwn(_ state: ArraySlice<Double>) -> Bool {
    guard state.count == 2, let length = Int(exactly: state.first!), let position = state.last else { return false }
    return length > 0 && position < Double(length)
  }
}

/// From the present rate to a constant one, for averaging weights along the way (Izmailov et al., 2018, arXiv:1803.05407); see
/// `AveragedModel`.
public final class SWALR: RateSchedule {
  private let targets: [Double]
  private let epochs: Int
  private let annealing: Annealing

  /// - Parameters:
  ///   - rates: those to reach; one for each group, or one for all.
  ///   - epochs: the steps until they are reached.
  public init(_ optimizer: any Optimizer, rates: [Double], epochs: Int = 10, annealing: Annealing = .cosine) {
    checkOption("SWALR", "epochs", Double(epochs), epochs >= 0, "0 or more")
    targets = perGroup(rates, "rates", of: "SWALR", optimizer)
    self.epochs = max(0, epochs)
    self.annealing = annealing
    super.init(optimizer)
  }

  public convenience init(_ optimizer: any Optimizer, rate: Double, epochs: Int = 10, annealing: Annealing = .cosine) {
    self.init(optimizer, rates: [rate], epochs: epochs, annealing: annealing)
  }

  /// How much of the way lies behind after so many steps.
  private func share(_ steps: Int) -> Double {
    annealing.value(from: 0, to: 1, part: max(0, min(1, Double(steps) / Double(max(1, epochs)))))
  }

  override public var settings: KeyValuePairs<String, Any> { ["rates": targets, "epochs": epochs, "annealing": annealing] }

  override public func nextRates() -> [Double] {
    var steps = stepCount - 1
    if epochs == 0 { steps = max(1, steps) }
    let (before, now) = (share(steps - 1), share(steps))
    return zip(optimizer.learningRates, targets).map { rate, target in
      // Where the way began, from where the last step came to.
      let start = before == 1 ? target : (rate - before * target) / (1 - before)
      return target * now + start * (1 - now)
    }
  }
}
