/// Where the sources of this package are.
public enum Checkout {
  public static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

  /// A file or folder of Tests/Fixtures.
  public static func fixture(_ name: String) -> String { "\(root)/Tests/Fixtures/\(name)" }
}
