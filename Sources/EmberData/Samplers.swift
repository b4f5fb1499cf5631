import EmberRuntime
public import EmberTensor
import Glibc

/// Decides which samples an epoch visits, in which order.
public protocol Sampler: Sendable {
  /// The positions of an epoch, drawn where the order is random from the sampler's generator, or from a copy of it as it was at the
  /// start of an epoch that is repeated.
  func indices(drawnFrom source: Generator?) throws -> [Int]
  /// What the order depends on; its state at the start of an epoch is all that is needed to repeat the epoch.
  var generator: Generator? { get }
}

extension Sampler {
  /// The positions of the next epoch.
  public func indices() throws -> [Int] { try indices(drawnFrom: generator) }
}

/// 0, 1, 2, …
public struct SequentialSampler: Sampler {
  public let count: Int
  public init(count: Int) { self.count = count }
  public func indices(drawnFrom source: Generator?) -> [Int] { Array(0..<max(0, count)) }
  public var generator: Generator? { nil }
}

/// Every sample once, in the order of `torch.randperm` with the same generator.
public struct RandomSampler: Sampler {
  public let count: Int
  private let own: Generator

  public init(count: Int, generator: Generator) {
    self.count = count
    own = generator
  }

  public init(count: Int, seed: UInt64) { self.init(count: count, generator: Generator(seed: seed)) }
  public func indices(drawnFrom source: Generator?) throws -> [Int] {
    try Tensor.randperm(max(0, count), generator: source ?? own).elementsOrThrow(as: Int.self)
  }
  public var generator: Generator? { own }
}

/// Samples drawn with probabilities in proportion to weights.
public struct WeightedRandomSampler: Sampler {
  public let weights: [Double]
  /// Samples drawn in an epoch.
  public let count: Int
  public let isReplacing: Bool
  private let own: Generator

  public init(weights: [Double], count: Int, replacement: Bool = true, generator: Generator) throws {
    guard weights.allSatisfy({ $0 >= 0 && $0.isFinite }), weights.reduce(0, +) > 0, weights.reduce(0, +).isFinite else {
      throw EmberError(.value, in: "WeightedRandomSampler", "weights must be finite, not negative, and not all zero")
    }
    let usable = weights.count { $0 > 0 }
    guard count >= 0, replacement || count <= usable else {
      throw EmberError(.value, in: "WeightedRandomSampler", "\(count) samples without replacement from \(usable) of positive weight")
    }
    self.weights = weights
    self.count = count
    isReplacing = replacement
    own = generator
  }

  public var generator: Generator? { own }

  public func indices(drawnFrom source: Generator?) -> [Int] {
    /// In (0, 1).
    func draw() -> Double { (Double((source ?? own).next() >> 11) + 0.5) * 0x1p-53 }
    guard isReplacing else {
      // The largest of u^(1/w) (Efraimidis and Spirakis, 2006), compared by logarithms.
      let keys = weights.map { weight in
        let logarithm = log(draw())
        return weight > 0 ? logarithm / weight : -Double.infinity
      }
      return Array(keys.indices.sorted { (keys[$0], $1) > (keys[$1], $0) }.prefix(count))
    }
    var sums: [Double] = []
    sums.reserveCapacity(weights.count)
    var sum = 0.0
    for weight in weights {
      sum += weight
      sums.append(sum)
    }
    let last = weights.lastIndex { $0 > 0 }!
    return (0..<count).map { _ in
      let target = draw() * sum
      var low = 0, high = last
      while low < high {
        let middle = (low + high) / 2
        if target < sums[middle] { high = middle } else { low = middle + 1 }
      }
      return low
    }
  }
}

/// Groups the positions of a sampler.
public struct BatchSampler: Sendable {
  public let sampler: any Sampler
  public let batchSize: Int
  /// Whether an incomplete last batch is left out.
  public let dropsLast: Bool

  public init(_ sampler: any Sampler, batchSize: Int, dropLast: Bool = false) {
    self.sampler = sampler
    self.batchSize = max(1, batchSize)
    dropsLast = dropLast
  }

  /// The batches of the next epoch.
  public func batches() throws -> [[Int]] { try batches(drawnFrom: sampler.generator) }

  /// The batches of an epoch, as `Sampler.indices(drawnFrom:)`.
  public func batches(drawnFrom source: Generator?) throws -> [[Int]] {
    let order = try sampler.indices(drawnFrom: source)
    let end = dropsLast ? order.count / batchSize * batchSize : order.count
    return stride(from: 0, to: end, by: batchSize).map { Array(order[$0..<min($0 + batchSize, end)]) }
  }
}
