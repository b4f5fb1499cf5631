import EmberFormats
import EmberRuntime
import EmberTensor
import Glibc
import Testing

/// A folder that goes away with the value.
final class TemporaryFolder {
  let path: String

  init() {
    var template = Array("/tmp/ember-tests-XXXXXX".utf8CString)
    path = String(cString: mkdtemp(&template))
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  var names: [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

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
