import Foundation

/// A worker as a process of its own: this program's, or PyTorch's.
final class WorkerProcess {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var pending: [UInt8] = []
  let name: String

  init(_ name: String, _ executable: String, _ arguments: [String], environment: [String: String]) throws {
    self.name = name
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = input
    process.standardOutput = output
    try process.run()
  }

  /// The numbers of the line that it prints when it is ready.
  func waitUntilReady() throws -> [Double] { try answer("ready").compactMap(Double.init) }

  /// Seconds that `count` runs take.
  func run(_ count: Int) throws -> Double {
    try send("run \(count)")
    guard let seconds = try answer("time").first.flatMap(Double.init) else { throw BenchmarkError("\(name) gave no time") }
    return seconds
  }

  func peakMemory() throws -> Double {
    try send("peak")
    guard let bytes = try answer("peak").first.flatMap(Double.init) else { throw BenchmarkError("\(name) gave no peak") }
    return bytes
  }

  /// Ends the worker.
  func close() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  private func send(_ line: String) throws { try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8)) }

  /// The words after `key` of the next line that begins with it; a library's own chatter is passed over.
  private func answer(_ key: String) throws -> [String] {
    while true {
      while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
        let words = String(decoding: pending[..<end], as: UTF8.self).split(separator: " ").map(String.init)
        pending.removeFirst(end + 1)
        if words.first == key { return Array(words.dropFirst()) }
      }
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { throw BenchmarkError("\(name) ended before it answered '\(key)'") }
      pending += data
    }
  }
}

/// Seconds from the start of a process to its end.
func wholeProcess(_ executable: String, _ arguments: [String], environment: [String: String]) throws -> Double {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: executable)
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  process.standardOutput = FileHandle.nullDevice
  let start = ContinuousClock.now
  try process.run()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { throw BenchmarkError("\(executable) ended with status \(process.terminationStatus)") }
  return seconds(ContinuousClock.now - start)
}
