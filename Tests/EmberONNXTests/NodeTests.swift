import EmberONNX
import Testing

/// ONNX's own node tests, those that `scripts/onnx-subset` chose.
@Suite struct NodeTests {
  @Test func everyCaseOfTheSubsetPasses() throws {
    let cases = try ONNXTestCase.cases(in: fixtures.appendingPathComponent("onnx-node-tests.zip").path)
    #expect(cases.count > 400)
    for test in cases {
      do { try test.run() } catch { Issue.record("\(test.name): \(error)") }
    }
  }

  /// As graphs, every pass verified; what decides by numbers that no signature holds is evaluated node by node.
  @Test func theyPassAsGraphs() throws {
    let cases = try ONNXTestCase.cases(in: fixtures.appendingPathComponent("onnx-node-tests.zip").path)
    var graphs = 0
    for test in cases {
      do { graphs += try test.run(compiled: true) > 0 ? 1 : 0 } catch { Issue.record("\(test.name): \(error)") }
    }
    #expect(graphs > 400)
  }
}
