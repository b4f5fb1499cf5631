import EmberRuntime
import EmberTensor
import Synchronization

/// A function at all sizes of its dynamic dimensions, known from a few captures.
///
/// A Swift function may do at one size what it does at no other, and nobody sees it compare numbers. So what was derived serves only
/// between sizes at which captures gave just what was foretold, in all combinations of smallest and largest, and not where an extent
/// would be 0 or 1. Beyond, further captures decide.
final class DynamicProgram: Sendable {
  typealias Capture = (_ sizes: [Int]) throws -> Recording

  private let dimensions: OpenDimensions
  private let forward: GraphFamily
  private let backward: GraphFamily?
  private let example: Recording
  private let base: CompiledProgram
  private let bounds: Mutex<[Bounds]>

  /// How far the rules hold in one dimension.
  private struct Bounds {
    /// The sizes for which they are known to hold.
    var verified: ClosedRange<Int>
    /// The next sizes at which they were found not to.
    var barriers = (below: Int.min, above: Int.max)
  }

  /// The graph with the names of the dimensions.
  var graph: Graph { forward.base }
  var guardsHold: Bool { base.guardsHold }

  /// - Throws: where what is computed depends on the sizes in no known way.
  init(_ dimensions: OpenDimensions, _ recordings: [Recording], _ sizes: CaptureSizes, _ capture: Capture) throws {
    self.dimensions = dimensions
    let example = recordings[0]
    self.example = example
    guard recordings.allSatisfy({ $0.hasLayout(of: example) }) else {
      throw EmberError(.value, in: "compile", "which gradients there are depends on the sizes; there is a graph for each size")
    }
    forward = try GraphFamily(recordings.map(\.forward), sizes, names: dimensions.names)
    let derivatives = recordings.compactMap(\.derivative?.graph)
    backward = derivatives.isEmpty ? nil : try GraphFamily(derivatives, sizes, names: dimensions.names)
    base = CompiledProgram(example)
    // All combinations of these were captured.
    bounds = Mutex(zip(sizes.base, sizes.steps).map { Bounds(verified: min($0, $0 + $1)...max($0, $0 + $1)) })
    let known = zip(dimensions.all, bounds.withLock { $0.map(\.verified) })
    // Downwards to the smallest size that is not special, upwards to the end of the range or a power of two: what is done to sizes that
    // are aligned shows there.
    var lower = known.map { min(max($0.dim.range?.lowerBound ?? 2, 2), $1.lowerBound) }
    while !covers(lower), recording(at: lower) == nil { lower = zip(lower, known).map { min($0 + 1, $1.1.lowerBound) } }
    let upper = known.map { max($0.dim.range?.upperBound ?? ($1.upperBound + 2).nextPowerOfTwo, $1.upperBound) }
    if !extend(to: [lower, upper], capture) { for end in [lower, upper] { _ = extend(to: [end], capture) } }
  }

  /// What runs at these sizes. Nil where they are special or the function does something else, so that a capture of their own must say
  /// what to do.
  func program(at sizes: [Int], _ capture: Capture) -> CompiledProgram? {
    guard sizes.allSatisfy({ $0 > 1 }), covers(sizes) || reaches(sizes, capture), let recording = recording(at: sizes) else { return nil }
    // An operation may have its own mind about sizes between others.
    do {
      try recording.forward.verify()
      try recording.derivative?.graph.verify()
    } catch { return nil }
    return CompiledProgram(recording, like: base)
  }

  private func covers(_ sizes: [Int]) -> Bool {
    bounds.withLock { zip($0, sizes).allSatisfy { $0.verified.contains($1) } }
  }

  /// Whether the rules hold at sizes beyond those that are known; if so they are known from now on, and larger ones up to a power of two.
  private func reaches(_ sizes: [Int], _ capture: Capture) -> Bool {
    let known = bounds.withLock { $0 }
    guard zip(sizes, known).allSatisfy({ $0 > $1.barriers.below && $0 < $1.barriers.above }) else { return false }
    let far = zip(sizes, known).map { $0 > $1.verified.upperBound ? min($0.nextPowerOfTwo, $1.barriers.above - 1) : $0 }
    if extend(to: [far], capture) { return true }
    if far != sizes, extend(to: [sizes], capture) { return true }
    bounds.withLock { bounds in
      for (i, size) in sizes.enumerated() {
        if size > bounds[i].verified.upperBound { bounds[i].barriers.above = min(bounds[i].barriers.above, size) }
        if size < bounds[i].verified.lowerBound { bounds[i].barriers.below = max(bounds[i].barriers.below, size) }
      }
    }
    return false
  }

  /// Captures at all ends of the ranges that take in these sizes. If that gives what the rules foretell they hold there.
  private func extend(to places: [[Int]], _ capture: Capture) -> Bool {
    let known = bounds.withLock { $0.map(\.verified) }
    let ranges = known.enumerated().map { i, own in
      min(own.lowerBound, places.map { $0[i] }.min()!)...max(own.upperBound, places.map { $0[i] }.max()!)
    }
    for corner in 0..<(1 << ranges.count) {
      let sizes = ranges.enumerated().map { i, range in corner & 1 << i == 0 ? range.lowerBound : range.upperBound }
      if covers(sizes) { continue }
      guard let foretold = recording(at: sizes), let found = try? capture(sizes), found.isIdentical(to: foretold) else { return false }
    }
    // Of two threads that go on in two directions one is enough.
    bounds.withLock { bounds in
      if bounds.map(\.verified) == known { for (i, range) in ranges.enumerated() { bounds[i].verified = range } }
    }
    return true
  }

  /// What the rules foretell for these sizes; nil where they are special.
  private func recording(at sizes: [Int]) -> Recording? {
    guard let graph = forward.graph(at: sizes) else { return nil }
    var recording = example
    recording.forward = graph
    if let backward {
      guard let graph = backward.graph(at: sizes) else { return nil }
      recording.derivative!.graph = graph
    }
    return recording
  }
}

extension Recording {
  fileprivate func isIdentical(to other: Recording) -> Bool {
    hasLayout(of: other) && forward.isIdentical(to: other.forward)
      && (derivative == nil || derivative!.graph.isIdentical(to: other.derivative!.graph))
  }

  /// Whether both give gradients of the same, or none.
  fileprivate func hasLayout(of other: Recording) -> Bool {
    guard let own = derivative, let known = other.derivative else { return derivative == nil && other.derivative == nil }
    return own.outputCount == known.outputCount && own.inputTargets == known.inputTargets
      && own.differentiableOutputs == known.differentiableOutputs && own.cellTargets.count == known.cellTargets.count
      && zip(own.cellTargets, known.cellTargets).allSatisfy(===)
  }
}

extension Graph {
  fileprivate func isIdentical(to other: Graph) -> Bool {
    computesTheSame(as: other) && definedValues.allSatisfy { forms[$0] == other.forms[$0] }
  }
}

extension Int {
  /// The smallest power of two that is not smaller.
  fileprivate var nextPowerOfTwo: Int { self < 2 ? 1 : self > 1 << 61 ? self : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
