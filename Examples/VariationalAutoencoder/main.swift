// Learns to draw clothing.
//
//   swift run -c release VariationalAutoencoder [--latent N] [--epochs N] [--limit N] [--output FOLDER]

import ArgumentParser
import Ember

struct VariationalAutoencoder: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Learns to draw clothing.")

  @Option(help: "Numbers that a picture becomes.") var latent = 16
  @Option(help: "How often to go through all pictures.") var epochs = 5
  @Option(help: "Only so many pictures.") var limit = Int.max
  @Option(help: "The folder with Fashion-MNIST.") var data = FashionMNIST.defaultFolder
  @Option(help: "Where pictures and curve go.") var output = "example-output/vae"

  func run() throws {
    let training = try FashionMNIST(.train, folder: data).dataset(limit: limit)
    let test = try FashionMNIST(.test, folder: data).dataset(limit: limit)
    try Files.makeFolder(output)
    manualSeed(0)
    let model = Autoencoder(latent: latent)
    let loader = DataLoader(training, batchSize: 128, shuffle: true, seed: 0)
    var parts: (reconstruction: [Double], divergence: [Double]) = ([], [])
    let optimizer = Adam(model.parameters(), learningRate: 1e-3)
    let trainer = Trainer(model: model, optimizer: optimizer, loader: loader, epochs: epochs) { images, _ in
      let (reconstruction, divergence) = model(images)
      parts.reconstruction.append(reconstruction.item())
      parts.divergence.append(divergence.item())
      return reconstruction + divergence
    }
    trainer.onEpoch = { summary in
      print("  training loss \(fixed(summary.loss, 2)), test loss \(fixed(try loss(model, test), 2)) nats a picture")
      return true
    }
    if try trainer.run() == .interrupted { return }

    try Picture.grid(model.sample(40), columns: 10, scale: 2).save(png: "\(output)/samples.png")
    let (images, _) = try test.batch(at: Array(0..<20))
    let (first, second) = (images.narrow(0, start: 0, length: 10), images.narrow(0, start: 10, length: 10))
    let rows = cat([first, model.reconstructed(first), second, model.reconstructed(second)])
    try Picture.grid(rows, columns: 10, scale: 2).save(png: "\(output)/reconstructions.png")
    let end = Double(epochs)
    try LineChart(
      title: "Fashion-MNIST, variational autoencoder", xLabel: "epoch", yLabel: "nats a picture",
      series: [
        .init("both", means: trainer.losses, end: end), .init("reconstruction", means: parts.reconstruction, end: end),
        .init("divergence", means: parts.divergence, end: end),
      ]
    ).save("\(output)/loss.svg")
    print("Wrote samples.png, reconstructions.png and loss.svg to \(output)")
  }
}

/// The mean loss of a dataset's pictures.
private func loss(_ model: Autoencoder, _ data: TensorDataset) throws -> Double {
  var mean = RunningMean()
  try noGrad {
    try DataLoader(data, batchSize: 500).forEachBatch { images, _ in
      let (reconstruction, divergence) = model(images)
      mean.add((reconstruction + divergence).item(), weight: Double(images.shape[0]))
    }
  }
  return mean.value
}

VariationalAutoencoder.main()
