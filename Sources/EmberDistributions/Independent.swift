import EmberRuntime
import EmberTensor

/// The last dimensions of a batch of distributions seen as one value: `Independent(Normal(…), 1)` is a normal vector without
/// correlations.
public struct Independent<Base: Distribution>: Distribution {
  public let base: Base
  /// How many dimensions of the batch belong to one value.
  public let reinterpretedBatchDimensions: Int

  public init(_ base: Base, _ reinterpretedBatchDimensions: Int) {
    self.base = base
    if reinterpretedBatchDimensions < 0 || reinterpretedBatchDimensions > base.batchShape.count {
      raise(
        EmberError(
          .value, in: "Independent",
          "\(reinterpretedBatchDimensions) dimensions of a batch of shape \(base.batchShape); it has \(base.batchShape.count)"))
    }
    self.reinterpretedBatchDimensions = max(0, min(reinterpretedBatchDimensions, base.batchShape.count))
  }

  public var batchShape: [Int] { Array(base.batchShape.dropLast(reinterpretedBatchDimensions)) }
  public var eventShape: [Int] { base.batchShape.suffix(reinterpretedBatchDimensions) + base.eventShape }
  public var support: Constraint { .independent(base.support, dimensions: reinterpretedBatchDimensions) }
  public var mean: Tensor { base.mean }
  public var variance: Tensor { base.variance }
  public var mode: Tensor { base.mode }
  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor { base.sample(sampleShape, generator: generator) }
  public func logProbability(_ value: Tensor) -> Tensor { summed(base.logProbability(value)) }
  public func entropy() -> Tensor { summed(base.entropy()) }
  public func expanded(to batchShape: [Int]) -> Independent {
    Independent(base.expanded(to: batchShape + base.batchShape.suffix(reinterpretedBatchDimensions)), reinterpretedBatchDimensions)
  }

  /// What is one number for each element of a value, as one for the value.
  func summed(_ x: Tensor) -> Tensor { reinterpretedBatchDimensions == 0 ? x : x.sum(Array(-reinterpretedBatchDimensions..<0)) }
}

extension Independent: ReparameterizedDistribution where Base: ReparameterizedDistribution {
  public func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor { base.rsample(sampleShape, generator: generator) }
}
