/// A text from a file or a server in one line of a terminal, which no character of it may control.
func terminalLine(_ text: String, limit: Int) -> String {
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

func printTable(_ rows: [[String]], indent: String = "", limit: Int = 400) {
  for line in tableLines(rows, limit: limit) { print(indent + line) }
}

/// Rows in columns, each entry in one line of at most `limit` characters. One very long entry does not push the others' columns away.
func tableLines(_ rows: [[String]], limit: Int = 400) -> [String] {
  let rows = rows.map { $0.map { terminalLine($0, limit: limit) } }
  guard let first = rows.first else { return [] }
  let widths = first.indices.map { column in min(rows.map { $0[column].count }.max() ?? 0, 80) }
  return rows.map { row in
    zip(row, widths).enumerated().map { column, entry in
      column == row.count - 1 ? entry.0 : entry.0 + String(repeating: " ", count: max(0, entry.1 - entry.0.count) + 2)
    }.joined()
  }
}
