import EmberNN
import EmberRuntime
import EmberTensor
import EmberText
import Testing

@Suite struct GPT2Tests {
  private func model() -> GPT2 {
    withRandomSeed(0) {
      return GPT2(.init(vocabularySize: 19, contextLength: 12, layers: 2, heads: 2, width: 16, dropout: 0.1)).eval()
    }
  }

  @Test func parametersAreNamedAsInTheCheckpoints() {
    let names = model().stateDict().map(\.name)
    #expect(names.count == 2 + 2 * 12 + 2)
    #expect(Set(names).isSuperset(of: ["wte.weight", "wpe.weight", "h.1.ln_1.weight", "h.0.attn.c_attn.bias", "h.1.mlp.c_proj.weight", "ln_f.bias"]))
  }

  @Test func aTokenDoesNotSeeLaterOnes() {
    let model = model()
    var tokens = Tensor.randint(0, 19, [1, 8], generator: Generator(seed: 1))
    let before = noGrad { model(tokens) }
    tokens[0, 6] = (tokens[0, 6] + 1) % Tensor(19)
    let after = noGrad { model(tokens) }
    let change = (before - after).abs().amax([2]).elements(as: Float.self)
    #expect(change[..<6].allSatisfy { $0 == 0 })
    #expect(change[6] > 0 && change[7] > 0)
  }

  @Test func stepsWithACacheEqualTheWhole() throws {
    let model = model()
    let tokens = Tensor.randint(0, 19, [2, 9], generator: Generator(seed: 1))
    let whole = noGrad { model(tokens) }
    var cache: KeyValueCache? = KeyValueCache(layers: 2)
    let parts = noGrad {
      [(0, 4), (4, 1), (5, 3), (8, 1)].map { start, count in model.logits(tokens.narrow(1, start: start, length: count), cache: &cache) }
    }
    #expect((cat(parts, dim: 1) - whole).abs().amax().item() < 1e-5)
    #expect(cache?.count == 9)
  }

  /// A context that nobody could hold in memory costs what its tokens cost.
  @Test func aCacheTakesMemoryAsTokensCome() {
    var cache = KeyValueCache(layers: 1, capacity: 1 << 50)
    for step in 0..<130 {
      let token = Tensor.full([1, 2, 1, 3], .integer(Int64(step)))
      let (keys, values) = cache.append(token, token * 2, layer: 0)
      cache.count += 1
      #expect(keys.shape == [1, 2, step + 1, 3] && values.shape == keys.shape)
    }
    let (keys, values) = cache.append(Tensor.zeros([1, 2, 1, 3], dtype: .int64), Tensor.zeros([1, 2, 1, 3], dtype: .int64), layer: 0)
    #expect(keys[0, 1, .all, 2].elements(as: Int.self) == Array(0..<130) + [0])
    #expect(values[0, 1, .all, 2].elements(as: Int.self) == (0..<130).map { 2 * $0 } + [0])
    var bounded = KeyValueCache(layers: 1, capacity: 3)
    for step in 0..<4 {
      let token = Tensor.full([1, 1, 1, 1], .integer(Int64(step)))
      #expect(bounded.append(token, token, layer: 0).key.elements(as: Int.self) == Array(0...step))
      bounded.count += 1
    }
  }

  @Test func greedyGenerationGoesOnAfterTheContextIsFull() {
    let model = model()
    let prompt = Tensor.randint(0, 19, [1, 5], generator: Generator(seed: 1))
    let text = model.generate(prompt, count: 20, temperature: 0)
    #expect(text.shape == [1, 25])
    // Within the first context every token is the likeliest after those before it.
    for end in 5..<12 {
      let expected = noGrad { model(text.narrow(1, start: 0, length: end)) }.select(1, end - 1).argmax(-1).item()
      #expect(text[0, end].item() == expected)
    }
  }

  @Test func drawsStayAmongTheLikeliest() {
    let model = model()
    let prompt = Tensor.randint(0, 19, [1, 5], generator: Generator(seed: 1))
    let first = noGrad { model(prompt) }.select(1, 4)
    let allowed = Set(first.topk(3).indices.elements(as: Int.self))
    for seed in 0..<20 {
      let token = model.generate(prompt, count: 1, topK: 3, generator: Generator(seed: UInt64(seed)))[0, 5].item(as: Int.self)
      #expect(allowed.contains(token))
    }
  }

  @Test func longerThanTheContextIsAnError() {
    #expect(throws: EmberError.self) { try catchingErrors { self.model()(Tensor.zeros([1, 13], dtype: .int64)) } }
  }
}
