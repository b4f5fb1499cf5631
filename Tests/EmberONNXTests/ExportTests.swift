import EmberFormats
import EmberFunctional
import EmberGraph
import EmberNN
import EmberRuntime
import EmberTensor
import Foundation
import TestSupport
import Testing

@testable import EmberONNX
@testable import ExportedModels

/// Runs `body` with the path of a file in a folder of its own.
private func withFile<Result>(_ body: (String) throws -> Result) throws -> Result {
  try body(TemporaryFolder().file("model.onnx"))
}

/// The largest difference, relative to the largest number.
private func difference(_ a: Tensor, _ b: Tensor) -> Double {
  guard a.shape == b.shape, a.dtype == b.dtype else { return .infinity }
  if a.elementCount == 0 { return 0 }
  let x = a.to(.float64), y = b.to(.float64)
  // Infinities and NaN must stand at the same places.
  let finite = x.isFinite
  guard (finite .== y.isFinite).all().item(as: Bool.self) else { return .infinity }
  let zeros = Tensor.zeros(like: x), scale: Double = `where`(finite, x, zeros).abs().amax().item()
  let largest: Double = `where`(finite, x - y, zeros).abs().amax().item()
  return largest / max(scale, 1e-30)
}

private final class Scaled: Module, Layer {
  let inner = Linear(4, 3)
  let norm = BatchNorm1d(3)
  @Buffer var shift: Tensor = Tensor.ones([3])
  func forward(_ x: Tensor) -> Tensor { norm(inner(x)).relu() + shift }
}

private func export(
  _ inputs: [Tensor], to path: String, dynamicAxes: [[Int: String]] = [], isPortable: Bool = true, _ body: ([Tensor]) -> [Tensor]
) throws {
  let options = ONNXExportOptions(dynamicAxes: dynamicAxes, isPortable: isPortable)
  try Sequential().exportONNX(to: path, inputs: inputs, options: options, body)
}

struct ExportTests {
  @Test func everyModelComesBackTheSameAtOtherSizes() throws {
    for model in ExportCase.all() {
      try withFile { path in
        try model.export(to: path)
        let expected = try model.expected(), results = try ONNXModel(path).evaluate(model.inputs.map { .tensor($0) })
        #expect(results.count == expected.count)
        for (i, (result, wanted)) in zip(results, expected).enumerated() {
          let tensor = try #require(result.tensor)
          #expect(difference(wanted, tensor) < 1e-4, "\(model.name), output \(i): \(wanted.summary), \(tensor.summary)")
        }
      }
    }
  }

  @Test func parametersKeepTheirNamesAndNodesThoseOfTheirModules() throws {
    try withFile { path in
      let model = Scaled()
      model.inner.train()
      try model.exportONNX(to: path, inputs: [Tensor.zeros([2, 4])], dynamicAxes: [[0: "rows"]], inputNames: ["x"], outputNames: ["y"])
      #expect(model.isTraining && model.norm.isTraining)
      let message = try Onnx_ModelProto(serializedBytes: try Data(contentsOf: URL(fileURLWithPath: path)))
      let names = Set(message.graph.initializer.map(\.name))
      #expect(names == ["inner.weight", "inner.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "shift"])
      #expect(message.graph.node.map(\.opType) == ["Gemm", "BatchNormalization", "Relu", "Add"])
      #expect(message.graph.node.map(\.name) == ["inner/Gemm", "norm/BatchNormalization", "Relu", "Add"])
      #expect(message.graph.input[0].name == "x" && message.graph.output[0].name == "y")
      #expect(message.graph.input[0].type.tensorType.shape.dim.map(\.dimParam) == ["rows", ""])
      #expect(message.graph.output[0].type.tensorType.shape.dim.map(\.dimParam) == ["rows", ""])
    }
  }

  @Test func largeWeightsLieInAFileOfTheirOwn() throws {
    try withFile { path in
      let model = Linear(64, 64)
      let options = ONNXExportOptions(externalDataLimit: 1000)
      try model.exportONNX(to: path, inputs: [Tensor.zeros([1, 64])], options: options) { [model($0[0])] }
      let message = try Onnx_ModelProto(serializedBytes: try Data(contentsOf: URL(fileURLWithPath: path)))
      let weight = try #require(message.graph.initializer.first { $0.name == "weight" })
      let entries = Dictionary(uniqueKeysWithValues: weight.externalData.map { ($0.key, $0.value) })
      #expect(entries == ["location": "model.onnx.data", "offset": "0", "length": "16384"])
      // The bias is small, and stays.
      #expect(message.graph.initializer.first { $0.name == "bias" }?.rawData.count == 256)
      let x = Tensor.ones([1, 64])
      #expect(difference(model(x), try ONNXModel(path)(x)[0]) < 1e-6)
    }
  }

  @Test func aCapturedGraphIsExportedAsItIs() throws {
    try withFile { path in
      let graph = try capture([Tensor.zeros([2, 3])]) { [$0[0].softmax(1), $0[0]] }
      try exportONNX(graph, to: path)
      let x = Tensor([[1.0, 2, 3], [0, 0, 0]], dtype: .float32), results = try ONNXModel(path)(x)
      #expect(difference(x.softmax(1), results[0]) < 1e-6 && difference(x, results[1]) == 0)
    }
  }

  @Test func smallIntegersWrapAround() throws {
    try withFile { path in
      let body = { (x: [Tensor]) in [x[0] + x[0], x[0] * x[0], x[0].bitwiseAnd(x[0] - 1), x[0] .> 100] }
      try export([Tensor.zeros([4], dtype: .uint8)], to: path, body)
      let x = Tensor([0, 1, 100, 255], dtype: .uint8), results = try ONNXModel(path)(x)
      for (wanted, result) in zip(body([x]), results) { #expect(difference(wanted, result) == 0 && wanted.dtype == result.dtype) }
    }
  }

  @Test func masksAndRangesFollowTheLength() throws {
    try withFile { path in
      let body = { (x: [Tensor]) -> [Tensor] in
        let time = x[0].shape[1]
        let mask = Tensor.ones([time, time], dtype: .bool).tril(-1)
        let added = Tensor.zeros([1, time, time]).maskedFill(Tensor.ones([time, time], dtype: .bool).triu(1), .real(-.infinity))
        return [
          mask, added + x[0].unsqueeze(1), Tensor.arange(.integer(1), .integer(Int64(2 * time)), step: 2).to(.float32) * 0.5 + x[0],
          Tensor.zeros([time, 2]), x[0].sum(1) / Double(time), x[0].narrow(1, start: time - 2, length: 2), x[0].select(1, time - 1),
          x[0].reshape([x[0].shape[0] * time, 1]),
        ]
      }
      try export([Tensor.zeros([2, 5])], to: path, dynamicAxes: [[0: "batch", 1: "time"]], body)
      let x = Tensor.arange(21).to(.float32).reshape([3, 7]), results = try ONNXModel(path)(x)
      for (i, (wanted, result)) in zip(body([x]), results).enumerated() { #expect(difference(wanted, result) < 1e-6, "output \(i)") }
    }
  }

  @Test func whatCannotBeSaidIsRefusedByName() throws {
    try withFile { path in
      // A constant that depends on the size in no way that can be recognised.
      let odd = complaint {
        try export([Tensor.zeros([2, 3])], to: path, dynamicAxes: [[0: "batch"]]) { x in
          [x[0] + Tensor((0..<x[0].shape[0]).map { Float($0 * $0) }).unsqueeze(1)]
        }
      }
      #expect(odd?.contains("depends on the dynamic extents") == true, "\(odd ?? "-")")
      // A course that depends on the size.
      let course = complaint {
        try export([Tensor.zeros([2, 3])], to: path, dynamicAxes: [[0: "batch"]]) { $0[0].shape[0] > 2 ? [$0[0].exp()] : [$0[0].sin()] }
      }
      #expect(course?.contains("sin: what is computed depends on the dynamic extents") == true, "\(course ?? "-")")
      let digamma = complaint { try export([Tensor.zeros([2])], to: path) { [$0[0].digamma()] } }
      #expect(digamma?.contains("digamma") == true, "\(digamma ?? "-")")
      let product = complaint { try export([Tensor.zeros([2])], to: path) { [$0[0].cumprod(0)] } }
      #expect(product?.contains("cumprod") == true, "\(product ?? "-")")
      #expect(complaint { try Linear(2, 2).exportONNX(to: path, inputs: [Tensor.zeros([1, 2])], opset: 16) }?.contains("17 to 22") == true)
      let axis = complaint { try Linear(2, 2).exportONNX(to: path, inputs: [Tensor.zeros([1, 2])], dynamicAxes: [[3: "x"]]) }
      #expect(axis?.contains("dimension 3 ('x')") == true)
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }

  @Test func whatONNXLacksCanBeANodeOfEmbersOwn() throws {
    try withFile { path in
      try export([Tensor.zeros([2, 3])], to: path, isPortable: false) { [$0[0].exp().cumprod(1).digamma()] }
      let message = try Onnx_ModelProto(serializedBytes: try Data(contentsOf: URL(fileURLWithPath: path)))
      #expect(message.graph.node.map { "\($0.domain) \($0.opType)" } == [" Exp", "ember cumprod", "ember digamma"])
      #expect(message.graph.node[1].attribute.map(\.name) == ["dimension"] && message.graph.node[1].attribute[0].i == 1)
      #expect(message.opsetImport.map(\.domain) == ["", "ember"])
    }
  }
}
