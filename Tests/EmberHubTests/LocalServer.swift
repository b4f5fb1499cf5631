import Glibc
import Synchronization

/// A server of HTTP on this machine, which answers as a test tells it.
final class LocalServer: Sendable {
  struct Request: Sendable {
    let path: String
    /// Names in small letters.
    let headers: [String: String]

    /// Where the bytes that are asked for begin.
    var rangeStart: Int? { headers["range"].flatMap { Int($0.dropFirst("bytes=".count).prefix { $0.isNumber }) } }
  }

  struct Response: Sendable {
    var status = 200
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    /// The connection breaks after so many bytes of the body.
    var breaksAfter: Int?
    /// Milliseconds between bytes of the body.
    var pause = 0
  }

  let address: String
  private let descriptor: Int32
  private let log = Mutex<[Request]>([])

  /// What was asked for so far.
  var requests: [Request] { log.withLock { $0 } }

  init(_ answer: @escaping @Sendable (Request) -> Response) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isReady = withUnsafeMutablePointer(to: &place) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &length) == 0 }
    }
    precondition(isReady, "no port on this machine")
    descriptor = listener
    address = "http://127.0.0.1:\(UInt16(bigEndian: place.sin_port))"
    let box = Unmanaged.passRetained(Box(listener, self, answer))
    var thread = pthread_t()
    pthread_create(&thread, nil, { Unmanaged<Box>.fromOpaque($0!).takeRetainedValue().serve(); return nil }, box.toOpaque())
    pthread_detach(thread)
  }

  deinit { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// What the thread holds; the server itself only while it answers.
  private final class Box: @unchecked Sendable {
    private let listener: Int32
    private weak var server: LocalServer?
    private let answer: @Sendable (Request) -> Response

    init(_ listener: Int32, _ server: LocalServer, _ answer: @escaping @Sendable (Request) -> Response) {
      self.listener = listener
      self.server = server
      self.answer = answer
    }

    func serve() {
      while true {
        let connection = accept(listener, nil, nil)
        if connection < 0 { break }
        respond(connection)
        close(connection)
      }
      close(listener)
    }

    private func respond(_ connection: Int32) {
      var bytes: [UInt8] = []
      var part = [UInt8](repeating: 0, count: 4096)
      while !String(decoding: bytes, as: UTF8.self).contains("\r\n\r\n") {
        let count = recv(connection, &part, part.count, 0)
        if count <= 0 { return }
        bytes += part[..<count]
      }
      let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
      var headers: [String: String] = [:]
      for line in lines.dropFirst() {
        let pair = line.split(separator: ":", maxSplits: 1)
        if pair.count == 2 { headers[pair[0].lowercased()] = String(pair[1].drop { $0 == " " }) }
      }
      let request = Request(path: String(lines[0].split(separator: " ")[1]), headers: headers)
      server?.log.withLock { $0.append(request) }
      let response = answer(request)
      var head = "HTTP/1.1 \(response.status) Whatever\r\nContent-Length: \(response.body.count)\r\nConnection: close\r\n"
      for (name, value) in response.headers { head += "\(name): \(value)\r\n" }
      let sent = Array((head + "\r\n").utf8) + response.body.prefix(response.breaksAfter ?? .max)
      let slow = response.pause > 0 ? sent.count - response.body.count : sent.count
      var position = 0
      while position < sent.count {
        if position >= slow { usleep(UInt32(1000 * response.pause)) }
        let end = position < slow ? slow : position + 1
        let count = sent[position..<end].withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        if count <= 0 { return }
        position += count
      }
    }
  }

  /// A file as a server with ranges sends it.
  static func file(_ contents: [UInt8], _ request: Request, tag: String = "\"1\"") -> Response {
    let mayContinue = request.headers["if-range"].map { $0 == tag } ?? true
    if let start = request.rangeStart, mayContinue {
      if start >= contents.count { return Response(status: 416, headers: ["Content-Range": "bytes */\(contents.count)"]) }
      return Response(
        status: 206, headers: ["Content-Range": "bytes \(start)-\(contents.count - 1)/\(contents.count)", "ETag": tag], body: Array(contents[start...]))
    }
    return Response(headers: ["ETag": tag], body: contents)
  }
}
