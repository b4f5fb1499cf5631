import EmberRuntime

/// Converts a thrown error into a raised one and a poisoned result.
@inline(__always) package func attempt(_ body: () throws(EmberError) -> Tensor) -> Tensor {
  if ThreadFlags.current.contains(.failed) { return .poison }
  do throws(EmberError) {
    let result = try body()
    try checkScratch(in: "allocate")
    return result
  } catch {
    raise(takeScratchFailure(in: "allocate") ?? error)
    return .poison
  }
}

/// The same for several results that may be absent, such as gradients; all are absent after an error.
package func attempt(_ count: Int, _ body: () throws(EmberError) -> [Tensor?]) -> [Tensor?] {
  let none = [Tensor?](repeating: nil, count: count)
  if ThreadFlags.current.contains(.failed) { return none }
  do throws(EmberError) {
    let results = try body()
    try checkScratch(in: "allocate")
    return results
  } catch {
    raise(takeScratchFailure(in: "allocate") ?? error)
    return none
  }
}

package func checkedShape(_ extents: [Int], in operation: String) throws(EmberError) -> Shape {
  if extents.count > maximumRank {
    throw EmberError(.shape, in: operation, "\(extents) has \(extents.count) dimensions; a tensor has at most \(maximumRank)")
  }
  if extents.contains(where: { $0 < 0 }) { throw EmberError(.shape, in: operation, "\(extents) has a negative extent") }
  let shape = Shape(extents)
  _ = try shape.checkedElementCount(in: operation)
  return shape
}

extension Shape {
  /// The number of elements, or an error if there are more than can be addressed. Extents of 0 do not hide the others, whose product
  /// strides are made of.
  package func checkedElementCount(in operation: @autoclosure () -> String) throws(EmberError) -> Int {
    var count = 1, product = 1
    for i in 0..<rank {
      let extent = self[unchecked: i]
      let (next, overflow) = product.multipliedReportingOverflow(by: Swift.max(extent, 1))
      if overflow || next > 1 << 56 { throw EmberError(.memory, in: operation(), "\(self) has more elements than can be addressed") }
      product = next
      if extent == 0 { count = 0 }
    }
    return count * product
  }
}

extension Tensor {
  // MARK: From numbers

  /// A tensor of the given elements in row-major order; one dimension if no shape is given.
  /// `[Double]` makes float32, as PyTorch does of Python's numbers; ask for `dtype: .float64` to keep them as they are.
  public init<Element: TensorElement>(
    _ elements: [Element], shape: [Int]? = nil, dtype: DType? = nil, on device: Device = .cpu, requiresGrad: Bool = false
  ) {
    var made = attempt { () throws(EmberError) in
      let extents = try checkedShape(shape ?? [elements.count], in: "tensor")
      guard extents.elementCount == elements.count else {
        throw EmberError(
          .shape, in: "tensor", "\(elements.count) elements do not fill the shape \(extents), which has \(extents.elementCount)")
      }
      let tensor = try Tensor.empty(shape: extents, dtype: Element.dtype, on: try Backends.backend(for: device))
      if let pointer = tensor.body.pointer {
        elements.withUnsafeBytes { tensor.backend.copyFromHost($0.baseAddress!, to: pointer, byteCount: $0.count) }
      }
      return tensor
    }
    // Swift's Double is the language's plain number, as Python's float is: it makes float32 tensors unless told otherwise.
    let target = dtype ?? (Element.dtype == .float64 ? .float32 : Element.dtype)
    if target != made.dtype { made = made.to(target) }
    self = requiresGrad ? made.requiringGrad() : made
  }

  /// A 0-dimensional tensor. Numbers become float32, int64, bool or complex64 unless a dtype is given.
  public init(_ number: Scalar, dtype: DType? = nil, on device: Device = .cpu, requiresGrad: Bool = false) {
    let tensor = Tensor.full([], number, dtype: dtype, on: device)
    self = requiresGrad ? tensor.requiringGrad() : tensor
  }

  /// The same of a number that is a variable, not a literal.
  public init<Element: TensorElement>(_ number: Element, dtype: DType? = nil, on device: Device = .cpu, requiresGrad: Bool = false) {
    self.init(number.scalar, dtype: dtype, on: device, requiresGrad: requiresGrad)
  }

  /// A tensor from bytes as they lie in memory (row-major, this machine's byte order).
  public init(bytes: UnsafeRawBufferPointer, shape: [Int], dtype: DType, on device: Device = .cpu) {
    self = attempt { () throws(EmberError) in
      let extents = try checkedShape(shape, in: "tensor")
      guard extents.elementCount * dtype.size == bytes.count else {
        throw EmberError(
          .shape, in: "tensor", "\(bytes.count) bytes do not fill \(dtype)\(extents), which takes \(extents.elementCount * dtype.size)")
      }
      let tensor = try Tensor.empty(shape: extents, dtype: dtype, on: try Backends.backend(for: device))
      if let pointer = tensor.body.pointer, bytes.count > 0 {
        tensor.backend.copyFromHost(bytes.baseAddress!, to: pointer, byteCount: bytes.count)
      }
      return tensor
    }
  }

  /// A tensor over memory owned by someone else, which must stay unchanged until `release` is called. Writers copy first.
  public init(
    foreign pointer: UnsafeMutableRawPointer, shape: [Int], dtype: DType, on device: Device = .cpu, release: @escaping @Sendable () -> Void
  ) {
    self = attempt { () throws(EmberError) in
      let extents = try checkedShape(shape, in: "tensor"), backend = try Backends.backend(for: device)
      return Tensor(
        TensorBody(
          foreign: ForeignMemory(release: release), at: pointer, byteCount: extents.elementCount * dtype.size, dtype: dtype, shape: extents,
          on: backend))
    }
  }

  // MARK: Filled

  /// A tensor with every element equal to `value`.
  public static func full(_ shape: [Int], _ value: Scalar, dtype: DType? = nil, on device: Device = .cpu) -> Tensor {
    attempt { () throws(EmberError) in
      let dtype = dtype ?? defaultDType(of: value)
      guard value.imaginaryPart == 0 || dtype.isComplex else { throw EmberError(.value, in: "full", "\(value) does not fit \(dtype)") }
      let tensor = try empty(shape: try checkedShape(shape, in: "full"), dtype: dtype, on: try Backends.backend(for: device))
      tensor.fillMemory(value)
      return tensor
    }
  }

  /// The dtype of a tensor made from a number.
  static func defaultDType(of value: Scalar) -> DType {
    switch value.category {
    case .bool: .bool
    case .integer: .int64
    case .floatingPoint: .float32
    case .complex: .complex64
    }
  }

  /// Sets every element. Only for memory that nobody else sees.
  package func fillMemory(_ value: Scalar) {
    guard backend.holdsData, elementCount > 0 else { return }
    let type = ComputeType(dtype)
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 16) { number in
      value.store(as: type, to: number.baseAddress!)
      var strides = Strides()
      for _ in 0..<rank { strides.append(0) }
      if device == .cpu {
        backend.copy(Operand(pointer: number.baseAddress!, dtype: type.dtype, shape: body.shape, strides: strides), to: operand)
      } else if let one = try? Tensor.empty(shape: Shape(), dtype: type.dtype, like: self), let pointer = one.body.pointer {
        backend.copyFromHost(number.baseAddress!, to: pointer, byteCount: type.dtype.size)
        backend.copy(Operand(pointer: pointer, dtype: type.dtype, shape: body.shape, strides: strides), to: operand)
      }
    }
  }

  public static func zeros(_ shape: [Int], dtype: DType = .float32, on device: Device = .cpu, requiresGrad: Bool = false) -> Tensor {
    let tensor = full(shape, 0, dtype: dtype, on: device)
    return requiresGrad ? tensor.requiringGrad() : tensor
  }

  public static func ones(_ shape: [Int], dtype: DType = .float32, on device: Device = .cpu, requiresGrad: Bool = false) -> Tensor {
    let tensor = full(shape, 1, dtype: dtype, on: device)
    return requiresGrad ? tensor.requiringGrad() : tensor
  }

  /// A tensor of arbitrary contents.
  public static func empty(_ shape: [Int], dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    attempt { () throws(EmberError) in
      try empty(shape: try checkedShape(shape, in: "empty"), dtype: dtype, on: try Backends.backend(for: device))
    }
  }

  public static func zeros(like other: Tensor, dtype: DType? = nil) -> Tensor { full(like: other, 0, dtype: dtype) }
  public static func ones(like other: Tensor, dtype: DType? = nil) -> Tensor { full(like: other, 1, dtype: dtype) }

  public static func full(like other: Tensor, _ value: Scalar, dtype: DType? = nil) -> Tensor {
    if other.isPoisoned { return .poison }
    return attempt { () throws(EmberError) in
      let tensor = try empty(shape: other.body.shape, dtype: dtype ?? other.dtype, like: other)
      tensor.fillMemory(value)
      return tensor
    }
  }

  // MARK: Reading

  /// The only element, as a number.
  public func item() -> Double { item(as: Double.self) }

  /// The only element of a tensor of one. Inside a failed error scope it reads as zero.
  public func item<Element: TensorElement>(as type: Element.Type) -> Element {
    do throws(EmberError) { return try itemOrThrow(as: type) } catch {
      if !(error.kind == .poisoned && ThreadFlags.current.contains(.failed)) { raise(error) }
      return Element(.integer(0))
    }
  }

  /// The only element, or an error: for code that must not go on with a made-up number.
  public func itemOrThrow<Element: TensorElement>(as type: Element.Type = Double.self) throws(EmberError) -> Element {
    guard !isPoisoned else { throw EmberError(.poisoned, in: "item", "the tensor is the result of an operation that failed") }
    try checkReadable(in: "item")
    guard elementCount == 1 else {
      throw EmberError(.shape, in: "item", "\(summary) has \(elementCount) elements; item() reads a tensor of exactly one")
    }
    return try elementsOrThrow(as: type)[0]
  }

  /// All elements in row-major order, converted. Inside a failed error scope they read as zeros: as many as there are or, of a tensor
  /// that an operation failed to make or that has more than 2²⁶, as many as harmless reading is likely to want.
  public func elements<Element: TensorElement>(as type: Element.Type) -> [Element] {
    do throws(EmberError) { return try elementsOrThrow(as: type) } catch {
      if !(error.kind == .poisoned && ThreadFlags.current.contains(.failed)) { raise(error) }
      // An expanded tensor may have more elements than there is memory for.
      return Array(repeating: Element(.integer(0)), count: isPoisoned || elementCount > 1 << 26 ? standInCount : elementCount)
    }
  }

  public func elementsOrThrow<Element: TensorElement>(as type: Element.Type) throws(EmberError) -> [Element] {
    guard !isPoisoned else { throw EmberError(.poisoned, in: "elements", "the tensor is the result of an operation that failed") }
    try checkReadable(in: "elements")
    guard backend.holdsData else { throw EmberError(.device, in: "elements", "a tensor on meta has no elements to read") }
    var source = value
    if dtype != Element.dtype { source = source.to(Element.dtype) }
    // The conversion does nothing in a scope that has failed.
    guard !source.isPoisoned else {
      throw EmberError(.poisoned, in: "elements", "the elements cannot be converted after an operation that failed")
    }
    let dense = try source.dense()
    let count = elementCount
    if count == 0 { return [] }
    return [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      dense.backend.copyToHost(dense.body.pointer!, to: UnsafeMutableRawPointer(buffer.baseAddress!), byteCount: count * Element.dtype.size)
      initialized = count
    }
  }

  /// The bytes of the elements in row-major order.
  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    guard !isPoisoned, backend.holdsData else { throw EmberError(.device, in: "withBytes", "\(summary) has no elements to read") }
    let dense = try self.dense()
    let byteCount = elementCount * dtype.size
    if device == .cpu {
      return try withExtendedLifetime(dense) { try body(UnsafeRawBufferPointer(start: dense.body.pointer, count: byteCount)) }
    }
    var host = [UInt8](repeating: 0, count: byteCount)
    if byteCount > 0 {
      host.withUnsafeMutableBytes { dense.backend.copyToHost(dense.body.pointer!, to: $0.baseAddress!, byteCount: byteCount) }
    }
    return try host.withUnsafeBytes(body)
  }
}

/// Nested literals: `Tensor([[1, 2], [3, 4]])`.
extension Tensor {
  public init<Element: TensorElement>(_ rows: [[Element]], dtype: DType? = nil, requiresGrad: Bool = false) {
    let width = rows.first?.count ?? 0
    guard rows.allSatisfy({ $0.count == width }) else {
      raise(EmberError(.shape, in: "tensor", "rows of different lengths: \(rows.map(\.count))"))
      self = .poison
      return
    }
    self.init(rows.flatMap { $0 }, shape: [rows.count, width], dtype: dtype, requiresGrad: requiresGrad)
  }

  public init<Element: TensorElement>(_ blocks: [[[Element]]], dtype: DType? = nil, requiresGrad: Bool = false) {
    let rows = blocks.first?.count ?? 0, width = blocks.first?.first?.count ?? 0
    guard blocks.allSatisfy({ $0.count == rows && $0.allSatisfy { $0.count == width } }) else {
      raise(EmberError(.shape, in: "tensor", "nested arrays of different lengths; the first is \(rows) by \(width)"))
      self = .poison
      return
    }
    self.init(blocks.flatMap { $0.flatMap { $0 } }, shape: [blocks.count, rows, width], dtype: dtype, requiresGrad: requiresGrad)
  }
}
