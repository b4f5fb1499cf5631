import EmberCUDA
import EmberNN
import EmberRuntime
import EmberTensor
import Synchronization

/// What generating on an NVIDIA GPU keeps: memory for keys and values, and the recordings that read it.
final class GPT2Decoding {
  fileprivate var decoder: GPT2Decoder?
}

extension GPT2 {
  /// As many tokens as the context has room for, [batch, at most count], by recorded launches. Nil where that is not possible: on other
  /// devices, for types and sizes without a kernel, and wherever a call does more than compute (hooks, dropout, autocast, profiling).
  func generatedOnGPU(_ prompt: Tensor, count: Int, _ sampling: Sampling, _ generator: Generator?) -> Tensor? {
    guard prompt.rank == 2, prompt.dtype == .int64, !prompt.isSymbolic, !prompt.isPoisoned, let backend = prompt.backend as? CUDABackend
    else { return nil }
    let batch = prompt.shape[0], time = prompt.shape[1], room = configuration.contextLength + 1 - time
    // One token is the prompt's own.
    guard (1...GPT2Decoder.mostTexts).contains(batch), time > 0, room > 1, count > 1, !backend.isRecording,
      ThreadFlags.current.isDisjoint(with: [.failed, .observed, .autocasts, .captures]),
      let weights = GPT2Weights(self, on: backend)
    else { return nil }
    var decoder = decoding.decoder
    if decoder?.serves(weights, batch: batch) != true {
      // The memory of the old one is free before more is asked for.
      decoder = nil
      decoding.decoder = nil
      decoder = GPT2Decoder(configuration, weights, batch: batch, on: backend)
      decoding.decoder = decoder
    }
    return decoder!.generate(prompt, count: Swift.min(count, room), self, weights, sampling, generator)
  }
}

/// A model's parameters as kernels take them.
struct GPT2Weights {
  struct Layer {
    let attentionNorm, networkNorm: RowNormalization
    let queryKeyValue, mixing, inner, outer: (weight: Operand, bias: Operand?)
  }
  let tokens, positions: Operand
  let layers: [Layer]
  let lastNorm: RowNormalization
  let dtype: DType
  /// All of them, whose memory stays as long as these.
  private let tensors: [Tensor]

  /// Nil if a call of the model does more than compute with its parameters, or if these are not all on the device, dense and of one dtype
  /// that the kernels take.
  init?(_ model: GPT2, on backend: CUDABackend) {
    var tensors: [Tensor] = [], isPlain = !model.hasHooks
    let dtype = model.wte.weight.dtype, mayDrop = model.configuration.dropout > 0
    func operand(_ tensor: Tensor) -> Operand {
      let operand = tensor.operand
      isPlain = isPlain && !tensor.isSymbolic && tensor.backend === backend && tensor.dtype == dtype && operand.isDense
      tensors.append(tensor.value)
      return operand
    }
    func check(_ module: Module) { isPlain = isPlain && !module.hasHooks && !(mayDrop && module.isTraining) }
    func linear(_ layer: Linear) -> (weight: Operand, bias: Operand?) {
      check(layer)
      return (operand(layer.weight), layer.bias.map(operand))
    }
    func norm(_ layer: LayerNorm) -> RowNormalization {
      check(layer)
      return RowNormalization(weight: layer.weight.map(operand), bias: layer.bias.map(operand), epsilon: layer.eps)
    }
    for module in [model.wte, model.wpe, model.drop] { check(module) }
    tokens = operand(model.wte.weight)
    positions = operand(model.wpe.weight)
    layers = model.h.map { block in
      for module in [block, block.attn, block.mlp] { check(module) }
      return Layer(
        attentionNorm: norm(block.ln_1), networkNorm: norm(block.ln_2), queryKeyValue: linear(block.attn.c_attn), mixing: linear(block.attn.c_proj),
        inner: linear(block.mlp.c_fc), outer: linear(block.mlp.c_proj))
    }
    lastNorm = norm(model.ln_f)
    let c = model.configuration
    guard isPlain, CUDABackend.takesDecoding(dtype, features: c.width / c.heads) else { return nil }
    self.dtype = dtype
    self.tensors = tensors
  }

  /// Where they lie. A recording reads the parameters there, whatever numbers these are by then, and does not hold them: whoever trains the
  /// model goes on writing them in place.
  var places: [Place] { tensors.map { Place(pointer: $0.operand.pointer, shape: $0.shape, dtype: $0.dtype) } }

  struct Place: Equatable {
    let pointer: UnsafeMutableRawPointer?
    let shape: Shape
    let dtype: DType
  }
}

/// Continues texts token by token with launches that are recorded once. Everything lies in memory of its own: a recording reads and writes
/// that, and the parameters.
final class GPT2Decoder {
  /// More texts are served as well by products of the library, launched one by one.
  static let mostTexts = 64

  private let places: [GPT2Weights.Place]
  /// Work on another stream would not wait for what this one still has to do.
  private let stream: UnsafeMutableRawPointer
  private let dtype: DType
  private let memory: StaticKeyValueCache
  private let scale: Double
  private let batch, heads, features: Int
  /// Rows for each text: of what runs through the layers, of queries, keys and values, of what attention mixes, of the inner layer, logits.
  private let trunk, queryKeyValue, mixed, inner, logits: Tensor
  /// What one token takes, with the choice of the likeliest one or without a choice.
  private var greedyRecording, recording: CUDAGraph?

  init(_ c: GPT2.Configuration, _ weights: GPT2Weights, batch: Int, on backend: CUDABackend) {
    places = weights.places
    stream = backend.stream
    dtype = weights.dtype
    self.batch = batch
    heads = c.heads
    features = c.width / c.heads
    scale = 1 / Double(features).squareRoot()
    memory = StaticKeyValueCache(
      layers: c.layers, batch: batch, heads: c.heads, keyHeads: c.heads, capacity: c.contextLength, features: features, dtype: weights.dtype,
      on: backend)
    func rows(_ count: Int) -> Tensor { Tensor.empty([batch, count], dtype: weights.dtype, on: backend.device) }
    trunk = rows(c.width)
    queryKeyValue = rows(3 * c.width)
    mixed = rows(c.width)
    inner = rows(4 * c.width)
    logits = rows(c.vocabularySize)
  }

  /// Whether it is made for parameters that lie where these do, for as many texts, and for the calling thread's stream.
  func serves(_ weights: GPT2Weights, batch: Int) -> Bool {
    self.batch == batch && stream == memory.backend.stream && places == weights.places
  }

  /// [batch, count] new tokens after a prompt [batch, time]; with all but the last one they fit into the context.
  func generate(
    _ prompt: Tensor, count: Int, _ model: GPT2, _ weights: GPT2Weights, _ sampling: Sampling, _ generator: Generator?
  ) -> Tensor {
    defer { withExtendedLifetime(weights) {} }
    let isGreedy = sampling.temperature <= 0, time = prompt.shape[1]
    func choose(_ logits: Tensor) {
      memory.append(logits.operand, chosen: isGreedy ? nil : sampling.draw(logits, generator: generator))
    }
    var cache: KeyValueCache? = KeyValueCache(in: memory)
    let first = model.logits(prompt, cache: &cache, lastOnly: true).reshape([batch, -1])
    if first.isPoisoned { return .poison }
    memory.begin(after: time)
    choose(first)
    var left = count - 1
    func launch() {
      step(weights)
      choose(logits)
    }
    if (isGreedy ? greedyRecording : recording) == nil, left > 0 {
      // Compiles what is needed.
      launch()
      left -= 1
      if left > 0 { record(weights, greedy: isGreedy) }
    }
    for _ in 0..<left {
      if ThreadFlags.current.contains(.failed) { break }
      if isGreedy, let greedyRecording {
        greedyRecording.replay()
      } else if !isGreedy, let recording {
        recording.replay()
        choose(logits)
      } else {
        launch()
      }
    }
    return memory.text.narrow(1, start: time, length: count)
  }

  private static let recordings = Mutex(())

  /// Where the driver cannot record, launches go on one by one.
  private func record(_ weights: GPT2Weights, greedy: Bool) {
    let device = memory.backend.device
    // What has been queued so far reports what was wrong with it here.
    memory.backend.synchronize()
    // On a stream of its own: what other threads queue meanwhile runs, and is not recorded. One at a time, as memory asked for meanwhile
    // belongs to the recording.
    let made = Self.recordings.withLock { _ in
      try? CUDAStream(on: device).run {
        try CUDAGraph(on: device) {
          step(weights)
          if greedy { memory.append(logits.operand) }
        }
      }
    }
    if greedy { greedyRecording = made } else { recording = made }
  }

  /// From each text's newest token to the logits of the next one.
  private func step(_ weights: GPT2Weights) {
    let backend = memory.backend, x = trunk.operand, width = heads * features
    func part(_ i: Int) -> Operand {
      Operand(
        pointer: queryKeyValue.operand.pointer.map { $0 + i * width * dtype.size }, dtype: dtype, shape: [batch, heads, features],
        strides: Strides([3 * width, features, 1]))
    }
    backend.decodingEmbed(weights.tokens, places: weights.positions, text: memory.text.operand, positions: memory.positions.operand, into: x)
    for (i, layer) in weights.layers.enumerated() {
      backend.normalizedProduct(
        x, layer.queryKeyValue.weight, bias: layer.queryKeyValue.bias, norm: layer.attentionNorm, into: queryKeyValue.operand, overlaps: true)
      memory.attention(part(0), newKey: part(1), newValue: part(2), layer: i, scale: scale, into: mixed.operand)
      backend.normalizedProduct(mixed.operand, layer.mixing.weight, bias: layer.mixing.bias, adds: true, into: x, overlaps: true)
      backend.normalizedProduct(
        x, layer.inner.weight, bias: layer.inner.bias, norm: layer.networkNorm, activation: .geluTanh, into: inner.operand, overlaps: true)
      backend.normalizedProduct(inner.operand, layer.outer.weight, bias: layer.outer.bias, adds: true, into: x, overlaps: true)
    }
    backend.normalizedProduct(x, weights.tokens, bias: nil, norm: weights.lastNorm, into: logits.operand, overlaps: true)
  }
}
