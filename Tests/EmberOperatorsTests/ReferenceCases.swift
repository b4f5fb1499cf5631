import EmberConformance
import EmberFormats
import Foundation
import TestSupport

/// The files of the repository that tests read.
enum Repository {
  static let casesPath = Checkout.fixture("pytorch-reference.zip")
  static let operatorsPath = "\(Checkout.root)/docs/operators.md"

  /// The operators that `docs/operators.md` says fall short: the first column of the table under "These fall short".
  static func operatorsThatFallShort() throws -> Set<String> {
    let lines = try String(contentsOfFile: operatorsPath, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
    let table = lines.drop { !$0.hasPrefix("| operator |") }.dropFirst(2).prefix { $0.hasPrefix("|") }
    return Set(table.map { "torch." + $0.split(separator: "`")[1] })
  }
}

extension JSON {
  /// This value with what stands at a path of names and positions replaced.
  func replacing(_ path: [String], with change: (JSON) -> JSON) -> JSON {
    guard let step = path.first else { return change(self) }
    let rest = Array(path.dropFirst())
    switch self {
    case .object(let members):
      if !members.contains(where: { $0.key == step }) { return .object(members + [JSONMember(key: step, value: change(.null))]) }
      return .object(members.map { $0.key == step ? JSONMember(key: step, value: $0.value.replacing(rest, with: change)) : $0 })
    case .array(let items):
      return .array(items.enumerated().map { "\($0.offset)" == step ? $0.element.replacing(rest, with: change) : $0.element })
    default: return self
    }
  }

  func replacing(_ path: String..., with value: JSON) -> JSON { replacing(path) { _ in value } }
}
