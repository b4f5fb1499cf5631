import Ember

/// What proximal policy optimisation needs to know; defaults for CartPole.
struct PPOSettings {
  var environments = 8
  /// Steps of each environment between two rounds of learning.
  var horizon = 128
  /// Steps of all environments together.
  var totalSteps = 200_000
  var learningRate = 1e-3
  var epochs = 8
  var batchSize = 256
  var discount = 0.98
  var lambda = 0.9
  /// How far the ratio of new to old probabilities counts.
  var clipping = 0.2
  var entropyWeight = 0.0
  var valueWeight = 0.5
  var largestGradient = 0.5
}

/// Two networks of the same kind: one says how good a state is, the other what to do in it.
final class ActorCritic: Module {
  let actor: Sequential
  let critic: Sequential

  init(observations: Int, actions: Int, width: Int = 64) {
    func network(outputs: Int, gain: Double) -> Sequential {
      let hiddenGain = Init.Nonlinearity.relu.gain
      let layers = [Linear(observations, width), Linear(width, width), Linear(width, outputs)]
      for (layer, gain) in zip(layers, [hiddenGain, hiddenGain, gain]) {
        Init.orthogonal(layer.$weight, gain: gain)
        if let bias = layer.biasCell { Init.zeros(bias) }
      }
      return Sequential(layers[0], Tanh(), layers[1], Tanh(), layers[2])
    }
    actor = network(outputs: actions, gain: 0.01)
    critic = network(outputs: 1, gain: 1)
    super.init()
  }

  func policy(_ observations: Tensor) -> Categorical { Categorical(logits: actor(observations)) }
  /// [..., observation] to [...].
  func value(_ observations: Tensor) -> Tensor { critic(observations).squeeze(-1) }
}

/// Proximal policy optimisation (Schulman et al., arXiv:1707.06347) with generalised advantages.
struct PPO {
  let settings: PPOSettings
  let agent: ActorCritic
  private let optimizer: Adam

  init(_ settings: PPOSettings = PPOSettings()) {
    self.settings = settings
    agent = ActorCritic(observations: 4, actions: 2)
    optimizer = Adam(agent.parameters(), learningRate: settings.learningRate, epsilon: 1e-5)
  }

  /// What the environments went through between two rounds of learning: [time, environments, ...].
  private struct Rollout {
    var observations: [Tensor] = [], actions: [Tensor] = [], logProbabilities: [Tensor] = [], values: [Tensor] = []
    var reached: [Tensor] = [], rewards: [Tensor] = [], terminated: [Tensor] = [], truncated: [Tensor] = []
  }

  /// Learns, and hands each finished episode to `onEpisode` with the steps taken so far.
  func train(seed: UInt64, onEpisode: (_ steps: Int, _ total: Double) -> Void) throws {
    var environments = VectorEnvironment(count: settings.environments) { CartPole.v1() }
    var observations = environments.reset(seed: seed)
    let rounds = max(1, settings.totalSteps / (settings.environments * settings.horizon))
    let schedule = LinearLR(optimizer, startFactor: 1, endFactor: 0, steps: rounds)
    var steps = 0
    for _ in 0..<rounds {
      var rollout = Rollout()
      try noGrad {
        for _ in 0..<settings.horizon {
          let policy = agent.policy(observations)
          let actions = policy.sample()
          let result = try environments.step(actions)
          steps += settings.environments
          rollout.observations.append(observations)
          rollout.actions.append(actions)
          rollout.logProbabilities.append(policy.logProbability(actions))
          rollout.values.append(agent.value(observations))
          rollout.reached.append(result.reached)
          rollout.rewards.append(result.rewards)
          rollout.terminated.append(result.terminated)
          rollout.truncated.append(result.truncated)
          for episode in result.episodes { onEpisode(steps, episode.total) }
          observations = result.observations
        }
      }
      try learn(from: rollout)
      schedule.step()
    }
  }

  private func learn(from rollout: Rollout) throws {
    let observations = stack(rollout.observations)
    let (advantages, returns) = try generalizedAdvantages(
      rewards: stack(rollout.rewards), values: stack(rollout.values), reachedValues: noGrad { agent.value(stack(rollout.reached)) },
      terminated: stack(rollout.terminated), truncated: stack(rollout.truncated), discount: settings.discount, lambda: settings.lambda)
    // One row a step, whichever environment it was in.
    let rows = TensorListDataset([
      observations.flatten(0, 1), stack(rollout.actions).flatten(), stack(rollout.logProbabilities).flatten(), advantages.flatten(),
      returns.flatten(),
    ])
    for _ in 0..<settings.epochs {
      let order = Tensor.randperm(rows.count).elements(as: Int.self)
      for start in stride(from: 0, to: rows.count, by: settings.batchSize) {
        try step(rows.batch(at: Array(order[start..<min(start + settings.batchSize, rows.count)])))
      }
    }
  }

  private func step(_ batch: [Tensor]) throws {
    let (observations, actions, oldLogProbabilities, returns) = (batch[0], batch[1], batch[2], batch[4])
    let advantages = (batch[3] - batch[3].mean()) / (batch[3].std() + 1e-8)
    let policy = agent.policy(observations)
    let ratio = (policy.logProbability(actions) - oldLogProbabilities).exp()
    let clipped = ratio.clamp(min: 1 - settings.clipping, max: 1 + settings.clipping)
    let policyLoss = -minimum(ratio * advantages, clipped * advantages).mean()
    let valueLoss = (agent.value(observations) - returns).square().mean()
    let loss = policyLoss + valueLoss * settings.valueWeight - policy.entropy().mean() * settings.entropyWeight
    optimizer.zeroGrad()
    loss.backward()
    clipGradNorm(agent.parameters(), maxNorm: settings.largestGradient)
    optimizer.step()
  }
}
