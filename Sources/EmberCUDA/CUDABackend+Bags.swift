import EmberRuntime

/// How the rows of a bag are gathered. Raw values are those of the kernels.
package enum BagReduction: Int {
  case sum = 0
  case mean, maximum
}

extension CUDABackend {
  /// Sums, means or maxima [bags, features] of the rows table[indices[i]] for offsets[b] ≤ i < offsets[b + 1], without those of index
  /// `padding`, each times weights[i] if given. For maxima `winners` gets the rows' numbers. Everything is dense; indices were checked.
  package func embeddingBag(
    _ reduction: BagReduction, table: Operand, indices: Operand, offsets: Operand, weights: Operand?, padding: Int?, into output: Operand,
    winners: Operand?
  ) {
    let bags = output.shape[unchecked: 0], features = output.shape[unchecked: 1]
    if bags * features == 0 { return }
    var log = 0
    while log < 8, 1 << log < features { log += 1 }
    launch(
      .bags, "embedding_bag", [.type(table.dtype), .number(reduction.rawValue)], blocks: quotientRoundedUp(bags, 256 >> log),
      blocksY: min(65535, quotientRoundedUp(features, 1 << log)), threads: 256
    ) {
      $0.add(table.pointer)
      $0.add(indices.pointer)
      $0.add(offsets.pointer)
      $0.add(weights?.pointer)
      $0.add(Int64(padding ?? -1))
      $0.add(output.pointer)
      $0.add(winners?.pointer)
      $0.add(Int64(bags))
      $0.add(Int64(features))
      $0.add(Int32(log))
    }
  }
}
