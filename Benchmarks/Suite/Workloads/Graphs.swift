import Ember

/// What `compile` makes of them, beside PyTorch run eagerly and beside `torch.compile`.
let graphs: [Workload] = [
  gptGraph("graph-gpt-training", "compiled: GPT 6 × 384, context 256, batch 8, AdamW training step", 0.85, .eager),
  gptGraph("graph-gpt-training-compiled", "compiled: the same GPT step against torch.compile", 1.0, .compiled),
  resNetGraph("graph-resnet50-inference", "compiled: ResNet-50, 224², batch 8, inference", 0.75, .eager),
  resNetGraph("graph-resnet50-inference-compiled", "compiled: the same ResNet-50 against torch.compile", 1.0, .compiled),
  chainGraph("graph-chain", "compiled: chain of 8 pointwise operations on 10⁷ elements", 0.25, .eager),
  chainGraph("graph-chain-compiled", "compiled: the same chain against torch.compile", 1.0, .compiled),
  mlpGraph("graph-tiny-mlp", "compiled: MLP 8-16-16-4, batch 1, inference", 0.1, .eager),
  mlpGraph("graph-tiny-mlp-compiled", "compiled: the same MLP against torch.compile", 1.0, .compiled),
]

private func gptGraph(_ name: String, _ title: String, _ target: Double, _ peer: Workload.Peer) -> Workload {
  Workload(name: name, title: title, target: target, tolerance: 1e-3, peer: peer) {
    manualSeed(0)
    let model = GPT2(.init(vocabularySize: 1024, contextLength: 256, layers: 6, heads: 6, width: 384, dropout: 0))
    let optimizer = AdamW(model.parameters(), learningRate: 3e-4)
    let tokens = Tensor.randint(0, 1024, [8, 257])
    let x = tokens.narrow(1, start: 0, length: 256), y = tokens.narrow(1, start: 1, length: 256).flatten(0, 1)
    let step = compile { (x: Tensor, y: Tensor) in
      optimizer.zeroGrad()
      let loss = model(x).flatten(0, 1).crossEntropy(y)
      loss.backward()
      optimizer.step()
      return loss.detach()
    }
    return try training { step(x, y) }
  }
}

private func resNetGraph(_ name: String, _ title: String, _ target: Double, _ peer: Workload.Peer) -> Workload {
  Workload(name: name, title: title, target: target, tolerance: 1e-3, peer: peer) {
    manualSeed(0)
    let model = ResNet.resNet50(), x = Tensor.randn([8, 3, 224, 224])
    _ = model.eval()
    return inference(compile(model), x)
  }
}

private func chainGraph(_ name: String, _ title: String, _ target: Double, _ peer: Workload.Peer) -> Workload {
  Workload(name: name, title: title, target: target, peer: peer) {
    manualSeed(0)
    let x = Tensor.rand([10_000_000]), y = Tensor.rand([10_000_000])
    let chain = compile { (x: Tensor, y: Tensor) in ((((x * y + x).sigmoid() - y) * 2).tanh() + x).relu() * y }
    return noGrad { Prepared(digest(chain(x, y))) { _ = noGrad { chain(x, y) } } }
  }
}

private func mlpGraph(_ name: String, _ title: String, _ target: Double, _ peer: Workload.Peer) -> Workload {
  Workload(name: name, title: title, target: target, peer: peer) {
    manualSeed(0)
    let model = Sequential { Linear(8, 16); ReLU(); Linear(16, 16); ReLU(); Linear(16, 4) }
    let x = Tensor.randn([1, 8])
    return inference(compile(model.eval()), x)
  }
}

private func inference(_ model: Compiled<Tensor, Tensor>, _ x: Tensor) -> Prepared {
  noGrad { Prepared(digest(model(x))) { _ = noGrad { model(x) } } }
}
