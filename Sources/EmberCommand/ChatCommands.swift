import ArgumentParser
import EmberHub
import EmberTensor
import EmberText
import Foundation

/// How tokens are drawn, for the commands that do.
struct SamplingOptions: ParsableArguments {
  @Option(help: "Below 1 likely words become likelier; 0 takes the likeliest one each time.") var temperature = 0.7
  @Option(help: "Draw among this many likeliest tokens only.") var topK: Int?
  @Option(help: "Draw among the fewest likeliest tokens that together have this probability.") var topP: Double?
  @Option(help: "Gives the same text each time.") var seed: UInt64?
  @Option(help: "The most tokens to generate.") var limit = 512

  func validate() throws {
    if !(temperature >= 0) { throw ValidationError("--temperature \(temperature): it must be 0 or more.") }
    if let topK, topK < 1 { throw ValidationError("--top-k \(topK): it must be 1 or more.") }
    if let topP, !(topP > 0 && topP <= 1) { throw ValidationError("--top-p \(topP): it must be more than 0 and at most 1.") }
    if limit < 1 { throw ValidationError("--limit \(limit): it must be 1 or more.") }
  }

  var sampling: Sampling { Sampling(temperature: temperature, topK: topK, topP: topP) }
  var generator: Generator? { seed.map { Generator(seed: $0) } }
}

/// `ember chat`
struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Talks with a language model.", discussion: "With a message it answers and ends. Without, it goes on until an empty line or Ctrl-D.")

  @Argument(help: "A message.") var message: [String] = []
  @Option(help: modelHelp) var model = "smollm2"
  @Option(help: "What the model is told before the conversation.") var system: String?
  @OptionGroup var options: SamplingOptions

  func run() throws {
    let model: LanguageModel = try Hub.load(self.model)
    var messages = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
    let generator = options.generator
    func answer() throws {
      let reply = try model.reply(to: messages, limit: options.limit, sampling: options.sampling, generator: generator) {
        show($0)
        return true
      }
      print()
      messages.append(ChatMessage(role: "assistant", content: reply))
    }
    if !message.isEmpty {
      messages.append(ChatMessage(role: "user", content: message.joined(separator: " ")))
      return try answer()
    }
    while true {
      show("> ")
      guard let line = readLine(), !line.isEmpty else { break }
      messages.append(ChatMessage(role: "user", content: line))
      try answer()
    }
  }
}

/// `ember generate`
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continues a text with a language model.", discussion: "Without a text it reads texts from standard input, one a line, as JSON strings with --json.")

  @Argument(help: "A text.") var prompt: [String] = []
  @Option(help: modelHelp) var model = "smollm2"
  @OptionGroup var options: SamplingOptions
  @Flag(help: "Print one line of JSON a text: the numbers of the new tokens and the seconds they took, the first one apart.") var json = false

  func run() throws {
    let model: LanguageModel = try Hub.load(self.model)
    let generator = options.generator
    if !prompt.isEmpty { return try generate(model, prompt.joined(separator: " "), generator) }
    while let line = readLine() { try generate(model, json ? JSONText.text(line) : line, generator) }
  }

  private func generate(_ model: LanguageModel, _ text: String, _ generator: Generator?) throws {
    guard json else {
      show(text)
      try model.generate(text, limit: options.limit, sampling: options.sampling, generator: generator) { show($0) }
      return print()
    }
    model.reset()
    var times: [Date] = [Date()]
    let tokens = try model.generate(
      model.tokenizer.encode(text).numbers, limit: options.limit, sampling: options.sampling, generator: generator
    ) { _ in
      times.append(Date())
      return true
    }
    let first = times.count > 1 ? times[1].timeIntervalSince(times[0]) : 0, rest = times[times.count - 1].timeIntervalSince(times[times.count > 1 ? 1 : 0])
    // At once, for a program that waits for it before it asks on.
    show("{\"numbers\": [\(tokens.map { "\($0)" }.joined(separator: ", "))], \"first\": \(first), \"rest\": \(rest)}\n")
  }
}

/// Prints without a line break, at once.
private func show(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
