import EmberRuntime

/// The inputs of an operation on every member of a batch, for `Operation.batched`.
public struct OperationBatch {
  /// How many members.
  public let size: Int
  /// As the operation sees them, all of one level.
  let inputs: [Tensor?]

  /// Number of inputs, present or not.
  public var count: Int { inputs.count }
  public func isPresent(_ i: Int) -> Bool { inputs[i] != nil }
  /// True if all members have the same input `i` (or none), which then has no dimension for the batch.
  public func isShared(_ i: Int) -> Bool { inputs[i]?.body.batch?.isShared ?? true }
  /// The shape of input `i` of one member.
  public func shape(_ i: Int) -> Shape { inputs[i]!.body.shape }

  /// Input `i` of all members: the batch is its first dimension. A shared one is expanded, which copies nothing.
  public subscript(i: Int) -> Tensor {
    let batch = inputs[i]!.body.batch!
    return batch.isShared ? batch.physical.expand([size] + Array(batch.physical.body.shape)) : batch.physical
  }

  /// Input `i` if it is there.
  public func ifPresent(_ i: Int) -> Tensor? { isPresent(i) ? self[i] : nil }

  /// Input `i` as it is: with the batch first, or without a batch dimension if it is shared.
  public func asIs(_ i: Int) -> Tensor { inputs[i]!.body.batch!.physical }

  /// As `asIs`, with extents of 1 behind the batch so that each member has `rank` dimensions and broadcasts as it would alone.
  public func aligned(_ i: Int, rank: Int) -> Tensor {
    let tensor = asIs(i), missing = rank - shape(i).rank
    if isShared(i) || missing <= 0 { return tensor }
    return tensor.reshape([size] + Array(repeating: 1, count: missing) + Array(shape(i)))
  }

  /// Where dimension `d` of a member's input `i` is behind the batch; nil if there is none such, also for scalars.
  public func dimension(_ d: Int, of i: Int = 0) -> Int? {
    let rank = shape(i).rank
    let wrapped = d < 0 ? d + rank : d
    return wrapped >= 0 && wrapped < rank ? wrapped + 1 : nil
  }

  /// The same for several.
  public func dimensions(_ list: [Int], of i: Int = 0) -> [Int]? {
    let all = list.compactMap { dimension($0, of: i) }
    return all.count == list.count ? all : nil
  }

  /// 0, 1, … as indices of the members, with `rank` dimensions behind.
  func members(rank: Int, on device: Device) -> Tensor {
    Tensor.arange(size, on: device).reshape([size] + Array(repeating: 1, count: rank))
  }
}

/// Runs an operation on all members of a batch: by its own rule, or else member by member.
///
/// - Parameter run: the operation on tensors of the levels further out.
/// - Returns: results of the innermost level, without history, and the inputs at that level.
private func runBatched(
  _ operation: some Operation, _ inputs: [Tensor?], count: Int, _ run: ([Tensor?]) -> [Tensor]
) -> (results: [Tensor], inputs: [Tensor?]) {
  let level = inputs.reduce(0) { max($0, $1?.batchLevel ?? 0) }
  let lifted = inputs.map { $0?.lifted(to: level) }
  let batches = lifted.map { $0?.body.batch }
  guard let first = batches.lazy.compactMap({ $0 }).first(where: { !$0.isShared }) else {
    return (run(batches.map { $0?.physical }).map { Tensor(batched: $0, level: level, isShared: true) }, lifted)
  }
  let batch = OperationBatch(size: first.physical.size(0), inputs: lifted)
  var physical = operation.batched(batch)
  if physical == nil {
    VmapScope.current?.runByMember.insert(operation.callName)
    physical = runMembers(batch, count: count, run)
  }
  return (physical!.map { Tensor(batched: $0, level: level) }, lifted)
}

/// One member after the other: right for every operation.
private func runMembers(_ batch: OperationBatch, count: Int, _ run: ([Tensor?]) -> [Tensor]) -> [Tensor] {
  func inputs(_ member: Int) -> [Tensor?] {
    (0..<batch.count).map { i in
      guard batch.isPresent(i) else { return nil }
      return batch.isShared(i) ? batch.asIs(i) : batch.asIs(i).select(0, member)
    }
  }
  if batch.size == 0 {
    // Nobody is there to run it: the shapes come from zeros.
    let zeros = (0..<batch.count).map { i -> Tensor? in
      guard batch.isPresent(i) else { return nil }
      let tensor = batch.asIs(i)
      return batch.isShared(i) ? tensor : Tensor.zeros(Array(batch.shape(i)), dtype: tensor.dtype, on: tensor.device)
    }
    return run(zeros).map { $0.isPoisoned ? $0 : Tensor.zeros([0] + Array($0.shape), dtype: $0.dtype, on: $0.device) }
  }
  let all = (0..<batch.size).map { run(inputs($0)) }
  return (0..<(all.first?.count ?? count)).map { output in
    let members = all.map { $0[output] }
    return members.contains(where: \.isPoisoned) ? .poison : stack(members)
  }
}

// MARK: - What `apply` does for batched tensors. The history of a member is recorded at the level of the batch.

func applyBatched<Op: UnaryOperation>(_ operation: Op, _ x: Tensor) -> Tensor {
  let (results, inputs) = runBatched(operation, [x], count: 1) { [apply(operation, $0[0]!)] }
  var y = results[0]
  if let x = inputs[0], x.node != nil, isRecordingEnabled, y.dtype.isDifferentiable, !y.isPoisoned { y.node = UnaryNode(operation, x, y) }
  return y
}

func applyBatched<Op: BinaryOperation>(_ operation: Op, _ a: Tensor, _ b: Tensor) -> Tensor {
  let (results, inputs) = runBatched(operation, [a, b], count: 1) { [apply(operation, $0[0]!, $0[1]!)] }
  var y = results[0]
  let a = inputs[0]!, b = inputs[1]!
  if a.node != nil || b.node != nil, isRecordingEnabled, y.dtype.isDifferentiable, !y.isPoisoned { y.node = BinaryNode(operation, a, b, y) }
  return y
}

func applyBatched<Op: VariadicOperation>(_ operation: Op, _ inputs: [Tensor?], count: Int) -> [Tensor] {
  let (results, inputs) = runBatched(operation, inputs, count: count) { apply(operation, $0, count: count) }
  if results.contains(where: \.isPoisoned) { return Array(repeating: .poison, count: count) }
  return recorded(operation, inputs, results)
}

/// A pointwise function on all members at once: operands are aligned at the end behind the batch.
func applyPointwiseBatched(_ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters) -> Tensor {
  let all = operands.list
  let level = all.reduce(0) { max($0, $1.batchLevel) }
  let lifted = all.map { $0.lifted(to: level) }
  let isShared = lifted.allSatisfy { $0.body.batch!.isShared }
  var physical = lifted.map { $0.body.batch!.physical }
  if !isShared {
    let rank = lifted.reduce(0) { max($0, $1.rank) }
    // A number in a tensor counts less in type promotion; with the batch it would no longer look like one.
    var common: DType?
    if lifted.contains(where: { $0.rank == 0 && !$0.body.batch!.isShared }) {
      do throws(EmberError) { common = try commonDType(function, operands, parameters) } catch {
        raise(error)
        return .poison
      }
    }
    for (i, operand) in lifted.enumerated() where !operand.body.batch!.isShared {
      if let common, operand.rank == 0, function.roles[i] == .value { physical[i] = physical[i].to(common) }
      if operand.rank < rank {
        let ones = Array(repeating: 1, count: rank - operand.rank)
        physical[i] = physical[i].reshape([physical[i].size(0)] + ones + Array(operand.body.shape))
      }
    }
  }
  var y = Tensor(batched: applyPointwise(function, PointwiseOperands(physical), parameters), level: level, isShared: isShared)
  let recorded = PointwiseOperands(lifted)
  if recorded.needsGradient, isRecordingEnabled, y.dtype.isDifferentiable, !y.isPoisoned {
    y.node = PointwiseNode(function, recorded, parameters, output: y.body)
  }
  return y
}
