import EmberFormats
import EmberRuntime
public import EmberTensor

/// A decoder with its tokenizer: continues texts and answers in conversations, token by token.
///
/// ```swift
/// let model: LanguageModel = try Hub.load("smollm2")
/// try model.generate("Once upon a time", limit: 50, sampling: .greedy) { print($0, terminator: "") }
/// ```
public final class LanguageModel {
  public let model: Llama
  public let tokenizer: Tokenizer
  /// How messages become one text; nil for a model that was not trained on conversations.
  public let chatTemplate: ChatTemplate?
  /// Tokens that end an answer.
  public let endTokens: Set<Int>

  /// What the model has seen, so that a text that begins like the last one is not read anew.
  private var cache: KeyValueCache?
  private var seen: [Int] = []

  public init(_ model: Llama, _ tokenizer: Tokenizer, chatTemplate: ChatTemplate? = nil, endTokens: Set<Int> = []) {
    self.model = model
    self.tokenizer = tokenizer
    self.chatTemplate = chatTemplate
    self.endTokens = endTokens
  }

  /// Reads a GGUF file: model, tokenizer and chat template.
  public convenience init(gguf path: String) throws {
    let file = try GGUF.load(path)
    let tokenizer = try Tokenizer(file, source: path)
    func text(_ key: String) -> String { file[key]?.int.flatMap { tokenizer.token($0) } ?? "" }
    let template = try file["tokenizer.chat_template"]?.string.map {
      try ChatTemplate($0, beginToken: text("tokenizer.ggml.bos_token_id"), endToken: text("tokenizer.ggml.eos_token_id"))
    }
    let ends = ["eos_token_id", "eot_token_id", "eom_token_id"].compactMap { file["tokenizer.ggml.\($0)"]?.int }
    self.init(try Llama(file, source: path), tokenizer, chatTemplate: template, endTokens: Set(ends).union(Self.usualEnds(tokenizer)))
  }

  /// Reads a folder as Hugging Face lays it out: config.json, model.safetensors, tokenizer.json, and tokenizer_config.json or chat_template.jinja for
  /// the chat template.
  public convenience init(folder: String) throws {
    let tokenizer = try Tokenizer(contentsOf: "\(folder)/tokenizer.json")
    func config(_ name: String) throws -> JSON? {
      Files.exists("\(folder)/\(name)") ? try JSON.load("\(folder)/\(name)", in: "LanguageModel", limit: 1 << 26) : nil
    }
    let settings = try config("tokenizer_config.json")
    func token(_ key: String) -> String? { settings?[key]?.text ?? settings?[key]?["content"]?.text }
    var source = settings?["chat_template"]?.text
    if let named = settings?["chat_template"]?.items { source = named.first { $0["name"]?.text == "default" }?["template"]?.text }
    if Files.exists("\(folder)/chat_template.jinja") {
      let file = try FileBytes.reading("\(folder)/chat_template.jinja", in: "LanguageModel", limit: 1 << 24)
      source = file.withBytes { String(decoding: $0, as: UTF8.self) }
    }
    let template = try source.map { try ChatTemplate($0, beginToken: token("bos_token") ?? "", endToken: token("eos_token") ?? "") }
    var ends = Set([token("eos_token")].compactMap { $0 }.compactMap { tokenizer.number(of: $0) })
    for json in [try config("generation_config.json"), try config("config.json")] {
      if let end = json?["eos_token_id"] { ends.formUnion(end.integer.map { [$0] } ?? end.items?.compactMap(\.integer) ?? []) }
    }
    self.init(try Llama(folder: folder), tokenizer, chatTemplate: template, endTokens: ends.union(Self.usualEnds(tokenizer)))
  }

  /// What ends a turn in the usual templates, whatever a file says of it.
  private static func usualEnds(_ tokenizer: Tokenizer) -> [Int] {
    ["<|im_end|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>", "</s>", "<end_of_turn>"].compactMap { name in
      tokenizer.number(of: name).flatMap { tokenizer.isSpecial($0) ? $0 : nil }
    }
  }

  /// Continues a text until an end token, the limit, the end of the model's context, or until `receive` returns false.
  ///
  /// - Parameters:
  ///   - limit: the most tokens to generate.
  ///   - receive: gets the new text, piece by piece.
  /// - Returns: the new tokens.
  @discardableResult
  public func generate(
    _ prompt: String, limit: Int = 256, sampling: Sampling = Sampling(), generator: Generator? = nil, _ receive: (String) -> Bool
  ) throws -> [Int] {
    var stream = TokenStream(tokenizer)
    let tokens = try generate(tokenizer.encode(prompt).numbers, limit: limit, sampling: sampling, generator: generator) { token in
      let text = try stream.append(token)
      return text.isEmpty || receive(text)
    }
    let rest = try stream.finish()
    if !rest.isEmpty { _ = receive(rest) }
    return tokens
  }

  /// The same, for texts that are always wanted whole.
  @discardableResult
  public func generate(
    _ prompt: String, limit: Int = 256, sampling: Sampling = Sampling(), generator: Generator? = nil, _ receive: (String) -> Void
  ) throws -> [Int] {
    try generate(prompt, limit: limit, sampling: sampling, generator: generator) {
      receive($0)
      return true
    }
  }

  /// The answer to a conversation; see `generate`.
  @discardableResult
  public func reply(
    to messages: [ChatMessage], limit: Int = 512, sampling: Sampling = Sampling(), generator: Generator? = nil, _ receive: (String) -> Bool
  ) throws -> String {
    guard let chatTemplate else {
      throw EmberError(.unsupported, in: "LanguageModel", "the model has no chat template: it was not trained on conversations; use generate")
    }
    var stream = TokenStream(tokenizer)
    var answer = ""
    let text = try chatTemplate.render(messages, addsGenerationPrompt: true)
    // Marks of beginnings are in the template already.
    try generate(tokenizer.encode(text, addsSpecialTokens: false).numbers, limit: limit, sampling: sampling, generator: generator) { token in
      let text = try stream.append(token)
      answer += text
      return text.isEmpty || receive(text)
    }
    let rest = try stream.finish()
    if !rest.isEmpty { _ = receive(rest) }
    return answer + rest
  }

  /// Continues tokens; see above. `receive` gets each new token but an end token.
  @discardableResult
  public func generate(
    _ prompt: [Int], limit: Int = 256, sampling: Sampling = Sampling(), generator: Generator? = nil, _ receive: (Int) throws -> Bool
  ) throws -> [Int] {
    guard !prompt.isEmpty else { throw EmberError(.value, in: "LanguageModel", "there is no text to continue, not even a token that marks its beginning") }
    let context = model.configuration.contextLength
    guard prompt.count < context else {
      throw EmberError(.value, in: "LanguageModel", "\(prompt.count) tokens leave no room in a context of \(context)")
    }
    // What is the same as the last time has been read, but for the last token, whose logits are wanted.
    var common = zip(prompt, seen).prefix { $0 == $1 }.count
    common = min(common, prompt.count - 1)
    if cache == nil { cache = model.makeCache() }
    cache?.truncate(to: common)
    seen = Array(prompt[..<common])
    var result: [Int] = []
    var next = Array(prompt[common...])
    while result.count < limit, seen.count + next.count <= context {
      let tokens = next
      let token = try catchingErrors {
        noGrad {
          let logits = model.logits(Tensor(tokens.map { Int64($0) }).unsqueeze(0), cache: &cache, lastOnly: true)
          return Int(sampling.draw(logits.select(1, 0), generator: generator).item(as: Int64.self))
        }
      }
      seen += tokens
      if endTokens.contains(token) { break }
      result.append(token)
      if try !receive(token) { break }
      next = [token]
    }
    return result
  }

  /// Forgets what was read.
  public func reset() {
    cache = nil
    seen = []
  }
}
