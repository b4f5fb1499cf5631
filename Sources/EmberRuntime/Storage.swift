/// A block of device memory with shared ownership.
///
/// Tensors share storages; who holds the only reference may write in place. The address never changes.
public final class Storage: @unchecked Sendable {
  /// Device address of the first byte; nil for `meta` and for no bytes.
  public let pointer: UnsafeMutableRawPointer?
  public let byteCount: Int
  /// Not retained: backends live as long as the process.
  public unowned(unsafe) let backend: any Backend
  /// Foreign memory is given back through this instead of the backend, and is never written.
  private let releaseForeign: (@Sendable () -> Void)?

  /// Fresh memory with arbitrary contents.
  public init(byteCount: Int, on backend: any Backend) throws(EmberError) {
    self.byteCount = byteCount
    self.backend = backend
    pointer = try backend.allocate(byteCount: byteCount)
    releaseForeign = nil
  }

  /// Memory owned by someone else (a mapped file, another library): read only, so that writers copy first.
  public init(foreign pointer: UnsafeMutableRawPointer?, byteCount: Int, on backend: any Backend, release: @escaping @Sendable () -> Void) {
    self.pointer = pointer
    self.byteCount = byteCount
    self.backend = backend
    releaseForeign = release
  }

  public var isForeign: Bool { releaseForeign != nil }

  deinit {
    if let releaseForeign {
      releaseForeign()
    } else if let pointer {
      backend.deallocate(pointer, byteCount: byteCount)
    }
  }
}

/// A tensor as a kernel sees it: address, element type, extents and strides. Does not own the memory.
@frozen
public struct Operand {
  public var pointer: UnsafeMutableRawPointer?
  public var dtype: DType
  public var shape: Shape
  public var strides: Strides

  @inlinable public init(pointer: UnsafeMutableRawPointer?, dtype: DType, shape: Shape, strides: Strides) {
    self.pointer = pointer
    self.dtype = dtype
    self.shape = shape
    self.strides = strides
  }
}
