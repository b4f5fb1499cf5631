import EmberRuntime
public import EmberTensor

/// Overlapping triangular filters whose centres are equally far apart in mels: they gather the frequencies of a spectrum to fewer bands.
///
/// With m₀ … mₙ₊₁ equally spaced mels from `range`'s lower to its upper end, and fᵢ the frequency of mᵢ, band i weighs a frequency f by
/// max(0, min((f - fᵢ₋₁) / (fᵢ - fᵢ₋₁), (fᵢ₊₁ - f) / (fᵢ₊₁ - fᵢ))). Numbers are those of `librosa.filters.mel`.
public struct MelFilterBank: Sendable {
  public enum Normalization: Sendable {
    /// The peak of each triangle is 1.
    case peak
    /// The area of each triangle is 1 Hz: weights are multiplied by 2 / (fᵢ₊₁ - fᵢ₋₁).
    case area
  }

  /// [bands, frameSize / 2 + 1], float32.
  public let weights: Tensor

  /// - Parameters:
  ///   - frameSize: samples of the frames that were transformed; the spectrum has the frequencies k · sampleRate / frameSize, k from 0 to
  ///     half of it.
  ///   - bands: number of filters.
  ///   - range: in Hz; up to half of the sample rate if left out.
  /// - Throws: an error of kind `.value` if the sizes are not positive, or the range lies outside of 0 to half of the sample rate.
  public init(
    sampleRate: Int, frameSize: Int, bands: Int, range: ClosedRange<Double>? = nil, scale: MelScale = .slaney,
    normalization: Normalization = .area
  ) throws {
    let nyquist = Double(sampleRate) / 2, range = range ?? 0...max(nyquist, 0)
    guard sampleRate > 0, frameSize > 0, bands > 0, range.lowerBound >= 0, range.upperBound <= nyquist, range.lowerBound < range.upperBound
    else {
      throw EmberError(
        .value, in: "MelFilterBank",
        "\(bands) bands from \(range.lowerBound) to \(range.upperBound) Hz of frames of \(frameSize) samples at \(sampleRate) Hz; "
          + "sizes must be positive and the range lie between 0 and \(nyquist) Hz")
    }
    let first = scale.mels(range.lowerBound), step = (scale.mels(range.upperBound) - first) / Double(bands + 1)
    let corners = (0...bands + 1).map { scale.frequency(first + Double($0) * step) }
    let count = frameSize / 2 + 1
    var weights: [Float] = []
    weights.reserveCapacity(bands * count)
    for band in 1...bands {
      let (low, centre, high) = (corners[band - 1], corners[band], corners[band + 1])
      for k in 0..<count {
        let frequency = Double(k) * Double(sampleRate) / Double(frameSize)
        let height = Swift.max(0, Swift.min((frequency - low) / (centre - low), (high - frequency) / (high - centre)))
        // Rounded first, as librosa does it.
        weights.append(normalization == .area ? Float(Double(Float(height)) * 2 / (high - low)) : Float(height))
      }
    }
    self.weights = try catchingErrors { Tensor(weights, shape: [bands, count]) }
  }

  /// The bands [.., bands, frames] of spectra [.., frequencies, frames].
  public func callAsFunction(_ spectra: Tensor) -> Tensor { weights.to(spectra.device).matmul(spectra) }
}
