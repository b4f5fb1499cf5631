import EmberRuntime
import EmberTensor
import Glibc

/// A line on standard error that tells how far a download is; where that is no terminal, one line at its end.
final class TransferProgress {
  private let title: String
  private let isShown: Bool
  private let isTerminal = isatty(2) == 1
  private let start = now()
  private var shownAt = -1.0
  private var first: Int?
  private var done = 0

  init(_ title: String, isShown: Bool) {
    self.title = title
    self.isShown = isShown
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  func advance(to bytes: Int, of total: Int?) {
    if first == nil { first = bytes }
    done = bytes
    let now = Self.now()
    guard isShown, isTerminal, now - shownAt > 0.1 else { return }
    shownAt = now
    let rate = Double(done - (first ?? 0)) / max(now - start, 1e-3)
    var line = "\(title)  \(Self.size(done))"
    if let total, total > 0 {
      let filled = min(24, 24 * done / total)
      line =
        "\(title) ▕\(String(repeating: "█", count: filled))\(String(repeating: " ", count: 24 - filled))▏ \(100 * min(done, total) / total) %  "
        + "\(Self.size(done)) of \(Self.size(total))"
      if rate > 0 { line += "  \(Self.seconds(Double(max(total - done, 0)) / rate)) left" }
    }
    writeToStandardError("\r\(line)  \(Self.size(Int(rate)))/s\u{1B}[K")
  }

  func finish() {
    guard isShown else { return }
    let line = "\(title): \(Self.size(done)) in \(Self.seconds(Self.now() - start))"
    writeToStandardError(isTerminal ? "\r\(line)\u{1B}[K\n" : line + "\n")
  }

  /// Leaves the line for an error that follows.
  func abandon() { if isShown, isTerminal, shownAt >= 0 { writeToStandardError("\n") } }

  /// `91.2 MB`, in powers of ten.
  static func size(_ bytes: Int) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"]
    var value = Double(bytes), unit = 0
    while value >= 999.5, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return (unit == 0 ? "\(bytes)" : NumberText.fixed(value, decimals: value < 10 ? 1 : 0)) + " " + units[unit]
  }

  private static func seconds(_ value: Double) -> String {
    value < 100 ? NumberText.fixed(value, decimals: 1) + " s" : "\(Int(min(value, 1e9)) / 60) min"
  }
}
