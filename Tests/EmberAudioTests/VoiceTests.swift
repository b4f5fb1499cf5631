import EmberAudio
import EmberFormats
import EmberRuntime
import EmberTensor
import Testing

@Suite struct VoiceTests {
  @Test func embeddingsAreResemblyzers() throws {
    let encoder = VoiceEncoder()
    try Noise.fill(encoder)
    for one in try Fixture.value("voice").list("cases") {
      let samples = Noise.samples(try one.integer("count"), seed: 2, period: 100) * Float(try one.number("scale"))
      let prepared = try VoiceEncoder.prepared(samples)
      #expect(distance(try encoder.partialEmbeddings(of: prepared), try one.values("partials")) < 1e-5)
      let expected = try one.values("embedding")
      #expect(distance(try encoder.embedding(of: prepared), expected) < 1e-5)
      // The same by way of a recording of two channels.
      let sound = Sound(sampleRate: 16_000, samples: stack([samples * 2, samples * 0]))
      #expect(distance(try encoder.embedding(of: sound), expected) < 1e-5)
      #expect(distance(try encoder.embedding(ofSpeaker: [prepared, prepared]), expected) < 1e-5)
    }
  }

  @Test func utterancesAreCutAsResemblyzerCutsThem() throws {
    let cases = try Fixture.value("voice").list("slices")
    #expect(cases.count == 40)
    for one in cases {
      var cut = VoiceEncoder.Cut()
      cut.rate = try one.number("rate")
      cut.minimumCoverage = try one.number("coverage")
      let ranges = try VoiceEncoder.partials(ofSamples: one.integer("count"), cut)
      #expect(try ranges.map { Int64($0.lowerBound) } == one.values("starts").elements(as: Int64.self))
      #expect(ranges.allSatisfy { $0.count == 25_600 })
    }
  }

  @Test func loudnessIsRaisedOnly() throws {
    func loudness(_ x: Tensor) -> Double { x.square().mean().sqrt().item(as: Double.self) }
    let samples = Noise.samples(1000, seed: 1, period: 10)
    #expect(distance(try VoiceEncoder.prepared(samples), samples) == 0)
    #expect(abs(loudness(try VoiceEncoder.prepared(samples / 100)) - 0.0316227766) < 1e-7)
    #expect(distance(try VoiceEncoder.prepared(Tensor.zeros([100])), Tensor.zeros([100])) == 0)
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let encoder = VoiceEncoder()
    var cut = VoiceEncoder.Cut()
    cut.rate = 0.5
    #expect(complaint { _ = try VoiceEncoder.partials(ofSamples: 1000, cut) }.contains("0.625"))
    cut.rate = 1000
    #expect(complaint { _ = try VoiceEncoder.partials(ofSamples: 1000, cut) }.contains("100"))
    cut.rate = .nan
    #expect(complaint { _ = try VoiceEncoder.partials(ofSamples: 1000, cut) }.contains("nan"))
    #expect(complaint { _ = try encoder.embedding(of: Tensor.zeros([0])) }.contains("at least one"))
    #expect(complaint { _ = try encoder.embedding(of: Tensor.zeros([2, 100])) }.contains("[samples]"))
    #expect(complaint { _ = try encoder.embedding(ofSpeaker: []) }.contains("without utterances"))
  }
}
