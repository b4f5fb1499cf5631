import EmberRL
import EmberRuntime
import EmberTensor
import Testing

@Suite struct VectorEnvironmentTests {
  @Test func membersAreEnvironmentsOfTheirOwn() throws {
    var together = VectorEnvironment(count: 3) { CartPole.v1() }
    var alone = (0..<3).map { _ in CartPole.v1() }
    let first = together.reset(seed: 5)
    var expected: [[Float]] = []
    for i in alone.indices { expected.append(alone[i].reset(seed: 5 + UInt64(i))) }
    #expect(first.isEqual(to: Tensor(expected)))
    var lengths = [0, 0, 0], finished = 0
    for t in 0..<60 {
      let actions = [1, t % 2, (t / 2) % 2]
      let steps = try together.step(Tensor(actions))
      var observations: [[Float]] = [], reached: [[Float]] = [], over: [Bool] = [], ended: [Int] = []
      for i in alone.indices {
        let step = try alone[i].step(actions[i])
        lengths[i] += 1
        reached.append(step.observation)
        over.append(step.isTerminated)
        if step.isLast { ended.append(lengths[i]) }
        if step.isLast { lengths[i] = 0 }
        observations.append(step.isLast ? alone[i].reset() : step.observation)
      }
      #expect(steps.observations.isEqual(to: Tensor(observations)))
      #expect(steps.reached.isEqual(to: Tensor(reached)))
      #expect(steps.terminated.isEqual(to: Tensor(over)))
      #expect(steps.episodes.map(\.length) == ended && steps.episodes.map(\.total) == ended.map(Double.init))
      finished += ended.count
    }
    #expect(finished > 3)
    #expect(throws: EmberError.self) { try together.step(Tensor([0, 1])) }
    #expect(throws: EmberError.self) { try together.step(Tensor([0, 1, 7])) }
  }
}

@Suite struct ReplayBufferTests {
  /// Transitions whose numbers are all i.
  private func rows(_ numbers: [Int]) -> Transitions {
    let column = Tensor(numbers)
    return Transitions(
      observations: column.to(.float32).unsqueeze(1).expand([numbers.count, 2]), actions: column, rewards: column.to(.float32),
      reached: column.to(.float32).unsqueeze(1).expand([numbers.count, 2]) + 1, terminated: column .> 5)
  }

  @Test func theOldestRowsMakeRoom() throws {
    var buffer = ReplayBuffer(capacity: 5)
    #expect(throws: EmberError.self) { try buffer.sample(1) }
    try buffer.append(rows([0, 1, 2]))
    #expect(buffer.count == 3)
    try buffer.append(rows([3, 4, 5, 6]))
    #expect(buffer.count == 5)
    let sample = try buffer.sample(200, generator: Generator(seed: 0))
    let actions = sample.actions.elements(as: Int.self)
    #expect(Set(actions) == [2, 3, 4, 5, 6])
    // The columns of a row belong together.
    #expect(sample.observations.shape == [200, 2] && sample.observations.dtype == .float32 && sample.terminated.dtype == .bool)
    #expect(sample.observations.select(1, 1).elements(as: Int.self) == actions)
    #expect(sample.reached.select(1, 0).elements(as: Int.self) == actions.map { $0 + 1 })
    #expect(sample.terminated.elements(as: Bool.self) == actions.map { $0 > 5 })
  }

  @Test func rowsOfOtherShapesAreRefused() throws {
    var buffer = ReplayBuffer(capacity: 5)
    try buffer.append(rows([0]))
    var wide = rows([1])
    wide.observations = Tensor.zeros([1, 3])
    #expect(throws: EmberError.self) { try buffer.append(wide) }
    #expect(throws: EmberError.self) { try buffer.append(rows([1, 2, 3, 4, 5, 6])) }
    #expect(buffer.count == 1)
  }

  @Test func aCopyKeepsItsRows() throws {
    var buffer = ReplayBuffer(capacity: 2)
    try buffer.append(rows([1, 2]))
    let copy = buffer
    try buffer.append(rows([3, 4]))
    #expect(Set(try copy.sample(50).actions.elements(as: Int.self)) == [1, 2])
    #expect(Set(try buffer.sample(50).actions.elements(as: Int.self)) == [3, 4])
  }
}

@Suite struct AdvantageTests {
  /// The definition: Σ (γλ)^k δ(t + k), up to the end of the episode.
  @Test func estimatesFollowTheDefinition() throws {
    let time = 9, count = 2, discount = 0.9, lambda = 0.8
    let generator = Generator(seed: 3)
    func random() -> Tensor { Tensor.randn([time, count], dtype: .float64, generator: generator) }
    let rewards = random(), values = random(), reached = random()
    let over = (0..<time * count).map { $0 == 5 || $0 == 12 }, cut = (0..<time * count).map { $0 == 8 }
    let result = try generalizedAdvantages(
      rewards: rewards, values: values, reachedValues: reached, terminated: Tensor(over, shape: [time, count]),
      truncated: Tensor(cut, shape: [time, count]), discount: discount, lambda: lambda)
    let r = rewards.elements(as: Double.self), v = values.elements(as: Double.self), n = reached.elements(as: Double.self)
    let found = result.advantages.elements(as: Double.self)
    for start in 0..<time * count {
      var sum = 0.0, factor = 1.0, i = start
      while i < time * count {
        sum += factor * (r[i] + (over[i] ? 0 : discount * n[i]) - v[i])
        if over[i] || cut[i] { break }
        factor *= discount * lambda
        i += count
      }
      #expect(abs(found[start] - sum) < 1e-5)
    }
    #expect((result.returns - result.advantages - values.to(.float32)).abs().amax().item() < 1e-6)
    #expect(throws: EmberError.self) {
      try generalizedAdvantages(
        rewards: rewards, values: values.flatten(), reachedValues: reached, terminated: Tensor(over), truncated: Tensor(cut))
    }
  }
}
