import EmberRuntime
public import EmberTensor

/// Several environments of a kind that take their steps together, observations and actions being tensors. An environment whose episode has
/// ended begins the next one within the same step.
public struct VectorEnvironment<Base: Environment> where Base.Observation == [Float], Base.Action == Int, Base.ObservationSpace == Box {
  public private(set) var environments: [Base]
  private var returns: [Double]
  private var lengths: [Int]

  public init(count: Int, _ make: () -> Base) {
    precondition(count > 0, "VectorEnvironment: \(count) environments; at least one is needed")
    environments = (0..<count).map { _ in make() }
    returns = Array(repeating: 0, count: count)
    lengths = Array(repeating: 0, count: count)
  }

  public var count: Int { environments.count }
  public var observationSpace: Box { environments[0].observationSpace }
  public var actionSpace: Base.ActionSpace { environments[0].actionSpace }

  /// An episode that has come to its end.
  public struct Episode: Sendable, Hashable {
    /// The sum of the rewards.
    public let total: Double
    public let length: Int
  }

  /// What the actions led to, a row an environment.
  public struct Steps: Sendable {
    /// What the next actions are chosen by: [count, observation...]; where an episode ended, the first observation of the next.
    public let observations: Tensor
    /// What the actions led to; where an episode ended, its last observation.
    public let reached: Tensor
    /// [count], float32.
    public let rewards: Tensor
    /// [count], Booleans.
    public let terminated, truncated: Tensor
    /// The episodes that ended.
    public let episodes: [Episode]
  }

  /// Begins episodes in all of them. Environment i starts from `seed + i`.
  public mutating func reset(seed: UInt64? = nil) -> Tensor {
    var rows: [Float] = []
    for i in environments.indices {
      rows += environments[i].reset(seed: seed.map { $0 &+ UInt64(i) })
      returns[i] = 0
      lengths[i] = 0
    }
    return tensor(rows)
  }

  /// - Parameter actions: [count], integers.
  public mutating func step(_ actions: Tensor) throws -> Steps {
    guard actions.rank == 1, actions.shape[0] == count else {
      throw EmberError(.shape, in: "VectorEnvironment", "actions \(actions.shape) for \(count) environments")
    }
    var observations: [Float] = [], reached: [Float] = [], rewards: [Float] = []
    var terminated: [Bool] = [], truncated: [Bool] = [], episodes: [Episode] = []
    for (i, action) in try actions.elementsOrThrow(as: Int.self).enumerated() {
      let step = try environments[i].step(action)
      returns[i] += step.reward
      lengths[i] += 1
      reached += step.observation
      rewards.append(Float(step.reward))
      terminated.append(step.isTerminated)
      truncated.append(step.isTruncated)
      if step.isLast {
        episodes.append(Episode(total: returns[i], length: lengths[i]))
        returns[i] = 0
        lengths[i] = 0
        observations += environments[i].reset()
      } else {
        observations += step.observation
      }
    }
    return Steps(
      observations: tensor(observations), reached: tensor(reached), rewards: Tensor(rewards), terminated: Tensor(terminated),
      truncated: Tensor(truncated), episodes: episodes)
  }

  private func tensor(_ rows: [Float]) -> Tensor { Tensor(rows, shape: [count] + observationSpace.shape) }
}
