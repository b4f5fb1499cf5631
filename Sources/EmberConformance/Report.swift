import EmberFormats

/// Counts of a run, by category and in total.
public struct Report: Sendable {
  /// How many cases passed, of those that ask for it.
  public struct Share: Sendable, Hashable, CustomStringConvertible {
    public var passed = 0
    public var all = 0

    mutating func add(_ isPassed: Bool) {
      all += 1
      if isPassed { passed += 1 }
    }

    public var description: String { "\(passed)/\(all)" }
  }

  public struct Counts: Sendable, Hashable {
    public var cases = 0
    /// Cases of which everything is right.
    public var passed = 0
    /// Of the cases that are not to be refused.
    public var values = Share()
    /// Of the cases with gradients.
    public var gradients = Share()
    public var refusals = Share()
    public var notImplemented = 0
    public var crashed = 0

    mutating func add(_ line: Line) {
      cases += 1
      if line.verdict.isPass { passed += 1 }
      if line.verdict == .notImplemented { notImplemented += 1 }
      if line.verdict == .crashed { crashed += 1 }
      if line.expectsError {
        refusals.add(line.verdict == .refused)
      } else {
        values.add(line.verdict.hasRightValue)
        if line.hasGradients { gradients.add(line.verdict == .passed) }
      }
    }
  }

  /// One case and how it came out.
  public struct Line: Sendable {
    public let id: String
    /// The operator, class or function.
    public let name: String
    public let kind: String
    public let category: String
    public let expectsError: Bool
    public let hasGradients: Bool
    public fileprivate(set) var verdict: Verdict

    init(_ item: Case, _ verdict: Verdict) {
      id = item.id
      name = item.subject
      kind = item.entry.kind
      category = item.entry.category
      expectsError = item.expectsError
      hasGradients = item.hasGradients
      self.verdict = verdict
    }
  }

  public private(set) var lines: [Line]

  init(_ lines: [Line]) {
    // A refusal counts only for an operator that also passes a value case: what refuses everything is not right.
    var works: Set<String> = []
    for line in lines where line.verdict == .passed { works.insert(line.name) }
    self.lines = lines.map { line in
      guard line.verdict == .refused, !works.contains(line.name) else { return line }
      var copy = line
      copy.verdict = .failed("refused, but no other case of this name passes")
      return copy
    }
  }

  public var total: Counts { counts(of: lines) }
  public var passedCases: Int { total.passed }
  public var passesAll: Bool { lines.allSatisfy(\.verdict.isPass) }

  /// Names of which every case passes, and all names.
  public var names: Share {
    var share = Share()
    for group in Dictionary(grouping: lines, by: \.name).values { share.add(group.allSatisfy(\.verdict.isPass)) }
    return share
  }

  private func counts(of lines: [Line]) -> Counts {
    var counts = Counts()
    for line in lines { counts.add(line) }
    return counts
  }

  /// A table by category; its last line is `conformance: P of N cases passed`.
  public var text: String {
    let titles = ["cases", "value passed", "gradient passed", "refused as expected", "not implemented", "crashed"]
    var rows = [[""] + titles]
    func row(_ name: String, _ c: Counts) -> [String] {
      [name, "\(c.cases)", "\(c.values)", "\(c.gradients)", "\(c.refusals)", "\(c.notImplemented)", "\(c.crashed)"]
    }
    let groups = Dictionary(grouping: lines) { "\($0.kind):\($0.category)" }
    for category in groups.keys.sorted() { rows.append(row(category, counts(of: groups[category]!))) }
    rows.append(row("total", total))
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
    let table = rows.map { row in
      zip(row, widths).enumerated().map { i, cell in
        let space = String(repeating: " ", count: cell.1 - cell.0.count)
        return i == 0 ? cell.0 + space : space + cell.0
      }.joined(separator: "  ")
    }
    let names = names
    return (table + [
      "names with every case passed: \(names.passed) of \(names.all)", "conformance: \(passedCases) of \(lines.count) cases passed",
    ]).joined(separator: "\n")
  }

  /// One line for each case that did not pass.
  public var failures: String {
    lines.filter { !$0.verdict.isPass }.map { line in
      let (word, why) = line.verdict.words
      return why.isEmpty ? "\(line.id)\t\(word)\n" : "\(line.id)\t\(word)\t\(why)\n"
    }.joined()
  }

  public var json: String {
    let cases = lines.map { line in
      let (word, why) = line.verdict.words
      return "    {\"id\": \(JSON.quoted(line.id)), \"verdict\": \"\(word)\", \"why\": \(JSON.quoted(why))}"
    }
    return "{\n  \"passed\": \(passedCases),\n  \"total\": \(lines.count),\n  \"cases\": [\n\(cases.joined(separator: ",\n"))\n  ]\n}\n"
  }
}
