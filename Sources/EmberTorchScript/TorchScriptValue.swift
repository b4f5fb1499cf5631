public import EmberRuntime
public import EmberTensor

/// A value that goes into a method of a TorchScript module, or comes out of it.
///
/// Lists and dictionaries are copied on the way; what a method writes into a tensor that it was given is not seen outside, tensors being values.
public indirect enum TorchScriptValue: Sendable {
  case none
  case bool(Bool)
  case integer(Int)
  case real(Double)
  case complex(Double, Double)
  case string(String)
  case device(Device)
  case tensor(Tensor)
  case list([TorchScriptValue])
  /// A tuple, also one whose members have names.
  case tuple([TorchScriptValue])
  /// In the order of insertion.
  case dictionary([(key: TorchScriptValue, value: TorchScriptValue)])
  /// An object of a class of the archive, which only its own methods understand, or another value without a form outside: a description.
  case opaque(String)

  public var tensor: Tensor? { if case .tensor(let tensor) = self { tensor } else { nil } }
  public var integer: Int? { if case .integer(let number) = self { number } else { nil } }
  public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// A float or an int.
  public var real: Double? {
    switch self {
    case .real(let number): number
    case .integer(let number): Double(number)
    default: nil
    }
  }
  /// The members of a list or tuple.
  public var items: [TorchScriptValue]? {
    switch self {
    case .list(let items), .tuple(let items): items
    default: nil
    }
  }
}

extension TorchScriptValue: CustomStringConvertible {
  /// As Python would print it, with tensors as dtype and shape, and long containers cut.
  public var description: String {
    func joined(_ items: [TorchScriptValue], _ open: String, _ close: String) -> String {
      open + items.prefix(20).map(\.description).joined(separator: ", ") + (items.count > 20 ? ", … \(items.count) in all" : "") + close
    }
    switch self {
    case .none: return "None"
    case .bool(let flag): return flag ? "True" : "False"
    case .integer(let number): return String(number)
    case .real(let number): return String(number)
    case .complex(let real, let imaginary): return "(\(real)+\(imaginary)j)"
    case .string(let text): return "\"\(text.prefix(200))\""
    case .device(let device): return "device(\(device))"
    case .tensor(let tensor): return "\(tensor.dtype)\(tensor.shape)"
    case .list(let items): return joined(items, "[", "]")
    case .tuple(let items): return joined(items, "(", items.count == 1 ? ",)" : ")")
    case .dictionary(let pairs): return "{" + pairs.prefix(20).map { "\($0.key): \($0.value)" }.joined(separator: ", ") + "}"
    case .opaque(let text): return "<\(text)>"
    }
  }
}

extension ScriptValue {
  /// A value from outside.
  init(_ value: TorchScriptValue) throws {
    switch value {
    case .none: self = .none
    case .bool(let flag): self = .bool(flag)
    case .integer(let number): self = .integer(number)
    case .real(let number): self = .real(number)
    case .complex(let real, let imaginary): self = .complex(real, imaginary)
    case .string(let text): self = .string(text)
    case .device(let device): self = .device(device)
    case .tensor(let tensor): self = .tensor(TensorReference(tensor))
    case .list(let items): self = .list(try ScriptList(try items.map { try ScriptValue($0) }))
    case .tuple(let items): self = .tuple(try ScriptTuple(try items.map { try ScriptValue($0) }))
    case .dictionary(let pairs):
      let dictionary = ScriptDictionary()
      for (key, value) in pairs { try dictionary.set(try ScriptValue(key), try ScriptValue(value)) }
      self = .dictionary(dictionary)
    case .opaque(let text): throw ScriptFailure("\(text) cannot be given to a method")
    }
  }

  /// The value for the world outside. A list that contains itself ends in an error: what stands for more than `count` values is refused.
  func exported(_ count: inout Int, depth: Int = 0) throws -> TorchScriptValue {
    count -= 1
    guard count > 0, depth < recursionLimit else { throw ScriptFailure(.memory, "the result is nested too deep, or stands for too many values") }
    switch self {
    case .none: return .none
    case .bool(let flag): return .bool(flag)
    case .integer(let number): return .integer(number)
    case .real(let number): return .real(number)
    case .complex(let real, let imaginary): return .complex(real, imaginary)
    case .string(let text): return .string(text)
    case .device(let device): return .device(device)
    case .tensor(let reference): return .tensor(try reference.value)
    case .list(let list): return .list(try list.items.map { try $0.exported(&count, depth: depth + 1) })
    case .tuple(let tuple): return .tuple(try tuple.items.map { try $0.exported(&count, depth: depth + 1) })
    case .dictionary(let dictionary):
      return .dictionary(
        try dictionary.pairs.map { (try $0.key.exported(&count, depth: depth + 1), try $0.value.exported(&count, depth: depth + 1)) })
    case .enumeration(let member): return .opaque("\(member.type.name).\(member.name)")
    case .object, .function, .type, .generator: return .opaque(kind)
    }
  }
}
