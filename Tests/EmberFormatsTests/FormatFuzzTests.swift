import EmberFormats
import EmberRuntime
import EmberTensor
import EmberVision
import Glibc
import TestSupport
import Testing

/// Files with random damage: what comes out is a tensor or an `EmberError`. `EMBER_FUZZ` is the number of rounds, `EMBER_SEED` the seed.
@Suite struct FormatFuzzTests {
  let folder = TemporaryFolder()

  static func setting(_ name: String, _ standard: Int) -> Int { getenv(name).flatMap { Int(String(cString: $0)) } ?? standard }

  struct Format: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let write: @Sendable (String) throws -> Void
    let read: @Sendable (String) throws -> Void
  }

  static let tensors: [(String, Tensor)] = [
    ("weight", Tensor((0..<40).map { Float($0) }, shape: [5, 8])), ("flags", Tensor([true, false, true])), ("numbers", Tensor([1, -2, 3])),
    ("nothing", Tensor([Float](), shape: [0, 2])),
  ]

  static let formats: [Format] = [
    Format(
      testDescription: "safetensors", write: { try Safetensors.save(tensors, to: $0, metadata: ["a": "b"]) },
      read: { _ = try Safetensors.load($0, mapped: false) }),
    Format(
      testDescription: "safetensors, mapped", write: { try Safetensors.save(tensors, to: $0) },
      read: { path in
        for (_, tensor) in try Safetensors.load(path).tensors { _ = try tensor.withBytes { $0.reduce(0, ^) } }
      }),
    Format(testDescription: "npy", write: { try NPY.save(tensors[0].1, to: $0) }, read: { _ = try NPY.load($0) }),
    Format(
      testDescription: "npz", write: { try NPZ.save(tensors, to: $0, compressed: false) }, read: { _ = try NPZ.load($0, limit: 1 << 24) }),
    Format(
      testDescription: "npz, deflated", write: { try NPZ.save(tensors, to: $0, compressed: true) },
      read: { _ = try NPZ.load($0, limit: 1 << 24) }),
    Format(testDescription: "idx", write: { try EmberFormatsTests.write(idx, to: $0) }, read: { _ = try IDX.load($0, limit: 1 << 24) }),
    Format(
      testDescription: "idx.gz",
      write: { path in
        try EmberFormatsTests.write(
          try idx.withUnsafeBytes { try Compression.deflate($0, .gzip, in: "test").withBytes { Array($0) } }, to: path)
      }, read: { _ = try IDX.load($0, limit: 1 << 24) }),
    Format(
      testDescription: "pt", write: { try TorchCheckpoint.save(tensors, to: $0) },
      read: { for (_, tensor) in try TorchCheckpoint.load($0, limit: 1 << 24).tensors { _ = try tensor.withBytes { $0.reduce(0, ^) } } }),
    fixture("zip.pt") {
      for (_, tensor) in try TorchCheckpoint.load($0, limit: 1 << 24).tensors { _ = try tensor.withBytes { $0.reduce(0, ^) } }
    },
    fixture("legacy.pt") { for (_, tensor) in try TorchCheckpoint.load($0).tensors { _ = try tensor.withBytes { $0.reduce(0, ^) } } },
    fixture("script.pt") { _ = try TorchCheckpoint.load($0, limit: 1 << 24) },
    fixture("protocol0.pkl") { _ = try Pickle.load($0) }, fixture("protocol2.pkl") { _ = try Pickle.load($0) },
    fixture("protocol5.pkl") { _ = try Pickle.load($0) },
    fixture("packed.gguf") { for tensor in try GGUF.load($0).tensors { _ = try tensor.tensor().withBytes { $0.reduce(0, ^) } } },
    fixture("pcm_16.wav") { _ = try WAV.load($0) }, fixture("extensible.wav") { _ = try WAV.load($0) },
    fixture("colour.jpg") { _ = try Picture(contentsOf: $0, limit: 1 << 24) },
    fixture("progressive.jpg") { _ = try Picture(contentsOf: $0, limit: 1 << 24) },
    Format(
      testDescription: "png", write: { try Picture(width: 7, height: 5, channels: 3, pixels: (0..<105).map { UInt8($0) }).save(png: $0) },
      read: {
        _ = try Picture(png: $0)
      }),
  ]

  /// A file that another library wrote.
  private static func fixture(_ name: String, _ read: @escaping @Sendable (String) throws -> Void) -> Format {
    Format(testDescription: name, write: { try EmberFormatsTests.write(try contents(Fixtures.path(name)), to: $0) }, read: read)
  }

  private static let idx: [UInt8] = [0, 0, 8, 2, 0, 0, 0, 4, 0, 0, 0, 6] + (0..<24).map { UInt8($0) }

  @Test(arguments: formats) func damageIsAnErrorAtWorst(_ format: Format) throws {
    let rounds = Self.setting("EMBER_FUZZ", 300)
    let seed = UInt64(Self.setting("EMBER_SEED", 20))
    let path = folder.file("file")
    try format.write(path)
    try format.read(path)
    let whole = try contents(path)
    var refused = 0
    for round in 0..<rounds {
      var random = Damage(state: seed &+ UInt64(round) &* 7919)
      try EmberFormatsTests.write(random.damaged(whole), to: path)
      do { try format.read(path) } catch {
        refused += 1
        guard let error = error as? EmberError else {
          Issue.record("round \(round): \(error)")
          continue
        }
        #expect(error.message.contains(path), "round \(round): \(error) does not name the file")
      }
    }
    #expect(refused > rounds / 20)
  }

  /// SplitMix64, and what it does to a file.
  struct Damage: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }

    mutating func damaged(_ whole: [UInt8]) -> [UInt8] {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &self) {
        if bytes.isEmpty { break }
        let position = Int.random(in: 0..<bytes.count, using: &self)
        switch Int.random(in: 0..<7, using: &self) {
        case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &self)
        case 1: bytes[position] = [0, 0xFF, 0x7F, 0x80, 0x20, 0x30, 0x5B, 0x7B].randomElement(using: &self)!
        case 2: bytes.removeSubrange(position..<min(bytes.count, position + Int.random(in: 1...9, using: &self)))
        case 3:
          bytes.insert(
            contentsOf: (0..<Int.random(in: 1...9, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }, at: position)
        case 4: bytes.removeLast(bytes.count - position)
        case 5:
          // A number of eight bytes, in either order, at its limits.
          for (i, byte) in [0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0x80].enumerated() where position + i < bytes.count {
            bytes[position + i] = UInt8(byte)
          }
        default:
          let other = Int.random(in: 0..<bytes.count, using: &self)
          bytes.swapAt(position, other)
        }
      }
      return bytes
    }
  }
}
