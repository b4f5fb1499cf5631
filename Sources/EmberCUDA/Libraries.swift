import CCUDA

/// The driver. Opened once; its functions may be called from any thread.
final class Driver: @unchecked Sendable {
  let functions: UnsafePointer<ember_cuda_driver>
  let path: String
  /// 13000 for CUDA 13.0.
  let version: Int

  private init() throws(CUDAUnavailable) {
    let library: LibrarySearch.Library
    do { library = try LibrarySearch.open(stem: "libcuda", majors: [1]) } catch {
      throw CUDAUnavailable("no NVIDIA driver: \(error)")
    }
    let table = UnsafeMutablePointer<ember_cuda_driver>.allocate(capacity: 1)
    if let missing = ember_cuda_load_driver(library.handle, table) {
      throw CUDAUnavailable(
        "the NVIDIA driver \(library.path) is too old: it has no \(String(cString: missing)); install one for CUDA 12 or later")
    }
    functions = UnsafePointer(table)
    path = library.path
    let status = table.pointee.initialize(0)
    if status != 0 { throw CUDAUnavailable("the NVIDIA driver does not start: \(Self.text(status, functions))") }
    var version: Int32 = 0
    _ = table.pointee.driver_version(&version)
    self.version = Int(version)
    if version < 12000 {
      throw CUDAUnavailable("the NVIDIA driver is for CUDA \(version / 1000).\(version % 1000 / 10); install one for CUDA 12 or later")
    }
  }

  static let shared: Result<Driver, CUDAUnavailable> = {
    do throws(CUDAUnavailable) { return .success(try Driver()) } catch { return .failure(error) }
  }()

  private static func text(_ status: Int32, _ functions: UnsafePointer<ember_cuda_driver>) -> String {
    var name: UnsafePointer<CChar>?
    var text: UnsafePointer<CChar>?
    _ = functions.pointee.error_name(status, &name)
    _ = functions.pointee.error_string(status, &text)
    return "\(name.map { String(cString: $0) } ?? "error \(status)") (\(text.map { String(cString: $0) } ?? "unknown"))"
  }

  /// The name and meaning of an error.
  func text(_ status: Int32) -> String { Self.text(status, functions) }
}

/// The compiler.
final class NVRTC: @unchecked Sendable {
  let functions: UnsafePointer<ember_nvrtc>
  let path: String
  let version: (major: Int, minor: Int)

  private init() throws(CUDAUnavailable) {
    let library: LibrarySearch.Library
    do { library = try LibrarySearch.open(stem: "libnvrtc", majors: [13, 12]) } catch {
      throw CUDAUnavailable("no NVRTC: \(error); pip install nvidia-cuda-nvrtc, or install the CUDA toolkit")
    }
    let table = UnsafeMutablePointer<ember_nvrtc>.allocate(capacity: 1)
    if let missing = ember_cuda_load_nvrtc(library.handle, table) {
      throw CUDAUnavailable("\(library.path) has no \(String(cString: missing)); install NVRTC 12 or later")
    }
    functions = UnsafePointer(table)
    path = library.path
    var major: Int32 = 0
    var minor: Int32 = 0
    _ = table.pointee.version(&major, &minor)
    version = (Int(major), Int(minor))
  }

  static let shared: Result<NVRTC, CUDAUnavailable> = {
    do throws(CUDAUnavailable) { return .success(try NVRTC()) } catch { return .failure(error) }
  }()

  struct Image: Sendable {
    /// The kernel's name inside the image.
    var name: [CChar]
    var bytes: [UInt8]
  }

  /// Compiles one kernel of a source for an architecture (`sm_90a`).
  func compile(_ source: String, kernel: String, architecture: String) throws(CUDAUnavailable) -> Image {
    let options = ["--gpu-architecture=\(architecture)", "-std=c++17", "--device-as-default-execution-space", "-diag-suppress=177,186"]
    var program: UnsafeMutableRawPointer?
    defer { _ = functions.pointee.destroy(&program) }
    let status = withPointers(options) { pointers in
      ember_cuda_compile(functions, &program, source, kernel, Int32(options.count), pointers)
    }
    if status != 0 {
      var size = 0
      _ = functions.pointee.log_size(program, &size)
      var log = [CChar](repeating: 0, count: max(size, 1))
      _ = functions.pointee.log(program, &log)
      let reason = functions.pointee.error_string(status).map { String(cString: $0) } ?? "error \(status)"
      throw CUDAUnavailable(
        "\(kernel) does not compile: \(reason)\n\(String(decoding: log.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))")
    }
    var lowered: UnsafePointer<CChar>?
    _ = functions.pointee.lowered_name(program, kernel, &lowered)
    var size = 0
    _ = functions.pointee.image_size(program, &size)
    var bytes = [UInt8](repeating: 0, count: size)
    bytes.withUnsafeMutableBytes { _ = functions.pointee.image(program, $0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    guard let lowered else { throw CUDAUnavailable("\(kernel) has no name in its image") }
    return Image(name: Array(UnsafeBufferPointer(start: lowered, count: String(cString: lowered).utf8.count + 1)), bytes: bytes)
  }
}

private func withPointers<R>(_ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R) -> R {
  var bytes: [CChar] = []
  var starts: [Int] = []
  for string in strings {
    starts.append(bytes.count)
    bytes += string.utf8.map { CChar(bitPattern: $0) } + [0]
  }
  return bytes.withUnsafeBufferPointer { buffer in
    let pointers = starts.map { Optional(buffer.baseAddress! + $0) }
    return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}

/// Matrix products. Nil functions never: a library that lacks one is refused.
final class CuBLASLt: @unchecked Sendable {
  let functions: UnsafePointer<ember_cublaslt>
  let path: String

  private init() throws(CUDAUnavailable) {
    let library = try LibrarySearch.open(stem: "libcublasLt", majors: [13, 12])
    let table = UnsafeMutablePointer<ember_cublaslt>.allocate(capacity: 1)
    if let missing = ember_cuda_load_cublaslt(library.handle, table) {
      throw CUDAUnavailable("\(library.path) has no \(String(cString: missing)); install cuBLAS 12 or later")
    }
    functions = UnsafePointer(table)
    path = library.path
  }

  static let shared: Result<CuBLASLt, CUDAUnavailable> = {
    do throws(CUDAUnavailable) { return .success(try CuBLASLt()) } catch { return .failure(error) }
  }()
}
