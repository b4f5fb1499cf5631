import EmberFormats
import EmberRuntime
import EmberTensor

/// Runs the cases of a corpus.
public struct ConformanceRunner: Sendable {
  public let corpus: Corpus
  public let registry: OperatorRegistry
  private let entries: [Corpus.Entry]

  /// - Parameters:
  ///   - only: a pattern with `*` for names of operators or ids of cases, or nil.
  ///   - kind: `op`, `module`, `optimizer`, `lr_scheduler`, `grad_clip`, or nil for all.
  public init(_ corpus: Corpus, registry: OperatorRegistry, only: String? = nil, kind: String? = nil) {
    self.corpus = corpus
    self.registry = registry
    entries = corpus.entries.filter { entry in
      (kind == nil || entry.kind == kind) && (only == nil || only!.split(separator: "#").first.map { glob(String($0), entry.name) } ?? true)
    }
    self.only = only
  }

  private let only: String?

  /// Runs every `shards`-th file's cases beginning with `shard`, except those up to `after`, and reports each case when it begins and ends.
  public func run(
    shard: Int = 0, of shards: Int = 1, after: String? = nil, begins: (String) -> Void = { _ in },
    ends: (String, Corpus.Entry, Verdict) -> Void
  ) throws {
    var isSkipping = after != nil
    for (i, entry) in entries.enumerated() where i % shards == shard {
      for item in try corpus.cases(of: entry) {
        if let only, only.contains("#"), !glob(only, item.id) { continue }
        if isSkipping {
          if item.id == after { isSkipping = false }
          continue
        }
        begins(item.id)
        var computed = Computed()
        ends(item.id, entry, item.run(registry, computed: &computed))
      }
    }
  }

  /// The entry of a case's file.
  public func entry(named name: String) -> Corpus.Entry? { entries.first { $0.name == name } }
  public var entriesByCase: [String: Corpus.Entry] {
    get throws {
      var map: [String: Corpus.Entry] = [:]
      for entry in entries { for item in try corpus.cases(of: entry) { map[item.id] = entry } }
      return map
    }
  }
}

extension Case {
  func run(_ registry: OperatorRegistry, computed: inout Computed) -> Verdict {
    switch entry.kind {
    case "op": runOperator(registry, computed: &computed)
    default: .notImplemented
    }
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
