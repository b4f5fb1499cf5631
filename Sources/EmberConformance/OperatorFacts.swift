import EmberCUDA
import EmberTensor

/// What running a corpus's cases showed of an operator.
public struct OperatorFacts: Sendable {
  /// How the cases came out that have to do with one property.
  public struct Tally: Sendable {
    public fileprivate(set) var holds = 0
    public fileprivate(set) var loops = 0
    public fileprivate(set) var failures: [String] = []

    fileprivate mutating func add(_ observation: Observation?, _ id: String) {
      switch observation {
      case nil: break
      case .holds?: holds += 1
      case .holdsByLoop?: loops += 1
      case .fails(let why)?: failures.append("\(id): \(why)")
      }
    }

    /// `yes`, `loop` (right, but one member after the other), `some` (not for all cases), `no`, or `-`: nothing to see.
    public var word: String {
      switch (holds + loops, failures.isEmpty) {
      case (0, true): "-"
      case (0, false): "no"
      case (_, false): "some"
      case (_, true): loops > 0 ? "loop" : "yes"
      }
    }
  }

  public private(set) var value = Tally()
  public private(set) var gradient = Tally()
  public private(set) var meta = Tally()
  public private(set) var tangent = Tally()
  public private(set) var batching = Tally()
  /// On an NVIDIA GPU: by kernels of its own, or through the CPU, which counts as a loop.
  public private(set) var cuda = Tally()

  /// `yes` (kernels for all cases), `CPU` (through the CPU), `some`, `no`; nil where nothing was seen.
  var cudaWord: String? {
    switch (cuda.holds, cuda.loops, cuda.failures.isEmpty) {
    case (0, 0, true): nil
    case (0, 0, false): "no"
    case (_, 0, true): "yes"
    case (0, _, true): "CPU"
    default: "some"
    }
  }

  fileprivate mutating func add(_ probe: OperatorProbe, _ verdict: Verdict, differences: Bool, onGPU: Bool) {
    let id = probe.item.id
    if onGPU { return cuda.add(probe.onGPU(), id) }
    // What is drawn may come out otherwise.
    let isDrawn = if case .wrongValue = verdict { probe.isRandom } else { false }
    if !isDrawn { value.add(verdict.hasRightValue ? .holds : .fails(verdict.words.why), id) }
    if probe.item.hasGradients, verdict.hasRightValue { gradient.add(verdict == .passed ? .holds : .fails(verdict.words.why), id) }
    meta.add(probe.onMeta(), id)
    tangent.add(probe.forward(differences: differences), id)
    for observation in probe.onBatches() { batching.add(observation, id) }
  }

  /// One line for each observation that failed, with its column.
  public var reasons: String {
    let columns: [(String, Tally)] = [("CPU", value), ("CUDA", cuda), ("meta", meta), ("gradient", gradient), ("tangent", tangent), ("batching", batching)]
    return columns.flatMap { column, tally in tally.failures.map { "\(column)\t\($0)\n" } }.joined()
  }

  /// The facts of every operator that the corpus has cases of, by qualified name.
  ///
  /// - Parameters:
  ///   - differences: hold forward mode against difference quotients too. These miss at jumps and kinks, which are no fault.
  ///   - onGPU: only how they run there.
  public static func observed(
    _ registry: OperatorRegistry, on corpus: Corpus, differences: Bool = false, onGPU: Bool = false
  ) throws -> [String: OperatorFacts] {
    var facts: [String: OperatorFacts] = [:]
    for entry in corpus.entries where entry.kind == "op" {
      for item in try corpus.cases(of: entry) {
        guard let probe = OperatorProbe(item, registry) else { continue }
        var computed = Computed()
        let verdict = onGPU ? .passed : item.run(registry, computed: &computed)
        facts[probe.name, default: OperatorFacts()].add(probe, verdict, differences: differences, onGPU: onGPU)
      }
    }
    return facts
  }
}

/// The table of all operators: name, CPU, CUDA, meta, gradient, tangent, batching, ONNX.
public struct OperatorTable: Sendable {
  public static let titles = ["name", "CPU", "CUDA", "meta", "gradient", "tangent", "batching", "ONNX"]
  public let rows: [[String]]

  /// - Parameters:
  ///   - facts: what was observed; without, what only running tells is unknown (`?`).
  ///   - onGPU: what was observed on a GPU.
  ///   - document: an earlier table, from which the column CUDA is kept where no GPU was at hand.
  public init(
    _ registry: OperatorRegistry, facts: [String: OperatorFacts]?, onGPU: [String: OperatorFacts]? = nil, keeping document: String? = nil
  ) {
    let known = document.map(Self.cudaColumn) ?? [:]
    rows = registry.names.map { name in
      // A second name is the same operator.
      let seen = facts?[name] ?? registry[name]!.original.flatMap { facts?[$0] }
      func word(_ tally: KeyPath<OperatorFacts, OperatorFacts.Tally>) -> String { seen?[keyPath: tally].word ?? "?" }
      let cuda = onGPU.map { all in (all[name] ?? registry[name]!.original.flatMap { all[$0] })?.cudaWord ?? "?" }
      return [name, word(\.value), cuda ?? known[name] ?? "?", word(\.meta), word(\.gradient), word(\.tangent), word(\.batching), "-"]
    }
  }

  /// The column CUDA of a document, by operator.
  private static func cudaColumn(_ document: String) -> [String: String] {
    var words: [String: String] = [:]
    for line in document.split(separator: "\n") where line.hasPrefix("| `") {
      let cells = line.split(separator: "|").map { String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
      if cells.count == titles.count { words[cells[0].filter { $0 != "`" }] = cells[2] }
    }
    return words
  }

  /// Columns aligned for a terminal.
  public var text: String {
    let all = [Self.titles] + rows
    let widths = Self.titles.indices.map { column in all.map { $0[column].count }.max()! }
    return all.map { row in
      let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
      return String(cells.reversed().drop { $0 == " " }.reversed())
    }.joined(separator: "\n")
  }

  /// The line of `docs/operators.md` above which people write.
  private static let heading = "## All operators"

  /// `docs/operators.md` anew: what stands above the table is kept.
  public func document(keeping document: String) -> String {
    let lines = document.split(separator: "\n", omittingEmptySubsequences: false)
    let kept = lines.prefix { $0 != Self.heading }
    func row(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |" }
    let table = [row(Self.titles), row(Self.titles.map { _ in "---" })] + rows.map { row(["`\($0[0])`"] + $0.dropFirst()) }
    return (kept + [Self.heading[...], ""] + table.map { $0[...] }).joined(separator: "\n") + "\n"
  }
}
