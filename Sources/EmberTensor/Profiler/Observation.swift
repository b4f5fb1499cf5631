import CEmberRuntime
import EmberRuntime

/// Sees every operation of a thread as it begins and ends: the profiler and the printing of `EMBER_DEBUG`.
protocol OperationObserver: AnyObject {
  /// - Parameter inputs: what the operation was called with; empty for a region.
  func begin(_ name: String, _ kind: ObservedKind, inputs: [Tensor?])
  /// The innermost call that has begun is over.
  func end(_ results: [Tensor])
}

/// What a call that is observed is.
public enum ObservedKind: String, Sendable, Hashable {
  /// An operation, or a function composed of several.
  case operation = "operation"
  /// The derivative of an operation, in a backward pass.
  case backward = "backward"
  /// A part of the program with a name: a layer, an optimizer's step, `withPlace`.
  case region = "region"
}

/// An observer and those further out. Nested ones all see what happens.
private final class ObserverScope {
  let observer: any OperationObserver
  let outer: ObserverScope?

  init(_ observer: any OperationObserver, in outer: ObserverScope?) {
    self.observer = observer
    self.outer = outer
  }

  static var current: ObserverScope? {
    ember_thread().pointee.observer.map { Unmanaged<ObserverScope>.fromOpaque($0).takeUnretainedValue() }
  }
}

/// Runs `body` while `observer` sees the calling thread's operations.
func observing<Result, Failure: Error>(with observer: any OperationObserver, _ body: () throws(Failure) -> Result) throws(Failure) -> Result {
  let state = ember_thread(), outer = state.pointee.observer
  let scope = ObserverScope(observer, in: ObserverScope.current ?? DebugPrinter.scope.map { ObserverScope($0, in: nil) })
  state.pointee.observer = Unmanaged.passUnretained(scope).toOpaque()
  defer {
    state.pointee.observer = outer
    withExtendedLifetime(scope) {}
  }
  return try ThreadFlags.with(.observed, set: true, body)
}

/// True where somebody sees the thread's operations.
@inline(__always) var isObserved: Bool { ThreadFlags.current.contains(.observed) }

/// Runs `body` as a call that observers see. To be used where `isObserved` only.
func observed<Result, Failure: Error>(
  _ name: String, _ kind: ObservedKind = .operation, _ inputs: [Tensor?] = [], results: (Result) -> [Tensor],
  _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
  var observers: [any OperationObserver] = []
  var scope = ObserverScope.current
  while let next = scope {
    observers.append(next.observer)
    scope = next.outer
  }
  if observers.isEmpty, let printer = DebugPrinter.scope { observers = [printer] }
  for observer in observers { observer.begin(name, kind, inputs: inputs) }
  var outputs: [Tensor] = []
  defer { for observer in observers { observer.end(outputs) } }
  let result = try body()
  outputs = results(result)
  return result
}
