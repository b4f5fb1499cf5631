import EmberCUDA
import EmberRuntime
import EmberTensor

/// Keys and values of texts that an NVIDIA GPU continues, in memory that never moves, with the texts themselves: how far each has come is
/// known to the device alone, so that a recording of one token's launches serves for all of them.
final class StaticKeyValueCache: Sendable {
  let backend: CUDABackend
  /// The most tokens that have keys and values.
  let capacity: Int
  /// [batch, heads, capacity, features] by layer.
  let layers: [(key: Tensor, value: Tensor)]
  /// Tokens, int64 [batch, capacity + 1]. Those before the newest one may be missing.
  let text: Tensor
  /// Where each text's newest token lies in it, int64 [batch]: as many keys and values there are.
  let positions: Tensor
  private let counters: Tensor

  init(
    layers: Int, batch: Int, heads: Int, keyHeads: Int, capacity: Int, features: Int, dtype: DType, on backend: CUDABackend
  ) {
    self.backend = backend
    self.capacity = capacity
    let device = backend.device
    self.layers = (0..<layers).map { _ in
      func memory() -> Tensor { Tensor.empty([batch, keyHeads, capacity, features], dtype: dtype, on: device) }
      return (memory(), memory())
    }
    text = Tensor.empty([batch, capacity + 1], dtype: .int64, on: device)
    positions = Tensor.empty([batch], dtype: .int64, on: device)
    counters = Tensor.zeros([CUDABackend.decodingCounters(batch: batch, heads: heads)], dtype: .int32, on: device)
  }

  /// Writes keys and values [batch, heads, time, features] from a position on, and returns all up to their end.
  func write(_ key: Tensor, _ value: Tensor, layer: Int, at start: Int) -> (key: Tensor, value: Tensor) {
    let time = key.shape[2]
    func written(_ new: Tensor, _ memory: Tensor) -> Tensor {
      if new.isPoisoned { return new }
      backend.copy(new.operand, to: memory.operand.part(2, start: start, count: time))
      return memory.narrow(2, start: 0, length: start + time)
    }
    return (written(key, layers[layer].key), written(value, layers[layer].value))
  }

  /// Attention of one query for each text, [batch, heads, features], to all keys, after the new ones [batch, key heads, features] were
  /// added.
  func attention(_ q: Operand, newKey: Operand, newValue: Operand, layer: Int, scale: Double, into y: Operand) {
    backend.decodingAttention(
      q, newKey: newKey, newValue: newValue, keys: layers[layer].key.operand, values: layers[layer].value.operand, positions: positions.operand,
      counters: counters.operand, scale: scale, into: y, overlaps: true)
  }

  /// All texts have as many keys and values, of the tokens up to but without the one that comes next.
  func begin(after count: Int) {
    backend.copy(Tensor.full([positions.shape[0]], .integer(Int64(count - 1)), on: backend.device).operand, to: positions.operand)
  }

  /// Appends the likeliest token of each text's logits [batch, vocabulary], or one that was chosen, [batch, 1].
  func append(_ logits: Operand, chosen: Tensor? = nil) {
    if chosen?.isPoisoned == true { return }
    backend.decodingAppend(logits, chosen: chosen?.operand, to: text.operand, positions: positions.operand, overlaps: true)
    withExtendedLifetime(chosen) {}
  }
}
