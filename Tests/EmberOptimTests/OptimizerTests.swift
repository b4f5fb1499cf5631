import EmberNN
import EmberOptim
import EmberRuntime
import EmberTensor
import Foundation
import Testing

@Suite struct OptimizerTests {
  // Expected values: the published rules, written out in Double.
  @Test func sgdWithMomentumFollowsItsRule() {
    let p = StateCell(Tensor([1.0], dtype: .float64), isParameter: true)
    let optimizer = SGD([p], learningRate: 0.1, momentum: 0.9)
    var value = 1.0, buffer = 0.0
    for (step, g) in [0.5, -0.25, 1.0].enumerated() {
      p.grad = Tensor([g], dtype: .float64)
      optimizer.step()
      buffer = step == 0 ? g : 0.9 * buffer + g
      value -= 0.1 * buffer
      #expect(abs(p.value.item() - value) < 1e-15)
    }
  }

  @Test(arguments: [false, true]) func adamFollowsItsRule(_ decoupled: Bool) {
    let p = StateCell(Tensor([1.0], dtype: .float64), isParameter: true)
    let optimizer: any Optimizer = decoupled ? AdamW([p], learningRate: 0.1, weightDecay: 0.1) : Adam([p], learningRate: 0.1, weightDecay: 0.1)
    var value = 1.0, m = 0.0, v = 0.0
    for (i, raw) in [0.5, -0.25, 1.0].enumerated() {
      p.grad = Tensor([raw], dtype: .float64)
      optimizer.step()
      var g = raw
      if decoupled { value *= 1 - 0.1 * 0.1 } else { g += 0.1 * value }
      m = 0.9 * m + 0.1 * g
      v = 0.999 * v + 0.001 * g * g
      var c1 = 1.0, c2 = 1.0
      for _ in 0...i { c1 *= 0.9; c2 *= 0.999 }
      value -= 0.1 * (m / (1 - c1)) / ((v / (1 - c2)).squareRoot() + 1e-8)
      #expect(abs(p.value.item() - value) < 1e-12)
    }
  }

  @Test func parametersKeepTheirMemoryWhileAnOldLossIsAlive() {
    let model = Sequential { Linear(4, 8); ReLU(); Linear(8, 2) }
    let optimizer = Adam(model.parameters(), learningRate: 0.01)
    let x = Tensor.ones([3, 4])
    func step() -> Tensor {
      optimizer.zeroGrad()
      let loss = model(x).square().mean()
      loss.backward()
      optimizer.step()
      return loss
    }
    var old = [step()]
    let addresses = model.parameters().map { $0.value.storageAddress }
    for _ in 0..<3 { old.append(step()) }
    #expect(model.parameters().map { $0.value.storageAddress } == addresses)
    #expect(old.count == 4)
  }

  @Test func resumedAdamContinuesBitExactly() throws {
    func make() -> (StateCell, Adam) {
      let p = StateCell(Tensor([1.0, -2, 3]), isParameter: true)
      return (p, Adam([p], learningRate: 0.05))
    }
    func run(_ p: StateCell, _ o: Adam, _ steps: Range<Int>) {
      for i in steps {
        p.grad = Tensor([0.1 * Double(i), 0.3, -0.2 * Double(i)])
        o.step()
      }
    }
    let (p, o) = make()
    run(p, o, 0..<5)
    let (value, state) = (p.value.clone(), o.stateDict())
    run(p, o, 5..<10)
    let (q, r) = make()
    q.value = value
    try r.loadStateDict(state)
    run(q, r, 5..<10)
    #expect(q.value.elements(as: Float.self) == p.value.elements(as: Float.self))
  }

  @Test func aFailedScopeChangesNothing() {
    let model = Sequential { Linear(4, 4); BatchNorm1d(4); Linear(5, 2) }
    let optimizer = SGD(model.parameters(), learningRate: 0.1, momentum: 0.9)
    let before = model.stateDict().map { $0.1.elements(as: Double.self) }
    let error = #expect(throws: EmberError.self) {
      try catchingErrors {
        let loss = model(Tensor.rand([3, 4])).sum()
        loss.backward()
        optimizer.step()
      }
    }
    #expect(error?.message.contains("float32[2, 5]") == true)
    #expect(model.stateDict().map { $0.1.elements(as: Double.self) } == before)
  }

  @Test func schedulesFollowTheirFormulas() {
    let p = StateCell(Tensor([1.0]), isParameter: true)
    func rates(_ make: (SGD) -> any Scheduler, _ count: Int) -> [Double] {
      let optimizer = SGD([p], learningRate: 1)
      let schedule = make(optimizer)
      return (0..<count).map { _ in
        defer { schedule.step() }
        return optimizer.learningRate
      }
    }
    #expect(rates({ StepLR($0, stepSize: 2, gamma: 0.5) }, 5) == [1, 1, 0.5, 0.5, 0.25])
    let cosine = rates({ CosineAnnealingLR($0, period: 4) }, 5)
    for (a, b) in zip(cosine, [1, 0.8535533905932737, 0.5, 0.14644660940672627, 0]) { #expect(abs(a - b) < 1e-12) }
    let warm = rates({ LinearLR($0, startFactor: 0.5, steps: 2) }, 4)
    #expect(warm == [0.5, 0.75, 1, 1])
    let cycle = rates({ OneCycleLR($0, maximum: 1, totalSteps: 10) }, 10)
    #expect(abs(cycle[0] - 0.04) < 1e-12 && abs(cycle[2] - 1) < 1e-12 && cycle[9] < 1e-4)
  }

  /// Groups of AdamW decay as AdamW does, by default too, and the state of an Adam does not make one of it.
  @Test func groupsOfAdamWAreDecoupled() throws {
    func cell() -> StateCell { StateCell(Tensor([1.0, -2]), isParameter: true) }
    func moved(_ make: (StateCell) -> any Optimizer) -> [Float] {
      let p = cell(), optimizer = make(p)
      for _ in 0..<3 {
        p.grad = Tensor([0.1, 0.3])
        optimizer.step()
      }
      return p.value.elements(as: Float.self)
    }
    let plain = moved { AdamW([$0], learningRate: 0.1) }
    #expect(moved { AdamW(groups: [ParameterGroup([$0], AdamW.Options(learningRate: 0.1))]) } == plain)
    #expect(moved { Adam([$0], learningRate: 0.1, weightDecay: 1e-2, decoupled: true) } == plain)
    #expect(moved { Adam([$0], learningRate: 0.1, weightDecay: 1e-2) } != plain)
    let optimizer = AdamW([cell()], learningRate: 0.1)
    try optimizer.loadStateDict(Adam([cell()], learningRate: 0.2).stateDict())
    #expect(optimizer.learningRate == 0.2)
    #expect(optimizer.stateDict().first { $0.0.hasSuffix("decoupled_weight_decay") }?.1.item() == 1)
  }

  @Test func optimizersSayWhatTheyAre() {
    let cells = (0..<3).map { _ in StateCell(Tensor([1.0]), isParameter: true) }
    let sgd = SGD(cells, learningRate: 0.1, momentum: 0.9)
    #expect("\(sgd)" == "SGD(3 parameters, learningRate: 0.1, momentum: 0.9, dampening: 0.0, weightDecay: 0.0, nesterov: false, maximize: false)")
    let groups = AdamW(groups: [ParameterGroup([cells[0]], AdamW.Options()), ParameterGroup(Array(cells[1...]), AdamW.Options(learningRate: 0.5))])
    let lines = "\(groups)".split(separator: "\n")
    #expect(lines.count == 4 && lines[0] == "AdamW(" && lines[3] == ")")
    #expect(lines[1].hasPrefix("  1 parameter, learningRate: 0.001, betas: (0.9, 0.999)") && lines[2].hasPrefix("  2 parameters, learningRate: 0.5"))
    #expect("\(LBFGS(cells, lineSearch: .strongWolfe))".contains("lineSearch: strongWolfe"))
    #expect("\(SGD(groups: []))" == "SGD(0 parameters)")
    #expect("\(Adafactor(cells))".contains("epsilons: (nil, 0.001)"))
  }

  @Test func schedulesSayWhatTheyAre() {
    let sgd = SGD([StateCell(Tensor([1.0]), isParameter: true)], learningRate: 0.5, momentum: 0.9)
    func expect(_ make: (SGD) -> any Scheduler, _ text: String, _ location: SourceLocation = #_sourceLocation) {
      sgd.learningRate = 0.5
      let said = "\(make(sgd))"
      #expect(said.hasPrefix(text), "\(said)", sourceLocation: location)
    }
    let schedule = StepLR(sgd, stepSize: 30)
    schedule.step()
    #expect("\(schedule)" == "StepLR(stepSize: 30, gamma: 0.1, epoch: 1, learningRates: [0.5])")
    expect({ LambdaLR($0) { _ in 1 } }, "LambdaLR(epoch: 0, learningRates: [0.5])")
    expect({ MultiplicativeLR($0) { _ in 1 } }, "MultiplicativeLR(epoch: 0")
    expect({ MultiStepLR($0, milestones: [2, 5]) }, "MultiStepLR(milestones: [2, 5], gamma: 0.1, epoch: 0")
    expect({ ConstantLR($0, factor: 0.5) }, "ConstantLR(factor: 0.5, steps: 5, epoch: 0, learningRates: [0.25])")
    expect({ LinearLR($0, startFactor: 0.5) }, "LinearLR(startFactor: 0.5, endFactor: 1.0, steps: 5, epoch: 0")
    expect({ ExponentialLR($0, gamma: 0.9) }, "ExponentialLR(gamma: 0.9, epoch: 0")
    expect({ PolynomialLR($0) }, "PolynomialLR(steps: 5, power: 1.0, epoch: 0")
    expect({ CosineAnnealingLR($0, period: 9) }, "CosineAnnealingLR(period: 9, minimum: 0.0, epoch: 0")
    expect({ CosineAnnealingWarmRestarts($0, period: 9) }, "CosineAnnealingWarmRestarts(period: 9, multiplier: 1, minimum: 0.0, epoch: 0")
    expect({ SWALR($0, rate: 0.1) }, "SWALR(rates: [0.1], epochs: 10, annealing: cosine, epoch: 0")
    expect(
      { CyclicLR($0, base: 0.1, maximum: 0.2, stepsUp: 4, stepsDown: 6) },
      "CyclicLR(base: [0.1], maximum: [0.2], stepsUp: 4, stepsDown: 6, mode: triangular, cyclesMomentum: true, epoch: 0")
    expect({ OneCycleLR($0, maximum: 0.2, totalSteps: 10) }, "OneCycleLR(maxima: [0.2], totalSteps: 10, annealing: cosine, divisor: 25.0")
    expect(
      { ReduceLROnPlateau($0, mode: .maximum) }, "ReduceLROnPlateau(mode: maximum, factor: 0.1, patience: 10, threshold: 0.0001, thresholdMode: relative")
    expect(
      { SequentialLR($0, [LinearLR($0, steps: 5), StepLR($0, stepSize: 2)], milestones: [5]) }, "SequentialLR(schedules: [LinearLR(startFactor: 0.33")
    expect({ ChainedScheduler([StepLR($0, stepSize: 2)]) }, "ChainedScheduler(schedules: [StepLR(stepSize: 2")
  }

  /// An optimizer that was made before a parameter was pruned does not move it, and says so. In a process of its own: warnings are of the process.
  @Test func parametrisedParametersAreWarnedOf() async throws {
    let result = try #require(
      await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
        unsetenv("EMBER_QUIET")
        let layer = Linear(2, 2), optimizer = SGD(layer.parameters(), learningRate: 1)
        func step() {
          layer(Tensor.ones([1, 2])).sum().backward()
          optimizer.step()
        }
        step()
        Prune.l1Unstructured(layer, amount: 1)
        let before = layer.weight.elements(as: Float.self), bias = layer.bias!.elements(as: Float.self)
        for _ in 0..<2 { step() }
        precondition(layer.weight.elements(as: Float.self) == before && layer.bias!.elements(as: Float.self) != bias)
      })
    let lines = String(decoding: result.standardErrorContent, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("warning: ") }
    #expect(lines.count == 1 && lines.first?.hasPrefix("warning: [SGD.step] parameter 0 is computed") == true, "\(lines)")
  }
}
