import EmberFormats
import EmberGraph
import EmberONNX
import EmberRuntime
import EmberTensor
import EmberTorchScript
import Foundation
import TestSupport
import Testing

/// TorchScript modules as graphs and as ONNX files give what they give in PyTorch (Tests/Fixtures/torchscript/make_graphs.py).
@Suite struct TorchScriptGraphTests {
  static let cases = (try? FixtureCase.all(Checkout.fixture("torchscript-graphs.pt"))) ?? []

  private static var checked: CompileOptions {
    var options = CompileOptions()
    options.verifies = true
    return options
  }

  /// `forward` of a module as a function of the tensors in its arguments.
  private static func function(_ module: TorchScriptModule, _ arguments: [TorchScriptValue]) -> ([Tensor]) throws -> [Tensor] {
    { tensors in
      var rest = tensors[...]
      return try module.call("forward", arguments.map { $0.replacingTensors(from: &rest) }).tensors.map(\.tensor)
    }
  }

  private static func difference(_ found: [Tensor], _ record: PickleValue) -> String? {
    let expected = FixtureCase.argument(record["result"] ?? .none).tensors.map(\.tensor)
    guard found.count == expected.count else { return "\(found.count) results, expected \(expected.count)" }
    return zip(found, expected).lazy.compactMap { FixtureCase.difference(.tensor($0), .tensor($1), at: "a result") }.first
  }

  @Test func networksRunAndAreCompiled() throws {
    #expect(Self.cases.count == 12)
    for one in Self.cases {
      let problems = one.problems()
      #expect(problems.isEmpty, "\(one.name): \(problems.joined(separator: "; "))")
      let module = try one.module(), first = (one.records[0]["arguments"]?.items ?? []).map(FixtureCase.argument)
      module.eval()
      let run = Self.function(module, first)
      let compiled = CompiledFunction(options: Self.checked) { tensors in
        do { return try run(tensors) } catch {
          raise(error as! EmberError)
          return [.poison]
        }
      }
      for record in one.records {
        let inputs = (record["arguments"]?.items ?? []).flatMap { FixtureCase.argument($0).tensors.map(\.tensor) }
        if let refusal = one.refusal {
          let error = #expect(throws: EmberError.self, "\(one.name)") { try noGrad { try catchingErrors { compiled(inputs) } } }
          #expect(error?.description.contains(refusal) == true, "\(one.name): \(error?.description ?? "")")
          continue
        }
        for _ in 0..<2 {
          let found = try noGrad { try catchingErrors { compiled(inputs) } }
          let difference = Self.difference(found, record)
          #expect(difference == nil, "\(one.name): \(difference ?? "")")
        }
      }
      #expect(compiled.graphs.count == (one.refusal == nil ? one.records.count : 0), "\(one.name)")
    }
  }

  /// What a graph cannot stand for leaves the module as it was.
  @Test func aRefusedCaptureLeavesNothingBehind() throws {
    let one = try #require(Self.cases.first { $0.name.hasPrefix("keeps") })
    let module = try one.module(), x = Tensor.ones([2, 3])
    #expect(throws: EmberError.self) { try capture([x], Self.function(module, [.tensor(x)])) }
    #expect(try module.attribute("state")?.tensor?.elementCount == 0)
    let first = try module.forward(x), second = try module.forward(x)
    #expect(first.shape == [2, 3] && !(first .== second).all().item(as: Bool.self))
  }

  /// Also the modules of `TorchScriptTests`, which write through views, loop and branch: as graphs where that is possible.
  @Test func smallModulesAreCompiled() throws {
    var graphs = 0
    var options = Self.checked
    options.fallsBackToEager = true
    for one in TorchScriptTests.cases {
      guard let record = one.records.first, record["method"]?.string == "forward", record["error"] == nil else { continue }
      let module = try one.module(), arguments = (record["arguments"]?.items ?? []).map(FixtureCase.argument)
      let inputs = arguments.flatMap { $0.tensors.map(\.tensor) }
      guard !inputs.isEmpty else { continue }
      let run = Self.function(module, arguments)
      let compiled = CompiledFunction(options: options) { tensors in
        do { return try run(tensors) } catch {
          raise(error as! EmberError)
          return [.poison]
        }
      }
      let found = try noGrad { try catchingErrors { compiled(inputs) } }
      let difference = Self.difference(found, record)
      #expect(difference == nil, "\(one.name): \(difference ?? "")")
      graphs += compiled.graphs.count
    }
    #expect(graphs >= 15)
  }

  /// Written with an open batch from the smaller example, read again, run on the larger one.
  @Test func networksBecomeONNXModels() throws {
    let folder = TemporaryFolder()
    for one in Self.cases {
      let module = try one.module(), arguments = (one.records[0]["arguments"]?.items ?? []).map(FixtureCase.argument)
      let inputs = arguments.flatMap { $0.tensors.map(\.tensor) }, path = folder.file("\(one.name).onnx")
      let axes = Dictionary(uniqueKeysWithValues: one.dynamic.map { (Int($0.split(separator: "=")[0])!, String($0.split(separator: "=")[1])) })
      let options = ONNXExportOptions(dynamicAxes: inputs.map { input in axes.filter { $0.key < input.rank } })
      func export() throws { try module.exportONNX(to: path, inputs: inputs, options: options, Self.function(module, arguments)) }
      if let refusal = one.refusal {
        let error = #expect(throws: EmberError.self, "\(one.name)") { try export() }
        #expect(error?.description.contains(refusal) == true, "\(one.name): \(error?.description ?? "")")
        continue
      }
      try export()
      let model = try ONNXModel(path)
      for record in one.records {
        let given = (record["arguments"]?.items ?? []).flatMap { FixtureCase.argument($0).tensors.map(\.tensor) }
        let found = try noGrad { try model.evaluate(given.map { .tensor($0) }) }
        let difference = Self.difference(found.compactMap { if case .tensor(let tensor) = $0 { tensor } else { nil } }, record)
        #expect(difference == nil, "\(one.name): \(difference ?? "")")
      }
      // Weights have their names.
      let names = Set(model.namedParameters().map(\.name))
      if one.name.hasPrefix("tagger") { #expect(names.isSuperset(of: ["embedding.weight", "head.weight", "head.bias"])) }
      if one.name.hasSuffix("frozen") { #expect(names.contains { $0.hasPrefix("CONSTANTS.c") }) }
    }
  }

  /// A module is a layer: `compile` and `exportONNX` take it as it is.
  @Test func aModuleIsALayer() throws {
    let one = try #require(Self.cases.first { $0.name == "half-scripted" })
    let module = try one.module(), fast = compile(module)
    module.eval()
    let input = try #require(FixtureCase.argument(one.records[1]["arguments"]!.items![0]).tensor)
    let difference = Self.difference(noGrad { fast([input]) }, one.records[1])
    #expect(difference == nil, "\(difference ?? "")")
    #expect(fast.graphs.count == 1)
  }
}
