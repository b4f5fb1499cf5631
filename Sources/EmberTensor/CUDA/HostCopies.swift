import EmberCUDA
import EmberRuntime

/// Runs a kernel of the CPU for tensors of a GPU: over copies of them, whose contents are copied back into `changed` afterwards.
///
/// For tables of kernels that stand outside of operations, which fall back to the CPU as a whole.
///
/// - Parameters:
///   - changed: dense tensors that the kernel writes, and perhaps reads.
///   - read: tensors that it only reads.
package func withHostCopies<Result, Failure: Error>(
  _ name: String, changed: [Tensor], read: [Tensor] = [], _ body: (_ changed: [Tensor], _ read: [Tensor]) throws(Failure) -> Result
) throws(Failure) -> Result {
  guard let device = (changed + read).first?.device else { return try body(changed, read) }
  CUDABackend.noteHostOperation(name, on: device)
  let copies = noGrad { changed.map { $0.value.to(.cpu) } }
  let result = try body(copies, noGrad { read.map { $0.value.to(.cpu) } })
  for (copy, tensor) in zip(copies, changed) {
    guard let from = copy.operand.pointer, let to = tensor.operand.pointer else { continue }
    tensor.backend.copyFromHost(from, to: to, byteCount: tensor.elementCount * tensor.dtype.size)
  }
  withExtendedLifetime(copies) {}
  return result
}
