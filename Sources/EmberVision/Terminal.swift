import EmberRuntime
public import EmberTensor
import Glibc

/// How much a terminal can show.
public enum TerminalStyle: Sendable {
  /// 24-bit colours.
  case trueColor
  /// The 24 greys of 256 colours.
  case palette
  /// Characters only: for files, pipes and dumb terminals.
  case plain

  /// What standard output can show, by the environment.
  public static var current: TerminalStyle {
    func variable(_ name: String) -> String { getenv(name).map { String(cString: $0) } ?? "" }
    let term = variable("TERM")
    guard isatty(1) == 1, term != "dumb", variable("NO_COLOR").isEmpty else { return .plain }
    let color = variable("COLORTERM")
    return color == "truecolor" || color == "24bit" ? .trueColor : .palette
  }
}

/// Renders grey pictures as text, two rows of pixels in a line of half blocks; pictures of one row of the result stand side by side.
///
/// - Parameter images: [height, width], [count, height, width] or [count, 1, height, width]; uint8, or numbers from 0 to 1.
/// - Parameter captions: a line under each picture.
public func renderInTerminal(_ images: Tensor, columns: Int = 5, captions: [String] = [], style: TerminalStyle = .current) throws -> String
{
  let stack = try Picture.greyStack(images)
  let columns = max(1, columns)
  var text = ""
  func pixel(_ i: Int, _ y: Int, _ x: Int) -> UInt8 { y < stack.height ? stack.pixels[(i * stack.height + y) * stack.width + x] : 0 }
  for first in stride(from: 0, to: stack.count, by: columns) {
    let row = first..<min(first + columns, stack.count)
    for y in stride(from: 0, to: stack.height, by: 2) {
      var line = ""
      for i in row {
        if i > first { line += "  " }
        var last: (UInt8, UInt8)?
        for x in 0..<stack.width {
          let upper = pixel(i, y, x), lower = pixel(i, y + 1, x)
          if style == .plain {
            // Darkest to brightest; the mean of both rows.
            line.append(ramp[(Int(upper) + Int(lower)) * (ramp.count - 1) / 510])
            continue
          }
          if last == nil || last! != (upper, lower) {
            line +=
              style == .trueColor
              ? "\u{1B}[38;2;\(upper);\(upper);\(upper);48;2;\(lower);\(lower);\(lower)m"
              : "\u{1B}[38;5;\(grey(upper));48;5;\(grey(lower))m"
            last = (upper, lower)
          }
          line += "▀"
        }
        if style != .plain { line += "\u{1B}[0m" }
      }
      text += trimmed(line) + "\n"
    }
    if !captions.isEmpty {
      let line = row.map { i in
        let caption = i < captions.count ? String(captions[i].prefix(stack.width)) : ""
        return caption + String(repeating: " ", count: max(0, stack.width - caption.count))
      }
      text += trimmed(line.joined(separator: "  ")) + "\n\n"
    }
  }
  return text
}

private let ramp = Array(" .:-=+*#%@")

/// A grey among the 256 colours: black, 24 steps, white.
private func grey(_ value: UInt8) -> Int { value < 4 ? 16 : value > 246 ? 231 : min(255, 232 + (Int(value) - 3) / 10) }

private func trimmed(_ line: String) -> String {
  var line = line
  while line.last == " " { line.removeLast() }
  return line
}

/// Accuracy of each class: a table for people.
///
/// - Parameter confusion: rows are true classes, columns predictions.
public func classTable(_ confusion: [[Int]], names: [String]) -> String {
  let width = max(5, names.map(\.count).max() ?? 0)
  func left(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
  func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
  var text = "\(left("class", width))   correct   of     accuracy   most often taken for\n"
  text += String(repeating: "─", count: width + 55) + "\n"
  for (i, row) in confusion.enumerated() {
    let total = row.reduce(0, +), correct = i < row.count ? row[i] : 0
    let wrong = row.indices.filter { $0 != i && row[$0] > 0 }.max { (row[$0], -$0) < (row[$1], -$1) }
    let name = i < names.count ? names[i] : String(i)
    let taken = wrong.map { "\($0 < names.count ? names[$0] : String($0)) (\(row[$0]))" } ?? ""
    text +=
      "\(left(name, width))   \(right(String(correct), 7))   \(left(String(total), 5))  \(right(percentage(correct, total), 8))   "
        + "\(taken)\n"
  }
  return text
}

/// `91.25 %`
public func percentage(_ part: Int, _ whole: Int) -> String {
  guard whole > 0 else { return "–" }
  let hundredths = Int((Double(part) / Double(whole) * 10_000).rounded())
  let rest = hundredths % 100
  return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) %"
}
