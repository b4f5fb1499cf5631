import EmberCUDA
import EmberRuntime

extension RangeKernel {
  static let cudaKernel: @Sendable (RangeKernel, Tensor) -> Void = { kernel, y in
    let backend = y.backend as! CUDABackend
    switch kernel {
    case .integers(let start, let step): backend.fillRange(y.operand, start: start, step: step)
    case .reals(let start, let step): backend.fillRange(y.operand, start: start, step: step)
    case .between(let start, let end): backend.fillBetween(y.operand, start: start, end: end)
    }
  }
}
