public import EmberFormats
import EmberFunctional
import EmberRuntime
import EmberTensor
import Glibc

extension Llama {
  public struct Configuration: Sendable, Hashable {
    public var vocabularySize = 32000
    /// The longest sequence.
    public var contextLength = 4096
    public var layers = 32
    /// Heads of queries.
    public var heads = 32
    /// Heads of keys and values, which several heads of queries share.
    public var keyHeads = 32
    /// Features of a token.
    public var width = 4096
    /// Features of a head.
    public var headWidth = 128
    /// Features between the layers of a block's network.
    public var innerWidth = 11008
    public var normEps = 1e-5
    /// Whether the embedding serves as the output layer.
    public var tiesEmbeddings = false
    /// Whether queries, keys and values have biases, as in Qwen2.
    public var hasAttentionBias = false
    public var rotary = Rotary()

    /// Rotary positions.
    public struct Rotary: Sendable, Hashable {
      public var base = 10000.0
      /// Whether the features of a pair are neighbours, as llama.cpp orders Llama's.
      public var isInterleaved = false
      public var scaling = Scaling.none

      /// How positions beyond those of the training are made to fit.
      public enum Scaling: Sendable, Hashable {
        case none
        /// All positions are divided.
        case linear(Double)
        /// Llama 3.1: slow angles are divided, fast ones stay, those between partly.
        case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, trainedLength: Double)
      }

      public init() {}
    }

    public init() {}

    /// What is wrong with it.
    var problem: String? {
      if heads < 1 || keyHeads < 1 || heads % keyHeads != 0 { return "\(heads) heads do not divide among \(keyHeads) heads of keys" }
      if headWidth < 2 || headWidth % 2 != 0 { return "heads of \(headWidth) features: rotary positions need an even number" }
      if contextLength < 1 || layers < 1 { return "\(layers) layers for \(contextLength) tokens; there must be at least one of each" }
      if contextLength > 1 << 20 || layers > 10_000 { return "\(layers) layers for \(contextLength) tokens; at most 10,000 and 1,048,576 are possible" }
      // Angles are computed for all positions at once.
      if headWidth > 1 << 16 || contextLength * headWidth > 1 << 27 || heads * headWidth > 100_000_000 {
        return "\(heads) heads of \(headWidth) features for \(contextLength) tokens; at most 65,536 features, 134,217,728 for all tokens and "
          + "100,000,000 in all heads are possible"
      }
      return nil
    }

    /// Reads a config.json of Hugging Face's `transformers`.
    public init(contentsOf path: String) throws {
      let config = try ModelConfiguration(contentsOf: path)
      let kind = config.text("model_type") ?? "llama"
      guard ["llama", "mistral", "qwen2"].contains(kind) else { throw config.bad("model_type is \(kind); llama, mistral and qwen2 are supported") }
      vocabularySize = try config.size("vocab_size")
      contextLength = try config.size("max_position_embeddings")
      layers = try config.size("num_hidden_layers")
      heads = try config.size("num_attention_heads")
      keyHeads = try config.size("num_key_value_heads", default: heads)
      width = try config.size("hidden_size")
      headWidth = config["head_dim"]?.integer ?? width / heads
      innerWidth = try config.size("intermediate_size")
      normEps = config.real("rms_norm_eps") ?? 1e-6
      tiesEmbeddings = config.flag("tie_word_embeddings") ?? false
      hasAttentionBias = config.flag("attention_bias") ?? (kind == "qwen2")
      let rope = config["rope_parameters"] ?? config["rope_scaling"]
      rotary.base = config.real("rope_theta") ?? rope?["rope_theta"]?.real ?? 10000
      switch rope?["rope_type"]?.text ?? rope?["type"]?.text ?? "default" {
      case "default": break
      case "linear": rotary.scaling = .linear(rope?["factor"]?.real ?? 1)
      case "llama3":
        rotary.scaling = .llama3(
          factor: rope?["factor"]?.real ?? 8, lowFrequency: rope?["low_freq_factor"]?.real ?? 1, highFrequency: rope?["high_freq_factor"]?.real ?? 4,
          trainedLength: rope?["original_max_position_embeddings"]?.real ?? 8192)
      case let other: throw config.bad("positions are scaled by \(other); linear and llama3 are supported")
      }
      if let activation = config.text("hidden_act"), activation != "silu" { throw config.bad("hidden_act is \(activation); only silu is supported") }
      if let window = config["sliding_window"]?.integer, config.flag("use_sliding_window") ?? (kind == "mistral") {
        contextLength = Swift.min(contextLength, window)
      }
      if config.flag("mlp_bias") ?? false { throw config.bad("mlp_bias is set, which is not supported") }
      if let problem { throw config.bad(problem) }
    }

    /// Reads the metadata of a GGUF file.
    public init(_ file: GGUFFile, source: String) throws {
      func bad(_ message: String) -> EmberError { EmberError(.file, in: "Llama", "\(source): \(message)") }
      let kind = file["general.architecture"]?.string ?? ""
      guard ["llama", "qwen2"].contains(kind) else {
        throw bad("a model of the architecture \(kind.debugDescription); llama and qwen2 are supported")
      }
      func size(_ key: String, default standard: Int? = nil) throws -> Int {
        guard let value = file["\(kind).\(key)"]?.int ?? standard, (1...100_000_000).contains(value) else { throw bad("\(kind).\(key) is missing or no size") }
        return value
      }
      guard let table = file.entry("token_embd.weight"), table.shape.count == 2 else { throw bad("it has no token_embd.weight") }
      vocabularySize = table.shape[0]
      contextLength = try size("context_length")
      layers = try size("block_count")
      heads = try size("attention.head_count")
      keyHeads = try size("attention.head_count_kv", default: heads)
      width = try size("embedding_length")
      headWidth = try size("attention.key_length", default: Swift.max(1, width / heads))
      innerWidth = try size("feed_forward_length")
      normEps = file["\(kind).attention.layer_norm_rms_epsilon"]?.double ?? 1e-5
      tiesEmbeddings = file.entry("output.weight") == nil
      hasAttentionBias = file.entry("blk.0.attn_q.bias") != nil
      rotary.base = file["\(kind).rope.freq_base"]?.double ?? 10000
      rotary.isInterleaved = kind == "llama"
      if let factor = file["\(kind).rope.scaling.factor"]?.double, file["\(kind).rope.scaling.type"]?.string == "linear" { rotary.scaling = .linear(factor) }
      guard try size("rope.dimension_count", default: headWidth) == headWidth else { throw bad("only a part of each head turns, which is not supported") }
      if let experts = file["\(kind).expert_count"]?.int, experts > 0 { throw bad("a mixture of \(experts) experts, which is not supported") }
      if let problem { throw bad(problem) }
    }

    /// Angles for all positions, computed in float32 as PyTorch's models do.
    ///
    /// - Parameter divisors: divide the frequencies one by one, as some GGUF files bring them.
    func rotaryTable(divisors: [Float]? = nil) -> RotaryTable {
      let half = headWidth / 2
      var frequencies = (0..<half).map { 1 / powf(Float(rotary.base), Float(2 * $0) / Float(headWidth)) }
      switch rotary.scaling {
      case .none: break
      case .linear(let factor): frequencies = frequencies.map { $0 / Float(factor) }
      case .llama3(let factor, let low, let high, let length):
        frequencies = frequencies.map { frequency in
          let wavelength = 2 * Double.pi / Double(frequency)
          if wavelength < length / high { return frequency }
          if wavelength > length / low { return frequency / Float(factor) }
          let share = (length / wavelength - low) / (high - low)
          return Float((1 - share) * Double(frequency) / factor + share * Double(frequency))
        }
      }
      if let divisors, divisors.count == half { frequencies = zip(frequencies, divisors).map { $0 / $1 } }
      let angles = (0..<contextLength).flatMap { position in frequencies.map { Float(position) * $0 } }
      return RotaryTable(
        cosines: Tensor(angles.map { cosf($0) }).reshape([contextLength, half]), sines: Tensor(angles.map { sinf($0) }).reshape([contextLength, half]),
        isInterleaved: rotary.isInterleaved)
    }
  }
}
