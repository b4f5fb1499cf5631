/// A text from a file or a server in one line of a terminal, which no character of it may control.
func terminalLine(_ text: String, limit: Int = 100) -> String {
  var shown = ""
  for scalar in text.unicodeScalars.prefix(limit) {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator:
      shown += scalar == "\n" ? "\\n" : "\\u{\(String(scalar.value, radix: 16))}"
    default: shown.unicodeScalars.append(scalar)
    }
  }
  return text.unicodeScalars.count > limit ? shown + "…" : shown
}

/// Columns as wide as their widest entry, each entry in one line.
func printTable(_ rows: [[String]]) {
  let rows = rows.map { $0.map { terminalLine($0, limit: 400) } }
  guard let first = rows.first else { return }
  let widths = first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
  for row in rows {
    var line = ""
    for (column, text) in row.enumerated() {
      line += column == row.count - 1 ? text : text + String(repeating: " ", count: widths[column] - text.count + 2)
    }
    print(line)
  }
}
