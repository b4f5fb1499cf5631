import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

@Suite struct LBFGSTests {
  /// (1 - x)² + 100 (y - x²)², lowest at (1, 1); Rosenbrock, 1960.
  static func rosenbrock(_ point: Tensor) -> Tensor {
    let x = point.select(0, 0), y = point.select(0, 1)
    return (1 - x).square() + 100 * (y - x.square()).square()
  }

  static func closure(_ cell: StateCell, _ optimizer: any Optimizer) -> () -> Tensor {
    {
      optimizer.zeroGrad()
      let loss = rosenbrock(cell.value)
      loss.backward()
      return loss
    }
  }

  @Test func strongWolfeReachesTheMinimumOfRosenbrock() {
    let point = StateCell(Tensor([-1.2, 1.0], dtype: .float64), isParameter: true)
    let optimizer = LBFGS([point], gradientTolerance: 1e-10, changeTolerance: 1e-14, lineSearch: .strongWolfe)
    var losses: [Double] = []
    for _ in 0..<5 { losses.append(optimizer.step(Self.closure(point, optimizer)).item()) }
    #expect(zip(losses, losses.dropFirst()).allSatisfy { $1 <= $0 })
    for coordinate in point.value.elements(as: Double.self) { #expect(abs(coordinate - 1) < 1e-6) }
    #expect(Self.rosenbrock(point.value).item() < 1e-12)
  }

  @Test(arguments: [LBFGS.LineSearch?.none, .strongWolfe]) func aResumedRunContinuesBitExactly(_ search: LBFGS.LineSearch?) throws {
    func make(_ value: Tensor) -> (StateCell, LBFGS) {
      let cell = StateCell(value, isParameter: true)
      return (cell, LBFGS([cell], learningRate: search == nil ? 0.1 : 1, maximumIterations: 4, historySize: 3, lineSearch: search))
    }
    let (p, first) = make(Tensor([0.5, 0.1], dtype: .float64))
    for _ in 0..<2 { first.step(Self.closure(p, first)) }
    let (q, second) = make(p.value.detach().clone())
    try second.loadStateDict(first.stateDict())
    for _ in 0..<2 {
      first.step(Self.closure(p, first))
      second.step(Self.closure(q, second))
    }
    #expect(p.value.elements(as: Double.self) == q.value.elements(as: Double.self))
    #expect(throws: EmberError.self) { try second.loadStateDict(first.stateDict().filter { $0.0 != "state.0.d" }) }
    #expect(throws: EmberError.self) { try second.loadStateDict(SGD([p]).stateDict()) }
  }

  @Test func aClosureThatFailsChangesNothing() {
    let point = StateCell(Tensor([-1.2, 1.0], dtype: .float64), isParameter: true)
    let optimizer = LBFGS([point], lineSearch: .strongWolfe)
    optimizer.step(Self.closure(point, optimizer))
    let before = point.value.elements(as: Double.self), state = optimizer.stateDict().map { $0.1.elements(as: Double.self) }
    var calls = 0
    let error = #expect(throws: EmberError.self) {
      try catchingErrors {
        optimizer.step {
          calls += 1
          if calls == 3 { raise(EmberError(.value, in: "test", "no loss")) }
          return Self.closure(point, optimizer)()
        }
      }
    }
    #expect(error?.message == "no loss")
    #expect(point.value.elements(as: Double.self) == before && optimizer.stateDict().map { $0.1.elements(as: Double.self) } == state)
  }

  @Test func parametersKeepTheirMemory() {
    let point = StateCell(Tensor([-1.2, 1.0], dtype: .float64), isParameter: true)
    let optimizer = LBFGS([point], lineSearch: .strongWolfe), address = point.value.storageAddress
    for _ in 0..<2 { optimizer.step(Self.closure(point, optimizer)) }
    #expect(point.value.storageAddress == address)
  }

  @Test func aStepNeedsAClosure() {
    let error = #expect(throws: EmberError.self) { try catchingErrors { LBFGS([StateCell(Tensor([1.0]), isParameter: true)]).step() } }
    #expect(error?.description.contains("step { … }") == true)
  }

  /// As exact as the widest parameter, whichever comes first.
  @Test func mixedParametersKeepTheirPrecision() {
    let a = StateCell(Tensor([0.0]), isParameter: true), b = StateCell(Tensor([0.0], dtype: .float64), isParameter: true)
    let optimizer = LBFGS([a, b], lineSearch: .strongWolfe)
    for _ in 0..<5 {
      optimizer.step {
        optimizer.zeroGrad()
        let loss = (a.value.to(.float64) - 0.5).square().sum() + (b.value * 3 - 1).square().sum()
        loss.backward()
        return loss
      }
    }
    #expect(abs(b.value.item(as: Double.self) - 1.0 / 3) < 1e-12 && a.value.dtype == .float32)
  }
}
