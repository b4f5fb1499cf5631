import ArgumentParser
import EmberConformance
import EmberCPU
import EmberONNX
import Foundation
import Synchronization

/// What says which cases are run; shared by the command and its workers.
struct ONNXCaseSelection: ParsableArguments {
  @Argument(help: "A folder of cases in the layout of onnx/backend/test: <case>/model.onnx, <case>/test_data_set_N/input_K.pb, output_K.pb.")
  var directory: String
  @Option(help: "Only cases whose name contains this text.") var only: String?
  @Flag(help: "Runs the models as graphs where they can be, every pass verified, each set twice.") var compiled = false

  func cases(shard: Int = 0, of shards: Int = 1) throws -> [ONNXTestCase] {
    let all = try ONNXTestCase.cases(in: directory).filter { test in only.map { test.name.contains($0) } ?? true }
    return all.enumerated().filter { $0.offset % shards == shard }.map(\.element)
  }
}

/// `ember onnx-test DIR`
struct ONNXTest: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx-test", abstract: "Runs the cases of ONNX's backend tests in a folder.",
    discussion: """
      Cases run in child processes, so that one that crashes or does not return fails by itself. Exits 0 if all cases pass. \
      Tolerances are those of ONNX's own runner: 1e-3 relative, 1e-7 absolute.
      """)

  @OptionGroup var selection: ONNXCaseSelection
  @Option(help: "Number of child processes; 0 runs everything in this one.") var jobs = ProcessInfo.processInfo.activeProcessorCount
  @Option(help: "Seconds after which a case counts as not returning.") var timeout = 60

  func run() throws {
    let cases = try selection.cases()
    let verdicts = Mutex<[String: Verdict]>([:])
    if jobs <= 0 {
      for test in cases {
        let verdict = Verdict(running: test, compiled: selection.compiled)
        verdicts.withLock { $0[test.name] = verdict }
      }
    } else {
      let trouble = Mutex<(any Error)?>(nil)
      DispatchQueue.concurrentPerform(iterations: jobs) { shard in
        do {
          let found = try results(shard: shard)
          verdicts.withLock { $0.merge(found) { $1 } }
        } catch { trouble.withLock { $0 = error } }
      }
      if let error = trouble.withLock({ $0 }) { throw error }
    }
    let found = verdicts.withLock { $0 }
    var passed = 0
    for test in cases {
      let verdict = found[test.name] ?? .crashed
      if verdict.isPass { passed += 1 } else { print("\(test.name): \([verdict.words.kind, verdict.words.why].joined(separator: " "))") }
    }
    print("onnx: \(passed) of \(cases.count) passed")
    if cases.isEmpty { throw ValidationError("No case matches.") }
    if passed < cases.count { throw ExitCode(1) }
  }

  /// A child after another, each from behind the case that brought the one before down.
  private func results(shard: Int) throws -> [String: Verdict] {
    var verdicts: [String: Verdict] = [:]
    var after: String?
    while true {
      var arguments = ["onnx-test-worker", selection.directory, "--shard", "\(shard)", "--shards", "\(jobs)"]
      if let only = selection.only { arguments += ["--only", only] }
      if selection.compiled { arguments.append("--compiled") }
      if let after { arguments += ["--after", after] }
      var current: String?, finished = after, isComplete = false
      try WorkerProcess(arguments: arguments).run(timeout: timeout) { message in
        switch message {
        case .begin(let name): current = name
        case .end(let name, let verdict):
          verdicts[name] = verdict
          current = nil
          finished = name
        case .done: isComplete = true
        case .note, .tensor: break
        }
      }
      if isComplete { return verdicts }
      guard current != nil || finished != after else { throw CaseFailure("a child process ended before its first case") }
      if let current { verdicts[current] = .crashed }
      after = current ?? finished
    }
  }
}

/// Runs one shard in this process and says what comes of it, case by case. Used by `ember onnx-test`.
struct ONNXTestWorker: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "onnx-test-worker", shouldDisplay: false)

  @OptionGroup var selection: ONNXCaseSelection
  @Option var shard = 0
  @Option var shards = 1
  @Option var after: String?

  func run() throws {
    let output = FileHandle.standardOutput
    func send(_ message: WorkerMessage) { output.write(Data(message.bytes)) }
    var cases = try selection.cases(shard: shard, of: shards)[...]
    if let after, let position = cases.firstIndex(where: { $0.name == after }) { cases = cases[(position + 1)...] }
    for test in cases {
      send(.begin(test.name))
      send(.end(test.name, Verdict(running: test, compiled: selection.compiled)))
    }
    send(.done)
  }
}

extension Verdict {
  fileprivate init(running test: ONNXTestCase, compiled: Bool) {
    do {
      try test.run(compiled: compiled)
      self = .passed
    } catch { self = .failed("\(error)") }
  }
}
