import Ember
import Foundation

/// Shakespeare's plays and poems as `scripts/setup examples` puts them into `datasets/shakespeare`, character by character.
struct Shakespeare {
  static let defaultFolder = "datasets/shakespeare"

  let vocabulary: Vocabulary<Character>
  /// Every tenth part of each work is kept apart for validation: its end.
  let training, validation: Tensor

  /// - Parameter limit: at most so many characters of each work.
  init(folder: String = defaultFolder, limit: Int = .max) throws {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.filter { $0.hasSuffix(".txt") }.sorted() ?? []
    guard !names.isEmpty else {
      throw EmberError(.file, in: "Shakespeare", "\(folder): no texts there; scripts/setup examples fetches them")
    }
    let texts = try names.map { name in
      Array(try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8).filter { $0 != "\r" }.prefix(limit))
    }
    vocabulary = Vocabulary(counting: texts.joined())
    var parts: (training: [Int], validation: [Int]) = ([], [])
    for text in texts {
      let numbers = vocabulary.encode(text), end = numbers.count * 9 / 10
      parts.training += numbers[..<end]
      parts.validation += numbers[end...]
    }
    training = Tensor(parts.training)
    validation = Tensor(parts.validation)
  }

  func text(_ tokens: Tensor) -> String { String(vocabulary.decode(tokens.flatten().elements(as: Int.self))) }
}

/// The mean cross entropy of a model's predictions (nats a character) over at most `limit` windows.
func validationLoss(_ model: GPT2, _ tokens: Tensor, limit: Int = 400) throws -> Double {
  let windows = try TokenWindows(tokens, length: model.configuration.contextLength)
  let wasTraining = model.isTraining
  _ = model.eval()
  defer { model.train(wasTraining) }
  var mean = RunningMean()
  // Windows from all over the text.
  let chosen = Subset(windows, Array(stride(from: 0, to: windows.count, by: max(1, windows.count / limit))))
  try noGrad {
    try DataLoader(chosen, batchSize: 50).forEachBatch { inputs, targets in
      mean.add(loss(model, inputs, targets).item(), weight: Double(inputs.elementCount))
    }
  }
  return mean.value
}

func loss(_ model: GPT2, _ inputs: Tensor, _ targets: Tensor) -> Tensor { model(inputs).flatten(0, 1).crossEntropy(targets.flatten()) }

/// AdamW whose rate rises and falls once.
func makeTrainer(
  _ model: GPT2, _ tokens: Tensor, epochs: Int, batchSize: Int = 32, rate: Double = 2e-3
) throws -> Trainer<(Tensor, Tensor)> {
  let windows = try TokenWindows(tokens, length: model.configuration.contextLength)
  let loader = DataLoader(windows, batchSize: batchSize, shuffle: true, dropLast: true, seed: 0)
  let optimizer = AdamW(model.parameters(), learningRate: rate, betas: (0.9, 0.99), weightDecay: 0.1)
  let steps = max(1, epochs * (loader.batchCount ?? 1))
  let schedule = OneCycleLR(optimizer, maximum: rate, totalSteps: steps, rise: 0.1, cyclesMomentum: false)
  let trainer = Trainer(
    model: model, optimizer: optimizer, scheduler: schedule, every: .step, loader: loader, epochs: epochs
  ) { inputs, targets in loss(model, inputs, targets) }
  trainer.maximumGradientNorm = 1
  return trainer
}
