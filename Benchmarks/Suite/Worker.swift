import Ember
import Glibc

/// The side that runs: it prepares one workload and then obeys lines on its standard input.
///
///     ready NUMBER …     printed when the workload stands
///     run COUNT          runs it; answers `time SECONDS`
///     peak               answers `peak BYTES`, the most memory that the process has held
///
/// Everything else ends it. `Benchmarks/PyTorch/worker.py` speaks the same.
enum Worker {
  static func run(_ name: String) throws {
    guard let workload = Workload.all.first(where: { $0.name == name }) else { throw BenchmarkError("there is no workload '\(name)'") }
    let prepared = try catchingErrors { try workload.prepare() }
    say("ready " + prepared.numbers.map { "\($0)" }.joined(separator: " "))
    let clock = ContinuousClock()
    while let line = readLine() {
      let words = line.split(separator: " ")
      switch words.first {
      case "run":
        let count = words.count > 1 ? Int(words[1]) ?? 1 : 1
        let elapsed = try clock.measure { for _ in 0..<count { try prepared.body() } }
        say("time \(seconds(elapsed))")
      case "peak": say("peak \(peakMemory())")
      default: return
      }
    }
  }

  private static func say(_ line: String) {
    print(line)
    fflush(nil)
  }

  /// The process's largest resident size so far, in bytes.
  private static func peakMemory() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }
}

func seconds(_ duration: Duration) -> Double {
  Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}
