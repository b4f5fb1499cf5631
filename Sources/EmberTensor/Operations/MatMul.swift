import EmberRuntime

/// A product of matrices or batches of matrices, [.., m, k] × [.., k, n], with broadcast batches; both operands have at least two
/// dimensions.
package struct MatMul: BinaryOperation {
  package static let name = "matmul"
  package let saved: SavedTensors = [.input0, .input1]

  package func forward(_ a: Tensor, _ b: Tensor) throws(EmberError) -> Tensor {
    let (m, k) = (a.body.shape[-2], a.body.shape[-1]), (k2, n) = (b.body.shape[-2], b.body.shape[-1])
    guard k == k2 else {
      throw EmberError(
        .shape, in: "matmul",
        "\(a.summary) and \(b.summary): the last extent of the first (\(k)) must equal the second-last of the second (\(k2))")
    }
    guard a.dtype == b.dtype else {
      throw EmberError(.dtype, in: "matmul", "\(a.summary) and \(b.summary) differ in dtype; convert one with .to(dtype)")
    }
    try checkProductDType(a.dtype, in: "matmul")
    let aBatch = Shape(a.body.shape.dropLast(2)), bBatch = Shape(b.body.shape.dropLast(2))
    guard let batch = aBatch.broadcast(with: bBatch) else {
      throw EmberError(.shape, in: "matmul", "\(a.summary) and \(b.summary): the batch dimensions \(aBatch) and \(bBatch) do not broadcast")
    }
    var shape = batch
    guard shape.rank + 2 <= maximumRank else {
      throw EmberError(.shape, in: "matmul", "the result would have more than \(maximumRank) dimensions")
    }
    shape.append(m)
    shape.append(n)
    let result = try Tensor.empty(shape: shape, dtype: a.dtype, like: a)
    guard a.backend.holdsData, result.elementCount > 0 else { return result }
    let left = try BatchedMatrix(a, batch), right = try BatchedMatrix(b, batch)
    // A batch that shares the right matrix and lies evenly is one tall product.
    if right.batchStride == 0, left.batchStride == m * left.rowStride, batch.elementCount > 1 {
      a.backend.matmul(
        MatrixProduct(
          dtype: a.dtype, batch: 1, rows: batch.elementCount * m, columns: n, depth: k, a: left.tensor.body.pointer,
          aStrides: (0, left.rowStride, left.columnStride), b: right.tensor.body.pointer,
          bStrides: (0, right.rowStride, right.columnStride),
          output: result.body.pointer))
    } else {
      a.backend.matmul(
        MatrixProduct(
          dtype: a.dtype, batch: batch.elementCount, rows: m, columns: n, depth: k, a: left.tensor.body.pointer,
          aStrides: (left.batchStride, left.rowStride, left.columnStride), b: right.tensor.body.pointer,
          bStrides: (right.batchStride, right.rowStride, right.columnStride), output: result.body.pointer))
    }
    withExtendedLifetime((left, right)) {}
    return result
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let a = context.needs(0) ? apply(MatMul(), gradient, context.input(1).mT.conj()).sum(to: context.inputShape(0)) : nil
    let b: Tensor? =
      context.needs(1)
      ? {
        // A shared matrix gathers from the whole batch in one product.
        let x = context.input(0)
        if context.inputShape(1).rank == 2, x.rank > 2 {
          let count = x.body.shape.product(0..<(x.rank - 1))
          return apply(MatMul(), x.reshape([count, x.size(-1)]).mT.conj(), gradient.reshape([count, gradient.size(-1)]))
        }
        return apply(MatMul(), x.mT.conj(), gradient).sum(to: context.inputShape(1))
      }() : nil
    return (a, b)
  }
}

/// Matrices of a batch at an even distance.
struct BatchedMatrix {
  let tensor: Tensor
  let batchStride: Int
  let rowStride: Int
  let columnStride: Int

  init(_ x: Tensor, _ batch: Shape) throws(EmberError) {
    let shape = x.body.shape, rank = shape.rank
    let own = Shape(shape.dropLast(2))
    func even(_ strides: Strides) -> Int? {
      // One stride that walks through all batch dimensions, if there is one.
      let wide = Strides((0..<(rank - 2)).map { strides[$0] }).broadcast(from: own, to: batch)
      var step: Int?, expected = 0
      for i in stride(from: batch.rank - 1, through: 0, by: -1) where batch[unchecked: i] != 1 {
        if step == nil { step = wide[i] } else if wide[i] != expected { return nil }
        expected = wide[i] * batch[unchecked: i]
      }
      return step ?? 0
    }
    if let step = even(x.body.strides) {
      tensor = x
      batchStride = step
      rowStride = x.body.strides[rank - 2]
      columnStride = x.body.strides[rank - 1]
      return
    }
    let expanded = try Expand(shape: Array(batch) + [shape[-2], shape[-1]]).forward(x).dense()
    tensor = expanded
    rowStride = shape[-1]
    columnStride = 1
    batchStride = shape[-2] * shape[-1]
  }
}

/// Which dtypes have products of matrices.
func checkProductDType(_ dtype: DType, in operation: String) throws(EmberError) {
  if dtype == .bool { throw EmberError(.dtype, in: operation, "products of bool matrices are not defined; convert with .to(.int64)") }
  if dtype.isStorageOnly { throw EmberError(.dtype, in: operation, "\(dtype) is for storage only; convert with .to(.float32)") }
}

/// x · weightᵀ + bias: the linear layer, with the bias added while the product is in registers.
package struct LinearOperation: OperationWithEpilogue {
  package static let name = "linear"
  package let saved: SavedTensors = [.input0, .input1]

  /// Applied to the result while it is in registers; for graphs, which hold derivatives apart.
  package var activation = Activation.none

  package init() {}

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] { [try forward(inputs[0]!, inputs[1]!, inputs[2])] }

  func forward(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?) throws(EmberError) -> Tensor {
    guard x.rank >= 1, weight.rank == 2, x.body.shape[-1] == weight.body.shape[1] else {
      throw EmberError(
        .shape, in: "linear",
        "input \(x.summary) and weight \(weight.summary): the input's last extent must equal the weight's second (in features)")
    }
    guard x.dtype == weight.dtype, bias.map({ $0.dtype == x.dtype }) ?? true else {
      throw EmberError(
        .dtype, in: "linear", "input \(x.summary), weight \(weight.summary)\(bias.map { ", bias \($0.summary)" } ?? "") must have one dtype"
      )
    }
    try checkProductDType(x.dtype, in: "linear")
    let n = weight.body.shape[0]
    if let bias, bias.body.shape != Shape([n]) {
      throw EmberError(.shape, in: "linear", "bias \(bias.summary) for weight \(weight.summary); it must have \(n) elements")
    }
    let result = try Tensor.empty(shape: x.body.shape.replacing(x.rank - 1, with: n), dtype: x.dtype, like: x)
    guard x.backend.holdsData, result.elementCount > 0 else { return result }
    let rows = try x.dense(), denseBias = try bias?.dense()
    let k = x.body.shape[-1]
    var product = MatrixProduct(
      dtype: x.dtype, batch: 1, rows: x.elementCount / Swift.max(k, 1), columns: n, depth: k, a: rows.body.pointer, aStrides: (0, k, 1),
      b: weight.body.pointer, bStrides: (0, weight.body.strides[1], weight.body.strides[0]), output: result.body.pointer)
    if k == 0 { product.rows = result.elementCount / n }
    product.columnBias = denseBias?.body.pointer
    product.activation = activation
    x.backend.matmul(product)
    withExtendedLifetime((rows, denseBias)) {}
    return result
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil, nil] }
    let rows = g.asRows()
    let x = context.needs(0) ? apply(MatMul(), rows, context.input(1).conj()).reshaped(context.inputShape(0)) : nil
    let weight: Tensor? = context.needs(1) ? apply(MatMul(), rows.mT, context.input(0).conj().asRows()) : nil
    return [x, weight, context.needs(2) ? rows.sum(0) : nil]
  }
}

extension Tensor {
  /// All dimensions but the last as one.
  fileprivate func asRows() -> Tensor { rank == 2 ? self : reshape([body.shape.product(0..<(rank - 1)), size(-1)]) }
  fileprivate func reshaped(_ shape: Shape) -> Tensor { body.shape == shape ? self : reshape(Array(shape)) }
}

/// The linear layer on the tape. Where nothing unusual is going on, gradients of weight and bias are left to be gathered from several calls.
final class LinearNode: VariadicNode<LinearOperation>, @unchecked Sendable {
  override func propagate(_ gradients: inout Gradients, in pass: inout BackwardPass) {
    guard let gradient = gradients.first, let saved = savedInput(0), let weight = savedInput(1), !pass.isRecording, !holdsBatch,
      gradient.body.isPlain, saved.isPlain, !saved.dtype.isComplex, saved.shape.rank > 0, !isDetectingAnomalies
    else { return super.propagate(&gradients, in: &pass) }
    let inFeatures = weight.shape[unchecked: 1], outFeatures = weight.shape[unchecked: 0]
    let rows = gradient.asRows()
    guard PendingRows.pays(rows: rows.body.shape[unchecked: 0], inFeatures, outFeatures) else {
      return super.propagate(&gradients, in: &pass)
    }
    if let edge = edge(0) { pass.send(apply(MatMul(), rows, Tensor(weight)).reshaped(saved.shape), to: edge) }
    if let edge = edge(1) { pass.send(rows: rows, Tensor(saved).asRows(), to: edge) }
    if let edge = edge(2) { pass.send(rows: rows, nil, to: edge) }
  }
}

extension Tensor {
  /// The matrix product, with PyTorch's rules: vectors count as a row or a column, further dimensions are a batch and broadcast.
  public func matmul(_ other: Tensor) -> Tensor {
    guard mayRun("matmul", self), mayRun("matmul", other) else { return .poison }
    if rank >= 2, other.rank >= 2 { return apply(MatMul(), self, other) }
    guard rank > 0, other.rank > 0 else {
      raise(EmberError(.shape, in: "matmul", "\(summary) and \(other.summary): both must have at least one dimension"))
      return .poison
    }
    switch (rank, other.rank) {
    case (1, 1): return apply(MatMul(), unsqueeze(0), other.unsqueeze(1)).reshape([])
    case (1, _): return apply(MatMul(), unsqueeze(0), other).squeezed(at: -2)
    default: return apply(MatMul(), self, other.unsqueeze(1)).squeezed(at: -1)
    }
  }

  private func squeezed(at dimension: Int) -> Tensor {
    if isPoisoned { return self }
    return reshape(Array(body.shape.removing(dimension + rank)))
  }

  /// self · weightᵀ + bias, for weight [out, in] and bias [out].
  /// A weight of one dimension makes one feature, whose dimension is dropped.
  public func linear(_ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
    if weight.rank == 1, !weight.isPoisoned {
      if let bias, rank == 2, !bias.isPoisoned {
        raise(EmberError(.shape, in: "linear", "bias \(bias.summary) goes with a weight of two dimensions, not with \(weight.summary)"))
        return .poison
      }
      let y = matmul(weight)
      return bias.map { y + $0 } ?? y
    }
    let operation = LinearOperation()
    guard isOrdinary(self), weight.body.isPlain, bias?.body.isPlain ?? true else { return apply(operation, [self, weight, bias])[0] }
    do throws(EmberError) {
      try checkDevices(LinearOperation.name, self, weight)
      if let bias { try checkDevices(LinearOperation.name, self, bias) }
      var result = try operation.forward(value, weight.value, bias?.value)
      try checkScratch(in: LinearOperation.name)
      if isRecordingEnabled, node != nil || weight.node != nil || bias?.node != nil, result.dtype.isDifferentiable {
        result.node = LinearNode(operation, [self, weight, bias], [result])
      }
      return result
    } catch {
      raise(takeScratchFailure(in: LinearOperation.name) ?? error)
      return .poison
    }
  }
}

extension OperatorRegistry {
  mutating func addMatrixProducts() {
    add("aten::matmul(Tensor self, Tensor other) -> Tensor") { (a: Tensor, b: Tensor) in a.matmul(b) }
    add("aten::linalg_matmul(Tensor self, Tensor other) -> Tensor") { (a: Tensor, b: Tensor) in a.matmul(b) }
    add("torch.Tensor.__rmatmul__(Tensor self, Tensor other) -> Tensor") { (a: Tensor, b: Tensor) in b.matmul(a) }
    add("aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor") { (x: Tensor, weight: Tensor, bias: Tensor?) in
      x.linear(weight, bias)
    }
  }
}
