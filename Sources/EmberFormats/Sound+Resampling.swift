import EmberRuntime
public import EmberTensor

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

extension Sound {
  /// The most samples of all channels that resampling makes of so many: 64 of each (from 250 Hz to 16 kHz), 4 million in any case, and at most 18
  /// hours at 16 kHz. A file's header may claim any rate: one of 1 Hz makes 16,000 samples of each.
  private static func resampledLimit(_ count: Int) -> Int { min(1 << 30, max(1 << 22, 64 * min(count, 1 << 30))) }

  /// The recording at another rate: a low pass below half of the smaller rate, then interpolation, as one windowed sinc.
  ///
  /// The filter is that of `torchaudio.transforms.Resample` with its defaults: six zero crossings to each side, a cut-off at 0.99 of the
  /// band, a window of Hann's form (cos²). J. O. Smith, "Digital Audio Resampling", describes the method.
  public func resampled(to rate: Int) throws -> Sound {
    guard rate > 0, sampleRate > 0, rate <= 1 << 24, sampleRate <= 1 << 24 else {
      throw EmberError(.value, in: "resampled", "from \(sampleRate) to \(rate) samples per second; both must be positive")
    }
    if rate == sampleRate { return self }
    var (a, b) = (sampleRate, rate)
    while b != 0 { (a, b) = (b, a % b) }
    let old = sampleRate / a, new = rate / a
    let filter = SincFilter(from: old, to: new)
    let channels = samples.size(0), count = samples.size(1)
    guard filter.taps * new <= 1 << 26 else {
      throw EmberError(.value, in: "resampled", "from \(sampleRate) to \(rate) samples per second: the rates have too small a common divisor")
    }
    let limit = Self.resampledLimit(samples.elementCount)
    let (scaled, overflows) = count.multipliedReportingOverflow(by: new)
    let outputCount = scaled / old + (scaled % old == 0 ? 0 : 1)
    let (total, isTooLong) = channels.multipliedReportingOverflow(by: outputCount)
    guard !overflows, !isTooLong, total <= limit else {
      throw EmberError(
        .value, in: "resampled",
        "\(channels) × \(count) samples from \(sampleRate) to \(rate) a second make more than \(limit) samples")
    }
    let values = samples.elements(as: Float.self)
    var result = [Float](repeating: 0, count: total)
    for channel in 0..<channels {
      values.withUnsafeBufferPointer { values in
        let source = UnsafeBufferPointer(rebasing: values[channel * count..<(channel + 1) * count])
        for i in 0..<outputCount { result[channel * outputCount + i] = filter.sample(i, of: source) }
      }
    }
    return Sound(sampleRate: rate, samples: try catchingErrors { Tensor(result, shape: [channels, outputCount]) }, encoding: encoding)
  }
}

extension Sound {
  /// The mean of all channels at another rate: [samples].
  public func mixed(at rate: Int) throws -> Tensor {
    let mono = Sound(sampleRate: sampleRate, samples: try catchingErrors { self.mono.unsqueeze(0) })
    return try mono.resampled(to: rate).samples.squeeze(0)
  }
}

/// One filter for each of the `new` places that an output sample can have between input samples.
private struct SincFilter {
  private let old: Int, new: Int
  /// Input samples to either side.
  private let width: Int
  let taps: Int
  private let kernels: [Float]

  private static let zeroCrossings = 6.0
  private static let rolloff = 0.99

  init(from old: Int, to new: Int) {
    self.old = old
    self.new = new
    let cutOff = Double(min(old, new)) * Self.rolloff
    let width = Int((Self.zeroCrossings * Double(old) / cutOff).rounded(.up)), taps = 2 * width + old
    self.width = width
    self.taps = taps
    var kernels: [Float] = []
    guard taps * new <= 1 << 26 else {
      self.kernels = []
      return
    }
    kernels.reserveCapacity(taps * new)
    for phase in 0..<new {
      for tap in 0..<taps {
        var t = (Double(tap - width) / Double(old) - Double(phase) / Double(new)) * cutOff
        t = min(max(t, -Self.zeroCrossings), Self.zeroCrossings)
        let window = cos(t * .pi / Self.zeroCrossings / 2)
        let angle = t * .pi
        kernels.append(Float((angle == 0 ? 1 : sin(angle) / angle) * window * window * cutOff / Double(old)))
      }
    }
    self.kernels = kernels
  }

  func sample(_ position: Int, of source: UnsafeBufferPointer<Float>) -> Float {
    let (frame, phase) = position.quotientAndRemainder(dividingBy: new)
    let first = frame * old - width
    var sum: Float = 0
    kernels.withUnsafeBufferPointer { kernels in
      for tap in max(0, -first)..<max(max(0, -first), min(taps, source.count - first)) {
        sum += kernels[phase * taps + tap] * source[first + tap]
      }
    }
    return sum
  }
}
