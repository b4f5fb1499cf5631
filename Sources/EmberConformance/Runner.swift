import EmberFormats
import EmberRuntime
import EmberTensor

/// Runs the cases of a corpus.
public struct ConformanceRunner: Sendable {
  public let corpus: Corpus
  public let registry: OperatorRegistry
  private let entries: [Corpus.Entry]
  private let only: String?
  private let device: Device
  private let compilation: Compilation

  /// - Parameters:
  ///   - only: a pattern with `*` for names of operators and classes or ids of cases, or nil.
  ///   - kind: `op`, `module`, `optimizer`, `lr_scheduler`, `grad_clip`, or nil for all.
  ///   - device: where operators and modules run. On another device than the CPU there are no cases of other kinds: they make their own tensors.
  ///   - compilation: whether operators and modules are captured as graphs, whose every pass is verified, and these are run; then no other
  ///     kinds are.
  public init(
    _ corpus: Corpus, registry: OperatorRegistry, only: String? = nil, kind: String? = nil, device: Device = .cpu,
    compilation: Compilation = .none
  ) {
    self.device = device
    self.compilation = compilation
    self.corpus = corpus
    self.registry = registry
    self.only = only
    entries = corpus.entries.filter {
      (kind == nil || $0.kind == kind) && ((device == .cpu && compilation == .none) || $0.kind == "op" || $0.kind == "module")
    }
  }

  /// The cases that are run, in the corpus's order.
  func cases(of entry: Corpus.Entry) throws -> [Case] {
    // A file of operators holds one name, which saves reading it.
    if let only, entry.kind == "op", let name = only.split(separator: "#").first, !glob(String(name), entry.name) { return [] }
    return try corpus.cases(of: entry).filter { only == nil || glob(only!, only!.contains("#") ? $0.id : $0.subject) }.map {
      var item = $0
      item.device = device
      item.compilation = compilation
      return item
    }
  }

  /// Runs every `shards`-th file's cases beginning with `shard`, except those up to `after`, and reports each case when it begins and ends.
  public func run(
    shard: Int = 0, of shards: Int = 1, after: String? = nil, begins: (String) throws -> Void = { _ in },
    ends: (_ id: String, _ verdict: Verdict, _ computed: Computed) throws -> Void
  ) throws {
    var isSkipping = after != nil
    for (i, entry) in entries.enumerated() where i % shards == shard {
      for item in try cases(of: entry) {
        if isSkipping {
          if item.id == after { isSkipping = false }
          continue
        }
        try begins(item.id)
        var computed = Computed()
        let verdict = item.run(registry, computed: &computed)
        try ends(item.id, verdict, computed)
      }
    }
  }

  /// The report of verdicts by id; a case without one crashed.
  public func report(_ verdicts: [String: Verdict]) throws -> Report {
    var results: [Report.Line] = []
    for entry in entries {
      for item in try cases(of: entry) { results.append(Report.Line(item, verdicts[item.id] ?? .crashed)) }
    }
    return Report(results)
  }

  /// Runs everything in this process.
  public func report() throws -> Report {
    var verdicts: [String: Verdict] = [:]
    try run { id, verdict, _ in verdicts[id] = verdict }
    return try report(verdicts)
  }
}

extension Case {
  func run(_ registry: OperatorRegistry, computed: inout Computed) -> Verdict {
    do {
      switch entry.kind {
      case "op": return try runOperator(registry, computed: &computed)
      case "module": return try runModule(computed: &computed)
      case "optimizer": return try runOptimizer(computed: &computed)
      case "lr_scheduler": return try runScheduler(computed: &computed)
      case "grad_clip": return try runGradClip(computed: &computed)
      default: return .notImplemented
      }
    } catch { return .failed("\(error)") }
  }
}

/// Whether a name matches a pattern in which `*` stands for any characters.
public func glob(_ pattern: String, _ name: String) -> Bool {
  let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
  guard parts.count > 1 else { return pattern == name }
  guard name.hasPrefix(parts[0]) else { return false }
  var rest = name[...].dropFirst(parts[0].count)
  for part in parts.dropFirst().dropLast() where !part.isEmpty {
    var found = false
    while !rest.isEmpty {
      if rest.hasPrefix(part) {
        rest = rest.dropFirst(part.count)
        found = true
        break
      }
      rest = rest.dropFirst()
    }
    if !found { return false }
  }
  return rest.hasSuffix(parts.last!)
}
