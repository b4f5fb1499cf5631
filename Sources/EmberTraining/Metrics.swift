import EmberRuntime
public import EmberTensor

/// The mean of numbers as they come.
public struct RunningMean: Sendable {
  public private(set) var sum = 0.0
  public private(set) var count = 0.0
  public init() {}

  public mutating func add(_ value: Double, weight: Double = 1) {
    sum += value * weight
    count += weight
  }

  /// NaN if nothing was added.
  public var value: Double { count > 0 ? sum / count : .nan }
}

/// The share of predictions that are right.
public struct Accuracy: Sendable {
  public private(set) var correct = 0
  public private(set) var total = 0
  public init() {}

  /// - Parameter scores: [batch, classes]; the highest counts. - Parameter targets: [batch], class numbers.
  public mutating func add(scores: Tensor, targets: Tensor) throws {
    let (predicted, wanted) = try classNumbers(scores, targets, in: "Accuracy")
    correct += zip(predicted, wanted).count { $0 == $1 }
    total += wanted.count
  }

  /// NaN if nothing was added.
  public var value: Double { total > 0 ? Double(correct) / Double(total) : .nan }
}

/// How often each class was taken for each other: rows are true classes, columns predictions.
public struct ConfusionMatrix: Sendable {
  public private(set) var counts: [[Int]]

  public init(classes: Int) { counts = Array(repeating: Array(repeating: 0, count: max(0, classes)), count: max(0, classes)) }

  public mutating func add(scores: Tensor, targets: Tensor) throws {
    let (predicted, wanted) = try classNumbers(scores, targets, in: "ConfusionMatrix")
    for (prediction, target) in zip(predicted, wanted) {
      guard counts.indices.contains(target), counts.indices.contains(prediction) else {
        throw EmberError(.index, in: "ConfusionMatrix", "class \(target) taken for \(prediction); there are \(counts.count) classes")
      }
      counts[target][prediction] += 1
    }
  }

  public var total: Int { counts.reduce(0) { $0 + $1.reduce(0, +) } }
  public var correct: Int { counts.indices.reduce(0) { $0 + counts[$1][$1] } }
  public var accuracy: Double { total > 0 ? Double(correct) / Double(total) : .nan }
  /// The share of each class that was recognised.
  public var recall: [Double] {
    counts.enumerated().map { i, row in
      let sum = row.reduce(0, +)
      return sum > 0 ? Double(row[i]) / Double(sum) : .nan
    }
  }
}

/// The classes with the highest scores (the first one of equals) and the targets.
private func classNumbers(_ scores: Tensor, _ targets: Tensor, in operation: String) throws -> ([Int], [Int]) {
  guard scores.rank == 2, targets.rank == 1, scores.shape[0] == targets.shape[0], scores.shape[1] > 0 else {
    throw EmberError(.shape, in: operation, "scores \(scores.shape) for targets \(targets.shape); [batch, classes] and [batch] are needed")
  }
  let classes = scores.shape[1]
  let values = try scores.elementsOrThrow(as: Float.self)
  let predicted = (0..<scores.shape[0]).map { row in
    var best = 0
    for i in 1..<max(classes, 1) where values[row * classes + i] > values[row * classes + best] { best = i }
    return best
  }
  return (predicted, try targets.elementsOrThrow(as: Int.self))
}

/// Says when a number has stopped getting better.
///
/// To continue it with a run, keep its state among the trainer's numbers:
/// `trainer.numbers["stopping"] = stopping.state` in `onEpoch`, and after `resume` the other way.
public struct EarlyStopping: Sendable {
  public let patience: Int
  public let minimumDelta: Double
  /// Whether small is good, as of a loss.
  public let lowerIsBetter: Bool
  public private(set) var best: Double?
  public private(set) var waited = 0

  public init(patience: Int, minimumDelta: Double = 0, lowerIsBetter: Bool = true) {
    self.patience = patience
    self.minimumDelta = minimumDelta
    self.lowerIsBetter = lowerIsBetter
  }

  /// Notes a number; true if there was no improvement for more than `patience` of them. NaN is no improvement.
  public mutating func shouldStop(after value: Double) -> Bool {
    let isBetter = best.map { lowerIsBetter ? value < $0 - minimumDelta : value > $0 + minimumDelta } ?? !value.isNaN
    if isBetter {
      best = value
      waited = 0
    } else {
      waited += 1
    }
    return waited > patience
  }

  /// Numbers to continue from.
  public var state: [Double] {
    get { [best ?? .nan, Double(waited)] }
    set {
      guard newValue.count == 2 else { return }
      best = newValue[0].isNaN ? nil : newValue[0]
      waited = Int(exactly: newValue[1]) ?? 0
    }
  }
}
