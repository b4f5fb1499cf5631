// Learns three tasks at once from turned pictures of clothing.
//
//   swift run -c release SeveralTasks [--width N] [--epochs N] [--limit N] [--output FOLDER]

import ArgumentParser
import Ember

struct SeveralTasks: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Learns three tasks at once from turned pictures of clothing.")

  @Option(help: "Channels of the first convolution.") var width = 24
  @Option(help: "How often to go through all pictures.") var epochs = 3
  @Option(help: "Only so many pictures.") var limit = Int.max
  @Option(help: "The folder with Fashion-MNIST.") var data = FashionMNIST.defaultFolder
  @Option(help: "Where the curve goes.") var output = "example-output/several-tasks"

  func run() throws {
    let training = try FashionMNIST(.train, folder: data).dataset(limit: limit)
    let test = try FashionMNIST(.test, folder: data).dataset(limit: limit)
    try Files.makeFolder(output)
    manualSeed(0)
    let model = ThreeHeads(width: width)
    let loader = DataLoader(training, batchSize: 128, shuffle: true, dropLast: true, seed: 0)
    let optimizer = Adam(model.parameters(), learningRate: 2e-3)
    let schedule = CosineAnnealingLR(optimizer, period: max(1, epochs * (loader.batchCount ?? 1)))
    var parts: [[Double]] = [[], [], []]
    let trainer = Trainer(
      model: model, optimizer: optimizer, scheduler: schedule, every: .step, loader: loader, epochs: epochs
    ) { images, kinds in
      let losses = model.losses(TurnedClothing.turned(images, kinds: kinds))
      for (i, loss) in losses.enumerated() { parts[i].append(loss.item()) }
      return model.combined(losses)
    }
    trainer.onEpoch = { _ in
      let scores = try evaluate(model, test)
      print(
        "  kind \(fixed(100 * scores.kinds.value, 2)) %, place \(fixed(100 * scores.places.value, 2)) %, "
          + "angle to \(fixed(scores.angleError, 2))°; log variances "
          + model.uncertainties.elements(as: Double.self).map { fixed($0, 2) }.joined(separator: ", "))
      return true
    }
    if try trainer.run() == .interrupted { return }
    let end = Double(epochs)
    try LineChart(
      title: "Three tasks at once", xLabel: "epoch", yLabel: "loss",
      series: [
        .init("kind (cross entropy)", means: parts[0], end: end), .init("place (cross entropy)", means: parts[1], end: end),
        .init("angle (squared error)", means: parts[2], end: end),
      ]
    ).save("\(output)/losses.svg")
    print("Wrote \(output)/losses.svg")
  }
}

SeveralTasks.main()
