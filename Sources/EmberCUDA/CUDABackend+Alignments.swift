import EmberRuntime

/// Label sequences for log-probabilities [time, batch, classes].
package struct CTCProblem {
  let time: Int, batch: Int, classes: Int, blank: Int, longest: Int
  /// The targets of item i begin at targets[offsets[i]].
  let targets: [Int64], offsets: [Int64], inputLengths: [Int64], targetLengths: [Int64]

  package init(
    shape: Shape, blank: Int, longest: Int, targets: [Int64], offsets: [Int64], inputLengths: [Int64], targetLengths: [Int64]
  ) {
    (time, batch, classes) = (shape[0], shape[1], shape[2])
    (self.blank, self.longest) = (blank, longest)
    (self.targets, self.offsets) = (targets, offsets)
    (self.inputLengths, self.targetLengths) = (inputLengths, targetLengths)
  }

  var states: Int { 2 * longest + 1 }
}

extension LaunchArguments {
  /// As the kernels' `Alignments`; lists lie one behind the other.
  fileprivate mutating func add(_ p: CTCProblem, lists: UnsafeMutableRawPointer) {
    for number in [p.time, p.batch, p.classes, p.blank, p.longest] { add(Int64(number)) }
    var start = lists
    for count in [p.targets.count, p.offsets.count, p.inputLengths.count, p.targetLengths.count] {
      add(start)
      start += count * 8
    }
  }
}

extension CUDABackend {
  private func threads(for problem: CTCProblem) -> Int { problem.states <= 64 ? 64 : problem.states <= 128 ? 128 : 256 }

  /// Runs `body` with the problem's lists on the device, and room of `bytes` at a multiple of 16 behind them.
  private func withLists(
    of p: CTCProblem, bytes: Int = 0, _ body: (_ lists: UnsafeMutableRawPointer, _ room: UnsafeMutableRawPointer) -> Void
  ) {
    let lists = p.targets + p.offsets + p.inputLengths + p.targetLengths
    let size = (lists.count * 8 + 15) & ~15
    withScratch(size + bytes) {
      copyFromHost(lists, to: $0, byteCount: lists.count * 8)
      body($0, $0 + size)
    }
  }

  /// Losses [batch] and the logarithms of the forward variables [batch, time, states] of dense log-probabilities, float32 or float64.
  package func ctcLoss(_ p: CTCProblem, _ x: Operand, losses: Operand, alpha: Operand) {
    withLists(of: p) { lists, _ in
      launch(.alignments, "ctc_forward", [.type(x.dtype)], blocks: p.batch, threads: threads(for: p)) {
        $0.add(p, lists: lists)
        for operand in [x, losses, alpha] { $0.add(operand.pointer) }
      }
    }
  }

  /// The gradient of the scores whose log-softmax x is.
  package func ctcLossBackward(
    _ p: CTCProblem, _ x: Operand, gradient: Operand, losses: Operand, alpha: Operand, zeroInfinity: Bool, into dx: Operand
  ) {
    let numbers = p.batch * p.states * 3 * x.dtype.size
    withLists(of: p, bytes: numbers + p.batch * p.states * 4) { lists, room in
      launch(.alignments, "ctc_backward", [.type(x.dtype)], blocks: p.batch, threads: threads(for: p)) {
        $0.add(p, lists: lists)
        for operand in [x, gradient, losses, alpha, dx] { $0.add(operand.pointer) }
        $0.add(room)
        $0.add(room + numbers)
        $0.add(Int32(zeroInfinity ? 1 : 0))
      }
    }
  }
}
