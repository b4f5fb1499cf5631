import EmberNN
import EmberRuntime
import EmberTensor
import Testing

@Suite struct PackedSequences {
  private func sequence(_ length: Int, _ seed: UInt64) -> Tensor {
    Tensor.normal([length, 3], dtype: .float64, generator: Generator(seed: seed))
  }

  @Test func roundTrip() {
    let sequences = [sequence(2, 1), sequence(5, 2), sequence(3, 3)]
    for batchFirst in [false, true] {
      let padded = padSequence(sequences, batchFirst: batchFirst)
      #expect(padded.shape == (batchFirst ? [3, 5, 3] : [5, 3, 3]))
      let packed = packPaddedSequence(padded, lengths: [2, 5, 3], batchFirst: batchFirst, enforceSorted: false)
      #expect(packed.batchSizes == [3, 3, 2, 1, 1] && packed.sortedIndices == [1, 2, 0] && packed.unsortedIndices == [2, 0, 1])
      let (again, lengths) = padPackedSequence(packed, batchFirst: batchFirst)
      #expect(lengths == [2, 5, 3] && again.elements(as: Double.self) == padded.elements(as: Double.self))
      let (longer, _) = padPackedSequence(packed, batchFirst: batchFirst, paddingValue: -100, totalLength: 7)
      #expect(longer.shape == (batchFirst ? [3, 7, 3] : [7, 3, 3]) && longer.amin().item() == -100)
      let parts = unpadSequence(again, lengths: lengths, batchFirst: batchFirst)
      for (part, own) in zip(parts, sequences) { #expect(part.elements(as: Double.self) == own.elements(as: Double.self)) }
    }
    #expect(packSequence(sequences.sorted { $0.shape[0] > $1.shape[0] }).sortedIndices == nil)
  }

  @Test func gradientsFlowThrough() {
    let lengths = [2, 4]
    #expect(
      checkGradients(
        { inputs in
          let packed = packPaddedSequence(inputs[0], lengths: lengths, enforceSorted: false)
          return padPackedSequence(packed.with(packed.data.square())).output
        }, at: [Tensor.normal([4, 2, 3], dtype: .float64, generator: Generator(seed: 5))]) == nil)
  }

  /// A packed batch gives each sequence what it gives alone, in both directions, with states of its own.
  @Test func networksTreatEachSequenceByItself() {
    withRandomSeed(7) {
      let lengths = [3, 5, 1]
      let sequences = zip(lengths, 1...).map { sequence($0, UInt64($1)) }
      let packed = packSequence(sequences, enforceSorted: false)
      let state = Tensor.normal([4, 3, 4], dtype: .float64, generator: Generator(seed: 9))
      let lstm = LSTM(3, 4, numLayers: 2, bidirectional: true, dtype: .float64)
      let (output, (h, c)) = lstm(packed, (state, state))
      let gru = GRU(3, 4, numLayers: 2, bidirectional: true, dtype: .float64)
      let (gruOutput, gruState) = gru(packed, state)
      let rows = unpadSequence(padPackedSequence(output).output, lengths: lengths)
      let gruRows = unpadSequence(padPackedSequence(gruOutput).output, lengths: lengths)
      for (i, x) in sequences.enumerated() {
        let own = state.select(1, i)
        let (y, (lastH, lastC)) = lstm(x, (own, own))
        #expect(y.allClose(rows[i]) && lastH.allClose(h.select(1, i)) && lastC.allClose(c.select(1, i)))
        let (z, last) = gru(x, own)
        #expect(z.allClose(gruRows[i]) && last.allClose(gruState.select(1, i)))
      }
    }
  }

  @Test func misuse() {
    let x = Tensor.zeros([4, 2, 3])
    for body: () -> Void in [
      { _ = packPaddedSequence(x, lengths: [2, 4]) }, { _ = packPaddedSequence(x, lengths: [5, 4]) },
      { _ = packPaddedSequence(x, lengths: [4]) }, { _ = packPaddedSequence(x, lengths: [4, 0]) },
      { _ = padPackedSequence(packPaddedSequence(x, lengths: [4, 2]), totalLength: 3) }, { _ = padSequence([]) },
      { _ = padSequence([Tensor.zeros([2, 3]), Tensor.zeros([2, 4])]) },
    ] {
      #expect(throws: EmberError.self) { try catchingErrors { body() } }
    }
  }
}
