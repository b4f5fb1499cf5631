import EmberFormats
import EmberRuntime
public import EmberTensor

/// Sentences as vectors: near each other where the sentences mean the like (Reimers and Gurevych, "Sentence-BERT", arXiv:1908.10084).
///
/// ```swift
/// let encoder: SentenceEncoder = try Hub.load("minilm")
/// let vectors = try encoder.encode(["A man eats.", "Someone is having lunch."])   // [2, 384]
/// ```
public struct SentenceEncoder {
  /// How the features of a text's tokens become one vector.
  public enum Pooling: Sendable { case mean, firstToken, maximum }

  public let model: BERT
  public let tokenizer: Tokenizer
  public let pooling: Pooling
  /// Whether vectors have length 1.
  public let normalizes: Bool

  /// - Parameter tokenizer: its truncation and padding are replaced by what the model needs.
  public init(_ model: BERT, _ tokenizer: Tokenizer, pooling: Pooling = .mean, normalizes: Bool = true, length: Int? = nil) {
    self.model = model
    self.pooling = pooling
    self.normalizes = normalizes
    var tokenizer = tokenizer
    let context = model.configuration.contextLength
    tokenizer.truncation = Tokenizer.Truncation(length: Swift.min(length ?? context, context))
    let padding = tokenizer.padding?.token ?? tokenizer.number(of: "[PAD]") ?? tokenizer.number(of: "<pad>") ?? 0
    tokenizer.padding = Tokenizer.Padding(token: padding)
    self.tokenizer = tokenizer
  }

  /// Reads a folder as `sentence-transformers` writes it: config.json, model.safetensors, tokenizer.json; modules.json, 1_Pooling/config.json and
  /// sentence_bert_config.json say how vectors are made (without them: the mean, of length 1).
  public init(folder: String) throws {
    func config(_ name: String) throws -> JSON? {
      Files.exists("\(folder)/\(name)") ? try JSON.load("\(folder)/\(name)", in: "SentenceEncoder", limit: 1 << 24) : nil
    }
    var pooling = Pooling.mean
    var normalizes = true
    if let steps = try config("modules.json")?.items {
      normalizes = steps.contains { $0["type"]?.text?.hasSuffix("Normalize") ?? false }
      for step in steps {
        let type = step["type"]?.text ?? ""
        guard ["Transformer", "Pooling", "Normalize"].contains(where: { type.hasSuffix($0) }) else {
          throw EmberError(.unsupported, in: "SentenceEncoder", "\(folder)/modules.json: a step \(JSON.quoted(type))")
        }
      }
    }
    if let settings = try config("1_Pooling/config.json") {
      let kinds: [(String, Pooling)] = [
        ("pooling_mode_mean_tokens", .mean), ("pooling_mode_cls_token", .firstToken), ("pooling_mode_max_tokens", .maximum),
      ]
      let chosen = kinds.filter { settings[$0.0]?.flag ?? false }
      guard chosen.count == 1 else {
        throw EmberError(
          .unsupported, in: "SentenceEncoder", "\(folder)/1_Pooling/config.json: \(chosen.count) kinds of pooling of mean, cls and max; one is needed")
      }
      pooling = chosen[0].1
    }
    self.init(
      try BERT(folder: folder), try Tokenizer(contentsOf: "\(folder)/tokenizer.json"), pooling: pooling, normalizes: normalizes,
      length: try config("sentence_bert_config.json")?["max_seq_length"]?.integer)
  }

  /// The vectors of sentences: [sentences, width], float32. Those of like length are computed together.
  public func encode(_ sentences: [String], batchSize: Int = 32) throws -> Tensor {
    if sentences.isEmpty { return Tensor.zeros([0, model.configuration.width]) }
    let order = sentences.indices.sorted { (sentences[$0].utf8.count, $0) < (sentences[$1].utf8.count, $1) }
    let step = Swift.max(1, batchSize)
    let parts = try stride(from: 0, to: order.count, by: step).map { start in
      try encode(together: order[start..<Swift.min(start + step, order.count)].map { sentences[$0] })
    }
    var places = [Int64](repeating: 0, count: order.count)
    for (place, index) in order.enumerated() { places[index] = Int64(place) }
    return cat(parts, dim: 0).indexSelect(0, Tensor(places))
  }

  /// The vector of one sentence: [width].
  public func encode(_ sentence: String) throws -> Tensor { try encode([sentence]).select(0, 0) }

  private func encode(together sentences: [String]) throws -> Tensor {
    let texts = try tokenizer.encode(sentences)
    return noGrad {
      let shape = [texts.count, texts[0].count]
      func tensor(_ part: (TokenizedText) -> [Int]) -> Tensor { Tensor(texts.flatMap { part($0).map { Int64($0) } }).reshape(shape) }
      return vectors(tensor(\.numbers), mask: tensor(\.attentionMask), types: tensor(\.types))
    }
  }

  /// The vectors of texts as the tokenizer gives them: tokens, 1 where one counts, and the kinds of segments, each int64 [texts, time].
  public func vectors(_ tokens: Tensor, mask: Tensor, types: Tensor? = nil) -> Tensor {
    let features = model.features(tokens, mask: mask, types: types)
    let counts = mask.unsqueeze(-1).to(features.dtype)
    var vectors: Tensor
    switch pooling {
    case .firstToken: vectors = features.select(1, 0)
    case .mean: vectors = (features * counts).sum([1]) / counts.sum([1]).clamp(min: 1e-9)
    case .maximum: vectors = features.maskedFill(counts .== 0, .real(-1e9)).amax([1])
    }
    if normalizes { vectors = vectors / (vectors * vectors).sum([1], keepDim: true).sqrt().clamp(min: 1e-12) }
    return vectors
  }
}
