import EmberCUDA
import EmberRuntime
import EmberTensor

extension CTCLoss {
  fileprivate func problem(_ shape: Shape) -> CTCProblem {
    CTCProblem(
      shape: shape, blank: blank, longest: longest, targets: targets, offsets: targetOffsets, inputLengths: inputLengths,
      targetLengths: targetLengths)
  }

  static let cudaKernel: @Sendable (CTCLoss, Tensor, Tensor, Tensor) -> Void = { op, x, losses, alpha in
    (x.backend as! CUDABackend).ctcLoss(op.problem(x.shape), x.operand, losses: losses.operand, alpha: alpha.operand)
  }
}

extension CTCLossBackward {
  static let cudaKernel: @Sendable (CTCLoss, [Tensor], Tensor) -> Void = { op, x, dx in
    (dx.backend as! CUDABackend).ctcLossBackward(
      op.problem(dx.shape), x[1].operand, gradient: x[0].operand, losses: x[2].operand, alpha: x[3].operand,
      zeroInfinity: op.zeroInfinity, into: dx.operand)
  }
}
