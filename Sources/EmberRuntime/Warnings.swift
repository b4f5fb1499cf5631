import CEmberRuntime
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Something that is allowed and seldom meant: in which operation, and a text for people.
public struct EmberWarning: Sendable, Hashable {
  public enum Kind: String, Sendable {
    /// A loss whose input and target have different shapes.
    case broadcasting
    /// The gradient of a tensor that keeps none was asked for.
    case gradient
    /// An optimizer's parameter is computed from others, which it does not know.
    case parameter
    /// An operation without a kernel for its device, which the CPU runs.
    case kernel
  }

  public let kind: Kind
  /// The operation, as in errors: `mse_loss`.
  public let operation: String
  /// What was given, and what is meant most often.
  public let message: String

  public init(_ kind: Kind, in operation: String, _ message: String) {
    self.kind = kind
    self.operation = operation
    self.message = message
  }
}

extension EmberWarning: CustomStringConvertible {
  public var description: String { "[\(operation)] \(message)" }
}

/// What becomes of warnings: the first one of each kind and operation is written to the standard error, unless `EMBER_QUIET` is in the environment
/// or a program takes them itself.
public enum Warnings {
  private struct Source: Hashable {
    let kind: EmberWarning.Kind
    let operation: String
  }

  private struct State {
    var handler: (@Sendable (EmberWarning) -> Void)?
    var written: Set<Source> = []
    /// Threads in a handler: what it computes may warn in turn.
    var handling: Set<UInt> = []
  }

  private static let state = Mutex(State())
  private static let isQuiet = getenv("EMBER_QUIET").map { $0.pointee != 0 } ?? false

  /// Gives every further warning of the process to `handler` instead of writing it; with nil they are written again.
  ///
  /// The handler runs on the thread that warns, on several at once if they do, and possibly once more when another has just taken its place.
  /// Warnings of what it does itself are dropped.
  public static func handle(with handler: (@Sendable (EmberWarning) -> Void)?) { state.withLock { $0.handler = handler } }

  static func note(_ kind: EmberWarning.Kind, in operation: String, _ message: () -> String) {
    let thread = UInt(bitPattern: ember_thread())
    let (handler, isNew) = state.withLock { state -> ((@Sendable (EmberWarning) -> Void)?, Bool) in
      if state.handling.contains(thread) { return (nil, false) }
      if let handler = state.handler {
        state.handling.insert(thread)
        return (handler, false)
      }
      return (nil, state.written.insert(Source(kind: kind, operation: operation)).inserted)
    }
    if let handler {
      handler(EmberWarning(kind, in: operation, message()))
      state.withLock { _ = $0.handling.remove(thread) }
    } else if isNew, !isQuiet {
      writeToStandardError("warning: \(EmberWarning(kind, in: operation, message()))\n")
    }
  }
}

/// Notes something that is allowed and seldom meant. Nothing follows from it for the operation, which may happen millions of times: `message` is
/// formed only where somebody reads it.
public func warn(_ kind: EmberWarning.Kind, in operation: String, _ message: @autoclosure () -> String) {
  Warnings.note(kind, in: operation, message)
}
