import EmberRuntime
import EmberTensor

/// A value while a script runs. Lists, dictionaries, objects and tensors are references, as in Python.
enum ScriptValue {
  case none
  case bool(Bool)
  case integer(Int)
  case real(Double)
  case complex(Double, Double)
  case string(String)
  case device(Device)
  case tensor(TensorReference)
  case list(ScriptList)
  case dictionary(ScriptDictionary)
  case tuple(ScriptTuple)
  case object(ScriptObject)
  case enumeration(ScriptEnumerationMember)
  case function(ScriptFunction)
  case type(ScriptClass)
  case generator(Generator)
}

/// Values within values, at most: printing, comparing and freeing them recurses.
private let nestingLimit = 1000

/// Comparing, printing and handing out values recurses; a list that contains itself has no end.
let recursionLimit = 200

/// How deep a value is nested at most, which also bounds chains of objects.
func nesting(below value: ScriptValue) throws(ScriptFailure) -> Int {
  let depth =
    switch value {
    case .list(let list): list.depth + 1
    case .tuple(let tuple): tuple.depth + 1
    case .dictionary(let dictionary): dictionary.depth + 1
    case .object(let object): object.depth + 1
    default: 0
    }
  guard depth <= nestingLimit else { throw ScriptFailure("values are nested more than \(nestingLimit) deep") }
  return depth
}

final class ScriptTuple {
  let items: [ScriptValue]
  fileprivate let depth: Int
  /// The class of a named tuple.
  let type: ScriptClass?

  init(_ items: [ScriptValue], type: ScriptClass? = nil) throws(ScriptFailure) {
    var depth = 0
    for item in items { depth = max(depth, try nesting(below: item)) }
    self.items = items
    self.depth = depth
    self.type = type
  }
}

final class ScriptList {
  private(set) var items: [ScriptValue]
  fileprivate var depth = 0

  init(_ items: [ScriptValue]) throws(ScriptFailure) {
    self.items = items
    for item in items { depth = max(depth, try nesting(below: item)) }
  }

  init(integers: [Int]) { items = integers.map { .integer($0) } }

  func append(_ value: ScriptValue) throws(ScriptFailure) {
    depth = max(depth, try nesting(below: value))
    items.append(value)
  }

  func set(_ position: Int, _ value: ScriptValue) throws(ScriptFailure) {
    depth = max(depth, try nesting(below: value))
    items[position] = value
  }

  func insert(_ value: ScriptValue, at position: Int) throws(ScriptFailure) {
    depth = max(depth, try nesting(below: value))
    items.insert(value, at: position)
  }

  /// For changes that bring no new values.
  func rearrange(_ body: (inout [ScriptValue]) throws -> Void) rethrows { try body(&items) }

  /// The position of an index that may count from the end.
  func position(_ index: Int) throws(ScriptFailure) -> Int {
    let position = index < 0 ? index + items.count : index
    guard items.indices.contains(position) else { throw ScriptFailure(.index, "list index \(index) is out of range of \(items.count) items") }
    return position
  }
}

/// A dictionary in the order of insertion.
final class ScriptDictionary {
  enum Key: Hashable {
    case bool(Bool)
    case integer(Int)
    case real(Double)
    case string(String)
    case complex(Double, Double)
    case device(Device)
    case identity(ObjectIdentifier)

    init(_ value: ScriptValue) throws(ScriptFailure) {
      self =
        switch value {
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .real(let value): .real(value)
        case .string(let value): .string(value)
        case .complex(let real, let imaginary): .complex(real, imaginary)
        case .device(let device): .device(device)
        case .tensor(let tensor): .identity(ObjectIdentifier(tensor))
        case .enumeration(let member): .identity(ObjectIdentifier(member))
        default: throw ScriptFailure("\(value.kind) is no key of a dictionary")
        }
    }
  }

  /// Places of removed entries stay, empty, until half of all are.
  private var entries: [(key: ScriptValue, value: ScriptValue)?] = []
  private var places: [Key: Int] = [:]
  fileprivate var depth = 0

  var count: Int { places.count }
  var pairs: [(key: ScriptValue, value: ScriptValue)] { entries.compactMap { $0 } }

  subscript(key: ScriptValue) -> ScriptValue? { get throws(ScriptFailure) { places[try Key(key)].flatMap { entries[$0]?.value } } }

  func set(_ key: ScriptValue, _ value: ScriptValue) throws(ScriptFailure) {
    depth = max(depth, try nesting(below: value))
    let hashed = try Key(key)
    if let place = places[hashed] {
      entries[place]!.value = value
    } else {
      places[hashed] = entries.count
      entries.append((key, value))
    }
  }

  @discardableResult
  func remove(_ key: ScriptValue) throws(ScriptFailure) -> ScriptValue? {
    guard let place = places.removeValue(forKey: try Key(key)) else { return nil }
    let old = entries[place]?.value
    entries[place] = nil
    if entries.count > 16, entries.count > 2 * places.count {
      let kept = pairs
      removeAll()
      for (key, value) in kept { try set(key, value) }
    }
    return old
  }

  func removeAll() {
    entries.removeAll()
    places.removeAll()
  }
}

/// An object of a class of the archive.
final class ScriptObject {
  let type: ScriptClass
  /// Attributes by the class's positions; nil where none was set.
  private(set) var slots: [ScriptValue?]
  fileprivate var depth = 0
  /// The module that an object of a module's class belongs to.
  weak var module: TorchScriptModule?

  init(_ type: ScriptClass) {
    self.type = type
    slots = Array(repeating: nil, count: type.attributeNames.count)
  }

  func set(_ position: Int, _ value: ScriptValue) throws(ScriptFailure) {
    // Modules contain each other as the archive's tree, whose depth is bounded.
    depth = max(depth, try nesting(below: value))
    if position >= slots.count { slots += Array(repeating: nil, count: position + 1 - slots.count) }
    // A buffer that is replaced stays the module's buffer.
    if case .tensor(let old)? = slots[position], let cell = old.memory.cell, module != nil, case .tensor(let new) = value, new !== old {
      let number = try located { try new.value }
      old.memory.leaveCell()
      cell.value = number
      slots[position] = .tensor(TensorReference(TensorMemory(cell)))
      return
    }
    slots[position] = value
  }

  /// Puts back what the slots were.
  func restore(_ slots: [ScriptValue?]) { self.slots = slots }

  func get(_ position: Int) -> ScriptValue? { position < slots.count ? slots[position] : nil }
}

final class ScriptEnumerationMember {
  unowned let type: ScriptClass
  let name: String
  let value: ScriptValue

  init(_ type: ScriptClass, _ name: String, _ value: ScriptValue) {
    self.type = type
    self.name = name
    self.value = value
  }
}

/// An error while a script is read or run; `isLocated` once the place in the code is part of the message.
struct ScriptFailure: Error {
  var error: EmberError
  var isLocated = false

  init(_ kind: EmberError.Kind = .value, _ message: String) { error = EmberError(kind, in: "TorchScript", message) }
  init(_ message: String) { self.init(.value, message) }
  init(_ error: EmberError) { self.error = error }
  init(any error: any Error) {
    switch error {
    case let failure as ScriptFailure: self = failure
    case let error as EmberError: self.error = error
    default: self.error = EmberError(.value, in: "TorchScript", "\(error)")
    }
  }
}

func located<Result>(_ body: () throws -> Result) throws(ScriptFailure) -> Result {
  do { return try body() } catch { throw ScriptFailure(any: error) }
}

// MARK: - Reading

extension ScriptValue {
  var isNone: Bool { if case .none = self { true } else { false } }

  /// The kind in words, for messages.
  var kind: String {
    switch self {
    case .none: "None"
    case .bool: "bool"
    case .integer: "int"
    case .real: "float"
    case .complex: "complex"
    case .string: "str"
    case .device: "Device"
    case .tensor: "Tensor"
    case .list: "List"
    case .dictionary: "Dict"
    case .tuple(let tuple): tuple.type?.name ?? "Tuple"
    case .object(let object): object.type.name
    case .enumeration(let member): member.type.name
    case .function: "function"
    case .type: "type"
    case .generator: "Generator"
    }
  }

  func integer(_ what: @autoclosure () -> String) throws -> Int {
    switch self {
    case .integer(let value): return value
    case .bool(let value): return value ? 1 : 0
    case .tensor(let reference):
      let tensor = try reference.value
      guard tensor.elementCount == 1, tensor.dtype.isInteger || tensor.dtype == .bool else { break }
      return try catchingErrors { tensor.item(as: Int.self) }
    default: break
    }
    throw ScriptFailure("\(what()) must be an int, not \(kind)")
  }

  func string(_ what: @autoclosure () -> String) throws -> String {
    guard case .string(let text) = self else { throw ScriptFailure("\(what()) must be a str, not \(kind)") }
    return text
  }

  func tensor(_ what: @autoclosure () -> String) throws -> TensorReference {
    guard case .tensor(let tensor) = self else { throw ScriptFailure("\(what()) must be a Tensor, not \(kind)") }
    return tensor
  }

  /// What `if` and `while` ask: bools, and numbers and tensors of one element as well.
  var isTrue: Bool {
    get throws {
      switch self {
      case .bool(let value): return value
      case .integer(let value): return value != 0
      case .real(let value): return value != 0
      case .tensor(let reference):
        let tensor = try reference.value
        guard tensor.elementCount == 1 else {
          throw ScriptFailure("a tensor of \(tensor.elementCount) elements is neither true nor false; one with a single element would be")
        }
        return try catchingErrors { tensor.dtype.isComplex ? (tensor .!= 0).item(as: Bool.self) : tensor.item(as: Double.self) != 0 }
      case .string(let text): return !text.isEmpty
      case .list(let list): return !list.items.isEmpty
      case .none: return false
      default: throw ScriptFailure("\(kind) is neither true nor false")
      }
    }
  }

  /// The members of a list or tuple.
  var items: [ScriptValue]? {
    switch self {
    case .list(let list): list.items
    case .tuple(let tuple): tuple.items
    default: nil
    }
  }

  /// Python's `is`.
  func isSame(as other: ScriptValue) -> Bool {
    switch (self, other) {
    case (.none, .none): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.tensor(let a), .tensor(let b)): a === b
    case (.list(let a), .list(let b)): a === b
    case (.dictionary(let a), .dictionary(let b)): a === b
    case (.tuple(let a), .tuple(let b)): a === b
    case (.object(let a), .object(let b)): a === b
    case (.enumeration(let a), .enumeration(let b)): a === b
    case (.string(let a), .string(let b)): a == b
    default: false
    }
  }

  /// Python's `==` for everything but a tensor outside of containers.
  func equals(_ other: ScriptValue, depth: Int = 0) throws -> Bool {
    guard depth < recursionLimit else { throw ScriptFailure("values nested more than \(recursionLimit) deep are compared") }
    switch (self, other) {
    case (.none, .none): return true
    case (.string(let a), .string(let b)): return a == b
    case (.device(let a), .device(let b)): return a == b
    case (.tensor(let a), .tensor(let b)):
      let (left, right) = (try a.value, try b.value)
      return try left.shape == right.shape && catchingErrors { (left .== right).all().item(as: Bool.self) }
    case (.list, .list), (.tuple, .tuple):
      let (left, right) = (items!, other.items!)
      guard left.count == right.count else { return false }
      for (a, b) in zip(left, right) { if try !a.equals(b, depth: depth + 1) { return false } }
      return true
    case (.dictionary(let a), .dictionary(let b)):
      guard a.count == b.count else { return false }
      for (key, value) in a.pairs { guard let found = try b[key], try value.equals(found, depth: depth + 1) else { return false } }
      return true
    default:
      if let left = number, let right = other.number {
        if case .integer(let a) = self, case .integer(let b) = other { return a == b }
        return left.0 == right.0 && left.1 == right.1
      }
      return isSame(as: other)
    }
  }

  /// The value as a complex number, if it is a number.
  var number: (Double, Double)? {
    switch self {
    case .bool(let value): (value ? 1 : 0, 0)
    case .integer(let value): (Double(value), 0)
    case .real(let value): (value, 0)
    case .complex(let real, let imaginary): (real, imaginary)
    default: nil
    }
  }
}
