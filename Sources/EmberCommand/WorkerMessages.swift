import EmberConformance

/// What a worker says of its cases: a line, and behind a tensor's line its bytes.
enum WorkerMessage {
  case begin(String)
  case tensor(name: String, dtype: String, shape: [Int], bytes: [UInt8])
  case note(name: String, text: String)
  case end(String, Verdict)
  case done

  var bytes: [UInt8] {
    func line(_ fields: String...) -> [UInt8] {
      let clean = fields.map { field in String(field.map { $0.isNewline || $0 == "\t" ? " " : $0 }) }
      return Array((clean.joined(separator: "\t") + "\n").utf8)
    }
    switch self {
    case .begin(let id): return line("begin", id)
    case .tensor(let name, let dtype, let shape, let bytes):
      return line("tensor", name, dtype, shape.map(String.init).joined(separator: ","), "\(bytes.count)") + bytes
    case .note(let name, let text): return line("note", name, text)
    case .end(let id, let verdict): return line("end", id, verdict.words.kind, verdict.words.why)
    case .done: return line("done")
    }
  }
}

/// Takes messages out of a stream of bytes.
struct WorkerMessageReader {
  private var pending: [UInt8] = []
  private var position = 0

  mutating func receive(_ bytes: ArraySlice<UInt8>) {
    pending.removeFirst(position)
    position = 0
    pending += bytes
  }

  /// The next message that has arrived whole.
  mutating func next() throws -> WorkerMessage? {
    guard let end = pending[position...].firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    let text = String(decoding: pending[position..<end], as: UTF8.self)
    let fields = text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    var next = end + 1
    let message: WorkerMessage
    switch (fields[0], fields.count) {
    case ("begin", 2): message = .begin(fields[1])
    case ("note", 3): message = .note(name: fields[1], text: fields[2])
    case ("done", 1): message = .done
    case ("end", 4):
      guard let verdict = Verdict(kind: fields[2], why: fields[3]) else { throw CaseFailure("a worker sent an unknown verdict: \(text)") }
      message = .end(fields[1], verdict)
    case ("tensor", 5):
      guard let count = Int(fields[4]), count >= 0 else { throw CaseFailure("a worker sent a malformed line: \(text)") }
      guard pending.count - next >= count else { return nil }
      let shape = fields[3].split(separator: ",").compactMap { Int($0) }
      message = .tensor(name: fields[1], dtype: fields[2], shape: shape, bytes: Array(pending[next..<next + count]))
      next += count
    default: throw CaseFailure("a worker sent a malformed line: \(text)")
    }
    position = next
    return message
  }
}
