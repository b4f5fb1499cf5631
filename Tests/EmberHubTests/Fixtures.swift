import EmberFormats
import EmberTensor
import Glibc
import Testing

/// The files of Tests/Fixtures/hub.zip (`scripts/hub-fixtures`), unpacked into a folder of this process.
enum Fixtures {
  static let folder: String = {
    let target = temporaryFolder("fixtures")
    let path = "\(String(describing: #filePath).split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 })/Fixtures/hub.zip"
    do { try Zip.unpack(path, into: target, limit: 1 << 28, in: "test") { $0 } } catch { fatalError("\(error)") }
    return target
  }()

  static func json(_ name: String) throws -> JSON { try JSON.load("\(folder)/\(name)", in: "test") }

  /// A new folder, which stays until the system cleans up.
  static func temporaryFolder(_ name: String) -> String {
    var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/ember-\(name)-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { fatalError("no temporary folder") }
    return String(cString: made)
  }
}

extension JSON {
  var integers: [Int] { items?.compactMap(\.integer) ?? [] }
  var reals: [Double] { items?.compactMap(\.real) ?? [] }
}

/// The largest distance between numbers and those expected.
func distance(_ tensor: Tensor, _ expected: [Double]) -> Double {
  let found = tensor.elements(as: Double.self)
  guard found.count == expected.count else { return .infinity }
  return zip(found, expected).map { abs($0 - $1) }.max() ?? 0
}
