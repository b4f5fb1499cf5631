import EmberRuntime
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import EmberFormats
@testable import EmberHub

/// Downloads from a server on this machine, which breaks off, lies and changes its mind.
@Suite struct HubTests {
  private static let contents: [UInt8] = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 9) }
  private static let sum = SHA256.of(contents)

  private func downloader() -> Downloader { Downloader(pause: 0.001) }
  private func read(_ path: String) throws -> [UInt8] { try FileBytes.reading(path, in: "test").withBytes { Array($0) } }

  private func hub() -> Hub {
    var hub = Hub()
    hub.cache = TemporaryFolder().path
    hub.isOffline = false
    hub.showsProgress = false
    hub.pause = 0.001
    return hub
  }

  @Test func sumsAreThoseOfTheStandard() {
    #expect(SHA256.of([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(SHA256.of(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    var hash = SHA256()
    for _ in 0..<10_000 { Array(repeating: UInt8(ascii: "a"), count: 100).withUnsafeBytes { hash.add($0) } }
    #expect(hash.finished() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func aBrokenTransferIsTakenUpWhereItBroke() throws {
    let contents = Self.contents
    let server = LocalServer { request in
      var response = LocalServer.file(contents, request)
      if request.rangeStart ?? 0 < 200_000 { response.breaksAfter = 70_000 }
      return response
    }
    let path = TemporaryFolder().file("deep/file.bin")
    try downloader().file(server.address + "/file.bin", to: path, size: contents.count, sha256: Self.sum)
    #expect(try read(path) == contents)
    #expect(server.requests.map(\.rangeStart) == [nil, 70_000, 140_000, 210_000])
    #expect(!Files.exists(path + ".part") && !Files.exists(path + ".part.tag"))
  }

  @Test func whatAnEarlierProcessLeftIsUsedOnlyIfItFits() throws {
    let contents = Self.contents
    let server = LocalServer { LocalServer.file(contents, $0) }
    let folder = TemporaryFolder().path
    try AtomicFile.write(to: folder + "/a.part") { try $0.append(Array(contents[..<100_000])) }
    try downloader().file(server.address + "/a", to: folder + "/a", size: contents.count, sha256: Self.sum)
    #expect(server.requests.map(\.rangeStart) == [100_000])
    // Other bytes in it: found out by the checksum, and fetched once more from the beginning.
    try AtomicFile.write(to: folder + "/b.part") { try $0.append([UInt8](repeating: 7, count: 100_000)) }
    try downloader().file(server.address + "/b", to: folder + "/b", size: contents.count, sha256: Self.sum)
    #expect(server.requests.map(\.rangeStart) == [100_000, 100_000, nil])
    #expect(try read(folder + "/a") == contents)
    #expect(try read(folder + "/b") == contents)
  }

  @Test func aFileThatChangesOnTheServerIsFetchedAnew() throws {
    let old = Self.contents, new = Array(Self.contents.reversed())
    let hasChanged = Mutex(false)
    let server = LocalServer { request in
      if hasChanged.withLock({ $0 }) { return LocalServer.file(new, request, tag: "\"new\"") }
      hasChanged.withLock { $0 = true }
      var response = LocalServer.file(old, request, tag: "\"old\"")
      response.breaksAfter = 120_000
      return response
    }
    let path = TemporaryFolder().file("file")
    // Nothing is known of it but what the server says.
    try downloader().file(server.address + "/file", to: path)
    #expect(try read(path) == new)
    #expect(server.requests.last?.headers["if-range"] == "\"old\"")
  }

  @Test func aServerWithoutRangesBeginsAnew() throws {
    let contents = Self.contents
    let isFirst = Mutex(true)
    let server = LocalServer { _ in
      let breaks = isFirst.withLock { value in
        defer { value = false }
        return value
      }
      return LocalServer.Response(body: contents, breaksAfter: breaks ? 50_000 : nil)
    }
    let path = TemporaryFolder().file("file")
    try downloader().file(server.address + "/file", to: path, size: contents.count, sha256: Self.sum)
    #expect(try read(path) == contents)
    #expect(server.requests.count == 2)
  }

  @Test func whatIsNotTheFileIsRefusedAndNotKept() throws {
    let contents = Self.contents
    let server = LocalServer { request in
      switch request.path {
      case "/missing": LocalServer.Response(status: 404)
      case "/long": LocalServer.Response(body: contents + [0])
      case "/short": LocalServer.Response(body: Array(contents.dropLast()))
      default: LocalServer.Response(body: [1] + contents.dropFirst())
      }
    }
    let folder = TemporaryFolder().path
    for name in ["missing", "long", "short", "other"] {
      #expect(throws: EmberError.self, "\(name)") {
        try downloader().file("\(server.address)/\(name)", to: "\(folder)/\(name)", size: contents.count, sha256: Self.sum)
      }
      #expect(!Files.exists("\(folder)/\(name)"))
    }
    let error = #expect(throws: EmberError.self) { try downloader().file("\(server.address)/other", to: "\(folder)/x", sha256: Self.sum) }
    #expect(error?.message.contains(Self.sum) ?? false)
    #expect(throws: EmberError.self) { try downloader().file("file:///etc/passwd", to: "\(folder)/x") }
    #expect(throws: EmberError.self) { try downloader().bytes("http://127.0.0.1:1/x") }
  }

  /// The rest of a file is what follows the bytes that are here, of the same version; anything else is no part of it.
  @Test func partsOfSomethingElseAreNotJoined() throws {
    let contents = Self.contents
    for (isShifted, isTagged) in [(true, true), (false, false)] {
      let server = LocalServer { request in
        guard let start = request.rangeStart else {
          return LocalServer.Response(headers: isTagged ? ["ETag": "\"a\""] : ["ETag": "W/\"a\""], body: contents, breaksAfter: 1000)
        }
        let from = isShifted ? start + 1 : start
        return LocalServer.Response(
          status: 206, headers: ["Content-Range": "bytes \(from)-\(contents.count - 1)/\(contents.count)"], body: Array(contents[from...]))
      }
      let path = TemporaryFolder().file("file")
      let downloader = Downloader(attempts: 3, pause: 0.001)
      #expect(throws: EmberError.self) { try downloader.file(server.address + "/file", to: path) }
      #expect(!Files.exists(path))
      #expect(server.requests.contains { $0.rangeStart != nil } == isShifted)
    }
  }

  /// A server that goes on sending, a little at a time, does not hold a program for ever.
  @Test func anAnswerHasToCome() throws {
    let server = LocalServer { _ in LocalServer.Response(body: [UInt8](repeating: 1, count: 1000), pause: 20) }
    let hurried = Downloader(pause: 0.001, answerSeconds: 1)
    let error = try #require(throws: EmberError.self) { try hurried.bytes(server.address + "/models") }
    #expect(error.message.contains("/models") && error.message.contains("within 1 s") && server.requests.count == 1)
  }

  @Test func aServerThatIsBusyIsAskedAgain() throws {
    let count = Mutex(0)
    let server = LocalServer { _ in
      let number = count.withLock { value in
        value += 1
        return value
      }
      return number < 3 ? LocalServer.Response(status: 503) : LocalServer.Response(body: Array("here".utf8))
    }
    #expect(try downloader().bytes(server.address + "/x") == Array("here".utf8))
    #expect(server.requests.count == 3)
  }

  // MARK: - Sources

  @Test func repositoriesAreKeptByCommit() throws {
    let contents = Self.contents, sum = Self.sum
    let commit = String(repeating: "a1", count: 20)
    let server = LocalServer { request in
      if request.path.hasPrefix("/api/models/me/tiny/revision/main") || request.path.hasPrefix("/api/models/me/tiny/revision/\(commit)") {
        let listing = """
          {"sha": "\(commit)", "siblings": [{"rfilename": "config.json", "size": 2},
           {"rfilename": "a b/w.bin", "size": \(contents.count), "lfs": {"sha256": "\(sum)"}}]}
          """
        return LocalServer.Response(body: Array(listing.utf8))
      }
      if request.path == "/me/tiny/resolve/\(commit)/config.json" { return LocalServer.file(Array("{}".utf8), request) }
      if request.path == "/me/tiny/resolve/\(commit)/a%20b/w.bin" { return LocalServer.file(contents, request) }
      return LocalServer.Response(status: 404)
    }
    var hub = hub()
    hub.endpoint = server.address
    hub.token = "secret"
    let model = try hub.get("hf:me/tiny")
    #expect(Set(model.files) == ["config.json", "a b/w.bin"])
    #expect(try read(model.folder + "/a b/w.bin") == contents)
    #expect(server.requests.allSatisfy { $0.headers["authorization"] == "Bearer secret" })
    // From now on without the net.
    hub.isOffline = true
    hub.endpoint = "http://127.0.0.1:1"
    #expect(try hub.get("hf:me/tiny") == model)
    #expect(throws: EmberError.self) { try hub.get("hf:me/other") }
    try hub.verify(model)
    try AtomicFile.write(to: model.folder + "/a b/w.bin") { try $0.append(Array(contents.reversed())) }
    #expect(throws: EmberError.self) { try hub.verify(model) }
  }

  @Test func manifestsOfOthersNameTheirModels() throws {
    let contents = Self.contents, sum = Self.sum
    let manifest = """
      {"format": 1, "models": [{"name": "mine", "version": "1.2", "kind": "x", "summary": "s", "license": "MIT",
        "files": [{"path": "data/w.bin", "size": \(contents.count), "sha256": "\(sum)"}]}]}
      """
    let server = LocalServer { request in
      request.path == "/models/ember-hub.json"
        ? LocalServer.Response(body: Array(manifest.utf8))
        : request.path == "/models/data/w.bin" ? LocalServer.file(contents, request) : LocalServer.Response(status: 404)
    }
    var hub = hub()
    let name = "\(server.address)/models/ember-hub.json#mine"
    #expect(try !hub.isCached(hub.entry(name)))
    let model = try hub.get(name)
    #expect(try read(model.folder + "/data/w.bin") == contents)
    let count = server.requests.count
    hub.isOffline = true
    #expect(try hub.get(name) == model)
    #expect(server.requests.count == count)
    // The same from a folder.
    let folder = TemporaryFolder().path
    try Files.makeFolder(folder + "/data")
    try Files.write(manifest, to: folder + "/ember-hub.json")
    #expect(throws: EmberError.self) { try hub.get("\(folder)#mine") }
    try AtomicFile.write(to: folder + "/data/w.bin") { try $0.append(contents) }
    #expect(try hub.get("\(folder)#mine").folder == folder)
    #expect(try hub.get("\(folder)/").files == ["data/w.bin", "ember-hub.json"])
  }

  @Test(arguments: [
    "", "{}", "{\"format\": 2, \"models\": []}", "{\"format\": 1, \"models\": [{\"name\": \"a/b\", \"version\": \"1\"}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"files\": [{\"path\": \"../x\"}]}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"files\": [{\"path\": \"/etc/x\"}]}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"files\": [{\"path\": \"x\", \"sha256\": \"12\"}]}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"source\": {\"folder\": \"/etc\"}, \"files\": [{\"path\": \"passwd\"}]}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"files\": []}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"source\": {\"repository\": \"owner/name?x=/../../../..\", \"revision\": \"main\"}, \"files\": [{\"path\": \"x\"}]}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"source\": {\"repository\": \"owner/name\", \"revision\": \"../../.bashrc\"}, \"files\": [{\"path\": \"x\"}]}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"source\": {\"repository\": \"../..\", \"revision\": \"main\"}, \"files\": [{\"path\": \"x\"}]}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"source\": {\"package\": \"p\", \"version\": \"../../../../x\"}, \"files\": [{\"path\": \"x\"}]}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"source\": {\"package\": \"../p\"}, \"files\": [{\"path\": \"x\"}]}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"source\": {\"package\": \"p\", \"version\": \"1\", \"folder\": \"../..\"}, \"files\": [{\"path\": \"x\"}]}]}",
    "{\"format\": 1, \"models\": [{\"name\": \"a\", \"version\": \"1\", \"files\": [{\"path\": \"x\", \"size\": 9223372036854775807}]}]}",
  ]) func manifestsThatReachTooFarAreRefused(_ source: String) {
    #expect(throws: EmberError.self) { try HubManifest(parsing: Array(source.utf8), source: "test", beside: .url("http://x/y")) }
  }

  @Test func wheelsAreUnpackedAndNotExecuted() throws {
    let contents = Self.contents
    let folder = TemporaryFolder().path
    // A wheel is a zip archive, as npz files are.
    let path = folder + "/my_model-1.0-py3-none-any.whl"
    try AtomicFile.write(to: path) { file in
      var zip = ZipWriter(source: path, in: "test")
      for (name, bytes) in [("my_model/data/w.bin", contents), ("my_model/__init__.py", Array("raise SystemExit".utf8)), ("my_model-1.0.dist-info/RECORD", [])] {
        try bytes.withUnsafeBytes { try zip.add(name, $0, compressed: true, to: &file) }
      }
      try zip.finish(&file)
    }
    let wheel = try read(path), sum = SHA256.of(wheel)
    for isHTML in [false, true] {
      let server = LocalServer { request in
        if request.path == "/simple/my-model/" {
          let page =
            isHTML
            ? "<html><a href=\"../../files/my_model-1.0-py3-none-any.whl#sha256=\(sum)\">my_model-1.0-py3-none-any.whl</a><a href=\"x.tar.gz\">x</a></html>"
            : "{\"files\": [{\"filename\": \"my_model-1.0-py3-none-any.whl\", \"url\": \"../../files/my_model-1.0-py3-none-any.whl\", \"hashes\": {\"sha256\": \"\(sum)\"}, \"size\": \(wheel.count)}]}"
          return LocalServer.Response(body: Array(page.utf8))
        }
        return request.path == "/files/my_model-1.0-py3-none-any.whl" ? LocalServer.file(wheel, request) : LocalServer.Response(status: 404)
      }
      var settings = PipSettings()
      settings.index = server.address + "/simple"
      settings.extraIndexes = []
      settings.hasNoIndex = false
      var hub = hub()
      hub.pip = settings
      let model = try hub.get("pypi:My.Model")
      #expect(try read(model.folder + "/my_model/data/w.bin") == contents)
      hub.manifest = try HubManifest(
        parsing: Array(
          """
          {"format": 1, "models": [{"name": "m", "version": "3", "source": {"package": "my-model", "version": "1.0", "folder": "my_model"},
            "files": [{"path": "data/w.bin", "sha256": "\(Self.sum)"}]}]}
          """.utf8), source: "test", beside: .folder(""))
      let listed = try hub.get("m")
      #expect(listed.files == ["data/w.bin"])
      #expect(!Files.exists(listed.folder + "/__init__.py"))
      hub.isOffline = true
      #expect(try hub.get("m@3") == listed)
      // Another spelling of the name is the same package.
      let again = try hub.get("pypi:my_model")
      #expect(again.folder == model.folder && again.files == model.files)
      #expect(throws: EmberError.self) { try hub.get("pypi:my_model==2.0") }
    }
  }

  @Test func archivesThatLeadOutOfTheirFolderAreRefused() throws {
    let folder = TemporaryFolder().path
    let path = folder + "/a.zip"
    for name in ["../out", "/tmp/out", "a/../../out", "a\\out", "a//b"] {
      try AtomicFile.write(to: path) { file in
        var zip = ZipWriter(source: path, in: "test")
        try [UInt8(1)].withUnsafeBytes { try zip.add(name, $0, compressed: false, to: &file) }
        try zip.finish(&file)
      }
      #expect(throws: EmberError.self, "\(name)") { try Zip.unpack(path, into: folder + "/in", limit: 1 << 20, in: "test") { $0 } }
    }
  }

  @Test func theNewestFinishedVersionIsTaken() {
    func wheel(_ version: String, _ tags: String = "py3-none-any", yanked: Bool = false) -> PythonIndex.Wheel {
      PythonIndex.Wheel(fileName: "x-\(version)-\(tags).whl", version: version, url: "", isYanked: yanked)
    }
    let wheels = [wheel("1.9"), wheel("1.10", "cp311-cp311-win_amd64"), wheel("1.10"), wheel("2.0rc1"), wheel("3.0", yanked: true)]
    #expect(PythonIndex.best(wheels, version: nil)?.fileName == "x-1.10-py3-none-any.whl")
    #expect(PythonIndex.best(wheels, version: "2.0rc1")?.version == "2.0rc1")
    #expect(PythonIndex.best(wheels, version: "3.0")?.version == "3.0")
    #expect(PythonIndex.best(wheels, version: "4") == nil)
  }

  @Test func pipsFilesAreReadAsPipDoes() {
    var values: [String: String] = [:]
    PipSettings.read(
      "# remark\n[global]\nindex-url = https://a/simple\nextra-index-url =\n  https://b\n  https://c\n[install]\nno_index: true\n", into: &values)
    #expect(values["index-url"] == "https://a/simple")
    #expect(values["extra-index-url"]?.split(separator: " ").map(String.init) == ["https://b", "https://c"])
    #expect(values["no-index"] == "true")
  }

  @Test func namesThatNothingHasAreErrorsThatNameTheModels() {
    let error = #expect(throws: EmberError.self) { try hub().get("no-such-model") }
    #expect(error?.message.contains("minilm") ?? false)
    for name in ["hf:", "hf:../x", "hf:a/b@../../c", "pypi:", "pypi:a/b", "minilm@0", "https://x/y", "./no/such/folder"] {
      #expect(throws: EmberError.self, "\(name)") { try hub().get(name) }
    }
  }
}
