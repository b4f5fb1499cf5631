import ArgumentParser

@main
struct EmberCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ember", abstract: "Models from the hub, and tools around Ember.",
    subcommands: [
      Embed.self, Chat.self, Generate.self, Classify.self, VoiceActivity.self, Pitch.self, Voice.self, Tokenize.self, HubCommand.self,
      Run.self, Inspect.self, Convert.self, Export.self, Doctor.self, Operators.self,
      Conformance.self, ConformanceWorker.self, ONNXTest.self, ONNXTestWorker.self, ONNXOperators.self, CHeader.self,
    ])
}
