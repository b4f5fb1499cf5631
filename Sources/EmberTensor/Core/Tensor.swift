import EmberRuntime

/// A multidimensional array of numbers on a device, with the history that gradients flow back through.
///
/// A tensor is a value: `var y = x; y[0] = 1` never changes `x`. Copies and views share memory until one of them is written.
public struct Tensor: Sendable {
  var body: TensorBody
  /// Where the gradient goes; nil if none is needed.
  var node: Node?

  init(_ body: TensorBody, node: Node? = nil) {
    self.body = body
    self.node = node
  }

  /// What an operation returns after it raised an error.
  package static var poison: Tensor { Tensor(.poison) }
  package var isPoisoned: Bool { body.isPoisoned }
  /// Stands for members of a batch (`vmap`) or for a value of a graph (`capture`), and has no memory.
  package var isSymbolic: Bool { body.batch != nil || body.trace != nil }
  /// The same value without history.
  package var value: Tensor { Tensor(body) }
  package var backend: any Backend { body.backend }
  package var operand: Operand { body.operand }
  /// Position of the first element in the storage, in elements.
  package var storageOffset: Int { body.offset }
}

// MARK: - Properties

extension Tensor {
  /// The extents of the dimensions. The number of dimensions is `shape.count`.
  public var shape: Shape { body.isPoisoned ? Shape(repeating: 1, rank: maximumRank) : body.shape }
  public var dtype: DType { body.dtype }
  public var device: Device { backend.device }
  /// Number of dimensions.
  public var rank: Int { body.shape.rank }
  /// Number of elements.
  public var elementCount: Int { body.shape.elementCount }
  /// Distance between neighbours of each dimension, in elements.
  public var strides: Strides { body.strides }
  /// True if the elements lie densely in row-major order.
  public var isContiguous: Bool { body.isContiguous }

  /// The extent of one dimension; negative ones count from the end.
  public func size(_ dimension: Int) -> Int { shape[dimension] }

  /// The very same value with the same history, not just the same numbers: what is computed from one serves for the other.
  package func isIdentical(to other: Tensor) -> Bool { body === other.body && node === other.node }

  /// The address of the first element on its device, for checks that memory is reused.
  public var storageAddress: UInt { UInt(bitPattern: body.memory) }

  /// A view of the same elements; the caller vouches for the layout staying inside the storage.
  package func view(_ shape: Shape, _ strides: Strides, offset: Int) -> Tensor {
    Tensor(TensorBody(viewing: body, offset: offset, dtype: body.dtype, shape: shape, strides: strides))
  }

  /// The value in dense row-major order: itself if it is so already. Without history.
  package func dense() throws(EmberError) -> Tensor {
    if body.isContiguous { return value }
    try checkReadable(in: "contiguous")
    let copy = try Tensor.empty(shape: body.shape, dtype: body.dtype, like: self)
    if backend.holdsData { backend.copy(operand, to: copy.operand) }
    return copy
  }

  /// A dense tensor of arbitrary contents; the place where a shape that cannot be addressed becomes an error.
  static func empty(shape: Shape, dtype: DType, on backend: any Backend) throws(EmberError) -> Tensor {
    let count = try shape.checkedElementCount(in: "allocate")
    return Tensor(try TensorBody(elementCount: count, dtype: dtype, shape: shape, strides: shape.contiguousStrides, on: backend))
  }

  package static func empty(shape: Shape, dtype: DType, like other: Tensor) throws(EmberError) -> Tensor {
    try empty(shape: shape, dtype: dtype, on: other.backend)
  }

  /// True if this is the only reference to its memory, which may then be written.
  mutating func isUniquelyHeld() -> Bool {
    isKnownUniquelyReferenced(&body) && body.holdsMemoryAlone
  }

  /// Describes a value in messages: `float32[2, 3]`.
  package var summary: String { "\(dtype)\(body.shape)" + (device == .cpu ? "" : " on \(device)") }
}

extension [Tensor] {
  /// The dtype that holds the size of every element of all of these, so that none overflows on the way to what they have in common.
  package var widestRealDType: DType { dropFirst().reduce(first?.dtype.realType ?? .float32) { TypePromotion.promote($0, $1.dtype.realType) } }
}

// MARK: - For kernels outside of this module

extension Tensor {
  /// Gives this value dense memory that nobody else holds, unless it has it already. After an error the value is as before.
  package mutating func makeWritable() {
    if isContiguous && isUniquelyHeld() { return }
    let copy = noGrad { isContiguous ? value.clone() : value.contiguous() }
    if !copy.isPoisoned { self = copy }
  }

  /// This value's memory for a kernel to change in place; copied first if somebody else holds it or it is not dense.
  /// Nil, and nothing done, where there is no such memory: after an error inside `catchingErrors`.
  @discardableResult
  public mutating func withMutableOperand<Result>(_ body: (Operand) throws -> Result) rethrows -> Result? {
    if isPoisoned { return nil }
    makeWritable()
    do throws(EmberError) { try checkReadable(in: "withMutableOperand") } catch {
      raise(error)
      return nil
    }
    guard isContiguous, isUniquelyHeld() else { return nil }
    defer { withExtendedLifetime(self) {} }
    return try body(operand)
  }

  /// This value in dense memory for a kernel to read, where it is: on another device the address means nothing here.
  /// Nil, and nothing done, after an error inside `catchingErrors`.
  @discardableResult
  public func withOperand<Result>(_ body: (Operand) throws -> Result) rethrows -> Result? {
    let dense = attempt { () throws(EmberError) in try self.dense() }
    if dense.isPoisoned { return nil }
    return try withExtendedLifetime(dense) { try body(dense.operand) }
  }
}
