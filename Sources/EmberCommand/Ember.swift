import ArgumentParser

@main
struct EmberCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ember", abstract: "Tools around Ember.",
    subcommands: [Doctor.self, Inspect.self, Convert.self, Conformance.self, ConformanceWorker.self, Operators.self])
}
