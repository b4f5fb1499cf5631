import EmberNN
import EmberRuntime
import EmberTensor
import Testing

@Suite struct TransformerTests {
  private func numbers(_ shape: [Int], _ seed: UInt64) -> Tensor { Tensor.normal(shape, dtype: .float64, generator: Generator(seed: seed)) }

  private func distance(_ a: Tensor, _ b: Tensor) -> Double {
    a.shape == b.shape ? (a - b).abs().amax().item(as: Double.self) : .infinity
  }

  private func attention(batchFirst: Bool = false, addBiasKV: Bool = false, addZeroAttention: Bool = false) -> MultiheadAttention {
    withRandomSeed(1) {
      return MultiheadAttention(
        8, 2, addBiasKV: addBiasKV, addZeroAttention: addZeroAttention, batchFirst: batchFirst, dtype: .float64)
    }
  }

  @Test(arguments: [false, true], [false, true])
  func theBatchMayComeFirst(_ extended: Bool, _ needWeights: Bool) {
    let plain = attention(addBiasKV: extended, addZeroAttention: extended)
    let first = attention(batchFirst: true, addBiasKV: extended, addZeroAttention: extended)
    let query = numbers([4, 3, 8], 2), memory = numbers([5, 3, 8], 3)
    let padding = Tensor([false, false, false, true, true, false, false, false, false, false, false, false, false, false, true], shape: [3, 5])
    let mask = numbers([6, 4, 5], 4)
    func turned(_ x: Tensor) -> Tensor { x.transpose(0, 1) }
    let (a, aWeights) = plain(query, memory, memory, keyPaddingMask: padding, needWeights: needWeights, mask: mask)
    let (b, bWeights) = first(
      turned(query), turned(memory), turned(memory), keyPaddingMask: padding, needWeights: needWeights, mask: mask)
    #expect(distance(turned(b), a) < 1e-12)
    #expect((aWeights == nil) == !needWeights && (bWeights == nil) == !needWeights)
    if let aWeights, let bWeights { #expect(aWeights.shape == [3, 4, extended ? 7 : 5] && distance(aWeights, bWeights) < 1e-12) }
  }

  @Test(arguments: [false, true])
  func oneProductForSelfAttentionChangesNothing(_ needWeights: Bool) {
    let layer = attention(batchFirst: true)
    let x = numbers([3, 4, 8], 5)
    let weight = numbers([3, 4, 8], 6)
    func run(_ q: Tensor, _ k: Tensor, _ v: Tensor) -> (Tensor, [Tensor]) {
      layer.zeroGrad()
      let y = layer(q, k, v, needWeights: needWeights).output
      (y * weight).sum().backward()
      return (y, layer.parameters().map { $0.grad! })
    }
    let (one, gradients) = run(x, x, x)
    let (apart, expected) = run(x, x.clone(), x.clone())
    #expect(distance(one, apart) < 1e-12)
    for (a, b) in zip(gradients, expected) { #expect(distance(a, b) < 1e-12) }
    // The same numbers with another history are another input.
    let leaf = x.requiringGrad()
    (layer(leaf, leaf.detach(), leaf.detach(), needWeights: needWeights).output * weight).sum().backward()
    let ofQuery = leaf.grad!
    leaf.grad = nil
    (layer(leaf, leaf, leaf, needWeights: needWeights).output * weight).sum().backward()
    #expect(distance(ofQuery, leaf.grad!) > 1e-3)
    #expect(checkGradients({ layer($0[0], $0[0], $0[0], needWeights: needWeights).output }, at: [x]) == nil)
  }

  @Test func stacksCopyTheirFirstBlockAndDrawNothing() {
    withRandomSeed(7) {
      let layer = TransformerEncoderLayer(8, 2, feedforward: 12)
      let next = Tensor.uniform([1]).item(as: Float.self)
      manualSeed(7)
      let encoder = TransformerEncoder(TransformerEncoderLayer(8, 2, feedforward: 12), 3)
      #expect(Tensor.uniform([1]).item(as: Float.self) == next)
      for block in encoder.layers {
        for (a, b) in zip(block.parameters(), layer.parameters()) {
          #expect((a.value - b.value).abs().amax().item() == 0 && a.requiresGrad && a.value.device == .cpu)
        }
      }
      // They share no memory that can be seen.
      encoder.layers[0].linear1.weight = Tensor.zeros([12, 8])
      #expect(encoder.layers[1].linear1.weight.abs().sum().item() > 0)
      let decoder = TransformerDecoder(TransformerDecoderLayer(8, 2).to(.float64).eval(), 2)
      #expect(decoder.parameters().allSatisfy { $0.value.dtype == .float64 } && !decoder.layers[0].isTraining)
    }
  }

  @Test func causalMasksHideWhatComesLater() {
    withRandomSeed(8) {
      let network = Transformer(
        features: 8, heads: 2, encoderLayers: 1, decoderLayers: 2, feedforward: 12, batchFirst: true, dtype: .float64
      ).eval()
      let source = numbers([2, 4, 8], 9), target = numbers([2, 5, 8], 10)
      let mask = Transformer.generateSquareSubsequentMask(5, dtype: .float64)
      let whole = network(source, target, targetMask: mask, targetIsCausal: true)
      #expect(distance(whole, network(source, target, targetMask: mask)) < 1e-12)
      let beginning = network(
        source, target.narrow(1, start: 0, length: 3), targetMask: Transformer.generateSquareSubsequentMask(3, dtype: .float64))
      #expect(distance(whole.narrow(1, start: 0, length: 3), beginning) < 1e-12)
      #expect(network.stateDict().map(\.name).contains("decoder.layers.1.multihead_attn.out_proj.weight"))
    }
  }

  private final class Louder: TransformerEncoderLayer {
    override func forward(_ input: Tensor) -> Tensor { super.forward(input) * 2 }
  }

  @Test func blocksOfOnesOwnClassAreGivenOneByOne() throws {
    func block() -> Louder { Louder(8, 2, feedforward: 16, dropout: 0) }
    let error = #expect(throws: EmberError.self) { try catchingErrors { _ = TransformerEncoder(block(), 2) } }
    #expect(error?.message.contains("Louder cannot be copied") == true)
    let encoder = TransformerEncoder(layers: [block(), block()])
    #expect(encoder.layers.allSatisfy { $0 is Louder })
    let input = Tensor.randn([3, 1, 8], generator: Generator(seed: 2))
    let expected = encoder.layers.reduce(input) { $1($0) }
    #expect(encoder(input).elements(as: Float.self) == expected.elements(as: Float.self))
    #expect(distance(expected, encoder.layers.reduce(input) { $1($0, mask: nil) }) > 1)
  }
}
