import EmberFormats
import EmberRuntime
import Testing

@testable import EmberText

/// What Hugging Face's tokenizers make of texts, with every step that they know.
@Suite struct TokenizerTests {
  static let names = [
    "gpt2", "roberta", "gpt4", "o200k", "digits", "llama", "word ends", "punctuation, NFD", "punctuation, NFKD", "punctuation, NFKC",
    "punctuation, NFC", "unigram, always, bytes", "unigram, always, unknown", "unigram, first, bytes", "unigram, first, unknown",
    "unigram, never, bytes", "unigram, never, unknown", "cased WordPiece", "added tokens",
  ]

  @Test(arguments: names) func numbersAndTextsAreTheReferences(_ name: String) throws {
    let record = try Fixtures.json("tokenizer \(name).json")
    var tokenizer = try Tokenizer(parsing: Array(Self.text(try #require(record["tokenizer"])).utf8))
    let cases = try #require(record["cases"]?.items)
    #expect(cases.count == 100)
    for entry in cases {
      let text = try #require(entry["text"]?.text), numbers = try tokenizer.encode(text).numbers
      #expect(numbers == entry["numbers"]?.integers, "\(text.debugDescription)")
      #expect(try tokenizer.decode(numbers).utf8.elementsEqual(entry["decoded"]?.text?.utf8 ?? "".utf8), "\(text.debugDescription)")
    }
    let first = try #require(cases[0]["text"]?.text), second = try #require(cases[1]["text"]?.text), third = try #require(cases[2]["text"]?.text)
    let pair = try tokenizer.encode(first, and: second)
    #expect(pair.numbers == record["pair"]?["numbers"]?.integers)
    #expect(pair.types == record["pair"]?["types"]?.integers)
    #expect(try tokenizer.encode(first, addsSpecialTokens: false).numbers == record["plain"]?.integers)
    tokenizer.truncation = Tokenizer.Truncation(length: 12)
    tokenizer.padding = Tokenizer.Padding(token: 3, length: 16)
    tokenizer.padding?.type = 1
    tokenizer.padding?.isOnLeft = true
    let cut = try tokenizer.encode(first, and: third)
    #expect(cut.numbers == record["cut"]?["numbers"]?.integers)
    #expect(cut.attentionMask == record["cut"]?["mask"]?.integers)
    #expect(cut.types == record["cut"]?["types"]?.integers)
  }

  /// Pieces of a stream make the whole text, and none of them ends inside of a character.
  @Test(arguments: ["gpt2", "llama", "unigram, always, bytes", "cased WordPiece"]) func streamsMakeTheWholeText(_ name: String) throws {
    let record = try Fixtures.json("tokenizer \(name).json")
    let tokenizer = try Tokenizer(parsing: Array(Self.text(try #require(record["tokenizer"])).utf8))
    for entry in try #require(record["cases"]?.items).prefix(40) {
      let numbers = try tokenizer.encode(try #require(entry["text"]?.text)).numbers.filter { !tokenizer.isSpecial($0) }
      var stream = TokenStream(tokenizer)
      var pieces = try numbers.map { try stream.append($0) }
      pieces.append(try stream.finish())
      #expect(try pieces.joined() == tokenizer.decode(numbers))
    }
  }

  @Test func normalFormsAreUnicodes() throws {
    let record = try Fixtures.json("normalization.json")
    for (name, form) in [("NFC", NormalizationForm.nfc), ("NFD", .nfd), ("NFKC", .nfkc), ("NFKD", .nfkd)] {
      let expected = try #require(record[name]?.items)
      for (text, result) in zip(try #require(record["texts"]?.items), expected) {
        let known = try #require(text.text).unicodeScalars.allSatisfy { UnicodeEdition.normalization.knows($0) }
        guard known else { continue }
        #expect(form.normalize(text.text!).utf8.elementsEqual(result.text!.utf8), "\(name) of \(text.text!.debugDescription)")
      }
    }
  }

  @Test func canonicallyEqualTokensStayApart() throws {
    let source = """
      {"model": {"type": "BPE", "vocab": {"\\u00e9": 0, "e\\u0301": 1, "\\u212b": 2, "\\u00c5": 3, "e": 4, "\\u0301": 5}, "merges": [["e", "\\u0301"]]}}
      """
    let tokenizer = try Tokenizer(parsing: Array(source.utf8))
    #expect(try tokenizer.encode("\u{E9}").numbers == [0])
    #expect(try tokenizer.encode("e\u{301}").numbers == [1])
    #expect(try tokenizer.encode("\u{212B}\u{C5}").numbers == [2, 3])
  }

  @Test func longWordsTakeTimeInProportion() throws {
    let record = try Fixtures.json("tokenizer gpt2.json")
    let tokenizer = try Tokenizer(parsing: Array(Self.text(try #require(record["tokenizer"])).utf8))
    let word = String(repeating: "abcde", count: 20_000)
    #expect(try tokenizer.decode(tokenizer.encode(word).numbers) == word)
  }

  @Test(arguments: [
    "", "[]", "{", "{\"model\": 3}", "{\"model\": {\"type\": \"BPE\"}}", "{\"model\": {\"type\": \"Huh\", \"vocab\": {}}}",
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}}}", "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 99999999999}}}",
    "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\"]]}}", "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 1]], \"unk_id\": 7}}",
    "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {}}, \"normalizer\": {\"type\": \"Huh\"}}",
    "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {}}, \"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAAfw==\"}}",
    "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {}}, \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}, \"behavior\": \"Isolated\"}}",
    "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {}}, \"padding\": {\"strategy\": {\"Fixed\": 999999999999}}}",
    "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {}}, \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": ["
      + Array(repeating: "{\"Sequence\": {\"id\": \"A\"}}", count: 2000).joined(separator: ",") + "], \"pair\": []}}",
  ]) func brokenFilesAreRefused(_ source: String) {
    #expect(throws: EmberError.self) { try Tokenizer(parsing: Array(source.utf8)) }
  }

  @Test func expressionsThatNeverEndAreErrors() throws {
    func matches(_ pattern: String, _ text: String) throws -> [Range<String.Index>] {
      var allowance = TextAllowance(for: text.utf8.count)
      return try RegularExpression(pattern).matches(in: text, &allowance)
    }
    #expect(throws: EmberError.self) { try matches("(a*)*(a*)*(a*)*b", String(repeating: "a", count: 200)) }
    #expect(throws: EmberError.self) { try matches(".*.*.*.*x", String(repeating: "y", count: 20_000)) }
    #expect(throws: EmberError.self) { try matches(".*?.*?.*?.*?x", String(repeating: "y", count: 20_000)) }
    #expect(throws: EmberError.self) { try matches("(?:ab)*", String(repeating: "ab", count: 5000)) }
    // Many pieces share what one text may take.
    let source = """
      {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "FixedLength", "length": 9}, {"type": "Split", "pattern": {"Regex": "(?:a|a|a)*b"}, "behavior": "Isolated"}]}}
      """
    let tokenizer = try Tokenizer(parsing: Array(source.utf8))
    #expect(throws: EmberError.self) { try tokenizer.encode(String(repeating: "a", count: 4800)) }
    #expect(try tokenizer.encode("aaaaaaaaa").numbers == [0])
    // Looking behind goes no further back than the expression is long.
    #expect(try matches("(?<!ab|c)x", String(repeating: "x", count: 20_000)).count == 20_000)
    #expect(try matches("(?<=ab?)x", "abx ax bx").count == 2)
  }

  @Test func loopsAroundLoopsAreCounted() throws {
    #expect(throws: EmberError.self) { try RegularExpression("a" + String(repeating: "*", count: 1_000_000)) }
    let (open, close) = (String(repeating: "(?:", count: 30), String(repeating: ")", count: 30))
    #expect(throws: EmberError.self) { try RegularExpression(open + "a" + String(repeating: "{2}", count: 30) + close) }
    #expect(throws: Never.self) { try RegularExpression(open + "a" + String(repeating: "{2}", count: 10) + close) }
    var allowance = TextAllowance(for: 8)
    #expect(try RegularExpression("(?:a{2}){2}").matches(in: "aaaaaaaa", &allowance).count == 2)
  }

  /// The patterns of GPT-2, Llama 3, Qwen and o200k stay far below what a text may take.
  @Test(arguments: [
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#,
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#
      + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#
      + #"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
  ]) func patternsOfModelsStayBelowTheBound(_ pattern: String) throws {
    let expression = try RegularExpression(pattern)
    for text in [
      "The fox's 12 jumps, 3.14159 and MORE; they'LL see. ", "\t    if (x == 0) { return y[i] + 1; }  // why\n",
      "\u{4E2D}\u{6587}\u{3001}\u{3042}\u{E9}\u{301}",
      "A", "a", "7", " ", "\n", " \n", "!", "' ", "\u{1F98A}",
    ] {
      let long = String(repeating: text, count: 24_000 / text.utf8.count)
      var allowance = TextAllowance(for: long.utf8.count)
      let steps = allowance.steps
      let matches = try expression.matches(in: long, &allowance)
      #expect(matches.first?.lowerBound == long.startIndex && matches.last?.upperBound == long.endIndex)
      #expect(steps - allowance.steps < 100 * long.utf8.count, "\(text.debugDescription)")
    }
  }

  @Test func longTextsAreCut() throws {
    let record = try Fixtures.json("tokenizer gpt4.json")
    let tokenizer = try Tokenizer(parsing: Array(Self.text(try #require(record["tokenizer"])).utf8))
    let text = String(repeating: "The quick brown fox's 12 jumps.\n", count: 1 << 15)
    #expect(try tokenizer.decode(tokenizer.encode(text).numbers) == text)
  }

  private static let doubling = #"{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}"#

  /// A step of a tokenizer that is 60 others.
  private static func sequence(_ list: String, of step: String) -> String {
    "{\"type\": \"Sequence\", \"\(list)\": [\(Array(repeating: step, count: 60).joined(separator: ", "))]}"
  }

  @Test(arguments: [
    ("normalizer", "normalizers", doubling), ("decoder", "decoders", doubling),
    ("pre_tokenizer", "pretokenizers", #"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}"#),
  ]) func textsThatGrowWithoutEndAreErrors(_ step: String, _ list: String, _ part: String) throws {
    let source = """
      {"model": {"type": "WordLevel", "vocab": {"a\u{E9}": 0}, "unk_token": "a\u{E9}"}, "\(step)": \(Self.sequence(list, of: part))}
      """
    let tokenizer = try Tokenizer(parsing: Array(source.utf8))
    #expect(throws: EmberError.self) { try tokenizer.decode(tokenizer.encode("a\u{E9}").numbers) }
  }

  @Test func addedTokensThatGrowWithoutEndAreErrors() throws {
    let source = """
      {"model": {"type": "WordLevel", "vocab": {}}, "normalizer": \(Self.sequence("normalizers", of: Self.doubling)),
      "added_tokens": [{"id": 0, "content": "a", "normalized": true}]}
      """
    #expect(throws: EmberError.self) { try Tokenizer(parsing: Array(source.utf8)) }
  }

  @Test func fixedTextsAreFoundAsTheyStand() {
    func found(_ searched: String, _ text: String) -> [Int] {
      TextPattern.ranges(of: searched, in: text).map { text.utf8.distance(from: text.startIndex, to: $0.lowerBound) }
    }
    #expect(found("aa", "aaaaa") == [0, 2])
    #expect(found("aab", "aaaab aab") == [2, 6])
    #expect(found("abcabd", "abcabcabd") == [3])
    #expect(found("\u{301}", "e\u{301}") == [1])
    #expect(found("", "abc").isEmpty && found("abcd", "abc").isEmpty)
    let long = String(repeating: "a", count: 200_000)
    #expect(found(String(long.dropLast(100_000)) + "b", long).isEmpty)
  }

  /// Hugging Face's decoder takes away every mark of the first token.
  @Test func marksOfTheFirstTokenVanish() throws {
    for (scheme, expected) in [("always", "xy z"), ("first", "xy z"), ("never", "  x y z")] {
      let source = """
        {"model": {"type": "WordLevel", "vocab": {"▁▁x▁y": 0, "▁z": 1}},
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "\(scheme)"}}
        """
      #expect(try Tokenizer(parsing: Array(source.utf8)).decode([0, 1]) == expected)
    }
  }

  @Test func longTokensOfGGUFFilesStayWhole() throws {
    func little<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    func string(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }
    let tokens = ["a", "b", "ab", "abab", String(repeating: "ab", count: 1_000_000)]
    var bytes = Array("GGUF".utf8) + little(UInt32(3)) + little(UInt64(0)) + little(UInt64(3))
    bytes += string("tokenizer.ggml.model") + little(UInt32(8)) + string("llama")
    bytes += string("tokenizer.ggml.tokens") + little(UInt32(9)) + little(UInt32(8)) + little(UInt64(tokens.count)) + tokens.flatMap(string)
    bytes += string("tokenizer.ggml.scores") + little(UInt32(9)) + little(UInt32(6)) + little(UInt64(tokens.count))
    for i in tokens.indices { bytes += little(Float(-i).bitPattern) }
    let tokenizer = try Tokenizer(try bytes.withUnsafeBytes { try GGUF.parse($0) }, source: "tokens.gguf")
    #expect(tokenizer.token(4) == tokens[4])
    #expect(try tokenizer.encode("ababab").numbers.suffix(2) == [3, 2])
  }

  /// JSON as it was parsed.
  static func text(_ json: JSON) -> String {
    switch json {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let digits): digits
    case .string(let text): JSON.quoted(text)
    case .array(let items): "[\(items.map(text).joined(separator: ","))]"
    case .object(let members): "{\(members.map { "\(JSON.quoted($0.key)):\(text($0.value))" }.joined(separator: ","))}"
    }
  }
}
