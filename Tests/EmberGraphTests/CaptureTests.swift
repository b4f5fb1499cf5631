import EmberDistributions
import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import Synchronization
import Testing

@testable import EmberGraph

/// Passes checked one after the other by the verifier.
private var checked: CompileOptions {
  var options = CompileOptions()
  options.verifies = true
  return options
}

private func difference(_ a: Tensor, _ b: Tensor) -> Double { (a - b).abs().amax().item() }

private final class Perceptron: Module, Layer {
  let first = Linear(8, 16)
  let second = Linear(16, 4)
  func forward(_ x: Tensor) -> Tensor { second(first(x).relu()) }
}

private final class Block: Module, Layer {
  let convolution = Conv2d(3, 8, 3, padding: 1)
  let norm = BatchNorm2d(8)
  let head = Linear(8, 5)
  func forward(_ x: Tensor) -> Tensor { head(norm(convolution(x)).relu().mean([2, 3])) }
}

/// Containers that are read, not called.
private final class Branches: Module, Layer {
  let blocks = ModuleList([Linear(8, 8), Linear(8, 8)])
  let heads = ModuleDict<Linear>(["a": Linear(8, 8)])
  let scales = ParameterList([Tensor([2.0] as [Float])])
  let shifts = ParameterDict(["x": Tensor([0.5] as [Float])])
  var captures = 0
  let body = Sequential { Linear(8, 8); ReLU() }
  func forward(_ x: Tensor) -> Tensor {
    captures += 1
    var y = x
    for block in blocks { y = block(y).tanh() }
    for (_, head) in heads.entries { y = y + head(x) }
    for scale in scales { y = y * scale }
    for key in shifts.keys { y = y + shifts[key]! }
    return body[0](y) * Float(body.count) + (body["extra"]?(y) ?? x)
  }
}

struct CaptureTests {
  @Test func aChainBecomesOneCall() throws {
    withRandomSeed(1) {
      let x = Tensor.randn([64, 33])
      let fast = compile(options: checked) { (x: Tensor) in ((x * 2 + 1).tanh() - x).exp() / (x.square() + 1) }
      let expected = ((x * 2 + 1).tanh() - x).exp() / (x.square() + 1)
      #expect(difference(fast(x), expected) == 0)
      #expect(difference(fast(x), expected) == 0)
      #expect(fast.graphs.count == 1 && fast.graphs[0].callCount == 1)
    }
  }

  /// The checks of a distribution's numbers see none in a graph, and still see those outside.
  @Test func distributionsCanBeCaptured() throws {
    withRandomSeed(7) {
      let divergence = { (x: Tensor) in klDivergence(Normal(location: x, scale: x.exp()), Normal()).sum() }
      let x = Tensor.randn([4, 3]), fast = compile(options: checked, divergence)
      #expect(difference(fast(x), divergence(x)) < 1e-5)
    }
    #expect(throws: EmberError.self) { try catchingErrors { Normal(location: Tensor([0.0]), scale: Tensor([-1.0])) } }
  }

  @Test func aModelIsTheSame() throws {
    withRandomSeed(2) {
      let model = Perceptron(), fast = compile(model, options: checked)
      for rows in [5, 1, 5] {
        let x = Tensor.randn([rows, 8])
        #expect(difference(noGrad { fast(x) }, model(x)) < 1e-6)
      }
      #expect(fast.graphs.count == 2 && fast.graphs.allSatisfy { $0.callNames == ["linear", "linear"] })
      // A change of a parameter shows.
      model.first.weight = Tensor.randn([16, 8])
      let x = Tensor.randn([5, 8])
      #expect(difference(noGrad { fast(x) }, model(x)) < 1e-6)
    }
  }

  @Test func editedContainersAreCapturedAnew() throws {
    withRandomSeed(4) {
      let model = Branches(), fast = compile(model, options: checked), x = Tensor.randn([5, 8])
      let edits: [(Branches) -> Void] = [
        { _ in }, { $0.blocks.append(Linear(8, 8)) }, { $0.blocks[0] = Linear(8, 8) }, { $0.blocks.remove(at: 1) },
        { $0.blocks.insert(Linear(8, 8), at: -1) }, { $0.heads["b"] = Linear(8, 8) }, { $0.heads["a"] = Linear(8, 8) }, { $0.heads["a"] = nil },
        { $0.scales.append(Tensor([3.0] as [Float])) }, { $0.shifts["y"] = Tensor([1.5] as [Float]) }, { $0.shifts["x"] = nil },
        { $0.body.append(ReLU()) }, { $0.body[0] = Linear(8, 8) }, { $0.body.insert(Linear(8, 8), at: 0) }, { $0.body.remove(at: 1) },
        { $0.body["extra"] = Linear(8, 8) }, { $0.body["extra"] = nil },
      ]
      for (number, edit) in edits.enumerated() {
        edit(model)
        let expected = noGrad { model(x) }
        model.captures = 0
        for _ in 0..<3 { #expect(difference(noGrad { fast(x) }, expected) < 1e-5, "edit \(number)") }
        // Once, and not again as long as nothing changes.
        #expect(model.captures == 1, "edit \(number)")
      }
    }
  }

  /// What a function builds for itself is finished before it is watched.
  @Test func containersThatAreBuiltInsideAreCapturedOnce() throws {
    withRandomSeed(4) {
      let counter = Mutex(0), layer = Linear(8, 8), x = Tensor.randn([5, 8])
      nonisolated(unsafe) let shared = layer
      let fast = compile(options: checked) { (x: Tensor) in
        counter.withLock { $0 += 1 }
        let body = Sequential(["a": shared, "b": ReLU()])
        body.append(ReLU())
        body.insert(Identity(), at: 0)
        body.remove(at: 1 - 1)
        return body(x)
      }
      for _ in 0..<3 { #expect(difference(noGrad { fast(x) }, noGrad { layer(x).relu() }) < 1e-6) }
      #expect(counter.withLock { $0 } == 1)
    }
  }

  @Test func gradientsFlowThroughACompiledModel() throws {
    withRandomSeed(3) {
      let model = Perceptron(), fast = compile(model, options: checked)
      let x = Tensor.randn([5, 8], requiresGrad: true), weight = Tensor.randn([5, 4])
      (model(x) * weight).sum().backward()
      let expected = [x.grad!] + model.parameters().map { $0.grad! }
      for _ in 0..<2 {
        x.grad = nil
        model.zeroGrad()
        (fast(x) * weight).sum().backward()
        for (a, b) in zip([x.grad!] + model.parameters().map { $0.grad! }, expected) { #expect(difference(a, b) < 1e-6) }
      }
    }
  }

  @Test func normalisationsFoldAndModesCount() throws {
    withRandomSeed(4) {
      let model = Block(), x = Tensor.randn([4, 3, 9, 9])
      for _ in 0..<3 { _ = model(Tensor.randn([4, 3, 9, 9])) }
      model.norm.parameters()[0].value = Tensor.uniform([8], 0.5, 2)
      model.norm.parameters()[1].value = Tensor.randn([8])
      let fast = compile(model, options: checked)
      model.eval()
      #expect(difference(noGrad { fast(x) }, model(x)) < 1e-5)
      #expect(difference(noGrad { fast(x) }, model(x)) < 1e-5)
      #expect(!fast.graphs[0].callNames.contains("batch_norm"), "\(fast.graphs[0])")
      // Training again: other statistics, which are noted in the module.
      model.train()
      let other = Block()
      try! other.loadStateDict(model.stateDict())
      #expect(difference(fast(x), other(x)) < 1e-5)
      #expect(difference(model.norm.runningMean!, other.norm.runningMean!) < 1e-6)
    }
  }

  @Test func exchangedLayersAreSeen() throws {
    withRandomSeed(5) {
      let model = Sequential(Linear(8, 4), ReLU()), fast = compile(model, options: checked)
      let x = Tensor.randn([5, 8])
      #expect(difference(noGrad { fast(x) }, model(x)) < 1e-6)
      model[0] = Linear(8, 4)
      #expect(difference(noGrad { fast(x) }, model(x)) < 1e-6)
      model.insert(Linear(4, 3), at: 1)
      #expect(noGrad { fast(x) }.shape == [5, 3] && difference(noGrad { fast(x) }, model(x)) < 1e-6)
    }
  }

  /// What is kept between two calls of a graph is dropped whichever way a parameter changes.
  @Test func changedParametersAreSeen() throws {
    withRandomSeed(6) {
      let model = Perceptron(), fast = compile(model, options: checked)
      let x = Tensor.randn([3, 8]), optimizer = SGD(model.parameters(), learningRate: 0.1)
      func expectAgreement() { for _ in 0..<2 { #expect(difference(noGrad { fast(x) }, model(x)) < 1e-6) } }
      expectAgreement()
      model(x).square().sum().backward()
      optimizer.step()
      expectAgreement()
      model.first.parameters()[1].value = Tensor.ones([16])
      expectAgreement()
      model.second.$weight.update { $0 *= 2 }
      expectAgreement()
      // A change that an error takes back.
      _ = try? catchingErrors {
        model.second.$weight.update { $0 *= 3 }
        expectAgreement()
        _ = x + Tensor.ones([2])
      }
      expectAgreement()
    }
  }

  /// A graph computes a parametrised weight as the layer does, and is made anew when that changes.
  @Test func parametrisedWeightsAreComputedInTheGraph() throws {
    withRandomSeed(7) {
      let model = Perceptron(), fast = compile(model, options: checked), x = Tensor.randn([3, 8])
      func expectAgreement() { for _ in 0..<2 { #expect(difference(noGrad { fast(x) }, model(x)) < 1e-5) } }
      expectAgreement()
      weightNorm(model.first)
      expectAgreement()
      let lengths = model.first.parametrization()!.originals[0]
      lengths.value = lengths.value * 3
      expectAgreement()
      lengths.grad = nil
      fast(x).square().sum().backward()
      let gradient = lengths.grad!
      lengths.grad = nil
      model(x).square().sum().backward()
      #expect(difference(gradient, lengths.grad!) < 1e-3)
      model.first.registerParametrization("weight") { $0 * 2 }
      expectAgreement()
      model.first.removeParametrizations()
      model.first.weight = model.first.weight * 0.5
      expectAgreement()
      for _ in 0..<2 {
        Prune.l1Unstructured(model.first, amount: 0.4)
        expectAgreement()
      }
      model.first.registerParametrization("weight") { $0 * 2 }
      Prune.remove(model.first)
      expectAgreement()
      model.first.removeParametrizations()
      // In training the singular vectors move, in the graph too.
      spectralNorm(model.second)
      let left = model.second.namedBuffers()[0].buffer, before = left.value
      _ = noGrad { fast(x) }
      #expect(difference(left.value, before) > 0)
      model.eval()
      expectAgreement()
    }
  }

  /// What was recorded goes away with its tracer.
  @Test func capturesLeaveNothingBehind() throws {
    let layer = Perceptron()
    weak var tracer: Tracer?
    let graph = try capture([Tensor.ones([2, 8])]) { inputs in
      tracer = Tracer.current
      return [layer(inputs[0]) + Tensor.ones([1000]).sum()]
    }
    #expect(tracer == nil && graph.nodes.count > 3)
    let compiled = compile(options: checked) { (x: Tensor) in
      tracer = Tracer.current
      return layer(cond(x.sum() .> 0, [x], then: { $0 }, else: { [$0[0] * 2] })[0])
    }
    compiled(Tensor.ones([2, 8])).sum().backward()
    #expect(tracer == nil && compiled.graphs.count == 1)
    #expect(throws: EmberError.self) {
      try capture([Tensor.ones([2, 8])]) { inputs in
        tracer = Tracer.current
        return [layer(inputs[0])[0, 99]]
      }
    }
    #expect(tracer == nil)
  }

  /// A layer that takes another's place is noticed.
  @Test func replacedLayersAreNoticed() {
    final class Model: Module, Layer {
      var last = Linear(8, 2)
      var optional: Linear?
      var list = [Linear(2, 2)]
      var made: ReLU?
      let attention = MultiheadAttention(2, 1, dropout: 0.5)
      var runs = 0
      func forward(_ x: Tensor) -> Tensor {
        runs += 1
        // Modules that the function itself makes and puts in place.
        made = ReLU()
        let y = list[0](made!(Sequential(Tanh())(last(x))))
        return attention(optional?(y) ?? y, y, y).output
      }
    }
    withRandomSeed(11) {
      let model = Model(), x = Tensor.randn([3, 8]), fast = compile(model, options: checked)
      model.eval()
      func expectAgreement(_ location: SourceLocation = #_sourceLocation) {
        for _ in 0..<2 { #expect(difference(noGrad { fast(x) }, model(x)) < 1e-5, sourceLocation: location) }
      }
      expectAgreement()
      let old = model.last
      model.last = Linear(8, 2).eval()
      expectAgreement()
      model.optional = Linear(2, 2).eval()
      expectAgreement()
      model.list[0] = Linear(2, 2).eval()
      expectAgreement()
      // The function is not captured again for modules that are made elsewhere.
      _ = noGrad { fast(x) }
      let runs = model.runs, others = (0..<3).map { _ in Linear(1, 1) }
      for _ in others { _ = noGrad { fast(x) } }
      #expect(model.runs == runs && difference(old(x), model.last(x)) > 0)
      // Dropout between the weights of attention, called with three arguments.
      model.train()
      #expect(difference(noGrad { fast(x) }, noGrad { fast(x) }) > 0)
    }
  }

  /// Graphs hold no parameter from call to call, so that an optimizer writes where it always wrote.
  @Test func parametersStayInPlace() throws {
    withRandomSeed(9) {
      let model = Perceptron(), fast = compile(model, options: checked), optimizer = Adam(model.parameters(), learningRate: 0.01)
      var addresses: [UInt] { model.parameters().map { $0.value.storageAddress } }
      let before = addresses
      for rows in [3, 4, 5] {
        optimizer.zeroGrad()
        let x = Tensor.randn([rows, 8])
        (fast(x) + noGrad { fast(x) }).square().sum().backward()
        optimizer.step()
        #expect(addresses == before)
      }
    }
  }

  /// Numbers that are drawn as elements ask for are drawn at each run, also where the elements are the same each time.
  @Test func drawsAreMadeAtEachRun() throws {
    let weights = Tensor.rand([64], generator: Generator(seed: 1)), cell = StateCell(weights, isParameter: true)
    let draws: [@Sendable (Tensor) -> Tensor] = [
      { $0 + weights.multinomial(16, replacement: true).to(.float32) }, { $0 + cell.value.multinomial(16, replacement: true).to(.float32) },
      { $0 + weights[0..<16].standardGamma() }, { $0 + cell.value[0..<16].standardGamma() },
      { $0 - (weights[0..<16] - 1).rrelu(training: true) },
    ]
    let zero = Tensor.zeros([16])
    for draw in draws {
      let fast = compile(options: checked, draw)
      let own = withRandomSeed(4) { (0..<2).map { _ in noGrad { fast(zero) } } }
      let eager = withRandomSeed(4) { (0..<2).map { _ in noGrad { draw(zero) } } }
      #expect(difference(own[0], own[1]) > 0)
      for (a, b) in zip(own, eager) { #expect(difference(a, b) < 1e-6) }
    }
  }

  @Test func gradientsOfParametersAreReadAnew() throws {
    withRandomSeed(8) {
      let model = Perceptron(), x = Tensor.randn([3, 8])
      let size = compile(options: checked) { (x: Tensor) in model.first.$weight.grad!.square().sum() + x }
      for factor in [1.0, 2, 3] {
        (model(x) * factor).sum().backward()
        #expect(difference(size(Tensor(0.0)), model.first.$weight.grad!.square().sum()) < 1e-4)
      }
    }
  }

  @Test func aTrainingStepIsAGraph() throws {
    func train(compiled: Bool) -> ([Double], [Tensor]) {
      withRandomSeed(5) {
        let model = Sequential(Linear(8, 16), BatchNorm1d(16), ReLU(), Linear(16, 4))
        let optimizer = Adam(model.parameters(), learningRate: 1e-2)
        let schedule = CosineAnnealingLR(optimizer, period: 50)
        let step = { (x: Tensor, y: Tensor) -> Tensor in
          optimizer.zeroGrad()
          let loss = (model(x).dropout(0.2) - y).square().mean()
          loss.backward()
          optimizer.step()
          return loss.detach()
        }
        let fast = compile(options: checked, step)
        var losses: [Double] = []
        for _ in 0..<50 {
          let x = Tensor.randn([6, 8]), y = Tensor.randn([6, 4])
          losses.append((compiled ? fast(x, y) : step(x, y)).item())
          schedule.step()
        }
        if compiled { #expect(fast.graphs.count == 1) }
        return (losses, model.stateDict().map(\.tensor))
      }
    }
    let (a, first) = train(compiled: false), (b, second) = train(compiled: true)
    for (x, y) in zip(a, b) { #expect(abs(x - y) < 1e-5) }
    for (x, y) in zip(first, second) { #expect(difference(x.to(.float32), y.to(.float32)) < 1e-5) }
  }

  @Test func readingAnElementIsRefused() throws {
    let x = Tensor.ones([3])
    #expect {
      _ = try capture([x]) { [$0[0].sum().item() > 1 ? $0[0] : -$0[0]] }
    } throws: { error in
      "\(error)".contains("captured") && "\(error)".contains("item")
    }
  }
}
