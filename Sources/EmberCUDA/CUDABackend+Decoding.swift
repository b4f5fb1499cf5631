import EmberRuntime

/// One more token of texts that stand at positions known to the device (`decoding.cuh`).
extension CUDABackend {
  /// As many parts as a head's keys are split into at most; the kernel's `most_splits`.
  private static let mostSplits = 64

  /// Whether launches of some thread are being recorded (`CUDAGraph`), so that nothing can be waited for.
  package var isRecording: Bool { allocator.isRecording }

  /// Whether there is a kernel for heads of this many features of this type. They are read 16 bytes at a time.
  package static func takesDecoding(_ dtype: DType, features: Int) -> Bool {
    guard dtype == .float32 || dtype == .float16 || dtype == .bfloat16 else { return false }
    return features > 0 && features <= 256 && features * dtype.size % 16 == 0
  }

  /// How many words of 32 bits, all 0 at first, count the parts that are done.
  package static func decodingCounters(batch: Int, heads: Int) -> Int { batch * heads }

  /// y [batch, heads · features] = softmax(scale · q keysᵀ) values for one new query each, whose key and value are added to those that are
  /// kept.
  ///
  /// - Parameters:
  ///   - q: [batch, heads, features]; features side by side, all else at multiples of 16 bytes. Of newKey and newValue, [batch, key heads,
  ///     features], the same is true.
  ///   - keys: [batch, key heads, capacity, features], dense, as are the values.
  ///   - positions: int64 [batch], how many keys there were. Beyond the capacity nothing is done.
  ///   - counters: `decodingCounters` words, 0 before and after.
  ///   - overlaps: may begin before the launch in front of it has ended, which then writes neither positions nor keys and values.
  package func decodingAttention(
    _ q: Operand, newKey: Operand, newValue: Operand, keys: Operand, values: Operand, positions: Operand, counters: Operand, scale: Double,
    into y: Operand, overlaps: Bool = false
  ) {
    let (batch, heads, features) = (q.shape[unchecked: 0], q.shape[unchecked: 1], q.shape[unchecked: 2])
    let (keyHeads, capacity) = (keys.shape[unchecked: 1], keys.shape[unchecked: 2])
    if batch * heads * capacity == 0 { return }
    let group = heads / keyHeads, together = group == 1 ? 1 : group == 2 ? 2 : 4
    let width = features <= 32 ? 32 : features <= 64 ? 64 : features <= 128 ? 128 : 256
    let units = batch * keyHeads * quotientRoundedUp(group, together)
    let splits = min(Self.mostSplits, quotientRoundedUp(capacity, 64), max(1, 4 * multiprocessorCount / units))
    withScratch(units * together * splits * (width + 2) * 4) { partials in
      launch(
        .decoding, "decoding_attention", [.type(q.dtype), .number(width), .number(together)], blocks: splits, blocksY: units, threads: 128,
        overlaps: overlaps
      ) {
        for pointer in [
          q.pointer, newKey.pointer, newValue.pointer, keys.pointer, values.pointer, positions.pointer, partials, counters.pointer, y.pointer,
        ] { $0.add(pointer) }
        $0.align(8)
        for number in [heads, keyHeads, features, splits] { $0.add(Int32(number)) }
        $0.add(Int64(capacity))
        for operand in [q, newKey, newValue] {
          $0.add(Int64(operand.strides[0]))
          $0.add(Int64(operand.strides[1]))
        }
        $0.add(Float(scale))
      }
    }
  }

  /// y [batch, width] = each text's newest token's row of the table, plus its place's row of `places`.
  ///
  /// - Parameter text: int64 [batch, length], dense; the newest token lies at the text's position.
  package func decodingEmbed(_ table: Operand, places: Operand?, text: Operand, positions: Operand, into y: Operand) {
    let (batch, width) = (y.shape[unchecked: 0], y.shape[unchecked: 1])
    launch(.decoding, "decoding_embed", [.type(table.dtype)], blocks: quotientRoundedUp(width, 256), blocksY: batch, threads: 256) {
      for pointer in [table.pointer, places?.pointer, text.pointer] { $0.add(pointer) }
      $0.add(Int64(text.shape[unchecked: 1]))
      $0.add(positions.pointer)
      $0.add(y.pointer)
      $0.add(Int64(width))
    }
  }

  /// Appends to each text the likeliest token of its logits [batch, vocabulary], dense, or the one chosen (int64 [batch]); positions move
  /// on.
  package func decodingAppend(_ logits: Operand, chosen: Operand? = nil, to text: Operand, positions: Operand, overlaps: Bool = false) {
    launch(.decoding, "decoding_append", [.type(logits.dtype)], blocks: text.shape[unchecked: 0], threads: 1024, overlaps: overlaps) {
      for pointer in [logits.pointer, chosen?.pointer, text.pointer] { $0.add(pointer) }
      $0.add(Int64(text.shape[unchecked: 1]))
      $0.add(positions.pointer)
      $0.add(Int64(logits.shape[unchecked: 1]))
    }
  }
}
