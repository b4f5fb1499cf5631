import EmberFormats
import EmberRuntime
import EmberTensor
import Testing

@testable import EmberText

/// Small models with random weights beside Hugging Face's transformers.
@Suite struct TextModelTests {
  @Test func sentencesBecomeTheReferencesVectors() throws {
    let record = try Fixtures.json("bert.json")
    let encoder = try SentenceEncoder(folder: "\(Fixtures.folder)/bert")
    let texts = try #require(record["texts"]?.items).compactMap(\.text)
    let expected = try #require(record["vectors"]?.items).flatMap(\.reals)
    // In batches of several lengths, so that padding takes part.
    #expect(try distance(encoder.encode(texts, batchSize: 7), expected) < 2e-6)
    let tokens = Tensor([1, 5, 9, 2] as [Int64]).unsqueeze(0), types = Tensor([0, 0, 1, 1] as [Int64]).unsqueeze(0)
    let pooled = noGrad { encoder.model.pooled(encoder.model.features(tokens, types: types)) }
    #expect(distance(pooled, try #require(record["pooled"]).reals) < 2e-6)
    #expect(try encoder.encode([]).shape == [0, 32])
  }

  @Test(arguments: ["llama", "llama scaled", "qwen2"]) func decodersGiveTheReferencesLogits(_ name: String) throws {
    let record = try Fixtures.json("\(name).json")
    let model = try Llama(folder: "\(Fixtures.folder)/\(name)")
    let expected = try #require(record["logits"]).reals
    let tokens = try Self.tokens(record)
    #expect(distance(noGrad { model(tokens) }, expected) < 2e-4)
    // The same piece by piece.
    var cache: KeyValueCache? = model.makeCache(capacity: 16)
    let parts = noGrad {
      [(0, 4), (4, 1), (5, 3), (8, 1), (9, 2)].map { start, count in model.logits(tokens.narrow(1, start: start, length: count), cache: &cache) }
    }
    #expect(distance(cat(parts, dim: 1), expected) < 2e-4)
  }

  @Test func greedyTextIsTheReferences() throws {
    let record = try Fixtures.json("llama.json")
    let tokenizer = try Tokenizer(model: WordLevelModel(vocabulary: TokenVocabulary((0..<96).map { (token: "\($0)", number: $0) }), unknown: nil))
    let model = LanguageModel(try Llama(folder: "\(Fixtures.folder)/llama"), tokenizer)
    let prompt = try #require(record["tokens"]?.items?.first).integers, expected = try #require(record["greedy"]).integers
    #expect(try model.generate(prompt, limit: 20, sampling: .greedy) { _ in true } == expected)
    // Going on from what has been read, and from a part of it.
    #expect(try model.generate(prompt + expected.prefix(5), limit: 15, sampling: .greedy) { _ in true } == Array(expected.dropFirst(5)))
    #expect(try model.generate(prompt, limit: 3, sampling: .greedy) { _ in true } == Array(expected.prefix(3)))
    // To the end of the context, and no further.
    #expect(try model.generate(prompt, limit: 1000, sampling: .greedy) { _ in true }.count == 64 - prompt.count + 1)
    #expect(throws: EmberError.self) { try model.generate([], sampling: .greedy) { _ in true } }
    #expect(throws: EmberError.self) { try model.generate(Array(repeating: 1, count: 64), sampling: .greedy) { _ in true } }
  }

  @Test func packedMatricesGiveTheLogitsOfTheirNumbers() throws {
    let record = try Fixtures.json("gguf.json")
    let model = try LanguageModel(gguf: "\(Fixtures.folder)/llama.gguf")
    #expect(model.model.modules().filter { $0 is PackedLinear }.count == 14)
    #expect(distance(noGrad { model.model(try! Self.tokens(record)) }, try #require(record["logits"]).reals) < 2e-4)
    #expect(model.endTokens == [94])
    #expect(try model.tokenizer.encode("<|im_start|>ab").numbers == [93, 95])
    #expect(try model.chatTemplate?.render([ChatMessage(role: "user", content: "x")]) == "user:x;")
  }

  private static func tokens(_ record: JSON) throws -> Tensor {
    let rows = try #require(record["tokens"]?.items).map(\.integers)
    return Tensor(rows.flatMap { $0.map { Int64($0) } }).reshape([rows.count, rows[0].count])
  }

  @Test func drawsFollowTheirProbabilities() {
    let logits = Tensor([0, 1, 2, 3, -1] as [Float]).unsqueeze(0)
    #expect(Sampling.greedy.draw(logits).item(as: Int.self) == 3)
    let generator = Generator(seed: 1)
    func drawn(_ sampling: Sampling) -> Set<Int> { Set((0..<200).map { _ in sampling.draw(logits, generator: generator).item(as: Int.self) }) }
    #expect(drawn(Sampling(topK: 2)) == [2, 3])
    // 0.637 and 0.234 of the whole.
    #expect(drawn(Sampling(topP: 0.6)) == [3])
    #expect(drawn(Sampling(topP: 0.8)) == [2, 3])
    #expect(drawn(Sampling(temperature: 5)) == [0, 1, 2, 3, 4])
  }

  @Test func templatesAreRenderedAsJinjaDoes() throws {
    for record in try #require(try Fixtures.json("templates.json").items) {
      let template = try ChatTemplate(try #require(record["template"]?.text), beginToken: "<s>", endToken: "</s>")
      let messages = try #require(record["messages"]?.items).map { ChatMessage(role: $0.items![0].text!, content: $0.items![1].text!) }
      let prompt = try #require(record["prompt"]?.flag as Bool?)
      if let expected = record["expected"]?.text {
        #expect(try template.render(messages, addsGenerationPrompt: prompt) == expected, "\(record["name"]!.text!), \(messages.count) messages")
      } else {
        #expect(throws: EmberError.self) { try template.render(messages, addsGenerationPrompt: prompt) }
      }
    }
  }

  @Test(arguments: [
    "{{", "{% if x %}", "{% for %}", "{{ a.b( }}", "{% huh %}", "{{ 'x }}", "{{ 1 + }}", "{% endif %}", "{{ x | huh }}", "{{ 1 // 0 }}",
    "{% for i in range(99999) %}{% for j in range(99999) %}{{ j }}{% endfor %}{% endfor %}", "{{ range(10000000000) }}", "{{ 9223372036854775807 + 1 }}",
    "{{ 9223372036854775807 * 2 }}", "{{ -9223372036854775807 - 2 }}", "{{ (-9223372036854775807 - 1) // -1 }}",
    "{{ -(-9223372036854775807 - 1) }}", "{{ 1 % 0 }}",
  ]) func badTemplatesAreErrors(_ source: String) {
    #expect(throws: EmberError.self) { try ChatTemplate(source).render([ChatMessage(role: "user", content: "x")]) }
  }

  /// With Python's results.
  @Test(arguments: [
    ("(-9223372036854775807 - 1) % 3", "1"), ("(-9223372036854775807 - 1) // 3", "-3074457345618258603"),
    ("(-9223372036854775807 - 1) % -1", "0"), ("-7 % 2", "1"), ("-7 // 2", "-4"), ("7 % -2", "-1"), ("7 // -2", "-4"), ("-6 % 3", "0"),
    ("9223372036854775807 % -9223372036854775807", "0"), ("range(9223372036854775806, 9223372036854775807, 5)", "[9223372036854775806]"),
    ("range(3)[-9223372036854775807:9223372036854775807]", "[0, 1, 2]"), ("'ab\u{E4}\u{1F98A}c'[3]", "\u{1F98A}"),
    ("'ab\u{E4}\u{1F98A}c'[-2]", "\u{1F98A}"), ("'abc'[3]", ""), ("'abc'[-4]", ""), ("'abc'[-9223372036854775807 - 1]", ""),
    ("'ab\u{E4}\u{1F98A}c'[2:4]", "\u{E4}\u{1F98A}"), ("'abc'[-2:]", "bc"), ("'abc'[2:1]", ""), ("'ab\u{E4}'[::-1]", "\u{E4}ba"),
    ("'abc' | last", "c"), ("'ababab'.split('ab') | length", "4"), ("'aaab' | replace('aab', 'x')", "ax"),
    ("[[1, 'x'], {'a': 2.5}] == [[1, 'x'], {'a': 2.5}]", "True"), ("[1, [2]] in [[1, [2]]]", "True"), ("'\u{E4}b' | length", "2"),
    ("['x', 'y'] | join(', ')", "x, y"),
  ]) func templatesComputeAsPythonDoes(_ expression: String, _ expected: String) throws {
    #expect(try ChatTemplate("{{ \(expression) }}").render([]) == expected)
  }

  /// Values that double, or lie within one another without end.
  @Test(arguments: [
    "[ns.x]", "{'a': ns.x}", "dict(a=ns.x)", "[ns.x, ns.x]", "ns.x ~ ns.x", "ns.x + ns.x", "ns.x | replace('a', 'aa')",
    "ns.x.replace('a', 'aa')", "[ns.x, ns.x] | join", "ns.x.join(['a', 'aa'])", "(ns.x ~ ns.x).upper()", "[ns.x] + [ns.x]", "[ns.x, ns.x] | tojson",
  ]) func valuesOfTemplatesAreBounded(_ expression: String) throws {
    for start in ["'a'", "['a']"] {
      let template = try ChatTemplate(
        "{% set ns = namespace(x=\(start)) %}{% for i in range(99999) %}{% set ns.x = \(expression) %}{% endfor %}{{ ns.x | length }}")
      #expect(throws: EmberError.self) { try template.render([]) }
    }
  }

  @Test func templatesHaveRoomForLongConversations() throws {
    // Namespaces in a circle, and in a chain that is too long to be given back one within the other.
    let chain =
      "{% set ns = namespace(x=1) %}{% set ns.x = ns %}{% for i in range(20000) %}{% set ns.x = namespace(x=ns.x) %}{% endfor %}"
      + "{{ ns.x is defined }}"
    #expect(try ChatTemplate(chain).render([]) == "True")
    // A character of a long text, without an array of all of them at each step.
    let long = ChatMessage(role: "user", content: String(repeating: "lorem \u{E4} ", count: 100_000))
    let first =
      "{% set ns = namespace(n=0) %}{% for i in range(2000) %}{% if messages[0].content[0] == 'l' %}{% set ns.n = ns.n + 1 %}{% endif %}"
      + "{% endfor %}{{ ns.n }}"
    #expect(try ChatTemplate(first).render([long]) == "2000")
    let messages = (0..<40).map { _ in long }
    #expect(try ChatTemplate.chatML.render(messages).utf8.count > 36_000_000)
  }
}
