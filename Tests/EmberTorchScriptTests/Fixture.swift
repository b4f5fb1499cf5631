import EmberFormats
import EmberRuntime
import EmberTensor
import EmberTorchScript

/// A module of Tests/Fixtures/torchscript.pt or torchscript-graphs.pt: the archive, and what its methods return in PyTorch.
struct FixtureCase: Sendable {
  let name: String
  let archive: [UInt8]
  let records: [PickleValue]
  /// Dimensions that an ONNX file leaves open: `0=batch`.
  var dynamic: [String] = []
  /// Part of the error where no graph can stand for the module.
  var refusal: String?

  static func all(_ path: String) throws -> [FixtureCase] {
    let file = try TorchCheckpoint.load(path)
    return (file.value.dictionary?.entries ?? []).compactMap { entry in
      guard let name = entry.key.string, case .bytes(let archive)? = entry.value["archive"], let records = entry.value["calls"]?.items else { return nil }
      return FixtureCase(
        name: name, archive: archive, records: records, dynamic: entry.value["dynamic"]?.items?.compactMap(\.string) ?? [],
        refusal: entry.value["refusal"]?.string)
    }
  }

  func module(instructionLimit: Int = 1 << 24) throws -> TorchScriptModule {
    try FixtureCase.module(archive, name: name + ".pt", instructionLimit: instructionLimit)
  }

  static func module(_ archive: [UInt8], name: String, instructionLimit: Int = 1 << 24) throws -> TorchScriptModule {
    try archive.withUnsafeBytes { try TorchScriptModule.parse($0, source: name, instructionLimit: instructionLimit) }
  }

  /// Makes all calls in order; what differs from PyTorch, in words.
  func problems() -> [String] {
    var problems: [String] = []
    do {
      let module = try module()
      for (i, record) in records.enumerated() {
        if let state = record["state"] {
          problems += stateProblems(module, state)
          continue
        }
        let method = record["method"]?.string ?? ""
        let arguments = (record["arguments"]?.items ?? []).map(Self.argument)
        do {
          let result = try module.call(method, arguments)
          if let error = record["error"]?.string {
            problems.append("call \(i) returns \(result) instead of failing with \(error)")
          } else if let difference = Self.difference(result, record["result"] ?? .none, at: "result") {
            problems.append("call \(i): \(difference)")
          }
        } catch {
          guard let expected = record["error"]?.string else {
            problems.append("call \(i): \(error)")
            continue
          }
          // What the code itself raises is told in its own words.
          if !"\(error)".hasSuffix(expected) { problems.append("call \(i): \(error); expected \(expected)") }
          if !"\(error)".contains(".py line ") { problems.append("call \(i): no line in \(error)") }
        }
      }
    } catch {
      problems.append("\(error)")
    }
    return problems
  }

  private func stateProblems(_ module: TorchScriptModule, _ state: PickleValue) -> [String] {
    let expected = state.dictionary?.entries ?? []
    let found = Dictionary(module.stateDict().map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
    var problems = Set(found.keys).symmetricDifference(expected.compactMap(\.key.string)).sorted().map { "\($0) is in one state dict only" }
    for entry in expected {
      guard let name = entry.key.string, let tensor = found[name] else { continue }
      if let difference = Self.difference(.tensor(tensor), entry.value, at: name) { problems.append(difference) }
    }
    return problems
  }

  static func argument(_ value: PickleValue) -> TorchScriptValue {
    switch value {
    case .bool(let flag): .bool(flag)
    case .int(let number): .integer(number)
    case .double(let number): .real(number)
    case .string(let text): .string(text)
    case .tensor(let tensor): .tensor(tensor)
    case .list(let items): .list(items.map(argument))
    case .tuple(let items): .tuple(items.map(argument))
    case .dictionary(let dictionary): .dictionary(dictionary.entries.map { (argument($0.key), argument($0.value)) })
    default: .none
    }
  }

  static func difference(_ found: TorchScriptValue, _ expected: PickleValue, at place: String) -> String? {
    func differing() -> String { "\(place) is \(found), expected \(expected)" }
    func items(_ found: [TorchScriptValue], _ expected: [PickleValue]) -> String? {
      guard found.count == expected.count else { return differing() }
      for (i, pair) in zip(found, expected).enumerated() {
        if let difference = difference(pair.0, pair.1, at: "\(place)[\(i)]") { return difference }
      }
      return nil
    }
    switch (found, expected) {
    case (.none, .none): return nil
    case (.bool(let a), .bool(let b)): return a == b ? nil : differing()
    case (.integer(let a), .int(let b)): return a == b ? nil : differing()
    case (.real(let a), .double(let b)): return a == b || a.isNaN && b.isNaN || abs(a - b) <= 1e-12 * abs(b) ? nil : differing()
    case (.complex(let a, let b), .complex(let c, let d)): return a == c && b == d ? nil : differing()
    case (.string(let a), .string(let b)): return a == b ? nil : differing()
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)): return items(a, b)
    case (.dictionary(let a), .dictionary(let b)):
      return items(a.map { .tuple([$0.key, $0.value]) }, b.entries.map { .tuple([$0.key, $0.value]) })
    case (.tensor(let a), .tensor(let b)):
      guard a.dtype == b.dtype, a.shape == b.shape else { return differing() }
      if a.elementCount == 0 { return nil }
      let (x, y) = (a.detach().to(.float64), b.to(.float64))
      let isClose = zip(x.elements(as: Double.self), y.elements(as: Double.self)).allSatisfy { x, y in
        x == y || x.isNaN && y.isNaN || abs(x - y) <= abs(y) * 2e-5 + 2e-6
      }
      return isClose ? nil : "\(place): \(a), expected \(b)"
    default: return differing()
    }
  }
}
