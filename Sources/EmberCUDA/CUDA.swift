import CCUDA
import EmberRuntime
import Synchronization

/// NVIDIA GPUs: whether there are any, waiting for them, their memory, precision.
public enum CUDA {
  /// A device as the driver describes it.
  public struct DeviceProperties: Sendable {
    public let name: String
    /// 9.0 for Hopper.
    public let computeCapability: (major: Int, minor: Int)
    public let multiprocessors: Int
    public let memoryBytes: Int
  }

  /// What the allocator of a device holds and has done.
  public struct MemoryStatistics: Sendable, Hashable {
    public internal(set) var liveBytes = 0
    public internal(set) var peakLiveBytes = 0
    public internal(set) var cachedBytes = 0
    public internal(set) var allocations = 0
    public internal(set) var cacheHits = 0
    public internal(set) var deviceAllocations = 0
  }

  /// True if there is a device that works.
  public static var isAvailable: Bool { deviceCount > 0 }

  /// How many devices there are; 0 without a driver.
  public static var deviceCount: Int {
    guard case .success(let driver) = Driver.shared else { return 0 }
    var count: Int32 = 0
    return driver.functions.pointee.device_count(&count) == 0 ? Int(count) : 0
  }

  private static let backends = Mutex<[Int: CUDABackend]>([:])
  private static let allowTF32 = Atomic(false)
  private static let allowConvolutionTF32 = Atomic(true)

  /// Whether products of float32 matrices may round their inputs to 10 bits of mantissa, several times as fast. Off, as in PyTorch.
  public static var allowsTF32: Bool {
    get { allowTF32.load(ordering: .relaxed) }
    set { allowTF32.store(newValue, ordering: .relaxed) }
  }

  /// The same for convolutions of float32. On, as in PyTorch.
  public static var allowsTF32InConvolutions: Bool {
    get { allowConvolutionTF32.load(ordering: .relaxed) }
    set { allowConvolutionTF32.store(newValue, ordering: .relaxed) }
  }

  /// The backend of a device, made on first use; an error that says what is missing.
  package static func backend(_ index: Int, host: any Backend) throws(EmberError) -> CUDABackend {
    let result = backends.withLock { made -> Result<CUDABackend, CUDAUnavailable> in
      if let known = made[index] { return .success(known) }
      do throws(CUDAUnavailable) {
        let driver = try Driver.shared.get()
        _ = try NVRTC.shared.get()
        let count = deviceCount
        if index >= count {
          throw CUDAUnavailable("there is no device cuda:\(index): the driver has \(count) device\(count == 1 ? "" : "s")")
        }
        let backend = try CUDABackend(ordinal: index, driver: driver, host: host)
        made[index] = backend
        return .success(backend)
      } catch { return .failure(error) }
    }
    switch result {
    case .success(let backend): return backend
    case .failure(let error): throw EmberError(.device, in: "device", "\(error)")
    }
  }

  static func existing(_ device: Device) -> CUDABackend? {
    backends.withLock { $0[Int(device.index)] }
  }

  /// What the driver says of a device that some tensor has been on; nil for others.
  public static func properties(_ device: Device = .cuda) -> DeviceProperties? { existing(device)?.properties }

  /// Waits until all work that the calling thread queued on a device is done; errors of kernels are raised here.
  public static func synchronize(_ device: Device = .cuda) { existing(device)?.synchronize() }

  public static func memoryStatistics(_ device: Device = .cuda) -> MemoryStatistics {
    existing(device)?.allocator.statistics ?? MemoryStatistics()
  }

  /// Gives cached memory back to the device, and cached pinned memory to the host.
  public static func releaseCachedMemory(_ device: Device = .cuda) {
    guard let backend = existing(device) else { return }
    backend.synchronize()
    backend.allocator.releaseCached()
    backend.pinnedMemory.releaseCached()
  }

  /// Starts a new measurement of `peakLiveBytes`.
  public static func resetPeakMemory(_ device: Device = .cuda) { existing(device)?.allocator.resetPeak() }

  /// Limits the memory for tensors, in bytes; 0 for no limit. Beyond it an allocation is a `.memory` error.
  public static func setMemoryCap(_ bytes: Int, _ device: Device = .cuda) { existing(device)?.allocator.setCap(bytes) }

  /// The operations that ran on the CPU for want of a kernel, and how often.
  public static var operationsOnHost: [(name: String, count: Int)] { CUDABackend.hostOperationCounts }

  /// Whether it is said on standard error why cuDNN is not used, and how it is. At first as EMBER_DEBUG has it.
  package static var explainsCuDNN: Bool {
    get { CuDNN.explains.load(ordering: .relaxed) }
    set { CuDNN.explains.store(newValue, ordering: .relaxed) }
  }

  /// What is found where, a line each: for `ember doctor`.
  public static var diagnosis: [String] {
    var lines: [String] = []
    switch Driver.shared {
    case .success(let driver):
      lines.append("driver: \(driver.path), for CUDA \(driver.version / 1000).\(driver.version % 1000 / 10)")
    case .failure(let error): return ["driver: \(error)"]
    }
    switch NVRTC.shared {
    case .success(let nvrtc): lines.append("NVRTC: \(nvrtc.path), version \(nvrtc.version.major).\(nvrtc.version.minor)")
    case .failure(let error): lines.append("NVRTC: \(error)")
    }
    switch CuBLASLt.shared {
    case .success(let library): lines.append("cuBLASLt: \(library.path)")
    case .failure(let error): lines.append("cuBLASLt: \(error); pip install nvidia-cublas (products run on Ember's own, slower kernel)")
    }
    switch CuDNN.shared {
    case .success(let library): lines.append("cuDNN: \(library.path)")
    case .failure(let error):
      lines.append("cuDNN: \(error); pip install nvidia-cudnn-cu13 (convolutions and attention run on Ember's own, slower kernels)")
    }
    return lines
  }
}

extension CUDABackend {
  var allowsTF32: Bool { CUDA.allowsTF32 }
  package var properties: CUDA.DeviceProperties {
    CUDA.DeviceProperties(name: name, computeCapability: computeCapability, multiprocessors: multiprocessorCount, memoryBytes: memoryBytes)
  }
}
