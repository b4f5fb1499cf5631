import EmberCUDA
import EmberFunctional
import EmberNN
import EmberRuntime
import EmberTensor
import EmberText
import Testing

/// What generating texts on a GPU is made of, and generating itself.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct DecodingTests {
  private let generator = Generator(seed: 11)
  private let backend = Tensor.zeros([1], on: .cuda).backend as! CUDABackend

  // MARK: Attention

  /// One new query, key and value for each text, beside `lengths` that are there. Compared to attention in float64, as are the memory's new
  /// rows.
  private func checkAttention(_ lengths: [Int], capacity: Int, heads: Int, keyHeads: Int, features: Int, _ dtype: DType) {
    let batch = lengths.count, comment = Comment("\(lengths) of \(capacity), \(heads) heads on \(keyHeads), \(features) features, \(dtype)")
    let q = generator.randn([batch, heads, features]).to(dtype)
    let new = (0..<2).map { _ in generator.randn([batch, keyHeads, features]).to(dtype) }
    // What lies beyond a text's length is not to be looked at.
    let old = (0..<2).map { _ in
      var memory = Tensor.full([batch, keyHeads, capacity, features], .real(.nan)).to(dtype)
      for (i, length) in lengths.enumerated() where length > 0 {
        memory[i, .all, 0..<length] = generator.randn([keyHeads, length, features]).to(dtype)
      }
      return memory
    }
    let counters = Tensor.zeros([CUDABackend.decodingCounters(batch: batch, heads: heads)], dtype: .int32, on: .cuda)
    let positions = Tensor(lengths.map { Int64($0) }).to(.cuda)
    // Queries lie between other things, as in the row of a projection.
    let row = cat([q, new[0], new[1]], dim: 1).to(.cuda), memory = old.map { $0.to(.cuda) }
    let y = Tensor.empty([batch, heads, features], dtype: dtype, on: .cuda)
    let parts = [(0, heads), (heads, keyHeads), (heads + keyHeads, keyHeads)].map { row.narrow(1, start: $0, length: $1) }
    for _ in 0..<2 {
      backend.decodingAttention(
        parts[0].operand, newKey: parts[1].operand, newValue: parts[2].operand, keys: memory[0].operand, values: memory[1].operand,
        positions: positions.operand, counters: counters.operand, scale: 0.3, into: y.operand)
    }
    #expect(counters.to(.cpu).elements(as: Int32.self).allSatisfy { $0 == 0 })
    for (i, length) in lengths.enumerated() where length < capacity {
      let all = (0..<2).map { part in
        cat([old[part][i].narrow(1, start: 0, length: length), new[part][i].unsqueeze(1)], dim: 1).to(.float64)
      }
      let expected = q[i].to(.float64).unsqueeze(1).scaledDotProductAttention(all[0], all[1], scale: 0.3, groupedQueries: true).squeeze(1)
      #expect(error(of: y[i], against: expected) < tolerance(dtype), comment)
      for part in 0..<2 {
        let kept = memory[part][i].to(.cpu).narrow(1, start: 0, length: length + 1).to(.float64)
        #expect((kept - all[part]).abs().max().item() == 0, comment)
      }
    }
    withExtendedLifetime((row, memory)) {}
  }

  @Test(arguments: [DType.float32, .bfloat16, .float16]) func attention(_ dtype: DType) {
    // Alone, a part, exactly one, one more, and many that no part divides.
    for length in [0, 1, 63, 64, 129, 1001] {
      checkAttention([length], capacity: 1024, heads: 3, keyHeads: 3, features: 64, dtype)
    }
    checkAttention([5, 0, 200], capacity: 256, heads: 2, keyHeads: 2, features: 64, dtype)
    for (heads, keyHeads) in [(2, 1), (4, 2), (9, 3), (7, 1), (16, 2)] {
      checkAttention([150, 17], capacity: 200, heads: heads, keyHeads: keyHeads, features: 64, dtype)
    }
    for features in [8, 40, 80, 128, 200, 256] {
      checkAttention([150, 17], capacity: 200, heads: 4, keyHeads: 2, features: features, dtype)
    }
    // Full: nothing is read or written behind the end.
    checkAttention([20, 3], capacity: 20, heads: 2, keyHeads: 2, features: 32, dtype)
  }

  // MARK: Products

  @Test(arguments: [DType.float32, .bfloat16, .float16]) func productsOfFewRows(_ dtype: DType) {
    // A row, few rows and more than the kernel takes; short and long sums; few columns and so many that a warp computes several.
    var sizes = [(1, 37, 768), (2, 5, 64), (5, 37, 768)]
    if dtype != .float16 { sizes += [(1, 1, 8), (1, 40, 3072), (1, 9000, 72), (3, 70, 4104), (4, 9000, 72), (9, 5, 64)] }
    for (rows, columns, depth) in sizes {
      let x = generator.randn([rows, depth]).to(dtype), weight = (generator.randn([columns, depth]) / Double(depth).squareRoot()).to(dtype)
      let bias = generator.randn([columns]).to(dtype), old = generator.randn([rows, columns]).to(dtype)
      let factors = generator.randn([depth]).to(dtype), shifts = generator.randn([depth]).to(dtype)
      let comment = Comment("\(rows) × \(depth) × \(columns) \(dtype)")
      let device = [x, weight, bias, old, factors, shifts].map { $0.to(.cuda) }
      let exact = [x, weight, bias, old, factors, shifts].map { $0.to(.float64) }
      func check(_ y: Tensor, _ expected: Tensor, _ what: String) {
        #expect(error(of: y, against: expected) < 4 * tolerance(dtype), "\(what): \(comment)")
      }
      check(device[0].linear(device[1], device[2]), exact[0].linear(exact[1], exact[2]), "linear")
      check(device[0].matmul(device[1].mT), exact[0].linear(exact[1]), "matmul")
      func fused(norm: RowNormalization? = nil, activation: Activation = .none, adds: Bool = false) -> Tensor {
        let y = adds ? device[3].clone() : Tensor.empty([rows, columns], dtype: dtype, on: .cuda)
        backend.normalizedProduct(
          device[0].operand, device[1].operand, bias: device[2].operand, norm: norm, activation: activation, adds: adds, into: y.operand)
        return y
      }
      let product = exact[0].linear(exact[1], exact[2])
      check(fused(activation: .geluTanh), product.gelu(approximate: .tanh), "gelu")
      check(fused(adds: true), exact[3] + product, "sum")
      let layer = RowNormalization(weight: device[4].operand, bias: device[5].operand, epsilon: 1e-5)
      let normalized = exact[0].layerNorm([depth], weight: exact[4], bias: exact[5])
      check(fused(norm: layer), normalized.linear(exact[1], exact[2]), "layer norm")
      let rms = RowNormalization(.rootMeanSquare, weight: device[4].operand, bias: nil, epsilon: 1e-5)
      let scaled = exact[0].rmsNorm([depth], weight: exact[4], eps: 1e-5)
      check(fused(norm: rms, adds: true), exact[3] + scaled.linear(exact[1], exact[2]), "rms norm")
      withExtendedLifetime(device) {}
    }
  }

  // MARK: The choice of a token

  @Test(arguments: [DType.float32, .bfloat16]) func theLikeliestTokenIsTheFirstOfThem(_ dtype: DType) {
    let nan = Float.nan
    let rows: [[Float]] = [
      [-3, -1, -2, -1, -5, -9, -1, -7, -1, -4], [0, -0.0, 1, 5, 5, 2, 1, 1, 5, 0], [-0.0, 0, -1, -1, -1, -1, -1, -1, -1, -1],
      [1, 2, 3, nan, 9, 9, nan, .infinity, 1, 1], [-.infinity, -.infinity, -.infinity, -2, -1, 0, 1, 2, 3, 4],
    ]
    let logits = Tensor(rows.flatMap { $0 }).reshape([5, 10]).to(dtype).to(.cuda)
    let text = Tensor.zeros([5, 4], dtype: .int64, on: .cuda), positions = Tensor([0, 1, 2, 0, 3] as [Int64]).to(.cuda)
    backend.decodingAppend(logits.operand, to: text.operand, positions: positions.operand)
    let expected = logits.argmax(-1).to(.cpu).elements(as: Int64.self)
    #expect(expected == [1, 3, 0, 3, 9])
    let tokens = text.to(.cpu).elements(as: Int64.self)
    // The last text is full.
    #expect(tokens == [0, 1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0])
    #expect(positions.to(.cpu).elements(as: Int64.self) == [1, 2, 3, 1, 4])
  }

  // MARK: Texts

  private func model(_ dtype: DType = .float32, seed: UInt64 = 0) -> GPT2 {
    withRandomSeed(seed) {
      let model = GPT2(.init(vocabularySize: 61, contextLength: 24, layers: 2, heads: 2, width: 32, dropout: 0.1))
      // As they come, the weights are so small that all tokens are alike.
      for parameter in model.parameters() where parameter.value.rank > 1 { parameter.value = parameter.value * 8 }
      model.eval()
      return model.to(dtype)
    }
  }

  @Test func greedyTextsAreThoseOfTheCPU() {
    let here = model(), there = model().to(.cuda)
    // Other numbers of texts; few and many tokens; beyond the end of the context, and from a prompt that is longer.
    for (batch, time, count) in [
      (1, 5, 9), (1, 5, 1), (1, 1, 2), (1, 3, 12), (3, 4, 10), (6, 4, 10), (1, 20, 9), (1, 24, 2), (1, 30, 3), (2, 5, 0),
    ] {
      let prompt = generator.randint(0, 61, [batch, time])
      let expected = here.generate(prompt, count: count, temperature: 0)
      let text = there.generate(prompt.to(.cuda), count: count, temperature: 0)
      #expect(text.to(.cpu).elements(as: Int64.self) == expected.elements(as: Int64.self), "\(batch) × \(time) + \(count)")
      #expect(text.shape == [batch, time + count])
    }
  }

  /// A hook sends a model the long way, token by token and launch by launch.
  @Test func drawnTextsAreThoseOfSingleLaunches() {
    let quick = model().to(.cuda), slow = model().to(.cuda)
    _ = slow.namedChildren().compactMap { $0.module as? LayerNorm }.first!.registerForwardHook { _, _ in nil }
    let prompt = generator.randint(0, 61, [2, 6]).to(.cuda)
    var different = Set<[Int64]>()
    for seed in 0..<4 {
      func text(_ model: GPT2) -> [Int64] {
        model.generate(prompt, count: 9, temperature: 0.8, topK: 20, generator: Generator(seed: UInt64(seed), device: .cuda)).to(.cpu)
          .elements(as: Int64.self)
      }
      let one = text(quick)
      #expect(one == text(slow), "\(seed)")
      different.insert(one)
    }
    #expect(different.count > 1)
  }

  @Test func newWeightsAreUsed() {
    let there = model().to(.cuda), prompt = generator.randint(0, 61, [1, 5])
    func expected(_ model: GPT2) -> [Int64] { model.generate(prompt, count: 12, temperature: 0).elements(as: Int64.self) }
    func texts() -> [Int64] { there.generate(prompt.to(.cuda), count: 12, temperature: 0).to(.cpu).elements(as: Int64.self) }
    #expect(texts() == expected(model()))
    // Other tensors in their place, and other values in the same memory.
    let other = model(seed: 3)
    #expect(expected(other) != expected(model()))
    for (mine, new) in zip(there.parameters(), other.parameters()) { mine.value = new.value.to(.cuda) }
    #expect(texts() == expected(other))
    for (mine, new) in zip(there.parameters(), model(seed: 5).parameters()) {
      backend.copy(new.value.to(.cuda).detach().operand, to: mine.value.detach().operand)
    }
    #expect(texts() == expected(model(seed: 5)))
  }

  /// What is generated in 16 bits has, token by token, a logit close to the largest of the whole model's.
  @Test(arguments: [DType.bfloat16, .float16]) func textsOf16Bits(_ dtype: DType) {
    let there = model(dtype).to(.cuda), prompt = generator.randint(0, 61, [1, 5]).to(.cuda)
    let text = there.generate(prompt, count: 15, temperature: 0)
    let logits = noGrad { there(text) }.to(.float32).narrow(1, start: 4, length: 15)
    let chosen = logits.gather(dim: -1, index: text.narrow(1, start: 5, length: 15).unsqueeze(-1)).squeeze(-1)
    let gap = (logits.amax([-1]) - chosen).max().item(), span = logits.abs().max().item()
    #expect(gap <= 8 * tolerance(dtype) * span)
  }

  @Test func memoryGoesWithTheModel() {
    let prompt = generator.randint(0, 61, [1, 5]).to(.cuda)
    _ = model().to(.cuda).generate(prompt, count: 9, temperature: 0)
    let before = CUDA.memoryStatistics().liveBytes
    for _ in 0..<3 { _ = model().to(.cuda).generate(prompt, count: 9, temperature: 0) }
    #expect(CUDA.memoryStatistics().liveBytes == before)
  }
}
