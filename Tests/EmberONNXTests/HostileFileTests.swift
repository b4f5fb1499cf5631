import EmberCPU
import EmberFormats
import EmberRuntime
import EmberTensor
import Foundation
import SwiftProtobuf
import TestSupport
import Testing

@testable import EmberONNX

/// Files that are damaged or mean harm: each is an error that says what is wrong. The cap on memory is one for the whole process, so tests
/// that set it have a process of their own.
@Suite(.serialized) struct HostileFileTests {
  @Test func garbageIsRefused() {
    #expect(complaint { try ONNXModel(bytes: []) } != nil)
    #expect(complaint { try ONNXModel(bytes: Array("not a model at all".utf8)) } != nil)
    #expect(complaint { try ONNXModel(bytes: Array(repeating: 0xFF, count: 1000)) } != nil)
    #expect(complaint { try ONNXModel("/nonexistent/model.onnx") }?.contains("/nonexistent/model.onnx") == true)
  }

  @Test func everyTruncationIsAnErrorOrAModel() async {
    await #expect(processExitsWith: .success) {
      let whole = try message(
        graph([node("Add", ["x", "w"], ["y"])], inputs: [port("x")], outputs: ["y"], initializers: [tensor("w", [1, 2], [2])])
      ).serializedBytes() as [UInt8]
      for length in 0..<whole.count { ONNXModel.probe(Array(whole[..<length])) }
    }
  }

  @Test func namesMustBeMadeBefore() {
    #expect(complaint { try load(graph([node("Neg", ["a"], ["y"])], outputs: ["y"])) }?.contains("reads 'a', which nothing makes") == true)
    let circle = graph([node("Neg", ["b"], ["a"]), node("Neg", ["a"], ["b"])], outputs: ["b"])
    #expect(complaint { try load(circle) }?.contains("circle") == true)
    let twice = graph([node("Neg", ["x"], ["y"]), node("Abs", ["x"], ["y"])], inputs: [port("x")], outputs: ["y"])
    #expect(complaint { try load(twice) }?.contains("made twice") == true)
    #expect(complaint { try load(graph([], outputs: ["y"])) }?.contains("'y'") == true)
  }

  @Test func functionsMustNotCallThemselves() {
    func function(_ name: String, calls other: String) -> Onnx_FunctionProto {
      var function = Onnx_FunctionProto()
      (function.name, function.domain, function.input, function.output) = (name, "local", ["a"], ["b"])
      function.node = [node(other, ["a"], ["b"], domain: "local")]
      return function
    }
    let call = graph([node("F", ["x"], ["y"], domain: "local")], inputs: [port("x")], outputs: ["y"])
    #expect(complaint { try load(call, functions: [function("F", calls: "G"), function("G", calls: "F")]) }?.contains("calls itself") == true)
    // A chain too long for any stack.
    let chain = (0..<5000).map { function($0 == 0 ? "F" : "F\($0)", calls: "F\($0 + 1)") }
    #expect(complaint { try load(call, functions: chain) }?.contains("deep") == true)
  }

  @Test func dataMustFillTheirShape() {
    var short = tensor("w", [] as [Float], [1000, 1000])
    short.rawData = Data([1, 2, 3, 4])
    #expect(complaint { try load(graph([], outputs: ["w"], initializers: [short])) }?.contains("4000000") == true)
    let huge = tensor("w", [] as [Float], [1 << 40, 1 << 40])
    #expect(complaint { try load(graph([], outputs: ["w"], initializers: [huge])) }?.contains("'w'") == true)
    let negative = tensor("w", [] as [Float], [-1])
    #expect(complaint { try load(graph([], outputs: ["w"], initializers: [negative])) }?.contains("negative") == true)
  }

  @Test func sizesFromTheFileAreBounded() async {
    await #expect(processExitsWith: .success) {
      CPU.setMemoryCap(1 << 30)
      let model = try load(
        graph([node("ConstantOfShape", ["s"], ["y"], name: "fill")], outputs: ["y"], initializers: [integers("s", [1 << 20, 1 << 20])]))
      #expect(complaint { try model.run([:]) }?.contains("ConstantOfShape 'fill'") == true)
      let tile = try load(
        graph([node("Tile", ["x", "n"], ["y"])], inputs: [port("x")], outputs: ["y"], initializers: [integers("n", [1 << 50])]))
      #expect(complaint { try tile.run(["x": .tensor(Tensor([1, 2] as [Float]))]) }?.contains("Tile") == true)
    }
  }

  @Test func endlessLoopsStopAtTheLimit() throws {
    let body = graph(
      [node("Identity", ["c"], ["again"]), node("Neg", ["v"], ["next"])],
      inputs: [port("i", .int64), port("c", .bool), port("v")], outputs: ["again", "next"])
    let model = try load(
      graph([node("Loop", ["", "", "x"], ["y"], name: "forever", attribute("body", body))], inputs: [port("x")], outputs: ["y"]))
    model.nodeLimit = 1000
    let text = complaint { try model.run(["x": .tensor(Tensor([1] as [Float]))]) }
    #expect(text?.contains("Loop 'forever' > ") == true)
  }

  @Test func errorsNameTheNode() throws {
    let model = try load(
      graph([node("MatMul", ["x", "w"], ["y"], name: "head")], inputs: [port("x")], outputs: ["y"], initializers: [tensor("w", [1, 2], [2, 1])]))
    let text = complaint { try model.run(["x": .tensor(Tensor.ones([3, 3]))]) }
    #expect(text?.contains("MatMul 'head'") == true && text?.contains("matmul") == true)
  }

  @Test func externalDataStayInTheFolder() throws {
    let folder = URL(fileURLWithPath: TemporaryFolder().path)
    let inner = folder.appendingPathComponent("model")
    try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
    let bytes = [1.5, 2.5, 3.5].flatMap { withUnsafeBytes(of: Float($0), Array.init) }
    try Data(bytes).write(to: inner.appendingPathComponent("weights"))
    try Data(bytes).write(to: folder.appendingPathComponent("secret"))
    try FileManager.default.createSymbolicLink(atPath: inner.path + "/link", withDestinationPath: "../secret")
    func attempt(_ location: String, offset: String = "0", length: String = "8") throws -> [Float]? {
      var weights = Onnx_TensorProto()
      (weights.name, weights.dataType, weights.dims, weights.dataLocation) = ("w", 1, [2], .external)
      weights.externalData = [("location", location), ("offset", offset), ("length", length)].map { key, value in
        var entry = Onnx_StringStringEntryProto()
        (entry.key, entry.value) = (key, value)
        return entry
      }
      let path = inner.appendingPathComponent("model.onnx")
      try Data(message(graph([], outputs: ["w"], initializers: [weights])).serializedBytes() as [UInt8]).write(to: path)
      return try ONNXModel(path.path).run([:])["w"]?.tensor?.elements(as: Float.self)
    }
    #expect(try attempt("weights") == [1.5, 2.5])
    #expect(try attempt("weights", offset: "4") == [2.5, 3.5])
    for location in ["../secret", "/etc/passwd", "link", "a/../../secret", "", "nothing", "."] {
      #expect(complaint { try attempt(location) } != nil, "\(location)")
    }
    #expect(complaint { try attempt("weights", offset: "8") }?.contains("12") == true)
    #expect(complaint { try attempt("weights", offset: "-4") } != nil)
    #expect(complaint { try attempt("weights", offset: "9223372036854775807") } != nil)
    #expect(complaint { try attempt("weights", length: "4") } != nil)
  }

  /// Node tests with bytes changed at random: none may do worse than fail. What once did is kept in onnx-fuzz.zip.
  @Test func damagedModelsAreSurvived() async {
    await #expect(processExitsWith: .success) {
      let files = try Zip.load(fixtures.appendingPathComponent("onnx-node-tests.zip").path, limit: 1 << 28, in: "test")
      var state: UInt64 = 1
      func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
      }
      for (name, bytes) in files.sorted(by: { $0.key < $1.key }) where name.hasSuffix("model.onnx") && bytes.count < 4096 {
        for _ in 0..<3 {
          var damaged = bytes
          for _ in 0...random(3) { damaged[random(damaged.count)] = UInt8(random(256)) }
          ONNXModel.probe(damaged)
        }
      }
    }
  }

  @Test func whatFuzzingFoundIsSurvived() async {
    await #expect(processExitsWith: .success) {
      for (_, bytes) in try Zip.load(fixtures.appendingPathComponent("onnx-fuzz.zip").path, limit: 1 << 28, in: "test") {
        ONNXModel.probe(bytes)
      }
    }
  }
}
