import EmberFormats
import EmberRuntime
import Foundation
import TestSupport
import Testing

@testable import EmberCommand

/// `ember inspect` on files that claim more than any memory holds.
@Suite struct InspectTests {
  /// Tensors on `meta` have no numbers, so that each may have the largest size there is.
  @Test(arguments: [[], ["--json"]]) func tensorsWithoutNumbers(_ options: [String]) throws {
    let path = TemporaryFolder().file("claims.pt")
    let extent = "\u{8A}\u{8}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{1}"
    let tensor = "ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nuint8\n\(extent)\u{85}K\u{1}\u{85}I00\ntR"
    let pickle = "(" + String(repeating: tensor, count: 128) + "l."
    try Zip.save(
      [(name: "archive/data.pkl", contents: pickle.unicodeScalars.map { UInt8($0.value) })], to: path, compressed: false, in: "test")
    #expect(try WeightFile.open(path).entries.map(\.byteCount) == Array(repeating: 1 << 56, count: 128))
    try Inspect.parse([path] + options).run()
  }

  @Test func sumsEndAtTheLargestNumber() {
    #expect(Inspect.total([]) == 0 && Inspect.total([1, 2, 3]) == 6)
    #expect(Inspect.total([.max, 1]) == .max && Inspect.total(Array(repeating: 1 << 56, count: 128)) == .max)
  }
}
