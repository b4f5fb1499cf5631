import EmberAudio
import EmberFormats
import EmberRuntime
import EmberTensor
import Foundation
import TestSupport
import Testing

@Suite struct PitchTests {
  @Test func theNetworkIsTorchcrepes() throws {
    let expected = try #require(try Fixture.value("pitch").items?.first)
    let detector = PitchDetector(try network())
    let samples = cat([Tensor.zeros([600]), Noise.samples(1500, seed: 1, period: 80).slice(0, start: 600)])
    let probabilities = try detector.probabilities(of: samples)
    #expect(distance(probabilities, try expected.values("probabilities")) < 1e-5)
    // In batches of any size the same comes out.
    var small = detector
    small.batchSize = 3
    #expect(distance(try small.probabilities(of: samples), probabilities) < 1e-6)
  }

  @Test func embeddingsAreTorchcrepes() throws {
    let expected = try #require(try Fixture.value("pitch").items?.first).values("embedding")
    // The last frame by hand: the sound's end in its middle, silence behind.
    let samples = Noise.samples(1500, seed: 1, period: 80)
    let frame = cat([Tensor.zeros([1024]), samples.slice(0, start: 600), Tensor.zeros([1024])]).slice(0, start: 1024 - 600 + 1440 - 512)
      .slice(0, start: 0, end: 1024)
    let centred = frame - frame.mean()
    let found = noGrad { try? network().embedding((centred / centred.std()).unsqueeze(0)) }
    #expect(distance(try #require(found).squeeze(0), expected) < 1e-4)
  }

  private func network() throws -> CREPE {
    let network = CREPE(.tiny)
    try Noise.fill(network)
    return network
  }

  @Test func bothCapacitiesHaveTorchcrepesNames() {
    for (capacity, count) in [(CREPE.Capacity.tiny, 486_552), (.full, 22_239_976)] {
      let network = CREPE(capacity, on: .meta)
      #expect(network.parameters().reduce(0) { $0 + $1.value.elementCount } == count)
      let names = network.stateDict().map(\.name)
      #expect(names.count == 44 && names[0] == "conv1.weight" && names[7...8] == ["conv2.weight", "conv2.bias"])
      #expect(names.contains("conv6_BN.num_batches_tracked") && names.last == "classifier.bias")
      #expect(Array(network(Tensor.zeros([5, 1024], on: .meta)).shape) == [5, 360])
    }
  }

  /// Every decoder, over ranges whose ends lie between pitches and beyond them.
  @Test func decodersAreTorchcrepes() throws {
    let fixture = try Fixture.value("decoding"), probabilities = try fixture.values("probabilities")
    let cases = try fixture.list("cases")
    #expect(cases.count == 12)
    for one in cases {
      let method = try #require(PitchDecoder.Method(rawValue: one["method"]?.string ?? ""))
      let range = try one.number("low")...one.number("high")
      let (frequencies, periodicities) = try PitchDecoder(method: method, range: range)(probabilities)
      let expected = try one.values("frequencies")
      #expect(distance(frequencies / expected, Tensor.ones([30])) < 1e-5, "\(method) \(range)")
      #expect(distance(periodicities, try one.values("periodicities")) < 1e-6, "\(method) \(range)")
      #expect(frequencies.elements(as: Double.self).allSatisfy { range.lowerBound * 0.98 < $0 && $0 < range.upperBound * 1.02 })
    }
  }

  @Test func noiseStaysWithinTwentyCents() throws {
    let probabilities = try Fixture.value("decoding").values("probabilities")
    let plain = try PitchDecoder(method: .argmax)(probabilities).frequencies
    func dithered() throws -> Tensor { try PitchDecoder(method: .argmax, dither: Generator(seed: 3))(probabilities).frequencies }
    let cents = ((try dithered() / plain).log2() * 1200).elements(as: Double.self)
    #expect(cents.allSatisfy { abs($0) <= 20 } && Set(cents).count > 20 && cents.contains { $0 > 1 } && cents.contains { $0 < -1 })
    let (one, other) = (try dithered(), try dithered())
    #expect(distance(one, other) == 0)
  }

  @Test func placesAndFrequenciesGoBothWays() {
    #expect(abs(PitchDecoder.frequency(0) - 31.7) < 0.01 && abs(PitchDecoder.frequency(359) - 2005.5) < 0.1)
    for place in [0, 12.5, 200, 359] { #expect(abs(PitchDecoder.place(PitchDecoder.frequency(place)) - place) < 1e-9) }
  }

  @Test func framesAndWhatIsUnvoiced() throws {
    let sound = Sound(sampleRate: 8000, samples: Tensor.zeros([2, 4000]))
    var detector = PitchDetector(try network())
    detector.decoder.method = .argmax
    let track = try detector.track(of: sound, interval: 0.0625)
    #expect(track.interval == 0.0625 && track.frequencies.shape == [9] && track.periodicities.shape == [9])
    #expect(track.voiced(from: 2).frequencies.elements(as: Float.self).allSatisfy { $0.isNaN })
    #expect(distance(track.voiced(from: 0).frequencies, track.frequencies) == 0)
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let detector = PitchDetector(try network())
    #expect(complaint { _ = try detector.probabilities(of: Tensor.zeros([2, 100])) }.contains("[samples]"))
    let sound = Sound(sampleRate: 16_000, samples: Tensor.zeros([1, 9]))
    #expect(complaint { _ = try detector.track(of: sound, interval: 0) }.contains("16000 Hz"))
    #expect(complaint { _ = try PitchDecoder(range: 3000...4000)(Tensor.ones([1, 360])) }.contains("2006 Hz"))
    #expect(complaint { _ = try PitchDecoder()(Tensor.ones([360])) }.contains("[frames, 360]"))
    #expect(complaint { try catchingErrors { _ = detector.network(Tensor.zeros([1, 1000])) } }.contains("1024"))
    let path = TemporaryFolder().file("no-crepe.pth")
    try TorchCheckpoint.save([("weight", Tensor.ones([2]))], to: path)
    #expect(complaint { _ = try CREPE(contentsOf: path) }.contains("conv1.weight is missing"))
  }
}
