/// A tensor as a kernel sees it: address, element type, extents and strides. Does not own the memory.
@frozen
public struct Operand {
  public var pointer: UnsafeMutableRawPointer?
  public var dtype: DType
  public var shape: Shape
  public var strides: Strides

  @inlinable public init(pointer: UnsafeMutableRawPointer?, dtype: DType, shape: Shape, strides: Strides) {
    self.pointer = pointer
    self.dtype = dtype
    self.shape = shape
    self.strides = strides
  }

  /// `count` neighbouring positions of one dimension.
  public func part(_ dimension: Int, start: Int, count: Int) -> Operand {
    var shape = shape
    shape[unchecked: dimension] = count
    return Operand(pointer: pointer.map { $0 + start * strides[dimension] * dtype.size }, dtype: dtype, shape: shape, strides: strides)
  }

  /// Whether the elements lie one behind the other in row-major order.
  @inlinable public var isDense: Bool { strides.isContiguous(shape) }
}
