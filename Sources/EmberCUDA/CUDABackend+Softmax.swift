import EmberRuntime

extension CUDABackend {
  public func softmax(_ input: AxisOperand, logarithm: Bool, into output: Operand) {
    runSoftmax(
      input, ("softmax_rows", "softmax_long_rows", "softmax_columns"), operands: 1,
      pointers: [input.operand.pointer, output.pointer], logarithm)
  }

  public func softmaxBackward(gradient: AxisOperand, output: Operand, logarithm: Bool, into result: Operand) {
    runSoftmax(
      gradient, ("softmax_rows_backward", "softmax_long_rows_backward", "softmax_columns_backward"), operands: 2,
      pointers: [gradient.operand.pointer, output.pointer, result.pointer], logarithm)
  }

  /// `operands`: how many rows a thread holds in registers.
  private func runSoftmax(
    _ axis: AxisOperand, _ kernels: (rows: StaticString, longRows: StaticString, columns: StaticString), operands: Int,
    pointers: [UnsafeMutableRawPointer?], _ logarithm: Bool
  ) {
    let dtype = axis.operand.dtype, count = axis.count
    if axis.outer == 0 || count == 0 || axis.inner == 0 { return }
    if axis.inner == 1 {
      let isAligned = count % (16 / dtype.size) == 0 && pointers.allSatisfy { UInt(bitPattern: $0) % 16 == 0 }
      let width = isAligned ? 16 / dtype.size : 1
      func addRows(_ arguments: inout LaunchArguments) {
        for pointer in pointers { arguments.add(pointer) }
        arguments.add(Int64(axis.outer))
        arguments.add(Int64(count))
      }
      if let shape = RowShape(dtype, count: count, operands: operands, width: width) {
        launch(
          .softmax, kernels.rows,
          [.type(dtype), .flag(logarithm), .number(width), .number(shape.vectors), .number(shape.threads == 32 ? 32 : 0)],
          blocks: shape.threads == 32 ? (axis.outer + 3) / 4 : axis.outer, threads: shape.threads == 32 ? 128 : shape.threads, addRows)
      } else {
        launch(
          .softmax, kernels.longRows, [.type(dtype), .flag(logarithm), .number(width)], blocks: axis.outer, threads: 512, addRows)
      }
      return
    }
    let block = ColumnBlock(outer: axis.outer, count: count, columns: axis.inner)
    launch(.softmax, kernels.columns, [.type(dtype), .flag(logarithm)], blocks: block.blocks, threads: 256) { arguments in
      for pointer in pointers { arguments.add(pointer) }
      arguments.add(Int64(axis.outer))
      arguments.add(Int64(count))
      arguments.add(Int64(axis.inner))
      arguments.add(Int32(block.laneBits))
      arguments.add(Int32(block.rowBits))
    }
  }
}

/// How a row is held in the registers of a warp or of a block; nil if it is too long.
private struct RowShape {
  /// Accesses of one thread, of `width` elements each.
  let vectors: Int
  let threads: Int

  init?(_ dtype: DType, count: Int, operands: Int, width: Int) {
    // Elements that fit into the registers of a thread of a full block, and of one of a small block.
    let few = (dtype == .float64 ? 8 : 16) / (dtype == .float64 ? operands : 1), many = 2 * few / operands
    if count <= 32 * many {
      threads = 32
    } else {
      var threads = 128
      while threads < 1024, threads * few < count { threads *= 2 }
      if threads * few < count { return nil }
      self.threads = threads
    }
    var vectors = 1
    while vectors * width * threads < count { vectors *= 2 }
    self.vectors = vectors
  }
}
