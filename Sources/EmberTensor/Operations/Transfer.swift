import EmberCUDA
import EmberRuntime

extension Tensor {
  /// The same value on another device; itself if it is there already.
  ///
  /// - Parameter nonBlocking: from dense pinned memory (`pinned()`) to a GPU, comes back at once; the copy is done before whatever is queued on
  ///   the thread's stream later. Elsewhere (also from a transposed view of pinned memory) it changes nothing. From a GPU, `copyToHost()` does not wait.
  public func to(_ device: Device, nonBlocking: Bool = false) -> Tensor {
    device == self.device ? self : apply(Transfer(device: device, source: self.device, isBlocking: !nonBlocking), self)
  }
}

package struct Transfer: UnaryOperation {
  package static let name = "to"
  let device: Device
  let source: Device
  var isBlocking = true
  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let target = try Backends.backend(for: device)
    let y = try Tensor.empty(shape: x.body.shape, dtype: x.dtype, on: target)
    guard target.holdsData else { return y }
    guard x.backend.holdsData else { throw EmberError(.device, in: "to", "\(x.summary) has no elements to move to \(device)") }
    let source = try x.dense()
    let byteCount = x.elementCount * x.dtype.size
    if byteCount == 0 { return y }
    if x.device.type == .cpu {
      if let gpu = target as? CUDABackend, let memory = source.body.foreignMemory, memory.isPinned {
        try gpu.copyFromPinned(source.body.pointer!, to: y.body.pointer!, byteCount: byteCount, of: memory, waits: isBlocking)
      } else {
        target.copyFromHost(source.body.pointer!, to: y.body.pointer!, byteCount: byteCount)
      }
    } else if device.type == .cpu {
      x.backend.copyToHost(source.body.pointer!, to: y.body.pointer!, byteCount: byteCount)
    } else {
      withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 64) { host in
        x.backend.copyToHost(source.body.pointer!, to: host.baseAddress!, byteCount: byteCount)
        target.copyFromHost(host.baseAddress!, to: y.body.pointer!, byteCount: byteCount)
      }
    }
    return y
  }
  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { gradient.to(source) }
}
