import EmberOptim
import EmberRuntime
import EmberTensor
import Foundation
import Testing

/// What holds for all schedules. Their values are compared with PyTorch's by the conformance cases.
@Suite struct ScheduleTests {
  static let schedules: [(name: String, make: @Sendable (SGD) -> any Scheduler)] = [
    ("LambdaLR", { LambdaLR($0) { 1 / Double(1 + $0) } }), ("MultiplicativeLR", { MultiplicativeLR($0) { _ in 0.9 } }),
    ("StepLR", { StepLR($0, stepSize: 3) }), ("MultiStepLR", { MultiStepLR($0, milestones: [2, 9]) }), ("ConstantLR", { ConstantLR($0) }),
    ("LinearLR", { LinearLR($0, steps: 9) }), ("ExponentialLR", { ExponentialLR($0, gamma: 0.9) }),
    ("PolynomialLR", { PolynomialLR($0, steps: 12, power: 2) }), ("CosineAnnealingLR", { CosineAnnealingLR($0, period: 5) }),
    ("CosineAnnealingWarmRestarts", { CosineAnnealingWarmRestarts($0, period: 2, multiplier: 2) }),
    ("CyclicLR", { CyclicLR($0, base: 0.1, maximum: 1, stepsUp: 3, mode: .triangular2) }),
    ("OneCycleLR", { OneCycleLR($0, maximum: 1, totalSteps: 30) }), ("SWALR", { SWALR($0, rate: 0.05) }),
    ("SequentialLR", { SequentialLR($0, [LinearLR($0, steps: 4), CosineAnnealingLR($0, period: 9)], milestones: [4]) }),
    ("ChainedScheduler", { ChainedScheduler([LinearLR($0, steps: 4), ExponentialLR($0, gamma: 0.9)]) }),
    ("ReduceLROnPlateau", { ReduceLROnPlateau($0, factor: 0.5, patience: 1) }),
  ]

  static func optimizer() -> SGD {
    SGD(groups: [0.4, 0.2].map { rate in
      ParameterGroup([StateCell(Tensor([1.0]), isParameter: true)], SGD.Options(learningRate: rate, momentum: 0.9))
    })
  }

  static func step(_ scheduler: any Scheduler, _ number: Int) {
    if let plateau = scheduler as? ReduceLROnPlateau { plateau.step(1 / Double(1 + number / 3)) } else { scheduler.step() }
  }

  @Test(arguments: schedules.map(\.name)) func aResumedScheduleContinues(_ name: String) throws {
    let make = Self.schedules.first { $0.name == name }!.make
    let optimizer = Self.optimizer(), scheduler = make(optimizer)
    var rates = [optimizer.learningRates]
    for i in 0..<7 {
      Self.step(scheduler, i)
      rates.append(optimizer.learningRates)
    }
    #expect(Set(rates).count > 1)
    let other = Self.optimizer(), resumed = make(other)
    try other.loadStateDict(optimizer.stateDict())
    try resumed.loadState(scheduler.state)
    #expect(other.learningRates == optimizer.learningRates)
    for i in 7..<20 {
      Self.step(scheduler, i)
      Self.step(resumed, i)
      #expect(other.learningRates == optimizer.learningRates && other.momenta == optimizer.momenta)
    }
    let before = resumed.state
    for state in [[], before.dropLast(), before + [0], [0.5] + before.dropFirst()] {
      #expect(throws: EmberError.self) { try resumed.loadState(Array(state)) }
      #expect(resumed.state == before)
    }
  }

  @Test func momentaAreCycledWhereThereAreAny() {
    let sgd = Self.optimizer()
    _ = OneCycleLR(sgd, maximum: 1, totalSteps: 10)
    #expect(sgd.momenta == [0.95, 0.95])
    let adam = Adam(sgd.parameters)
    _ = CyclicLR(adam, base: 0.1, maximum: 1)
    #expect(adam.momenta == [0.9] && adam.groups[0].options.betas == (0.9, 0.999))
    let error = #expect(throws: EmberError.self) { try catchingErrors { _ = CyclicLR(Rprop(sgd.parameters), base: 0.1, maximum: 1) } }
    #expect(error?.description.contains("cyclesMomentum: false") == true)
    #expect(throws: Never.self) { try catchingErrors { _ = CyclicLR(Rprop(sgd.parameters), base: 0.1, maximum: 1, cyclesMomentum: false) } }
  }

  static let refused: [@Sendable (SGD) -> Void] = [
    { _ = StepLR($0, stepSize: 0) }, { _ = ConstantLR($0, factor: 2) }, { _ = LinearLR($0, startFactor: 0) },
    { _ = LinearLR($0, endFactor: 1.5) }, { _ = PolynomialLR($0, steps: 0) }, { _ = CosineAnnealingLR($0, period: 0) },
    { _ = CosineAnnealingWarmRestarts($0, period: 0) }, { _ = CosineAnnealingWarmRestarts($0, period: 1, multiplier: 0) },
    { _ = OneCycleLR($0, maximum: 1, totalSteps: 0) }, { _ = OneCycleLR($0, maximum: 1, totalSteps: 5, rise: 2) },
    { _ = OneCycleLR($0, maxima: [1, 2, 3], totalSteps: 5) }, { _ = CyclicLR($0, base: 0.1, maximum: 1, stepsUp: 0) },
    { _ = SWALR($0, rate: 0.1, epochs: -1) }, { _ = ReduceLROnPlateau($0, factor: 1) },
    { _ = LambdaLR($0, [{ _ in 1 }, { _ in 1 }, { _ in 1 }]) }, { _ = ChainedScheduler([], of: $0) },
    { _ = ChainedScheduler([StepLR(Self.optimizer(), stepSize: 1)], of: $0) }, { ReduceLROnPlateau($0).step() },
    { optimizer in
      let schedule = OneCycleLR(optimizer, maximum: 1, totalSteps: 3)
      for _ in 0..<4 { schedule.step() }
    },
    { optimizer in
      let schedule = StepLR(optimizer, stepSize: 1)
      optimizer.addParameterGroup(ParameterGroup([StateCell(Tensor([1.0]), isParameter: true)], SGD.Options()))
      schedule.step()
    },
  ]

  @Test(arguments: refused.indices) func whatCannotBeIsRefused(_ i: Int) {
    #expect(throws: EmberError.self) { try catchingErrors { Self.refused[i](Self.optimizer()) } }
  }

  @Test func factorsOfChainedSchedulesMultiply() {
    let optimizer = Self.optimizer()
    let schedule = ChainedScheduler([ConstantLR(optimizer, factor: 0.5, steps: 2), ExponentialLR(optimizer, gamma: 0.5)])
    var rates = [optimizer.learningRates[0]]
    for _ in 0..<3 {
      schedule.step()
      rates.append(optimizer.learningRates[0])
    }
    #expect(rates == [0.2, 0.1, 0.1, 0.05])
  }

  @Test func aFactorOfZeroEnds() {
    let optimizer = Self.optimizer(), schedule = ConstantLR(optimizer, factor: 0, steps: 2)
    #expect(optimizer.learningRates == [0, 0])
    for _ in 0..<2 { schedule.step() }
    #expect(optimizer.learningRates == [0.4, 0.2])
  }

  @Test func warmRestartsGoByParts() {
    let optimizer = Self.optimizer(), schedule = CosineAnnealingWarmRestarts(optimizer, period: 4, multiplier: 2)
    // 5.5 is 1.5 into the second half cosine, which has 8 steps.
    for (place, height) in [(0.5, 1 + cos(Double.pi * 0.5 / 4)), (5.5, 1 + cos(Double.pi * 1.5 / 8)), (12, 2)] {
      schedule.step(at: place)
      #expect(abs(optimizer.learningRates[0] - 0.4 * height / 2) < 1e-15)
    }
    #expect(schedule.state[0] == 12)
    schedule.step()
    #expect(abs(optimizer.learningRates[0] - 0.2 * (1 + cos(Double.pi / 16))) < 1e-15)
    #expect(throws: EmberError.self) { try catchingErrors { schedule.step(at: -1) } }
  }

  @Test func aWarmUpOfNoStepsIsLeftAtOnce() {
    let optimizer = Self.optimizer()
    let schedule = SequentialLR(optimizer, [LinearLR(optimizer, steps: 4), ExponentialLR(optimizer, gamma: 0.5)], milestones: [0])
    var rates = [optimizer.learningRates[0]]
    for _ in 0..<3 {
      schedule.step()
      rates.append(optimizer.learningRates[0])
    }
    // As PyTorch 2.15 has it.
    #expect(rates == [0.4, 0.2, 0.1, 0.05])
  }

  /// Steps in a scope that fails are taken back, with the rates that they set.
  @Test(arguments: schedules.map(\.name)) func aFailedScopeChangesNothing(_ name: String) throws {
    let optimizer = Self.optimizer(), schedule = Self.schedules.first { $0.name == name }!.make(optimizer)
    for i in 0..<3 { Self.step(schedule, i) }
    let state = schedule.state, rates = optimizer.learningRates
    #expect(throws: EmberError.self) {
      try catchingErrors {
        for i in 3..<7 { Self.step(schedule, i) }
        raise(EmberError(.value, in: "test", "failed"))
      }
    }
    #expect(schedule.state == state && optimizer.learningRates == rates)
  }

  @Test func ratesToBeginAtMustFit() {
    let error = #expect(throws: EmberError.self) { try catchingErrors { _ = RateSchedule(Self.optimizer(), startingAt: [0.1]) } }
    #expect(error?.message.contains("1 rates for 2 groups") == true)
  }
}
