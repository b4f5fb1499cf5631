import EmberCUDA
import EmberRuntime

extension RankSelection {
  /// False for extents that the kernel does not take.
  static let cudaKernel: @Sendable (Choice, AxisOperand, Tensor, Tensor) -> Bool = { choice, input, values, indices in
    let rank: RankChoice =
      switch choice {
      case .smallest(let k): .rank(k - 1)
      case .median(let ignoresNaN): .median(ignoresNaN: ignoresNaN)
      }
    return (values.backend as! CUDABackend).elementOfRank(rank, input, values: values.operand, indices: indices.operand)
  }
}

extension SearchSorted {
  static let cudaKernel: @Sendable (Tensor, Bool, Int, Tensor, Int, Bool, Tensor) -> Void = {
    sorted, isShared, _, values, count, right, output in
    (values.backend as! CUDABackend).searchSorted(
      sorted.operand, isShared: isShared, values.operand, perRow: count, right: right, into: output.operand)
  }
}
