import EmberFormats
import TestSupport
import Testing

@Suite struct ReadmeTests {
  /// The example in the README is a target of this package, so it compiles; here, that it is the same text, and a page's first glance.
  @Test func exampleIsTheOneThatIsBuilt() throws {
    let readme = try text(Checkout.root + "/README.md"), example = try text(Checkout.root + "/Examples/Quickstart/main.swift")
    #expect(readme.contains("```swift\n" + example + "```"))
    #expect(example.split(separator: "\n").count <= 15)
  }

  private func text(_ path: String) throws -> String {
    let file = try FileBytes.reading(path, in: "readme")
    return file.withBytes { String(decoding: $0, as: UTF8.self) }
  }
}
