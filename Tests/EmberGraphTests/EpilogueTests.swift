import EmberCPU
import EmberFunctional
@testable import EmberGraph
import EmberNN
import EmberRuntime
import EmberTensor
import Testing

/// What convolutions take in of the calls behind them, and weights in the order of their kernels.
@Suite struct EpilogueTests {
  private let generator = Generator(seed: 5)

  private func random(_ shape: [Int]) -> Tensor { Tensor.randn(shape, generator: generator) }

  private func difference(_ a: Tensor, _ b: Tensor) -> Double { Double((a - b).abs().max().to(.float64).item()) }

  /// The graph's calls after all passes, with results that are those of the function.
  private func calls(_ x: Tensor, _ body: @escaping (Tensor) -> Tensor) throws -> [String] {
    let graph = try noGrad { try capture([x]) { [body($0[0])] } }.optimized(verifying: true)
    let expected = noGrad { body(x) }, executable = Executable(graph)
    // Twice: the packed weights are there from the second run on.
    for _ in 0..<2 { #expect(difference(executable.run([x])[0], expected) < 1e-5 * (1 + Double(expected.abs().max().to(.float64).item()))) }
    return graph.callNames
  }

  /// Winograd's tiles, a product, small images in one sequence, a stride, groups.
  @Test(arguments: [[16, 32, 12, 3, 1, 1], [40, 24, 12, 1, 1, 1], [64, 40, 7, 1, 1, 1], [16, 24, 13, 3, 2, 1], [32, 32, 8, 3, 1, 4]])
  func aResidualSumIsTakenIn(_ sizes: [Int]) throws {
    let (channels, out, width, kernel, stride, groups) = (sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5])
    let convolution = Conv2d(channels, out, kernel, stride: stride, padding: kernel / 2, groups: groups)
    let shortcut = Conv2d(channels, out, 1, stride: stride, bias: false)
    let x = random([5, channels, width, width])
    let identity = noGrad { shortcut(x) }
    #expect(try calls(x) { (convolution($0) + identity).relu() } == ["convolution"])
    #expect(try calls(x) { (identity + convolution($0)).silu() } == ["convolution"])
    // One of the two is added to the other.
    #expect(try calls(x) { (convolution($0) + shortcut($0)).relu() } == ["convolution", "convolution"])
    #expect(try calls(x) { (shortcut($0) + convolution($0)) } == ["convolution", "convolution"])
  }

  /// A printed graph says what its calls do.
  @Test func whatIsTakenInIsPrinted() throws {
    let network = Sequential(Conv2d(3, 16, 3, stride: 2, padding: 1), ReLU(), MaxPool2d(2), Flatten(), Linear(16, 4), Sigmoid())
    let graph = try noGrad { try capture([random([2, 3, 4, 4])]) { [network($0[0])] } }.optimized(verifying: true), text = "\(graph)"
    for part in ["stride: [2, 2]", "padding: [1, 1]", "kernel: [3, 3]", "activation: relu", "kernel: [2, 2]", "activation: sigmoid"] {
      #expect(text.contains(part), "\(part) is not in \(text)")
    }
  }

  @Test func otherSumsStay() throws {
    let convolution = Conv2d(16, 32, 3, padding: 1), x = random([2, 16, 12, 12])
    let row = random([32, 1, 1])
    // A sum with itself, of another shape, of a result that is read again.
    #expect(try calls(x) { let y = convolution($0); return y + y }.count == 2)
    #expect(try calls(x) { convolution($0) + row }.count == 2)
    #expect(try calls(x) { let y = convolution($0); return (y + y.exp()).relu() }.count == 2)
    // The activation comes before the sum.
    #expect(try calls(x) { convolution($0).relu() + convolution($0) } == ["convolution", "convolution"])
  }

  @Test func doubles() throws {
    let convolution = Conv2d(16, 32, 3, padding: 1).to(.float64), x = random([3, 16, 12, 12]).to(.float64)
    let identity = random([3, 32, 12, 12]).to(.float64)
    #expect(try calls(x) { (convolution($0) + identity).relu() } == ["convolution"])
  }

  /// As part of another computation the parts are apart again; passes that run twice change nothing more.
  @Test func fusedCallsComeApart() throws {
    let convolution = Conv2d(16, 32, 3, padding: 1), norm = BatchNorm2d(32), x = random([2, 16, 12, 12]), identity = random([2, 32, 12, 12])
    noGrad { _ = norm(convolution(x) + identity) }
    norm.eval()
    let body = { (x: Tensor) in norm((convolution(x) + identity)).relu() }
    let graph = try noGrad { try capture([x]) { [(convolution($0[0]) + identity).relu()] } }.optimized(verifying: true)
    let twice = try noGrad { try capture([x]) { [body($0[0])] } }.optimized(verifying: true).optimized(verifying: true)
    #expect(difference(Executable(twice).run([x])[0], noGrad { body(x) }) < 1e-4)
    let leaf = x.requiringGrad(), other = x.requiringGrad()
    graph.evaluate([leaf])[0].square().sum().backward()
    (convolution(other) + identity).relu().square().sum().backward()
    #expect(difference(leaf.grad!, other.grad!) < 1e-3)
    let members = random([3, 2, 16, 12, 12])
    let mapped = noGrad { vmap({ graph.evaluate([$0])[0] })(members) }
    for i in 0..<3 { #expect(difference(mapped[i], noGrad { (convolution(members[i]) + identity).relu() }) < 1e-4) }
    #expect(throws: EmberError.self) {
      let sum = try noGrad { try capture([x, identity]) { [convolution($0[0]) + $0[1]] } }.optimized()
      try catchingErrors { _ = Executable(sum).run([random([4, 16, 12, 12]), identity]) }
    }
  }

  @Test func packedWeightsFollowTheirWeights() throws {
    let network = Sequential(Conv2d(16, 32, 3, padding: 1), ReLU(), Conv2d(32, 48, 1))
    let compiled = compile(network)
    var packed = try noGrad { try capture([random([4, 16, 9, 9])]) { [network($0[0])] } }.optimized(verifying: true)
    packed.packWeights()
    // The scalar reference reads weights as they are.
    if CPU.instructionSet != .scalar { #expect(packed.callNames.filter { $0 == "pack_convolution_weight" }.count == 2) }
    noGrad {
      for batch in [4, 1, 4, 7] {
        let x = random([batch, 16, 9, 9])
        for _ in 0..<2 { #expect(difference(compiled(x), network(x)) < 1e-4) }
        for parameter in network.parameters() { parameter.value = parameter.value * 1.5 + 0.01 }
        #expect(difference(compiled(x), network(x)) < 1e-4)
      }
    }
  }

  /// Weights that were packed for other instructions are not read.
  @Test func anotherInstructionSet() {
    let network = Conv2d(16, 32, 3, padding: 1), compiled = compile(network), x = random([4, 16, 12, 12])
    noGrad {
      let expected = network(x)
      for _ in 0..<2 { #expect(difference(compiled(x), expected) < 1e-4) }
      for set in CPU.InstructionSet.allCases { _ = CPU.with(set) { #expect(difference(compiled(x), expected) < 1e-4) } }
    }
  }
}
