import CEmberKernels
import EmberCUDA
import EmberRuntime

extension PoolingWindows {
  /// - Parameter x: one of the tensors that the windows lie on, which all have its format.
  fileprivate init(_ kind: Kind, _ p: ember_pooling, _ x: Tensor) {
    func list(_ triple: (Int64, Int64, Int64)) -> [Int] {
      Array([triple.0, triple.1, triple.2].prefix(Int(p.spatial_rank))).map { Int($0) }
    }
    self.init(
      kind, planes: Int(p.planes), input: list(p.input), output: list(p.output), kernel: list(p.kernel), stride: list(p.stride),
      padding: list(p.padding), dilation: list(p.dilation))
    if x.keptFormat == .channelsLast { channels = x.shape[1] }
  }
}

extension MaxPool {
  static let cudaKernel: @Sendable (ember_pooling, Tensor, Tensor, Tensor?, Bool) -> Void = { p, x, y, indices, isAdaptive in
    (x.backend as! CUDABackend).maxPool(
      x.operand, into: y.operand, indices: indices?.operand, PoolingWindows(isAdaptive ? .adaptive : .sliding, p, x))
  }
}

extension MaxPoolBackward {
  static let cudaKernel: @Sendable (ember_pooling, MaxPoolBackward, Tensor, Tensor, Tensor) -> Void = { p, op, dy, indices, dx in
    let kind: PoolingWindows.Kind = op.windows == .sliding ? .sliding : op.windows == .adaptive ? .adaptive : .anywhere
    (dy.backend as! CUDABackend).maxPoolBackward(dy.operand, indices: indices.operand, into: dx.operand, PoolingWindows(kind, p, dy))
  }
}

extension AveragePool {
  static let cudaKernel: Kernel = { p, op, from, to in
    var windows = PoolingWindows(op.isAdaptive ? .adaptive : .sliding, p, from)
    windows.divisor = op.isAdaptive ? 0 : op.divisor
    windows.countsPadding = op.countsPadding && !op.isAdaptive
    let backend = from.backend as! CUDABackend
    if op.isBackward {
      backend.averagePoolBackward(from.operand, into: to.operand, windows)
    } else {
      backend.averagePool(from.operand, into: to.operand, windows)
    }
  }
}
