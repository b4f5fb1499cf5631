import EmberFormats
import EmberRuntime
import EmberTensor

/// Reference cases: `manifest.json`, and files of cases with their payloads, in a folder or a zip archive.
///
/// The cases hold inputs, arguments and what PyTorch computed from them: results, gradients, or that it refused. Values are
/// tagged JSON; tensors lie in a binary file beside it.
public struct Corpus: Sendable {
  public let path: String
  public let entries: [Entry]
  private let files: CorpusFiles

  /// One file of cases.
  public struct Entry: Sendable {
    public var file: String
    public var kind: String
    public var name: String
    public var category: String
  }

  /// - Parameter path: a folder, or a `.zip` archive of one.
  public init(_ path: String) throws {
    self.path = path
    let files = try CorpusFiles(path)
    self.files = files
    let manifest = try files.json("manifest.json")
    guard let list = manifest["entries"]?.items else { throw files.bad("manifest.json", "the manifest lists no entries") }
    entries = try list.map { item in
      guard let file = item["file"]?.text, let kind = item["kind"]?.text, let name = item["name"]?.text,
        let category = item["category"]?.text
      else { throw files.bad("manifest.json", "an entry of the manifest lacks file, kind, name or category") }
      return Entry(file: file, kind: kind, name: name, category: category)
    }
  }

  /// The cases of one file.
  func cases(of entry: Entry) throws -> [Case] {
    let contents = try files.json(entry.file)
    guard let list = contents["cases"]?.items else { throw files.bad(entry.file, "there is no list of cases") }
    var payload: [UInt8] = []
    if let name = contents["payload"]?.text {
      let folder = entry.file.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      payload = try files.bytes((folder + [name[...]]).joined(separator: "/"))
    }
    let shared = Payload(bytes: payload)
    return try list.map { item in
      // Ids travel in lines between processes.
      guard let id = item["id"]?.text, id.utf8.allSatisfy({ $0 >= 0x20 }) else {
        throw files.bad(entry.file, "a case has no id, or one with control characters")
      }
      return Case(id: id, entry: entry, json: item, payload: shared)
    }
  }

  /// The parameters that PyTorch's declarations of an operator list, by overload or function.
  package func signatures(of entry: Entry) throws -> [(name: String, parameters: [String])] {
    (try files.json(entry.file)["signatures"]?.items ?? []).map { signature in
      let name = signature["schema"]?.text ?? signature["function"]?.text ?? entry.name
      return (name, (signature["params"]?.items ?? []).compactMap { $0["n"]?.text })
    }
  }
}

/// The files of a corpus.
private struct CorpusFiles {
  let path: String
  /// The unpacked files of an archive; nil for a folder.
  let archive: [String: [UInt8]]?

  /// An archive may hold at most so many bytes unpacked.
  private static let archiveLimit = 1 << 30

  init(_ path: String) throws {
    self.path = path
    archive = path.hasSuffix(".zip") ? try Zip.load(path, limit: Self.archiveLimit, in: "conformance") : nil
  }

  func bytes(_ file: String) throws -> [UInt8] {
    if let archive {
      guard let contents = archive[file] else { throw bad(file, "the archive has no such file") }
      return contents
    }
    return try FileBytes.reading("\(path)/\(file)", in: "conformance").withBytes { Array($0) }
  }

  func json(_ file: String) throws -> JSON {
    try bytes(file).withUnsafeBytes { bytes in
      do throws(JSONSyntaxError) { return try JSON.parse(bytes) } catch { throw bad(file, "\(error.message) at byte \(error.position)") }
    }
  }

  func bad(_ file: String, _ message: String) -> EmberError { EmberError(.file, in: "conformance", "\(path)/\(file): \(message)") }
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
  /// Where arguments, parameters and cotangents are put.
  var device = Device.cpu
  /// Operators and modules run as graphs.
  var compilation = Compilation.none

  /// What the case is of: the operator, class or function.
  var subject: String { json["module"]?.text ?? json["optimizer"]?.text ?? json["scheduler"]?.text ?? json["util"]?.text ?? entry.name }
  var expectsError: Bool { json["expects"]?.text == "error" }
  var hasGradients: Bool { [json["grads"], json["param_grads"]].contains { $0?.items?.isEmpty == false } }
}
