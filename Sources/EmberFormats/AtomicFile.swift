import EmberRuntime
import Glibc

/// Writes a file so that readers, and a crash at any moment, find either the old contents or the new, never a mixture.
///
/// The bytes go into a temporary file in the same folder, which is flushed to disk and renamed over the target; then
/// the folder is flushed. The temporary file is locked while its writer lives: what a killed one left is removed by the next write
/// of the same target.
public struct AtomicFile: ~Copyable {
  private let path: String
  private let temporary: String
  private let operation: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  /// Bytes written so far.
  public private(set) var position = 0

  /// Writes the file at `path` by what `body` hands over. If `body` throws, nothing changes.
  public static func write(to path: String, in operation: String = "write", _ body: (inout AtomicFile) throws -> Void) throws {
    var file = try AtomicFile(path, in: operation)
    try body(&file)
    try file.commit()
  }

  private init(_ path: String, in operation: String) throws {
    self.path = path
    self.operation = operation
    AtomicFile.removeAbandoned(of: path)
    (temporary, descriptor) = try AtomicFile.openTemporary(for: path, in: operation)
  }

  /// A new file beside `path`, with a lock that says that it is being written.
  private static func openTemporary(for path: String, in operation: String) throws -> (name: String, descriptor: Int32) {
    var number = SystemRandomNumberGenerator()
    while true {
      let name = "\(path).\(getpid())-\(String(number.next() as UInt64, radix: 36)).tmp"
      let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor < 0 { throw EmberError(.file, in: operation, "\(path): cannot be written: \(errorText())") }
      // Where the file system has no locks, nobody else gets one either, and nothing is ever removed.
      _ = flock(descriptor, LOCK_EX)
      var status = stat()
      if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return (name, descriptor) }
      // Another writer took it for abandoned before it was locked.
      close(descriptor)
    }
  }

  /// Removes temporary files of `path` whose writers are gone.
  private static func removeAbandoned(of path: String) {
    let folder = folder(of: path)
    guard let entries = opendir(folder) else { return }
    defer { closedir(entries) }
    let target = path.split(separator: "/").last.map(String.init) ?? path
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
      }
      guard isTemporary(name, of: target) else { continue }
      let descriptor = open("\(folder)/\(name)", O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
      if descriptor < 0 { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink("\(folder)/\(name)") }
      close(descriptor)
    }
  }

  /// Whether a name is the target's with a process number and a random one, as `openTemporary` makes it.
  private static func isTemporary(_ name: String, of target: String) -> Bool {
    guard name.hasPrefix(target + "."), name.hasSuffix(".tmp") else { return false }
    let parts = name.dropFirst(target.count + 1).dropLast(4).split(separator: "-", omittingEmptySubsequences: false)
    return parts.count == 2 && Int32(parts[0]) != nil && UInt64(parts[1], radix: 36) != nil
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(temporary)
    }
  }

  public mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
    position += bytes.count
    if bytes.count < 1 << 16 {
      buffer.append(contentsOf: bytes)
      if buffer.count >= 1 << 18 { try flush() }
    } else {
      try flush()
      try put(bytes)
    }
  }

  public mutating func append(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try append($0) } }
  public mutating func append(_ text: String) throws { try append(Array(text.utf8)) }

  private mutating func flush() throws {
    let pending = buffer
    buffer.removeAll(keepingCapacity: true)
    try pending.withUnsafeBytes { try put($0) }
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      let written = Glibc.write(descriptor, bytes.baseAddress! + done, Swift.min(bytes.count - done, 1 << 30))
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw failure() }
      done += written
    }
  }

  private mutating func commit() throws {
    try flush()
    guard fsync(descriptor) == 0 else { throw failure() }
    let open = descriptor
    guard rename(temporary, path) == 0 else { throw failure() }
    descriptor = -1
    close(open)
    AtomicFile.flushFolder(of: path)
  }

  private func failure() -> EmberError { EmberError(.file, in: operation, "\(path): cannot be written: \(errorText())") }

  static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  }

  /// Makes a rename durable. Some file systems cannot flush folders; the rename is atomic there all the same.
  private static func flushFolder(of path: String) {
    let descriptor = Glibc.open(folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor >= 0 {
      fsync(descriptor)
      close(descriptor)
    }
  }
}

/// Folders and names, as far as the formats need them.
public enum Files {
  /// Makes a folder and those above it; no error if it is there.
  public static func makeFolder(_ path: String, in operation: String = "makeFolder") throws {
    var built = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      built += (built.isEmpty || built == "/" ? "" : "/") + part
      if mkdir(built, 0o777) != 0, errno != EEXIST {
        throw EmberError(.file, in: operation, "the folder \(path) cannot be made: \(built): \(errorText())")
      }
    }
    guard isFolder(path) else { throw EmberError(.file, in: operation, "\(path): it is not a folder") }
  }

  public static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Throws if a file at `path` could not be written later: no such folder, or no permission.
  public static func checkWritable(_ path: String, in operation: String) throws {
    let folder = AtomicFile.folder(of: path)
    guard isFolder(folder) else {
      throw EmberError(.file, in: operation, "\(path): cannot be written: there is no folder \(folder); make it with Files.makeFolder")
    }
    if isFolder(path) { throw EmberError(.file, in: operation, "\(path): cannot be written: it is a folder; name a file in it") }
    if access(folder, W_OK | X_OK) != 0 { throw EmberError(.file, in: operation, "\(path): cannot be written: \(errorText())") }
  }

  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Writes a text or bytes atomically.
  public static func write(_ text: String, to path: String, in operation: String = "write") throws {
    try AtomicFile.write(to: path, in: operation) { file in try file.append(text) }
  }
}
