import EmberFormats
import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import Glibc
import TestSupport
import Testing

/// Everything above `Backend` knows no device: the samples run on one whose memory only its backend can reach.
@Suite struct DeviceTests {
  init() { ShiftedBackend.register() }

  @Test(arguments: Samples.all)
  func valuesAndGradientsAreTheCPUs(_ sample: Sample) {
    func results(_ device: Device) -> [[Double]] {
      let leaves = sample.inputs().map { $0.to(device).requiringGrad() }
      let output = sample.run(leaves)
      #expect(output.device == device)
      let gradients = grad(of: [(output * 1.5).sum()], with: leaves)
      #expect(gradients.allSatisfy { $0.device == device })
      return ([output] + gradients).map { $0.elements(as: Double.self) }
    }
    let expected = results(.cpu), actual = results(.shifted)
    for (a, b) in zip(actual, expected) { #expect(a.elementsEqual(b) { $0 == $1 || ($0.isNaN && $1.isNaN) }, "\(sample)") }
  }

  @Test func itPrintsAndIndexes() {
    var x = Tensor([1.0, 2, 3]).to(.shifted)
    #expect(x.storageAddress >= UInt(ShiftedBackend.shift))
    x[1] = Tensor(5.0)
    x[[2]] = Tensor([4.0]).to(.shifted)
    #expect("\(x)" == "tensor([1., 5., 4.], device='device6')")
    #expect(x[x .> 2].elements(as: Float.self) == [5, 4])
    #expect(x[Tensor([2, 0])].elements(as: Float.self) == [4, 1])
    #expect(x.to(.cpu).device == .cpu && x.to(.float64).elements(as: Double.self) == [1, 5, 4])
    #expect(Tensor.arange(3, on: .shifted).elements(as: Int.self) == [0, 1, 2])
  }

  @Test func devicesDoNotMix() {
    let x = Tensor([1.0, 2, 3]).to(.shifted), y = Tensor([1.0, 2, 3])
    #expect(throws: EmberError.self) { try catchingErrors { _ = x + y } }
    #expect(throws: EmberError.self) { try catchingErrors { _ = x.matmul(y) } }
    #expect(throws: EmberError.self) {
      try catchingErrors {
        var z = x
        z[0..<2] = y[0..<2]
      }
    }
    #expect(throws: EmberError.self) { try catchingErrors { _ = Tensor.rand([2], on: .shifted, generator: Generator(seed: 1)) } }
  }

  @Test func randomNumbersAreDrawnThere() {
    func draws(_ device: Device) -> [[Double]] {
      let g = Generator(seed: 9, device: device)
      return [
        Tensor.randn([20], on: device, generator: g), Tensor.randperm(7, on: device, generator: g),
        Tensor.randint(0, 9, [5], on: device, generator: g),
        Tensor.full([9], 0.5, on: device).bernoulli(generator: g), Tensor.ones([9], on: device).dropout(0.5, generator: g),
      ].map { $0.elements(as: Double.self) }
    }
    #expect(draws(.shifted) == draws(.cpu))
    #expect(Generator.default(on: .shifted) === Generator.default(on: .shifted))
  }

  /// A network with the operations that have kernels of their own.
  static func network(_ device: Device) -> Sequential {
    let model = Sequential {
      // A bias before batch normalisation has a gradient of rounding errors only, which Adam would make steps of.
      Conv2d(1, 4, kernelSize: 3, padding: 1, bias: false)
      BatchNorm2d(4)
      ReLU()
      MaxPool2d(2)
      GroupNorm(2, 4)
      AvgPool2d(2)
      Flatten()
      LayerNorm(16)
      Linear(16, 5)
    }
    // Every numbered parameter a value of its own, the same on all devices.
    var state = model.stateDict()
    for i in state.indices where state[i].tensor.dtype.isFloatingPoint {
      state[i].tensor = numbers(Array(state[i].tensor.shape), 0.1, 1, seed: UInt64(i + 1)).to(.float32)
    }
    try! model.loadStateDict(state)
    return model.to(device)
  }

  @Test(arguments: ["adam", "sgd"])
  func aModelTrainsAndIsSaved(_ rule: String) throws {
    func trained(_ device: Device) throws -> (losses: [Double], state: [(name: String, tensor: Tensor)]) {
      let model = Self.network(device)
      let optimizer: any Optimizer =
        rule == "adam" ? Adam(model.parameters(), learningRate: 0.01) : SGD(model.parameters(), learningRate: 0.01, momentum: 0.9)
      let images = numbers([6, 1, 8, 8]).to(.float32).to(device), labels = Tensor([0, 1, 2, 3, 4, 0]).to(device)
      let losses = (0..<4).map { _ in
        optimizer.zeroGrad()
        let loss = model(images).crossEntropy(labels)
        loss.backward()
        optimizer.step()
        return loss.item()
      }
      _ = model.eval()
      return (
        losses + [noGrad { model(images).sum().item() }], model.stateDict() + optimizer.stateDict().map { (name: $0.0, tensor: $0.1) }
      )
    }
    let expected = try trained(.cpu), actual = try trained(.shifted)
    for (a, b) in zip(actual.losses, expected.losses) {
      #expect(abs(a - b) <= 2e-5 * max(1, abs(b)), "\(actual.losses) \(expected.losses)")
    }
    #expect(actual.losses[3] < actual.losses[0])

    // Saved from there, read here.
    let path = TemporaryFolder().file("state.safetensors")
    try Safetensors.save(actual.state.map { ($0.name, $0.tensor) }, to: path)
    let file = try Safetensors.load(path, mapped: false)
    for (name, tensor) in actual.state { #expect(file[name]?.elements(as: Double.self) == tensor.elements(as: Double.self), "\(name)") }
    let copy = Self.network(.shifted)
    try copy.loadStateDict(file.tensors.filter { !$0.name.hasPrefix("state.") && !$0.name.hasPrefix("group.") })
    #expect(copy.parameters().allSatisfy { $0.value.device == .shifted })
  }
}
