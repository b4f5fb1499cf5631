public import EmberFormats
import EmberRuntime

extension Tokenizer {
  /// The tokenizer that a GGUF file brings in its metadata: byte pair encoding over bytes (`gpt2`), or SentencePiece's with scores (`llama`).
  public init(_ file: GGUFFile, source: String) throws {
    func bad(_ message: String) -> EmberError { EmberError(.file, in: "Tokenizer", "\(source): \(message)") }
    guard let tokens = file["tokenizer.ggml.tokens"]?.strings, !tokens.isEmpty else { throw bad("it has no tokenizer.ggml.tokens") }
    let types = file["tokenizer.ggml.token_type"]?.ints ?? []
    guard types.isEmpty || types.count == tokens.count else { throw bad("\(types.count) token_type for \(tokens.count) tokens") }
    // ggml's kinds: 1 normal, 2 unknown, 3 control, 4 added by users, 5 unused, 6 byte.
    let added = types.enumerated().filter { $0.element == 3 || $0.element == 4 }.map { number, type in
      var token = AddedToken(tokens[number], number: number, isSpecial: type == 3)
      token.isNormalized = false
      return token
    }
    func flag(_ key: String) -> Bool? { file["tokenizer.ggml.\(key)"]?.bool }
    func number(_ key: String) -> Int? { file["tokenizer.ggml.\(key)"]?.int.flatMap { tokens.indices.contains($0) ? $0 : nil } }
    let vocabulary = TokenVocabulary(tokens.enumerated().map { (token: $1, number: $0) })
    let kind = file["tokenizer.ggml.model"]?.string ?? ""
    func template(addsBegin: Bool) -> TokenTemplate {
      let begin: [TokenTemplate.Part] = (flag("add_bos_token") ?? addsBegin) ? number("bos_token_id").map { [.tokens([$0], type: 0)] } ?? [] : []
      let end: [TokenTemplate.Part] = (flag("add_eos_token") ?? false) ? number("eos_token_id").map { [.tokens([$0], type: 0)] } ?? [] : []
      let single = begin + [.text(isSecond: false, type: 0)] + end
      return TokenTemplate(single: single, pair: single + [.text(isSecond: true, type: 0)] + end)
    }
    switch kind {
    case "gpt2":
      guard let lines = file["tokenizer.ggml.merges"]?.strings else { throw bad("it has no tokenizer.ggml.merges") }
      let merges = try lines.map { line -> (String, String) in
        let bytes = line.utf8
        guard let space = bytes.firstIndex(of: 0x20) else { throw bad("a merge that is no pair of tokens") }
        return (String(line[..<space]), String(line[bytes.index(after: space)...]))
      }
      let style = file["tokenizer.ggml.pre"]?.string ?? "default"
      guard let preTokenizer = try Self.preTokenizer(style) else {
        throw EmberError(.unsupported, in: "Tokenizer", "\(source): words are cut as in \(style.debugDescription), which is not known")
      }
      var options = BytePairModel.Options()
      options.ignoresMergesOfTokens = style == "llama-bpe"
      try self.init(
        model: BytePairModel(vocabulary, merges: merges, options), preTokenizer: preTokenizer, template: template(addsBegin: style == "llama-bpe"),
        decoder: ByteLevelDecoder(), addedTokens: added)
    case "llama":
      // SentencePiece merges the neighbours that make the token with the best score.
      guard case .doubles(let scores)? = file["tokenizer.ggml.scores"], scores.count == tokens.count else { throw bad("scores for \(tokens.count) tokens are missing") }
      let ranked = tokens.indices.filter { types.isEmpty || types[$0] == 1 }.sorted { (scores[$1], $0) < (scores[$0], $1) }
      var options = BytePairModel.Options()
      options.unknown = number("unknown_token_id").map { tokens[$0] }
      options.fusesUnknown = true
      options.fallsBackToBytes = true
      let marks = Replace(pattern: .text(" "), content: "▁")
      let normalizer: any Normalizer = (flag("add_space_prefix") ?? true) ? NormalizerSequence(steps: [Prepend(prefix: "▁"), marks]) : marks
      try self.init(
        model: BytePairModel(vocabulary, merges: Self.merges(of: ranked.map { tokens[$0] }, vocabulary), options), normalizer: normalizer,
        template: template(addsBegin: true),
        decoder: TokenDecoderSequence(steps: [
          ReplaceDecoder(replacing: Replace(pattern: .text("▁"), content: " ")), ByteFallbackDecoder(), FuseDecoder(),
          StripDecoder(content: " ", start: flag("add_space_prefix") ?? true ? 1 : 0, stop: 0),
        ]), addedTokens: added)
    default: throw EmberError(.unsupported, in: "Tokenizer", "\(source): a tokenizer of the kind \(kind.debugDescription); gpt2 and llama are supported")
    }
  }

  /// All ways to put tokens together out of two others, those of the best tokens first. Tokens of more than 256 characters are left whole:
  /// SentencePiece makes none of more than a few dozen, and the time that the ways take grows with the square of the length.
  private static func merges(of tokens: [String], _ vocabulary: TokenVocabulary) -> [(String, String)] {
    tokens.flatMap { token -> [(String, String)] in
      guard token.utf8.count <= 4 * 256, token.unicodeScalars.count <= 256 else { return [] }
      return token.unicodeScalars.indices.dropFirst().compactMap { cut in
        let pair = (String(token[..<cut]), String(token[cut...]))
        return vocabulary[pair.0] != nil && vocabulary[pair.1] != nil ? pair : nil
      }
    }
  }

  /// How a model of llama.cpp's names cuts words; nil for one that is not known.
  private static func preTokenizer(_ style: String) throws -> (any PreTokenizer)? {
    func pattern(_ text: String) throws -> any PreTokenizer {
      PreTokenizerSequence(steps: [
        SplitAtPattern(pattern: .expression(try RegularExpression(text)), behavior: .isolated, isInverted: false),
        ByteLevelPreTokenizer(addsPrefixSpace: false, splitsWords: false),
      ])
    }
    let words = ByteLevelPreTokenizer(addsPrefixSpace: false)
    switch style {
    case "default", "gpt-2", "phi-2", "jina-en", "jina-es", "jina-de", "mpt", "olmo": return words
    case "smollm", "starcoder", "refact", "command-r", "codeshell": return PreTokenizerSequence(steps: [SplitDigits(isIndividual: true), words])
    case "llama-bpe", "llama3", "llama-v3", "dbrx", "smaug-bpe":
      return try pattern(
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#)
    case "qwen2", "stablelm2":
      return try pattern(#"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#)
    default: return nil
    }
  }
}
