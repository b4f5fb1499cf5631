import EmberRuntime

extension CUDABackend {
  /// How often each of 0 ..< bins occurs among int64 numbers, or with what total weight: a dense output of int64, or of the weights' dtype,
  /// float32 or float64.
  package func countValues(_ x: Operand, bins: Int, weights: Operand?, into counts: Operand) {
    let count = x.shape.elementCount
    fillZero(counts.pointer, byteCount: bins * counts.dtype.size)
    if count * bins == 0 { return }
    launch(
      .histograms, "count_values", [.type(counts.dtype)], blocks: min(quotientRoundedUp(count, 1024), multiprocessorCount * 8),
      threads: 256
    ) {
      $0.add(x.pointer)
      $0.add(Int64(count))
      $0.add(Int64(bins))
      $0.add(weights?.pointer)
      $0.add(counts.pointer)
      $0.addErrorWord("bincount")
    }
  }
}
