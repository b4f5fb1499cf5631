import EmberFormats

/// Counts of a run, by category and in total.
public struct Report: Sendable {
  public struct Counts: Sendable, Hashable {
    public var cases = 0
    public var passed = 0
    public var wrongValue = 0
    public var wrongGradient = 0
    public var refused = 0
    public var accepted = 0
    public var notImplemented = 0
    public var failed = 0
    public var crashed = 0

    mutating func add(_ verdict: Verdict) {
      cases += 1
      switch verdict {
      case .passed: passed += 1
      case .refused: refused += 1
      case .notImplemented: notImplemented += 1
      case .wrongValue: wrongValue += 1
      case .wrongGradient: wrongGradient += 1
      case .accepted: accepted += 1
      case .failed: failed += 1
      case .crashed: crashed += 1
      }
    }

    var allPassed: Int { passed + refused }
  }

  public struct Line: Sendable {
    public let id: String
    public let name: String
    public let category: String
    public let verdict: Verdict
  }

  public private(set) var lines: [Line] = []

  public init(_ verdicts: [(id: String, entry: Corpus.Entry, verdict: Verdict)]) {
    // A refusal counts only for an operator that also passes a value case: what refuses everything is not right.
    var works: Set<String> = []
    for result in verdicts where result.verdict == .passed { works.insert(result.entry.name) }
    lines = verdicts.map { result in
      let isEmpty = result.verdict == .refused && !works.contains(result.entry.name)
      return Line(
        id: result.id, name: result.entry.name, category: "\(result.entry.kind):\(result.entry.category)",
        verdict: isEmpty ? .failed("refused, but so is everything else of this operator") : result.verdict)
    }
  }

  public var total: Counts { counts(of: lines) }
  public var passedCases: Int { total.allPassed }

  /// Names of which every case passes, and all names.
  public var operators: (whole: Int, all: Int) {
    let byName = Dictionary(grouping: lines, by: \.name)
    return (byName.values.count { group in counts(of: group).allPassed == group.count }, byName.count)
  }

  private func counts(of lines: [Line]) -> Counts {
    var counts = Counts()
    for line in lines { counts.add(line.verdict) }
    return counts
  }

  /// A table by category; its last line is `conformance: P of N cases passed`.
  public var text: String {
    func cell(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
    let titles = ["cases", "passed", "value", "gradient", "refused", "accepted", "missing", "failed", "crashed"]
    var rows = [String(repeating: " ", count: 22) + titles.map { cell($0, 10) }.joined()]
    func row(_ name: String, _ c: Counts) -> String {
      let padded = name + String(repeating: " ", count: max(0, 22 - name.count))
      let numbers = [c.cases, c.allPassed, c.wrongValue, c.wrongGradient, c.refused, c.accepted, c.notImplemented, c.failed, c.crashed]
      return padded + numbers.map { cell("\($0)", 10) }.joined()
    }
    let groups = Dictionary(grouping: lines, by: \.category)
    for category in groups.keys.sorted() { rows.append(row(category, counts(of: groups[category]!))) }
    rows.append(row("total", total))
    let (whole, all) = operators
    rows.append("names with every case passed: \(whole) of \(all)")
    rows.append("conformance: \(passedCases) of \(lines.count) cases passed")
    return rows.joined(separator: "\n")
  }

  /// One line for each case that did not pass.
  public var failures: String {
    lines.compactMap { line in
      switch line.verdict {
      case .passed, .refused: nil
      case .notImplemented: "\(line.id)\tnot implemented"
      case .wrongValue(let why): "\(line.id)\tvalue\t\(why)"
      case .wrongGradient(let why): "\(line.id)\tgradient\t\(why)"
      case .accepted: "\(line.id)\taccepted what must be refused"
      case .failed(let why): "\(line.id)\tfailed\t\(why)"
      case .crashed: "\(line.id)\tcrashed"
      }
    }.joined(separator: "\n") + "\n"
  }

  public var json: String {
    let cases = lines.map { line in
      let (word, why) = line.verdict.words
      return "    {\"id\": \(JSON.quoted(line.id)), \"verdict\": \"\(word)\", \"why\": \(JSON.quoted(why))}"
    }
    return "{\n  \"passed\": \(passedCases),\n  \"total\": \(lines.count),\n  \"cases\": [\n\(cases.joined(separator: ",\n"))\n  ]\n}\n"
  }
}

extension Verdict {
  /// A word for the kind and a text, for passing between processes.
  public var words: (kind: String, why: String) {
    switch self {
    case .passed: ("passed", "")
    case .refused: ("refused", "")
    case .notImplemented: ("missing", "")
    case .wrongValue(let why): ("value", why)
    case .wrongGradient(let why): ("gradient", why)
    case .accepted: ("accepted", "")
    case .failed(let why): ("failed", why)
    case .crashed: ("crashed", "")
    }
  }

  public init?(kind: some StringProtocol, why: String) {
    switch kind {
    case "passed": self = .passed
    case "refused": self = .refused
    case "missing": self = .notImplemented
    case "value": self = .wrongValue(why)
    case "gradient": self = .wrongGradient(why)
    case "accepted": self = .accepted
    case "failed": self = .failed(why)
    case "crashed": self = .crashed
    default: return nil
    }
  }
}
