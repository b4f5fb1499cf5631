import EmberRuntime

/// The random state of a CUDA device: Philox4x32-10, which counts blocks of four 32-bit words.
///
/// Every draw takes the blocks that it needs, however the device cuts the work: the numbers depend on the seed and on what was drawn
/// before, and on nothing else.
final class PhiloxGenerator: GeneratorState {
  /// Where a stream stands, as kernels take it (`Philox`).
  struct Position: BitwiseCopyable {
    var seed: UInt64
    var offset: UInt64
  }

  private(set) var position: Position
  /// Not retained: backends live as long as the process.
  unowned(unsafe) let backend: CUDABackend

  init(seed: UInt64, on backend: CUDABackend) {
    position = Position(seed: seed, offset: 0)
    self.backend = backend
  }

  func seed(_ seed: UInt64) { position = Position(seed: seed, offset: 0) }

  /// Seed and offset, each little-endian.
  var bytes: [UInt8] {
    [position.seed, position.offset].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
  }

  func restore(_ bytes: [UInt8]) -> Bool {
    guard bytes.count == 16 else { return false }
    func word(_ start: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << (8 * $1) } }
    position = Position(seed: word(0), offset: word(8))
    return true
  }

  /// The next `blocks` blocks of the stream, which nothing else gets.
  func take(blocks: Int) -> Position {
    let taken = position
    position.offset &+= UInt64(blocks)
    return taken
  }

  func next() -> UInt64 {
    let words = Self.words(take(blocks: 1))
    return UInt64(words.0) << 32 | UInt64(words.1)
  }

  /// The first block from a position, as the kernels compute it (Salmon et al., 2011).
  static func words(_ position: Position) -> (UInt32, UInt32, UInt32, UInt32) {
    var (c0, c1) = (UInt32(truncatingIfNeeded: position.offset), UInt32(truncatingIfNeeded: position.offset >> 32))
    var (c2, c3) = (UInt32(0), UInt32(0))
    var (k0, k1) = (UInt32(truncatingIfNeeded: position.seed), UInt32(truncatingIfNeeded: position.seed >> 32))
    for _ in 0..<10 {
      let first = c0.multipliedFullWidth(by: 0xd251_1f53), second = c2.multipliedFullWidth(by: 0xcd9e_8d57)
      (c0, c1, c2, c3) = (second.high ^ c1 ^ k0, second.low, first.high ^ c3 ^ k1, first.low)
      k0 &+= 0x9e37_79b9
      k1 &+= 0xbb67_ae85
    }
    return (c0, c1, c2, c3)
  }

  func bernoulli(_ probabilities: Operand, into output: Operand) -> Bool {
    backend.drawBernoulli(probabilities, into: output, self)
  }

  func draw(_ distribution: ElementDistribution, _ parameters: Operand, into output: Operand) -> Bool {
    switch distribution {
    case .gamma: backend.drawGamma(parameters, into: output, self)
    }
  }

  func multinomial(_ weights: Operand, rows: Int, samples: Int, replacement: Bool, into output: Operand) -> Bool {
    backend.drawMultinomial(weights, rows: rows, samples: samples, replacement: replacement, into: output, self)
  }
}
