import EmberNN
import EmberRuntime
import EmberTensor
import SwiftProtobuf
import Testing

@testable import EmberONNX

@Suite struct ModelTests {
  /// y = x W + b
  private func linear() throws -> ONNXModel {
    try load(
      graph(
        [node("MatMul", ["x", "layer.weight"], ["product"]), node("Add", ["product", "layer.bias"], ["y"])], inputs: [port("x")],
        outputs: ["y"], initializers: [tensor("layer.weight", [1, 2, 3, 4, 5, 6], [3, 2]), tensor("layer.bias", [10, 20], [2])]))
  }

  @Test func weightsAreParameters() throws {
    let model = try linear()
    #expect(model.namedParameters().map(\.name).sorted() == ["layer.bias", "layer.weight"])
    let y = try model.run(["x": .tensor(Tensor([[1, 1, 1]] as [[Float]]))])["y"]?.tensor
    #expect(y?.elements(as: Float.self) == [19, 32])
    #expect(y?.requiresGrad == false)
  }

  @Test func gradientsReachWeights() throws {
    let model = try linear()
    model(Tensor([[1, 2, 3]] as [[Float]]))[0].sum().backward()
    let gradients = Dictionary(uniqueKeysWithValues: model.namedParameters().map { ($0.name, $0.parameter.grad) })
    #expect(gradients["layer.weight"]??.elements(as: Float.self) == [1, 1, 2, 2, 3, 3])
    #expect(gradients["layer.bias"]??.elements(as: Float.self) == [1, 1])
  }

  @Test func numbersAreConstants() throws {
    let model = try load(
      graph(
        [node("Clip", ["x", "low", ""], ["c"]), node("Reshape", ["c", "shape"], ["y"])], inputs: [port("x")], outputs: ["y"],
        initializers: [tensor("low", [0], []), integers("shape", [2, -1])]))
    #expect(model.parameters().isEmpty)
    let y = try model.run(["x": .tensor(Tensor([-1, 2, -3, 4] as [Float]))])["y"]?.tensor
    #expect(y?.shape == Shape([2, 2]) && y?.elements(as: Float.self) == [0, 2, 0, 4])
  }

  @Test func loopsCarryValuesAndStackOutputs() throws {
    let body = graph(
      [node("Add", ["sum", "step"], ["next"]), node("Identity", ["condition"], ["again"]), node("Identity", ["next"], ["seen"])],
      inputs: [port("i", .int64), port("condition", .bool), port("sum")], outputs: ["again", "next", "seen"])
    // `step` comes from the graph around.
    let model = try load(
      graph(
        [node("Loop", ["count", "", "start"], ["total", "all"], attribute("body", body))],
        inputs: [port("step"), port("start")], outputs: ["total", "all"], initializers: [integers("count", [3], [])]))
    let results = try model.run(["step": .tensor(Tensor([2] as [Float])), "start": .tensor(Tensor([1] as [Float]))])
    #expect(results["total"]?.tensor?.elements(as: Float.self) == [7])
    #expect(results["all"]?.tensor?.shape == Shape([3, 1]))
    #expect(results["all"]?.tensor?.elements(as: Float.self) == [3, 5, 7])
  }

  /// Each number that decides has a graph of its own.
  @Test func compiledModelsDecideByNumbers() throws {
    let negative = graph([node("Neg", ["x"], ["a"])], inputs: [], outputs: ["a"])
    let double = graph([node("Add", ["x", "x"], ["b"])], inputs: [], outputs: ["b"])
    let model = try load(
      graph(
        [
          node("Equal", ["mode", "wanted"], ["c"]),
          node("If", ["c"], ["y"], attribute("then_branch", negative), attribute("else_branch", double)),
        ], inputs: [port("x"), port("mode", .int64)], outputs: ["y"], initializers: [integers("wanted", [1], [])]))
    let fast = model.compiled()
    for (mode, expected) in [(1, [-2, -3]), (0, [4, 6]), (1, [-2, -3]), (7, [4, 6])] as [(Int, [Float])] {
      let y = try fast.run(["x": .tensor(Tensor([2, 3] as [Float])), "mode": .tensor(Tensor(mode))])["y"]?.tensor
      #expect(y?.elements(as: Float.self) == expected)
    }
    #expect(fast.graphs.count == 3)
    #expect(throws: EmberError.self) { try fast.run(["x": .tensor(Tensor([2, 3] as [Float]))]) }
  }

  /// A loop becomes as many nodes as it runs; one that would fill a graph is evaluated.
  @Test func longLoopsAreNotCompiled() throws {
    let body = graph(
      [node("Add", ["sum", "step"], ["next"]), node("Identity", ["condition"], ["again"])],
      inputs: [port("i", .int64), port("condition", .bool), port("sum")], outputs: ["again", "next"])
    func results(_ count: Int) throws -> (total: Float?, graphs: Int) {
      let fast = try load(
        graph(
          [node("Loop", ["count", "", "start"], ["total"], attribute("body", body))], inputs: [port("step"), port("start")],
          outputs: ["total"], initializers: [integers("count", [count], [])])
      ).compiled()
      let inputs = ["step": ONNXValue.tensor(Tensor([1] as [Float])), "start": .tensor(Tensor([0] as [Float]))]
      return (try fast.run(inputs)["total"]?.tensor?.elements(as: Float.self)[0], fast.graphs.count)
    }
    #expect(try results(10) == (10, 1))
    #expect(try results(30_000) == (30_000, 0))
  }

  @Test func functionsTakeAttributes() throws {
    var function = Onnx_FunctionProto()
    (function.name, function.domain, function.input, function.output) = ("Leak", "local", ["a"], ["b"])
    (function.attribute) = ["slope"]
    var reference = Onnx_AttributeProto()
    (reference.name, reference.type, reference.refAttrName) = ("alpha", .float, "slope")
    function.node = [node("LeakyRelu", ["a"], ["b"], reference)]
    var entry = Onnx_OperatorSetIdProto()
    entry.version = 22
    function.opsetImport = [entry]
    var slope = Onnx_AttributeProto()
    (slope.name, slope.type, slope.f) = ("slope", .float, 0.5)
    let model = try load(
      graph([node("Leak", ["x"], ["y"], domain: "local", slope)], inputs: [port("x")], outputs: ["y"]), functions: [function])
    #expect(try model.run(["x": .tensor(Tensor([-2, 2] as [Float]))])["y"]?.tensor?.elements(as: Float.self) == [-1, 2])
  }

  @Test func valuesAreFreedAfterTheirLastReader() throws {
    let model = try load(
      graph(
        [node("Exp", ["x"], ["a"]), node("Neg", ["a"], ["b"]), node("Abs", ["b"], ["y"])], inputs: [port("x")], outputs: ["y"]))
    let released = model.graph.nodes.map { $0.released.count }
    #expect(released == [1, 1, 1])
  }

  @Test func declaredTypesAreChecked() throws {
    let model = try linear()
    #expect(complaint { try model.run(["x": .tensor(Tensor([1, 2, 3]))] ) }?.contains("float32") == true)
    #expect(complaint { try model.run(["z": .tensor(Tensor([1, 2, 3]))] ) }?.contains("'z'") == true)
    #expect(complaint { try model.run([:]) }?.contains("'x' is missing") == true)
  }

  @Test func everyStandardOperatorHasAVersionOne() {
    // An operator that came later has no meaning before.
    #expect(OperatorTable.standard.entry("Add", domain: "", version: 1) != nil)
    #expect(OperatorTable.standard.entry("Gelu", domain: "", version: 19) == nil)
    #expect(OperatorTable.standard.entry("Gelu", domain: "", version: 20) != nil)
    #expect(OperatorTable.standard.listing.count > 190)
  }
}
