import Ember
import Testing

@testable import CartPoleAgents

extension ExamplesTests {
  @Suite struct CartPoleAgentsTests {
    /// A random policy balances for about 22 steps.
    @Test func ppoBalancesLonger() throws {
      try withRandomSeed(1) {
        let ppo = PPO(PPOSettings(totalSteps: 20_480))
        var totals: [Double] = []
        try ppo.train(seed: 1) { _, total in totals.append(total) }
        let (first, last) = ends(of: totals)
        #expect(first < 60 && last > 2 * first)
        #expect(try meanReturn(episodes: 20, seed: 500) { ppo.agent.actor($0) } > 100)
      }
    }

    @Test func dqnBalancesLonger() throws {
      try withRandomSeed(1) {
        let dqn = try DQN(DQNSettings(totalSteps: 12_000, explorationSteps: 6_000))
        var totals: [Double] = []
        try dqn.train(seed: 1) { _, total in
          totals.append(total)
          return true
        }
        let (first, last) = ends(of: totals)
        #expect(first < 60 && last > 2 * first)
      }
    }
  }
}
