import EmberCPU
import EmberFormats
import EmberRuntime
import EmberTensor
import EmberTorchScript
import Glibc
import TestSupport
import Testing

/// Modules that torch.jit.script compiled (Tests/Fixtures/torchscript/make.py): control flow, classes, containers, strings, views that are written
/// through. Each call gives what it gives in PyTorch, errors included.
@Suite struct TorchScriptTests {
  static let cases = (try? FixtureCase.all(Checkout.fixture("torchscript.pt"))) ?? []

  @Test func modulesDoWhatTheyDoInPyTorch() {
    #expect(Self.cases.count >= 40)
    for one in Self.cases {
      let problems = one.problems()
      #expect(problems.isEmpty, "\(one.name): \(problems.joined(separator: "; "))")
    }
  }

  /// silero-vad's own function on the same probabilities (Tests/Fixtures/torchscript/make_segments.py).
  @Test func segmentsOfSpeechAreSileros() throws {
    let records = try #require(TorchCheckpoint.load(Checkout.fixture("speech-segments.pt")).value.items)
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

  /// A module of one method, by the lines of its body.
  private func module(_ body: [String]) throws -> TorchScriptModule {
    let path = TemporaryFolder().file("module.pt")
    let lines = ["class M(Module):", "  __parameters__ = []", "  __buffers__ = []", "  def forward(self) -> int:"] + body.map { "    \($0)" }
    let code = lines.map { $0 + "\n" }.joined()
    let entries = [
      (name: "m/data.pkl", contents: [0x80, 2] + Array("c__torch__\nM\n)".utf8) + [0x81] + Array("}b.".utf8)),
      (name: "m/constants.pkl", contents: Array(").".utf8)), (name: "m/version", contents: Array("3\n".utf8)),
      (name: "m/code/__torch__.py", contents: Array(code.utf8)),
    ]
    try Zip.save(entries, to: path, compressed: true, in: "test")
    return try TorchScriptModule.load(path, mapped: false)
  }

  /// Blocks behind their colons, within each other in one line, are as deep as those below each other.
  @Test(arguments: ["if True: ", "while True: ", "with x: ", "for i in x: ", "def f(): "])
  func blocksInOneLineAreBounded(_ start: String) throws {
    let error = #expect(throws: EmberError.self) {
      _ = try module([String(repeating: start, count: 100_000) + "pass", "return 1"]).call("forward", [])
    }
    #expect(error?.message.contains("nested") == true, "\(String(describing: error))")
    guard case .integer(2) = try module(["x = 1", "if x == 1: x = 2", "return x"]).call("forward", []) else {
      throw EmberError(.value, in: "test", "a block in one line")
    }
  }

  /// Ranges whose length fits neither 64 bits nor memory.
  @Test func rangesOfAnyBounds() throws {
    for (bounds, length) in [
      ("9223372036854775807, -9223372036854775807", 0), ("-9223372036854775807, 9223372036854775807, -1", 0), ("5, 0, -2", 3), ("0, -9", 0),
      ("9223372036854775800, 9223372036854775807, 3", 3),
    ] {
      guard case .integer(length) = try module(["return torch.len(torch.range(\(bounds)))"]).call("forward", []) else {
        throw EmberError(.value, in: "test", "range(\(bounds)) is not \(length) long")
      }
    }
    for code in [
      "torch.len(torch.range(-9223372036854775807, 9223372036854775807))", "torch.len(torch.range(9223372036854775807, 0, -1))",
      "torch.__range_length(0, -9223372036854775807 - 1, -1)", "torch.__range_length(-9223372036854775807, 9223372036854775807, 1)",
    ] { #expect(throws: EmberError.self, "\(code)") { _ = try module(["return \(code)"]).call("forward", []) } }
    guard case .integer(1) = try module(["return torch.__range_length(5, 0, -9223372036854775807 - 1)"]).call("forward", []) else {
      throw EmberError(.value, in: "test", "a range of one step")
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
