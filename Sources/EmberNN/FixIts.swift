import EmberRuntime
import EmberFunctional
import EmberTensor

// Names that somebody who comes from PyTorch types first: the compiler says what they are called here.

extension Module {
  @available(*, unavailable, renamed: "stateDict()")
  public final func state_dict() -> [(name: String, tensor: Tensor)] { fatalError() }
  @available(*, unavailable, renamed: "loadStateDict(_:strict:)")
  public final func load_state_dict(_ state: [(name: String, tensor: Tensor)], strict: Bool = true) throws { fatalError() }
  @available(*, unavailable, renamed: "loadStateDict(_:strict:)")
  public final func load_state_dict(_ state: [String: Tensor], strict: Bool = true) throws { fatalError() }
  @available(*, unavailable, renamed: "zeroGrad()")
  public final func zero_grad(set_to_none: Bool = true) { fatalError() }
  @available(*, unavailable, renamed: "requiresGrad(_:)")
  public final func requires_grad_(_ requires_grad: Bool = true) -> Self { fatalError() }
  @available(*, unavailable, renamed: "namedParameters()")
  public final func named_parameters() -> [(name: String, parameter: StateCell)] { fatalError() }
  @available(*, unavailable, renamed: "namedBuffers()")
  public final func named_buffers() -> [(name: String, buffer: StateCell)] { fatalError() }
  @available(*, unavailable, renamed: "namedModules()")
  public final func named_modules() -> [(name: String, module: Module)] { fatalError() }
  @available(*, unavailable, renamed: "namedChildren()")
  public final func named_children() -> [(name: String, module: Module)] { fatalError() }
  @available(*, unavailable, renamed: "namedChildren()")
  public final func children() -> [Module] { fatalError() }
  @available(*, unavailable, renamed: "isTraining")
  public final var training: Bool { fatalError() }
  @available(*, unavailable, message: "declare a property: @Buffer var name = tensor")
  public final func register_buffer(_ name: String, _ tensor: Tensor?, persistent: Bool = true) { fatalError() }
  @available(*, unavailable, message: "declare a property: @Parameter var name = tensor")
  public final func register_parameter(_ name: String, _ parameter: Tensor?) { fatalError() }
  @available(*, unavailable, message: "declare a property, or use ModuleList or ModuleDict")
  public final func add_module(_ name: String, _ module: Module?) { fatalError() }
  @available(*, unavailable, message: "declare a property, or use ModuleList or ModuleDict")
  public final func register_module(_ name: String, _ module: Module?) { fatalError() }
  @available(*, unavailable, renamed: "registerFullBackwardHook(_:)")
  public final func register_full_backward_hook(_ hook: Any) -> ModuleHookHandle { fatalError() }
  @available(*, unavailable, renamed: "registerFullBackwardPreHook(_:)")
  public final func register_full_backward_pre_hook(_ hook: Any) -> ModuleHookHandle { fatalError() }
  @available(*, unavailable, renamed: "registerForwardHook(_:)")
  public final func register_forward_hook(_ hook: Any) -> ModuleHookHandle { fatalError() }
  @available(*, unavailable, renamed: "registerForwardPreHook(_:)")
  public final func register_forward_pre_hook(_ hook: Any) -> ModuleHookHandle { fatalError() }
  @available(*, unavailable, renamed: "to(_:)", message: "write .to(.float16)")
  public final func half() -> Self { fatalError() }
  @available(*, unavailable, renamed: "to(_:)", message: "write .to(.bfloat16)")
  public final func bfloat16() -> Self { fatalError() }
  @available(*, unavailable, renamed: "to(_:)", message: "write .to(.float32)")
  public final func float() -> Self { fatalError() }
  @available(*, unavailable, renamed: "to(_:)", message: "write .to(.float64)")
  public final func double() -> Self { fatalError() }
  @available(*, unavailable, renamed: "to(_:)", message: "write .to(.cpu)")
  public final func cpu() -> Self { fatalError() }
}

// MARK: - Layers

extension Linear {
  @available(*, unavailable, renamed: "init(_:_:bias:dtype:on:)")
  public convenience init(in_features: Int, out_features: Int, bias: Bool = true) { fatalError() }
}

extension Bilinear {
  @available(*, unavailable, renamed: "init(_:_:_:bias:dtype:on:)")
  public convenience init(in1_features: Int, in2_features: Int, out_features: Int, bias: Bool = true) { fatalError() }
}

extension ConvolutionLayer {
  @available(*, unavailable, renamed: "init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:)")
  public convenience init(
    _ in_channels: Int, _ out_channels: Int, kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any ConvolutionPadding = 0, dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true,
    padding_mode: String = "zeros"
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:dtype:on:)")
  public convenience init(
    in_channels: Int, out_channels: Int, kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any ConvolutionPadding = 0, dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true,
    padding_mode: String = "zeros"
  ) { fatalError() }
  @available(
    *, unavailable, renamed: "init(_:_:_:stride:padding:dilation:groups:bias:paddingMode:dtype:on:)",
    message: "the modes are .zeros, .reflect, .replicate and .circular"
  )
  public convenience init(
    _ in_channels: Int, _ out_channels: Int, _ kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any ConvolutionPadding = 0, dilation: any SpatialExtents = 1, groups: Int = 1, bias: Bool = true, padding_mode: String
  ) { fatalError() }
}

extension TransposedConvolutionLayer {
  @available(*, unavailable, renamed: "init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:)")
  public convenience init(
    _ in_channels: Int, _ out_channels: Int, kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any SpatialExtents = 0, output_padding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true,
    dilation: any SpatialExtents = 1
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:dtype:on:)")
  public convenience init(
    in_channels: Int, out_channels: Int, kernel_size: any SpatialExtents, stride: any SpatialExtents = 1,
    padding: any SpatialExtents = 0, output_padding: any SpatialExtents = 0, groups: Int = 1, bias: Bool = true,
    dilation: any SpatialExtents = 1
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:_:stride:padding:outputPadding:groups:bias:dilation:dtype:on:)")
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
  @available(*, unavailable, renamed: "init(_:stride:padding:dilation:ceilMode:)")
  public convenience init(
    _ kernel_size: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceil_mode: Bool
  ) { fatalError() }
  @available(*, unavailable, message: "call withIndices(_:) on the layer")
  public convenience init(
    _ kernel_size: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, return_indices: Bool
  ) { fatalError() }
}

extension AvgPoolLayer {
  @available(*, unavailable, renamed: "init(_:stride:padding:ceilMode:countIncludePad:divisorOverride:)")
  public convenience init(
    kernel_size: any SpatialExtents, stride: (any SpatialExtents)? = nil, padding: any SpatialExtents = 0, ceil_mode: Bool = false,
    count_include_pad: Bool = true
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:stride:padding:ceilMode:countIncludePad:divisorOverride:)")
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
  @available(*, unavailable, renamed: "init(_:eps:momentum:affine:bias:trackRunningStats:dtype:on:)")
  public convenience init(
    num_features: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, track_running_stats: Bool = true
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:momentum:affine:bias:trackRunningStats:dtype:on:)")
  public convenience init(
    _ num_features: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, track_running_stats: Bool
  ) { fatalError() }
}

extension InstanceNormLayer {
  @available(*, unavailable, renamed: "init(_:eps:momentum:affine:bias:trackRunningStats:dtype:on:)")
  public convenience init(
    num_features: Int, eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false, track_running_stats: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:momentum:affine:bias:trackRunningStats:dtype:on:)")
  public convenience init(
    _ num_features: Int, eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false, track_running_stats: Bool
  ) { fatalError() }
}

extension LayerNorm {
  @available(*, unavailable, renamed: "init(_:eps:elementwiseAffine:bias:dtype:on:)")
  public convenience init(normalized_shape: [Int], eps: Double = 1e-5, elementwise_affine: Bool = true, bias: Bool = true) { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:elementwiseAffine:bias:dtype:on:)")
  public convenience init(normalized_shape: Int, eps: Double = 1e-5, elementwise_affine: Bool = true, bias: Bool = true) { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:elementwiseAffine:bias:dtype:on:)")
  public convenience init(_ normalized_shape: Int, eps: Double = 1e-5, elementwise_affine: Bool, bias: Bool = true) { fatalError() }
  @available(*, unavailable, renamed: "init(_:eps:elementwiseAffine:bias:dtype:on:)")
  public convenience init(_ normalized_shape: [Int], eps: Double = 1e-5, elementwise_affine: Bool, bias: Bool = true) { fatalError() }
}

extension GroupNorm {
  @available(*, unavailable, renamed: "init(_:_:eps:affine:bias:dtype:on:)")
  public convenience init(num_groups: Int, num_channels: Int, eps: Double = 1e-5, affine: Bool = true) { fatalError() }
}

extension RMSNorm {
  @available(*, unavailable, renamed: "init(_:eps:elementwiseAffine:dtype:on:)")
  public convenience init(normalized_shape: [Int], eps: Double? = nil, elementwise_affine: Bool = true) { fatalError() }
}

extension Embedding {
  @available(*, unavailable, renamed: "init(_:_:paddingIndex:maxNorm:normType:scalesGradientByFrequency:dtype:on:)")
  public convenience init(
    num_embeddings: Int, embedding_dim: Int, padding_idx: Int? = nil, max_norm: Double? = nil, norm_type: Double = 2,
    scale_grad_by_freq: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:paddingIndex:maxNorm:normType:scalesGradientByFrequency:dtype:on:)")
  public convenience init(_ num_embeddings: Int, _ embedding_dim: Int, padding_idx: Int) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:paddingIndex:maxNorm:normType:scalesGradientByFrequency:dtype:on:)")
  public convenience init(_ num_embeddings: Int, _ embedding_dim: Int, padding_idx: Int? = nil, max_norm: Double) { fatalError() }
  @available(*, unavailable, renamed: "fromPretrained(_:freeze:paddingIndex:)")
  public static func from_pretrained(_ embeddings: Tensor, freeze: Bool = true, padding_idx: Int? = nil) -> Embedding { fatalError() }
}

extension EmbeddingBag {
  @available(*, unavailable, renamed: "init(_:_:maxNorm:normType:scalesGradientByFrequency:mode:includeLastOffset:paddingIndex:dtype:on:)")
  public convenience init(num_embeddings: Int, embedding_dim: Int, mode: BagMode = .mean) { fatalError() }
}

extension DropoutLayer {
  @available(*, unavailable, renamed: "init(_:generator:)")
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
  @available(*, unavailable, renamed: "init(_:eps:)")
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
  @available(*, unavailable, renamed: "init(_:initial:dtype:on:)")
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
    *, unavailable, renamed: "init(scaleFactor:mode:alignCorners:recomputeScaleFactor:)",
    message: "modes are .nearest, .linear, .bilinear, .bicubic, .trilinear and .area"
  )
  public convenience init(scale_factor: Double, mode: String = "nearest") { fatalError() }
  @available(*, unavailable, renamed: "init(size:scaleFactor:mode:alignCorners:recomputeScaleFactor:)")
  public convenience init(
    size: (any SpatialExtents)? = nil, scale_factor: Double? = nil, mode: InterpolationMode, align_corners: Bool
  ) { fatalError() }
}

extension PairwiseDistance {
  @available(*, unavailable, renamed: "init(_:eps:keepDim:)")
  public convenience init(p: Double, eps: Double = 1e-6, keepdim: Bool = false) { fatalError() }
}

// MARK: - Recurrent networks and transformers

extension RNN {
  @available(*, unavailable, renamed: "init(_:_:numLayers:nonlinearity:bias:batchFirst:dropout:bidirectional:dtype:on:)")
  public convenience init(
    input_size: Int, hidden_size: Int, num_layers: Int = 1, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, nonlinearity: RNN.Nonlinearity = .tanh
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:numLayers:nonlinearity:bias:batchFirst:dropout:bidirectional:dtype:on:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, num_layers: Int, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, nonlinearity: RNN.Nonlinearity = .tanh
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:numLayers:nonlinearity:bias:batchFirst:dropout:bidirectional:dtype:on:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, batch_first: Bool, dropout: Double = 0, bidirectional: Bool = false,
    nonlinearity: RNN.Nonlinearity = .tanh
  ) { fatalError() }
}

extension GRU {
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:dtype:on:)")
  public convenience init(
    input_size: Int, hidden_size: Int, num_layers: Int = 1, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:dtype:on:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, num_layers: Int, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:dtype:on:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, batch_first: Bool, dropout: Double = 0, bidirectional: Bool = false
  ) { fatalError() }
}

extension LSTM {
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:projectionSize:dtype:on:)")
  public convenience init(
    input_size: Int, hidden_size: Int, num_layers: Int = 1, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, proj_size: Int = 0
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:projectionSize:dtype:on:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, num_layers: Int, bias: Bool = true, batch_first: Bool = false, dropout: Double = 0,
    bidirectional: Bool = false, proj_size: Int = 0
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:projectionSize:dtype:on:)")
  public convenience init(
    _ input_size: Int, _ hidden_size: Int, batch_first: Bool, dropout: Double = 0, bidirectional: Bool = false, proj_size: Int = 0
  ) { fatalError() }
}

extension RNNCell {
  @available(*, unavailable, renamed: "init(_:_:bias:nonlinearity:dtype:on:)")
  public convenience init(input_size: Int, hidden_size: Int, bias: Bool = true) { fatalError() }
}

extension GRUCell {
  @available(*, unavailable, renamed: "init(_:_:bias:dtype:on:)")
  public convenience init(input_size: Int, hidden_size: Int, bias: Bool = true) { fatalError() }
}

extension LSTMCell {
  @available(*, unavailable, renamed: "init(_:_:bias:dtype:on:)")
  public convenience init(input_size: Int, hidden_size: Int, bias: Bool = true) { fatalError() }
}

extension MultiheadAttention {
  @available(*, unavailable, renamed: "init(_:_:dropout:bias:addBiasKV:addZeroAttention:keyDim:valueDim:batchFirst:dtype:on:)")
  public convenience init(
    embed_dim: Int, num_heads: Int, dropout: Double = 0, bias: Bool = true, batch_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:dropout:bias:addBiasKV:addZeroAttention:keyDim:valueDim:batchFirst:dtype:on:)")
  public convenience init(_ embed_dim: Int, _ num_heads: Int, dropout: Double = 0, bias: Bool = true, batch_first: Bool) { fatalError() }
  @available(*, unavailable, renamed: "callAsFunction(_:_:_:keyPaddingMask:needWeights:mask:averageWeights:isCausal:)")
  public final func callAsFunction(
    _ query: Tensor, _ key: Tensor, _ value: Tensor, key_padding_mask: Tensor? = nil, need_weights: Bool = true, attn_mask: Tensor? = nil
  ) -> (output: Tensor, weights: Tensor?) { fatalError() }
}

extension TransformerEncoderLayer {
  @available(*, unavailable, renamed: "init(_:_:feedforward:dropout:activation:layerNormEps:batchFirst:normFirst:bias:dtype:on:)")
  public convenience init(
    d_model: Int, nhead: Int, dim_feedforward: Int = 2048, dropout: Double = 0.1, activation: TransformerActivation = .relu,
    batch_first: Bool = false, norm_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:feedforward:dropout:activation:layerNormEps:batchFirst:normFirst:bias:dtype:on:)")
  public convenience init(
    _ d_model: Int, _ nhead: Int, dim_feedforward: Int, dropout: Double = 0.1, activation: TransformerActivation = .relu,
    batch_first: Bool = false, norm_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:feedforward:dropout:activation:layerNormEps:batchFirst:normFirst:bias:dtype:on:)")
  public convenience init(
    _ d_model: Int, _ nhead: Int, dropout: Double = 0.1, activation: TransformerActivation = .relu, batch_first: Bool,
    norm_first: Bool = false
  ) { fatalError() }
}

extension TransformerDecoderLayer {
  @available(*, unavailable, renamed: "init(_:_:feedforward:dropout:activation:layerNormEps:batchFirst:normFirst:bias:dtype:on:)")
  public convenience init(
    d_model: Int, nhead: Int, dim_feedforward: Int = 2048, dropout: Double = 0.1, activation: TransformerActivation = .relu,
    batch_first: Bool = false, norm_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:feedforward:dropout:activation:layerNormEps:batchFirst:normFirst:bias:dtype:on:)")
  public convenience init(
    _ d_model: Int, _ nhead: Int, dim_feedforward: Int, dropout: Double = 0.1, activation: TransformerActivation = .relu,
    batch_first: Bool = false, norm_first: Bool = false
  ) { fatalError() }
  @available(*, unavailable, renamed: "init(_:_:feedforward:dropout:activation:layerNormEps:batchFirst:normFirst:bias:dtype:on:)")
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
  @available(*, unavailable, renamed: "generateSquareSubsequentMask(_:dtype:on:)")
  public static func generate_square_subsequent_mask(_ size: Int) -> Tensor { fatalError() }
}

// MARK: - Losses

extension CrossEntropyLoss {
  @available(*, unavailable, renamed: "init(weight:ignoreIndex:reduction:labelSmoothing:)")
  public convenience init(weight: Tensor? = nil, ignore_index: Int, label_smoothing: Double = 0) { fatalError() }
  @available(*, unavailable, renamed: "init(weight:ignoreIndex:reduction:labelSmoothing:)")
  public convenience init(weight: Tensor? = nil, label_smoothing: Double) { fatalError() }
}

extension NLLLoss {
  @available(*, unavailable, renamed: "init(weight:ignoreIndex:reduction:)")
  public convenience init(weight: Tensor? = nil, ignore_index: Int) { fatalError() }
}

extension BCEWithLogitsLoss {
  @available(*, unavailable, renamed: "init(weight:posWeight:reduction:)")
  public convenience init(weight: Tensor? = nil, pos_weight: Tensor?) { fatalError() }
}

extension KLDivLoss {
  @available(*, unavailable, renamed: "init(reduction:logTarget:)")
  public convenience init(reduction: LossReduction = .mean, log_target: Bool) { fatalError() }
}

extension PoissonNLLLoss {
  @available(*, unavailable, renamed: "init(logInput:full:eps:reduction:)")
  public convenience init(log_input: Bool, full: Bool = false) { fatalError() }
}

extension CTCLoss {
  @available(*, unavailable, renamed: "init(blank:reduction:zeroInfinity:)")
  public convenience init(blank: Int = 0, zero_infinity: Bool) { fatalError() }
}

extension TripletMarginWithDistanceLoss {
  @available(*, unavailable, renamed: "init(distance:margin:swap:reduction:)")
  public convenience init(distance_function: ((Tensor, Tensor) -> Tensor)?, margin: Double = 1) { fatalError() }
}

extension AdaptiveLogSoftmaxWithLoss {
  @available(*, unavailable, renamed: "init(_:_:cutoffs:divValue:headBias:dtype:on:)")
  public convenience init(in_features: Int, n_classes: Int, cutoffs: [Int], div_value: Double = 4, head_bias: Bool = false) { fatalError() }
  @available(*, unavailable, renamed: "logProbabilities(_:)")
  public final func log_prob(_ input: Tensor) -> Tensor { fatalError() }
}

// MARK: - Functions

@available(*, unavailable, renamed: "clipGradNorm(_:maxNorm:normType:errorIfNonfinite:)")
public func clip_grad_norm_(_ parameters: [StateCell], _ max_norm: Double, norm_type: Double = 2) -> Tensor { fatalError() }
@available(*, unavailable, renamed: "clipGradNorm(_:maxNorm:normType:errorIfNonfinite:)")
public func clip_grad_norm_(_ parameters: [StateCell], max_norm: Double, norm_type: Double = 2) -> Tensor { fatalError() }
@available(*, unavailable, renamed: "clipGradValue(_:_:)")
public func clip_grad_value_(_ parameters: [StateCell], _ clip_value: Double) { fatalError() }
@available(*, unavailable, renamed: "parametersToVector(_:)")
public func parameters_to_vector(_ parameters: [StateCell]) -> Tensor { fatalError() }
@available(*, unavailable, renamed: "vectorToParameters(_:_:)")
public func vector_to_parameters(_ vector: Tensor, _ parameters: [StateCell]) { fatalError() }
@available(*, unavailable, renamed: "packPaddedSequence(_:lengths:batchFirst:enforceSorted:)")
public func pack_padded_sequence(
  _ input: Tensor, _ lengths: [Int], batch_first: Bool = false, enforce_sorted: Bool = true
) -> PackedSequence { fatalError() }
@available(*, unavailable, renamed: "padPackedSequence(_:batchFirst:paddingValue:totalLength:)")
public func pad_packed_sequence(
  _ sequence: PackedSequence, batch_first: Bool = false, padding_value: Double = 0
) -> (output: Tensor, lengths: [Int]) { fatalError() }
@available(*, unavailable, renamed: "padSequence(_:batchFirst:paddingValue:paddingSide:)")
public func pad_sequence(_ sequences: [Tensor], batch_first: Bool = false, padding_value: Double = 0) -> Tensor { fatalError() }
@available(*, unavailable, renamed: "packSequence(_:enforceSorted:)")
public func pack_sequence(_ sequences: [Tensor], enforce_sorted: Bool = true) -> PackedSequence { fatalError() }

@available(*, unavailable, message: "modules have no prefix here: Linear(10, 20)")
public enum nn {}

extension Init {
  @available(*, unavailable, renamed: "uniform(_:_:_:generator:)")
  public static func uniform_(_ cell: StateCell, _ a: Double = 0, _ b: Double = 1) { fatalError() }
  @available(*, unavailable, renamed: "normal(_:mean:std:generator:)")
  public static func normal_(_ cell: StateCell, _ mean: Double = 0, _ std: Double = 1) { fatalError() }
  @available(*, unavailable, renamed: "constant(_:_:)")
  public static func constant_(_ cell: StateCell, _ value: Double) { fatalError() }
  @available(*, unavailable, renamed: "ones(_:)")
  public static func ones_(_ cell: StateCell) { fatalError() }
  @available(*, unavailable, renamed: "zeros(_:)")
  public static func zeros_(_ cell: StateCell) { fatalError() }
  @available(*, unavailable, renamed: "eye(_:)")
  public static func eye_(_ cell: StateCell) { fatalError() }
  @available(*, unavailable, renamed: "dirac(_:groups:)")
  public static func dirac_(_ cell: StateCell, groups: Int = 1) { fatalError() }
  @available(*, unavailable, renamed: "xavierUniform(_:gain:generator:)")
  public static func xavier_uniform_(_ cell: StateCell, gain: Double = 1) { fatalError() }
  @available(*, unavailable, renamed: "xavierNormal(_:gain:generator:)")
  public static func xavier_normal_(_ cell: StateCell, gain: Double = 1) { fatalError() }
  @available(*, unavailable, renamed: "kaimingUniform(_:a:mode:nonlinearity:generator:)")
  public static func kaiming_uniform_(_ cell: StateCell, a: Double = 0, mode: String = "fan_in", nonlinearity: String = "leaky_relu") {
    fatalError()
  }
  @available(*, unavailable, renamed: "kaimingNormal(_:a:mode:nonlinearity:generator:)")
  public static func kaiming_normal_(_ cell: StateCell, a: Double = 0, mode: String = "fan_in", nonlinearity: String = "leaky_relu") {
    fatalError()
  }
  @available(*, unavailable, renamed: "truncatedNormal(_:mean:std:low:high:generator:)")
  public static func trunc_normal_(_ cell: StateCell, mean: Double = 0, std: Double = 1, a: Double = -2, b: Double = 2) { fatalError() }
  @available(*, unavailable, renamed: "orthogonal(_:gain:generator:)")
  public static func orthogonal_(_ cell: StateCell, gain: Double = 1) { fatalError() }
  @available(*, unavailable, renamed: "sparse(_:sparsity:std:generator:)")
  public static func sparse_(_ cell: StateCell, sparsity: Double, std: Double = 0.01) { fatalError() }
  @available(*, unavailable, message: "a case of Init.Nonlinearity has a gain")
  public static func calculate_gain(_ nonlinearity: String, _ param: Double? = nil) -> Double { fatalError() }
}
