import EmberFormats
import EmberFunctional
public import EmberNN
import EmberRuntime
public import EmberTensor

/// A decoder of the kind of Llama: normalisation by the root mean square before each part of a block, rotary positions, heads that share keys and
/// values, gated networks (Touvron et al., arXiv:2302.13971; Ainslie et al., arXiv:2305.13245). Mistral, Qwen2 and SmolLM are of the kind. Token
/// numbers [batch, time] to logits [batch, time, vocabulary].
///
/// Parameters are named as in Hugging Face's checkpoints: `model.layers.0.self_attn.q_proj.weight`. From a GGUF file the matrices stay packed.
open class Llama: Module, Layer {
  public let configuration: Configuration
  private let model: LlamaBody
  /// Nil where the embedding serves as the output layer as well.
  private let lmHead: (any Layer<Tensor, Tensor>)?
  private let rotary: RotaryTable

  /// - Parameter device: `.meta` for a model whose weights will be assigned (`loadStateDict(_:strict:assign:)`).
  public convenience init(_ configuration: Configuration, on device: Device = .cpu) {
    if let problem = configuration.problem { raise(EmberError(.value, in: "Llama", problem)) }
    self.init(configuration, from: NewLlamaParts(device: device))
    if device != .meta {
      for module in modules() {
        if let layer = module as? Linear { Init.normal(layer.$weight, std: 0.02) }
        if let table = module as? Embedding { Init.normal(table.$weight, std: 0.02) }
      }
    }
  }

  init<Parts: LlamaParts>(_ configuration: Configuration, from parts: Parts, rotary: RotaryTable? = nil) {
    self.configuration = configuration
    model = LlamaBody(configuration, parts)
    lmHead = configuration.tiesEmbeddings ? nil : parts.linear("output", configuration.width, configuration.vocabularySize, hasBias: false)
    self.rotary = rotary ?? configuration.rotaryTable()
    super.init()
  }

  /// A model with its weights from a folder as Hugging Face lays it out (config.json, model.safetensors), ready to be used.
  public convenience init(folder: String) throws {
    let configuration = try Configuration(contentsOf: "\(folder)/config.json")
    let tensors = try Safetensors.loadFolder(folder)
    self.init(configuration, on: .meta)
    let known = Set(stateDict().map(\.name))
    // Old checkpoints hold what follows from the configuration, and tied weights twice.
    let surplus = tensors.filter { !known.contains($0.name) && !$0.name.hasSuffix("rotary_emb.inv_freq") && $0.name != "lm_head.weight" }
    if let other = surplus.first {
      throw EmberError(.value, in: "Llama", "\(folder): it holds \(other.name) and \(surplus.count - 1) other tensors that the model does not have")
    }
    try loadStateDict(tensors.filter { known.contains($0.name) }, assign: true)
    eval()
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
    guard tokens.rank == 2, time > 0, start + time <= configuration.contextLength else {
      raise(
        EmberError(
          .shape, in: "Llama",
          "tokens \(tokens.shape) after \(start) in the cache: [batch, time] of at most \(configuration.contextLength) in all are expected"))
      return .poison
    }
    let positions = rotary.positions(start, time)
    var x = model.embedTokens(tokens)
    for (i, layer) in model.layers.enumerated() { x = layer.run(x, positions, layer: i, cache: &cache) }
    cache?.count += time
    if lastOnly { x = x.narrow(1, start: time - 1, length: 1) }
    x = model.norm(x)
    if let lmHead { return lmHead(x) }
    return (model.embedTokens as? any TokenEmbedding)?.logits(x) ?? .poison
  }

  /// A cache for one text of this model.
  ///
  /// - Parameter capacity: how many tokens it will hold at most; by default the model's context.
  public final func makeCache(capacity: Int? = nil) -> KeyValueCache {
    KeyValueCache(layers: configuration.layers, capacity: Swift.min(capacity ?? configuration.contextLength, configuration.contextLength))
  }
}

/// Where a decoder's layers come from: made anew, or packed in a file. Names are GGUF's.
protocol LlamaParts {
  func linear(_ name: String, _ inFeatures: Int, _ outFeatures: Int, hasBias: Bool) -> any Layer<Tensor, Tensor>
  func norm(_ name: String, _ features: Int, eps: Double) -> RMSNorm
  func embedding(_ name: String, _ entries: Int, _ features: Int) -> any Layer<Tensor, Tensor>
}

/// A table of tokens' features that also says how alike features are to each token's.
protocol TokenEmbedding {
  func logits(_ features: Tensor) -> Tensor
}

extension Embedding: TokenEmbedding {
  func logits(_ features: Tensor) -> Tensor { features.linear(weight) }
}

struct NewLlamaParts: LlamaParts {
  let device: Device

  func linear(_ name: String, _ inFeatures: Int, _ outFeatures: Int, hasBias: Bool) -> any Layer<Tensor, Tensor> {
    Linear(inFeatures, outFeatures, bias: hasBias, on: device)
  }
  func norm(_ name: String, _ features: Int, eps: Double) -> RMSNorm { RMSNorm([features], eps: eps, on: device) }
  func embedding(_ name: String, _ entries: Int, _ features: Int) -> any Layer<Tensor, Tensor> { Embedding(entries, features, on: device) }
}

private final class LlamaBody: Module {
  let embedTokens: any Layer<Tensor, Tensor>
  let layers: [LlamaBlock]
  let norm: RMSNorm

  init<Parts: LlamaParts>(_ c: Llama.Configuration, _ parts: Parts) {
    embedTokens = parts.embedding("token_embd", c.vocabularySize, c.width)
    layers = (0..<c.layers).map { LlamaBlock(c, parts, "blk.\($0)") }
    norm = parts.norm("output_norm", c.width, eps: c.normEps)
    super.init()
  }
}

private final class LlamaBlock: Module {
  let selfAttn: LlamaAttention
  let mlp: LlamaNetwork
  let inputLayernorm: RMSNorm
  let postAttentionLayernorm: RMSNorm

  init<Parts: LlamaParts>(_ c: Llama.Configuration, _ parts: Parts, _ name: String) {
    selfAttn = LlamaAttention(c, parts, name)
    mlp = LlamaNetwork(c, parts, name)
    inputLayernorm = parts.norm("\(name).attn_norm", c.width, eps: c.normEps)
    postAttentionLayernorm = parts.norm("\(name).ffn_norm", c.width, eps: c.normEps)
    super.init()
  }

  func run(_ input: Tensor, _ positions: RotaryTable, layer: Int, cache: inout KeyValueCache?) -> Tensor {
    let x = input + selfAttn.run(inputLayernorm(input), positions, layer: layer, cache: &cache)
    return x + mlp(postAttentionLayernorm(x))
  }
}

private final class LlamaAttention: Module {
  let qProj: any Layer<Tensor, Tensor>
  let kProj: any Layer<Tensor, Tensor>
  let vProj: any Layer<Tensor, Tensor>
  let oProj: any Layer<Tensor, Tensor>
  private let heads: Int
  private let keyHeads: Int
  private let headWidth: Int

  init<Parts: LlamaParts>(_ c: Llama.Configuration, _ parts: Parts, _ name: String) {
    qProj = parts.linear("\(name).attn_q", c.width, c.heads * c.headWidth, hasBias: c.hasAttentionBias)
    kProj = parts.linear("\(name).attn_k", c.width, c.keyHeads * c.headWidth, hasBias: c.hasAttentionBias)
    vProj = parts.linear("\(name).attn_v", c.width, c.keyHeads * c.headWidth, hasBias: c.hasAttentionBias)
    oProj = parts.linear("\(name).attn_output", c.heads * c.headWidth, c.width, hasBias: false)
    heads = c.heads
    keyHeads = c.keyHeads
    headWidth = c.headWidth
    super.init()
  }

  func run(_ input: Tensor, _ positions: RotaryTable, layer: Int, cache: inout KeyValueCache?) -> Tensor {
    let batch = input.shape[0], time = input.shape[1], group = heads / keyHeads
    let query = qProj(input).reshape([batch, time, heads, headWidth]).rotated(by: positions)
    var key = kProj(input).reshape([batch, time, keyHeads, headWidth]).rotated(by: positions).permute([0, 2, 1, 3])
    var value = vProj(input).reshape([batch, time, keyHeads, headWidth]).permute([0, 2, 1, 3])
    if cache != nil { (key, value) = cache!.append(key, value, layer: layer) }
    if time == 1 {
      // A single new token sees everything. Heads that share a key are queries of it, so that no key is copied or read twice.
      let y = query.reshape([batch, keyHeads, group, headWidth]).scaledDotProductAttention(key, value)
      return oProj(y.reshape([batch, 1, heads * headWidth]))
    }
    let queries = query.reshape([batch, time, keyHeads, group, headWidth]).permute([0, 2, 3, 1, 4])
    let all = key.shape[2]
    let mask = all > time ? KeyValueCache.mask(new: time, all: all, on: input.device) : nil
    let y = queries.scaledDotProductAttention(key.unsqueeze(2), value.unsqueeze(2), mask: mask, isCausal: mask == nil)
    return oProj(y.permute([0, 3, 1, 2, 4]).reshape([batch, time, heads * headWidth]))
  }
}

private final class LlamaNetwork: Module, Layer {
  let gateProj: any Layer<Tensor, Tensor>
  let upProj: any Layer<Tensor, Tensor>
  let downProj: any Layer<Tensor, Tensor>

  /// silu(gate) · up in one pass.
  private static let gated = Pointwise("silu_product") { gate, up in gate * sigmoid(gate) * up }

  init<Parts: LlamaParts>(_ c: Llama.Configuration, _ parts: Parts, _ name: String) {
    gateProj = parts.linear("\(name).ffn_gate", c.width, c.innerWidth, hasBias: false)
    upProj = parts.linear("\(name).ffn_up", c.width, c.innerWidth, hasBias: false)
    downProj = parts.linear("\(name).ffn_down", c.innerWidth, c.width, hasBias: false)
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor { downProj(Self.gated(gateProj(input), upProj(input))) }
}
