import EmberRuntime

/// How the rows of a segment are gathered. Raw values are those of the kernels.
package enum SegmentGathering: Int {
  case sum = 0
  case mean, maximum, minimum, product
}

extension CUDABackend {
  /// y[s, k] = the reduction of `initial` and x[r, k] for starts[s] ≤ r < ends[s]; x [rows, inner] and y [segments, inner] dense float32 or
  /// float64.
  package func segmentReduce(
    _ reduction: SegmentGathering, _ x: Operand, starts: [Int64], ends: [Int64], initial: Double, into y: Operand
  ) {
    let segments = starts.count
    let inner = x.shape[unchecked: 1]
    let results = segments * inner
    if results == 0 { return }
    // Narrow rows leave threads over, which then share each result.
    let lanes = inner < 32 && x.shape[unchecked: 0] > 8 * segments ? 32 : 1
    withScratch(segments * 16) { bounds in
      copyFromHost(starts, to: bounds, byteCount: segments * 8)
      copyFromHost(ends, to: bounds + segments * 8, byteCount: segments * 8)
      launch(
        .segments, "segment_reduce", [.type(x.dtype), .number(reduction.rawValue)], blocks: quotientRoundedUp(results * lanes, 256),
        threads: 256
      ) {
        $0.add(x.pointer)
        $0.add(bounds)
        $0.add(bounds + segments * 8)
        $0.add(initial, as: x.dtype)
        $0.add(y.pointer)
        $0.add(Int64(segments))
        $0.add(Int64(inner))
        $0.add(Int32(lanes))
      }
    }
  }
}

extension LaunchArguments {
  /// A number as float32 or float64.
  mutating func add(_ number: Double, as dtype: DType) {
    if dtype == .float64 { add(number) } else { add(Float(number)) }
  }
}
