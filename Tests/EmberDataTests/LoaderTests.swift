import EmberData
import EmberRuntime
import EmberTensor
import EmberTraining
import Testing

@Suite struct LoaderTests {
  struct Broken: Error {}

  /// Numbers; one of them cannot be read.
  struct Numbers: Dataset {
    let count: Int
    var broken: Int?

    func element(at index: Int) throws -> Int {
      if index == broken { throw Broken() }
      return index
    }
  }

  func loader(_ dataset: Numbers, workers: Int = 0, shuffle: Bool = true, dropLast: Bool = false) -> DataLoader<[Int]> {
    DataLoader(dataset, batchSize: 4, shuffle: shuffle, dropLast: dropLast, seed: 7, workers: workers) { $0 }
  }

  func epoch(_ loader: DataLoader<[Int]>) throws -> [[Int]] {
    var all: [[Int]] = []
    try loader.forEachBatch { all.append($0) }
    return all
  }

  @Test func ordersAreSeededAndComplete() throws {
    let a = loader(Numbers(count: 30)), b = loader(Numbers(count: 30), workers: 3)
    let first = try epoch(a), second = try epoch(a)
    #expect(first != second)
    #expect(first.flatMap { $0 }.sorted() == Array(0..<30))
    #expect(first.map(\.count) == [4, 4, 4, 4, 4, 4, 4, 2])
    #expect(try epoch(b) == first)
    #expect(try epoch(b) == second)
    #expect(try epoch(loader(Numbers(count: 30), shuffle: false, dropLast: true)) == (0..<7).map { i in (0..<4).map { i * 4 + $0 } })
    #expect(try epoch(loader(Numbers(count: 0), workers: 2)).isEmpty)
  }

  @Test(arguments: [0, 1, 3]) func errorsArriveInTheirTurn(workers: Int) throws {
    let loader = loader(Numbers(count: 30, broken: 13), workers: workers, shuffle: false)
    var seen: [[Int]] = []
    #expect(throws: Broken.self) { try loader.forEachBatch { seen.append($0) } }
    #expect(seen.count == 3)
    #expect(throws: EmberError.self) { try catchingErrors { for _ in loader {} } }
  }

  @Test(arguments: [0, 2]) func resumesAtABatch(workers: Int) throws {
    for stop in 0...8 {
      let whole = loader(Numbers(count: 30), workers: workers)
      _ = try epoch(whole)
      let expected = try epoch(whole) + epoch(whole)

      let first = loader(Numbers(count: 30), workers: workers)
      _ = try epoch(first)
      let batches = first.batches()
      var seen: [[Int]] = []
      for _ in 0..<stop { seen.append(try #require(try batches.nextBatch())) }
      let state = first.state
      #expect(state.epoch == 1 && state.batch == stop)

      let second = loader(Numbers(count: 30), workers: workers)
      try second.restore(state)
      #expect(try seen + epoch(second) + epoch(second) == expected)
      #expect(second.state.epoch == 3)
    }
  }

  /// Others draw from the loader's generator within epochs, as dropout does from the default one.
  @Test(arguments: [0, 2]) func resumesWithASharedGenerator(workers: Int) throws {
    func make(_ generator: Generator) -> DataLoader<[Int]> {
      DataLoader(Numbers(count: 30), batchSize: 4, shuffle: true, generator: generator, workers: workers) { $0 }
    }
    /// The rest of an epoch and one more, and what others drew.
    func run(_ loader: DataLoader<[Int]>, _ generator: Generator, epochs: Int) throws -> ([[Int]], [UInt64]) {
      var seen: [[Int]] = [], draws: [UInt64] = []
      for _ in 0..<epochs {
        try loader.forEachBatch {
          seen.append($0)
          draws.append(generator.next())
        }
      }
      return (seen, draws)
    }
    let shared = Generator(seed: 1)
    let (batches, draws) = try run(make(shared), shared, epochs: 3)
    for stop in [0, 1, 5, 8] {
      let first = Generator(seed: 1), loader = make(first)
      _ = try run(loader, first, epochs: 1)
      let iterator = loader.batches()
      for _ in 0..<stop {
        _ = try #require(try iterator.nextBatch())
        _ = first.next()
      }
      let second = Generator(seed: 99), resumed = make(second)
      // As a checkpoint does: the generators, then the loader.
      #expect(second.restore(first.state))
      try resumed.restore(loader.state)
      let (rest, restDraws) = try run(resumed, second, epochs: 2)
      #expect(rest == Array(batches.dropFirst(8 + stop)) && restDraws == Array(draws.dropFirst(8 + stop)), "stopped after \(stop)")
    }
  }

  @Test(arguments: [0, 2]) func iterationsDoNotDisturbEachOther(workers: Int) throws {
    let loader = loader(Numbers(count: 10), workers: workers, shuffle: false)
    var pairs: [[Int]] = []
    for outer in loader {
      for inner in loader { pairs.append([outer[0], inner[0]]) }
      if pairs.count > 9 { break }
    }
    #expect(pairs == [[0, 0], [0, 4], [0, 8], [4, 0], [4, 4], [4, 8], [8, 0], [8, 4], [8, 8]])
    // An iteration that is not the latest does not move the loader.
    let old = loader.batches(), new = loader.batches()
    _ = try new.nextBatch()
    _ = try old.nextBatch()
    _ = try old.nextBatch()
    #expect(loader.state.batch == 1)
    #expect(try old.nextBatch() == [8, 9] && new.nextBatch() == [4, 5, 6, 7])
  }

  @Test func aStateThatDoesNotFitChangesNothing() throws {
    let loader = loader(Numbers(count: 30)), before = loader.state
    for state in [
      LoaderState(epoch: -1, batch: 0, generator: before.generator), LoaderState(epoch: 1, batch: 0, generator: []),
      LoaderState(epoch: 1, batch: 0, generator: Generator(seed: 5).state, order: [1, 2]),
    ] {
      #expect(throws: EmberError.self) { try loader.restore(state) }
      #expect(loader.state == before)
    }
    #expect(throws: EmberError.self) { try self.loader(Numbers(count: 30), shuffle: false).restore(before) }
  }

  @Test func abandonedIterationsStop() throws {
    for _ in 0..<20 {
      let loader = loader(Numbers(count: 1000), workers: 3)
      _ = try loader.batches().nextBatch()
    }
  }

  @Test func tensorBatches() throws {
    let data = TensorDataset(Tensor((0..<12).map { Float($0) }, shape: [6, 2]), Tensor(Array(0..<6)))
    let fast = DataLoader<(Tensor, Tensor)>(data, batchSize: 4)
    let slow = DataLoader<(Tensor, Tensor)>(data.map { $0 }, batchSize: 4, workers: 2)
    var shapes: [[Int]] = []
    for ((x, y), (u, v)) in zip(fast, slow) {
      shapes.append(Array(x.shape))
      #expect(x.elements(as: Float.self) == u.elements(as: Float.self) && y.elements(as: Int.self) == v.elements(as: Int.self))
    }
    #expect(shapes == [[4, 2], [2, 2]])
    #expect(throws: EmberError.self) { _ = try data.batch(at: [6]) }
    #expect(throws: EmberError.self) { _ = try data.element(at: -1) }
  }

  @Test func splitsAndParts() throws {
    let parts = try randomSplit(Numbers(count: 10), [7, 3], generator: Generator(seed: 1))
    let all = try parts.flatMap { part in try (0..<part.count).map { try part.element(at: $0) } }
    #expect(all.sorted() == Array(0..<10))
    #expect(try randomSplit(Numbers(count: 10), fractions: [0.5, 0.25, 0.25]).map(\.count) == [6, 2, 2])
    #expect(throws: EmberError.self) { _ = try randomSplit(Numbers(count: 10), [7, 4]) }
    let joined = ConcatDataset([Numbers(count: 2), Numbers(count: 0), Numbers(count: 3)])
    #expect(try (0..<joined.count).map { try joined.element(at: $0) } == [0, 1, 0, 1, 2])
    #expect(throws: EmberError.self) { _ = try joined.element(at: 5) }
  }

  @Test func weightedSampling() throws {
    let draws = try WeightedRandomSampler(weights: [0, 1, 3], count: 4000, generator: Generator(seed: 1)).indices()
    #expect(draws.count == 4000 && !draws.contains(0))
    #expect((2800...3200).contains(draws.count { $0 == 2 }))
    let few = try WeightedRandomSampler(weights: [1, 0, 1, 1], count: 3, replacement: false, generator: Generator(seed: 1)).indices()
    #expect(few.sorted() == [0, 2, 3])
    #expect(throws: EmberError.self) {
      _ = try WeightedRandomSampler(weights: [1, 0], count: 2, replacement: false, generator: Generator(seed: 1))
    }
  }

  @Test func metrics() throws {
    var confusion = ConfusionMatrix(classes: 2)
    try confusion.add(scores: Tensor([[0.1, 0.9], [0.8, 0.2], [0.7, 0.3]]), targets: Tensor([1, 0, 1]))
    #expect(confusion.counts == [[1, 0], [1, 1]])
    #expect(fixed(-1.005, 1) == "-1.0" && fixed(2.345, 2) == "2.35" && fixed(0.04, 1) == "0.0")
    var stopping = EarlyStopping(patience: 1)
    #expect([3, 2, 2.5, 2.4].map { stopping.shouldStop(after: $0) } == [false, false, false, true])
  }
}

@Suite struct TokenWindowsTests {
  @Test func targetsFollowTheirInputs() throws {
    let windows = try TokenWindows(Tensor.arange(11), length: 3)
    // 0 1 2, 3 4 5 and 6 7 8; a further window would lack its last target.
    #expect(windows.count == 3)
    let (inputs, targets) = try windows.batch(at: [2, 0])
    #expect(inputs.isEqual(to: Tensor([[6, 7, 8], [0, 1, 2]])) && targets.isEqual(to: Tensor([[7, 8, 9], [1, 2, 3]])))
    let (input, target) = try windows.element(at: 1)
    #expect(input.isEqual(to: Tensor([3, 4, 5])) && target.isEqual(to: Tensor([4, 5, 6])))
    #expect(throws: EmberError.self) { try windows.batch(at: [3]) }
    #expect(throws: EmberError.self) { try TokenWindows(Tensor.zeros([3]), length: 2) }
    #expect(throws: EmberError.self) { try TokenWindows(Tensor([1, 2]), length: 0) }
    #expect(try TokenWindows(Tensor.arange(0), length: 3).count == 0)
  }
}
