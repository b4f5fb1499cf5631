import EmberRuntime

/// How the elements of a tensor lie in memory. Shape, values and results are the same with every format; speed is not.
public enum MemoryFormat: Sendable, Hashable {
  /// Row-major: neighbours along the last dimension lie side by side.
  case contiguous
  /// Of [batch, channels, height, width] and [batch, channels, depth, height, width]: the channels of a place lie side by side. Convolutions
  /// of 16-bit numbers on a GPU work so. As PyTorch's `channels_last` and `channels_last_3d`.
  case channelsLast
}

extension Tensor {
  /// The same value in dense memory of a format; itself if it lies so already.
  ///
  /// On a GPU layers and pointwise operations keep the format of their input. On the CPU results are row-major, and layers choose the layout
  /// that they work in themselves.
  ///
  /// ```swift
  /// let logits = model(pictures.contiguous(memoryFormat: .channelsLast))
  /// ```
  public func contiguous(memoryFormat: MemoryFormat) -> Tensor {
    if isContiguous(memoryFormat: memoryFormat) { return self }
    if memoryFormat == .channelsLast, rank != 4, rank != 5 {
      raise(
        EmberError(
          .shape, in: "contiguous", "channelsLast is a format of [batch, channels, height, width] and of one dimension more, not of \(summary)"))
      return .poison
    }
    return apply(Contiguous(format: memoryFormat), self)
  }

  /// The same as `contiguous(memoryFormat:)`, by the name that it has in PyTorch beside other conversions.
  public func to(memoryFormat: MemoryFormat) -> Tensor { contiguous(memoryFormat: memoryFormat) }

  /// Whether elements lie densely in a format. A tensor of one channel, or of one place, lies in both.
  public func isContiguous(memoryFormat: MemoryFormat) -> Bool {
    switch memoryFormat {
    case .contiguous: isContiguous
    case .channelsLast: body.isChannelsLast || (isContiguous && (rank == 4 || rank == 5) && body.shape.hasOneOrder)
    }
  }

  /// The format that results keep which lie as this tensor does. Only kernels of a GPU work in others than row-major order.
  package var keptFormat: MemoryFormat { device.type == .cuda && body.isChannelsLast ? .channelsLast : .contiguous }

  /// The value in dense memory of a format: itself if it lies so already. Without history.
  package func dense(_ format: MemoryFormat) throws(EmberError) -> Tensor {
    if format == .contiguous || body.shape.hasOneOrder { return try dense() }
    if body.isChannelsLast { return value }
    try checkReadable(in: "contiguous")
    let copy = try Tensor.empty(shape: body.shape, dtype: body.dtype, like: self, format)
    if backend.holdsData { backend.copy(operand, to: copy.operand) }
    return copy
  }

  /// A dense tensor of arbitrary contents.
  package static func empty(shape: Shape, dtype: DType, like other: Tensor, _ format: MemoryFormat) throws(EmberError) -> Tensor {
    if format == .contiguous || shape.hasOneOrder { return try empty(shape: shape, dtype: dtype, like: other) }
    let count = try shape.checkedElementCount(in: "allocate")
    return Tensor(
      try TensorBody(
        elementCount: count, dtype: dtype, shape: shape, strides: shape.channelsLastStrides, isContiguous: false, on: other.backend))
  }
}

extension Shape {
  /// Channels last is the same order as row-major.
  fileprivate var hasOneOrder: Bool { (rank != 4 && rank != 5) || self[1] <= 1 || product(2..<rank) <= 1 || self[0] == 0 }
}

extension TensorBody {
  /// Dense with the channels of a place side by side, and not row-major too.
  var isChannelsLast: Bool { !isContiguous && strides.isChannelsLast(shape) }
}
