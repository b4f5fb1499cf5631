public import EmberTensor

/// What flows along the edges of an ONNX graph.
public enum ONNXValue: Sendable {
  case tensor(Tensor)
  /// Elements of a type that Ember keeps in a wider one.
  case narrow(ONNXNarrowTensor)
  case strings(ONNXStrings)
  case sequence([ONNXValue])
  /// An optional that holds nothing; one that holds something is that thing.
  case absent
}

/// A tensor of two or four bits an element, or of powers of two: `tensor` has the numbers, `type` says what they may be.
public struct ONNXNarrowTensor: Sendable {
  public var tensor: Tensor
  public var type: ONNXElementType

  public init(_ tensor: Tensor, _ type: ONNXElementType) {
    self.tensor = tensor
    self.type = type
  }
}

/// A tensor of texts in row-major order.
public struct ONNXStrings: Sendable, Equatable {
  public var shape: [Int]
  public var elements: [String]

  /// - Precondition: as many elements as the shape says.
  public init(shape: [Int], _ elements: [String]) {
    precondition(shape.reduce(1, *) == elements.count, "\(elements.count) texts do not fill the shape \(shape)")
    self.shape = shape
    self.elements = elements
  }
}

extension ONNXValue {
  /// The tensor, of plain or narrow elements; nil for everything else.
  public var tensor: Tensor? {
    switch self {
    case .tensor(let tensor): tensor
    case .narrow(let narrow): narrow.tensor
    default: nil
    }
  }

  /// The type of the elements of a tensor or of texts.
  public var elementType: ONNXElementType? {
    switch self {
    case .tensor(let tensor): ONNXElementType(tensor.dtype)
    case .narrow(let narrow): narrow.type
    case .strings: .string
    default: nil
    }
  }

  /// The extents of a tensor or of texts.
  public var shape: [Int]? {
    switch self {
    case .tensor(let tensor): Array(tensor.shape)
    case .narrow(let narrow): Array(narrow.tensor.shape)
    case .strings(let strings): strings.shape
    default: nil
    }
  }

  /// A tensor's elements of the given type.
  init(_ tensor: Tensor, _ type: ONNXElementType) {
    self = type.isNarrow ? .narrow(ONNXNarrowTensor(tensor, type)) : .tensor(tensor)
  }

  /// Describes the value in messages: `float32[2, 3]`.
  public var summary: String {
    switch self {
    case .tensor(let tensor): "\(tensor.dtype)\(tensor.shape)"
    case .narrow(let narrow): "\(narrow.type)\(narrow.tensor.shape)"
    case .strings(let strings): "string\(strings.shape)"
    case .sequence(let elements): "a sequence of \(elements.count)"
    case .absent: "an empty optional"
    }
  }
}
