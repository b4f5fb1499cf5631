public import EmberCUDA
import EmberRuntime

extension CUDAGraph {
  /// Writes new values into the memory of a tensor that a recording reads, whoever else holds it. Shapes and dtypes must agree.
  public func copy(_ values: Tensor, into input: Tensor) {
    guard values.shape == input.shape, values.dtype == input.dtype, input.device == device else {
      raise(
        EmberError(
          .shape, in: "CUDAGraph.copy",
          "\(values.summary) for the recorded input \(input.summary); shapes, dtypes must agree, and the input be on \(device)"))
      return
    }
    let source = noGrad { values.value.to(device) }
    if source.isPoisoned || source.elementCount == 0 { return }
    input.backend.copy(source.operand, to: input.operand)
    withExtendedLifetime(source) {}
  }
}
