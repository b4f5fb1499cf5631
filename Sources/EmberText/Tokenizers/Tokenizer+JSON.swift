import EmberFormats
import EmberRuntime

extension Tokenizer {
  /// Reads a tokenizer.json. Errors are of kind `.file`; steps that Ember does not know are refused by name, of kind `.unsupported`.
  public init(contentsOf path: String) throws {
    self = try TokenizerReader(source: path).tokenizer(JSON.load(path, in: "Tokenizer"))
  }

  /// Reads a tokenizer.json that is in memory.
  public init(parsing bytes: [UInt8], source: String = "tokenizer.json") throws {
    self = try bytes.withUnsafeBytes { try TokenizerReader(source: source).tokenizer(JSON.parse($0, source: source, in: "Tokenizer")) }
  }
}

/// Builds the steps of a tokenizer from what tokenizer.json says of them.
private struct TokenizerReader {
  let source: String

  func bad(_ message: String) -> EmberError { EmberError(.file, in: "Tokenizer", "\(source): \(message)") }

  func unsupported(_ what: String, _ type: String, _ known: String) -> EmberError {
    EmberError(.unsupported, in: "Tokenizer", "\(source): the \(what) \(JSON.quoted(type)) is not known; known are \(known)")
  }

  func tokenizer(_ json: JSON) throws -> Tokenizer {
    guard let modelJSON = json.given("model") else { throw bad("it has no model") }
    let model = try model(modelJSON)
    let added = try (json.given("added_tokens")?.items ?? []).map(addedToken)
    var tokenizer = try Tokenizer(
      model: model, normalizer: try json.given("normalizer").map(normalizer), preTokenizer: try json.given("pre_tokenizer").map(preTokenizer),
      template: try json.given("post_processor").map { try template($0) ?? .plain } ?? .plain, decoder: try json.given("decoder").map(decoder),
      addedTokens: added)
    if let truncation = json.given("truncation") {
      var settings = Tokenizer.Truncation(length: try size(truncation, "max_length"))
      settings.isFromLeft = truncation["direction"]?.text == "Left"
      settings.strategy = truncation["strategy"]?.text.flatMap(Tokenizer.Truncation.Strategy.init) ?? .longestFirst
      tokenizer.truncation = settings
    }
    if let padding = json.given("padding") {
      var settings = Tokenizer.Padding(token: padding["pad_id"]?.integer ?? 0)
      if let strategy = padding["strategy"], strategy.members != nil { settings.length = try size(strategy, "Fixed") }
      settings.type = padding["pad_type_id"]?.integer ?? 0
      settings.isOnLeft = padding["direction"]?.text == "Left"
      if padding.given("pad_to_multiple_of") != nil { settings.multiple = try size(padding, "pad_to_multiple_of") }
      tokenizer.padding = settings
    }
    return tokenizer
  }

  private func size(_ json: JSON, _ key: String) throws -> Int {
    guard let value = json[key]?.integer, (0...(1 << 24)).contains(value) else { throw bad("\(key) is no length") }
    return value
  }

  private func number(_ json: JSON?, _ what: String) throws -> Int {
    guard let value = json?.integer, (0..<Int(Int32.max)).contains(value) else { throw bad("\(what) has no number, or none that a token can have") }
    return value
  }

  private func text(_ json: JSON, _ key: String) throws -> String {
    guard let value = json[key]?.text else { throw bad("\(key) is missing or no text") }
    return value
  }

  private func steps(_ json: JSON, _ key: String) throws -> [JSON] {
    guard let items = json[key]?.items else { throw bad("\(key) is missing or no list") }
    return items
  }

  private func scalar(_ json: JSON, _ key: String) throws -> Unicode.Scalar {
    let scalars = Array(try text(json, key).unicodeScalars)
    guard scalars.count == 1 else { throw bad("\(key) is no single character") }
    return scalars[0]
  }

  private func addedToken(_ json: JSON) throws -> AddedToken {
    var token = AddedToken(
      try text(json, "content"), number: try number(json["id"], "an added token"), isSpecial: json["special"]?.flag ?? false)
    token.isSingleWord = json["single_word"]?.flag ?? false
    token.takesSpacesBefore = json["lstrip"]?.flag ?? false
    token.takesSpacesAfter = json["rstrip"]?.flag ?? false
    token.isNormalized = json["normalized"]?.flag ?? !token.isSpecial
    return token
  }

  private func pattern(_ json: JSON?) throws -> TextPattern {
    if let text = json?.text ?? json?["String"]?.text { return .text(text) }
    if let expression = json?["Regex"]?.text { return .expression(try RegularExpression(expression)) }
    throw bad("a pattern that is neither a String nor a Regex")
  }

  // MARK: - Models

  private func model(_ json: JSON) throws -> any TokenModel {
    let type = json["type"]?.text ?? (json.given("merges") != nil ? "BPE" : json["vocab"]?.items != nil ? "Unigram" : "WordPiece")
    switch type {
    case "WordPiece":
      return WordPieceModel(
        try vocabulary(json), unknown: json["unk_token"]?.text ?? "[UNK]", continuation: json["continuing_subword_prefix"]?.text ?? "##",
        longestWord: json["max_input_chars_per_word"]?.integer ?? 100)
    case "WordLevel":
      let vocabulary = try vocabulary(json)
      return WordLevelModel(vocabulary: vocabulary, unknown: json["unk_token"]?.text.flatMap { vocabulary[$0] })
    case "BPE":
      var options = BytePairModel.Options()
      options.unknown = json["unk_token"]?.text
      options.continuation = json["continuing_subword_prefix"]?.text
      options.wordEnd = json["end_of_word_suffix"]?.text
      options.fusesUnknown = json["fuse_unk"]?.flag ?? false
      options.fallsBackToBytes = json["byte_fallback"]?.flag ?? false
      options.ignoresMergesOfTokens = json["ignore_merges"]?.flag ?? false
      let merges = try (json["merges"]?.items ?? []).map { merge -> (String, String) in
        if let pair = merge.items, pair.count == 2, let left = pair[0].text, let right = pair[1].text { return (left, right) }
        guard let line = merge.text?.utf8, let space = line.firstIndex(of: 0x20) else { throw bad("a merge that is no pair of tokens") }
        return (String(line[..<space])!, String(line[line.index(after: space)...])!)
      }
      return BytePairModel(try vocabulary(json), merges: merges, options)
    case "Unigram":
      let entries = try steps(json, "vocab").map { entry -> (token: String, score: Double) in
        guard let pair = entry.items, pair.count == 2, let token = pair[0].text, let score = pair[1].real, !score.isNaN else {
          throw bad("an entry of the vocabulary that is no token with its score")
        }
        return (token, score)
      }
      let unknown = json.given("unk_id")?.integer
      if let unknown, !entries.indices.contains(unknown) { throw bad("unk_id is \(unknown), with \(entries.count) tokens") }
      return UnigramModel(entries, unknown: unknown, fallsBackToBytes: json["byte_fallback"]?.flag ?? false)
    default: throw unsupported("model", type, "BPE, WordPiece, Unigram, WordLevel")
    }
  }

  private func vocabulary(_ json: JSON) throws -> TokenVocabulary {
    guard let members = json["vocab"]?.members else { throw bad("vocab is missing or no object") }
    return TokenVocabulary(try members.map { (token: $0.key, number: try number($0.value, "the token \(JSON.quoted($0.key))")) })
  }

  // MARK: - Normalizers

  private func normalizer(_ json: JSON) throws -> any Normalizer {
    let type = try text(json, "type")
    switch type {
    case "Sequence": return NormalizerSequence(steps: try steps(json, "normalizers").map(normalizer))
    case "BertNormalizer":
      let lowercases = json["lowercase"]?.flag ?? true
      return BertNormalizer(
        cleansText: json["clean_text"]?.flag ?? true, separatesChineseCharacters: json["handle_chinese_chars"]?.flag ?? true,
        stripsAccents: json["strip_accents"]?.flag ?? lowercases, lowercases: lowercases)
    case "NFC": return NormalizationForm.nfc
    case "NFD": return NormalizationForm.nfd
    case "NFKC": return NormalizationForm.nfkc
    case "NFKD": return NormalizationForm.nfkd
    case "Lowercase": return Lowercase()
    case "StripAccents": return StripAccents()
    case "Strip": return StripSpaces(left: json["strip_left"]?.flag ?? true, right: json["strip_right"]?.flag ?? true)
    case "Replace": return Replace(pattern: try pattern(json["pattern"]), content: try text(json, "content"))
    case "Prepend": return Prepend(prefix: try text(json, "prepend"))
    case "Nmt": return TranslationCleaning()
    case "Precompiled": return try CompiledReplacements(base64: try text(json, "precompiled_charsmap"))
    case "ByteLevel": return ByteLevelNormalizer()
    default:
      throw unsupported(
        "normalizer", type,
        "Sequence, BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend, Nmt, Precompiled, ByteLevel")
    }
  }

  // MARK: - Pre-tokenizers

  private func preTokenizer(_ json: JSON) throws -> any PreTokenizer {
    let type = try text(json, "type")
    switch type {
    case "Sequence": return PreTokenizerSequence(steps: try steps(json, "pretokenizers").map(preTokenizer))
    case "BertPreTokenizer": return BertPreTokenizer()
    case "ByteLevel":
      return ByteLevelPreTokenizer(addsPrefixSpace: json["add_prefix_space"]?.flag ?? true, splitsWords: json["use_regex"]?.flag ?? true)
    case "Whitespace": return SplitWords()
    case "WhitespaceSplit": return SplitAtSpaces()
    case "Digits": return SplitDigits(isIndividual: json["individual_digits"]?.flag ?? false)
    case "Punctuation": return SplitPunctuation(behavior: try behavior(json) ?? .isolated)
    case "CharDelimiterSplit": return SplitAtCharacter(delimiter: try scalar(json, "delimiter"))
    case "Split":
      guard let behavior = try behavior(json) else { throw bad("a Split without behavior") }
      return SplitAtPattern(pattern: try pattern(json["pattern"]), behavior: behavior, isInverted: json["invert"]?.flag ?? false)
    case "FixedLength": return SplitByLength(length: max(1, try size(json, "length")))
    case "Metaspace":
      let scheme = try prependScheme(json)
      return Metaspace(replacement: try scalar(json, "replacement"), prependScheme: scheme, splits: json["split"]?.flag ?? true)
    default:
      throw unsupported(
        "pre-tokenizer", type,
        "Sequence, BertPreTokenizer, ByteLevel, Whitespace, WhitespaceSplit, Digits, Punctuation, CharDelimiterSplit, Split, FixedLength, Metaspace")
    }
  }

  private func behavior(_ json: JSON) throws -> SplitBehavior? {
    guard let name = json["behavior"]?.text else { return nil }
    guard let behavior = SplitBehavior(rawValue: name) else { throw bad("the behavior \(JSON.quoted(name)) is not known") }
    return behavior
  }

  private func prependScheme(_ json: JSON) throws -> Metaspace.PrependScheme {
    if let name = json["prepend_scheme"]?.text {
      guard let scheme = Metaspace.PrependScheme(rawValue: name) else { throw bad("the prepend_scheme \(JSON.quoted(name)) is not known") }
      return scheme
    }
    return json["add_prefix_space"]?.flag ?? true ? .always : .never
  }

  // MARK: - Post-processors

  /// Nil for one that adds no tokens.
  private func template(_ json: JSON) throws -> TokenTemplate? {
    let type = try text(json, "type")
    switch type {
    case "ByteLevel": return nil
    case "Sequence":
      let templates = try steps(json, "processors").compactMap(template)
      guard templates.count <= 1 else { throw bad("a sequence of several post-processors that add tokens") }
      return templates.first
    case "BertProcessing", "RobertaProcessing":
      func mark(_ key: String) throws -> Int {
        guard let pair = json[key]?.items, pair.count == 2 else { throw bad("\(key) is no token with its number") }
        return try number(pair[1], key)
      }
      let begin = try mark("cls"), end = try mark("sep")
      let isBert = type == "BertProcessing", second = isBert ? 1 : 0
      let single: [TokenTemplate.Part] = [.tokens([begin], type: 0), .text(isSecond: false, type: 0), .tokens([end], type: 0)]
      return TokenTemplate(
        single: single,
        pair: single + (isBert ? [] : [.tokens([end], type: 0)]) + [.text(isSecond: true, type: second), .tokens([end], type: second)])
    case "TemplateProcessing":
      var marks: [String: [Int]] = [:]
      for member in json["special_tokens"]?.members ?? [] {
        marks[member.key] = try steps(member.value, "ids").map { try number($0, "the special token \(JSON.quoted(member.key))") }
      }
      func parts(_ key: String) throws -> [TokenTemplate.Part] {
        let items = try steps(json, key)
        guard items.count <= 1000 else { throw bad("\(key) has \(items.count) parts; 1,000 are allowed") }
        return try items.map { part in
          if let sequence = part["Sequence"] { return .text(isSecond: sequence["id"]?.text == "B", type: sequence["type_id"]?.integer ?? 0) }
          guard let mark = part["SpecialToken"], let name = mark["id"]?.text, let numbers = marks[name] else {
            throw bad("a part of \(key) that is neither a Sequence nor one of special_tokens")
          }
          return .tokens(numbers, type: mark["type_id"]?.integer ?? 0)
        }
      }
      return TokenTemplate(single: try parts("single"), pair: try parts("pair"))
    default: throw unsupported("post-processor", type, "Sequence, BertProcessing, RobertaProcessing, TemplateProcessing, ByteLevel")
    }
  }

  // MARK: - Decoders

  private func decoder(_ json: JSON) throws -> any TokenDecoder {
    let type = try text(json, "type")
    switch type {
    case "Sequence": return TokenDecoderSequence(steps: try steps(json, "decoders").map(decoder))
    case "ByteLevel": return ByteLevelDecoder()
    case "WordPiece": return WordPieceDecoder(prefix: json["prefix"]?.text ?? "##", cleansUp: json["cleanup"]?.flag ?? true)
    case "BPEDecoder": return WordEndDecoder(suffix: json["suffix"]?.text ?? "</w>")
    case "Metaspace": return MetaspaceDecoder(replacement: try scalar(json, "replacement"), dropsFirst: try prependScheme(json) != .never)
    case "ByteFallback": return ByteFallbackDecoder()
    case "Fuse": return FuseDecoder()
    case "Strip": return StripDecoder(content: try scalar(json, "content"), start: try size(json, "start"), stop: try size(json, "stop"))
    case "Replace": return ReplaceDecoder(replacing: Replace(pattern: try pattern(json["pattern"]), content: try text(json, "content")))
    case "CTC":
      return CTCDecoder(
        blank: json["pad_token"]?.text ?? "<pad>", wordDelimiter: json["word_delimiter_token"]?.text ?? "|", cleansUp: json["cleanup"]?.flag ?? true)
    default: throw unsupported("decoder", type, "Sequence, ByteLevel, WordPiece, BPEDecoder, Metaspace, ByteFallback, Fuse, Strip, Replace, CTC")
    }
  }
}

extension JSON {
  /// The value of a name, nil also if it is null.
  fileprivate func given(_ key: String) -> JSON? {
    if case .null? = self[key] { return nil }
    return self[key]
  }
}
