import EmberAudio
import EmberRuntime
import EmberTensor
import Testing

@Suite struct FeatureTests {
  @Test func filtersAreThoseOfLibrosa() throws {
    let cases = try Fixture.value("filters")
    #expect(cases.items?.count == 3)
    for one in cases.items ?? [] {
      let bank = try MelFilterBank(
        sampleRate: one.integer("rate"), frameSize: one.integer("size"), bands: one.integer("bands"),
        range: one.number("low")...one.number("high"), scale: one["htk"]?.bool == true ? .htk : .slaney,
        normalization: one["area"]?.bool == true ? .area : .peak)
      let expected = try one.values("weights")
      #expect(distance(bank.weights, expected) <= 1e-7 * expected.max().item(as: Double.self))
    }
  }

  @Test func scalesGoBothWays() {
    // Two of Slaney's points, and the one where the Hidden Markov Model Toolkit's scale was fixed.
    #expect(MelScale.slaney.mels(1000) == 15 && abs(MelScale.slaney.mels(6400) - 42) < 1e-12)
    #expect(abs(MelScale.htk.mels(1000) - 1000) < 0.02)
    for scale in [MelScale.slaney, .htk] {
      for frequency in [0, 20, 440, 999, 1000, 1001, 8000, 22_050.0] {
        #expect(abs(scale.frequency(scale.mels(frequency)) - frequency) < 1e-9 * (1 + frequency))
      }
    }
  }

  @Test func spectrogramsAreThoseOfLibrosa() throws {
    let expected = try Fixture.value("voice").values("spectra")
    let spectrogram = try MelSpectrogram(sampleRate: 16_000, frameSize: 400, hop: 160, bands: 40)
    let found = spectrogram(Noise.samples(4000, seed: 3, period: 64))
    #expect(found.shape == [40, 26])
    #expect(distance(found.transpose(0, 1), expected) < 1e-5 * expected.max().item(as: Double.self))
    // A batch is its members.
    let two = spectrogram(stack([Noise.samples(4000, seed: 3, period: 64), Noise.samples(4000, seed: 4, period: 64)]))
    #expect(two.shape == [2, 40, 26] && distance(two.select(0, 0), found) < 1e-6)
  }

  @Test func sizesThatMakeNoSenseAreRefused() {
    #expect(complaint { _ = try MelFilterBank(sampleRate: 16_000, frameSize: 400, bands: 40, range: 0...8001) }.contains("8000.0 Hz"))
    #expect(complaint { _ = try MelFilterBank(sampleRate: 16_000, frameSize: 0, bands: 40) }.contains("positive"))
    #expect(complaint { _ = try MelFilterBank(sampleRate: -1, frameSize: 400, bands: 40) }.contains("positive"))
    #expect(complaint { _ = try MelSpectrogram(sampleRate: 16_000, frameSize: 400, hop: 0, bands: 40) }.contains("0 samples"))
  }
}

@Suite struct ViterbiTests {
  @Test func pathsAreThoseOfLibrosa() throws {
    let cases = try #require(try Fixture.value("viterbi").items)
    #expect(cases.count == 4)
    for one in cases {
      let states = try Viterbi.states(one.values("likelihoods"), transitions: one.values("transitions"))
      #expect(try states.map(Int64.init) == one.values("states").elements(as: Int64.self))
    }
  }

  /// No sequence is likelier than the one found: all are tried.
  @Test func noPathIsLikelier() throws {
    let states = 3, time = 6
    for seed in 0..<20 as Range<UInt32> {
      let likelihoods = Noise.values(time * states, seed: seed).map { $0 + 0.5 }
      var transitions = Noise.values(states * states, seed: seed + 100).map { $0 + 0.5 }
      for row in 0..<states {
        let sum = transitions[row * states..<(row + 1) * states].reduce(0, +)
        for i in 0..<states { transitions[row * states + i] /= sum }
      }
      func likelihood(_ path: [Int]) -> Double {
        zip(path.indices, path).reduce(1) { product, place in
          let (t, state) = place
          return product * likelihoods[t * states + state] * (t == 0 ? 1 : transitions[path[t - 1] * states + state])
        }
      }
      let all = (0..<729).map { number in (0..<time).map { number / [1, 3, 9, 27, 81, 243][$0] % 3 } }
      let found = try Viterbi.states(
        Tensor(likelihoods, shape: [time, states]), transitions: Tensor(transitions, shape: [states, states]))
      let best = try #require(all.max { likelihood($0) < likelihood($1) })
      #expect(likelihood(found) >= likelihood(best) * (1 - 1e-5), "seed \(seed)")
    }
  }

  @Test func whatIsImpossibleIsAvoided() throws {
    // From state 0 only to 1, from 1 only to 0; observations say 0 throughout, but for the first.
    let states = try Viterbi.states(
      Tensor([0.1, 0.9, 0.9, 0.1, 0.6, 0.4, 0.9, 0.1], shape: [4, 2]), transitions: Tensor([0, 1, 1, 0] as [Double], shape: [2, 2]))
    #expect(states == [1, 0, 1, 0])
    #expect(try Viterbi.states(Tensor.zeros([0, 2]), transitions: Tensor.ones([2, 2]) / 2) == [])
  }

  @Test func whatDoesNotFitIsRefused() {
    #expect(complaint { _ = try Viterbi.states(Tensor.ones([4, 2]), transitions: Tensor.ones([3, 3])) }.contains("[time, states]"))
    #expect(complaint { _ = try Viterbi.states(Tensor.ones([4, 2]) * 2, transitions: Tensor.ones([2, 2]) / 2) }.contains("between 0 and 1"))
    #expect(complaint { _ = try Viterbi.states(Tensor.ones([4, 2]), transitions: Tensor.ones([2, 2]) * -1) }.contains("between 0 and 1"))
  }
}
