import EmberFormats
import EmberRuntime
import EmberTensor
import TestSupport
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

  /// A header may claim any rate, and with it any length at another one.
  @Test func resamplingIsBounded() throws {
    func sound(_ rate: Int, _ channels: Int, _ count: Int) -> Sound { Sound(sampleRate: rate, samples: Tensor.zeros([channels, count])) }
    for rate in [16_000, 1 << 16, 1 << 22, 1 << 24] {
      #expect(throws: EmberError.self) { _ = try sound(1, 1, 1 << 19).resampled(to: rate) }
      #expect(throws: EmberError.self) { _ = try sound(1, 1, 1 << 19).mixed(at: rate) }
    }
    let error = #expect(throws: EmberError.self) { _ = try sound(1, 1 << 12, 1 << 8).resampled(to: 16_000) }
    #expect(error?.message.contains("4096 × 256 samples from 1 to 16000") == true)
    #expect(throws: EmberError.self) { _ = try sound((1 << 24) - 1, 1, 10).resampled(to: 16_000) }
    #expect(throws: EmberError.self) { _ = try sound(Int(UInt32.max), 1, 10).resampled(to: 16_000) }
    #expect(throws: EmberError.self) { _ = try sound(1, 1, 1 << 16).resampled(to: 16_000) }
    #expect(try sound(1, 2, 2).resampled(to: 16_000).samples.shape == [2, 32_000])
    #expect(try sound(1 << 16, 1, 64).resampled(to: 1).samples.shape == [1, 1])
    #expect(try sound(44_100, 1, 0).resampled(to: 16_000).samples.shape == [1, 0])
  }

  /// What streams write that do not know their length.
  @Test func openEnded() throws {
    var file = try contents(Fixtures.path("pcm_16.wav"))
    let place = try #require((0..<file.count - 4).first { Array(file[$0..<$0 + 4]) == Array("data".utf8) })
    for i in 4..<8 { file[place + i] = 0xFF }
    #expect(try file.withUnsafeBytes { try WAV.parse($0) }.samples.shape == [2, 50])
  }
}
