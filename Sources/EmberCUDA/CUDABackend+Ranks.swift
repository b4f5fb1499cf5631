import EmberRuntime

/// Which element of each row is chosen. Raw values of `choice` are those of the kernels.
package enum RankChoice {
  /// The rank counts from 0.
  case rank(Int)
  case median(ignoresNaN: Bool)
}

extension CUDABackend {
  /// Where each value would be inserted into sorted rows: all into one, or each row of `perRow` values into a row of its own. Dense, of one
  /// real dtype.
  package func searchSorted(_ sorted: Operand, isShared: Bool, _ values: Operand, perRow: Int, right: Bool, into places: Operand) {
    let total = values.shape.elementCount, rank = sorted.shape.rank
    let extent = sorted.shape[unchecked: rank - 1]
    launch(.ranks, "search_sorted", [.type(values.dtype)], blocks: quotientRoundedUp(total, 256), threads: 256) {
      $0.add(sorted.pointer)
      $0.add(values.pointer)
      $0.add(places.pointer)
      for number in [extent, isShared ? 0 : extent, perRow, total] { $0.add(Int64(number)) }
      $0.add(Int32(right ? 1 : 0))
    }
  }

  /// An element of each row by its rank, and its position. False for dtypes and extents that the kernel does not take.
  package func elementOfRank(_ choice: RankChoice, _ input: AxisOperand, values: Operand, indices: Operand) -> Bool {
    let dtype = input.operand.dtype
    // Positions take 31 bits.
    guard dtype.isReducible, !dtype.isComplex, input.count < 1 << 31 else { return false }
    let (rank, code): (Int, Int32) =
      switch choice {
      case .rank(let rank): (rank, 0)
      case .median(let ignoresNaN): (0, ignoresNaN ? 2 : 1)
      }
    launch(
      .ranks, "element_of_rank", [.type(dtype)], blocks: input.outer * input.inner,
      threads: input.count <= 64 ? 32 : input.count <= 1024 ? 128 : 512
    ) {
      $0.add(input.operand.pointer)
      $0.add(values.pointer)
      $0.add(indices.pointer)
      $0.add(Int64(input.count))
      $0.add(Int64(input.inner))
      $0.add(Int64(rank))
      $0.add(code)
    }
    return true
  }
}
