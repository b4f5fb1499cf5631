import EmberFormats
import EmberNN
import EmberRuntime
import EmberTensor
import EmberVision
import Foundation
import Testing

/// State dicts that PyTorch saved load by name, and the models compute what PyTorch's do: the files of Tests/Fixtures/state_dicts.py.
@Suite struct StateDictTests {
  private func file(_ name: String) throws -> SafetensorsFile {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try Safetensors.load(tests.appendingPathComponent("Fixtures/state-dicts/\(name).safetensors").path)
  }

  private func expect(_ actual: Tensor?, _ expected: Tensor?, within tolerance: Double, _ what: String) {
    guard let actual = actual?.detach().to(.float64), let expected = expected?.to(.float64), actual.shape == expected.shape else {
      Issue.record("\(what): \(String(describing: actual?.shape)), not \(String(describing: expected?.shape))")
      return
    }
    let scale = Swift.max(expected.abs().amax().item(), 1e-3)
    let distance = (actual - expected).abs().amax().item()
    #expect(distance <= tolerance * scale, "\(what): \(distance) away, of \(scale)")
  }

  private func compare(_ name: String, _ model: Module, _ dtype: DType, within tolerance: Double, _ run: (Tensor) -> Tensor) throws {
    let report = try model.loadStateDict(try file(name).tensors)
    #expect(report.missing.isEmpty && report.unexpected.isEmpty)
    model.to(dtype)
    let expected = try file("\(name).expected")
    let input = try #require(expected["input"]).to(dtype).requiringGrad()
    let output = run(input)
    expect(output, expected["output"], within: tolerance, "output")
    (output * (try #require(expected["cotangent"])).to(dtype)).sum().backward()
    expect(input.grad, expected["input.grad"], within: tolerance, "gradient of the input")
    for (parameter, cell) in model.namedParameters() {
      expect(cell.grad, expected[parameter], within: tolerance, "gradient of \(parameter)")
    }
    #expect(expected.names.count == model.namedParameters().count + 4)
  }

  static let dtypes: [(DType, Double)] = [(.float64, 1e-6), (.float32, 2e-4)]

  @Test(arguments: dtypes) func lstm(_ dtype: DType, _ tolerance: Double) throws {
    let model = LSTM(6, 8, numLayers: 2)
    try compare("lstm", model, dtype, within: tolerance) { model($0).output }
  }

  @Test(arguments: dtypes) func transformerEncoder(_ dtype: DType, _ tolerance: Double) throws {
    let layer = TransformerEncoderLayer(16, 4, feedforward: 32, dropout: 0, batchFirst: true)
    let model = TransformerEncoder(layer, 2, norm: LayerNorm(16))
    try compare("transformer_encoder", model, dtype, within: tolerance) { model($0) }
  }

  @Test(arguments: dtypes) func resNet18(_ dtype: DType, _ tolerance: Double) throws {
    let model = ResNet(.basic, depths: [2, 2, 2, 2], classes: 10, width: 4)
    try compare("resnet18", model, dtype, within: tolerance) { model($0) }
  }

  /// A state dict of another model changes nothing and says what does not fit.
  @Test func anotherModelsStateIsRefused() throws {
    let model = LSTM(6, 9, numLayers: 2)
    let before = model.parameters().map { $0.value.elements(as: Float.self) }
    let error = #expect(throws: EmberError.self) { try model.loadStateDict(try file("lstm").tensors) }
    #expect(error?.message.contains("weight_hh_l1: the state dict has shape [32, 8], the module [36, 9]") == true, "\(error?.message ?? "")")
    #expect(model.parameters().map { $0.value.elements(as: Float.self) } == before)
  }
}
