import EmberRuntime
import Synchronization

/// What ran on the CPU for want of a kernel, by name, in the order of the first time.
private let hostOperations = Mutex<[(name: String, count: Int)]>([])

extension CUDABackend {
  /// Runs `body` on the CPU over copies of the operands, and copies those of `writing` back. Warns once for each name.
  package func onHost(
    _ name: StaticString, reading: [Operand], writing: [Operand], _ body: (any Backend, [Operand], [Operand]) -> Void
  ) {
    Self.noteHostOperation("\(name)", on: device)
    do throws(EmberError) {
      var copies: [(Operand, UnsafeMutableRawPointer?, Int)] = []
      defer { for (_, pointer, bytes) in copies { if let pointer { host.deallocate(pointer, byteCount: bytes) } } }
      for operand in reading + writing {
        let bytes = Self.span(operand) * operand.dtype.size
        let pointer = try host.allocate(byteCount: bytes)
        var copy = operand
        copy.pointer = pointer
        copies.append((copy, pointer, bytes))
        if let pointer, let source = operand.pointer { copyToHost(source, to: pointer, byteCount: bytes) }
      }
      let operands = copies.map(\.0)
      body(host, Array(operands.prefix(reading.count)), Array(operands.dropFirst(reading.count)))
      for (i, operand) in writing.enumerated() {
        let (_, pointer, bytes) = copies[reading.count + i]
        if let pointer, let target = operand.pointer { copyFromHost(pointer, to: target, byteCount: bytes) }
      }
    } catch { raise(error) }
  }

  /// Elements from the first to the last that an operand reaches.
  private static func span(_ operand: Operand) -> Int {
    if operand.shape.elementCount == 0 { return 0 }
    return (0..<operand.shape.rank).reduce(1) { $0 + (operand.shape[unchecked: $1] - 1) * operand.strides[$1] }
  }

  package static func noteHostOperation(_ name: String, on device: Device) {
    hostOperations.withLock { list in
      if let known = list.firstIndex(where: { $0.name == name }) { list[known].count += 1 } else { list.append((name, 1)) }
    }
    warn(.kernel, in: name, "there is no kernel for \(device); it runs on the CPU")
  }

  /// The operations that ran on the CPU so far, and how often.
  package static var hostOperationCounts: [(name: String, count: Int)] { hostOperations.withLock { $0 } }
}
