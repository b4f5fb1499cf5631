import ArgumentParser

@main
struct EmberCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ember", abstract: "Tools around Ember.",
    subcommands: [
      CHeader.self, Conformance.self, ConformanceWorker.self, Doctor.self, ONNXTest.self, ONNXTestWorker.self, Operators.self, Run.self,
    ])
}
