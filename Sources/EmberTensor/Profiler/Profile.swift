import EmberCPU
import EmberRuntime

/// What a profiler saw of one thread: every operation, layer and part of a backward pass with its time and the memory it left behind.
///
/// ```swift
/// let (loss, report) = profile { trainingStep() }
/// print(report)                                    // a table by operation
/// try report.saveTrace("trace.json")               // for chrome://tracing or ui.perfetto.dev
/// ```
public struct Profile: Sendable {
  /// One call.
  public struct Event: Sendable {
    /// The operation as the user calls it, or the region's name.
    public var name: String
    public var kind: ObservedKind
    /// Dtypes and shapes of the inputs, `float32[64, 784], float32[10, 784]`.
    public var inputs: String
    /// Seconds since the profile began.
    public var start: Double
    /// Seconds, with the calls inside.
    public var duration: Double
    /// Seconds without the calls inside.
    public var selfDuration: Double
    /// Bytes of tensor memory in use on the CPU at the end, less those at the start; negative where memory was given back.
    public var bytes: Int
    /// The same without the calls inside.
    public var selfBytes: Int
    /// Number of calls that it is inside of.
    public var depth: Int

    /// The name in tables: derivatives are told apart from their operations.
    public var title: String { kind == .backward ? "\(name) (backward)" : name }
  }

  /// In the order of their beginnings.
  public internal(set) var events: [Event] = []
  /// Seconds of the whole.
  public internal(set) var duration = 0.0
  /// Bytes of tensor memory in use on the CPU over time: seconds since the beginning, and bytes.
  public internal(set) var memory: [(seconds: Double, bytes: Int)] = []

  /// The most memory in use at the ends of calls.
  public var peakMemory: Int { memory.map(\.bytes).max() ?? 0 }

  /// Calls of one kind together.
  public struct Row: Sendable {
    public var title: String
    /// Of all calls in the row if they are grouped by them, else empty.
    public var inputs: String
    public var count = 0
    /// Seconds with and without the calls inside. A call inside one of the same row counts once in `total`.
    public var total = 0.0
    public var own = 0.0
    public var bytes = 0
  }

  /// What rows of a table are ordered by, largest first.
  public enum Order: Sendable { case ownTime, totalTime, count, bytes }

  /// Calls gathered by title, and by the shapes of their inputs if asked for.
  public func rows(groupedByInputs: Bool = false, order: Order = .ownTime) -> [Row] {
    var table: [String: Row] = [:]
    // Titles of the calls that the present one is inside of, with their depths.
    var open: [(key: String, depth: Int)] = []
    for event in events {
      let key = groupedByInputs ? "\(event.title)\t\(event.inputs)" : event.title
      while let last = open.last, last.depth >= event.depth { open.removeLast() }
      var row = table[key] ?? Row(title: event.title, inputs: groupedByInputs ? event.inputs : "")
      row.count += 1
      row.own += event.selfDuration
      row.bytes += event.selfBytes
      if !open.contains(where: { $0.key == key }) { row.total += event.duration }
      table[key] = row
      open.append((key, event.depth))
    }
    return table.values.sorted { a, b in
      let isLarger: Bool? =
        switch order {
        case .ownTime: a.own == b.own ? nil : a.own > b.own
        case .totalTime: a.total == b.total ? nil : a.total > b.total
        case .count: a.count == b.count ? nil : a.count > b.count
        case .bytes: a.bytes == b.bytes ? nil : a.bytes > b.bytes
        }
      return isLarger ?? ((a.title, a.inputs) < (b.title, b.inputs))
    }
  }

  /// A table by operation: share and time without the calls inside, time with them, mean, calls, memory left behind.
  public func table(groupedByInputs: Bool = false, order: Order = .ownTime, limit: Int = 30) -> String {
    let rows = rows(groupedByInputs: groupedByInputs, order: order)
    let whole = rows.reduce(0) { $0 + $1.own }
    var cells = [["operation", "self", "self ms", "total ms", "mean µs", "calls", "memory"] + (groupedByInputs ? ["inputs"] : [])]
    for row in rows.prefix(limit) {
      cells.append(
        [
          row.title, NumberText.fixed(whole > 0 ? 100 * row.own / whole : 0, decimals: 1) + " %", NumberText.fixed(row.own * 1e3, decimals: 3),
          NumberText.fixed(row.total * 1e3, decimals: 3), NumberText.fixed(row.total / Double(row.count) * 1e6, decimals: 1), "\(row.count)", Self.amount(row.bytes),
        ] + (groupedByInputs ? [row.inputs] : []))
    }
    let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
    var lines = cells.map { row in
      row.enumerated().map { column, text in
        let space = String(repeating: " ", count: widths[column] - text.count)
        return column == 0 || column == 7 ? text + space : space + text
      }.joined(separator: "  ")
    }
    if rows.count > limit { lines.append("and \(rows.count - limit) more") }
    lines.append("\(NumberText.fixed(duration * 1e3, decimals: 3)) ms in all; at most \(Self.amount(peakMemory)) of tensors")
    return lines.joined(separator: "\n")
  }

  /// The trace in the JSON of chrome://tracing and ui.perfetto.dev: calls as nested bars, memory as a curve.
  public var chromeTrace: String {
    var parts: [String] = []
    func microseconds(_ seconds: Double) -> String { NumberText.fixed(seconds * 1e6, decimals: 3) }
    for event in events {
      parts.append(
        "{\"name\":\(Self.quoted(event.title)),\"cat\":\"\(event.kind.rawValue)\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":\(microseconds(event.start)),"
          + "\"dur\":\(microseconds(event.duration)),\"args\":{\"inputs\":\(Self.quoted(event.inputs)),\"bytes\":\(event.bytes)}}")
    }
    for point in memory {
      parts.append("{\"name\":\"tensor memory\",\"ph\":\"C\",\"pid\":1,\"ts\":\(microseconds(point.seconds)),\"args\":{\"bytes\":\(point.bytes)}}")
    }
    return "{\"traceEvents\":[\n" + parts.joined(separator: ",\n") + "\n],\"displayTimeUnit\":\"ms\"}\n"
  }

  private static func amount(_ bytes: Int) -> String {
    let size = Double(bytes)
    return switch abs(size) {
    case 1e9...: NumberText.fixed(size / 1e9, decimals: 2) + " GB"
    case 1e6...: NumberText.fixed(size / 1e6, decimals: 2) + " MB"
    case 1e3...: NumberText.fixed(size / 1e3, decimals: 2) + " kB"
    default: "\(bytes) B"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..."\u{1F}":
        let code = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - code.count) + code
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension Profile: CustomStringConvertible {
  public var description: String { table() }
}

/// Runs `body` and notes every operation that the calling thread carries out meanwhile, with time, shapes and memory.
///
/// Layers, backward passes and `withPlace` show as what the operations are inside of. Costs about a microsecond for each call; without it
/// nothing. Other threads (a loader's workers) are not seen.
public func profile<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> (result: Result, profile: Profile) {
  let recorder = ProfileRecorder()
  let result = try observing(with: recorder, body)
  return (result, recorder.finish())
}

/// The same for what returns nothing.
public func profile<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) -> Profile {
  let recorder = ProfileRecorder()
  try observing(with: recorder, body)
  return recorder.finish()
}

@available(*, unavailable, message: "a profile belongs to a thread and does not survive an await; run the tensor operations in a synchronous closure")
public func profile<Result>(_ body: () async throws -> Result) async throws -> (result: Result, profile: Profile) { fatalError() }

private final class ProfileRecorder: OperationObserver {
  private let start = ContinuousClock.now
  private var profile = Profile()
  /// Calls in progress: positions in `events`, the memory when they began, and what calls inside have taken.
  private var open: [(event: Int, memory: Int, innerTime: Double, innerBytes: Int)] = []

  init() { noteMemory(at: 0, CPU.memoryStatistics.liveBytes) }

  func begin(_ name: String, _ kind: ObservedKind, inputs: [Tensor?]) {
    let text = inputs.map { $0?.summary ?? "nil" }.joined(separator: ", ")
    open.append((profile.events.count, CPU.memoryStatistics.liveBytes, 0, 0))
    // The clock is read last, so that the noting itself counts for the caller.
    profile.events.append(
      Profile.Event(
        name: name, kind: kind, inputs: text, start: (ContinuousClock.now - start).seconds, duration: 0, selfDuration: 0, bytes: 0, selfBytes: 0,
        depth: open.count - 1))
  }

  func end(_ results: [Tensor]) {
    let now = (ContinuousClock.now - start).seconds
    guard let call = open.popLast() else { return }
    let memory = CPU.memoryStatistics.liveBytes
    let duration = now - profile.events[call.event].start, bytes = memory - call.memory
    profile.events[call.event].duration = duration
    profile.events[call.event].selfDuration = duration - call.innerTime
    profile.events[call.event].bytes = bytes
    profile.events[call.event].selfBytes = bytes - call.innerBytes
    if !open.isEmpty {
      open[open.count - 1].innerTime += duration
      open[open.count - 1].innerBytes += bytes
    }
    noteMemory(at: now, memory)
  }

  func finish() -> Profile {
    profile.duration = (ContinuousClock.now - start).seconds
    return profile
  }

  private func noteMemory(at seconds: Double, _ bytes: Int) {
    if profile.memory.last?.bytes != bytes { profile.memory.append((seconds, bytes)) }
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
