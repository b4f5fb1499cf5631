import EmberRuntime

// Indices are checked on the device: a bad one reads zeros or writes nothing, and the error comes where the host next waits. So nothing
// here waits, and all functions say that the indices were good. Writing by index is in CUDABackend+IndexWriting.swift.

/// How kernels over rows share them out: groups of 2^k threads to a row, blocks of columns along y.
struct RowLaunch {
  let lanesLog2: Int32
  let blocks: Int
  let blocksY: Int

  /// `units`: accesses that move one row.
  init(rows: Int, units: Int) {
    var log = 0
    while log < 5, 1 << log < units { log += 1 }
    // Few long rows keep the device busy only if whole blocks work on each.
    if units >= 1024 { log = 8 }
    lanesLog2 = Int32(log)
    blocks = quotientRoundedUp(rows, 256 >> log)
    blocksY = min(65535, max(1, quotientRoundedUp(units, (1 << log) * 16)))
  }
}

/// The index arrays of `index_offsets`.
private struct IndexArrays: BitwiseCopyable {
  typealias Eight = (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
  var at: Eight = (0, 0, 0, 0, 0, 0, 0, 0)
  var sizes: Eight = (0, 0, 0, 0, 0, 0, 0, 0)
  var strides: Eight = (0, 0, 0, 0, 0, 0, 0, 0)

  init(_ indices: [Operand], sizes: [Int], strides: [Int]) {
    func fill(_ eight: inout Eight, _ values: [UInt64]) {
      withUnsafeMutableBytes(of: &eight) { bytes in
        for (i, value) in values.enumerated() { bytes.storeBytes(of: value, toByteOffset: 8 * i, as: UInt64.self) }
      }
    }
    fill(&at, indices.map { UInt64(UInt(bitPattern: $0.pointer)) })
    fill(&self.sizes, sizes.map { UInt64(bitPattern: Int64($0)) })
    fill(&self.strides, strides.map { UInt64(bitPattern: Int64($0)) })
  }
}

/// The space of blocks at several positions, and strides in it.
struct IndexedBlocks {
  var shape: Shape
  /// Within a block of what is read or written by offset, and of the dense operand over all positions.
  var within: Strides
  var dense: Strides
  /// Which position.
  var position: Strides
  /// The element's number within a block.
  var element: Strides

  init(shape: Shape, within: Strides, dense: Strides, position: Strides, element: Strides) {
    self.shape = shape
    self.within = within
    self.dense = dense
    self.position = position
    self.element = element
  }

  /// Positions in a row, each with a block.
  init(positions: Int, stride: Int, block: Shape, within: Strides, dense: Strides) {
    func joined(_ first: Int, _ rest: Strides) -> Strides { Strides([first] + rest.array) }
    shape = Shape([positions] + Array(block))
    self.within = joined(0, within)
    self.dense = joined(stride, dense)
    position = joined(1, Strides(Array(repeating: 0, count: block.rank)))
    element = joined(0, block.contiguousStrides)
  }
}

extension CUDABackend {
  public func gather(_ input: Operand, dimension: Int, index: Operand, into output: Operand) -> Int? {
    let size = input.dtype.size
    var across = input.strides
    across[dimension] = 0
    forEachPiece(of: index.shape) { piece, origin in
      let space = StridedSpace(piece, [index.strides, output.strides, across]), count = piece.elementCount
      launch(.indexing, "gather_elements", [.type(.moving(bytes: size))], blocks: quotientRoundedUp(count, 1024), threads: 256) {
        $0.add(space.shape, space.strides)
        $0.add(Int64(count))
        $0.add(input.pointer?.element(at: origin, across, size: size))
        $0.add(index.pointer?.element(at: origin, index.strides, size: 8))
        $0.add(output.pointer?.element(at: origin, output.strides, size: size))
        $0.add(Int64(input.shape[unchecked: dimension]))
        $0.add(Int64(input.strides[dimension]))
        $0.addErrorWord("gather")
      }
    }
    return nil
  }

  public func indexSelect(_ input: AxisOperand, index: Operand, countsFromEnd: Bool, into output: Operand) -> Int? {
    let m = index.shape.elementCount, bytes = input.inner * input.operand.dtype.size, rows = input.outer * m
    if rows == 0 || bytes == 0 { return nil }
    let width = widestAccess(bytes, [input.operand.pointer, output.pointer])
    let shares = RowLaunch(rows: rows, units: bytes / width)
    launch(
      .indexing, "index_select_rows", [.type(.moving(bytes: width))], blocks: shares.blocks, blocksY: shares.blocksY, threads: 256
    ) {
      $0.add(input.operand.pointer)
      $0.add(index.pointer)
      $0.add(output.pointer)
      $0.add(Int64(input.outer))
      $0.add(Int64(input.count))
      $0.add(Int64(m))
      $0.add(Int64(bytes / width))
      $0.add(shares.lanesLog2)
      $0.add(Int32(countsFromEnd ? 1 : 0))
      $0.addErrorWord("index_select")
    }
    return nil
  }

  public func indexOffsets(_ indices: [Operand], sizes: [Int], strides: [Int], into offsets: Operand) -> BadIndex? {
    indexOffsets(indices, sizes: sizes, strides: strides, into: offsets, "index")
    return nil
  }

  func indexOffsets(_ indices: [Operand], sizes: [Int], strides: [Int], into offsets: Operand, _ operation: StaticString) {
    let dense = offsets.shape.contiguousStrides
    forEachPiece(of: offsets.shape) { piece, origin in
      let parts = indices.map { operand in
        Operand(
          pointer: operand.pointer?.element(at: origin, operand.strides, size: 8), dtype: .int64, shape: piece, strides: operand.strides)
      }
      let space = StridedSpace(piece, indices.map(\.strides)), count = piece.elementCount
      launch(.indexing, "index_offsets", [.number(indices.count)], blocks: quotientRoundedUp(count, 256), threads: 256) {
        $0.add(space.shape, space.strides)
        $0.add(Int64(count))
        $0.addBytes(of: IndexArrays(parts, sizes: sizes, strides: strides))
        $0.add(offsets.pointer?.element(at: origin, dense, size: 8))
        $0.addErrorWord(operation)
      }
    }
  }

  public func takeBlocks(_ input: Operand, offsets: Operand, into output: Operand) {
    let size = input.dtype.size, positions = offsets.shape.elementCount, block = StridedSpace(input.shape, [input.strides])
    let inner = block.shape.elementCount
    if positions * inner == 0 { return }
    if block.shape.rank == 1, block.strides[0][0] == 1, inner * size >= 32 {
      let shares = RowLaunch(rows: positions, units: quotientRoundedUp(inner * size, 16))
      launch(.indexing, "take_rows", [.type(.moving(bytes: size))], blocks: shares.blocks, blocksY: shares.blocksY, threads: 256) {
        $0.add(input.pointer)
        $0.add(offsets.pointer)
        $0.add(output.pointer)
        $0.add(Int64(positions))
        $0.add(Int64(inner))
        $0.add(shares.lanesLog2)
      }
      return
    }
    let blocks = IndexedBlocks(
      positions: positions, stride: inner, block: block.shape, within: block.strides[0], dense: block.shape.contiguousStrides)
    forEachPiece(of: blocks.shape) { piece, origin in
      let space = StridedSpace(piece, [blocks.within, blocks.position]), count = piece.elementCount
      launch(.indexing, "take_blocks", [.type(.moving(bytes: size))], blocks: quotientRoundedUp(count, 1024), threads: 256) {
        $0.add(space.shape, space.strides)
        $0.add(Int64(count))
        $0.add(input.pointer?.element(at: origin, blocks.within, size: size))
        $0.add(offsets.pointer?.element(at: origin, blocks.position, size: 8))
        $0.add(output.pointer?.element(at: origin, blocks.dense, size: size))
      }
    }
  }
}
