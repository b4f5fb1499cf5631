import EmberRuntime
public import EmberTensor

/// How much better than expected actions turned out, by generalised advantage estimation (Schulman et al., arXiv:1506.02438): A(t) =
/// δ(t) + γλ·A(t + 1) within an episode, where δ(t) = reward + γ·V(reached) - V(observed), and V(reached) is 0 where the task is over.
///
/// All tensors are [time, environments].
/// - Parameters:
///   - values: V of what the actions were chosen by.
///   - reachedValues: V of what the actions led to; where an episode was cut short, of its last observation.
///   - terminated: whether the task was over with the step.
///   - truncated: whether the episode was cut short with it.
///   - discount: γ.
///   - lambda: 0 trusts the values, 1 the rewards.
/// - Returns: advantages, and returns to fit the values to: advantages + values; float32, without history.
public func generalizedAdvantages(
  rewards: Tensor, values: Tensor, reachedValues: Tensor, terminated: Tensor, truncated: Tensor, discount: Double = 0.99,
  lambda: Double = 0.95
) throws -> (advantages: Tensor, returns: Tensor) {
  let shape = Array(rewards.shape)
  guard shape.count == 2, [values, reachedValues, terminated, truncated].allSatisfy({ Array($0.shape) == shape }) else {
    throw EmberError(
      .shape, in: "generalizedAdvantages",
      "rewards \(rewards.shape), values \(values.shape), reachedValues \(reachedValues.shape), terminated \(terminated.shape) and "
        + "truncated \(truncated.shape); all must be [time, environments]")
  }
  let reward = try rewards.elementsOrThrow(as: Double.self), value = try values.elementsOrThrow(as: Double.self)
  let next = try reachedValues.elementsOrThrow(as: Double.self)
  let isOver = try terminated.elementsOrThrow(as: Bool.self), isCut = try truncated.elementsOrThrow(as: Bool.self)
  var advantages = [Double](repeating: 0, count: reward.count)
  for i in reward.indices.reversed() {
    let difference = reward[i] + (isOver[i] ? 0 : discount * next[i]) - value[i]
    let later = i + shape[1] < reward.count && !isOver[i] && !isCut[i] ? advantages[i + shape[1]] : 0
    advantages[i] = difference + discount * lambda * later
  }
  let estimates = Tensor(advantages, shape: shape, dtype: .float32)
  return (estimates, estimates + values.detach().to(.float32))
}
