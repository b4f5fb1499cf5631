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
      let text = try #require(entry["text"]?.text), numbers = tokenizer.encode(text).numbers
      #expect(numbers == entry["numbers"]?.integers, "\(text.debugDescription)")
      #expect(tokenizer.decode(numbers).utf8.elementsEqual(entry["decoded"]?.text?.utf8 ?? "".utf8), "\(text.debugDescription)")
    }
    let first = try #require(cases[0]["text"]?.text), second = try #require(cases[1]["text"]?.text), third = try #require(cases[2]["text"]?.text)
    let pair = tokenizer.encode(first, and: second)
    #expect(pair.numbers == record["pair"]?["numbers"]?.integers)
    #expect(pair.types == record["pair"]?["types"]?.integers)
    #expect(tokenizer.encode(first, addsSpecialTokens: false).numbers == record["plain"]?.integers)
    tokenizer.truncation = Tokenizer.Truncation(length: 12)
    tokenizer.padding = Tokenizer.Padding(token: 3, length: 16)
    tokenizer.padding?.type = 1
    tokenizer.padding?.isOnLeft = true
    let cut = tokenizer.encode(first, and: third)
    #expect(cut.numbers == record["cut"]?["numbers"]?.integers)
    #expect(cut.attentionMask == record["cut"]?["mask"]?.integers)
    #expect(cut.types == record["cut"]?["types"]?.integers)
  }

  /// Pieces of a stream make the whole text, and none of them ends inside of a character.
  @Test(arguments: ["gpt2", "llama", "unigram, always, bytes", "cased WordPiece"]) func streamsMakeTheWholeText(_ name: String) throws {
    let record = try Fixtures.json("tokenizer \(name).json")
    let tokenizer = try Tokenizer(parsing: Array(Self.text(try #require(record["tokenizer"])).utf8))
    for entry in try #require(record["cases"]?.items).prefix(40) {
      let numbers = tokenizer.encode(try #require(entry["text"]?.text)).numbers.filter { !tokenizer.isSpecial($0) }
      var stream = TokenStream(tokenizer)
      var pieces = numbers.map { stream.append($0) }
      pieces.append(stream.finish())
      #expect(pieces.joined() == tokenizer.decode(numbers))
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
    #expect(tokenizer.encode("\u{E9}").numbers == [0])
    #expect(tokenizer.encode("e\u{301}").numbers == [1])
    #expect(tokenizer.encode("\u{212B}\u{C5}").numbers == [2, 3])
  }

  @Test func longWordsTakeTimeInProportion() throws {
    let record = try Fixtures.json("tokenizer gpt2.json")
    let tokenizer = try Tokenizer(parsing: Array(Self.text(try #require(record["tokenizer"])).utf8))
    let word = String(repeating: "abcde", count: 20_000)
    #expect(tokenizer.decode(tokenizer.encode(word).numbers) == word)
  }

  @Test(arguments: [
    "", "[]", "{", "{\"model\": 3}", "{\"model\": {\"type\": \"BPE\"}}", "{\"model\": {\"type\": \"Huh\", \"vocab\": {}}}",
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}}}", "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 99999999999}}}",
    "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\"]]}}", "{\"model\": {\"type\": \"Unigram\", \"vocab\": [[\"a\", 1]], \"unk_id\": 7}}",
    "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {}}, \"normalizer\": {\"type\": \"Huh\"}}",
    "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {}}, \"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAAfw==\"}}",
    "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {}}, \"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(\"}, \"behavior\": \"Isolated\"}}",
    "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {}}, \"padding\": {\"strategy\": {\"Fixed\": 999999999999}}}",
  ]) func brokenFilesAreRefused(_ source: String) {
    #expect(throws: EmberError.self) { try Tokenizer(parsing: Array(source.utf8)) }
  }

  @Test func expressionsThatNeverEndAreGivenUp() throws {
    let expression = try RegularExpression("(a*)*(a*)*(a*)*b")
    #expect(expression.matches(in: String(repeating: "a", count: 2000)).isEmpty)
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
