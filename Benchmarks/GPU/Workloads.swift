import EmberCUDA
import EmberFunctional
import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import EmberText
import EmberVision

/// What a workload measured.
struct Outcome {
  /// Seconds of one repetition, the median.
  var seconds: Double
  /// Bytes moved or operations done in one, for a rate.
  var amount: Double?
  var unit = ""
  /// A number that the other side computes too.
  var check: Double?

  func json(_ name: String) -> String {
    var parts = ["\"name\": \"\(name)\"", "\"seconds\": \(seconds)"]
    if let amount { parts.append("\"rate\": \(amount / seconds), \"unit\": \"\(unit)\"") }
    if let check { parts.append("\"check\": \(check.isFinite ? "\(check)" : "null")") }
    return "{\(parts.joined(separator: ", "))}"
  }
}

/// The workloads, with their sizes. PyTorch's side is Benchmarks/PyTorch/gpu.py: the same names, the same sizes.
struct GPUWorkload {
  let device: Device
  let isTiny: Bool

  func size(_ full: Int, tiny: Int) -> Int { isTiny ? tiny : full }

  func synchronize() { if device.type == .cuda { CUDA.synchronize(device) } }

  /// The median of `repeats` runs of `body`, each `inner` times between two synchronisations.
  func time(repeats: Int = 7, inner: Int = 1, warmUp: Int = 3, _ body: () -> Void) -> Double {
    for _ in 0..<warmUp { body() }
    synchronize()
    let clock = ContinuousClock()
    var times: [Double] = []
    for _ in 0..<(isTiny ? 2 : repeats) {
      let elapsed = clock.measure {
        for _ in 0..<inner { body() }
        synchronize()
      }
      times.append(elapsed / .seconds(1) / Double(inner))
    }
    return times.sorted()[times.count / 2]
  }

  func normal(_ shape: [Int], _ dtype: DType = .float32, seed: UInt64 = 1) -> Tensor {
    Tensor.randn(shape, dtype: .float32, on: device, generator: Generator(seed: seed, device: device)).to(dtype)
  }

  static let all: [String: @Sendable (GPUWorkload) throws -> Outcome] = [
    "add10": { w in
      let x = w.normal([10])
      return Outcome(seconds: w.time(inner: w.size(10000, tiny: 100)) { _ = x + x })
    },
    "add10-gradient": { w in
      let x = w.normal([10]).requiringGrad()
      return Outcome(seconds: w.time(inner: w.size(10000, tiny: 100)) { _ = x + x })
    },
    "copy": { w in
      let x = w.normal([w.size(64 << 20, tiny: 1000)])
      return Outcome(seconds: w.time(inner: 10) { _ = x.clone() }, amount: Double(x.elementCount) * 8, unit: "B/s")
    },
    "chain": { w in
      let x = w.normal([w.size(64 << 20, tiny: 1000)])
      return Outcome(
        seconds: w.time(inner: 3) { _ = ((((x * 2 + 1).tanh() * x).sigmoid() - 0.5).abs() + x).relu() }, amount: Double(x.elementCount) * 8,
        unit: "B/s")
    },
    "chain-compiled": { w in
      let x = w.normal([w.size(64 << 20, tiny: 1000)])
      let chain = Pointwise("chain") { (x: Expression) in
        let y = EmberRuntime.tanh(2 * x + 1) * x
        return EmberRuntime.maximum(EmberRuntime.abs(EmberRuntime.sigmoid(y) - 0.5) + x, 0)
      }
      let y = ((((x * 2 + 1).tanh() * x).sigmoid() - 0.5).abs() + x).relu()
      let check = (chain(x) - y).abs().max().item()
      return Outcome(seconds: w.time(inner: 10) { _ = chain(x) }, amount: Double(x.elementCount) * 8, unit: "B/s", check: check)
    },
    "gemm-4096": { w in try w.product(w.size(4096, tiny: 64)) },
    "gemm-8192": { w in try w.product(w.size(8192, tiny: 64)) },
    "softmax": { w in
      let x = w.normal([w.size(16384, tiny: 16), w.size(50304, tiny: 100)], .bfloat16)
      return Outcome(seconds: w.time { _ = x.softmax(-1) }, amount: Double(x.elementCount) * 4, unit: "B/s")
    },
    "layer-norm": { w in
      let x = w.normal([w.size(16384, tiny: 16), 768], .bfloat16)
      let layer = LayerNorm(768, dtype: .bfloat16, on: w.device)
      return Outcome(seconds: w.time(inner: 20) { noGrad { _ = layer(x) } }, amount: Double(x.elementCount) * 4, unit: "B/s")
    },
    "layer-norm-backward": { w in
      let x = w.normal([w.size(16384, tiny: 16), 768], .bfloat16).requiringGrad()
      let layer = LayerNorm(768, dtype: .bfloat16, on: w.device)
      let g = w.normal([w.size(16384, tiny: 16), 768], .bfloat16)
      return Outcome(seconds: w.time(inner: 10) { layer(x).backward(g) }, amount: Double(x.elementCount) * 10, unit: "B/s")
    },
    "cross-entropy": { w in
      let x = w.normal([w.size(16384, tiny: 16), w.size(50304, tiny: 100)], .bfloat16).requiringGrad()
      let targets = Tensor.randint(
        0, w.size(50304, tiny: 100), [w.size(16384, tiny: 16)], on: w.device, generator: Generator(seed: 3, device: w.device))
      return Outcome(
        seconds: w.time(repeats: 5) { _ = grad(of: [x.crossEntropy(targets)], with: [x]) }, amount: Double(x.elementCount) * 8, unit: "B/s")
    },
    "attention": { w in w.attention() },
    "attention-own": { w in w.attention(.own) },
    "attention-cudnn": { w in w.attention(.cudnn) },
    "attention-forward": { w in w.attentionForward() },
    "attention-forward-own": { w in w.attentionForward(.own) },
    "attention-forward-cudnn": { w in w.attentionForward(.cudnn) },
    "attention-check": { w in try w.checkAttention() },
    "gpt": { w in
      let batch = w.size(16, tiny: 2)
      let time = w.size(1024, tiny: 16)
      let vocabulary = w.size(50304, tiny: 100)
      let model = GPT2(w.gpt(vocabulary: vocabulary)).to(w.device)
      let optimizer = AdamW(model.parameters(), learningRate: 3e-4, weightDecay: 0.1)
      let tokens = Tensor.randint(0, vocabulary, [batch, time + 1], on: w.device, generator: Generator(seed: 3, device: w.device))
      let x = tokens.narrow(1, start: 0, length: time).contiguous()
      let y = tokens.narrow(1, start: 1, length: time).contiguous()
      var last = Tensor(0.0)
      let seconds = w.time(repeats: 5) {
        let loss = autocast { model(x).reshape([batch * time, vocabulary]).crossEntropy(y.reshape([batch * time])) }
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
        last = loss.detach()
      }
      return Outcome(seconds: seconds, amount: Double(batch * time), unit: "tokens/s", check: last.item())
    },
    "decode": { w in
      let vocabulary = w.size(50304, tiny: 100)
      let model = GPT2(w.gpt(vocabulary: vocabulary)).to(.bfloat16).to(w.device)
      model.eval()
      let prompt = Tensor.randint(0, vocabulary, [1, w.size(512, tiny: 8)], on: w.device, generator: Generator(seed: 3, device: w.device))
      let count = w.size(64, tiny: 4)
      return Outcome(
        seconds: w.time(repeats: 3, warmUp: 1) { _ = model.generate(prompt, count: count, temperature: 0) } / Double(count), amount: 1,
        unit: "tokens/s")
    },
    // PyTorch's runs in cuDNN, which rounds to TF32 by default: so does this one.
    "lstm": { w in
      CUDA.allowsTF32 = true
      defer { CUDA.allowsTF32 = false }
      return try w.lstm(.float32)
    },
    "lstm-bf16": { w in try w.lstm(.bfloat16) },
    "resnet50": { w in
      let batch = w.size(128, tiny: 2)
      let side = w.size(224, tiny: 32)
      let model = ResNet.resNet50(stem: .large).to(w.device)
      let optimizer = SGD(model.parameters(), learningRate: 0.1, momentum: 0.9)
      let x = w.normal([batch, 3, side, side])
      let y = Tensor.randint(0, 1000, [batch], on: w.device, generator: Generator(seed: 3, device: w.device))
      let seconds = w.time(repeats: 5) {
        let loss = autocast { model(x).crossEntropy(y) }
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
      }
      return Outcome(seconds: seconds, amount: Double(batch), unit: "images/s")
    },
  ]

  func gpt(vocabulary: Int) -> GPT2.Configuration {
    GPT2.Configuration(
      vocabularySize: vocabulary, contextLength: 1024, layers: size(12, tiny: 2), heads: size(12, tiny: 2), width: size(768, tiny: 128),
      dropout: 0)
  }

  func product(_ n: Int) throws -> Outcome {
    let a = normal([n, n], .bfloat16, seed: 1)
    let b = normal([n, n], .bfloat16, seed: 2)
    return Outcome(seconds: time(inner: 10) { _ = a.matmul(b) }, amount: 2 * Double(n) * Double(n) * Double(n), unit: "FLOP/s")
  }

  func lstm(_ dtype: DType) throws -> Outcome {
    let time = size(128, tiny: 4)
    let batch = size(64, tiny: 2)
    let width = size(1024, tiny: 32)
    let model = LSTM(width, width, numLayers: 2).to(dtype).to(device)
    let x = normal([time, batch, width], dtype)
    let optimizer = SGD(model.parameters(), learningRate: 0.01)
    return Outcome(
      seconds: self.time(repeats: 5) {
        let output = model(x).output
        optimizer.zeroGrad()
        output.square().mean().backward()
        optimizer.step()
      }, amount: Double(time * batch), unit: "tokens/s")
  }
}
