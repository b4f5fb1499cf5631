import EmberRuntime

/// A tagged value: an argument or a result of an operator that is called by name.
public indirect enum OperatorValue: Sendable {
  case none
  case bool(Bool)
  case integer(Int)
  case real(Double)
  case complex(Double, Double)
  case string(String)
  case dtype(DType)
  case device(Device)
  /// `strided`, `sparse_coo`, `sparse_csr`, …
  case layout(String)
  /// `contiguous_format`, `channels_last`, `preserve_format`, …
  case memoryFormat(String)
  case generator(Generator)
  case tensor(Tensor)
  case list([OperatorValue])
  /// A place in an index: integers, lists and tensors stand for themselves, these two have no other form.
  case slice(start: Int?, end: Int?, step: Int?)
  case ellipsis
  /// A function passed as an argument, such as a distance.
  case function(@Sendable ([Tensor]) -> Tensor)
  /// A tensor in a sparse layout, or another value that a package brings with it.
  case opaque(any Sendable)

  /// The kind in words, for messages.
  public var kind: String {
    switch self {
    case .none: "none"
    case .bool: "bool"
    case .integer: "int"
    case .real: "float"
    case .complex: "complex"
    case .string: "str"
    case .dtype: "dtype"
    case .device: "device"
    case .layout: "layout"
    case .memoryFormat: "memory format"
    case .generator: "generator"
    case .tensor(let tensor): "tensor \(tensor.summary)"
    case .list(let items): "list of \(items.count)"
    case .slice: "slice"
    case .ellipsis: "ellipsis"
    case .function: "function"
    case .opaque(let value): "\(type(of: value))"
    }
  }

  /// Whether the value is of a kind that a package brought with it.
  public var isOpaque: Bool { if case .opaque = self { true } else { false } }
  public var isNone: Bool { if case .none = self { true } else { false } }

  /// The value as a number, if it is one.
  public var scalar: Scalar? {
    switch self {
    case .bool(let value): .bool(value)
    case .integer(let value): .integer(Int64(value))
    case .real(let value): .real(value)
    case .complex(let real, let imaginary): .complex(real, imaginary)
    default: nil
    }
  }

  /// A list of integers, or one integer as a list of one.
  public var integers: [Int]? {
    switch self {
    case .integer(let value): return [value]
    case .list(let items):
      let numbers = items.compactMap { if case .integer(let value) = $0 { value } else { nil } }
      return numbers.count == items.count ? numbers : nil
    default: return nil
    }
  }

  /// All tensors in the value, lists searched in order.
  public var tensors: [Tensor] {
    switch self {
    case .tensor(let tensor): [tensor]
    case .list(let items): items.flatMap(\.tensors)
    default: []
    }
  }
}
