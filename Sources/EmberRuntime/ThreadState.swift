import CEmberRuntime

/// What is unusual about the calling thread right now. All clear on the fast path, so that an operation tests one word.
///
/// The flags belong to a thread and do not survive an `await`: scopes that set them take synchronous closures only.
public struct ThreadFlags: OptionSet, Sendable {
  public let rawValue: UInt32
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Operations are not recorded for differentiation.
  public static let gradientsDisabled = ThreadFlags(rawValue: 1 << 0)
  /// Inside `catchingErrors`.
  public static let catchesErrors = ThreadFlags(rawValue: 1 << 1)
  /// Inside `catchingErrors` after its first error: every operation returns at once.
  public static let failed = ThreadFlags(rawValue: 1 << 2)
  /// An observer sees every operation (profiler, debug print).
  public static let observed = ThreadFlags(rawValue: 1 << 3)
  /// Nodes remember where they were made, and backward checks for NaN.
  public static let detectsAnomalies = ThreadFlags(rawValue: 1 << 4)
  /// Inside a function that is being differentiated (`valueAndGrad`, `jvp`, …), so that an inner one must be differentiable itself.
  public static let differentiates = ThreadFlags(rawValue: 1 << 5)
  /// Inside `autocast`: inputs of some operations are converted; to float16 with the second flag, else to bfloat16.
  public static let autocasts = ThreadFlags(rawValue: 1 << 6)
  public static let autocastsToFloat16 = ThreadFlags(rawValue: 1 << 7)

  /// Any of these sends an operation to its slow path.
  public static let slow: ThreadFlags = [.failed, .observed, .autocasts]

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
