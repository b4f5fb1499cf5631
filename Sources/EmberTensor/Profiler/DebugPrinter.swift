import EmberRuntime
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What `EMBER_DEBUG` asks for: operations printed on standard error as they run.
///
/// | level | prints |
/// |---|---|
/// | 1 | every operation with its time, indented by what called it |
/// | 2 | also dtypes and shapes of inputs and results |
/// | 3 | also layers and the parts of backward passes |
/// | 4 | also whether inputs are dense, and where they lie |
final class DebugPrinter: OperationObserver, @unchecked Sendable {
  private let level: Int
  private init(level: Int) { self.level = level }

  /// Nil unless the environment asks for it. Read once.
  static let scope: DebugPrinter? = {
    guard let text = getenv("EMBER_DEBUG"), let level = Int(String(cString: text)), level > 0 else { return nil }
    return DebugPrinter(level: level)
  }()

  private struct Call {
    var name: String
    var inputs: String
    var start: ContinuousClock.Instant
    var isShown: Bool
  }

  /// Calls in progress by thread: one printer serves all.
  private let calls = Mutex<[pthread_t: [Call]]>([:])

  func begin(_ name: String, _ kind: ObservedKind, inputs: [Tensor?]) {
    let isShown = kind == .operation || level >= 3
    let text = level >= 2 ? inputs.map { $0.map(describe) ?? "nil" }.joined(separator: ", ") : ""
    let title = kind == .backward ? "\(name) (backward)" : name
    calls.withLock { $0[pthread_self(), default: []].append(Call(name: title, inputs: text, start: .now, isShown: isShown)) }
  }

  func end(_ results: [Tensor]) {
    let now = ContinuousClock.now
    let (call, depth) = calls.withLock { all in
      let call = all[pthread_self(), default: []].popLast()
      let rest = all[pthread_self()] ?? []
      if rest.isEmpty { all[pthread_self()] = nil }
      return (call, rest.count { $0.isShown })
    }
    guard let call, call.isShown else { return }
    let microseconds = (now - call.start).seconds * 1e6
    var line = "ember: " + String(repeating: "  ", count: depth) + call.name
    if level >= 2 {
      line += "(\(call.inputs))"
      if !results.isEmpty { line += " -> " + results.map(describe).joined(separator: ", ") }
    }
    line += "  \(NumberText.fixed(microseconds, decimals: 1)) µs\n"
    writeToStandardError(line)
  }

  private func describe(_ tensor: Tensor) -> String {
    guard level >= 4, tensor.body.isPlain else { return tensor.summary }
    let layout = tensor.isContiguous ? "" : ", strides \((0..<tensor.rank).map { tensor.strides[$0] })"
    return "\(tensor.summary)@\(String(tensor.storageAddress, radix: 16))\(layout)"
  }
}
