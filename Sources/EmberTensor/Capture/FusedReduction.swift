import EmberCPU
import EmberRuntime

/// A reduction over all or the last dimensions of what pointwise functions give, on the CPU: one pass over the operands, and no memory for
/// what is reduced.
package struct FusedReductionCall: GraphCall {
  package let program: PointwiseProgram
  package let reduction: Reduce
  package var name: String { program.name + "+" + reduction.callName }
  package var subject: Any { self }

  /// Those that read every element once, as a number. Any and all stop where the answer is known, counts and positions are of elements
  /// as they are stored.
  private static let fusable: Set<Reduction> = [
    .sum, .product, .maximum, .minimum, .mean, .logSumExp, .nanSum, .sumOfSquares, .sumAbsolute,
  ]

  /// - Returns: nil for programs of several results, reductions of complex numbers, or over other dimensions than the last of `rank`.
  package init?(_ program: PointwiseProgram, _ reduction: Reduce, rank: Int) {
    let reduced = reduction.dimensions.map { $0 < 0 ? $0 + rank : $0 }.sorted()
    guard program.outputs.count == 1, !program.outputs[0].dtype.isComplex, rank > 0,
      reduced.isEmpty || reduced == Array((rank - reduced.count)..<rank),
      Self.fusable.contains(reduction.reduction)
    else { return nil }
    self.program = program
    self.reduction = reduction
  }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let operands = inputs.map { $0! }
    let shape = operands.dropFirst().reduce(operands[0].body.shape) { $0.broadcast(with: $1.body.shape) ?? $0 }
    // What the reduction says to its input, without the input.
    let meta = try Tensor.empty(shape: shape, dtype: program.outputs[0].dtype, on: Backends.meta)
    let form = try reduction.forward(meta)
    if operands[0].device == .meta { return [form] }
    let isFlat = operands.allSatisfy { $0.isContiguous && ($0.body.shape == shape || $0.elementCount == 1) }
    guard operands[0].device == .cpu, isFlat, shape.elementCount > 1, form.elementCount > 0 else {
      return [try reduction.forward(try runProgram(program, PointwiseOperands(operands))[0])]
    }
    let result = try Tensor.empty(shape: form.body.shape, dtype: form.dtype, like: operands[0])
    let ran = CPUBackend.shared.reduce(
      reduction.reduction, program, operands.map { ($0.body.pointer, $0.elementCount == 1) }, into: result.operand,
      count: shape.elementCount / form.elementCount)
    try checkRan(ran, reduction.callName, meta, result)
    try checkScratch(in: name)
    return [result]
  }
}

extension FusedReductionCall {
  package var numbers: [Scalar] { program.constants.map(\.value) }
  package func settingNumbers(_ numbers: [Scalar]) -> any GraphCall {
    FusedReductionCall(program: program.settingConstants(numbers), reduction: reduction)
  }

  private init(program: PointwiseProgram, reduction: Reduce) {
    self.program = program
    self.reduction = reduction
  }
}
