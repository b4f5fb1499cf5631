import EmberFormats
import Foundation
import TestSupport
import Testing

@testable import FormatFuzzer

/// Tests/Fixtures/format-fuzz.zip: files that libFuzzer made (`scripts/test-deep fuzz-formats`), a few for each way through a parser, and
/// whatever once brought a parser down.
@Suite struct FuzzCorpusTests {
  private static let archive = Checkout.fixture("format-fuzz.zip")

  @Test func whatFuzzingFoundIsSurvived() async {
    await #expect(processExitsWith: .success) {
      let files = try Zip.load(Self.archive, limit: 1 << 28, in: "test")
      for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
        let format = String(name.prefix { $0 != "/" })
        guard let parser = FormatFuzzer.parsers[format] else { fatalError("no parser for \(name)") }
        bytes.withUnsafeBytes { FormatFuzzer.parse($0, with: parser) }
      }
    }
  }

  @Test func everyParserHasFiles() throws {
    let names = try Zip.load(Self.archive, limit: 1 << 28, in: "test").keys
    #expect(Set(names.map { String($0.prefix { $0 != "/" }) }) == Set(FormatFuzzer.parsers.keys))
  }
}
