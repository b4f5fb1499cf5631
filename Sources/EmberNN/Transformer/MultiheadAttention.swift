import EmberFunctional
import EmberRuntime
import EmberTensor

/// Attention of several heads; Vaswani et al., arXiv:1706.03762. Queries [length, batch, features], or [batch, length, features] with
/// `batchFirst`, or [length, features].
///
/// Parameters as in PyTorch: `in_proj_weight` [3 · features, features], or `q_proj_weight`, `k_proj_weight`, `v_proj_weight` where keys or
/// values have other features; `in_proj_bias`, `bias_k`, `bias_v`, `out_proj.weight`, `out_proj.bias`.
///
/// ```swift
/// let (output, weights) = MultiheadAttention(64, 8)(query, key, value)
/// ```
open class MultiheadAttention: Module, Layer {
  public final let embedDim: Int
  public final let numHeads: Int
  public final let dropout: Double
  public final let batchFirst: Bool
  private final let addsZero: Bool
  private final let _inProjWeight: Parameter?
  private final let _qProjWeight: Parameter?
  private final let _kProjWeight: Parameter?
  private final let _vProjWeight: Parameter?
  private final let _inProjBias: Parameter?
  private final let _biasK: Parameter?
  private final let _biasV: Parameter?
  public final let outProj: Linear

  /// - Parameters:
  ///   - addBiasKV: appends a learnt key and value.
  ///   - addZeroAttention: appends a key and a value of zeros.
  ///   - keyDim, valueDim: features of keys and values, where these are others than the queries'.
  public init(
    _ embedDim: Int, _ numHeads: Int, dropout: Double = 0, bias: Bool = true, addBiasKV: Bool = false, addZeroAttention: Bool = false,
    keyDim: Int? = nil, valueDim: Int? = nil, batchFirst: Bool = false, dtype: DType = .float32, on device: Device = .cpu
  ) {
    if embedDim < 1 || numHeads < 1 || embedDim % Swift.max(numHeads, 1) != 0 {
      raise(
        EmberError(
          .value, in: "MultiheadAttention",
          "\(embedDim) features and \(numHeads) heads; both must be positive, the features divisible by the heads"))
    }
    self.embedDim = embedDim
    self.numHeads = numHeads
    self.dropout = dropout
    self.batchFirst = batchFirst
    addsZero = addZeroAttention
    let features = Swift.max(embedDim, 1), keys = keyDim ?? features, values = valueDim ?? features
    func matrix(_ rows: Int, _ columns: Int) -> Parameter {
      Parameter(wrappedValue: Tensor.zeros([rows, columns], dtype: dtype, on: device))
    }
    let isPacked = keys == features && values == features
    _inProjWeight = isPacked ? matrix(3 * features, features) : nil
    _qProjWeight = isPacked ? nil : matrix(features, features)
    _kProjWeight = isPacked ? nil : matrix(features, keys)
    _vProjWeight = isPacked ? nil : matrix(features, values)
    _inProjBias = bias ? Parameter(wrappedValue: Tensor.zeros([3 * features], dtype: dtype, on: device)) : nil
    outProj = Linear(features, features, bias: bias, dtype: dtype, on: device)
    _biasK = addBiasKV ? Parameter(wrappedValue: Tensor.zeros([1, 1, features], dtype: dtype, on: device)) : nil
    _biasV = addBiasKV ? Parameter(wrappedValue: Tensor.zeros([1, 1, features], dtype: dtype, on: device)) : nil
    super.init()
    for weight in [_inProjWeight, _qProjWeight, _kProjWeight, _vProjWeight] {
      if let weight { Init.xavierUniform(weight.projectedValue) }
    }
    if let bias = outProj.biasCell { Init.zeros(bias) }
    for bias in [_biasK, _biasV] { if let bias { Init.xavierNormal(bias.projectedValue) } }
  }

  /// Weights of queries, keys and values in one, [3 · features, features]; nil where keys or values have other features.
  public final var inProjWeight: Tensor? { _inProjWeight?.wrappedValue }
  public final var inProjWeightCell: StateCell? { _inProjWeight?.projectedValue }
  /// [features, features], where keys or values have other features.
  public final var qProjWeight: Tensor? { _qProjWeight?.wrappedValue }
  public final var qProjWeightCell: StateCell? { _qProjWeight?.projectedValue }
  /// [features, keyDim], where keys or values have other features.
  public final var kProjWeight: Tensor? { _kProjWeight?.wrappedValue }
  public final var kProjWeightCell: StateCell? { _kProjWeight?.projectedValue }
  /// [features, valueDim], where keys or values have other features.
  public final var vProjWeight: Tensor? { _vProjWeight?.wrappedValue }
  public final var vProjWeightCell: StateCell? { _vProjWeight?.projectedValue }
  /// [3 · features]
  public final var inProjBias: Tensor? { _inProjBias?.wrappedValue }
  public final var inProjBiasCell: StateCell? { _inProjBias?.projectedValue }
  /// The learnt key, [1, 1, features].
  public final var biasK: Tensor? { _biasK?.wrappedValue }
  public final var biasKCell: StateCell? { _biasK?.projectedValue }
  /// The learnt value, [1, 1, features].
  public final var biasV: Tensor? { _biasV?.wrappedValue }
  public final var biasVCell: StateCell? { _biasV?.projectedValue }

  /// Attention of a sequence to itself, or of queries to keys and values.
  open func forward(_ input: (Tensor, Tensor, Tensor)) -> (output: Tensor, weights: Tensor?) { attention(input) }

  /// - Parameters:
  ///   - keyPaddingMask: [batch, keys]; true (or a number to add) where a key is padding.
  ///   - needWeights: also returns the weights [batch, queries, keys], averaged over the heads unless `averageWeights` is false.
  ///   - mask: [queries, keys] or [batch · heads, queries, keys]; true where a query must not see a key, or numbers to add.
  ///   - isCausal: says that `mask` is the causal one, which spares applying it where weights are not needed.
  public final func callAsFunction(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, keyPaddingMask: Tensor? = nil, needWeights: Bool = true, mask: Tensor? = nil,
    averageWeights: Bool = true, isCausal: Bool = false
  ) -> (output: Tensor, weights: Tensor?) {
    withHooks((query, key, value)) {
      attention(
        $0, keyPaddingMask: keyPaddingMask, needWeights: needWeights, mask: mask, averageWeights: averageWeights, isCausal: isCausal)
    }
  }

  private func attention(
    _ input: (query: Tensor, key: Tensor, value: Tensor), keyPaddingMask: Tensor? = nil, needWeights: Bool = true, mask: Tensor? = nil,
    averageWeights: Bool = true, isCausal: Bool = false
  ) -> (output: Tensor, weights: Tensor?) {
    let projection: MultiHeadAttentionWeights.Input =
      if let packed = _inProjWeight { .packed(packed.wrappedValue) } else {
        .separate(query: _qProjWeight!.wrappedValue, key: _kProjWeight!.wrappedValue, value: _vProjWeight!.wrappedValue)
      }
    let weights = MultiHeadAttentionWeights(
      input: projection, inputBias: _inProjBias?.wrappedValue, keyBias: _biasK?.wrappedValue, valueBias: _biasV?.wrappedValue,
      output: outProj.weight,
      outputBias: outProj.bias)
    return input.query.multiHeadAttention(
      input.key, input.value, heads: numHeads, weights: weights, appendsZero: addsZero, dropout: dropout, training: isTraining,
      keyPadding: keyPaddingMask,
      needsWeights: needWeights, mask: mask, averagesWeights: averageWeights, isCausal: isCausal, batchFirst: batchFirst)
  }
}
