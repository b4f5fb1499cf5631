import EmberFunctional
public import EmberNN
import EmberRuntime
public import EmberTensor

/// A language model of the kind of GPT-2: blocks of causal self-attention and a two-layer network, normalised before each
/// (Radford et al., "Language Models are Unsupervised Multitask Learners", 2019). Token numbers [batch, time] to logits [batch, time, vocabulary].
///
/// Parameters are named as in the published checkpoints (`h.0.attn.c_attn.weight`), with weights as [out, in]; the embedding also serves as the
/// output layer.
open class GPT2: Module, Layer {
  public struct Configuration: Sendable, Hashable {
    public var vocabularySize: Int
    /// The longest sequence.
    public var contextLength: Int
    public var layers: Int
    public var heads: Int
    /// Features of a token.
    public var width: Int
    public var dropout: Double

    public init(vocabularySize: Int = 50257, contextLength: Int = 1024, layers: Int = 12, heads: Int = 12, width: Int = 768, dropout: Double = 0.1) {
      self.vocabularySize = vocabularySize
      self.contextLength = contextLength
      self.layers = layers
      self.heads = heads
      self.width = width
      self.dropout = dropout
    }
  }

  public let configuration: Configuration
  let wte: Embedding
  let wpe: Embedding
  let drop: Dropout
  let h: [GPT2Block]
  let ln_f: LayerNorm
  /// What generating on an NVIDIA GPU keeps for the next time.
  let decoding = GPT2Decoding()

  public init(_ configuration: Configuration = Configuration()) {
    let c = configuration
    if c.heads < 1 || c.width % Swift.max(c.heads, 1) != 0 {
      raise(EmberError(.value, in: "GPT2", "a width of \(c.width) does not divide among \(c.heads) heads"))
    }
    self.configuration = c
    wte = Embedding(c.vocabularySize, c.width)
    wpe = Embedding(c.contextLength, c.width)
    drop = Dropout(c.dropout)
    h = (0..<c.layers).map { _ in GPT2Block(c) }
    ln_f = LayerNorm(c.width)
    super.init()
    for (name, module) in namedModules() {
      if let layer = module as? Linear {
        // What is added to the stream of a token shrinks with the number of additions.
        Init.normal(layer.$weight, std: name.hasSuffix("c_proj") ? 0.02 / Double(2 * c.layers).squareRoot() : 0.02)
        if let bias = layer.biasCell { Init.zeros(bias) }
      } else if let table = module as? Embedding {
        Init.normal(table.$weight, std: 0.02)
      }
    }
  }

  open func forward(_ tokens: Tensor) -> Tensor {
    var cache: KeyValueCache?
    return logits(tokens, cache: &cache)
  }

  /// The logits of tokens that follow those in the cache, to which their keys and values are added. Without a cache they stand alone.
  ///
  /// - Parameter lastOnly: only those of the last token, [batch, 1, vocabulary].
  public final func logits(_ tokens: Tensor, cache: inout KeyValueCache?, lastOnly: Bool = false) -> Tensor {
    let start = cache?.count ?? 0, time = tokens.shape[-1]
    guard start + time <= configuration.contextLength else {
      raise(
        EmberError(
          .shape, in: "GPT2", "\(start) tokens in the cache and \(time) more are longer than the context of \(configuration.contextLength)"))
      return .poison
    }
    let positions = Tensor.arange(.integer(Int64(start)), .integer(Int64(start + time)), on: tokens.device)
    var x = drop(wte(tokens) + wpe(positions))
    for (i, block) in h.enumerated() { x = block.run(x, layer: i, cache: &cache) }
    cache?.count += time
    if lastOnly { x = x.narrow(1, start: time - 1, length: 1) }
    return ln_f.forProduct(x).linear(wte.weight)
  }

  /// Continues a text: [batch, time] to [batch, time + count].
  ///
  /// On an NVIDIA GPU the tokens up to the end of the context come from a recording (`CUDAGraph`) of what one takes, over memory that the
  /// model keeps for the next call, and no token waits for the host.
  ///
  /// - Parameters:
  ///   - temperature: divides the logits; 0 takes the likeliest token each time.
  ///   - topK: draws among this many likeliest tokens only.
  public final func generate(
    _ prompt: Tensor, count: Int, temperature: Double = 1, topK: Int? = nil, generator: Generator? = nil
  ) -> Tensor {
    let sampling = Sampling(temperature: temperature, topK: topK)
    return noGrad {
      var tokens = prompt
      var made = 0
      if let new = generatedOnGPU(prompt, count: count, sampling, generator) {
        tokens = cat([prompt, new], dim: -1)
        made = new.shape[1]
      }
      var cache: KeyValueCache? = KeyValueCache(layers: configuration.layers)
      var next = tokens
      for _ in made..<Swift.max(count, made) {
        if tokens.shape[-1] > configuration.contextLength || (cache?.count ?? 0) + next.shape[-1] > configuration.contextLength {
          // The context is full: begin anew with its later half, so that this is rare.
          let keep = Swift.max(1, configuration.contextLength / 2)
          next = tokens.narrow(-1, start: tokens.shape[-1] - keep, length: keep)
          cache = KeyValueCache(layers: configuration.layers)
        }
        let all = logits(next, cache: &cache)
        let last = all.select(1, all.shape[1] - 1)
        next = sampling.draw(last, generator: generator)
        tokens = cat([tokens, next], dim: -1)
      }
      return tokens
    }
  }
}

final class GPT2Block: Module {
  let ln_1: LayerNorm
  let attn: GPT2Attention
  let ln_2: LayerNorm
  let mlp: GPT2Network

  init(_ c: GPT2.Configuration) {
    ln_1 = LayerNorm(c.width)
    attn = GPT2Attention(c)
    ln_2 = LayerNorm(c.width)
    mlp = GPT2Network(c)
    super.init()
  }

  func run(_ input: Tensor, layer: Int, cache: inout KeyValueCache?) -> Tensor {
    let x = input + attn.run(ln_1.forProduct(input), layer: layer, cache: &cache)
    return x + mlp(ln_2.forProduct(x))
  }
}

final class GPT2Attention: Module {
  let c_attn: Linear
  let c_proj: Linear
  private let heads: Int
  private let dropout: Double

  init(_ c: GPT2.Configuration) {
    c_attn = Linear(c.width, 3 * c.width)
    c_proj = Linear(c.width, c.width)
    heads = c.heads
    dropout = c.dropout
    super.init()
  }

  func run(_ input: Tensor, layer: Int, cache: inout KeyValueCache?) -> Tensor {
    let shape = Array(input.shape)
    // [batch, time, 3 · width] to three of [batch, heads, time, features].
    let parts = c_attn(input).split(shape[2], dim: -1).map { $0.reshape([shape[0], shape[1], heads, -1]).permute([0, 2, 1, 3]) }
    var key = parts[1], value = parts[2]
    if cache != nil { (key, value) = cache!.append(key, value, layer: layer) }
    // A single new token sees everything that is cached; several at once see each other up to themselves.
    let isCausal = shape[1] > 1
    let mask = isCausal && key.shape[2] > shape[1] ? KeyValueCache.mask(new: shape[1], all: key.shape[2], on: input.device) : nil
    let y = parts[0].scaledDotProductAttention(
      key, value, mask: mask, dropout: isTraining ? dropout : 0, isCausal: isCausal && mask == nil)
    return c_proj(y.permute([0, 2, 1, 3]).reshape(shape)).dropout(dropout, training: isTraining)
  }
}

final class GPT2Network: Module, Layer {
  let c_fc: Linear
  let c_proj: Linear
  private let dropout: Double

  init(_ c: GPT2.Configuration) {
    c_fc = Linear(c.width, 4 * c.width)
    c_proj = Linear(4 * c.width, c.width)
    dropout = c.dropout
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor {
    c_proj(c_fc(input).gelu(approximate: .tanh)).dropout(dropout, training: isTraining)
  }
}
