import ArgumentParser
import EmberConformance
import EmberOperators
import EmberTensor
import Foundation
import Synchronization

/// What says which cases are run; shared by the command and its workers.
struct CaseSelection: ParsableArguments {
  @Argument(help: "A directory of reference cases with its manifest.json.") var directory: String
  @Option(help: "Only operators, or cases, whose name matches this pattern; * stands for anything.") var only: String?
  @Option(help: "Only this kind: op, module, optimizer, lr_scheduler or grad_clip.") var kind: String?

  func runner() throws -> ConformanceRunner {
    ConformanceRunner(try Corpus(folder: directory), registry: .standard, only: only, kind: kind)
  }
}

/// `ember conformance DIR`
struct Conformance: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Holds operators, modules and optimizers against a directory of PyTorch's reference values.",
    discussion: "Cases run in child processes, so that one that crashes or does not return fails by itself. Exits 0 if all cases pass.")

  @OptionGroup var selection: CaseSelection
  @Option(help: "Write one line for each case that does not pass to this file.") var failures: String?
  @Option(help: "Write every case's verdict to this file.") var json: String?
  @Option(help: "Number of child processes; 0 runs everything in this one.") var jobs = ProcessInfo.processInfo.activeProcessorCount
  @Option(help: "Seconds after which a case counts as not returning.") var timeout = 60

  func run() throws {
    let runner = try selection.runner()
    let entries = try runner.entriesByCase
    let verdicts = Mutex<[(id: String, verdict: Verdict)]>([])
    if jobs <= 0 {
      try runner.run { id, _, verdict in verdicts.withLock { $0.append((id, verdict)) } }
    } else {
      let trouble = Mutex<(any Error)?>(nil)
      DispatchQueue.concurrentPerform(iterations: jobs) { shard in
        do {
          let results = try WorkerPool(selection: selection, timeout: timeout).results(shard: shard, of: jobs)
          verdicts.withLock { $0 += results }
        } catch { trouble.withLock { $0 = error } }
      }
      if let error = trouble.withLock({ $0 }) { throw error }
    }
    let all = verdicts.withLock { $0 }.sorted { $0.id.localizedStandardCompare($1.id) == .orderedAscending }
    let report = Report(all.map { (id: $0.id, entry: entries[$0.id]!, verdict: $0.verdict) })
    if let failures { try report.failures.write(toFile: failures, atomically: true, encoding: .utf8) }
    if let json { try report.json.write(toFile: json, atomically: true, encoding: .utf8) }
    print(report.text)
    if report.passedCases != report.lines.count { throw ExitCode(1) }
  }
}

/// Runs the cases of a shard in child processes: a new one after each case that brought one down.
private struct WorkerPool {
  let selection: CaseSelection
  let timeout: Int

  func results(shard: Int, of shards: Int) throws -> [(id: String, verdict: Verdict)] {
    var results: [(id: String, verdict: Verdict)] = []
    var after: String?
    while true {
      var current: String?
      let isComplete = try runChild(shard: shard, of: shards, after: after) { line in
        let fields = line.split(separator: "\t", maxSplits: 3, omittingEmptySubsequences: false)
        if fields.count >= 2, fields[0] == "begin" { current = String(fields[1]) }
        if fields.count >= 4, fields[0] == "end", let verdict = Verdict(kind: fields[2], why: String(fields[3])) {
          results.append((String(fields[1]), verdict))
          current = nil
        }
      }
      if isComplete { return results }
      guard let crashed = current else { throw CaseFailure("a child process ended outside of a case") }
      results.append((crashed, .crashed))
      after = crashed
    }
  }

  /// True if the child reached the end of its cases.
  private func runChild(shard: Int, of shards: Int, after: String?, line: (Substring) -> Void) throws -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = ["conformance-worker", selection.directory, "--shard", "\(shard)", "--shards", "\(shards)"]
    if let only = selection.only { process.arguments! += ["--only", only] }
    if let kind = selection.kind { process.arguments! += ["--kind", kind] }
    if let after { process.arguments! += ["--after", after] }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let descriptor = pipe.fileHandleForReading.fileDescriptor
    var pending: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var isComplete = false
    while true {
      var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      if poll(&event, 1, Int32(timeout * 1000)) == 0 {
        process.terminate()
        kill(process.processIdentifier, SIGKILL)
        break
      }
      let count = read(descriptor, &buffer, buffer.count)
      if count <= 0 { break }
      pending += buffer[..<count]
      while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
        let text = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeFirst(end + 1)
        if text == "done" { isComplete = true } else { line(text[...]) }
      }
    }
    process.waitUntilExit()
    return isComplete
  }
}

/// Runs one shard in this process and prints each case's beginning and end. Used by `ember conformance`.
struct ConformanceWorker: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "conformance-worker", shouldDisplay: false)

  @OptionGroup var selection: CaseSelection
  @Option var shard = 0
  @Option var shards = 1
  @Option var after: String?

  func run() throws {
    let output = FileHandle.standardOutput
    func send(_ text: String) { output.write(Data((text + "\n").utf8)) }
    try selection.runner().run(shard: shard, of: shards, after: after) { id in
      send("begin\t\(id)")
    } ends: { id, _, verdict in
      let (kind, why) = verdict.words
      send("end\t\(id)\t\(kind)\t\(why.replacingOccurrences(of: "\n", with: " "))")
    }
    send("done")
  }
}
