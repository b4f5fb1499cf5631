import EmberFunctional
import EmberTensor

// PyTorch's names of layers' arguments and properties; see FixIts.swift.

extension Linear {
  @available(*, unavailable, renamed: "inFeatures")
  public final var in_features: Int { fatalError() }
  @available(*, unavailable, renamed: "outFeatures")
  public final var out_features: Int { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:bias:)")
  public convenience init(in_features: Int, out_features: Int, bias: Bool = true) { fatalError() }
}

extension Bilinear {
  @available(*, unavailable, renamed: "init(_:_:_:bias:)")
  public convenience init(in1_features: Int, in2_features: Int, out_features: Int, bias: Bool = true) { fatalError() }
}

extension ConvolutionLayer {
  @available(*, unavailable, renamed: "init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:)")
  public convenience init(
    _ in_channels: Int, _ out_channels: Int, kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any ConvolutionPadding = 0, dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true,
    padding_mode: String = "zeros"
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:)")
  public convenience init(
    in_channels: Int, out_channels: Int, kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any ConvolutionPadding = 0, dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true,
    padding_mode: String = "zeros"
  ) { fatalError() }
  @available(
    *, unavailable, renamed: "init(_:_:_:stride:padding:dilation:groups:bias:paddingMode:)",
    message: "the modes are .zeros, .reflect, .replicate and .circular"
  )
  public convenience init(
    _ in_channels: Int, _ out_channels: Int, _ kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any ConvolutionPadding = 0, dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true, padding_mode: String
  ) { fatalError() }
}

extension TransposedConvolutionLayer {
  @available(*, unavailable, renamed: "init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:)")
  public convenience init(
    _ in_channels: Int, _ out_channels: Int, kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any SpatialExtents = 0, output_padding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true,
    dilation: any SpatialExtents = 1
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:)")
  public convenience init(
    in_channels: Int, out_channels: Int, kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any SpatialExtents = 0, output_padding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true,
    dilation: any SpatialExtents = 1
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:_:stride:padding:outputPadding:groups:bias:dilation:)")
  public convenience init(
    _ in_channels: Int, _ out_channels: Int, _ kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any SpatialExtents = 0, output_padding: any SpatialExtents, groups: Int = 1, bias: Bool = true,
    dilation: any SpatialExtents = 1
  ) { fatalError() }
}

extension MaxPoolLayer {
  @available(*, unavailable, renamed: "init(_:stride:padding:dilation:ceilMode:)")
  public convenience init(
    kernel_size: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0,
    dilation: any SpatialExtents = 1, ceil_mode: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:stride:padding:ceilMode:)")
  public convenience init(
    _ kernel_size: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceil_mode: Bool
  ) { fatalError() }
  @available(*, unavailable, message: "call withIndices(_:) on the layer")
  public convenience init(
    _ kernel_size: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, return_indices: Bool
  ) { fatalError() }
}

extension AvgPoolLayer {
  @available(*, unavailable, renamed: "init(_:stride:padding:ceilMode:countIncludePad:)")
  public convenience init(
    kernel_size: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceil_mode: Bool = false,
    count_include_pad: Bool = true
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:stride:padding:ceilMode:countIncludePad:)")
  public convenience init(
    _ kernel_size: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceil_mode: Bool = false,
    count_include_pad: Bool
  ) { fatalError() }
}

extension AdaptivePoolingLayer {
  @available(*, unavailable, renamed: "init(_:)")
  public convenience init(output_size: any SpatialExtents) { fatalError() }
}

extension BatchNormLayer {
  @available(*, unavailable, renamed: "runningMean")
  public final var running_mean: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "runningVar")
  public final var running_var: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "numBatchesTracked")
  public final var num_batches_tracked: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:momentum:affine:trackRunningStats:)")
  public convenience init(
    num_features: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, track_running_stats: Bool = true
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:momentum:affine:trackRunningStats:)")
  public convenience init(
    _ num_features: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, track_running_stats: Bool
  ) { fatalError() }
}

extension InstanceNormLayer {
  @available(*, unavailable, renamed: "init(_:eps:momentum:affine:trackRunningStats:)")
  public convenience init(
    num_features: Int, eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false, track_running_stats: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:momentum:affine:trackRunningStats:)")
  public convenience init(
    _ num_features: Int, eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false, track_running_stats: Bool
  ) { fatalError() }
}

extension LayerNorm {
  @available(*, unavailable, renamed: "init(_:eps:elementwiseAffine:bias:)")
  public convenience init(normalized_shape: [Int], eps: Double = 1e-5, elementwise_affine: Bool = true, bias: Bool = true) { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:elementwiseAffine:bias:)")
  public convenience init(normalized_shape: Int, eps: Double = 1e-5, elementwise_affine: Bool = true, bias: Bool = true) { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:elementwiseAffine:bias:)")
  public convenience init(_ normalized_shape: Int, eps: Double = 1e-5, elementwise_affine: Bool, bias: Bool = true) { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:elementwiseAffine:bias:)")
  public convenience init(_ normalized_shape: [Int], eps: Double = 1e-5, elementwise_affine: Bool, bias: Bool = true) { fatalError() }
}

extension GroupNorm {
  @available(*, unavailable, renamed: "init(_:_:eps:affine:)")
  public convenience init(num_groups: Int, num_channels: Int, eps: Double = 1e-5, affine: Bool = true) { fatalError() }
}

extension RMSNorm {
  @available(*, unavailable, renamed: "init(_:eps:elementwiseAffine:)")
  public convenience init(normalized_shape: [Int], eps: Double? = nil, elementwise_affine: Bool = true) { fatalError() }
}

extension Embedding {
  @available(*, unavailable, renamed: "init(_:_:paddingIndex:maxNorm:normType:scalesGradientByFrequency:)")
  public convenience init(
    num_embeddings: Int, embedding_dim: Int, padding_idx: Int? = nil, max_norm: Double? = nil, norm_type: Double = 2,
    scale_grad_by_freq: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:paddingIndex:)")
  public convenience init(_ num_embeddings: Int, _ embedding_dim: Int, padding_idx: Int) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:paddingIndex:maxNorm:)")
  public convenience init(_ num_embeddings: Int, _ embedding_dim: Int, padding_idx: Int? = nil, max_norm: Double) { fatalError() }
  @available(*, unavailable, renamed: "fromPretrained(_:freeze:paddingIndex:maxNorm:normType:scalesGradientByFrequency:)")
  public static func from_pretrained(
    _ embeddings: Tensor, freeze: Bool = true, padding_idx: Int? = nil, max_norm: Double? = nil, norm_type: Double = 2,
    scale_grad_by_freq: Bool = false
  ) -> Embedding { fatalError() }
}

extension EmbeddingBag {
  @available(*, unavailable, renamed: "init(_:_:mode:)")
  public convenience init(num_embeddings: Int, embedding_dim: Int, mode: BagMode = .mean) { fatalError() }
}

extension DropoutLayer {
  @available(*, unavailable, renamed: "init(_:)")
  public convenience init(p: Double) { fatalError() }
}

extension Softmax {
  @available(*, unavailable, renamed: "init(_:)")
  public convenience init(dim: Int) { fatalError() }
}

extension LogSoftmax {
  @available(*, unavailable, renamed: "init(_:)")
  public convenience init(dim: Int) { fatalError() }
}

extension Softmin {
  @available(*, unavailable, renamed: "init(_:)")
  public convenience init(dim: Int) { fatalError() }
}

extension GLU {
  @available(*, unavailable, renamed: "init(_:)")
  public convenience init(dim: Int) { fatalError() }
}

extension CosineSimilarity {
  @available(*, unavailable, renamed: "init(_:)")
  public convenience init(dim: Int) { fatalError() }
}

extension LeakyReLU {
  @available(*, unavailable, renamed: "init(negativeSlope:)")
  public convenience init(negative_slope: Double) { fatalError() }
}

extension Hardtanh {
  @available(*, unavailable, renamed: "init(minValue:maxValue:)")
  public convenience init(min_val: Double, max_val: Double) { fatalError() }
}

extension PReLU {
  @available(*, unavailable, renamed: "init(_:initial:)")
  public convenience init(num_parameters: Int, init: Double = 0.25) { fatalError() }
}

extension Threshold {
  @available(*, unavailable, renamed: "init(_:_:)")
  public convenience init(threshold: Double, value: Double) { fatalError() }
}

extension Flatten {
  @available(*, unavailable, renamed: "init(start:end:)")
  public convenience init(start_dim: Int, end_dim: Int = -1) { fatalError() }
}

extension Unflatten {
  @available(*, unavailable, renamed: "init(_:_:)")
  public convenience init(dim: Int, unflattened_size: [Int]) { fatalError() }
}

extension PixelShuffle {
  @available(*, unavailable, renamed: "init(_:)")
  public convenience init(upscale_factor: Int) { fatalError() }
}

extension PixelUnshuffle {
  @available(*, unavailable, renamed: "init(_:)")
  public convenience init(downscale_factor: Int) { fatalError() }
}

extension Upsample {
  @available(
    *, unavailable, renamed: "init(scaleFactor:mode:)",
    message: "modes are .nearest, .linear, .bilinear, .bicubic, .trilinear and .area"
  )
  public convenience init(scale_factor: Double, mode: String = "nearest") { fatalError() }
  @available(*, unavailable, renamed: "init(size:scaleFactor:mode:alignCorners:)")
  public convenience init(
    size: (any SpatialExtents)? = nil, scale_factor: Double? = nil, mode: InterpolationMode, align_corners: Bool
  ) { fatalError() }
}

extension PairwiseDistance {
  @available(*, unavailable, renamed: "init(_:eps:keepDim:)")
  public convenience init(p: Double, eps: Double = 1e-6, keepdim: Bool = false) { fatalError() }
}

// MARK: - inplace

extension ReLU {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(inplace: Bool) { fatalError() }
}

extension ReLU6 {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(inplace: Bool) { fatalError() }
}

extension SELU {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(inplace: Bool) { fatalError() }
}

extension SiLU {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(inplace: Bool) { fatalError() }
}

extension Mish {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(inplace: Bool) { fatalError() }
}

extension Hardswish {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(inplace: Bool) { fatalError() }
}

extension Hardsigmoid {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(inplace: Bool) { fatalError() }
}

extension LeakyReLU {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(_ negative_slope: Double = 0.01, inplace: Bool) { fatalError() }
}

extension ELU {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(_ alpha: Double = 1, inplace: Bool) { fatalError() }
}

extension CELU {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(_ alpha: Double = 1, inplace: Bool) { fatalError() }
}

extension Hardtanh {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(_ min_val: Double = -1, _ max_val: Double = 1, inplace: Bool) { fatalError() }
}

extension Threshold {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(_ threshold: Double, _ value: Double, inplace: Bool) { fatalError() }
}

extension RReLU {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(_ lower: Double = 1.0 / 8, _ upper: Double = 1.0 / 3, inplace: Bool) { fatalError() }
}

extension DropoutLayer {
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(_ p: Double = 0.5, inplace: Bool) { fatalError() }
  @available(*, unavailable, message: "leave inplace out: tensors are values, and memory that nobody else holds is used again")
  public convenience init(p: Double, inplace: Bool) { fatalError() }
}

// MARK: - Recurrent networks and transformers

extension RecurrentLayer {
  @available(*, unavailable, renamed: "allWeights")
  public final var all_weights: [LayerWeights] { fatalError() }
  @available(*, unavailable, message: "write allWeights[0].weightIh")
  public final var weight_ih_l0: StateCell { fatalError() }
  @available(*, unavailable, message: "write allWeights[0].weightHh")
  public final var weight_hh_l0: StateCell { fatalError() }
  @available(*, unavailable, message: "write allWeights[0].biasIh")
  public final var bias_ih_l0: StateCell { fatalError() }
  @available(*, unavailable, message: "write allWeights[0].biasHh")
  public final var bias_hh_l0: StateCell { fatalError() }
  @available(*, unavailable, message: "write allWeights[0].weightHr")
  public final var weight_hr_l0: StateCell { fatalError() }
}

extension RecurrentCellLayer {
  @available(*, unavailable, renamed: "weightIh")
  public final var weight_ih: Tensor { fatalError() }
  @available(*, unavailable, renamed: "weightHh")
  public final var weight_hh: Tensor { fatalError() }
  @available(*, unavailable, renamed: "biasIh")
  public final var bias_ih: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "biasHh")
  public final var bias_hh: Tensor? { fatalError() }
}

extension RNN {
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:nonlinearity:)")
  public convenience init(
    input_size: Int, hidden_size: Int, num_layers: Int = 1, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, nonlinearity: RNN.Nonlinearity = .tanh
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:nonlinearity:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, num_layers: Int, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, nonlinearity: RNN.Nonlinearity = .tanh
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:batchFirst:dropout:bidirectional:nonlinearity:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, batch_first: Bool, dropout: Double = 0, bidirectional: Bool = false,
    nonlinearity: RNN.Nonlinearity = .tanh
  ) { fatalError() }
}

extension GRU {
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:)")
  public convenience init(
    input_size: Int, hidden_size: Int, num_layers: Int = 1, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, num_layers: Int, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:batchFirst:dropout:bidirectional:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, batch_first: Bool, dropout: Double = 0, bidirectional: Bool = false
  ) { fatalError() }
}

extension LSTM {
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:projectionSize:)")
  public convenience init(
    input_size: Int, hidden_size: Int, num_layers: Int = 1, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, proj_size: Int = 0
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:projectionSize:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, num_layers: Int, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, proj_size: Int = 0
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:batchFirst:dropout:bidirectional:projectionSize:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, batch_first: Bool, dropout: Double = 0, bidirectional: Bool = false, proj_size: Int = 0
  ) { fatalError() }
}

extension RNNCell {
  @available(*, unavailable, renamed: "init(_:_:bias:)")
  public convenience init(input_size: Int, hidden_size: Int, bias: Bool = true) { fatalError() }
}

extension GRUCell {
  @available(*, unavailable, renamed: "init(_:_:bias:)")
  public convenience init(input_size: Int, hidden_size: Int, bias: Bool = true) { fatalError() }
}

extension LSTMCell {
  @available(*, unavailable, renamed: "init(_:_:bias:)")
  public convenience init(input_size: Int, hidden_size: Int, bias: Bool = true) { fatalError() }
}

extension MultiheadAttention {
  @available(*, unavailable, renamed: "inProjWeight")
  public final var in_proj_weight: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "inProjBias")
  public final var in_proj_bias: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "qProjWeight")
  public final var q_proj_weight: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "kProjWeight")
  public final var k_proj_weight: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "vProjWeight")
  public final var v_proj_weight: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "biasK")
  public final var bias_k: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "biasV")
  public final var bias_v: Tensor? { fatalError() }
  @available(*, unavailable, renamed: "outProj")
  public final var out_proj: Linear { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:dropout:bias:batchFirst:)")
  public convenience init(
    embed_dim: Int, num_heads: Int, dropout: Double = 0, bias: Bool = true, batch_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:dropout:bias:batchFirst:)")
  public convenience init(_ embed_dim: Int, _ num_heads: Int, dropout: Double = 0, bias: Bool = true, batch_first: Bool) { fatalError() }
  @available(*, unavailable, renamed: "callAsFunction(_:_:_:keyPaddingMask:needWeights:mask:)")
  public final func callAsFunction(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, key_padding_mask: Tensor? = nil, need_weights: Bool = true, attn_mask: Tensor? = nil
  ) -> (output: Tensor, weights: Tensor?) { fatalError() }
}

extension TransformerEncoderLayer {
  @available(*, unavailable, renamed: "init(_:_:feedforward:dropout:activation:batchFirst:normFirst:)")
  public convenience init(
    d_model: Int, nhead: Int, dim_feedforward: Int = 2048, dropout: Double = 0.1, activation: TransformerActivation = .relu,
    batch_first: Bool = false, norm_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:feedforward:dropout:activation:batchFirst:normFirst:)")
  public convenience init(
    _ d_model: Int, _ nhead: Int, dim_feedforward: Int, dropout: Double = 0.1, activation: TransformerActivation = .relu,
    batch_first: Bool = false, norm_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:dropout:activation:batchFirst:normFirst:)")
  public convenience init(
    _ d_model: Int, _ nhead: Int, dropout: Double = 0.1, activation: TransformerActivation = .relu, batch_first: Bool,
    norm_first: Bool = false
  ) { fatalError() }
}

extension TransformerDecoderLayer {
  @available(*, unavailable, renamed: "init(_:_:feedforward:dropout:activation:batchFirst:normFirst:)")
  public convenience init(
    d_model: Int, nhead: Int, dim_feedforward: Int = 2048, dropout: Double = 0.1, activation: TransformerActivation = .relu,
    batch_first: Bool = false, norm_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:feedforward:dropout:activation:batchFirst:normFirst:)")
  public convenience init(
    _ d_model: Int, _ nhead: Int, dim_feedforward: Int, dropout: Double = 0.1, activation: TransformerActivation = .relu,
    batch_first: Bool = false, norm_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:dropout:activation:batchFirst:normFirst:)")
  public convenience init(
    _ d_model: Int, _ nhead: Int, dropout: Double = 0.1, activation: TransformerActivation = .relu, batch_first: Bool,
    norm_first: Bool = false
  ) { fatalError() }
}

extension TransformerEncoder {
  @available(*, unavailable, renamed: "init(_:_:norm:)")
  public convenience init(_ layer: TransformerEncoderLayer, num_layers: Int, norm: LayerNorm? = nil) { fatalError() }
}

extension TransformerDecoder {
  @available(*, unavailable, renamed: "init(_:_:norm:)")
  public convenience init(_ layer: TransformerDecoderLayer, num_layers: Int, norm: LayerNorm? = nil) { fatalError() }
}

extension Transformer {
  @available(*, unavailable, message: "write Transformer(features: 512, heads: 8, encoderLayers: 6, decoderLayers: 6, feedforward: 2048)")
  public convenience init(
    d_model: Int = 512, nhead: Int = 8, num_encoder_layers: Int = 6, num_decoder_layers: Int = 6, dim_feedforward: Int = 2048,
    dropout: Double = 0.1, batch_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "generateSquareSubsequentMask(_:)")
  public static func generate_square_subsequent_mask(_ size: Int) -> Tensor { fatalError() }
}

// MARK: - Losses

extension CrossEntropyLoss {
  @available(*, unavailable, renamed: "init(weight:ignoreIndex:labelSmoothing:)")
  public convenience init(weight: Tensor? = nil, ignore_index: Int, label_smoothing: Double = 0) { fatalError() }
  @available(*, unavailable, renamed: "init(weight:labelSmoothing:)")
  public convenience init(weight: Tensor? = nil, label_smoothing: Double) { fatalError() }
}

extension NLLLoss {
  @available(*, unavailable, renamed: "init(weight:ignoreIndex:)")
  public convenience init(weight: Tensor? = nil, ignore_index: Int) { fatalError() }
}

extension BCEWithLogitsLoss {
  @available(*, unavailable, renamed: "init(weight:posWeight:)")
  public convenience init(weight: Tensor? = nil, pos_weight: Tensor?) { fatalError() }
}

extension KLDivLoss {
  @available(*, unavailable, renamed: "init(reduction:logTarget:)")
  public convenience init(reduction: LossReduction = .mean, log_target: Bool) { fatalError() }
}

extension PoissonNLLLoss {
  @available(*, unavailable, renamed: "init(logInput:full:)")
  public convenience init(log_input: Bool, full: Bool = false) { fatalError() }
}

extension CTCLoss {
  @available(*, unavailable, renamed: "init(blank:zeroInfinity:)")
  public convenience init(blank: Int = 0, zero_infinity: Bool) { fatalError() }
}

extension TripletMarginWithDistanceLoss {
  @available(*, unavailable, renamed: "init(distance:margin:)")
  public convenience init(distance_function: ((Tensor, Tensor) -> Tensor)?, margin: Double = 1) { fatalError() }
}

extension AdaptiveLogSoftmaxWithLoss {
  @available(*, unavailable, renamed: "init(_:_:cutoffs:divValue:headBias:)")
  public convenience init(in_features: Int, n_classes: Int, cutoffs: [Int], div_value: Double = 4, head_bias: Bool = false) { fatalError() }
  @available(*, unavailable, renamed: "logProbabilities(_:)")
  public final func log_prob(_ input: Tensor) -> Tensor { fatalError() }
}
