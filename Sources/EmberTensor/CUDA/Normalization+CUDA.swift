import EmberCUDA
import EmberRuntime

extension LayerNormOperation {
  static let cudaKernel: @Sendable (Tensor, Tensor?, Tensor?, Double, [Tensor], Int, Int) -> Void = { x, w, b, epsilon, y, rows, n in
    (x.backend as! CUDABackend).normalizeRows(
      x.operand, weight: w?.operand, bias: b?.operand, epsilon: epsilon, into: y[0].operand, mean: y[1].operand, rstd: y[2].operand,
      rows: rows, count: n)
  }

  static let cudaBackwardKernel: @Sendable ([Tensor], Tensor?, [Tensor?], Int, Int) -> Void = { x, w, d, rows, n in
    (x[0].backend as! CUDABackend).normalizeRowsBackward(
      x[0].operand, x[1].operand, mean: x[2].operand, rstd: x[3].operand, weight: w?.operand, dx: d[0]?.operand, dweight: d[1]?.operand,
      dbias: d[2]?.operand, rows: rows, count: n)
  }
}

extension RMSNormOperation {
  package static let cudaKernel: @Sendable (Tensor, Tensor?, Double, [Tensor], Int, Int) -> Void = { x, w, epsilon, y, rows, n in
    (x.backend as! CUDABackend).normalizeRows(
      x.operand, weight: w?.operand, bias: nil, epsilon: epsilon, into: y[0].operand, mean: nil, rstd: y[1].operand, rows: rows, count: n)
  }

  package static let cudaBackwardKernel: @Sendable ([Tensor], Tensor?, [Tensor?], Int, Int) -> Void = { x, w, d, rows, n in
    (x[0].backend as! CUDABackend).normalizeRowsBackward(
      x[0].operand, x[1].operand, mean: nil, rstd: x[2].operand, weight: w?.operand, dx: d[0]?.operand, dweight: d[1]?.operand, dbias: nil,
      rows: rows, count: n)
  }
}

extension CUDABackend.ChannelSizes {
  /// From batch, channels, spatial and, of groups, their number.
  fileprivate init(_ n: [Int]) { self.init(batch: n[0], channels: n[1], spatial: n[2], groups: n.count > 3 ? n[3] : nil) }
}

extension GroupNormOperation {
  static let cudaKernel: @Sendable (Tensor, Tensor?, Tensor?, Double, [Tensor], [Int]) -> Void = { x, w, b, epsilon, y, n in
    (x.backend as! CUDABackend).normalizeChannels(
      x.operand, weight: w?.operand, bias: b?.operand, epsilon: epsilon, mean: y[1].operand, variance: nil, rstd: y[2].operand,
      into: y[0].operand, .init(n))
  }

  static let cudaBackwardKernel: @Sendable ([Tensor], Tensor?, [Tensor?], [Int]) -> Void = { x, w, d, n in
    (x[0].backend as! CUDABackend).normalizeChannelsBackward(
      x[0].operand, x[1].operand, mean: x[2].operand, rstd: x[3].operand, weight: w?.operand, dx: d[0]?.operand, dweight: d[1]?.operand,
      dbias: d[2]?.operand, .init(n))
  }
}

extension BatchNormOperation {
  static let cudaKernel: @Sendable (BatchNormOperation, Tensor, Tensor?, Tensor?, [Tensor], [Int]) -> Void = { op, x, w, b, y, n in
    (x.backend as! CUDABackend).normalizeChannels(
      x.operand, weight: w?.operand, bias: b?.operand, epsilon: op.epsilon, isFixed: !op.training, mean: y[0].operand,
      variance: y[1].operand, rstd: y[2].operand, into: y[3].operand, .init(n))
  }

  static let cudaBackwardKernel: @Sendable ([Tensor], Tensor?, [Tensor?], [Int], Bool) -> Void = { x, w, d, n, training in
    (x[0].backend as! CUDABackend).normalizeChannelsBackward(
      x[0].operand, x[1].operand, isFixed: !training, mean: x[2].operand, rstd: x[3].operand, weight: w?.operand, dx: d[0]?.operand,
      dweight: d[1]?.operand, dbias: d[2]?.operand, .init(n))
  }
}
