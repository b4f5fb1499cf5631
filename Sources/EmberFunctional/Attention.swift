import CEmberKernels
import EmberRuntime
import EmberTensor

/// softmax(scale · q kᵀ + mask) v, a block of queries at a time: what is kept is the inputs, never the scores of all pairs.
///
/// Inputs: q [batch..., queries, features], k [batch..., keys, features], v [batch..., keys, values], and perhaps a mask that is added to
/// the scores and broadcasts to them. Outputs: the result, and for each query the logarithm of its sum of exponentials, which the fused
/// derivative reads (empty where there is no kernel). The derivative computes each block's scores once more (Dao et al.,
/// arXiv:2205.14135); written in tensor operations, without its tiling of keys.
package struct Attention: VariadicOperation {
  package static let name = "scaled_dot_product_attention"
  /// Operation; q, k, v, mask; result and logarithms.
  static let kernels = KernelTable<@Sendable (Attention, [Tensor], Tensor?, [Tensor]) -> Void>(
    name,
    cpu: { op, x, mask, y in
      op.withDescription(x, mask) { ember_attention_forward($0, y[0].floats, y[1].floats) }
    })
  /// Operation; q, k, v, mask; gradient of the result, result, logarithms; gradients of q, k, v.
  static let backwardKernels = KernelTable<@Sendable (Attention, [Tensor], Tensor?, [Tensor], [Tensor]) -> Void>(
    name + "_backward",
    cpu: { op, x, mask, y, d in
      op.withDescription(x, mask) {
        ember_attention_backward($0, y[0].floats, y[1].floats, y[2].floats, d[0].floats, d[1].floats, d[2].floats)
      }
    })
  package let scale: Double
  /// A query sees only keys up to its own position.
  package let isCausal: Bool
  package let saved: SavedTensors = [.input0, .input1, .input(2), .input(3), .output, .output(1)]
  package var undifferentiableOutputs: Set<Int> { [1] }

  /// About as many scores as are computed at a time.
  private static let scoresPerBlock = 1 << 21

  /// Ranges of queries, each with the number of keys that they can see.
  private func blocks(_ q: Shape, _ k: Shape) -> [(start: Int, count: Int, keys: Int)] {
    let queries = q[-2], keys = k[-2]
    let scoresPerQuery = q.product(0..<(q.rank - 2)) * keys
    let rows = Swift.max(16, Self.scoresPerBlock / Swift.max(scoresPerQuery, 1))
    return stride(from: 0, to: queries, by: rows).map { start in
      let count = Swift.min(rows, queries - start)
      return (start, count, isCausal ? Swift.min(keys, start + count) : keys)
    }
  }

  /// The attention weights of a block.
  private func weights(_ q: Tensor, _ k: Tensor, _ mask: Tensor?, _ block: (start: Int, count: Int, keys: Int)) -> Tensor {
    var scores = q.matmul(k.mT) * Scalar.real(scale)
    if let mask { scores = scores + Self.part(mask, block) }
    if isCausal, block.start + 1 < block.keys {
      let rows = Tensor.arange(.integer(Int64(block.start)), .integer(Int64(block.start + block.count)), on: q.device).unsqueeze(1)
      scores = scores.maskedFill(Tensor.arange(block.keys, on: q.device) .> rows, .real(-.infinity))
    }
    return mask == nil ? scores.softmax(-1) : scores.safeSoftmax(-1)
  }

  /// The part of a mask that belongs to a block; broadcast dimensions stay.
  private static func part(_ mask: Tensor, _ block: (start: Int, count: Int, keys: Int)) -> Tensor {
    let rows = mask.shape[-2] == 1 ? mask : mask.narrow(-2, start: block.start, length: block.count)
    return rows.shape[-1] == 1 ? rows : rows.narrow(-1, start: 0, length: block.keys)
  }

  /// Describes the operands to the C kernels.
  private func withDescription(_ x: [Tensor], _ mask: Tensor?, _ body: (UnsafePointer<ember_attention>) -> Void) {
    let batch = Array(x[0].shape.dropLast(2)), queries = x[0].shape[-2], keys = x[1].shape[-2]
    let wideMask = mask.map { $0.expand(batch + [queries, keys]) }
    let offsets = (x + (wideMask.map { [$0] } ?? [])).map { Self.offsets($0) }
    func row(_ tensor: Tensor) -> Int64 { Int64(tensor.strides[tensor.rank - 2]) }
    offsets[0].withUnsafeBufferPointer { q in
      offsets[1].withUnsafeBufferPointer { k in
        offsets[2].withUnsafeBufferPointer { v in
          (offsets.count > 3 ? offsets[3] : []).withUnsafeBufferPointer { m in
            var description = ember_attention(
              heads: Int64(q.count), queries: Int64(queries), keys: Int64(keys), features: Int64(x[0].shape[-1]),
              values: Int64(x[2].shape[-1]), q: x[0].floats, k: x[1].floats, v: x[2].floats, mask: wideMask?.floats,
              q_offsets: q.baseAddress, k_offsets: k.baseAddress, v_offsets: v.baseAddress, mask_offsets: m.baseAddress, q_row: row(x[0]),
              k_row: row(x[1]), v_row: row(x[2]), mask_row: wideMask.map(row) ?? 0,
              mask_column: wideMask.map { Int64($0.strides[$0.rank - 1]) } ?? 0, scale: scale, causal: isCausal)
            body(&description)
          }
        }
      }
    }
  }

  /// Where each matrix of a batch begins, in elements from the first one.
  private static func offsets(_ x: Tensor) -> [Int64] {
    var all: [Int64] = [0]
    for d in 0..<(x.rank - 2) {
      let stride = Int64(x.strides[d])
      all = all.flatMap { start in (0..<x.shape[d]).map { start + Int64($0) * stride } }
    }
    return all
  }

  /// q, k and v as the kernels take them: elements of a row side by side.
  private static func withDenseRows(_ x: [Tensor]) throws(EmberError) -> [Tensor] {
    var result: [Tensor] = []
    for tensor in x { result.append(tensor.strides[tensor.rank - 1] == 1 || tensor.shape[-1] == 1 ? tensor : try tensor.dense()) }
    return result
  }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let q = inputs[0]!, k = inputs[1]!, v = inputs[2]!
    if isFusedOnGPU(q, k, v, mask: inputs[3]) { return try fusedForward(q, k, v) }
    let isFused = q.dtype == .float32 && (q.device.type == .meta || Self.kernels.registered(on: q.device) != nil)
    guard isFused else { return [composed(q, k, v, inputs[3]), Tensor.empty([0], dtype: q.dtype, on: q.device)] }
    let y = try Tensor.empty(shape: Shape(q.shape.dropLast() + [v.shape[-1]]), dtype: q.dtype, like: q)
    let logarithms = try Tensor.empty(shape: Shape(q.shape.dropLast()), dtype: q.dtype, like: q)
    if let kernel = try Self.kernels.kernel(on: q.device), logarithms.elementCount > 0 {
      kernel(self, try Self.withDenseRows([q, k, v]), inputs[3], [y, logarithms])
    }
    return [y, logarithms]
  }

  private func composed(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ mask: Tensor?) -> Tensor {
    let outputs = blocks(q.shape, k.shape).map { block in
      weights(q.narrow(-2, start: block.start, length: block.count), k.narrow(-2, start: 0, length: block.keys), mask, block)
        .matmul(v.narrow(-2, start: 0, length: block.keys))
    }
    if outputs.isEmpty { return Tensor.zeros(Array(q.shape.dropLast()) + [v.shape[-1]], dtype: q.dtype, on: q.device) }
    return outputs.count == 1 ? outputs[0] : cat(outputs, dim: -2)
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let gradient = gradients[0] else { return [nil, nil, nil, nil] }
    let q = context.input(0), k = context.input(1), v = context.input(2), mask = context.inputIfPresent(3)
    let logarithms = context.output(1)
    if !context.isRecording, logarithms.elementCount > 0, isFusedOnGPU(q, k, v, mask: mask) {
      return attempt(4) { () throws(EmberError) in try fusedBackward(q, k, v, context.output(), logarithms, gradient) + [nil] }
    }
    if !context.isRecording, !context.needs(3), logarithms.elementCount > 0, let kernel = Self.backwardKernels.registered(on: q.device) {
      return attempt(4) { () throws(EmberError) in
        let operands = try Self.withDenseRows([q, k, v])
        var results: [Tensor] = []
        for x in operands { results.append(try Tensor.empty(shape: x.shape, dtype: x.dtype, like: x)) }
        kernel(self, operands, mask, [try gradient.dense(), context.output(), logarithms], results)
        return results + [nil]
      }
    }
    var dq: [Tensor] = [], dk: Tensor?, dv: Tensor?, dMask: Tensor?
    for block in blocks(q.shape, k.shape) {
      let rows = q.narrow(-2, start: block.start, length: block.count), g = gradient.narrow(-2, start: block.start, length: block.count)
      let keys = k.narrow(-2, start: 0, length: block.keys), values = v.narrow(-2, start: 0, length: block.keys)
      let p = weights(rows, keys, mask, block)
      let dp = g.matmul(values.mT)
      let ds = p * (dp - (dp * p).sum(-1, keepDim: true))
      dq.append(ds.matmul(keys) * Scalar.real(scale))
      func spread(_ x: Tensor) -> Tensor { block.keys == k.shape[-2] ? x : x.pad([0, 0, 0, k.shape[-2] - block.keys]) }
      let blockK = spread(ds.mT.matmul(rows) * Scalar.real(scale)), blockV = spread(p.mT.matmul(g))
      dk = dk.map { $0 + blockK } ?? blockK
      dv = dv.map { $0 + blockV } ?? blockV
      if let mask, context.needs(3) {
        let wide = (block.keys == k.shape[-2] ? ds : ds.pad([0, k.shape[-2] - block.keys]))
          .pad([0, 0, block.start, q.shape[-2] - block.start - block.count]).sum(to: mask.shape)
        dMask = dMask.map { $0 + wide } ?? wide
      }
    }
    return [dq.isEmpty ? nil : dq.count == 1 ? dq[0] : cat(dq, dim: -2), dk, dv, dMask]
  }
}

extension Tensor {
  fileprivate var floats: UnsafeMutablePointer<Float>? { operand.pointer?.assumingMemoryBound(to: Float.self) }

  /// Softmax that yields zeros, not NaN, where everything is -∞.
  public func safeSoftmax(_ dim: Int, dtype: DType? = nil) -> Tensor {
    withDimension(dim, "softmax") { dim in
      let x = to(dtype ?? (self.dtype.category < .floatingPoint ? .float32 : self.dtype))
      if x.rank == 0 || x.shape[dim] == 0 { return x.softmax(dim) }
      return x.softmax(dim).maskedFill(x.detach().amax([dim], keepDim: true) .== Scalar.real(-.infinity), 0)
    }
  }

  /// softmax(scale · self keyᵀ + mask) value: self [..., queries, features], key [..., keys, features], value [..., keys, values].
  ///
  /// Scores are computed a block of queries at a time, so that memory grows with the lengths, not with their product (unless there is
  /// dropout).
  /// - Parameters:
  ///   - mask: broadcasts to the scores [..., queries, keys]; bool: true where a query sees a key; floating point: is added.
  ///   - dropout: the probability with which attention weights are dropped.
  ///   - isCausal: a query sees keys up to its own position only; goes without a mask.
  ///   - scale: by default 1 / √features.
  ///   - groupedQueries: heads (third dimension from the end) of key and value are shared by several of self's.
  public func scaledDotProductAttention(
    _ key: Tensor, _ value: Tensor, mask: Tensor? = nil, dropout: Double = 0, isCausal: Bool = false, scale: Double? = nil,
    groupedQueries: Bool = false
  ) -> Tensor {
    guard mayRunSlowly(Attention.name, [self, key, value, mask]) else { return .poison }
    // A mask of truth values stays one.
    let cast = Autocast.asOne(Attention.name, [self, key, value, mask]) {
      $0[0]!.scaledDotProductAttention(
        $0[1]!, $0[2]!, mask: $0[3], dropout: dropout, isCausal: isCausal, scale: scale, groupedQueries: groupedQueries)
    }
    if let cast { return cast }
    return attempt { () throws(EmberError) in
      guard dropout >= 0, dropout <= 1 else { throw EmberError(.value, in: Attention.name, "dropout \(dropout); it must be in 0 ... 1") }
      let scale = scale ?? 1 / Double(rank == 0 ? 1 : shape[-1]).squareRoot()
      let operation = Attention(scale: scale, isCausal: isCausal)
      let (q, k, v, added) = try attentionOperands(
        key, value, mask, isCausal: isCausal, groupedQueries: groupedQueries, for: dropout > 0 ? nil : operation)
      if dropout > 0 {
        var scores = q.matmul(k.mT) * Scalar.real(scale)
        if let added { scores = scores + added }
        if isCausal { scores = scores.maskedFill(Self.laterKeys(q.shape[-2], k.shape[-2], device), .real(-.infinity)) }
        return scores.safeSoftmax(-1).dropout(dropout).matmul(v).to(dtype)
      }
      return apply(operation, [q, k, v, added], count: 2)[0].to(dtype)
    }
  }

  /// True where a key comes after a query.
  fileprivate static func laterKeys(_ queries: Int, _ keys: Int, _ device: Device) -> Tensor {
    arange(keys, on: device) .> arange(queries, on: device).unsqueeze(1)
  }

  /// Queries, keys and values with all batch dimensions, and the mask as what is added to the scores. 16-bit ones come in float32, unless
  /// they are for an operation that does so inside of its kernel.
  fileprivate func attentionOperands(
    _ key: Tensor, _ value: Tensor, _ mask: Tensor?, isCausal: Bool, groupedQueries: Bool, for operation: Attention? = nil
  ) throws(EmberError) -> (Tensor, Tensor, Tensor, Tensor?) {
    let name = Attention.name, all = "query \(summary), key \(key.summary), value \(value.summary)"
    guard rank >= 2, key.rank >= 2, value.rank >= 2, shape[-1] == key.shape[-1], key.shape[-2] == value.shape[-2] else {
      throw EmberError(.shape, in: name, "\(all): they must be [..., queries, features], [..., keys, features] and [..., keys, values]")
    }
    guard dtype.isFloatingPoint, !dtype.isStorageOnly, key.dtype == dtype, value.dtype == dtype else {
      throw EmberError(.dtype, in: name, "\(all) must be of one floating-point dtype")
    }
    guard mask == nil || !isCausal else { throw EmberError(.value, in: name, "isCausal goes without a mask") }
    var (k, v) = (key, value)
    if groupedQueries, rank >= 3, key.rank >= 3, value.rank >= 3 {
      k = try k.sharingHeads(shape[-3], all)
      v = try v.sharingHeads(shape[-3], all)
    }
    guard let batch = Shape(shape.dropLast(2)).broadcast(with: Shape(k.shape.dropLast(2)))?.broadcast(with: Shape(v.shape.dropLast(2)))
    else {
      throw EmberError(.shape, in: name, "\(all): the dimensions before the last two do not broadcast")
    }
    func wide(_ x: Tensor) -> Tensor { x.expand(Array(batch) + x.shape.suffix(2)) }
    let is16Bit = dtype == .float16 || dtype == .bfloat16
    let staysAsIs = !is16Bit || operation?.isFusedOnGPU(wide(self.value), wide(k.value), wide(v.value), mask: mask) == true
    let computing: DType = staysAsIs ? dtype : .float32
    func full(_ x: Tensor) -> Tensor { wide(x.to(computing)) }
    let (q, fullK, fullV) = (full(self), full(k), full(v))
    guard let mask else { return (q, fullK, fullV, nil) }
    let scores = Shape(Array(batch) + [shape[-2], key.shape[-2]])
    guard mask.rank >= 2 || mask.elementCount == 1 || mask.rank == 1, mask.shape.broadcast(with: scores) == scores else {
      throw EmberError(.shape, in: name, "mask \(mask.summary) does not broadcast to the scores \(scores)")
    }
    let table = mask.rank < 2 ? mask.reshape(Array(repeating: 1, count: 2 - mask.rank) + Array(mask.shape)) : mask
    if mask.dtype == .bool {
      let zeros = Tensor.zeros(Array(table.shape), dtype: computing, on: device)
      return (q, fullK, fullV, zeros.maskedFill(!table, .real(-.infinity)))
    }
    guard mask.dtype.isFloatingPoint else { throw EmberError(.dtype, in: name, "mask \(mask.summary) must be bool or floating point") }
    return (q, fullK, fullV, table.to(computing))
  }

  /// Each head repeated for the queries' heads that share it.
  private func sharingHeads(_ heads: Int, _ all: String) throws(EmberError) -> Tensor {
    let own = shape[-3]
    if own == heads { return self }
    guard own > 0, heads % own == 0 else {
      throw EmberError(.shape, in: Attention.name, "\(all): the query's \(heads) heads must be a multiple of \(own)")
    }
    let leading = Array(shape.dropLast(3)), inner = Array(shape.suffix(2))
    return reshape(leading + [own, 1] + inner).expand(leading + [own, heads / own] + inner).reshape(leading + [heads] + inner)
  }
}

extension OperatorRegistry {
  mutating func addAttention() {
    add(
      "aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, "
        + "float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor"
    ) { (q: Tensor, k: Tensor, v: Tensor, mask: Tensor?, dropout: Double, isCausal: Bool, scale: Double?, grouped: Bool) in
      q.scaledDotProductAttention(k, v, mask: mask, dropout: dropout, isCausal: isCausal, scale: scale, groupedQueries: grouped)
    }
    add(
      "aten::_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0.0, "
        + "bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor, Tensor)"
    ) { (q: Tensor, k: Tensor, v: Tensor, dropout: Double, isCausal: Bool, mask: Tensor?, scale: Double?) in
      guard q.rank == 4, k.rank == 4, v.rank == 4, dropout == 0 else {
        throw EmberError(
          .value, in: "_scaled_dot_product_flash_attention_for_cpu", "takes [batch, heads, length, features] without dropout")
      }
      let y = q.scaledDotProductAttention(k, v, mask: mask, isCausal: isCausal, scale: scale)
      // The logarithms of the sums that the weights were divided by, which ATen hands on to its derivative.
      let sums = try noGrad { () throws(EmberError) -> Tensor in
        let (q, k, _, added) = try q.attentionOperands(k, v, mask, isCausal: isCausal, groupedQueries: false)
        var scores = q.matmul(k.mT) * Scalar.real(scale ?? 1 / Double(q.shape[-1]).squareRoot())
        if let added { scores = scores + added }
        if isCausal { scores = scores.maskedFill(Tensor.laterKeys(q.shape[-2], k.shape[-2], q.device), .real(-.infinity)) }
        return scores.logSumExp([-1])
      }
      return (y, sums)
    }
    add("aten::_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") { (x: Tensor, dim: Int, dtype: DType?) in
      x.safeSoftmax(dim, dtype: dtype)
    }
  }
}
