import ArgumentParser
import EmberConformance
import EmberCUDA
import EmberOperators
import EmberRuntime
import EmberTensor
import Foundation
import Synchronization

/// What says which cases are run; shared by the command and its workers.
struct CaseSelection: ParsableArguments {
  @Argument(help: "A folder of reference cases with its manifest.json, or a zip archive of one.") var directory: String
  @Option(help: "Only operators, classes or cases whose name matches this pattern; * stands for anything.") var only: String?
  @Option(help: "Only this kind: op, module, optimizer, lr_scheduler or grad_clip.") var kind: String?
  @Option(help: "Where operators and modules run: cpu, cuda or cuda:N.") var device = "cpu"
  @Flag(help: "Run operators and modules as graphs, and verify these after every pass.") var compiled = false
  @Option(help: "As --compiled, with this dimension dynamic and captured at other sizes than the cases have.") var dynamic: Int?

  func validate() throws {
    let kinds = ["op", "module", "optimizer", "lr_scheduler", "grad_clip"]
    if let dynamic, !(0..<8).contains(dynamic) { throw ValidationError("--dynamic \(dynamic); it must be a dimension, 0 to 7.") }
    if let kind, !kinds.contains(kind) { throw ValidationError("There is no kind '\(kind)'; use one of \(kinds.joined(separator: ", ")).") }
  }

  private func parsedDevice() throws -> Device {
    if device == "cpu" { return .cpu }
    if device == "cuda" { return .cuda }
    if device.hasPrefix("cuda:"), let index = Int(device.dropFirst(5)), (0..<256).contains(index) { return .cuda(index) }
    throw ValidationError("There is no device '\(device)'; use cpu, cuda or cuda:N.")
  }

  func runner() throws -> ConformanceRunner {
    // Reference values are those of float32.
    CUDA.allowsTF32InConvolutions = false
    return ConformanceRunner(
      try Corpus(directory), registry: .standard, only: only, kind: kind, device: try parsedDevice(),
      compilation: dynamic.map { .dynamic(dimension: $0) } ?? (compiled ? .fixed : .none))
  }
}

/// `ember conformance DIR`
struct Conformance: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Holds operators, modules and optimizers against a directory of PyTorch's reference values.",
    discussion: """
      With --device only operators and modules run, there. EMBER_CONFORMANCE_ERRORS=1 shows what the child processes print.

      Cases run in child processes, so that one that crashes or does not return fails by itself. Exits 0 if all cases pass.

      With --dump every computed result is written as <case id>/out/<i> and every gradient as <case id>/grad/<path>, so that another \
      program can judge them. Complex numbers in double precision are written as pairs in a last dimension, numbers as tensors \
      without dimensions, sparse tensors dense; the file's metadata name these.
      """)

  @OptionGroup var selection: CaseSelection
  @Option(help: "Write one line for each case that does not pass to this file.") var failures: String?
  @Option(help: "Write every case's verdict to this file.") var json: String?
  @Option(help: "Write everything that was computed to this safetensors file.") var dump: String?
  @Option(help: "Number of child processes; 0 runs everything in this one.") var jobs = ProcessInfo.processInfo.activeProcessorCount
  @Option(help: "Seconds after which a case counts as not returning.") var timeout = 60

  func validate() throws {
    if timeout < 1 { throw ValidationError("--timeout is at least 1 second.") }
  }

  func run() throws {
    let runner = try selection.runner()
    let results = Mutex(ShardResults())
    if jobs <= 0 {
      let isOnDevice = selection.device != "cpu"
      var hostUse = HostUse()
      try runner.run { id, verdict, computed in
        var computed = dump == nil ? Computed() : computed
        if isOnDevice, let names = hostUse.new() { computed.note(id + HostUse.note, names) }
        results.withLock { $0.add(id, verdict, computed) }
      }
    } else {
      let trouble = Mutex<(any Error)?>(nil)
      DispatchQueue.concurrentPerform(iterations: jobs) { shard in
        do {
          let found = try WorkerPool(selection: selection, timeout: timeout, dumps: dump != nil).results(shard: shard, of: jobs)
          results.withLock { $0.add(found) }
        } catch { trouble.withLock { $0 = error } }
      }
      if let error = trouble.withLock({ $0 }) { throw error }
    }
    let found = results.withLock { $0 }
    let report = try runner.report(found.verdicts)
    if let failures { try report.failures.write(toFile: failures, atomically: true, encoding: .utf8) }
    if let json { try report.json.write(toFile: json, atomically: true, encoding: .utf8) }
    if let dump { try found.computed.write(to: dump) }
    print(report.text)
    if selection.device != "cpu" { print(HostUse.summary(found)) }
    if report.lines.isEmpty { throw ValidationError("No case matches.") }
    if !report.passesAll { throw ExitCode(1) }
  }
}

/// Which operations of a device's cases ran on the CPU for want of a kernel.
private struct HostUse {
  /// What the names of such notes end with, after the case's.
  static let note = " on the CPU"
  private var earlier: [String: Int] = [:]

  /// Those since the last question, separated by commas; nil if there are none.
  mutating func new() -> String? {
    let counts = Dictionary(CUDA.operationsOnHost.map { ($0.name, $0.count) }, uniquingKeysWith: +)
    let names = counts.keys.filter { earlier[$0] != counts[$0] }.sorted()
    earlier = counts
    return names.isEmpty ? nil : names.joined(separator: ",")
  }

  /// Cases that must be refused say nothing of kernels and are left out.
  static func summary(_ found: ShardResults) -> String {
    let notes = found.computed.notes.filter { $0.name.hasSuffix(note) }
    let byCase = Dictionary(notes.map { (String($0.name.dropLast(note.count)), $0.text) }, uniquingKeysWith: { first, _ in first })
    let passed = found.verdicts.filter { $0.value == .passed }.keys
    var counts: [String: Int] = [:]
    for id in passed { for name in byCase[id]?.split(separator: ",") ?? [] { counts[String(name), default: 0] += 1 } }
    let native = passed.count { byCase[$0] == nil }
    let lines = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "  \($0.value)  \($0.key)" }
    let title = "\(native) of the \(passed.count) cases whose values pass ran without the CPU's kernels"
    return ([title + (lines.isEmpty ? "" : "; the others needed them for")] + lines).joined(separator: "\n")
  }
}

/// What came of the cases of a shard, or of all.
private struct ShardResults {
  var verdicts: [String: Verdict] = [:]
  var computed = Computed()

  mutating func add(_ id: String, _ verdict: Verdict, _ computed: Computed) {
    verdicts[id] = verdict
    self.computed.add(computed)
  }

  mutating func add(_ other: ShardResults) {
    verdicts.merge(other.verdicts) { $1 }
    computed.add(other.computed)
  }
}

/// Runs the cases of a shard in child processes: a new one after each case that brought one down.
private struct WorkerPool {
  let selection: CaseSelection
  let timeout: Int
  let dumps: Bool

  private func worker(shard: Int, of shards: Int, after: String?) -> WorkerProcess {
    var arguments = ["conformance-worker", selection.directory, "--shard", "\(shard)", "--shards", "\(shards)"]
    if let only = selection.only { arguments += ["--only", only] }
    if let kind = selection.kind { arguments += ["--kind", kind] }
    arguments += ["--device", selection.device] + (selection.compiled ? ["--compiled"] : [])
    if let dimension = selection.dynamic { arguments += ["--dynamic", "\(dimension)"] }
    if let after { arguments += ["--after", after] }
    if dumps { arguments.append("--dumps") }
    return WorkerProcess(arguments: arguments)
  }

  func results(shard: Int, of shards: Int) throws -> ShardResults {
    var results = ShardResults()
    var after: String?
    while true {
      var current: String?
      var isComplete = false
      var finished = after
      var computed = Computed()
      try worker(shard: shard, of: shards, after: after).run(timeout: timeout) { message in
        switch message {
        case .begin(let id): current = id
        case .tensor(let name, let dtype, let shape, let bytes): try computed.add(name, dtype: dtype, shape: shape, bytes: bytes)
        case .note(let name, let text): computed.note(name, text)
        case .end(let id, let verdict):
          results.add(id, verdict, computed)
          computed = Computed()
          current = nil
          finished = id
        case .done: isComplete = true
        }
      }
      if isComplete { return results }
      if let crashed = current {
        results.add(crashed, .crashed, Computed())
        after = crashed
      } else if finished != after {
        // Ended by something else, between two cases.
        after = finished
      } else {
        throw CaseFailure("a child process ended before its first case")
      }
    }
  }
}

/// Runs one shard in this process and says what comes of it, case by case. Used by `ember conformance`.
struct ConformanceWorker: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "conformance-worker", shouldDisplay: false)

  @OptionGroup var selection: CaseSelection
  @Option var shard = 0
  @Option var shards = 1
  @Option var after: String?
  @Flag var dumps = false

  func run() throws {
    let output = FileHandle.standardOutput
    func send(_ message: WorkerMessage) { output.write(Data(message.bytes)) }
    var hostUse = HostUse()
    try selection.runner().run(shard: shard, of: shards, after: after) { id in
      send(.begin(id))
    } ends: { id, verdict, computed in
      if selection.device != "cpu", let names = hostUse.new() { send(.note(name: id + HostUse.note, text: names)) }
      if dumps {
        for (name, tensor) in computed.tensors {
          send(.tensor(name: name, dtype: tensor.dtype.name, shape: Array(tensor.shape), bytes: try tensor.withBytes { Array($0) }))
        }
        for (name, text) in computed.notes { send(.note(name: name, text: text)) }
      }
      send(.end(id, verdict))
    }
    send(.done)
  }
}
