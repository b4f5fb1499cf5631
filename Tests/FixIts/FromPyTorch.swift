// As somebody types who knows PyTorch only. The compiler refuses every line and says how to write it; with the fix-its applied a line
// compiles. `scripts/test-deep fixits` checks the fix-its noted below the lines; where none is, the message says what to write.
import EmberDistributions
import EmberNN
import EmberOptim
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
  _ = ReLU(inplace: true)
  // expected-error@-1 {{leave inplace out}}
  _ = LeakyReLU(0.2, inplace: true)
  // expected-error@-1 {{leave inplace out}}
  _ = Hardtanh(-2, 2, inplace: true)
  // expected-error@-1 {{leave inplace out}}
  _ = Dropout(0.5, inplace: true)
  // expected-error@-1 {{leave inplace out}}
  _ = Dropout2d(p: 0.5, inplace: true)
  // expected-error@-1 {{leave inplace out}}
  _ = nn.Linear(10, 20)
  // expected-error@-1 {{modules have no prefix: write Linear(10, 20)}}
  _ = torch.nn.Linear(10, 20)
  // expected-error@-1 {{there is no namespace}}
  _ = CTCLoss(zero_infinity: true)
  // expected-error@-1 {{init(blank:zeroInfinity:)}} {{15-28=zeroInfinity}}
}

func containers(_ model: Sequential, _ list: ModuleList<Linear>, _ table: ModuleDict<Linear>) {
  _ = Sequential(OrderedDict([("conv1", Conv2d(1, 20, 5)), ("relu1", ReLU())]))
  // expected-error@-1 {{write Sequential(["conv1": Conv2d(1, 20, 5), "relu1": ReLU()])}}
  model.extend(Sequential(ReLU()))
  // expected-error@-1 {{append(contentsOf:)}} {{9-15=append}} {{16-16=contentsOf: }}
  model.insert(0, ReLU())
  // expected-error@-1 {{write insert(layer, at: index)}}
  _ = model.pop(0)
  // expected-error@-1 {{remove(at:)}} {{13-16=remove}} {{17-17=at: }}
  model.add_module("relu", ReLU())
  // expected-error@-1 {{write model[name] = module for a Sequential or ModuleDict}}
  list.extend([Linear(1, 2)])
  // expected-error@-1 {{append(contentsOf:)}} {{8-14=append}} {{15-15=contentsOf: }}
  _ = list.pop(0)
  // expected-error@-1 {{remove(at:)}} {{12-15=remove}} {{16-16=at: }}
  for (name, module) in table.items() { _ = (name, module) }
  // expected-error@-1 {{entries}} {{31-36=entries}} {{36-38=}}
}

func lookUps(_ model: Sequential, _ lstm: LSTM, _ cell: GRUCell, _ attention: MultiheadAttention, _ norm: BatchNorm2d) throws {
  _ = try model.get_submodule("0.conv")
  // expected-error@-1 {{module(named:)}} {{17-30=module}} {{31-31=named: }}
  _ = try model.get_parameter("0.weight")
  // expected-error@-1 {{parameter(named:)}} {{17-30=parameter}} {{31-31=named: }}
  _ = try model.get_buffer("0.running_mean")
  // expected-error@-1 {{buffer(named:)}} {{17-27=buffer}} {{28-28=named: }}
  _ = lstm.weight_ih_l0
  // expected-error@-1 {{write allWeights[0].weightIh}}
  _ = lstm.all_weights
  // expected-error@-1 {{allWeights}} {{12-23=allWeights}}
  _ = cell.bias_hh
  // expected-error@-1 {{biasHh}} {{12-19=biasHh}}
  _ = attention.in_proj_weight
  // expected-error@-1 {{inProjWeight}} {{17-31=inProjWeight}}
  _ = norm.running_mean
  // expected-error@-1 {{runningMean}} {{12-24=runningMean}}
}

func training(_ model: Linear, _ x: Tensor) throws {
  _ = model.cuda()
  // expected-error@-1 {{write .to(.cuda)}}
  _ = model.to("cuda")
  // expected-error@-1 {{write .to(.cuda) or .to(.cpu)}}
  _ = F.relu(x)
  // expected-error@-1 {{functions are methods of tensors: write x.relu()}}
  _ = F.cross_entropy(x, x, reduction: "sum")
  // expected-error@-1 {{functions are methods of tensors: write x.relu()}}
  AveragedModel(Linear(1, 2), of: Linear(1, 2)).update_parameters(model)
  // expected-error@-1 {{update(_:)}} {{49-66=update}}
  update_bn([x], model)
  // expected-error@-1 {{write updateBN(model, batches)}}
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

func utilities(_ model: Linear, _ convolution: Conv2d, _ norm: BatchNorm2d, _ x: Tensor) {
  _ = weight_norm(model)
  // expected-error@-1 {{weightNorm(_:_:dim:)}} {{7-18=weightNorm}}
  _ = weight_norm(model, name: "weight", dim: 0)
  // expected-error@-1 {{weightNorm(_:_:dim:)}} {{7-18=weightNorm}} {{26-32=}}
  _ = spectral_norm(model)
  // expected-error@-1 {{spectralNorm(_:_:powerIterations:eps:dim:)}} {{7-20=spectralNorm}}
  _ = spectral_norm(model, n_power_iterations: 2)
  // expected-error@-1 {{spectralNorm(_:powerIterations:)}} {{7-20=spectralNorm}} {{28-46=powerIterations}}
  _ = get_total_norm([x])
  // expected-error@-1 {{totalNorm(of:normType:errorIfNonfinite:)}} {{7-21=totalNorm}} {{22-22=of: }}
  clip_grads_with_norm_(model.parameters(), 1, x)
  // expected-error@-1 {{clipGradients(_:toNorm:totalNorm:)}} {{3-24=clipGradients}} {{45-45=toNorm: }} {{48-48=totalNorm: }}
  _ = fuse_conv_bn_eval(convolution, norm)
  // expected-error@-1 {{fuseConvolutionBatchNorm(_:_:)}} {{7-24=fuseConvolutionBatchNorm}}
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
  _ = Tensor.randn(2, 3)
  // expected-error@-1 {{a shape is an array: write Tensor.randn([2, 3])}}
  _ = Tensor.zeros(3, dtype: .int64)
  // expected-error@-1 {{a shape is an array: write Tensor.zeros([2, 3])}}
  _ = x[x > 0]
  // expected-error@-1 {{write a .> b}}
  _ = x == index
  // expected-error@-1 {{write a .== b, or (a .== b).all()}}
  if x[0] == 1 {}
  // expected-error@-1 {{x[0].item() is the number of an element}}
  let number: Double = x[0]
  // expected-error@-1 {{x[0].item() is the number of an element}}
  _ = number
}

func optimizers(_ model: Linear, _ sgd: SGD, _ schedule: StepLR) throws {
  _ = optim.Adam(model.parameters(), lr: 0.1)
  // expected-error@-1 {{optimizers have no prefix: write Adam(model.parameters(), learningRate: 0.1)}}
  _ = optim.lr_scheduler.StepLR(sgd, step_size: 30)
  // expected-error@-1 {{optimizers have no prefix}}
  _ = SGD(model.parameters(), lr: 0.1, momentum: 0.9, weight_decay: 1e-4)
  // expected-error@-1 {{init(_:learningRate:momentum:dampening:weightDecay:nesterov:maximize:)}} {{31-33=learningRate}} {{55-67=weightDecay}}
  _ = Adam(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:betas:epsilon:weightDecay:amsgrad:maximize:)}} {{32-34=learningRate}}
  _ = AdamW(model.parameters(), lr: 0.1, weight_decay: 0.01)
  // expected-error@-1 {{init(_:learningRate:betas:epsilon:weightDecay:amsgrad:maximize:)}} {{33-35=learningRate}} {{42-54=weightDecay}}
  _ = Adamax(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:betas:epsilon:weightDecay:)}} {{34-36=learningRate}}
  _ = NAdam(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:betas:epsilon:weightDecay:)}} {{33-35=learningRate}}
  _ = RAdam(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:betas:epsilon:weightDecay:)}} {{33-35=learningRate}}
  _ = Adagrad(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:learningRateDecay:weightDecay:)}} {{35-37=learningRate}}
  _ = Adadelta(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:rho:epsilon:weightDecay:)}} {{36-38=learningRate}}
  _ = RMSprop(model.parameters(), lr: 0.1, alpha: 0.9)
  // expected-error@-1 {{init(_:learningRate:alpha:epsilon:weightDecay:momentum:centered:)}} {{35-37=learningRate}}
  _ = Rprop(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:etas:)}} {{33-35=learningRate}}
  _ = ASGD(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:weightDecay:)}} {{32-34=learningRate}}
  _ = Adafactor(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:weightDecay:)}} {{37-39=learningRate}}
  _ = SparseAdam(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:betas:epsilon:)}} {{38-40=learningRate}}
  _ = Muon(model.parameters(), lr: 0.1)
  // expected-error@-1 {{init(_:learningRate:weightDecay:momentum:)}} {{32-34=learningRate}}
  _ = LBFGS(model.parameters(), lr: 1, max_iter: 10)
  // expected-error@-1 {{init(_:learningRate:maximumIterations:lineSearch:)}} {{33-35=learningRate}} {{40-48=maximumIterations}}
  sgd.zero_grad()
  // expected-error@-1 {{zeroGrad()}} {{7-16=zeroGrad}}
  _ = sgd.state_dict()
  // expected-error@-1 {{stateDict()}} {{11-21=stateDict}}
  sgd.lr = 0.1
  // expected-error@-1 {{learningRate}} {{7-9=learningRate}}
  _ = sgd.param_groups
  // expected-error@-1 {{groups}} {{11-23=groups}}
  _ = StepLR(sgd, step_size: 30)
  // expected-error@-1 {{init(_:stepSize:gamma:)}} {{19-28=stepSize}}
  _ = LambdaLR(sgd, lr_lambda: { 1 / Double($0 + 1) })
  // expected-error@-1 {{init(_:_:)}} {{21-32=}}
  _ = LinearLR(sgd, total_iters: 5)
  // expected-error@-1 {{init(_:startFactor:endFactor:steps:)}} {{21-32=steps}}
  _ = ConstantLR(sgd, total_iters: 5)
  // expected-error@-1 {{init(_:factor:steps:)}} {{23-34=steps}}
  _ = PolynomialLR(sgd, total_iters: 5)
  // expected-error@-1 {{init(_:steps:power:)}} {{25-36=steps}}
  _ = CosineAnnealingLR(sgd, T_max: 10)
  // expected-error@-1 {{init(_:period:minimum:)}} {{30-35=period}}
  _ = CosineAnnealingWarmRestarts(sgd, T_0: 10)
  // expected-error@-1 {{init(_:period:multiplier:minimum:)}} {{40-43=period}}
  _ = OneCycleLR(sgd, max_lr: 0.1, total_steps: 100)
  // expected-error@-1 {{write OneCycleLR(optimizer, maximum: 0.1, totalSteps: 1000)}}
  _ = CyclicLR(sgd, base_lr: 0.01, max_lr: 0.1)
  // expected-error@-1 {{write CyclicLR(optimizer, base: 0.01, maximum: 0.1, stepsUp: 2000)}}
  _ = schedule.state_dict()
  // expected-error@-1 {{state}} {{16-26=state}} {{26-28=}}
  _ = schedule.get_last_lr()
  // expected-error@-1 {{ask the optimizer for its learningRates}}
}

func distributions(_ mu: Tensor, _ p: Normal, _ choice: Categorical) {
  _ = Normal(mu, 1.0)
  // expected-error@-1 {{init(location:scale:)}} {{14-14=location: }} {{18-18=scale: }}
  _ = Normal(0, 1)
  // expected-error@-1 {{init(location:scale:)}} {{14-14=location: }} {{17-17=scale: }}
  _ = Normal(loc: mu, scale: 1)
  // expected-error@-1 {{init(location:scale:)}} {{14-17=location}}
  _ = LogNormal(0, 1)
  // expected-error@-1 {{init(location:scale:)}} {{17-17=location: }} {{20-20=scale: }}
  _ = Laplace(0, 1)
  // expected-error@-1 {{init(location:scale:)}} {{15-15=location: }} {{18-18=scale: }}
  _ = Gumbel(0, 1)
  // expected-error@-1 {{init(location:scale:)}} {{14-14=location: }} {{17-17=scale: }}
  _ = Cauchy(0, 1)
  // expected-error@-1 {{init(location:scale:)}} {{14-14=location: }} {{17-17=scale: }}
  _ = HalfNormal(1)
  // expected-error@-1 {{init(scale:)}} {{18-18=scale: }}
  _ = Uniform(0, 1)
  // expected-error@-1 {{init(low:high:)}} {{15-15=low: }} {{18-18=high: }}
  _ = Exponential(2)
  // expected-error@-1 {{init(rate:)}} {{19-19=rate: }}
  _ = Gamma(2, 1)
  // expected-error@-1 {{init(concentration:rate:)}} {{13-13=concentration: }} {{16-16=rate: }}
  _ = Beta(0.5, 0.5)
  // expected-error@-1 {{init(concentration1:concentration0:)}} {{12-12=concentration1: }} {{17-17=concentration0: }}
  _ = Dirichlet(mu)
  // expected-error@-1 {{init(concentration:)}} {{17-17=concentration: }}
  _ = StudentT(2)
  // expected-error@-1 {{init(degreesOfFreedom:)}} {{16-16=degreesOfFreedom: }}
  _ = StudentT(df: 2, loc: mu, scale: 1)
  // expected-error@-1 {{init(degreesOfFreedom:location:scale:)}} {{16-18=degreesOfFreedom}} {{23-26=location}}
  _ = Bernoulli(0.3)
  // expected-error@-1 {{init(probabilities:)}} {{17-17=probabilities: }}
  _ = Geometric(probs: 0.3)
  // expected-error@-1 {{init(probabilities:)}} {{17-22=probabilities}}
  _ = Categorical(mu)
  // expected-error@-1 {{init(probabilities:)}} {{19-19=probabilities: }}
  _ = Categorical(probs: mu)
  // expected-error@-1 {{init(probabilities:)}} {{19-24=probabilities}}
  _ = choice.probs
  // expected-error@-1 {{probabilities}} {{14-19=probabilities}}
  _ = p.loc
  // expected-error@-1 {{location}} {{9-12=location}}
  _ = p.log_prob(mu)
  // expected-error@-1 {{logProbability(_:)}} {{9-17=logProbability}}
  _ = p.batch_shape
  // expected-error@-1 {{batchShape}} {{9-20=batchShape}}
  _ = p.expand([2])
  // expected-error@-1 {{expanded(to:)}} {{9-15=expanded}} {{16-16=to: }}
  _ = choice.enumerate_support()
  // expected-error@-1 {{enumerateSupport(expand:)}} {{14-31=enumerateSupport}}
  _ = kl_divergence(p, p)
  // expected-error@-1 {{klDivergence(_:_:)}} {{7-20=klDivergence}}
}
