import CCUDA
import EmberRuntime
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Kernels compiled so far: in memory by what they were made from, on disk by the hash of it.
///
/// The folder is EMBER_CUDA_CACHE, or `ember/kernels` in the user's cache folder; an empty EMBER_CUDA_CACHE turns it off. Files appear under their
/// name only when they are complete, so that processes may share the folder.
final class KernelCache: Sendable {
  enum Key: Hashable {
    /// A kernel of the project: its file, the address of its name, template arguments. A kernel that needs more shared memory than usual is
    /// loaded for that amount.
    case own(KernelSource, name: UInt, [TemplateArgument], sharedBytes: Int)
    /// A kernel from a user's source.
    case user(source: String, name: String, sharedBytes: Int)
  }

  private let functions = Mutex<[Key: UInt]>([:])
  private let driver: Driver
  private let context: UInt
  let architecture: String

  init(driver: Driver, context: UnsafeMutableRawPointer, architecture: String) {
    self.driver = driver
    self.context = UInt(bitPattern: context)
    self.architecture = architecture
  }

  func known(_ key: Key) -> UnsafeMutableRawPointer? {
    functions.withLock { $0[key] }.flatMap { UnsafeMutableRawPointer(bitPattern: $0) }
  }

  func add(_ key: Key, _ function: UnsafeMutableRawPointer) { functions.withLock { $0[key] = UInt(bitPattern: function) } }

  /// Compiles a kernel, or finds it on disk, and loads it.
  func make(source: String, kernel: String) throws(CUDAUnavailable) -> UnsafeMutableRawPointer {
    let nvrtc: NVRTC
    switch NVRTC.shared {
    case .success(let library): nvrtc = library
    case .failure(let error): throw error
    }
    let identity = "\(architecture) \(nvrtc.version.major).\(nvrtc.version.minor) \(kernel)\n"
    let file = Self.folder.map { "\($0)/\(Self.hash(identity, source)).kernel" }
    if let file, let image = Self.read(file, expecting: identity), let function = try? load(image) { return function }
    let image = try nvrtc.compile(source, kernel: kernel, architecture: architecture)
    if let file { Self.write(image, identity, to: file) }
    return try load(image)
  }

  private func load(_ image: NVRTC.Image) throws(CUDAUnavailable) -> UnsafeMutableRawPointer {
    _ = ember_cuda_use_context(driver.functions, UnsafeMutableRawPointer(bitPattern: context))
    var module: UnsafeMutableRawPointer?
    var function: UnsafeMutableRawPointer?
    var status = image.bytes.withUnsafeBytes { driver.functions.pointee.load_module(&module, $0.baseAddress) }
    if status == 0 { status = driver.functions.pointee.module_function(&function, module, image.name) }
    guard status == 0, let function else { throw CUDAUnavailable("a kernel cannot be loaded: \(driver.text(status))") }
    return function
  }

  // MARK: On disk

  private static let folder: String? = {
    func makeFolders(_ path: String) -> Bool {
      var made = ""
      for part in path.split(separator: "/") {
        made += "/" + part
        mkdir(made, 0o755)
      }
      return access(path, W_OK) == 0
    }
    let path: String
    if let pointer = getenv("EMBER_CUDA_CACHE") {
      path = String(cString: pointer)
    } else if let cache = LibrarySearch.environment("XDG_CACHE_HOME") {
      path = cache + "/ember/kernels"
    } else if let home = LibrarySearch.environment("HOME") {
      path = home + "/.cache/ember/kernels"
    } else {
      return nil
    }
    return path.hasPrefix("/") && makeFolders(path) ? path : nil
  }()

  /// FNV-1a over 128 bits' worth of two streams: a name, not a protection; the identity inside the file is compared as well.
  private static func hash(_ texts: String...) -> String {
    var a: UInt64 = 0xcbf2_9ce4_8422_2325
    var b: UInt64 = 0x84222325_cbf29ce4
    for text in texts {
      for byte in text.utf8 {
        a = (a ^ UInt64(byte)) &* 0x100_0000_01b3
        b = (b ^ UInt64(byte) ^ (a >> 40)) &* 0x100_0000_01b3
      }
    }
    let digits = String(a, radix: 16)
    let more = String(b, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits + String(repeating: "0", count: 16 - more.count) + more
  }

  private static let magic = "EMBERK1\n"

  private static func read(_ path: String, expecting identity: String) -> NVRTC.Image? {
    guard let file = fopen(path, "rb") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    let head = Array((magic + identity).utf8)
    guard bytes.count > head.count + 16, Array(bytes[..<head.count]) == head else { return nil }
    // The name, its end, the image's size in eight bytes, the image.
    guard let end = bytes[head.count...].firstIndex(of: 0), bytes.count >= end + 9 else { return nil }
    var size: UInt64 = 0
    for i in 0..<8 { size |= UInt64(bytes[end + 1 + i]) << UInt64(8 * i) }
    guard size > 0, bytes.count - end - 9 == Int(clamping: size) else { return nil }
    return NVRTC.Image(name: bytes[head.count...end].map { CChar(bitPattern: $0) }, bytes: Array(bytes[(end + 9)...]))
  }

  private static func write(_ image: NVRTC.Image, _ identity: String, to path: String) {
    var bytes = Array((magic + identity).utf8) + image.name.map { UInt8(bitPattern: $0) }
    for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: image.bytes.count >> (8 * i))) }
    bytes += image.bytes
    let temporary = "\(path).\(getpid()).\(UInt64.random(in: 0...(.max)))"
    guard let file = fopen(temporary, "wb") else { return }
    let written = fwrite(bytes, 1, bytes.count, file)
    if fclose(file) != 0 || written != bytes.count || rename(temporary, path) != 0 { unlink(temporary) }
  }
}
