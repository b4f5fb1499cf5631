import EmberRuntime
import EmberTensor

/// Identities that decompositions must satisfy: their factors are unique only up to signs and phases.
enum Rebuild {
  static func difference(_ rule: String, results: [OperatorValue], arguments: [(name: String, value: OperatorValue)]) throws -> String? {
    throw CaseFailure("the identity \(rule) is not implemented")
  }
}
