import EmberFormats
import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor

/// The arguments of a module's constructor by PyTorch's names.
///
/// Ember's constructors are typed: what such a parameter cannot hold is refused here, with an `EmberError`, as the compiler would.
struct ModuleArguments {
  let owner: String
  private var values: [String: JSON] = [:]
  private let payload: Payload

  init(_ list: [JSON], _ payload: Payload, owner: String) {
    self.owner = owner
    self.payload = payload
    for item in list { values[item["n"]?.text ?? ""] = item }
  }

  private func bad(_ name: String, _ wanted: String) -> EmberError { EmberError(.value, in: owner, "\(name) must be \(wanted)") }

  mutating func json(_ name: String) -> JSON? {
    guard let value = values.removeValue(forKey: name), value["t"]?.text != "none" else { return nil }
    return value
  }

  private mutating func value(_ name: String) throws -> OperatorValue? {
    guard let item = json(name) else { return nil }
    var reader = ValueReader(payload: payload)
    return try reader.value(item)
  }

  private func given<Value>(_ value: Value?, _ name: String) throws -> Value {
    guard let value else { throw EmberError(.value, in: owner, "\(name) is missing") }
    return value
  }

  mutating func integer(ifPresent name: String) throws -> Int? {
    switch try value(name) {
    case nil: nil
    case .integer(let number)?: number
    default: throw bad(name, "a whole number")
    }
  }
  mutating func integer(_ name: String) throws -> Int { try given(integer(ifPresent: name), name) }
  mutating func integer(_ name: String, _ standard: Int) throws -> Int { try integer(ifPresent: name) ?? standard }

  /// A size: never negative, which arrays of that many elements would refuse.
  mutating func size(_ name: String) throws -> Int {
    let number = try integer(name)
    if number < 0 { throw bad(name, "a size, not \(number)") }
    return number
  }

  mutating func size(ifPresent name: String) throws -> Int? { isGiven(name) ? try size(name) : nil }
  /// Whether the argument is there, be it None.
  func isGiven(_ name: String) -> Bool { values[name] != nil }

  /// Any value as Python's `if` takes it.
  mutating func truth(_ name: String, _ standard: Bool) throws -> Bool {
    switch try value(name) {
    case nil: standard
    case .bool(let flag)?: flag
    case .integer(let number)?: number != 0
    case .string(let text)?: !text.isEmpty
    default: throw bad(name, "true or false")
    }
  }

  mutating func flag(_ name: String, _ standard: Bool) throws -> Bool {
    switch try value(name) {
    case nil: standard
    case .bool(let flag)?: flag
    default: throw bad(name, "true or false")
    }
  }

  mutating func number(ifPresent name: String) throws -> Double? {
    switch try value(name) {
    case nil: nil
    case .integer(let number)?: Double(number)
    case .real(let number)?: number
    default: throw bad(name, "a number")
    }
  }
  mutating func number(_ name: String, _ standard: Double) throws -> Double { try number(ifPresent: name) ?? standard }
  mutating func number(_ name: String) throws -> Double { try given(number(ifPresent: name), name) }

  mutating func scalar(_ name: String) throws -> Scalar { try given(value(name)?.scalar, name) }

  mutating func text(_ name: String, _ standard: String) throws -> String {
    switch try value(name) {
    case nil: standard
    case .string(let text)?: text
    default: throw bad(name, "a word")
    }
  }

  /// A word that stands for a case of an enumeration.
  mutating func choice<Choice: RawRepresentable>(_ name: String, _ standard: Choice) throws -> Choice where Choice.RawValue == String {
    let word = try text(name, standard.rawValue)
    guard let choice = Choice(rawValue: word) else { throw bad(name, "another word than '\(word)'") }
    return choice
  }

  mutating func tensor(_ name: String) throws -> Tensor? {
    switch try value(name) {
    case nil: nil
    case .tensor(let tensor)?: tensor
    default: throw bad(name, "a tensor")
    }
  }

  /// One whole number, or several.
  mutating func extents(ifPresent name: String) throws -> (any SpatialExtents)? {
    switch try value(name) {
    case nil: return nil
    case .integer(let number)?: return number
    case .list(let items)?:
      let numbers = items.compactMap { if case .integer(let number) = $0 { number } else { nil } }
      guard numbers.count == items.count else { throw bad(name, "whole numbers") }
      return numbers
    default: throw bad(name, "one whole number or several")
    }
  }
  mutating func extents(_ name: String) throws -> any SpatialExtents { try given(extents(ifPresent: name), name) }
  mutating func extents(_ name: String, _ standard: Int) throws -> any SpatialExtents { try extents(ifPresent: name) ?? standard }
  /// Whole numbers, or None where a dimension keeps its extent.
  mutating func partialExtents(_ name: String) throws -> [Int?] {
    switch try value(name) {
    case nil: return [nil]
    case .integer(let number)?: return [number]
    case .list(let items)?:
      return try items.map { item in
        switch item {
        case .integer(let number): number
        case .none: nil
        default: throw bad(name, "whole numbers")
        }
      }
    default: throw bad(name, "one whole number or several")
    }
  }
  mutating func integers(_ name: String) throws -> [Int]? {
    guard let extents = try extents(ifPresent: name) else { return nil }
    return (extents as? [Int]) ?? (extents as? Int).map { [$0] }
  }

  /// Whole numbers, or the words "same" and "valid".
  mutating func convolutionPadding(_ name: String) throws -> any ConvolutionPadding {
    if case .string(let word)? = try values[name].map({ (item) throws in
      var reader = ValueReader(payload: payload)
      return try reader.value(item)
    }) {
      values[name] = nil
      return word
    }
    let extents = try extents(name, 0)
    return (extents as? [Int]) ?? (extents as? Int ?? 0)
  }

  /// One number, or several.
  mutating func numbers(_ name: String) throws -> [Double]? {
    func number(_ value: OperatorValue) -> Double? {
      switch value {
      case .integer(let number): Double(number)
      case .real(let number): number
      default: nil
      }
    }
    guard let value = try value(name) else { return nil }
    let numbers = value.flattened.compactMap(number)
    guard numbers.count == value.flattened.count else { throw bad(name, "one number or several") }
    return numbers
  }

  mutating func distance(_ name: String) throws -> ((Tensor, Tensor) -> Tensor)? {
    switch try value(name) {
    case nil: return nil
    case .function(let function)?: return { function([$0, $1]) }
    default: throw bad(name, "a function of two tensors")
    }
  }

  mutating func activation(_ name: String) throws -> TransformerActivation {
    let word = json(name)?["v"]?.text ?? "relu"
    switch word.split(separator: ".").last {
    case "relu": return .relu
    case "gelu": return .gelu
    default: throw bad(name, "relu or gelu, not \(word)")
    }
  }

  mutating func module<Wanted: Module>(_ name: String, _ type: Wanted.Type) throws -> Wanted? {
    guard let item = json(name) else { return nil }
    return try Self.module(item, payload, type)
  }

  mutating func modules(_ name: String) throws -> [any Layer<Tensor, Tensor>] {
    try (json(name)?["v"]?.items ?? []).map { item in
      guard let layer = try Self.module(item, payload, Module.self) as? any Layer<Tensor, Tensor> else {
        throw bad(name, "layers of one tensor")
      }
      return layer
    }
  }

  private static func module<Wanted: Module>(_ item: JSON, _ payload: Payload, _ type: Wanted.Type) throws -> Wanted {
    guard let name = item["class"]?.text, let made = try ModuleTable.make(name, item["ctor"]?.items ?? [], payload) else {
      throw CaseFailure("a module as an argument that is not implemented")
    }
    guard let module = made.module as? Wanted else { throw CaseFailure("\(name) as an argument is no \(Wanted.self)") }
    return module
  }

  /// Whether a parameter that only says how PyTorch is to work is there; Ember has none such.
  mutating func ignore(_ names: String...) { for name in names { values[name] = nil } }

  /// Fails if an argument was not asked for.
  func finish() throws {
    if let name = values.keys.sorted().first { throw CaseFailure("\(owner) has no parameter \(name)") }
  }
}

/// The arguments of a call of a module.
struct ForwardArguments {
  private let ordered: [(name: String, value: OperatorValue)]
  /// Sequences that came packed, by position.
  private let packed: [Int: PackedSequence]
  let owner: String

  init(_ ordered: [(name: String, value: OperatorValue)], packed: [Int: PackedSequence], owner: String) {
    self.ordered = ordered
    self.packed = packed
    self.owner = owner
  }

  var isPacked: Bool { packed[0] != nil }
  /// The values in order; nil where a sequence came packed.
  var plainValues: [OperatorValue]? { packed.isEmpty ? ordered.map(\.value) : nil }
  /// The same arguments with other values.
  func with(_ values: [OperatorValue]) -> ForwardArguments {
    ForwardArguments(zip(ordered, values).map { ($0.name, $1) }, packed: packed, owner: owner)
  }

  func packedSequence(_ i: Int) -> PackedSequence { packed[i]! }

  func tensor(_ i: Int) throws -> Tensor {
    guard i < ordered.count, case .tensor(let tensor) = ordered[i].value else {
      throw EmberError(.value, in: owner, "argument \(i) must be a tensor")
    }
    return tensor
  }

  func tensor(_ name: String) throws -> Tensor? {
    switch ordered.first(where: { $0.name == name })?.value {
    case nil, .none?: return nil
    case .tensor(let tensor)?: return tensor
    default: throw EmberError(.value, in: owner, "\(name) must be a tensor")
    }
  }

  func flag(_ name: String, _ standard: Bool) throws -> Bool {
    switch ordered.first(where: { $0.name == name })?.value {
    case nil, .none?: return standard
    case .bool(let flag)?: return flag
    default: throw EmberError(.value, in: owner, "\(name) must be true or false")
    }
  }

  func pair(_ name: String) throws -> (Tensor, Tensor)? {
    switch ordered.first(where: { $0.name == name })?.value {
    case nil, .none?: return nil
    case .list(let items)?:
      guard items.count == 2, case .tensor(let a) = items[0], case .tensor(let b) = items[1] else { break }
      return (a, b)
    default: break
    }
    throw EmberError(.value, in: owner, "\(name) must be two tensors")
  }

  func integers(ifPresent name: String) throws -> [Int]? {
    switch ordered.first(where: { $0.name == name })?.value {
    case nil, .none?: nil
    default: try integers(name)
    }
  }

  /// Whole numbers, as a list or as a tensor.
  func integers(_ name: String) throws -> [Int] {
    switch ordered.first(where: { $0.name == name })?.value {
    case .tensor(let tensor)? where !tensor.dtype.isFloatingPoint: return tensor.flatten(0, -1).elements(as: Int.self)
    case let value?: if let integers = value.integers { return integers }
    case nil: break
    }
    throw EmberError(.value, in: owner, "\(name) must be whole numbers")
  }
}
