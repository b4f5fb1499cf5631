import Ember

/// The networks to choose from, for grey pictures of 28 × 28. Both come with EmberVision.
enum Architecture: String, CaseIterable {
  case resnet, mobilenet

  /// - Parameter width: channels of the first stage.
  func model(width: Int) -> any Layer<Tensor, Tensor> {
    switch self {
    case .resnet: ResNet(.basic, depths: [2, 2, 2, 2], classes: 10, channels: 1, width: width, stem: .small)
    case .mobilenet: MobileNetV2(classes: 10, channels: 1, widthMultiplier: Double(width) / 32, stem: .small)
    }
  }
}

/// Clothing to learn from and to be tested on, as numbers of mean 0 and deviation 1.
struct Clothing {
  let training, test: TensorDataset

  init(folder: String = FashionMNIST.defaultFolder, limit: Int = .max) throws {
    func load(_ split: FashionMNIST.Split) throws -> TensorDataset {
      let raw = try FashionMNIST(split, folder: folder).dataset(limit: limit)
      return try catchingErrors { TensorDataset((raw.inputs - 0.286) / 0.353, raw.targets) }
    }
    training = try load(.train)
    test = try load(.test)
  }
}

/// Half of the pictures of a batch mirrored, drawn anew each time: a shoe that points to the left is still a shoe.
func mirroringHalf(_ images: Tensor) -> Tensor {
  let isMirrored = Tensor.rand([images.shape[0], 1, 1, 1]) .< 0.5
  return `where`(isMirrored, images.flip(-1), images)
}

/// Stochastic gradient descent with momentum, its rate rising and falling once (Smith and Topin, arXiv:1708.07120).
func makeTrainer(
  _ model: any Layer<Tensor, Tensor>, _ data: TensorDataset, epochs: Int, batchSize: Int = 128, rate: Double = 0.1
) -> Trainer<(Tensor, Tensor)> {
  let loader = DataLoader(data, batchSize: batchSize, shuffle: true, dropLast: true, seed: 0)
  let optimizer = SGD(model.parameters(), learningRate: rate, momentum: 0.9, weightDecay: 5e-4, nesterov: true)
  let schedule = OneCycleLR(optimizer, maximum: rate, totalSteps: max(1, epochs * (loader.batchCount ?? 1)))
  return Trainer(model: model, optimizer: optimizer, scheduler: schedule, every: .step, loader: loader, epochs: epochs) { images, labels in
    model(mirroringHalf(images)).crossEntropy(labels)
  }
}

/// The share of pictures that are recognised.
func accuracy(_ model: any Layer<Tensor, Tensor>, _ data: TensorDataset) throws -> Double {
  let wasTraining = model.isTraining
  defer { model.train(wasTraining) }
  _ = model.eval()
  var accuracy = Accuracy()
  try noGrad {
    try DataLoader(data, batchSize: 500).forEachBatch { images, labels in try accuracy.add(scores: model(images), targets: labels) }
  }
  return accuracy.value
}
