import EmberRuntime
import EmberTensor

// Operators that PyTorch's own compilers and derivatives call, and which therefore stand in exported graphs.

extension Tensor {
  /// Tensors cut into `count` chunks along a dimension each (the last one filled with zeros), flattened from there on, and joined chunk
  /// by chunk.
  static func chunkCat(_ tensors: [Tensor], dim: Int, count: Int) -> Tensor {
    let name = "_chunk_cat"
    guard mayRunSlowly(name, tensors) else { return .poison }
    return attempt { () throws(EmberError) in
      guard count > 0, let first = tensors.first else {
        throw EmberError(.value, in: name, "\(tensors.count) tensors in \(count) chunks; there must be at least one of each")
      }
      let dim = try wrapDimension(dim, first.rank, in: name)
      var parts: [Tensor] = []
      for tensor in tensors {
        guard tensor.rank > dim, tensor.elementCount > 0, tensor.dtype == first.dtype,
          tensor.shape[0..<dim].elementsEqual(first.shape[0..<dim])
        else {
          throw EmberError(
            .shape, in: name,
            "\(tensor.summary) among \(first.summary): dimensions before \(dim) and dtypes must agree, and nothing be empty")
        }
        let size = (tensor.shape[dim] + count - 1) / count
        let padded = tensor.pad(Array(repeating: 0, count: 2 * (tensor.rank - 1 - dim)) + [0, size * count - tensor.shape[dim]])
        parts.append(padded.reshape(Array(first.shape[0..<dim]) + [count, -1]))
      }
      return cat(parts, dim: dim + 1)
    }
  }

  /// Index tensors for the leading dimensions (nil: all of a dimension), limited to what the extents allow.
  fileprivate func limited(_ indices: [Tensor?], _ name: String) throws(EmberError) -> [(dimension: Int, index: Tensor)] {
    guard indices.count <= rank, indices.contains(where: { $0 != nil }) else {
      throw EmberError(.value, in: name, "\(indices.count) indices for \(summary); give at least one, and at most \(rank)")
    }
    var result: [(dimension: Int, index: Tensor)] = []
    for (d, index) in indices.enumerated() {
      guard let index else { continue }
      let extent = Int64(shape[d])
      result.append((d, try checkedIndex(index, in: name).clamp(min: .integer(-extent), max: .integer(extent - 1))))
    }
    return result
  }
}

extension OperatorRegistry {
  mutating func addInternalOperators() {
    add("aten::_chunk_cat(Tensor[] tensors, int dim, int num_chunks) -> Tensor") { (tensors: [Tensor], dim: Int, count: Int) in
      Tensor.chunkCat(tensors, dim: dim, count: count)
    }
    add("aten::unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]") { (x: Tensor, count: Int, dim: Int) in
      x.chunk(count, dim: dim)
    }
    add("aten::unsafe_split.Tensor(Tensor self, int split_size, int dim=0) -> Tensor[]") { (x: Tensor, size: Int, dim: Int) in
      x.split(size, dim: dim)
    }
    add("aten::_unsafe_masked_index(Tensor self, Tensor mask, Tensor?[] indices, Scalar fill) -> Tensor") {
      (x: Tensor, mask: Tensor, indices: [Tensor?], fill: Scalar) in
      x.taking(try x.limited(indices, "_unsafe_masked_index")).maskedFill(!mask, fill).to(x.dtype)
    }
    add("aten::_unsafe_masked_index_put_accumulate(Tensor self, Tensor mask, Tensor?[] indices, Tensor values) -> Tensor") {
      (x: Tensor, mask: Tensor, indices: [Tensor?], values: Tensor) in
      x.adding(values.maskedFill(!mask, 0), at: try x.limited(indices, "_unsafe_masked_index_put_accumulate"))
    }
    add("aten::_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor") {
      (gradient: Tensor, y: Tensor, dim: Int, dtype: DType) in
      (gradient * y - y * (gradient * y).sum(dim, keepDim: true)).to(dtype)
    }
    add("aten::_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor") {
      (gradient: Tensor, y: Tensor, dim: Int, dtype: DType) in
      (gradient - y.exp() * gradient.sum(dim, keepDim: true)).to(dtype)
    }
    add("aten::native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor") {
      (gradient: Tensor, mask: Tensor, scale: Double) in
      let kept = gradient.dtype.isDifferentiable ? mask.to(gradient.dtype) : mask
      return gradient * kept * Scalar.real(scale)
    }
  }
}
