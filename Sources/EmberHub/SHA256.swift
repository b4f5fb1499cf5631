import CEmberHub
import EmberFormats

/// SHA-256 of bytes that come in parts.
struct SHA256: Sendable {
  private var hash = ember_sha256()

  init() { ember_sha256_start(&hash) }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    ember_sha256_add(&hash, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
  }

  /// In hexadecimal.
  func finished() -> String {
    var copy = hash
    var digest = [UInt8](repeating: 0, count: 32)
    ember_sha256_finish(&copy, &digest)
    let digits = Array("0123456789abcdef")
    return String(digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }

  static func of(_ bytes: [UInt8]) -> String {
    var hash = SHA256()
    bytes.withUnsafeBytes { hash.add($0) }
    return hash.finished()
  }

  /// That of a file.
  static func ofFile(_ path: String) throws -> String {
    var hash = SHA256()
    try FileBytes.mapping(path, in: "Hub").withBytes { bytes in
      if bytes.count > 0 { hash.add(bytes) }
    }
    return hash.finished()
  }
}
