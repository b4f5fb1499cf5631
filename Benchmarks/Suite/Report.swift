import Foundation

/// A row of the table: one workload, or several that share their title.
struct Row {
  let title: String
  let members: [Measurement]

  var target: Double { members[0].workload.target }
  private var sound: [Measurement] { members.filter { $0.failure == nil } }
  var failure: String? { members.compactMap(\.failure).first }
  /// The geometric mean of the members' medians.
  var ratio: Double { geometricMean(sound.map(\.ratio)) }
  var spread: (low: Double, high: Double) { (geometricMean(sound.map(\.spread.low)), geometricMean(sound.map(\.spread.high))) }
  var memory: Double? { members.count == 1 ? members[0].memoryRatio : nil }
  var isMet: Bool {
    failure == nil && ratio <= target && (members[0].workload.memoryTarget.map { ($0) >= (memory ?? .infinity) } ?? true)
  }

  static func rows(_ found: [Measurement]) -> [Row] {
    var titles: [String] = []
    for measurement in found where !titles.contains(measurement.workload.title) { titles.append(measurement.workload.title) }
    return titles.map { title in Row(title: title, members: found.filter { $0.workload.title == title }) }
  }
}

private func geometricMean(_ values: [Double]) -> Double {
  values.isEmpty ? .nan : exp(values.map(log).reduce(0, +) / Double(values.count))
}

func decimals(_ value: Double, _ count: Int) -> String { value.isFinite ? String(format: "%.\(count)f", value) : "-" }

/// A time with a unit that suits it.
func time(_ seconds: Double) -> String {
  switch seconds {
  case ..<1e-6: "\(decimals(seconds * 1e9, 0)) ns"
  case ..<1e-3: "\(decimals(seconds * 1e6, 1)) µs"
  case ..<1: "\(decimals(seconds * 1e3, 2)) ms"
  default: "\(decimals(seconds, 2)) s"
  }
}

/// The page that `make bench` writes.
struct Report {
  let machine: String
  let torchVersion: String
  let threads: Int
  let rounds: Int
  let rows: [Row]

  var markdown: String {
    var lines = [
      "| workload | PyTorch | time ÷ PyTorch | quarter to three quarters | target | memory ÷ PyTorch | Ember | numbers agree to |",
      "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows {
      for member in row.members where member.failure != nil {
        lines.append("| \(row.title) (`\(member.workload.name)`) | not measured: \(member.failure!.replacingOccurrences(of: "|", with: "/").prefix(300)) | | | | | | |")
      }
      guard row.ratio.isFinite else { continue }
      let single = row.members.count == 1 ? row.members[0] : nil
      let mark = row.isMet ? "" : " (missed)"
      let memory = row.memory.map { decimals($0, 2) + (single?.workload.memoryTarget.map { " (target \(decimals($0, 2)))" } ?? "") } ?? ""
      lines.append(
        "| \(row.title) | \(single.map { time($0.torch) } ?? "") | **\(decimals(row.ratio, 2))**\(mark) | "
          + "\(decimals(row.spread.low, 2))–\(decimals(row.spread.high, 2)) | \(decimals(row.target, 2)) | \(memory) | "
          + "\(single.map { time($0.ember) } ?? "") | \(single?.difference.map { String(format: "%.0e", $0) } ?? "") |")
    }
    return lines.joined(separator: "\n")
  }

  /// What the terminal shows of one row as soon as it is there.
  static func line(_ row: Row) -> String {
    let name = row.title.padding(toLength: 62, withPad: " ", startingAt: 0)
    if let failure = row.failure { return "\(name)  not measured: \(failure)" }
    return "\(name)  \(decimals(row.ratio, 3)) [\(decimals(row.spread.low, 2))–\(decimals(row.spread.high, 2))]  target \(decimals(row.target, 2))"
      + "  \(row.isMet ? "met" : "MISSED")" + (row.memory.map { "  memory \(decimals($0, 2))" } ?? "")
  }

  /// Bars on a logarithmic scale, with a mark at each target and a line where PyTorch stands.
  var chart: String {
    let drawn = rows.filter { $0.ratio.isFinite }
    let left = 500.0, width = 1060.0, line = 24.0, top = 64.0
    let height = top + Double(drawn.count) * line + 40
    let low = log10(0.005), high = log10(3.0)
    func x(_ ratio: Double) -> Double { left + (min(max(log10(ratio), low), high) - low) / (high - low) * (width - left - 60) }
    func f(_ value: Double) -> String { decimals(value, 1) }
    func escaped(_ text: String) -> String {
      text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
    }
    var out = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(f(width)) \(f(height))" width="\(f(width))" height="\(f(height))" \
      font-family="Helvetica, Arial, sans-serif" font-size="13" fill="#333">
      <rect width="100%" height="100%" fill="white"/>
      <text x="16" y="26" font-size="17" font-weight="bold">Time of Ember ÷ time of PyTorch \(torchVersion), \(threads) threads</text>
      <text x="16" y="46" fill="#666">\(escaped(machine)); less is faster; bars: median, whiskers: quartiles, red marks: targets</text>

      """
    for tick in [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2] {
      out += "<line x1=\"\(f(x(tick)))\" x2=\"\(f(x(tick)))\" y1=\"\(f(top - 6))\" y2=\"\(f(height - 30))\" stroke=\"\(tick == 1 ? "#333" : "#e2e2e2")\"/>\n"
      out += "<text x=\"\(f(x(tick)))\" y=\"\(f(height - 12))\" text-anchor=\"middle\">\(tick)</text>\n"
    }
    for (i, row) in drawn.enumerated() {
      let y = top + Double(i) * line, middle = y + line / 2 - 3
      out += "<text x=\"\(f(left - 10))\" y=\"\(f(middle + 4))\" text-anchor=\"end\">\(escaped(row.title))</text>\n"
      out += "<rect x=\"\(f(left))\" y=\"\(f(y))\" width=\"\(f(x(row.ratio) - left))\" height=\"\(f(line - 6))\" fill=\"\(row.isMet ? "#0072B2" : "#E69F00")\"/>\n"
      out += "<line x1=\"\(f(x(row.spread.low)))\" x2=\"\(f(x(row.spread.high)))\" y1=\"\(f(middle))\" y2=\"\(f(middle))\" stroke=\"#111\"/>\n"
      out += "<line x1=\"\(f(x(row.target)))\" x2=\"\(f(x(row.target)))\" y1=\"\(f(y - 2))\" y2=\"\(f(y + line - 4))\" stroke=\"#c00\" stroke-width=\"2\"/>\n"
      // Behind the mark of the target where that would strike it through.
      let end = max(x(row.ratio), x(row.spread.high)) + 6, mark = x(row.target)
      out += "<text x=\"\(f(end - 6 < mark && mark < end + 30 ? mark + 6 : end))\" y=\"\(f(middle + 4))\">\(decimals(row.ratio, 2))</text>\n"
    }
    return out + "</svg>\n"
  }
}
