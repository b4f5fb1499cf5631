// Learns to translate from English to Spanish from the verses of the Bible.
//
//   scripts/setup examples
//   swift run -c release Translation [--width N] [--epochs N] [--limit N] [--output FOLDER]

import ArgumentParser
import Ember

struct Translation: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Learns to translate from English to Spanish from the verses of the Bible.")

  @Option(help: "Features of a word.") var width = 256
  @Option(help: "Pieces of words of each language.") var pieces = 3000
  @Option(help: "How often to go through all verses.") var epochs = 8
  @Option(help: "Only so many verses.") var limit = Int.max
  @Option(help: "The folder with the texts.") var data = Verses.defaultFolder
  @Option(help: "Where translations, checkpoint and curve go.") var output = "example-output/translation"

  func run() throws {
    let verses = try Verses(folder: data, pieces: pieces, limit: limit)
    print("\(verses.training.count) verses to learn from, \(verses.test.count) to test on")
    try Files.makeFolder(output)
    manualSeed(0)
    let model = Translator(verses, width: width)
    print("\(model.parameters().reduce(0) { $0 + $1.value.elementCount }) parameters")
    let trainer = makeTrainer(model, verses, epochs: epochs)
    trainer.onEpoch = { _ in
      print("  BLEU \(fixed(100 * (try evaluate(model, verses, verses.test).bleu), 2))")
      return true
    }
    if try trainer.run() == .interrupted { return }
    let (score, translations) = try evaluate(model, verses, verses.test)
    var report = "BLEU \(fixed(100 * score, 2)) on \(verses.test.count) verses\n"
    for (pair, translation) in zip(verses.test, translations) {
      report += "\nEnglish: \(verses.source.decode(pair.source).drop { $0 == " " })\n"
      report += "Spanish: \(verses.target.decode(pair.target).drop { $0 == " " })\nLearnt:  \(translation)\n"
    }
    print(report.prefix(2000))
    try Files.write(report, to: "\(output)/translations.txt")
    try LineChart(
      title: "English to Spanish", xLabel: "epoch", yLabel: "cross entropy, labels smoothed",
      series: [.init("training", means: trainer.losses, end: Double(epochs))]
    ).save("\(output)/loss.svg")
    try trainer.save(to: "\(output)/checkpoint.safetensors")
    print("Wrote translations.txt, loss.svg and checkpoint.safetensors to \(output)")
  }
}

Translation.main()
