import EmberRuntime
public import EmberTensor

/// What a Python pickle holds, as plain values: nothing in it can run.
///
/// Pickles are graphs, this is a tree: what two places share appears in both. `Tensor` and `PickleObject` are shared references, though.
public indirect enum PickleValue: Sendable {
  case none
  case bool(Bool)
  case int(Int)
  /// An integer that does not fit 64 bits, as two's complement bytes, the lowest first.
  case wideInt([UInt8])
  case double(Double)
  case complex(Double, Double)
  case string(String)
  case bytes([UInt8])
  case list([PickleValue])
  case tuple([PickleValue])
  /// `set` and `frozenset`, in the order written.
  case set([PickleValue])
  /// `dict`, `OrderedDict`, `defaultdict` and `Counter`.
  case dictionary(PickleDictionary)
  /// A `torch.Tensor`, an `nn.Parameter` or a NumPy array.
  case tensor(Tensor)
  /// A `torch.dtype`.
  case dtype(DType)
  /// A `torch.device`, as PyTorch prints it: `cuda:0`.
  case device(String)
  /// A class or function that is named, but neither looked up nor called: `builtins.int`.
  case name(String)
  /// An object of a class that the caller allowed by name: its contents, without any behaviour.
  case object(PickleObject)
}

/// An ordered dictionary of a pickle.
public struct PickleDictionary: Sendable, ExpressibleByDictionaryLiteral {
  public private(set) var entries: [(key: PickleValue, value: PickleValue)]
  /// Whether Python has (or shall have) a `collections.OrderedDict`, as `Module.state_dict()` gives, instead of a `dict`.
  public var isOrderedDict: Bool
  private var positions: [String: Int] = [:]

  public init(_ entries: [(key: PickleValue, value: PickleValue)] = [], isOrderedDict: Bool = false) {
    self.entries = entries
    self.isOrderedDict = isOrderedDict
    for (i, entry) in entries.enumerated() { if let name = entry.key.string { positions[name] = i } }
  }

  public init(dictionaryLiteral elements: (String, PickleValue)...) {
    self.init(elements.map { (.string($0.0), $0.1) })
  }

  public var count: Int { entries.count }

  /// The value of a string key.
  public subscript(key: String) -> PickleValue? {
    get { positions[key].map { entries[$0].value } }
    set {
      if let position = positions[key] {
        if let newValue {
          entries[position].value = newValue
        } else {
          entries.remove(at: position)
          self = PickleDictionary(entries, isOrderedDict: isOrderedDict)
        }
      } else if let newValue {
        positions[key] = entries.count
        entries.append((.string(key), newValue))
      }
    }
  }
}

/// An object of a class that nobody knows here: its name, what it was made from and its attributes.
public final class PickleObject: Sendable {
  /// The class's full name: `argparse.Namespace`.
  public let className: String
  /// What the class was called with, usually nothing.
  public let arguments: [PickleValue]
  /// The state that was set after that, usually a dictionary of attributes.
  public let state: PickleValue

  init(className: String, arguments: [PickleValue], state: PickleValue) {
    self.className = className
    self.arguments = arguments
    self.state = state
  }
}

// MARK: - Reading

extension PickleValue {
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var int: Int? { if case .int(let value) = self { value } else { nil } }
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var tensor: Tensor? { if case .tensor(let value) = self { value } else { nil } }
  /// A floating-point number or an integer.
  public var double: Double? {
    switch self {
    case .double(let value): value
    case .int(let value): Double(value)
    default: nil
    }
  }
  /// The members of a list, tuple or set.
  public var items: [PickleValue]? {
    switch self {
    case .list(let items), .tuple(let items), .set(let items): items
    default: nil
    }
  }
  /// A dictionary, or the attributes of an object.
  public var dictionary: PickleDictionary? {
    switch self {
    case .dictionary(let value): value
    case .object(let object): object.state.dictionary
    default: nil
    }
  }

  /// The value of a string key of a dictionary, or an attribute of an object.
  public subscript(key: String) -> PickleValue? { dictionary?[key] }

  /// A member of a list or tuple.
  public subscript(index: Int) -> PickleValue? {
    guard let items, items.indices.contains(index) else { return nil }
    return items[index]
  }

  /// All tensors in it by the way that leads there, in its order: `optimizer.state.0.exp_avg`.
  public var tensors: [(name: String, tensor: Tensor)] {
    var result: [(name: String, tensor: Tensor)] = []
    collectTensors(below: "", into: &result)
    return result
  }

  private func collectTensors(below path: String, into result: inout [(name: String, tensor: Tensor)]) {
    func below(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
    switch self {
    case .tensor(let tensor): result.append((path, tensor))
    case .list(let items), .tuple(let items), .set(let items):
      for (i, item) in items.enumerated() { item.collectTensors(below: below(String(i)), into: &result) }
    case .dictionary(let dictionary):
      for (key, value) in dictionary.entries { value.collectTensors(below: below(key.keyText), into: &result) }
    case .object(let object):
      for (i, argument) in object.arguments.enumerated() { argument.collectTensors(below: below(String(i)), into: &result) }
      object.state.collectTensors(below: path, into: &result)
    default: break
    }
  }

  /// A key of a dictionary as part of a path.
  var keyText: String {
    switch self {
    case .string(let text): text
    case .int(let number): String(number)
    default: String(describing: self)
    }
  }
}

extension PickleValue: CustomStringConvertible {
  /// As Python would print it, with tensors as dtype and shape, and long containers cut.
  public var description: String {
    func list(_ items: [PickleValue], _ open: String, _ close: String) -> String {
      let shown = items.prefix(20).map(\.description).joined(separator: ", ")
      return open + shown + (items.count > 20 ? ", … \(items.count) in all" : "") + close
    }
    switch self {
    case .none: return "None"
    case .bool(let value): return value ? "True" : "False"
    case .int(let value): return String(value)
    case .wideInt(let bytes): return "0x" + bytes.reversed().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    case .double(let value): return String(value)
    case .complex(let real, let imaginary): return "(\(real)+\(imaginary)j)"
    case .string(let text): return JSON.quoted(text.count > 200 ? text.prefix(200) + "…" : text)
    case .bytes(let bytes): return "<\(bytes.count) bytes>"
    case .list(let items): return list(items, "[", "]")
    case .tuple(let items): return list(items, "(", items.count == 1 ? ",)" : ")")
    case .set(let items): return list(items, "{", "}")
    case .dictionary(let dictionary):
      let shown = dictionary.entries.prefix(20).map { "\($0.key): \($0.value)" }.joined(separator: ", ")
      return "{" + shown + (dictionary.count > 20 ? ", … \(dictionary.count) in all" : "") + "}"
    case .tensor(let tensor): return "\(tensor.dtype)\(tensor.shape)"
    case .dtype(let dtype): return "torch.\(dtype)"
    case .device(let name): return "device(\(name))"
    case .name(let name): return "<\(name)>"
    case .object(let object): return "<\(object.className) \(object.state)>"
    }
  }
}
