import CEmberKernels
import EmberRuntime

/// The CPU's random state: mt19937, drawn from in PyTorch's order.
final class MersenneTwister: GeneratorState {
  private let state: UnsafeMutablePointer<ember_generator>

  init(seed: UInt64) {
    state = .allocate(capacity: 1)
    state.initialize(to: ember_generator())
    ember_generator_seed(state, seed)
  }

  deinit { state.deallocate() }

  func seed(_ seed: UInt64) { ember_generator_seed(state, seed) }
  func next() -> UInt64 { ember_random64(state) }

  /// PyTorch's saved form, as `torch.get_rng_state` gives it.
  var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(EMBER_GENERATOR_STATE_BYTES))
    ember_generator_get_state(state, &bytes)
    return bytes
  }

  func restore(_ bytes: [UInt8]) -> Bool {
    bytes.count == Int(EMBER_GENERATOR_STATE_BYTES) && ember_generator_set_state(state, bytes)
  }

  func bernoulli(_ probabilities: Operand, into output: Operand) -> Bool {
    ember_random_bernoulli(
      state, output.kernelDType, output.pointer, Int64(output.shape.elementCount), probabilities.kernelDType, probabilities.pointer)
  }

  func draw(_ distribution: ElementDistribution, _ parameters: Operand, into output: Operand) -> Bool {
    switch distribution {
    case .gamma:
      return ember_random_gamma(state, parameters.kernelDType, parameters.pointer, output.pointer, Int64(output.shape.elementCount))
    }
  }

  func multinomial(_ weights: Operand, rows: Int, samples: Int, replacement: Bool, into output: Operand) -> Bool {
    let categories = weights.shape.elementCount / max(rows, 1)
    return ember_random_multinomial(
      state, weights.kernelDType, weights.pointer, Int64(rows), Int64(categories), Int64(samples), replacement,
      output.pointer?.assumingMemoryBound(to: Int64.self))
  }

  func fill(_ output: Operand, from distribution: RandomDistribution) -> Bool {
    let dtype = output.kernelDType, pointer = output.pointer, count = Int64(output.shape.elementCount)
    switch distribution {
    case .uniform(let low, let high): return ember_random_uniform(state, dtype, pointer, count, low, high)
    case .normal(let mean, let deviation): return ember_random_normal(state, dtype, pointer, count, mean, deviation)
    case .integers(let low, let high): return ember_random_integers(state, dtype, pointer, count, low, high)
    case .permutation:
      guard output.dtype == .int64 else { return false }
      ember_random_permutation(state, pointer?.assumingMemoryBound(to: Int64.self), count)
      return true
    case .bernoulli(let probability): return ember_random_bernoulli_scalar(state, dtype, pointer, count, probability)
    case .exponential(let rate): return ember_random_exponential(state, dtype, pointer, count, rate)
    case .logNormal(let mean, let deviation): return ember_random_log_normal(state, dtype, pointer, count, mean, deviation)
    case .cauchy(let median, let sigma): return ember_random_cauchy(state, dtype, pointer, count, median, sigma)
    case .geometric(let probability): return ember_random_geometric(state, dtype, pointer, count, probability)
    }
  }
}
