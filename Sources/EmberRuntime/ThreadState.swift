import CEmberRuntime

/// What is unusual about the calling thread right now. All clear on the fast path, so that an operation tests one word.
///
/// The flags belong to a thread and do not survive an `await`: scopes that set them take synchronous closures only.
@frozen
public struct ThreadFlags: OptionSet, Sendable {
  // Computed, so that a test of a flag is one instruction: a stored constant of another module is reached through a call.
  public let rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Operations are not recorded for differentiation.
  @inlinable public static var gradientsDisabled: ThreadFlags { ThreadFlags(rawValue: 1 << 0) }
  /// Inside `catchingErrors`.
  @inlinable public static var catchesErrors: ThreadFlags { ThreadFlags(rawValue: 1 << 1) }
  /// Inside `catchingErrors` after its first error: every operation returns at once.
  @inlinable public static var failed: ThreadFlags { ThreadFlags(rawValue: 1 << 2) }
  /// An observer sees every operation (profiler, debug print).
  @inlinable public static var observed: ThreadFlags { ThreadFlags(rawValue: 1 << 3) }
  /// Nodes remember where they were made, and backward checks for NaN.
  @inlinable public static var detectsAnomalies: ThreadFlags { ThreadFlags(rawValue: 1 << 4) }
  /// Inside a function that is being differentiated (`valueAndGrad`, `jvp`, …), so that an inner one must be differentiable itself.
  @inlinable public static var differentiates: ThreadFlags { ThreadFlags(rawValue: 1 << 5) }
  /// Inside `autocast`: inputs of some operations are converted; to float16 with the second flag, else to bfloat16.
  @inlinable public static var autocasts: ThreadFlags { ThreadFlags(rawValue: 1 << 6) }
  @inlinable public static var autocastsToFloat16: ThreadFlags { ThreadFlags(rawValue: 1 << 7) }
  /// A graph is being captured: state is read and numbers are drawn symbolically.
  @inlinable public static var captures: ThreadFlags { ThreadFlags(rawValue: 1 << 8) }

  /// The thread has run no operation yet.
  @inlinable public static var isNew: ThreadFlags { ThreadFlags(rawValue: 1 << 31) }

  /// Any of these sends an operation to its slow path.
  @inlinable public static var slow: ThreadFlags { [.failed, .observed, .autocasts, .isNew] }

  @inlinable public static var current: ThreadFlags {
    @inline(__always) get { ThreadFlags(rawValue: ember_thread().pointee.flags) }
    set { ember_thread().pointee.flags = newValue.rawValue }
  }

  /// Runs `body` with flags set or cleared, and restores them afterwards, also when it throws. A failure of the
  /// surrounding error scope that happens inside stays noted.
  @inlinable public static func with<Result, Failure: Error>(
    _ flags: ThreadFlags, set: Bool, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let before = current.intersection(flags)
    current = set ? current.union(flags) : current.subtracting(flags)
    defer { current = current.subtracting(flags).union(before) }
    return try body()
  }
}
