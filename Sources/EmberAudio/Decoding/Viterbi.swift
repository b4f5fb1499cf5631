import EmberRuntime
public import EmberTensor

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The likeliest sequence of hidden states (Viterbi, "Error bounds for convolutional codes", 1967).
///
/// With p₀ uniform, the states s₀ … sₙ make log p₀ + Σ log p(observation t | sₜ) + Σ log p(sₜ₊₁ | sₜ) largest. What is impossible counts as
/// the least normal number of float32, so that there always is a sequence; of equal states the lowest is taken. Results are those of
/// `librosa.sequence.viterbi`.
public enum Viterbi {
  /// - Parameters:
  ///   - likelihoods: [time, states], how likely what was observed is in each state, from 0 to 1.
  ///   - transitions: [states, states], the probability of going from the first state to the second.
  /// - Returns: a state for each time.
  /// - Throws: an error of kind `.shape` if the two do not fit, `.value` if a probability is negative or above 1.
  public static func states(_ likelihoods: Tensor, transitions: Tensor) throws -> [Int] {
    guard likelihoods.rank == 2, transitions.shape == [likelihoods.size(1), likelihoods.size(1)] else {
      throw EmberError(
        .shape, in: "Viterbi",
        "likelihoods \(likelihoods.shape) with transitions \(transitions.shape); they must be [time, states] and [states, states]")
    }
    let time = likelihoods.size(0), count = likelihoods.size(1)
    guard time > 0, count > 0 else { return [] }
    let smallest = Float.leastNormalMagnitude
    let observed = try likelihoods.elementsOrThrow(as: Float.self), moves = try transitions.elementsOrThrow(as: Double.self)
    guard observed.allSatisfy({ $0 >= 0 && $0 <= 1 }), moves.allSatisfy({ $0 >= 0 && $0 <= 1 + 1e-9 }) else {
      throw EmberError(.value, in: "Viterbi", "probabilities must lie between 0 and 1")
    }
    // The way to each state lies in a row, from all states before it.
    var ways = [Double](repeating: 0, count: count * count)
    for from in 0..<count { for to in 0..<count { ways[to * count + from] = log(moves[from * count + to] + Double(smallest)) } }
    var scores = (0..<count).map { Double(log(observed[$0] + smallest)) + log(1 / Double(count) + Double(smallest)) }
    var previous = [Int32](repeating: 0, count: time * count)
    var next = scores
    for t in 1..<Swift.max(time, 1) {
      for to in 0..<count {
        let (best, score) = largestSum(ways, to * count, scores)
        previous[t * count + to] = Int32(best)
        next[to] = Double(log(observed[t * count + to] + smallest)) + score
      }
      swap(&scores, &next)
    }
    var states = [Int](repeating: 0, count: time)
    states[time - 1] = scores.indices.max { scores[$0] < scores[$1] || (scores[$0] == scores[$1] && $0 > $1) } ?? 0
    for t in stride(from: time - 2, through: 0, by: -1) { states[t] = Int(previous[(t + 1) * count + states[t + 1]]) }
    return states
  }

  /// Where a row of `ways` and `scores` add up to the most, and to how much.
  private static func largestSum(_ ways: [Double], _ start: Int, _ scores: [Double]) -> (Int, Double) {
    ways.withUnsafeBufferPointer { ways in
      scores.withUnsafeBufferPointer { scores in
        var best = 0, largest = -Double.infinity
        for i in scores.indices {
          let sum = ways[start + i] + scores[i]
          if sum > largest { (best, largest) = (i, sum) }
        }
        return (best, largest)
      }
    }
  }
}
