import Ember

/// The mean return over episodes of CartPole-v1 in which the policy takes the action with the highest score.
///
/// - Parameter seed: of the first episode; every further one has the next.
func meanReturn(episodes: Int, seed: UInt64, scores: (Tensor) -> Tensor) throws -> Double {
  // All episodes at once; what an environment does after its first one is not counted.
  var environments = VectorEnvironment(count: episodes) { CartPole.v1() }
  var observations = environments.reset(seed: seed)
  var isRunning = Array(repeating: true, count: episodes)
  var total = 0.0
  while isRunning.contains(true) {
    let result = try environments.step(noGrad { scores(observations).argmax(1) })
    let rewards = try result.rewards.elementsOrThrow(as: Double.self)
    let ends = try (result.terminated | result.truncated).elementsOrThrow(as: Bool.self)
    for i in isRunning.indices where isRunning[i] {
      total += rewards[i]
      isRunning[i] = !ends[i]
    }
    observations = result.observations
  }
  return total / Double(episodes)
}
