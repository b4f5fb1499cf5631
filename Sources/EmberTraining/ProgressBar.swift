import EmberTensor
import Glibc

/// A line that tells how far an epoch is: rate, time left, running loss. Where standard output is no terminal, a plain line
/// now and then.
public struct ProgressBar {
  private let title: String
  private let total: Int?
  private let isTerminal: Bool
  private let start = monotonicSeconds()
  private var shownAt = -1.0
  private var first: Int
  private var done: Int

  /// - Parameter done: steps that were done before (a resumed epoch).
  public init(_ title: String, total: Int?, done: Int = 0) {
    self.title = title
    self.total = total
    self.done = done
    first = done
    isTerminal = isatty(1) == 1
  }

  /// Notes a step.
  public mutating func advance(_ note: String = "") {
    done += 1
    let now = monotonicSeconds()
    if now - max(shownAt, start) < (isTerminal ? 0.1 : 10) { return }
    shownAt = now
    show(note, now - start)
  }

  private func show(_ note: String, _ seconds: Double) {
    let rate = Double(done - first) / max(seconds, 1e-9)
    var line = title + " "
    if let total, total > 0 {
      let share = min(1, Double(done) / Double(total))
      let width = 24, filled = Int(share * Double(width))
      if isTerminal { line += "▕" + String(repeating: "█", count: filled) + String(repeating: " ", count: width - filled) + "▏ " }
      let left = rate > 0 ? duration(Double(total - done) / rate) : "?"
      line += "\(Int(share * 100)) %  \(done)/\(total)  \(fixed(rate, 1)) steps/s  \(left) left"
    } else {
      line += "\(done)  \(fixed(rate, 1)) steps/s"
    }
    if !note.isEmpty { line += "  " + note }
    write(isTerminal ? "\r" + line + "\u{1B}[K" : line + "\n")
  }

  /// Ends the line with a summary.
  public mutating func finish(_ note: String = "") {
    let line = "\(title) done in \(duration(monotonicSeconds() - start))" + (note.isEmpty ? "" : "  " + note)
    write(isTerminal ? "\r" + line + "\u{1B}[K\n" : line + "\n")
  }

  private func write(_ text: String) {
    print(text, terminator: "")
    fflush(nil)
  }
}

/// A clock that never goes back.
public func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// `1:05:09`, `4:03` or `7.2 s`.
public func duration(_ seconds: Double) -> String {
  guard seconds.isFinite, seconds < 1e9 else { return "?" }
  if seconds < 60 { return fixed(seconds, 1) + " s" }
  let whole = Int(seconds.rounded())
  func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
  return whole >= 3600 ? "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))" : "\(whole / 60):\(two(whole % 60))"
}

/// A number with a fixed count of decimals, at most 9.
public func fixed(_ value: Double, _ decimals: Int) -> String { NumberText.fixed(value, decimals: decimals) }
