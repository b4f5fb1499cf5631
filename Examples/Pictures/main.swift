// Recognises clothing in Fashion-MNIST with a ResNet and a MobileNet.
//
//   swift run -c release Pictures [--model resnet|mobilenet]... [--width N] [--epochs N] [--limit N] [--output FOLDER]

import ArgumentParser
import Ember

extension Architecture: ExpressibleByArgument {}

struct Pictures: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Recognises clothing with a ResNet and a MobileNet.")

  @Option(help: "A network; may be given twice. Default: both.") var model: [Architecture] = []
  @Option(help: "Channels of the first stage. The papers' networks have 64 (ResNet) and 32 (MobileNet).") var width = 16
  @Option(help: "How often to go through all pictures.") var epochs = 3
  @Option(help: "Only so many pictures.") var limit = Int.max
  @Option(help: "The folder with Fashion-MNIST.") var data = FashionMNIST.defaultFolder
  @Option(help: "Where the curve goes.") var output = "example-output/pictures"

  func run() throws {
    let clothing = try Clothing(folder: data, limit: limit)
    try Files.makeFolder(output)
    var curves: [LineChart.Series] = []
    for architecture in model.isEmpty ? Architecture.allCases : model {
      manualSeed(0)
      let network = architecture.model(width: width)
      print("\(architecture.rawValue): \(network.parameters().reduce(0) { $0 + $1.value.elementCount }) parameters")
      let trainer = makeTrainer(network, clothing.training, epochs: epochs)
      trainer.onEpoch = { summary in
        print("  training loss \(fixed(summary.loss, 4)), test accuracy \(fixed(100 * (try accuracy(network, clothing.test)), 2)) %")
        return true
      }
      if try trainer.run() == .interrupted { break }
      curves.append(.init(architecture.rawValue, means: trainer.losses, end: Double(epochs)))
      try Checkpoint(model: network, epoch: epochs, step: trainer.losses.count).save(to: "\(output)/\(architecture.rawValue).safetensors")
    }
    try LineChart(title: "Fashion-MNIST, training loss", xLabel: "epoch", yLabel: "cross entropy", series: curves)
      .save("\(output)/loss.svg")
    print("Wrote \(output)/loss.svg")
  }
}

Pictures.main()
