import EmberFormats
import EmberTensor
import Glibc
import TestSupport
import Testing

/// The files of Tests/Fixtures/hub.zip (`scripts/hub-fixtures`), unpacked into a folder of this process.
enum Fixtures {
  static let folder: String = {
    let target = TemporaryFolder().path
    do { try Zip.unpack(Checkout.fixture("hub.zip"), into: target, limit: 1 << 28, in: "test") { $0 } } catch { fatalError("\(error)") }
    return target
  }()

  static func json(_ name: String) throws -> JSON { try JSON.load("\(folder)/\(name)", in: "test") }
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
