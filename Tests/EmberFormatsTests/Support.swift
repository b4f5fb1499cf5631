import EmberFormats
import EmberRuntime
import EmberTensor
import Foundation
import TestSupport
import Testing

func contents(_ path: String) throws -> [UInt8] {
  let file = try FileBytes.reading(path, in: "test")
  return file.withBytes { Array($0) }
}

func write(_ bytes: [UInt8], to path: String) throws { try AtomicFile.write(to: path) { file in try file.append(bytes) } }

func bytes(_ tensor: Tensor) throws -> [UInt8] { try tensor.withBytes { Array($0) } }

/// Every prefix is refused; every changed byte is refused or read as something else. Only `EmberError` may come out.
func checkDamaged(_ whole: [UInt8], prefixesFail: Bool = true, _ parse: (UnsafeRawBufferPointer) throws -> Void) {
  for count in 0..<whole.count {
    do {
      try whole[0..<count].withUnsafeBytes { try parse($0) }
      if prefixesFail { Issue.record("a prefix of \(count) of \(whole.count) bytes was accepted") }
    } catch { #expect(error is EmberError) }
  }
  for position in whole.indices {
    for change: UInt8 in [0x01, 0x20, 0x80, 0xFF] {
      var damaged = whole
      damaged[position] ^= change
      do { try damaged.withUnsafeBytes { try parse($0) } } catch { #expect(error is EmberError, "byte \(position)") }
    }
  }
}

/// What other libraries wrote (`Tests/Fixtures/formats/make.py`), and what they read from it.
enum Fixtures {
  static func path(_ name: String) -> String { Checkout.fixture("formats/\(name)") }

  struct Expected: Decodable {
    let name, dtype, bytes: String
    let shape: [Int]

    var raw: [UInt8] {
      let digits = Array(bytes.utf8)
      return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)! }
    }
  }

  static let expected: [String: [Expected]] = try! JSONDecoder().decode(
    [String: [Expected]].self, from: Data(contentsOf: URL(fileURLWithPath: path("expected.json"))))

  /// Names, order, dtypes, shapes and bytes.
  static func check(_ tensors: [(name: String, tensor: Tensor)], _ file: String, location: SourceLocation = #_sourceLocation) throws {
    let expected = try #require(Self.expected[file])
    #expect(tensors.map(\.name) == expected.map(\.name), sourceLocation: location)
    for (found, wanted) in zip(tensors, expected) {
      #expect(
        found.tensor.dtype.name == wanted.dtype && found.tensor.shape == Shape(wanted.shape), "\(wanted.name)", sourceLocation: location)
      #expect(try bytes(found.tensor) == wanted.raw, "\(wanted.name)", sourceLocation: location)
    }
  }
}
