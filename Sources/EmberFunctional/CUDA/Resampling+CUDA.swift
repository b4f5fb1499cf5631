import EmberCUDA
import EmberRuntime
import EmberTensor

extension Resample {
  static let cudaKernel: @Sendable (ResamplingMatrix, Tensor, Tensor, Int, Int) -> Void = { matrix, x, y, outer, inner in
    let table = ResamplingTable(input: matrix.inputCount, starts: matrix.starts, indices: matrix.indices, weights: matrix.weights)
    (y.backend as! CUDABackend).resample(table, x.operand, into: y.operand, outer: outer, inner: inner)
  }
}

extension GridSample {
  static let cudaKernel: @Sendable (GridSample, Tensor, Tensor, Tensor) -> Void = { op, x, grid, y in
    (y.backend as! CUDABackend).gridSample(op.geometry(x.shape, grid.shape), x.operand, grid: grid.operand, into: y.operand)
  }

  func geometry(_ x: Shape, _ grid: Shape) -> GridSamplingGeometry {
    GridSamplingGeometry(
      mode: mode.rawValue, outside: padding.rawValue, alignsCorners: alignsCorners, batch: x[0], channels: x[1],
      points: grid.product(1..<(grid.rank - 1)), input: Array(x.dropFirst(2)))
  }
}

extension GridSampleBackward {
  static let cudaKernel: @Sendable (GridSampleBackward, [Tensor], Tensor) -> Void = { op, x, result in
    let geometry = op.sampling.geometry(x[1].shape, x[2].shape), backend = result.backend as! CUDABackend
    if op.ofGrid {
      backend.gridSampleBackwardGrid(geometry, gradient: x[0].operand, x[1].operand, grid: x[2].operand, into: result.operand)
    } else {
      backend.gridSampleBackwardInput(geometry, gradient: x[0].operand, grid: x[2].operand, into: result.operand)
    }
  }
}
