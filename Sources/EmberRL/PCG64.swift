/// The random numbers of NumPy's `default_rng(seed)`: O'Neill's PCG XSL RR 128/64 (HMC-CS-2014-0905), seeded through `SeedSequence`.
///
/// Environments draw from it, so that a seed gives the episodes that it gives in Gymnasium.
public struct PCG64: RandomNumberGenerator, Sendable, Hashable {
  private var state: UInt128
  private let increment: UInt128

  public init(seed: UInt64) {
    let words = SeedSequence(seed).words(4)
    increment = (UInt128(words[2]) << 64 | UInt128(words[3])) << 1 | 1
    state = 0
    advance()
    state &+= UInt128(words[0]) << 64 | UInt128(words[1])
    advance()
  }

  private mutating func advance() { state = state &* 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645 &+ increment }

  public mutating func next() -> UInt64 {
    advance()
    let folded = UInt64(truncatingIfNeeded: state >> 64) ^ UInt64(truncatingIfNeeded: state)
    let turn = UInt64(truncatingIfNeeded: state >> 122)
    return folded >> turn | folded << ((64 - turn) & 63)
  }

  /// A number from `low` up to but without `high`, as `Generator.uniform` of NumPy draws it.
  public mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * unitUniform() }
}

extension RandomNumberGenerator {
  /// A number from 0 up to but without 1, of 53 random bits.
  mutating func unitUniform() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// Spreads the bits of a seed over as many words as a generator needs; after Melissa O'Neill's `seed_seq_fe`, as NumPy has it.
private struct SeedSequence {
  private var pool: [UInt32]

  init(_ seed: UInt64) {
    var factor: UInt32 = 0x43B0_D7E5
    func hashed(_ value: UInt32) -> UInt32 {
      let first = value ^ factor
      factor = factor &* 0x931E_8875
      let second = first &* factor
      return second ^ second >> 16
    }
    let entropy = [UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32), 0, 0]
    pool = entropy.map(hashed)
    for source in 0..<4 {
      for target in 0..<4 where target != source {
        let mixed = 0xCA01_F9DD &* pool[target] &- 0x4973_F715 &* hashed(pool[source])
        pool[target] = mixed ^ mixed >> 16
      }
    }
  }

  func words(_ count: Int) -> [UInt64] {
    var factor: UInt32 = 0x8B51_F9DD
    let halves = (0..<2 * count).map { i -> UInt64 in
      let first = pool[i % 4] ^ factor
      factor = factor &* 0x58F3_8DED
      let second = first &* factor
      return UInt64(second ^ second >> 16)
    }
    return (0..<count).map { halves[2 * $0] | halves[2 * $0 + 1] << 32 }
  }
}
