#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Scales of pitch as ears judge it: equal steps sound equally far apart.
public enum MelScale: Sendable {
  /// Linear up to 1 kHz, 3f / 200, and logarithmic above, 15 + 27 ln(f / 1000) / ln 6.4; Slaney's Auditory Toolbox (1998) and librosa's
  /// default.
  case slaney
  /// 2595 log₁₀(1 + f / 700); O'Shaughnessy (1987), as in the Hidden Markov Model Toolkit.
  case htk

  /// The mels of a frequency in Hz.
  public func mels(_ frequency: Double) -> Double {
    switch self {
    case .slaney: frequency < 1000 ? 3 * frequency / 200 : 15 + log(frequency / 1000) * 27 / log(6.4)
    case .htk: 2595 * log10(1 + frequency / 700)
    }
  }

  /// The frequency in Hz that has so many mels.
  public func frequency(_ mels: Double) -> Double {
    switch self {
    case .slaney: mels < 15 ? 200 * mels / 3 : 1000 * exp((mels - 15) * log(6.4) / 27)
    case .htk: 700 * (pow(10, mels / 2595) - 1)
    }
  }
}
