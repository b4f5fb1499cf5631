import Synchronization

/// The kernels of one operation that fits no family of `Backend`, by kind of device.
///
/// The operation declares its table in its own file, with the CPU kernel; other backends and packages register theirs: here if
/// they see the table, otherwise by the operation's name with `Kernels.register`.
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
    guard let named = Kernels.find(operation, device.type) else {
      throw EmberError(
        .unsupported, in: operation,
        "no kernel for device \(device); move the tensors to cpu, or register one with the operation's KernelTable or with Kernels.register"
      )
    }
    guard let kernel = named as? Kernel else {
      throw EmberError(
        .unsupported, in: operation, "the kernel registered for device \(device) is a \(type(of: named)); it must be a \(Kernel.self)")
    }
    register(kernel, for: device.type)
    return kernel
  }
}

/// Kernels that packages bring for operations whose tables they do not see.
public enum Kernels {
  private static let registered = Mutex<[String: [DeviceType: any Sendable]]>([:])

  /// Gives an operation a kernel for a kind of device, before it first runs there.
  ///
  /// - Parameters:
  ///   - kernel: of exactly the type that the operation's `KernelTable` holds. Any other is an error when the operation runs, which
  ///     names both types.
  ///   - operation: the name that the table was made with, for example `"layer_norm"` or `"layer_norm_backward"`.
  public static func register<Kernel: Sendable>(_ kernel: Kernel, for operation: String, on type: DeviceType) {
    registered.withLock { $0[operation, default: [:]][type] = kernel }
  }

  static func find(_ operation: String, _ type: DeviceType) -> (any Sendable)? {
    registered.withLock { $0[operation]?[type] }
  }
}
