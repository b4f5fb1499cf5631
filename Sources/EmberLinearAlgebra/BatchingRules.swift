import EmberRuntime
import EmberTensor

// Operations on all members of a batch at once: functions of matrices take any dimensions in front, of which the members are one.

/// The operation on inputs with the batch first, or nil where one dimension more is too many.
private func withMembersInFront(_ operation: some VariadicOperation, _ batch: OperationBatch, count: Int) -> [Tensor]? {
  // Factors among the results have the dimensions of one input: no input may have got others.
  let ranks = Set((0..<batch.count).filter(batch.isPresent).map { batch.shape($0).rank })
  return ranks.count == 1 ? matrices(batch).map { apply(operation, $0, count: count) } : nil
}

private func withMembersInFront(_ operation: some UnaryOperation, _ batch: OperationBatch) -> [Tensor]? {
  matrices(batch).map { [apply(operation, $0[0]!)] }
}

private func withMembersInFront(_ operation: some BinaryOperation, _ batch: OperationBatch) -> [Tensor]? {
  matrices(batch).map { [apply(operation, $0[0]!, $0[1]!)] }
}

/// The inputs of all members, which are matrices or stacks of them, with the batch first and equally many dimensions behind.
private func matrices(_ batch: OperationBatch) -> [Tensor?]? {
  let present = (0..<batch.count).filter(batch.isPresent), rank = present.map { batch.shape($0).rank }.max() ?? 0
  guard rank < maximumRank, present.allSatisfy({ batch.shape($0).rank >= 2 }) else { return nil }
  return (0..<batch.count).map { i in
    guard batch.isPresent(i) else { return nil }
    let missing = rank - batch.shape(i).rank
    return missing == 0 ? batch[i] : batch[i].reshape([batch.size] + Array(repeating: 1, count: missing) + Array(batch.shape(i)))
  }
}

extension Cholesky {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 2) }
}

extension CholeskySolve {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch) }
}

extension Determinant {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 3) }
}

extension SignLogDeterminant {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 4) }
}

extension Eig {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 3) }
}

extension Eigh {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 3) }
}

extension HouseholderQR {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 2) }
}

extension Inverse {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 2) }
}

extension LUFactor {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 3) }
}

extension MatrixExponential {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch) }
}

extension PseudoInverse {
  /// One tolerance for all; tolerances of their own are left to the members.
  func batched(_ batch: OperationBatch) -> [Tensor]? {
    guard batch.isShared(1), batch.isShared(2), batch.shape(0).rank >= 2, batch.shape(0).rank < maximumRank else { return nil }
    return apply(self, [batch[0]] + [1, 2].map { batch.isPresent($0) ? batch.asIs($0) : nil }, count: 1)
  }
}

extension QR {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 2) }
}

extension Solve {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 4) }
}

extension SolveTriangular {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch) }
}

extension SVD {
  func batched(_ batch: OperationBatch) -> [Tensor]? { withMembersInFront(self, batch, count: 4) }
}
