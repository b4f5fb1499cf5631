import EmberFormats
import EmberRuntime
import TestSupport
import Testing

@testable import EmberText

@Suite struct VocabularyTests {
  @Test func numbersGoByFrequency() {
    let words = "the cat and the dog and the bird".split(separator: " ").map(String.init)
    let all = Vocabulary(counting: words)
    #expect(all.tokens == ["the", "and", "bird", "cat", "dog"])
    #expect(all["fish"] == nil && all.encode(["cat", "fish"]) == [3])
    let some = Vocabulary(counting: words, unknown: "?", reserved: ["<end>"], minimumCount: 2)
    #expect(some.tokens == ["?", "<end>", "the", "and"])
    #expect(some.encode(["the", "fish", "<end>"]) == [2, 0, 1])
    #expect(some.decode([1, 3, 99, -1]) == ["<end>", "and"])
    #expect(Vocabulary(counting: words, unknown: "?", limit: 3).tokens == ["?", "the", "and"])
    #expect(Vocabulary(counting: "abracadabra").decode([0, 1]) == ["a", "b"])
  }
}

@Suite struct BytePairEncodingTests {
  private let text = Array(repeating: "In the beginning God created the heaven and the earth. ¿Qué? 12 and 345\n\n", count: 3)

  @Test func everyTextComesBack() {
    let encoding = BytePairEncoding(training: text, vocabularySize: 300)
    for text in text + ["", "  two  spaces ", "naïve 漢字 🎈\u{301} e\u{301}", "\t\n x"] {
      #expect(Array(encoding.decode(encoding.encode(text)).utf8) == Array(text.utf8))
    }
    #expect(encoding.vocabularySize == 300)
    #expect(encoding.encode(text[0]).count < text[0].utf8.count * 2 / 3)
    // Bytes that are no text.
    #expect(encoding.decode([0xFF, 5000, -1]) == "\u{FFFD}")
  }

  /// The example of Sennrich et al., section 3.2: low × 5, lower × 2, newest × 6, widest × 3.
  @Test func theMostFrequentPairsMergeFirst() {
    let words = Array(repeating: "low", count: 5) + Array(repeating: "lower", count: 2) + Array(repeating: "newest", count: 6)
      + Array(repeating: "widest", count: 3)
    let encoding = BytePairEncoding(training: words, vocabularySize: 260)
    let (l, o, e, s, t, w) = (108, 111, 101, 115, 116, 119)
    // es occurs 9 times, then est; lo 7 times, then low.
    #expect(encoding.merges.map { [$0.left, $0.right] } == [[e, s], [256, t], [l, o], [258, w]])
    #expect(encoding.encode("lowest") == [259, 257])
  }

  @Test func wordsTakeTheSpaceBeforeThem() {
    #expect(BytePairEncoding.words(of: "And  God said, Let 12x\n y") == ["And", " ", " God", " said", ",", " Let", " 12", "x", "\n", " y"])
    #expect(BytePairEncoding.words(of: "a   ") == ["a", "   "])
  }

  @Test func trainingEndsWhenNothingOccursTwice() {
    let encoding = BytePairEncoding(training: ["ab ab"], vocabularySize: 1000)
    #expect(encoding.merges.map { [$0.left, $0.right] } == [[97, 98]])
  }
}

@Suite struct BLEUTests {
  private func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

  /// sacrebleu 2.5 with tokenize="none" and no smoothing.
  @Test func agreesWithSacrebleu() throws {
    let translations = ["the cat sat on the mat today", "there is a house on the hill", "he said let there be light and there was light"]
    let references = [
      "the cat sat on a mat today", "there was a house upon the hill", "and he said let there be light and there was light in the sky",
    ]
    #expect(abs(try bleu(translations.map(words), references: references.map(words)) - 0.555289097166558) < 1e-12)
  }

  @Test func extremes() throws {
    let text = [words("in the beginning god created")]
    #expect(try bleu(text, references: text) == 1)
    #expect(try bleu(text, references: [words("a b c d e")]) == 0)
    #expect(try bleu([[String]](), references: []) == 0)
    #expect(throws: EmberError.self) { try bleu(text, references: []) }
  }
}

@Suite struct SwordTextTests {
  private let folder = "/usr/share/sword/modules/texts/ztext"

  @Test func versesOfTwoTranslationsStandSideBySide() throws {
    let english = try SwordText(folder: "\(folder)/engKJV2006eb").plainEntries()
    let spanish = try SwordText(folder: "\(folder)/spaRV1909eb").plainEntries()
    #expect(english.count == spanish.count)
    let pairs = zip(english, spanish).filter { !$0.isEmpty && !$1.isEmpty }
    #expect((31_000...31_200).contains(pairs.count))
    #expect(pairs[0].0 == "In the beginning God created the heaven and the earth.")
    #expect(pairs[0].1 == "EN el principio crió Dios los cielos y la tierra.")
    #expect(pairs[2].0 == "And God said, Let there be light: and there was light.")
    #expect(pairs[pairs.count - 1].0.hasPrefix("The grace of our Lord Jesus Christ be with you all."))
    #expect(english.allSatisfy { !$0.contains("<") && !$0.contains("  ") })
  }

  @Test func markupGoes() {
    let markup = "<title>The <b>first</b></title><w lemma=\"x\">Fish</w> &amp; <note n=\"1\">a <x>b</x></note>\n chips.<lb/> "
    #expect(SwordText.plain(markup) == "Fish & chips.")
    #expect(SwordText.plain("a < b") == "a")
    #expect(SwordText.plain("&amp;lt; <note/>x") == "&lt; x")
  }

  /// Whatever the files hold, they are read or refused.
  @Test func brokenFilesAreRefused() throws {
    #expect(throws: EmberError.self) { try SwordText(folder: "/nowhere") }
    func bytes(_ ending: String) throws -> [UInt8] {
      try FileBytes.reading("\(folder)/spaRV1909eb/nt.\(ending)", in: "test").withBytes { Array($0) }
    }
    let good = ["bzs": try bytes("bzs"), "bzv": try bytes("bzv"), "bzz": try bytes("bzz")]
    let broken = TemporaryFolder().path
    func write(_ files: [String: [UInt8]]) throws {
      for (ending, bytes) in files { try AtomicFile.write(to: "\(broken)/nt.\(ending)") { try $0.append(bytes) } }
    }
    try write(good)
    #expect(try SwordText(folder: broken).entries.count == 8246)
    var shorter = good
    shorter["bzz"]!.removeLast(5000)
    var uneven = good
    uneven["bzv"]!.removeLast()
    var wild = good
    for i in 0..<4 { wild["bzv"]![40 + i] = 0xFF }
    var huge = good
    for i in 8..<12 { huge["bzs"]![24 + i] = 0xFF }
    for files in [shorter, uneven, wild, huge] {
      try write(files)
      #expect(throws: EmberError.self) { try SwordText(folder: broken) }
    }
  }
}
