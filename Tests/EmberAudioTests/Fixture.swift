import EmberFormats
import EmberNN
import EmberTensor
import Foundation
import TestSupport
import Testing

/// Tests/Fixtures/sound.pt (Tests/Fixtures/sound/make.py): what librosa, torchcrepe and resemblyzer make of the same sounds.
enum Fixture {
  static func value(_ name: String) throws -> PickleValue {
    try #require(TorchCheckpoint.load(Checkout.fixture("sound.pt")).value[name], "\(name)")
  }
}

extension PickleValue {
  func number(_ name: String) throws -> Double { try #require(self[name]?.double, "\(name)") }
  func integer(_ name: String) throws -> Int { try #require(self[name]?.int, "\(name)") }
  func values(_ name: String) throws -> Tensor { try #require(self[name]?.tensor, "\(name)") }
  func list(_ name: String) throws -> [PickleValue] { try #require(self[name]?.items, "\(name)") }
}

/// Numbers that Python makes as well: hashes of their positions, from -0.5 to 0.5 and exact in float32.
enum Noise {
  static func values(_ count: Int, seed: UInt32) -> [Double] {
    (0..<count).map { i in
      var x = UInt32(i) &+ seed &* 0x9E37_79B1
      x = (x ^ (x >> 16)) &* 0x85EB_CA6B
      x = (x ^ (x >> 13)) &* 0xC2B2_AE35
      return Double(x >> 8) * 0x1p-24 - 0.5
    }
  }

  /// Noise and a square wave: [count].
  static func samples(_ count: Int, seed: UInt32, period: Int) -> Tensor {
    Tensor(values(count, seed: seed).enumerated().map { Float($1 / 8 + ($0 / (period / 2) % 2 == 0 ? 0.125 : -0.125)) })
  }

  /// A state dict with such weights, of about the size that layers begin with.
  static func fill(_ module: Module) throws {
    let state = module.stateDict().enumerated().map { number, entry in
      let (name, tensor) = entry, shape = Array(tensor.shape)
      var numbers = values(tensor.elementCount, seed: UInt32(number))
      if name.hasSuffix("running_var") {
        numbers = numbers.map { $0 + 1 }
      } else if shape.count > 1 {
        let scale = Double(tensor.elementCount / shape[0]).squareRoot()
        numbers = numbers.map { $0 * 3.5 / scale }
      }
      return (name: name, tensor: Tensor(numbers, shape: shape).to(tensor.dtype))
    }
    try module.loadStateDict(state)
    module.eval()
  }
}

/// The largest distance between two tensors' numbers.
func distance(_ a: Tensor, _ b: Tensor) -> Double {
  guard a.shape == b.shape else { return .infinity }
  return zip(a.elements(as: Double.self), b.elements(as: Double.self)).map { abs($0 - $1) }.max() ?? 0
}

/// The message of what a body throws.
func complaint(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch { return "\(error)" }
}
