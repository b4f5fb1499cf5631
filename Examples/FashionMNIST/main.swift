// Teaches a small convolutional network to tell ten kinds of clothing apart, and shows what it learnt.
//
//   fashion-mnist train [--epochs N] [--data DIR] [--output DIR] [--resume] [--every STEPS] [--limit PICTURES] [--print-losses N]
//   fashion-mnist classify --checkpoint FILE [--data DIR] [--output DIR]

import Ember
import Glibc

struct Options {
  var command = ""
  var epochs = 3
  var data = FashionMNIST.defaultFolder
  var output = "demo-output"
  var checkpoint = ""
  var isResuming = false
  var every = 200
  var limit = Int.max
  var printedLosses = 0

  private static let usage = """
    usage: fashion-mnist train [--epochs N] [--data DIR] [--output DIR] [--resume] [--every STEPS] [--limit PICTURES]
             trains a network on Fashion-MNIST and saves it, every STEPS steps and at the end; --resume goes on with what is in --output
           fashion-mnist classify --checkpoint FILE [--data DIR] [--output DIR]
             shows what a saved network takes ten pictures for
    """

  init(_ arguments: [String]) throws {
    func bad(_ message: String) -> EmberError { EmberError(.value, in: "fashion-mnist", message) }
    var rest = arguments[...]
    if arguments.contains("--help") || arguments.contains("-h") {
      print(Self.usage)
      exit(0)
    }
    guard let command = rest.popFirst(), command == "train" || command == "classify" else { throw bad(Self.usage) }
    self.command = command
    while let name = rest.popFirst() {
      func text() throws -> String {
        guard let value = rest.popFirst() else { throw bad("\(name) needs a value") }
        return value
      }
      func number() throws -> Int {
        let value = try text()
        guard let number = Int(value), number >= 0 else { throw bad("\(name) needs a whole number, not '\(value)'") }
        return number
      }
      switch name {
      case "--epochs":
        epochs = try number()
        if epochs < 1 { throw bad("--epochs must be at least 1") }
      case "--data": data = try text()
      case "--output": output = try text()
      case "--checkpoint": checkpoint = try text()
      case "--every": every = try number()
      case "--limit": limit = try number()
      case "--print-losses": printedLosses = try number()
      case "--resume": isResuming = true
      default: throw bad("unknown option \(name)")
      }
    }
    if command == "classify", checkpoint.isEmpty { throw bad("classify needs --checkpoint FILE") }
  }
}

func makeModel() -> Sequential {
  Sequential {
    Conv2d(1, 32, kernelSize: 3, padding: 1)
    ReLU()
    MaxPool2d(2)
    Conv2d(32, 64, kernelSize: 3, padding: 1)
    ReLU()
    MaxPool2d(2)
    Flatten()
    Linear(64 * 7 * 7, 128)
    ReLU()
    Linear(128, 10)
  }
}

func evaluate(_ model: Sequential, _ loader: DataLoader<(Tensor, Tensor)>) throws -> ConfusionMatrix {
  var confusion = ConfusionMatrix(classes: 10)
  try noGrad { try loader.forEachBatch { images, labels in try confusion.add(scores: model(images), targets: labels) } }
  return confusion
}

func train(_ options: Options) throws {
  try Files.makeFolder(options.output)
  let training = try FashionMNIST(.train, folder: options.data).dataset(limit: options.limit)
  let test = try FashionMNIST(.test, folder: options.data).dataset(limit: options.limit)
  print("Fashion-MNIST: \(training.count) pictures to learn from, \(test.count) to test on")

  manualSeed(0)
  let model = makeModel()
  let optimizer = Adam(model.parameters(), learningRate: 1e-3)
  let loader = DataLoader(training, batchSize: 64, shuffle: true, seed: 0)
  let testLoader = DataLoader(test, batchSize: 500)
  let checkpoint = "\(options.output)/checkpoint.safetensors"
  let schedule = CosineAnnealingLR(optimizer, period: options.epochs)
  let trainer = Trainer(
    model: model, optimizer: optimizer, scheduler: schedule, loader: loader, epochs: options.epochs, checkpoint: checkpoint,
    checkpointEvery: options.every > 0 ? options.every : nil
  ) { images, labels in model(images).crossEntropy(labels) }
  if options.isResuming {
    try trainer.resume(from: checkpoint)
    print("Going on after step \(trainer.losses.count)")
  }

  let batches = loader.batchCount ?? 1
  trainer.onStep = { step, loss in if step <= options.printedLosses { print("step \(step) loss \(loss)") } }
  trainer.onEpoch = { summary in
    let confusion = try evaluate(model, testLoader)
    print(
      "  \(fixed(summary.seconds, 1)) s, training loss \(fixed(summary.loss, 4)), test accuracy "
        + "\(percentage(confusion.correct, confusion.total))"
    )
    return true
  }
  if try trainer.run() == .interrupted {
    print("\nInterrupted after step \(trainer.losses.count); saved to \(checkpoint). Go on with --resume.")
    return
  }

  _ = model.eval()
  let confusion = try evaluate(model, testLoader)
  print("\n" + classTable(confusion.counts, names: FashionMNIST.classNames))
  print("Test accuracy: \(percentage(confusion.correct, confusion.total))")
  let points = trainer.losses.enumerated().map { (x: Double($0 + 1) / Double(batches), y: $1) }
  var smooth: [(x: Double, y: Double)] = [], mean = 0.0
  for (i, point) in points.enumerated() {
    mean = i == 0 ? point.y : 0.98 * mean + 0.02 * point.y
    smooth.append((point.x, mean))
  }
  let chart = LineChart(
    title: "Fashion-MNIST, training loss", xLabel: "epoch", yLabel: "cross entropy",
    series: [.init("batch", points), .init("running mean", smooth)])
  try chart.save("\(options.output)/loss.svg")
  print("Wrote \(checkpoint) and \(options.output)/loss.svg")
}

func classify(_ options: Options) throws {
  let model = makeModel()
  try Checkpoint(path: options.checkpoint).restore(model)
  _ = model.eval()
  let test = try FashionMNIST(.test, folder: options.data)
  let indices = Array(0..<min(10, test.count))
  let (images, labels) = try test.dataset().batch(at: indices)
  let scores = noGrad { model(images) }
  let predictions = try scores.elementsOrThrow(as: Float.self)
  let targets = try labels.elementsOrThrow(as: Int.self)
  let names = FashionMNIST.classNames
  var captions: [String] = []
  var right = 0
  for (i, target) in targets.enumerated() {
    let row = predictions[i * 10..<i * 10 + 10]
    let guess = row.indices.max { row[$0] < row[$1] }! - i * 10
    right += guess == target ? 1 : 0
    captions.append(guess == target ? "✓ \(names[guess])" : "✗ \(names[guess]) (\(names[target]))")
  }
  print(try renderInTerminal(images, columns: 5, captions: captions), terminator: "")
  for (i, caption) in captions.enumerated() { print("\(i): \(caption)") }
  print("\(right) of \(captions.count) right")
  try Files.makeFolder(options.output)
  try Picture.grid(images).save(png: "\(options.output)/classified.png")
  print("Wrote \(options.output)/classified.png")
}

do {
  let options = try Options(Array(CommandLine.arguments.dropFirst()))
  if options.command == "train" { try train(options) } else { try classify(options) }
} catch {
  // The program's own complaints bear its name already.
  let own = (error as? EmberError).flatMap { $0.operation == "fashion-mnist" ? $0.message : nil }
  let message = Array("fashion-mnist: \(own ?? "\(error)")\n".utf8)
  _ = write(2, message, message.count)
  exit(1)
}
