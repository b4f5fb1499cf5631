/// How a case came out.
public enum Verdict: Sendable, Hashable {
  case passed
  /// It was refused, as it must be.
  case refused
  case notImplemented
  case wrongValue(String)
  case wrongGradient(String)
  /// It should have been refused.
  case accepted
  case failed(String)
  /// The process died.
  case crashed
}

extension Verdict {
  public var isPass: Bool { self == .passed || self == .refused }

  var hasRightValue: Bool {
    switch self {
    case .passed, .wrongGradient: true
    default: false
    }
  }

  /// A phrase for the kind and a text, for files and for passing between processes.
  public var words: (kind: String, why: String) {
    switch self {
    case .passed: ("passed", "")
    case .refused: ("refused", "")
    case .notImplemented: ("not implemented", "")
    case .wrongValue(let why): ("value", why)
    case .wrongGradient(let why): ("gradient", why)
    case .accepted: ("accepted what must be refused", "")
    case .failed(let why): ("failed", why)
    case .crashed: ("crashed", "")
    }
  }

  public init?(kind: some StringProtocol, why: String) {
    switch kind {
    case "passed": self = .passed
    case "refused": self = .refused
    case "not implemented": self = .notImplemented
    case "value": self = .wrongValue(why)
    case "gradient": self = .wrongGradient(why)
    case "accepted what must be refused": self = .accepted
    case "failed": self = .failed(why)
    case "crashed": self = .crashed
    default: return nil
    }
  }
}
