import EmberFormats
import EmberRuntime
import EmberTensor

/// A directory of reference cases: `manifest.json`, and files of cases with their payloads.
///
/// The cases hold inputs, arguments and what PyTorch computed from them: results, gradients, or that it refused. Values are
/// tagged JSON; tensors lie in a binary file beside it.
public struct Corpus: Sendable {
  public let folder: String
  public let entries: [Entry]

  /// One file of cases.
  public struct Entry: Sendable {
    public var file: String
    public var kind: String
    public var name: String
    public var category: String
  }

  public init(folder: String) throws {
    self.folder = folder
    let manifest = try Self.read(folder + "/manifest.json")
    guard let list = manifest["entries"]?.items else { throw Self.bad(folder, "the manifest lists no entries") }
    entries = try list.map { item in
      guard let file = item["file"]?.text, let kind = item["kind"]?.text, let name = item["name"]?.text,
        let category = item["category"]?.text
      else { throw Self.bad(folder, "an entry of the manifest lacks file, kind, name or category") }
      return Entry(file: file, kind: kind, name: name, category: category)
    }
  }

  /// The cases of one file.
  func cases(of entry: Entry) throws -> [Case] {
    let path = "\(folder)/\(entry.file)"
    let json = try Self.read(path)
    guard let list = json["cases"]?.items else { throw Self.bad(path, "there is no list of cases") }
    var payload: [UInt8] = []
    if let name = json["payload"]?.text {
      let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
      payload = try Self.contents("\(directory)/\(name)")
    }
    let shared = Payload(bytes: payload)
    return try list.map { item in
      guard let id = item["id"]?.text else { throw Self.bad(path, "a case has no id") }
      return Case(id: id, entry: entry, json: item, payload: shared)
    }
  }

  private static func contents(_ path: String) throws -> [UInt8] {
    let file = try FileBytes.reading(path, in: "conformance")
    return file.withBytes { Array($0) }
  }

  private static func read(_ path: String) throws -> JSON {
    try contents(path).withUnsafeBytes { bytes in
      do throws(JSONSyntaxError) { return try JSON.parse(bytes) } catch {
        throw bad(path, "\(error.message) at byte \(error.position)")
      }
    }
  }

  private static func bad(_ path: String, _ message: String) -> EmberError { EmberError(.file, in: "conformance", "\(path): \(message)") }
}

/// The bytes of all tensors of a file.
final class Payload: Sendable {
  let bytes: [UInt8]
  init(bytes: [UInt8]) { self.bytes = bytes }
}

/// One case.
struct Case: @unchecked Sendable {
  let id: String
  let entry: Corpus.Entry
  let json: JSON
  let payload: Payload
}
