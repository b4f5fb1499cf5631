import ArgumentParser
import EmberFormats
import EmberHub
import EmberTensor
import EmberTorchScript

/// `ember vad`
struct VoiceActivity: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vad", abstract: "Says where in a recording somebody speaks. Prints one line a segment: its start and its end in seconds.",
    discussion: "The model is silero's voice activity detector. Channels are mixed, and rates other than 8 and 16 kHz brought to 16 kHz.")

  @Argument(help: "A WAV file.") var recording: String
  @Option(help: modelHelp) var model = "silero-vad"
  @Option(help: "The probability from which on a frame is speech.") var threshold = 0.5
  @Option(help: "Shorter speech is left out, in milliseconds.") var minimumSpeech = 250.0
  @Option(help: "Shorter pauses do not end a segment, in milliseconds.") var minimumSilence = 100.0
  @Option(help: "Longer speech is cut, in seconds.") var maximumSpeech = Double.infinity
  @Option(help: "Each segment grows by this on both sides, in milliseconds.") var padding = 30.0
  @Flag(help: "Print one line of JSON with the probability of every frame as well.") var json = false

  func run() throws {
    let detector = model.hasSuffix(".jit") || model.hasSuffix(".pt") ? try SpeechDetector(contentsOf: model) : try Hub.load(model)
    var options = SpeechDetector.Options()
    options.threshold = threshold
    options.minimumSpeech = minimumSpeech
    options.minimumSilence = minimumSilence
    options.maximumSpeech = maximumSpeech
    options.padding = padding
    var sound = try WAV.load(recording)
    sound = Sound(sampleRate: sound.sampleRate, samples: sound.mono.unsqueeze(0))
    if sound.sampleRate != 8000 { sound = try sound.resampled(to: 16_000) }
    let samples = sound.samples.squeeze(0), rate = sound.sampleRate
    let probabilities = try detector.probabilities(of: samples, sampleRate: rate)
    let segments = SpeechDetector.segments(probabilities, sampleRate: rate, sampleCount: samples.elementCount, options: options)
    if json {
      let list = segments.map { "[\($0.samples.lowerBound), \($0.samples.upperBound)]" }.joined(separator: ", ")
      let numbers = probabilities.map(JSONText.number).joined(separator: ", ")
      print("{\"sampleRate\": \(rate), \"segments\": [\(list)], \"probabilities\": [\(numbers)]}")
      return
    }
    for segment in segments { print("\(NumberText.fixed(segment.start, decimals: 3)) \(NumberText.fixed(segment.end, decimals: 3))") }
  }
}
