@testable import EmberOptim
import EmberRuntime
import EmberSparse
import EmberTensor
import Testing

/// What holds for every rule. Their values are compared with PyTorch's by the conformance cases.
@Suite struct RuleTests {
  /// Each rule with its usual options, and with all that can be switched on.
  static let rules: [(name: String, make: @Sendable ([StateCell]) -> any Optimizer)] = [
    ("SGD", { SGD($0, learningRate: 0.1) }),
    ("SGD momentum", { SGD($0, learningRate: 0.1, momentum: 0.9, weightDecay: 0.01, nesterov: true) }),
    ("Adam", { Adam($0, learningRate: 0.1) }), ("Adam amsgrad", { Adam($0, learningRate: 0.1, weightDecay: 0.01, amsgrad: true) }),
    ("AdamW", { AdamW($0, learningRate: 0.1) }), ("Adamax", { Adamax($0, learningRate: 0.1) }),
    ("NAdam", { NAdam($0, learningRate: 0.1, weightDecay: 0.01, decoupled: true) }), ("RAdam", { RAdam($0, learningRate: 0.1) }),
    ("Adagrad", { Adagrad($0, learningRate: 0.5, learningRateDecay: 0.01, initialAccumulatorValue: 0.1) }),
    ("Adadelta", { Adadelta($0, learningRate: 20) }), ("RMSprop", { RMSprop($0, learningRate: 0.05) }),
    ("RMSprop centered", { RMSprop($0, learningRate: 0.02, momentum: 0.5, centered: true) }), ("Rprop", { Rprop($0, learningRate: 0.05) }),
    ("ASGD", { ASGD($0, learningRate: 0.1, t0: 3) }), ("Adafactor", { Adafactor($0, learningRate: 0.5) }),
    ("SparseAdam", { SparseAdam($0, learningRate: 0.1) }), ("Muon", { Muon($0, learningRate: 0.1, weightDecay: 0) }),
  ]
  static let names = rules.map(\.name)

  static func make(_ name: String, _ cells: [StateCell]) -> any Optimizer { rules.first { $0.name == name }!.make(cells) }

  static func matrices(_ seed: UInt64, _ count: Int = 3, dtype: DType = .float32) -> [StateCell] {
    let generator = Generator(seed: seed)
    return (0..<count).map { StateCell(Tensor.randn([4, 3 + $0], dtype: dtype, generator: generator), isParameter: true) }
  }

  /// Steps down ½‖x - 1‖².
  static func run(_ optimizer: any Optimizer, _ steps: Int) {
    for _ in 0..<steps {
      for cell in optimizer.parameters { cell.grad = cell.value.detach() - 1 }
      optimizer.step()
    }
  }

  static func distance(_ cells: [StateCell]) -> Double { cells.reduce(0) { $0 + ($1.value.detach() - 1).square().sum().item() } }

  @Test(arguments: names) func theLossFalls(_ name: String) {
    let cells = Self.matrices(1)
    let before = Self.distance(cells)
    Self.run(Self.make(name, cells), 60)
    #expect(Self.distance(cells) < 0.2 * before)
  }

  @Test(arguments: names) func parametersKeepTheirMemory(_ name: String) {
    let cells = Self.matrices(2), optimizer = Self.make(name, cells)
    let addresses = cells.map { $0.value.storageAddress }
    Self.run(optimizer, 3)
    #expect(cells.map { $0.value.storageAddress } == addresses)
  }

  /// Adafactor and Muon compute new state in tensor operations.
  @Test(arguments: names.filter { !["Adafactor", "Muon"].contains($0) }) func stateKeepsItsMemory(_ name: String) {
    let cells = Self.matrices(2), optimizer = Self.make(name, cells)
    /// By name, of what has the parameters' shapes.
    func addresses() -> [String: UInt] {
      Dictionary(uniqueKeysWithValues: optimizer.stateDict().filter { $0.1.rank == 2 }.map { ($0.0, $0.1.storageAddress) })
    }
    Self.run(optimizer, 1)
    let before = addresses()
    Self.run(optimizer, 2)
    #expect(addresses() == before && (name == "SGD" || !before.isEmpty))
  }

  @Test(arguments: names) func aCopyOfAParameterStaysAsItWas(_ name: String) {
    let cells = Self.matrices(3), optimizer = Self.make(name, cells)
    Self.run(optimizer, 2)
    let copies = cells.map(\.value), numbers = copies.map { $0.elements(as: Float.self) }
    let state = optimizer.stateDict(), kept = state.map { $0.1.elements(as: Double.self) }
    Self.run(optimizer, 2)
    #expect(copies.map { $0.elements(as: Float.self) } == numbers && state.map { $0.1.elements(as: Double.self) } == kept)
    #expect(cells.map { $0.value.elements(as: Float.self) } != numbers)
  }

  @Test(arguments: names) func aResumedRunContinuesBitExactly(_ name: String) throws {
    let cells = Self.matrices(4), optimizer = Self.make(name, cells)
    Self.run(optimizer, 7)
    let copies = cells.map { StateCell($0.value.detach().clone(), isParameter: true) }
    let resumed = Self.make(name, copies)
    try resumed.loadStateDict(optimizer.stateDict())
    Self.run(optimizer, 7)
    Self.run(resumed, 7)
    #expect(copies.map { $0.value.elements(as: Float.self) } == cells.map { $0.value.elements(as: Float.self) })
    #expect(Dictionary(uniqueKeysWithValues: resumed.stateDict().map { ($0.0, $0.1.elements(as: Double.self)) })
      == Dictionary(uniqueKeysWithValues: optimizer.stateDict().map { ($0.0, $0.1.elements(as: Double.self)) }))
  }

  @Test(arguments: names) func aParameterWithoutAGradientStays(_ name: String) {
    let cells = Self.matrices(5), optimizer = Self.make(name, cells)
    Self.run(optimizer, 1)
    let before = cells.map { $0.value.elements(as: Float.self) }
    cells[1].grad = nil
    optimizer.step()
    #expect(cells[1].value.elements(as: Float.self) == before[1] && cells[0].value.elements(as: Float.self) != before[0])
    #expect(optimizer.stateDict().contains { $0.0 == "state.1.step" && $0.1.item() == 1 })
  }

  /// A complex parameter moves as `torch.view_as_real` of it would.
  @Test(arguments: names.filter { !["Adafactor", "SparseAdam", "Muon"].contains($0) }) func complexNumbersMoveAsPairs(_ name: String) {
    let pairs = StateCell(Tensor.randn([5, 2], dtype: .float64, generator: Generator(seed: 6)), isParameter: true)
    let whole = StateCell(pairs.value.detach().viewAsComplex(), isParameter: true)
    let optimizers = [Self.make(name, [pairs]), Self.make(name, [whole])]
    for step in 1...6 {
      pairs.grad = Tensor.randn([5, 2], dtype: .float64, generator: Generator(seed: UInt64(step)))
      whole.grad = pairs.grad!.viewAsComplex()
      for optimizer in optimizers { optimizer.step() }
    }
    #expect(whole.value.detach().viewAsReal().elements(as: Double.self) == pairs.value.elements(as: Double.self))
  }

  @Test(arguments: names) func aFailedScopeChangesNothing(_ name: String) {
    let cells = Self.matrices(7), optimizer = Self.make(name, cells)
    Self.run(optimizer, 2)
    let before = cells.map { $0.value.elements(as: Float.self) }, state = optimizer.stateDict().map { $0.1.elements(as: Double.self) }
    for cell in cells { cell.grad = Tensor.ones(Array(cell.value.shape)) }
    cells[2].grad = Tensor.ones([2])
    #expect(throws: EmberError.self) { try catchingErrors { optimizer.step() } }
    #expect(cells.map { $0.value.elements(as: Float.self) } == before)
    #expect(optimizer.stateDict().map { $0.1.elements(as: Double.self) } == state)
    // No cell stays closed.
    Self.run(optimizer, 1)
    #expect(cells.map { $0.value.elements(as: Float.self) } != before)
  }

  @Test func oneCallForAListIsAsManyForItsParts() {
    for rule in ["Adam amsgrad", "SGD momentum"] {
      // More elements than a chunk, and parts of chunks.
      let sizes = [1, 20_000, 3, 16_384, 0, 7]
      func cells() -> [StateCell] { sizes.map { StateCell(Tensor.ones([$0]), isParameter: true) } }
      let together = cells(), alone = cells()
      let optimizers = [Self.make(rule, together)] + alone.map { Self.make(rule, [$0]) }
      for step in 1...3 {
        for (i, size) in sizes.enumerated() {
          together[i].grad = Tensor.randn([size], generator: Generator(seed: UInt64(10 * step + i)))
          alone[i].grad = together[i].grad
        }
        for optimizer in optimizers { optimizer.step() }
      }
      #expect(zip(together, alone).allSatisfy { $0.value.elements(as: Float.self) == $1.value.elements(as: Float.self) })
    }
  }

  // MARK: Options

  static let refused: [(text: String, make: @Sendable ([StateCell]) -> Void)] = [
    ("[SGD] momentum = -1", { _ = SGD($0, momentum: -1) }),
    ("[SGD] momentum with nesterov = 0", { _ = SGD($0, nesterov: true) }),
    ("[SGD] dampening with nesterov = 0.5", { _ = SGD($0, momentum: 0.9, dampening: 0.5, nesterov: true) }),
    ("[SGD] learningRate = nan", { _ = SGD($0, learningRate: .nan) }),
    ("[Adam] betas.0 = 1.0", { _ = Adam($0, betas: (1, 0.9)) }), ("[Adamax] betas.1 = 1.0", { _ = Adamax($0, betas: (0, 1)) }),
    ("[NAdam] momentumDecay = -0.1", { _ = NAdam($0, momentumDecay: -0.1) }), ("[RAdam] epsilon = -1", { _ = RAdam($0, epsilon: -1) }),
    ("[Adagrad] initialAccumulatorValue = -1", { _ = Adagrad($0, initialAccumulatorValue: -1) }),
    ("[Adadelta] rho = 1.1", { _ = Adadelta($0, rho: 1.1) }), ("[RMSprop] alpha = -1", { _ = RMSprop($0, alpha: -1) }),
    ("[Rprop] etas.1 = 0.5", { _ = Rprop($0, etas: (0.5, 0.5)) }), ("[ASGD] lambd = -1", { _ = ASGD($0, lambd: -1) }),
    ("[Adafactor] clippingThreshold = 0.5", { _ = Adafactor($0, clippingThreshold: 0.5) }),
    ("[Adafactor] beta2Decay = 0.8", { _ = Adafactor($0, beta2Decay: 0.8) }),
    ("[SparseAdam] learningRate = 0", { _ = SparseAdam($0, learningRate: 0) }),
    ("[LBFGS] learningRate = -1", { _ = LBFGS($0, learningRate: -1) }), ("[Muon] iterations = 100", { _ = Muon($0, iterations: 100) }),
    ("[Muon] a parameter float32[2]", { _ in _ = Muon([StateCell(Tensor.ones([2]), isParameter: true)]) }),
    ("[Adafactor] a parameter complex64[2]", { _ in _ = Adafactor([StateCell(Tensor.ones([2], dtype: .complex64), isParameter: true)]) }),
    ("[SGD] a parameter float32[4, 3] is named twice", { _ = SGD($0 + $0) }),
  ]

  @Test(arguments: refused.indices) func optionsOutOfRangeAreRefused(_ i: Int) {
    let error = #expect(throws: EmberError.self) { try catchingErrors { Self.refused[i].make(Self.matrices(8)) } }
    #expect(error?.description.hasPrefix(Self.refused[i].text) == true, "\(error?.description ?? "")")
  }

  @Test func savedOptionsAreCheckedToo() throws {
    let cells = Self.matrices(9), optimizer = Adam(cells)
    let state = optimizer.stateDict().map { $0.0 == "group.0.beta1" ? ($0.0, Tensor(2.0)) : $0 }
    let error = #expect(throws: EmberError.self) { try optimizer.loadStateDict(state) }
    #expect(error?.description.contains("betas.0 = 2.0") == true)
  }

  @Test func groupsAreAddedWithOptionsOfTheirOwn() throws {
    let cells = Self.matrices(10)
    let optimizer = SGD([cells[0]], learningRate: 1)
    optimizer.addParameterGroup(ParameterGroup([cells[1]], SGD.Options(learningRate: 0.5)))
    for cell in cells { cell.grad = Tensor.ones(Array(cell.value.shape)) }
    let before = cells.map { $0.value.elements(as: Float.self) }
    optimizer.step()
    for (i, rate) in [1, 0.5, 0].enumerated() {
      #expect(zip(cells[i].value.elements(as: Float.self), before[i]).allSatisfy { abs($1 - $0 - Float(rate)) < 1e-6 })
    }
    #expect(optimizer.learningRates == [1, 0.5] && optimizer.stateDict().contains { $0.0 == "group.1.lr" })
    let error = #expect(throws: EmberError.self) {
      try catchingErrors { optimizer.addParameterGroup(ParameterGroup([cells[0]], SGD.Options())) }
    }
    #expect(error?.description.contains("named twice") == true && optimizer.groups.count == 2)
  }

  // MARK: Sparse gradients

  @Test func sparseAdamMovesOnlyNamedRows() throws {
    let cells = [0, 1].map { _ in StateCell(Tensor.ones([5, 2]), isParameter: true) }
    let optimizer = SparseAdam(cells, learningRate: 0.1)
    let sparse = try SparseTensor(indices: Tensor([[3, 1, 3]]), values: Tensor([[1.0, 2], [3, 4], [5, 6]]), shape: [5, 2])
    for _ in 0..<2 {
      optimizer.setGradient(sparse, of: cells[0])
      cells[1].grad = try sparse.dense()
      optimizer.step()
    }
    // The first steps of Adam have the length of the learning rate, whatever the gradient.
    let moved = cells[0].value.elements(as: Float.self)
    for (i, value) in moved.enumerated() { #expect(abs(value - ([1, 3].contains(i / 2) ? 0.8 : 1)) < 1e-4) }
    #expect(moved == cells[1].value.elements(as: Float.self))
    optimizer.zeroGrad()
    optimizer.step()
    #expect(cells[0].value.elements(as: Float.self) == moved)
    let wrong = try SparseTensor(indices: Tensor([[0]]), values: Tensor([[1.0, 2]]), shape: [4, 2])
    let error = #expect(throws: EmberError.self) { try catchingErrors { optimizer.setGradient(wrong, of: cells[0]) } }
    #expect(error?.kind == .shape)
  }
}
