import CCUDA
import EmberRuntime

/// A queue of work on a device. Work on one stream runs in order; streams run beside each other.
///
/// Every thread begins on the device's own stream. A tensor made on one stream and read on another must be waited for (`wait(for:)`), and
/// memory goes back to the stream it was asked for on: keep a tensor until the other stream is done with it.
public final class CUDAStream: @unchecked Sendable {
  public let device: Device
  let backend: CUDABackend
  let handle: UnsafeMutableRawPointer

  /// - Throws: a `.device` error if the device is not in use yet or the driver has no more streams.
  public init(on device: Device = .cuda) throws {
    backend = try CUDA.inUse(device)
    self.device = device
    backend.useContext()
    var handle: UnsafeMutableRawPointer?
    let status = backend.driver.functions.pointee.create_stream(&handle, 1, 0)
    guard status == 0, let handle else {
      throw EmberError(.device, in: "CUDAStream", "\(device): \(backend.driver.text(status))")
    }
    self.handle = handle
  }

  deinit { _ = backend.driver.functions.pointee.destroy_stream(handle) }

  /// Queues what `body` does on this stream instead of the thread's own.
  public func run<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    let outer = ember_cuda_thread_stream()
    ember_cuda_set_thread_stream(handle)
    defer { ember_cuda_set_thread_stream(outer) }
    return try body()
  }

  /// Later work on this stream begins when the event has happened.
  public func wait(for event: CUDAEvent) {
    backend.useContext()
    backend.check(backend.driver.functions.pointee.stream_wait(handle, event.handle, 0), "CUDAStream.wait")
  }

  public func synchronize() { run { backend.synchronize() } }
}

/// A mark in a stream.
public final class CUDAEvent: @unchecked Sendable {
  let backend: CUDABackend
  let handle: UnsafeMutableRawPointer

  /// - Throws: a `.device` error if the device is not in use yet.
  public convenience init(on device: Device = .cuda) throws { try self.init(backend: CUDA.inUse(device)) }

  init(backend: CUDABackend) throws(EmberError) {
    self.backend = backend
    backend.useContext()
    var handle: UnsafeMutableRawPointer?
    let status = backend.driver.functions.pointee.create_event(&handle, 0)
    guard status == 0, let handle else { throw EmberError(.device, in: "CUDAEvent", "\(backend.device): \(backend.driver.text(status))") }
    self.handle = handle
  }

  deinit { _ = backend.driver.functions.pointee.destroy_event(handle) }

  /// Marks the end of what the calling thread has queued so far.
  public func record() {
    backend.useContext()
    backend.check(backend.driver.functions.pointee.record_event(handle, backend.stream), "CUDAEvent.record")
  }

  /// Whether everything before the mark is done.
  public var hasHappened: Bool {
    backend.useContext()
    return backend.driver.functions.pointee.query_event(handle) == 0
  }

  public func synchronize() {
    backend.useContext()
    backend.check(backend.driver.functions.pointee.synchronize_event(handle), "CUDAEvent.synchronize")
  }

  /// Seconds from an earlier mark to this one; both must have happened.
  public func seconds(since start: CUDAEvent) -> Double {
    var milliseconds: Float = 0
    backend.useContext()
    backend.check(backend.driver.functions.pointee.elapsed_time(&milliseconds, start.handle, handle), "CUDAEvent.seconds")
    return Double(milliseconds) / 1000
  }
}
