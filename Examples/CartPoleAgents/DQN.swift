import Ember

/// What deep Q-learning needs to know; defaults for CartPole.
struct DQNSettings {
  var environments = 4
  /// Steps of all environments together.
  var totalSteps = 120_000
  var learningRate = 1e-3
  var bufferSize = 50_000
  /// Steps before learning begins.
  var learningStart = 1_000
  /// Steps between two updates.
  var updateInterval = 4
  var batchSize = 128
  var discount = 0.99
  /// How fast the target network follows.
  var targetRate = 0.005
  /// The share of random actions falls from the first to the second within `explorationSteps`.
  var exploration = (1.0, 0.05)
  var explorationSteps = 10_000
}

/// The value of each action in a state.
final class QNetwork: Module, Layer {
  private let layers: Sequential

  init(observations: Int, actions: Int, width: Int = 128) {
    layers = Sequential { Linear(observations, width); ReLU(); Linear(width, width); ReLU(); Linear(width, actions) }
    super.init()
  }

  func forward(_ observations: Tensor) -> Tensor { layers(observations) }
}

/// Deep Q-learning (Mnih et al., Nature 518, 2015) with the double estimate of van Hasselt et al. (arXiv:1509.06461) and a target
/// network that follows slowly (Lillicrap et al., arXiv:1509.02971).
struct DQN {
  let settings: DQNSettings
  let network = QNetwork(observations: 4, actions: 2)
  private let target = QNetwork(observations: 4, actions: 2)
  private let optimizer: AdamW

  init(_ settings: DQNSettings = DQNSettings()) throws {
    self.settings = settings
    try target.loadStateDict(network.stateDict())
    optimizer = AdamW(network.parameters(), learningRate: settings.learningRate)
  }

  /// Learns, and hands each finished episode to `onEpisode` with the steps taken so far. Ends early where `onEpisode` returns false.
  func train(seed: UInt64, onEpisode: (_ steps: Int, _ total: Double) throws -> Bool) throws {
    var environments = VectorEnvironment(count: settings.environments) { CartPole.v1() }
    var buffer = ReplayBuffer(capacity: settings.bufferSize)
    var observations = environments.reset(seed: seed)
    for steps in stride(from: settings.environments, through: settings.totalSteps, by: settings.environments) {
      let actions = act(on: observations, after: steps)
      let result = try environments.step(actions)
      try buffer.append(
        Transitions(
          observations: observations, actions: actions, rewards: result.rewards, reached: result.reached, terminated: result.terminated))
      observations = result.observations
      if steps >= settings.learningStart {
        for _ in 0..<max(1, settings.environments / settings.updateInterval) { try learn(from: buffer.sample(settings.batchSize)) }
      }
      for episode in result.episodes { if !(try onEpisode(steps, episode.total)) { return } }
    }
  }

  /// The best actions, or random ones now and then.
  private func act(on observations: Tensor, after steps: Int) -> Tensor {
    let progress = min(1, Double(steps) / Double(settings.explorationSteps))
    let chance = settings.exploration.0 + progress * (settings.exploration.1 - settings.exploration.0)
    let best = noGrad { network(observations).argmax(1) }
    let random = Tensor.randint(0, 2, [settings.environments])
    return `where`(Tensor.rand([settings.environments]) .< chance, random, best)
  }

  private func learn(from batch: Transitions) throws {
    let goals = noGrad {
      // One network chooses the action, the other judges it.
      let chosen = network(batch.reached).argmax(1, keepDim: true)
      let values = target(batch.reached).gather(dim: 1, index: chosen).squeeze(1)
      return batch.rewards + values * settings.discount * (!batch.terminated).to(.float32)
    }
    let values = network(batch.observations).gather(dim: 1, index: batch.actions.unsqueeze(1)).squeeze(1)
    let loss = values.smoothL1Loss(goals)
    optimizer.zeroGrad()
    loss.backward()
    clipGradNorm(network.parameters(), maxNorm: 10)
    optimizer.step()
    for (slow, fast) in zip(target.parameters(), network.parameters()) {
      slow.update { $0 += (fast.value.detach() - $0) * settings.targetRate }
    }
  }
}
