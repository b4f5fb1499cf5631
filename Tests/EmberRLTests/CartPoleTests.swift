import EmberRL
import EmberRuntime
import EmberTensor
import Foundation
import TestSupport
import Testing

@Suite struct CartPoleTests {
  /// An episode as Gymnasium plays it; see Tests/Fixtures/cartpole/trajectories.py.
  private struct Episode: Decodable {
    let seed: UInt64
    let first, middle, last: [Double]
    let actions: String
    let states: [[Double]]
    let terminated, truncated: Bool
  }

  private func episodes() throws -> [Episode] {
    let file = Checkout.fixture("cartpole/trajectories.json")
    return try JSONDecoder().decode([Episode].self, from: Data(contentsOf: URL(fileURLWithPath: file)))
  }

  @Test func trajectoriesAreThoseOfGymnasium() throws {
    for episode in try episodes() {
      var environment = CartPole.v1()
      let first = environment.reset(seed: episode.seed)
      // The first state is drawn; it must be equal. What follows differs in the last bits of sine and cosine.
      #expect((0..<4).map { environment.base.state[$0] } == episode.first)
      #expect(first == episode.first.map { Float($0) })
      var seen: [[Double]] = []
      for (i, action) in episode.actions.enumerated() {
        let step = try environment.step(action == "1" ? 1 : 0)
        let isEnd = i + 1 == episode.actions.count
        #expect(step.reward == 1)
        #expect(step.isTerminated == (isEnd && episode.terminated))
        #expect(step.isTruncated == (isEnd && episode.truncated))
        seen.append((0..<4).map { environment.base.state[$0] })
        #expect(step.observation == seen[i].map { Float($0) })
      }
      for (mine, theirs) in zip(seen, episode.states) + [(seen[seen.count / 2], episode.middle), (seen[seen.count - 1], episode.last)] {
        for (a, b) in zip(mine, theirs) { #expect(abs(a - b) <= 1e-9, "seed \(episode.seed): \(mine), not \(theirs)") }
      }
    }
  }

  @Test func aSecondEpisodeGoesOnWithTheRandomNumbers() throws {
    // numpy.random.default_rng(123).uniform(-0.05, 0.05, 8)[4:]
    let expected = [-0.03240940989149697, 0.03120945066557737, 0.042334499802705636, -0.022342560220289378]
    var environment = CartPole.v1()
    _ = environment.reset(seed: 123)
    _ = environment.reset()
    for (i, value) in expected.enumerated() { #expect(abs(environment.base.state[i] - value) < 1e-12) }
  }

  @Test func misuseIsRefused() throws {
    var environment = CartPole.v1()
    #expect(throws: EmberError.self) { try environment.step(0) }
    _ = environment.reset(seed: 0)
    #expect(throws: EmberError.self) { try environment.step(2) }
    while !(try environment.step(1)).isLast {}
    #expect(throws: EmberError.self) { try environment.step(1) }
    _ = environment.reset()
    _ = try environment.step(1)
  }

  @Test func numbersAreThoseOfNumPy() {
    // numpy.random.default_rng(seed).bit_generator.random_raw(2)
    for (seed, expected) in RawNumbers.expected {
      var generator = PCG64(seed: seed)
      #expect([generator.next(), generator.next()] == expected, "seed \(seed)")
    }
  }
}

private enum RawNumbers {
  static let expected: [(UInt64, [UInt64])] = [
    (0, [11749869230777074271, 4976686463289251617]),
    (1, [9441442522235856127, 17532960557476522086]),
    (123, [12587170189557361101, 992822559630912803]),
    (4294967303, [14206593023844375757, 2064693230803885548]),
    (18446744073709551615, [12544278110101001871, 15593249672699323225]),
  ]
}

@Suite struct SpaceTests {
  @Test func samplesLieInTheirSpaces() throws {
    var generator = PCG64(seed: 1)
    let numbers = Discrete(3, start: -1)
    var seen: Set<Int> = []
    for _ in 0..<100 { seen.insert(numbers.sample(using: &generator)) }
    #expect(seen == [-1, 0, 1])
    #expect(numbers.contains(1) && !numbers.contains(2) && !numbers.contains(-2) && !numbers.contains(.max))
    let box = try Box(low: [-1, 0, -.infinity, -.infinity], high: [1, .infinity, 5, .infinity], shape: [2, 2])
    var sums = [Float](repeating: 0, count: 4)
    for _ in 0..<4000 {
      let sample = box.sample(using: &generator)
      #expect(box.contains(sample))
      for i in 0..<4 { sums[i] += sample[i] / 4000 }
    }
    // Means of uniform, 0 + exponential, 5 - exponential and normal numbers, five deviations wide.
    for (mean, expected) in zip(sums, [0, 1, 4, 0] as [Float]) { #expect(abs(mean - expected) < 0.08) }
    #expect(!box.contains([0, -1, 0, 0]) && !box.contains([0, 0]))
    #expect(throws: EmberError.self) { try Box(low: [0, 0], high: [1, 1], shape: [3]) }
    #expect(throws: EmberError.self) { try Box(low: [2], high: [1]) }
  }
}
