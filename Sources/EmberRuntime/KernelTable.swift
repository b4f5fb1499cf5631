import Synchronization

/// The kernels of one operation that fits no family of `Backend`, by kind of device.
///
/// The operation declares its table in its own file, with the CPU kernel; other backends and packages register theirs.
/// On `meta` no kernel runs: the operation's shapes were computed already.
public final class KernelTable<Kernel: Sendable>: Sendable {
  private let operation: String
  private let kernels: Mutex<[DeviceType: Kernel]>

  public init(_ operation: String, cpu: Kernel) {
    self.operation = operation
    kernels = Mutex([.cpu: cpu])
  }

  public func register(_ kernel: Kernel, for type: DeviceType) {
    kernels.withLock { $0[type] = kernel }
  }

  /// The kernel for a device; nil where there is none: for operations that can be composed of others.
  public func registered(on device: Device) -> Kernel? { kernels.withLock { $0[device.type] } }

  /// The kernel for a device; nil on `meta`, an error where there is none.
  public func kernel(on device: Device) throws(EmberError) -> Kernel? {
    if device.type == .meta { return nil }
    if let kernel = kernels.withLock({ $0[device.type] }) { return kernel }
    throw EmberError(.unsupported, in: operation, "no kernel for device \(device); move the tensors to cpu, or register one with the operation's KernelTable")
  }
}
