import EmberAudio
import EmberFormats
import EmberTensor
import Foundation
import TestSupport
import Testing

/// `ember pitch` and `ember voice`, as somebody calls them.
@Suite struct CommandTests {
  private let folder = TemporaryFolder()

  private func ember(_ arguments: [String]) throws -> (status: Int32, output: String, complaint: String) {
    let process = Process()
    #if os(Linux)
      let products = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    #else
      let products = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }!.bundleURL.deletingLastPathComponent()
    #endif
    process.executableURL = products.appendingPathComponent("ember")
    process.arguments = arguments
    var environment = ProcessInfo.processInfo.environment
    environment["EMBER_OFFLINE"] = "1"
    environment["EMBER_HUB_CACHE"] = folder.file("cache")
    process.environment = environment
    // Files, not pipes, which fill up.
    let texts = ["out", "error"].map(folder.file)
    for text in texts { try Data().write(to: URL(fileURLWithPath: text)) }
    process.standardOutput = FileHandle(forWritingAtPath: texts[0])
    process.standardError = FileHandle(forWritingAtPath: texts[1])
    try process.run()
    process.waitUntilExit()
    let printed = try texts.map { try String(contentsOfFile: $0, encoding: .utf8) }
    return (process.terminationStatus, printed[0], printed[1])
  }

  private func file(_ name: String) -> String { folder.file(name) }

  private func recording(_ name: String, seed: UInt32 = 1, count: Int = 3200) throws -> String {
    try WAV.save(Noise.samples(count, seed: seed, period: 80), sampleRate: 16_000, to: file(name), asFloat: true)
    return file(name)
  }

  @Test func pitchPrintsWhatTheDetectorFinds() throws {
    let network = CREPE(.tiny)
    try Noise.fill(network)
    try TorchCheckpoint.save(network.stateDict(), to: file("tiny.pth"))
    var detector = PitchDetector(network)
    detector.decoder = PitchDecoder(method: .argmax, range: 80...400)
    let track = try detector.track(of: WAV.load(recording("a.wav")), interval: 0.02)
    let path = try recording("a.wav")
    let arguments = ["--model", file("tiny.pth"), "--decoder", "argmax", "--lowest", "80", "--highest", "400", "--step", "20"]
    let csv = try ember(["pitch", path, "--csv", "--output", file("track.csv")] + arguments)
    #expect(csv.status == 0 && csv.output.isEmpty, "\(csv.complaint)")
    let lines = try String(contentsOfFile: file("track.csv"), encoding: .utf8).split(separator: "\n")
    let rows = lines.map { $0.split(separator: ",").map(String.init) }
    #expect(rows.count == 12 && rows[0] == ["time", "frequency", "periodicity"])
    #expect(rows.dropFirst().map { Float($0[1]) } == track.frequencies.elements(as: Float.self))
    #expect(rows.dropFirst().map { Float($0[2]) } == track.periodicities.elements(as: Float.self))
    #expect(rows.last?.first == "0.2")
    // For people, and with nothing that is sure enough to be a pitch.
    let table = try ember(["pitch", path, "--model", file("tiny.pth"), "--threshold", "2"])
    #expect(table.status == 0 && table.output.split(separator: "\n").count == 22, "\(table.complaint)")
    #expect(table.output.contains("    0.200        -    "))
  }

  @Test func voicesAreCompared() throws {
    let encoder = VoiceEncoder()
    try Noise.fill(encoder)
    let state = encoder.stateDict().map { (key: PickleValue.string($0.name), value: PickleValue.tensor($0.tensor)) }
    try TorchCheckpoint.save(.dictionary(["model_state": .dictionary(PickleDictionary(state))]), to: file("voice.pt"))
    let a = try recording("a.wav", count: 30_000), b = try recording("b.wav", seed: 2, count: 9000)
    let expected = try [a, b].map { try encoder.embedding(of: WAV.load($0)) }
    let cosine = (expected[0] * expected[1]).sum().item(as: Double.self)
    let one = try ember(["voice", a, b, "--model", file("voice.pt")])
    #expect(one.status == 0, "\(one.complaint)")
    #expect(abs(try #require(Double(one.output.trimmingCharacters(in: .whitespacesAndNewlines))) - cosine) < 0.00051)
    let all = try ember(["voice", a, b, a, "--model", file("voice.pt")])
    #expect(all.output.split(separator: "\n").count == 3 && all.output.hasPrefix("1.000"))
    let json = try ember(["voice", b, "--json", "--model", file("voice.pt")])
    let value = try Array(json.output.utf8).withUnsafeBytes { try JSON.parse($0, source: "output", in: "test") }
    let numbers = value["embeddings"]?.items?.first?.items?.compactMap(\.real) ?? []
    #expect(distance(Tensor(numbers), expected[1].to(.float64)) < 1e-6)
  }

  @Test func complaintsSayWhatWouldHaveWorked() throws {
    let sound = try recording("a.wav")
    try Data("text".utf8).write(to: URL(fileURLWithPath: file("text.wav")))
    try TorchCheckpoint.save([("weight", Tensor.ones([2]))], to: file("other.pth"))
    try TorchCheckpoint.save([("weight", Tensor.ones([2]))], to: file("other.pt"))
    func failing(_ arguments: String..., expecting part: String) throws {
      let result = try ember(arguments)
      #expect(result.status != 0 && result.complaint.contains(part), "\(arguments): \(result.complaint)")
    }
    try failing("pitch", file("no.wav"), expecting: "no.wav")
    try failing("pitch", file("text.wav"), expecting: "not a WAV file")
    try failing("pitch", sound, "--decoder", "mean", expecting: "viterbi")
    try failing("pitch", sound, "--lowest", "500", "--highest=100", expecting: "below the highest")
    try failing("pitch", sound, "--step", "0", expecting: "must be positive")
    try failing("pitch", sound, "--model", file("other.pth"), expecting: "conv1.weight is missing")
    try failing("pitch", sound, "--model", "crepe-tiny", expecting: "offline")
    try failing("pitch", sound, "--output", file("none/track.csv"), expecting: "there is no folder")
    try failing("voice", sound, expecting: "two recordings")
    try failing("voice", sound, file("text.wav"), expecting: "not a WAV file")
    try failing("voice", sound, sound, "--model", file("other.pt"), expecting: "model_state")
  }
}
