import CEmberRuntime
import Synchronization

/// An error of Ember: what kind, in which operation, and a text for people.
public struct EmberError: Error, Sendable, Hashable {
  public enum Kind: String, Sendable {
    case shape, index, dtype, device, value, memory
    /// A combination that no kernel exists for.
    case unsupported
    /// An operation that has no kernel for the device of its inputs.
    case kernel
    /// A file or stream that is missing, unwritable, truncated or malformed.
    case file
    /// A tensor that an earlier, failed operation returned.
    case poisoned
  }

  public let kind: Kind
  /// The operation, as the user calls it: `matmul`.
  public let operation: String
  /// What was given, and what would have worked.
  public let message: String

  public init(_ kind: Kind, in operation: String, _ message: String) {
    self.kind = kind
    self.operation = operation
    self.message = message
  }
}

extension EmberError: CustomStringConvertible {
  public var description: String { "[\(operation)] \(message)" }
}

/// Notes an error that happened in an operation.
///
/// Inside `catchingErrors` the scope fails with it (the first one counts) and the caller goes on with a poisoned result;
/// outside, the process traps with the error's text, as an array index out of range does.
public func raise(_ error: EmberError) {
  let state = ember_thread()
  guard ThreadFlags.current.contains(.catchesErrors), let pointer = state.pointee.error_scope else {
    // What a program has printed so far comes before its end, also into a file.
    ember_flush_output()
    fatalError("\n\(error)\n")
  }
  let scope = Unmanaged<ErrorScope>.fromOpaque(pointer).takeUnretainedValue()
  if scope.failure == nil { scope.failure = error }
  ThreadFlags.current.insert(.failed)
}

/// The state of one `catchingErrors`: its first error and how to take back what was written before it.
@usableFromInline final class ErrorScope {
  var failure: EmberError?
  private let outer: ErrorScope?
  /// How to take back what was written, in the order of writing: the first entry of an owner leads back to before the scope, so later
  /// ones add nothing.
  private var undo: [(owner: AnyObject, action: () -> Void)] = []
  private var owners: Set<ObjectIdentifier> = []

  init(in outer: ErrorScope?) { self.outer = outer }

  func journal(_ owner: AnyObject, _ action: @escaping () -> Void) {
    if owners.insert(ObjectIdentifier(owner)).inserted { undo.append((owner, action)) }
  }

  /// What was written so far stays, whatever happens to this scope and those around it.
  func commit() {
    undo.removeAll()
    owners.removeAll()
    outer?.commit()
  }

  /// The last change first: owners that share something, as schedules share their optimizer's rates, end where the first one began.
  func rollBack() {
    for entry in undo.reversed() { entry.action() }
    undo.removeAll()
    owners.removeAll()
  }

  /// The scope succeeded; those around it may still fail.
  func handOver() {
    guard let outer else { return }
    for entry in undo { outer.journal(entry.owner, entry.action) }
  }
}

/// Runs `body`; the first error of an operation inside makes the whole scope throw it.
///
/// After the first error every later operation in the scope returns at once, with poisoned tensors (dimensions read as
/// 1, elements as 0); parameters, buffers and optimizers discard writes, and what was written into parameters and buffers
/// (running statistics) since the last completed optimizer step is taken back. Errors that `body` throws
/// itself pass through, but a failure noted before wins, being the cause.
public func catchingErrors<Result>(_ body: () throws -> Result) throws -> Result {
  let state = ember_thread()
  let outer = state.pointee.error_scope
  let scope = ErrorScope(in: outer.map { Unmanaged<ErrorScope>.fromOpaque($0).takeUnretainedValue() })
  let outerFlags = ThreadFlags.current.intersection([.catchesErrors, .failed])
  state.pointee.error_scope = Unmanaged.passUnretained(scope).toOpaque()
  ThreadFlags.current = ThreadFlags.current.union(.catchesErrors).subtracting(outerFlags.contains(.failed) ? [] : .failed)
  defer {
    state.pointee.error_scope = outer
    ThreadFlags.current = ThreadFlags.current.subtracting([.catchesErrors, .failed]).union(outerFlags)
  }
  do {
    // Kernels on devices that run by themselves may have failed without anybody having waited for them; what they report belongs to this
    // scope however it ends.
    defer { DeviceErrors.check() }
    let result = try withExtendedLifetime(scope) { try body() }
    DeviceErrors.check()
    if let failure = scope.failure { throw failure }
    scope.handOver()
    return result
  } catch {
    scope.rollBack()
    throw scope.failure ?? error
  }
}

@available(
  *, unavailable, message: "error scopes belong to a thread and do not survive an await; run the tensor operations in a synchronous closure"
)
public func catchingErrors<Result>(_ body: () async throws -> Result) async throws -> Result {
  fatalError()
}

/// Errors of devices that run by themselves.
public enum DeviceErrors {
  private static let checks = Mutex<[@Sendable () -> Void]>([])
  private static let isEmpty = Atomic(true)

  /// Adds what waits for a device and raises what its kernels reported, if any may have. Runs at the end of every error scope.
  public static func register(_ check: @escaping @Sendable () -> Void) {
    checks.withLock { $0.append(check) }
    isEmpty.store(false, ordering: .releasing)
  }

  static func check() {
    if isEmpty.load(ordering: .acquiring) { return }
    for check in checks.withLock({ $0 }) { check() }
  }
}

/// What state cells use to take part in error scopes.
public enum ErrorScopes {
  /// True inside a scope that has failed: writes to state are discarded.
  @inlinable public static var hasFailed: Bool { ThreadFlags.current.contains(.failed) }

  /// True inside a scope, where writes to state may have to be taken back.
  @inlinable public static var isActive: Bool { ThreadFlags.current.contains(.catchesErrors) }

  /// Remembers how to take back what is about to be written to `owner` if the calling thread's scope fails. Only the first entry of
  /// an owner since the last `commit` counts. Does nothing outside a scope.
  public static func journal(for owner: AnyObject, _ undo: @escaping () -> Void) {
    guard isActive, let pointer = ember_thread().pointee.error_scope else { return }
    Unmanaged<ErrorScope>.fromOpaque(pointer).takeUnretainedValue().journal(owner, undo)
  }

  /// Makes what was written so far permanent: called when an optimizer's step is complete.
  public static func commit() {
    guard let pointer = ember_thread().pointee.error_scope else { return }
    Unmanaged<ErrorScope>.fromOpaque(pointer).takeUnretainedValue().commit()
  }
}
