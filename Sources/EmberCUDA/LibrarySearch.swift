#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Why something of CUDA cannot be used, in one line.
public struct CUDAUnavailable: Error, Sendable, CustomStringConvertible {
  public let description: String
  package init(_ description: String) { self.description = description }
}

/// Finds NVIDIA's libraries on a machine.
package enum LibrarySearch {
  /// An open library and the path it came from.
  package struct Library: @unchecked Sendable {
    package let handle: UnsafeMutableRawPointer
    package let path: String
  }

  package static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }

  private static func matches(_ pattern: String) -> [String] {
    var result = glob_t()
    defer { globfree(&result) }
    guard glob(pattern, 0, nil, &result) == 0 else { return [] }
    return (0..<Int(result.gl_pathc)).map { String(cString: result.gl_pathv[$0]!) }
  }

  /// Folders that may hold the libraries, best first: EMBER_CUDA_PATH, Python's packages (`nvidia/cu13/lib` and, for CUDA 12,
  /// `nvidia/*/lib`), CUDA installations.
  static let folders: [String] = {
    var folders: [String] = []
    if let path = environment("EMBER_CUDA_PATH") { folders += path.split(separator: ":").map(String.init) }
    var prefixes: [String] = []
    for name in ["VIRTUAL_ENV", "CONDA_PREFIX"] { if let path = environment(name) { prefixes.append(path) } }
    if let path = environment("PATH") {
      for folder in path.split(separator: ":") where folder.hasSuffix("/bin") && access(folder + "/python3", X_OK) == 0 {
        prefixes.append(String(folder.dropLast(4)))
      }
    }
    if let home = environment("HOME") { prefixes.append(home + "/.local") }
    prefixes += ["/usr/local", "/usr", "/opt/*/.venv", "/opt/*"]
    for prefix in prefixes {
      for packages in ["lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages"] {
        folders += matches("\(prefix)/\(packages)/nvidia/cu1*/lib") + matches("\(prefix)/\(packages)/nvidia/*/lib")
      }
    }
    for name in ["CUDA_HOME", "CUDA_PATH"] { if let path = environment(name) { folders += [path + "/lib64", path + "/lib"] } }
    folders += ["/usr/local/cuda/lib64"] + matches("/usr/local/cuda-1*/lib64").reversed()
    var seen: Set<String> = []
    return folders.filter { seen.insert($0).inserted }
  }()

  /// Opens the newest of the given versions.
  package static func open(stem: String, majors: [Int]) throws(CUDAUnavailable) -> Library {
    let names = majors.map { "\(stem).so.\($0)" }
    var refused: [String] = []
    func attempt(_ path: String) -> Library? {
      if let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) { return Library(handle: handle, path: path) }
      if path.contains("/"), let reason = dlerror() { refused.append(String(cString: reason)) }
      return nil
    }
    // What EMBER_CUDA_PATH names goes before what the system would find.
    if let path = environment("EMBER_CUDA_PATH") {
      for folder in path.split(separator: ":") {
        for name in names where access("\(folder)/\(name)", R_OK) == 0 { if let found = attempt("\(folder)/\(name)") { return found } }
      }
    }
    for name in names { if let found = attempt(name) { return found } }
    for folder in folders {
      for name in names where access("\(folder)/\(name)", R_OK) == 0 { if let found = attempt("\(folder)/\(name)") { return found } }
    }
    if let reason = refused.first { throw CUDAUnavailable("\(stem): \(reason)") }
    throw CUDAUnavailable(
      "\(names.joined(separator: " or ")) not found by the loader, nor in \(folders.count) folders (set EMBER_CUDA_PATH)")
  }
}
