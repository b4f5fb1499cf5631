import Foundation

/// A new folder for a test's files. All of them lie in one folder of the run below `TMPDIR`, which goes away when the process exits: a folder that
/// went away with its value would go as soon as the test stopped mentioning it.
public struct TemporaryFolder: Sendable {
  public let path: String

  public init() { path = made("\(Self.ofTheRun)/XXXXXX") }

  /// The path of a file in it.
  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The names of what lies in it, in order.
  public var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }

  /// Processes that a test starts, some of which are meant to be killed, use the folder of the test's process.
  private static let ofTheRun: String = {
    let variable = "EMBER_TEST_FOLDER"
    if let inherited = getenv(variable) { return String(cString: inherited) }
    let path = made("\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/ember-tests-XXXXXX")
    setenv(variable, path, 1)
    atexit { try? FileManager.default.removeItem(atPath: TemporaryFolder.ofTheRun) }
    return path
  }()
}

private func made(_ template: String) -> String {
  var template = Array(template.utf8CString)
  guard let made = mkdtemp(&template) else { fatalError("no temporary folder: \(String(cString: strerror(errno)))") }
  return String(cString: made)
}
