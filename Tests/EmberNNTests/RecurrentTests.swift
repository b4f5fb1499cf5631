import EmberCPU
import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor
import Testing

/// Random numbers in float64, the same in each run.
private func numbers(_ shape: [Int], _ seed: UInt64, scale: Double = 0.5) -> Tensor {
  Tensor.normal(shape, std: scale, dtype: .float64, generator: Generator(seed: seed))
}

private func distance(_ a: Tensor, _ b: Tensor) -> Double {
  a.shape == b.shape ? (a - b).abs().amax().item(as: Double.self) : .infinity
}

@Suite struct PackedSequenceTests {
  private let lengths = [2, 5, 3]
  private var padded: Tensor { numbers([5, 3, 2], 1) }
  /// True where the padded tensor holds an element of a sequence.
  private var isElement: Tensor { Tensor.arange(5).unsqueeze(1) .< Tensor(lengths) }

  @Test(arguments: [false, true])
  func roundTrip(_ batchFirst: Bool) {
    let input = batchFirst ? padded.transpose(0, 1) : padded
    let packed = packPaddedSequence(input, lengths: lengths, batchFirst: batchFirst, enforceSorted: false)
    #expect(packed.batchSizes == [3, 3, 2, 1, 1])
    #expect(packed.sortedIndices == [1, 2, 0] && packed.unsortedIndices == [2, 0, 1])
    #expect(packed.data.shape == [10, 2] && distance(packed.data[0], padded[0, 1]) == 0 && distance(packed.data[2], padded[0, 0]) == 0)
    let (again, found) = padPackedSequence(packed, batchFirst: batchFirst, paddingValue: -7)
    let expected = padded.maskedFill(!isElement.unsqueeze(2), -7)
    #expect(found == lengths && distance(batchFirst ? again.transpose(0, 1) : again, expected) == 0)
    #expect(padPackedSequence(packed, totalLength: 8).output.shape == [8, 3, 2])
  }

  @Test func gradientsReachElementsAlone() {
    let (_, gradient) = valueAndGrad(
      { x in padPackedSequence(packPaddedSequence(x, lengths: lengths, enforceSorted: false)).output.square().sum() }, at: padded)
    #expect(distance(gradient, (padded * 2).maskedFill(!isElement.unsqueeze(2), 0)) == 0)
  }

  @Test func listsOfSequences() {
    let sequences = [numbers([4, 2], 1), numbers([1, 2], 2), numbers([3, 2], 3)]
    let unpacked = unpackSequence(packSequence(sequences, enforceSorted: false))
    #expect(zip(sequences, unpacked).allSatisfy { distance($0, $1) == 0 })
    let left = padSequence(sequences, batchFirst: true, paddingValue: 1, paddingSide: .left)
    #expect(left.shape == [3, 4, 2] && left[1, 0, 0].item() == 1 && distance(left[1, 3], sequences[1][0]) == 0)
    let back = unpadSequence(padSequence(sequences), lengths: [4, 1, 3])
    #expect(zip(sequences, back).allSatisfy { distance($0, $1) == 0 })
  }

  @Test func refusals() {
    func refuses(_ body: () -> Void) { #expect(throws: EmberError.self) { try catchingErrors { body() } } }
    refuses { _ = packPaddedSequence(padded, lengths: lengths) }
    refuses { _ = packPaddedSequence(padded, lengths: [5, 3]) }
    refuses { _ = packPaddedSequence(padded, lengths: [6, 3, 2]) }
    refuses { _ = packPaddedSequence(padded, lengths: [5, 3, 0]) }
    refuses { _ = PackedSequence(data: padded, batchSizes: [1, 3, 1]) }
    refuses { _ = PackedSequence(data: padded, batchSizes: [Int.min, Int.max]) }
    refuses { _ = PackedSequence(data: padded, batchSizes: [3, 2], sortedIndices: [0, 4, 1]) }
    refuses { _ = PackedSequence(data: padded, batchSizes: [3, 2], sortedIndices: [0, 0, 1]) }
    refuses { _ = padPackedSequence(PackedSequence(data: padded, batchSizes: [3, 2]), totalLength: 1) }
    refuses { _ = unpadSequence(padded, lengths: [1, 2, -1]) }
    refuses { _ = padSequence([]) }
  }
}

@Suite struct RecurrentNetworkTests {
  /// Two layers in both directions; LSTMs with a projection.
  private func network(_ kind: RecurrentKind) -> RecurrentLayer {
    withRandomSeed(3) {
      switch kind {
      case .tanh: return RNN(3, 4, numLayers: 2, bidirectional: true, dtype: .float64)
      case .relu: return RNN(3, 4, numLayers: 2, nonlinearity: .relu, bidirectional: true, dtype: .float64)
      case .gru: return GRU(3, 4, numLayers: 2, bidirectional: true, dtype: .float64)
      case .lstm: return LSTM(3, 4, numLayers: 2, bidirectional: true, projectionSize: 2, dtype: .float64)
      }
    }
  }

  /// Output, and all states, whatever the kind.
  private func run(_ network: RecurrentLayer, _ input: PackedSequence) -> (output: PackedSequence, states: [Tensor]) {
    switch network {
    case let rnn as RNN:
      let (output, state) = rnn(input)
      return (output, [state])
    case let gru as GRU:
      let (output, state) = gru(input)
      return (output, [state])
    default:
      let (output, state) = (network as! LSTM)(input)
      return (output, [state.h, state.c])
    }
  }

  private func run(_ network: RecurrentLayer, _ input: Tensor) -> (output: Tensor, states: [Tensor]) {
    switch network {
    case let rnn as RNN:
      let (output, state) = rnn(input)
      return (output, [state])
    case let gru as GRU:
      let (output, state) = gru(input)
      return (output, [state])
    default:
      let (output, state) = (network as! LSTM)(input)
      return (output, [state.h, state.c])
    }
  }

  @Test(arguments: [RecurrentKind.tanh, .relu, .lstm, .gru])
  func packedSequencesAreAsEachAlone(_ kind: RecurrentKind) {
    let network = network(kind)
    let sequences = [numbers([2, 3], 1), numbers([5, 3], 2), numbers([3, 3], 3)]
    let (packed, states) = run(network, packSequence(sequences, enforceSorted: false))
    for (i, output) in unpackSequence(packed).enumerated() {
      let (alone, ends) = run(network, sequences[i])
      #expect(distance(output, alone) < 1e-14)
      for (state, end) in zip(states, ends) { #expect(distance(state.select(1, i), end) < 1e-14) }
    }
  }

  @Test(arguments: [RecurrentKind.tanh, .relu, .lstm, .gru])
  func piecesWithTheStateHandedOnEqualTheWhole(_ kind: RecurrentKind) {
    withRandomSeed(4) {
      let x = numbers([7, 2, 3], 5)
      let parts = x.split([2, 4, 1])
      switch kind {
      case .lstm:
        let lstm = LSTM(3, 4, numLayers: 2, projectionSize: 3, dtype: .float64)
        let (whole, (h, c)) = lstm(x)
        var state: (h: Tensor, c: Tensor)?
        var outputs: [Tensor] = []
        for part in parts {
          let (output, end) = lstm(part, state.map { ($0.h, $0.c) })
          outputs.append(output)
          state = end
        }
        #expect(distance(cat(outputs), whole) < 1e-14 && distance(state!.h, h) < 1e-14 && distance(state!.c, c) < 1e-14)
      case .gru:
        let gru = GRU(3, 4, numLayers: 2, dtype: .float64)
        let (whole, end) = gru(x)
        var state: Tensor?
        let outputs = parts.map { part -> Tensor in
          let result = gru(part, state)
          state = result.state
          return result.output
        }
        #expect(distance(cat(outputs), whole) < 1e-14 && distance(state!, end) < 1e-14)
      case .tanh, .relu:
        let rnn = RNN(3, 4, numLayers: 2, nonlinearity: kind == .tanh ? .tanh : .relu, dtype: .float64)
        let (whole, end) = rnn(x)
        var state: Tensor?
        let outputs = parts.map { part -> Tensor in
          let result = rnn(part, state)
          state = result.state
          return result.output
        }
        #expect(distance(cat(outputs), whole) < 1e-14 && distance(state!, end) < 1e-14)
      }
    }
  }

  @Test func cellsAreStepsOfTheNetworks() throws {
    try withRandomSeed(5) {
      let x = numbers([6, 2, 3], 6)
      let lstm = LSTM(3, 4, dtype: .float64), lstmCell = LSTMCell(3, 4, dtype: .float64)
      let gru = GRU(3, 4, dtype: .float64), gruCell = GRUCell(3, 4, dtype: .float64)
      let rnn = RNN(3, 4, nonlinearity: .relu, dtype: .float64), rnnCell = RNNCell(3, 4, nonlinearity: .relu, dtype: .float64)
      for (network, cell) in [(lstm, lstmCell), (gru, gruCell), (rnn, rnnCell)] as [(Module, Module)] {
        try cell.loadStateDict(network.stateDict().map { (name: $0.name.replacing("_l0", with: ""), tensor: $0.tensor) })
      }
      var (h, c) = lstmCell(x[0])
      var g = gruCell(x[0]), r = rnnCell(x[0])
      for t in 1..<6 {
        (h, c) = lstmCell(x[t], (h, c))
        g = gruCell(x[t], g)
        r = rnnCell(x[t], r)
      }
      let (_, (lastH, lastC)) = lstm(x)
      #expect(distance(lastH[0], h) < 1e-14 && distance(lastC[0], c) < 1e-14)
      #expect(distance(gru(x).state[0], g) < 1e-14 && distance(rnn(x).state[0], r) < 1e-14)
      #expect(distance(lstmCell(x[0, 0]).h, lstmCell(x[0]).h[0]) < 1e-14)
    }
  }

  @Test func namesShapesAndText() {
    let lstm = LSTM(5, 4, numLayers: 2, bidirectional: true, projectionSize: 3)
    let expected = [
      "weight_ih_l0 [16, 5]", "weight_hh_l0 [16, 3]", "bias_ih_l0 [16]", "bias_hh_l0 [16]", "weight_hr_l0 [3, 4]", "weight_ih_l0_reverse [16, 5]",
      "weight_hh_l0_reverse [16, 3]", "bias_ih_l0_reverse [16]", "bias_hh_l0_reverse [16]", "weight_hr_l0_reverse [3, 4]",
      "weight_ih_l1 [16, 6]", "weight_hh_l1 [16, 3]", "bias_ih_l1 [16]", "bias_hh_l1 [16]", "weight_hr_l1 [3, 4]", "weight_ih_l1_reverse [16, 6]",
      "weight_hh_l1_reverse [16, 3]", "bias_ih_l1_reverse [16]", "bias_hh_l1_reverse [16]", "weight_hr_l1_reverse [3, 4]",
    ]
    #expect(lstm.stateDict().map { "\($0.name) \($0.tensor.shape)" } == expected)
    #expect(lstm.parameters().allSatisfy { $0.value.abs().amax().item() <= 0.5 })
    let (output, (h, c)) = lstm(Tensor.zeros([2, 3, 5]))
    #expect(output.shape == [2, 3, 6] && h.shape == [4, 3, 3] && c.shape == [4, 3, 4])
    let (alone, state) = GRU(5, 4, numLayers: 2, batchFirst: true)(Tensor.zeros([7, 5]))
    #expect(alone.shape == [7, 4] && state.shape == [2, 4])
  }

  @Test func refusals() {
    func refuses(_ body: () -> Void) { #expect(throws: EmberError.self) { try catchingErrors { body() } } }
    let lstm = LSTM(5, 4)
    refuses { _ = LSTM(5, 0) }
    refuses { _ = LSTM(5, 4, projectionSize: 4) }
    refuses { _ = GRU(5, 4, dropout: 2) }
    refuses { _ = lstm(Tensor.zeros([2, 3, 6])) }
    refuses { _ = lstm(Tensor.zeros([0, 3, 5])) }
    refuses { _ = lstm(Tensor.zeros([5])) }
    refuses { _ = lstm(Tensor.zeros([2, 3, 5], dtype: .float64)) }
    refuses { _ = lstm(Tensor.zeros([2, 3, 5]), (Tensor.zeros([1, 2, 4]), Tensor.zeros([1, 3, 4]))) }
    refuses { _ = lstm(Tensor.zeros([2, 3, 5]), (Tensor.zeros([1, 3, 4]), Tensor.zeros([1, 3, 5]))) }
    refuses { _ = lstm(PackedSequence(data: Tensor.zeros([3, 6]), batchSizes: [2, 1])) }
    refuses { _ = LSTMCell(5, 4)(Tensor.zeros([3, 5]), (Tensor.zeros([2, 4]), Tensor.zeros([2, 4]))) }
    refuses {
      _ = Tensor.zeros([4, 8]).recurrentSequence(
        .lstm, state: Tensor.zeros([2, 3]), cell: Tensor.zeros([2, 2]), weight: Tensor.zeros([8, 2]), batchSizes: [2, 2])
    }
    refuses { _ = Tensor.zeros([4, 8]).recurrentSequence(.tanh, state: Tensor.zeros([2, 8]), weight: Tensor.zeros([8, 8]), batchSizes: [2, 3]) }
  }
}

@Suite struct RecurrentSequenceTests {
  /// A layer whose sequences have 5, 4 and 2 steps.
  struct Example: CustomTestStringConvertible, Sendable {
    var kind: RecurrentKind
    var reverse = false
    var projection = false
    var batchSizes = [3, 3, 2, 2, 1]
    var hidden = 3
    var testDescription: String { "\(kind)\(reverse ? " reversed" : "")\(projection ? " projected" : "") \(batchSizes) × \(hidden)" }

    var inputs: [Tensor] {
      let rows = batchSizes.reduce(0, +), out = projection ? 2 : hidden, batch = batchSizes[0], gates = kind.gates * hidden
      let scale = 1 / Double(hidden).squareRoot()
      var all = [numbers([rows, gates], 1, scale: 1), numbers([batch, out], 2), numbers([gates, out], 3, scale: scale)]
      if kind == .gru { all.append(numbers([gates], 4)) }
      if kind == .lstm { all.append(numbers([batch, hidden], 5)) }
      if projection { all.append(numbers([out, hidden], 6, scale: scale)) }
      return all
    }

    /// All results as one vector.
    func callAsFunction(_ x: [Tensor]) -> Tensor {
      let (states, state, cell) = x[0].recurrentSequence(
        kind, state: x[1], cell: kind == .lstm ? x[3] : nil, weight: x[2], bias: kind == .gru ? x[3] : nil, projection: projection ? x[4] : nil,
        batchSizes: batchSizes, reverse: reverse)
      return cat([states, state].map { $0.flatten(0, -1) } + (cell.map { [$0.flatten(0, -1)] } ?? []))
    }

    /// The same by single steps of ordinary operations.
    func byStep(_ x: [Tensor]) -> Tensor {
      let parts = x[0].split(batchSizes)
      var h = x[1], c = kind == .lstm ? x[3] : nil
      var outputs = Array(repeating: h, count: parts.count)
      for t in reverse ? Array(parts.indices.reversed()) : Array(parts.indices) {
        let size = batchSizes[t], all = h.shape[0]
        let before = h.narrow(0, start: 0, length: size)
        let side = before.linear(x[2], kind == .gru ? x[3] : nil)
        var next: Tensor
        switch kind {
        case .tanh: next = (parts[t] + side).tanh()
        case .relu: next = (parts[t] + side).relu()
        case .lstm:
          let g = (parts[t] + side).chunk(4, dim: 1), old = c!
          let cell = g[1].sigmoid() * old.narrow(0, start: 0, length: size) + g[0].sigmoid() * g[2].tanh()
          next = g[3].sigmoid() * cell.tanh()
          if projection { next = next.matmul(x[4].mT) }
          c = cat([cell, old.narrow(0, start: size, length: all - size)])
        case .gru:
          let i = parts[t].chunk(3, dim: 1), s = side.chunk(3, dim: 1)
          let z = (i[1] + s[1]).sigmoid()
          next = (1 - z) * (i[2] + (i[0] + s[0]).sigmoid() * s[2]).tanh() + z * before
        }
        outputs[t] = next
        h = cat([next, h.narrow(0, start: size, length: all - size)])
      }
      return cat((outputs + [h] + (c.map { [$0] } ?? [])).map { $0.flatten(0, -1) })
    }
  }

  static let kinds = [RecurrentKind.tanh, .relu, .lstm, .gru]
  static let examples =
    kinds.flatMap { [Example(kind: $0), Example(kind: $0, reverse: true)] }
    + [Example(kind: .lstm, projection: true), Example(kind: .lstm, reverse: true, projection: true)]

  @Test(arguments: examples)
  func gradients(_ example: Example) {
    #expect(checkGradients({ example($0) }, at: example.inputs) == nil)
  }

  @Test(arguments: examples)
  func secondDerivatives(_ example: Example) {
    var small = example
    small.batchSizes = [2, 1]
    let weight = numbers([small(small.inputs).elementCount], 7)
    #expect(
      checkGradients(
        { x in
          let gradients = valueAndGrad({ (small($0) * weight).sum() }, at: x).gradients
          return cat(gradients.map { $0.flatten(0, -1) })
        }, at: small.inputs) == nil)
  }

  /// Sizes at which steps are shared out among threads, vectors have remainders and products several blocks.
  static let large = kinds.flatMap {
    [Example(kind: $0, batchSizes: [33, 33, 33], hidden: 70), Example(kind: $0, reverse: true, batchSizes: [17, 17, 9, 1], hidden: 150)]
  } + [Example(kind: .lstm, projection: true, batchSizes: [40, 33, 2], hidden: 67), Example(kind: .tanh, batchSizes: [3, 2], hidden: 600)]

  @Test(arguments: large)
  func kernelsOfAllInstructionSetsAgreeWithSingleSteps(_ example: Example) {
    let inputs = example.inputs
    let weight = numbers([example(inputs).elementCount], 8)
    let expected = valueAndGrad({ (example.byStep($0) * weight).sum() }, at: inputs)
    let values = example.byStep(inputs)
    for set in CPU.InstructionSet.allCases {
      for (dtype, tolerance) in [(DType.float64, 1e-12), (.float32, 3e-5)] {
        let converted = inputs.map { $0.to(dtype) }
        _ = CPU.with(set) {
          #expect(distance(example(converted).to(.float64), values) < tolerance, "\(set) \(dtype)")
          let (_, gradients) = valueAndGrad({ (example($0) * weight.to(dtype)).sum() }, at: converted)
          for (actual, expected) in zip(gradients, expected.gradients) {
            let scale = max(1, expected.abs().amax().item(as: Double.self))
            #expect(distance(actual.to(.float64), expected) < tolerance * 10 * scale, "\(set) \(dtype)")
          }
        }
      }
    }
  }

  @Test func otherDTypesAndTransforms() {
    let example = Example(kind: .lstm)
    let inputs = example.inputs
    let half = example(inputs.map { $0.to(.bfloat16) })
    #expect(half.dtype == .bfloat16 && distance(half.to(.float64), example(inputs)) < 0.05)
    let states = numbers([4, 3, 3], 9)
    func ofState(_ state: Tensor) -> Tensor { example([inputs[0], state] + inputs[2...]) }
    let mapped = vmap(ofState)(states)
    let single = stack((0..<4).map { ofState(states[$0]) })
    #expect(distance(mapped, single) < 1e-14)
    let (_, tangent) = jvp({ example($0) }, at: inputs, tangents: inputs.map { Tensor.ones(like: $0) })
    let step = 1e-6
    let quotient = (example(inputs.map { $0 + step }) - example(inputs.map { $0 - step })) / (2 * step)
    #expect(distance(tangent, quotient) < 1e-7)
  }

  @Test func aBatchOfNothingGivesNothing() throws {
    let input = Tensor.ones([5, 0, 3])
    try catchingErrors {
      let (rows, state) = RNN(3, 4)(input)
      #expect(rows.shape == [5, 0, 4] && state.shape == [1, 0, 4])
      let (outputs, states) = LSTM(3, 4, bidirectional: true)(input)
      #expect(outputs.shape == [5, 0, 8] && states.0.shape == [2, 0, 4] && states.1.shape == [2, 0, 4])
      #expect(GRU(3, 4, batchFirst: true)(input.transpose(0, 1)).output.shape == [0, 5, 4])
      let norm = InstanceNorm1d(3, trackRunningStats: true)
      #expect(norm(Tensor.ones([0, 3, 6])).shape == [0, 3, 6])
    }
  }
}
