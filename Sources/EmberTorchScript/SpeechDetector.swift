public import EmberFormats
import EmberRuntime
public import EmberTensor

/// Silero's voice activity detector: where in a recording somebody speaks.
///
/// ```swift
/// let detector = try SpeechDetector(contentsOf: "silero_vad.jit")
/// for segment in try detector.segments(of: WAV.load("speech.wav")) { print(segment.start, segment.end) }
/// ```
///
/// The model is the package's own TorchScript archive; how its probabilities become segments follows silero-vad's `get_speech_timestamps`.
public final class SpeechDetector {
  /// How probabilities become segments; the values at first are silero-vad's.
  public struct Options: Sendable {
    /// From this probability on a frame is speech.
    public var threshold = 0.5
    /// Below this probability speech may end; by default 0.15 below `threshold`.
    public var negativeThreshold: Double?
    /// Shorter speech is left out, in milliseconds.
    public var minimumSpeech = 250.0
    /// Longer speech is cut, in seconds.
    public var maximumSpeech = Double.infinity
    /// Shorter pauses do not end a segment, in milliseconds.
    public var minimumSilence = 100.0
    /// The shortest pause at which speech that is too long may be cut, in milliseconds.
    public var minimumSilenceAtCut = 98.0
    /// Whether speech that is too long is cut at its longest pause, not its last.
    public var cutsAtLongestSilence = true
    /// Each segment grows by this on both sides, in milliseconds.
    public var padding = 30.0

    public init() {}
  }

  /// A stretch of speech.
  public struct Segment: Sendable, Hashable {
    /// Its samples, counted at `sampleRate`.
    public var samples: Range<Int>
    public let sampleRate: Int
    /// In seconds.
    public var start: Double { Double(samples.lowerBound) / Double(sampleRate) }
    public var end: Double { Double(samples.upperBound) / Double(sampleRate) }
  }

  public let model: TorchScriptModule

  /// Loads `silero_vad.jit`.
  public convenience init(contentsOf path: String) throws { try self.init(try TorchScriptModule.load(path)) }

  /// - Throws: if the module lacks what silero's has: `forward` of a chunk and its rate, and `reset_states`.
  public init(_ model: TorchScriptModule) throws {
    let methods = Set(model.methods.map(\.name))
    guard methods.isSuperset(of: ["forward", "reset_states"]) else {
      throw EmberError(.value, in: "SpeechDetector", "\(model.className) has no forward and reset_states, so it is no detector of silero's")
    }
    model.eval()
    self.model = model
  }

  /// The probability of speech in each frame: 512 samples at 16 kHz, 256 at 8 kHz. The last frame is filled up with silence.
  ///
  /// - Parameter samples: [samples].
  public func probabilities(of samples: Tensor, sampleRate: Int) throws -> [Double] {
    guard sampleRate == 8000 || sampleRate == 16_000, samples.rank == 1 else {
      throw EmberError(
        .value, in: "SpeechDetector", "\(samples.summary) at \(sampleRate) Hz; it must be [samples] at 8000 or 16000 Hz (Sound.resampled)")
    }
    let size = Self.frameSize(sampleRate), count = samples.elementCount
    return try noGrad {
      try model.call("reset_states")
      return try stride(from: 0, to: count, by: size).map { start in
        let chunk = try catchingErrors {
          let part = samples.slice(0, start: start, end: min(start + size, count)).to(.float32)
          return part.elementCount == size ? part : cat([part, Tensor.zeros([size - part.elementCount])])
        }
        guard let result = try model.call("forward", [.tensor(chunk), .integer(sampleRate)]).tensor, result.elementCount == 1 else {
          throw EmberError(.value, in: "SpeechDetector", "\(model.className).forward did not return one number")
        }
        return result.item(as: Double.self)
      }
    }
  }

  /// The segments of speech in a recording, which is mixed to one channel and brought to 16 kHz if it has another rate than 8 or 16 kHz.
  public func segments(of sound: Sound, options: Options = Options()) throws -> [Segment] {
    let rate = sound.sampleRate == 8000 ? 8000 : 16_000, samples = try sound.mixed(at: rate)
    let probabilities = try probabilities(of: samples, sampleRate: rate)
    return Self.segments(probabilities, sampleRate: rate, sampleCount: samples.elementCount, options: options)
  }

  private static func frameSize(_ sampleRate: Int) -> Int { sampleRate == 16_000 ? 512 : 256 }

  // MARK: Segments

  /// Segments of frames' probabilities.
  public static func segments(_ probabilities: [Double], sampleRate: Int, sampleCount: Int, options: Options = Options()) -> [Segment] {
    var search = Search(sampleRate: sampleRate, sampleCount: sampleCount, options: options)
    for (i, probability) in probabilities.enumerated() { search.add(probability, at: i * frameSize(sampleRate)) }
    return search.finish().map { Segment(samples: $0.start..<max($0.start, $0.end), sampleRate: sampleRate) }
  }

  /// Goes over the frames once and remembers where speech began and where it may have ended.
  private struct Search {
    let sampleCount: Int
    let options: Options
    let negativeThreshold: Double
    // In samples:
    let minimumSpeech, padding, maximumSpeech, minimumSilence, minimumSilenceAtCut: Double

    private var found: [(start: Int, end: Int)] = []
    private var isSpeech = false
    private var start: Int?
    /// Where a pause began that may end the segment, the last pause long enough for a cut, and where speech went on after it; 0 for none.
    private var pause = 0, lastEnd = 0, next = 0
    private var possibleEnds: [(position: Int, silence: Int)] = []

    init(sampleRate: Int, sampleCount: Int, options: Options) {
      self.sampleCount = sampleCount
      self.options = options
      negativeThreshold = options.negativeThreshold ?? max(options.threshold - 0.15, 0.01)
      let rate = Double(sampleRate)
      minimumSpeech = rate * options.minimumSpeech / 1000
      padding = rate * options.padding / 1000
      maximumSpeech = rate * options.maximumSpeech - Double(frameSize(sampleRate)) - 2 * padding
      minimumSilence = rate * options.minimumSilence / 1000
      minimumSilenceAtCut = rate * options.minimumSilenceAtCut / 1000
    }

    mutating func add(_ probability: Double, at position: Int) {
      let isLoud = probability >= options.threshold
      if isLoud, pause != 0 {
        let silence = position - pause
        if Double(silence) > minimumSilenceAtCut { possibleEnds.append((pause, silence)) }
        pause = 0
        if next < lastEnd { next = position }
      }
      if isLoud, !isSpeech {
        isSpeech = true
        start = position
        return
      }
      if isSpeech, let begin = start, Double(position - begin) > maximumSpeech, cut(begin, at: position) { return }
      guard probability < negativeThreshold, isSpeech else { return }
      if pause == 0 { pause = position }
      let silence = Double(position - pause)
      if !options.cutsAtLongestSilence, silence > minimumSilenceAtCut { lastEnd = pause }
      guard silence >= minimumSilence else { return }
      if let begin = start, Double(pause - begin) > minimumSpeech { found.append((begin, pause)) }
      start = nil
      forget()
      isSpeech = false
    }

    private mutating func forget() {
      lastEnd = 0
      next = 0
      pause = 0
      possibleEnds = []
    }

    /// Cuts speech that has become too long. Returns whether the frame is dealt with.
    private mutating func cut(_ begin: Int, at position: Int) -> Bool {
      if options.cutsAtLongestSilence, let longest = possibleEnds.max(by: { $0.silence < $1.silence }) {
        // Of equally long pauses the first.
        let chosen = possibleEnds.first { $0.silence == longest.silence } ?? longest
        found.append((begin, chosen.position))
        let goesOn = chosen.position + chosen.silence
        if goesOn < chosen.position + position {
          start = goesOn
        } else {
          start = nil
          isSpeech = false
        }
        forget()
        return false
      }
      if lastEnd != 0 {
        found.append((begin, lastEnd))
        if next < lastEnd {
          start = nil
          isSpeech = false
        } else {
          start = next
        }
        forget()
        return false
      }
      found.append((begin, position))
      start = nil
      isSpeech = false
      forget()
      return true
    }

    /// The segments with padding, which neighbours share where there is too little silence between them.
    mutating func finish() -> [(start: Int, end: Int)] {
      if let begin = start, Double(sampleCount - begin) > minimumSpeech { found.append((begin, sampleCount)) }
      for i in found.indices {
        if i == 0 { found[0].start = Int(max(0, Double(found[0].start) - padding)) }
        guard i + 1 < found.count else {
          found[i].end = Int(min(Double(sampleCount), Double(found[i].end) + padding))
          continue
        }
        let silence = found[i + 1].start - found[i].end
        if Double(silence) < 2 * padding {
          let half = Int((Double(silence) / 2).rounded(.down))
          found[i].end += half
          found[i + 1].start = max(0, found[i + 1].start - half)
        } else {
          found[i].end = Int(min(Double(sampleCount), Double(found[i].end) + padding))
          found[i + 1].start = Int(max(0, Double(found[i + 1].start) - padding))
        }
      }
      return found
    }
  }
}
