import EmberNN
import EmberRuntime
import EmberTensor
import Testing

private struct Heads {
  var classLogits = Linear(4, 2)
  @Parameter var temperature = Tensor.ones([1])
}

private class Base: Module {
  let inputNorm = LayerNorm(4)
}

private final class Net: Base, Layer {
  @Parameter var inProjWeight = Tensor.zeros([3, 4])
  @Parameter("weight_ih_l0") var recurrent = Tensor.ones([2])
  @Buffer var runningScale = Tensor.ones([1])
  @Buffer(persistent: false) var cache = Tensor.ones([1])
  let fc1 = Linear(4, 4)
  var blocks = [Linear(4, 4, bias: false), Linear(4, 4, bias: false)]
  var table: [String: Linear] = ["b": Linear(1, 1), "a": Linear(1, 1)]
  var pair = (left: Linear(1, 1), right: Linear(1, 1, bias: false))
  var absent: Linear?
  var present: Linear? = Linear(2, 1)
  private var heads = Heads()
  var body = Sequential { Linear(4, 4); ReLU(); Linear(4, 4) }
  var ids = [1, 2, 3]
  func forward(_ x: Tensor) -> Tensor { body(fc1(inputNorm(x))) }
}

private final class Tied: Module, Layer {
  let encoder: Linear
  let decoder: Linear
  override init() {
    encoder = Linear(3, 3)
    decoder = encoder
  }
  func forward(_ x: Tensor) -> Tensor { decoder(encoder(x)) }
}

@Suite struct AnomalyPlaces {
  private final class Root: Module, Layer {
    func forward(_ x: Tensor) -> Tensor { (x * 0).sqrt() * 0 }
  }

  @Test func layersAreNamedWithTheirCall() {
    let model = Sequential { Linear(2, 2); Root() }
    let error = #expect(throws: EmberError.self) {
      try catchingErrors { detectAnomaly { model(Tensor.ones([1, 2])).sum().backward() } }
    }
    let text = error?.description ?? ""
    for word in ["derivative of sqrt", "called in Root, in Sequential at EmberNNTests/ModuleTests.swift:"] { #expect(text.contains(word), "\(text)") }
  }
}

@Suite struct ModuleReflection {
  @Test func names() {
    let names = Net().namedParameters().map(\.name)
    #expect(names == [
      "in_proj_weight", "weight_ih_l0", "heads.temperature", "input_norm.weight", "input_norm.bias", "fc1.weight", "fc1.bias",
      "blocks.0.weight", "blocks.1.weight", "table.a.weight", "table.a.bias", "table.b.weight", "table.b.bias", "pair.left.weight",
      "pair.left.bias", "pair.right.weight", "present.weight", "present.bias", "heads.class_logits.weight", "heads.class_logits.bias",
      "body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias",
    ])
    #expect(Net().namedBuffers().map(\.name) == ["running_scale", "cache"])
    #expect(Net().stateDict().map(\.name).contains("running_scale"))
    #expect(!Net().stateDict().map(\.name).contains("cache"))
    #expect(Net().namedModules().map(\.name).prefix(3) == ["", "input_norm", "fc1"])
  }

  @Test func sharedModulesOnce() {
    let tied = Tied()
    #expect(tied.namedParameters().map(\.name) == ["encoder.weight", "encoder.bias"])
    #expect(tied.namedModules().count == 2)
    #expect(tied.stateDict().map(\.name) == ["encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias"])
  }

  @Test func trainingMode() {
    let net = Net()
    #expect(net.isTraining && net.body[1].isTraining)
    net.eval()
    #expect(net.modules().allSatisfy { !$0.isTraining })
    net.train()
    #expect(net.modules().allSatisfy { $0.isTraining })
  }

  @Test func overlooked() {
    final class Careless: Module { var weight = Tensor.ones([2], requiresGrad: true) }
    #expect(Careless().overlookedTensors() == ["weight"])
  }

  @Test func lists() {
    let list = ModuleList([Linear(2, 3), Linear(3, 4)])
    var x = Tensor.ones([5, 2])
    for layer in list { x = layer(x) }
    #expect(x.shape == [5, 4])
    #expect(list.stateDict().map(\.name) == ["0.weight", "0.bias", "1.weight", "1.bias"])
    let dictionary = ModuleDict(["z": Linear(1, 1, bias: false), "a": Linear(1, 1, bias: false)])
    #expect(dictionary.stateDict().map(\.name) == ["z.weight", "a.weight"])
    let sequential = Sequential(Flatten(), Linear(6, 2))
    #expect(sequential(Tensor.ones([4, 2, 3])).shape == [4, 2])
    #expect(sequential.description.contains("(1): Linear(in_features=6, out_features=2, bias=True)"))
    #expect(sequential.summary().contains("parameters: 14"))
  }
}

@Suite struct ModuleState {
  @Test func roundTrip() throws {
    let a = Net(), b = Net()
    let report = try b.loadStateDict(a.stateDict())
    #expect(report.missing.isEmpty && report.unexpected.isEmpty)
    for (x, y) in zip(a.stateDict(), b.stateDict()) {
      #expect(x.name == y.name && x.tensor.elements(as: Float.self) == y.tensor.elements(as: Float.self))
    }
    #expect(b.fc1.weight.requiresGrad)
  }

  @Test func report() throws {
    let layer = Linear(2, 3)
    let before = layer.weight.elements(as: Float.self)
    let wrong: [(name: String, tensor: Tensor)] = [("weight", Tensor.zeros([3, 2])), ("bias", Tensor.zeros([4])), ("extra", Tensor.zeros([1]))]
    let error = #expect(throws: EmberError.self) { _ = try layer.loadStateDict(wrong) }
    #expect(error?.message.contains("extra") == true)
    #expect(error?.message.contains("bias: the state dict has shape [4], the module [3]") == true)
    #expect(layer.weight.elements(as: Float.self) == before)
    let report = try layer.loadStateDict([("weight", Tensor.zeros([3, 2])), ("extra", Tensor.zeros([1]))], strict: false)
    #expect(report == LoadReport(missing: ["bias"], unexpected: ["extra"]))
    #expect(layer.weight.elements(as: Float.self).allSatisfy { $0 == 0 })
  }

  @Test func gradientsMoveWithTheirParameters() {
    let layer = Linear(2, 1)
    layer(Tensor.ones([3, 2])).sum().backward()
    layer.to(.float64)
    #expect(layer.$weight.grad?.dtype == .float64 && layer.$weight.grad?.elements(as: Double.self) == [3, 3] && layer.weight.requiresGrad)
    layer.to(Device.meta)
    #expect(layer.biasCell?.grad?.device == .meta)
  }

  @Test func conversion() {
    let layer = BatchNorm1d(3).to(.float64)
    #expect(layer.weight?.dtype == .float64 && layer.runningMean?.dtype == .float64 && layer.numBatchesTracked?.dtype == .int64)
    #expect(layer.weight?.requiresGrad == true)
  }

  @Test func zeroGradAndClipping() {
    let layer = Linear(2, 1)
    layer(Tensor.ones([1, 2])).sum().backward()
    #expect(layer.$weight.grad?.elements(as: Float.self) == [1, 1])
    let norm = clipGradNorm(layer.parameters(), maxNorm: 1).item()
    #expect(abs(norm - 3.0.squareRoot()) < 1e-6)
    #expect(abs(Double(layer.$weight.grad?.elements(as: Float.self)[0] ?? 0) - 1 / 3.0.squareRoot()) < 1e-6)
    clipGradValue(layer.parameters(), 0.25)
    #expect(layer.biasCell?.grad?.elements(as: Float.self) == [0.25])
    layer.zeroGrad()
    #expect(layer.$weight.grad == nil)
    let vector = parametersToVector(layer.parameters())
    #expect(vector.shape == [3])
    vectorToParameters(Tensor([Float(1), 2, 3]), layer.parameters())
    #expect(layer.bias?.elements(as: Float.self) == [3])
  }

  @Test func hooks() {
    let layer = Identity()
    let before = layer.registerForwardPreHook { $0 * 2 }
    let after = layer.registerForwardHook { _, output in output + 1 }
    #expect(layer(Tensor([1.0])).item() == 3)
    before.remove()
    #expect(layer(Tensor([1.0])).item() == 2)
    after.remove()
    #expect(layer(Tensor([1.0])).item() == 1)
  }
}

@Suite struct LayerBehaviour {
  @Test func shapes() {
    let net = Sequential {
      Conv2d(1, 4, kernelSize: 3, padding: 1)
      BatchNorm2d(4)
      ReLU()
      MaxPool2d(2)
      Conv2d(4, 8, kernelSize: 3, padding: "same")
      GELU()
      AdaptiveAvgPool2d(1)
      Flatten()
      Dropout(0.1)
      Linear(8, 10)
    }
    let y = net(Tensor.rand([2, 1, 8, 8]))
    #expect(y.shape == [2, 10])
    y.crossEntropy(Tensor([Int64(1), 2])).backward()
    #expect(net.parameters().allSatisfy { $0.grad != nil })
    #expect(net[0].stateDict().map { Array($0.tensor.shape) } == [[4, 1, 3, 3], [4]])
  }

  @Test func batchNormStatistics() {
    let layer = BatchNorm1d(2)
    #expect(layer.stateDict().map(\.name) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"])
    let x = Tensor([Float(1), 10, 3, 14], shape: [2, 2])
    let y = layer(x).elements(as: Float.self)
    #expect(zip(y, [-1, -1, 1, 1]).allSatisfy { abs($0 - $1) < 1e-4 })
    // 0.9·0 + 0.1·(2, 12); 0.9·1 + 0.1·(2, 8) with unbiased variances.
    #expect(zip(layer.runningMean?.elements(as: Float.self) ?? [], [0.2, 1.2]).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(zip(layer.runningVar?.elements(as: Float.self) ?? [], [1.1, 1.7]).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(layer.numBatchesTracked?.item(as: Int.self) == 1)
    layer.eval()
    let z = layer(x).elements(as: Float.self)
    let expected = [(1 - 0.2) / 1.1.squareRoot(), (10 - 1.2) / 1.7.squareRoot(), (3 - 0.2) / 1.1.squareRoot(), (14 - 1.2) / 1.7.squareRoot()]
    #expect(zip(z, expected).allSatisfy { abs(Double($0) - $1) < 1e-3 })
    #expect(layer.numBatchesTracked?.item(as: Int.self) == 1)
  }

  @Test func failedForwardLeavesBuffers() {
    let layer = BatchNorm1d(2)
    #expect(throws: EmberError.self) {
      try catchingErrors {
        let y = layer(Tensor([Float(1), 10, 3, 14], shape: [2, 2]))
        _ = y.matmul(Tensor.zeros([3, 3]))
      }
    }
    #expect(layer.runningMean?.elements(as: Float.self) == [0, 0])
  }

  @Test func evaluationDropsNothing() {
    let layer = Dropout(0.5).eval()
    #expect(layer(Tensor.ones([100])).sum().item() == 100)
  }

  @Test func initialValues() {
    // Ranges: uniform in ±1 / √fan in.
    let layer = Linear(100, 50)
    #expect(layer.weight.abs().amax().item() <= 0.1 && layer.weight.abs().amax().item() > 0.09)
    #expect(layer.bias.map { $0.abs().amax().item() <= 0.1 } == true)
    let convolution = Conv2d(4, 8, kernelSize: 5)
    #expect(convolution.weight.abs().amax().item() <= 0.1)
    #expect(Embedding(5, 3, paddingIndex: 1).weight[1].elements(as: Float.self) == [0, 0, 0])
    Init.xavierUniform(layer.$weight)
    #expect(layer.weight.abs().amax().item() <= Double(Float(0.2)) && layer.weight.requiresGrad)
    Init.constant(layer.$weight, 3)
    #expect(layer.weight.amin().item() == 3)
    #expect(Init.fans(of: [8, 4, 5, 5])?.fanIn == 100)
  }

  @Test func applyVisitsWhatAModuleHoldsBeforeItself() {
    let inner = Sequential(Linear(2, 3), ReLU())
    let model = Sequential(inner, Linear(3, 1))
    var visited: [ObjectIdentifier] = []
    model.apply { visited.append(ObjectIdentifier($0)) }
    let expected: [Module] = inner.modules().dropFirst() + [inner, model[1] as! Linear, model]
    #expect(visited == expected.map(ObjectIdentifier.init))
  }

  /// Files from before batches were counted are whole.
  @Test func aStateWithoutCountedBatchesIsWhole() throws {
    for model in [Sequential(Linear(2, 3), BatchNorm1d(3)), Sequential(InstanceNorm1d(3, trackRunningStats: true))] {
      let state = model.stateDict().filter { !$0.name.hasSuffix("num_batches_tracked") }
      #expect(state.count == model.stateDict().count - 1)
      #expect(try model.loadStateDict(state) == LoadReport(missing: [], unexpected: []))
      let error = #expect(throws: EmberError.self) { try model.loadStateDict(state.filter { !$0.name.hasSuffix("running_var") }) }
      #expect(error?.message.contains("running_var") == true)
    }
  }

  @Test func tablesThatAreThereDrawNothing() throws {
    let table = Tensor.arange(12).to(.float32).reshape([4, 3])
    manualSeed(7)
    let next = Tensor.rand([2]).elements(as: Float.self)
    manualSeed(7)
    let layer = Embedding.fromPretrained(table, paddingIndex: -1)
    let bags = EmbeddingBag.fromPretrained(table, freeze: false, mode: .sum)
    #expect(Tensor.rand([2]).elements(as: Float.self) == next)
    #expect(layer.paddingIndex == 3 && !layer.$weight.requiresGrad && bags.$weight.requiresGrad)
    let rows = Tensor([3, 0] as [Int64])
    #expect(layer(rows).elements(as: Float.self) == [9, 10, 11, 0, 1, 2])
    #expect(bags(rows.unsqueeze(0)).elements(as: Float.self) == [9, 11, 13])
    for wrong in [Tensor.ones([4]), Tensor.ones([2, 2, 2]), table.to(.int64)] {
      let error = #expect(throws: EmberError.self) { try catchingErrors { _ = Embedding.fromPretrained(wrong) } }
      #expect(error?.message.contains("[entries, features]") == true)
    }
  }

  /// What one gradient's dtype cannot hold must not scale all of them by zero.
  @Test func normsOfMixedGradientsAreTakenInTheWidestDType() {
    let half = StateCell(Tensor([1, 1]).to(.float16), isParameter: true), single = StateCell(Tensor([1.0, 1]), isParameter: true)
    half.grad = Tensor([1, 1]).to(.float16)
    single.grad = Tensor([1e5, 1e5])
    let total = clipGradNorm([half, single], maxNorm: 1)
    #expect(abs(total.item() - 141421.36) < 1 && total.dtype == .float32)
    #expect(abs(single.grad!.elements(as: Double.self)[0] - 0.70710677) < 1e-6)
    #expect(half.grad!.elements(as: Double.self)[0] > 0)
  }
}
