import EmberRuntime
import EmberTensor

/// The weights of multi-head attention, as `torch.nn.functional.multi_head_attention_forward` takes them.
public struct MultiHeadAttentionWeights: Sendable {
  /// Projections of query, key and value, one above the other [3 · features, features], or apart.
  public enum Input: Sendable {
    case packed(Tensor)
    case separate(query: Tensor, key: Tensor, value: Tensor)
  }
  public var input: Input
  /// [3 · features]
  public var inputBias: Tensor?
  /// An element that is appended to keys, and one to values: [1, 1, features].
  public var keyBias: Tensor?
  public var valueBias: Tensor?
  /// [features, features]
  public var output: Tensor
  public var outputBias: Tensor?

  public init(
    input: Input, inputBias: Tensor? = nil, keyBias: Tensor? = nil, valueBias: Tensor? = nil, output: Tensor, outputBias: Tensor? = nil
  ) {
    self.input = input
    self.inputBias = inputBias
    self.keyBias = keyBias
    self.valueBias = valueBias
    self.output = output
    self.outputBias = outputBias
  }
}

extension Tensor {
  /// Multi-head attention of these queries [length, batch, features] (or [length, features]) to keys and values; Vaswani et al.,
  /// arXiv:1706.03762.
  ///
  /// Where query, key and value are one tensor, their projections are one product. Heads are views of the projections.
  /// - Parameters:
  ///   - appendsZero: appends a key and a value of zeros.
  ///   - keyPadding: [batch, keys]; true (or a number to add) where a key is padding.
  ///   - mask: [queries, keys] or [batch · heads, queries, keys]; true where a query must not see a key, or numbers to add.
  ///   - isCausal: says that the mask is causal; used where it saves applying the mask.
  ///   - staticKey: projected keys [batch · heads, keys, features / heads] to use instead; `staticValue` likewise.
  ///   - batchFirst: queries, keys, values and the output are [batch, length, features].
  /// - Returns: the output of self's shape, and if wanted the attention weights [batch, queries, keys], or one for each head.
  public func multiHeadAttention(
    _ key: Tensor, _ value: Tensor, heads: Int, weights: MultiHeadAttentionWeights, appendsZero: Bool = false, dropout: Double = 0,
    training: Bool = true, keyPadding: Tensor? = nil, needsWeights: Bool = true, mask: Tensor? = nil, averagesWeights: Bool = true,
    isCausal: Bool = false, staticKey: Tensor? = nil, staticValue: Tensor? = nil, batchFirst: Bool = false
  ) -> (output: Tensor, weights: Tensor?) {
    let name = "multi_head_attention_forward"
    guard mayRunSlowly(name, [self, key, value, keyPadding, mask]) else { return (.poison, nil) }
    do throws(EmberError) {
      guard rank == 2 || rank == 3, key.rank == rank, value.rank == rank, heads > 0, shape[-1] % heads == 0 else {
        throw EmberError(
          .shape, in: name,
          "query \(summary), key \(key.summary), value \(value.summary) with \(heads) heads: "
            + "all must be [length, batch, features] or [length, features], the features divisible by the heads"
        )
      }
      if rank == 2 {
        let q = unsqueeze(0), k = key.isIdentical(to: self) ? q : key.unsqueeze(0)
        let v = value.isIdentical(to: self) ? q : value.isIdentical(to: key) ? k : value.unsqueeze(0)
        let (y, weights) = q.multiHeadAttention(
          k, v, heads: heads, weights: weights, appendsZero: appendsZero, dropout: dropout, training: training,
          keyPadding: keyPadding?.unsqueeze(0), needsWeights: needsWeights, mask: mask, averagesWeights: averagesWeights,
          isCausal: isCausal, staticKey: staticKey, staticValue: staticValue, batchFirst: true)
        return (y.squeeze(0), weights?.squeeze(0))
      }
      guard key.shape[0] == value.shape[0], key.shape[1] == value.shape[1], key.shape[batchFirst ? 0 : 1] == shape[batchFirst ? 0 : 1] else {
        throw EmberError(
          .shape, in: name,
          "query \(summary), key \(key.summary), value \(value.summary): lengths of key and value, and all batches, must agree")
      }
      guard mask != nil || !isCausal else { throw EmberError(.value, in: name, "isCausal is a hint about a mask, which is missing") }
      let time = batchFirst ? 1 : 0
      let length = shape[time], batch = shape[1 - time], features = shape[2], perHead = features / heads, own = key.shape[time]
      var (q, k, v) = try projected(key, value, weights, name)

      let dropsMask = isCausal && keyPadding == nil && !needsWeights
      var added = dropsMask ? nil : try self.added(mask, "mask", name)
      var padding = try self.added(keyPadding, "keyPadding", name)
      let sources = staticKey?.shape[1] ?? own
      if let given = added {
        let wanted = given.rank == 2 ? [length, own] : [batch * heads, length, own]
        guard Array(given.shape) == wanted else { throw EmberError(.shape, in: name, "mask \(given.summary); it must be \(wanted)") }
        if given.rank == 3 { added = given.reshape([batch, heads, length, own]) }
      }
      if let given = padding, Array(given.shape) != [batch, sources] {
        throw EmberError(.shape, in: name, "keyPadding \(given.summary); it must be [\(batch), \(sources)]")
      }
      /// Makes room in the masks for one more key, which everything sees.
      func appendKey() {
        added = added?.pad([0, 1])
        padding = padding?.pad([0, 1])
      }
      guard (weights.keyBias == nil) == (weights.valueBias == nil), weights.keyBias == nil || (staticKey == nil && staticValue == nil)
      else {
        throw EmberError(.value, in: name, "keyBias and valueBias must be given both or not at all, and go without static keys and values")
      }
      if let keyBias = weights.keyBias, let valueBias = weights.valueBias {
        let one = batchFirst ? [batch, 1, features] : [1, batch, features]
        k = cat([k, keyBias.reshape([1, 1, features]).expand(one)], dim: time)
        v = cat([v, valueBias.reshape([1, 1, features]).expand(one)], dim: time)
        appendKey()
      }
      /// [batch, heads, length, features / heads], as a view.
      func split(_ x: Tensor) -> Tensor {
        let parts = x.reshape([x.shape[0], x.shape[1], heads, perHead])
        return batchFirst ? parts.transpose(1, 2) : parts.permute([1, 2, 0, 3])
      }
      for fixed in [staticKey, staticValue] {
        if let fixed, fixed.rank != 3 || fixed.shape[0] != batch * heads || fixed.shape[2] != perHead {
          throw EmberError(.shape, in: name, "static key or value \(fixed.summary); it must be [\(batch * heads), keys, \(perHead)]")
        }
      }
      q = split(q)
      k = staticKey.map { $0.reshape([batch, heads, $0.shape[1], perHead]) } ?? split(k)
      v = staticValue.map { $0.reshape([batch, heads, $0.shape[1], perHead]) } ?? split(v)
      if appendsZero {
        let zero = Tensor.zeros([batch, heads, 1, perHead], dtype: k.dtype, on: device)
        k = cat([k, zero], dim: 2)
        v = cat([v, zero], dim: 2)
        appendKey()
      }
      if let padding {
        let spread = padding.reshape([batch, 1, 1, k.shape[2]])
        added = added.map { $0 + spread } ?? spread
      }
      /// The heads side by side again, projected to the output.
      func joined(_ y: Tensor) -> Tensor {
        let rows = batchFirst ? y.transpose(1, 2) : y.permute([2, 0, 1, 3])
        return rows.reshape([shape[0], shape[1], features]).linear(weights.output, weights.outputBias)
      }
      let drop = training ? dropout : 0
      if needsWeights {
        var scores = (q * Scalar.real(1 / Double(perHead).squareRoot())).matmul(k.mT)
        if let added { scores = scores + added }
        let attention = scores.softmax(-1).dropout(drop, training: drop > 0)
        return (joined(attention.matmul(v)), averagesWeights ? attention.mean(1) : attention)
      }
      return (joined(q.scaledDotProductAttention(k, v, mask: dropsMask ? nil : added, dropout: drop, isCausal: dropsMask)), nil)
    } catch {
      raise(error)
      return (.poison, nil)
    }
  }

  private func projected(
    _ key: Tensor, _ value: Tensor, _ weights: MultiHeadAttentionWeights, _ name: String
  ) throws(EmberError) -> (Tensor, Tensor, Tensor) {
    let features = shape[-1]
    if let bias = weights.inputBias, bias.rank != 1 || bias.shape[0] != 3 * features {
      throw EmberError(.shape, in: name, "inputBias \(bias.summary); it must be [\(3 * features)]")
    }
    switch weights.input {
    case .separate(let q, let k, let v):
      let biases = weights.inputBias?.split(features)
      return (linear(q, biases?[0]), key.linear(k, biases?[1]), value.linear(v, biases?[2]))
    case .packed(let all):
      guard all.rank == 2, all.shape[0] == 3 * features, key.shape == value.shape else {
        throw EmberError(
          .shape, in: name, "packed weights \(all.summary) for \(features) features, key \(key.summary), value \(value.summary)")
      }
      if isIdentical(to: key), isIdentical(to: value) {
        let parts = linear(all, weights.inputBias).split(features, dim: -1)
        return (parts[0], parts[1], parts[2])
      }
      let parts = all.split(features), biases = weights.inputBias?.split(features)
      return (linear(parts[0], biases?[0]), key.linear(parts[1], biases?[1]), value.linear(parts[2], biases?[2]))
    }
  }

  /// A mask as numbers to add to scores of self's dtype.
  private func added(_ mask: Tensor?, _ argument: String, _ name: String) throws(EmberError) -> Tensor? {
    guard let mask else { return nil }
    if mask.dtype == .bool {
      return Tensor.zeros(Array(mask.shape), dtype: dtype, on: device).maskedFill(mask, .real(-.infinity))
    }
    guard mask.dtype.isFloatingPoint else {
      throw EmberError(.dtype, in: name, "\(argument) \(mask.summary) must be bool or floating point")
    }
    return mask
  }
}

extension OperatorRegistry {
  mutating func addMultiHeadAttention() {
    add(
      "torch.nn.functional.multi_head_attention_forward(Tensor query, Tensor key, Tensor value, "
        + "int embed_dim_to_check, int num_heads, Tensor? in_proj_weight, Tensor? in_proj_bias, Tensor? bias_k, "
        + "Tensor? bias_v, bool add_zero_attn, float dropout_p, Tensor out_proj_weight, Tensor? out_proj_bias, "
        + "bool training=True, Tensor? key_padding_mask=None, bool need_weights=True, Tensor? attn_mask=None, "
        + "bool use_separate_proj_weight=False, Tensor? q_proj_weight=None, Tensor? k_proj_weight=None, "
        + "Tensor? v_proj_weight=None, Tensor? static_k=None, Tensor? static_v=None, bool average_attn_weights=True, "
        + "bool is_causal=False) -> (Tensor, Tensor?)"
    ) {
      (
        q: Tensor, k: Tensor, v: Tensor, features: Int, heads: Int, packed: Tensor?, bias: Tensor?, keyBias: Tensor?, valueBias: Tensor?,
        appendsZero: Bool, dropout: Double, output: Tensor, outputBias: Tensor?, training: Bool, padding: Tensor?, needsWeights: Bool,
        mask: Tensor?,
        isSeparate: Bool, qWeight: Tensor?, kWeight: Tensor?, vWeight: Tensor?, staticKey: Tensor?, staticValue: Tensor?, averages: Bool,
        isCausal: Bool
      ) in
      let input: MultiHeadAttentionWeights.Input
      if isSeparate, let qWeight, let kWeight, let vWeight {
        input = .separate(query: qWeight, key: kWeight, value: vWeight)
      } else if !isSeparate, let packed {
        input = .packed(packed)
      } else {
        throw EmberError(
          .value, in: "multi_head_attention_forward", "give in_proj_weight, or all of q_proj_weight, k_proj_weight and v_proj_weight")
      }
      guard q.rank > 0, q.shape[-1] == features else {
        throw EmberError(.shape, in: "multi_head_attention_forward", "query \(q.summary) must have \(features) features")
      }
      let weights = MultiHeadAttentionWeights(
        input: input, inputBias: bias, keyBias: keyBias, valueBias: valueBias, output: output, outputBias: outputBias)
      let (y, attention) = q.multiHeadAttention(
        k, v, heads: heads, weights: weights, appendsZero: appendsZero, dropout: dropout, training: training, keyPadding: padding,
        needsWeights: needsWeights, mask: mask, averagesWeights: averages, isCausal: isCausal, staticKey: staticKey,
        staticValue: staticValue)
      return (y, attention)
    }
  }
}
