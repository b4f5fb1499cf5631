import Foundation

/// What was found for one workload.
struct Measurement {
  let workload: Workload
  /// Time ÷ PyTorch's, round by round.
  var ratios: [Double] = []
  /// Seconds a run, the median of all rounds.
  var ember = 0.0
  var torch = 0.0
  /// Peak memory in bytes.
  var emberPeak: Double?
  var torchPeak: Double?
  /// Largest relative difference between the numbers of the two.
  var difference: Double?
  var failure: String?

  var ratio: Double { median(ratios) }
  var spread: (low: Double, high: Double) { (quantile(ratios, 0.25), quantile(ratios, 0.75)) }
  var memoryRatio: Double? {
    guard let emberPeak, let torchPeak else { return nil }
    return emberPeak / torchPeak
  }
}

func median(_ values: [Double]) -> Double { quantile(values, 0.5) }

/// With linear interpolation between neighbours.
func quantile(_ values: [Double], _ q: Double) -> Double {
  let sorted = values.sorted()
  guard let last = sorted.last else { return .nan }
  let place = q * Double(sorted.count - 1)
  let below = Int(place)
  return below + 1 < sorted.count ? sorted[below] + (place - Double(below)) * (sorted[below + 1] - sorted[below]) : last
}

/// Runs both sides of a workload in turn.
struct Bench {
  let python: String
  let scripts: String
  let threads: Int
  let rounds: Int
  /// Seconds that a side runs in a round.
  let slice: Double

  private var environment: [String: String] { ["EMBER_NUM_THREADS": "\(threads)", "BENCHMARK_THREADS": "\(threads)", "OMP_NUM_THREADS": "\(threads)"] }
  private static let own = "/proc/self/exe"

  func measure(_ workload: Workload) -> Measurement {
    var found = Measurement(workload: workload)
    do {
      if workload.peer == .process { try measureProcesses(&found) } else { try measureRounds(&found) }
    } catch { found.failure = "\(error)" }
    return found
  }

  private var executable: String { URL(fileURLWithPath: Self.own).resolvingSymlinksInPath().path }

  private func measureProcesses(_ found: inout Measurement) throws {
    var times: (ember: [Double], torch: [Double]) = ([], [])
    for round in 0...rounds {
      let ember = try wholeProcess(executable, ["--worker", found.workload.name], environment: environment)
      let torch = try wholeProcess(python, ["\(scripts)/worker.py", found.workload.name], environment: environment)
      // The first fills the file system's cache.
      if round == 0 { continue }
      times.ember.append(ember)
      times.torch.append(torch)
      found.ratios.append(ember / torch)
    }
    found.ember = median(times.ember)
    found.torch = median(times.torch)
  }

  private func measureRounds(_ found: inout Measurement) throws {
    let ember = try WorkerProcess("Ember", executable, ["--worker", found.workload.name], environment: environment)
    defer { ember.close() }
    let expected = try ember.waitUntilReady()
    let torch = try WorkerProcess("PyTorch", python, ["\(scripts)/worker.py", found.workload.name], environment: environment)
    defer { torch.close() }
    let actual = try torch.waitUntilReady()
    guard expected.count == actual.count else { throw BenchmarkError("\(expected.count) numbers against PyTorch's \(actual.count)") }
    let scale = actual.map(abs).max() ?? 0
    let difference = zip(expected, actual).map { abs($0 - $1) / max(abs($1), 1e-3 * scale, 1e-12) }.max() ?? 0
    found.difference = difference
    if !(difference <= found.workload.tolerance) {
      throw BenchmarkError("the numbers differ: Ember \(expected), PyTorch \(actual)")
    }
    let counts = (ember: try calibrated(ember), torch: try calibrated(torch))
    var times: (ember: [Double], torch: [Double]) = ([], [])
    for _ in 0..<rounds {
      let e = try ember.run(counts.ember) / Double(counts.ember), t = try torch.run(counts.torch) / Double(counts.torch)
      times.ember.append(e)
      times.torch.append(t)
      found.ratios.append(e / t)
    }
    found.ember = median(times.ember)
    found.torch = median(times.torch)
    found.emberPeak = try ember.peakMemory()
    found.torchPeak = try torch.peakMemory()
  }

  /// How many runs fill a slice; warms up on the way.
  private func calibrated(_ worker: WorkerProcess) throws -> Int {
    var count = 1
    while true {
      let time = try worker.run(count)
      if time > slice / 4 || count > 1 << 24 { return max(1, Int(Double(count) * slice / max(time, 1e-9))) }
      count *= time < slice / 40 ? 8 : 2
    }
  }
}
