import EmberCUDA
import EmberRuntime
import EmberTensor

/// Attention by the GPU's fused kernels: 16-bit floats, no mask, [.., heads, rows, features].
extension Attention {
  /// Whether they take these inputs; results then have the inputs' dtype, and everything between is float32.
  func isFusedOnGPU(_ q: Tensor, _ k: Tensor, _ v: Tensor, mask: Tensor?) -> Bool {
    // The largest score of a row is that of its largest product, which a negative scale would turn around.
    guard scale > 0, mask == nil, let backend = q.backend as? CUDABackend, q.rank == 3 || q.rank == 4, k.rank == q.rank, v.rank == q.rank else { return false }
    guard q.dtype == k.dtype, q.dtype == v.dtype, q.shape[-1] == k.shape[-1], q.shape[-1] == v.shape[-1] else { return false }
    guard q.elementCount > 0, k.shape[-2] > 0, q.shape.product(0..<(q.rank - 2)) <= 65535 else { return false }
    return backend.takesAttention(q.dtype, features: q.shape[-1])
  }

  /// Results [.., heads, rows, features] lie in memory as [.., rows, heads, features], as what follows wants them.
  private static func result(_ shape: Shape, _ dtype: DType, like x: Tensor) throws(EmberError) -> Tensor {
    guard shape.rank == 4 else { return try Tensor.empty(shape: shape, dtype: dtype, like: x) }
    let (batch, heads, rows, features) = (shape[0], shape[1], shape[2], shape[3])
    let memory = try Tensor.empty(shape: Shape([batch, rows, heads, features]), dtype: dtype, like: x)
    return memory.view(shape, Strides([rows * heads * features, features, heads * features, 1]), offset: 0)
  }

  /// Memory for the gradients of q, k and v [batch, heads, rows, features] that are three parts of one projection [batch, rows, 3 · heads ·
  /// features]: in the same places, so that the projection's gradient needs no copy. Nil if they are not.
  private static func neighbours(_ q: Tensor, _ k: Tensor, _ v: Tensor) throws(EmberError) -> [Tensor]? {
    guard q.rank == 4, k.shape == q.shape, v.shape == q.shape, k.dtype == q.dtype, v.dtype == q.dtype else { return nil }
    let (batch, heads, rows, features) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3])
    let width = heads * features, strides = Strides([rows * 3 * width, features, 3 * width, 1])
    guard q.strides == strides, k.strides == strides, v.strides == strides, k.storageAddress == q.storageAddress,
      v.storageAddress == q.storageAddress, k.storageOffset == q.storageOffset + width, v.storageOffset == k.storageOffset + width
    else { return nil }
    let memory = try Tensor.empty(shape: Shape([batch, rows, 3 * width]), dtype: q.dtype, like: q)
    return (0..<3).map { memory.view(q.shape, strides, offset: $0 * width) }
  }

  /// An operand of rank 4 in a layout that the kernels read; copied if it is not so already.
  private static func operand(_ x: Tensor) throws(EmberError) -> Tensor {
    func four(_ x: Tensor) -> Tensor {
      x.rank == 4 ? x : x.view(Shape([1] + Array(x.shape)), Strides([0] + (0..<3).map { x.strides[$0] }), offset: x.storageOffset)
    }
    let whole = four(x.value)
    return CUDABackend.takesAttentionLayout(whole.operand) ? whole : four(try x.dense())
  }

  func fusedForward(_ q: Tensor, _ k: Tensor, _ v: Tensor) throws(EmberError) -> [Tensor] {
    let y = try Self.result(q.shape, q.dtype, like: q)
    let logarithms = try Tensor.empty(shape: Shape(q.shape.dropLast()), dtype: .float32, like: q)
    let (q, k, v, target) = (try Self.operand(q), try Self.operand(k), try Self.operand(v), try Self.operand(y))
    (q.backend as! CUDABackend).attentionForward(
      q.operand, k.operand, v.operand, scale: scale, isCausal: isCausal, into: target.operand, logarithms: logarithms.operand)
    withExtendedLifetime((q, k, v)) {}
    return [y, logarithms]
  }

  func fusedBackward(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ y: Tensor, _ logarithms: Tensor, _ gradient: Tensor) throws(EmberError)
    -> [Tensor]
  {
    var results: [Tensor] = []
    if let together = try Self.neighbours(q, k, v) { results = together } else {
      for x in [q, k, v] { results.append(try Self.result(x.shape, x.dtype, like: x)) }
    }
    let (q, k, v) = (try Self.operand(q), try Self.operand(k), try Self.operand(v))
    let (y, gradient) = (try Self.operand(y), try Self.operand(gradient))
    var d: [Operand] = []
    for result in results { d.append(try Self.operand(result).operand) }
    (q.backend as! CUDABackend).attentionBackward(
      q.operand, k.operand, v.operand, y: y.operand, gradient: gradient.operand, logarithms: logarithms.operand, scale: scale,
      isCausal: isCausal, dq: d[0], dk: d[1], dv: d[2])
    withExtendedLifetime((q, k, v, y, gradient)) {}
    return results
  }
}
