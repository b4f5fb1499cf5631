import EmberONNX
import Foundation
import Hummingbird
import HummingbirdTesting
import Testing

import ModelServing

@Suite struct ModelServiceTests {
  private func withServer(_ body: @escaping @Sendable (any TestClientProtocol) async throws -> Void) async throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "../../../../Tests/Fixtures/onnx/perceptron.onnx")
    let service = ModelService(try ONNXModel(path.standardizedFileURL.path), requestLimit: 1 << 12)
    try await Application(router: service.router()).test(.router) { try await body($0) }
  }

  @Test func aModelAnswers() async throws {
    try await withServer { client in
      // As onnx's reference evaluator computes them.
      let body = #"{"inputs": {"x": [[1, 2, 3, 4], [-1, 0.5, 0, 2]]}}"#
      try await client.execute(uri: "/predict", method: .post, body: ByteBuffer(string: body)) { response in
        #expect(response.status == .ok)
        struct Answer: Decodable {
          struct Outputs: Decodable {
            let scores: [[Double]]
            let label: [Int]
          }
          let outputs: Outputs
        }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(response.body.readableBytesView)).outputs
        #expect(answer.label == [2, 2])
        let expected = [[0.13892195, 4.6880364, 5.0417156], [-0.9659395, 1.5732619, 3.0866477]]
        for (row, wanted) in zip(answer.scores, expected) {
          for (score, number) in zip(row, wanted) { #expect(abs(score - number) < 1e-5) }
        }
      }
      try await client.execute(uri: "/health", method: .get) { #expect($0.status == .ok) }
      try await client.execute(uri: "/model", method: .get) { response in
        let text = String(buffer: response.body)
        #expect(text.contains("\"x\"") && text.contains("\"float32\"") && text.contains("[null,4]"))
      }
    }
  }

  @Test(arguments: [
    "", "nonsense", "{}", #"{"inputs": {"x": [[1, 2], [3]]}}"#, #"{"inputs": {"x": [1, [2]]}}"#, #"{"inputs": {"x": "text"}}"#,
    #"{"inputs": {"x": [[1, 2, 3]]}}"#, #"{"inputs": {"y": [[1, 2, 3, 4]]}}"#, #"{"inputs": {}}"#, #"{"inputs": {"x": [[]]}}"#,
    #"{"inputs": {"x": "# + String(repeating: "[", count: 200) + String(repeating: "]", count: 200) + "}}",
  ]) func mistakesAreTold(_ body: String) async throws {
    try await withServer { client in
      try await client.execute(uri: "/predict", method: .post, body: ByteBuffer(string: body)) { response in
        #expect(response.status == .badRequest, "\(body): \(response.status)")
        #expect(response.body.readableBytes > 0)
      }
    }
  }

  @Test func requestsHaveALimit() async throws {
    try await withServer { client in
      let body = ByteBuffer(repeating: UInt8(ascii: " "), count: 1 << 13)
      try await client.execute(uri: "/predict", method: .post, body: body) { #expect($0.status == .contentTooLarge) }
    }
  }
}
