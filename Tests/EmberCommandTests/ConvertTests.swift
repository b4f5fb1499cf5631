import EmberFormats
import EmberONNX
import EmberRuntime
import EmberTensor
import Foundation
import TestSupport
import Testing

@testable import EmberCommand

/// `ember convert` and `ember run` on TorchScript archives (Tests/Fixtures/torchscript/make_graphs.py).
@Suite struct ConvertTests {
  private let folder = TemporaryFolder()

  private func path(_ name: String) -> String { folder.file(name) }

  /// A fixture's archive as a file, and what it returned in PyTorch.
  private func archive(_ name: String) throws -> (path: String, calls: [PickleValue]) {
    let entry = try #require(TorchCheckpoint.load(Checkout.fixture("torchscript-graphs.pt")).value[name])
    guard case .bytes(let bytes)? = entry["archive"] else { throw EmberError(.value, in: "test", name) }
    try Data(bytes).write(to: URL(fileURLWithPath: path("\(name).pt")))
    return (path("\(name).pt"), entry["calls"]?.items ?? [])
  }

  @Test func aScriptBecomesAModel() throws {
    let (script, calls) = try archive("unet-scripted")
    try Convert.parse([script, path("unet.onnx"), "--input", "2x3x10x10", "--dynamic", "0=batch", "--opset", "18"]).run()
    let model = try ONNXModel(path("unet.onnx"))
    #expect(model.inputs.map(\.name) == ["x"] && model.inputs[0].shape == [nil, 3, 10, 10])
    #expect(model.outputs.map(\.name) == ["mask", "small", "labels"])
    guard case .tensor(let input)? = calls[1]["arguments"]?.items?.first, case .tensor(let expected)? = calls[1]["result"]?["mask"],
      case .tensor(let found)? = try model.run(["x": .tensor(input)])["mask"]
    else { throw EmberError(.value, in: "test", "unet") }
    #expect((found - expected).abs().amax().item() < 1e-5)
  }

  @Test func argumentsOfAllKindsAreGiven() throws {
    let (script, calls) = try archive("annotated-scripted")
    let tensors = (calls[0]["arguments"]?.items ?? []).flatMap { $0.items ?? [$0] }
    for (i, value) in tensors.enumerated() {
      guard case .tensor(let tensor) = value else { continue }
      try NPY.save(tensor, to: path("\(i).npy"))
    }
    let inputs = ["--input", path("0.npy"), "--input", "others=\(path("1.npy")),\(path("2.npy"))", "--input", path("3.npy")]
    try Run.parse([script] + inputs + ["--output", path("scores.npy"), "--repeat", "1"]).run()
    guard case .tensor(let expected)? = calls[0]["result"]?.items?.first else { throw EmberError(.value, in: "test", "annotated") }
    #expect(try (NPY.load(path("scores.npy")) - expected).abs().amax().item() < 1e-5)
    try Convert.parse([script, path("annotated.onnx"), "--input", "2x3x6", "--input", "2x6,2x6", "--input", "none"]).run()
    #expect(try ONNXModel(path("annotated.onnx")).inputs.map(\.name) == ["x", "others_0", "others_1"])
  }

  @Test(arguments: [
    (["--input", "2x3xq"], "neither a .npy file nor a shape"), ([], "The argument x is missing"),
    (["--input", "2x4", "--input", "2x4"], "There is no argument for '2x4'"), (["--input", "2x4", "--method", "go"], "no method go"),
    (["--input", "2x4", "--dynamic", "7=batch"], "names no dimension"), (["--input", "2x4", "--dynamic", "batch"], "names no dimension"),
    (["--input", "2x5"], "line"), (["--input", "2x4:int3"], "neither a .npy file nor a shape"),
    (["--input", "99999999999x99999999999"], "99999999999"),
  ])
  func mistakesAreNamed(_ options: [String], _ message: String) throws {
    let (script, _) = try archive("writes-scripted")
    let error = #expect(throws: (any Error).self) { try Convert.parse([script, path("writes.onnx")] + options).run() }
    #expect("\(error!)".contains(message), "\(error!)")
    #expect(!FileManager.default.fileExists(atPath: path("writes.onnx")))
  }

  @Test func onlyScriptsBecomeModels() throws {
    try Safetensors.save([("x", Tensor.ones([2]))], to: path("x.safetensors"))
    let error = #expect(throws: (any Error).self) { try Convert.parse([path("x.safetensors"), path("x.onnx"), "--input", "2"]).run() }
    #expect("\(error!)".contains("no TorchScript archive"))
  }
}
