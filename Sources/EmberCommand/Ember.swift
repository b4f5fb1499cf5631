import ArgumentParser

@main
struct EmberCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ember", abstract: "Tools around Ember.",
    subcommands: [
      Doctor.self, Conformance.self, ConformanceWorker.self, Operators.self, ONNXTest.self, ONNXTestWorker.self, ONNXOperators.self, Run.self,
    ])
}
