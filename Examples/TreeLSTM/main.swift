// Names the grammatical relations in dependency trees of Turkish sentences, with a network that takes the shape of each tree.
//
//   scripts/setup examples
//   swift run -c release TreeLSTM [--width N] [--epochs N] [--limit N] [--output FOLDER]

import ArgumentParser
import Ember

struct TreeLSTM: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Names the relations in dependency trees.")

  @Option(help: "Features of a word's memory.") var width = 96
  @Option(help: "How often to go through all sentences.") var epochs = 8
  @Option(help: "At most so many sentences.") var limit = Int.max
  @Option(help: "The folder with the treebank.") var data = Treebank.defaultFolder
  @Option(help: "Where the curve goes.") var output = "example-output/tree-lstm"

  func run() throws {
    let treebank = try Treebank(folder: data, limit: limit)
    print("\(treebank.training.count) sentences to learn from, \(treebank.test.count) to test on")
    print("by tags alone: \(fixed(100 * baseline(treebank.training, treebank.test), 2)) % of the relations")
    try Files.makeFolder(output)
    manualSeed(0)
    let model = RelationLabeler(Alphabet(treebank.training), width: width)
    let trainer = makeTrainer(model, treebank.training, epochs: epochs)
    trainer.onEpoch = { summary in
      print("  training loss \(fixed(summary.loss, 4)), test accuracy \(fixed(100 * (try model.accuracy(treebank.test)), 2)) %")
      return true
    }
    if try trainer.run() == .interrupted { return }
    try LineChart(
      title: "Relations in dependency trees", xLabel: "epoch", yLabel: "cross entropy",
      series: [.init("training", means: trainer.losses, end: Double(epochs))]
    ).save("\(output)/loss.svg")
    print("Wrote \(output)/loss.svg")
  }
}

TreeLSTM.main()
