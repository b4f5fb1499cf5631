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
  private let known: Mutex<Known>

  /// Beyond, numbers of elements would not fit.
  private static let largest = 1 << 31

  /// How far the rules hold.
  private struct Known {
    /// The sizes of each dimension for which they are known to hold, in all combinations.
    var verified: [ClosedRange<Int>]
    /// A capture gave something else than they foretell. From then on they serve no further than they were verified, because a function of
    /// remainders or of equal sizes agrees at many places between two where it does not.
    var isAtEnd = false
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
    let captured = zip(sizes.base, sizes.steps).map { min($0, $0 + $1)...max($0, $0 + $1) }
    known = Mutex(Known(verified: captured))
    let start = zip(dimensions.all, captured)
    // Downwards to the smallest size that is not special, upwards to the end of the range or a power of two: what is done to sizes that
    // are aligned shows there.
    var lower = start.map { min(max($0.dim.range?.lowerBound ?? 2, 2), $1.lowerBound) }
    while !covers(lower), recording(at: lower) == nil { lower = zip(lower, captured).map { min($0 + 1, $1.lowerBound) } }
    let upper = start.map { max(min($0.dim.range?.upperBound ?? ($1.upperBound + 2).nextPowerOfTwo, Self.largest), $1.upperBound) }
    _ = extend(to: [lower, upper], capture)
  }

  /// What runs at these sizes. Nil where they are special or the function does something else, so that a capture of their own must say
  /// what to do.
  func program(at sizes: [Int], _ capture: Capture) -> CompiledProgram? {
    guard sizes.allSatisfy({ $0 > 1 }), covers(sizes) || reaches(sizes, capture), let recording = recording(at: sizes) else { return nil }
    // An operation may have its own mind about sizes between others.
    do {
      try catchingErrors {
        try recording.forward.verify()
        try recording.derivative?.graph.verify()
      }
    } catch { return nil }
    return CompiledProgram(recording, like: base)
  }

  private func covers(_ sizes: [Int]) -> Bool {
    known.withLock { zip($0.verified, sizes).allSatisfy { $0.contains($1) } }
  }

  /// Whether the rules hold at sizes beyond those that are known; if so they are known from now on, and larger ones up to a power of two.
  private func reaches(_ sizes: [Int], _ capture: Capture) -> Bool {
    let own = known.withLock { $0 }
    let far = zip(sizes, own.verified).map { $0 > $1.upperBound ? $0.nextPowerOfTwo : $0 }
    for place in far == sizes ? [sizes] : [far, sizes] {
      if known.withLock(\.isAtEnd) { return false }
      if extend(to: [place], capture) { return true }
    }
    return false
  }

  /// Captures at all ends of the ranges that take in these sizes, and between them at powers of two and where dimensions are equal. If
  /// that gives what the rules foretell they hold there.
  private func extend(to places: [[Int]], _ capture: Capture) -> Bool {
    let verified = known.withLock { $0.verified }
    let ranges = verified.enumerated().map { i, own in
      min(own.lowerBound, places.map { $0[i] }.min()!)...max(own.upperBound, places.map { $0[i] }.max()!)
    }
    var probes = (0..<(1 << ranges.count)).map { corner in
      ranges.enumerated().map { i, range in corner & 1 << i == 0 ? range.lowerBound : range.upperBound }
    }
    func add(_ size: Int) {
      let sizes = ranges.map { min(max(size, $0.lowerBound), $0.upperBound) }
      if !probes.contains(sizes) { probes.append(sizes) }
    }
    if ranges.count > 1 { add(ranges.map(\.lowerBound).max()!) }
    var power = 4
    while power < min(ranges.map(\.upperBound).max()!, Self.largest) {
      if power > ranges.map(\.lowerBound).min()! { add(power) }
      power *= 2
    }
    for sizes in probes {
      if covers(sizes) { continue }
      // What cannot be captured there says nothing about smaller sizes.
      guard let found = try? capture(sizes) else { return false }
      guard let foretold = recording(at: sizes), found.isIdentical(to: foretold) else {
        known.withLock { $0.isAtEnd = true }
        return false
      }
    }
    // Of two threads that go on in two directions one is enough.
    known.withLock { if $0.verified == verified { $0.verified = ranges } }
    return true
  }

  /// What the rules foretell for these sizes; nil where they are special.
  private func recording(at sizes: [Int]) -> Recording? { try? catchingErrors { foretold(at: sizes) } }

  private func foretold(at sizes: [Int]) -> Recording? {
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
