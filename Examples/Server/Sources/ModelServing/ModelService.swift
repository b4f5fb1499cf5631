import EmberONNX
import EmberRuntime
import EmberTensor
import Hummingbird
import NIOPosix

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A model's answers to requests.
///
/// - `GET /health` answers once the model is loaded.
/// - `GET /model` describes inputs and outputs.
/// - `POST /predict` takes `{"inputs": {"x": [[1, 2]]}}` and gives `{"outputs": {"y": [[3]]}}`.
public struct ModelService: Sendable {
  /// Running does not change a model, so requests share it.
  private struct Shared: @unchecked Sendable {
    let model: ONNXModel
  }

  private let shared: Shared
  private let requestLimit: Int

  public init(_ model: ONNXModel, requestLimit: Int) {
    shared = Shared(model: model)
    self.requestLimit = requestLimit
  }

  struct Description: ResponseEncodable {
    struct Port: Encodable {
      let name: String
      let type: String?
      /// Null for an extent that may vary.
      let shape: [Int?]?
      let isRequired: Bool

      init(_ port: ONNXModel.Port) {
        name = port.name
        type = port.elementType.map { "\($0)" }
        shape = port.shape
        isRequired = port.isRequired
      }
    }

    let inputs: [Port]
    let outputs: [Port]
  }

  struct Request: Decodable {
    let inputs: [String: JSONTensor]
  }

  struct Response: ResponseEncodable {
    let outputs: [String: JSONTensor]
  }

  public func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.get("health") { _, _ in "ok\n" }
    router.get("model") { _, _ in
      Description(inputs: shared.model.inputs.map(Description.Port.init), outputs: shared.model.outputs.map(Description.Port.init))
    }
    router.post("predict") { request, context in
      var request = request
      let body = try await request.collectBody(upTo: requestLimit)
      // Models take their time: not on the threads that serve connections.
      return try await NIOThreadPool.singleton.runIfActive { try answer(Data(body.readableBytesView)) }
    }
    return router
  }

  /// What a request comes to; mistakes of its sender are told to it.
  private func answer(_ body: Data) throws -> Response {
    let request: Request
    do { request = try JSONDecoder().decode(Request.self, from: body) } catch {
      throw HTTPError(.badRequest, message: "the body must be {\"inputs\": {NAME: NUMBERS IN NESTED LISTS}}: \(error)")
    }
    do {
      var inputs: [String: ONNXValue] = [:]
      for (name, value) in request.inputs {
        let port = shared.model.inputs.first { $0.name == name }
        inputs[name] = .tensor(try value.tensor(port?.elementType?.dtype ?? .float32))
      }
      var outputs: [String: JSONTensor] = [:]
      for (name, value) in try shared.model.run(inputs) {
        guard case .tensor(let tensor) = value else {
          throw HTTPError(.internalServerError, message: "the output \(name) is \(value.summary), for which there is no form in JSON here")
        }
        outputs[name] = try JSONTensor(tensor)
      }
      return Response(outputs: outputs)
    } catch let error as EmberError {
      throw HTTPError(error.kind == .memory ? .contentTooLarge : .badRequest, message: "\(error)")
    }
  }
}
