import EmberFormats
import EmberNN
import EmberRuntime
import EmberTensor
import EmberVision
import Foundation
import TestSupport
import Testing

/// State dicts that PyTorch wrote (`Tests/Fixtures/state-dicts/make.py`) load by name, and the networks compute what PyTorch did.
@Suite struct StateDictTests {
  private struct Fixture {
    let file: SafetensorsFile

    init(_ name: String) throws { file = try Safetensors.load(Checkout.fixture("state-dicts/\(name).safetensors")) }

    subscript(name: String) -> Tensor { file[name]! }

    /// What is named `prefix.…`, without the prefix.
    func group(_ prefix: String) -> [(name: String, tensor: Tensor)] {
      file.tensors.filter { $0.name.hasPrefix(prefix + ".") }.map { (String($0.name.dropFirst(prefix.count + 1)), $0.tensor) }
    }
  }

  private func expectClose(_ actual: Tensor, _ expected: Tensor, _ what: String, _ tolerance: Double = 1e-5) {
    #expect(actual.shape == expected.shape, "\(what)")
    guard actual.shape == expected.shape else { return }
    let scale = max(1, expected.to(.float64).abs().amax().item(as: Double.self))
    #expect((actual - expected).abs().amax().item(as: Double.self) <= tolerance * scale, "\(what)")
  }

  /// Loads the state, runs the network and its backward pass, and compares output and all gradients.
  private func check(_ fixture: Fixture, _ network: Module, _ run: (Tensor) -> Tensor) throws {
    let report = try network.loadStateDict(fixture.group("state"))
    #expect(report.missing.isEmpty && report.unexpected.isEmpty)
    #expect(Set(network.stateDict().map(\.name)) == Set(fixture.group("state").map(\.name)))
    let x = fixture["input"].requiringGrad()
    let output = run(x)
    expectClose(output, fixture["output"], "output")
    (output * fixture["weight"]).sum().backward()
    expectClose(try #require(x.grad), fixture["gradient.input"], "gradient of the input", 1e-4)
    let gradients = Dictionary(uniqueKeysWithValues: network.namedParameters().map { ($0.name, $0.parameter.grad) })
    let expected = fixture.group("gradient").filter { $0.name != "input" }
    #expect(gradients.count == expected.count)
    for (name, gradient) in expected {
      expectClose(try #require(gradients[name] ?? nil, "\(name)"), gradient, "gradient of \(name)", 1e-4)
    }
  }

  @Test func lstm() throws {
    let fixture = try Fixture("lstm")
    let lstm = LSTM(5, 7, numLayers: 2)
    try check(fixture, lstm) { lstm($0).output }
    let (_, (h, c)) = lstm(Tensor.ones([3, 2, 5]))
    expectClose(h, fixture["h"], "h")
    expectClose(c, fixture["c"], "c")
  }

  @Test func transformerEncoder() throws {
    let fixture = try Fixture("transformer-encoder")
    let layer = TransformerEncoderLayer(12, 3, feedforward: 20, dropout: 0, activation: .gelu, batchFirst: true)
    let encoder = TransformerEncoder(layer, 2, norm: LayerNorm(12))
    try check(fixture, encoder) { encoder($0, mask: nil, keyPaddingMask: fixture["padding"]) }
  }

  @Test func resNet18() throws {
    let fixture = try Fixture("resnet18")
    let network = ResNet(.basic, depths: [2, 2, 2, 2], classes: 10, width: 4).eval()
    try check(fixture, network) { network($0) }
    network.train()
    expectClose(noGrad { network(fixture["input"]) }, fixture["training.output"], "output in training", 1e-4)
    for (name, buffer) in network.namedBuffers() { expectClose(buffer.value, fixture["after.\(name)"], name, 1e-4) }
  }

  @Test func efficientNetLite() throws {
    typealias Stage = EfficientNetLite.Configuration.Stage
    let fixture = try Fixture("efficientnet-lite")
    var configuration = EfficientNetLite.Configuration()
    configuration.stages = [
      Stage(count: 1, kernelSize: 3, stride: 1, expansion: 1, channels: 8),
      Stage(count: 2, kernelSize: 5, stride: 2, expansion: 6, channels: 8),
      Stage(count: 2, kernelSize: 3, stride: 2, expansion: 6, channels: 16),
    ]
    configuration.headChannels = 24
    (configuration.dropout, configuration.stochasticDepth) = (0, 0)
    let network = EfficientNetLite(configuration, classes: 10).eval()
    try check(fixture, network) { network($0) }
    network.train()
    expectClose(noGrad { network(fixture["input"]) }, fixture["training.output"], "output in training", 1e-4)
    for (name, buffer) in network.namedBuffers() { expectClose(buffer.value, fixture["after.\(name)"], name, 1e-4) }
  }

  @Test(arguments: [("token", VisionTransformer.Configuration.Pooling.token), ("avg", .average)])
  func visionTransformer(_ name: String, _ pooling: VisionTransformer.Configuration.Pooling) throws {
    let fixture = try Fixture("vit-\(name)")
    var configuration = VisionTransformer.Configuration()
    (configuration.imageSize, configuration.patchSize) = (24, 8)
    (configuration.width, configuration.innerWidth, configuration.depth, configuration.heads) = (24, 48, 2, 3)
    configuration.pooling = pooling
    let network = VisionTransformer(configuration, classes: 10).eval()
    try check(fixture, network) { network($0) }
    let error = #expect(throws: EmberError.self) { try catchingErrors { network(Tensor.zeros([1, 3, 24, 32])) } }
    #expect(error?.message.contains("[batch, channels, 24, 24]") == true)
  }

  @Test func namesAndShapesAreTheOriginals() throws {
    func expectSame(_ network: Module, _ list: String) throws {
      let text = try String(contentsOfFile: Checkout.fixture("state-dicts/\(list).txt"), encoding: .utf8)
      let expected = text.split(separator: "\n").map(String.init)
      let found = network.stateDict().map { entry in ([entry.name] + entry.tensor.shape.map { "\($0)" }).joined(separator: " ") }
      #expect(found == expected, "\(list)")
    }
    try expectSame(EfficientNetLite(on: .meta), "efficientnet-lite0")
    try expectSame(EfficientNetLite(.lite2, on: .meta), "efficientnet-lite2")
    try expectSame(VisionTransformer(.tiny, on: .meta), "vit-tiny")
  }

  @Test func namesOfTimmBecomeTheOriginals() throws {
    let text = try String(contentsOfFile: Checkout.fixture("state-dicts/efficientnet-lite2-timm.txt"), encoding: .utf8)
    let state = text.split(separator: "\n").map { line in
      let parts = line.split(separator: " ")
      return (name: String(parts[0]), tensor: Tensor.zeros(parts.dropFirst().map { Int($0)! }, dtype: .float32, on: .meta))
    }
    let renamed = EfficientNetLite.renamed(timm: state)
    let expected = EfficientNetLite(.lite2, on: .meta).stateDict()
    #expect(renamed.map(\.name) == expected.map(\.name))
    #expect(renamed.map(\.tensor.shape) == expected.map(\.tensor.shape))
  }
}
