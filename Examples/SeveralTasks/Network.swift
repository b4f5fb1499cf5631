import Ember

/// One body, three heads. Losses are weighed against each other by how uncertain each task is, which is learnt as well (Kendall, Gal and
/// Cipolla, arXiv:1705.07115).
final class ThreeHeads: Module, Layer {
  private let body: Sequential
  private let kind: Linear
  private let place: Linear
  private let angle: Sequential
  /// The logarithms of the variances of the three tasks.
  @Parameter var uncertainties: Tensor = Tensor.zeros([3])

  /// - Parameter width: channels of the first convolution.
  init(width: Int = 24) {
    func block(_ inChannels: Int, _ outChannels: Int) -> [any Layer<Tensor, Tensor>] {
      [Conv2d(inChannels, outChannels, kernelSize: 3, padding: 1, bias: false), BatchNorm2d(outChannels), ReLU(), MaxPool2d(2)]
    }
    let features = 4 * width * 3 * 3
    body = Sequential {
      block(1, width)
      block(width, 2 * width)
      block(2 * width, 4 * width)
      Flatten()
      Linear(features, 128)
      ReLU()
    }
    kind = Linear(128, 10)
    place = Linear(128, TurnedClothing.places.count)
    angle = Sequential { Linear(128, 32); ReLU(); Linear(32, 1) }
    super.init()
  }

  /// Logits of kinds and places, and angles [batch].
  func forward(_ images: Tensor) -> (kinds: Tensor, places: Tensor, angles: Tensor) {
    let features = body(images)
    return (kind(features), place(features), angle(features).squeeze(1))
  }

  /// The losses of the three tasks.
  func losses(_ batch: TurnedClothing.Batch) -> [Tensor] {
    let answers = self(batch.images)
    return [answers.kinds.crossEntropy(batch.kinds), answers.places.crossEntropy(batch.places), answers.angles.mseLoss(batch.angles)]
  }

  /// Each loss divided by its task's variance, and what keeps the variances from growing.
  func combined(_ losses: [Tensor]) -> Tensor {
    // A squared error is half of a normal distribution's negative log-likelihood, a cross entropy all of a categorical one's.
    let scaled = stack([losses[0], losses[1], losses[2] * 0.5]) * (-uncertainties).exp()
    return (scaled + uncertainties * 0.5).sum()
  }
}

/// How well the three tasks are done.
struct Scores {
  var kinds = Accuracy(), places = Accuracy()
  /// Squared errors of angles (rad²).
  var angles = RunningMean()

  /// The root of the mean squared error, in degrees.
  var angleError: Double { angles.value.squareRoot() * 180 / .pi }
}

/// Tests on pictures that are turned in the same way each time.
func evaluate(_ model: ThreeHeads, _ data: TensorDataset) throws -> Scores {
  var scores = Scores()
  let generator = Generator(seed: 7), wasTraining = model.isTraining
  _ = model.eval()
  defer { model.train(wasTraining) }
  try noGrad {
    try DataLoader(data, batchSize: 500).forEachBatch { images, kinds in
      let batch = TurnedClothing.turned(images, kinds: kinds, generator: generator)
      let answers = model(batch.images)
      try scores.kinds.add(scores: answers.kinds, targets: batch.kinds)
      try scores.places.add(scores: answers.places, targets: batch.places)
      scores.angles.add(answers.angles.mseLoss(batch.angles).item(), weight: Double(images.shape[0]))
    }
  }
  return scores
}
