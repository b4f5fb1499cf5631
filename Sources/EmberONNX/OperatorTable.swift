import EmberRuntime
import EmberTensor

/// What an operator gives back.
protocol OperatorResult {
  var values: [ONNXValue?] { get }
}

/// One output of several.
protocol OperatorOutput {
  var value: ONNXValue? { get }
}

extension Tensor: OperatorResult, OperatorOutput {
  var value: ONNXValue? { .tensor(self) }
  var values: [ONNXValue?] { [.tensor(self)] }
}

extension ONNXValue: OperatorResult, OperatorOutput {
  var value: ONNXValue? { self }
  var values: [ONNXValue?] { [self] }
}

extension Optional: OperatorOutput where Wrapped: OperatorOutput {
  var value: ONNXValue? { self?.value }
}

extension Array: OperatorResult where Element: OperatorOutput {
  var values: [ONNXValue?] { map(\.value) }
}

/// One meaning of an operator: from a version of its operator set on, until the next entry.
struct OperatorEntry: Sendable {
  let since: Int
  /// Inputs that are read as numbers while the graph is evaluated: shapes, axes, factors. They are no parameters.
  let numbers: Set<Int>
  let run: @Sendable (OperatorCall) throws -> [ONNXValue?]
}

/// The operators by domain and name.
struct OperatorTable: Sendable {
  private var entries: [String: [String: [OperatorEntry]]] = [:]

  /// All operators of the standard, the machine-learning and the training domain.
  static let standard: OperatorTable = {
    var table = OperatorTable()
    table.addMath()
    table.addElementwise()
    table.addLogic()
    table.addActivations()
    table.addReductions()
    table.addShapes()
    table.addIndexing()
    table.addCasts()
    table.addQuantization()
    table.addProducts()
    table.addConvolutions()
    table.addPoolings()
    table.addNormalizations()
    table.addResizing()
    table.addRegions()
    table.addRecurrent()
    table.addAttention()
    table.addSignals()
    table.addLosses()
    table.addRandom()
    table.addControl()
    table.addSequences()
    table.addStrings()
    table.addMachineLearning()
    table.addTrees()
    table.addImages()
    table.addTraining()
    return table
  }()

  /// Adds what an operator means from version `since` on.
  mutating func add<Result: OperatorResult & SendableMetatype>(
    _ name: String, since: Int = 1, domain: String = "", numbers: Set<Int> = [],
    _ body: @escaping @Sendable (OperatorCall) throws -> Result
  ) {
    var versions = entries[domain, default: [:]][name] ?? []
    precondition(!versions.contains { $0.since == since }, "\(name) is registered twice since version \(since)")
    versions.append(OperatorEntry(since: since, numbers: numbers) { try body($0).values })
    versions.sort { $0.since > $1.since }
    entries[domain, default: [:]][name] = versions
  }

  /// The meaning that an operator has in a version; nil if it has none.
  func entry(_ name: String, domain: String, version: Int) -> OperatorEntry? {
    entries[domain]?[name]?.first { $0.since <= version }
  }

  /// Every operator with the versions in which its meaning here changed, by domain and name.
  var listing: [(domain: String, name: String, versions: [Int])] {
    entries.sorted { $0.key < $1.key }.flatMap { domain, operators in
      operators.sorted { $0.key < $1.key }.map { (domain, $0.key, $0.value.map(\.since).sorted()) }
    }
  }
}
