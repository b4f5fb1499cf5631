import Foundation

/// A child process of this program that runs cases and says what comes of them, so that one that crashes or hangs takes nothing along.
struct WorkerProcess {
  let arguments: [String]

  /// Hands on what the child says until it ends, or says nothing for `timeout` seconds and is ended.
  func run(timeout: Int, receive: (WorkerMessage) throws -> Void) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = arguments
    // What a crash leaves behind is known: which case. Swift's backtrace of it would take many seconds, and hold the pipe open.
    process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = ProcessInfo.processInfo.environment["EMBER_CONFORMANCE_ERRORS"] == nil ? FileHandle.nullDevice : .standardError
    try process.run()
    defer {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    let descriptor = pipe.fileHandleForReading.fileDescriptor
    var messages = WorkerMessageReader()
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&event, 1, Int32(timeout * 1000)) == 0 { return }
      let count = read(descriptor, &buffer, buffer.count)
      if count <= 0 { return }
      messages.receive(buffer[..<count])
      while let message = try messages.next() {
        try receive(message)
        if case .done = message { return }
      }
    }
  }
}
