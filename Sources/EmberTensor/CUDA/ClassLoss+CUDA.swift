import EmberCUDA
import EmberRuntime

extension ClassLossProblem {
  fileprivate init(_ op: ClassLoss, _ x: Tensor, _ labels: Tensor, _ weight: Tensor?, _ n: [Int]) {
    self.init(
      x: x.operand, labels: labels.operand, weight: weight?.operand, isLogarithmic: op.isLogarithmic, ignoreIndex: op.ignoreIndex,
      labelSmoothing: op.labelSmoothing, batch: n[0], classes: n[1], spatial: n[2])
  }
}

extension ClassLoss {
  static let cudaKernel: @Sendable (ClassLoss, [Tensor], Tensor?, Results, [Int]) -> Int? = { op, x, weight, results, n in
    (x[0].backend as! CUDABackend).classLoss(
      ClassLossProblem(op, x[0], x[1], weight, n), losses: results.losses?.operand, logSumExp: results.logSumExp.operand,
      loss: results.loss?.operand, weightSum: results.weightSum.operand, isMean: op.reduction == .mean)
    return nil
  }

  static let cudaBackwardKernel: @Sendable (ClassLoss, [Tensor], Tensor?, Tensor?, Tensor, [Int]) -> Void = {
    op, x, weight, divisor, dx, n in
    (dx.backend as! CUDABackend).classLossBackward(
      ClassLossProblem(op, x[1], x[2], weight, n), gradient: x[0].operand, perPosition: op.reduction == .none, divisor: divisor?.operand,
      logSumExp: x[3].operand, into: dx.operand)
  }
}
