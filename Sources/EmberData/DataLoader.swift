import EmberRuntime
public import EmberTensor

/// Where a loader stands: enough to continue with exactly the batch that would have come next.
public struct LoaderState: Sendable, Hashable {
  /// Epochs completed.
  public var epoch: Int
  /// Batches of the current epoch handed out so far.
  public var batch: Int
  /// The sampler's generator now; empty if the order is not random.
  public var generator: [UInt8]
  /// The same before this epoch's order was drawn; empty if that is still to come. The generator may have gone on for other reasons
  /// since, when it is shared.
  public var order: [UInt8]

  public init(epoch: Int, batch: Int, generator: [UInt8], order: [UInt8] = []) {
    self.epoch = epoch
    self.batch = batch
    self.generator = generator
    self.order = order
  }
}

/// Batches of a dataset.
///
/// ```swift
/// let loader = DataLoader(dataset, batchSize: 64, shuffle: true, seed: 0)
/// for (images, labels) in loader { … }
/// ```
///
/// With `workers`, as many threads fetch ahead, never more than `prefetch` batches; the order stays the same. An error of the
/// dataset is thrown by `next` of `batches()` and by `forEachBatch`; `for … in` raises it, so that `catchingErrors` around the loop
/// throws it.
public final class DataLoader<Batch: Sendable>: Sequence {
  public let batchSampler: BatchSampler
  public let workers: Int
  public let prefetch: Int
  private let fetch: @Sendable ([Int]) throws -> Batch
  fileprivate var position = Position()
  private var isResumed = false
  /// Number of the latest iteration, whose position is the loader's.
  fileprivate var iteration = 0
  /// Batches of an epoch, if the sampler's count is known without drawing: for progress bars.
  public let batchCount: Int?

  /// Batches made by a function of positions.
  public init(
    _ batchSampler: BatchSampler, workers: Int = 0, prefetch: Int? = nil, batchCount: Int? = nil,
    fetch: @escaping @Sendable ([Int]) throws -> Batch
  ) {
    self.batchSampler = batchSampler
    self.workers = Swift.max(0, workers)
    self.prefetch = Swift.max(1, prefetch ?? 2 * Swift.max(1, workers))
    self.batchCount = batchCount
    self.fetch = fetch
  }

  private convenience init(
    count: Int, batchSize: Int, shuffle: Bool, dropLast: Bool, sampler: (any Sampler)?, seed: UInt64?, generator: EmberTensor.Generator?,
    workers: Int,
    prefetch: Int?, fetch: @escaping @Sendable ([Int]) throws -> Batch
  ) {
    if batchSize < 1 { raise(EmberError(.value, in: "DataLoader", "a batch size of \(batchSize); it must be at least 1")) }
    var chosen: any Sampler = SequentialSampler(count: count)
    if let sampler {
      chosen = sampler
    } else if shuffle {
      chosen = RandomSampler(
        count: count, generator: generator ?? EmberTensor.Generator(seed: seed ?? EmberTensor.Generator.default.next()))
    }
    let size = Swift.max(1, batchSize)
    self.init(
      BatchSampler(chosen, batchSize: size, dropLast: dropLast), workers: workers, prefetch: prefetch,
      batchCount: sampler == nil ? (dropLast ? count / size : (count + size - 1) / size) : nil, fetch: fetch)
  }

  /// Batches put together by `collate`.
  public convenience init<Source: Dataset>(
    _ dataset: Source, batchSize: Int = 1, shuffle: Bool = false, dropLast: Bool = false, sampler: (any Sampler)? = nil,
    seed: UInt64? = nil,
    generator: EmberTensor.Generator? = nil, workers: Int = 0, prefetch: Int? = nil,
    collate: @escaping @Sendable ([Source.Element]) throws -> Batch
  ) {
    self.init(
      count: dataset.count, batchSize: batchSize, shuffle: shuffle, dropLast: dropLast, sampler: sampler, seed: seed, generator: generator,
      workers: workers, prefetch: prefetch
    ) { indices in try collate(indices.map { try dataset.element(at: $0) }) }
  }

  /// Batches as the dataset makes them.
  public convenience init<Source: BatchedDataset>(
    _ dataset: Source, batchSize: Int = 1, shuffle: Bool = false, dropLast: Bool = false, sampler: (any Sampler)? = nil,
    seed: UInt64? = nil,
    generator: EmberTensor.Generator? = nil, workers: Int = 0, prefetch: Int? = nil
  ) where Source.Batch == Batch {
    self.init(
      count: dataset.count, batchSize: batchSize, shuffle: shuffle, dropLast: dropLast, sampler: sampler, seed: seed, generator: generator,
      workers: workers, prefetch: prefetch
    ) { indices in try dataset.batch(at: indices) }
  }

  /// Batches of samples that know how to be put together.
  @_disfavoredOverload
  public convenience init<Source: Dataset>(
    _ dataset: Source, batchSize: Int = 1, shuffle: Bool = false, dropLast: Bool = false, sampler: (any Sampler)? = nil,
    seed: UInt64? = nil,
    generator: EmberTensor.Generator? = nil, workers: Int = 0, prefetch: Int? = nil
  ) where Source.Element: Collatable, Batch == Source.Element.Batch {
    self.init(
      dataset, batchSize: batchSize, shuffle: shuffle, dropLast: dropLast, sampler: sampler, seed: seed, generator: generator,
      workers: workers,
      prefetch: prefetch, collate: { try Source.Element.collate($0) })
  }

  /// Batches of pairs: (inputs, targets).
  @_disfavoredOverload
  public convenience init<Source: Dataset, First: Collatable, Second: Collatable>(
    _ dataset: Source, batchSize: Int = 1, shuffle: Bool = false, dropLast: Bool = false, sampler: (any Sampler)? = nil,
    seed: UInt64? = nil,
    generator: EmberTensor.Generator? = nil, workers: Int = 0, prefetch: Int? = nil
  ) where Source.Element == (First, Second), Batch == (First.Batch, Second.Batch) {
    self.init(
      dataset, batchSize: batchSize, shuffle: shuffle, dropLast: dropLast, sampler: sampler, seed: seed, generator: generator,
      workers: workers,
      prefetch: prefetch, collate: { (try First.collate($0.map(\.0)), try Second.collate($0.map(\.1))) })
  }

  // MARK: Position

  /// A state without what the generator holds now.
  fileprivate struct Position {
    var epoch = 0
    var batch = 0
    var order: [UInt8] = []
  }

  /// Where the latest iteration stands. Read it between batches.
  public var state: LoaderState {
    LoaderState(
      epoch: position.epoch, batch: position.batch, generator: batchSampler.sampler.generator?.state ?? [], order: position.order)
  }

  /// Makes the next iteration continue at a saved position. Changes nothing if it throws.
  public func restore(_ state: LoaderState) throws {
    guard state.epoch >= 0, state.batch >= 0 else { throw EmberError(.value, in: "DataLoader.restore", "a position before the start") }
    _ = try orderSource(state.order)
    guard batchSampler.sampler.generator?.restore(state.generator) ?? state.generator.isEmpty else { throw unfitGenerator }
    position = Position(epoch: state.epoch, batch: state.batch, order: state.order)
    isResumed = true
  }

  /// What an epoch's order is drawn from: the sampler's generator, or for an order drawn before a copy of it as it was then.
  fileprivate func orderSource(_ order: [UInt8]) throws -> EmberTensor.Generator? {
    guard !order.isEmpty else { return batchSampler.sampler.generator }
    guard let generator = batchSampler.sampler.generator else { throw unfitGenerator }
    let copy = EmberTensor.Generator(seed: 0, device: generator.device)
    guard copy.restore(order) else { throw unfitGenerator }
    return copy
  }

  private var unfitGenerator: EmberError {
    EmberError(.value, in: "DataLoader.restore", "the saved generator's state does not fit the loader's")
  }

  // MARK: Iteration

  /// Starts the next epoch, or continues a restored one. Iterations do not disturb each other; `state` is that of the latest.
  public func makeIterator() -> Iterator { batches() }

  /// As `makeIterator`; its `nextBatch` throws.
  public func batches() -> Iterator {
    if !isResumed { position = Position(epoch: position.epoch) }
    isResumed = false
    iteration += 1
    return Iterator(self)
  }

  /// Runs `body` on every batch of the next epoch; throws what the dataset or `body` throws.
  public func forEachBatch(_ body: (Batch) throws -> Void) throws {
    let iterator = batches()
    while let batch = try iterator.nextBatch() { try body(batch) }
  }

  public final class Iterator: IteratorProtocol {
    private let loader: DataLoader
    private let iteration: Int
    private var position: Position
    private var jobs: [[Int]]?
    private var prefetcher: Prefetcher<Batch>?
    private var isDone = false

    fileprivate init(_ loader: DataLoader) {
      self.loader = loader
      iteration = loader.iteration
      position = loader.position
    }

    /// The next batch, nil at the end of the epoch. After an error the epoch is over.
    public func nextBatch() throws -> Batch? {
      if isDone { return nil }
      defer { if loader.iteration == iteration { loader.position = position } }
      do {
        let batch = try fetchNext()
        if batch != nil {
          position.batch += 1
        } else {
          finish()
          position = Position(epoch: position.epoch + 1)
        }
        return batch
      } catch {
        finish()
        throw error
      }
    }

    private func finish() {
      isDone = true
      prefetcher = nil
    }

    private func fetchNext() throws -> Batch? {
      let jobs = try self.jobs ?? drawJobs()
      if let prefetcher { return try prefetcher.next() }
      guard position.batch < jobs.count else { return nil }
      return try loader.fetch(jobs[position.batch])
    }

    private func drawJobs() throws -> [[Int]] {
      let source = try loader.orderSource(position.order)
      if position.order.isEmpty { position.order = source?.state ?? [] }
      let all = try loader.batchSampler.batches(drawnFrom: source)
      jobs = all
      if loader.workers > 0 {
        prefetcher = try Prefetcher(
          jobs: Array(all.dropFirst(position.batch)), workers: loader.workers, bound: loader.prefetch, fetch: loader.fetch)
      }
      return all
    }

    public func next() -> Batch? {
      if ErrorScopes.hasFailed { return nil }
      do { return try nextBatch() } catch let error as EmberError { raise(error) } catch {
        raise(EmberError(.value, in: "DataLoader", "\(error)"))
      }
      return nil
    }
  }
}

/// Samples that can be put together to a batch.
public protocol Collatable: Sendable {
  associatedtype Batch: Sendable
  static func collate(_ samples: [Self]) throws -> Batch
}

extension Tensor: Collatable {
  public static func collate(_ samples: [Tensor]) throws -> Tensor { try catchingErrors { stack(samples) } }
}

extension Int: Collatable {
  public static func collate(_ samples: [Int]) throws -> Tensor { Tensor(samples) }
}

extension Double: Collatable {
  public static func collate(_ samples: [Double]) throws -> Tensor { try catchingErrors { Tensor(samples) } }
}

extension Float: Collatable {
  public static func collate(_ samples: [Float]) throws -> Tensor { Tensor(samples) }
}

extension Bool: Collatable {
  public static func collate(_ samples: [Bool]) throws -> Tensor { Tensor(samples) }
}

extension String: Collatable {
  public static func collate(_ samples: [String]) throws -> [String] { samples }
}

/// Position by position; all samples have the same number of parts.
extension Array: Collatable where Element: Collatable {
  public static func collate(_ samples: [[Element]]) throws -> [Element.Batch] {
    let count = samples.first?.count ?? 0
    guard samples.allSatisfy({ $0.count == count }) else {
      throw EmberError(.shape, in: "collate", "samples with different numbers of parts: \(samples.map(\.count))")
    }
    return try (0..<count).map { i in try Element.collate(samples.map { $0[i] }) }
  }
}

/// Key by key; all samples have the same keys.
extension Dictionary: Collatable where Key == String, Value: Collatable {
  public static func collate(_ samples: [[String: Value]]) throws -> [String: Value.Batch] {
    var result: [String: Value.Batch] = [:]
    for key in samples.first?.keys.sorted() ?? [] {
      result[key] = try Value.collate(
        samples.map { sample in
          guard let value = sample[key] else { throw EmberError(.value, in: "collate", "a sample lacks \"\(key)\"") }
          return value
        })
    }
    return result
  }
}
