import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor
import Testing

@Suite struct RecurrentTests {
  private static func drawn(_ shape: [Int], _ seed: UInt64) -> Tensor {
    Tensor.uniform(shape, -1, 1, dtype: .float64, generator: Generator(seed: seed))
  }

  private func close(_ a: Tensor, _ b: Tensor, _ tolerance: Double = 1e-12) -> Bool {
    a.shape == b.shape && (a.elementCount == 0 || (a.detach() - b.detach()).abs().amax().item() <= tolerance)
  }

  /// Batches that shrink, forward and backward in time.
  private static let layouts: [(batchSizes: [Int], reverse: Bool)] = [([3, 3, 3], false), ([3, 2, 1, 1], false), ([3, 2, 1, 1], true), ([2], true)]

  @Test(arguments: [RecurrentKind.tanh, .relu, .gru, .lstm], [0, 1, 2, 3])
  func theKernelAgreesWithTheComposedForm(_ kind: RecurrentKind, _ layout: Int) {
    let (batchSizes, reverse) = Self.layouts[layout]
    for projection in kind == .lstm ? [0, 2] : [0] {
      let hidden = 5, out = projection == 0 ? hidden : projection, rows = batchSizes.reduce(0, +)
      var inputs = [
        Self.drawn([rows, kind.gates * hidden], 1), Self.drawn([batchSizes[0], out], 2), Self.drawn([kind.gates * hidden, out], 3),
      ]
      if kind == .lstm { inputs.append(Self.drawn([batchSizes[0], hidden], 4)) }
      if kind == .gru { inputs.append(Self.drawn([3 * hidden], 5)) }
      if projection > 0 { inputs.append(Self.drawn([projection, hidden], 6)) }
      func run(_ x: [Tensor]) -> Tensor {
        let result = x[0].recurrentSequence(
          kind, state: x[1], cell: kind == .lstm ? x[3] : nil, weight: x[2], bias: kind == .gru ? x[3] : nil,
          projection: projection > 0 ? x[4] : nil, batchSizes: batchSizes, reverse: reverse)
        let weights = Self.drawn(Array(result.states.shape), 7)
        return (result.states * weights).sum() + result.state.square().sum() + (result.cell.map { ($0 * 0.5).sin().sum() } ?? Tensor(0.0, dtype: .float64))
      }
      // Difference quotients of the fused kernels, and the composed form, which recorded gradients take.
      #expect(checkGradients({ run($0) }, at: inputs) == nil, "\(kind) \(layout) \(projection)")
      let leaves = inputs.map { $0.requiringGrad() }
      let fused = grad(of: [run(leaves)], with: leaves)
      let composed = grad(of: [run(leaves)], with: leaves, createGraph: true)
      for (a, b) in zip(fused, composed) { #expect(close(a, b, 1e-11), "\(kind) \(layout)") }
    }
  }

  @Test func secondDerivativesOfALSTM() {
    let lstm = LSTM(2, 3, dtype: .float64)
    let x = Self.drawn([3, 2, 2], 1)
    func gradient(_ x: Tensor) -> Tensor {
      // Difference quotients are taken without recording.
      enableGrad {
        let leaf = x.requiresGrad ? x : x.requiringGrad()
        return grad(of: lstm(leaf).output.square().sum(), with: leaf, createGraph: true)
      }
    }
    #expect(checkGradients({ gradient($0[0]).square().sum() }, at: [x]) == nil)
  }

  @Test func piecesEqualTheWhole() {
    for bidirectional in [false] {
      let lstm = LSTM(4, 6, numLayers: 2, bidirectional: bidirectional, dtype: .float64), gru = GRU(4, 6, numLayers: 2, dtype: .float64)
      let x = Self.drawn([7, 3, 4], 1)
      let (whole, state) = lstm(x)
      let first = lstm(x.narrow(0, start: 0, length: 3))
      let second = lstm(x.narrow(0, start: 3, length: 4), (first.state.h, first.state.c))
      #expect(close(cat([first.output, second.output]), whole) && close(second.state.h, state.h) && close(second.state.c, state.c))
      let wholeGRU = gru(x), part = gru(x.narrow(0, start: 0, length: 5))
      #expect(close(gru(x.narrow(0, start: 5, length: 2), part.state).state, wholeGRU.state))
    }
  }

  @Test func cellsAreStepsOfLayers() throws {
    let layer = GRU(3, 4, dtype: .float64), cell = GRUCell(3, 4, dtype: .float64)
    try cell.loadStateDict(layer.stateDict().map { (name: $0.name.replacing("_l0", with: ""), tensor: $0.tensor) })
    let x = Self.drawn([5, 2, 3], 1)
    var state: Tensor?
    for t in 0..<5 { state = cell(x[t], state) }
    #expect(close(state!, layer(x).state[0]))
  }

  @Test func packingGoesThereAndBack() {
    let sequences = [3, 5, 1, 5].enumerated().map { Self.drawn([$0.element, 2], UInt64($0.offset)) }
    let packed = packSequence(sequences, enforceSorted: false)
    #expect(packed.batchSizes == [4, 3, 3, 2, 2] && packed.sortedIndices == [1, 3, 0, 2] && packed.unsortedIndices == [2, 0, 3, 1])
    let (padded, lengths) = padPackedSequence(packed, batchFirst: true, paddingValue: 9, totalLength: 6)
    #expect(lengths == [3, 5, 1, 5] && padded.shape == [4, 6, 2])
    for (a, b) in zip(unpadSequence(padded, lengths: lengths, batchFirst: true), sequences) { #expect(close(a, b, 0)) }
    #expect(padded[2, 1, 0].item() == 9)
  }

  /// Each sequence of a batch gives what it gives alone, whatever the others' lengths.
  @Test(arguments: [false, true]) func packedSequencesDoNotSeeEachOther(_ bidirectional: Bool) {
    let lstm = LSTM(2, 3, numLayers: 2, bidirectional: bidirectional, projectionSize: 2, dtype: .float64)
    let sequences = [2, 4, 1].enumerated().map { Self.drawn([$0.element, 2], UInt64($0.offset)) }
    let result = lstm(packSequence(sequences, enforceSorted: false))
    let (padded, lengths) = padPackedSequence(result.output)
    for (i, sequence) in sequences.enumerated() {
      let alone = lstm(sequence)
      #expect(close(padded.select(1, i).narrow(0, start: 0, length: lengths[i]), alone.output))
      #expect(close(result.state.h.select(1, i), alone.state.h) && close(result.state.c.select(1, i), alone.state.c))
    }
  }

  @Test func mistakesAreNamed() {
    func message(_ body: () -> Void) -> String {
      do {
        try catchingErrors { body() }
        return ""
      } catch { return "\(error)" }
    }
    let lstm = LSTM(3, 4)
    #expect(message { _ = lstm(Tensor.zeros([2, 5, 2])) }.contains("[time, batch, 3]"))
    #expect(message { _ = lstm(Tensor.zeros([2, 5, 3]), (Tensor.zeros([1, 4, 4]), Tensor.zeros([1, 5, 4]))) }.contains("[1, 5, 4]"))
    #expect(message { _ = LSTM(3, 4, projectionSize: 4) }.contains("projectionSize 4"))
    #expect(message { _ = packPaddedSequence(Tensor.zeros([4, 2, 1]), lengths: [2, 4]) }.contains("do not fall"))
    #expect(message { _ = GRUCell(3, 4)(Tensor.zeros([2, 3]), Tensor.zeros([2, 5])) }.contains("[2, 4]"))
  }
}
