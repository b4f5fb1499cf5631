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
}
