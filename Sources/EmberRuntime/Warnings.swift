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
  /// The operation, as in errors: `mse_loss`.
  public let operation: String
  public let message: String

  public init(in operation: String, _ message: String) {
    self.operation = operation
    self.message = message
  }
}

extension EmberWarning: CustomStringConvertible {
  public var description: String { "[\(operation)] \(message)" }
}

/// What becomes of warnings: the first one of each operation is written to the standard error, unless `EMBER_QUIET` is in the environment or a
/// program takes them itself.
public enum Warnings {
  private struct State {
    var handler: (@Sendable (EmberWarning) -> Void)?
    var warned: Set<String> = []
  }

  private static let state = Mutex(State())
  private static let isQuiet = getenv("EMBER_QUIET") != nil

  /// Gives every further warning of the process to `handler`; with nil they are written again.
  public static func handle(with handler: (@Sendable (EmberWarning) -> Void)?) { state.withLock { $0.handler = handler } }

  static func note(_ warning: EmberWarning) {
    let (handler, isFirst) = state.withLock { state in (state.handler, state.handler == nil && state.warned.insert(warning.operation).inserted) }
    if let handler { return handler(warning) }
    guard isFirst, !isQuiet else { return }
    var line = "warning: \(warning)\n"
    line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
  }
}

/// Notes something that is allowed and seldom meant. Nothing follows from it for the operation.
public func warn(_ warning: EmberWarning) { Warnings.note(warning) }
