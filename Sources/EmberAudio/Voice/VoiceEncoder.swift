public import EmberFormats
public import EmberNN
import EmberRuntime
public import EmberTensor

/// Who speaks, as a vector: near each other where one person speaks twice (Wan et al., "Generalized End-to-End Loss for Speaker
/// Verification", arXiv:1710.10467).
///
/// ```swift
/// let encoder: VoiceEncoder = try Hub.load("voice-encoder")
/// let a = try encoder.embedding(of: WAV.load("a.wav")), b = try encoder.embedding(of: WAV.load("b.wav"))
/// print((a * b).sum().item())     // the cosine of the angle between them
/// ```
///
/// Three layers of LSTM read 1.6 s of mel spectra; the last state goes through a linear layer and ReLU and is scaled to length 1.
/// Parameters are named as in resemblyzer's checkpoint: `lstm.weight_ih_l0`, `linear.weight`. What goes in must be 16 kHz speech of about
/// -30 dB without long pauses, which `embedding(of:)` sees to except for the pauses.
public final class VoiceEncoder: Module, Layer {
  /// Samples a second of what it hears.
  public static let sampleRate = 16_000
  /// Spectra of a partial utterance.
  public static let partialLength = 160
  /// Numbers of a spectrum.
  public static let bands = 40
  /// Numbers of an embedding.
  public static let width = 256
  /// Samples from one spectrum to the next, and of the frame under each.
  private static let hop = 160, frameSize = 400

  private let lstm: LSTM
  private let linear: Linear

  /// - Parameter device: `.meta` for a network whose weights will be assigned (`loadStateDict(_:strict:assign:)`).
  public init(on device: Device = .cpu) {
    lstm = LSTM(Self.bands, Self.width, numLayers: 3, batchFirst: true, on: device)
    linear = Linear(Self.width, Self.width, on: device)
    super.init()
  }

  /// A network with the weights of a checkpoint of resemblyzer (`pretrained.pt`), ready to be used.
  public convenience init(contentsOf path: String) throws {
    let state = try TorchCheckpoint.load(path).stateDict("model_state")
    self.init(on: .meta)
    // Scale and offset of the similarity are of use in training alone.
    try loadStateDict(state.filter { !$0.name.hasPrefix("similarity_") }, assign: true)
    eval()
  }

  /// Spectra [batch, time, 40] to embeddings [batch, 256] of length 1, none of whose numbers is negative.
  public func forward(_ spectra: Tensor) -> Tensor {
    let (_, (state, _)) = lstm(spectra)
    return Self.normalized(linear(state.select(0, -1)).relu())
  }

  /// Vectors of length 1; those without length stay zeros.
  private static func normalized(_ x: Tensor) -> Tensor { x / x.square().sum([-1], keepDim: true).sqrt().clamp(min: 1e-30) }

  // MARK: Utterances

  /// How an utterance is cut into partial ones.
  public struct Cut: Sendable {
    /// Partial utterances that begin in a second; at least 0.625, or speech would be left out.
    public var rate = 1.3
    /// The last partial utterance counts if this much of it is sound.
    public var minimumCoverage = 0.75

    public init() {}
  }

  /// The partial utterances of so many samples, as ranges of samples; the last may go beyond the end.
  ///
  /// - Throws: an error of kind `.value` if the rate leaves speech out or is too high to take a step.
  public static func partials(ofSamples count: Int, _ cut: Cut = Cut()) throws -> [Range<Int>] {
    let step = (Double(sampleRate) / cut.rate / Double(hop)).rounded(.toNearestOrEven)
    guard cut.rate > 0, step >= 1, step <= Double(partialLength), cut.minimumCoverage > 0, cut.minimumCoverage <= 1 else {
      throw EmberError(
        .value, in: "VoiceEncoder",
        "\(cut.rate) partial utterances a second with a coverage of \(cut.minimumCoverage); the rate must lie between 0.625 and 100, "
          + "and the coverage between 0 and 1")
    }
    let frames = (count + hop) / hop
    let starts = stride(from: 0, to: Swift.max(1, frames - partialLength + Int(step) + 1), by: Int(step))
    var ranges = starts.map { $0 * hop..<($0 + partialLength) * hop }
    let covered = Double(count - ranges[ranges.count - 1].lowerBound) / Double(partialLength * hop)
    if ranges.count > 1, covered < cut.minimumCoverage { ranges.removeLast() }
    return ranges
  }

  /// The embeddings of the partial utterances, [partial utterances, 256].
  ///
  /// - Parameter samples: [samples] at 16 kHz, of the loudness of speech.
  public func partialEmbeddings(of samples: Tensor, _ cut: Cut = Cut()) throws -> Tensor {
    guard samples.rank == 1, samples.elementCount > 0 else {
      throw EmberError(.shape, in: "VoiceEncoder", "\(samples.summary); it must be [samples], at least one")
    }
    let ranges = try Self.partials(ofSamples: samples.elementCount, cut), end = ranges[ranges.count - 1].upperBound
    let spectrogram = try MelSpectrogram(sampleRate: Self.sampleRate, frameSize: Self.frameSize, hop: Self.hop, bands: Self.bands)
    return try catchingErrors {
      noGrad {
        let missing = Swift.max(0, end - samples.elementCount), device = linear.weight.device
        let spectra = spectrogram(cat([samples.to(.float32).to(device), Tensor.zeros([missing], on: device)])).transpose(0, 1)
        let parts = stride(from: 0, to: ranges.count, by: 64).map { start in
          self(
            stack(
              ranges[start..<Swift.min(start + 64, ranges.count)].map {
                spectra.narrow(0, start: $0.lowerBound / Self.hop, length: Self.partialLength)
              }))
        }
        return cat(parts).to(.cpu)
      }
    }
  }

  /// The embedding of an utterance, [256]: the mean of those of its parts, scaled to length 1.
  ///
  /// - Parameter samples: [samples] at 16 kHz, of the loudness of speech.
  public func embedding(of samples: Tensor, _ cut: Cut = Cut()) throws -> Tensor {
    let parts = try partialEmbeddings(of: samples, cut)
    return try catchingErrors { Self.normalized(parts.mean([0])) }
  }

  /// The embedding of a recording: mixed, brought to 16 kHz, and made louder where it is below -30 dB.
  public func embedding(of sound: Sound, _ cut: Cut = Cut()) throws -> Tensor {
    try embedding(of: Self.prepared(try sound.mixed(at: Self.sampleRate)), cut)
  }

  /// The embedding of somebody of whom there are several utterances: the mean of theirs, scaled to length 1.
  public func embedding(ofSpeaker utterances: [Tensor], _ cut: Cut = Cut()) throws -> Tensor {
    guard !utterances.isEmpty else { throw EmberError(.value, in: "VoiceEncoder", "a speaker without utterances") }
    let parts = try utterances.map { try embedding(of: $0, cut) }
    return try catchingErrors { Self.normalized(stack(parts).mean([0])) }
  }

  /// Samples made louder, to -30 dB below full scale in the root of their mean square; louder ones and silence stay.
  public static func prepared(_ samples: Tensor) throws -> Tensor {
    try catchingErrors {
      let loudness = samples.square().mean().sqrt().item(as: Double.self)
      let target = 0.0316227766016838  // 10^(-30 / 20)
      return loudness > 0 && loudness < target ? samples * Float(target / loudness) : samples
    }
  }
}
