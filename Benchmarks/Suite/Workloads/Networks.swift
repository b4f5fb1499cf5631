import Ember

/// Small and convolutional networks.
let networks: [Workload] = [
  Workload(name: "mlp-training", title: "MLP 784-256-10, batch 64, SGD training step", target: 0.40) {
    manualSeed(0)
    let model = Sequential { Linear(784, 256); ReLU(); Linear(256, 10) }
    let optimizer = SGD(model.parameters(), learningRate: 0.01)
    let x = Tensor.rand([64, 784]), y = Tensor.randint(0, 10, [64])
    return try training { step(model, optimizer, x, y) }
  },
  Workload(name: "cnn-training", title: "LeNet-like CNN, 28×28, batch 64, Adam training step", target: 0.70, tolerance: 1e-3) {
    manualSeed(0)
    let model = Sequential {
      Conv2d(1, 6, kernelSize: 5, padding: 2); ReLU(); MaxPool2d(2)
      Conv2d(6, 16, kernelSize: 5); ReLU(); MaxPool2d(2)
      Flatten(); Linear(400, 120); ReLU(); Linear(120, 84); ReLU(); Linear(84, 10)
    }
    let optimizer = Adam(model.parameters(), learningRate: 1e-3)
    let x = Tensor.rand([64, 1, 28, 28]), y = Tensor.randint(0, 10, [64])
    return try training { step(model, optimizer, x, y) }
  },
  Workload(
    name: "resnet18-training", title: "ResNet-18 (CIFAR form), batch 32, SGD training step", target: 0.85, memoryTarget: 0.8, tolerance: 5e-3
  ) {
    manualSeed(0)
    let model = ResNet.resNet18(classes: 10, stem: .small)
    let optimizer = SGD(model.parameters(), learningRate: 0.01, momentum: 0.9)
    let x = Tensor.randn([32, 3, 32, 32]), y = Tensor.randint(0, 10, [32])
    return try training { step(model, optimizer, x, y) }
  },
  Workload(name: "resnet50-inference", title: "ResNet-50, 224², batch 8, inference", target: 0.85, tolerance: 1e-3) {
    manualSeed(0)
    return inference(ResNet.resNet50(), Tensor.randn([8, 3, 224, 224]))
  },
  Workload(name: "mobilenetv2-inference", title: "MobileNetV2, 224², batch 8, inference", target: 0.70, tolerance: 1e-3) {
    manualSeed(0)
    return inference(MobileNetV2(), Tensor.randn([8, 3, 224, 224]))
  },
  Workload(name: "start", title: "process start to first trained step", target: 0.05, peer: .process) {
    manualSeed(0)
    let model = Sequential { Linear(784, 256); ReLU(); Linear(256, 10) }
    let optimizer = SGD(model.parameters(), learningRate: 0.01)
    let loss = step(model, optimizer, Tensor.rand([64, 784]), Tensor.randint(0, 10, [64]))
    return Prepared([try loss.itemOrThrow()]) {}
  },
]

/// A training step of a classifier; the loss before it.
func step(_ model: some Layer<Tensor, Tensor>, _ optimizer: some Optimizer, _ x: Tensor, _ y: Tensor) -> Tensor {
  optimizer.zeroGrad()
  let loss = model(x).crossEntropy(y)
  loss.backward()
  optimizer.step()
  return loss
}

func inference(_ model: some Layer<Tensor, Tensor>, _ x: Tensor) -> Prepared {
  _ = model.eval()
  return noGrad { Prepared(digest(model(x))) { _ = noGrad { model(x) } } }
}
