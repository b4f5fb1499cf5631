import Ember
import Testing

@testable import LSTMLanguageModel
@testable import Translation

extension ExamplesTests {
  @Suite struct LanguageModelTests {
    @Test func anLSTMLearns() throws {
      try withRandomSeed(0) {
        let bible = try Bible(limit: 2400)
        #expect(bible.vocabulary.count > 800 && bible.vocabulary["lord"] != nil)
        let model = LanguageModel(words: bible.vocabulary.count, width: 64, layers: 2, dropout: 0.1)
        let trainer = makeTrainer(model, bible.training, epochs: 3, streams: 16, length: 20, rate: 1e-2)
        trainer.showsProgress = false
        try trainer.run()
        let (first, last) = ends(of: trainer.losses)
        #expect(first > 5 && last < first - 0.7, "\(first) \(last)")
        // Better than frequencies alone, on verses that it has not seen.
        let perplexity = try model.perplexity(bible.test)
        #expect(perplexity < bible.unigramPerplexity, "\(perplexity) \(bible.unigramPerplexity)")
        #expect(model.generate(bible.vocabulary.encode(["and", "the"]), count: 5).count == 7)
      }
    }

    /// What follows a batch is in the same row of the next.
    @Test func streamsGoOn() throws {
      let streams = Streams(Array(0..<23), streams: 2, length: 4)
      // Eleven words a row: of ten, targets are known.
      let parts = try (0..<streams.count).map { try streams.element(at: $0) }
      #expect(parts.map { $0.0.shape[1] } == [4, 4, 2])
      #expect(cat(parts.map(\.0), dim: 1).isEqual(to: Tensor([Array(0..<10), Array(11..<21)])))
      #expect(cat(parts.map(\.1), dim: 1).isEqual(to: Tensor([Array(1..<11), Array(12..<22)])))
    }

    @Test func versesBecomeWords() {
      #expect(Bible.words("In the beginning, God’s  Spirit: moved.") == [
        "in", "the", "beginning", ",", "god’s", "spirit", ":", "moved", ".", Bible.endOfVerse,
      ])
    }
  }

  @Suite struct TranslationTests {
    @Test func aTranslatorLearns() throws {
      try withRandomSeed(0) {
        let verses = try Verses(pieces: 500, longest: 60, limit: 1000)
        let model = Translator(verses, width: 48, dropout: 0)
        let trainer = makeTrainer(model, verses, epochs: 3, batchSize: 16, rate: 1e-2)
        trainer.showsProgress = false
        try trainer.run()
        let (first, last) = ends(of: trainer.losses)
        #expect(first > 4.5 && last < first - 0.5, "\(first) \(last)")
        let (score, translations) = try evaluate(model, verses, Array(verses.test.prefix(4)))
        #expect(translations.count == 4 && score >= 0 && score <= 1)
      }
    }

    /// Shorter verses come out the same whether they are filled up or not.
    @Test func paddingChangesNothing() throws {
      try withRandomSeed(1) {
        let verses = try Verses(pieces: 300, longest: 200, limit: 40)
        let model = Translator(verses, width: 16).eval()
        let sorted = verses.training.sorted { $0.source.count < $1.source.count }
        let (short, long) = (sorted[0], sorted[sorted.count - 1])
        let (single, pair) = (verses.batch([short]), verses.batch([short, long]))
        let alone = model.encode(single.sources, lengths: single.lengths), together = model.encode(pair.sources, lengths: pair.lengths)
        #expect((alone.state - together.state[0..<1]).abs().amax().item() < 1e-6)
        let target = Tensor([[verses.marks.start] + short.target])
        let one = model.decode(target, alone, state: alone.state).logits
        let two = model.decode(target.expand(2, target.shape[1]), together, state: together.state).logits[0..<1]
        #expect((one - two).abs().amax().item() < 1e-5)
      }
    }
  }
}
