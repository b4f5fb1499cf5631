// Ember beside PyTorch: every workload in both, in turn, on the same threads.
//
//   benchmark --python PYTHON [--quick] [--only NAME]... [--threads N] [--output FOLDER] [--list]
//
// `make bench` makes the Python environment and calls this.

import ArgumentParser
import Foundation

struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark", abstract: "Times Ember and PyTorch in turn and writes benchmarks.md and benchmarks.svg.")

  @Option(help: "A Python that has PyTorch.") var python = "python3"
  @Option(help: "The folder with PyTorch's side of the workloads.") var scripts = "Benchmarks/PyTorch"
  @Flag(help: "Fewer and shorter rounds: about five minutes.") var quick = false
  @Option(help: "Only workloads whose name contains this; may be given several times.") var only: [String] = []
  @Option(help: "Threads of both.") var threads = 2
  @Option(help: "Where the page and the chart go; nothing is written without it.") var output: String?
  @Flag(help: "Prints the names of the workloads.") var list = false
  @Option(help: .hidden) var worker: String?

  func run() throws {
    if let worker { return try Worker.run(worker) }
    if list {
      for workload in Workload.all { print("\(workload.name): \(workload.title)") }
      return
    }
    let chosen = Workload.all.filter { workload in only.isEmpty || only.contains { workload.name.contains($0) } }
    guard !chosen.isEmpty else { throw ValidationError("no workload's name contains \(only.joined(separator: ", ")); --list prints them") }
    let bench = Bench(python: python, scripts: scripts, threads: threads, rounds: quick ? 5 : 15, slice: quick ? 0.15 : 0.5)
    var found: [Measurement] = []
    for (i, workload) in chosen.enumerated() {
      found.append(bench.measure(workload))
      // A row is complete when the last workload of its title is.
      if i + 1 == chosen.count || chosen[i + 1].title != workload.title {
        print(Report.line(Row(title: workload.title, members: found.filter { $0.workload.title == workload.title })))
        fflush(nil)
      }
    }
    let report = Report(
      machine: Self.processor, torchVersion: try Self.torchVersion(python), threads: threads, rounds: bench.rounds, rows: Row.rows(found))
    let met = report.rows.count { $0.isMet }
    print("benchmark: \(met) of \(report.rows.count) targets met")
    if let output { try Page(folder: output).write(report) }
  }

  private static var processor: String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let name = text.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
    return (name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor") + ", \(ProcessInfo.processInfo.activeProcessorCount) cores"
  }

  private static func torchVersion(_ python: String) throws -> String {
    let process = Process(), pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = ["-c", "import torch; print(torch.__version__.split('+')[0])"]
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// `docs/benchmarks.md`: the measured table stands between two marks, the text around it stays.
struct Page {
  let folder: String

  private static let begin = "<!-- measured: begin -->", end = "<!-- measured: end -->"

  func write(_ report: Report) throws {
    let path = "\(folder)/benchmarks.md"
    let date = Date().formatted(.iso8601.year().month().day())
    let measured =
      "\(Self.begin)\n\(report.machine); PyTorch \(report.torchVersion); \(report.threads) threads; \(report.rounds) rounds; \(date).\n\n"
      + report.markdown + "\n\n![chart](benchmarks.svg)\n\(Self.end)"
    var page = (try? String(contentsOfFile: path, encoding: .utf8)) ?? "# Benchmarks\n\n\(Self.begin)\n\(Self.end)\n"
    guard let begin = page.range(of: Self.begin), let end = page.range(of: Self.end), begin.lowerBound < end.lowerBound else {
      throw BenchmarkError("\(path) lacks the marks \(Self.begin) and \(Self.end)")
    }
    page.replaceSubrange(begin.lowerBound..<end.upperBound, with: measured)
    try page.write(toFile: path, atomically: true, encoding: .utf8)
    try report.chart.write(toFile: "\(folder)/benchmarks.svg", atomically: true, encoding: .utf8)
  }
}

Benchmark.main()
