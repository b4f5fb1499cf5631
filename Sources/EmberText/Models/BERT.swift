import EmberFormats
import EmberFunctional
public import EmberNN
import EmberRuntime
public import EmberTensor

/// An encoder of text: blocks of self-attention and a two-layer network, normalised after each (Devlin et al., arXiv:1810.04805). Token
/// numbers [batch, time] to features [batch, time, width].
///
/// Parameters are named as in Hugging Face's checkpoints: `encoder.layer.0.attention.self.query.weight`.
open class BERT: Module {
  public struct Configuration: Sendable, Hashable {
    public var vocabularySize = 30522
    /// The longest sequence.
    public var contextLength = 512
    /// Kinds of segments: 2, the first text and the second.
    public var typeCount = 2
    public var layers = 12
    public var heads = 12
    /// Features of a token.
    public var width = 768
    /// Features between the two layers of a block's network.
    public var innerWidth = 3072
    public var normEps = 1e-12
    public var dropout = 0.1
    public var activation = TextActivation.gelu
    /// Whether there is a layer for the first token's features, as there is for classifying.
    public var hasPooler = true

    public init() {}

    /// Reads a config.json of Hugging Face's `transformers`.
    public init(contentsOf path: String) throws {
      let config = try ModelConfiguration(contentsOf: path)
      vocabularySize = try config.size("vocab_size")
      contextLength = try config.size("max_position_embeddings")
      typeCount = try config.size("type_vocab_size", default: 2)
      layers = try config.size("num_hidden_layers")
      heads = try config.size("num_attention_heads")
      width = try config.size("hidden_size")
      innerWidth = try config.size("intermediate_size")
      normEps = config.real("layer_norm_eps") ?? 1e-12
      dropout = config.real("hidden_dropout_prob") ?? 0.1
      activation = try config.activation("hidden_act")
      let positions = config.text("position_embedding_type") ?? "absolute"
      guard positions == "absolute" else { throw config.bad("position_embedding_type is \(positions); only absolute is supported") }
      if let problem { throw config.bad(problem) }
    }

    /// What is wrong with these numbers.
    fileprivate var problem: String? {
      if heads < 1 || width % heads != 0 { return "a width of \(width) does not divide among \(heads) heads" }
      return layers > 10_000 ? "\(layers) layers; at most 10,000 are possible" : nil
    }
  }

  public let configuration: Configuration
  private let embeddings: BERTEmbeddings
  private let encoder: BERTStack
  private let pooler: BERTPooler?

  /// - Parameter device: `.meta` for a model whose weights will be assigned (`loadStateDict(_:strict:assign:)`).
  public init(_ configuration: Configuration = Configuration(), on device: Device = .cpu) {
    let c = configuration
    if let problem = c.problem { raise(EmberError(.value, in: "BERT", problem)) }
    self.configuration = c
    embeddings = BERTEmbeddings(c, on: device)
    encoder = BERTStack(c, on: device)
    pooler = c.hasPooler ? BERTPooler(c, on: device) : nil
    super.init()
  }

  /// A model with its weights from a folder as Hugging Face lays it out (config.json, model.safetensors), ready to be used. Weights stay in
  /// the mapped file as long as nobody changes them.
  public convenience init(folder: String) throws {
    var configuration = try Configuration(contentsOf: "\(folder)/config.json")
    // Checkpoints of models with a head have the encoder under a name of its own, and the head besides.
    let tensors = try Safetensors.loadFolder(folder).map { (name: Self.plainName($0.name), tensor: $0.tensor) }
    configuration.hasPooler = tensors.contains { $0.name.hasPrefix("pooler.") }
    self.init(configuration, on: .meta)
    let known = Set(stateDict().map(\.name))
    try loadStateDict(tensors.filter { known.contains($0.name) }, assign: true)
    eval()
  }

  private static func plainName(_ name: String) -> String {
    var name = name.hasPrefix("bert.") ? String(name.dropFirst(5)) : name
    for (old, new) in [(".gamma", ".weight"), (".beta", ".bias")] where name.hasSuffix("LayerNorm" + old) { name = name.dropLast(old.count) + new }
    return name
  }

  /// The features of every token, [batch, time, width].
  ///
  /// - Parameters:
  ///   - tokens: [batch, time].
  ///   - mask: [batch, time], true or 1 for tokens that count.
  ///   - types: [batch, time], 0 for the first text and 1 for the second; all 0 if left out.
  public final func features(_ tokens: Tensor, mask: Tensor? = nil, types: Tensor? = nil) -> Tensor {
    guard tokens.rank == 2, tokens.shape[1] <= configuration.contextLength else {
      raise(
        EmberError(
          .shape, in: "BERT", "tokens of shape \(tokens.shape); expected [batch, time] of at most \(configuration.contextLength) in time"))
      return .poison
    }
    // Every query sees the same keys.
    let seen = mask.map { $0.to(.bool).unsqueeze(1).unsqueeze(1) }
    return encoder.run(embeddings.run(tokens, types: types), mask: seen)
  }

  /// The features of each text as a whole, from its first token: [batch, width].
  public final func pooled(_ features: Tensor) -> Tensor {
    let first = features.select(1, 0)
    return pooler?(first) ?? first
  }
}

/// The functions between the layers of text models.
public enum TextActivation: String, Sendable {
  case gelu
  case geluTanh = "gelu_new"
  case relu
  case silu

  func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .gelu: x.gelu()
    case .geluTanh: x.gelu(approximate: .tanh)
    case .relu: x.relu()
    case .silu: x.silu()
    }
  }
}

private final class BERTEmbeddings: Module {
  let wordEmbeddings: Embedding
  let positionEmbeddings: Embedding
  let tokenTypeEmbeddings: Embedding
  let layerNorm: LayerNorm
  let dropout: Dropout

  init(_ c: BERT.Configuration, on device: Device) {
    wordEmbeddings = Embedding(c.vocabularySize, c.width, on: device)
    positionEmbeddings = Embedding(c.contextLength, c.width, on: device)
    tokenTypeEmbeddings = Embedding(c.typeCount, c.width, on: device)
    layerNorm = LayerNorm([c.width], eps: c.normEps, on: device)
    dropout = Dropout(c.dropout)
    super.init()
  }

  override func reflectedMembers() -> [(name: String, value: Any)] { super.reflectedMembers().map(renamingNorm) }

  func run(_ tokens: Tensor, types: Tensor?) -> Tensor {
    let positions = positionEmbeddings.weight.narrow(0, start: 0, length: tokens.shape[1])
    let kinds = types.map { tokenTypeEmbeddings($0) } ?? tokenTypeEmbeddings.weight.narrow(0, start: 0, length: 1)
    return dropout(layerNorm(wordEmbeddings(tokens) + kinds + positions))
  }
}

/// Checkpoints write it in the manner of a class.
private func renamingNorm(_ member: (name: String, value: Any)) -> (name: String, value: Any) {
  member.name == "layer_norm" ? (name: "LayerNorm", value: member.value) : member
}

private final class BERTStack: Module {
  let layer: [BERTBlock]

  init(_ c: BERT.Configuration, on device: Device) {
    layer = (0..<c.layers).map { _ in BERTBlock(c, on: device) }
    super.init()
  }

  func run(_ input: Tensor, mask: Tensor?) -> Tensor { layer.reduce(input) { $1.run($0, mask: mask) } }
}

private final class BERTBlock: Module {
  let attention: BERTAttention
  let intermediate: BERTDense
  let output: BERTOutput
  private let activation: TextActivation

  init(_ c: BERT.Configuration, on device: Device) {
    attention = BERTAttention(c, on: device)
    intermediate = BERTDense(c.width, c.innerWidth, on: device)
    output = BERTOutput(c.innerWidth, c, on: device)
    activation = c.activation
    super.init()
  }

  func run(_ input: Tensor, mask: Tensor?) -> Tensor {
    let x = attention.run(input, mask: mask)
    return output.run(activation(intermediate.dense(x)), residual: x)
  }
}

private final class BERTDense: Module {
  let dense: Linear

  init(_ inFeatures: Int, _ outFeatures: Int, on device: Device) {
    dense = Linear(inFeatures, outFeatures, on: device)
    super.init()
  }
}

/// A layer whose outcome is added to what came before it, and normalised.
private final class BERTOutput: Module {
  let dense: Linear
  let layerNorm: LayerNorm
  let dropout: Dropout

  init(_ inFeatures: Int, _ c: BERT.Configuration, on device: Device) {
    dense = Linear(inFeatures, c.width, on: device)
    layerNorm = LayerNorm([c.width], eps: c.normEps, on: device)
    dropout = Dropout(c.dropout)
    super.init()
  }

  override func reflectedMembers() -> [(name: String, value: Any)] { super.reflectedMembers().map(renamingNorm) }

  func run(_ input: Tensor, residual: Tensor) -> Tensor { layerNorm(dropout(dense(input)) + residual) }
}

private final class BERTAttention: Module {
  let projections: BERTProjections
  let output: BERTOutput
  private let heads: Int
  private let dropout: Double

  init(_ c: BERT.Configuration, on device: Device) {
    projections = BERTProjections(c, on: device)
    output = BERTOutput(c.width, c, on: device)
    heads = c.heads
    dropout = c.dropout
    super.init()
  }

  /// A property could be called `self`, but nobody could read it.
  override func reflectedMembers() -> [(name: String, value: Any)] {
    super.reflectedMembers().map { $0.name == "projections" ? (name: "self", value: $0.value) : $0 }
  }

  func run(_ input: Tensor, mask: Tensor?) -> Tensor {
    let shape = Array(input.shape)
    func split(_ x: Tensor) -> Tensor { x.reshape([shape[0], shape[1], heads, -1]).permute([0, 2, 1, 3]) }
    let y = split(projections.query(input)).scaledDotProductAttention(
      split(projections.key(input)), split(projections.value(input)), mask: mask, dropout: isTraining ? dropout : 0)
    return output.run(y.permute([0, 2, 1, 3]).reshape(shape), residual: input)
  }
}

private final class BERTProjections: Module {
  let query: Linear
  let key: Linear
  let value: Linear

  init(_ c: BERT.Configuration, on device: Device) {
    query = Linear(c.width, c.width, on: device)
    key = Linear(c.width, c.width, on: device)
    value = Linear(c.width, c.width, on: device)
    super.init()
  }
}

private final class BERTPooler: Module, Layer {
  let dense: Linear

  init(_ c: BERT.Configuration, on device: Device) {
    dense = Linear(c.width, c.width, on: device)
    super.init()
  }

  func forward(_ input: Tensor) -> Tensor { dense(input).tanh() }
}
