import Ember
import EmberONNX
import Foundation
import TestSupport
import Testing

@testable import CartPoleAgents
@testable import ExportedModels
@testable import FashionMNIST
@testable import LSTMLanguageModel
@testable import Pictures
@testable import SeveralTasks
@testable import Translation
@testable import VariationalAutoencoder

extension ExamplesTests {
  /// Every network whose graph does not depend on the data as an ONNX file with an open batch. With EMBER_EXPORTS, the path of a folder,
  /// the files stay there for scripts/compare-export.
  @Suite struct ExportTests {
    @Test func everyNetworkOfAFixedGraphIsExported() throws {
      try withRandomSeed(9) {
        let folder = ProcessInfo.processInfo.environment["EMBER_EXPORTS"] ?? TemporaryFolder().path
        try Files.makeFolder(folder)
        for model in cases() {
          let path = "\(folder)/\(model.name).onnx"
          try model.write(to: folder)
          let results = try ONNXModel(path).evaluate(model.inputs.map { .tensor($0) })
          for (i, (expected, result)) in zip(try model.expected(), results).enumerated() {
            let tensor = try #require(result.tensor)
            #expect(tensor.shape == expected.shape, "\(model.name), output \(i)")
            let scale: Double = expected.abs().amax().item(), largest: Double = (tensor - expected).abs().amax().item()
            #expect(largest <= 1e-4 * max(scale, 1e-30), "\(model.name), output \(i)")
          }
        }
      }
    }

    private func cases() -> [ExportCase] {
      func batched(_ name: String, _ model: Module, _ shape: [Int], _ forward: @escaping (Tensor) -> [Tensor]) -> ExportCase {
        ExportCase(
          "example-\(name)", model, examples: [Tensor.zeros([1] + shape)], inputs: [Tensor.rand([3] + shape)], dynamicAxes: [[0: "batch"]]
        ) { forward($0[0]) }
      }
      let clothing = makeModel(), values = QNetwork(observations: 4, actions: 2), agent = ActorCritic(observations: 4, actions: 2)
      let autoencoder = Autoencoder(latent: 4, width: 8), heads = ThreeHeads(width: 6)
      let resnet = Architecture.resnet.model(width: 8), mobilenet = Architecture.mobilenet.model(width: 8)
      let gpt = GPT2(.init(vocabularySize: 70, contextLength: 16, layers: 2, heads: 1, width: 32, dropout: 0))
      return [
        batched("fashion-mnist", clothing, [1, 28, 28]) { [clothing($0)] }, batched("dqn", values, [4]) { [values($0)] },
        batched("ppo", agent, [4]) { [agent.policy($0).probabilities, agent.value($0)] },
        batched("vae", autoencoder, [1, 28, 28]) { [autoencoder.posterior($0).location, autoencoder.reconstructed($0)] },
        batched("several-tasks", heads, [1, 28, 28]) {
          let answers = heads($0)
          return [answers.kinds, answers.places, answers.angles]
        },
        batched("resnet", resnet, [1, 28, 28]) { [resnet($0)] }, batched("mobilenet", mobilenet, [1, 28, 28]) { [mobilenet($0)] },
        ExportCase(
          "example-gpt", gpt, examples: [Tensor.zeros([1, 8], dtype: .int64)], inputs: [Tensor.randint(0, 70, [3, 12])],
          dynamicAxes: [[0: "batch", 1: "time"]]
        ) { [gpt($0[0])] },
        languageModel(), translator(),
      ]
    }

    /// One piece of text, and what the network remembers of those before.
    private func languageModel() -> ExportCase {
      let model = LanguageModel(words: 50, width: 12)
      let state = { (batch: Int) in Tensor.randn([2, batch, 12]) * 0.1 }
      return ExportCase(
        "example-lstm", model, examples: [Tensor.zeros([2, 5], dtype: .int64), state(2), state(2)],
        inputs: [Tensor.randint(0, 50, [3, 7]), state(3), state(3)],
        dynamicAxes: [[0: "batch", 1: "time"], [1: "batch"], [1: "batch"]]
      ) { inputs in
        let result = model.logits(inputs[0], state: (inputs[1], inputs[2]))
        return [result.logits, result.state.h, result.state.c]
      }
    }

    /// A whole verse into the first piece of its translation.
    private func translator() -> ExportCase {
      let model = Translator(vocabularySize: 40, marks: .init(start: 37, end: 38, padding: 39), width: 12)
      return ExportCase(
        "example-translation", model, examples: [Tensor.zeros([2, 6], dtype: .int64), Tensor.zeros([2, 1], dtype: .int64)],
        inputs: [Tensor.randint(0, 37, [3, 8]), Tensor.full([3, 1], 37, dtype: .int64)],
        dynamicAxes: [[0: "batch", 1: "time"], [0: "batch"]]
      ) { inputs in
        let (batch, time) = (inputs[0].shape[0], inputs[0].shape[1])
        let encoded = model.encode(inputs[0], lengths: Array(repeating: time, count: batch))
        let result = model.decode(inputs[1], encoded, state: encoded.state)
        return [result.logits, result.state]
      }
    }
  }
}
