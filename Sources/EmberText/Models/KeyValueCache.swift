import EmberRuntime
public import EmberTensor

/// Keys and values of the tokens that a decoder has seen, by layer: [batch, heads, time, features]. New ones are written behind those that are there,
/// into memory that is taken in large pieces, so that a token costs the same however many came before.
public struct KeyValueCache: Sendable {
  /// Tokens seen.
  public var count = 0
  /// The most tokens that there will be, if that is known. Memory grows twofold, and no further.
  public let capacity: Int?
  private var layers: [(key: Tensor, value: Tensor)?]
  /// Memory of a fixed size that others read as well.
  private var memory: StaticKeyValueCache?

  public init(layers: Int, capacity: Int? = nil) {
    self.capacity = capacity
    self.layers = Array(repeating: nil, count: layers)
  }

  /// An empty one in memory that is there already.
  init(in memory: StaticKeyValueCache) {
    self.init(layers: 0, capacity: memory.capacity)
    self.memory = memory
  }

  /// Adds to a layer and returns all it has. Positions count for all layers: `count` is set once a token went through all of them.
  public mutating func append(_ key: Tensor, _ value: Tensor, layer: Int) -> (key: Tensor, value: Tensor) {
    if let memory { return memory.write(key, value, layer: layer, at: count) }
    let end = count + key.shape[2]
    var room = layers[layer]?.key.shape[2] ?? 0
    if room < end {
      // A context of many tokens is rarely filled.
      room = Swift.max(end, Swift.min(Swift.max(2 * room, end, 64), capacity ?? .max))
      func grown(_ old: Tensor?, _ new: Tensor) -> Tensor {
        var memory = Tensor.zeros([new.shape[0], new.shape[1], room, new.shape[3]], dtype: new.dtype, on: new.device)
        if let old, count > 0 { memory[.all, .all, 0..<count] = old.narrow(2, start: 0, length: count) }
        return memory
      }
      layers[layer] = (grown(layers[layer]?.key, key), grown(layers[layer]?.value, value))
    }
    layers[layer]!.key[.all, .all, count..<end] = key
    layers[layer]!.value[.all, .all, count..<end] = value
    let all = layers[layer]!
    return (all.key.narrow(2, start: 0, length: end), all.value.narrow(2, start: 0, length: end))
  }

  /// Forgets the tokens from a position on.
  public mutating func truncate(to count: Int) { self.count = Swift.min(self.count, Swift.max(0, count)) }

  /// Which of all tokens each of the new ones, the last, may see: [new, all].
  static func mask(new: Int, all: Int, on device: Device) -> Tensor {
    Tensor.arange(all, on: device) .<= Tensor.arange(.integer(Int64(all - new)), .integer(Int64(all)), on: device).unsqueeze(1)
  }
}
