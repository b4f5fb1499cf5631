import ArgumentParser
import EmberONNX
import Hummingbird
import ModelServing

@main
struct ModelServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "model-server", abstract: "Serves an ONNX model over HTTP.")

  @Argument(help: "The model.") var model: String
  @Option(help: "The address to listen at.") var host = "127.0.0.1"
  @Option(help: "The port to listen at; 0 for any.") var port = 8080
  @Option(help: "The largest request, in MiB.") var limit = 64

  func run() async throws {
    let service = try ModelService(ONNXModel(model), requestLimit: limit << 20)
    let application = Application(
      router: service.router(), configuration: .init(address: .hostname(host, port: port)),
      onServerRunning: { channel in print("listening at \(channel.localAddress?.description ?? "?")") })
    try await application.runService()
  }
}
