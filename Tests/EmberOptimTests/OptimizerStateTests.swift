import EmberNN
@testable import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

/// What an optimizer keeps against parameters that change, checkpoints that do not fit, and steps that fail half-way.
@Suite struct OptimizerStateTests {
  /// The rule as a pointwise expression, as devices without a kernel run it.
  final class PointwiseAdam: Adam {
    override func usesKernel(_ value: Tensor) -> Bool { false }
  }

  /// Vectors move by the kernel, matrices by the expression.
  final class MixedAdam: Adam {
    override func usesKernel(_ value: Tensor) -> Bool { value.rank == 1 }
  }

  static func optimizer(_ rule: String, _ cells: [StateCell]) -> any Optimizer {
    rule == "adam" ? Adam(cells, learningRate: 0.1, amsgrad: true) : SGD(cells, learningRate: 0.1, momentum: 0.9)
  }

  static func bits(_ optimizer: any Optimizer) -> [String: [Double]] {
    Dictionary(uniqueKeysWithValues: optimizer.stateDict().map { ($0.0, $0.1.elements(as: Double.self)) })
  }

  @Test(arguments: ["adam", "sgd"]) func stateFollowsTheDTypeOfItsParameter(_ rule: String) {
    let cell = StateCell(Tensor.ones([1000]), isParameter: true)
    let optimizer = Self.optimizer(rule, [cell])
    for dtype in [DType.float32, .float64, .bfloat16, .float32] {
      cell.value = cell.value.detach().to(dtype)
      cell.grad = Tensor.ones([1000], dtype: dtype)
      optimizer.step()
      #expect(cell.value.dtype == dtype)
      let kept = optimizer.stateDict().filter { $0.0.hasPrefix("state.") && !$0.0.hasSuffix(".step") }
      #expect(!kept.isEmpty && kept.allSatisfy { $0.1.dtype == dtype })
    }
    #expect(optimizer.stateDict().contains { $0.0 == "state.0.step" && $0.1.item(as: Int.self) == 4 })
  }

  @Test(arguments: ["adam", "sgd"]) func aParameterOfAnotherShapeIsRefused(_ rule: String) {
    let cell = StateCell(Tensor.ones([3]), isParameter: true)
    let optimizer = Self.optimizer(rule, [cell])
    cell.grad = Tensor.ones([3])
    optimizer.step()
    cell.value = Tensor.ones([5000])
    cell.grad = Tensor.ones([5000])
    let error = #expect(throws: EmberError.self) { try catchingErrors { optimizer.step() } }
    #expect(error?.kind == .shape && error?.message.contains("[5000]") == true)
    #expect(cell.value.elements(as: Float.self).allSatisfy { $0 == 1 })
  }

  @Test(arguments: [DType.float8e4m3fn, .float8e5m2], ["adam", "sgd"])
  func dtypesWithoutArithmeticAreRefused(_ dtype: DType, _ rule: String) {
    let cell = StateCell(Tensor.ones([3]).to(dtype), isParameter: true)
    let optimizer = Self.optimizer(rule, [cell])
    cell.grad = Tensor.ones([3]).to(dtype)
    let error = #expect(throws: EmberError.self) { try catchingErrors { optimizer.step() } }
    #expect(error?.kind == .unsupported && error?.message.contains(dtype.name) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: ["adam", "sgd"]) func aGradientOfAnotherDTypeIsRefused(_ rule: String) {
    let cell = StateCell(Tensor.ones([3]), isParameter: true)
    let optimizer = Self.optimizer(rule, [cell])
    cell.grad = Tensor.ones([3], dtype: .float64)
    let error = #expect(throws: EmberError.self) { try catchingErrors { optimizer.step() } }
    #expect(error?.kind == .dtype && cell.value.dtype == .float32)
  }

  /// A complex parameter moves as the pair of its real and imaginary part would: `torch.view_as_real`.
  @Test(arguments: ["kernel", "pointwise"], [false, true]) func complexParametersMoveAsPairs(_ kind: String, _ amsgrad: Bool) throws {
    let pair = StateCell(Tensor([[1.0, -2], [0.5, 3]], dtype: .float64), isParameter: true)
    let whole = StateCell(pair.value.detach().viewAsComplex(), isParameter: true)
    let options = Adam.Options(learningRate: 0.1, weightDecay: 0.01, amsgrad: amsgrad)
    let groups = [ParameterGroup([whole], options)]
    let optimizers: [any Optimizer] = [
      kind == "kernel" ? Adam(groups: groups) : PointwiseAdam(groups: groups), Adam(groups: [ParameterGroup([pair], options)]),
    ]
    for step in 1...3 {
      pair.grad = Tensor([[0.5, 1], [-2, 0.25]], dtype: .float64) * Double(step)
      whole.grad = pair.grad?.viewAsComplex()
      for optimizer in optimizers { optimizer.step() }
    }
    #expect(whole.value.dtype == .complex128)
    for (a, b) in zip(whole.value.detach().viewAsReal().elements(as: Double.self), pair.value.elements(as: Double.self)) {
      #expect(abs(a - b) < 1e-12)
    }
    let saved = optimizers[0].stateDict()
    #expect(saved.first { $0.0 == "state.0.exp_avg_sq" }?.1.dtype == .complex128)
    try optimizers[0].loadStateDict(saved)
  }

  @Test func complexSGDMovesAsAPair() {
    let pair = StateCell(Tensor([[1.0, -2], [0.5, 3]]), isParameter: true)
    let whole = StateCell(pair.value.detach().viewAsComplex(), isParameter: true)
    let optimizer = SGD([pair, whole], learningRate: 0.1, momentum: 0.9, weightDecay: 0.1, nesterov: true)
    for _ in 0..<3 {
      pair.grad = Tensor([[0.5, 1], [-2, 0.25]])
      whole.grad = pair.grad?.viewAsComplex()
      optimizer.step()
    }
    #expect(whole.value.detach().viewAsReal().elements(as: Float.self) == pair.value.elements(as: Float.self))
  }

  /// What the second parameter's move needs runs out of memory when that of the first is ready.
  @Test func aStepIsAllOrNothing() throws {
    final class FailingAdam: Adam {
      var fails = false
      override func plan(_ update: inout ParameterUpdate, _ options: Options) {
        if fails, update.value.rank == 2 { raise(EmberError(.memory, in: "test", "no memory")) }
      }
    }
    let cells = [StateCell(Tensor.ones([3]), isParameter: true), StateCell(Tensor.ones([2, 2]), isParameter: true)]
    let optimizer = FailingAdam(groups: [ParameterGroup(cells, Adam.Options())])
    func attempt() {
      for cell in cells { cell.grad = Tensor.ones(Array(cell.value.shape)) }
      _ = try? catchingErrors { optimizer.step() }
    }
    for isFirst in [true, false] {
      let values = cells.map { $0.value.elements(as: Float.self) }, state = Self.bits(optimizer)
      optimizer.fails = true
      attempt()
      #expect(cells.map { $0.value.elements(as: Float.self) } == values && Self.bits(optimizer) == state, "first: \(isFirst)")
      optimizer.fails = false
      attempt()
      #expect(cells.map { $0.value.elements(as: Float.self)[0] } != values.map { $0[0] })
    }
  }

  @Test func kernelAndExpressionAgree() {
    func run(_ make: ([ParameterGroup<Adam.Options>]) -> Adam) -> [[Double]] {
      let cells = [Tensor([1.0, 2], dtype: .float64), Tensor([[3.0]], dtype: .float64)].map { StateCell($0, isParameter: true) }
      let options = Adam.Options(learningRate: 0.1, weightDecay: 0.2, amsgrad: true, maximize: true, decoupled: true)
      let optimizer = make([ParameterGroup(cells, options)])
      for i in 1...4 {
        for cell in cells { cell.grad = cell.value.detach() * (i % 2 == 0 ? 0.5 : -1) }
        optimizer.step()
      }
      return cells.map { $0.value.elements(as: Double.self) }
    }
    let kernel = run { Adam(groups: $0) }.flatMap { $0 }
    for other in [run { PointwiseAdam(groups: $0) }, run { MixedAdam(groups: $0) }] {
      for (a, b) in zip(kernel, other.flatMap { $0 }) { #expect(abs(a - b) < 1e-13) }
    }
  }

  @Test func optionsAreSavedAndLoaded() throws {
    let cells = (0..<2).map { _ in StateCell(Tensor.ones([2]), isParameter: true) }
    let options = Adam.Options(
      learningRate: 0.3, betas: (0.7, 0.8), epsilon: 1e-3, weightDecay: 0.4, amsgrad: true, maximize: true, decoupled: true)
    let first = Adam(groups: [ParameterGroup([cells[0]], options), ParameterGroup([cells[1]], Adam.Options())])
    let second = Adam(groups: [ParameterGroup([cells[0]], Adam.Options()), ParameterGroup([cells[1]], Adam.Options())])
    try second.loadStateDict(first.stateDict())
    let loaded = second.groups[0].options
    #expect(loaded.learningRate == 0.3 && loaded.betas == (0.7, 0.8) && loaded.epsilon == 1e-3 && loaded.weightDecay == 0.4)
    #expect(loaded.amsgrad && loaded.maximize && loaded.decoupled && second.learningRates == [0.3, 1e-3])
    let momentum = SGD([cells[0]], learningRate: 0.1, momentum: 0.9, weightDecay: 0.5, nesterov: true)
    let plain = SGD([cells[0]])
    try plain.loadStateDict(momentum.stateDict())
    #expect(plain.groups[0].options.momentum == 0.9 && plain.groups[0].options.nesterov && plain.groups[0].options.weightDecay == 0.5)
  }

  @Test func loadingConvertsAsThePublishedFormatDoes() throws {
    let cell = StateCell(Tensor.ones([300]), isParameter: true)
    let optimizer = Adam([cell])
    for dtype in [DType.uint8, .float16, .float64] {
      let saved = optimizer.stateDict().filter { !$0.0.hasPrefix("state.") }
      let state = [("state.0.step", Tensor([1]))] + ["exp_avg", "exp_avg_sq"].map { ("state.0." + $0, Tensor.ones([300], dtype: dtype)) }
      try optimizer.loadStateDict(saved + state)
      #expect(optimizer.stateDict().filter { $0.0.hasPrefix("state.0.exp") }.map(\.1.dtype) == [.float32, .float32])
      cell.grad = Tensor.ones([300])
      optimizer.step()
      #expect(cell.value.elements(as: Float.self).allSatisfy { $0.isFinite })
    }
  }

  @Test func whatDoesNotFitIsRefusedAndChangesNothing() throws {
    let cells = (0..<2).map { _ in StateCell(Tensor.ones([2]), isParameter: true) }
    let adam = Adam(cells), sgd = SGD(cells, momentum: 0.9)
    for optimizer in [adam, sgd] as [any Optimizer] {
      for cell in cells { cell.grad = Tensor.ones([2]) }
      optimizer.step()
    }
    let before = Self.bits(adam), good = adam.stateDict()
    let unfit: [[(String, Tensor)]] = [
      sgd.stateDict(), Adam([cells[0]]).stateDict(), good + [("state.7.exp_avg", Tensor.ones([2]))],
      good + [("state.0.exp_avg", Tensor.ones([3]))], good + [("state.0.momentum_buffer", Tensor.ones([2]))],
      good + [("group.0.momentum", Tensor(.real(1)))], good.filter { $0.0 != "group.0.lr" },
      good.filter { $0.0 != "state.1.step" }, good.filter { $0.0 != "state.1.exp_avg" }, good + [("state.1.step", Tensor([-1]))],
      good + [("state.0.exp_avg", Tensor.ones([2]).to(.complex64))],
    ]
    for (i, state) in unfit.enumerated() {
      #expect(throws: EmberError.self, "case \(i)") { try adam.loadStateDict(state) }
      #expect(Self.bits(adam) == before, "case \(i)")
    }
    try adam.loadStateDict(good)
    #expect(Self.bits(adam) == before)
  }

  @Test func schedulesStartFromTheInitialRate() throws {
    let cell = StateCell(Tensor([1.0]), isParameter: true)
    let optimizer = SGD([cell], learningRate: 1)
    let schedule = SequentialLR(
      optimizer, [LinearLR(optimizer, startFactor: 0.25, steps: 3), CosineAnnealingLR(optimizer, period: 4)], milestones: [3])
    var rates: [Double] = []
    for _ in 0..<8 {
      rates.append(optimizer.learningRate)
      schedule.step()
    }
    // torch.optim.lr_scheduler.SequentialLR of the same.
    for (a, b) in zip(rates, [0.25, 0.5, 0.75, 1, 0.8535533905932737, 0.5, 0.14644660940672627, 0]) { #expect(abs(a - b) < 1e-12) }
    // A schedule made later does not start from a rate that an earlier one warmed up from.
    let other = SGD([cell], learningRate: 1)
    _ = LinearLR(other, startFactor: 0.1, steps: 5)
    #expect(CosineAnnealingLR(other, period: 4).initialRates == [1])
    // Neither after loading.
    let resumed = SGD([cell], learningRate: 7)
    try resumed.loadStateDict(other.stateDict())
    #expect(StepLR(resumed, stepSize: 1).initialRates == [1])
    #expect(throws: EmberError.self) { try schedule.loadState([1]) }
    #expect(throws: EmberError.self) { try schedule.loadState([-1, 1]) }
    #expect(throws: EmberError.self) { try catchingErrors { _ = SequentialLR(optimizer, [], milestones: []) } }
    #expect(throws: EmberError.self) { try catchingErrors { _ = SequentialLR(optimizer, [StepLR(optimizer, stepSize: 1)], milestones: [2]) } }
  }
}
