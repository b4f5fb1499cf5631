import EmberRuntime
import EmberSpectral
public import EmberTensor

/// The energy of a sound in bands of mels, frame by frame: a short-time Fourier transform with Hann's window, its squared magnitudes, and
/// triangular filters over them. Numbers are those of `librosa.feature.melspectrogram`, without a logarithm.
public struct MelSpectrogram: Sendable {
  /// Samples of a frame, and from one frame to the next.
  public let frameSize, hop: Int
  public let filters: MelFilterBank
  private let window: Tensor

  /// - Throws: an error of kind `.value` as `MelFilterBank` does, or if `hop` is not positive.
  public init(
    sampleRate: Int, frameSize: Int, hop: Int, bands: Int, range: ClosedRange<Double>? = nil, scale: MelScale = .slaney,
    normalization: MelFilterBank.Normalization = .area
  ) throws {
    guard hop > 0 else { throw EmberError(.value, in: "MelSpectrogram", "frames that begin \(hop) samples after each other") }
    self.frameSize = frameSize
    self.hop = hop
    filters = try MelFilterBank(
      sampleRate: sampleRate, frameSize: frameSize, bands: bands, range: range, scale: scale, normalization: normalization)
    window = Windows.hann(frameSize, isSymmetric: false)
  }

  /// Samples [.., samples] to [.., bands, frames], 1 + samples / hop frames. The middle of frame t is sample t · hop; what lies before the
  /// sound and after it counts as silence.
  public func callAsFunction(_ samples: Tensor) -> Tensor {
    let spectra = samples.stft(frameSize, hop: hop, window: window.to(samples.device), padding: .constant)
    return filters(spectra.abs().square())
  }
}
