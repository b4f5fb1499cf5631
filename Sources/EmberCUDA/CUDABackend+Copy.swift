import EmberRuntime

extension CUDABackend {
  public func copy(_ source: Operand, to destination: Operand) {
    if destination.shape.elementCount == 0 { return }
    var space = StridedSpace(destination.shape, [source.strides, destination.strides], ordered: true)
    var source = source
    var destination = destination
    widen(&source, &destination, &space)
    let (shape, strides) = (space.shape, space.strides)
    let isDense = shape.rank == 0 || (shape.rank == 1 && strides[0][0] == 1 && strides[1][0] == 1)
    if isDense {
      copyDense(source, destination, count: shape.elementCount)
    } else if !copyTransposed(source, destination, shape, strides[0], strides[1]) {
      copyStrided(source, destination, shape, strides)
    }
  }

  private func copyDense(_ source: Operand, _ destination: Operand, count: Int) {
    if source.dtype == destination.dtype {
      copyBytes(source.pointer, to: destination.pointer, byteCount: count * source.dtype.size)
      return
    }
    var width = max(1, min(8, 16 / max(source.dtype.size, destination.dtype.size)))
    if (UInt(bitPattern: source.pointer) | UInt(bitPattern: destination.pointer)) & 15 != 0 { width = 1 }
    launch(
      .copy, "copy_dense", [.type(source.dtype), .type(destination.dtype), .number(width)],
      blocks: (count + 256 * width - 1) / (256 * width),
      threads: 256
    ) {
      $0.add(source.pointer)
      $0.add(destination.pointer)
      $0.add(Int64(count))
    }
  }

  /// Where the source is dense along another dimension than the destination: a matrix, or a batch of them.
  private func copyTransposed(
    _ source: Operand, _ destination: Operand, _ shape: Shape, _ from: Strides, _ to: Strides
  ) -> Bool {
    let rank = shape.rank
    guard rank == 2 || rank == 3, source.dtype.size <= 8, destination.dtype.size <= 8 else { return false }
    guard to[rank - 1] == 1, from[rank - 2] == 1, shape[unchecked: rank - 1] >= 8, shape[unchecked: rank - 2] >= 8 else { return false }
    let batch = rank == 3 ? shape[unchecked: 0] : 1
    let rows = shape[unchecked: rank - 2]
    let columns = shape[unchecked: rank - 1]
    guard batch <= 65535, (columns + 31) / 32 <= 65535 else { return false }
    launch(
      .copy, "copy_transposed", [.type(source.dtype), .type(destination.dtype)], blocks: (rows + 31) / 32, blocksY: (columns + 31) / 32,
      blocksZ: batch, threads: 256
    ) {
      $0.add(source.pointer)
      $0.add(destination.pointer)
      $0.add(Int64(rows))
      $0.add(Int64(columns))
      $0.add(Int64(from[rank - 1]))
      $0.add(Int64(to[rank - 2]))
      $0.add(Int64(rank == 3 ? from[0] : 0))
      $0.add(Int64(rank == 3 ? to[0] : 0))
    }
    return true
  }

  private func copyStrided(_ source: Operand, _ destination: Operand, _ shape: Shape, _ strides: [Strides]) {
    forEachPiece(of: shape) { piece, origin in
      launch(
        .copy, "copy_strided", [.type(source.dtype), .type(destination.dtype)], blocks: quotientRoundedUp(piece.elementCount, 256), threads: 256
      ) {
        $0.add(source.pointer?.element(at: origin, strides[0], size: source.dtype.size))
        $0.add(destination.pointer?.element(at: origin, strides[1], size: destination.dtype.size))
        $0.add(piece, strides)
        $0.add(UInt32(piece.elementCount))
      }
    }
  }

  /// Neighbours that lie side by side on both sides move together, as elements of up to 16 bytes.
  private func widen(_ source: inout Operand, _ destination: inout Operand, _ space: inout StridedSpace) {
    let last = space.shape.rank - 1
    guard last > 0, source.dtype == destination.dtype, space.strides.allSatisfy({ $0[last] == 1 }) else { return }
    let size = source.dtype.size
    let steps = space.strides.flatMap { s in (0..<last).map { s[$0] } } + [space.shape[unchecked: last]]
    let bytes = widestAccess(steps.reduce(0) { $0 | $1 } * size, [source.pointer, destination.pointer])
    guard bytes > size else { return }
    let width = bytes / size
    space.shape[unchecked: last] /= width
    for i in space.strides.indices { for d in 0..<last { space.strides[i][d] /= width } }
    source.dtype = .moving(bytes: bytes)
    destination.dtype = source.dtype
  }
}
