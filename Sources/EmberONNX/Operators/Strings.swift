import EmberRuntime
import EmberTensor

/// Texts.
extension OperatorTable {
  mutating func addStrings() {
    add("StringConcat", since: 20) { call in
      let (a, b) = try broadcastTexts(try call.strings(0), try call.strings(1), call)
      // Texts do not count for the cap on tensors' memory.
      let length = a.elements.reduce(0) { $0 + $1.utf8.count } + b.elements.reduce(0) { $0 + $1.utf8.count }
      guard length < 1 << 28 else { throw call.failure("texts of \(length) bytes", .memory) }
      return ONNXValue.strings(ONNXStrings(shape: a.shape, zip(a.elements, b.elements).map { $0 + $1 }))
    }
    add("StringSplit", since: 20) { call in
      let x = try call.strings(0), limit = try call.int("maxsplit")
      let delimiter = try call.string("delimiter") ?? ""
      let parts = x.elements.map { text in
        delimiter.isEmpty ? splitAtSpaces(text, limit) : split(text, delimiter, limit)
      }
      let width = parts.map(\.count).max() ?? 0
      guard width * parts.count < 1 << 26 else { throw call.failure("\(parts.count) texts in up to \(width) parts", .memory) }
      let padded = parts.flatMap { $0 + Array(repeating: "", count: width - $0.count) }
      return [.strings(ONNXStrings(shape: x.shape + [width], padded)), .tensor(Tensor(parts.map(\.count), shape: x.shape))] as [ONNXValue]
    }
    add("StringNormalizer", since: 10) { call in try normalizedTexts(call) }
    add("RegexFullMatch", since: 20) { call in
      let x = try call.strings(0)
      let expression = try RegularExpression(try call.required(try call.string("pattern"), "pattern"))
      return Tensor(x.elements.map { expression.matches($0) }, shape: x.shape)
    }
    add("TfIdfVectorizer", since: 9) { call in try termFrequencies(call) }
  }
}

/// At runs of white space, which do not count at the ends; the rest stays whole after `limit` parts.
private func splitAtSpaces(_ text: String, _ limit: Int?) -> [String] {
  var parts: [String] = [], rest = Substring(text).drop(while: \.isWhitespace)
  while !rest.isEmpty {
    if let limit, limit >= 0, parts.count == limit {
      while rest.last?.isWhitespace == true { rest.removeLast() }
      parts.append(String(rest))
      break
    }
    let end = rest.firstIndex(where: \.isWhitespace) ?? rest.endIndex
    parts.append(String(rest[..<end]))
    rest = rest[end...].drop(while: \.isWhitespace)
  }
  return parts
}

private func split(_ text: String, _ delimiter: String, _ limit: Int?) -> [String] {
  var parts: [String] = [], rest = Array(text.utf8)[...]
  let mark = Array(delimiter.utf8)
  func nextMark() -> Int? {
    guard rest.count >= mark.count else { return nil }
    return (rest.startIndex...(rest.endIndex - mark.count)).first { rest[$0..<$0 + mark.count].elementsEqual(mark) }
  }
  while limit.map({ $0 < 0 || parts.count < $0 }) ?? true, let position = nextMark() {
    parts.append(String(decoding: rest[..<position], as: UTF8.self))
    rest = rest[(position + mark.count)...]
  }
  return parts + [String(decoding: rest, as: UTF8.self)]
}

/// Texts without those in a list, in one case.
private func normalizedTexts(_ call: OperatorCall) throws -> ONNXValue {
  let x = try call.strings(0)
  guard x.shape.count == 1 || x.shape.count == 2 && x.shape[0] == 1 else {
    throw call.failure("texts of shape \(x.shape); it must be [C] or [1, C]", .shape)
  }
  let action = try call.string("case_change_action", oneOf: ["NONE", "LOWER", "UPPER"])
  let isCaseSensitive = try call.flag("is_case_sensitive")
  let stopWords = try call.strings("stopwords") ?? []
  func changed(_ text: String) -> String { action == "LOWER" ? text.lowercased() : action == "UPPER" ? text.uppercased() : text }
  let stops = Set(isCaseSensitive ? stopWords : stopWords.map { $0.lowercased() })
  let kept = x.elements.filter { !stops.contains(isCaseSensitive ? $0 : $0.lowercased()) }.map(changed)
  // Nothing is one empty text.
  let texts = kept.isEmpty ? [""] : kept
  return .strings(ONNXStrings(shape: x.shape.dropLast() + [texts.count], texts))
}

/// How often runs of terms occur, or what they weigh.
private func termFrequencies(_ call: OperatorCall) throws -> Tensor {
  let value = try call.value(0)
  let smallest = try call.required(try call.int("min_gram_length"), "min_gram_length")
  let largest = try call.required(try call.int("max_gram_length"), "max_gram_length")
  let skips = try call.required(try call.int("max_skip_count"), "max_skip_count")
  let starts = try call.required(try call.ints("ngram_counts"), "ngram_counts")
  let columns = try call.required(try call.ints("ngram_indexes"), "ngram_indexes")
  let mode = try call.string("mode", oneOf: ["TF", "IDF", "TFIDF"]), weights = try call.doubles("weights")
  let pool = try call.strings("pool_strings") ?? (try call.ints("pool_int64s") ?? []).map(String.init)
  let terms: [String]
  switch value {
  case .strings(let strings): terms = strings.elements
  case .tensor(let tensor): terms = try tensor.elementsOrThrow(as: Int.self).map(String.init)
  default: throw call.failure("input 0 is \(value.summary), where a tensor is needed", .dtype)
  }
  let shape = value.shape ?? []
  guard shape.count <= 2, smallest > 0, largest >= smallest, skips >= 0, largest < 1 << 16, skips < 1 << 16,
    columns.allSatisfy({ $0 >= 0 && $0 < 1 << 26 }), starts.allSatisfy({ $0 >= 0 && $0 <= pool.count }), starts == starts.sorted()
  else { throw call.failure("runs of \(smallest) to \(largest) terms of \(value.summary)") }
  // The column of each run of terms.
  var columnOfRun: [[String]: Int] = [:], next = 0
  for (i, start) in starts.enumerated() {
    let length = i + 1, end = i + 1 < starts.count ? starts[i + 1] : pool.count
    for position in stride(from: start, through: end - length, by: length) {
      guard next < columns.count else { throw call.failure("more runs of terms than ngram_indexes has columns") }
      if length >= smallest, length <= largest { columnOfRun[Array(pool[position..<position + length])] = next }
      next += 1
    }
  }
  let width = (columns.max() ?? -1) + 1
  if let weights, !weights.isEmpty, weights.count != columns.count {
    throw call.failure("\(weights.count) weights for \(columns.count) runs of terms")
  }
  let rows = shape.count == 2 ? shape[0] : 1, rowLength = shape.count == 2 ? shape[1] : terms.count
  guard rows * width < 1 << 26, width < 1 << 26 else { throw call.failure("\(rows) rows of \(width) columns", .memory) }
  var counts = Array(repeating: 0.0, count: rows * width), weightOfColumn = Array(repeating: 1.0, count: width)
  if let weights, !weights.isEmpty { for (column, weight) in zip(columns, weights) { weightOfColumn[column] = weight } }
  for row in 0..<rows {
    for length in smallest...largest where (length - 1) * 1 < max(rowLength, 1) {
      // Single terms have nothing in between to skip.
      for distance in 1...(length == 1 ? 1 : skips + 1) {
        let span = (length - 1) * distance
        if span >= rowLength { break }
        for start in 0..<(rowLength - span) {
          let run = (0..<length).map { terms[row * rowLength + start + $0 * distance] }
          if let index = columnOfRun[run] { counts[row * width + columns[index]] += 1 }
        }
      }
    }
  }
  for i in counts.indices {
    switch mode {
    case "IDF": counts[i] = counts[i] > 0 ? weightOfColumn[i % width] : 0
    case "TFIDF": counts[i] *= weightOfColumn[i % width]
    default: break
    }
  }
  return Tensor(counts, shape: shape.count == 2 ? [rows, width] : [width])
}
