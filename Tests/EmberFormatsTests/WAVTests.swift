import EmberFormats
import EmberRuntime
import EmberTensor
import Testing

@Suite struct WAVTests {
  let folder = TemporaryFolder()

  @Test(arguments: ["pcm_u8", "pcm_16", "pcm_24", "pcm_32", "float", "double", "extensible"]) func asSoundfileReads(_ name: String) throws {
    let sound = try WAV.load(Fixtures.path(name + ".wav"))
    try Fixtures.check([("samples", sound.samples)], name + ".wav")
    #expect(sound.sampleRate == (name == "extensible" ? 44100 : 16000))
    #expect(sound.mono.shape == [50])
    checkDamaged(try contents(Fixtures.path(name + ".wav"))) { _ = try WAV.parse($0) }
  }

  @Test func roundTrip() throws {
    let path = folder.file("a.wav")
    let samples = Tensor([[0, 0.5, -1], [0.25, 2, -0.125]] as [[Float]])
    try WAV.save(samples, sampleRate: 8000, to: path, asFloat: true)
    #expect(try bytes(WAV.load(path).samples) == bytes(samples))
    try WAV.save(samples, sampleRate: 8000, to: path)
    let clipped = try WAV.load(path)
    #expect(clipped.samples.elements(as: Float.self) == [0, 0.5, -1, 0.25, 32767.0 / 32768, -0.125] && clipped.sampleRate == 8000)
    #expect(throws: EmberError.self) { try WAV.save(Tensor([1, 2, 3] as [Int64]), sampleRate: 8000, to: path) }
  }

  /// What streams write that do not know their length.
  @Test func openEnded() throws {
    var file = try contents(Fixtures.path("pcm_16.wav"))
    let place = try #require((0..<file.count - 4).first { Array(file[$0..<$0 + 4]) == Array("data".utf8) })
    for i in 4..<8 { file[place + i] = 0xFF }
    #expect(try file.withUnsafeBytes { try WAV.parse($0) }.samples.shape == [2, 50])
  }
}
