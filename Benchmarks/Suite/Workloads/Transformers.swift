import Ember

let transformers: [Workload] = [
  gpt("gpt-training", "GPT 6 × 384, context 256, batch 8, AdamW training step", 0.90, memory: 0.8, .eager),
  gpt("gpt-training-compiled", "the same against torch.compile", 1.0, memory: nil, .compiled),
  Workload(name: "bert-inference", title: "BERT-like encoder, 6 × 384, 32 × 128 tokens, inference", target: 0.90, tolerance: 1e-3) {
    manualSeed(0)
    let block = TransformerEncoderLayer(384, 6, feedforward: 1536, activation: .gelu, batchFirst: true)
    return inference(TransformerEncoder(block, 6), Tensor.randn([32, 128, 384]))
  },
]

private func gpt(_ name: String, _ title: String, _ target: Double, memory: Double?, _ peer: Workload.Peer) -> Workload {
  Workload(name: name, title: title, target: target, memoryTarget: memory, tolerance: 1e-3, peer: peer) {
    manualSeed(0)
    let model = GPT2(.init(vocabularySize: 1024, contextLength: 256, layers: 6, heads: 6, width: 384, dropout: 0))
    let optimizer = AdamW(model.parameters(), learningRate: 3e-4)
    let tokens = Tensor.randint(0, 1024, [8, 257])
    let x = tokens.narrow(1, start: 0, length: 256), y = tokens.narrow(1, start: 1, length: 256).flatten(0, 1)
    return try training {
      optimizer.zeroGrad()
      let loss = model(x).flatten(0, 1).crossEntropy(y)
      loss.backward()
      optimizer.step()
      return loss
    }
  }
}
