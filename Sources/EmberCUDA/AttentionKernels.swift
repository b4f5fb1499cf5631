import EmberRuntime
import Synchronization

/// Whose kernels compute attention.
package enum AttentionKernels: String, Sendable {
  /// cuDNN's where they are faster, since Hopper, whose instructions Ember's kernels do not use, and where that outweighs making a plan.
  case automatic
  /// Ember's.
  case own
  /// cuDNN's wherever it can, Ember's elsewhere.
  case cudnn

  private static let selection = Mutex(
    LibrarySearch.environment("EMBER_CUDA_ATTENTION").flatMap { AttentionKernels(rawValue: $0) } ?? .automatic)

  /// What all devices use; at first what EMBER_CUDA_ATTENTION names. Both write the same logarithms, so it may change between a forward
  /// pass and its backward pass.
  package static var selected: AttentionKernels {
    get { selection.withLock { $0 } }
    set { selection.withLock { $0 = newValue } }
  }

  /// How many passes cuDNN has run, for tests and measurements.
  package static var callsOfCuDNN: Int { CuDNNAttention.callCount }
}

/// How much work attention of each geometry has done.
///
/// cuDNN compiles its kernels for a geometry, for about a second, and saves half of a pass that takes a fraction of a millisecond. Training
/// repeats its geometry thousands of times; prompts have a length each.
package struct AttentionWork {
  private struct Geometry: Hashable {
    let dtype: DType
    let heads: Int
    let queries: Int
    let keys: Int
    let features: Int
    let isCausal: Bool
  }
  private struct Sum {
    var operations = 0.0
    var isTraining = false
  }
  /// So many operations of a geometry that is being trained with, or of another, are some 0.4 or 40 ms of Ember's kernels on an H100.
  private static let fewOperations = 1e11, manyOperations = 1e13
  private var sums: [Geometry: Sum] = [:]
  private static let all = Mutex(AttentionWork())

  package init() {}

  /// Whether a plan for the pass pays by what there has been before it.
  package mutating func pays(
    dtype: DType, heads: Int, queries: Int, keys: Int, features: Int, isCausal: Bool, isBackward: Bool
  ) -> Bool {
    let geometry = Geometry(dtype: dtype, heads: heads, queries: queries, keys: keys, features: features, isCausal: isCausal)
    var sum = sums[geometry] ?? Sum()
    if isBackward { sum.isTraining = true }
    if sum.operations >= (sum.isTraining ? Self.fewOperations : Self.manyOperations) {
      sums[geometry] = sum
      return true
    }
    // Two products forward, five backward.
    let products = isBackward ? 5.0 : 2.0
    sum.operations += products * 2 * Double(heads) * Double(queries) * Double(keys) * Double(features) * (isCausal ? 0.5 : 1)
    sums[geometry] = sum
    return false
  }

  static func paysCuDNN(_ call: AttentionCall) -> Bool {
    all.withLock {
      $0.pays(
        dtype: call.q.dtype, heads: call.q.shape.product(0..<2), queries: call.queries, keys: call.keys,
        features: call.q.shape[unchecked: 3], isCausal: call.isCausal, isBackward: call.gradients != nil)
    }
  }
}
