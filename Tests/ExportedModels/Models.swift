import EmberFunctional
import EmberGraph
import EmberNN
import EmberONNX
import EmberRuntime
import EmberTensor
import EmberText
import EmberVision

extension ExportCase {
  /// Every kind of network, small enough for the tests.
  public static func all() -> [ExportCase] {
    withRandomSeed(5) {
      images() + recurrent() + transformers() + [operations(), moreOperations(), controlFlow()] + classifiers()
    }
  }

  private static func tokens(_ shape: [Int], below count: Int) -> Tensor { Tensor.randint(0, count, shape) }

  /// A model of one input whose first dimension is the batch.
  private static func batched(
    _ name: String, _ model: some Layer<Tensor, Tensor>, _ shape: [Int], opset: Int = 20, externalDataLimit: Int = 1 << 30
  ) -> ExportCase {
    ExportCase(
      name, model, examples: [Tensor.zeros([1] + shape)], inputs: [Tensor.randn([3] + shape)], dynamicAxes: [[0: "batch"]], opset: opset,
      externalDataLimit: externalDataLimit
    ) { [model($0[0])] }
  }

  /// Networks that pad by the size of the picture, and that put a token before a row of patches.
  private static func classifiers() -> [ExportCase] {
    var lite = EfficientNetLite.Configuration()
    (lite.widthMultiplier, lite.stemChannels, lite.headChannels) = (0.25, 8, 16)
    var transformer = VisionTransformer.Configuration()
    (transformer.imageSize, transformer.patchSize) = (24, 8)
    (transformer.width, transformer.innerWidth, transformer.depth, transformer.heads) = (24, 48, 2, 3)
    return [
      batched("efficientnet", EfficientNetLite(lite, classes: 10), [3, 33, 40]),
      batched("vit", VisionTransformer(transformer, classes: 10), [3, 24, 24]),
    ]
  }

  private static func images() -> [ExportCase] {
    let perceptron = Sequential {
      Linear(12, 32)
      ReLU()
      Linear(32, 32)
      GELU()
      Linear(32, 5)
      Softmax(1)
    }
    let digits = Sequential {
      Conv2d(1, 6, 5, padding: 2)
      ReLU()
      MaxPool2d(2)
      Conv2d(6, 16, 5)
      Tanh()
      AvgPool2d(2)
      Flatten()
      Linear(400, 120)
      ReLU()
      Linear(120, 10)
    }
    let residual = ResNet.resNet18(classes: 10)
    let autoencoder = Sequential {
      Conv2d(1, 8, 4, stride: 2, padding: 1)
      SiLU()
      GroupNorm(2, 8)
      Flatten()
      Linear(8 * 49, 16)
      Linear(16, 8 * 49)
      Unflatten(1, [8, 7, 7])
      ConvTranspose2d(8, 1, kernelSize: 4, stride: 2, padding: 1)
      Sigmoid()
    }
    return [
      batched("perceptron", perceptron, [12]), batched("perceptron17", perceptron, [12], opset: 17),
      batched("perceptron22", perceptron, [12], opset: 22), batched("digits", digits, [1, 28, 28], externalDataLimit: 0),
      batched("resnet18", residual, [3, 64, 64]),
      batched("mobilenet", MobileNetV2(classes: 10, widthMultiplier: 0.25), [3, 64, 64]), batched("autoencoder", autoencoder, [1, 14, 14]),
    ]
  }

  private static func recurrent() -> [ExportCase] {
    func language(
      _ name: String, _ network: Module, _ run: @escaping (Tensor) -> (output: Tensor, states: [Tensor]), width: Int, opset: Int = 20
    ) -> ExportCase {
      let embedding = Embedding(40, 8), output = Linear(width, 40)
      let model = ModuleDict<Module>(["embedding": embedding, "network": network, "output": output])
      return ExportCase(
        name, model, examples: [tokens([2, 5], below: 40)], inputs: [tokens([3, 9], below: 40)],
        dynamicAxes: [[0: "batch", 1: "time"]], opset: opset
      ) { inputs in
        let result = run(embedding(inputs[0]))
        return [output(result.output)] + result.states
      }
    }
    let lstm = LSTM(8, 12, numLayers: 2, batchFirst: true)
    let gru = GRU(8, 12, batchFirst: true, bidirectional: true), rnn = RNN(8, 6, nonlinearity: .relu, batchFirst: true)
    return [
      language(
        "lstm", lstm,
        {
          let (output, state) = lstm($0)
          return (output, [state.0, state.1])
        }, width: 12),
      language(
        "gru", gru,
        {
          let (output, state) = gru($0)
          return (output, [state])
        }, width: 24, opset: 17),
      language(
        "rnn", rnn,
        {
          let (output, state) = rnn($0)
          return (output, [state])
        }, width: 6),
    ]
  }

  private static func transformers() -> [ExportCase] {
    let gpt = GPT2(.init(vocabularySize: 50, contextLength: 16, layers: 2, heads: 2, width: 16))
    let encoder = TransformerEncoder(TransformerEncoderLayer(16, 4, feedforward: 32, activation: .gelu, batchFirst: true), 2)
    var configuration = BERT.Configuration()
    (configuration.vocabularySize, configuration.contextLength, configuration.layers) = (60, 32, 2)
    (configuration.heads, configuration.width, configuration.innerWidth) = (2, 16, 32)
    let bert = BERT(configuration)
    let mask = Tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]], dtype: .int64)
    return [
      ExportCase(
        "gpt2", gpt, examples: [tokens([1, 8], below: 50)], inputs: [tokens([3, 11], below: 50)], dynamicAxes: [[0: "batch", 1: "time"]]
      ) { [gpt($0[0])] },
      ExportCase(
        "encoder", encoder, examples: [Tensor.zeros([2, 7, 16])], inputs: [Tensor.randn([3, 5, 16])],
        dynamicAxes: [[0: "batch", 1: "time"]], opset: 18
      ) { [encoder($0[0])] },
      ExportCase(
        "bert", bert, examples: [tokens([2, 8], below: 60), Tensor.ones([2, 8], dtype: .int64)],
        inputs: [tokens([3, 6], below: 60), mask], dynamicAxes: [[0: "batch", 1: "time"], [0: "batch", 1: "time"]]
      ) { inputs in
        let features = bert.features(inputs[0], mask: inputs[1])
        let weights = inputs[1].to(.float32).unsqueeze(-1)
        return [(features * weights).sum(1) / weights.sum(1).clamp(min: 1e-9), bert.pooled(features)]
      },
    ]
  }

  /// What runs depends on the data: a choice, a loop until it is small enough, and steps along a sequence. The weights are those around.
  private static func controlFlow() -> ExportCase {
    let layer = Linear(4, 4)
    return ExportCase(
      "control-flow", layer, examples: [Tensor.zeros([5, 2, 4])], inputs: [Tensor.randn([7, 3, 4])],
      dynamicAxes: [[0: "time", 1: "batch"]]
    ) { inputs in
      let x = inputs[0]
      let chosen = cond(x.sum() .> 0, [x], then: { [layer($0[0]) + x] }, else: { [$0[0] - x.mean(0, keepDim: true)] })
      let halved = whileLoop([x, Tensor.zeros([1], dtype: .int64)]) { ($0[0].abs().amax() .> 0.1) } body: { [$0[0] / 2, $0[1] + 1] }
      let (last, all) = scan([Tensor.zeros([x.shape[1], 4])], over: [x]) { carry, slices in
        let next = (layer(carry[0]) + slices[0]).tanh()
        return ([next], [next * 2])
      }
      return chosen + halved + last + all
    }
  }

  /// Operations that the networks do not have.
  private static func operations() -> ExportCase {
    let empty = Sequential()
    return ExportCase(
      "operations", empty, examples: [Tensor.zeros([2, 4, 6]), Tensor.zeros([2, 4], dtype: .int64)],
      inputs: [Tensor.randn([3, 4, 6]), tokens([3, 4], below: 4)], dynamicAxes: [[0: "batch"], [0: "batch"]]
    ) { inputs in
      let x = inputs[0], numbers = inputs[1]
      return [
        x.`var`([-1]), x.logSumExp([1]), x.amax([2]), x.argmax(2), x.max(1).values, x.topk(2).values, x.sort(-1).values, x.cumsum(1),
        x.norm(),
        (x.expm1() + (x.abs() + 0.01).log1p()), x.softplus(), x.elu(), x.leakyReLU(), x.hardSwish(), x.mish(), x.logSigmoid(), x.erfc(),
        x.remainder(Tensor(0.7)), (x * 3).trunc(), atan2(x, x.flip(2)), x.gelu(approximate: .tanh),
        x.gather(dim: 1, index: numbers.unsqueeze(-1)), x[0..., 1..., .all].pad([1, 2]), x.unbind(1)[3], x.flip(0, 2),
        numbers * 3 - 1, numbers.floorDivide(Tensor(2)), (numbers .> 1) & (numbers .< 3), numbers.to(.float32).sqrt(), (x .> 0).sum(),
        EmberTensor.`where`(x .> 0, x, x.square()), x.maskedFill(x .< 0, 2), x.rmsNorm([6]), x.interpolate(size: [9], mode: .linear),
        x.adaptiveAvgPool1d(4), x.unfold(2, size: 3, step: 2), x.split(2, dim: 1)[1], cat([x, x * 2], dim: 2), stack([x, x], dim: 1),
        x.einsumTransposed, Tensor.arange(x.shape[0]) + numbers.sum(1), x.`repeat`(1, 2, 1), x.std([1, 2]), x.to(.float64).to(.float32) * 2,
        x.to(.float16).exp().to(.float32),
      ]
    }
  }

  private static func moreOperations() -> ExportCase {
    let square = Tensor.randn([6, 6])
    return ExportCase(
      "more-operations", Sequential(), examples: [Tensor.zeros([2, 4, 6]), Tensor.zeros([2, 4], dtype: .int64)],
      inputs: [Tensor.randn([3, 4, 6]), tokens([3, 4], below: 4)], dynamicAxes: [[0: "batch"], [0: "batch"]]
    ) { inputs in
      let x = inputs[0], numbers = inputs[1], places = numbers.unsqueeze(-1)
      let (largest, positions) = x.unsqueeze(1).maxPoolWithIndices(2, 2)
      return [
        x.scatterAdd(dim: 1, index: places, source: x), x.scatter(dim: 1, index: places, value: 2), x.indexSelect(1, Tensor([2, 0])),
        x.index([nil, Tensor([0, 3, 1]), Tensor([5, 2, -1])]), x.index([nil, nil, numbers]), x.index([Tensor([0, 1]), nil, Tensor([1, 2])]),
        square.addmm(square, x.select(0, 0).mT.matmul(x.select(0, 1)), beta: 0.5, alpha: 2), x.prod([1]), x.norm(3, [1]), x.norm(1, [0, 2]),
        largest, positions, (x .> 0).any([1]), (x .> -5).all(), (x .> 0).countNonzero([2]), x.nansum([1]),
        x.log2().nanToNum(nan: 0), x.abs().log10(),
        (x * 2).floor(), x.round(), x.copysign(x.flip(1)), x.hypot(x + 1), fmax(x, x.flip(2)), x.fmod(Tensor(0.3)), x.groupNorm(2),
        x.roll([1], [2]), x.roll([1], [0]), x.tril(1), x.triu(), x.cumsum(2), x.sum([0]), x.mean([0, 2], keepDim: true), x.argmin(),
        numbers.amax([1]), numbers.to(.uint8) + 250, (numbers .== 2).to(.float32), numbers.to(.int32) * numbers,
        (numbers - 2).floorDivide(Tensor(2)),
        (numbers - 2).remainder(Tensor(3)), x.asin().nanToNum(nan: 1), x.tan().atan(), x.sinh().asinh(), x.sigmoid().logit(), x.selu(),
        x.hardSigmoid(),
        x.hardTanh(), x.clamp(min: -0.5, max: 0.5), x ** 3, x.rsqrt().nanToNum(nan: 0), x.sign(),
        x.squeeze().unsqueeze(1).expand([-1, 2, -1, -1]),
      ]
    }
  }
}

extension Tensor {
  /// x xᵀ of each member.
  fileprivate var einsumTransposed: Tensor { matmul(mT) }
}
