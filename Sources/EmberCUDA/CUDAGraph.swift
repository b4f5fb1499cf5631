import CCUDA
import EmberRuntime
import Synchronization

/// A recorded series of launches, which runs again with one call: the host's part of every operation is paid once.
///
/// The recording reads and writes the memory that it was made with. Tensors that exist before it are its inputs: keep them, and write new
/// values into them (`copy(_:into:)`). Tensors made inside are its results: those that outlive the recording hold new values after
/// each `replay`. Run `body` once before, so that kernels are compiled and libraries have made their plans.
///
/// ```swift
/// let output = model(input)                       // compiles what is needed
/// var result = output
/// let graph = try CUDAGraph { result = model(input) }
/// graph.copy(next, into: input)
/// graph.replay()                                  // result now belongs to `next`
/// ```
///
/// Whatever waits for the device (reading elements, shapes that depend on values) cannot be recorded and is an error.
public final class CUDAGraph: @unchecked Sendable {
  public let device: Device
  private let backend: CUDABackend
  private let executable: UnsafeMutableRawPointer
  private let pool: UInt
  /// A kernel in it may meet a bad index.
  private let mayReport: Bool
  private static let count = Atomic<UInt>(0)

  /// Records what `body` queues on a device; nothing runs yet. One recording at a time; memory that other threads ask for meanwhile belongs
  /// to the recording too.
  public init(on device: Device = .cuda, _ body: () throws -> Void) throws {
    let backend = try CUDA.inUse(device)
    let driver = backend.driver.functions.pointee
    // Odd, so that it is no stream.
    let pool = Self.count.add(1, ordering: .relaxed).newValue << 1 | 1
    func failure(_ status: Int32) -> EmberError {
      EmberError(
        .device, in: "CUDAGraph",
        "\(device): \(backend.driver.text(status)); what waits for the device (item(), printing, nonzero) cannot be recorded")
    }
    backend.synchronize()
    let stream = backend.stream
    // 2: other threads may go on allocating.
    var status = driver.begin_capture(stream, 2)
    if status != 0 { throw failure(status) }
    backend.allocator.beginGraph(pool)
    var graph: UnsafeMutableRawPointer?
    do {
      defer { backend.allocator.endGraph() }
      try catchingErrors(body)
    } catch {
      _ = driver.end_capture(stream, &graph)
      if let graph { _ = driver.destroy_graph(graph) }
      backend.allocator.closeGraph(pool)
      throw error
    }
    status = driver.end_capture(stream, &graph)
    guard status == 0, let graph else { throw failure(status) }
    var executable: UnsafeMutableRawPointer?
    status = driver.instantiate_graph(&executable, graph, 0)
    _ = driver.destroy_graph(graph)
    guard status == 0, let executable else { throw failure(status) }
    self.device = device
    self.backend = backend
    self.executable = executable
    self.pool = pool
    mayReport = backend.errors.isWatched
  }

  deinit {
    backend.useContext()
    _ = backend.driver.functions.pointee.synchronize_stream(backend.stream)
    _ = backend.driver.functions.pointee.destroy_executable(executable)
    backend.allocator.closeGraph(pool)
  }

  /// Runs the recording once more on the calling thread's stream.
  public func replay() {
    if mayReport { backend.errors.watch() }
    backend.useContext()
    backend.check(backend.driver.functions.pointee.launch_graph(executable, backend.stream), "CUDAGraph.replay")
  }
}

extension CUDA {
  /// The backend of a device that some tensor has been on.
  static func inUse(_ device: Device) throws(EmberError) -> CUDABackend {
    guard device.type == .cuda else { throw EmberError(.device, in: "CUDA", "\(device) is no NVIDIA GPU") }
    guard let backend = existing(device) else {
      throw EmberError(.device, in: "CUDA", "\(device) is not in use yet; put a tensor on it first")
    }
    return backend
  }
}
