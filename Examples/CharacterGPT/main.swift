// Learns to write like Shakespeare, character by character.
//
//   scripts/setup examples
//   swift run -c release CharacterGPT [--layers N] [--width N] [--context N] [--epochs N] [--output FOLDER]

import ArgumentParser
import Ember

struct CharacterGPT: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Learns to write like Shakespeare, character by character.")

  @Option(help: "Blocks of attention and network.") var layers = 4
  @Option(help: "Features of a character.") var width = 128
  @Option(help: "How many characters the model sees at once.") var context = 128
  @Option(help: "How often to go through all works.") var epochs = 1
  @Option(help: "At most so many characters of each work.") var limit = Int.max
  @Option(help: "The folder with the works.") var data = Shakespeare.defaultFolder
  @Option(help: "Where text, checkpoint and curve go.") var output = "example-output/character-gpt"

  func run() throws {
    let works = try Shakespeare(folder: data, limit: limit)
    print("\(works.training.elementCount) characters to learn from, \(works.vocabulary.count) different ones")
    try Files.makeFolder(output)
    manualSeed(0)
    let model = GPT2(
      .init(
        vocabularySize: works.vocabulary.count, contextLength: context, layers: layers, heads: max(1, width / 32), width: width,
        dropout: 0))
    let trainer = try makeTrainer(model, works.training, epochs: epochs)
    var validation: [(x: Double, y: Double)] = []
    trainer.onStep = { step, _ in
      guard step % 200 == 0 else { return }
      let loss = try validationLoss(model, works.validation)
      validation.append((Double(step), loss))
      print("  step \(step): validation loss \(fixed(loss, 4)) nats a character")
    }
    if try trainer.run() == .interrupted { return }
    let loss = try validationLoss(model, works.validation, limit: .max)
    print("Validation loss \(fixed(loss, 4)) nats a character")

    _ = model.eval()
    let prompt = Tensor([works.vocabulary.encode("\nKING HENRY.\n")])
    let text = works.text(model.generate(prompt, count: 800, temperature: 0.8, topK: 40))
    print(text)
    try Files.write(text + "\n", to: "\(output)/sample.txt")
    try LineChart(
      title: "GPT on Shakespeare's characters", xLabel: "step", yLabel: "nats a character",
      series: [.init("training", means: trainer.losses), .init("validation", validation)]
    ).save("\(output)/loss.svg")
    try trainer.save(to: "\(output)/checkpoint.safetensors")
    print("Wrote sample.txt, loss.svg and checkpoint.safetensors to \(output)")
  }
}

CharacterGPT.main()
