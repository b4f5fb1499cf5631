import EmberCUDA
import EmberFunctional
import EmberRuntime
import EmberTensor
import Testing

/// Against the CPU's kernels, and those of 16-bit floats against its composed form.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct RecurrentSequenceTests {
  init() { manualSeed(13) }

  struct Case: Sendable, CustomTestStringConvertible {
    var kind: RecurrentKind
    var sizes: [Int]
    var hidden: Int
    var projection = 0
    var hasBias = false
    var isReverse = false
    var testDescription: String {
      "\(kind) of \(hidden) units, projection \(projection), batches \(sizes)\(hasBias ? ", bias" : "")\(isReverse ? ", reverse" : "")"
    }
  }

  static let cases = [
    Case(kind: .tanh, sizes: [3, 3, 3], hidden: 5), Case(kind: .tanh, sizes: [4, 3, 1], hidden: 9, isReverse: true),
    Case(kind: .relu, sizes: [4, 4, 2, 1], hidden: 7), Case(kind: .lstm, sizes: [3, 3, 3], hidden: 6),
    Case(kind: .lstm, sizes: [4, 3, 3, 1], hidden: 5, isReverse: true), Case(kind: .lstm, sizes: [4, 2, 1], hidden: 6, projection: 3),
    Case(kind: .lstm, sizes: [3, 3], hidden: 4, projection: 5, isReverse: true),
    Case(kind: .gru, sizes: [3, 3, 3], hidden: 6, hasBias: true),
    Case(kind: .gru, sizes: [5, 3, 1], hidden: 4, isReverse: true), Case(kind: .gru, sizes: [5, 3, 1], hidden: 3, hasBias: true),
  ]

  @Test(arguments: cases, [DType.float32, .float64, .float16, .bfloat16])
  func statesAndGradients(_ c: Case, _ dtype: DType) {
    let out = c.projection > 0 ? c.projection : c.hidden, rows = c.sizes.reduce(0, +), gates = c.kind.gates * c.hidden
    func random(_ shape: [Int], _ isThere: Bool = true) -> Tensor? { isThere ? (Tensor.randn(shape) * 0.5).to(dtype) : nil }
    let inputs = [
      random([rows, gates]), random([c.sizes[0], out]), random([c.sizes[0], c.hidden], c.kind == .lstm), random([gates, out]),
      random([gates], c.hasBias), random([c.projection, c.hidden], c.projection > 0),
    ]
    func run(_ device: Device) -> [Tensor] {
      let leaves = inputs.map { $0?.to(device).detach().requiringGrad() }
      let results = leaves[0]!.recurrentSequence(
        c.kind, state: leaves[1]!, cell: leaves[2], weight: leaves[3]!, bias: leaves[4], projection: leaves[5], batchSizes: c.sizes,
        reverse: c.isReverse)
      var loss = (results.states * results.states).sum() + (results.state * results.state * results.state).sum()
      if let cell = results.cell { loss = loss + (cell * cell).sum() }
      loss.backward()
      return [results.states, results.state] + [results.cell].compactMap { $0 } + leaves.compactMap { $0?.grad }
    }
    let rounding = dtype == .bfloat16 ? 4e-2 : tolerance(dtype)
    for (result, reference) in zip(run(.cuda), run(.cpu)) { #expect(error(of: result, against: reference) < rounding) }
  }
}
