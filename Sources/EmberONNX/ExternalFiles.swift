import EmberFormats
import EmberRuntime
import Glibc
import Synchronization

/// The files beside a model that hold data of its tensors. Paths stay inside of the model's folder.
final class ExternalFiles: Sendable {
  private let folder: String
  private let files = Mutex<[String: FileBytes]>([:])

  init(folder: String) { self.folder = folder }

  /// Where the bytes of a tensor lie, from the entries of its `external_data`.
  func bytes(
    _ entries: [String: String], byteCount: Int, _ bad: (String) -> EmberError
  ) throws -> (contents: FileBytes, range: Range<Int>) {
    guard let location = entries["location"] else { throw bad("external data without a location") }
    func number(_ key: String) throws -> Int? {
      guard let text = entries[key] else { return nil }
      guard let value = Int(text), value >= 0 else { throw bad("external data with \(key) '\(text)'") }
      return value
    }
    let offset = try number("offset") ?? 0
    let contents = try file(location, bad)
    let length = try number("length") ?? byteCount
    guard length == byteCount else { throw bad("external data of \(length) bytes, where \(byteCount) are needed") }
    guard offset <= contents.count, byteCount <= contents.count - offset else {
      throw bad("external data from byte \(offset) on, \(byteCount) of them, in '\(location)', which has \(contents.count)")
    }
    return (contents, offset..<offset + byteCount)
  }

  private func file(_ location: String, _ bad: (String) -> EmberError) throws -> FileBytes {
    if let known = files.withLock({ $0[location] }) { return known }
    let parts = location.split(separator: "/", omittingEmptySubsequences: false)
    guard !location.isEmpty, !location.hasPrefix("/"), !location.utf8.contains(0), !parts.contains(".."), !parts.contains("") else {
      throw bad("external data in '\(location)'; it must be a path inside of the model's folder")
    }
    let path = folder + "/" + location
    // Links are followed, but not out of the folder.
    guard let root = resolved(folder), let target = resolved(path) else { throw bad("external data in '\(location)', which is not there") }
    guard target.hasPrefix(root == "/" ? root : root + "/") else {
      throw bad("external data in '\(location)', a link that leads out of the model's folder")
    }
    let contents = try FileBytes.mapping(target, in: "onnx")
    files.withLock { $0[location] = contents }
    return contents
  }

  private func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }
}
