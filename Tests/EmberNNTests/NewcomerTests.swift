import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor
import Testing

// Every module as somebody types it who knows PyTorch and has not read this library's documentation: PyTorch's names and order of
// arguments, without `nn.`, with Swift's capitals inside of words. What differs from this has a fix-it (FixIts.swift).
@Suite struct Newcomer {
  private func expect(_ y: Tensor, _ shape: [Int], _ location: SourceLocation = #_sourceLocation) {
    #expect(Array(y.shape) == shape, sourceLocation: location)
  }

  @Test func linearLayers() {
    let x = Tensor.randn([2, 10])
    expect(Linear(10, 20)(x), [2, 20])
    expect(Linear(10, 20, bias: false)(x), [2, 20])
    expect(LazyLinear(20)(x), [2, 20])
    expect(Bilinear(10, 10, 3)(x, x), [2, 3])
    expect(Identity()(x), [2, 10])
    let ids = Tensor([[1, 2, 4], [4, 3, 2]])
    expect(Embedding(10, 3)(ids), [2, 3, 3])
    expect(Embedding(10, 3, paddingIndex: 0, maxNorm: 1)(ids), [2, 3, 3])
    expect(Embedding.fromPretrained(Tensor.randn([10, 3]))(ids), [2, 3, 3])
    expect(EmbeddingBag(10, 3, mode: .sum)(ids), [2, 3])
    expect(EmbeddingBag(10, 3)(Tensor([1, 2, 4, 5]), Tensor([0, 2])), [2, 3])
  }

  @Test func convolutions() {
    let line = Tensor.randn([2, 4, 10]), picture = Tensor.randn([2, 4, 10, 10]), volume = Tensor.randn([1, 4, 5, 5, 5])
    expect(Conv1d(4, 6, 3)(line), [2, 6, 8])
    expect(Conv1d(4, 6, 3, 2)(line), [2, 6, 4])
    expect(Conv2d(4, 6, 3)(picture), [2, 6, 8, 8])
    expect(Conv2d(4, 6, 3, 1, 1)(picture), [2, 6, 10, 10])
    expect(Conv2d(4, 6, 3, stride: 2, padding: 1)(picture), [2, 6, 5, 5])
    expect(Conv2d(4, 6, [3, 5], padding: "same", dilation: 2, groups: 2, bias: false, paddingMode: .reflect)(picture), [2, 6, 10, 10])
    expect(Conv2d(4, 6, kernelSize: 3)(picture), [2, 6, 8, 8])
    expect(Conv3d(4, 6, 3)(volume), [1, 6, 3, 3, 3])
    expect(ConvTranspose1d(4, 6, 3)(line), [2, 6, 12])
    expect(ConvTranspose2d(4, 6, 4, 2, 1)(picture), [2, 6, 20, 20])
    expect(ConvTranspose2d(4, 6, 3, stride: 2, padding: 1, outputPadding: 1)(picture), [2, 6, 20, 20])
    expect(ConvTranspose2d(4, 6, 3, stride: 2, padding: 1)(picture, outputSize: [20, 20]), [2, 6, 20, 20])
    expect(ConvTranspose3d(4, 6, 3)(volume), [1, 6, 7, 7, 7])
    expect(LazyConv1d(6, 3)(line), [2, 6, 8])
    expect(LazyConv2d(6, 3)(picture), [2, 6, 8, 8])
    expect(LazyConv3d(6, 3)(volume), [1, 6, 3, 3, 3])
    expect(LazyConvTranspose1d(6, 3)(line), [2, 6, 12])
    expect(LazyConvTranspose2d(6, 3)(picture), [2, 6, 12, 12])
    expect(LazyConvTranspose3d(6, 3)(volume), [1, 6, 7, 7, 7])
    expect(Unfold(3)(picture), [2, 36, 64])
    expect(Fold([10, 10], 3)(Unfold(3)(picture)), [2, 4, 10, 10])
  }

  @Test func poolings() {
    let line = Tensor.randn([2, 4, 8]), picture = Tensor.randn([2, 4, 8, 8]), volume = Tensor.randn([2, 4, 8, 8, 8])
    expect(MaxPool1d(2)(line), [2, 4, 4])
    expect(MaxPool2d(2)(picture), [2, 4, 4, 4])
    expect(MaxPool2d(3, 2)(picture), [2, 4, 3, 3])
    expect(MaxPool2d(3, stride: 2, padding: 1)(picture), [2, 4, 4, 4])
    expect(MaxPool3d(2)(volume), [2, 4, 4, 4, 4])
    expect(AvgPool1d(2)(line), [2, 4, 4])
    expect(AvgPool2d(3, 2)(picture), [2, 4, 3, 3])
    expect(AvgPool3d(2)(volume), [2, 4, 4, 4, 4])
    expect(LPPool1d(2, 3)(line), [2, 4, 2])
    expect(LPPool2d(2, 3, stride: 2)(picture), [2, 4, 3, 3])
    expect(LPPool3d(2, 2)(volume), [2, 4, 4, 4, 4])
    expect(AdaptiveAvgPool1d(3)(line), [2, 4, 3])
    expect(AdaptiveAvgPool2d([1, 1])(picture), [2, 4, 1, 1])
    expect(AdaptiveAvgPool2d([nil, 2])(picture), [2, 4, 8, 2])
    expect(AdaptiveAvgPool3d(1)(volume), [2, 4, 1, 1, 1])
    expect(AdaptiveMaxPool1d(3)(line), [2, 4, 3])
    expect(AdaptiveMaxPool2d(3)(picture), [2, 4, 3, 3])
    expect(AdaptiveMaxPool3d(3)(volume), [2, 4, 3, 3, 3])
    expect(FractionalMaxPool2d(2, outputSize: 3)(picture), [2, 4, 3, 3])
    expect(FractionalMaxPool3d(2, outputRatio: 0.5)(volume), [2, 4, 4, 4, 4])
    let (values, indices) = MaxPool2d(2).withIndices(picture)
    expect(MaxUnpool2d(2)(values, indices), [2, 4, 8, 8])
    let (lines, places) = MaxPool1d(2).withIndices(line)
    expect(MaxUnpool1d(2)(lines, places, outputSize: [9]), [2, 4, 9])
    let (volumes, positions) = MaxPool3d(2).withIndices(volume)
    expect(MaxUnpool3d(2)(volumes, positions), [2, 4, 8, 8, 8])
  }

  @Test func paddings() {
    let line = Tensor.randn([2, 4, 8]), picture = Tensor.randn([2, 4, 8, 8]), volume = Tensor.randn([2, 4, 8, 8, 8])
    for layer: any Layer<Tensor, Tensor> in [
      ZeroPad1d(1), ConstantPad1d(1, 3.5), ReflectionPad1d(1), ReplicationPad1d([1, 1]), CircularPad1d(1),
    ] {
      expect(layer(line), [2, 4, 10])
    }
    for layer: any Layer<Tensor, Tensor> in [
      ZeroPad2d(1), ConstantPad2d(1, 3.5), ReflectionPad2d(1), ReplicationPad2d([1, 1, 1, 1]), CircularPad2d(1),
    ] {
      expect(layer(picture), [2, 4, 10, 10])
    }
    for layer: any Layer<Tensor, Tensor> in [
      ZeroPad3d(1), ConstantPad3d(1, 3.5), ReflectionPad3d(1), ReplicationPad3d(1), CircularPad3d(1),
    ] {
      expect(layer(volume), [2, 4, 10, 10, 10])
    }
  }

  @Test func activations() {
    let x = Tensor.randn([2, 4, 3, 3])
    let all: [any Layer<Tensor, Tensor>] = [
      ELU(), ELU(0.5), Hardshrink(), Hardshrink(0.3), Hardsigmoid(), Hardtanh(), Hardtanh(-2, 2), Hardswish(), LeakyReLU(), LeakyReLU(0.2),
      LogSigmoid(), PReLU(), PReLU(4), ReLU(), ReLU6(), RReLU(), RReLU(0.1, 0.3), SELU(), CELU(), CELU(0.5), GELU(),
      GELU(approximate: .tanh),
      Sigmoid(), SiLU(), Mish(), Softplus(), Softplus(2), Softshrink(), Softshrink(0.3), Softsign(), Tanh(), Tanhshrink(),
      Threshold(0.1, 20),
      Softmin(1), Softmax(1), Softmax2d(), LogSoftmax(1),
    ]
    for layer in all { expect(layer(x), [2, 4, 3, 3]) }
    expect(GLU(1)(x), [2, 2, 3, 3])
  }

  @Test func normalisations() {
    let rows = Tensor.randn([5, 4]), line = Tensor.randn([5, 4, 6]), picture = Tensor.randn([5, 4, 6, 6]),
      volume = Tensor.randn([5, 4, 3, 3, 3])
    expect(BatchNorm1d(4)(rows), [5, 4])
    expect(BatchNorm1d(4, momentum: nil)(line), [5, 4, 6])
    expect(BatchNorm2d(4, affine: false)(picture), [5, 4, 6, 6])
    expect(BatchNorm3d(4, eps: 1e-3)(volume), [5, 4, 3, 3, 3])
    expect(SyncBatchNorm(4)(picture), [5, 4, 6, 6])
    expect(LazyBatchNorm1d()(line), [5, 4, 6])
    expect(LazyBatchNorm2d()(picture), [5, 4, 6, 6])
    expect(LazyBatchNorm3d()(volume), [5, 4, 3, 3, 3])
    expect(InstanceNorm1d(4)(line), [5, 4, 6])
    expect(InstanceNorm2d(4, affine: true)(picture), [5, 4, 6, 6])
    expect(InstanceNorm3d(4)(volume), [5, 4, 3, 3, 3])
    expect(LazyInstanceNorm1d()(line), [5, 4, 6])
    expect(LazyInstanceNorm2d()(picture), [5, 4, 6, 6])
    expect(LazyInstanceNorm3d()(volume), [5, 4, 3, 3, 3])
    expect(GroupNorm(2, 4)(picture), [5, 4, 6, 6])
    expect(LayerNorm(6)(picture), [5, 4, 6, 6])
    expect(LayerNorm([4, 6, 6])(picture), [5, 4, 6, 6])
    expect(RMSNorm(6)(picture), [5, 4, 6, 6])
    expect(RMSNorm([6, 6])(picture), [5, 4, 6, 6])
    expect(LocalResponseNorm(2)(picture), [5, 4, 6, 6])
    expect(CrossMapLRN2d(3)(picture), [5, 4, 6, 6])
  }

  @Test func recurrentNetworks() {
    let x = Tensor.randn([5, 3, 10])
    let (y, h) = RNN(10, 20, 2)(x)
    expect(y, [5, 3, 20])
    expect(h, [2, 3, 20])
    let (z, (hn, cn)) = LSTM(10, 20, 2)(x, (Tensor.randn([2, 3, 20]), Tensor.randn([2, 3, 20])))
    expect(z, [5, 3, 20])
    expect(hn, [2, 3, 20])
    expect(cn, [2, 3, 20])
    let lstm = LSTM(10, 20, numLayers: 2, batchFirst: true, dropout: 0.1, bidirectional: true)
    expect(lstm(Tensor.randn([3, 5, 10])).output, [3, 5, 40])
    expect(GRU(10, 20, 2)(x, Tensor.randn([2, 3, 20])).output, [5, 3, 20])
    let hx = Tensor.randn([3, 20])
    expect(RNNCell(10, 20)(x[0], hx), [3, 20])
    expect(GRUCell(10, 20)(x[0], hx), [3, 20])
    let (next, cell) = LSTMCell(10, 20)(x[0], (hx, hx))
    expect(next, [3, 20])
    expect(cell, [3, 20])
  }

  @Test func transformers() {
    let source = Tensor.randn([10, 2, 16]), target = Tensor.randn([7, 2, 16])
    expect(Transformer(features: 16, heads: 4, encoderLayers: 1, decoderLayers: 1, feedforward: 32)(source, target), [7, 2, 16])
    let encoderLayer = TransformerEncoderLayer(16, 4, feedforward: 32, activation: .gelu, normFirst: true)
    expect(TransformerEncoder(encoderLayer, 2)(source), [10, 2, 16])
    let decoderLayer = TransformerDecoderLayer(16, 4, feedforward: 32)
    let mask = Transformer.generateSquareSubsequentMask(7)
    expect(TransformerDecoder(decoderLayer, 2)(target, source, targetMask: mask, targetIsCausal: true), [7, 2, 16])
    let (y, weights) = MultiheadAttention(16, 4, batchFirst: true)(source, source, source)
    expect(y, [10, 2, 16])
    expect(weights!, [10, 2, 2])
  }

  @Test func dropouts() {
    let x = Tensor.randn([2, 4, 3, 3])
    expect(Dropout(0.2)(x), [2, 4, 3, 3])
    expect(Dropout1d()(x[0]), [4, 3, 3])
    expect(Dropout2d()(x), [2, 4, 3, 3])
    expect(Dropout3d(0.3)(x), [2, 4, 3, 3])
    expect(AlphaDropout()(x), [2, 4, 3, 3])
    expect(FeatureAlphaDropout()(x), [2, 4, 3, 3])
  }

  @Test func shapes() {
    let x = Tensor.randn([2, 8, 4, 4])
    expect(Flatten()(x), [2, 128])
    expect(Flatten(1, 2)(x), [2, 32, 4])
    expect(Unflatten(1, [2, 4])(x), [2, 2, 4, 4, 4])
    expect(PixelShuffle(2)(x), [2, 2, 8, 8])
    expect(PixelUnshuffle(2)(x), [2, 32, 2, 2])
    expect(ChannelShuffle(2)(x), [2, 8, 4, 4])
    expect(Upsample(scaleFactor: 2)(x), [2, 8, 8, 8])
    expect(Upsample(size: [6, 5], mode: .bilinear, alignCorners: true)(x), [2, 8, 6, 5])
    expect(UpsamplingNearest2d(scaleFactor: 2)(x), [2, 8, 8, 8])
    expect(UpsamplingBilinear2d(size: 3)(x), [2, 8, 3, 3])
    expect(CosineSimilarity()(x, x), [2, 4, 4])
    expect(CosineSimilarity(1, eps: 1e-6)(x, x), [2, 4, 4])
    expect(PairwiseDistance()(x, x), [2, 8, 4])
    expect(PairwiseDistance(1)(x, x), [2, 8, 4])
  }

  @Test func losses() {
    let x = Tensor.randn([3, 5]), y = Tensor.randn([3, 5]), labels = Tensor([1, 0, 4]), signs = Tensor([1.0, -1, 1])
    let shares = Tensor.rand([3, 5])
    for loss in [
      L1Loss()(x, y), MSELoss()(x, y), CrossEntropyLoss()(x, labels),
      CrossEntropyLoss(weight: Tensor.ones([5]), labelSmoothing: 0.1)(x, labels),
      NLLLoss()(x.logSoftmax(1), labels), PoissonNLLLoss()(x, shares), GaussianNLLLoss()(x, y, shares),
      KLDivLoss(reduction: .batchMean)(x, shares),
      BCELoss()(shares, shares), BCEWithLogitsLoss(posWeight: Tensor.ones([5]))(x, shares),
      MarginRankingLoss()(x[0], y[0], Tensor.ones([5])),
      HingeEmbeddingLoss()(x, y.sign()), MultiLabelMarginLoss()(x, Tensor([[1, -1, 0, 0, 0], [2, 3, -1, 0, 0], [0, 1, 2, 3, 4]])),
      HuberLoss()(x, y),
      SmoothL1Loss()(x, y), SoftMarginLoss()(x, y.sign()), MultiLabelSoftMarginLoss()(x, shares), CosineEmbeddingLoss()(x, y, signs),
      MultiMarginLoss()(x, labels), TripletMarginLoss()(x, y, shares),
      TripletMarginWithDistanceLoss(distance: { ($0 - $1).abs().sum(1) })(x, y, shares),
      CTCLoss()(Tensor.randn([6, 2, 4]).logSoftmax(2), Tensor([[1, 2], [2, 2]]), inputLengths: [6, 6], targetLengths: [2, 2]),
      AdaptiveLogSoftmaxWithLoss(5, 10, cutoffs: [2, 6])(x, labels).loss, LinearCrossEntropyLoss(5, 7)(x, labels),
    ] {
      #expect(loss.rank == 0 && loss.item().isFinite)
    }
    expect(MSELoss(reduction: .none)(x, y), [3, 5])
  }

  @Test func containersAndState() throws {
    let model = Sequential(Conv2d(1, 20, 5), ReLU(), Conv2d(20, 64, 5), ReLU())
    expect(model(Tensor.randn([1, 1, 12, 12])), [1, 64, 4, 4])
    let layers = ModuleList([Linear(3, 3), Linear(3, 3)])
    layers.append(Linear(3, 3))
    var x = Tensor.randn([2, 3])
    for layer in layers { x = layer(x).relu() }
    let choices = ModuleDict(["a": Linear(3, 2), "b": Linear(3, 4)])
    expect(choices["b"]!(x), [2, 4])
    let weights = ParameterList([Tensor.randn([3]), Tensor.randn([3])])
    expect(weights[0] * weights[1], [3])
    let named = ParameterDict(["left": Tensor.randn([3])])
    expect(named["left"]!, [3])
    try model.loadStateDict(model.stateDict())
    model.train()
    model.eval()
    model.zeroGrad()
    for (name, parameter) in model.namedParameters() { #expect(!name.isEmpty && parameter.requiresGrad) }
    Init.xavierUniform(layers[0].$weight)
    clipGradNorm(model.parameters(), maxNorm: 1)
    vectorToParameters(parametersToVector(layers.parameters()), layers.parameters())
    noGrad { x = model(Tensor.randn([1, 1, 12, 12])) }
    #expect(!x.requiresGrad)
  }

  /// A network as PyTorch's MNIST example has it.
  private final class Net: Module, Layer {
    let conv1 = Conv2d(1, 32, 3, 1)
    let conv2 = Conv2d(32, 64, 3, 1)
    let dropout1 = Dropout(0.25)
    let dropout2 = Dropout(0.5)
    let fc1 = Linear(1600, 128)
    let fc2 = Linear(128, 10)

    func forward(_ input: Tensor) -> Tensor {
      var x = conv1(input).relu()
      x = conv2(x).relu()
      x = x.maxPool2d(2)
      x = dropout1(x).flatten(1)
      x = fc1(x).relu()
      x = dropout2(x)
      return fc2(x).logSoftmax(1)
    }
  }

  @Test func aNetwork() {
    let model = Net()
    let loss = NLLLoss()(model(Tensor.randn([2, 1, 14, 14])), Tensor([3, 7]))
    loss.backward()
    #expect(model.parameters().allSatisfy { $0.grad != nil })
    #expect(model.namedParameters().map(\.name).prefix(2) == ["conv1.weight", "conv1.bias"])
  }
}
