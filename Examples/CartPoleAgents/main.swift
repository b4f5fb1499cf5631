// Learns to balance a pole on a cart, by proximal policy optimisation and by deep Q-learning.
//
//   swift run -c release CartPoleAgents [ppo|dqn]... [--seed N] [--output FOLDER]

import ArgumentParser
import Ember

enum Method: String, CaseIterable, ExpressibleByArgument { case ppo, dqn }

struct CartPoleAgents: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Learns to balance a pole on a cart.")

  @Argument(help: "ppo or dqn. Default: both.") var methods: [Method] = []
  @Option(help: "Where the random numbers start.") var seed: UInt64 = 1
  @Option(help: "Where the curve goes.") var output = "example-output/cartpole"

  func run() throws {
    try Files.makeFolder(output)
    var curves: [LineChart.Series] = []
    for method in methods.isEmpty ? Method.allCases : methods {
      manualSeed(seed)
      let start = monotonicSeconds()
      var episodes: [(steps: Int, total: Double)] = []
      func note(_ steps: Int, _ total: Double) {
        episodes.append((steps, total))
        if episodes.count % 100 == 0 {
          let recent = episodes.suffix(100).reduce(0) { $0 + $1.total } / 100
          print("\(method.rawValue): \(steps) steps, \(episodes.count) episodes, mean return of the last hundred \(fixed(recent, 1))")
        }
      }
      let score: Double
      switch method {
      case .ppo:
        let ppo = PPO()
        try ppo.train(seed: seed, onEpisode: note)
        // Episodes that it has not learnt from.
        score = try meanReturn(episodes: 100, seed: 1_000_000) { ppo.agent.actor($0) }
      case .dqn:
        let dqn = try DQN()
        try dqn.train(seed: seed) { steps, total in
          note(steps, total)
          // Q-learning forgets again: stop at a policy that is good.
          guard episodes.count % 20 == 0 else { return true }
          return try meanReturn(episodes: 30, seed: 2_000_000) { dqn.network($0) } < 495
        }
        score = try meanReturn(episodes: 100, seed: 1_000_000) { dqn.network($0) }
      }
      print("\(method.rawValue): mean return over 100 episodes \(fixed(score, 1)) after \(duration(monotonicSeconds() - start))")
      curves.append(.init(method.rawValue, returns(episodes)))
    }
    try LineChart(title: "CartPole-v1, training episodes", xLabel: "steps", yLabel: "mean return of 20 episodes", series: curves)
      .save("\(output)/returns.svg")
    print("Wrote \(output)/returns.svg")
  }

  /// Means of twenty episodes in a row.
  private func returns(_ episodes: [(steps: Int, total: Double)]) -> [(x: Double, y: Double)] {
    stride(from: 0, to: episodes.count, by: 20).map { start in
      let part = episodes[start..<min(start + 20, episodes.count)]
      return (Double(part[part.endIndex - 1].steps), part.reduce(0) { $0 + $1.total } / Double(part.count))
    }
  }
}

CartPoleAgents.main()
