import EmberFormats
import EmberOptim
import EmberRuntime
import EmberTensor
import EmberTraining
import TestSupport
import Testing

/// A run that began in PyTorch goes on as it does there (Tests/Fixtures/optimizer-states/make.py).
@Suite struct TorchOptimizerStateTests {
  private func tensors(_ value: PickleValue?) -> [Tensor] { value?.items?.compactMap(\.tensor) ?? [] }

  private func groups<Options>(_ cells: [StateCell], _ options: Options) -> [ParameterGroup<Options>] {
    [ParameterGroup([cells[0]], options), ParameterGroup(Array(cells[1...]), options)]
  }

  /// Options are those of PyTorch's state, so that any will do here.
  private func optimizer(_ name: String, _ cells: [StateCell]) -> any Optimizer {
    switch name {
    case "SGD", "SGD-momentum": SGD(groups: groups(cells, SGD.Options()))
    case "Adam": Adam(groups: groups(cells, Adam.Options()))
    case "AdamW": AdamW(groups: groups(cells, AdamW.Options()))
    case "Adamax": Adamax(groups: groups(cells, Adamax.Options()))
    case "NAdam": NAdam(groups: groups(cells, NAdam.Options()))
    case "RAdam": RAdam(groups: groups(cells, RAdam.Options()))
    case "Adagrad": Adagrad(groups: groups(cells, Adagrad.Options()))
    case "Adadelta": Adadelta(groups: groups(cells, Adadelta.Options()))
    case "RMSprop": RMSprop(groups: groups(cells, RMSprop.Options()))
    case "Rprop": Rprop(groups: groups(cells, Rprop.Options()))
    case "ASGD": ASGD(groups: groups(cells, ASGD.Options()))
    case "Adafactor": Adafactor(groups: groups(cells, Adafactor.Options()))
    default: Muon(groups: groups(cells, Muon.Options()))
    }
  }

  private func cells(_ record: PickleValue) -> [StateCell] { tensors(record["before"]).map { StateCell($0.clone(), isParameter: true) } }

  @Test func runsGoOn() throws {
    let records = try TorchCheckpoint.load(Checkout.fixture("optimizer-states.pt")).value.dictionary?.entries ?? []
    #expect(records.count == 15)
    for (key, record) in records {
      let name = try #require(key.string), cells = cells(record), optimizer = optimizer(name, cells)
      try optimizer.loadTorchStateDict(#require(record["state"]))
      let rates = optimizer.learningRates
      #expect(abs(rates[1] - rates[0] / 2) < 1e-12 && optimizer.beginSchedule() == rates, "\(name)")
      for gradients in record["gradients"]?.items ?? [] {
        for (cell, gradient) in zip(cells, tensors(gradients)) { cell.grad = gradient.clone() }
        optimizer.step()
      }
      for (cell, expected) in zip(cells, tensors(record["after"])) {
        let difference: Double = (cell.value.detach() - expected).abs().amax().item()
        // Muon's products are of bfloat16.
        #expect(difference < (name.hasPrefix("Muon") ? 2e-3 : 2e-6), "\(name): \(difference)")
      }
    }
  }

  @Test func whatDoesNotFitIsAnErrorAndChangesNothing() throws {
    let file = try TorchCheckpoint.load(Checkout.fixture("optimizer-states.pt")).value
    let adam = try #require(file["Adam"]), cells = cells(adam)
    func complaint(_ optimizer: any Optimizer, _ state: PickleValue) -> String {
      let before = optimizer.stateDict().map { "\($0)" }
      let error = #expect(throws: EmberError.self) { try optimizer.loadTorchStateDict(state) }
      #expect(optimizer.stateDict().map { "\($0)" } == before)
      return error?.message ?? ""
    }
    let state = try #require(adam["state"])
    #expect(complaint(Adam(cells), state).contains("2 groups"))
    #expect(complaint(SGD(groups: groups(cells, SGD.Options())), state).contains("exp_avg"))
    #expect(complaint(Adam(groups: groups(cells, Adam.Options())), adam).contains("param_groups"))
    #expect(complaint(Adam(groups: groups(cells.reversed(), Adam.Options())), state).contains("has shape"))
    #expect(complaint(LBFGS(cells), state).contains("LBFGS"))
    let uneven = [ParameterGroup(Array(cells[..<2]), Adam.Options()), ParameterGroup([cells[2]], Adam.Options())]
    #expect(complaint(Adam(groups: uneven), state).contains("group 0 of the state has 1 parameters"))
    guard case .dictionary(var changed) = state else { throw EmberError(.value, in: "test", "no dictionary") }
    changed["param_groups"] = .list([.dictionary(["lr": .string("fast"), "params": .list([.int(0)])]), .none])
    #expect(complaint(Adam(groups: groups(cells, Adam.Options())), .dictionary(changed)).contains("\"lr\""))
  }
}
