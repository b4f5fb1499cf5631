// As somebody types who knows PyTorch only. The compiler refuses every line and says how to write it; with the fix-its applied the file
// compiles. `scripts/test-deep fixits` checks the fix-its noted below the lines.
import EmberNN
import EmberTensor

func layers() {
  _ = Linear(in_features: 10, out_features: 20, bias: false)
  // expected-error@-1 {{init(_:_:bias:)}} {{14-27=}} {{31-45=}}
  _ = Conv2d(3, 16, kernel_size: 3, padding: 1)
  // expected-error@-1 {{init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:)}} {{21-32=kernelSize}}
  _ = Conv2d(in_channels: 3, out_channels: 16, kernel_size: 3)
  // expected-error@-1 {{init(_:_:kernelSize:stride:padding:dilation:groups:bias:paddingMode:)}} {{14-27=}} {{30-44=}} {{48-59=kernelSize}}
  _ = ConvTranspose2d(3, 16, kernel_size: 4, stride: 2, output_padding: 1)
  // expected-error@-1 {{init(_:_:kernelSize:stride:padding:outputPadding:groups:bias:dilation:)}} {{30-41=kernelSize}} {{57-71=outputPadding}}
  _ = MaxPool2d(kernel_size: 2, stride: 2)
  // expected-error@-1 {{init(_:stride:padding:dilation:ceilMode:)}} {{17-30=}}
  _ = MaxPool2d(2, ceil_mode: true)
  // expected-error@-1 {{init(_:stride:padding:ceilMode:)}} {{20-29=ceilMode}}
  _ = AvgPool2d(3, count_include_pad: false)
  // expected-error@-1 {{init(_:stride:padding:ceilMode:countIncludePad:)}} {{20-37=countIncludePad}}
  _ = AdaptiveAvgPool2d(output_size: 1)
  // expected-error@-1 {{init(_:)}} {{25-38=}}
  _ = BatchNorm2d(num_features: 3)
  // expected-error@-1 {{init(_:eps:momentum:affine:trackRunningStats:)}} {{19-33=}}
  _ = BatchNorm2d(3, track_running_stats: false)
  // expected-error@-1 {{init(_:eps:momentum:affine:trackRunningStats:)}} {{22-41=trackRunningStats}}
  _ = InstanceNorm1d(3, affine: true, track_running_stats: true)
  // expected-error@-1 {{init(_:eps:momentum:affine:trackRunningStats:)}} {{39-58=trackRunningStats}}
  _ = LayerNorm(8, elementwise_affine: false)
  // expected-error@-1 {{init(_:eps:elementwiseAffine:bias:)}} {{20-38=elementwiseAffine}}
  _ = GroupNorm(num_groups: 2, num_channels: 4)
  // expected-error@-1 {{init(_:_:eps:affine:)}} {{17-29=}} {{32-46=}}
  _ = Embedding(num_embeddings: 10, embedding_dim: 3, padding_idx: 0)
  // expected-error@-1 {{init(_:_:paddingIndex:maxNorm:normType:scalesGradientByFrequency:)}} {{17-33=}} {{37-52=}} {{55-66=paddingIndex}}
  _ = Embedding(10, 3, padding_idx: 0)
  // expected-error@-1 {{init(_:_:paddingIndex:)}} {{24-35=paddingIndex}}
  _ = Dropout(p: 0.5)
  // expected-error@-1 {{init(_:)}} {{15-18=}}
  _ = Softmax(dim: 1)
  // expected-error@-1 {{init(_:)}} {{15-20=}}
  _ = LogSoftmax(dim: 1)
  // expected-error@-1 {{init(_:)}} {{18-23=}}
  _ = LeakyReLU(negative_slope: 0.2)
  // expected-error@-1 {{init(negativeSlope:)}} {{17-31=negativeSlope}}
  _ = Hardtanh(min_val: -2, max_val: 2)
  // expected-error@-1 {{init(minValue:maxValue:)}} {{16-23=minValue}} {{29-36=maxValue}}
  _ = Flatten(start_dim: 1)
  // expected-error@-1 {{init(start:end:)}} {{15-24=start}}
  _ = Unflatten(dim: 1, unflattened_size: [2, 3])
  // expected-error@-1 {{init(_:_:)}} {{17-22=}} {{25-43=}}
  _ = PixelShuffle(upscale_factor: 2)
  // expected-error@-1 {{init(_:)}} {{20-36=}}
  _ = RNN(10, 20, num_layers: 2)
  // expected-error@-1 {{init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:nonlinearity:)}} {{19-29=numLayers}}
  _ = GRU(10, 20, batch_first: true)
  // expected-error@-1 {{init(_:_:batchFirst:dropout:bidirectional:)}} {{19-30=batchFirst}}
  _ = LSTM(10, 20, num_layers: 2, batch_first: true, bidirectional: true)
  // expected-error@-1 {{init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:projectionSize:)}} {{20-30=numLayers}} {{35-46=batchFirst}}
  _ = LSTM(input_size: 10, hidden_size: 20)
  // expected-error@-1 {{init(_:_:numLayers:bias:batchFirst:dropout:bidirectional:projectionSize:)}} {{12-24=}} {{28-41=}}
  _ = LSTMCell(input_size: 10, hidden_size: 20)
  // expected-error@-1 {{init(_:_:bias:)}} {{16-28=}} {{32-45=}}
  _ = MultiheadAttention(embed_dim: 8, num_heads: 2)
  // expected-error@-1 {{init(_:_:dropout:bias:batchFirst:)}} {{26-37=}} {{40-51=}}
  _ = MultiheadAttention(8, 2, batch_first: true)
  // expected-error@-1 {{init(_:_:dropout:bias:batchFirst:)}} {{32-43=batchFirst}}
  _ = TransformerEncoderLayer(d_model: 8, nhead: 2, dim_feedforward: 16)
  // expected-error@-1 {{init(_:_:feedforward:dropout:activation:batchFirst:normFirst:)}} {{31-40=}} {{43-50=}} {{53-68=feedforward}}
  _ = TransformerEncoder(TransformerEncoderLayer(8, 2), num_layers: 2)
  // expected-error@-1 {{init(_:_:norm:)}} {{57-69=}}
  _ = CrossEntropyLoss(label_smoothing: 0.1)
  // expected-error@-1 {{init(weight:labelSmoothing:)}} {{24-39=labelSmoothing}}
  _ = CrossEntropyLoss(ignore_index: 0)
  // expected-error@-1 {{init(weight:ignoreIndex:labelSmoothing:)}} {{24-36=ignoreIndex}}
  _ = BCEWithLogitsLoss(pos_weight: Tensor.ones([3]))
  // expected-error@-1 {{init(weight:posWeight:)}} {{25-35=posWeight}}
  _ = CTCLoss(zero_infinity: true)
  // expected-error@-1 {{init(blank:zeroInfinity:)}} {{15-28=zeroInfinity}}
}

func training(_ model: Linear, _ x: Tensor) throws {
  let state = model.state_dict()
  // expected-error@-1 {{stateDict()}} {{21-31=stateDict}}
  try model.load_state_dict(state)
  // expected-error@-1 {{loadStateDict(_:strict:)}} {{13-28=loadStateDict}}
  model.zero_grad()
  // expected-error@-1 {{zeroGrad()}} {{9-18=zeroGrad}}
  for (name, parameter) in model.named_parameters() { _ = (name, parameter) }
  // expected-error@-1 {{namedParameters()}} {{34-50=namedParameters}}
  _ = model.training
  // expected-error@-1 {{isTraining}} {{13-21=isTraining}}
  _ = clip_grad_norm_(model.parameters(), max_norm: 1)
  // expected-error@-1 {{clipGradNorm(_:maxNorm:normType:)}} {{7-22=clipGradNorm}} {{43-51=maxNorm}}
  _ = parameters_to_vector(model.parameters())
  // expected-error@-1 {{parametersToVector(_:)}} {{7-27=parametersToVector}}
  Init.xavier_uniform_(model.$weight)
  // expected-error@-1 {{xavierUniform(_:gain:)}} {{8-23=xavierUniform}}
  Init.constant_(model.$weight, 0)
  // expected-error@-1 {{constant(_:_:)}} {{8-17=constant}}
  manual_seed(3)
  // expected-error@-1 {{manualSeed(_:)}} {{3-14=manualSeed}}
  _ = no_grad { model(x) }
  // expected-error@-1 {{noGrad(_:)}} {{7-14=noGrad}}
}

func tensors(_ x: Tensor, _ index: Tensor) {
  _ = x.numel()
  // expected-error@-1 {{elementCount}} {{9-14=elementCount}} {{14-16=}}
  _ = x.ndim
  // expected-error@-1 {{rank}} {{9-13=rank}}
  _ = x.requires_grad
  // expected-error@-1 {{requiresGrad}} {{9-22=requiresGrad}}
  _ = x.sum(dim: 1, keepdim: true)
  // expected-error@-1 {{sum(_:keepDim:)}} {{13-18=}} {{21-28=keepDim}}
  _ = x.argmax(dim: 1)
  // expected-error@-1 {{argmax(_:keepDim:)}} {{16-21=}}
  _ = x.softmax(dim: 1)
  // expected-error@-1 {{softmax(_:)}} {{17-22=}}
  _ = x.log_softmax(dim: 1)
  // expected-error@-1 {{logSoftmax(_:)}} {{9-20=logSoftmax}} {{21-26=}}
  _ = x.masked_fill(x .> 0, 1)
  // expected-error@-1 {{maskedFill(_:_:)}} {{9-20=maskedFill}}
  _ = x.index_select(0, index)
  // expected-error@-1 {{indexSelect(_:_:)}} {{9-21=indexSelect}}
  _ = x.gather(1, index)
  // expected-error@-1 {{gather(dim:index:)}} {{16-16=dim: }} {{19-19=index: }}
  _ = x.flatten(start_dim: 1)
  // expected-error@-1 {{flatten(_:_:)}} {{17-28=}}
  _ = Tensor.zeros_like(x)
  // expected-error@-1 {{zeros(like:)}} {{14-24=zeros}} {{25-25=like: }}
}
