import EmberRuntime

extension CUDABackend {
  public func sort(_ input: AxisOperand, descending: Bool, values: Operand, indices: Operand) -> Bool {
    sortRows(input, keeping: input.count, descending: descending, values: values, indices: indices)
  }

  public func topK(_ input: AxisOperand, k: Int, largest: Bool, sorted: Bool, values: Operand, indices: Operand) -> Bool {
    sortRows(input, keeping: k, descending: largest, values: values, indices: indices)
  }

  /// Elements of a row that a block sorts in shared memory.
  private static let longestShortRow = 2048
  /// Elements that are sorted together, which bounds the scratch memory: 16 bytes each, or 24.
  private static let elementsAtOnce = 1 << 26

  /// Writes what the first `kept` positions of each sorted row hold.
  private func sortRows(_ input: AxisOperand, keeping kept: Int, descending: Bool, values: Operand, indices: Operand) -> Bool {
    let dtype = input.operand.dtype, count = input.count, rows = input.outer * input.inner
    // Positions take 31 bits.
    guard dtype.isReducible, !dtype.isComplex, kept <= count, count < 1 << 31 else { return false }
    if rows == 0 || kept == 0 { return true }
    if count <= Self.longestShortRow {
      sortShortRows(input, keeping: kept, descending: descending, values: values, indices: indices)
      return true
    }
    let together = min(rows, max(1, Self.elementsAtOnce / count), 65535)
    var first = 0
    while first < rows {
      sortLongRows(
        input, first..<min(rows, first + together), keeping: kept, descending: descending, values: values, indices: indices)
      first += together
    }
    return true
  }

  private func sortShortRows(_ input: AxisOperand, keeping kept: Int, descending: Bool, values: Operand, indices: Operand) {
    let dtype = input.operand.dtype, rows = input.outer * input.inner
    var bits = 0
    while 1 << bits < input.count { bits += 1 }
    let threads = max(256, 1 << max(bits - 1, 0)), rowsPerBlock = (2 * threads) >> bits
    launch(
      .sort, "sort_short_rows", [.type(dtype)], blocks: (rows + rowsPerBlock - 1) / rowsPerBlock, threads: threads,
      sharedBytes: 2 * threads * (dtype.size == 8 ? 16 : 8)
    ) {
      $0.add(input.operand.pointer)
      $0.add(values.pointer)
      $0.add(indices.pointer)
      $0.add(Int64(rows))
      $0.add(Int64(input.count))
      $0.add(Int64(input.inner))
      $0.add(Int64(kept))
      $0.add(Int32(descending ? 1 : 0))
      $0.add(Int32(bits))
    }
  }

  private func sortLongRows(
    _ input: AxisOperand, _ rows: Range<Int>, keeping kept: Int, descending: Bool, values: Operand, indices: Operand
  ) {
    let dtype = input.operand.dtype, count = input.count, elements = rows.count * count
    let key: DType = dtype.size == 8 ? .uint64 : .uint32
    let tile = 4096, tiles = (count + tile - 1) / tile, digits = 256
    withScratch(elements * 2 * (key.size + 4) + rows.count * digits * (tiles + 1) * 4) { scratch in
      var keys = (scratch, scratch + elements * key.size)
      var positions = (keys.1 + elements * key.size, keys.1 + elements * (key.size + 4))
      let counts = positions.1 + elements * 4
      let totals = counts + rows.count * digits * tiles * 4
      launch(.sort, "radix_keys", [.type(dtype)], blocks: (count + 255) / 256, blocksY: rows.count, threads: 256) {
        $0.add(input.operand.pointer)
        $0.add(keys.0)
        $0.add(positions.0)
        $0.add(Int64(rows.lowerBound))
        $0.add(Int64(count))
        $0.add(Int64(input.inner))
        $0.add(Int32(descending ? 1 : 0))
      }
      for shift in stride(from: 0, to: 8 * dtype.size, by: 8) {
        launch(.sort, "radix_count", [.type(key)], blocks: tiles, blocksY: rows.count, threads: 256) {
          $0.add(keys.0)
          $0.add(counts)
          $0.add(Int64(count))
          $0.add(Int32(shift))
        }
        launch(.sort, "radix_offsets", blocks: digits, blocksY: rows.count, threads: 256) {
          $0.add(counts)
          $0.add(totals)
          $0.add(Int64(tiles))
        }
        launch(.sort, "radix_scatter", [.type(key)], blocks: tiles, blocksY: rows.count, threads: 256) {
          $0.add(keys.0)
          $0.add(positions.0)
          $0.add(keys.1)
          $0.add(positions.1)
          $0.add(counts)
          $0.add(totals)
          $0.add(Int64(count))
          $0.add(Int32(shift))
        }
        swap(&keys.0, &keys.1)
        swap(&positions.0, &positions.1)
      }
      launch(.sort, "radix_finish", [.type(dtype)], blocks: (kept + 255) / 256, blocksY: rows.count, threads: 256) {
        $0.add(input.operand.pointer)
        $0.add(positions.0)
        $0.add(values.pointer)
        $0.add(indices.pointer)
        $0.add(Int64(rows.lowerBound))
        $0.add(Int64(count))
        $0.add(Int64(input.inner))
        $0.add(Int64(kept))
      }
    }
  }
}
