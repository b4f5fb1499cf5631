import EmberRuntime

// Where several positions name one place, the last one is written, as on the CPU; sums are taken by atomics, in no particular order.

/// A hash table in which positions claim the places that they name (`Claims` of the kernels).
private struct Claims: BitwiseCopyable {
  var keys: UInt64
  var last: UInt64
  var slots: UInt64
  var mask: UInt32
}

/// How many positions claim their places at a time: bounds the scratch memory.
private let mostClaims = 1 << 26

extension DType {
  /// Sums of these are taken in float32 and rounded once.
  fileprivate var isSummedWider: Bool { self == .float16 || self == .bfloat16 }
}

extension CUDABackend {
  // MARK: Scatter

  public func scatter(_ mode: ScatterMode, into target: Operand, dimension: Int, index: Operand, source: Operand) -> Int? {
    let length = index.shape[unchecked: dimension], count = index.shape.elementCount
    if count == 0 { return nil }
    // Along the dimension threads can take turns in order only one after the other: well where that is short or there is enough beside it.
    // Nothing else can combine 16 bytes at once.
    let isOrdered = length <= 8 || count / length >= 1 << 14 || (target.dtype == .complex128 && mode.rawValue > ScatterMode.add.rawValue)
    if isOrdered {
      scatterLines(mode, into: target, dimension: dimension, index: index, source: source)
    } else if mode == .set {
      scatterLast(into: target, dimension: dimension, index: index, source: source)
    } else {
      scatterAtomically(mode, into: target, dimension: dimension, index: index, source: source)
    }
    return nil
  }

  private func scatterLines(_ mode: ScatterMode, into target: Operand, dimension: Int, index: Operand, source: Operand) {
    let size = target.dtype.size, length = index.shape[unchecked: dimension]
    let type = mode == .set ? DType.moving(bytes: size) : target.dtype
    forEachPiece(of: index.shape.replacing(dimension, with: 1)) { piece, origin in
      let space = StridedSpace(piece, [index.strides, source.strides, target.strides]), lines = piece.elementCount
      launch(
        .indexing, "scatter_lines", [.type(type), .number(Int(mode.rawValue))], blocks: quotientRoundedUp(lines, 128), threads: 128
      ) {
        $0.add(space.shape, space.strides)
        $0.add(Int64(lines))
        $0.add(target.pointer?.element(at: origin, target.strides, size: size))
        $0.add(index.pointer?.element(at: origin, index.strides, size: 8))
        $0.add(source.pointer?.element(at: origin, source.strides, size: size))
        $0.add(Int64(length))
        $0.add(Int64(index.strides[dimension]))
        $0.add(Int64(source.strides[dimension]))
        $0.add(Int64(target.shape[unchecked: dimension]))
        $0.add(Int64(target.strides[dimension]))
        $0.addErrorWord("scatter")
      }
    }
  }

  private func scatterAtomically(_ mode: ScatterMode, into target: Operand, dimension: Int, index: Operand, source: Operand) {
    let size = target.dtype.size
    var across = target.strides
    across[dimension] = 0
    forEachPiece(of: index.shape) { piece, origin in
      let space = StridedSpace(piece, [index.strides, source.strides, across]), count = piece.elementCount
      launch(
        .indexing, "scatter_elements", [.type(target.dtype), .number(Int(mode.rawValue))], blocks: quotientRoundedUp(count, 256),
        threads: 256
      ) {
        $0.add(space.shape, space.strides)
        $0.add(Int64(count))
        $0.add(target.pointer?.element(at: origin, across, size: size))
        $0.add(index.pointer?.element(at: origin, index.strides, size: 8))
        $0.add(source.pointer?.element(at: origin, source.strides, size: size))
        $0.add(Int64(target.shape[unchecked: dimension]))
        $0.add(Int64(target.strides[dimension]))
        $0.addErrorWord("scatter")
      }
    }
  }

  /// As blocks of one element.
  private func scatterLast(into target: Operand, dimension: Int, index: Operand, source: Operand) {
    let size = target.dtype.size
    var across = target.strides
    across[dimension] = 0
    forEachPiece(of: index.shape, limit: mostClaims) { piece, origin in
      let count = piece.elementCount, nowhere = Strides(Array(repeating: 0, count: piece.rank))
      withScratch(count * 8) { offsets in
        let space = StridedSpace(piece, [index.strides, across])
        launch(.indexing, "scatter_offsets", [.type(.int64)], blocks: quotientRoundedUp(count, 256), threads: 256) {
          $0.add(space.shape, space.strides)
          $0.add(Int64(count))
          $0.add(index.pointer?.element(at: origin, index.strides, size: 8))
          $0.add(offsets)
          $0.add(Int64(target.shape[unchecked: dimension]))
          $0.add(Int64(target.strides[dimension]))
          $0.addErrorWord("scatter")
        }
        let blocks = IndexedBlocks(
          shape: piece, within: nowhere, dense: source.strides, position: piece.contiguousStrides, element: nowhere)
        withClaims(offsets, count: count) { claims in
          putLast(
            blocks, dtype: target.dtype, target.pointer?.element(at: origin, across, size: size), offsets,
            source.pointer?.element(at: origin, source.strides, size: size), claims)
        }
      }
    }
  }

  // MARK: Dense rows

  public func indexAdd(into target: AxisOperand, index: Operand, source: Operand, alpha: Double) -> Int? {
    let m = index.shape.elementCount, dtype = target.operand.dtype, rows = target.outer * m
    if rows * target.inner == 0 { return nil }
    if dtype.isSummedWider {
      indexAddWider(into: target, index: index, source: source, alpha: alpha)
      return nil
    }
    let isWide = dtype == .float32 && widestAccess(target.inner * 4, [target.operand.pointer, source.pointer]) == 16
    let neighbours = isWide ? 4 : 1
    let shares = RowLaunch(rows: rows, units: target.inner / neighbours)
    launch(
      .indexing, "index_add_rows", [.type(dtype), .number(neighbours)], blocks: shares.blocks, blocksY: shares.blocksY, threads: 256
    ) {
      $0.add(target.operand.pointer)
      $0.add(index.pointer)
      $0.add(source.pointer)
      $0.add(Int64(target.outer))
      $0.add(Int64(target.count))
      $0.add(Int64(m))
      $0.add(Int64(target.inner / neighbours))
      $0.add(alpha)
      $0.add(shares.lanesLog2)
      $0.addErrorWord("index_add")
    }
    return nil
  }

  private func indexAddWider(into target: AxisOperand, index: Operand, source: Operand, alpha: Double) {
    let m = index.shape.elementCount, n = target.count, inner = target.inner, outer = target.outer
    let most = max(1, min(mostClaims, Int(Int32.max) / (outer * inner)))
    for start in stride(from: 0, to: m, by: most) {
      let count = min(most, m - start)
      withScratch(count * 8) { offsets in
        let part = Operand(pointer: index.pointer.map { $0 + start * 8 }, dtype: .int64, shape: Shape([count]), strides: Strides([1]))
        let places = Operand(pointer: offsets, dtype: .int64, shape: Shape([count]), strides: Strides([1]))
        indexOffsets([part], sizes: [n], strides: [inner], into: places, "index_add")
        let blocks = IndexedBlocks(
          shape: Shape([outer, count, inner]), within: Strides([n * inner, 0, 1]), dense: Strides([m * inner, inner, 1]),
          position: Strides([0, 1, 0]), element: Strides([inner, 0, 1]))
        withClaims(offsets, count: count) { claims in
          addSums(
            blocks, positions: count, block: outer * inner, isDense: outer == 1, dtype: target.operand.dtype, target.operand.pointer,
            offsets, source.pointer.map { $0 + start * inner * 2 }, alpha, claims)
        }
      }
    }
  }

  // MARK: Blocks

  public func putBlocks(into target: Operand, offsets: Operand, source: Operand, sourceStride: Int, accumulate: Bool) {
    let dtype = target.dtype, size = dtype.size, positions = offsets.shape.elementCount
    let block = StridedSpace(target.shape, [target.strides, source.strides]), inner = block.shape.elementCount
    if positions * inner == 0 { return }
    let most = max(1, min(mostClaims, Int(Int32.max) / inner))
    for start in stride(from: 0, to: positions, by: most) {
      let count = min(most, positions - start)
      let places = offsets.pointer.map { $0 + start * 8 }, from = source.pointer.map { $0 + start * sourceStride * size }
      let blocks = IndexedBlocks(
        positions: count, stride: sourceStride, block: block.shape, within: block.strides[0], dense: block.strides[1])
      if accumulate, !dtype.isSummedWider {
        addAtomically(blocks, dtype: dtype, target.pointer, places, from)
        continue
      }
      let isRow = block.shape.rank == 0 || (block.shape.rank == 1 && block.strides[0][0] == 1 && block.strides[1][0] == 1)
      withClaims(places, count: count) { claims in
        if accumulate {
          addSums(
            blocks, positions: count, block: inner, isDense: isRow && sourceStride == inner, dtype: dtype, target.pointer, places, from, 1,
            claims)
        } else if isRow, inner * size >= 32 {
          let shares = RowLaunch(rows: count, units: quotientRoundedUp(inner * size, 16))
          launch(.indexing, "put_rows", [.type(.moving(bytes: size))], blocks: shares.blocks, blocksY: shares.blocksY, threads: 256) {
            $0.add(target.pointer)
            $0.add(places)
            $0.add(from)
            $0.add(Int64(count))
            $0.add(Int64(inner))
            $0.add(Int64(sourceStride))
            $0.add(shares.lanesLog2)
            $0.addBytes(of: claims)
          }
        } else {
          putLast(blocks, dtype: dtype, target.pointer, places, from, claims)
        }
      }
    }
  }

  // MARK: Parts

  private func withClaims(_ places: UnsafeMutableRawPointer?, count: Int, _ body: (Claims) -> Void) {
    var capacity = 64
    while capacity < 2 * count { capacity *= 2 }
    withScratch(capacity * 12 + count * 4) { scratch in
      fillZero(scratch, byteCount: capacity * 12)
      let keys = UInt64(UInt(bitPattern: scratch))
      let claims = Claims(
        keys: keys, last: keys + UInt64(capacity * 8), slots: keys + UInt64(capacity * 12), mask: UInt32(capacity - 1))
      launch(.indexing, "claim_places", [.type(.int64)], blocks: quotientRoundedUp(count, 256), threads: 256) {
        $0.add(places)
        $0.add(Int64(count))
        $0.addBytes(of: claims)
      }
      body(claims)
    }
  }

  private func putLast(
    _ blocks: IndexedBlocks, dtype: DType, _ target: UnsafeMutableRawPointer?, _ offsets: UnsafeMutableRawPointer?,
    _ source: UnsafeMutableRawPointer?, _ claims: Claims
  ) {
    let size = dtype.size
    forEachPiece(of: blocks.shape) { piece, origin in
      let space = StridedSpace(piece, [blocks.within, blocks.dense, blocks.position]), count = piece.elementCount
      launch(.indexing, "put_blocks", [.type(.moving(bytes: size))], blocks: quotientRoundedUp(count, 256), threads: 256) {
        $0.add(space.shape, space.strides)
        $0.add(Int64(count))
        $0.add(target?.element(at: origin, blocks.within, size: size))
        $0.add(offsets)
        $0.add(source?.element(at: origin, blocks.dense, size: size))
        $0.addBytes(of: claims)
      }
    }
  }

  private func addAtomically(
    _ blocks: IndexedBlocks, dtype: DType, _ target: UnsafeMutableRawPointer?, _ offsets: UnsafeMutableRawPointer?,
    _ source: UnsafeMutableRawPointer?
  ) {
    forEachPiece(of: blocks.shape) { piece, origin in
      let space = StridedSpace(piece, [blocks.within, blocks.dense, blocks.position]), count = piece.elementCount
      launch(.indexing, "add_blocks", [.type(dtype)], blocks: quotientRoundedUp(count, 256), threads: 256) {
        $0.add(space.shape, space.strides)
        $0.add(Int64(count))
        $0.add(target?.element(at: origin, blocks.within, size: dtype.size))
        $0.add(offsets)
        $0.add(source?.element(at: origin, blocks.dense, size: dtype.size))
      }
    }
  }

  /// The sums of 16-bit floats in float32, added to the target and rounded once. `block`: elements of a block. `isDense`: the source is
  /// rows, one for each position.
  private func addSums(
    _ blocks: IndexedBlocks, positions: Int, block: Int, isDense: Bool, dtype: DType, _ target: UnsafeMutableRawPointer?,
    _ offsets: UnsafeMutableRawPointer?, _ source: UnsafeMutableRawPointer?, _ alpha: Double, _ claims: Claims
  ) {
    withScratch(positions * block * 4) { sums in
      fillZero(sums, byteCount: positions * block * 4)
      if isDense, widestAccess(block * 2, [source]) >= 8 {
        let shares = RowLaunch(rows: positions, units: block / 4)
        launch(.indexing, "sum_rows", [.type(dtype)], blocks: shares.blocks, blocksY: shares.blocksY, threads: 256) {
          $0.add(sums)
          $0.add(source)
          $0.add(Int64(positions))
          $0.add(Int64(block / 4))
          $0.add(shares.lanesLog2)
          $0.addBytes(of: claims)
        }
      } else {
        forEachPiece(of: blocks.shape) { piece, origin in
          let space = StridedSpace(piece, [blocks.element, blocks.dense, blocks.position]), count = piece.elementCount
          launch(.indexing, "sum_blocks", [.type(dtype)], blocks: quotientRoundedUp(count, 256), threads: 256) {
            $0.add(space.shape, space.strides)
            $0.add(Int64(count))
            $0.add(sums.element(at: origin, blocks.element, size: 4))
            $0.add(source?.element(at: origin, blocks.dense, size: 2))
            $0.add(Int64(block))
            $0.addBytes(of: claims)
          }
        }
      }
      forEachPiece(of: blocks.shape) { piece, origin in
        let space = StridedSpace(piece, [blocks.within, blocks.element, blocks.position]), count = piece.elementCount
        launch(.indexing, "add_sums", [.type(dtype)], blocks: quotientRoundedUp(count, 256), threads: 256) {
          $0.add(space.shape, space.strides)
          $0.add(Int64(count))
          $0.add(target?.element(at: origin, blocks.within, size: 2))
          $0.add(offsets)
          $0.add(sums.element(at: origin, blocks.element, size: 4))
          $0.add(Int64(block))
          $0.add(alpha)
          $0.addBytes(of: claims)
        }
      }
    }
  }
}
