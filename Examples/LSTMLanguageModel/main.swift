// Learns which words follow each other in the King James Bible.
//
//   scripts/setup examples
//   swift run -c release LSTMLanguageModel [--width N] [--layers N] [--epochs N] [--limit N] [--output FOLDER]

import ArgumentParser
import Ember

struct LSTMLanguageModel: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Learns which words follow each other in the King James Bible.")

  @Option(help: "Features of a word and of the LSTM.") var width = 256
  @Option(help: "Layers of the LSTM.") var layers = 2
  @Option(help: "How often to go through the text.") var epochs = 4
  @Option(help: "Only so many verses.") var limit = Int.max
  @Option(help: "The folder with the text.") var data = Bible.defaultFolder
  @Option(help: "Where text, checkpoint and curve go.") var output = "example-output/lstm-language-model"

  func run() throws {
    let bible = try Bible(folder: data, limit: limit)
    print("\(bible.training.count) words to learn from, \(bible.vocabulary.count) different ones")
    print("perplexity by frequency alone \(fixed(bible.unigramPerplexity, 1))")
    try Files.makeFolder(output)
    manualSeed(0)
    let model = LanguageModel(words: bible.vocabulary.count, width: width, layers: layers)
    let trainer = makeTrainer(model, bible.training, epochs: epochs)
    trainer.onEpoch = { _ in
      print("  test perplexity \(fixed(try model.perplexity(bible.test), 2))")
      return true
    }
    if try trainer.run() == .interrupted { return }

    _ = model.eval()
    let start = bible.vocabulary.encode([Bible.endOfVerse, "and", "it", "came", "to", "pass"])
    let text = bible.vocabulary.decode(model.generate(start, count: 120)).joined(separator: " ")
      .replacing(Bible.endOfVerse, with: "\n")
    print(text)
    try Files.write(text + "\n", to: "\(output)/sample.txt")
    try LineChart(
      title: "LSTM on the words of the King James Bible", xLabel: "epoch", yLabel: "nats a word",
      series: [.init("training", means: trainer.losses, end: Double(epochs))]
    ).save("\(output)/loss.svg")
    try trainer.save(to: "\(output)/checkpoint.safetensors")
    print("Wrote sample.txt, loss.svg and checkpoint.safetensors to \(output)")
  }
}

LSTMLanguageModel.main()
