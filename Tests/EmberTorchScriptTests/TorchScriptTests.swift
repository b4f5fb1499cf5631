import EmberCPU
import EmberFormats
import EmberRuntime
import EmberTensor
import EmberTorchScript
import Testing

/// Modules that torch.jit.script compiled (Tests/Fixtures/torchscript/make.py): control flow, classes, containers, strings, views that are written
/// through. Each call gives what it gives in PyTorch, errors included.
@Suite struct TorchScriptTests {
  private static let path = #filePath.split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" } + "/Fixtures"
  static let cases = (try? FixtureCase.all("\(path)/torchscript.pt")) ?? []

  @Test func modulesDoWhatTheyDoInPyTorch() {
    #expect(Self.cases.count >= 40)
    for one in Self.cases {
      let problems = one.problems()
      #expect(problems.isEmpty, "\(one.name): \(problems.joined(separator: "; "))")
    }
  }

  /// silero-vad's own function on the same probabilities (Tests/Fixtures/torchscript/make_segments.py).
  @Test func segmentsOfSpeechAreSileros() throws {
    let records = try #require(TorchCheckpoint.load("\(Self.path)/speech-segments.pt").value.items)
    #expect(records.count == 60)
    for (i, record) in records.enumerated() {
      let probabilities = try #require(record["probabilities"]?.items).compactMap(Self.number)
      guard case .int(let rate)? = record["rate"], case .int(let count)? = record["count"] else { throw EmberError(.value, in: "test", "\(i)") }
      var options = SpeechDetector.Options()
      for entry in record["options"]?.dictionary?.entries ?? [] {
        let value = Self.number(entry.value) ?? 0
        switch entry.key.string {
        case "max_speech_duration_s": options.maximumSpeech = value
        case "use_max_poss_sil_at_max_speech": options.cutsAtLongestSilence = value != 0
        case "min_silence_duration_ms": options.minimumSilence = value
        case "min_speech_duration_ms": options.minimumSpeech = value
        case "speech_pad_ms": options.padding = value
        case "threshold": options.threshold = value
        case "neg_threshold": options.negativeThreshold = value
        case "min_silence_at_max_speech": options.minimumSilenceAtCut = value
        default: Issue.record("option \(entry.key)")
        }
      }
      let found = SpeechDetector.segments(probabilities, sampleRate: rate, sampleCount: count, options: options)
      let expected = try #require(record["segments"]?.items).map { ($0.items ?? []).compactMap(Self.number) }
      #expect(found.map { [Double($0.samples.lowerBound), Double($0.samples.upperBound)] } == expected, "case \(i)")
    }
  }

  private static func number(_ value: PickleValue) -> Double? {
    switch value {
    case .bool(let flag): flag ? 1 : 0
    case .int(let number): Double(number)
    case .double(let number): number
    default: nil
    }
  }

  /// Archives that are cut off or changed at random: errors, or modules that may do something else, and nothing worse. In a process of its
  /// own, whose memory is bounded.
  @Test func damagedArchivesAreSurvived() async {
    await #expect(processExitsWith: .success) {
      CPU.setMemoryCap(1 << 28)
      var state: UInt64 = 1
      func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
      }
      for one in TorchScriptTests.cases {
        for round in 0..<12 {
          var damaged = one.archive
          if round < 3 { damaged.removeLast(random(damaged.count)) } else { for _ in 0...random(4) { damaged[random(damaged.count)] = UInt8(random(256)) } }
          guard let module = try? FixtureCase.module(damaged, name: "damaged", instructionLimit: 1 << 14) else { continue }
          for record in one.records {
            _ = try? module.call(record["method"]?.string ?? "", (record["arguments"]?.items ?? []).map(FixtureCase.argument))
          }
        }
      }
    }
  }
}
