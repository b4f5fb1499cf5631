import CEmberHub
import EmberFormats
import EmberRuntime
import Glibc

/// Gets what is at addresses: small answers into memory, files onto the disk.
struct Downloader: Sendable {
  var headers: [String] = []
  var certificates: String?
  var showsProgress = false
  /// How often a broken transfer is taken up again, and how long the first wait is; every further one is twice as long.
  var attempts = 5
  var pause = 0.5
  /// How many seconds an answer that is kept in memory may take, with all tries; nil: two minutes, and as long as so many bytes take at 100 kB
  /// a second. Files take as long as they come.
  var answerSeconds: Int?

  /// An answer's body.
  func bytes(_ url: String, headers extra: [String] = [], limit: Int = 1 << 26) throws -> [UInt8] {
    let clock = ContinuousClock(), seconds = answerSeconds ?? 120 + limit / 100_000, end = clock.now + .seconds(seconds)
    // A try of less than a second is none.
    func isOver() -> Bool { clock.now + .seconds(1) > end }
    return try retrying(url, unless: isOver, because: "it did not come within \(seconds) s") {
      let sink = MemorySink(limit: limit)
      let left = Int((end - clock.now).components.seconds)
      try transfer(url, headers: headers + extra, offset: 0, seconds: max(1, left), sink)
      guard sink.status == 200 else { throw HTTPStatusError(sink.status, url) }
      return sink.bytes
    }
  }

  /// Gets a file. It appears under its name whole and checked, or not at all; what came of it before a failure is kept beside it
  /// (`.part`) and taken up by the next try, in this process or another one.
  ///
  /// - Parameters:
  ///   - size, sha256: what the file must have, as far as it is known.
  func file(_ url: String, to path: String, size: Int? = nil, sha256: String? = nil) throws {
    if let slash = path.lastIndex(of: "/") { try Files.makeFolder(String(path[..<slash]), in: "Hub") }
    let progress = TransferProgress(path.split(separator: "/").last.map(String.init) ?? path, isShown: showsProgress)
    var part = try PartialFile(of: path)
    // Another process may have been quicker while this one waited for its turn.
    if Files.exists(path), try Self.matches(path, size: size, sha256: sha256) {
      part.remove()
      return
    }
    var mayBeginAnew = true
    while true {
      do {
        try retrying(url) { try fetch(url, into: &part, size: size, isChecked: sha256 != nil, progress) }
        try part.check(url, size: size, sha256: sha256)
        break
      } catch let error as DownloadMismatch {
        // What was there of an earlier try may have been another file's, or damaged: once more from the beginning.
        guard part.wasResumed, mayBeginAnew else {
          part.remove()
          progress.abandon()
          throw error.error
        }
        mayBeginAnew = false
        try part.truncate()
      } catch {
        progress.abandon()
        throw error
      }
    }
    try part.commit(to: path)
    progress.finish()
  }

  /// Whether a file is the one that is wanted, as far as that is known. Nothing known: it is taken for that.
  static func matches(_ path: String, size: Int?, sha256: String?) throws -> Bool {
    if let size, Files.size(path) != size { return false }
    if let sha256 { return try SHA256.ofFile(path) == sha256 }
    return true
  }

  /// - Parameter isChecked: a checksum will tell whether what was there and what comes belong together.
  private func fetch(_ url: String, into part: inout PartialFile, size: Int?, isChecked: Bool, _ progress: TransferProgress) throws {
    // Without a mark of its version nor a checksum nothing says that the rest is one of the same file.
    if part.count > 0, part.tag == nil, !isChecked { try part.truncate() }
    if let size, part.count == size { return }
    if let size, part.count > size { try part.truncate() }
    let offset = part.count
    var extra = headers
    // Only the rest of the very same file: a server that has another one by now sends all of it.
    if offset > 0, let tag = part.tag { extra.append("If-Range: \(tag)") }
    let sink = FileSink(part.descriptor, offset: offset, limit: size, progress)
    do { try transfer(url, headers: extra, offset: offset, sink) } catch {
      try part.note(tag: sink.tag, resumed: offset > 0 && sink.status == 206)
      throw error
    }
    if sink.status == 416, offset > 0 {
      // There is nothing after what is here: it is whole, or it is not what the server has. The checksum tells.
      if size == nil, sink.total != offset { try part.truncate() } else { try part.note(tag: nil, resumed: true) }
      if part.count == 0 { return try fetch(url, into: &part, size: size, isChecked: isChecked, progress) }
      return
    }
    guard sink.status == 200 || sink.status == 206 else { throw HTTPStatusError(sink.status, url) }
    try part.note(tag: sink.tag, resumed: offset > 0 && sink.status == 206)
  }

  /// - Parameter seconds: how long it may take in all; 0 for any time.
  private func transfer(_ url: String, headers: [String], offset: Int, seconds: Int = 0, _ sink: TransferSink) throws {
    guard url.hasPrefix("http://") || url.hasPrefix("https://"), !url.utf8.contains(where: { $0 <= 32 }) else {
      throw EmberError(.value, in: "Hub", "\(url.debugDescription) is no address that begins with http:// or https://")
    }
    var message = [CChar](repeating: 0, count: 256)
    var status = 0
    // Asked for by a header instead of the library's option for it, which counts an answer with the whole file as an error.
    let range = offset > 0 ? ["Range: bytes=\(offset)-"] : []
    let lines = (headers + range).map { strdup($0) }
    defer { for line in lines { free(line) } }
    let result = url.withCString { address in
      lines.map { UnsafePointer($0) }.withUnsafeBufferPointer { lines in
        func perform(_ certificates: UnsafePointer<CChar>?) -> Int32 {
          var request = ember_http_request()
          request.url = address
          request.headers = lines.baseAddress
          request.header_count = lines.count
          request.certificates = certificates
          request.seconds = seconds
          request.context = Unmanaged.passUnretained(sink).toOpaque()
          request.receive = { bytes, count, context in
            Unmanaged<TransferSink>.fromOpaque(context!).takeUnretainedValue().receive(UnsafeRawBufferPointer(start: bytes, count: count)) ? 1 : 0
          }
          request.receive_header = { line, count, context in
            let bytes = UnsafeRawBufferPointer(start: line, count: count)
            return Unmanaged<TransferSink>.fromOpaque(context!).takeUnretainedValue().receive(header: String(decoding: bytes, as: UTF8.self)) ? 1 : 0
          }
          return withExtendedLifetime(sink) { ember_http_get(&request, &status, &message) }
        }
        return certificates?.withCString { perform($0) } ?? perform(nil)
      }
    }
    let text = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    switch Int(result) {
    case EMBER_HTTP_OK: return
    case EMBER_HTTP_FAILED: throw BrokenTransfer(error: EmberError(.file, in: "Hub", "\(url): \(text)"))
    case EMBER_HTTP_INTERRUPTED: throw EmberError(.file, in: "Hub", "\(url): \(sink.problem ?? text)")
    default: throw EmberError(ember_curl_available() == 0 ? .unsupported : .file, in: "Hub", "\(url): \(text)")
    }
  }

  /// Runs `body` until it succeeds, fails for good, has had its attempts, or is over.
  private func retrying<Result>(
    _ url: String, unless isOver: () -> Bool = { false }, because reason: String = "", _ body: () throws -> Result
  ) throws -> Result {
    var wait = pause
    for attempt in 1... {
      do { return try body() } catch let error as BrokenTransfer {
        if isOver() { throw EmberError(.file, in: "Hub", "\(url): \(reason)") }
        if attempt >= attempts { throw EmberError(.file, in: "Hub", "\(error.error.message) (after \(attempts) tries)") }
      } catch let error as HTTPStatusError {
        guard error.isTemporary, attempt < attempts, !isOver() else { throw error.error }
      }
      usleep(UInt32(wait * 1e6))
      wait = min(2 * wait, 30)
    }
    fatalError("unreachable")
  }
}

/// A connection that broke.
private struct BrokenTransfer: Error {
  let error: EmberError
}

/// An answer that is not the file.
private struct HTTPStatusError: Error {
  let status: Int
  let url: String

  init(_ status: Int, _ url: String) {
    self.status = status
    self.url = url
  }

  var isTemporary: Bool { status == 408 || status == 429 || status >= 500 }

  var error: EmberError {
    let why =
      switch status {
      case 401, 403: "the server refuses it; a private or gated repository needs a token in HF_TOKEN"
      case 404: "there is no such file"
      default: "the server answers with status \(status)"
      }
    return EmberError(.file, in: "Hub", "\(url): \(why)")
  }
}

/// A file that came, but is not the one that was wanted.
private struct DownloadMismatch: Error {
  let error: EmberError
}

/// Where the bytes of an answer go.
private class TransferSink {
  private(set) var status = 0
  /// What marks this version of the file, if the server names it strongly.
  private(set) var tag: String?
  /// Bytes of the whole file, as far as the server says.
  private(set) var total: Int?
  private(set) var length: Int?
  /// Where the part that is sent begins.
  private(set) var start: Int?
  var problem: String?

  final func receive(header line: String) -> Bool {
    let line = trimmed(line)
    if line.hasPrefix("HTTP/") {
      // A new answer begins, after a redirection or a proxy's.
      status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
      (tag, total, length, start) = (nil, nil, nil, nil)
      return true
    }
    guard let colon = line.firstIndex(of: ":") else { return true }
    let value = trimmed(line[line.index(after: colon)...])
    switch line[..<colon].lowercased() {
    case "etag": if value.hasPrefix("\"") { tag = value }
    case "content-length": length = Int(value)
    case "content-range":
      total = value.split(separator: "/").last.flatMap { Int($0) }
      start = value.dropFirst("bytes ".count).split(separator: "-").first.flatMap { Int($0) }
    default: break
    }
    return true
  }

  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool { true }
}

private final class MemorySink: TransferSink {
  private(set) var bytes: [UInt8] = []
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  override func receive(_ new: UnsafeRawBufferPointer) -> Bool {
    guard status == 200 else { return true }
    guard new.count <= limit - bytes.count else {
      problem = "the answer is longer than \(limit) bytes"
      return false
    }
    bytes.append(contentsOf: new)
    return true
  }
}

private final class FileSink: TransferSink {
  private let descriptor: Int32
  private var position: Int
  private let offset: Int
  private let limit: Int?
  private let progress: TransferProgress
  private var hasBegun = false

  init(_ descriptor: Int32, offset: Int, limit: Int?, _ progress: TransferProgress) {
    self.descriptor = descriptor
    self.offset = offset
    self.limit = limit
    self.progress = progress
    position = offset
  }

  override func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard status == 200 || status == 206 else { return true }
    if !hasBegun {
      hasBegun = true
      // The whole file although only the rest was asked for: it begins anew.
      if status == 200, offset > 0 {
        position = 0
        if ftruncate(descriptor, 0) != 0 { return failed() }
      }
      if status == 206, start != offset {
        problem = "asked for what follows byte \(offset), the server sends what follows \(start.map(String.init) ?? "an unknown one")"
        return false
      }
    }
    if let limit, bytes.count > limit - position {
      problem = "the server sends more than the \(limit) bytes that it should have"
      return false
    }
    var written = 0
    while written < bytes.count {
      let count = pwrite(descriptor, bytes.baseAddress! + written, bytes.count - written, off_t(position))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return failed() }
      written += count
      position += count
    }
    progress.advance(to: position, of: limit ?? total ?? (status == 200 ? length : nil))
    return true
  }

  private func failed() -> Bool {
    problem = "its bytes cannot be written: \(String(cString: strerror(errno)))"
    return false
  }
}

/// What there is of a file, beside where it will be. It is locked, so that two processes that want the same file take turns.
private struct PartialFile: ~Copyable {
  private let path: String
  let descriptor: Int32
  private(set) var tag: String?
  private(set) var wasResumed = false

  init(of target: String) throws {
    path = target + ".part"
    var opened: Int32
    while true {
      opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
      if opened < 0 { throw EmberError(.file, in: "Hub", "\(path): cannot be written: \(String(cString: strerror(errno)))") }
      while flock(opened, LOCK_EX) != 0, errno == EINTR {}
      // The one who had it before may have renamed or removed it.
      var mine = stat(), there = stat()
      if fstat(opened, &mine) == 0, stat(path, &there) == 0, mine.st_ino == there.st_ino { break }
      close(opened)
    }
    descriptor = opened
    tag = try? FileBytes.reading(path + ".tag", in: "Hub", limit: 4096).withBytes { String(decoding: $0, as: UTF8.self) }
    wasResumed = count > 0
  }

  deinit { close(descriptor) }

  var count: Int {
    var status = stat()
    return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
  }

  mutating func note(tag new: String?, resumed: Bool) throws {
    if resumed { wasResumed = true }
    guard let new, new != tag else { return }
    tag = new
    try Files.write(new, to: path + ".tag", in: "Hub")
  }

  mutating func truncate() throws {
    guard ftruncate(descriptor, 0) == 0 else { throw EmberError(.file, in: "Hub", "\(path): cannot be written: \(String(cString: strerror(errno)))") }
    tag = nil
    wasResumed = false
    unlink(path + ".tag")
  }

  func check(_ url: String, size: Int?, sha256: String?) throws {
    if let size, count != size { throw DownloadMismatch(error: EmberError(.file, in: "Hub", "\(url): it has \(count) bytes instead of \(size)")) }
    guard let sha256 else { return }
    let found = try SHA256.ofFile(path)
    if found != sha256 {
      throw DownloadMismatch(error: EmberError(.file, in: "Hub", "\(url): its SHA-256 is \(found) instead of \(sha256): it is another file, or damaged"))
    }
  }

  func commit(to target: String) throws {
    guard fsync(descriptor) == 0, rename(path, target) == 0 else {
      throw EmberError(.file, in: "Hub", "\(target): cannot be written: \(String(cString: strerror(errno)))")
    }
    unlink(path + ".tag")
  }

  func remove() {
    unlink(path)
    unlink(path + ".tag")
  }
}

extension Files {
  /// Bytes of a file, nil if there is none.
  static func size(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
  }
}
