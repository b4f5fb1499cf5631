import EmberRuntime

extension CUDABackend {
  /// The distinct elements of a dense array in ascending order, or of its runs of equal neighbours in theirs; which of them each element is,
  /// and how often each occurs. Returns how many there are, after waiting for the device; nil for what the kernels do not take.
  package func distinct(_ x: Operand, isConsecutive: Bool, values: Operand, inverse: Operand, counts: Operand) -> Int? {
    let n = x.shape.elementCount, dtype = x.dtype
    guard dtype.isReducible, !dtype.isComplex, n > 0, n < 1 << 31 else { return nil }
    func list(_ pointer: UnsafeMutableRawPointer, _ dtype: DType) -> Operand {
      Operand(pointer: pointer, dtype: dtype, shape: [n], strides: Strides([1]))
    }
    // Numbers of runs, where they begin, then what only sorting needs; elements last, which may be narrow.
    let words = (isConsecutive ? 2 : 3) * n + 1
    return withScratch(words * 8 + n + (isConsecutive ? 0 : n * dtype.size + 16)) { scratch in
      let numbers = scratch, starts = scratch + n * 8
      let order = isConsecutive ? nil : starts + (n + 1) * 8
      var elements = x, end = scratch + words * 8
      if let order {
        elements = list(end, dtype)
        end += (n * dtype.size + 15) & ~15
        let all = AxisOperand(x, outer: 1, count: n, inner: 1, strides: (n, 1, 1))
        guard sort(all, descending: false, values: elements, indices: list(order, .int64)) else { return nil }
      }
      let begins = list(end, .uint8)
      launch(.distinct, "mark_runs", [.type(dtype)], blocks: quotientRoundedUp(n, 256), threads: 256) {
        $0.add(elements.pointer)
        $0.add(begins.pointer)
        $0.add(Int64(n))
      }
      let flags = AxisOperand(begins, outer: 1, count: n, inner: 1, strides: (n, 1, 1))
      guard scan(.sum, flags, reverse: false, into: list(numbers, .int64), indices: nil) else { return nil }
      launch(.distinct, "collect_runs", [.type(dtype)], blocks: quotientRoundedUp(n, 256), threads: 256) {
        for pointer in [elements.pointer, begins.pointer, numbers, order, values.pointer, inverse.pointer, starts] { $0.add(pointer) }
        $0.add(Int64(n))
      }
      var runs: Int64 = 0
      copyToHost(numbers + (n - 1) * 8, to: &runs, byteCount: 8)
      launch(.distinct, "count_runs", blocks: quotientRoundedUp(Int(runs), 256), threads: 256) {
        $0.add(starts)
        $0.add(counts.pointer)
        $0.add(runs)
      }
      return Int(runs)
    } ?? nil
  }
}
