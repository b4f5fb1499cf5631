import EmberCUDA
import EmberRuntime

extension Tensor {
  /// A copy in pinned memory of the host, from which `to(.cuda, nonBlocking: true)` copies while the CPU goes on; itself if it is there
  /// already. Without a derivative. Pinned memory is never written in place: writers copy first.
  ///
  /// - Parameter device: the GPU whose driver pins the memory; it must be there.
  public func pinned(for device: Device = .cuda) -> Tensor {
    if isPinned || !body.isPlain { return self }
    return attempt { () throws(EmberError) in
      guard device.type == .cuda, let gpu = try Backends.backend(for: device) as? CUDABackend else {
        throw EmberError(.device, in: "pinned", "memory is pinned for a GPU, such as .cuda; not for \(device)")
      }
      guard self.device.type == .cpu else { throw EmberError(.device, in: "pinned", "\(summary) is not on the CPU; move it with .to(.cpu)") }
      let source = noGrad { detach().contiguous() }
      let copy = try Tensor(pinned: source.shape, dtype: source.dtype, by: gpu)
      if elementCount > 0 { copy.backend.copy(source.operand, to: copy.operand) }
      return copy
    }
  }

  /// Whether the elements lie in pinned memory of the host.
  public var isPinned: Bool { body.foreignMemory?.isPinned ?? false }

  /// Begins to copy from a GPU into pinned memory of the host, and comes back at once. Errors of kernels are raised by what waits for the
  /// device as a whole, not by the copy.
  public func copyToHost() -> HostCopy {
    let source = noGrad { detach().contiguous() }
    do throws(EmberError) {
      if !source.body.isPlain || source.device.type != .cuda { return HostCopy(source.to(.cpu), nil, source) }
      let gpu = source.backend as! CUDABackend
      let copy = try Tensor(pinned: source.shape, dtype: source.dtype, by: gpu)
      if elementCount == 0 { return HostCopy(copy, nil, source) }
      let event = try gpu.copyToPinned(source.body.pointer!, to: copy.body.pointer!, byteCount: source.elementCount * source.dtype.size)
      return HostCopy(copy, event, source)
    } catch {
      raise(error)
      return HostCopy(.poison, nil, source)
    }
  }

  /// Uninitialised.
  private init(pinned shape: Shape, dtype: DType, by gpu: CUDABackend) throws(EmberError) {
    let byteCount = shape.elementCount * dtype.size, pool = gpu.pinnedMemory
    let pointer = try pool.allocate(byteCount: byteCount), address = UInt(bitPattern: pointer)
    let memory = ForeignMemory(isPinned: true) { pool.deallocate(UnsafeMutableRawPointer(bitPattern: address)!, byteCount: byteCount) }
    self.init(TensorBody(foreign: memory, at: pointer, byteCount: byteCount, dtype: dtype, shape: shape, on: Backends.cpu))
  }
}

/// A copy from a GPU that may still be under way.
public final class HostCopy: @unchecked Sendable {
  private let copy: Tensor
  private let event: CUDAEvent?
  /// Read until the copy is done.
  private let source: Tensor

  init(_ copy: Tensor, _ event: CUDAEvent?, _ source: Tensor) {
    self.copy = copy
    self.event = event
    self.source = source
  }

  deinit { event?.synchronize() }

  /// Whether `value` would not wait.
  public var isDone: Bool { event?.hasHappened ?? true }

  /// The copy, on the CPU and in pinned memory; waits until it is there.
  public var value: Tensor {
    event?.synchronize()
    return copy
  }
}
