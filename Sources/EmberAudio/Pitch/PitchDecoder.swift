import EmberRuntime
public import EmberTensor

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// How probabilities of pitches, frame by frame, become one frequency a frame. The steps and the float32 numbers are those of torchcrepe.
public struct PitchDecoder: Sendable {
  public enum Method: String, Sendable, CaseIterable {
    /// The likeliest pitch of each frame.
    case argmax
    /// The mean of the nine pitches around the likeliest one. As in torchcrepe, weights are the logistic function of the probabilities,
    /// which are logistic functions already.
    case weightedArgmax = "weighted"
    /// The likeliest line through all frames, where a pitch hardly changes by 240 cents or more from one frame to the next, smaller steps
    /// being likelier.
    case viterbi
  }

  public var method = Method.viterbi
  /// Pitches outside of it, in Hz, are left out of account.
  public var range = 50.0...2006
  /// torchcrepe blurs frequencies, which otherwise are multiples of 20 cents, by noise of a triangular distribution from -20 to 20 cents.
  /// With a generator this is done here as well.
  public var dither: Generator?

  public init(method: Method = .viterbi, range: ClosedRange<Double> = 50.0...2006, dither: Generator? = nil) {
    self.method = method
    self.range = range
    self.dither = dither
  }

  /// From one pitch to the next, in cents.
  private static let step: Float = 20
  /// The lowest pitch, in cents above 10 Hz: 31.7 Hz.
  private static let lowest: Float = 1997.3794084376191

  /// The frequency of a place between pitches, counted from 0, in Hz: 10 · 2^(cents / 1200) with cents = 20 · place + 1997.38.
  public static func frequency(_ place: Double) -> Double { 10 * exp2((Double(step) * place + Double(lowest)) / 1200) }

  /// The place of a frequency between pitches, counted from 0: the other way round.
  public static func place(_ frequency: Double) -> Double { (1200 * log2(frequency / 10) - Double(lowest)) / Double(step) }

  /// - Parameter probabilities: [frames, 360], as `CREPE` gives them.
  /// - Returns: frequencies in Hz and periodicities, both [frames]. A periodicity is the probability of the pitch that was chosen: how sure
  ///   the network is that there is one.
  /// - Throws: an error of kind `.shape` for other shapes, of kind `.value` for a range that has no pitch in it.
  public func callAsFunction(_ probabilities: Tensor) throws -> (frequencies: Tensor, periodicities: Tensor) {
    let count = CREPE.pitchCount
    guard probabilities.rank == 2, probabilities.size(1) == count else {
      throw EmberError(.shape, in: "PitchDecoder", "probabilities \(probabilities.summary); they must be [frames, \(count)]")
    }
    // In float32, so that a frequency at the edge between two pitches falls on the same side.
    func cents(_ frequency: Double) -> Float { 1200 * log2(Float(frequency) / 10) }
    func place(_ cents: Float, _ rule: FloatingPointRoundingRule) -> Int {
      Int(Swift.max(0, Swift.min(((cents - Self.lowest) / Self.step).rounded(rule), Float(count))))
    }
    let first = place(cents(range.lowerBound), .down), end = place(cents(range.upperBound), .up)
    guard range.lowerBound > 0, first < end else {
      throw EmberError(
        .value, in: "PitchDecoder",
        "no pitch lies between \(range.lowerBound) and \(range.upperBound) Hz; the \(count) pitches lie between 31.7 and 2006 Hz")
    }
    return try noGrad {
      let x = probabilities.detach().to(.float32)
      let numbers = Tensor.arange(count)
      let isOutside = (numbers .< first).logicalOr(numbers .>= end)
      let allowed = x.maskedFill(isOutside, .real(-.infinity))
      if x.size(0) == 0 { return (Tensor.zeros([0]), Tensor.zeros([0])) }
      let bins: Tensor
      if method == .viterbi {
        bins = Tensor(try Viterbi.states(allowed.softmax(1), transitions: Self.transitions).map(Int64.init))
      } else {
        bins = try catchingErrors { allowed.argmax(1) }
      }
      return try catchingErrors {
        var cents: Tensor
        if method == .weightedArgmax {
          let isFar = (numbers.unsqueeze(0) - bins.unsqueeze(1)).abs() .> 4
          let weights = allowed.maskedFill(isFar, .real(-.infinity)).sigmoid()
          cents = (weights * (numbers.to(.float32) * Self.step + Self.lowest)).sum([1]) / weights.sum([1])
        } else {
          cents = bins.to(.float32) * Self.step + Self.lowest
        }
        if let dither {
          let noise = Tensor.rand([2, x.size(0)], generator: dither)
          cents = cents + (noise.select(0, 0) - noise.select(0, 1)) * Self.step
        }
        return ((cents / 1200).exp2() * 10, allowed.gather(dim: 1, index: bins.unsqueeze(1)).squeeze(1))
      }
    }
  }

  /// From pitch i to pitch j in proportion to max(0, 12 - |i - j|); rows add up to 1.
  private static let transitions: Tensor = {
    let count = CREPE.pitchCount
    var values: [Double] = []
    for from in 0..<count {
      let row = (0..<count).map { Double(Swift.max(0, 12 - abs(from - $0))) }, sum = row.reduce(0, +)
      values += row.map { $0 / sum }
    }
    return Tensor(values, shape: [count, count])
  }()
}
