import CEmberRuntime
import EmberRuntime

/// Runs `body` so that a NaN in a backward pass is reported with the operation whose derivative made it, and with the places in the
/// program (layers, `withPlace`) where that operation was called.
///
/// Slow: every gradient is searched. Forward and backward must both run inside.
public func detectAnomaly<Result, Failure: Error>(
  file: StaticString = #fileID, line: Int = #line, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  try ThreadFlags.with(.detectsAnomalies, set: true) { () throws(Failure) -> Result in
    try withPlace("detectAnomaly", file: file, line: line, body)
  }
}

/// Names a part of a computation for the messages of anomaly mode and in profiles. Costs a test of a flag elsewhere.
public func withPlace<Result, Failure: Error>(
  _ name: @autoclosure () -> String, file: StaticString = #fileID, line: Int = #line, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  guard isNotingPlaces else { return try body() }
  if isObserved { return try observed(name(), .region, results: { _ in [] }) { () throws(Failure) in try noting(name(), file, line, body) } }
  return try noting(name(), file, line, body)
}

/// True where the calls of a program's parts are of use to somebody: inside `detectAnomaly`, `profile` and `capture`.
@inlinable public var isNotingPlaces: Bool { !ThreadFlags.current.isDisjoint(with: [.detectsAnomalies, .observed, .captures]) }

private func noting<Result, Failure: Error>(
  _ name: @autoclosure () -> String, _ file: StaticString, _ line: Int, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  guard isDetectingAnomalies else { return try body() }
  let state = ember_thread(), outer = state.pointee.place
  let place = Place(name(), file, line, in: Place.current)
  state.pointee.place = Unmanaged.passUnretained(place).toOpaque()
  defer {
    state.pointee.place = outer
    withExtendedLifetime(place) {}
  }
  return try body()
}

/// True inside `detectAnomaly`.
@inlinable public var isDetectingAnomalies: Bool { ThreadFlags.current.contains(.detectsAnomalies) }

/// A named part of a program and what it is called from.
final class Place: CustomStringConvertible {
  private let name: String
  private let file: StaticString
  private let line: Int
  private let outer: Place?

  init(_ name: String, _ file: StaticString, _ line: Int, in outer: Place?) {
    self.name = name
    self.file = file
    self.line = line
    self.outer = outer
  }

  /// The calling thread's.
  static var current: Place? { ember_thread().pointee.place.map { Unmanaged<Place>.fromOpaque($0).takeUnretainedValue() } }

  /// Innermost first. Lines of Ember's own layers help nobody.
  var description: String {
    let own = "\(file)".hasPrefix("EmberNN/") ? name : "\(name) at \(file):\(line)"
    return outer.map { "\(own), in \($0)" } ?? own
  }
}

enum AnomalyMode {
  /// Looks at a gradient that the derivative of `source` made for `target`; the gradients that arrived at `source` were no NaN.
  static func check(_ gradient: Tensor, from source: Node?, to target: Node) {
    guard !ErrorScopes.hasFailed, hasNaN(gradient) else { return }
    guard let source else {
      raise(EmberError(.value, in: "backward", "the gradient that the backward pass starts with is NaN (\(gradient.summary))"))
      return
    }
    let input = (0..<source.edgeCount).first { source.edge($0) === target }
    raise(
      EmberError(
        .value, in: "backward",
        "the derivative of \(source.operationName) made NaN out of gradients that were none: \(gradient.summary)"
          + (input.map { " for its input \($0)" } ?? "") + called(source)))
  }

  /// Infinities of both signs may meet where several gradients are added.
  static func checkSum(_ gradients: Gradients, of node: Node) {
    guard let gradient = gradients.first, !ErrorScopes.hasFailed, hasNaN(gradient) else { return }
    raise(
      EmberError(
        .value, in: "backward",
        "the gradients that arrive at the result of \(node.operationName) add up to NaN (\(gradient.summary)): infinities of both signs"
          + called(node)))
  }

  /// After a pass without a finding: the NaN may be one of the forward pass.
  static func checkResults(_ results: [Tensor]) {
    for result in results where !ErrorScopes.hasFailed && hasNaN(result) {
      raise(
        EmberError(
          .value, in: "backward",
          "the gradients are no NaN, but \(result.summary), the result of \(result.gradFunctionName ?? "nothing recorded"), is: "
            + "the forward pass made it"
            + (result.node.map(called) ?? "")))
    }
  }

  private static func called(_ node: Node) -> String { node.origin.map { "; \(node.operationName) was called in \($0)" } ?? "" }

  private static func hasNaN(_ x: Tensor) -> Bool {
    guard !x.isPoisoned, x.dtype.isDifferentiable, x.backend.holdsData, x.elementCount > 0 else { return false }
    return noGrad { x.isNaN.holdsSomewhere() }
  }
}
