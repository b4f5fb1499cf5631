import EmberFormats
import EmberOptim
import EmberRuntime
import EmberTensor

/// The options of an optimizer or a utility by PyTorch's names.
///
/// Ember's options are typed: what such an option cannot hold is refused here, with an `EmberError`, as the compiler would.
struct OptionReader {
  private var values: [String: OperatorValue] = [:]
  private let owner: String

  /// Options that say only how PyTorch is to execute a step.
  private static let execution: Set<String> = ["foreach", "capturable", "differentiable", "fused"]

  /// - Parameter overrides: the options of a group, which replace those of the optimizer.
  init(_ list: [JSON], overriddenBy overrides: [JSON] = [], _ payload: Payload, owner: String) throws {
    self.owner = owner
    var reader = ValueReader(payload: payload)
    for option in list + overrides { values[option["n"]?.text ?? ""] = try reader.value(option) }
    try checkExecution()
    for name in Self.execution { values[name] = nil }
  }

  /// PyTorch's ways of execution exclude each other, and its lists of tensors exclude options that are tensors.
  private func checkExecution() throws(EmberError) {
    func isSet(_ name: String) -> Bool { if case .bool(true)? = values[name] { true } else { false } }
    if isSet("fused"), isSet("foreach") || isSet("differentiable") {
      throw EmberError(.value, in: owner, "fused with foreach or differentiable")
    }
    let hasTensor = values.values.contains { value in
      switch value {
      case .tensor: true
      case .list(let items): items.contains { if case .tensor = $0 { true } else { false } }
      default: false
      }
    }
    if hasTensor, isSet("foreach"), !isSet("capturable") { throw EmberError(.value, in: owner, "foreach with an option that is a tensor") }
  }

  mutating func take(_ name: String) -> OperatorValue? {
    guard let value = values.removeValue(forKey: name) else { return nil }
    if case .none = value { return nil }
    return value
  }

  private func bad(_ name: String, _ wanted: String) -> EmberError { EmberError(.value, in: owner, "\(name) must be \(wanted)") }

  private func number(_ value: OperatorValue, _ name: String) throws(EmberError) -> Double {
    switch value {
    case .integer(let number): return Double(number)
    case .real(let number): return number
    case .tensor(let tensor) where tensor.elementCount == 1 && !tensor.dtype.isComplex: return tensor.reshape([]).item()
    default: throw bad(name, "one number")
    }
  }

  mutating func number(_ name: String) throws(EmberError) -> Double? {
    guard let value = take(name) else { return nil }
    return try number(value, name)
  }

  mutating func count(_ name: String) throws(EmberError) -> Int? {
    guard let value = try number(name) else { return nil }
    guard let count = Int(exactly: value) else { throw bad(name, "a count") }
    return count
  }

  mutating func flag(_ name: String) throws(EmberError) -> Bool? {
    switch take(name) {
    case nil: return nil
    case .bool(let flag)?: return flag
    default: throw bad(name, "true or false")
    }
  }

  mutating func text(_ name: String) throws(EmberError) -> String? {
    switch take(name) {
    case nil: return nil
    case .string(let text)?: return text
    default: throw bad(name, "a word")
    }
  }

  /// Several numbers, nil for none. A tuple of numbers holds no tensor, nor one of tensors a number.
  mutating func numbers(_ name: String, count: Int) throws(EmberError) -> [Double?]? {
    guard let value = take(name) else { return nil }
    guard case .list(let items) = value, items.count == count else { throw bad(name, "\(count) numbers") }
    let tensors = items.count { if case .tensor = $0 { true } else { false } }
    guard tensors == 0 || tensors == items.count else { throw bad(name, "numbers only") }
    var numbers: [Double?] = []
    for item in items { numbers.append(item.kind == OperatorValue.none.kind ? nil : try number(item, name)) }
    return numbers
  }

  /// Fails if an option was not asked for.
  func finish() throws {
    if let name = values.keys.sorted().first { throw CaseFailure("\(owner) has no option \(name)") }
  }
}

extension OptionReader {
  /// Sets those options that are given.
  mutating func read<Options>(
    into options: inout Options, numbers: [String: WritableKeyPath<Options, Double>], flags: [String: WritableKeyPath<Options, Bool>] = [:],
    pairs: [String: WritableKeyPath<Options, (Double, Double)>] = [:], counts: [String: WritableKeyPath<Options, Int>] = [:]
  ) throws {
    for (name, path) in numbers { if let value = try number(name) { options[keyPath: path] = value } }
    for (name, path) in flags { if let value = try flag(name) { options[keyPath: path] = value } }
    for (name, path) in counts { if let value = try count(name) { options[keyPath: path] = value } }
    for (name, path) in pairs {
      guard let pair = try self.numbers(name, count: 2) else { continue }
      guard let first = pair[0], let second = pair[1] else { throw EmberError(.value, in: owner, "\(name) must be two numbers") }
      options[keyPath: path] = (first, second)
    }
  }
}
