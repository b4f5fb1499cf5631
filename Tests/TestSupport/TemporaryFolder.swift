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

  /// Named after the process and the one that started it, which removes it too: some processes are meant to be killed by their test.
  private static let ofTheRun: String = {
    let path = made("\(root)/ember-tests-\(getppid())-\(getpid())-XXXXXX")
    atexit {
      let own = getpid(), root = TemporaryFolder.root
      for name in (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [] {
        let parts = name.split(separator: "-")
        if name.hasPrefix("ember-tests-"), parts.count == 5, parts[2] == "\(own)" || parts[3] == "\(own)" {
          try? FileManager.default.removeItem(atPath: "\(root)/\(name)")
        }
      }
    }
    return path
  }()

  private static var root: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }
}

private func made(_ template: String) -> String {
  var template = Array(template.utf8CString)
  guard let made = mkdtemp(&template) else { fatalError("no temporary folder: \(String(cString: strerror(errno)))") }
  return String(cString: made)
}
