import EmberRuntime

/// A Swift type that an operator's function takes where its schema says one of ATen's types.
public protocol OperatorArgument: Sendable {
  /// Whether it stands for a schema's type, so that declaration and function are held against each other at registration.
  static func represents(_ kind: OperatorSchema.Kind) -> Bool
  /// The argument from a tagged value, or nil if the value is of another type.
  static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> Self?
}

extension OperatorSchema.Kind {
  /// The type of a list's elements.
  var element: OperatorSchema.Kind { OperatorSchema.Kind(base: base, isOptional: isOptional) }
  /// The type of a value that is there.
  var wrapped: OperatorSchema.Kind {
    var kind = self
    if isList { kind.isOptionalList = false } else { kind.isOptional = false }
    return kind
  }

  func isPlain(_ name: String) -> Bool { base == name && !isList && !isOptional }
}

extension Tensor: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.isPlain("Tensor") }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> Tensor? {
    if case .tensor(let tensor) = value { return tensor }
    return nil
  }
}

extension Int: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.isPlain("int") }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> Int? {
    switch value {
    case .integer(let number): return number
    case .tensor(let tensor) where tensor.elementCount == 1 && tensor.dtype.isInteger: return tensor.item(as: Int.self)
    default: return nil
    }
  }
}

extension Double: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.isPlain("float") }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> Double? {
    switch value {
    case .integer(let number): Double(number)
    case .real(let number): number
    default: nil
    }
  }
}

extension Bool: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.isPlain("bool") }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> Bool? {
    if case .bool(let flag) = value { return flag }
    return nil
  }
}

extension Scalar: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.isPlain("Scalar") }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> Scalar? {
    // As in PyTorch, a tensor of one element stands for its number.
    if case .tensor(let tensor) = value, tensor.rank == 0, tensor.node == nil {
      switch tensor.dtype.category {
      case .bool: return .bool(tensor.item(as: Bool.self))
      case .integer: return .integer(tensor.item(as: Int64.self))
      case .floatingPoint: return .real(tensor.item(as: Double.self))
      case .complex: return tensor.item(as: Complex<Double>.self).scalar
      }
    }
    return value.scalar
  }
}

extension String: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.isPlain("str") }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> String? {
    if case .string(let text) = value { return text }
    return nil
  }
}

extension DType: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.isPlain("ScalarType") }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> DType? {
    if case .dtype(let dtype) = value { return dtype }
    return nil
  }
}

extension Device: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.isPlain("Device") }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> Device? {
    switch value {
    case .device(let device): return device
    case .string("cpu"): return .cpu
    case .string("meta"): return .meta
    case .string(let name) where name.hasPrefix("cuda"): return .cuda(Int(name.dropFirst(5)) ?? 0)
    default: return nil
    }
  }
}

extension Generator: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.isPlain("Generator") }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> Self? {
    if case .generator(let generator) = value { return generator as? Self }
    return nil
  }
}

/// A value as it came: for types that only the operator itself understands (`Layout`, `MemoryFormat`, `Index`, `Function`, …).
extension OperatorValue: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { true }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> OperatorValue? {
    let isAccepted =
      switch (kind.base, value) {
      case (_, .none): kind.acceptsNone
      case ("Layout", .layout), ("MemoryFormat", .memoryFormat), ("Function", .function), ("Index", _), ("Any", _): true
      default: false
      }
    return isAccepted ? value : nil
  }
}

extension Optional: OperatorArgument where Wrapped: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.acceptsNone && Wrapped.represents(kind.wrapped) }
  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> Self? {
    if value.isNone { return .some(nil) }
    return Wrapped.read(value, as: kind.wrapped).map { .some($0) }
  }
}

extension Array: OperatorArgument where Element: OperatorArgument {
  public static func represents(_ kind: OperatorSchema.Kind) -> Bool {
    kind.isList && !kind.isOptionalList && Element.represents(kind.element)
  }

  public static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> [Element]? {
    guard case .list(let items) = value else {
      // One number where the schema says `int[2]` stands for all of them, where it says `int[]` for a list of one.
      guard kind.base != "Tensor", let element = Element.read(value, as: kind.element) else { return nil }
      return Array(repeating: element, count: kind.listCount ?? 1)
    }
    var elements: [Element] = []
    for item in items {
      guard let element = Element.read(item, as: kind.element) else { return nil }
      elements.append(element)
    }
    return elements
  }
}

/// A Swift type that an operator's function returns.
public protocol OperatorResult: Sendable {
  static func represents(result kind: OperatorSchema.Kind) -> Bool
  var operatorValue: OperatorValue { get }
}

extension Tensor: OperatorResult {
  public static func represents(result kind: OperatorSchema.Kind) -> Bool { kind.base == "Tensor" && !kind.isList }
  public var operatorValue: OperatorValue { .tensor(self) }
}

extension Int: OperatorResult {
  public static func represents(result kind: OperatorSchema.Kind) -> Bool { kind.isPlain("int") }
  public var operatorValue: OperatorValue { .integer(self) }
}

extension Double: OperatorResult {
  public static func represents(result kind: OperatorSchema.Kind) -> Bool { kind.isPlain("float") }
  public var operatorValue: OperatorValue { .real(self) }
}

extension Bool: OperatorResult {
  public static func represents(result kind: OperatorSchema.Kind) -> Bool { kind.isPlain("bool") }
  public var operatorValue: OperatorValue { .bool(self) }
}

extension Scalar: OperatorResult {
  public static func represents(result kind: OperatorSchema.Kind) -> Bool { kind.isPlain("Scalar") }
  public var operatorValue: OperatorValue {
    switch self {
    case .bool(let value): .bool(value)
    case .integer(let value): .integer(Int(value))
    case .real(let value): .real(value)
    case .complex(let real, let imaginary): .complex(real, imaginary)
    }
  }
}

extension OperatorValue: OperatorResult {
  public static func represents(result kind: OperatorSchema.Kind) -> Bool { true }
  public var operatorValue: OperatorValue { self }
}

extension Optional: OperatorResult where Wrapped: OperatorResult {
  public static func represents(result kind: OperatorSchema.Kind) -> Bool { Wrapped.represents(result: kind.wrapped) }
  public var operatorValue: OperatorValue { self?.operatorValue ?? .none }
}

extension Array: OperatorResult where Element: OperatorResult {
  public static func represents(result kind: OperatorSchema.Kind) -> Bool { kind.isList && Element.represents(result: kind.element) }
  public var operatorValue: OperatorValue { .list(map(\.operatorValue)) }
}
